//! P6: how exactly a run stops, with 64 in flight: when the account runs dry, at a cap, at SIGTERM and at the second.
//!
//! First the real binary, against a simulator behind a socket whose every answer takes [`ANSWER`]. "late sends" are paid
//! requests that arrived after what should have stopped them: the first 402 can have been read, or the signal
//! was sent. "exit" counts from that too; for the cap from the last request, which is all there is to see from outside.
//! Then the run is gone on with as its last line says, and each job must have been bought once.
//!
//! Then many drawn schedules under paused time, beside the loop that most people write: see [`schedules`].

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod schedules;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use bytes::Bytes;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use setlist::model::Credits;
use setlist::sim::{AuditEntry, SimRequest};
use support::served::Served;

const IN_FLIGHT: &str = "64";
/// How long each answer to a paid request takes.
const ANSWER: Duration = Duration::from_millis(100);
/// How long an exit may take beyond the slowest answer in flight.
const GRACE: Duration = Duration::from_millis(50);
/// Jobs of a run, at one credit each.
const JOBS: usize = 400;
/// Jobs that are bought before the account is dry, the cap is reached or a signal is sent; about, for a signal.
const BEFORE: usize = 200;
/// The operation of all jobs; whatever else the audit lists is somebody else's.
const OPERATION: &str = "suno.upsample-tags";
/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(60);

const MANIFEST: &str = r#"
name = "stop"
# A top-up that may be a charge not shown yet is believed two time-outs later, which is not what is measured.
[limits]
timeout = "2s"
[[job]]
id = "tags"
for_each = "rows.csv"
operation = "suno.upsample-tags"
with = { tags = "${each.tags}" }
"#;

/// What stops a run.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Dry,
    Cap,
    Term,
    TermTwice,
}

impl Stop {
    fn name(self) -> &'static str {
        match self {
            Self::Dry => "account dry",
            Self::Cap => "cap reached",
            Self::Term => "SIGTERM",
            Self::TermTwice => "SIGTERM twice",
        }
    }

    /// Returns how long the slowest answer that is waited for may still take.
    fn slowest(self) -> Duration {
        match self {
            Self::TermTwice => Duration::ZERO,
            _ => ANSWER,
        }
    }
}

/// What came of it.
struct Outcome {
    overspend: usize,
    late: usize,
    /// From the event to the last of them.
    latest: Duration,
    /// From the event to the exit.
    exit: Duration,
    /// Whether the printed line led to each job bought once.
    resumed: bool,
}

/// A program that runs, with what it writes to its standard error.
struct Running {
    child: Child,
    words: std::thread::JoinHandle<String>,
}

impl Running {
    fn start(world: &Served, arguments: &[&str]) -> Self {
        let mut command = world.command(arguments);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut error = child.stderr.take().expect("it is piped");
        let words = std::thread::spawn(move || {
            let mut words = String::new();
            error.read_to_string(&mut words).expect("it writes text");
            words
        });
        Self { child, words }
    }

    fn signal(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it is ours");
    }

    /// Waits for its end; returns when that was, its exit code and its last line.
    fn end(mut self) -> (Timestamp, Option<i32>, String) {
        let status = self.child.wait().expect("it ends");
        let ended = Timestamp::now();
        let words = self.words.join().expect("it was read");
        let line = words.trim_end().lines().last().unwrap_or_default();
        (ended, status.code(), line.to_owned())
    }
}

fn world(stop: Stop) -> Served {
    let slow = format!("slow@2-1000000:{}ms", ANSWER.as_millis());
    let first = match stop {
        // A run whose plan does not fit below a cap is not started: so this one is stopped, and gone on with below one.
        Stop::Cap => "402@1".to_owned(),
        _ => format!("slow@1:{}ms", ANSWER.as_millis()),
    };
    // Payments in doubt are held besides being charged, so what follows a hasty stop needs that much more.
    let credits = match stop {
        Stop::Dry | Stop::Cap => JOBS,
        Stop::Term | Stop::TermTwice => 2 * JOBS,
    };
    let world = Served::new(&json!({
        "credits": credits, "task_time": "0s", "rate": "off", "charge": "aimusicapi-2026-09", "faults": [first, slow],
        "credit_refusal": "402",
    }));
    let mut rows = String::from("tags\n");
    for row in 0..JOBS {
        writeln!(rows, "synthwave number {row}").expect("a string takes all text");
    }
    world.write("rows.csv", &rows);
    world.write("m.toml", MANIFEST);
    world
}

/// The paid requests for our jobs, in the order of their arrival.
fn ours(world: &Served) -> Vec<AuditEntry> {
    let mut entries = world.simulator.audit().entries;
    entries.retain(|entry| entry.operation == OPERATION);
    entries
}

