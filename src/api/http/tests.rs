//! The transport against real sockets that misbehave.

use std::net::SocketAddr;
use std::sync::Mutex;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::api::{Call, Client as ApiClient, FaultKind, Service as _};
use crate::catalog::Catalog;

const KEY: &str = "sk_live_verysecret";
const WAIT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

/// A server that does the same to every connection, and the requests it read.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start<F>(behave: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = read_request(&mut stream).await;
                log.lock().unwrap().push(head);
                tokio::spawn(behave(stream));
            }
        });
        Self { address, seen }
    }

    /// Answers with these bytes and closes.
    async fn saying(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                // The client may have hung up already.
                let _sent = stream.write_all(answer.as_bytes()).await;
                let _closed = stream.shutdown().await;
            }
        })
        .await
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    fn transport(&self) -> ReqwestTransport {
        transport(&self.origin())
    }

    async fn submit(&self, timeout: Duration) -> Result<crate::api::Answer, crate::api::Fault> {
        submit(&self.origin(), timeout).await
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let hello = request.first() == Some(&0x16); // of TLS: there is no request to wait for
        if hello || count == 0 || (text.contains("\r\n\r\n") && body.len() >= length) {
            return text;
        }
    }
}

fn transport(origin: &str) -> ReqwestTransport {
    let origin = Origin::parse(origin).unwrap();
    ReqwestTransport::new(SecretString::from(KEY), origin).unwrap()
}

async fn submit(origin: &str, timeout: Duration) -> Result<crate::api::Answer, crate::api::Fault> {
    let catalog = Catalog::builtin();
    let transport = Arc::new(transport(origin));
    let client = ApiClient::new(Arc::clone(catalog), origin, transport, timeout).unwrap();
    let inputs = json!({"clip": "c"});
    let call = Call {
        operation: catalog.find("suno.stems-basic").unwrap(),
        inputs: inputs.as_object().unwrap().clone(),
    };
    client.submit(&call).await
}

