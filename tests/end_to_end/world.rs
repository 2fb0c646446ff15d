//! A home of its own for each test, the real binary with nothing else in its environment, and a simulator in a child process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// No command of these tests may take longer.
const LIMIT: Duration = Duration::from_secs(40);

/// A key that is no word of an address or an answer.
const KEY: &str = "sk-end-to-end-4711";

/// What a finished command left.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Done {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The command the last line tells to type next.
    #[track_caller]
    pub fn resume_command(&self) -> Vec<String> {
        let line = self.stderr.trim_end().lines().last().unwrap_or_default();
        let at = line
            .find("setlist resume")
            .unwrap_or_else(|| panic!("the last line is no resume command: {self:#?}"));
        line[at..]
            .trim_matches('`')
            .split_whitespace()
            .skip(1)
            .map(str::to_owned)
            .collect()
    }
}

/// A folder for home and work, and the variables of every command.
pub struct World {
    root: TempDir,
    pub variables: BTreeMap<String, String>,
}

impl World {
    pub fn new() -> Self {
        let root = TempDir::new().unwrap();
        for folder in ["home", "work"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let variables = [
            ("SETLIST_RATE", "1000/1s"),
            ("SETLIST_POLL", "10ms"),
            ("AIMUSIC_API_KEY", KEY),
        ];
        Self {
            root,
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// A world whose commands talk to this simulator as they talk to the real provider, with a key.
    pub fn with(sim: &Sim) -> Self {
        Self::of("aimusicapi", sim)
    }

    /// A world whose commands name this provider, and reach the simulator under its address.
    pub fn of(provider: &str, sim: &Sim) -> Self {
        let mut world = Self::new();
        world.set("SETLIST_PROVIDER", provider);
        world.set("SETLIST_BASE_URL", &sim.url);
        world
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub fn state(&self) -> PathBuf {
        self.root.path().join("home/.local/state")
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_setlist"));
        command
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.root.path().join("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.variables)
            .args(args)
            .stdin(Stdio::null());
        command
    }

    pub fn start(&self, args: &[&str]) -> Running {
        Running::of(self.command(args))
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Done {
        self.start(args).finish()
    }

    /// Lets the minute pass for which a dead process keeps its run, without waiting for it.
    pub fn let_leases_run_out(&self) {
        let ledger = self.state().join("setlist/ledger.db");
        if let Ok(ledger) = rusqlite::Connection::open(ledger) {
            // A process killed early may not have made the table yet.
            let _changed = ledger.execute("UPDATE runs SET lease_until = 0", []);
        }
    }

    /// The rows of a run's `spend.csv`.
    #[track_caller]
    pub fn spend(&self, manifest: &str) -> Vec<BTreeMap<String, String>> {
        let path = self.work().join("out").join(manifest).join("spend.csv");
        let mut reader =
            csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        reader
            .deserialize()
            .map(|row| row.expect("a row of spend.csv"))
            .collect()
    }

    #[track_caller]
    pub fn charged(&self, manifest: &str) -> u64 {
        sum(&self.spend(manifest), "charged")
    }

    #[track_caller]
    pub fn run_json(&self, manifest: &str) -> Value {
        let path = self.work().join("out").join(manifest).join("run.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}

/// Adds up a column of credits.
pub fn sum(rows: &[BTreeMap<String, String>], column: &str) -> u64 {
    rows.iter()
        .map(|row| row[column].parse::<u64>().expect("whole credits"))
        .sum()
}

/// A command that runs; killed when dropped.
pub struct Running {
    child: Child,
    since: Instant,
    out: Option<std::thread::JoinHandle<String>>,
    err: Option<std::thread::JoinHandle<String>>,
}

fn drain(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _read = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Running {
    pub fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().map(drain);
        let err = child.stderr.take().map(drain);
        Self {
            child,
            since: Instant::now(),
            out,
            err,
        }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill")
            .args([name, &id])
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let _gone = status;
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    #[track_caller]
    pub fn finish(mut self) -> Done {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if self.since.elapsed() > LIMIT {
                let _killed = self.child.kill();
                break None;
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        let done = Done {
            code: status.and_then(|status| status.code()),
            stdout: self.out.take().unwrap().join().unwrap(),
            stderr: self.err.take().unwrap().join().unwrap(),
            took: self.since.elapsed(),
        };
        assert!(status.is_some(), "no end after {LIMIT:?}: {done:#?}");
        done
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The simulator in a process of its own.
pub struct Sim {
    child: Child,
    pub url: String,
}

impl Sim {
    /// Starts one whose tasks are done at once and whose rate has no limit.
    pub fn new(credits: u64, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_setlist"));
        command
            .env_clear()
            .args(["simulate", "--rate", "off"])
            .args(["--credits", &credits.to_string()]);
        if !options.contains(&"--audio-seconds") {
            command.args(["--audio-seconds", "1"]);
        }
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !options.contains(&"--task-time") {
            command.args(["--task-time", "0s"]);
        }
        let mut child = command
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !line.contains("http://") {
            line.clear();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the simulator did not start"
            );
        }
        let at = line.find("http://").unwrap();
        let url = line[at..]
            .split([';', ' ', '\n'])
            .next()
            .unwrap()
            .to_owned();
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let _read = lines.read_to_end(&mut rest);
        });
        Self { child, url }
    }

    pub fn audit(&self) -> Audit {
        let (status, body) = http(&self.url, "GET", "/simulator/audit", "");
        assert_eq!(status, 200, "{body}");
        Audit(serde_json::from_str(&body).unwrap())
    }

    pub fn top_up(&self, credits: u64) {
        let body = format!("{{\"credits\":{credits}}}");
        let (status, body) = http(&self.url, "POST", "/simulator/credits", &body);
        assert_eq!(status, 200, "{body}");
    }

    /// Another client of the same account buys a song for 10 credits.
    pub fn spend_elsewhere(&self) {
        let body = r#"{"task_type":"create_music","sound":"somebody else's song","mv":"FUZZ-2.0"}"#;
        let (status, body) = http(&self.url, "POST", "/api/v1/producer/create", body);
        assert_eq!(status, 200, "{body}");
    }

    /// What a Producer task was asked for, once it is done.
    pub fn sound_of(&self, task: &str) -> String {
        let since = Instant::now();
        loop {
            let (_, body) = http(
                &self.url,
                "GET",
                &format!("/api/v1/producer/task/{task}"),
                "",
            );
            let answer: Value = serde_json::from_str(&body).unwrap();
            if let Some(sound) = answer.pointer("/data/0/sound") {
                return sound.as_str().unwrap().to_owned();
            }
            assert!(since.elapsed() < LIMIT, "task {task} is never done: {body}");
            std::thread::sleep(Duration::from_millis(4));
        }
    }

    /// Waits until the simulator's books are so.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&Audit) -> bool) {
        let since = Instant::now();
        while !is_so(&self.audit()) {
            assert!(since.elapsed() < Duration::from_secs(15), "never: {what}");
            std::thread::sleep(Duration::from_millis(4));
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The simulator's books.
#[derive(Debug)]
pub struct Audit(pub Value);

impl Audit {
    pub fn charged(&self) -> u64 {
        self.0["charged"].as_u64().unwrap()
    }

    /// Paid requests that arrived, refused ones too.
    pub fn requests(&self) -> u64 {
        self.total("requests")
    }

    pub fn accepted(&self) -> u64 {
        self.total("accepted")
    }

    /// Requests of one operation that were taken.
    pub fn accepted_of(&self, operation: &str) -> u64 {
        self.0["operations"][operation]["accepted"]
            .as_u64()
            .unwrap_or(0)
    }

    fn total(&self, field: &str) -> u64 {
        self.0["operations"]
            .as_object()
            .unwrap()
            .values()
            .map(|totals| totals[field].as_u64().unwrap())
            .sum()
    }

    pub fn charged_by_operation(&self) -> BTreeMap<String, u64> {
        self.0["operations"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, totals)| (name.clone(), totals["charged"].as_u64().unwrap()))
            .collect()
    }
}

/// One exchange over HTTP/1.1, without a library between.
fn http(url: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A manifest of `jobs` songs of 10 credits each.
pub fn songs(name: &str, jobs: usize) -> String {
    let rows: Vec<String> = (1..=jobs).map(|n| format!("{{ n = \"{n}\" }}")).collect();
    format!(
        "name = \"{name}\"\n\n[[job]]\nid = \"song\"\nfor_each = [{}]\n\
         operation = \"producer.create\"\nwith = {{ description = \"{name} ${{each.n}}\" }}\n",
        rows.join(", ")
    )
}

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
