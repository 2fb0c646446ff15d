//! `plan -o FILE`, then `run FILE`: exactly that, once, or a refusal that says what moved; nothing is sent by a refusal.

use crate::world::{Done, Sim, World, songs};

const PRICES: &str = "name = \"mine\"\nsource = \"me\"\ndated = \"2026-11\"\n\
    prices = [{ operation = \"producer.create\", credits = PRICE }]\n";

const CUES: &str = "name = \"cues\"\nprices = \"./mine.toml\"\n[[job]]\nid = \"cue\"\nfor_each = \"cues.csv\"\n\
    operation = \"producer.create\"\nwith = { description = \"${each.brief}\" }\n";

fn refused(world: &World, sim: &Sim, code: i32, parts: &[&str]) -> Done {
    let before = sim.audit().requests();
    let done = world.run(&["run", "m.plan"]).expect(code);
    for part in parts {
        assert!(done.stderr.contains(part), "{part}: {done:#?}");
    }
    assert_eq!(sim.audit().requests(), before, "a refusal sends nothing");
    done
}

#[test]
fn a_saved_plan_is_carried_out_once() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("once", 3));
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(0);
    let text = std::fs::read_to_string(world.work().join("m.plan")).unwrap();
    assert!(!text.contains("sk-end-to-end"), "no key is in a plan");
    assert_eq!(text.lines().count(), 1 + 3 + 1);
    assert_eq!(sim.audit().requests(), 0);

    world.run(&["run", "m.plan"]).expect(0);
    assert_eq!(world.charged("once"), 30);
    let run = world.run(&["status", "--json"]).expect(0).json();
    let run = run["run"]["id"].as_str().unwrap().to_owned();
    let by = format!("carried out by run {run}, which is finished");
    refused(&world, &sim, 2, &[&by, "plan again"]);
    std::fs::copy(world.work().join("m.plan"), world.work().join("copy.plan")).unwrap();
    world.run(&["run", "copy.plan"]).expect(2);
    let shown = world.run(&["plan", "m.plan"]).expect(0).stdout;
    assert!(
        shown.contains(&format!("carried out by run {run}")),
        "{shown}"
    );
    assert_eq!(sim.audit().accepted(), 3);
}

#[test]
fn a_plan_that_stopped_on_its_way_names_resume() {
    let sim = Sim::new(100, &["--faults", "402@3"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("stopped", 4));
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(0);
    let done = world
        .run(&["run", "m.plan", "--concurrency", "10"])
        .expect(8);
    let resume = done.resume_command();
    refused(&world, &sim, 2, &[&format!("setlist {}", resume.join(" "))]);
    let resume: Vec<&str> = resume.iter().map(String::as_str).collect();
    world.run(&resume).expect(0);
    assert_eq!(sim.audit().accepted(), 4);
}

#[test]
fn all_that_moved_is_told_in_one_pass() {
    let sim = Sim::new(500, &[]);
    let mut world = World::with(&sim);
    world.set("SETLIST_NOW", "2026-11-22T10:00:00Z");
    world.write("mine.toml", PRICES.replace("PRICE", "10"));
    world.write("cues.csv", "brief\nrain\nsun\nsea\n");
    world.write("m.toml", CUES);
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(0);

    world.write("mine.toml", PRICES.replace("PRICE", "12"));
    world.write("cues.csv", "brief\nrain\nsun\nfog\nice\n");
    world.write("m.toml", format!("{CUES}# moved\n"));
    world.set("SETLIST_NOW", "2026-11-23T11:00:00Z");
    let moved = [
        "age: made 1500 min ago, at most 1440 min are allowed (--max-plan-age)",
        "m.toml`: its text changed",
        "file `cues.csv`: its text changed, 19 → 23 bytes",
        "price list `mine`: its text changed",
        "price of `producer.create`: 10 → 12, 2 jobs, +4 credits",
        "jobs of `cue`: 1 added, 1 changed, +14 credits",
        "total: 30 → 48, +18 credits",
    ];
    refused(&world, &sim, 2, &moved);
    // As it was, and young enough, it is carried out.
    world.write("mine.toml", PRICES.replace("PRICE", "10"));
    world.write("cues.csv", "brief\nrain\nsun\nsea\n");
    world.write("m.toml", CUES);
    refused(&world, &sim, 2, &["age: "]);
    world
        .run(&["run", "m.plan", "--max-plan-age", "26h"])
        .expect(0);
    assert_eq!(sim.audit().accepted(), 3);
}

#[test]
fn a_balance_that_no_longer_suffices_is_told_with_4() {
    let sim = Sim::new(40, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("dry", 3));
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(0);
    sim.spend_elsewhere();
    sim.spend_elsewhere();
    refused(
        &world,
        &sim,
        4,
        &["balance: 40 → 20, the plan costs 30: 10 short"],
    );
    sim.top_up(10);
    world.run(&["run", "m.plan"]).expect(0);
}

#[test]
fn what_another_run_bought_meanwhile_is_not_bought_again() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("both", 3));
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(0);
    world.run(&["run", "m.toml"]).expect(0);
    let moved = [
        "3 jobs: new → reused, -30 credits",
        "total: 30 → 0, -30 credits",
    ];
    refused(&world, &sim, 2, &moved);
    assert_eq!(sim.audit().accepted(), 3);
}

