//! `explain`: where each value of one job comes from, what it costs, and why it is bought or not.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::test_env::TestEnv;

const SHARED: &str = "[defaults.\"*\"]\ntags = \"lofi\"\n";

const TOUR: &str = r#"
name = "tour"
include = ["shared.toml"]

[vars]
mood = "calm"

[defaults."suno.create"]
model = "sonic-v4"

[profile.dev]
vars.mood = "quick"
defaults."suno.create".model = "sonic-v5"

[profile.short]
sample = 1

[[job]]
id = "song"
operation = "music.create"
takes = 2
priority = 3
with = { quality = "highest", title = "Neon ${take}", lyrics = "la ${vars.mood}" }

[[job]]
id = "cue"
operation = "producer.create"
for_each = "cues.csv"
matrix = { style = ["jazz", "dub"] }
save = "cues/${each.name}-${matrix.style}.{ext}"
with = { description = "${each.brief}, ${matrix.style}", title = "${each.title}" }

[[job]]
id = "wav"
operation = "suno.wav"
for_each = "jobs.song.clips"
with = { clip = "${each.clip_id}" }
"#;

const CUES: &str = "name,brief,title\na,\"rain\nat night\",Rain\nb,sun,\n";

fn tour() -> TestEnv {
    let env = TestEnv::new();
    env.write("tour.toml", TOUR);
    env.write("shared.toml", SHARED);
    env.write("cues.csv", CUES);
    env
}

fn explained(env: &TestEnv, args: &[&str]) -> String {
    env.run_ok(0, &[&["explain"], args].concat())
}

fn parsed(env: &TestEnv, args: &[&str]) -> Value {
    serde_json::from_str(&explained(env, &[args, &["--json"]].concat())).unwrap()
}

fn param<'v>(job: &'v Value, name: &str) -> &'v Value {
    let params = job["params"].as_array().unwrap();
    let found = params.iter().find(|param| param["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {job}"))
}

