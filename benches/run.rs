//! P2: time per job against a simulator without delays, beside a bare reqwest loop that sends the same requests.
//!
//! The simulator runs in a process of its own; the ledger is SQLite, once in a folder that lives in memory, where a
//! commit waits for no disk, and once on the disk that the project stands on. "one request" is `suno.upsample-tags`, answered at once;
//! "three requests" is `producer.create`: submit, one poll, one download.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use setlist::api::{Client, Origin, ReqwestTransport};
use setlist::catalog::Catalog;
use setlist::exec::{Ending, Engine, RunOptions, carry_out, control};
use setlist::ledger::{Ledger, NewRun};
use setlist::model::{
    AccountId, Credits, Family, Fingerprint, JobId, ManifestOptions, NewJob, Ordinal, Rate, RunId,
    RunSettings, SharedClock, SpendLimits, StopRules, SystemClock,
};
use setlist::sim::{SimOptions, Simulator, serve};
use tokio_util::sync::CancellationToken;

const IN_FLIGHT: usize = 32;
const REPEATS: usize = 5;

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    One,
    Three,
}

impl Shape {
    fn jobs(self) -> usize {
        match self {
            Self::One => 20_000,
            Self::Three => 2_000,
        }
    }

    fn operation(self) -> (&'static str, Family, &'static str) {
        match self {
            Self::One => (
                "suno.upsample-tags",
                Family::Suno,
                r#"{"tags":"synthwave, night"}"#,
            ),
            Self::Three => (
                "producer.create",
                Family::Producer,
                r#"{"description":"a short cue"}"#,
            ),
        }
    }
}

/// Serves a simulator until its parent goes away.
fn serve_forever() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let settings = json!({
            "credits": 1_000_000_000u64, "task_time": "0s", "rate": "off",
            "charge": "aimusicapi-2026-09", "audio_seconds": 1,
        });
        let settings = settings.as_object().expect("an object");
        let options = SimOptions::from_settings(settings).expect("the settings are right");
        let clock: SharedClock = Arc::new(SystemClock::new(Timestamp::now(), 1.0));
        let simulator = Arc::new(Simulator::new(options, clock).expect("a simulator"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        serve(simulator, listener, CancellationToken::new())
            .await
            .expect("it serves");
    });
}

