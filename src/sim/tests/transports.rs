//! The same simulator in-process and over a socket.

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::api::transport::{HttpMethod, HttpRequest, Transport, TransportError};

fn request(method: HttpMethod, path: &str, body: Option<&Value>) -> HttpRequest {
    HttpRequest {
        method,
        url: format!("{IN_PROCESS_BASE}{path}"),
        with_key: true,
        body: body.map(|body| body.to_string().into_bytes()),
        range_from: None,
        timeout: Duration::from_secs(60),
    }
}

async fn collect(
    transport: &InProcess,
    request: HttpRequest,
) -> Result<(u16, Vec<u8>), TransportError> {
    let mut answer = transport.send(request).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = answer.body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok((answer.status, bytes))
}

#[tokio::test]
async fn in_process_answers_are_what_a_client_would_get() {
    let bench = Bench::quick(json!({"key": "secret"}));
    let transport = InProcess::new(Arc::clone(&bench.sim));
    let create = || request(HttpMethod::Post, "/api/v1/sonic/create", Some(&song()));
    let (status, body) = collect(&transport, create()).await.unwrap();
    assert_eq!(status, 200);
    let accepted: Value = serde_json::from_slice(&body).unwrap();
    let path = format!(
        "/api/v1/sonic/task/{}",
        accepted["task_id"].as_str().unwrap()
    );
    let (_, body) = collect(&transport, request(HttpMethod::Get, &path, None))
        .await
        .unwrap();
    let poll: Value = serde_json::from_slice(&body).unwrap();
    let mut file = request(HttpMethod::Get, "", None);
    file.url = poll["data"][0]["audio_url"].as_str().unwrap().to_owned();
    file.with_key = false;
    file.range_from = Some(44);
    let (status, samples) = collect(&transport, file).await.unwrap();
    assert_eq!((status, samples.len()), (206, 2 * 8 * 22_050));
    let without_key = HttpRequest {
        with_key: false,
        ..create()
    };
    assert_eq!(collect(&transport, without_key).await.unwrap().0, 401);
    for elsewhere in ["https://api.example/", "http://simulator.localhostess/"] {
        let other = HttpRequest {
            url: elsewhere.to_owned(),
            ..create()
        };
        let lost = collect(&transport, other).await.unwrap_err();
        assert!(matches!(lost, TransportError::NotSent(_)), "{elsewhere}");
    }
}

#[tokio::test]
async fn in_process_faults_are_lost_answers() {
    let faults = json!([
        "reset-before@1",
        "reset-after@2",
        "truncate@3",
        "slow@4:90s",
        "slow@5:30s"
    ]);
    let bench = Bench::quick(json!({"faults": faults}));
    let transport = InProcess::new(Arc::clone(&bench.sim));
    let mut charged = Vec::new();
    for _ in 0..5 {
        let create = request(HttpMethod::Post, "/api/v1/sonic/create", Some(&song()));
        let before = bench.clock.elapsed();
        let lost = matches!(
            collect(&transport, create).await,
            Err(TransportError::Lost(_))
        );
        charged.push((
            lost,
            1000 - bench.balance().0,
            (bench.clock.elapsed() - before).as_secs(),
        ));
    }
    // Lost for the client, the sum charged so far, and how long the client waited: at most its time-out.
    assert_eq!(
        charged,
        [
            (true, 0, 0),
            (true, 10, 0),
            (true, 20, 0),
            (true, 30, 60),
            (false, 40, 30)
        ]
    );
}

/// A served simulator, and a way to speak to it in bytes.
struct Served {
    bench: Bench,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), SimError>>,
}

impl Served {
    async fn new(settings: Value) -> Self {
        let bench = Bench::quick(settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(Arc::clone(&bench.sim), listener, stop.clone()));
        Self {
            bench,
            address,
            stop,
            task,
        }
    }

    /// Sends a request and reads until the connection ends.
    async fn speak(&self, text: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(text.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    async fn post(&self, path: &str, body: &str) -> std::io::Result<String> {
        let length = body.len();
        self.speak(&format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    async fn get(&self, path: &str, more: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n");
        self.speak(&head).await.unwrap()
    }
}

#[tokio::test]
async fn a_socket_carries_the_same_answers() {
    let served = Served::new(json!({})).await;
    let answer = served
        .post("/api/v1/sonic/create", &song().to_string())
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"task_id\""));
    let clip = served.bench.song();
    let (_, poll) = said(
        served
            .bench
            .raw_post("sonic/wav", &json!({"clip_id": clip})),
    );
    let url = poll["data"]["wav_url"].as_str().unwrap();
    let base = format!("http://{}", served.address);
    let path = url.strip_prefix(&base).unwrap();
    let file = served.get(path, "range: bytes=352800-\r\n").await;
    assert!(file.starts_with("HTTP/1.1 206"), "{file}");
    assert!(
        file.contains("content-length: 44\r\n") && file.contains("content-type: audio/wav\r\n")
    );
    assert!(file.contains("content-range: bytes 352800-352843/352844\r\n"));
    let too_long = "x".repeat(1024 * 1024 + 1);
    let refused = served.post("/api/v1/sonic/create", &too_long).await;
    // The refusal may be overtaken by the reset that unread bytes cause.
    assert!(refused.is_err() || refused.unwrap().starts_with("HTTP/1.1 413"));
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn dropped_connections_give_no_byte_and_cut_ones_too_few() {
    let faults = json!(["reset-before@1", "reset-after@2", "truncate@3", "429@4:7s"]);
    let served = Served::new(json!({"faults": faults})).await;
    let mut left = Vec::new();
    for _ in 0..2 {
        let lost = served
            .post("/api/v1/sonic/create", &song().to_string())
            .await;
        assert_eq!(
            lost.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionReset
        );
        left.push(served.bench.balance().0);
    }
    assert_eq!(left, [1000, 990]);
    let half = served
        .post("/api/v1/sonic/create", &song().to_string())
        .await
        .unwrap();
    let (head, body) = half.split_once("\r\n\r\n").unwrap();
    let promised = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert!(
        !body.is_empty() && body.len() < promised.parse().unwrap(),
        "{half}"
    );
    let refused = served
        .post("/api/v1/sonic/create", &song().to_string())
        .await
        .unwrap();
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: 7\r\n"));
    served.stop.cancel();
}

#[tokio::test]
async fn it_is_served_on_loopback_only() {
    let bench = Bench::quick(json!({}));
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = serve(Arc::clone(&bench.sim), listener, CancellationToken::new()).await;
    assert!(matches!(refused, Err(SimError::NotLoopback(_))));
}
