//! Local files where clips belong: uploaded for the jobs that use them, and for no other reason.

use std::path::Path;

use crate::manifest::Format;
use crate::model::ManifestOptions;

use super::options::read_with;
use super::{expand, jobs_in, read};

/// A folder with sound in `a.wav` and `b.wav`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let sound = [&b"RIFF\x24\0\0\0WAVEfmt "[..], name.as_bytes()].concat();
        std::fs::write(folder.path().join(format!("{name}.wav")), sound).unwrap();
    }
    folder
}

fn ids(text: &str, folder: &Path) -> Vec<String> {
    jobs_in(text, folder)
        .into_iter()
        .map(|job| job.id)
        .collect()
}

const NO_USE: &str = r#"
[defaults."suno.extend"]
clip = { file = "a.wav" }
[[job]]
id = "song"
operation = "suno.create"
with = { description = "rain" }
"#;

#[test]
fn a_file_among_the_defaults_of_an_operation_that_no_job_has_is_not_uploaded() {
    let folder = folder();
    let manifest = read(NO_USE, Format::Toml, folder.path()).unwrap();
    let jobs = expand(&manifest).unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert!(manifest.local_files().is_empty());
    // Nobody needs it to be there.
    assert_eq!(ids(NO_USE, Path::new("/nowhere")), ["song"]);
}

#[test]
fn an_upload_that_nobody_needs_can_not_be_chosen() {
    let options = ManifestOptions {
        only: vec!["upload-a".to_owned()],
        ..ManifestOptions::default()
    };
    let problems = read_with(NO_USE, &options).unwrap_err();
    let said = problems.render(false);
    assert!(said.contains("no job is called `upload-a`"), "{said}");
}

#[test]
fn a_default_that_every_job_replaces_is_not_uploaded() {
    let text = r#"
[defaults."suno.extend"]
clip = { file = "a.wav" }
[[job]]
id = "more"
operation = "suno.extend"
with = { clip = { file = "b.wav" }, at = 5, description = "x" }
"#;
    assert_eq!(ids(text, folder().path()), ["upload-b", "more"]);
    let used = text.replace("{ file = \"b.wav\" }", "\"0-given\"");
    assert_eq!(ids(&used, folder().path()), ["more"]);
    let default = text.replace("clip = { file = \"b.wav\" }, ", "");
    assert_eq!(ids(&default, folder().path()), ["upload-a", "more"]);
}

#[test]
fn a_file_of_an_entry_without_rows_is_not_uploaded() {
    let folder = folder();
    std::fs::write(folder.path().join("rows.csv"), "text\n").unwrap();
    let text = r#"
[[job]]
id = "song"
operation = "suno.create"
with = { description = "rain" }
[[job]]
id = "more"
for_each = "rows.csv"
operation = "suno.extend"
with = { clip = { file = "a.wav" }, at = 5, description = "${each.text}" }
"#;
    assert_eq!(ids(text, folder.path()), ["song"]);
    std::fs::write(folder.path().join("rows.csv"), "text\nfog\nsun\n").unwrap();
    let with_rows = ids(text, folder.path());
    assert_eq!(with_rows.len(), 4, "{with_rows:?}");
    assert!(with_rows.contains(&"upload-a".to_owned()));
}
