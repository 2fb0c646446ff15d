//! A part of a batch, then the whole of it: the provider charges each job once, whichever options chose it.

use crate::world::{Sim, World};

const TOUR: &str = r#"
name = "tour"
include = ["house.toml"]

[[job]]
id = "cue"
for_each = ["rain", "sun", "sea"]
operation = "producer.create"
tags = ["rough"]
with = { description = "${each}, ${vars.mood}" }

[[job]]
id = "end"
needs = ["cue"]
operation = "producer.create"
with = { description = "the end" }
"#;

const HOUSE: &str = "[vars]\nmood = \"calm\"\n[profile.dev]\nsample = 1\nbudget.run = 20\n";

fn tour() -> (Sim, World) {
    let sim = Sim::new(500, &[]);
    let world = World::with(&sim);
    world.write("tour.toml", TOUR);
    world.write("house.toml", HOUSE);
    (sim, world)
}

#[test]
fn what_a_profile_bought_is_not_paid_again_by_the_whole_batch() {
    let (sim, world) = tour();
    world
        .run(&["run", "tour.toml", "--profile", "dev"])
        .expect(0);
    assert_eq!(sim.audit().accepted(), 2);
    // The profile's cap holds, whatever is chosen beside it.
    world
        .run(&[
            "run",
            "tour.toml",
            "--profile",
            "dev",
            "--sample",
            "3",
            "--var",
            "mood=wild",
        ])
        .expect(4);
    assert_eq!(sim.audit().accepted(), 2);
    world.run(&["run", "tour.toml"]).expect(0);
    assert_eq!(
        sim.audit().accepted(),
        4,
        "two cues more, and the end is there"
    );
    world
        .run(&["run", "tour.toml", "--only", "cue[?]", "--tag", "rough"])
        .expect(0);
    assert_eq!(sim.audit().accepted(), 4);
    // Another value makes other jobs.
    world
        .run(&["run", "tour.toml", "--var", "mood=wild", "--only", "cue[2]"])
        .expect(0);
    assert_eq!(sim.audit().accepted(), 5);
}

#[test]
fn a_saved_plan_with_options_sends_what_was_planned_and_nothing_once_they_moved() {
    let (sim, world) = tour();
    let plan = [
        "plan",
        "tour.toml",
        "--profile",
        "dev",
        "--only",
        "cue",
        "-o",
        "tour.plan",
    ];
    world.run(&plan).expect(0);
    world.write("house.toml", HOUSE.replace("sample = 1", "sample = 3"));
    let refused = world.run(&["run", "tour.plan"]).expect(2);
    assert!(
        refused
            .stderr
            .contains("file `house.toml`: its text changed"),
        "{refused:#?}"
    );
    world.write("house.toml", HOUSE);
    world
        .run(&["run", "tour.plan", "--var", "mood=wild"])
        .expect(2);
    assert_eq!(sim.audit().requests(), 0, "a refusal sends nothing");
    world.run(&["run", "tour.plan"]).expect(0);
    assert_eq!(sim.audit().accepted(), 1);
}

#[test]
fn a_selection_that_stopped_is_resumed_with_its_own_jobs() {
    let sim = Sim::new(500, &["--faults", "402@2"]);
    let world = World::with(&sim);
    world.write("tour.toml", TOUR);
    world.write("house.toml", HOUSE);
    let run = [
        "run",
        "tour.toml",
        "--tag",
        "rough",
        "--sample",
        "2",
        "--concurrency",
        "1",
    ];
    let done = world.run(&run).expect(8);
    // Neither a file that changed nor the profile of the moment makes it another run.
    world.write("house.toml", HOUSE.replace("calm", "wild"));
    let resume = done.resume_command();
    let resume: Vec<&str> = resume.iter().map(String::as_str).collect();
    world.run(&resume).expect(0);
    assert_eq!(sim.audit().accepted(), 2);
    assert_eq!(world.charged("tour"), 20);
}
