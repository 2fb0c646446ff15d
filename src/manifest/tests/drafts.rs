//! What jobs a right manifest makes.

use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::manifest::Format;
use crate::model::{Credits, Input};

use super::{Job, expand, jobs, read};

fn ids(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

fn inputs(job: &Job) -> Value {
    serde_json::from_str(&job.inputs).unwrap()
}

const ALBUM: &str = r#"
name = "midnight-drive"
prices = "guide"
[provider]
name = "simulator"
simulator = { credits = 500, failure_rate = 0.1, task_time = "2s" }
[limits]
rate = "20/1m"
concurrency = 10
poll = "20s"
timeout = "60s"
[budget]
run = 300
period = 1000
keep = 50
when_short = "fit"
[vars]
mood = "nocturnal"
[defaults."suno.create"]
model = "sonic-v4"
[[job]]
id = "stems"
for_each = "jobs.song.clips"
operation = "suno.stems"
with = { clip = "${each.clip_id}", detail = "basic" }
[[job]]
id = "lyrics"
operation = "lyrics.generate"
with = { description = "neon rain, ${vars.mood}" }
[[job]]
id = "song"
operation = "suno.create"
takes = 2
priority = 5
with = { title = "Neon Rain", tags = "synthwave", lyrics = "${jobs.lyrics.results[0].lyrics}" }
"#;

const ALBUM_YAML: &str = r#"
name: midnight-drive
prices: guide
provider:
  name: simulator
  simulator: {credits: 500, failure_rate: 0.1, task_time: 2s}
limits: {rate: 20/1m, concurrency: 10, poll: 20s, timeout: 60s}
budget:
  run: 300
  period: 1000
  keep: 50
  when_short: fit
vars:
  mood: nocturnal
defaults:
  suno.create: {model: sonic-v4}
job:
  - id: stems
    for_each: jobs.song.clips
    operation: suno.stems
    with: {clip: "${each.clip_id}", detail: basic}
  - id: lyrics
    operation: lyrics.generate
    with:
      description: neon rain, ${vars.mood}
  - id: song
    operation: suno.create
    takes: 2
    priority: 5
    with:
      title: Neon Rain
      tags: synthwave
      lyrics: ${jobs.lyrics.results[0].lyrics}
"#;

#[test]
fn a_chain_of_jobs_comes_out_upstream_first() {
    let jobs = jobs(ALBUM);
    assert_eq!(
        ids(&jobs),
        [
            "lyrics", "song#1", "song#2", "stems[1]", "stems[2]", "stems[3]", "stems[4]"
        ]
    );
    let needs: Vec<_> = jobs.iter().map(|job| job.needs.clone()).collect();
    assert_eq!(
        needs,
        [vec![], vec![0], vec![0], vec![1], vec![1], vec![2], vec![2]]
    );
    assert!(jobs.iter().zip(0..).all(|(job, at)| job.ordinal == at));
    assert_eq!(
        jobs[1].inputs,
        format!(
            r#"{{"lyrics":{{"$job":"{}","path":"results[0].lyrics"}},"model":"sonic-v4","tags":"synthwave","title":"Neon Rain"}}"#,
            jobs[0].fingerprint
        )
    );
    assert_eq!(jobs[1].inputs, jobs[2].inputs);
    assert_ne!(jobs[1].fingerprint, jobs[2].fingerprint);
    assert_eq!(
        inputs(&jobs[5]),
        json!({"clip": {"$job": jobs[2].fingerprint, "path": "clips[0].clip_id"}})
    );
    assert_eq!(jobs[5].operation, "suno.stems-basic");
}

#[test]
fn toml_and_yaml_mean_the_same() {
    let toml = read(ALBUM, Format::Toml, Path::new("")).unwrap();
    let yaml = read(ALBUM_YAML, Format::Yaml, Path::new("")).unwrap();
    assert_eq!(expand(&toml).unwrap(), expand(&yaml).unwrap());
    assert_eq!(toml.name, yaml.name);
    assert_eq!(toml.provider, yaml.provider);
    assert_eq!(toml.limits, yaml.limits);
    assert_eq!(toml.budget, yaml.budget);
    assert_eq!(toml.prices, yaml.prices);
    assert_eq!(toml.budget.run, Some(Credits::new(300)));
    assert_eq!(toml.provider.simulator["failure_rate"], json!(0.1));
    assert_eq!(toml.limits.concurrency, Some(10));
    assert_eq!(toml.entries()[0].id, "stems");
    assert_eq!(
        (toml.entries()[2].line, toml.entries()[2].priority),
        (30, 5)
    );
}

#[test]
fn a_name_is_not_an_identity_and_a_single_take_is_the_first() {
    let song = |id: &str, takes: &str| {
        jobs(&format!(
            "[[job]]\nid = \"{id}\"\n{takes}\noperation = \"suno.create\"\nwith = {{ description = \"x\" }}"
        ))
    };
    let (one, two) = (song("a", ""), song("b", "takes = 2"));
    assert_eq!(one[0].fingerprint, two[0].fingerprint);
    assert_ne!(one[0].fingerprint, two[1].fingerprint);
    assert_eq!((ids(&one), ids(&two)), (vec!["a"], vec!["b#1", "b#2"]));
}

#[test]
fn the_way_to_an_operation_is_no_part_of_the_identity() {
    let chosen = jobs(
        "[[job]]\nid = \"a\"\noperation = \"suno.stems\"\nwith = { clip = \"x\", detail = \"full\" }",
    );
    let direct =
        jobs("[[job]]\nid = \"a\"\noperation = \"suno.stems-full\"\nwith = { clip = \"x\" }");
    assert_eq!(chosen, direct);
}

#[test]
fn defaults_lie_below_one_another_and_count_as_inputs() {
    let jobs = jobs(
        r#"
[defaults."*"]
duration = 60
title = "all"
tags = "from-all"
[defaults."suno.create"]
title = "create"
[[job]]
id = "a"
operation = "suno.create"
with = { description = "x", tags = "own" }
[[job]]
id = "b"
operation = "suno.wav"
with = { clip = "x" }
"#,
    );
    assert_eq!(
        jobs[0].inputs,
        r#"{"description":"x","duration":60,"tags":"own","title":"create"}"#
    );
    assert_eq!(jobs[1].inputs, r#"{"clip":"x"}"#);
}

#[test]
fn values_keep_their_type_and_text_is_put_together() {
    let jobs = jobs(
        r#"
[vars]
length = 90
who = { name = "Ada" }
[[job]]
id = "a"
operation = "suno.create"
takes = 2
for_each = [{ t = "x", n = 5, f = true }, { t = "y", n = 6, f = false }]
save = "${each.t}/${take}-{n}.{ext}"
with = { description = "${each.t}${each.n} $${take} ${vars.who.name} ${take} ${each.f}", duration = "${vars.length}", instrumental = "${each.f}", extra = { deep = ["${each.n}", { x = "${take}" }], "$own" = 1 } }
"#,
    );
    assert_eq!(ids(&jobs), ["a[1]#1", "a[1]#2", "a[2]#1", "a[2]#2"]);
    assert_eq!(
        jobs[3].inputs,
        r#"{"description":"y6 ${take} Ada 2 false","duration":90,"extra":{"$$own":1,"deep":[6,{"x":2}]},"instrumental":false}"#
    );
    assert_eq!(jobs[3].save.as_deref(), Some("y/2-{n}.{ext}"));
}

#[test]
fn single_values_and_rows_without_a_value_work() {
    let jobs = jobs(
        r#"
[[job]]
id = "a"
operation = "suno.create"
for_each = ["rain", "snow"]
with = { description = "${each}" }
"#,
    );
    assert_eq!(jobs[1].inputs, r#"{"description":"snow"}"#);
}

#[test]
fn indexes_go_over_all_jobs_of_an_entry() {
    let jobs = jobs(
        r#"
[[job]]
id = "song"
operation = "suno.create"
for_each = ["rain", "snow"]
takes = 2
with = { description = "${each}" }
[[job]]
id = "wav"
operation = "suno.wav"
needs = ["song"]
with = { clip = "${jobs.song.clips[5].clip_id}" }
"#,
    );
    let wav = &jobs[4];
    let path = json!({"$job": jobs[2].fingerprint, "path": "clips[1].clip_id"});
    assert_eq!(inputs(wav), json!({"clip": path}));
    assert_eq!(wav.needs, [0, 1, 2, 3]);
}

#[test]
fn rows_may_choose_their_operation() {
    let text = r#"
[[job]]
id = "stems"
operation = "suno.stems"
for_each = [{ d = "basic" }, { d = "full" }]
with = { clip = "x", detail = "${each.d}" }
[[job]]
id = "wav"
operation = "suno.wav"
for_each = "jobs.stems.clips"
with = { clip = "${each.clip_id}" }
"#;
    let jobs = jobs(text);
    let catalog = Catalog::builtin();
    let clips = |name| catalog.get(catalog.find(name).unwrap()).clips;
    let (basic, full) = (clips("suno.stems-basic"), clips("suno.stems-full"));
    assert_eq!(jobs.len(), usize::try_from(2 + basic + full).unwrap());
    assert_eq!(jobs[1].operation, "suno.stems-full");
    let last = jobs.last().unwrap();
    let path = format!("clips[{}].clip_id", full - 1);
    assert_eq!(
        inputs(last),
        json!({"clip": {"$job": jobs[1].fingerprint, "path": path}})
    );
    assert_eq!(last.needs, [1]);
    let wrong = text.replace("\"full\"", "\"fulll\"");
    insta::assert_snapshot!(super::problems(&wrong), @r#"
error: `detail` in job `stems` takes `basic` or `full`
 --> batch.toml:5:36
  |
5 | for_each = [{ d = "basic" }, { d = "fulll" }]
  |                                    ^^^^^^^
"#);
}

#[test]
fn joins_with_references_keep_their_parts() {
    let jobs = jobs(
        r#"
[[job]]
id = "l"
operation = "lyrics.generate"
with = { description = "x" }
[[job]]
id = "s"
operation = "suno.create"
for_each = ["a"]
with = { description = "${each}: ${jobs.l.results[0].title}${jobs.l.results[1].title}!" }
"#,
    );
    let title = |at| json!({"$job": jobs[0].fingerprint, "path": format!("results[{at}].title")});
    assert_eq!(
        inputs(&jobs[1]),
        json!({"description": {"$join": ["a: ", title(0), title(1), "!"]}})
    );
    assert_eq!(jobs[1].needs, [0]);
}

#[test]
fn inputs_are_answered_with_defaults_and_without_references() {
    let text = r#"
[[job]]
id = "l"
operation = "lyrics.generate"
with = { description = "x" }
[[job]]
id = "s"
operation = "suno.create"
for_each = [{ m = "sonic-v4", t = "one" }, { m = "sonic-v5", t = "two" }]
with = { lyrics = "${jobs.l.results[0].lyrics}", model = "${each.m}", title = "of ${each.t}", tags = "z" }
"#;
    let manifest = read(text, Format::Toml, Path::new("")).unwrap();
    let mut seen = Vec::new();
    manifest
        .expand(Catalog::builtin(), &mut |draft| {
            let names = ["lyrics", "model", "title", "tags", "duration"];
            seen.push(names.map(|name| (draft.input)(name).cloned()));
            ControlFlow::Continue(())
        })
        .unwrap();
    let null = Some(Value::Null);
    let row = |m: &str, t: &str| {
        [
            null.clone(),
            Some(json!(m)),
            Some(json!(t)),
            Some(json!("z")),
            None,
        ]
    };
    assert_eq!(
        seen[1..],
        [row("sonic-v4", "of one"), row("sonic-v5", "of two")]
    );
    assert_eq!(seen[0][1], None, "lyrics.generate has no model");
}

#[test]
fn a_default_model_is_answered() {
    let text = "[[job]]\nid = \"s\"\noperation = \"suno.create\"\nwith = { description = \"x\" }";
    let manifest = read(text, Format::Toml, Path::new("")).unwrap();
    let mut model = None;
    manifest
        .expand(Catalog::builtin(), &mut |draft| {
            model = (draft.input)("model").cloned();
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(model, Some(json!("sonic-v6")));
}

#[test]
fn a_sink_can_stop_the_expansion() {
    let manifest = read(ALBUM, Format::Toml, Path::new("")).unwrap();
    let mut count = 0;
    let result = manifest.expand(Catalog::builtin(), &mut |_| {
        count += 1;
        if count == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(result.is_ok());
    assert_eq!(count, 2);
}

#[test]
fn too_many_needs_are_refused() {
    let rows = vec!["1"; 2500].join(",");
    let job = |id: &str, needs: &str| {
        format!(
            "[[job]]\nid = \"{id}\"\noperation = \"lyrics.generate\"\nfor_each = [{rows}]\n{needs}\nwith = {{ description = \"x\" }}\n"
        )
    };
    let text = job("a", "") + &job("b", "needs = [\"a\"]");
    insta::assert_snapshot!(super::problems(&text), @r#"
error: the jobs up to `b` wait for one another more than 5000000 times
 --> batch.toml:8:6
  |
8 | id = "b"
  |      ^^^
  |
  = hint: need fewer jobs, or split the batch
"#);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zäöü \"\\\\\\n\\t\u{1}/{}$.,;]{1,12}",
        Just("${take}".to_owned()),
        Just("${each.a}".to_owned()),
        Just("x ${each.b} é ${take}".to_owned()),
        Just("${jobs.up.clips[3].title}".to_owned()),
        Just("of ${jobs.up.clips[0].title} in ${each.a}".to_owned()),
    ]
}

proptest! {
    /// The quick writer and the plain model must agree, or a job would be bought twice.
    #[test]
    fn inputs_are_canonical(
        description in any_text(),
        title in any_text(),
        deep in any_text(),
        rows in prop::collection::vec(("[a-z\"\\\\é]{1,6}", any::<i32>()), 0..4),
        takes in 1u32..4,
    ) {
        // Text against a parameter's own rules is another test's business.
        prop_assume!(title != "${take}" && description != "${take}");
        let rows: Vec<Value> = rows.iter().map(|(a, b)| json!({"a": a, "b": b})).collect();
        let manifest = json!({"job": [
            {"id": "up", "operation": "suno.create", "takes": 2, "with": {"description": "x"}},
            {
                "id": "down", "operation": "suno.create", "takes": takes, "for_each": rows,
                "with": {"description": description, "title": title, "extra": {"z": [deep, 1.5], "$a": true}},
            },
        ]});
        // JSON is YAML, which spares a writer of TOML.
        let Ok(manifest) = read(&manifest.to_string(), Format::Yaml, Path::new("")) else {
            return Err(TestCaseError::reject("a text that is no template"));
        };
        let jobs = expand(&manifest).unwrap();
        prop_assert_eq!(jobs.len(), 2 + rows.len() * usize::try_from(takes).unwrap());
        for job in &jobs {
            let input = Input::from_canonical(&job.inputs).unwrap();
            prop_assert_eq!(&input.to_canonical(), &job.inputs);
        }
    }

    #[test]
    fn as_many_jobs_as_the_product(rows in 0usize..5, takes in 1u32..5, down in 1u32..4) {
        let values: Vec<usize> = (0..rows).collect();
        let text = json!({"job": [
            {"id": "a", "operation": "suno.create", "takes": takes, "for_each": values, "with": {"description": "x"}},
            {"id": "b", "operation": "suno.wav", "takes": down, "for_each": "jobs.a.clips", "with": {"clip": "${each.clip_id}"}},
        ]});
        let manifest = read(&text.to_string(), Format::Yaml, Path::new("")).unwrap();
        let jobs = expand(&manifest).unwrap();
        let a = rows * usize::try_from(takes).unwrap();
        prop_assert_eq!(jobs.len(), a + a * 2 * usize::try_from(down).unwrap());
        prop_assert!(jobs.iter().zip(0..).all(|(job, at)| job.ordinal == at));
        prop_assert!(jobs.iter().all(|job| job.needs.iter().all(|need| *need < job.ordinal)));
    }
}

#[test]
fn the_date_of_the_run_is_text_like_any_other() {
    let text = r#"
[[job]]
id = "news"
operation = "lyrics.generate"
for_each = ["rain"]
save = "${run.date}/${each}.{ext}"
with = { description = "${each} on ${run.date}" }
[[job]]
id = "jingle"
operation = "lyrics.generate"
save = "${run.date}.{ext}"
with = { description = "the same each day" }
"#;
    let mut manifest = read(text, Format::Toml, Path::new("")).unwrap();
    let mut on = |day| {
        manifest.set_run_date(jiff::civil::date(2026, 11, day));
        expand(&manifest).unwrap()
    };
    let (sunday, monday) = (on(22), on(23));
    assert_eq!(
        inputs(&sunday[0]),
        json!({"description": "rain on 2026-11-22"})
    );
    assert_eq!(sunday[0].save.as_deref(), Some("2026-11-22/rain.{ext}"));
    assert_ne!(sunday[0].fingerprint, monday[0].fingerprint);
    assert_eq!(sunday[1].fingerprint, monday[1].fingerprint);
    assert_eq!(monday[1].save.as_deref(), Some("2026-11-23.{ext}"));
}

#[test]
fn a_date_that_nobody_has_set_is_said_and_a_word_can_not_be_one() {
    let text = r#"
[[job]]
id = "news"
operation = "lyrics.generate"
with = { description = "${run.date}" }
"#;
    let manifest = read(text, Format::Toml, Path::new("")).unwrap();
    let problems = expand(&manifest).unwrap_err().to_string();
    assert!(problems.contains("needs the date of the run"), "{problems}");
    let number = text.replace("lyrics.generate", "suno.create");
    let number = number.replace("description =", "duration =");
    let problems = read(&number, Format::Toml, Path::new("")).unwrap_err();
    assert!(problems.to_string().contains("`duration`"), "{problems}");
}