fn until(world: &Served, what: &str, is_so: impl Fn(&[AuditEntry]) -> bool) {
    let started = Instant::now();
    while !is_so(&ours(world)) {
        assert!(started.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Another client of the account spends so much that just [`BEFORE`] of our jobs can be paid for.
fn spend_elsewhere(world: &Served) {
    for number in 0..(JOBS - BEFORE) / 2 {
        let answer = world.simulator.handle(&SimRequest {
            method: Method::POST,
            path: "/api/v1/sonic/lyrics".to_owned(),
            query: None,
            authorization: Some("Bearer another".to_owned()),
            body: Bytes::from(json!({"description": format!("rain {number}")}).to_string()),
            range_from: None,
        });
        assert_eq!(answer.status, 200, "a stranger can buy");
    }
}

/// Brings a run to its event and waits for its end; returns the event's time, and the run's end.
fn stopped(world: &Served, stop: Stop) -> (Timestamp, (Timestamp, Option<i32>, String)) {
    let run = ["run", "m.toml", "--out", "out", "--yes", "--concurrency"];
    let start = |in_flight: &str| Running::start(world, &[&run[..], &[in_flight]].concat());
    if stop == Stop::Cap {
        start("1").end();
        let cap = BEFORE.to_string();
        let below = ["resume", "--max-credits", &cap, "--concurrency", IN_FLIGHT];
        let end = Running::start(world, &below).end();
        let last = ours(world).iter().map(|entry| entry.at).max();
        return (last.expect("some were sent"), end);
    }
    let running = start(IN_FLIGHT);
    if stop == Stop::Dry {
        until(world, "a first request", |ours| !ours.is_empty());
        spend_elsewhere(world);
        let end = running.end();
        return (first_402(world), end);
    }
    until(world, "half the requests", |ours| ours.len() >= BEFORE);
    let mut event = Timestamp::now();
    running.signal();
    if stop == Stop::TermTwice {
        std::thread::sleep(ANSWER / 5);
        event = Timestamp::now();
        running.signal();
    }
    (event, running.end())
}

/// Returns when the first word that the account is dry can be read: that answer takes its time too.
fn first_402(world: &Served) -> Timestamp {
    let refused = ours(world).into_iter().find(|entry| entry.status == 402);
    refused.expect("the account runs dry").at + ANSWER
}

/// Goes on as the printed line says, after what stopped the run is mended; tells whether each job is bought once in the end.
fn resumes(world: &Served, stop: Stop, line: &str) -> bool {
    // With payments in doubt a person is sent to them first; the run it names can be gone on with all the same.
    let command = match stop {
        Stop::TermTwice => "setlist resolve",
        _ => "setlist resume",
    };
    let Some((_, line)) = line.split_once(command) else {
        return false;
    };
    let mut arguments = vec!["resume"];
    arguments.extend(line.trim_end_matches('`').split_whitespace());
    let all = JOBS.to_string();
    match stop {
        Stop::Dry => {
            let missing = u64::try_from(JOBS - BEFORE).expect("a bench is small");
            let added = world.simulator.top_up(Credits::new(missing), Credits::ZERO);
            added.expect("an account takes credits");
        }
        Stop::Cap => arguments.extend(["--max-credits", &all]),
        Stop::Term => {}
        // To settle them by the balance takes two time-outs, which is not what is measured.
        Stop::TermTwice => arguments.push("--keep-doubts"),
    }
    let (_, code, _) = Running::start(world, &arguments).end();
    // Requests that were left on the wire are in doubt: they are not bought again, and a person is told.
    let wanted = if stop == Stop::TermTwice { 5 } else { 0 };
    code == Some(wanted) && bought(world) == JOBS
}

fn bought(world: &Served) -> usize {
    ours(world).iter().filter(|entry| entry.accepted).count()
}

fn play(stop: Stop) -> Outcome {
    let world = world(stop);
    let (event, (ended, _, line)) = stopped(&world, stop);
    let mut late: Vec<Timestamp> = ours(&world).iter().map(|entry| entry.at).collect();
    late.retain(|at| *at > event);
    let latest = late.iter().max().copied().unwrap_or(event);
    let room = match stop {
        Stop::Dry | Stop::Cap => BEFORE,
        Stop::Term | Stop::TermTwice => JOBS,
    };
    let after =
        |time: Timestamp| Duration::try_from(time.duration_since(event)).unwrap_or_default();
    Outcome {
        overspend: bought(&world).saturating_sub(room),
        late: late.len(),
        latest: after(latest),
        exit: after(ended),
        resumed: resumes(&world, stop, &line),
    }
}

/// Prints the worst of several plays.
fn print(stop: Stop, outcomes: &[Outcome]) {
    let worst = |figure: fn(&Outcome) -> Duration| {
        let worst = outcomes.iter().map(figure).max();
        1e3 * worst.unwrap_or_default().as_secs_f64()
    };
    let median = outcomes.iter().map(|one| 1e3 * one.exit.as_secs_f64());
    println!(
        "{:<14} {:>9} {:>10} {:>9.0} {:>10.0} {:>10.0} {:>9.0} {:>9}",
        stop.name(),
        outcomes.iter().map(|one| one.overspend).max().unwrap_or(0),
        outcomes.iter().map(|one| one.late).max().unwrap_or(0),
        worst(|one| one.latest),
        support::median(median.collect()),
        worst(|one| one.exit),
        1e3 * (stop.slowest() + GRACE).as_secs_f64(),
        format!(
            "{}/{}",
            outcomes.iter().filter(|one| one.resumed).count(),
            outcomes.len()
        ),
    );
}

fn main() {
    support::machine();
    let repeats = support::size("SETLIST_BENCH_REPEATS", 5);
    println!(
        "{JOBS} jobs, {IN_FLIGHT} in flight, answers after {} ms; the worst of {repeats}; times in ms\n",
        ANSWER.as_millis()
    );
    println!(
        "{:<14} {:>9} {:>10} {:>9} {:>10} {:>10} {:>9} {:>9}",
        "stopped by",
        "overspent",
        "late sends",
        "last late",
        "exit, med.",
        "exit, max",
        "target",
        "resumed"
    );
    for stop in [Stop::Dry, Stop::Cap, Stop::Term, Stop::TermTwice] {
        let outcomes: Vec<Outcome> = (0..repeats).map(|_| play(stop)).collect();
        print(stop, &outcomes);
    }
    schedules::compare(support::size("SETLIST_BENCH_JOBS", 10_000));
}
