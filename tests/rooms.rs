//! The rooms of `src/` import one another in one direction only, so there can be no import ring.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in order; each may import only those before it.
const ROOMS: [&str; 10] = [
    "model", "catalog", "manifest", "plan", "ledger", "api", "exec", "report", "sim", "cli",
];

/// Pairs that the order would allow and the design forbids: exec joins these, they don't know one another.
const STRANGERS: [(&str, &str); 6] = [
    ("ledger", "plan"),
    ("ledger", "manifest"),
    ("api", "plan"),
    ("api", "ledger"),
    ("report", "exec"),
    ("sim", "ledger"),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(path);
        }
    }
}

/// Returns a file's code: no comments, and nothing from its first test module on (those stand at the end).
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the rooms that code names by `crate::room` or inside `use crate::{…}`.
fn imports(code: &str) -> Vec<&'static str> {
    let word = |rest: &str| -> String {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<String> = match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split(';').next().unwrap_or_default();
                list.split([',', '{', '}'])
                    .map(|name| word(name.trim()))
                    .collect()
            }
            None => vec![word(rest)],
        };
        found.extend(
            ROOMS
                .into_iter()
                .filter(|room| names.iter().any(|name| name == room)),
        );
    }
    found
}

#[test]
fn every_room_imports_only_rooms_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (place, room) in ROOMS.iter().enumerate() {
        let mut files = Vec::new();
        sources(&src.join(room), &mut files);
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            for import in imports(&code(&fs::read_to_string(file).unwrap())) {
                seen += 1;
                let import_place = ROOMS.iter().position(|other| *other == import).unwrap();
                let below = import_place > place;
                if below || STRANGERS.contains(&(*room, import)) {
                    wrong.push(format!("{} imports `{import}`", file.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports against the order of the rooms:\n{}",
        wrong.join("\n")
    );
    assert!(
        seen > 50,
        "the check found only {seen} imports: it no longer reads the code"
    );
}

#[test]
fn the_reader_sees_every_form_of_import() {
    let text = "use crate::model::{A, B};\nuse crate::{plan::X, ledger};\nlet a = crate::api::f();\n// crate::cli\n";
    assert_eq!(imports(&code(text)), ["model", "plan", "ledger", "api"]);
}

#[test]
fn the_program_is_one_expression() {
    let main =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    let body = main
        .split("fn main() -> ExitCode {")
        .nth(1)
        .expect("main returns an exit code");
    assert_eq!(
        body.trim().trim_end_matches('}').trim(),
        "setlist::cli::main()"
    );
}
