//! What is said beside a manifest: profiles and variables.

use std::path::Path;

use insta::assert_snapshot;

use crate::catalog::Catalog;
use crate::manifest::{Format, Manifest, Problems};
use crate::model::{Credits, ManifestOptions};

use super::{Job, expand, problems, trimmed};

const CUES: &str = r#"
[vars]
mood = "calm"
bpm = 90
wet = 0.5
loud = false
styles = ["a"]

[budget]
run = 300
keep = 5

[defaults."*"]
duration = 120

[profile.dev]
budget.run = 10
vars.mood = "dull"
defaults."*".duration = 30

[profile.production]
prices = "aimusicapi-2026-09"

[[job]]
id = "song"
operation = "suno.create"
with = { description = "${vars.mood} ${vars.bpm} ${vars.wet} ${vars.loud}" }
"#;

pub(super) fn read_with(text: &str, options: &ManifestOptions) -> Result<Manifest, Problems> {
    let (folder, catalog) = (Path::new(""), Catalog::builtin());
    Manifest::read_from(
        text.as_bytes(),
        Format::Toml,
        "batch.toml",
        folder,
        options,
        catalog,
    )
}

fn with_profile(name: &str) -> ManifestOptions {
    ManifestOptions {
        profile: Some(name.to_owned()),
        ..ManifestOptions::default()
    }
}

fn with_vars(vars: &[(&str, &str)]) -> ManifestOptions {
    ManifestOptions {
        vars: vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..ManifestOptions::default()
    }
}

fn only_job(text: &str, options: &ManifestOptions) -> Job {
    let manifest = read_with(text, options).unwrap_or_else(|problems| panic!("{problems}"));
    expand(&manifest).unwrap().remove(0)
}

fn wrong(text: &str, options: &ManifestOptions) -> String {
    trimmed(&read_with(text, options).expect_err("there is a problem"))
}

#[test]
fn a_profile_is_laid_over_the_settings() {
    let plain = read_with(CUES, &ManifestOptions::default()).unwrap();
    assert_eq!(plain.budget.run, Some(Credits::new(300)));
    assert_eq!(plain.profiles, ["dev", "production"]);
    let dev = read_with(CUES, &with_profile("dev")).unwrap();
    assert_eq!(dev.budget.run, Some(Credits::new(10)));
    assert_eq!(
        dev.budget.keep,
        Some(Credits::new(5)),
        "it is silent on that"
    );
    assert_eq!(
        only_job(CUES, &with_profile("dev")).inputs,
        r#"{"description":"dull 90 0.5 false","duration":30}"#
    );
    let production = read_with(CUES, &with_profile("production")).unwrap();
    assert_eq!(production.prices.as_deref(), Some("aimusicapi-2026-09"));
    assert_eq!(expand(&production).unwrap(), expand(&plain).unwrap());
}

