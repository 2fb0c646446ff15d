//! `kill -9` again and again, at drawn and at chosen moments of one batch, until it is done.
//!
//! After every kill the ledger is set against the simulator's books, job by job: the simulator tells what each task was
//! asked for, and no two jobs ask for the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::world::{Running, Sim, World, songs, sum};

const JOBS: usize = 24;
const PRICE: u64 = 10;

/// Kills of each of the four tests.
const KILLS: usize = 52;

/// No moment is waited for longer; the process is killed then wherever it is.
const PATIENCE: Duration = Duration::from_millis(700);

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// Once so many more paid requests have arrived; their answers are slow.
    Submit(u64),
    /// Once tasks were asked for so many times more.
    Poll(u64),
    /// Once so many more files stand in the output folder, half written ones counted.
    Download(u64),
    /// Once a report is being written, or was just now.
    Report,
}

/// One batch and its account.
struct Batch {
    label: String,
    rng: fastrand::Rng,
    sim: Sim,
    world: World,
    run: Option<String>,
    is_over: bool,
    /// What each task was asked for.
    asked: BTreeMap<String, String>,
    story: Vec<String>,
}

impl Batch {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let task_time = format!("{}ms", rng.u32(5..60));
        let slow = format!("slow@1-999:{}ms", rng.u32(5..25));
        let slow_file = format!("file-slow@1-999:{}ms", rng.u32(1..15));
        let sim = Sim::new(
            1_000,
            &[
                "--task-time",
                &task_time,
                "--faults",
                &slow,
                "--faults",
                &slow_file,
            ],
        );
        let mut world = World::with(&sim);
        world.set("SETLIST_TIMEOUT", "150ms");
        world.set("SETLIST_CONCURRENCY", &rng.u32(1..5).to_string());
        if rng.bool() {
            world.set("SETLIST_KEEP_DOUBTS", "1");
        }
        world.write("m.toml", songs("kills", JOBS));
        Self {
            label: format!("SETLIST_SEEDS={seed}"),
            rng,
            sim,
            world,
            run: None,
            is_over: false,
            asked: BTreeMap::new(),
            story: Vec::new(),
        }
    }

    fn out(&self) -> PathBuf {
        self.world.work().join("out/kills")
    }

    fn moment(&mut self) -> Moment {
        let rng = &mut self.rng;
        match rng.u32(0..10) {
            0..=2 => Moment::After(Duration::from_millis(rng.u64(3..300))),
            3..=5 => Moment::Submit(rng.u64(1..6)),
            6 => Moment::Poll(rng.u64(1..9)),
            7 | 8 => Moment::Download(rng.u64(1..9)),
            _ => Moment::Report,
        }
    }

    /// What can be seen from outside of what a moment is about; the moment is there once it is so much more.
    fn sight(&self, moment: Moment) -> u64 {
        match moment {
            Moment::After(_) => 0,
            Moment::Submit(_) => self.sim.audit().requests(),
            Moment::Poll(_) => self.sim.audit().0["polls"].as_u64().unwrap(),
            Moment::Download(_) => files(&self.out()).len() as u64,
            Moment::Report => ["spend.csv", "run.json", ".run.json.partial"]
                .iter()
                .filter_map(|name| std::fs::metadata(self.out().join(name)).ok())
                .map(|meta| {
                    meta.modified()
                        .unwrap()
                        .duration_since(SystemTime::UNIX_EPOCH)
                })
                .map(|age| age.unwrap().as_micros() as u64)
                .max()
                .unwrap_or(0),
        }
    }

    /// Waits for the moment, and kills; tells whether there was still something to kill.
    fn kill(&self, mut run: Running, moment: Moment, before: u64) -> bool {
        let since = Instant::now();
        let is_there = || match moment {
            Moment::After(span) => since.elapsed() >= span,
            Moment::Submit(more) | Moment::Poll(more) | Moment::Download(more) => {
                self.sight(moment) >= before + more
            }
            Moment::Report => self.sight(moment) > before,
        };
        while !run.is_over() && since.elapsed() < PATIENCE && !is_there() {
            std::thread::sleep(Duration::from_micros(500));
        }
        run.signal("-KILL");
        let done = run.finish();
        assert!(
            !done.stderr.contains("panicked"),
            "{}: {done:#?}",
            self.label
        );
        assert_ne!(done.code, Some(70), "{}: {done:#?}", self.label);
        done.code.is_none()
    }

    /// Starts a process and kills it; tells whether it was still there to be killed.
    fn kill_one(&mut self) -> bool {
        let moment = self.moment();
        let before = self.sight(moment);
        let args = self.command();
        let was_killed = self.kill(self.world.start(&args), moment, before);
        self.story
            .push(format!("{args:?} {moment:?} killed: {was_killed}"));
        match was_killed {
            true => drop(self.judge()),
            false => self.settle_doubts(),
        }
        was_killed
    }

    /// Starts or goes on, as a person would.
    fn command(&mut self) -> Vec<&'static str> {
        let mut args = match self.run {
            None => vec!["run", "m.toml"],
            Some(_) => vec!["resume"],
        };
        // A run that stops in between writes its reports in between.
        let span = match self.rng.u32(0..4) {
            0 => "60ms",
            _ => "1h",
        };
        args.extend(["--max-duration", span]);
        args
    }

    /// Looks whether there is a run: a process that died before all its jobs were enrolled left none.
    fn find_run(&mut self) {
        let runs = self.world.run(&["runs", "--json"]).json();
        let runs = runs["runs"].as_array().unwrap();
        let run = runs.iter().find(|run| run["state"] != "enrolling");
        self.run = run.map(|run| run["id"].as_str().unwrap().to_owned());
    }

    /// What the simulator was asked for, by task; each content once.
    fn bought(&mut self) -> BTreeMap<String, String> {
        let audit = self.sim.audit();
        let mut bought = BTreeMap::new();
        for entry in audit.0["entries"].as_array().unwrap() {
            if entry["charged"].as_u64().unwrap() == 0 {
                continue;
            }
            let task = entry["task"]
                .as_str()
                .expect("a song has a task")
                .to_owned();
            let sim = &self.sim;
            let content = { self.asked.entry(task.clone()) }
                .or_insert_with(|| sim.sound_of(&task))
                .clone();
            let first = bought.insert(content.clone(), task);
            assert_eq!(first, None, "{content} is paid twice: {}", self.told());
        }
        bought
    }

    fn told(&self) -> String {
        let told = self.world.run(&["report", "--format", "csv"]).stdout;
        format!("{}\n{}\n{told}", self.label, self.story.join("\n"))
    }

    /// Sets the ledger against the simulator's books, job by job; returns the jobs by what they ask for.
    fn judge(&mut self) -> BTreeMap<String, Value> {
        let bought = self.bought();
        if self.run.is_none() {
            self.find_run();
        }
        let Some(run) = self.run.as_deref() else {
            assert!(bought.is_empty(), "no run, but charges: {}", self.told());
            return BTreeMap::new();
        };
        let report = self.world.run(&["report", run, "--format", "json"]);
        let report = report.expect(0).json();
        let rows = report["jobs"].as_array().unwrap();
        for field in ["charged", "refunded", "held"] {
            let total: u64 = rows.iter().map(|row| row[field].as_u64().unwrap()).sum();
            let kept = report["run"]["totals"][field].as_u64();
            assert_eq!(kept, Some(total), "{field}: {}", self.told());
        }
        let rows: BTreeMap<String, Value> = rows
            .iter()
            .map(|row| {
                (
                    row["inputs"]["description"].as_str().unwrap().to_owned(),
                    row.clone(),
                )
            })
            .collect();
        assert_eq!(rows.len(), JOBS, "a job is gone: {}", self.told());
        for (content, row) in &rows {
            if let Err(wrong) = judge_job(row, bought.get(content)) {
                panic!("{content}: {wrong}: {row:#}\n{}", self.told());
            }
        }
        let has_ended = |row: &Value| row["state"] == "saved" || row["state"] == "lost";
        self.is_over = rows.values().all(has_ended);
        rows
    }

    /// The jobs that `resolve` lists.
    fn in_doubt(&self) -> BTreeSet<String> {
        let listed = self.world.run(&["resolve", "--json"]).json();
        let listed = listed["in_doubt"].as_array().unwrap();
        listed
            .iter()
            .map(|doubt| doubt["job"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Sees that `resolve` lists what is in doubt, and decides it as the simulator knows it.
    fn settle_doubts(&mut self) {
        let rows = self.judge();
        let doubts: BTreeMap<_, _> = { rows.iter() }
            .filter(|(_, row)| row["state"] == "in-doubt")
            .map(|(content, row)| (row["id"].as_str().unwrap().to_owned(), content))
            .collect();
        let listed: BTreeSet<_> = doubts.keys().cloned().collect();
        assert_eq!(self.in_doubt(), listed, "{}", self.told());
        let bought = self.bought();
        for (job, content) in doubts {
            self.decide(&job, bought.get(content));
        }
    }

    /// Resumes until nothing is left.
    fn finish_up(&mut self) {
        for _ in 0..6 {
            let args = match self.run {
                None => ["run", "m.toml"].as_slice(),
                Some(_) => &["resume", "--max-duration", "1h"],
            };
            let done = self.world.run(args);
            self.story
                .push(format!("{args:?}: {:?}: {}", done.code, done.stderr));
            self.find_run();
            match done.code {
                // 1: a payment whose answer was lost with the process was charged, as the balance shows.
                Some(0 | 1) => return,
                Some(5) => self.settle_doubts(),
                _ => panic!("no resume ends well: {done:#?}: {}", self.told()),
            }
        }
        panic!("no resume ends: {}", self.told());
    }

    fn decide(&mut self, job: &str, task: Option<&String>) {
        let mut args = vec!["resolve"];
        match task {
            None => args.extend(["--not-charged", job]),
            Some(task) if self.rng.bool() => args.extend(["--charged", job, "--task", task]),
            Some(_) => args.extend(["--charged", job]),
        }
        self.story.push(args.join(" "));
        let done = self.world.run(&args);
        assert!(matches!(done.code, Some(0 | 5)), "{done:#?}");
    }

    /// Everything is bought once, and is there or known to be lost.
    fn judge_the_end(&mut self) {
        let rows = self.judge();
        let audit = self.sim.audit();
        let told = self.told();
        assert_eq!(audit.accepted(), JOBS as u64, "{told}");
        assert_eq!(audit.charged(), PRICE * JOBS as u64, "{told}");
        let spend = self.world.spend("kills");
        assert_eq!(spend.len(), JOBS, "{told}");
        assert_eq!(sum(&spend, "charged"), audit.charged(), "{told}");
        assert_eq!(sum(&spend, "held"), 0, "{told}");
        let mut expected = BTreeSet::new();
        for row in rows.values() {
            let files = row["files"].as_array().unwrap();
            match row["state"].as_str() {
                Some("saved") => assert!(!files.is_empty(), "{row:#}\n{told}"),
                Some("lost") => assert!(files.is_empty(), "{row:#}\n{told}"),
                _ => panic!("neither saved nor lost: {row:#}\n{told}"),
            }
            for file in files {
                let path = self.out().join(file.as_str().unwrap());
                let bytes = std::fs::read(&path)
                    .unwrap_or_else(|error| panic!("{path:?}: {error}\n{told}"));
                assert!(bytes.starts_with(b"RIFF"), "{path:?}: {told}");
                assert!(
                    expected.insert(path.clone()),
                    "two jobs have {path:?}: {told}"
                );
                assert!(sidecar(&path).exists(), "no sidecar of {path:?}: {told}");
            }
        }
        let is_lost = rows.values().any(|row| row["state"] == "lost");
        assert_eq!(self.out().join("claims.csv").exists(), is_lost, "{told}");
        let left: Vec<_> = { files(&self.out()).into_iter() }
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with('.'))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}: {told}");
    }
}

