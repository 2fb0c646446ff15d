//! Downloads against a file server by script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::api::{Answer, Call, Refusal, Service};
use crate::catalog::{Catalog, OperationId};
use crate::exec::Engine;
use crate::exec::track::Mark;
use crate::ledger::{JobEvent, Ledger};
use crate::model::{
    Balance, Credits, Family, JobId, ManifestOptions, Ordinal, Rate, RunId, RunSettings,
    SpendLimits, StopRules, SystemClock, TaskId,
};

const FILE: &[u8] = b"RIFF and so on";
const OLD: &str = "https://cdn.example/a.wav?sig=1";
const FRESH: &str = "https://cdn.example/a.wav?sig=2";

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Act {
    /// Sends what is asked for, so many bytes of it before the connection breaks.
    Break(usize),
    /// Sends the rest that is asked for.
    Rest,
    /// Sends the whole file, whatever is asked for.
    Whole,
    /// Refuses with a status.
    Refuse(u16),
}

#[derive(Default)]
struct Server {
    script: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<(String, u64)>>,
    polls: Mutex<u32>,
}

fn broken(kind: FaultKind, status: Option<u16>) -> Fault {
    Fault {
        kind,
        status,
        message: "no".to_owned(),
        retry_after: None,
    }
}

fn result(url: &str) -> JobResult {
    JobResult {
        fields: json!({}),
        clip_ids: vec!["c".to_owned()],
        downloads: vec![Download {
            url: url.to_owned(),
            extension: None,
            label: None,
            duration_s: None,
        }],
    }
}

impl Service for Server {
    fn balance(&self) -> BoxFuture<'_, Result<Balance, Fault>> {
        unreachable!("nothing here is about credits")
    }

    fn submit<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Result<Answer, Fault>> {
        unreachable!("a download never submits")
    }

    fn poll<'a>(&'a self, _: OperationId, _: &'a TaskId) -> BoxFuture<'a, Result<Progress, Fault>> {
        *self.polls.lock().unwrap() += 1;
        Box::pin(async { Ok(Progress::Done(result(FRESH))) })
    }

    fn download<'a>(&'a self, url: &'a str, from: u64) -> BoxFuture<'a, Result<FileBody, Fault>> {
        self.asked.lock().unwrap().push((url.to_owned(), from));
        let act = self.script.lock().unwrap().pop_front();
        let rest = &FILE[usize::try_from(from).unwrap()..];
        let (status, sent, length) = match act.unwrap_or(Act::Rest) {
            Act::Refuse(status) => {
                let kind = FaultKind::Refused(Refusal::NotFound);
                return Box::pin(async move { Err(broken(kind, Some(status))) });
            }
            Act::Break(sent) => (206, &rest[..sent], rest.len()),
            Act::Rest => (206, rest, rest.len()),
            Act::Whole => (200, FILE, FILE.len()),
        };
        let end = (sent.len() < length).then(|| Err(broken(FaultKind::Unknown, None)));
        let chunks = std::iter::once(Ok(Bytes::from_static(sent))).chain(end);
        Box::pin(async move {
            Ok(FileBody {
                status: if from == 0 { 200 } else { status },
                content_type: Some("audio/wav".to_owned()),
                content_length: u64::try_from(length).ok(),
                body: Box::pin(futures::stream::iter(chunks)),
            })
        })
    }
}

fn job() -> HeldJob {
    HeldJob {
        ordinal: Ordinal(0),
        id: JobId::new("song"),
        operation: "suno.create".to_owned(),
        family: Family::Suno,
        inputs: "{}".to_owned(),
        upstream: Vec::new(),
        price: Credits::new(10),
        save: None,
        reused: None,
        attempts: 1,
    }
}

/// What a process fetched, and what it asked the server for.
struct Fetched {
    placed: Result<Placed, SaveError>,
    asked: Vec<(String, u64)>,
    polls: u32,
}

impl Fetched {
    fn offsets(&self) -> Vec<u64> {
        self.asked.iter().map(|(_, from)| *from).collect()
    }
}

