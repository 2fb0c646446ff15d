//! Files that a manifest includes: what of them holds, and what of them is refused.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::catalog::Catalog;
use crate::manifest::{Manifest, Problems};
use crate::model::{Credits, ManifestOptions};

use super::{expand, trimmed};

const MANIFEST: &str = "include = [\"house.toml\", \"own/more.yaml\"]\n[vars]\nmood = \"calm\"\n\
    [[job]]\nid = \"song\"\noperation = \"suno.create\"\nwith = { description = \"${vars.mood} ${vars.key} ${vars.bpm}\" }\n";
const HOUSE: &str = "[vars]\nmood = \"loud\"\nkey = \"C\"\nbpm = 90\n[defaults.\"*\"]\nduration = 60\n\
    [profile.dev]\nbudget.run = 10\nvars.key = \"D\"\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(folder: &Path, profile: Option<&str>) -> Result<Manifest, Problems> {
    let options = ManifestOptions {
        profile: profile.map(str::to_owned),
        ..ManifestOptions::default()
    };
    Manifest::read_with(&folder.join("m.toml"), &options, Catalog::builtin())
}

/// Renders what is wrong with `m.toml`, the files named from their folder.
fn wrong(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let found = read(folder.path(), None).expect_err("there is a problem");
    let shown = folder.path().display().to_string();
    trimmed(&found).replace(&format!("{shown}/"), "")
}

#[test]
fn later_files_win_and_the_manifest_over_all() {
    let more = "include: [../house.toml]\nvars:\n  bpm: 120\nprofile:\n  dev:\n    sample: 1\n";
    let folder = folder(&[
        ("m.toml", MANIFEST),
        ("house.toml", HOUSE),
        ("own/more.yaml", more),
    ]);
    let manifest = read(folder.path(), None).unwrap();
    let inputs = |manifest: &Manifest| expand(manifest).unwrap().remove(0).inputs;
    assert_eq!(
        inputs(&manifest),
        r#"{"description":"calm C 120","duration":60}"#
    );
    let names: Vec<&str> = manifest.files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["house.toml", "own/more.yaml"], "each is read once");

    let dev = read(folder.path(), Some("dev")).unwrap();
    assert_eq!(
        inputs(&dev),
        r#"{"description":"calm D 120","duration":60}"#
    );
    assert_eq!(dev.budget.run, Some(Credits::new(10)));
    assert!(dev.check_profiles(Catalog::builtin()).is_ok());
}

#[test]
fn what_is_included_is_part_of_the_digest() {
    let digest = |house: &str, more: &str| {
        let files = [
            ("m.toml", MANIFEST),
            ("house.toml", house),
            ("own/more.yaml", more),
        ];
        read(folder(&files).path(), None).unwrap().digest
    };
    let one = digest(HOUSE, "vars: { bpm: 1 }");
    assert_eq!(one, digest(HOUSE, "vars: { bpm: 1 }"));
    assert_ne!(one, digest(HOUSE, "vars: { bpm: 2 }"));
    assert_ne!(one, digest(&format!("{HOUSE}\n"), "vars: { bpm: 1 }"));
}

