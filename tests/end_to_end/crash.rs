//! One `kill -9` at a moment that matters, then `resume`; `kills.rs` has the many.

use crate::world::{Sim, World, songs};

#[test]
fn resume_goes_on_at_once_after_a_kill() {
    let sim = Sim::new(500, &["--task-time", "50ms", "--faults", "slow@2:400ms"]);
    let mut world = World::with(&sim);
    // On a busy machine the second request has left by then; what is in doubt is settled after two time-outs.
    world.set("SETLIST_TIMEOUT", "500ms");
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
    world.run(&["resume", "--max-duration", "1h"]).expect(0);
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
