//! A rehearsal with a seed is the same each time, byte for byte: ids, times, failures, names of files.

use crate::test_env::TestEnv;

/// Many jobs at once, of which some are turned away, some fail, and all want the same file name.
const BUSY: &str = r#"
name = "busy"

[provider]
name = "simulator"
[provider.simulator]
audio_seconds = 1
failure_rate = 0.5
faults = ["429@3-4", "500@7", "402@11"]

[limits]
rate = "60/1m"
concurrency = 4

[[job]]
id = "words"
operation = "lyrics.generate"
with = { description = "neon rain" }

[[job]]
id = "song"
operation = "suno.create"
takes = 8
save = "song.{ext}"
with = { lyrics = "${jobs.words.results[0].lyrics}" }

[[job]]
id = "master"
for_each = "jobs.song.clips"
operation = "suno.wav"
save = "song.{ext}"
with = { clip = "${each.clip_id}" }
"#;

/// Runs a command on the machine's own time of day; its exit code does not matter here.
fn do_now(env: &TestEnv, args: &[&str]) {
    let mut command = env.command(args);
    let output = command.env_remove("SETLIST_NOW").output().unwrap();
    assert!(
        output.status.code().is_some_and(|code| code != 2),
        "{}",
        env.shown(&output)
    );
}

/// Rehearses until credits run out, goes on, and buys all of it once more; returns the three reports.
fn rehearse(seed: &str) -> [String; 3] {
    let env = TestEnv::new();
    env.write("busy.toml", BUSY);
    let steps: [&[&str]; 3] = [
        &["run", "busy.toml", "--seed", seed],
        &["resume"],
        &["run", "busy.toml", "--seed", seed, "--fresh"],
    ];
    steps.map(|step| {
        do_now(&env, step);
        env.read("out/busy/spend.csv")
    })
}

#[test]
fn the_same_seed_gives_the_same_report_to_the_byte() {
    let first = rehearse("7");
    assert_eq!(first, rehearse("7"));

    let [stopped, resumed, again] = &first;
    assert!(stopped.lines().count() > 12, "{stopped}");
    assert!(stopped.contains("2026-01-01T00:00:01.000Z"), "{stopped}");
    assert!(stopped.contains(",planned,"), "{stopped}");
    assert!(resumed.contains("song-1~2.wav"), "{resumed}");
    assert!(resumed.contains(",failed,"), "{resumed}");
    let id = |report: &str| report.lines().nth(1).map(|row| row[..36].to_owned());
    assert_eq!(id(stopped), id(resumed));
    assert_ne!(id(stopped), id(again));
}

#[test]
fn another_seed_gives_another_report() {
    assert_ne!(rehearse("7")[0], rehearse("8")[0]);
}

#[test]
fn a_given_time_is_when_a_rehearsal_begins() {
    let env = TestEnv::new();
    env.write("busy.toml", BUSY);
    drop(env.run(&["run", "busy.toml", "--seed", "7"]));
    let report = env.read("out/busy/spend.csv");
    assert!(report.contains("2026-11-22T10:00:01.000Z"), "{report}");
}
