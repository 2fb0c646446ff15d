//! Row files: what they may hold, and what a person sees when they hold something else.

use std::path::Path;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::catalog::Catalog;
use crate::manifest::{Format, MAX_BYTES, Manifest};

use super::{jobs_in, read, row_problems};

fn folder(name: &str, bytes: impl AsRef<[u8]>) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    folder
}

fn cue(file: &str, with: &str) -> String {
    format!(
        "[[job]]\nid = \"cue\"\noperation = \"suno.create\"\nfor_each = \"{file}\"\nsave = \"cues/${{each.title}}.{{ext}}\"\nwith = {with}\n"
    )
}

const WITH: &str =
    r#"{ description = "${each.brief}", title = "${each.title}", duration = "${each.seconds}" }"#;

fn csv_problems(bytes: impl AsRef<[u8]>) -> String {
    let folder = folder("cues.csv", bytes);
    row_problems(&cue("cues.csv", WITH), folder.path())
}

#[test]
fn csv_rows_become_jobs() {
    let text = "\u{feff}title,brief,seconds,unused\r\n\
        Neon,\"rain, \"\"slow\"\"\nand far\",30,x\r\n\
        \r\n\
        Snow,white,,\r\n";
    let folder = folder("cues.csv", text);
    let jobs = jobs_in(&cue("cues.csv", WITH), folder.path());
    assert_eq!(jobs.len(), 2);
    assert_eq!(
        jobs[0].inputs,
        r#"{"description":"rain, \"slow\"\nand far","duration":30,"title":"Neon"}"#
    );
    assert_eq!(jobs[1].inputs, r#"{"description":"white","title":"Snow"}"#);
    assert_eq!(jobs[1].id, "cue[2]");
    assert_eq!(jobs[0].save.as_deref(), Some("cues/Neon.{ext}"));
}

#[test]
fn json_lines_become_the_same_jobs() {
    let csv = folder(
        "cues.csv",
        "title,brief,seconds\nNeon,rain,30\nSnow,white,\n",
    );
    let text = "{\"title\":\"Neon\",\"brief\":\"rain\",\"seconds\":30}\r\n\n\
        {\"seconds\":null,\"brief\":\"white\",\"title\":\"Snow\"}";
    let json = folder("cues.jsonl", text);
    assert_eq!(
        jobs_in(&cue("cues.csv", WITH), csv.path()),
        jobs_in(&cue("cues.jsonl", WITH), json.path())
    );
}

#[test]
fn a_file_may_name_columns_only() {
    let folder = folder("cues.csv", "title,brief,seconds\n");
    assert_eq!(jobs_in(&cue("cues.csv", WITH), folder.path()), []);
}

#[test]
fn headers_are_checked_with_the_manifest() {
    assert_snapshot!(csv_problems(""), @r#"
error: `cues.csv` is empty: its first line names the columns
 --> batch.toml:4:12
  |
4 | for_each = "cues.csv"
  |            ^^^^^^^^^^
"#);
    assert_snapshot!(csv_problems("title,brief,secs\n"), @r#"
error: unknown column `seconds`
 --> batch.toml:6:78
  |
6 | with = { description = "${each.brief}", title = "${each.title}", duration = "${each.seconds}" }
  |                                                                              ^^^^^^^^^^^^^^^ the columns are `title`, `brief` and `secs`
"#);
    assert_snapshot!(csv_problems("title,brief,seconds,title\n"), @r#"
error: column `title` is named twice
 --> cues.csv:1:21
  |
1 | title,brief,seconds,title
  |                     ^^^^^
"#);
    assert_snapshot!(csv_problems("title,,seconds\n"), @r#"
error: a column has no name
 --> cues.csv:1:7
  |
1 | title,,seconds
  |       ^
"#);
}

#[test]
fn rows_are_told_with_line_and_column() {
    let long = "x".repeat(81);
    let text = format!(
        "title,brief,seconds\nA,rain,30\nB,rain,half\n{long},rain,20\nC,,20\n,rain,20\nD,rain\n"
    );
    assert_snapshot!(csv_problems(text), @r#"
error: `duration` in job `cue` takes a whole number from 10 to 360
 --> cues.csv:3:8
  |
3 | B,rain,half
  |        ^^^^ this is `half`

error: `title` in job `cue` takes at most 80 characters
 --> cues.csv:4:1
  |
4 | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…,rain,20
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this has 81

error: `suno.create` needs `description`, `lyrics` or `custom_mode` in job `cue`
 --> cues.csv:5:1
  |
5 | C,,20
  | ^^^^^

error: `save` in job `cue` has an empty name in its path
 --> cues.csv:6:1
  |
6 | ,rain,20
  | ^

error: a row of `cues.csv` has 2 fields, its header names 3
 --> cues.csv:7:1
  |
7 | D,rain
  | ^^^^^^
  |
  = hint: put text with commas in it in double quotes
"#);
}

#[test]
fn bad_utf8_is_told_with_its_line() {
    assert_snapshot!(csv_problems(b"title,brief,seconds\nA,x,30\nB,\xff\xfe,30\n"), @r#"
error: a row of `cues.csv` is not UTF-8
 --> cues.csv:3:1
  |
3 | B,��,30
  | ^^^^^^^
  |
  = hint: save the file as UTF-8
"#);
    assert_snapshot!(csv_problems(b"title,brief,seconds\nA,\xc3,\xa430\n"), @r#"
error: `description` in job `cue` is not UTF-8
 --> cues.csv:2:3
  |
2 | A,�,�30
  |   ^
"#);
}

#[test]
fn json_rows_are_told_with_their_line() {
    let text = "{\"title\":\"A\",\"brief\":\"x\",\"seconds\":30}\n[1]\n{\"title\":\n\
        {\"title\":\"B\",\"brief\":5,\"seconds\":\"30\"}\n{\"titel\":\"C\",\"brief\":\"x\",\"seconds\":null}\n";
    let folder = folder("cues.jsonl", text);
    assert_snapshot!(row_problems(&cue("cues.jsonl", WITH), folder.path()), @r#"
error: a row of `cues.jsonl` is not a JSON object
 --> cues.jsonl:2:1
  |
2 | [1]
  | ^^^

error: a row of `cues.jsonl` is not JSON: EOF while parsing a value, column 9
 --> cues.jsonl:3:1
  |
3 | {"title":
  | ^^^^^^^^^

error: `description` in job `cue` takes text
 --> cues.jsonl:4:14
  |
4 | {"title":"B","brief":5,"seconds":"30"}
  |              ^^^^^^^^^ this is a number

error: `title` in job `cue` needs `title`, which this row does not have
 --> cues.jsonl:5:1
  |
5 | {"titel":"C","brief":"x","seconds":null}
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ give `title`; `null` where there is none
"#);
}

#[test]
fn rules_hold_for_each_row() {
    let folder = folder(
        "cues.csv",
        "title,a,b,model\nA,x,,sonic-v6\nB,,,sonic-v6\nC,x,y,sonic-v6\nD,x,,sonic-v4\n",
    );
    let with = r#"{ description = "${each.a}", lyrics = "${each.b}", model = "${each.model}", vocal_gender = "female" }"#;
    assert_snapshot!(row_problems(&cue("cues.csv", with), folder.path()), @r#"
error: `suno.create` needs `description`, `lyrics` or `custom_mode` in job `cue`
 --> cues.csv:3:1
  |
3 | B,,,sonic-v6
  | ^^^^^^^^^^^^

error: `description` and `lyrics` can't both be given to `suno.create` in job `cue`
 --> cues.csv:4:1
  |
4 | C,x,y,sonic-v6
  | ^^^^^^^^^^^^^^

error: `vocal_gender` does not go with model `sonic-v4` in job `cue`
 --> cues.csv:5:1
  |
5 | D,x,,sonic-v4
  | ^^^^^^^^^^^^^
  |
  = hint: it goes with `sonic-v6`, `sonic-v6-wild`, `sonic-v6-mini`, `sonic-v5-5`, `sonic-v5`, `sonic-v4-5-plus`, `sonic-v4-5`, `chirp-v5-5`, `chirp-v5`, `chirp-v4-5-plus` and `chirp-v4-5`
"#);
}

#[test]
fn a_folder_or_device_has_no_rows() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("cues.csv")).unwrap();
    assert_snapshot!(row_problems(&cue("cues.csv", WITH), folder.path()), @r#"
error: can't read rows from `cues.csv`: not a plain file
 --> batch.toml:4:12
  |
4 | for_each = "cues.csv"
  |            ^^^^^^^^^^
"#);
    let device = row_problems(&cue("/dev/zero.csv", WITH), folder.path());
    assert!(
        device.starts_with("error: can't read rows from `/dev/zero.csv`"),
        "{device}"
    );
}

#[test]
fn a_quote_that_is_never_closed_does_not_fill_memory() {
    let mut text = "title,brief,seconds\nA,\"".to_owned();
    text.push_str(&"endless,\n".repeat(1_200_000));
    assert_snapshot!(csv_problems(text), @r#"
error: can't read rows from `cues.csv`, line 961194 on: a row is longer than 8 MiB; is a quote never closed?
 --> batch.toml:4:12
  |
4 | for_each = "cues.csv"
  |            ^^^^^^^^^^
"#);
}

#[test]
fn rows_far_from_one_another_count_over_files() {
    let folder = folder("cues.csv", "title,brief,seconds\nA,x,30\nB,y,30\n");
    let text = cue("cues.csv", WITH)
        + "[[job]]\nid = \"wav\"\noperation = \"suno.wav\"\nwith = { clip = \"${jobs.cue.clips[4].clip_id}\" }\n";
    assert_snapshot!(row_problems(&text, folder.path()), @r#"
error: there is no `clips[4].clip_id` of job `cue`
  --> batch.toml:10:18
   |
10 | with = { clip = "${jobs.cue.clips[4].clip_id}" }
   |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ `cue` gives 2 clips per call × 2 rows × 1 take: 0 to 3
"#);
    let right = text.replace("clips[4]", "clips[3]");
    let jobs = jobs_in(&right, folder.path());
    assert_eq!(jobs[2].needs, [1]);
}

#[test]
fn a_file_that_changed_is_noticed() {
    let folder = folder("cues.csv", "title,brief,seconds\nA,x,30\n");
    let manifest = read(&cue("cues.csv", WITH), Format::Toml, folder.path()).unwrap();
    std::fs::write(folder.path().join("cues.csv"), "seconds,title\n30,A\n").unwrap();
    let problems = manifest.check_rows(Catalog::builtin()).unwrap_err();
    assert_snapshot!(super::trimmed(&problems), @r#"
error: the row file has no column `brief` any more
 --> batch.toml:4:12
  |
4 | for_each = "cues.csv"
  |            ^^^^^^^^^^
"#);
    std::fs::write(
        folder.path().join("cues.csv"),
        "seconds,brief,title\n30,x,A\n",
    )
    .unwrap();
    assert!(manifest.check_rows(Catalog::builtin()).is_ok());
}

#[test]
fn manifests_have_limits() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("long.toml");
    std::fs::write(&path, "#".repeat(MAX_BYTES + 1)).unwrap();
    let read = |name: &str| {
        let path = folder.path().join(name);
        let problems = Manifest::read(&path, Catalog::builtin()).unwrap_err();
        super::trimmed(&problems).replace(&folder.path().display().to_string(), "")
    };
    assert_snapshot!(read("long.toml"), @r#"
error: `/long.toml` is longer than 4 MiB, the most a manifest may be
 |
 = hint: put the rows in a CSV or JSON Lines file and name it with `for_each = "rows.csv"`
"#);
    std::fs::write(folder.path().join("bad.toml"), b"name = \"x\"\n# \xff\n").unwrap();
    assert_snapshot!(read("bad.toml"), @r#"
error: `/bad.toml` is not UTF-8: line 2, byte 13 of the file
 |
 = hint: save it as UTF-8
"#);
    assert_snapshot!(read("none.toml"), @r#"
error: can't read `/none.toml`: No such file or directory (os error 2)
"#);
    assert_snapshot!(read("batch.txt"), @r#"
error: `/batch.txt` is neither `.toml` nor `.yaml`
"#);
    let rows = vec!["1"; 50_001].join(",");
    std::fs::write(
        folder.path().join("rows.toml"),
        format!("[[job]]\nid = \"a\"\noperation = \"lyrics.generate\"\nfor_each = [{rows}]\n"),
    )
    .unwrap();
    assert_snapshot!(read("rows.toml"), @r#"
error: more than 50000 jobs and rows stand in the manifest itself
 |
 = hint: put the rows in a CSV or JSON Lines file and name it with `for_each = "rows.csv"`
"#);
}

#[test]
fn a_manifest_may_have_a_mark_and_windows_line_ends() {
    let text = "\u{feff}name = \"x\"\r\nnmae = 1\r\n";
    let shown = super::problems(text);
    assert!(shown.contains("--> batch.toml:2:1"), "{shown}");
}

#[test]
fn bombs_of_aliases_and_depth_are_refused() {
    let mut bomb = "vars:\n  a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for pair in ["ab", "bc", "cd", "de", "ef", "fg", "gh", "hi"] {
        let (from, to) = pair.split_at(1);
        let items = vec![format!("*{from}"); 10].join(",");
        bomb.push_str(&format!("  {to}: &{to} [{items}]\n"));
    }
    let refused = super::problems_yaml(&bomb);
    assert!(
        refused.contains("aliases beyond what a manifest may hold"),
        "{refused}"
    );
    for (format, text) in [
        (
            Format::Yaml,
            format!("vars: {}{}", "[".repeat(5000), "]".repeat(5000)),
        ),
        (
            Format::Toml,
            format!("vars = {}{}", "[".repeat(5000), "]".repeat(5000)),
        ),
    ] {
        assert!(read(&text, format, Path::new("")).is_err());
    }
}
