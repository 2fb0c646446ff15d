//! The network between a process and the simulator: it takes its time, and a request that has left arrives even when
//! its process is dead by then.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use setlist::api::transport::{HttpMethod, HttpRequest, HttpResponse, Transport, TransportError};
use setlist::model::Clock;
use setlist::sim::InProcess;
use tokio::sync::oneshot;

use crate::process::Process;

/// The length of a recording of one second.
const RECORDING_BYTES: u64 = 44 + 2 * 22_050;

pub struct Wire {
    process: Arc<Process>,
}

/// How long a request and its answer take, and whether there is a connection at all.
struct Weather {
    there: Duration,
    back: Duration,
    is_reachable: bool,
}

impl Wire {
    pub fn of(process: &Arc<Process>) -> Self {
        Self {
            process: Arc::clone(process),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let process = &self.process;
        if process.death.is_cancelled() {
            return std::future::pending().await;
        }
        let world = &process.world;
        let is_submit = request.method == HttpMethod::Post;
        let post = if is_submit {
            process.sends().map(|job| world.leaves(process, job))
        } else {
            None
        };
        let weather = world.weather();
        if !weather.is_reachable {
            world.clock.sleep(weather.there).await;
            return Err(TransportError::NotSent("no route to host".to_owned()));
        }
        let (answer, answered) = oneshot::channel();
        tokio::spawn(deliver(Arc::clone(process), request, post, weather, answer));
        match answered.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Transport for Wire {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// Carries one request to the simulator and its answer back.
async fn deliver(
    process: Arc<Process>,
    request: HttpRequest,
    post: Option<usize>,
    weather: Weather,
    answer: oneshot::Sender<Result<HttpResponse, TransportError>>,
) {
    let world = &process.world;
    let asks_balance = request.url.ends_with("/get-credits");
    let name = format!("{:?} {}", request.method, path(&request.url));
    world.clock.sleep(weather.there).await;
    let provider = InProcess::new(Arc::clone(&world.simulator));
    let mut exchange = if request.url.ends_with(".wav") {
        short(&provider, request)
    } else {
        provider.send(request)
    };
    // The simulator acts at the first poll; what is left is waiting for a slow answer.
    let first = std::future::poll_fn(|context| Poll::Ready(exchange.as_mut().poll(context))).await;
    if asks_balance {
        *process.balance.lock().unwrap() = Some(world.simulator.audit());
    }
    if let Some(post) = post {
        world.arrived(post);
    }
    let outcome = match first {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => exchange.await,
    };
    process.trace(|| format!("{name} → {}", words(&outcome)));
    world.clock.sleep(weather.back).await;
    if let Some(post) = post {
        world.answered(&process, post);
    }
    // A process that died waits for nothing.
    drop(answer.send(outcome));
}

/// How much of a recording is handed over.
const SHORT_BYTES: u32 = 400;

/// Asks for the end of a recording and hands it over as if it were all: a short file proves as much as a long one.
fn short(
    provider: &InProcess,
    request: HttpRequest,
) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
    let end = HttpRequest {
        range_from: Some(RECORDING_BYTES - u64::from(SHORT_BYTES)),
        ..request
    };
    Box::pin(async move {
        let mut answer = provider.send(end).await?;
        if answer.status == 206 {
            let head = wav_head();
            answer.status = 200;
            answer.content_range = None;
            answer.content_length = answer.content_length.map(|bytes| bytes + 44);
            answer.body = stream::once(std::future::ready(Ok(head)))
                .chain(answer.body)
                .boxed();
        }
        Ok(answer)
    })
}

/// The head of a recording that is so short: one channel, 22 050 samples a second, 16 bits each.
fn wav_head() -> Bytes {
    let number = u32::to_le_bytes;
    let head = [
        &b"RIFF"[..],
        &number(SHORT_BYTES + 36),
        b"WAVEfmt ",
        &number(16),
        &[1, 0, 1, 0],
        &number(22_050),
        &number(44_100),
        &[2, 0, 16, 0],
        b"data",
        &number(SHORT_BYTES),
    ];
    Bytes::from(head.concat())
}

fn path(url: &str) -> &str {
    url.splitn(4, '/').nth(3).unwrap_or(url)
}

fn words(outcome: &Result<HttpResponse, TransportError>) -> String {
    match outcome {
        Ok(response) => response.status.to_string(),
        Err(error) => error.to_string(),
    }
}

impl crate::world::World {
    fn weather(&self) -> Weather {
        let (longest, unreachable) = (self.scenario.latency_ms, self.scenario.unreachable);
        self.with_rng(|rng| Weather {
            there: Duration::from_millis(rng.u64(1..=longest)),
            back: Duration::from_millis(rng.u64(1..=longest)),
            is_reachable: rng.u8(..100) >= unreachable,
        })
    }
}
