//! `--catalog FILE`: an operation that the binary does not know is planned, paid for, saved and resumed like any other.

use crate::world::{Done, Sim, World, sum};

const JINGLES: &str = r#"
source = "the provider's newsletter"
dated = "2026-11"

[[operation]]
name = "suno.jingle"
title = "makes three short pieces for a brand"
request = "POST /api/v1/sonic/create"
fixed = { task_type = "jingle_music", use_suno_cdn = false }
kind = "sonic-task"
result = "clips"
clips = 3
params = [
  { name = "brand", field = "gpt_description_prompt", type = "text", required = true, min = 1, max = 40, doc = "what it is for" },
]

[[operation]]
name = "producer.loop"
title = "makes a loop of a clip"
request = "POST /api/v1/producer/loop"
kind = "producer-task"
result = "clips"
clips = 1
sets = ["clip"]

[[prices]]
operation = "suno.jingle"
credits = 7

[[prices]]
operation = "producer.loop"
credits = 2
"#;

const BRANDS: &str = r#"
name = "brands"
[[job]]
id = "jingle"
for_each = [{ brand = "tea" }, { brand = "soap" }, { brand = "ink" }]
operation = "suno.jingle"
with = { brand = "${each.brand}" }
"#;

const LOOPS: &str = r#"
name = "loops"
[[job]]
id = "song"
operation = "producer.create"
with = { description = "rain" }
[[job]]
id = "loop"
operation = "producer.loop"
with = { clip = "${jobs.song.clip_id}" }
"#;

/// A world with the file, and a simulator that was given it too.
fn with_jingles(credits: u64, options: &[&str]) -> (World, Sim) {
    let place = World::new();
    let file = place.write("jingles.toml", JINGLES);
    let mut all = vec!["--catalog", file.to_str().unwrap()];
    all.extend(options);
    let sim = Sim::new(credits, &all);
    let world = World::with(&sim);
    world.write("jingles.toml", JINGLES);
    world.write("m.toml", BRANDS);
    (world, sim)
}

fn refused(done: Done, parts: &[&str]) {
    let done = done.expect(2);
    for part in parts {
        assert!(done.stderr.contains(part), "{part}: {done:#?}");
    }
}

#[test]
fn an_operation_the_binary_does_not_know_is_run_and_paid_for_by_its_price() {
    let (world, sim) = with_jingles(100, &[]);
    refused(
        world.run(&["check", "m.toml"]),
        &["`suno.jingle`", "m.toml:6:13"],
    );
    let with = |args: &[&str]| world.run(&[args, &["--catalog", "jingles.toml"]].concat());
    with(&["check", "m.toml"]).expect(0);
    let schema = with(&["schema"]).expect(0).stdout;
    assert!(schema.contains("suno.jingle") && schema.contains("what it is for"));
    assert!(with(&["costs"]).expect(0).stdout.contains("suno.jingle"));
    let plan = with(&["plan", "m.toml", "--json"]).expect(0).json();
    assert_eq!(plan["total_credits"], 21, "{plan:#}");
    assert_eq!(sim.audit().requests(), 0);

    with(&["run", "m.toml"]).expect(0);
    let rows = world.spend("brands");
    assert_eq!((rows.len(), sum(&rows, "charged")), (3, 21));
    for row in &rows {
        assert_eq!(row["operation"], "suno.jingle");
        assert_eq!(row["files"].split(';').count(), 3, "{row:?}");
        for file in row["files"].split(';') {
            let path = world.work().join("out/brands").join(file.trim());
            assert!(path.metadata().unwrap().len() > 1000, "{path:?}");
        }
    }
    assert_eq!((sim.audit().accepted(), sim.audit().charged()), (3, 21));
    with(&["run", "m.toml"]).expect(0);
    assert_eq!(sim.audit().accepted(), 3, "what is paid for is used again");
}

#[test]
fn a_path_of_its_own_and_references_work_in_process_too() {
    let mut world = World::new();
    world.write("jingles.toml", JINGLES);
    world.write("m.toml", LOOPS);
    world.set("SETLIST_CATALOG", "jingles.toml");
    world.run(&["check", "m.toml"]).expect(0);
    world.unset("SETLIST_CATALOG");
    let config = world.write("config.toml", "catalog = 'jingles.toml'");
    world.set("SETLIST_CONFIG", config.to_str().unwrap());
    world.run(&["run", "m.toml"]).expect(0);
    let rows = world.spend("loops");
    let charged: Vec<_> = rows.iter().map(|row| row["charged"].as_str()).collect();
    assert_eq!(charged, ["10", "2"]);
    assert!(rows.iter().all(|row| !row["files"].is_empty()), "{rows:#?}");
}

