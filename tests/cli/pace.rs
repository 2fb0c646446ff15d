//! The pace of a run that is gone on with: as the run was started, unless a flag or its variable says otherwise.

use crate::test_env::TestEnv;

/// Twelve jobs of one request each, a second apart; credits run out at each fourth.
const LINES: &str = r#"
name = "lines"

[provider.simulator]
seed = 7
rate = "off"
faults = ["402@4", "402@8", "402@12"]

[limits]
rate = "1/1s"
concurrency = 1

[[job]]
id = "line"
operation = "lyrics.generate"
takes = 12
with = { description = "one line" }
"#;

/// Returns the seconds between the last two requests that were accepted.
fn last_step_s(env: &TestEnv) -> u64 {
    let report = env.read("out/lines/spend.csv");
    let second = |row: &str| -> Option<u64> {
        let time = row.split(',').nth(13)?.get(11..19)?;
        let part = |at: usize| time[at..at + 2].parse::<u64>().ok();
        Some(part(0)? * 3600 + part(3)? * 60 + part(6)?)
    };
    let mut seconds: Vec<u64> = report.lines().skip(1).filter_map(second).collect();
    seconds.sort_unstable();
    let last = seconds.len() - 1;
    seconds[last] - seconds[last - 1]
}

#[test]
fn a_resume_goes_at_the_pace_it_is_given_and_else_at_the_runs_own() {
    let mut env = TestEnv::new();
    env.write("lines.toml", LINES);
    env.run_ok(8, &["run", "lines.toml"]);
    assert_eq!(last_step_s(&env), 1);
    env.set("SETLIST_RATE", "1/50s");
    env.run_ok(8, &["resume", "--rate", "1/100s", "--concurrency", "2"]);
    assert_eq!(last_step_s(&env), 100, "the flag wins over its variable");
    env.run_ok(8, &["resume"]);
    assert_eq!(last_step_s(&env), 50, "the variable wins over the run");
    let mut plain = env.command(&["resume"]);
    assert!(plain.env_remove("SETLIST_RATE").status().unwrap().success());
    assert_eq!(last_step_s(&env), 1, "the run's own pace has not changed");
}

#[test]
fn a_resume_takes_how_long_to_wait_too() {
    let env = TestEnv::new();
    let faults = r#"faults = ["402@1", "slow@2:40s"]"#;
    let (before, after) = LINES.split_once("faults").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    env.write(
        "lines.toml",
        &format!("{before}{faults}\n{after}").replace("takes = 12\n", ""),
    );
    env.run_ok(8, &["run", "lines.toml"]);
    env.run_ok(5, &["resume", "--timeout", "30s", "--keep-doubts"]);
    let report = env.read("out/lines/spend.csv");
    assert!(
        report.contains("in-doubt") && report.contains("30 s"),
        "{report}"
    );
}
