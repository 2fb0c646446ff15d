//! The date of the run in a manifest: in the account's time zone, another job each day, and kept by a resume.

use crate::test_env::TestEnv;

const NEWS: &str = r#"
name = "news"

[provider.simulator]
speed = 100000
faults = ["402@2"]

[[job]]
id = "headline"
operation = "lyrics.generate"
save = "${run.date}-headline.{ext}"
with = { description = "the news of ${run.date}" }

[[job]]
id = "jingle"
operation = "lyrics.generate"
save = "${run.date}-jingle.{ext}"
with = { description = "the same each day" }
needs = ["headline"]
"#;

fn run_at(env: &TestEnv, time: &str, args: &[&str]) -> Option<i32> {
    let mut command = env.command(args);
    let status = command.env("SETLIST_NOW", time).status().unwrap();
    status.code()
}

/// Returns job, credits charged and files of each row.
fn rows(env: &TestEnv) -> Vec<String> {
    let columns = |row: &str| {
        let cells: Vec<&str> = row.split(',').collect();
        format!("{} {} {}", cells[1], cells[7], cells[15])
    };
    let report = env.read("out/news/spend.csv");
    report.lines().skip(1).map(columns).collect()
}

#[test]
fn a_job_with_the_date_is_another_job_each_day() {
    let env = TestEnv::new();
    env.write("news.toml", NEWS);
    // It stops at the second job, and goes on the day after: the run is still one of the first day.
    assert_eq!(
        run_at(&env, "2026-11-22T23:00:00Z", &["run", "news.toml"]),
        Some(8)
    );
    assert_eq!(run_at(&env, "2026-11-23T23:00:00Z", &["resume"]), Some(0));
    assert_eq!(
        rows(&env),
        [
            "headline 5 2026-11-22-headline-1.txt;2026-11-22-headline-2.txt",
            "jingle 5 2026-11-22-jingle-1.txt;2026-11-22-jingle-2.txt",
        ]
    );
    env.write("news.toml", &NEWS.replace("faults", "# faults"));
    assert_eq!(
        run_at(&env, "2026-11-24T23:00:00Z", &["run", "news.toml"]),
        Some(0)
    );
    let next = rows(&env);
    assert!(
        next[0].starts_with("headline 5 2026-11-24-headline-1.txt"),
        "{next:?}"
    );
    assert!(next[1].starts_with("jingle 0 "), "{next:?}");
}

#[test]
fn the_date_is_that_of_the_account() {
    let env = TestEnv::new();
    env.write("news.toml", &NEWS.replace("faults", "# faults"));
    let config = env.write("config.toml", "[account]\ntime_zone = \"Europe/Berlin\"\n");
    let config = config.to_str().unwrap().to_owned();
    let run = ["run", "news.toml", "--config", &config];
    assert_eq!(run_at(&env, "2026-11-22T23:30:00Z", &run), Some(0));
    assert!(rows(&env)[0].contains("2026-11-23-headline"));
}
