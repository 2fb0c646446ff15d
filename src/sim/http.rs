//! Requests and answers as values; `server` carries them over sockets, `in_process` hands them over directly.

use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use serde_json::Value;

use super::refusal::Refusal;

/// One request to the simulator.
#[derive(Clone, Debug)]
pub struct SimRequest {
    /// The method.
    pub method: Method,
    /// The path, beginning with `/`.
    pub path: String,
    /// What stands after `?`.
    pub query: Option<String>,
    /// The header `authorization`.
    pub authorization: Option<String>,
    /// The body.
    pub body: Bytes,
    /// The first byte wanted of a file (`Range: bytes=N-`).
    pub range_from: Option<u64>,
}

/// The simulator's answer.
#[derive(Debug)]
pub struct SimResponse {
    /// The status.
    pub status: u16,
    /// The header `content-type`.
    pub content_type: &'static str,
    /// The header `retry-after`, in seconds.
    pub retry_after: Option<u64>,
    /// The header `content-range`.
    pub content_range: Option<String>,
    /// The header `content-length`; the answer is sent in chunks when there is none.
    pub content_length: Option<u64>,
    /// The body.
    pub body: SimBody,
    /// How it arrives.
    pub delivery: Delivery,
}

/// A body, whole or made while it is sent.
pub enum SimBody {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece.
    Pieces(Box<dyn Iterator<Item = Bytes> + Send>),
}

impl std::fmt::Debug for SimBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Pieces(_) => f.write_str("Pieces"),
        }
    }
}

impl SimBody {
    /// Returns the pieces, a whole body as one.
    pub fn into_pieces(self) -> Box<dyn Iterator<Item = Bytes> + Send> {
        match self {
            Self::Whole(bytes) => Box::new(std::iter::once(bytes).filter(|b| !b.is_empty())),
            Self::Pieces(pieces) => pieces,
        }
    }
}

/// How an answer arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// At once and whole.
    Normal,
    /// After a span of the simulator's clock.
    After(Duration),
    /// This many bytes of the body arrive, then the connection breaks.
    CutAt(u64),
    /// Not at all: the connection breaks before the head.
    Never,
}

impl SimResponse {
    /// Makes an answer of a few bytes.
    pub(crate) fn bytes(status: u16, content_type: &'static str, body: Bytes) -> Self {
        Self {
            status,
            content_type,
            retry_after: None,
            content_range: None,
            content_length: u64::try_from(body.len()).ok(),
            body: SimBody::Whole(body),
            delivery: Delivery::Normal,
        }
    }

    /// Makes a JSON answer.
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json", Bytes::from(value.to_string()))
    }

    /// Makes the answer that never arrives.
    pub(crate) fn lost() -> Self {
        Self {
            delivery: Delivery::Never,
            ..Self::bytes(500, "text/plain", Bytes::new())
        }
    }
}

impl From<Refusal> for SimResponse {
    fn from(refusal: Refusal) -> Self {
        let mut answer = Self::json(refusal.status, &refusal.body());
        answer.retry_after = refusal.retry_after;
        answer
    }
}
