//! P8: `--version`, a plan of ten rows, and a run of one job, as a person starts them.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const REPEATS: usize = 50;

const TEN: &str = r#"
name = "ten"
[[job]]
id = "cue"
for_each = "rows.csv"
operation = "producer.create"
with = { description = "${each.brief}" }
"#;

/// Fast enough that nothing is waited for, and slow enough that the lease of the run, renewed every 20 s of its own
/// time, is not renewed while it lasts.
const ONE: &str = r#"
name = "one"
[provider]
name = "simulator"
simulator = { speed = 500 }
[[job]]
id = "words"
operation = "lyrics.generate"
with = { description = "rain" }
"#;

fn spawn(folder: &Path, arguments: &[&str]) -> Duration {
    let (span, status) = support::time(|| {
        Command::new(env!("CARGO_BIN_EXE_setlist"))
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the program starts")
    });
    assert!(status.success(), "{arguments:?}: {status}");
    span
}

fn main() {
    support::machine();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let rows: String = (0..10).map(|row| format!("brief {row}\n")).collect();
    std::fs::write(folder.join("rows.csv"), format!("brief\n{rows}"))
        .expect("the folder can be written");
    std::fs::write(folder.join("ten.toml"), TEN).expect("the folder can be written");
    std::fs::write(folder.join("one.toml"), ONE).expect("the folder can be written");
    println!("ms, median and best of {REPEATS}\n");
    println!(
        "{:<34} {:>7} {:>7} {:>7}",
        "command", "median", "best", "target"
    );
    let cases: [(&str, &[&str], &str); 3] = [
        ("--version", &["--version"], "3"),
        (
            "plan of 10 rows, offline",
            &["plan", "ten.toml", "--offline", "--balance", "1000"],
            "8",
        ),
        (
            "run of 1 job on the simulator",
            &["run", "one.toml", "--fresh", "--yes"],
            "15",
        ),
    ];
    for (name, arguments, target) in cases {
        let (median, best) = support::repeat(REPEATS, || spawn(folder, arguments));
        let ms = |span: Duration| span.as_secs_f64() * 1e3;
        println!(
            "{name:<34} {:>7.1} {:>7.1} {target:>7}",
            ms(median),
            ms(best)
        );
    }
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_setlist")).map_or(0, |data| data.len());
    println!("\nbinary: {:.1} MB (target 12)", size as f64 / 1e6);
}
