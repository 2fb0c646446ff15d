//! What programs read: exit codes, JSON, closed pipes; and every manifest and example as it is.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::{Running, Sim, World, project, songs};

#[test]
fn a_plan_as_json_says_what_it_costs_and_what_is_short() {
    let world = World::new();
    world.write("m.toml", songs("plan", 8));
    let plan = |balance: &str| {
        world
            .run(&[
                "plan",
                "m.toml",
                "--offline",
                "--balance",
                balance,
                "--json",
            ])
            .expect(0)
            .json()
    };
    for (balance, affordable, short) in [("80", true, 0), ("79", false, 1), ("0", false, 80)] {
        let plan = plan(balance);
        assert_eq!(plan["job_count"], 8);
        assert_eq!(plan["total_credits"], 80);
        assert_eq!(plan["affordable"], affordable, "{balance}");
        assert_eq!(plan["shortfall_credits"], short, "{balance}");
        let jobs = plan["jobs"].as_array().unwrap();
        assert_eq!(jobs.len(), 8);
        assert!(jobs.iter().all(|job| job["id"].is_string()
            && job["operation"] == "producer.create"
            && job["credits"] == 10));
    }
}

#[test]
fn a_detailed_exit_code_tells_nothing_affordable_and_short_apart() {
    let sim = Sim::new(1000, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("code", 2));
    let plan = |balance: &str| {
        let args = [
            "plan",
            "m.toml",
            "--offline",
            "--balance",
            balance,
            "--detailed-exitcode",
        ];
        world.run(&args)
    };
    plan("20").expect(2);
    plan("19").expect(4);
    world.run(&["run", "m.toml"]).expect(0);
    plan("20").expect(0);
    plan("0").expect(0);
}

#[test]
fn a_dry_run_sends_nothing() {
    let sim = Sim::new(1000, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("rehearsal", 2));
    let done = world.run(&["run", "m.toml", "--dry-run"]).expect(0);
    assert!(done.stdout.contains("20"), "{done:#?}");
    assert_eq!(sim.audit().requests(), 0);
}

#[test]
fn every_command_that_prints_prints_json() {
    let sim = Sim::new(1000, &[]);
    let world = World::with(&sim);
    world.write("m.toml", songs("json", 2));
    for args in [
        &["check", "m.toml", "--json"][..],
        &["plan", "m.toml", "--json"],
        &["run", "m.toml", "--json"],
        &["status", "--json"],
        &["runs", "--json"],
        &["report", "--json"],
        &["credits", "--json"],
        &["costs", "--json"],
        &["costs", "--diff", "guide", "aimusicapi-2026-09", "--json"],
        &["resolve", "--json"],
        &["schema", "--json"],
    ] {
        world.run(args).expect(0).json();
    }
    let events = world
        .run(&["run", "m.toml", "--fresh", "--json", "--events"])
        .expect(0);
    assert!(events.stdout.lines().count() > 2);
    for line in events.stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
    world.write("bad.toml", "name = 3\n");
    let refused = world.run(&["run", "bad.toml", "--json"]).expect(2);
    serde_json::from_str::<serde_json::Value>(&refused.stderr)
        .unwrap_or_else(|e| panic!("{e}: {refused:#?}"));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let world = World::new();
    world.write("m.toml", songs("pipe", 4000));
    for args in [
        &["plan", "m.toml", "--offline", "--json"][..],
        &["plan", "m.toml", "--offline"],
        &["plan", "m.toml", "--offline", "--format", "csv"],
    ] {
        let mut child = world
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(!line.is_empty());
        let end = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&end.stderr);
        assert!(stderr.is_empty(), "{args:?}: {stderr}");
        assert!(
            matches!(end.status.code(), Some(0) | None | Some(141)),
            "{args:?}: {:?}",
            end.status
        );
    }
}

#[test]
fn every_manifest_is_planned_and_run() {
    for entry in std::fs::read_dir(project().join("manifests")).unwrap() {
        let path = entry.unwrap().path();
        // Beside them lie what they read: rows and sound.
        if !["toml", "yaml"]
            .map(OsStr::new)
            .contains(&path.extension().unwrap())
        {
            continue;
        }
        let sim = Sim::new(1000, &["--audio-seconds", "90"]);
        let world = World::of("simulator", &sim);
        let manifest = path.to_str().unwrap();
        world.run(&["check", manifest]).expect(0);
        let plan = world.run(&["plan", manifest, "--json"]).expect(0).json();
        world.run(&["run", manifest]).expect(0);
        let name = plan["manifest"].as_str().unwrap();
        assert_eq!(plan["total_credits"], sim.audit().charged(), "{manifest}");
        assert_eq!(world.charged(name), sim.audit().charged(), "{manifest}");
        world.run(&["run", manifest]).expect(0);
        assert_eq!(
            plan["total_credits"],
            sim.audit().charged(),
            "{manifest} again"
        );
    }
}

#[test]
fn every_manifest_runs_without_a_simulator_of_its_own() {
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(project().join("manifests")).unwrap() {
        let path = entry.unwrap().path();
        // Beside them lie what they read: rows and sound.
        if !["toml", "yaml"]
            .map(OsStr::new)
            .contains(&path.extension().unwrap())
        {
            continue;
        }
        let world = World::new();
        let mut done = world.run(&["run", path.to_str().unwrap()]);
        if path.ends_with("running-dry.toml") && done.code == Some(8) {
            done = world.run(&["resume"]);
        }
        if done.code != Some(0) {
            failed.push((path, done));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_examples_run() {
    let examples = Path::new(env!("CARGO_BIN_EXE_setlist"))
        .parent()
        .unwrap()
        .join("examples");
    let world = World::new();
    let manifest = project().join("manifests/first-song.toml");
    let run = |name: &str, args: &[&str]| {
        let mut command = Command::new(examples.join(name));
        command.current_dir(world.work()).arg(&manifest).args(args);
        Running::of(command).finish().expect(0)
    };
    let priced = run("price_a_batch", &[]);
    assert!(priced.stdout.contains("45  all 4 jobs"), "{priced:#?}");
    let out = world.work().join("results");
    let ran = run("run_on_the_simulator", &[out.to_str().unwrap()]);
    assert!(ran.stderr.contains("45 credits charged"), "{ran:#?}");
    assert_eq!(
        ran.stdout.lines().count(),
        5,
        "a header and four jobs: {ran:#?}"
    );
}