/// Fetches the file in a process of its own.
async fn process(out: &TempDir, task: Option<&str>, url: &str, script: &[Act]) -> Fetched {
    let server = Arc::new(Server {
        script: Mutex::new(script.iter().copied().collect()),
        ..Server::default()
    });
    let engine = Engine {
        ledger: Ledger::in_memory(),
        service: server.clone(),
        catalog: Catalog::builtin().clone(),
        clock: Arc::new(SystemClock::new(Timestamp::UNIX_EPOCH, 1.0)),
        seed: 1,
        files: Arc::new(()),
    };
    let settings = RunSettings {
        provider: "simulator".to_owned(),
        base_url: String::new(),
        key_env: String::new(),
        rate: Rate {
            count: 10,
            per: std::time::Duration::from_secs(1),
        },
        concurrency: 4,
        poll: None,
        timeout: std::time::Duration::from_secs(60),
        out: out.path().display().to_string(),
        limits: SpendLimits::default(),
        simulator: json!(null),
        plan: None,
        fresh: false,
        files: std::collections::BTreeMap::new(),
        stop: StopRules::default(),
        options: ManifestOptions::default(),
        catalog: None,
    };
    let (events, _) = mpsc::unbounded_channel();
    let shared = Shared::new(engine, RunId::new("r1"), settings, events);
    let accepted = JobEvent::Accept {
        task: task.map(TaskId::new),
    };
    let mark = Mark::of(&[accepted]);
    shared.tracks.note(Ordinal(0), mark, Timestamp::UNIX_EPOCH);
    let placed = fetch(&shared, &job(), &result(url), 0).await;
    let asked = server.asked.lock().unwrap().clone();
    let polls = *server.polls.lock().unwrap();
    Fetched {
        placed,
        asked,
        polls,
    }
}

fn check(out: &TempDir, fetched: &Fetched) {
    let placed = fetched.placed.as_ref().unwrap();
    let path = out.path().join(&placed.file);
    assert_eq!(std::fs::read(&path).unwrap(), FILE);
    assert_eq!(placed.content, Sum::of(&path).unwrap().content());
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_download_goes_on_in_this_process_and_in_the_next() {
    let out = tempfile::tempdir().unwrap();
    let attempts = usize::try_from(backoff::DOWNLOAD_ATTEMPTS).unwrap();
    let mut script = vec![Act::Break(5), Act::Break(2)];
    script.resize(attempts, Act::Break(0));
    let first = process(&out, None, OLD, &script).await;
    assert!(first.placed.is_err());
    assert_eq!(first.offsets()[..3], [0, 5, 7]);
    let second = process(&out, None, FRESH, &[Act::Rest]).await;
    assert_eq!(second.offsets(), [7], "another signature, the same file");
    check(&out, &second);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_another_file_is_no_beginning() {
    let out = tempfile::tempdir().unwrap();
    let script = vec![Act::Break(5); 20];
    let other = process(&out, None, "https://cdn.example/b.wav", &script[..1]).await;
    assert_eq!(other.offsets(), [0, 5]);
    let mut broken = vec![Act::Break(5)];
    broken.resize(20, Act::Break(0));
    drop(process(&out, None, "https://cdn.example/c.wav", &broken).await);
    let fetched = process(&out, None, OLD, &[]).await;
    assert_eq!(fetched.offsets(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_ranges_or_with_another_file_starts_anew() {
    let out = tempfile::tempdir().unwrap();
    let fetched = process(&out, None, OLD, &[Act::Break(5), Act::Whole]).await;
    assert_eq!(fetched.offsets(), [0, 5]);
    check(&out, &fetched);
    let out = tempfile::tempdir().unwrap();
    let fetched = process(&out, None, OLD, &[Act::Break(5), Act::Refuse(416)]).await;
    assert_eq!(fetched.offsets(), [0, 5, 0]);
    check(&out, &fetched);
}

#[tokio::test(start_paused = true)]
async fn an_expired_address_is_asked_for_anew_once_where_there_is_a_task() {
    for status in [403, 404, 410] {
        let out = tempfile::tempdir().unwrap();
        let script = [Act::Break(5), Act::Refuse(status), Act::Rest];
        let fetched = process(&out, Some("t"), OLD, &script).await;
        let asked = [(OLD, 0), (OLD, 5), (FRESH, 5)].map(|(url, from)| (url.to_owned(), from));
        assert_eq!(fetched.asked, asked);
        assert_eq!(fetched.polls, 1);
        check(&out, &fetched);
    }
    let out = tempfile::tempdir().unwrap();
    let gone = process(&out, Some("t"), OLD, &[Act::Refuse(404); 20]).await;
    assert!(gone.placed.is_err());
    assert_eq!(gone.polls, 1);
    let untold = process(&out, None, OLD, &[Act::Refuse(404); 20]).await;
    assert!(untold.placed.is_err());
    assert_eq!(untold.polls, 0);
}
