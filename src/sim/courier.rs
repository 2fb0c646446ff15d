//! Carries webhooks out: waits for what happens to tasks, and posts it until the receiver takes it.
//!
//! The provider's plan of trying again is not published. The simulator's own: three attempts, each of at most ten seconds,
//! ten and then sixty seconds apart by the simulator's clock; any 2xx ends it, no redirect is followed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::api::{HttpSetupError, tls};

use super::fault::Effect;
use super::simulator::Simulator;
use super::task::Millis;
use super::webhook::{Happening, Hook};

/// How long one attempt may take, in real time: the receiver lives in it.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long to wait after an attempt that failed.
const WAITS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];
/// Posts under way at once.
const POSTS: usize = 4;

/// Delivers the webhooks of what a simulator takes from now on, for as long as it is polled; only the first courier of a
/// simulator gets any.
pub fn deliver_webhooks(simulator: Arc<Simulator>) -> impl Future<Output = ()> + Send {
    let hooks = simulator.listen_for_hooks();
    carry(simulator, hooks)
}

async fn carry(simulator: Arc<Simulator>, mut hooks: UnboundedReceiver<Hook>) {
    let posts = Arc::new(Semaphore::new(POSTS));
    let mut work = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            hook = hooks.recv() => match hook {
                Some(hook) => drop(work.spawn(follow(Arc::clone(&simulator), hook, Arc::clone(&posts)))),
                None => return,
            },
            Some(_) = work.join_next() => {}
        }
    }
}

/// Tells of all that happens to one task.
async fn follow(simulator: Arc<Simulator>, hook: Hook, posts: Arc<Semaphore>) {
    if !hook.is_allowed(simulator.options().webhooks) {
        tracing::warn!(
            host = hook.url.host_str(),
            "webhook not sent: it leads away from this machine"
        );
        return;
    }
    let fault = hook.fault.as_ref();
    let (copies, late) = match fault.map(|fault| (fault.effect, fault.span)) {
        Some((Effect::WebhookLost, _)) => return,
        Some((Effect::WebhookTwice, _)) => (2, Duration::ZERO),
        Some((Effect::WebhookLate, span)) => (1, span),
        _ => (1, Duration::ZERO),
    };
    for (at, happening) in simulator.happenings(hook.task) {
        wait_until(&simulator, at).await;
        // Said as it is when it happens, however late it arrives.
        let Some(said) = simulator.webhook_body(hook.task, happening) else {
            return;
        };
        let body = said.to_string();
        simulator.clock().sleep(late).await;
        for _ in 0..copies {
            deliver(&simulator, &hook, happening, &body, &posts).await;
        }
    }
}

async fn wait_until(simulator: &Simulator, at: Millis) {
    loop {
        let left = at.saturating_sub(simulator.now_ms());
        match u64::try_from(left) {
            Ok(left) if left > 0 => simulator.clock().sleep(Duration::from_millis(left)).await,
            _ => return,
        }
    }
}

async fn deliver(
    simulator: &Simulator,
    hook: &Hook,
    happening: Happening,
    body: &str,
    posts: &Semaphore,
) {
    let options = simulator.options();
    let mut waits = WAITS.into_iter();
    loop {
        let seconds = simulator.now_ms().div_euclid(1_000);
        let (how, seed) = (options.webhook_signature, options.seed);
        let headers = hook.headers(happening, body, seconds, how, seed);
        let parcel = Parcel {
            url: hook.url.clone(),
            headers,
            body: body.to_owned(),
        };
        let place = posts.acquire().await;
        // In a thread with a runtime of its own: a rehearsal's time may be paused, and stands still meanwhile.
        let posted = tokio::task::spawn_blocking(move || parcel.post()).await;
        drop(place);
        let trouble = match posted {
            Ok(Ok(status)) if (200..300).contains(&status) => return,
            Ok(Ok(status)) => format!("status {status}"),
            Ok(Err(error)) => error,
            Err(error) => error.to_string(),
        };
        tracing::warn!(event = happening.name(), trouble, "webhook not taken");
        match waits.next() {
            Some(wait) => simulator.clock().sleep(wait).await,
            None => return,
        }
    }
}

struct Parcel {
    url: reqwest::Url,
    headers: [(&'static str, String); 5],
    body: String,
}

impl Parcel {
    /// Posts it once, and returns the answer's status.
    fn post(self) -> Result<u16, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let client = client().map_err(|error| error.to_string())?;
        let mut request = client
            .post(self.url)
            .header("Content-Type", "application/json")
            .body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        runtime.block_on(async {
            match tokio::time::timeout(ATTEMPT, request.send()).await {
                Ok(Ok(answer)) => Ok(answer.status().as_u16()),
                Ok(Err(error)) => Err(error.without_url().to_string()),
                Err(_) => Err(format!("no answer within {} s", ATTEMPT.as_secs())),
            }
        })
    }
}

pub(super) fn client() -> Result<Client, HttpSetupError> {
    Client::builder()
        .tls_backend_preconfigured(tls()?)
        .user_agent(concat!("setlist-simulator/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // The name means this machine and nothing that a resolver may say.
        .resolve("localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .build()
        .map_err(|error| HttpSetupError::Client(error.to_string()))
}
