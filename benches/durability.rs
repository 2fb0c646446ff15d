//! P4: what it costs that every step is durable before the next: wall time, processor time and syncs per job.
//!
//! - "steps": as many tasks as are in flight, each taking jobs through the five changes of a paid job (held, sent,
//!   accepted, succeeded, saved), every one waited for. Nothing but the ledger is driven, so without a ledger this would
//!   cost nothing: what stands under "on disk" is the whole of its cost.
//! - "runs": whole runs of one-request jobs by the dispatcher, against the simulator in this process.
//!
//! Each with the ledger's file in memory (`/dev/shm`), where a commit waits for no disk, and on the disk that the project
//! stands on; "more" is what the disk adds. The ledger without a file is left out: it is made for tests, and looks
//! through all jobs for each hold. Beside them, on the same disk: groups of as many records as jobs are in flight,
//! appended raw and synced, and committed by bare SQLite with `synchronous = FULL`.
//!
//! Syncs are worked out from two counters that SQLite keeps in the ledger's own files: commits, one sync each, and
//! restarts of the log, three more each (the log before and the database after it is copied, and the log's new head).
//! `strace -f -y -e trace=fsync,fdatasync` on this bench shows them: SQLite as it is built here calls `fsync`, while the
//! raw floor calls `fdatasync`. That a kill at any moment loses and repeats nothing
//! is not measured here but tested, by `tests/end_to_end/kills.rs`.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;
use setlist::exec::{Ending, RunOptions, carry_out, control};
use setlist::ledger::{JobEvent, Ledger};
use setlist::model::{JobResult, NewJob, RunId, SharedClock, SpendLimits, SystemClock, TaskId};
use support::batch;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
/// Changes of a job from held to saved.
const STEPS: usize = 5;
/// Bytes of a record of the floors: about what the ledger writes of a change, without its indexes.
const RECORD: usize = 200;

/// How much is done.
#[derive(Clone, Copy)]
struct Size {
    /// Jobs for each in flight.
    jobs: usize,
    repeats: usize,
}

impl Size {
    fn jobs(self, in_flight: usize) -> usize {
        (self.jobs * in_flight).min(self.jobs * 100)
    }

    fn groups(self) -> usize {
        self.jobs * 2
    }
}

/// What something cost.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
    syncs: f64,
    commits: f64,
}

/// SQLite's counters of a file.
#[derive(Clone, Copy, Default)]
struct Counted {
    commits: u32,
    restarts: u32,
}

impl Counted {
    /// Reads them: commits out of the log's index, restarts out of the log's head.
    fn read(ledger: &Path) -> Self {
        let four = |suffix: &str, at: usize| -> [u8; 4] {
            let path = format!("{}{suffix}", ledger.display());
            let bytes = std::fs::read(path).unwrap_or_default();
            let four = bytes.get(at..at + 4).unwrap_or(&[0; 4]);
            four.try_into().expect("four bytes")
        };
        Self {
            commits: u32::from_ne_bytes(four("-shm", 8)),
            restarts: u32::from_be_bytes(four("-wal", 12)),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            commits: self.commits.wrapping_sub(before.commits),
            restarts: self.restarts.wrapping_sub(before.restarts),
        }
    }

    fn syncs(self) -> u32 {
        self.commits + 3 * self.restarts
    }
}

/// A ledger's file and the folder it is in.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(on_disk: bool) -> Self {
        let folder = match on_disk {
            true => on_the_disk(),
            false => tempfile::tempdir_in("/dev/shm").expect("a temporary folder"),
        };
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.file()).expect("a ledger")
    }
}

/// Makes a folder on the project's disk: `/tmp` may live in memory.
fn on_the_disk() -> TempDir {
    tempfile::tempdir_in("target").expect("a temporary folder")
}

/// Measures what a future costs.
async fn cost(place: &Place, work: impl Future<Output = ()>) -> Cost {
    let (counted, cpu, started) = (
        Counted::read(&place.file()),
        support::cpu_seconds(),
        Instant::now(),
    );
    work.await;
    let wall = started.elapsed().as_secs_f64();
    let cpu = support::cpu_seconds() - cpu;
    let counted = Counted::read(&place.file()).since(counted);
    Cost {
        wall,
        cpu,
        syncs: f64::from(counted.syncs()),
        commits: f64::from(counted.commits),
    }
}

// --- the ledger alone

