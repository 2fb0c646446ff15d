//! The simulator as its clients see it: requests in, answers out, and the books in between.

mod client;
mod endpoints;
mod faults;
mod money;
mod producer_nuro;
mod replay;
mod sonic;
mod tools;
mod transports;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::model::{Clock, SharedClock};

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
struct HandClock(AtomicI64);

impl HandClock {
    fn pass(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.pass(span);
        Box::pin(std::future::ready(()))
    }
}

/// A simulator, its clock, and short ways to ask it.
struct Bench {
    sim: Arc<Simulator>,
    clock: Arc<HandClock>,
}

/// An answer's status and JSON.
type Said = (u16, Value);

impl Bench {
    fn new(settings: Value) -> Self {
        let clock = Arc::new(HandClock::default());
        let sim = Simulator::new(options(settings), Arc::clone(&clock) as SharedClock).unwrap();
        Self {
            sim: Arc::new(sim),
            clock,
        }
    }

    /// A bench whose tasks are done at once and whose rate is unlimited.
    fn quick(settings: Value) -> Self {
        let mut all = json!({"task_time": 0, "rate": "off"});
        for (key, value) in settings.as_object().unwrap() {
            all[key] = value.clone();
        }
        Self::new(all)
    }

    fn send(&self, method: Method, path: &str, key: Option<&str>, body: &[u8]) -> SimResponse {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.sim.handle(&SimRequest {
            method,
            path: path.to_owned(),
            query: Some(query.to_owned()),
            authorization: key.map(str::to_owned),
            body: Bytes::copy_from_slice(body),
            range_from: None,
        })
    }

    fn raw_post(&self, path: &str, body: &Value) -> SimResponse {
        let path = format!("/api/v1/{path}");
        let body = body.to_string();
        self.send(Method::POST, &path, Some("Bearer k"), body.as_bytes())
    }

    fn post(&self, path: &str, body: Value) -> Said {
        said(self.raw_post(path, &body))
    }

    fn get(&self, path: &str) -> Said {
        let path = format!("/api/v1/{path}");
        said(self.send(Method::GET, &path, Some("Bearer k"), b""))
    }

    fn file(&self, url: &str) -> Vec<u8> {
        let path = url.strip_prefix(IN_PROCESS_BASE).unwrap();
        let answer = self.send(Method::GET, path, None, b"");
        assert_eq!(answer.status, 200, "{url}");
        answer.body.into_pieces().flatten().collect()
    }

    /// Posts what must be taken, and returns the answer.
    fn done(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body.clone());
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer
    }

    /// Starts a task and returns its poll once it is done; the bench must be a quick one.
    fn result(&self, path: &str, body: Value) -> Value {
        let task = self.done(path, body)["task_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let family = path.split('/').next().unwrap();
        let (status, answer) = self.get(&format!("{family}/task/{task}"));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The first clip of a song.
    fn song(&self) -> String {
        let poll = self.result("sonic/create", song());
        poll["data"][0]["clip_id"].as_str().unwrap().to_owned()
    }

    /// The clip of a Producer song.
    fn producer_song(&self) -> String {
        let body = json!({"task_type": "create_music", "sound": "slow brass"});
        let poll = self.result("producer/create", body);
        poll["data"][0]["clip_id"].as_str().unwrap().to_owned()
    }

    fn uploaded(&self) -> String {
        let answer = self.done("sonic/upload", json!({"url": "https://box.example/a.mp3"}));
        answer["clip_id"].as_str().unwrap().to_owned()
    }

    fn balance(&self) -> (u64, u64) {
        let (_, told) = self.get("get-credits");
        (
            told["credits"].as_u64().unwrap(),
            told["extra_credits"].as_u64().unwrap(),
        )
    }

    /// Says what the last submit cost.
    fn last_charge(&self) -> u64 {
        self.sim.audit().entries.last().unwrap().charged.get()
    }

    /// Asserts that a request is refused with 400 in these words, free of charge.
    fn refuses(&self, path: &str, body: Value, words: &str) {
        let before = self.balance();
        let (status, answer) = self.post(path, body.clone());
        assert_eq!(status, 400, "{path} {body}: {answer}");
        assert_eq!(answer["error"], words, "{path} {body}");
        assert_eq!(self.balance(), before);
    }
}

fn options(settings: Value) -> SimOptions {
    SimOptions::from_settings(settings.as_object().unwrap()).unwrap()
}

fn said(answer: SimResponse) -> Said {
    let bytes: Vec<u8> = answer.body.into_pieces().flatten().collect();
    let value = serde_json::from_slice(&bytes);
    (answer.status, value.unwrap_or(Value::Null))
}

/// A good `create_music`.
fn song() -> Value {
    json!({
        "task_type": "create_music", "custom_mode": true, "mv": "sonic-v6", "use_suno_cdn": false,
        "title": "Paper Kites", "tags": "indie folk", "prompt": "[Verse]\nfirst line",
    })
}

/// The same object with other fields; null takes one away.
fn with(body: &Value, fields: Value) -> Value {
    let mut changed = body.clone();
    for (name, value) in fields.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    changed
}

/// Asserts the books: what was there, came, went and came back is what is there.
fn books_close(sim: &Simulator) {
    let audit = sim.audit();
    let sum = |balance: crate::model::Balance| i128::from(balance.available().unwrap().get());
    let moved = i128::from(audit.topped_up.get()) - i128::from(audit.charged.get())
        + i128::from(audit.refunded.get());
    assert_eq!(sum(audit.opening) + moved, sum(audit.balance));
}