fn get(url: &str, with_key: bool) -> HttpRequest {
    HttpRequest {
        method: HttpMethod::Get,
        url: url.to_owned(),
        with_key,
        body: None,
        range_from: None,
        timeout: LONG,
    }
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

async fn kind_of(server: &Server, timeout: Duration) -> FaultKind {
    let fault = server.submit(timeout).await.unwrap_err();
    assert!(!format!("{fault:?} {fault}").contains(KEY), "{fault:?}");
    assert_eq!(
        server.seen.lock().unwrap().len(),
        1,
        "nothing is sent twice"
    );
    fault.kind
}

#[tokio::test]
async fn a_submit_arrives_with_key_agent_and_body() {
    let server = Server::saying(answer("200 OK", r#"{"task_id":"t"}"#)).await;
    server.submit(LONG).await.unwrap();
    let seen = server.seen.lock().unwrap().join("");
    assert!(
        seen.starts_with("POST /api/v1/sonic/stems/basic HTTP/1.1\r\n"),
        "{seen}"
    );
    assert!(seen.contains(&format!("authorization: Bearer {KEY}\r\n")));
    assert!(seen.contains(concat!(
        "user-agent: setlist/",
        env!("CARGO_PKG_VERSION"),
        "\r\n"
    )));
    assert!(seen.contains("content-type: application/json\r\n"));
    assert!(seen.ends_with(r#"{"clip_id":"c"}"#));
}

#[tokio::test]
async fn a_refused_connection_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let fault = submit(&format!("http://{address}"), LONG)
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotSent, "{fault}");
    let message = fault.message;
    assert!(
        message.starts_with("no connection to `127.0.0.1`: Connection refused"),
        "{message}"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_sent_nothing() {
    let server = Server::saying("HTTP/1.1 200 OK\r\n\r\n").await;
    let origin = format!("https://{}", server.address);
    let fault = submit(&origin, LONG).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotSent, "{fault}");
    let seen = server.seen.lock().unwrap().join("");
    assert!(!seen.contains(KEY));
}

#[tokio::test]
async fn a_connection_that_never_comes_about_sends_nothing() {
    // Reserved for documentation: nobody answers there, or the network says at once that nobody will.
    let origin = Origin::parse("https://192.0.2.1").unwrap();
    let key = SecretString::from(KEY);
    let transport = ReqwestTransport::with_connect_timeout(key, origin, WAIT).unwrap();
    let error = transport
        .send(get("https://192.0.2.1/x", true))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn whatever_breaks_after_sending_is_in_doubt() {
    let reset = Server::start(|stream| async move {
        stream.set_zero_linger().unwrap();
        drop(stream);
    })
    .await;
    assert_eq!(kind_of(&reset, LONG).await, FaultKind::Unknown);
    let silent = Server::start(|stream| async move {
        tokio::time::sleep(LONG).await;
        drop(stream);
    })
    .await;
    assert_eq!(kind_of(&silent, WAIT).await, FaultKind::Unknown);
    let stalled = Server::start(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        tokio::time::sleep(LONG).await;
    })
    .await;
    assert_eq!(kind_of(&stalled, WAIT).await, FaultKind::Unknown);
    for said in [
        String::new(),
        "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"task_id\":\"t\"}".to_owned(),
        "no http at all".to_owned(),
        answer("200 OK", "{\"task_id\":\"t"),
        answer("200 OK", "<html>Sign in</html>"),
        answer("200 OK", ""),
        answer("500 Oops", "oops"),
        answer("302 Found\r\nlocation: http://127.0.0.1:9/login", ""),
    ] {
        let server = Server::saying(said.clone()).await;
        assert_eq!(kind_of(&server, LONG).await, FaultKind::Unknown, "{said}");
    }
}

#[tokio::test]
async fn fifty_megabytes_of_json_are_not_read() {
    let written = Arc::new(Mutex::new(0));
    let count = Arc::clone(&written);
    let server = Server::start(move |mut stream| {
        let count = Arc::clone(&count);
        async move {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let chunk = vec![b' '; 1024 * 1024];
            for _ in 0..50 {
                if stream.write_all(&chunk).await.is_err() {
                    return;
                }
                *count.lock().unwrap() += 1;
            }
        }
    })
    .await;
    let fault = server.submit(LONG).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
    assert!(fault.message.contains("more than"), "{fault}");
    assert!(*written.lock().unwrap() < 50, "the rest was not taken");
}

#[tokio::test]
async fn the_key_goes_nowhere_else() {
    let other = Server::saying(answer("200 OK", "{}")).await;
    let redirect = format!("307 Moved\r\nlocation: {}/steal", other.origin());
    let server = Server::saying(answer(&redirect, "")).await;
    assert_eq!(kind_of(&server, LONG).await, FaultKind::Unknown);
    let transport = server.transport();
    let elsewhere = transport
        .send(get(&other.origin(), true))
        .await
        .err()
        .unwrap();
    assert!(matches!(elsewhere, TransportError::NotSent(_)));
    assert!(other.seen.lock().unwrap().is_empty());
    transport.send(get(&other.origin(), false)).await.unwrap();
    let seen = other.seen.lock().unwrap().join("");
    assert!(
        !seen.contains(KEY) && !seen.contains("authorization"),
        "{seen}"
    );
}

#[tokio::test]
async fn names_of_private_places_are_not_connected_to() {
    let server = Server::saying(answer("200 OK", "{}")).await;
    let port = server.address.port();
    let far = transport("https://api.example");
    let error = far
        .send(get(&format!("http://localhost:{port}/"), false))
        .await;
    let error = error.err().unwrap();
    assert!(
        matches!(&error, TransportError::NotSent(text) if text.contains("private")),
        "{error:?}"
    );
    assert!(server.seen.lock().unwrap().is_empty());
    let near = server.transport();
    near.send(get(&format!("http://localhost:{port}/"), false))
        .await
        .unwrap();
}

#[tokio::test]
async fn headers_that_judging_needs_come_through() {
    let head = "206 Partial\r\nretry-after: 3\r\ndate: Wed, 21 Oct 2026 12:00:00 GMT\r\ncontent-range: bytes 5-8/9\r\ncontent-type: audio/mpeg\r\nlocation: /x";
    let server = Server::saying(answer(head, "rest")).await;
    let mut request = get(&server.origin(), false);
    request.range_from = Some(5);
    let response = server.transport().send(request).await.unwrap();
    assert_eq!(response.status, 206);
    assert_eq!(response.retry_after.as_deref(), Some("3"));
    assert_eq!(
        response.date.as_deref(),
        Some("Wed, 21 Oct 2026 12:00:00 GMT")
    );
    assert_eq!(response.content_range.as_deref(), Some("bytes 5-8/9"));
    assert_eq!(response.content_type.as_deref(), Some("audio/mpeg"));
    assert_eq!(response.content_length, Some(4));
    assert_eq!(response.location.as_deref(), Some("/x"));
    assert!(server.seen.lock().unwrap()[0].contains("range: bytes=5-\r\n"));
}

#[tokio::test]
async fn no_debug_output_holds_the_key() {
    let transport = transport("https://api.example");
    assert!(!format!("{transport:?}").contains(KEY));
    let (_, headers) = transport
        .prepare(&get("https://api.example/x", true))
        .unwrap();
    assert!(!format!("{headers:?}").contains(KEY), "{headers:?}");
    assert_eq!(transport.redact(&format!("a {KEY} b")), "a [key] b");
    for bad in ["", " ", "two\nlines", "umläut\u{7}"] {
        let origin = Origin::parse("https://api.example").unwrap();
        let error = ReqwestTransport::new(SecretString::from(bad), origin).unwrap_err();
        assert!(matches!(error, HttpSetupError::Key), "{bad:?}");
    }
}