#[test]
fn a_run_keeps_the_catalog_it_was_made_with() {
    let (world, sim) = with_jingles(100, &["--faults", "402@2"]);
    let done = world.run(&[
        "run",
        "m.toml",
        "--catalog",
        "jingles.toml",
        "--concurrency",
        "1",
    ]);
    let resume = done.expect(8).resume_command();
    let resume: Vec<&str> = resume.iter().map(String::as_str).collect();
    world.write(
        "jingles.toml",
        JINGLES.replace("credits = 7", "credits = 1"),
    );
    let other = [&resume[..], &["--catalog", "jingles.toml"]].concat();
    refused(
        world.run(&other),
        &["another catalog", "leave out --catalog"],
    );
    assert_eq!(sim.audit().accepted(), 1);
    std::fs::remove_file(world.work().join("jingles.toml")).unwrap();
    world.run(&resume).expect(0);
    assert_eq!((world.charged("brands"), sim.audit().charged()), (21, 21));
    assert_eq!(sim.audit().accepted(), 3);
}

#[test]
fn a_saved_plan_is_pinned_to_the_file() {
    let (world, sim) = with_jingles(100, &[]);
    let with = [
        "plan",
        "m.toml",
        "-o",
        "m.plan",
        "--catalog",
        "jingles.toml",
    ];
    world.run(&with).expect(0);
    world.write("jingles.toml", JINGLES.replace("clips = 3", "clips = 4"));
    refused(world.run(&["run", "m.plan"]), &["moved", "catalog"]);
    std::fs::remove_file(world.work().join("jingles.toml")).unwrap();
    refused(
        world.run(&["run", "m.plan"]),
        &["jingles.toml", "can't be read", "the plan was made of"],
    );
    world.write("jingles.toml", JINGLES);
    assert_eq!(sim.audit().requests(), 0);
    world.run(&["run", "m.plan"]).expect(0);
    assert_eq!(sim.audit().charged(), 21);
}

#[test]
fn without_a_price_nothing_is_sent() {
    let (world, sim) = with_jingles(100, &[]);
    let unpriced = JINGLES.split("[[prices]]").next().unwrap();
    world.write("jingles.toml", unpriced);
    let with = ["--catalog", "jingles.toml"];
    let run = [&["run", "m.toml"], &with[..]].concat();
    refused(
        world.run(&run),
        &["`suno.jingle` has no price in `guide`", "--prices FILE"],
    );
    assert_eq!(sim.audit().requests(), 0);
    let prices = "name = 'mine'\nprices = [{ operation = 'suno.jingle', credits = 7 }]";
    world.write("mine.toml", prices);
    world
        .run(&[&run[..], &["--prices", "./mine.toml"]].concat())
        .expect(0);
    assert_eq!((world.charged("brands"), sim.audit().charged()), (21, 21));
}

#[test]
fn all_that_is_wrong_with_the_file_is_told_at_once() {
    let world = World::new();
    world.write("m.toml", BRANDS);
    let wrong = JINGLES
        .replace("suno.jingle\"\ntitle", "suno.create\"\ntitle")
        .replace("[\"clip\"]", "[\"clop\"]");
    world.write("jingles.toml", wrong);
    let with = ["plan", "m.toml", "--catalog", "jingles.toml"];
    insta::assert_snapshot!(world.run(&with).expect(2).stderr, @r#"
    error: `suno.create` is built in and stays as it is, with what it costs: choose another name
     --> jingles.toml:6:1
      |
    6 | name = "suno.create"
      | ^^^^^^^^^^^^^^^^^^^^

    error: operation `producer.loop`: there is no set `clop`
      --> jingles.toml:18:1
       |
    18 | name = "producer.loop"
       | ^^^^^^^^^^^^^^^^^^^^^^
    "#);
    world.write(
        "jingles.toml",
        "[[operation]]\nname = 3\n[[status]]\nstate = 1\n",
    );
    insta::assert_snapshot!(world.run(&with).expect(2).stderr, @r"
    error: invalid type: integer `3`, expected a string
     --> jingles.toml:2:1
      |
    2 | name = 3
      | ^^^^^^^^

    error: unknown field `state`, expected one of `operation`, `provider`, `status`, `instead`
     --> jingles.toml:4:1
      |
    4 | state = 1
      | ^^^^^^^^^
    ");
    let missing = ["schema", "--catalog", "nowhere.toml"];
    insta::assert_snapshot!(world.run(&missing).expect(2).stderr, @r"
    error: the catalog `nowhere.toml` can't be read
    caused by: No such file or directory (os error 2)
    ");
}

#[test]
fn what_the_simulator_can_not_make_is_refused_and_free() {
    let world = World::new();
    let of_data = JINGLES
        .replacen("kind = \"sonic-task\"", "kind = \"sync\"", 1)
        .replacen("result = \"clips\"\nclips = 3", "result = \"data\"", 1);
    world.write("jingles.toml", of_data);
    world.write("m.toml", BRANDS);
    world
        .run(&["run", "m.toml", "--catalog", "jingles.toml"])
        .expect(1);
    let rows = world.spend("brands");
    assert_eq!((rows.len(), sum(&rows, "charged")), (3, 0));
    for row in rows {
        assert!(row["error"].contains("can't make"), "{row:?}");
    }
}
