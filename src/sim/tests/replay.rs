//! The state file: a simulator that is opened again goes on where it was.

use std::path::Path;

use super::*;

fn open(settings: Value, clock: &Arc<HandClock>, path: &Path, start: Start) -> Bench {
    let shared = Arc::clone(clock) as SharedClock;
    let sim = Simulator::open(options(settings), shared, path, start).unwrap();
    Bench {
        sim: Arc::new(sim),
        clock: Arc::clone(clock),
    }
}

#[test]
fn a_simulator_opened_again_knows_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    let settings = json!({
        "credits": 400, "extra_credits": 33, "rate": "off", "task_time": "60s", "failure_rate": 0.3, "seed": 3,
        "faults": ["402@4", "reset-after@6"],
    });
    let clock = Arc::new(HandClock::default());
    let before = open(settings.clone(), &clock, &path, Start::NewRun);
    let mut tasks = Vec::new();
    for nth in 0..9 {
        let body = with(&song(), json!({"title": format!("Song {nth}")}));
        let (_, answer) = before.post("sonic/create", body);
        tasks.extend(answer["task_id"].as_str().map(str::to_owned));
        clock.pass(Duration::from_secs(15));
    }
    before.done("sonic/upload", json!({"url": "https://box.example/a.mp3"}));
    let batch = before.done("sonic/batch", json!({"items": [song(), song()]}));
    before.send(Method::POST, "/simulator/credits", None, b"{\"credits\":7}");
    let polls = |bench: &Bench| -> Vec<Said> {
        tasks
            .iter()
            .map(|id| bench.get(&format!("sonic/task/{id}")))
            .collect()
    };
    let batch_path = format!(
        "sonic/batch?batch_id={}",
        batch["batch_id"].as_str().unwrap()
    );
    let (audit, said_before) = (before.sim.audit(), polls(&before));
    let batch_before = before.get(&batch_path);
    let next_before = {
        drop(before);
        let again = open(settings.clone(), &clock, &path, Start::Resume);
        let same = Audit {
            polls: audit.polls,
            ..again.sim.audit()
        };
        assert_eq!(same, audit);
        assert_eq!(polls(&again), said_before);
        assert_eq!(again.get(&batch_path), batch_before);
        books_close(&again.sim);
        // Neither the 4th nor the 6th submit comes again.
        again.done("sonic/create", song())
    };
    assert!(next_before["task_id"].is_string());
}

#[test]
fn a_new_run_sets_the_balance_it_is_given_and_keeps_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    let clock = Arc::new(HandClock::default());
    let settings = |more: Value| with(&json!({"rate": "off", "task_time": "60s"}), more);
    let first = open(
        settings(json!({"faults": ["failed-poll@1"]})),
        &clock,
        &path,
        Start::NewRun,
    );
    let task = first.done("sonic/create", song())["task_id"]
        .as_str()
        .unwrap()
        .to_owned();
    drop(first);
    let resumed = open(
        settings(json!({"credits": 50})),
        &clock,
        &path,
        Start::Resume,
    );
    assert_eq!(resumed.balance(), (990, 0), "a resume changes nothing");
    drop(resumed);
    let same = open(
        settings(json!({"faults": ["429@1"]})),
        &clock,
        &path,
        Start::NewRun,
    );
    assert_eq!(same.balance(), (990, 0), "no balance given, none set");
    assert_eq!(
        same.post("sonic/create", song()).0,
        429,
        "faults count from 1 again"
    );
    drop(same);
    let fresh = open(
        settings(json!({"credits": 50})),
        &clock,
        &path,
        Start::NewRun,
    );
    assert_eq!(fresh.balance(), (50, 0));
    clock.pass(Duration::from_secs(100));
    assert_eq!(
        fresh.get(&format!("sonic/task/{task}")).0,
        500,
        "the task is still known"
    );
    assert_eq!(
        fresh.balance(),
        (50, 0),
        "and does not refund into an account that never paid it"
    );
    books_close(&fresh.sim);
}

#[test]
fn time_does_not_run_backwards_when_the_clock_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    let settings = json!({"rate": "off", "task_time": "60s"});
    let clock = Arc::new(HandClock::default());
    let before = open(settings.clone(), &clock, &path, Start::NewRun);
    clock.pass(Duration::from_secs(5_000));
    let task = before.done("sonic/create", song())["task_id"]
        .as_str()
        .unwrap()
        .to_owned();
    drop(before);
    let clock = Arc::new(HandClock::default());
    let again = open(settings, &clock, &path, Start::Resume);
    assert_eq!(again.get(&format!("sonic/task/{task}")).0, 202);
    clock.pass(Duration::from_secs(80));
    assert_eq!(again.get(&format!("sonic/task/{task}")).0, 200);
}
