//! Runs on the simulator: bought once, stopped and gone on with, refused where the money does not suffice.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::test_env::TestEnv;

/// Three jobs that cost 35 credits; the rehearsal is over in a moment.
const SONG: &str = r#"
name = "song"

[provider]
name = "simulator"
[provider.simulator]
speed = 1000
rate = "1000/1s"
task_time = "20s"

[limits]
rate = "100/1s"
poll = "5s"

[[job]]
id = "words"
operation = "lyrics.generate"
with = { description = "neon rain" }

[[job]]
id = "song"
operation = "suno.create"
with = { lyrics = "${jobs.words.results[0].lyrics}" }

[[job]]
id = "stems"
operation = "suno.stems"
with = { clip = "${jobs.song.clips[0].clip_id}", detail = "basic" }
"#;

/// What all jobs of the manifest cost.
const PRICE: u64 = 35;

fn with_song() -> TestEnv {
    let env = TestEnv::new();
    env.write("song.toml", SONG);
    env
}

/// Puts settings of the simulator into the manifest.
fn simulated(settings: &str) -> String {
    SONG.replace(
        "[provider.simulator]",
        &format!("[provider.simulator]\n{settings}"),
    )
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn run_json(env: &TestEnv) -> Value {
    json(&env.read("out/song/run.json"))
}

#[test]
fn a_run_is_silent_and_leaves_its_results() {
    let env = with_song();
    assert_eq!(
        env.run(&["run", "song.toml"]),
        "exit: 0\n--- stdout\n--- stderr\n"
    );
    let report = run_json(&env);
    assert_eq!(report["summary"]["charged"], PRICE);
    assert_eq!(report["summary"]["unexplained"], 0);
    let rows = env.read("out/song/spend.csv");
    assert_eq!(rows.lines().count(), 4);
    let jobs = report["jobs"].as_array().unwrap();
    let files: Vec<_> = jobs
        .iter()
        .flat_map(|job| job["files"].as_array().unwrap())
        .map(|file| file.as_str().unwrap())
        .collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert!(env.work().join("out/song").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_second_run_buys_nothing() {
    let env = with_song();
    env.run_ok(0, &["run", "song.toml"]);
    env.run_ok(0, &["run", "song.toml"]);
    assert_eq!(run_json(&env)["summary"]["charged"], 0);
    assert_eq!(run_json(&env)["summary"]["saved_by_reuse"], PRICE);
    env.run_ok(0, &["plan", "song.toml", "--detailed-exitcode"]);
    env.run_ok(0, &["run", "song.toml", "--fresh"]);
    assert_eq!(run_json(&env)["summary"]["charged"], PRICE);
}

#[test]
fn a_dry_run_is_a_plan_and_leaves_nothing() {
    let env = with_song();
    let dry = env.run(&["run", "song.toml", "--dry-run"]);
    assert_eq!(dry, env.run(&["plan", "song.toml"]));
    assert_snapshot!(dry);
    assert!(!env.work().join("out").exists());
    assert!(
        !env.home().join(".local").exists(),
        "a look makes no ledger"
    );
}

#[test]
fn a_plan_offline_needs_no_key() {
    let env = with_song();
    let plan = [
        "plan",
        "song.toml",
        "--provider",
        "aimusicapi",
        "--offline",
        "--format",
        "csv",
    ];
    let rows = env.run_ok(0, &plan);
    let starts = [
        "job,operation,",
        "words,lyrics.generate,new,5,",
        "song,suno.create,new,10,",
    ];
    for (row, start) in rows.lines().zip(starts) {
        assert!(row.starts_with(start), "{row}");
    }
}

#[test]
fn a_plan_tells_by_its_exit_code_whether_it_can_be_afforded() {
    let env = with_song();
    let plan = |balance| {
        [
            "plan",
            "song.toml",
            "--offline",
            "--detailed-exitcode",
            "--balance",
            balance,
        ]
    };
    env.run_ok(2, &plan("35"));
    env.run_ok(4, &plan("34"));
}

#[test]
fn a_balance_that_is_too_small_starts_nothing() {
    let env = TestEnv::new();
    env.write("song.toml", &simulated("credits = 12"));
    assert_snapshot!(env.run(&["run", "song.toml"]), @r"
    exit: 4
    --- stdout
    --- stderr
    error: the plan costs 35 credits, 23 more than can be spent: nothing was started
    hint: the balance of 12 leaves 12: raise it by 23
    ");
    assert_eq!(
        env.run(&["runs"]),
        "exit: 0\n--- stdout\nno runs yet\n--- stderr\n"
    );
}

#[test]
fn a_price_above_what_was_approved_starts_nothing() {
    let env = with_song();
    assert_snapshot!(env.run(&["run", "song.toml", "--yes-under", "34"]), @r"
    exit: 4
    --- stdout
    --- stderr
    error: the plan costs 35 credits, 1 more than the 34 that --yes-under approves: nothing was started
    ");
    env.run_ok(0, &["run", "song.toml", "--yes-under", "35"]);
}

#[test]
fn a_key_that_is_not_there_is_named() {
    let env = with_song();
    assert_snapshot!(env.run(&["run", "song.toml", "--provider", "aimusicapi"]), @r"
    exit: 3
    --- stdout
    --- stderr
    error: there is no API key: `AIMUSIC_API_KEY` is not set
    hint: export AIMUSIC_API_KEY=…, or name a `key_file` or `key_command` in [account] of your configuration
    hint: to try it without a key: --provider simulator
    ");
}

#[test]
fn an_unknown_key_of_a_manifest_is_shown_where_it_stands() {
    let env = TestEnv::new();
    env.write(
        "song.toml",
        &SONG.replace("description = ", "descripton = "),
    );
    assert_snapshot!(env.run(&["run", "song.toml"]));
    let found = json(&env.run_ok(2, &["check", "song.toml", "--json"]));
    assert!(!found["problems"].as_array().unwrap().is_empty());
}

#[test]
fn a_manifest_that_is_not_there() {
    assert_snapshot!(TestEnv::new().run(&["run", "nope.toml"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: can't read `nope.toml`: No such file or directory (os error 2)
    ");
}

#[test]
fn a_manifest_from_standard_input() {
    let env = TestEnv::new();
    let mut child = env
        .command(&["plan", "-", "--format-in", "toml", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(SONG.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", env.shown(&output));
    env.run_ok(2, &["plan", "-"]);
}

#[test]
fn folders_that_can_not_be_written_to_stop_it_before_anything_is_sent() {
    let env = with_song();
    env.write("taken", "");
    for args in [["--out", "taken"], ["--ledger", "taken/ledger.db"]] {
        let run = ["run", "song.toml", args[0], args[1]];
        let output = env.command(&run).output().unwrap();
        assert_eq!(output.status.code(), Some(74), "{}", env.shown(&output));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.starts_with("error: ") && said.contains("taken"),
            "{said}"
        );
    }
    assert_eq!(
        env.run(&["runs"]),
        "exit: 0\n--- stdout\nno runs yet\n--- stderr\n"
    );
}

/// Starts a run that goes slowly enough to be met in the middle, and waits until a job is with the provider.
fn started(env: &TestEnv) -> (Child, BufReader<std::process::ChildStdout>) {
    env.write("song.toml", &SONG.replace("speed = 1000", "speed = 20"));
    let mut child = env
        .command(&["run", "song.toml", "--json", "--events"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(r#""job":"song""#) || !line.contains(r#""state":"accepted""#) {
        line.clear();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "the run ended too early"
        );
    }
    (child, lines)
}

fn kill(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let status = std::process::Command::new("kill")
        .args([signal, &id])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Checks that every job was paid for once, in all processes of the run together.
fn assert_paid_once(env: &TestEnv) {
    let report = run_json(env);
    assert_eq!(report["summary"]["charged"], PRICE);
    assert_eq!(report["summary"]["unexplained"], 0);
    for job in report["jobs"].as_array().unwrap() {
        assert_eq!(job["state"], "saved", "{job}");
        assert_eq!(job["attempts"], 1, "{job}");
    }
}

#[test]
fn a_signal_stops_it_cleanly_and_resume_goes_on() {
    let env = TestEnv::new();
    let (mut child, _events) = started(&env);
    kill(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let run = json(&env.run_ok(0, &["status", "--json"]));
    assert_eq!(run["run"]["state"], "stopped");
    assert_eq!(run["run"]["ending"], "signal 15");
    env.run_ok(0, &["resume"]);
    assert_paid_once(&env);
    assert_eq!(env.run(&["resume"]), "exit: 0\n--- stdout\n--- stderr\n");
}

#[test]
fn a_killed_run_is_found_and_gone_on_with() {
    let env = TestEnv::new();
    let (mut child, _events) = started(&env);
    child.kill().unwrap();
    child.wait().unwrap();
    env.run_ok(0, &["resume", "song"]);
    assert_paid_once(&env);
}

#[test]
fn a_second_run_of_the_same_manifest_is_skipped() {
    let env = TestEnv::new();
    let (mut child, _events) = started(&env);
    let output = env.command(&["run", "song.toml"]).output().unwrap();
    kill(&child, "-INT");
    kill(&child, "-INT");
    child.wait().unwrap();
    assert_eq!(output.status.code(), Some(11));
    assert_snapshot!(env.shown(&output), @r"
    exit: 11
    --- stdout
    --- stderr
    error: another run holds `$WORK/song.toml`: skipped
    hint: `setlist status` shows how it stands
    ");
}

#[test]
fn a_reader_of_events_that_goes_away_does_not_stop_a_run() {
    let env = TestEnv::new();
    let (child, events) = started(&env);
    drop(events);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", env.shown(&output));
    assert_paid_once(&env);
}

#[test]
fn credits_that_run_out_on_the_way_leave_a_run_to_go_on_with() {
    let env = TestEnv::new();
    env.write(
        "song.toml",
        &simulated("credits = 45\nfaults = [\"402@3\"]"),
    );
    env.run_ok(8, &["run", "song.toml"]);
    assert_eq!(run_json(&env)["summary"]["charged"], 15);
    env.run_ok(0, &["resume", "--sim-credits", "100"]);
    assert_eq!(run_json(&env)["summary"]["charged"], PRICE);
}

#[test]
fn a_run_that_fits_a_part_leaves_the_rest_to_another_run() {
    let env = TestEnv::new();
    let manifest = simulated("credits = 20") + "\n[budget]\nwhen_short = \"fit\"\n";
    env.write("song.toml", &manifest);
    env.run_ok(8, &["run", "song.toml"]);
    let summary = &run_json(&env)["summary"];
    assert_eq!(summary["charged"], 15);
    assert_eq!(summary["left_out"]["credits"], PRICE - 15);
}

#[test]
fn events_end_with_the_summary() {
    let env = with_song();
    let lines = env.run_ok(0, &["run", "song.toml", "--json", "--events"]);
    let events: Vec<Value> = lines.lines().map(json).collect();
    assert_eq!(events[0]["event"], "started");
    let last = events.last().unwrap();
    assert_eq!(last["event"], "finished");
    assert_eq!(last["exit_code"], 0);
    assert_eq!(last["summary"]["charged"], PRICE);
}

#[test]
fn a_report_is_made_again_out_of_the_ledger() {
    let env = with_song();
    env.run_ok(0, &["run", "song.toml"]);
    assert_eq!(env.run_ok(0, &["report"]), env.read("out/song/spend.csv"));
    assert_eq!(
        env.run_ok(0, &["report", "song", "--json"]),
        env.read("out/song/run.json")
    );
    let output = env.run(&["report", "nothing"]);
    assert!(output.starts_with("exit: 2"), "{output}");
}

#[test]
fn nothing_is_in_doubt_after_a_good_run() {
    let env = with_song();
    env.run_ok(0, &["run", "song.toml"]);
    assert_eq!(
        env.run(&["resolve"]),
        "exit: 0\n--- stdout\nno payment is in doubt\n--- stderr\n"
    );
}

#[test]
fn a_lost_answer_is_in_doubt_until_a_person_decides() {
    let env = TestEnv::new();
    env.write("song.toml", &simulated("faults = [\"reset-after@1\"]"));
    env.run_ok(5, &["run", "song.toml", "--keep-doubts"]);
    assert_snapshot!(env.run(&["resolve"]));
    // It was charged, and the result of an answer that never came is lost with it.
    env.run_ok(0, &["resolve", "--charged", "words"]);
    let run = json(&env.run_ok(0, &["status", "--json"]));
    assert_eq!(run["summary"]["charged"], 5);
    assert_eq!(run["summary"]["unexplained"], 0);
    assert_eq!(run["summary"]["states"]["lost"], 1);
    env.run_ok(2, &["resolve", "--charged", "words"]);
}

#[test]
fn a_payment_that_never_was_is_made_after_all() {
    let env = TestEnv::new();
    env.write("song.toml", &simulated("faults = [\"reset-before@1\"]"));
    env.run_ok(5, &["run", "song.toml", "--keep-doubts"]);
    env.run_ok(0, &["resolve", "--not-charged", "words"]);
    env.run_ok(0, &["resume"]);
    assert_eq!(run_json(&env)["summary"]["charged"], PRICE);
}

#[test]
fn two_readings_of_the_balance_settle_a_payment_in_doubt() {
    let env = TestEnv::new();
    env.write("song.toml", &simulated("faults = [\"reset-before@1\"]"));
    env.run_ok(0, &["run", "song.toml"]);
    assert_eq!(run_json(&env)["summary"]["charged"], PRICE);

    let env = TestEnv::new();
    env.write("song.toml", &simulated("faults = [\"reset-after@1\"]"));
    env.run_ok(1, &["run", "song.toml"]);
    let run = json(&env.run_ok(0, &["status", "--json"]));
    assert_eq!(run["summary"]["states"]["lost"], 1);
    assert_eq!(run["summary"]["unexplained"], 0);
}
