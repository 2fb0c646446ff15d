//! Commands that need neither manifest nor ledger.

use insta::assert_snapshot;
use setlist::catalog::Catalog;
use setlist::manifest::json_schema;
use setlist::sim::SimOptions;

use crate::test_env::TestEnv;

#[test]
fn prices_of_the_guide() {
    assert_snapshot!(TestEnv::new().run(&["costs"]));
}

#[test]
fn an_unknown_price_list() {
    assert_snapshot!(TestEnv::new().run(&["costs", "--prices", "gide"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: no price list is called `gide`; there are guide, aimusicapi-2026-09, musicapi-2026-10
    hint: a list of your own: --prices FILE.toml
    ");
}

#[test]
fn an_error_for_programs() {
    assert_snapshot!(TestEnv::new().run(&["costs", "--prices", "gide", "--json"]), @r#"
    exit: 2
    --- stdout
    --- stderr
    {"error":"no price list is called `gide`; there are guide, aimusicapi-2026-09, musicapi-2026-10","causes":[],"hints":["a list of your own: --prices FILE.toml"],"exit_code":2}
    "#);
}

#[test]
fn a_configuration_with_an_unknown_key() {
    let env = TestEnv::new();
    env.write("config.toml", "[account]\nrenews = 1\n");
    assert_snapshot!(env.run(&["costs", "--config", "config.toml"]), @r"
    exit: 2
    --- stdout
    --- stderr
    error: unknown key `renews`, expected one of `provider`, `name`, `key_env`, `key_file`, `key_command`, `base_url`, `monthly_credits`, `renews_on`, `time_zone`, `rollover`, `budget`, `rate`, `concurrency`
     --> config.toml:2:1
      |
    2 | renews = 1
      | ^^^^^^
    ");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let env = TestEnv::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = env.command(&["costs"]).stdout(writer).output().unwrap();
    assert_eq!(env.shown(&output), "exit: 0\n--- stdout\n--- stderr\n");
}

#[test]
fn a_flag_wins_over_its_variable() {
    let mut env = TestEnv::new();
    env.set("SETLIST_PRICES", "gide");
    env.run_ok(2, &["costs"]);
    env.run_ok(0, &["costs", "--prices", "guide"]);
}

#[test]
fn completions_are_written_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = TestEnv::new().run_ok(0, &["completions", shell]);
        assert!(script.contains("setlist"), "{shell}");
    }
}

#[test]
fn a_manifest_can_set_all_that_the_simulator_has() {
    let schema = json_schema(Catalog::builtin());
    let section = &schema["properties"]["provider"]["properties"]["simulator"]["properties"];
    let mut known: Vec<&str> = section
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    // A key is for a simulator behind a socket.
    let mut wanted: Vec<&str> = SimOptions::KEYS
        .iter()
        .copied()
        .filter(|key| *key != "key")
        .collect();
    known.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(known, wanted);
}
