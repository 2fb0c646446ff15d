//! Profiles and variables from the command line: what they change, what is refused, and what a saved plan and a run keep.

use insta::assert_snapshot;

use crate::test_env::TestEnv;

const CUES: &str = r#"
name = "cues"

[vars]
mood = "calm"
bpm = 90

[profile.dev]
budget.run = 20
defaults."*".duration = 30

[profile.full]
defaults."*".duration = 120

[[job]]
id = "cue"
operation = "suno.create"
with = { description = "${vars.mood} at ${vars.bpm}" }

[[job]]
id = "wav"
operation = "suno.wav"
with = { clip = "${jobs.cue.clips[0].clip_id}" }
"#;

fn cues() -> TestEnv {
    let env = TestEnv::new();
    env.write("cues.toml", CUES);
    env
}

/// Returns exit code and standard error.
fn fails(env: &TestEnv, args: &[&str]) -> String {
    let said = env.run(args);
    let (code, _) = said.split_once('\n').unwrap();
    let (_, stderr) = said.split_once("--- stderr\n").unwrap();
    format!("{code}\n{stderr}")
}

#[test]
fn check_looks_at_every_profile() {
    let env = cues();
    assert_eq!(
        env.run_ok(0, &["check", "cues.toml"]),
        "cues: 2 jobs, 2 profiles, no problems\n"
    );
    env.write("cues.toml", &CUES.replace("duration = 120", "duration = 1"));
    let said = fails(&env, &["check", "cues.toml", "--profile", "dev"]);
    assert!(said.contains("cues.toml:13:25"), "{said}");
    env.run_ok(0, &["plan", "cues.toml", "--offline", "--profile", "dev"]);
}

#[test]
fn a_variable_of_the_environment_chooses_and_a_flag_wins() {
    let mut env = cues();
    let cap = |env: &TestEnv, more: &[&str]| {
        let args = [&["plan", "cues.toml", "--offline", "--json"], more].concat();
        let plan: serde_json::Value = serde_json::from_str(&env.run_ok(0, &args)).unwrap();
        plan["limits"][0]["of"].clone()
    };
    let with_dev = cap(&env, &["--profile", "dev"]);
    let plain = cap(&env, &[]);
    assert_ne!(with_dev, plain);
    env.set("SETLIST_PROFILE", "dev");
    assert_eq!(cap(&env, &[]), with_dev);
    assert_eq!(cap(&env, &["--profile", "full"]), plain);
    let capped = cap(&env, &["--max-credits", "300"]);
    assert_ne!(capped, with_dev, "a flag wins over the profile");
}

