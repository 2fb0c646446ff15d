//! Files as they come: what can't be used is claimed, what went missing is fetched again, what broke off is finished.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::world::{Sim, World, songs, sum};

/// The rows of a run's `claims.csv`.
fn claims(world: &World, manifest: &str) -> Vec<BTreeMap<String, String>> {
    let path = world.work().join("out").join(manifest).join("claims.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Everything below a folder that is a file.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn parts_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = files_below(folder);
    found.retain(|path| path.extension().is_some_and(|end| end == "part"));
    found
}

#[test]
fn what_was_lost_before_a_job_was_bought_again_is_still_claimed() {
    let sim = Sim::new(500, &["--no-refunds", "--faults", "failed-clips@1"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("again", 1));
    world.run(&["run", "m.toml"]).expect(1);
    let first = claims(&world, "again");
    assert_eq!(first[0]["claim"], "failed, not refunded");
    let done = world.run(&["resume", "--retry-failed"]).expect(0);
    assert_eq!(sim.audit().charged(), 20);
    assert!(done.stderr.contains("1 job, 10 credits, in "), "{done:#?}");
    let rows = claims(&world, "again");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0]["claim"], "failed, bought again, not refunded");
    for known in ["job", "task_id", "charged", "submitted_at", "evidence"] {
        assert_eq!(rows[0][known], first[0][known]);
    }
    assert!(!first[0]["task_id"].is_empty());
    assert_ne!(world.spend("again")[0]["task_id"], first[0]["task_id"]);
}

fn unusable(fault: &str, why: &str) {
    let sim = Sim::new(
        500,
        &["--audio-seconds", "8", "--faults", &format!("{fault}@2")],
    );
    let world = World::with(&sim);
    world.write("m.toml", songs("unusable", 3));
    let done = world
        .run(&["run", "m.toml", "--concurrency", "1"])
        .expect(1);
    assert!(done.stderr.contains(why), "{done:#?}");
    let told = "charged without a usable result: 1 job, 10 credits, in ";
    assert!(done.stderr.contains(told), "{done:#?}");
    assert!(done.stderr.contains("claims.csv"), "{done:#?}");

    let rows = world.spend("unusable");
    assert!(rows.iter().all(|row| row["state"] == "saved"), "{rows:#?}");
    assert_eq!(sum(&rows, "charged"), 30);
    let bad: Vec<_> = rows.iter().filter(|row| !row["error"].is_empty()).collect();
    assert_eq!(bad.len(), 1, "{rows:#?}");
    assert!(bad[0]["error"].contains(why), "{bad:#?}");
    let out = world.work().join("out/unusable");
    assert!(out.join(&bad[0]["files"]).exists(), "it was paid for");

    let claims = claims(&world, "unusable");
    assert_eq!(claims.len(), 1, "{claims:#?}");
    for (column, value) in [
        ("job", &*bad[0]["job"]),
        ("charged", "10"),
        ("refunded", "0"),
        ("claim", "unusable file"),
        ("evidence", &*bad[0]["error"]),
        ("task_id", &*bad[0]["task_id"]),
        ("files", &*bad[0]["files"]),
    ] {
        assert_eq!(claims[0][column], value, "{column}");
    }
    assert!(!claims[0]["task_id"].is_empty());

    // What is unusable stays so for whoever uses it again, and is not bought again.
    world.run(&["run", "m.toml"]).expect(1);
    assert_eq!(sim.audit().charged(), 30);
    let rows = world.spend("unusable");
    assert_eq!(sum(&rows, "charged"), 0);
    let bad = rows.iter().filter(|row| row["error"].contains(why));
    assert_eq!(bad.count(), 1, "{rows:#?}");
    assert!(
        !out.join("claims.csv").exists(),
        "the second run paid nothing"
    );
}

#[test]
fn a_silent_song_is_claimed() {
    unusable("silent", "is silent");
}

#[test]
fn a_song_that_does_not_decode_is_claimed() {
    unusable("garbled", "can't be decoded");
}

#[test]
fn a_song_that_is_too_short_is_claimed() {
    unusable(
        "short",
        "has the wrong length: 1.0 s, and the provider said 8.0 s",
    );
}

