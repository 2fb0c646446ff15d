//! Every command of README.md is run, in order, and prints what README.md says it prints.
//!
//! A fenced block of kind `console` holds commands (`$ …`) and their output (stdout and stderr together). `…` at
//! the end of a command's output stands for the rest of it. `SETLIST_README=update cargo test --test readme` writes
//! what the commands print now into the file; the difference is to be read like code.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A command of the README with what it is said to print.
struct Example {
    command: String,
    output: Vec<String>,
    /// The lines of the file that the output takes, from and up to.
    lines: (usize, usize),
}

fn examples(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => found.push(Example {
                    command: command.to_owned(),
                    output: Vec::new(),
                    lines: (number + 1, number + 1),
                }),
                None => {
                    let example = found.last_mut().expect("a block starts with a command");
                    example.output.push(line.to_owned());
                    example.lines.1 = number + 1;
                }
            },
            _ => {}
        }
    }
    found
}

/// A newcomer's machine: a home, the folder the README assumes, and nothing of this process's environment.
struct Newcomer {
    home: TempDir,
    work: PathBuf,
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Newcomer {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("work");
        copy_folder(&root().join("manifests"), &work.join("manifests"));
        copy_folder(
            &root().join("examples/jingle"),
            &work.join("examples/jingle"),
        );
        Self { home, work }
    }

    fn run(&self, command: &str) -> Vec<String> {
        let program = env!("CARGO_BIN_EXE_setlist");
        let folder = Path::new(program).parent().unwrap();
        // The first command of the README builds; here the program is built already.
        let command = command.replace("cargo run --release --quiet --", "setlist");
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("{{ {command}\n}} 2>&1"))
            .current_dir(&self.work)
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()),
            )
            .env("HOME", self.home.path())
            .env("COLUMNS", "100")
            .env("TZ", "UTC")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let text = masked(&text.replace(&self.home.path().display().to_string(), "~"));
        text.lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

/// Puts words in place of what differs from run to run: ids and times.
fn masked(text: &str) -> String {
    let shapes = [
        ("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "RUN"),
        ("dddd-dd-ddTdd:dd:ddZ", "TIME"),
    ];
    let fits = |shape: &str, rest: &str| {
        rest.len() >= shape.len()
            && shape
                .bytes()
                .zip(rest.bytes())
                .all(|(wanted, is)| match wanted {
                    b'h' => is.is_ascii_hexdigit(),
                    b'd' => is.is_ascii_digit(),
                    exact => is == exact,
                })
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match shapes.iter().find(|(shape, _)| fits(shape, rest)) {
            Some((shape, word)) => {
                out.push_str(word);
                rest = &rest[shape.len()..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Tells whether what was printed is what was said; `…` as the last line says that more follows.
fn agrees(said: &[String], printed: &[String]) -> bool {
    match said.split_last() {
        Some((last, start)) if last == "…" => printed.starts_with(start),
        _ => said == printed,
    }
}

#[test]
fn the_readme_tells_the_truth() {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let newcomer = Newcomer::new();
    let update = std::env::var_os("SETLIST_README").is_some();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut wrong = Vec::new();
    let mut moved: isize = 0;
    for example in examples(&text) {
        if example.command.starts_with("cargo test") || example.command.starts_with("cargo install")
        {
            continue;
        }
        let mut printed = newcomer.run(&example.command);
        if agrees(&example.output, &printed) {
            continue;
        }
        wrong.push(format!(
            "$ {}\n--- said\n{}\n--- printed\n{}",
            example.command,
            example.output.join("\n"),
            printed.join("\n")
        ));
        if example.output.last().is_some_and(|last| last == "…") {
            printed.truncate(example.output.len() - 1);
            printed.push("…".to_owned());
        }
        let at = |line: usize| usize::try_from(isize::try_from(line).unwrap() + moved).unwrap();
        let range = at(example.lines.0)..at(example.lines.1);
        moved += isize::try_from(printed.len()).unwrap() - isize::try_from(range.len()).unwrap();
        lines.splice(range, printed);
    }
    if update {
        fs::write(&path, lines.join("\n") + "\n").unwrap();
    } else {
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

#[test]
fn the_test_command_of_the_readme_is_what_ci_runs() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let command = readme
        .lines()
        .find_map(|line| line.strip_prefix("$ cargo test"))
        .unwrap();
    assert!(
        ci.lines()
            .any(|line| line == format!("cargo test{command}")),
        "{command}"
    );
}

#[test]
fn outputs_are_compared_to_the_letter() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(agrees(&lines("a\nb"), &lines("a\nb")));
    assert!(!agrees(&lines("a"), &lines("a\nb")));
    assert!(agrees(&lines("a\n…"), &lines("a\nb\nc")));
    assert!(!agrees(&lines("b\n…"), &lines("a\nb")));
}
