//! Ctrl-C and SIGTERM.

use std::time::{Duration, Instant};

use crate::world::{Sim, World, songs};

const JOBS: u64 = 8;

fn under_way(sim: &Sim, world: &World) -> crate::world::Running {
    world.write("m.toml", songs("stop", JOBS as usize));
    let run = world.start(&["run", "m.toml", "--concurrency", "2"]);
    sim.until("two jobs are under way", |audit| audit.accepted() == 2);
    run
}

fn stops_and_resumes(signal: &str, code: i32) {
    let sim = Sim::new(500, &["--task-time", "400ms"]);
    let world = World::with(&sim);
    let run = under_way(&sim, &world);
    run.signal(signal);
    let done = run.finish().expect(code);
    let audit = sim.audit();
    assert_eq!(audit.accepted(), 2, "nothing new is sent");
    let rows = world.spend("stop");
    let saved = rows.iter().filter(|row| !row["files"].is_empty()).count();
    assert_eq!(saved, 2, "what runs is collected: {rows:#?}");
    assert_eq!(world.charged("stop"), 20);

    let resume = done.resume_command();
    let resume: Vec<&str> = resume.iter().map(String::as_str).collect();
    world.run(&resume).expect(0);
    assert_eq!(sim.audit().accepted(), JOBS);
    assert_eq!(world.charged("stop"), 10 * JOBS);
}

#[test]
fn the_first_ctrl_c_collects() {
    stops_and_resumes("-INT", 130);
}

#[test]
fn a_sigterm_collects() {
    stops_and_resumes("-TERM", 143);
}

#[test]
fn the_second_ctrl_c_leaves_at_once() {
    let sim = Sim::new(500, &["--task-time", "3s"]);
    let world = World::with(&sim);
    let mut run = under_way(&sim, &world);
    run.signal("-INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(!run.is_over(), "the first collects");
    let since = Instant::now();
    run.signal("-INT");
    let done = run.finish().expect(130);
    assert!(
        since.elapsed() < Duration::from_millis(1500),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(sim.audit().accepted(), 2);
    assert_eq!(done.resume_command()[0], "resume");
    world.run(&["resume", "--max-duration", "1ms"]);
    assert_eq!(
        sim.audit().accepted(),
        2,
        "what runs is fetched, not bought again"
    );
}
