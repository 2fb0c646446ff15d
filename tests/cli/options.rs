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