#[test]
fn flags_that_would_change_a_plan_are_refused() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("flags", 1));
    world
        .run(&["plan", "m.toml", "-o", "m.plan", "--max-credits", "50"])
        .expect(0);
    let flags = [
        "--max-credits",
        "60",
        "--concurrency",
        "3",
        "--fresh",
        "--keep",
        "1",
    ];
    let done = world
        .run(&[&["run", "m.plan"], &flags[..]].concat())
        .expect(2);
    let named = "`--max-credits`, `--keep`, `--concurrency`, `--fresh` would change it";
    assert!(done.stderr.contains(named), "{done:#?}");
    assert_eq!(sim.audit().requests(), 0);
    world
        .run(&["run", "m.plan", "--max-credits", "50", "--timeout", "50s"])
        .expect(0);
    let settings = world.run_json("flags");
    assert_eq!(settings["summary"]["charged"], 10, "{settings:#}");
}

#[test]
fn a_plan_sends_the_key_nowhere_that_its_reader_would_not() {
    let sim = Sim::new(100, &[]);
    let mut world = World::with(&sim);
    world.write("m.toml", songs("elsewhere", 1));
    world.set("SETLIST_BASE_URL", "https://evil.example");
    world
        .run(&["plan", "m.toml", "-o", "m.plan", "--balance", "50"])
        .expect(0);
    world.unset("SETLIST_BASE_URL");
    let done = world.run(&["run", "m.plan"]).expect(2);
    assert!(done.stderr.contains("which is not its origin"), "{done:#?}");
}

#[test]
fn two_processes_carry_a_plan_out_once() {
    let sim = Sim::new(100, &["--task-time", "100ms"]);
    let world = World::with(&sim);
    world.write("m.toml", songs("two", 4));
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(0);
    let both = [
        world.start(&["run", "m.plan"]),
        world.start(&["run", "m.plan"]),
    ];
    let mut codes = both.map(|run| run.finish().code.unwrap());
    codes.sort_unstable();
    assert!(codes[0] == 0 && [2, 11].contains(&codes[1]), "{codes:?}");
    assert_eq!(sim.audit().accepted(), 4);
}

#[test]
fn a_broken_plan_is_named_and_sends_nothing() {
    let sim = Sim::new(100, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("broken", 2));
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(0);
    let text = std::fs::read_to_string(world.work().join("m.plan")).unwrap();
    world.write("m.plan", text.replacen("\"price\":10", "\"price\":1", 1));
    refused(&world, &sim, 2, &["was changed after it was written"]);
    world.write("m.plan", &text[..text.len() / 2]);
    refused(&world, &sim, 2, &["is cut off"]);
    world.write("m.plan", "name = \"no plan\"\n");
    refused(&world, &sim, 2, &["is no saved plan"]);
    world.run(&["plan", "m.toml", "-o", "m.plan"]).expect(2);
    world.run(&["plan", "m.toml", "-o", "m.toml"]).expect(2);
    assert!(
        std::fs::read_to_string(world.work().join("m.toml"))
            .unwrap()
            .contains("broken")
    );
}
