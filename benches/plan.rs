//! P1: rows planned per second and peak memory, beside a bare `csv` loop over the same file.
//!
//! Each size is planned in a process of its own, so that its peak memory is its own.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use setlist::catalog::{Catalog, PriceList, PriceLists};
use setlist::manifest::Manifest;
use setlist::plan::{self, PlanOptions, Sources};

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const REPEATS: usize = 5;

const MANIFEST: &str = r#"
name = "bench"
[[job]]
id = "cue"
for_each = "rows.csv"
operation = "producer.create"
with = { description = "${each.brief}", title = "${each.title}" }
"#;

fn write_rows(folder: &Path, rows: usize) {
    let mut text = String::with_capacity(rows * 110);
    text.push_str("id,title,brief,mood,comment\n");
    for row in 0..rows {
        writeln!(
            text,
            "{row},Cue number {row},a slow piece for scene {row} with strings and a distant bell,calm,none yet {}",
            row % 97
        )
        .expect("a string takes all text");
    }
    std::fs::write(folder.join("rows.csv"), text).expect("the folder can be written");
    std::fs::write(folder.join("m.toml"), MANIFEST).expect("the folder can be written");
}

fn planned(folder: &Path) -> u64 {
    let catalog = Catalog::builtin();
    let manifest = Manifest::read(&folder.join("m.toml"), catalog).expect("the manifest is right");
    let prices = PriceList::builtin("guide").expect("the list is built in");
    let sources = Sources {
        provider: "simulator",
        catalog,
        prices,
        known: PriceLists::builtin(),
        paid: &(),
    };
    let plan = plan::build(
        &manifest,
        sources,
        PlanOptions {
            list_is_certain: true,
            ..PlanOptions::default()
        },
    )
    .expect("every job has a price");
    plan.total().get()
}

fn bare(folder: &Path) -> u64 {
    let mut reader = csv::Reader::from_path(folder.join("rows.csv")).expect("the file is there");
    let mut record = csv::ByteRecord::new();
    let mut credits = 0;
    while reader
        .read_byte_record(&mut record)
        .expect("the rows are even")
    {
        credits += if record[2].is_empty() { 0 } else { 10 };
    }
    credits
}

/// Does one task and prints seconds and MiB.
fn own(task: &str) {
    let (what, folder) = task.split_once(' ').expect("a task names what and where");
    let (span, credits) = support::time(|| match what {
        "plan" => planned(Path::new(folder)),
        _ => bare(Path::new(folder)),
    });
    assert!(credits > 0);
    println!("{} {}", span.as_secs_f64(), support::peak_mib());
}

fn measure(what: &str, folder: &Path) -> (Duration, f64) {
    let mut peak: f64 = 0.0;
    let (_, best) = support::repeat(REPEATS, || {
        let line = support::in_own_process(&format!("{what} {}", folder.display()));
        let mut figures = line
            .split_whitespace()
            .map(|figure| figure.parse::<f64>().expect("a figure"));
        let seconds = figures.next().expect("seconds");
        peak = peak.max(figures.next().expect("MiB"));
        Duration::from_secs_f64(seconds)
    });
    (best, peak)
}

fn main() {
    if let Some(task) = support::own_task() {
        return own(&task);
    }
    support::machine();
    println!(
        "planning CSV rows on one core, best of {REPEATS}; target 1.5 M rows/s and 100 MB at 1 M rows\n"
    );
    println!(
        "{:>9}  {:>12}  {:>9}  {:>12}  {:>9}",
        "rows", "plan rows/s", "peak MiB", "csv rows/s", "share"
    );
    for rows in SIZES {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_rows(folder.path(), rows);
        let (planned, peak) = measure("plan", folder.path());
        let (read, _) = measure("bare", folder.path());
        let rate = |span: Duration| rows as f64 / span.as_secs_f64();
        println!(
            "{rows:>9}  {:>12.0}  {peak:>9.1}  {:>12.0}  {:>8.0}%",
            rate(planned),
            rate(read),
            100.0 * read.as_secs_f64() / planned.as_secs_f64()
        );
    }
}