#[test]
fn problems_of_an_included_file_have_its_name_and_line() {
    let house = "budget.run = 5\n[vars]\nkey = \"${take}\"\nbpm = 1\n[defaults.\"suno.create\"]\nduration = 5000\n\
        [profile.dev]\nlimit.rate = \"1/s\"\n[[job]]\nid = \"x\"\n";
    assert_snapshot!(wrong(&[("m.toml", MANIFEST), ("house.toml", house), ("own/more.yaml", "vars: [1]\n")]), @r#"
    error: unknown key `budget` of an included file
     --> house.toml:1:1
      |
    1 | budget.run = 5
      | ^^^^^^
      |
      = hint: the keys are `include`, `vars`, `defaults` and `profile`

    error: `${…}` has no meaning in `vars`
     --> house.toml:3:7
      |
    3 | key = "${take}"
      |       ^^^^^^^^^ write `$${` for the characters

    error: `duration` in `defaults` takes a whole number from 10 to 360
     --> house.toml:6:12
      |
    6 | duration = 5000
      |            ^^^^ this is 5000

    error: unknown key `limit` in profile `dev`
     --> house.toml:8:1
      |
    8 | limit.rate = "1/s"
      | ^^^^^ did you mean `limits`?

    error: unknown key `job` of an included file
     --> house.toml:9:3
      |
    9 | [[job]]
      |   ^^^
      |
      = hint: the keys are `include`, `vars`, `defaults` and `profile`

    error: `vars` of an included file takes a table
     --> own/more.yaml:1:7
      |
    1 | vars: [1]
      |       ^ this is a list
    "#);
}

#[test]
fn files_that_can_not_be_included_are_told_where_they_are_named() {
    let text = MANIFEST.replace(
        "\"own/more.yaml\"",
        "\"gone.toml\", \"rows.csv\", \"own\", \"own/list.yaml\", \"bad.toml\"",
    );
    let files = [
        ("m.toml", &*text),
        ("house.toml", HOUSE),
        ("own/list.yaml", "- a\n"),
        ("bad.toml", "[vars\n"),
        ("own.toml/x", ""),
    ];
    assert_snapshot!(wrong(&files), @r#"
    error: unclosed table, expected `]`
     --> bad.toml:1:6
      |
    1 | [vars
      |      ^
      |
      = hint: `m.toml` includes it

    error: can't read `gone.toml`: No such file or directory (os error 2)
     --> m.toml:1:26
      |
    1 | include = ["house.toml", "gone.toml", "rows.csv", "own", "own/list.yaml", "bad.toml"]
      |                          ^^^^^^^^^^^

    error: `rows.csv` is neither `.toml` nor `.yaml`
     --> m.toml:1:39
      |
    1 | include = ["house.toml", "gone.toml", "rows.csv", "own", "own/list.yaml", "bad.toml"]
      |                                       ^^^^^^^^^^

    error: `own` is neither `.toml` nor `.yaml`
     --> m.toml:1:51
      |
    1 | include = ["house.toml", "gone.toml", "rows.csv", "own", "own/list.yaml", "bad.toml"]
      |                                                   ^^^^^

    error: `own/list.yaml` is a list, not a table of keys
     --> m.toml:1:58
      |
    1 | include = ["house.toml", "gone.toml", "rows.csv", "own", "own/list.yaml", "bad.toml"]
      |                                                          ^^^^^^^^^^^^^^^
    "#);
    let odd = MANIFEST.replace("[\"house.toml\", \"own/more.yaml\"]", "\"house.toml\"");
    assert!(wrong(&[("m.toml", &odd)]).contains("`include` takes a list of files"));
}

#[test]
fn files_in_a_circle_are_refused() {
    let circle = [
        ("m.toml", "include = [\"a.toml\"]\n"),
        ("a.toml", "include = [\"own/b.yaml\"]\n"),
        ("own/b.yaml", "vars: {}\ninclude: [../a.toml]\n"),
    ];
    assert_snapshot!(wrong(&circle), @r#"
    error: missing key `job`
     --> m.toml:1:1
      |
    1 | include = ["a.toml"]
      | ^ one `[[job]]` for each kind of work

    error: files include one another in a circle: `a.toml`, `own/b.yaml`, `../a.toml`
     --> own/b.yaml:2:11
      |
    2 | include: [../a.toml]
      |           ^^^^^^^^^
    "#);
    let own = wrong(&[("m.toml", "include = [\"m.toml\"]\n")]);
    assert!(
        own.contains("`m.toml` includes itself\n --> m.toml:1:12"),
        "{own}"
    );
}

#[test]
fn a_plain_file_of_bounded_length_is_read_and_no_more() {
    let many: Vec<(String, String)> = (0..60)
        .map(|at| {
            (
                format!("f{at}.toml"),
                format!("include = [\"f{}.toml\"]\n", at + 1),
            )
        })
        .collect();
    let mut files: Vec<(&str, &str)> = many.iter().map(|(name, text)| (&**name, &**text)).collect();
    files.push(("m.toml", "include = [\"f0.toml\"]\n"));
    assert!(wrong(&files).contains("more than 50 files are included"));
    let long = format!("# {}\n", "x".repeat(crate::manifest::MAX_BYTES));
    let long = wrong(&[
        ("m.toml", "include = [\"long.toml\"]\n"),
        ("long.toml", &long),
    ]);
    assert!(long.contains("longer than 4 MiB"), "{long}");
}
