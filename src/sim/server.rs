//! The simulator behind a socket, on loopback only. A connection that a fault drops is reset for real: the client
//! reads no byte of an answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::serve::{IncomingStream, Listener};
use futures::stream::{self, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::fetch::looked_up;
use super::http::{Delivery, SimRequest, SimResponse};
use super::in_process::cut;
use super::refusal::Refusal;
use super::simulator::{SimError, Simulator};

/// The longest body that is read.
const BODY_BYTES: usize = 1024 * 1024;

/// Serves a simulator until it is told to stop; open answers are finished first.
///
/// # Errors
/// [`SimError::NotLoopback`] when the address can be reached from elsewhere, [`SimError::Socket`] when the socket
/// fails.
pub async fn serve(
    simulator: Arc<Simulator>,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), SimError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(SimError::NotLoopback(address));
    }
    simulator.set_public_base(&format!("http://{address}"));
    let router = Router::new()
        .fallback(answer)
        .with_state(simulator)
        .into_make_service_with_connect_info::<Cut>();
    axum::serve(Wires(listener), router)
        .with_graceful_shutdown(async move { shutdown.cancelled().await })
        .await?;
    Ok(())
}

async fn answer(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(wire): ConnectInfo<Cut>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        let too_large = Refusal::new(413, "validation_error", "The request body is too large.");
        return translate(too_large.into());
    };
    let body = looked_up(head.uri.path(), body).await;
    let answer = simulator.handle(&SimRequest {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        authorization: text(&head.headers, header::AUTHORIZATION).map(str::to_owned),
        body,
        range_from: range_from(&head.headers),
    });
    match answer.delivery {
        Delivery::Never => wire.cut(),
        Delivery::After(span) => simulator.clock().sleep(span).await,
        Delivery::Normal | Delivery::CutAt(_) => {}
    }
    translate(answer)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Reads `Range: bytes=N-`, the only form a download that goes on needs; any other is answered whole.
fn range_from(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, header::RANGE)?.strip_prefix("bytes=")?;
    range.strip_suffix('-')?.parse().ok()
}

fn translate(answer: SimResponse) -> Response<Body> {
    let mut builder = Response::builder()
        .status(answer.status)
        .header(header::CONTENT_TYPE, answer.content_type)
        .header(header::ACCEPT_RANGES, "bytes");
    if let Some(length) = answer.content_length {
        builder = builder.header(header::CONTENT_LENGTH, length);
    }
    if let Some(seconds) = answer.retry_after {
        builder = builder.header(header::RETRY_AFTER, seconds);
    }
    if let Some(range) = &answer.content_range {
        builder = builder.header(header::CONTENT_RANGE, range);
    }
    let pieces = stream::iter(answer.body.into_pieces());
    let body = match answer.delivery {
        Delivery::CutAt(bytes) => {
            let broken = |()| io::Error::from(io::ErrorKind::ConnectionReset);
            Body::from_stream(cut(pieces, bytes).map(move |piece| piece.map_err(broken)))
        }
        _ => Body::from_stream(pieces.map(Ok::<_, io::Error>)),
    };
    builder.body(body).unwrap_or_else(|_| {
        let mut plain = Response::new(Body::empty());
        *plain.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        plain
    })
}

/// A listener whose connections can be cut.
struct Wires(TcpListener);

impl Listener for Wires {
    type Io = Wire;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small and awaited: waiting to fill a packet would only add latency.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no-delay not set");
        }
        let cut = Cut::default();
        (Wire { stream, cut }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// Says that a connection is to be reset.
#[derive(Clone, Debug, Default)]
struct Cut(Arc<AtomicBool>);

impl Cut {
    fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Connected<IncomingStream<'_, Wires>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().cut.clone()
    }
}

/// A connection that answers nothing any more once it is cut.
struct Wire {
    stream: TcpStream,
    cut: Cut,
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        if self.cut.is_cut() {
            // Closing then sends a reset instead of an orderly end.
            self.stream.set_zero_linger()?;
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