#[test]
fn an_unknown_profile_is_told_with_those_there_are() {
    assert_snapshot!(wrong(CUES, &with_profile("prodction")), @r"
    error: unknown profile `prodction`
     --> --profile:1:1
      |
    1 | prodction
      | ^^^^^^^^^ did you mean `production`?
      |
      = hint: there are `dev` and `production`
    ");
    let none = "[[job]]\nid = \"a\"\noperation = \"suno.create\"\nwith = { description = \"x\" }\n";
    assert!(wrong(none, &with_profile("dev")).contains("hint: the manifest has none"));
}

#[test]
fn every_profile_is_checked_whichever_is_chosen() {
    let text = CUES.replace(
        "prices = \"aimusicapi-2026-09\"",
        "limits.rat = \"1/s\"\nbudget.run = -1\ndefaults.\"suno.craete\".model = \"x\"\nvars.mood = \"${each.a}\"\nnam = 1",
    );
    let told = problems(&text);
    assert_snapshot!(told, @r#"
    error: unknown key `rat` in `limits`
      --> batch.toml:22:8
       |
    22 | limits.rat = "1/s"
       |        ^^^ did you mean `rate`?

    error: `run` in `budget` takes a whole number from 0 on
      --> batch.toml:23:14
       |
    23 | budget.run = -1
       |              ^^

    error: unknown operation `suno.craete` in `defaults`
      --> batch.toml:24:10
       |
    24 | defaults."suno.craete".model = "x"
       |          ^^^^^^^^^^^^^ did you mean `suno.create`?

    error: `${…}` has no meaning in `vars`
      --> batch.toml:25:13
       |
    25 | vars.mood = "${each.a}"
       |             ^^^^^^^^^^^ write `$${` for the characters

    error: unknown key `nam` in profile `production`
      --> batch.toml:26:1
       |
    26 | nam = 1
       | ^^^
       |
       = hint: the keys are `provider`, `limits`, `budget`, `prices`, `vars`, `defaults` and `sample`
    "#);
    assert_eq!(wrong(&text, &with_profile("dev")), told);
    // What the chosen one has wrong is told once.
    assert_eq!(wrong(&text, &with_profile("production")), told);
    let odd = problems("profile = { dev = 3 }\n[[job]]\nid = \"a\"\noperation = \"nuro.vocal\"\n");
    assert!(
        odd.contains("`profile` takes a table for each profile"),
        "{odd}"
    );
}

#[test]
fn what_is_wrong_under_a_profile_only_is_found_by_a_check() {
    let text = CUES.replace("\"dull\"", &format!("\"{}\"", "dull ".repeat(1000)));
    let manifest = read_with(&text, &ManifestOptions::default()).unwrap();
    let found = manifest.check_profiles(Catalog::builtin());
    let found = trimmed(&found.expect_err("the text is too long"));
    assert!(found.contains("this is with `--profile dev`"), "{found}");
}

#[test]
fn a_variable_gets_another_value_of_its_own_type() {
    let options = with_vars(&[
        ("mood", "a=${x} $5"),
        ("bpm", "7"),
        ("bpm", "8"),
        ("wet", "1"),
        ("loud", "true"),
    ]);
    assert_eq!(
        only_job(CUES, &options).inputs,
        r#"{"description":"a=${x} $5 8 1.0 true","duration":120}"#
    );
    let over_profile = ManifestOptions {
        profile: Some("dev".to_owned()),
        ..with_vars(&[("mood", "sad")])
    };
    assert!(only_job(CUES, &over_profile).inputs.contains("sad 90"));
}

#[test]
fn a_variable_that_is_not_there_or_of_another_type_is_told() {
    let options = with_vars(&[
        ("moot", "calm"),
        ("bpm", "fast"),
        ("wet", "inf"),
        ("loud", ""),
        ("styles", "b"),
    ]);
    assert_snapshot!(wrong(CUES, &options), @r#"
    error: unknown variable `moot`
     --> --var:1:1
      |
    1 | moot=calm
      | ^^^^ did you mean `mood`?
      |
      = hint: there are `mood`, `bpm`, `wet`, `loud` and `styles`

    error: variable `loud` takes `true` or `false`
     --> --var:1:1
      |
    1 | loud=
      | ^^^^^ the manifest has true or false there

    error: variable `wet` takes a number
     --> --var:1:5
      |
    1 | wet=inf
      |     ^^^ the manifest has a number there

    error: variable `bpm` takes a whole number
     --> --var:1:5
      |
    1 | bpm=fast
      |     ^^^^ the manifest has a whole number there

    error: variable `styles` can't be set from outside: it is no single value
     --> --var:1:8
      |
    1 | styles=b
      |        ^ the manifest has a list there
    "#);
}

#[test]
fn options_are_part_of_the_digest() {
    let digest = |options: &ManifestOptions| read_with(CUES, options).unwrap().digest;
    let all = [
        ManifestOptions::default(),
        with_profile("dev"),
        with_profile("production"),
        with_vars(&[("mood", "x")]),
        with_vars(&[("mood", "x"), ("bpm", "1")]),
    ];
    for (at, one) in all.iter().enumerate() {
        assert_eq!(digest(one), digest(one));
        for other in &all[..at] {
            assert_ne!(digest(one), digest(other), "{one:?} {other:?}");
        }
    }
}