#[test]
fn what_needs_an_unusable_song_goes_on() {
    let sim = Sim::new(500, &["--audio-seconds", "8", "--faults", "garbled@1"]);
    let world = World::with(&sim);
    let manifest = "name = \"next\"\n[[job]]\nid = \"song\"\noperation = \"suno.create\"\n\
                    with = { title = \"A\", description = \"rain\" }\n[[job]]\nid = \"more\"\n\
                    operation = \"suno.extend\"\n\
                    with = { clip = \"${jobs.song.clips[0].clip_id}\", at = 4, description = \"more\" }\n";
    world.write("m.toml", manifest);
    world.run(&["run", "m.toml"]).expect(1);
    let rows = world.spend("next");
    assert!(rows.iter().all(|row| row["state"] == "saved"), "{rows:#?}");
    assert_eq!(claims(&world, "next").len(), 1);
}

#[test]
fn resume_fetches_again_what_went_missing_and_pays_nothing() {
    let sim = Sim::new(500, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("mended", 3));
    world.run(&["run", "m.toml"]).expect(0);
    let id = world.run_json("mended")["run"]["id"].clone();
    let id = id.as_str().unwrap();
    let out = world.work().join("out/mended");
    let saved = world.spend("mended");
    let read = |row: &BTreeMap<String, String>| std::fs::read(out.join(&row["files"])).unwrap();
    let before: Vec<_> = saved.iter().map(read).collect();
    let told = world.run(&["resume", id]).expect(0);
    assert_eq!(told.stderr, "", "nothing is missing");

    sim.spend_elsewhere();
    std::fs::remove_file(out.join(&saved[0]["files"])).unwrap();
    std::fs::write(out.join(&saved[2]["files"]), "").unwrap();
    let told = world.run(&["resume", id]).expect(0);
    assert_eq!(
        told.stderr,
        "2 files of 2 jobs missing or changed: saved again, free of charge\n"
    );
    let audit = sim.audit();
    let theirs = (1, 10);
    assert_eq!(
        (audit.requests(), audit.charged()),
        (3 + theirs.0, 30 + theirs.1)
    );
    let rows = world.spend("mended");
    assert_eq!(rows.iter().map(read).collect::<Vec<_>>(), before);
    assert_eq!(sum(&rows, "charged"), 30, "what the run was charged before");
    let summary = &world.run_json("mended")["summary"];
    assert_eq!(summary["unexplained"], 0, "the run was over by then");
    let told = world.run(&["resume", id]).expect(0);
    assert_eq!(told.stderr, "", "all is well again");
}

#[test]
fn a_kill_in_the_middle_of_a_download_leaves_nothing_half_done() {
    // Each file breaks off half way until it was tried three times, so that the kill finds one begun.
    let sim = Sim::new(
        500,
        &["--audio-seconds", "8", "--faults", "file-truncate@1-6"],
    );
    let world = World::with(&sim);
    world.write("m.toml", songs("torn", 2));
    let out = world.work().join("out/torn");
    let run = world.start(&["run", "m.toml"]);
    let since = Instant::now();
    let begun = || {
        let parts = parts_below(&out);
        let sizes = parts
            .iter()
            .map(|part| part.metadata().map_or(0, |data| data.len()));
        sizes.sum::<u64>()
    };
    while begun() == 0 {
        assert!(
            since.elapsed() < Duration::from_secs(15),
            "no download began"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    run.signal("-KILL");
    assert_eq!(run.finish().code, None, "it was killed");
    assert!(begun() > 0, "what came so far stays");

    world.run(&["resume"]).expect(0);
    let audit = sim.audit();
    assert_eq!((audit.requests(), audit.charged()), (2, 20));
    let left = parts_below(&out);
    assert!(left.is_empty(), "{left:?}");
    for row in world.spend("torn") {
        assert_eq!((&*row["state"], &*row["error"]), ("saved", ""));
        let reader = hound::WavReader::open(out.join(&row["files"])).unwrap();
        assert_eq!(reader.duration(), 8 * reader.spec().sample_rate, "whole");
    }
}