struct Server {
    child: Child,
    origin: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a program has a path"))
            .env("SETLIST_BENCH_TASK", "serve")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench can start itself");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("its output is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("it says where it serves");
        Self {
            child,
            origin: format!("http://{}", line.trim()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("the simulator was running");
        self.child.wait().expect("the simulator ends");
    }
}

async fn ask(client: &reqwest::Client, request: reqwest::RequestBuilder) -> Value {
    let request = request.bearer_auth("k").build().expect("a request");
    let answer = client.execute(request).await.expect("an answer");
    serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
}

/// The same requests without holds, ledger, limiter or files.
async fn bare_job(client: &reqwest::Client, origin: &str, shape: Shape, number: usize) {
    let post = |path: &str, body: Value| {
        client
            .post(format!("{origin}{path}"))
            .header("content-type", "application/json")
            .body(body.to_string())
    };
    if shape == Shape::One {
        ask(
            client,
            post(
                "/api/v1/sonic/upsample-tags",
                json!({"tags": "synthwave, night"}),
            ),
        )
        .await;
        return;
    }
    let body =
        json!({"task_type": "create_music", "sound": "a short cue", "title": number.to_string()});
    let task = ask(client, post("/api/v1/producer/create", body)).await;
    let task = task["task_id"].as_str().expect("a task").to_owned();
    let done = ask(
        client,
        client.get(format!("{origin}/api/v1/producer/task/{task}")),
    )
    .await;
    let url = done["data"][0]["audio_url"]
        .as_str()
        .expect("audio")
        .to_owned();
    client
        .get(url)
        .send()
        .await
        .expect("a file")
        .bytes()
        .await
        .expect("its bytes");
}

async fn bare(origin: &str, shape: Shape) -> Duration {
    let client = reqwest::Client::builder().build().expect("a client");
    let started = Instant::now();
    futures::stream::iter(0..shape.jobs())
        .for_each_concurrent(IN_FLIGHT, |number| bare_job(&client, origin, shape, number))
        .await;
    started.elapsed()
}

fn new_jobs(shape: Shape) -> Vec<NewJob> {
    let (operation, family, inputs) = shape.operation();
    (0..shape.jobs())
        .map(|number| {
            let number = u32::try_from(number).expect("a bench is small");
            let mut print = [0; 16];
            print[..4].copy_from_slice(&number.to_be_bytes());
            NewJob {
                ordinal: Ordinal(number),
                id: JobId::new(format!("j{number}")),
                fingerprint: Fingerprint(print),
                operation: operation.to_owned(),
                family,
                inputs: inputs.to_owned(),
                price: Credits::new(1),
                priority: 0,
                save: None,
                needs: Vec::new(),
                reuse: None,
            }
        })
        .collect()
}

/// Enrols the jobs (not timed) and carries the run out (timed).
async fn ours(origin: &str, shape: Shape, folder: &Path, ledger: Ledger) -> Duration {
    let clock: SharedClock = Arc::new(SystemClock::new(Timestamp::now(), 1.0));
    let origin_checked = Origin::parse(origin).expect("an origin");
    let transport =
        ReqwestTransport::new(SecretString::from("k"), origin_checked).expect("a transport");
    let timeout = Duration::from_secs(60);
    let client = Client::new(
        Catalog::builtin().clone(),
        origin,
        Arc::new(transport),
        timeout,
    );
    let engine = Engine {
        ledger,
        service: Arc::new(client.expect("a client")),
        catalog: Catalog::builtin().clone(),
        clock: clock.clone(),
        seed: 1,
        files: Arc::new(()),
    };
    let settings = RunSettings {
        provider: "simulator".to_owned(),
        base_url: origin.to_owned(),
        key_env: String::new(),
        rate: Rate {
            count: u32::MAX,
            per: Duration::from_secs(1),
        },
        concurrency: u32::try_from(IN_FLIGHT).expect("a small number"),
        poll: Some(Duration::from_micros(1)),
        timeout,
        out: folder.join("out").display().to_string(),
        limits: SpendLimits::default(),
        simulator: Value::Null,
        plan: None,
        fresh: false,
        files: std::collections::BTreeMap::new(),
        stop: StopRules::default(),
        options: ManifestOptions::default(),
        catalog: None,
    };
    let run = RunId::new(format!("bench-{}", Timestamp::now().as_nanosecond()));
    let new = NewRun {
        id: run.clone(),
        manifest: "bench".to_owned(),
        manifest_path: "bench".to_owned(),
        manifest_digest: String::new(),
        account: AccountId::new("bench"),
        price_list: "aimusicapi-2026-09".to_owned(),
        settings,
    };
    engine.ledger.enroll(new, clock.now()).await.expect("a run");
    for chunk in new_jobs(shape).chunks(1000) {
        engine
            .ledger
            .add_jobs(&run, chunk.to_vec())
            .await
            .expect("its jobs");
    }
    let (_handle, control) = control();
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let watcher = tokio::spawn(async move { while seen.recv().await.is_some() {} });
    let started = Instant::now();
    let ending = carry_out(&engine, &run, RunOptions::default(), control, events)
        .await
        .expect("a run");
    let span = started.elapsed();
    watcher.await.expect("the watcher ends with the run");
    assert_eq!(ending, Ending::Done);
    span
}

fn main() {
    if support::own_task().is_some() {
        return serve_forever();
    }
    support::machine();
    // The bare client finds its crypto here; setlist's own brings it along.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody was first");
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    println!(
        "µs per job, {IN_FLIGHT} in flight, median and best of {REPEATS}; target: with ledger ≤ 2 × bare\n"
    );
    println!(
        "{:<16} {:>7}  {:<28} {:>8} {:>8}  {:>6}",
        "shape", "jobs", "runner", "median", "best", "ratio"
    );
    for (name, shape) in [
        ("one request", Shape::One),
        ("three requests", Shape::Three),
    ] {
        let jobs = shape.jobs();
        let row = |runner: &str, spans: (Duration, Duration), base: f64| {
            let median = support::micros_each(spans.0, jobs);
            let ratio = if base > 0.0 { median / base } else { 1.0 };
            let best = support::micros_each(spans.1, jobs);
            println!("{name:<16} {jobs:>7}  {runner:<28} {median:>8.1} {best:>8.1}  {ratio:>6.2}");
            median
        };
        let spans = support::repeat(REPEATS, || runtime.block_on(bare(&server.origin, shape)));
        let base = row("bare reqwest loop", spans, 0.0);
        for (runner, parent) in [
            ("setlist, ledger in memory", "/dev/shm"),
            ("setlist, ledger on disk", "target"),
        ] {
            let spans = support::repeat(REPEATS, || {
                let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
                let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("a ledger");
                runtime.block_on(ours(&server.origin, shape, folder.path(), ledger))
            });
            row(runner, spans, base);
        }
    }
}