/// The four changes that follow a hold.
fn changes() -> [Vec<JobEvent>; STEPS - 1] {
    let accepted = JobEvent::Accept {
        task: Some(TaskId::new("0f8fad5b-d9cb-469f-a165-70867728950e")),
    };
    let succeeded = JobEvent::Succeed {
        result: JobResult {
            fields: json!({"clips": [{"clip_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}]}),
            clip_ids: vec!["7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned()],
            downloads: Vec::new(),
        },
    };
    let saved = JobEvent::Save {
        files: vec!["audio/song.mp3".to_owned()],
        defect: None,
    };
    [
        vec![JobEvent::Send],
        vec![accepted],
        vec![succeeded],
        vec![saved],
    ]
}

/// Takes jobs from held to saved until none is left.
async fn step_through(ledger: Ledger, run: RunId) {
    loop {
        let held = ledger.hold(&run, 1, Timestamp::now()).await;
        let Some(job) = held.expect("a hold").jobs.pop() else {
            return;
        };
        for events in changes() {
            let noted = ledger.record(&run, job.ordinal, events, Timestamp::now());
            noted.await.expect("a change");
        }
    }
}

async fn steps(jobs: Vec<NewJob>, in_flight: usize, on_disk: bool) -> Cost {
    let place = Place::new(on_disk);
    let ledger = place.open();
    let settings = batch::settings(in_flight, Path::new("out"), &SpendLimits::default());
    let run = batch::enroll(&ledger, settings, &jobs, Timestamp::now()).await;
    ledger
        .start(&run, Timestamp::now())
        .await
        .expect("the run is free");
    batch::observe(&ledger, 1_000_000_000).await;
    let work = async {
        let tasks = (0..in_flight).map(|_| tokio::spawn(step_through(ledger.clone(), run.clone())));
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("a task ends well");
        }
    };
    let cost = cost(&place, work).await;
    let ended = ledger.run(&run).expect("the run").totals.ended;
    assert_eq!(ended, u64::try_from(jobs.len()).expect("a bench is small"));
    cost
}

// --- whole runs

async fn run(jobs: Vec<NewJob>, in_flight: usize, on_disk: bool) -> Cost {
    let place = Place::new(on_disk);
    let out = on_the_disk();
    let clock: SharedClock = Arc::new(SystemClock::new(Timestamp::now(), 1.0));
    let simulator = batch::simulator(
        &json!({"credits": 1_000_000_000u64, "task_time": "0s", "rate": "off", "charge": "aimusicapi-2026-09"}),
        clock.clone(),
    );
    let ledger = place.open();
    let settings = batch::settings(in_flight, out.path(), &SpendLimits::default());
    let run = batch::enroll(&ledger, settings, &jobs, clock.now()).await;
    let engine = batch::engine(ledger, batch::in_process(simulator), clock, 1);
    let (_handle, control) = control();
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let watcher = tokio::spawn(async move { while seen.recv().await.is_some() {} });
    let work = async {
        let ending = carry_out(&engine, &run, RunOptions::default(), control, events).await;
        assert_eq!(ending.expect("a run"), Ending::Done);
    };
    let cost = cost(&place, work).await;
    watcher.await.expect("the watcher ends with the run");
    cost
}

// --- the floors

/// Appends groups of records to a file and syncs each group; returns the time.
fn raw(groups: usize, records: usize) -> Duration {
    let folder = on_the_disk();
    let mut file = std::fs::File::create(folder.path().join("log")).expect("a file");
    let group = vec![b'r'; RECORD * records];
    let (span, ()) = support::time(|| {
        for _ in 0..groups {
            file.write_all(&group).expect("the disk has room");
            file.sync_data().expect("the disk syncs");
        }
    });
    span
}

/// Commits groups of records by SQLite alone; returns the time.
fn bare_sqlite(groups: usize, records: usize) -> Duration {
    let folder = on_the_disk();
    let mut database = Connection::open(folder.path().join("bare.db")).expect("a database");
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             CREATE TABLE record (id INTEGER PRIMARY KEY, words BLOB NOT NULL);",
        )
        .expect("a table");
    let words = vec![b'r'; RECORD];
    let (span, ()) = support::time(|| {
        for _ in 0..groups {
            let group = database.transaction().expect("a transaction");
            {
                let mut insert = group
                    .prepare_cached("INSERT INTO record (words) VALUES (?1)")
                    .expect("a statement");
                for _ in 0..records {
                    insert.execute([&words]).expect("a row");
                }
            }
            group.commit().expect("a commit");
        }
    });
    span
}

// --- the tables

/// Costs in memory and on disk, and the floors, each measured in turn.
#[derive(Default)]
struct Samples {
    memory: Vec<Cost>,
    disk: Vec<Cost>,
    raw: Vec<f64>,
    sqlite: Vec<f64>,
}

impl Samples {
    fn median(costs: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
        support::median(costs.iter().map(figure).collect())
    }
}

fn sample(runtime: &Runtime, size: Size, in_flight: usize, whole: bool) -> Samples {
    let jobs = size.jobs(in_flight);
    let mut samples = Samples::default();
    for _ in 0..size.repeats {
        for on_disk in [false, true] {
            let jobs = batch::one_request_jobs(jobs, 1);
            let cost = match whole {
                true => runtime.block_on(run(jobs, in_flight, on_disk)),
                false => runtime.block_on(steps(jobs, in_flight, on_disk)),
            };
            match on_disk {
                true => samples.disk.push(cost),
                false => samples.memory.push(cost),
            }
        }
        if !whole {
            let rate = |span: Duration| (size.groups() * in_flight) as f64 / span.as_secs_f64();
            samples.raw.push(rate(raw(size.groups(), in_flight)));
            samples
                .sqlite
                .push(rate(bare_sqlite(size.groups(), in_flight)));
        }
    }
    samples
}

/// Prints a row of costs per job: memory, disk, and what the disk takes more.
fn print_costs(what: &str, in_flight: usize, jobs: usize, samples: &Samples) {
    let per_job =
        |costs: &[Cost], figure: fn(&Cost) -> f64| Samples::median(costs, figure) / jobs as f64;
    let micros = |figure: fn(&Cost) -> f64| {
        let (memory, disk) = (
            1e6 * per_job(&samples.memory, figure),
            1e6 * per_job(&samples.disk, figure),
        );
        format!("{memory:>8.1} {disk:>8.1} {:>8.1}", disk - memory)
    };
    println!(
        "{what:<6} {in_flight:>9} {jobs:>7}  {}  {}  {:>9.3}",
        micros(|cost| cost.wall),
        micros(|cost| cost.cpu),
        per_job(&samples.disk, |cost| cost.syncs),
    );
}

/// Prints a row of rates beside the floors.
fn print_rates(in_flight: usize, jobs: usize, samples: &Samples) {
    let steps = (jobs * STEPS) as f64;
    let ours = steps / Samples::median(&samples.disk, |cost| cost.wall);
    let group = steps / Samples::median(&samples.disk, |cost| cost.commits);
    let (raw, sqlite) = (
        support::median(samples.raw.clone()),
        support::median(samples.sqlite.clone()),
    );
    println!(
        "{in_flight:>9} {ours:>12.0} {group:>8.1}  {raw:>12.0} {:>6.0}%  {sqlite:>12.0} {:>6.0}%",
        100.0 * ours / raw,
        100.0 * ours / sqlite
    );
}

fn main() {
    support::machine();
    let size = Size {
        jobs: support::size("SETLIST_BENCH_JOBS", 200),
        repeats: support::size("SETLIST_BENCH_REPEATS", 5),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    println!(
        "per job, median of {}; target: ≤ 25 µs CPU in all\n",
        size.repeats
    );
    println!(
        "{:<6} {:>9} {:>7}  {:>8} {:>8} {:>8}  {:>8} {:>8} {:>8}  {:>9}",
        "", "in flight", "jobs", "wall µs", "on disk", "more", "CPU µs", "on disk", "more", "syncs"
    );
    let mut all = Vec::new();
    for (what, whole) in [("steps", false), ("runs", true)] {
        for in_flight in IN_FLIGHT {
            let samples = sample(&runtime, size, in_flight, whole);
            print_costs(what, in_flight, size.jobs(in_flight), &samples);
            if !whole {
                all.push((in_flight, samples));
            }
        }
    }
    println!(
        "\ndurable changes per second beside records of {RECORD} bytes in groups of as many as are in flight;"
    );
    println!("target at 64: ≥ 20000, and ≥ 90% of raw\n");
    println!(
        "{:>9} {:>12} {:>8}  {:>12} {:>7}  {:>12} {:>7}",
        "in flight", "ledger /s", "a commit", "raw /s", "share", "SQLite /s", "share"
    );
    for (in_flight, samples) in &all {
        print_rates(*in_flight, size.jobs(*in_flight), samples);
    }
}
