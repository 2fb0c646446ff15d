//! Jobs that are chosen by name, by tag, or as a sample, and what comes along with them.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use insta::assert_snapshot;
use proptest::prelude::*;

use crate::catalog::Catalog;
use crate::manifest::{Format, Manifest};
use crate::model::ManifestOptions;

use super::options::read_with;
use super::{Job, expand, trimmed};

/// `mix` refers to one cue, `end` waits for all.
const BATCH: &str = r#"
[profile.dev]
sample = 1

[[job]]
id = "cue"
tags = ["rough", "short"]
for_each = ["rain", "sun", "sea", "fog"]
takes = 2
operation = "suno.create"
with = { description = "${each}" }

[[job]]
id = "wav"
tags = ["fine"]
for_each = "jobs.cue.clips"
operation = "suno.wav"
with = { clip = "${each.clip_id}" }

[[job]]
id = "mix"
operation = "suno.extend"
with = { clip = "${jobs.cue.clips[9].clip_id}", at = 10, description = "x" }

[[job]]
id = "end"
tags = ["short"]
needs = ["cue"]
operation = "lyrics.generate"
with = { description = "the end" }
"#;

fn asked(only: &[&str], tags: &[&str], sample: Option<u32>) -> ManifestOptions {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ManifestOptions {
        only: owned(only),
        tags: owned(tags),
        sample,
        ..ManifestOptions::default()
    }
}

fn chosen(options: &ManifestOptions) -> Vec<Job> {
    let manifest = read_with(BATCH, options).unwrap_or_else(|problems| panic!("{problems}"));
    expand(&manifest).unwrap_or_else(|problems| panic!("{problems}"))
}

fn ids(options: &ManifestOptions) -> String {
    let ids: Vec<String> = chosen(options).into_iter().map(|job| job.id).collect();
    ids.join(" ")
}

fn wrong(options: &ManifestOptions) -> String {
    let found =
        read_with(BATCH, options).and_then(|manifest| manifest.check_rows(Catalog::builtin()));
    trimmed(&found.expect_err("there is a problem"))
}

#[test]
fn jobs_are_chosen_by_name_with_what_they_need() {
    for (only, wanted) in [
        (&["cue[2]#1"][..], "cue[2]#1"),
        (&["wav[6]"], "cue[2]#1 wav[6]"),
        (&["mix"], "cue[3]#1 mix"),
        (&["m?x", "cue[1]#*"], "cue[1]#1 cue[1]#2 cue[3]#1 mix"),
        (&["cue[4]*", "cue[4]#2"], "cue[4]#1 cue[4]#2"),
        (
            &["end"],
            "cue[1]#1 cue[1]#2 cue[2]#1 cue[2]#2 cue[3]#1 cue[3]#2 cue[4]#1 cue[4]#2 end",
        ),
    ] {
        assert_eq!(ids(&asked(only, &[], None)), wanted, "{only:?}");
    }
    assert_eq!(
        chosen(&asked(&["*"], &[], None)),
        chosen(&asked(&[], &[], None))
    );
}

#[test]
fn jobs_are_chosen_by_tag_and_both_must_hold() {
    let short = ids(&asked(&[], &["short"], None));
    assert!(
        short.ends_with("cue[4]#2 end") && !short.contains("mix"),
        "{short}"
    );
    assert_eq!(
        ids(&asked(&[], &["fine", "rough"], None))
            .split(' ')
            .count(),
        8 + 16
    );
    assert_eq!(
        ids(&asked(&["*[1]#2", "end"], &["rough"], None)),
        "cue[1]#2"
    );
}

#[test]
fn a_sample_has_the_first_rows_and_what_they_refer_to() {
    let one = "cue[1]#1 cue[1]#2 cue[3]#1 wav[1] mix end";
    assert_eq!(ids(&asked(&[], &[], Some(1))), one);
    let by_profile = ManifestOptions {
        profile: Some("dev".to_owned()),
        ..ManifestOptions::default()
    };
    assert_eq!(ids(&by_profile), one);
    let flag_wins = ManifestOptions {
        sample: Some(99),
        ..by_profile
    };
    assert_eq!(chosen(&flag_wins), chosen(&asked(&[], &[], None)));
    // What is only waited for is sampled too.
    assert_eq!(ids(&asked(&["end"], &[], Some(1))), "cue[1]#1 cue[1]#2 end");
    assert_eq!(
        ids(&asked(&["wav"], &[], Some(5))).split(' ').next_back(),
        Some("wav[5]")
    );
}