/// What stands beside a result.
fn sidecar(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap().to_owned();
    name.push(".json");
    let long = file.with_file_name(name);
    if long.exists() {
        long
    } else {
        file.with_extension("json")
    }
}

/// Sets a job's row against what the simulator charged for its content.
fn judge_job(row: &Value, task: Option<&String>) -> Result<(), &'static str> {
    let number = |field: &str| row[field].as_u64().unwrap();
    let (charged, held) = (number("charged"), number("held"));
    if row["task_id"]
        .as_str()
        .is_some_and(|known| task.map(String::as_str) != Some(known))
    {
        return Err("its task is not the one that was charged");
    }
    match (row["state"].as_str().unwrap(), task) {
        ("planned" | "released", None) if charged + held == 0 => Ok(()),
        ("held", None) if (charged, held) == (0, PRICE) => Ok(()),
        ("planned" | "released" | "held", Some(_)) => {
            Err("charged, and the ledger knows nothing of it")
        }
        ("sent" | "in-doubt", _) if (charged, held) == (0, PRICE) => Ok(()),
        ("accepted" | "succeeded" | "saved" | "lost", Some(_)) if (charged, held) == (PRICE, 0) => {
            Ok(())
        }
        ("accepted" | "succeeded" | "saved" | "lost", None) => Err("booked, and never charged"),
        _ => Err("it stands as nothing can stand here"),
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Kills batches of this seed and the next ones, until there were enough kills.
fn sweep(first_seed: u64) {
    let asked: Option<u64> = std::env::var("SETLIST_SEEDS")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut kills = 0;
    for seed in asked.unwrap_or(first_seed).. {
        let mut batch = Batch::new(seed);
        while kills < KILLS && !batch.is_over {
            kills += usize::from(batch.kill_one());
        }
        batch.finish_up();
        batch.judge_the_end();
        if kills >= KILLS {
            return;
        }
    }
}

#[test]
fn killed_52_times_over() {
    sweep(1_000);
}

#[test]
fn killed_another_52_times() {
    sweep(2_000);
}

#[test]
fn killed_52_times_more() {
    sweep(3_000);
}

#[test]
fn killed_the_last_52_times() {
    sweep(4_000);
}
