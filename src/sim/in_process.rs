//! The simulator as the client's transport: the same answers as over a socket, without one.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};

use crate::api::transport::{HttpMethod, HttpRequest, HttpResponse, Transport, TransportError};

use super::http::{Delivery, SimRequest, SimResponse};
use super::simulator::{IN_PROCESS_BASE, Simulator};

/// A transport whose every request a simulator answers.
#[derive(Clone, Debug)]
pub struct InProcess {
    simulator: Arc<Simulator>,
}

impl InProcess {
    /// Connects a client to a simulator.
    #[must_use]
    pub fn new(simulator: Arc<Simulator>) -> Self {
        Self { simulator }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let timeout = request.timeout;
        let answer = self.simulator.handle(&self.translate(request)?);
        match answer.delivery {
            Delivery::Never => Err(TransportError::Lost("connection reset by peer".to_owned())),
            Delivery::After(span) => {
                self.wait(span, timeout).await?;
                Ok(arrived(answer))
            }
            Delivery::Normal | Delivery::CutAt(_) => Ok(arrived(answer)),
        }
    }

    /// Waits for a slow answer, on the clock that the client's time-outs are measured by too.
    async fn wait(&self, span: Duration, timeout: Duration) -> Result<(), TransportError> {
        self.simulator.clock().sleep(span.min(timeout)).await;
        if span > timeout {
            let seconds = timeout.as_secs_f64();
            return Err(TransportError::Lost(format!(
                "no answer within {seconds} s"
            )));
        }
        Ok(())
    }

    fn translate(&self, request: HttpRequest) -> Result<SimRequest, TransportError> {
        let target = request.url.strip_prefix(IN_PROCESS_BASE).filter(|rest| {
            // `http://simulator.localhostess/` is another host.
            rest.is_empty() || rest.starts_with('/')
        });
        let Some(target) = target else {
            return Err(TransportError::NotSent(format!(
                "`{}` is not an address of the simulator",
                request.url
            )));
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let key = self.simulator.options().key.as_deref();
        Ok(SimRequest {
            method: match request.method {
                HttpMethod::Get => Method::GET,
                HttpMethod::Post => Method::POST,
            },
            path: path.to_owned(),
            query: Some(query.to_owned()).filter(|query| !query.is_empty()),
            authorization: request
                .with_key
                .then(|| format!("Bearer {}", key.unwrap_or("in-process"))),
            body: Bytes::from(request.body.unwrap_or_default()),
            range_from: request.range_from,
        })
    }
}

impl Transport for InProcess {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

fn arrived(answer: SimResponse) -> HttpResponse {
    HttpResponse {
        status: answer.status,
        content_type: Some(answer.content_type.to_owned()),
        content_length: answer.content_length,
        content_range: answer.content_range.clone(),
        retry_after: answer.retry_after.map(|seconds| seconds.to_string()),
        // Waits are given in seconds and nothing is moved: neither header would say anything.
        date: None,
        location: None,
        body: body(answer),
    }
}

fn body(answer: SimResponse) -> BoxStream<'static, Result<Bytes, TransportError>> {
    let pieces = stream::iter(answer.body.into_pieces());
    match answer.delivery {
        Delivery::CutAt(bytes) => cut(pieces, bytes)
            .map(|piece| {
                piece.map_err(|()| TransportError::Lost("connection reset by peer".to_owned()))
            })
            .boxed(),
        _ => pieces.map(Ok).boxed(),
    }
}

/// Lets so many bytes through, then breaks.
pub(super) fn cut(
    pieces: impl futures::Stream<Item = Bytes> + Send + 'static,
    bytes: u64,
) -> impl futures::Stream<Item = Result<Bytes, ()>> + Send + 'static {
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    let kept = pieces.filter_map(move |piece| {
        let part = piece.slice(..left.min(piece.len()));
        left -= part.len();
        std::future::ready((!part.is_empty()).then_some(Ok(part)))
    });
    kept.chain(stream::once(async {
        // A server throws away what it has not sent when a body breaks: let it send first.
        tokio::task::yield_now().await;
        Err(())
    }))
}
