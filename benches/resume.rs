//! P7: from the start of `setlist resume` to its first paid request, on a ledger of a million jobs of which all but a
//! thousand are saved.
//!
//! The real binary enrols the jobs from a manifest with CSV rows; then SQL makes nearly all of them saved, with a file
//! each, and the ledger's own check says that the books are right. A `resume` never reads the manifest's rows again:
//! it reads the jobs from the ledger, and looks whether each saved file is still there. The files have names of their own
//! and share few inodes.
//!
//! Each resume is killed at its first paid request, which is what the next one finds. Its peak memory is read at that
//! moment. "cold": the kernel has given up the ledger's pages, not those of other files nor the names of folders:
//! emptying the whole page cache would disturb whatever else the machine does.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use rustix::fs::{Advice, fadvise};
use serde_json::json;
use setlist::ledger::Ledger;
use support::served::Served;

/// Jobs that are still to be bought.
const LEFT: usize = 1_000;
/// Files of a folder.
const PER_FOLDER: usize = 1_000;
/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(600);

const MANIFEST: &str = r#"
name = "resume"
[[job]]
id = "tags"
for_each = "rows.csv"
operation = "suno.upsample-tags"
with = { tags = "${each.tags}" }
"#;

/// Waits for the next paid request; returns when it arrived and what memory the program had needed by then.
fn first_paid(world: &Served, child: &mut Child, known: usize) -> (Instant, f64) {
    let started = Instant::now();
    while world.simulator.audit().entries.len() == known {
        if let Some(status) = child.try_wait().expect("it is ours to ask") {
            panic!("it ended before it sent anything: {status}");
        }
        assert!(started.elapsed() < LIMIT, "it never sends anything");
        std::thread::sleep(Duration::from_millis(1));
    }
    (Instant::now(), support::peak_mib_of(child.id()))
}

/// Starts a command, and kills it at its first paid request; returns the time until then and its peak memory.
fn until_first_paid(world: &Served, arguments: &[&str]) -> (Duration, f64) {
    let known = world.simulator.audit().entries.len();
    let started = Instant::now();
    let mut child = world.command(arguments).spawn().expect("it starts");
    let (arrived, peak) = first_paid(world, &mut child, known);
    child.kill().expect("it was running");
    child.wait().expect("it ends");
    (arrived - started, peak)
}

fn write_manifest(world: &Served, jobs: usize) {
    let mut rows = String::with_capacity(jobs * 60);
    rows.push_str("tags\n");
    for row in 0..jobs {
        writeln!(rows, "\"synthwave, night, slow, piece {row} with strings\"")
            .expect("a string takes all text");
    }
    world.write("rows.csv", &rows);
    world.write("m.toml", MANIFEST);
}

/// Returns where a job's file is, below the output folder.
fn file_of(ordinal: usize) -> String {
    format!("tags/{:04}/{ordinal:07}.json", ordinal / PER_FOLDER)
}

