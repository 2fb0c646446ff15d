//! A ledger that is gone, damaged, cut off, of another version, or no ledger: told clearly, and nothing is sent.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::world::{Done, Sim, World, songs};

const JOBS: usize = 6;

fn file(world: &World) -> PathBuf {
    world.state().join("setlist/ledger.db")
}

/// The ledger and the log beside it.
fn log(world: &World) -> PathBuf {
    world.state().join("setlist/ledger.db-wal")
}

/// A world with a run that stopped halfway.
fn halfway(sim: &Sim) -> World {
    let mut world = World::with(sim);
    world.set("SETLIST_TIMEOUT", "500ms");
    world.write("m.toml", songs("half", JOBS));
    let run = [
        "run",
        "m.toml",
        "--concurrency",
        "2",
        "--max-duration",
        "50ms",
    ];
    world.run(&run).expect(10);
    world
}

fn slow() -> Sim {
    Sim::new(1_000, &["--task-time", "150ms"])
}

/// Every command that could send something says what is wrong with the file and what to do, and sends nothing.
#[track_caller]
fn is_refused(sim: &Sim, world: &World, words: &[&str]) {
    let before = sim.audit().requests();
    world.write("other.toml", songs("other", 2));
    for command in [
        &["run", "other.toml"][..],
        &["run", "m.toml"],
        &["resume"],
        &["resolve"],
    ] {
        is_told(world.run(command), words);
    }
    assert_eq!(sim.audit().requests(), before, "something was sent");
}

#[track_caller]
fn is_told(done: Done, words: &[&str]) {
    let done = done.expect(74);
    assert!(done.stderr.contains("ledger"), "{done:#?}");
    for word in words {
        assert!(done.stderr.contains(word), "nothing of `{word}`: {done:#?}");
    }
}

/// Turns bytes of a file over.
fn spoil(path: &PathBuf, from: u64, bytes: usize) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    file.write_all(&vec![0xa5; bytes]).unwrap();
}

fn length(path: &PathBuf) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    let sim = slow();
    let world = World::with(&sim);
    world.write("m.toml", songs("half", JOBS));
    let text = "dear diary, today I spent nothing at all. ".repeat(200);
    std::fs::create_dir_all(file(&world).parent().unwrap()).unwrap();
    std::fs::write(file(&world), &text).unwrap();
    is_refused(&sim, &world, &["is not a ledger", "choose another place"]);
    assert_eq!(std::fs::read_to_string(file(&world)).unwrap(), text);
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let sim = slow();
    let world = halfway(&sim);
    let ledger = rusqlite::Connection::open(file(&world)).unwrap();
    ledger.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(ledger);
    is_refused(&sim, &world, &["format 99", "this version"]);
}

#[test]
fn a_ledger_with_a_damaged_page_pays_nothing_twice() {
    let sim = slow();
    let pages = length(&file(&halfway(&sim))) / 4096;
    // A page is judged when it is read: one that a resume does not read is no harm, and whatever was sent before
    // another was read is booked.
    for page in 0..pages {
        let sim = slow();
        let world = halfway(&sim);
        spoil(&file(&world), page * 4096, 4096);
        let done = world.run(&["resume", "--max-duration", "1h"]);
        assert!(matches!(done.code, Some(0 | 74)), "page {page}: {done:#?}");
        assert!(!done.stderr.contains("panicked"), "page {page}: {done:#?}");
        let audit = sim.audit();
        if done.code == Some(74) {
            is_told(done, &["keep a copy", "restore it from a backup"]);
        }
        assert!(audit.accepted() <= JOBS as u64, "page {page}: {audit:#?}");
    }
}

#[test]
fn a_ledger_that_was_cut_off_sends_nothing() {
    for share in [2, 4, 64] {
        let sim = slow();
        let world = halfway(&sim);
        let length = length(&file(&world)) / share;
        let cut = std::fs::OpenOptions::new()
            .write(true)
            .open(file(&world))
            .unwrap();
        cut.set_len(length).unwrap();
        is_refused(&sim, &world, &["keep a copy", "backup"]);
    }
}

#[test]
fn a_deleted_ledger_buys_nothing_again() {
    let sim = slow();
    let world = halfway(&sim);
    let paid = sim.audit().accepted();
    std::fs::remove_file(file(&world)).unwrap();
    let done = world.run(&["resume", "half"]).expect(2);
    assert!(done.stderr.contains("no runs"), "{done:#?}");
    let done = world.run(&["run", "m.toml"]).expect(74);
    for word in [
        "the ledger does not know that run",
        "bring the ledger back",
        "--fresh",
    ] {
        assert!(done.stderr.contains(word), "{done:#?}");
    }
    assert_eq!(sim.audit().accepted(), paid);
    world.run(&["run", "m.toml", "--fresh"]).expect(0);
    assert_eq!(sim.audit().accepted(), paid + JOBS as u64);
}

#[test]
fn a_ledger_deleted_under_a_run_stops_it() {
    let sim = Sim::new(1_000, &["--task-time", "300ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("half", JOBS));
    let run = world.start(&["run", "m.toml", "--concurrency", "2"]);
    sim.until("two are under way", |audit| audit.accepted() == 2);
    std::thread::sleep(std::time::Duration::from_millis(100));
    for path in [file(&world), log(&world)] {
        std::fs::remove_file(path).unwrap();
    }
    let done = run.finish();
    is_told(done, &["gone"]);
    assert_eq!(sim.audit().accepted(), 2);
}

#[test]
fn a_log_that_was_damaged_before_later_payments_is_not_taken_for_a_torn_one() {
    let sim = Sim::new(1_000, &["--task-time", "300ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("half", JOBS));
    let run = world.start(&["run", "m.toml", "--concurrency", "2"]);
    sim.until("two songs are through", |audit| audit.accepted() == 4);
    run.signal("-KILL");
    drop(run.finish());
    // Behind the log's header and its first frame's; the payments lie after it.
    spoil(&log(&world), 32 + 24 + 100, 8);
    is_refused(&sim, &world, &["ledger.db-wal", "is damaged", "backup"]);
}
