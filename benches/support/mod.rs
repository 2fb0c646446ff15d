//! What the benches share: figures of this process, repeats, and a table that is read beside its comparators.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub mod batch;
pub mod served;

use std::time::{Duration, Instant};

/// Returns a size that the environment may set, so that a smoke run is quick.
pub fn size(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("`{variable}` is no whole number: `{text}`"))
    })
}

/// Returns the middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Returns the processor time that the living threads of this process have used, in seconds.
///
/// `/proc/self/stat` counts in hundredths of a second, which is too coarse here.
pub fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this is Linux");
    let nanos = |task: std::io::Result<std::fs::DirEntry>| {
        let path = task.ok()?.path().join("schedstat");
        let text = std::fs::read_to_string(path).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(nanos).sum::<f64>() / 1e9
}

/// Returns the peak memory of this process, in MiB.
pub fn peak_mib() -> f64 {
    peak_mib_of(std::process::id())
}

/// Returns the peak memory of a process, in MiB.
pub fn peak_mib_of(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<f64>()
                .ok()
        });
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Runs something `times` times; returns the median and the best.
pub fn repeat(times: usize, mut run: impl FnMut() -> Duration) -> (Duration, Duration) {
    let mut all: Vec<Duration> = (0..times).map(|_| run()).collect();
    all.sort();
    (all[all.len() / 2], all[0])
}

/// Times one call.
pub fn time<T>(call: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let value = call();
    (started.elapsed(), value)
}

/// Returns microseconds per item.
pub fn micros_each(span: Duration, items: usize) -> f64 {
    span.as_secs_f64() * 1e6 / items as f64
}

/// Prints what the figures were taken on.
pub fn machine() {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    println!(
        "{cpus} cores, load {load} at the start, setlist {}",
        env!("CARGO_PKG_VERSION")
    );
}

/// Runs this bench's own program again with a task for a process of its own; returns what it printed.
pub fn in_own_process(task: &str) -> String {
    let output = std::process::Command::new(std::env::current_exe().expect("a program has a path"))
        .env("SETLIST_BENCH_TASK", task)
        .output()
        .expect("the bench can start itself");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("a task prints text")
}

/// Returns the task this process was started for, if it is not the bench itself.
pub fn own_task() -> Option<String> {
    std::env::var("SETLIST_BENCH_TASK").ok()
}