#[test]
fn names_and_tags_that_lead_nowhere_are_told() {
    assert_snapshot!(wrong(&asked(&["que", "mix", "wav[99]"], &["finne", "x"], None)), @r#"
    error: no job is called `que`
     --> --only:1:1
      |
    1 | que
      | ^^^ did you mean `cue`?

    error: no job has the tag `x`
     --> --tag:1:1
      |
    1 | x
      | ^
      |
      = hint: there are `fine`, `rough` and `short`

    error: no job has the tag `finne`
     --> --tag:1:1
      |
    1 | finne
      | ^^^^^ did you mean `fine`?
    "#);
    assert_snapshot!(wrong(&asked(&["wav[16]", "wav[17]"], &[], None)), @r#"
    error: no job is called `wav[17]`
     --> --only:1:1
      |
    1 | wav[17]
      | ^^^^^^^
    "#);
    let none = "error: no job has both a name and a tag that are asked for";
    for only in ["mix", "cue[1]*"] {
        assert!(
            wrong(&asked(&[only], &["fine"], None)).contains(none),
            "{only}"
        );
    }
    let beyond = wrong(&asked(&["cue[3]*"], &[], Some(2)));
    assert!(
        beyond.contains("no job that is named is among the sample"),
        "{beyond}"
    );
}

#[test]
fn tags_are_names() {
    let text = BATCH.replace("[\"fine\"]", "[\"fi ne\"]");
    let found = read_with(&text, &ManifestOptions::default()).unwrap_err();
    assert!(
        trimmed(&found).contains("`tags` in job `wav` takes letters"),
        "{found}"
    );
}

#[test]
fn rows_that_change_meanwhile_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.csv");
    fs::write(&rows, "brief\nrain\nsun\n").unwrap();
    let text = "[[job]]\nid = \"a\"\noperation = \"lyrics.generate\"\nwith = { description = \"a\" }\n\
        [[job]]\nid = \"cue\"\nfor_each = \"rows.csv\"\noperation = \"producer.create\"\n\
        with = { description = \"${each.brief}\" }\n";
    let (options, catalog) = (asked(&[], &[], Some(9)), Catalog::builtin());
    let (bytes, folder) = (text.as_bytes(), folder.path());
    let manifest =
        Manifest::read_from(bytes, Format::Toml, "m.toml", folder, &options, catalog).unwrap();
    let mut seen = Vec::new();
    let found = manifest.expand(catalog, &mut |draft| {
        seen.push(draft.id().to_string());
        fs::write(&rows, "brief\nrain\n").unwrap();
        ControlFlow::Continue(())
    });
    assert_eq!(seen, ["a", "cue[1]"]);
    assert!(trimmed(&found.unwrap_err()).contains("a file of rows changed while it was read"));
    let whole = manifest.expand(catalog, &mut |_| ControlFlow::Break(()));
    assert!(whole.is_ok(), "whoever breaks off has seen no change");
}

proptest! {
    #[test]
    fn a_job_that_is_chosen_is_the_same_as_in_the_whole_batch(
        only in prop::sample::subsequence(vec!["cue[2]*", "wav[1?]", "mix", "wav", "*#2", "end"], 0..4),
        tags in prop::sample::subsequence(vec!["rough", "fine", "short"], 0..3),
        sample in prop::option::of(1u32..6),
    ) {
        let whole = chosen(&asked(&[], &[], None));
        let Ok(manifest) = read_with(BATCH, &asked(&only, &tags, sample)) else {
            // No job has both.
            return Ok(());
        };
        let Ok(some) = expand(&manifest) else {
            // No job that is named is in the sample, or has the tag.
            prop_assert!(only.iter().any(|name| name.contains(['[', '#'])));
            return Ok(());
        };
        for (at, job) in some.iter().enumerate() {
            prop_assert_eq!(job.ordinal as usize, at);
            let same = whole.iter().find(|other| other.id == job.id).unwrap();
            prop_assert_eq!(&same.fingerprint, &job.fingerprint);
            // Whatever it refers to is there: the same jobs, in their new places.
            let name = |jobs: &[Job], need: &u32| jobs[*need as usize].id.clone();
            let before: Vec<String> = same.needs.iter().map(|need| name(&whole, need)).collect();
            let now: Vec<String> = job.needs.iter().map(|need| name(&some, need)).collect();
            prop_assert!(job.needs.iter().all(|need| (*need as usize) < at));
            if job.id == "end" && sample.is_some() {
                prop_assert!(now.iter().all(|need| before.contains(need)));
            } else {
                prop_assert_eq!(before, now);
            }
        }
    }
}

#[test]
fn a_selection_is_part_of_the_digest() {
    let folder = Path::new("");
    let digest = |options: &ManifestOptions| {
        let (format, catalog) = (Format::Toml, Catalog::builtin());
        let text = BATCH.as_bytes();
        Manifest::read_from(text, format, "m.toml", folder, options, catalog)
            .unwrap()
            .digest
    };
    let all = [
        asked(&[], &[], None),
        asked(&["cue"], &[], None),
        asked(&[], &["rough"], None),
        asked(&[], &[], Some(1)),
        asked(&[], &[], Some(2)),
        asked(&["cue", "mix"], &[], None),
        asked(&["cue,mix", "cue"], &[], None),
    ];
    let digests: std::collections::HashSet<String> = all[..6].iter().map(digest).collect();
    assert_eq!(digests.len(), 6);
}