#[test]
fn a_choice_defaults_variables_and_what_is_implied() {
    assert_snapshot!(explained(&tour(), &["song#2", "tour.toml"]), @r##"
    song#2: suno.create, new, 10 credits

    new        it is bought; no run of the account has paid for it
    entry      tour.toml:19
    chosen     suno.create for music.create: Suno gives the highest quality, at two clips per call; it takes some minutes; quality = "highest": with (tour.toml:23)
    price      10 credits by `guide` (2025-11)
    priority   3

      parameter     value           from
      lyrics        "la calm"       with (tour.toml:23); vars.mood (tour.toml:6)
      title         "Neon 2"        with (tour.toml:23); take 2
      tags          "lofi"          [defaults."*"], included (shared.toml:2)
      model         "sonic-v4"      [defaults."suno.create"] (tour.toml:9)
      custom_mode   true            implied by lyrics
      task_type     "create_music"  always sent with the operation
      use_suno_cdn  false           always sent with the operation
    "##);
}

#[test]
fn a_row_of_a_csv_file_and_a_combination_of_the_matrix() {
    assert_snapshot!(explained(&tour(), &["cue[4]", "tour.toml"]), @r##"
    cue[4]: producer.create, new, 10 credits

    new        it is bought; no run of the account has paid for it
    entry      tour.toml:26
    row        2 of cues.csv (cues.csv:4), matrix.style = "dub"
    price      10 credits by `guide` (2025-11)
    saved to   cues/b-dub.{ext}: save (tour.toml:30); column name (cues.csv:4); matrix.style (tour.toml:29)
    priority   0

      parameter    value           from
      description  "sun, dub"      with (tour.toml:31); column brief (cues.csv:4); matrix.style (tour.toml:29)
      title        -               not sent; empty: with (tour.toml:31); column title (cues.csv:4)
      task_type    "create_music"  always sent with the operation
    "##);
}

#[test]
fn a_profile_and_a_flag_replace_what_is_written() {
    let env = tour();
    let job = parsed(&env, &["song#1", "tour.toml", "--profile", "dev"]);
    let model = param(&job, "model");
    assert_eq!(model["value"], "sonic-v5");
    assert_eq!(model["origin"]["table"], "defaults.suno.create");
    assert_eq!(model["origin"]["profile"], "dev");
    assert_eq!(
        model["origin"]["at"],
        json!({"file": "tour.toml", "line": 13})
    );
    let mood = json!({"kind": "variable", "name": "mood", "value": "quick", "at": {"file": "tour.toml", "line": 12},
        "profile": "dev", "flag": false, "replaces": "calm"});
    assert_eq!(param(&job, "lyrics")["origin"]["filled_in"], json!([mood]));
    let tags = &param(&job, "tags")["origin"];
    assert_eq!(tags["included"], true);
    assert_eq!(tags["at"], json!({"file": "shared.toml", "line": 2}));

    // A flag wins over the profile, and replaces what the manifest says.
    let flags = [
        "song#1",
        "tour.toml",
        "--profile",
        "dev",
        "--var",
        "mood=wild",
    ];
    let job = parsed(&env, &flags);
    let mood = json!({"kind": "variable", "name": "mood", "value": "wild", "at": null, "profile": null, "flag": true,
        "replaces": "calm"});
    assert_eq!(param(&job, "lyrics")["value"], "la wild");
    assert_eq!(param(&job, "lyrics")["origin"]["filled_in"], json!([mood]));
    let job = parsed(&env, &["song#1", "tour.toml"]);
    let mood = &param(&job, "lyrics")["origin"]["filled_in"][0];
    assert_eq!(
        (&mood["flag"], &mood["replaces"]),
        (&json!(false), &Value::Null)
    );
}

#[test]
fn yaml_rows_in_the_manifest_and_json_lines() {
    let env = TestEnv::new();
    env.write(
        "rows.jsonl",
        "{\"brief\": \"rain\"}\n\n{\"brief\": \"sun\"}\n",
    );
    let text = "vars:\n  mood: calm\ndefaults:\n  producer.create:\n    title: ${vars.mood}\njob:\n\
        - id: a\n  operation: producer.create\n  for_each:\n  - brief: one\n  - brief: two\n  with:\n    description: ${each.brief}\n\
        - id: b\n  operation: producer.create\n  for_each: rows.jsonl\n  with:\n    description: ${each.brief}\n";
    env.write("a.yaml", text);
    assert_snapshot!(explained(&env, &["a[2]", "a.yaml"]), @r##"
    a[2]: producer.create, new, 10 credits

    new        it is bought; no run of the account has paid for it
    entry      a.yaml:7
    row        2 of for_each (a.yaml:11)
    price      10 credits by `guide` (2025-11)
    priority   0

      parameter    value           from
      description  "two"           with (a.yaml:13); column brief (a.yaml:11)
      title        "calm"          [defaults."producer.create"] (a.yaml:5); vars.mood (a.yaml:2)
      task_type    "create_music"  always sent with the operation
    "##);
    let job = parsed(&env, &["b[2]", "a.yaml"]);
    let column =
        json!({"kind": "column", "name": "brief", "at": {"file": "rows.jsonl", "line": 3}});
    assert_eq!(
        param(&job, "description")["origin"]["filled_in"],
        json!([column])
    );
    assert_eq!(job["row"]["number"], 2);

    let mut child = env.command(&["explain", "a[2]", "-", "--format-in", "yaml"]);
    let child = child.stdin(std::fs::File::open(env.work().join("a.yaml")).unwrap());
    let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
    assert!(said.contains("with (-:13); column brief (-:11)"), "{said}");
}

#[test]
fn files_and_text_around_results_are_named() {
    let env = tour();
    let text = "[[job]]\nid = 'up'\noperation = 'suno.upload'\nwith.url = { file = 'hum.wav' }\n\
        [[job]]\nid = 'two'\noperation = 'producer.create'\n\
        with.description = 'as ${jobs.up.clip_id} was'\n";
    env.write("up.toml", text);
    env.write("hum.wav", "RIFF\x24\0\0\0WAVE");
    let said = explained(&env, &["up", "up.toml"]);
    assert!(
        said.contains("  url        file hum.wav  with (up.toml:4)\n"),
        "{said}"
    );
    let said = explained(&env, &["two", "up.toml"]);
    let value = r#""as " + clip_id of up + " was"  with (up.toml:8); jobs.up.clip_id; known once up is done"#;
    assert!(said.contains(value), "{said}");
}

#[test]
fn a_price_names_its_condition() {
    let args = ["song#1", "tour.toml", "--prices", "aimusicapi-2026-09"];
    let env = tour();
    let price = parsed(&env, &args)["price"].clone();
    assert_eq!(price["credits"], 10);
    let when = price["when"].as_str().unwrap().to_owned();
    assert!(when.contains("`lyrics` is given"), "{when}");
    let other = parsed(&env, &[&args[..], &["--profile", "dev"]].concat());
    assert_ne!(other["price"]["when"], when.as_str());
}

#[test]
fn a_job_that_is_paid_for_names_its_run_and_gives_its_values() {
    let env = tour();
    let before = parsed(&env, &["wav[2]", "tour.toml"]);
    assert_eq!(before["disposition"], "new");
    assert_eq!(before["needs"], json!(["song#1"]));
    let reference = json!({"job": "song#1", "path": "clips[1].clip_id", "value": null});
    assert_eq!(param(&before, "clip")["references"], json!([reference]));

    env.run_ok(0, &["run", "tour.toml", "--yes", "--only", "song"]);
    assert_snapshot!(
        env.run(&["explain", "wav[2]", "tour.toml"]).replace(&clip(&env), "$CLIP"), @r##"
    exit: 0
    --- stdout
    wav[2]: suno.wav, new, 10 credits

    new        it is bought; no run of the account has paid for it
    entry      tour.toml:34
    row        2 of jobs.song.clips
    price      10 credits by `guide` (2025-11)
    needs      song#1
    priority   0

      parameter  value                                   from
      clip       "$CLIP"  with (tour.toml:37); each.clip_id; clips[1].clip_id of song#1, paid for before
    --- stderr
    "##);
    let song = parsed(&env, &["song#1", "tour.toml"]);
    assert_eq!(
        (&song["disposition"], &song["credits"]),
        (&json!("reused"), &json!(0))
    );
    assert_eq!(song["purchase"]["job"], "song#1");
    let at = song["purchase"]["at"].as_str().unwrap();
    assert!(song["reason"].as_str().unwrap().ends_with(at), "{song}");
    let fresh = parsed(&env, &["song#1", "tour.toml", "--fresh"]);
    assert_eq!(
        (&fresh["disposition"], &fresh["credits"]),
        (&json!("new"), &json!(10))
    );
}

/// Returns the clip that the second wav is made of.
fn clip(env: &TestEnv) -> String {
    let job = parsed(env, &["wav[2]", "tour.toml"]);
    let value = &param(&job, "clip")["references"][0]["value"];
    value.as_str().unwrap_or_else(|| panic!("{job}")).to_owned()
}

#[test]
fn what_is_left_out_says_why() {
    let env = tour();
    let out = |args: &[&str]| {
        let job = parsed(&env, &[&["cue[4]", "tour.toml"], args].concat());
        assert_eq!(
            (&job["disposition"], &job["credits"]),
            (&json!("left-out"), &json!(0))
        );
        job["reason"].as_str().unwrap().to_owned()
    };
    let only = out(&["--only", "song,wav", "--var", "mood=x"]);
    assert_eq!(only, "`--only song --only wav` does not ask for it");
    assert_eq!(out(&["--sample", "1"]), "`--sample 1` does not ask for it");
    assert_eq!(
        out(&["--profile", "short"]),
        "`--profile short` does not ask for it"
    );
    env.write(
        "tour.toml",
        &TOUR.replacen("name", "budget.when_short = 'fit'\nname", 1),
    );
    let fit = out(&["--balance", "40"]);
    assert_eq!(
        fit,
        "it does not fit into 40 credits beside jobs that come before it"
    );
    let song = parsed(&env, &["song#1", "tour.toml", "--balance", "40"]);
    assert_eq!(song["disposition"], "new");
}

#[test]
fn a_name_that_no_job_has_brings_the_nearest() {
    let env = tour();
    let said = env.run(&["explain", "cue/3", "tour.toml"]);
    assert_snapshot!(said, @r##"
    exit: 2
    --- stdout
    --- stderr
    error: the plan has no job `cue/3`
    hint: did you mean `cue[3]`?
    "##);
    let said = env.run(&["explain", "cue", "tour.toml"]);
    assert!(
        said.contains("hint: did you mean `cue[1]` or `cue[2]` or `cue[3]`?"),
        "{said}"
    );
    let said = env.run(&["explain", "tambourine", "tour.toml", "--only", "song"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
    assert!(said.contains("the plan has no job `tambourine`"), "{said}");
}
