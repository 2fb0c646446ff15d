//! Two processes on one ledger.

use crate::world::{Sim, World, songs};

/// Pays 10 credits for a first job, so that the ledger is there.
fn make_ledger(world: &World) {
    world.write("first.toml", songs("first", 1));
    world.run(&["run", "first.toml"]).expect(0);
}

#[test]
fn two_runs_never_exceed_one_period_budget() {
    for round in 0..3 {
        let sim = Sim::new(1000, &["--faults", "slow@1-99:20ms"]);
        let world = World::with(&sim);
        make_ledger(&world);
        world.write("left.toml", songs("left", 6));
        world.write("right.toml", songs("right", 6));
        let start = |name: &str| world.start(&["run", name, "--period-budget", "80"]);
        let (left, right) = (start("left.toml"), start("right.toml"));
        let ends = [left.finish(), right.finish()];
        let audit = sim.audit();
        assert!(audit.charged() <= 80, "round {round}: {audit:#?}");
        assert!(audit.charged() >= 70, "round {round}: {ends:#?}");
        for end in &ends {
            assert!(
                matches!(end.code, Some(0 | 4 | 8)),
                "round {round}: {ends:#?}"
            );
        }
        assert!(
            ends.iter().any(|end| end.code != Some(0)),
            "120 credits of jobs fit 80 - 10: {ends:#?}"
        );
    }
}

#[test]
fn two_runs_never_exceed_the_balance() {
    let sim = Sim::new(80, &["--faults", "slow@1-99:20ms"]);
    let world = World::with(&sim);
    make_ledger(&world);
    world.write("left.toml", songs("left", 6));
    world.write("right.toml", songs("right", 6));
    let (left, right) = (
        world.start(&["run", "left.toml"]),
        world.start(&["run", "right.toml"]),
    );
    let ends = [left.finish(), right.finish()];
    let audit = sim.audit();
    assert_eq!(
        audit.requests(),
        audit.accepted(),
        "a request was refused: {ends:#?}"
    );
    assert!(audit.charged() <= 80);
}

#[test]
fn the_same_manifest_at_once_is_skipped() {
    let sim = Sim::new(1000, &["--faults", "slow@1:900ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("once", 3));
    let first = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("the first is under way", |audit| audit.accepted() == 1);
    let second = world.run(&["run", "m.toml"]).expect(11);
    assert!(!second.stderr.is_empty(), "it says why");
    first.finish().expect(0);
    assert_eq!(sim.audit().requests(), 3);
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().requests(), 3);
}

#[test]
fn a_link_to_the_ledger_is_the_ledger() {
    let sim = Sim::new(1000, &["--faults", "slow@1:2s"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("once", 2));
    // It leads to a file that the first run is yet to make.
    let link = world.work().join("link.db");
    std::os::unix::fs::symlink(world.state().join("setlist/ledger.db"), link).unwrap();
    let first = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("the first is under way", |audit| audit.accepted() == 1);
    // As if the first had been asleep for longer than its lease lasts.
    world.let_leases_run_out();
    for command in [&["run", "m.toml"][..], &["resume"]] {
        for ledger in ["link.db", "sqlite:./link.db"] {
            let second = world.run(&[command, &["--ledger", ledger]].concat());
            let second = second.expect(11);
            assert!(second.stderr.contains("another run holds"), "{second:#?}");
        }
    }
    first.finish().expect(0);
    assert_eq!(sim.audit().requests(), 2);
}

#[test]
fn a_ledger_of_two_names_is_refused() {
    let sim = Sim::new(1000, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("once", 1));
    world.run(&["run", "m.toml"]).expect(0);
    let other = world.work().join("other.db");
    std::fs::hard_link(world.state().join("setlist/ledger.db"), &other).unwrap();
    for ledger in [&["--ledger", "other.db"][..], &[]] {
        let done = world.run(&[&["run", "m.toml", "--fresh"], ledger].concat());
        let done = done.expect(74);
        assert!(
            done.stderr.contains("has a second name, a hard link"),
            "{done:#?}"
        );
    }
    std::fs::remove_file(other).unwrap();
    world.run(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().requests(), 1);
}

#[test]
fn two_first_runs_make_one_ledger() {
    for round in 0..25 {
        let sim = Sim::new(1000, &[]);
        let world = World::with(&sim);
        world.write("left.toml", songs("left", 1));
        world.write("right.toml", songs("right", 1));
        let (left, right) = (
            world.start(&["run", "left.toml"]),
            world.start(&["run", "right.toml"]),
        );
        let ends = [left.finish(), right.finish()];
        assert!(
            ends.iter().all(|end| end.code == Some(0)),
            "round {round}: {ends:#?}"
        );
    }
}
