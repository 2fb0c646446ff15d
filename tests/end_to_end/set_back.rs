//! A clock that was set back between a process and the next one; within a process time only goes on.

use crate::world::{Running, Sim, World, songs, sum};

const JOBS: u64 = 6;
const BEFORE: &str = "2026-11-22T10:00:00Z";
const AN_HOUR_EARLIER: &str = "2026-11-22T09:00:00Z";

/// A run that is killed while it submits, at ten o'clock.
fn killed(sim: &Sim, world: &mut World) {
    world.set("SETLIST_TIMEOUT", "300ms");
    world.set("SETLIST_NOW", BEFORE);
    world.write("m.toml", songs("back", JOBS as usize));
    let run: Running = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("the third is being submitted", |audit| {
        audit.accepted() == 3
    });
    run.signal("-KILL");
    drop(run.finish());
}

#[test]
fn a_run_goes_on_though_it_is_an_hour_earlier() {
    let sim = Sim::new(500, &["--faults", "slow@3:2s"]);
    let mut world = World::with(&sim);
    killed(&sim, &mut world);
    world.set("SETLIST_NOW", AN_HOUR_EARLIER);
    // The third was charged, and its answer died with its process.
    world.run(&["resume"]).expect(1);
    let audit = sim.audit();
    assert_eq!((audit.accepted(), audit.charged()), (JOBS, 10 * JOBS));
    let rows = world.spend("back");
    let states = |state: &str| rows.iter().filter(|row| row["state"] == state).count() as u64;
    assert_eq!(
        (states("saved"), states("lost")),
        (JOBS - 1, 1),
        "{rows:#?}"
    );
    assert_eq!((sum(&rows, "charged"), sum(&rows, "held")), (10 * JOBS, 0));
    let report = world.run_json("back");
    assert_eq!(report["run"]["state"], "finished", "{report:#}");
    let books = world.run(&["runs", "--json"]).expect(0).json();
    let run = &books["runs"][0];
    assert_eq!(run["unexplained"].as_i64(), Some(0), "{run:#}");
    assert_eq!(
        (run["opening"].as_u64(), run["closing"].as_u64()),
        (Some(500), Some(500 - 10 * JOBS))
    );
    // What is bought stays bought, whatever the clock says.
    for now in [AN_HOUR_EARLIER, BEFORE] {
        world.set("SETLIST_NOW", now);
        let done = world.run(&["run", "m.toml"]);
        assert!(matches!(done.code, Some(0 | 1)), "{done:#?}");
        let charged = sim.audit().charged();
        assert!(charged <= 10 * (JOBS + 1), "{charged}: {done:#?}");
    }
}

#[test]
fn two_kills_with_the_clock_set_back_between_pay_nothing_twice() {
    let sim = Sim::new(500, &["--faults", "slow@3:2s", "--faults", "slow@5:2s"]);
    let mut world = World::with(&sim);
    killed(&sim, &mut world);
    world.set("SETLIST_NOW", AN_HOUR_EARLIER);
    let second = world.start(&["resume"]);
    sim.until("the fifth is being submitted", |audit| {
        audit.accepted() == 5
    });
    second.signal("-KILL");
    drop(second.finish());
    // The second doubt is older by the clock than the reading before it: nothing is concluded from that.
    let done = world.run(&["resume"]);
    let rows = world.spend("back");
    let in_doubt = rows.iter().filter(|row| row["state"] == "in-doubt").count();
    assert_eq!(
        done.code,
        Some(if in_doubt > 0 { 5 } else { 1 }),
        "{done:#?}"
    );
    assert_eq!(sum(&rows, "held"), 10 * in_doubt as u64);
    let audit = sim.audit();
    assert_eq!(
        (audit.accepted(), audit.charged()),
        (JOBS, 10 * JOBS),
        "{done:#?} {rows:#?}"
    );
    assert_eq!(sum(&rows, "charged") + sum(&rows, "held"), audit.charged());
}
