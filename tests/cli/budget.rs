//! `setlist budget`: the billing period in figures, out of the ledger and the configuration.

use insta::assert_snapshot;
use serde_json::Value;

use crate::test_env::TestEnv;

const CONFIG: &str = r#"
[account]
provider = "simulator"
monthly_credits = 1000
renews_on = 15
time_zone = "UTC"
rollover = false
budget = 100
[alerts]
budget_used = [0.1, 0.8]
balance_below = [990]
"#;

const SONGS: &str = r#"
name = "songs"
[provider.simulator]
speed = 1000
rate = "1000/1s"
task_time = "1s"
[limits]
rate = "100/1s"
poll = "1s"
[[job]]
id = "song"
for_each = [{ n = "1" }, { n = "2" }]
operation = "producer.create"
with = { description = "song ${each.n}" }
"#;

fn env() -> TestEnv {
    let mut env = TestEnv::new();
    env.write("config.toml", CONFIG);
    env.set("SETLIST_CONFIG", "config.toml");
    env
}

#[test]
fn nothing_was_ever_run() {
    assert_snapshot!(env().run(&["budget", "--offline"]), @r"
    exit: 0
    --- stdout
    account    simulator
    period     2026-11-15 to 2026-12-15 (UTC), 23 days to renewal, unused credits expire
    budget     100: 0 used (0.0%), 0 held, 100 left
    month      1000: 0 used (0.0%), 0 held, 1000 left
    balance    not known: it was never read
    pace       0.0 a day used; 4.3 a day left until renewal, by the budget
    runs out   never at this pace: nothing was used
    alerts     10% of the budget used: not crossed
               80% of the budget used: not crossed
               balance below 990: not known
    --- stderr
    ");
}

#[test]
fn what_a_run_used_is_shown_and_alerts_are_crossed() {
    let env = env();
    env.write("songs.toml", SONGS);
    env.run_ok(0, &["run", "songs.toml"]);
    assert_snapshot!(env.run(&["budget"]), @r"
    exit: 0
    --- stdout
    account    simulator
    period     2026-11-15 to 2026-12-15 (UTC), 23 days to renewal, unused credits expire
    budget     100: 20 used (20.0%), 0 held, 80 left
    month      1000: 20 used (2.0%), 0 held, 980 left
    balance    980 now (0 extra), 0 held, 980 can be spent
    pace       2.6 a day used; 3.4 a day left until renewal, by the budget
    runs out   2026-12-22 at this pace, not before renewal
    alerts     10% of the budget used: crossed
               80% of the budget used: not crossed
               balance below 990: crossed

      run                                   manifest  state     used  held
      $RUN  songs     finished    20     0
    --- stderr
    ");
    let budget: Value = serde_json::from_str(&env.run_ok(0, &["budget", "--json"])).unwrap();
    assert_eq!(budget["budget"]["left"], 80);
    assert_eq!(budget["balance"]["available"], 980);
    assert_eq!(budget["runs"][0]["used"], 20);
    let offline = env.run_ok(
        0,
        &["budget", "--offline", "--period-budget", "50", "--json"],
    );
    let offline: Value = serde_json::from_str(&offline).unwrap();
    assert_eq!(offline["budget"]["left"], 30);
    assert_eq!(offline["balance"]["available"], Value::Null);
    assert_eq!(offline["balance"]["spendable"], 980);
}

#[test]
fn a_rehearsal_that_begins_with_its_credits_again_bought_none() {
    let env = env();
    for credits in ["1000", "1000", "100"] {
        let credits = format!("[provider.simulator]\ncredits = {credits}");
        env.write(
            "songs.toml",
            &SONGS.replace("[provider.simulator]", &credits),
        );
        env.run_ok(0, &["run", "songs.toml", "--fresh"]);
    }
    let shown = env.run_ok(0, &["budget"]);
    assert!(shown.contains("60 used"), "{shown}");
    assert!(!shown.contains("drift"), "{shown}");
}

#[test]
fn a_payment_in_doubt_is_held_and_the_command_that_frees_it_is_named() {
    let env = env();
    let faults = "[provider.simulator]\nfaults = [\"reset-before@1\"]";
    env.write("songs.toml", &SONGS.replace("[provider.simulator]", faults));
    env.run_ok(5, &["run", "songs.toml", "--keep-doubts"]);
    let shown = env.run(&["budget", "--offline"]);
    let (_, runs) = shown.split_once("\n\n").unwrap();
    assert_snapshot!(runs, @r"
      run                                   manifest  state    used  held
      $RUN  songs     stopped    10    10

    10 held by runs that nobody works on; to free them:
      setlist resolve $RUN  (10)
    --- stderr
    ");
}

#[test]
fn a_key_is_needed_only_where_somebody_is_asked() {
    let env = TestEnv::new();
    env.run_ok(3, &["budget", "--provider", "aimusicapi"]);
    env.run_ok(0, &["budget", "--provider", "aimusicapi", "--offline"]);
}
