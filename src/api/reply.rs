//! Reading an answer to its end within limits of size and time. Judges nothing.

use std::time::Duration;

use futures::StreamExt as _;
use jiff::fmt::rfc2822;
use reqwest::Url;
use serde_json::Value;

use super::address::host_name;
use super::transport::{HttpResponse, Transport, TransportError};
use super::wire::ErrorBody;

/// The most of a JSON answer that is read, in bytes: the largest known, the notes of a song, stay below a tenth.
pub(super) const MAX_JSON_BYTES: usize = 4 * 1024 * 1024;

/// An answer that was read.
#[derive(Debug)]
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: u16,
    /// How long the provider asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// Where a redirect leads: the host only.
    pub(super) redirect_host: Option<String>,
    /// The body.
    pub(super) body: Result<Value, Unreadable>,
    /// Whether bytes of the body were no text: what it names is still read, but it is not taken at its word.
    pub(super) is_garbled: bool,
}

/// Why a body is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Nothing came.
    #[error("an empty body")]
    Empty,
    /// A page for people: a login form, or a proxy's error page.
    #[error("HTML instead of JSON")]
    Html,
    /// Neither JSON nor HTML, or JSON without its end.
    #[error("a body that is not JSON: {0}")]
    NotJson(String),
    /// More than anyone needs.
    #[error("a body of more than {MAX_JSON_BYTES} bytes")]
    TooLarge,
    /// The connection broke or stalled.
    #[error("a body that is not read to its end: {0}")]
    Broken(String),
}

impl Reply {
    /// Reads the body of an answer; gives up after `limit`, however steadily it drips.
    pub(super) async fn read(
        response: HttpResponse,
        transport: &dyn Transport,
        limit: Duration,
    ) -> Self {
        let (status, retry_after, redirect_host) = (
            response.status,
            retry_after(&response),
            redirect_host(&response),
        );
        let bytes = match tokio::time::timeout(limit, bytes(response)).await {
            Ok(read) => read,
            Err(_) => Err(Unreadable::Broken(format!(
                "it takes longer than {limit:?}"
            ))),
        };
        Self {
            status,
            retry_after,
            redirect_host,
            is_garbled: bytes
                .as_ref()
                .is_ok_and(|bytes| std::str::from_utf8(bytes).is_err()),
            body: bytes.and_then(|bytes| parse(&bytes, transport)),
        }
    }

    /// Returns the body when it is a JSON object, as all answers of this API are.
    pub(super) fn object(&self) -> Option<&Value> {
        self.body.as_ref().ok().filter(|body| body.is_object())
    }

    /// Reads the body as an error; empty when it says nothing.
    pub(super) fn error(&self) -> ErrorBody {
        self.object()
            .and_then(|body| serde_json::from_value(body.clone()).ok())
            .unwrap_or_default()
    }

    /// Tells whether the status is one of success.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

async fn bytes(mut response: HttpResponse) -> Result<Vec<u8>, Unreadable> {
    let mut all = Vec::new();
    while let Some(chunk) = response.body.next().await {
        let chunk = chunk.map_err(|error| match error {
            TransportError::NotSent(message) | TransportError::Lost(message) => {
                Unreadable::Broken(message)
            }
        })?;
        if all.len().saturating_add(chunk.len()) > MAX_JSON_BYTES {
            return Err(Unreadable::TooLarge);
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

fn parse(bytes: &[u8], transport: &dyn Transport) -> Result<Value, Unreadable> {
    // Before anything of it is kept: a server may echo the key.
    let text = transport.redact_data(&String::from_utf8_lossy(bytes));
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(Unreadable::Empty);
    }
    serde_json::from_str(text).map_err(|error| {
        if text.starts_with('<') {
            Unreadable::Html
        } else {
            Unreadable::NotJson(error.to_string())
        }
    })
}

/// Reads `retry-after`: seconds, or a date, which counts from the answer's own `date`.
///
/// No clock of this machine is asked: it may differ from the server's, and the difference would be waited for.
pub(super) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let text = response.retry_after.as_deref()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let parser = rfc2822::DateTimeParser::new();
    let until = parser.parse_timestamp(text).ok()?;
    let now = parser
        .parse_timestamp(response.date.as_deref()?.trim())
        .ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn redirect_host(response: &HttpResponse) -> Option<String> {
    if !(300..400).contains(&response.status) {
        return None;
    }
    let url = Url::parse(response.location.as_deref()?).ok()?;
    Some(host_name(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let told = |retry_after: &str, date: Option<&str>| {
            let mut response = HttpResponse::json(429, "{}");
            response.retry_after = Some(retry_after.to_owned());
            response.date = date.map(str::to_owned);
            super::retry_after(&response)
        };
        let noon = Some("Wed, 21 Oct 2026 12:00:00 GMT");
        assert_eq!(told("30", None), Some(Duration::from_secs(30)));
        assert_eq!(told(" 0 ", None), Some(Duration::ZERO));
        assert_eq!(
            told("Wed, 21 Oct 2026 12:01:30 GMT", noon),
            Some(Duration::from_secs(90))
        );
        assert_eq!(
            told("Wed, 21 Oct 2026 11:00:00 GMT", noon),
            Some(Duration::ZERO)
        );
        assert_eq!(told("Wed, 21 Oct 2026 12:01:30 GMT", None), None);
        for nonsense in ["", "-5", "1.5", "soon", "99999999999999999999999"] {
            assert_eq!(told(nonsense, noon), None, "{nonsense}");
        }
    }
}
