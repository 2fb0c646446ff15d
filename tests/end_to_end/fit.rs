//! A run that buys what fits: exactly the chosen jobs, the rest with a reason, and the next run buys that.

use crate::world::{Sim, World};

/// Words for a song, stems of it that are dear, and two cheap songs that matter less.
const MANIFEST: &str = r#"
name = "fit"

[budget]
when_short = "fit"

[[job]]
id = "words"
operation = "lyrics.generate"
with = { description = "rain" }

[[job]]
id = "song"
operation = "suno.create"
with = { title = "Rain", lyrics = "${jobs.words.results[0].lyrics}" }

[[job]]
id = "stems"
priority = 5
operation = "suno.stems"
with = { clip = "${jobs.song.clips[0].clip_id}", detail = "basic" }

[[job]]
id = "cue"
for_each = [{ n = "1" }, { n = "2" }]
operation = "producer.create"
with = { description = "cue ${each.n}" }
"#;

fn states(world: &World) -> Vec<(String, String)> {
    let rows = world.spend("fit");
    rows.into_iter()
        .map(|row| (row["job"].clone(), row["state"].clone()))
        .collect()
}

#[test]
fn a_run_buys_what_fits_and_the_next_one_the_rest() {
    let sim = Sim::new(46, &[]);
    let world = World::with(&sim);
    world.write("fit.toml", MANIFEST);
    let plan = world
        .run(&["plan", "fit.toml", "--format", "csv"])
        .expect(0);
    let left_out = plan.stdout.lines().filter(|row| row.contains("left-out"));
    assert_eq!(left_out.count(), 1, "{plan:#?}");

    let done = world.run(&["run", "fit.toml"]).expect(8);
    assert_eq!(
        sim.audit().charged(),
        45,
        "stems with all they need, and one cue"
    );
    assert_eq!(states(&world)[4].1, "skipped", "{:?}", states(&world));
    let said = "Credits were short: 1 job left out, 10 credits.";
    assert!(done.stderr.contains(said), "{done:#?}");
    let last = done.stderr.trim_end().lines().last().unwrap();
    assert!(
        last.starts_with("setlist run ") && last.ends_with("fit.toml"),
        "{done:#?}"
    );

    sim.top_up(100);
    world.run(&["resume"]).expect(0);
    assert_eq!(
        sim.audit().charged(),
        45,
        "a resume buys no more than was agreed"
    );
    world.run(&["run", "fit.toml"]).expect(0);
    assert_eq!(sim.audit().charged(), 55);
    assert!(states(&world).iter().all(|(_, state)| state == "saved"));
}

#[test]
fn when_nothing_fits_nothing_is_started() {
    let sim = Sim::new(4, &[]);
    let world = World::with(&sim);
    world.write("fit.toml", MANIFEST);
    let done = world.run(&["run", "fit.toml"]).expect(4);
    assert!(done.stderr.contains("nothing was started"), "{done:#?}");
    assert_eq!(sim.audit().requests(), 0);
}

#[test]
fn what_fits_is_what_is_approved() {
    let sim = Sim::new(46, &[]);
    let world = World::with(&sim);
    world.write("fit.toml", MANIFEST);
    world
        .run(&["run", "fit.toml", "--yes-under", "44"])
        .expect(4);
    assert_eq!(sim.audit().requests(), 0);
    world
        .run(&["run", "fit.toml", "--yes-under", "45"])
        .expect(8);
    assert_eq!(sim.audit().charged(), 45);
}

#[test]
fn the_remainder_is_a_manifest_that_buys_the_rest() {
    let sim = Sim::new(36, &[]);
    let world = World::with(&sim);
    world.write("fit.toml", MANIFEST);
    let plan = ["plan", "fit.toml", "--remainder", "rest.toml"];
    world.run(&plan).expect(0);
    world.run(&plan).expect(2);
    world.run(&["run", "fit.toml"]).expect(8);
    assert_eq!(sim.audit().charged(), 35, "stems with all they need");
    sim.top_up(100);
    world.run(&["run", "rest.toml"]).expect(0);
    assert_eq!(sim.audit().charged(), 55, "two cues, and nothing else");
    world.run(&["run", "fit.toml"]).expect(0);
    assert_eq!(sim.audit().charged(), 55, "all of it is there");
}
