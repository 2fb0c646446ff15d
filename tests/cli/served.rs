//! The simulator behind a socket, and setlist on the other side of it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::test_env::TestEnv;

const SONG: &str = r#"
name = "song"
[limits]
rate = "100/1s"
poll = "500ms"
[[job]]
id = "words"
operation = "lyrics.generate"
with = { description = "neon rain" }
[[job]]
id = "song"
operation = "suno.create"
with = { description = "${jobs.words.results[0].title}" }
"#;

/// A simulator that is stopped when the test is over.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(env: &TestEnv, flags: &[&str]) -> Self {
        let usual = [
            "simulate",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--speed",
            "100",
            "--rate",
            "off",
        ];
        let mut child = env
            .command(&[&usual[..], flags].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let url = told["environment"]["SETLIST_BASE_URL"]
            .as_str()
            .unwrap()
            .to_owned();
        Self { child, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_run_over_http() {
    let env = TestEnv::new();
    env.write("song.toml", SONG);
    let served = Served::start(&env, &["--task-time", "10s", "--credits", "100"]);
    let at = ["--base-url", &served.url];
    env.run_ok(0, &["run", "song.toml", at[0], at[1]]);
    let credits: Value =
        serde_json::from_str(&env.run_ok(0, &["credits", "--json", at[0], at[1]])).unwrap();
    assert_eq!(credits["available"], 85);
}

#[test]
fn credits_are_shown_as_read_in_the_last_five_minutes_and_spent_as_they_are() {
    let env = TestEnv::new();
    env.write("song.toml", SONG);
    let served = Served::start(&env, &["--task-time", "10s", "--credits", "100"]);
    let at = |time: &str, more: &[&str]| {
        let args = ["credits", "--base-url", &served.url];
        let mut command = env.command(&[&args[..], more].concat());
        let output = command.env("SETLIST_NOW", time).output().unwrap();
        env.shown(&output)
    };
    let first = at("2026-11-22T10:00:00Z", &[]);
    assert!(
        first.contains("Available:       100\n") && !first.contains("as read at"),
        "{first}"
    );
    env.run_ok(0, &["run", "song.toml", "--base-url", &served.url]);
    let after = at("2026-11-22T10:01:00Z", &[]);
    assert!(
        after.contains("Available:       85\n"),
        "a run makes it forget: {after}"
    );
    env.run_ok(
        0,
        &[
            "run",
            "song.toml",
            "--fresh",
            "--base-url",
            &served.url,
            "--yes",
        ],
    );
    assert!(at("2026-11-22T10:02:00Z", &["--no-cache"]).contains("Available:       70\n"));
    let kept = at("2026-11-22T10:06:59Z", &[]);
    assert!(kept.contains("as read at 2026-11-22T10:02:00Z"), "{kept}");
    let old = at("2026-11-22T10:07:00Z", &[]);
    assert!(!old.contains("as read at"), "{old}");
}

#[test]
fn a_key_goes_along_and_is_never_shown() {
    let mut env = TestEnv::new();
    env.write("song.toml", SONG);
    let served = Served::start(&env, &["--key", "sk_right"]);
    let run = [
        "-vvv",
        "run",
        "song.toml",
        "--provider",
        "aimusicapi",
        "--base-url",
        &served.url,
    ];
    env.set("AIMUSIC_API_KEY", "sk_wrong");
    let refused = env.run(&run);
    assert!(
        refused.starts_with("exit: 3") && !refused.contains("sk_wrong"),
        "{refused}"
    );
    env.set("AIMUSIC_API_KEY", "sk_right");
    let accepted = env.run(&run);
    assert!(
        accepted.starts_with("exit: 0") && !accepted.contains("sk_right"),
        "{accepted}"
    );
    for file in ["out/song/run.json", "out/song/spend.csv"] {
        assert!(!env.read(file).contains("sk_right"), "{file}");
    }
    let ledger = std::fs::read(env.home().join(".local/state/setlist/ledger.db")).unwrap();
    assert!(!String::from_utf8_lossy(&ledger).contains("sk_right"));
}

#[test]
fn a_provider_that_is_not_there() {
    let env = TestEnv::new();
    env.write("song.toml", SONG);
    let url = Served::start(&env, &[]).url.clone();
    let output = env.run(&["credits", "--base-url", &url]);
    assert!(output.starts_with("exit: 75"), "{output}");
}

#[test]
fn only_loopback_is_served() {
    let env = TestEnv::new();
    let output = env.run(&["simulate", "--listen", "0.0.0.0:0"]);
    assert!(output.starts_with("exit: 2"), "{output}");
}