/// Gives every done job a file; those of a folder are one inode.
fn write_files(out: &Path, done: usize) {
    for first in (0..done).step_by(PER_FOLDER) {
        let inode = out.join(file_of(first));
        let folder = inode.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(&inode, r#"{"upsampled_tags":"synthwave, night, slow"}"#)
            .expect("the folder can be written");
        for ordinal in first + 1..done.min(first + PER_FOLDER) {
            let link = std::fs::hard_link(&inode, out.join(file_of(ordinal)));
            link.expect("the file system has hard links");
        }
    }
}

/// Makes the first jobs of the only run saved, each with its file, and keeps the sums right: bulk, because one by one
/// takes minutes.
fn make_saved(ledger: &Path, done: usize) {
    let mut database = Connection::open(ledger).expect("the ledger");
    let all = database.transaction().expect("a transaction");
    let done = i64::try_from(done).expect("a bench is small");
    // An hour ago, like a run that stopped and is gone on with once credits were bought.
    let sent = Timestamp::now().as_microsecond() - 60 * 60 * 1_000_000;
    let slot = sent.div_euclid(15 * 60 * 1_000_000);
    let texts = "UPDATE job_texts SET result = '{\"fields\":{\"upsampled_tags\":\"synthwave, night, slow\"},\"clip_ids\":[],\"downloads\":[]}', \
         files = printf('[\"tags/%04d/%07d.json\"]', ordinal / 1000, ordinal) WHERE ordinal < ?1 \
         AND EXISTS (SELECT 1 FROM jobs j WHERE j.run = job_texts.run AND j.ordinal = job_texts.ordinal AND j.stage = 1)";
    all.execute(texts, [done]).expect("results");
    let jobs = "UPDATE jobs SET state = 'saved', stage = 3, charged = cost, attempts = 1, submitted_at = ?2, \
         finished_at = ?2 WHERE ordinal < ?1 AND stage = 1";
    let changed = all.execute(jobs, params![done, sent]).expect("states");
    let credits = i64::try_from(changed).expect("a job costs one credit");
    for sums in [
        "UPDATE runs SET ended = ended + ?1, charged = charged + ?1",
        "UPDATE accounts SET charged = charged + ?1",
    ] {
        all.execute(sums, [credits]).expect("sums");
    }
    let slots = "INSERT INTO charges (account, slot, charged, refunded) SELECT key, ?2, ?1, 0 FROM accounts WHERE true \
         ON CONFLICT (account, slot) DO UPDATE SET charged = charged + ?1";
    all.execute(slots, params![credits, slot]).expect("charges");
    all.commit().expect("a commit");
}

/// Makes a run of so many jobs of which all but [`LEFT`] are saved; returns how long the real `run` took to enrol them.
fn make_run(world: &Served, jobs: usize) -> Duration {
    write_manifest(world, jobs);
    let (enrolled, _) = until_first_paid(
        world,
        &[
            "run",
            "m.toml",
            "--out",
            "out",
            "--yes",
            "--concurrency",
            "4",
        ],
    );
    let done = jobs - LEFT;
    make_saved(&world.ledger(), done);
    write_files(&world.path("out"), done);
    let ledger = Ledger::open(&world.ledger()).expect("the ledger");
    ledger.verify().expect("the books are right");
    enrolled
}

fn read_whole(path: &Path) -> u64 {
    let mut file = File::open(path).expect("the ledger");
    let mut buffer = vec![0; 1 << 20];
    let mut sum = 0;
    loop {
        let read = file.read(&mut buffer).expect("it can be read");
        if read == 0 {
            return sum;
        }
        sum += u64::try_from(read).expect("it fits");
    }
}

/// Lets the kernel give up what it has cached of a file.
fn forget(path: &Path) {
    let file = File::open(path).expect("the ledger");
    file.sync_all().expect("the disk syncs");
    fadvise(&file, 0, None, Advice::DontNeed).expect("the kernel takes advice");
}

fn main() {
    support::machine();
    let jobs = support::size("SETLIST_BENCH_JOBS", 1_000_000);
    let repeats = support::size("SETLIST_BENCH_REPEATS", 5);
    assert!(jobs > LEFT, "`SETLIST_BENCH_JOBS` is above {LEFT}");
    let world = Served::new(&json!({
        "credits": 1_000_000_000u64, "task_time": "0s", "rate": "off", "charge": "aimusicapi-2026-09",
    }));
    let enrolled = make_run(&world, jobs);
    let size = std::fs::metadata(world.ledger()).expect("the ledger").len();
    println!(
        "resume of {jobs} jobs, {} saved; ledger {:.0} MB; `run` took {:.1} s to its first paid request",
        jobs - LEFT,
        size as f64 / 1e6,
        enrolled.as_secs_f64()
    );
    println!("seconds, median and best of {repeats}; target: 0.5 warm, 1 cold, at a million\n");
    println!(
        "{:<46} {:>8} {:>8}  {:>8}",
        "", "median", "best", "peak MiB"
    );
    for (cache, is_cold) in [("warm", false), ("cold", true)] {
        let prepare = || {
            if is_cold {
                forget(&world.ledger());
            }
        };
        let row = |what: &str, (median, best): (Duration, Duration), peak: &str| {
            println!(
                "{:<46} {:>8.3} {:>8.3}  {peak:>8}",
                format!("{what}, {cache}"),
                median.as_secs_f64(),
                best.as_secs_f64()
            );
        };
        let mut highest: f64 = 0.0;
        let spans = support::repeat(repeats, || {
            prepare();
            let (span, peak) = until_first_paid(&world, &["resume", "--concurrency", "4"]);
            highest = highest.max(peak);
            span
        });
        row(
            "resume to its first paid request",
            spans,
            &format!("{highest:.1}"),
        );
        let spans = support::repeat(repeats, || {
            prepare();
            let (span, bytes) = support::time(|| read_whole(&world.ledger()));
            assert!(bytes > 0);
            span
        });
        row("the ledger's file read from end to end", spans, "-");
    }
}