#[test]
fn what_the_manifest_does_not_have_is_refused() {
    let env = cues();
    let said = fails(
        &env,
        &[
            "run",
            "cues.toml",
            "--profile",
            "ful",
            "--var",
            "moot=x",
            "--var",
            "bpm=fast",
        ],
    );
    assert_snapshot!(said, @r#"
    exit: 2
    error: unknown profile `ful`
     --> --profile:1:1
      |
    1 | ful
      | ^^^ did you mean `full`?
      |
      = hint: there are `dev` and `full`

    error: unknown variable `moot`
     --> --var:1:1
      |
    1 | moot=x
      | ^^^^ did you mean `mood`?
      |
      = hint: there are `mood` and `bpm`

    error: variable `bpm` takes a whole number
     --> --var:1:5
      |
    1 | bpm=fast
      |     ^^^^ the manifest has a whole number there
    "#);
    let said = fails(&env, &["plan", "cues.toml", "--var", "mood"]);
    assert!(said.contains("`mood` is not NAME=VALUE"), "{said}");
    env.run_ok(0, &["runs"]);
}

#[test]
fn a_saved_plan_keeps_its_options() {
    let mut env = cues();
    let plan = [
        "plan",
        "cues.toml",
        "--profile",
        "dev",
        "--var",
        "mood=a b=c",
        "-o",
        "cues.plan",
    ];
    env.run_ok(0, &plan);
    let said = fails(
        &env,
        &[
            "run",
            "cues.plan",
            "--var",
            "mood=wild",
            "--profile",
            "full",
        ],
    );
    assert_snapshot!(said, @r#"
    exit: 2
    error: a saved plan is carried out as it is: `--profile`, `--var` would change it
    hint: leave it out, also as a variable SETLIST_…, or plan again with it
    "#);
    env.set("SETLIST_PROFILE", "dev");
    env.run_ok(0, &["run", "cues.plan"]);
    // The same words once more find everything paid for; others are other jobs.
    let again = env.run_ok(
        0,
        &[
            "plan",
            "cues.toml",
            "--profile",
            "dev",
            "--var",
            "mood=a b=c",
            "--detailed-exitcode",
        ],
    );
    assert!(again.contains("nothing to buy"), "{again}");
    env.run_ok(2, &["plan", "cues.toml", "--detailed-exitcode"]);
}

const TOUR: &str = r#"
name = "tour"

[profile.dev]
sample = 1
budget.run = 10

[[job]]
id = "cue"
for_each = ["rain", "sun", "sea"]
operation = "suno.create"
tags = ["rough"]
with = { description = "${each}" }

[[job]]
id = "wav"
for_each = "jobs.cue.clips"
operation = "suno.wav"
with = { clip = "${each.clip_id}" }
"#;

/// Returns the jobs of the last run of a manifest and what each was charged.
fn charged(env: &TestEnv, name: &str) -> Vec<String> {
    let report = env.read(&format!("out/{name}/spend.csv"));
    let row = |row: &str| {
        let cells: Vec<&str> = row.split(',').collect();
        format!("{} {}", cells[1], cells[7])
    };
    report.lines().skip(1).map(row).collect()
}

#[test]
fn a_part_is_run_first_and_the_rest_buys_only_what_is_new() {
    let env = TestEnv::new();
    env.write("tour.toml", TOUR);
    assert_eq!(
        env.run_ok(0, &["check", "tour.toml", "--sample", "1"]),
        "tour: 2 jobs, 1 profile, no problems\n"
    );
    env.run_ok(0, &["run", "tour.toml", "--only", "wav[3]"]);
    assert_eq!(charged(&env, "tour"), ["cue[2] 10", "wav[3] 10"]);
    env.run_ok(0, &["run", "tour.toml", "--tag", "rough", "--sample", "2"]);
    assert_eq!(charged(&env, "tour"), ["cue[1] 10", "cue[2] 0"]);
    let said = fails(
        &env,
        &[
            "run",
            "tour.toml",
            "--profile",
            "dev",
            "--only",
            "cue,wav[1]",
            "--max-credits",
            "9",
        ],
    );
    assert!(said.contains("costs 10 credits, 1 more than"), "{said}");
    env.run_ok(0, &["run", "tour.toml"]);
    let whole = charged(&env, "tour");
    let paid: Vec<&String> = whole.iter().filter(|row| row.ends_with(" 10")).collect();
    assert_eq!(whole.len(), 9, "{whole:?}");
    assert_eq!(paid.len(), 1 + 5, "{whole:?}");
}

#[test]
fn a_saved_plan_keeps_its_selection() {
    let env = TestEnv::new();
    env.write("tour.toml", TOUR);
    env.run_ok(
        0,
        &[
            "plan",
            "tour.toml",
            "--only",
            "wav[1],cue[2]",
            "-o",
            "tour.plan",
        ],
    );
    for flags in [
        &["--only", "cue"][..],
        &["--tag", "rough"],
        &["--sample", "1"],
    ] {
        let said = fails(&env, &[&["run", "tour.plan"], flags].concat());
        assert!(
            said.starts_with("exit: 2\nerror: a saved plan is carried out as it is"),
            "{said}"
        );
    }
    env.run_ok(0, &["run", "tour.plan", "--only", "wav[1],cue[2]"]);
    assert_eq!(
        charged(&env, "tour"),
        ["cue[1] 10", "cue[2] 10", "wav[1] 10"]
    );
}

#[test]
fn a_run_that_stopped_goes_on_with_its_own_jobs() {
    let env = TestEnv::new();
    env.write(
        "tour.toml",
        &format!("{TOUR}\n[provider.simulator]\nfaults = [\"402@2\"]\n"),
    );
    env.run_ok(
        8,
        &[
            "run",
            "tour.toml",
            "--sample",
            "2",
            "--only",
            "cue",
            "--concurrency",
            "1",
        ],
    );
    env.run_ok(0, &["resume"]);
    assert_eq!(charged(&env, "tour"), ["cue[1] 10", "cue[2] 10"]);
    let status = env.run_ok(0, &["status"]);
    assert!(
        status.contains("\noptions   --only cue --sample 2\n"),
        "{status}"
    );
}

#[test]
fn a_saved_plan_is_held_to_what_the_manifest_includes() {
    let env = TestEnv::new();
    env.write("house.toml", "[vars]\nmood = \"calm\"\n");
    let manifest = "name = \"house\"\ninclude = [\"house.toml\"]\n[[job]]\nid = \"cue\"\noperation = \"lyrics.generate\"\n\
        with = { description = \"${vars.mood}\" }\n";
    env.write("m.toml", manifest);
    env.run_ok(0, &["plan", "m.toml", "-o", "m.plan"]);
    env.write("house.toml", "[vars]\nmood = \"loud\"\n");
    let said = fails(&env, &["run", "m.plan"]);
    assert_snapshot!(said, @r#"
    exit: 2
    error: what this plan was made of has moved: nothing was started
      manifest `$WORK/m.toml`: its text changed, or one that it includes
      file `house.toml`: its text changed, 21 → 21 bytes
      jobs of `cue`: 1 changed, +0 credits
    hint: plan again: setlist plan $WORK/m.toml -o FILE.plan
    "#);
    env.write("house.toml", "[vars]\nmood = \"calm\"\n");
    env.run_ok(0, &["run", "m.plan"]);
    assert_eq!(charged(&env, "house"), ["cue 5"]);
}

#[test]
fn what_does_not_fit_is_written_with_the_options_it_was_planned_with() {
    let env = TestEnv::new();
    env.write(
        "house.toml",
        "[vars]\nmood = \"calm\"\n[profile.dev]\nvars.mood = \"dull\"\n",
    );
    let tour = TOUR.replace(
        "name = \"tour\"",
        "name = \"tour\"\ninclude = [\"house.toml\"]",
    );
    let tour = tour.replace("\"${each}\"", "\"${each} ${vars.mood}\"");
    env.write("tour.toml", &tour);
    let part = [
        "plan",
        "tour.toml",
        "--offline",
        "--profile",
        "dev",
        "--sample",
        "2",
        "--only",
        "cue",
    ];
    env.run_ok(
        0,
        &[&part[..], &["--fit", "10", "--remainder", "rest.toml"]].concat(),
    );
    let rest = env.read("rest.toml");
    assert!(
        rest.contains("\"dull\"") && !rest.contains("include") && !rest.contains("profile"),
        "{rest}"
    );
    env.run_ok(0, &["run", "rest.toml"]);
    let left = env.run_ok(0, &part);
    assert!(
        left.contains("cue[2]  suno.create        0  reused"),
        "{left}"
    );
}
