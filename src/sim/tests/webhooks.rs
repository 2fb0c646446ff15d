//! Webhooks as a receiver on this machine gets them.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::mpsc;

use super::*;

/// One webhook as it arrived.
struct Got {
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}"));
        value.to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn is_signed(&self, header: &str, secret: &str, signed: &str) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let digest = mac.finalize().into_bytes();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.header(header) == format!("sha256={hex}")
    }
}

/// A receiver that answers with the statuses it is given, and then with 204.
struct Receiver {
    url: String,
    got: mpsc::UnboundedReceiver<Got>,
}

type Shared = (mpsc::UnboundedSender<Got>, Arc<std::sync::Mutex<Vec<u16>>>);

async fn take((sender, statuses): Shared, headers: HeaderMap, body: String) -> StatusCode {
    sender.send(Got { headers, body }).unwrap();
    let status = statuses.lock().unwrap().pop().unwrap_or(204);
    StatusCode::from_u16(status).unwrap()
}

impl Receiver {
    async fn start(statuses: Vec<u16>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, got) = mpsc::unbounded_channel();
        let shared: Shared = (sender, Arc::new(std::sync::Mutex::new(statuses)));
        let handler = |State(shared): State<Shared>, headers, body| take(shared, headers, body);
        let router = Router::new().fallback(handler).with_state(shared);
        drop(tokio::spawn(
            async move { axum::serve(listener, router).await },
        ));
        Self { url, got }
    }

    async fn next(&mut self) -> Got {
        let next = tokio::time::timeout(Duration::from_secs(60), self.got.recv());
        next.await.expect("a webhook comes").unwrap()
    }
}

fn with_courier(settings: Value) -> Bench {
    let bench = Bench::new(settings);
    drop(tokio::spawn(deliver_webhooks(Arc::clone(&bench.sim))));
    bench
}

fn asking(url: &str, model: &str) -> Value {
    json!({
        "custom_mode": true, "prompt": "la la", "tags": "pop", "mv": model,
        "webhook_url": url, "webhook_secret": "hush",
    })
}

#[tokio::test]
async fn a_song_is_told_of_when_it_streams_and_when_it_is_done() {
    let mut receiver = Receiver::start(Vec::new()).await;
    let bench = with_courier(json!({}));
    let (status, accepted) = bench.post("sonic/create", asking(&receiver.url, "sonic-v5"));
    assert_eq!(status, 200);

    let streaming = receiver.next().await;
    assert_eq!(streaming.header("x-webhook-event"), "song.streaming");
    assert_eq!(streaming.json()["message"], "streaming");

    let done = receiver.next().await;
    let said = done.json();
    assert_eq!(done.header("x-webhook-event"), "song.completed");
    assert_eq!(done.header("content-type"), "application/json");
    assert_eq!(done.header("idempotency-key"), done.header("x-webhook-id"));
    assert_ne!(
        done.header("x-webhook-id"),
        streaming.header("x-webhook-id")
    );
    let signed = format!("{}.{}", done.header("x-webhook-timestamp"), done.body);
    assert!(done.is_signed("x-webhook-signature", "hush", &signed));
    assert_eq!(said["event"], "song.completed");
    assert_eq!(said["platform"], "suno");
    assert_eq!(said["task_id"], accepted["task_id"]);
    let path = format!("sonic/task/{}", accepted["task_id"].as_str().unwrap());
    let (_, polled) = bench.get(&path);
    assert_eq!(said["data"], polled["data"]);
    assert_eq!(
        (&said["code"], &said["message"]),
        (&json!(200), &json!("success"))
    );
}

#[tokio::test]
async fn a_failure_is_told_with_its_refund_and_an_older_signature_covers_the_body_alone() {
    let mut receiver = Receiver::start(Vec::new()).await;
    let bench = with_courier(json!({"failure_rate": 1.0, "webhook_signature": "body"}));
    bench.post("sonic/create", asking(&receiver.url, "sonic-v5"));
    let failed = receiver.next().await;
    let said = failed.json();
    assert_eq!(said["event"], "song.failed");
    assert_eq!(
        (&said["type"], &said["refund_processed"]),
        (&json!("failed"), &json!(true))
    );
    assert!(failed.is_signed("x-signature", "hush", &failed.body));
    assert!(failed.headers.get("x-webhook-signature").is_none());
}

#[tokio::test]
async fn what_is_not_taken_comes_again_and_faults_double_or_lose_it() {
    let mut receiver = Receiver::start(vec![500]).await;
    let faults = json!(["webhook-lost@1", "webhook-twice@2"]);
    let bench = with_courier(json!({"rate": "off", "faults": faults}));
    let lost = bench
        .post("sonic/create", asking(&receiver.url, "sonic-v4"))
        .1;
    let twice = bench
        .post("sonic/create", asking(&receiver.url, "sonic-v4"))
        .1;
    assert_ne!(lost["task_id"], twice["task_id"]);
    // The first is answered with 500, so it comes again, and then comes the double.
    let got = [
        receiver.next().await,
        receiver.next().await,
        receiver.next().await,
    ];
    for one in &got {
        assert_eq!(one.json()["task_id"], twice["task_id"]);
        assert_eq!(one.header("x-webhook-id"), got[0].header("x-webhook-id"));
    }
}

#[tokio::test]
async fn a_producer_task_and_a_late_webhook_are_told_of_too() {
    let mut receiver = Receiver::start(Vec::new()).await;
    let bench = with_courier(json!({"faults": ["webhook-late@1:500s"]}));
    let body = json!({"task_type": "create_music", "sound": "rain", "webhook_url": receiver.url});
    bench.post("producer/create", body);
    let late = receiver.next().await;
    assert_eq!(late.json()["platform"], "producer");
    let seconds: u64 = late.header("x-webhook-timestamp").parse().unwrap();
    assert!(seconds >= 500, "{seconds}");
}
