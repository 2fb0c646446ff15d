//! Many processes of one account at once: eight that want three times what there is, and two that want the same run.

use serde_json::Value;

use crate::world::{Done, Sim, World, songs};

const PROCESSES: usize = 8;
const LIMIT: u64 = 1_000;

/// 30 songs of 10 credits and 15 lyrics of 5: 375 credits, and no content that another manifest has.
fn wishes(name: &str) -> String {
    let rows: Vec<String> = (1..=15).map(|n| format!("{{ n = \"{n}\" }}")).collect();
    format!(
        "{}\n[[job]]\nid = \"words\"\nfor_each = [{}]\noperation = \"lyrics.generate\"\n\
         with = {{ description = \"{name} ${{each.n}}\" }}\n\n[budget]\nwhen_short = \"fit\"\n",
        songs(name, 30),
        rows.join(", ")
    )
}

fn all_at_once(world: &World, flags: &[&str]) -> Vec<Done> {
    let names: Vec<String> = (1..=PROCESSES).map(|n| format!("wish{n}.toml")).collect();
    for name in &names {
        world.write(name, wishes(name.trim_end_matches(".toml")));
    }
    let started: Vec<_> = { names.iter() }
        .map(|name| {
            let run = ["run", name, "--concurrency", "2"];
            world.start(&[&run[..], flags].concat())
        })
        .collect();
    started.into_iter().map(|run| run.finish()).collect()
}

/// What was charged fills the limit and no more, everybody says how to go on, and all books say the same.
#[track_caller]
fn judge(sim: &Sim, world: &World, ends: &[Done]) {
    let audit = sim.audit();
    let charged = audit.charged();
    assert!(charged <= LIMIT, "{charged}");
    assert_eq!(
        audit.requests(),
        audit.accepted(),
        "a request was refused: {ends:#?}"
    );
    for done in ends {
        assert!(matches!(done.code, Some(0 | 4 | 8)), "{done:#?}");
        if done.code == Some(8) {
            let last = done.stderr.trim_end().lines().last().unwrap();
            let goes_on = last.starts_with("setlist resume ") || last.starts_with("setlist run ");
            assert!(goes_on, "{done:#?}");
        }
    }
    let mut waiting = Vec::new();
    let mut booked = 0;
    for n in (1..=PROCESSES).filter(|n| ends[n - 1].code != Some(4)) {
        let name = format!("wish{n}");
        let rows = world.spend(&name);
        assert_eq!(rows.len(), 45);
        let waits = |row: &&_| matches!(state(row), "planned" | "released" | "skipped");
        let prices = rows
            .iter()
            .filter(waits)
            .map(|row| row["price"].parse::<u64>().unwrap());
        waiting.extend(prices);
        assert!(
            rows.iter()
                .all(|row| matches!(state(row), "saved" | "planned" | "released" | "skipped")),
            "{rows:#?}"
        );
        booked += world.charged(&name);
        judge_run(&world.run_json(&name));
    }
    assert_eq!(booked, charged);
    let cheapest = *waiting.iter().min().expect("three times as much is wished");
    assert!(
        charged + cheapest > LIMIT,
        "{cheapest} more would have fitted {charged}: {ends:#?}"
    );
    let budget = world
        .run(&["budget", "--offline", "--json"])
        .expect(0)
        .json();
    let used: Vec<_> = ["used", "held"].map(|field| find(&budget, field)).into();
    assert_eq!(used, [Some(charged), Some(0)], "{budget:#}");
}

fn state(row: &std::collections::BTreeMap<String, String>) -> &str {
    &row["state"]
}

/// The run's own sums: what it was charged, and what its jobs were.
fn judge_run(report: &Value) {
    let jobs = report["jobs"].as_array().unwrap();
    let charged: u64 = jobs
        .iter()
        .map(|job| job["charged"].as_u64().unwrap())
        .sum();
    assert_eq!(report["run"]["totals"]["charged"].as_u64(), Some(charged));
    assert_eq!(report["run"]["totals"]["held"].as_u64(), Some(0));
    assert_eq!(report["run"]["totals"]["in_doubt"].as_u64(), Some(0));
}

/// The first number of this name.
fn find(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => { fields.get(name).and_then(Value::as_u64) }
            .or_else(|| fields.values().find_map(|value| find(value, name))),
        Value::Array(items) => items.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

#[test]
fn eight_processes_fill_one_period_budget_and_no_more() {
    let sim = Sim::new(
        5_000,
        &["--task-time", "250ms", "--faults", "slow@1-999:25ms"],
    );
    let world = World::with(&sim);
    let ends = all_at_once(&world, &["--period-budget", "1000"]);
    judge(&sim, &world, &ends);
}

#[test]
fn eight_processes_fill_the_balance_and_no_more() {
    let sim = Sim::new(
        LIMIT,
        &["--task-time", "250ms", "--faults", "slow@1-999:25ms"],
    );
    let mut world = World::with(&sim);
    // What may be lag of the balance is believed four seconds later.
    world.set("SETLIST_TIMEOUT", "2s");
    let ends = all_at_once(&world, &[]);
    judge(&sim, &world, &ends);
}

#[test]
fn of_two_resumes_at_once_one_goes_on_and_one_is_skipped() {
    for _round in 0..3 {
        let jobs = 6;
        let sim = Sim::new(500, &["--task-time", "300ms"]);
        let world = World::with(&sim);
        world.write("m.toml", songs("twice", jobs));
        let first = [
            "run",
            "m.toml",
            "--concurrency",
            "1",
            "--max-duration",
            "50ms",
        ];
        world.run(&first).expect(10);
        let resume = ["resume", "--max-duration", "1h"];
        let both = [world.start(&resume), world.start(&resume)];
        let mut ends = both.map(|run| run.finish());
        ends.sort_by_key(|done| done.code);
        let codes = ends.each_ref().map(|done| done.code);
        assert_eq!(codes, [Some(0), Some(11)], "{ends:#?}");
        assert!(!ends[1].stderr.is_empty(), "it says why");
        assert_eq!(sim.audit().accepted(), jobs as u64);
        assert_eq!(world.charged("twice"), 10 * jobs as u64);
    }
}
