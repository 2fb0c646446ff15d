//! One HTTP exchange, as values: reqwest carries it over a network, the simulator answers it in-process.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{BoxFuture, ready};
use futures::stream::{self, BoxStream};

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// One request.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// The whole address.
    pub url: String,
    /// Whether the key goes with it; only ever for the configured origin.
    pub with_key: bool,
    /// The JSON body of a POST.
    pub body: Option<Vec<u8>>,
    /// The first byte wanted, for a download that goes on.
    pub range_from: Option<u64>,
    /// How long to wait for the head of the answer.
    pub timeout: Duration,
}

/// The head of an answer, and its body to be read.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The header `content-type`.
    pub content_type: Option<String>,
    /// The header `content-length`.
    pub content_length: Option<u64>,
    /// The header `content-range`, as it was sent.
    pub content_range: Option<String>,
    /// The header `retry-after`, as it was sent.
    pub retry_after: Option<String>,
    /// The header `date`, as it was sent: a `retry-after` that is a date counts from it.
    pub date: Option<String>,
    /// The header `location`, as it was sent; a transport never follows it by itself.
    pub location: Option<String>,
    /// The body.
    pub body: BoxStream<'static, Result<Bytes, TransportError>>,
}

impl HttpResponse {
    /// Makes an answer whose body is at hand, of the type `application/json`.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            status,
            content_type: Some("application/json".to_owned()),
            content_length: u64::try_from(body.len()).ok(),
            content_range: None,
            retry_after: None,
            date: None,
            location: None,
            body: stream::once(ready(Ok(body))).boxed(),
        }
    }
}

/// An exchange that broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No byte of the request left: no address, no connection, no TLS.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived: a time-out, a reset, an answer cut short.
    #[error("{0}")]
    Lost(String),
}

/// Carries one exchange, once: it never sends anything a second time by itself.
pub trait Transport: Send + Sync {
    /// Sends and returns as soon as the head of the answer is there.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;

    /// Strikes the key out of a text that came from outside: a server may echo what it was sent.
    fn redact(&self, text: &str) -> String {
        text.to_owned()
    }

    /// Strikes the key out of a result, which is kept as it was received unless a server echoes the key in it.
    fn redact_data(&self, text: &str) -> String {
        self.redact(text)
    }
}
