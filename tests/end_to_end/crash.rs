//! `kill -9` at any moment of a run, then `resume`: no job is paid twice, and the books agree.

use std::time::Duration;

use crate::world::{Sim, World, songs, sum};

const JOBS: u64 = 6;

/// Resumes until there is nothing more to resume; returns the last exit code.
fn resume_to_an_end(world: &World) -> i32 {
    // A process that died before its run was enrolled in full sent nothing and left nothing to resume.
    let runs = world.run(&["runs", "--json"]).expect(0).json();
    if runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .all(|run| run["state"] == "enrolling")
    {
        return world.run(&["run", "m.toml"]).code.unwrap();
    }
    let mut codes = Vec::new();
    for _ in 0..4 {
        let done = world.run(&["resume"]);
        match done.code {
            // 1: a payment whose answer was lost with the process was charged, as the balance shows.
            Some(code @ (0 | 1 | 5)) => return code,
            _ => codes.push(done),
        }
    }
    panic!("no resume ends well: {codes:#?}");
}

fn killed_at(moment_ms: u64, kills: u64) {
    let sim = Sim::new(500, &["--task-time", "30ms", "--faults", "slow@1-99:12ms"]);
    let mut world = World::with(&sim);
    world.set("SETLIST_TIMEOUT", "500ms");
    world.write("m.toml", songs("crash", JOBS as usize));
    for kill in 0..kills {
        let args: &[&str] = match kill {
            0 => &["run", "m.toml", "--concurrency", "2"],
            _ => &["resume"],
        };
        let mut run = world.start(args);
        std::thread::sleep(Duration::from_millis(moment_ms));
        if !run.is_over() {
            run.signal("-KILL");
        }
        drop(run.finish());
        world.let_leases_run_out();
    }
    let code = resume_to_an_end(&world);
    let audit = sim.audit();
    assert!(
        audit.accepted() <= JOBS,
        "{moment_ms} ms: paid twice: {audit:#?}"
    );

    // Killed, resumed, reused: the ledger's runs together tell what was charged.
    let runs = world.run(&["runs", "--json"]).expect(0).json();
    let booked = |field: &str| -> u64 {
        let runs = runs["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run["totals"][field].as_u64().unwrap())
            .sum()
    };
    let in_doubt = world.run(&["resolve", "--json"]).json()["in_doubt"].clone();
    let in_doubt = in_doubt.as_array().unwrap().len() as u64;
    assert!(booked("charged") <= audit.charged(), "{moment_ms} ms");
    assert!(
        audit.charged() <= booked("charged") + 10 * in_doubt,
        "{moment_ms} ms: {runs}\n{audit:#?}"
    );
    assert_eq!(
        code == 5,
        in_doubt > 0,
        "{moment_ms} ms: exit {code}, {in_doubt} in doubt"
    );
    if code == 0 {
        assert_eq!(audit.accepted(), JOBS, "{moment_ms} ms");
        let rows = world.spend("crash");
        assert!(
            rows.iter().all(|row| !row["files"].is_empty()),
            "{moment_ms} ms: {rows:#?}"
        );
        assert!(sum(&rows, "charged") <= 10 * JOBS);
    }
}

/// Moments spread over a run by a fixed sequence, so that every run of the suite tries the same.
fn moments(seed: u64, count: usize) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |state| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    })
    .skip(1)
    .map(|state| 8 + (state >> 33) % 260)
    .take(count)
}

#[test]
fn killed_once_at_20_moments() {
    for moment in moments(7, 20) {
        killed_at(moment, 1);
    }
}

#[test]
fn killed_three_times_over() {
    for moment in moments(11, 4) {
        killed_at(moment, 3);
    }
}

#[test]
fn resume_goes_on_at_once_after_a_kill() {
    let sim = Sim::new(500, &["--task-time", "50ms", "--faults", "slow@2:400ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("crash", 3));
    let run = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("one is accepted", |audit| audit.accepted() == 1);
    run.signal("-KILL");
    drop(run.finish());
    let done = world.run(&["resume"]);
    assert_ne!(done.code, Some(11), "{done:#?}");
}

/// A process that died after its run had ended, and before its reports were written, leaves those of the time before.
#[test]
fn reports_of_the_time_before_a_kill_are_made_anew() {
    let sim = Sim::new(500, &["--task-time", "200ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("crash", 4));
    world
        .run(&[
            "run",
            "m.toml",
            "--concurrency",
            "1",
            "--max-duration",
            "100ms",
        ])
        .expect(10);
    let out = world.work().join("out/crash");
    let reports = ["spend.csv", "run.json"];
    let before = reports.map(|name| std::fs::read(out.join(name)).unwrap());
    world.run(&["resume"]).expect(0);
    let after = reports.map(|name| std::fs::read(out.join(name)).unwrap());
    for named in [&["resume"][..], &["resume", "crash"]] {
        for (name, text) in reports.iter().zip(&before) {
            std::fs::write(out.join(name), text).unwrap();
        }
        world.run(named).expect(0);
        assert_eq!(
            reports.map(|name| std::fs::read(out.join(name)).unwrap()),
            after
        );
    }
    // A later run's are not those of the time before.
    world.run(&["run", "m.toml"]).expect(0);
    let later = reports.map(|name| std::fs::read(out.join(name)).unwrap());
    let first: serde_json::Value = serde_json::from_slice(&after[1]).unwrap();
    world
        .run(&["resume", first["run"]["id"].as_str().unwrap()])
        .expect(0);
    assert_eq!(
        reports.map(|name| std::fs::read(out.join(name)).unwrap()),
        later
    );
}
