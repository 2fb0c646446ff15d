//! `setlist budget` after real trouble: what a dead run holds is shown with the command that frees it, and that command does.

use serde_json::Value;

use crate::world::{Sim, World, songs};

#[test]
fn a_killed_run_holds_until_the_command_that_is_named_frees_it() {
    let sim = Sim::new(500, &["--task-time", "100ms"]);
    let mut world = World::with(&sim);
    world.set("SETLIST_PERIOD_BUDGET", "200");
    // One song a minute: the second is held, and waits for its turn.
    world.set("SETLIST_RATE", "1/1m");
    world.write("m.toml", songs("dead", 2));
    let run = world.start(&["run", "m.toml"]);
    sim.until("a song accepted", |audit| audit.accepted() == 1);
    // The answer may not be recorded yet; what is killed before that would be in doubt.
    let recorded = |budget: Value| (budget["used"] == 10).then_some(budget);
    let at_work = (0..500)
        .find_map(|_| {
            recorded(
                world
                    .run(&["budget", "--offline", "--json"])
                    .expect(0)
                    .json(),
            )
        })
        .expect("the answer is recorded");
    run.signal("-KILL");
    drop(run.finish());
    assert_eq!(at_work["runs"][0]["at_work"], true, "{at_work:#}");
    assert_eq!(at_work["runs"][0]["to_free"].as_array().unwrap().len(), 0);

    world.let_leases_run_out();
    let budget = world.run(&["budget", "--json"]).expect(0).json();
    let run = &budget["runs"][0];
    let spoken_for = run["used"].as_u64().unwrap() + run["held"].as_u64().unwrap();
    assert_eq!(spoken_for, 20, "{budget:#}");
    assert_eq!(budget["budget"]["left"], 180);
    let command = run["to_free"][0]["command"].as_str().unwrap().to_owned();
    let text = world.run(&["budget"]).expect(0).stdout;
    assert!(text.contains(&command) && text.contains("died"), "{text}");

    // The command takes the run up to its end: what was held is paid for, and nothing is held any more.
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    world.run(&args).expect(0);
    let budget = world
        .run(&["budget", "--offline", "--json"])
        .expect(0)
        .json();
    let run = &budget["runs"][0];
    assert_eq!(
        (&run["used"], &run["held"]),
        (&20.into(), &0.into()),
        "{budget:#}"
    );
    assert_eq!(sim.audit().accepted(), 2);
}
