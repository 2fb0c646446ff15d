//! Credits that run out on the way: nothing more is sent, what ran is collected, and a top-up lets it end.

use crate::world::{Audit, Done, Sim, World, songs, sum};

const JOBS: usize = 8;

fn stopped_dry(world: &World, sim: &Sim, done: Done, paid: u64) -> Audit {
    let done = done.expect(8);
    let rows = world.spend("dry");
    assert_eq!(rows.len(), JOBS);
    assert_eq!(sum(&rows, "charged"), 10 * paid);
    assert_eq!(sum(&rows, "held"), 0, "{rows:#?}");
    let saved = rows.iter().filter(|row| !row["files"].is_empty()).count();
    assert_eq!(saved as u64, paid, "what ran is collected: {rows:#?}");
    assert_eq!(done.resume_command()[0], "resume");
    sim.audit()
}

fn resumes_to_the_end(world: &World, done: &[String]) {
    let resume: Vec<&str> = done.iter().map(String::as_str).collect();
    world.run(&resume).expect(0);
    let rows = world.spend("dry");
    assert_eq!(sum(&rows, "charged"), 10 * JOBS as u64);
    assert!(
        rows.iter()
            .all(|row| row["charged"] == "10" && !row["files"].is_empty())
    );
}

fn refused_at_each_job(fault: &str) {
    for paid in 0..JOBS {
        let sim = Sim::new(80, &["--faults", &format!("{fault}@{}", paid + 1)]);
        let world = World::with(&sim);
        world.write("m.toml", songs("dry", JOBS));
        let done = world.run(&["run", "m.toml", "--concurrency", "1"]);
        let resume = done.resume_command();
        let audit = stopped_dry(&world, &sim, done, paid as u64);
        assert_eq!(
            audit.requests(),
            paid as u64 + 1,
            "no submit after the refusal"
        );
        resumes_to_the_end(&world, &resume);
        assert_eq!(sim.audit().accepted(), JOBS as u64, "each job is paid once");
        assert_eq!(sim.audit().charged(), 80);
    }
}

#[test]
fn refused_with_402_at_each_job() {
    refused_at_each_job("402");
}

#[test]
fn refused_with_403_at_each_job() {
    refused_at_each_job("403-credits");
}

/// Somebody else spends while the first request is on its way, so that credits for `left` more jobs remain.
#[test]
fn really_dry_at_each_job() {
    for left in 0..JOBS as u64 - 1 {
        let sim = Sim::new(80, &["--faults", "slow@1:150ms"]);
        let mut world = World::with(&sim);
        // A top-up that may be a charge not shown yet is believed a second later.
        world.set("SETLIST_TIMEOUT", "500ms");
        world.write("m.toml", songs("dry", JOBS));
        let run = world.start(&["run", "m.toml", "--concurrency", "1"]);
        sim.until("first job charged", |audit| audit.accepted() == 1);
        let elsewhere = 7 - left;
        for _ in 0..elsewhere {
            sim.spend_elsewhere();
        }
        let done = run.finish();
        let resume = done.resume_command();
        let audit = stopped_dry(&world, &sim, done, 1 + left);
        assert_eq!(audit.0["balance"]["credits"], 0);
        // The second refusal at most: the client may know from a fresh reading that the account is empty.
        assert!(audit.requests() <= 1 + left + elsewhere + 1, "{audit:#?}");

        sim.top_up(10 * elsewhere);
        resumes_to_the_end(&world, &resume);
        assert_eq!(sim.audit().accepted(), JOBS as u64 + elsewhere);
        assert_eq!(sim.audit().0["balance"]["credits"], 0);
    }
}

#[test]
fn dry_with_many_in_flight() {
    for paid in [0u64, 3, 7] {
        let sim = Sim::new(80, &["--faults", &format!("402@{}-99", paid + 1)]);
        let world = World::with(&sim);
        world.write("m.toml", songs("dry", JOBS));
        let done = world.run(&["run", "m.toml", "--concurrency", "4"]);
        let audit = stopped_dry(&world, &sim, done, paid);
        assert!(
            audit.requests() <= paid + 4,
            "only what was under way: {audit:#?}"
        );
    }
}

#[test]
fn a_resume_without_a_top_up_pays_nothing() {
    let sim = Sim::new(80, &["--faults", "slow@1:150ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("dry", JOBS));
    let run = world.start(&["run", "m.toml", "--concurrency", "1"]);
    sim.until("first job charged", |audit| audit.accepted() == 1);
    for _ in 0..7 {
        sim.spend_elsewhere();
    }
    run.finish().expect(8);
    let before = sim.audit().requests();
    let again = world.run(&["resume"]);
    assert!(matches!(again.code, Some(4 | 8)), "{again:#?}");
    assert_eq!(
        sim.audit().requests(),
        before,
        "the balance says 0: nothing to send"
    );
    assert_eq!(world.charged("dry"), 10, "the reports keep what was paid");
}
