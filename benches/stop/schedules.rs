//! Drawn schedules under paused time: jobs of drawn prices against a provider of drawn latency, with a cap that does not
//! hold them all, or with an account that another client drains on the way.
//!
//! The dispatcher and the ledger as they are, the ledger without a file. The provider charges what a job says it costs and
//! counts every request that leaves after its first 402 was read, to the instruction: nothing here takes time but its
//! answers. The same schedule is then played by the loop that most people write: as many workers, each of which checks
//! what is spent, sends, and adds the price when the answer is there; what fails is skipped and the next job tried.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;
use setlist::api::{Answer, Call, Fault, FaultKind, FileBody, Progress, Refusal, Service};
use setlist::catalog::OperationId;
use setlist::exec::{RunOptions, carry_out, control};
use setlist::ledger::Ledger;
use setlist::model::{
    Balance, Credits, Cutoff, JobResult, NewJob, SharedClock, SpendLimits, SystemClock, TaskId,
};

use super::support::batch;

/// What ends the schedules.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Cap,
    Dry,
}

/// What is drawn from a seed.
struct Schedule {
    seed: u64,
    end: End,
    prices: Vec<u64>,
    /// The cap, or what the account holds once the other client has spent.
    room: u64,
    in_flight: usize,
    /// The longest answer, in milliseconds.
    slowest: u64,
    /// When the other client spends.
    drained_at: Duration,
}

impl Schedule {
    fn draw(seed: u64, end: End) -> Self {
        let mut rng = Rng::with_seed(seed);
        let prices: Vec<u64> = (0..rng.usize(1..120)).map(|_| rng.u64(1..40)).collect();
        let sum: u64 = prices.iter().sum();
        let slowest = rng.u64(1..2000);
        Self {
            seed,
            end,
            room: rng.u64(0..sum),
            in_flight: rng.usize(1..=64),
            slowest,
            drained_at: Duration::from_millis(rng.u64(0..slowest)),
            prices,
        }
    }

    /// Returns the limit that a runner is told.
    fn cap(&self) -> Option<u64> {
        (self.end == End::Cap).then_some(self.room)
    }

    fn provider(&self) -> Arc<Provider> {
        let sum: u64 = self.prices.iter().sum();
        Arc::new(Provider {
            balance: AtomicU64::new(sum),
            charged: AtomicU64::new(0),
            is_dry: AtomicBool::new(false),
            late: AtomicU64::new(0),
            slowest: self.slowest,
            rng: Mutex::new(Rng::with_seed(self.seed)),
        })
    }

    /// Lets the other client spend when its time comes: what is left is [`Schedule::room`] less what we have spent.
    async fn drain(&self, provider: &Provider) {
        if self.end == End::Dry {
            tokio::time::sleep(self.drained_at).await;
            let charged = provider.charged.load(Ordering::SeqCst);
            let left = self.room.saturating_sub(charged);
            provider.balance.store(left, Ordering::SeqCst);
        }
        std::future::pending::<()>().await;
    }

    fn jobs(&self) -> Vec<NewJob> {
        let mut jobs = batch::one_request_jobs(self.prices.len(), 0);
        for (job, price) in jobs.iter_mut().zip(&self.prices) {
            job.price = Credits::new(*price);
            job.inputs = json!({"tags": price.to_string()}).to_string();
        }
        jobs
    }
}

/// A provider that charges what the tags say.
struct Provider {
    balance: AtomicU64,
    charged: AtomicU64,
    /// Whether a 402 was read.
    is_dry: AtomicBool,
    /// Requests that left after that.
    late: AtomicU64,
    slowest: u64,
    rng: Mutex<Rng>,
}

impl Provider {
    fn wait(&self) -> Duration {
        let mut rng = self.rng.lock().expect("nobody panics with it");
        Duration::from_millis(rng.u64(0..=self.slowest / 2))
    }

    /// Answers a paid request; tells whether it could be paid.
    async fn buy(&self, price: u64) -> bool {
        if self.is_dry.load(Ordering::SeqCst) {
            self.late.fetch_add(1, Ordering::SeqCst);
        }
        tokio::time::sleep(self.wait()).await;
        let paid = self
            .balance
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |have| {
                have.checked_sub(price)
            });
        if paid.is_ok() {
            self.charged.fetch_add(price, Ordering::SeqCst);
        }
        tokio::time::sleep(self.wait()).await;
        if paid.is_err() {
            self.is_dry.store(true, Ordering::SeqCst);
        }
        paid.is_ok()
    }
}

fn unheard_of() -> Fault {
    Fault {
        kind: FaultKind::Refused(Refusal::NotFound),
        status: Some(404),
        message: "nothing of that kind was made".to_owned(),
        retry_after: None,
    }
}

impl Service for Provider {
    fn balance(&self) -> BoxFuture<'_, Result<Balance, Fault>> {
        let credits = Credits::new(self.balance.load(Ordering::SeqCst));
        let extra_credits = Credits::ZERO;
        Box::pin(std::future::ready(Ok(Balance {
            credits,
            extra_credits,
        })))
    }

    fn submit<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Answer, Fault>> {
        Box::pin(async move {
            let price = call.inputs["tags"].as_str().expect("tags are text");
            if self.buy(price.parse().expect("they are a price")).await {
                return Ok(Answer::Done(JobResult {
                    fields: json!({"upsampled_tags": "more of it"}),
                    clip_ids: Vec::new(),
                    downloads: Vec::new(),
                }));
            }
            Err(Fault {
                kind: FaultKind::Refused(Refusal::Credits),
                status: Some(402),
                message: "insufficient credits".to_owned(),
                retry_after: None,
            })
        })
    }

    fn poll<'a>(&'a self, _: OperationId, _: &'a TaskId) -> BoxFuture<'a, Result<Progress, Fault>> {
        Box::pin(std::future::ready(Err(unheard_of())))
    }

    fn download<'a>(&'a self, _: &'a str, _: u64) -> BoxFuture<'a, Result<FileBody, Fault>> {
        Box::pin(std::future::ready(Err(unheard_of())))
    }
}

async fn ours(schedule: &Schedule, provider: &Arc<Provider>, out: &Path) {
    let clock: SharedClock = Arc::new(SystemClock::new(Timestamp::UNIX_EPOCH, 1.0));
    let limits = SpendLimits {
        run: schedule.cap().map(Credits::new),
        ..SpendLimits::default()
    };
    let settings = batch::settings(schedule.in_flight, out, &limits);
    let ledger = Ledger::in_memory();
    let run = batch::enroll(&ledger, settings, &schedule.jobs(), clock.now()).await;
    let engine = batch::engine(ledger, provider.clone(), clock, schedule.seed);
    let options = RunOptions {
        cutoff: Cutoff::Cautious,
        ..RunOptions::default()
    };
    let (_handle, control) = control();
    let (events, _seen) = tokio::sync::mpsc::unbounded_channel();
    let ended = carry_out(&engine, &run, options, control, events).await;
    ended.expect("the run comes to an end");
}

async fn naive(schedule: &Schedule, provider: &Provider) {
    let cap = schedule.cap().unwrap_or(u64::MAX);
    let spent = AtomicU64::new(0);
    let waiting = Mutex::new(schedule.prices.iter().rev().copied().collect::<Vec<u64>>());
    let worker = || async {
        loop {
            let next = waiting.lock().expect("nobody panics with it").pop();
            let Some(price) = next else {
                return;
            };
            if spent.load(Ordering::SeqCst) + price <= cap && provider.buy(price).await {
                spent.fetch_add(price, Ordering::SeqCst);
            }
        }
    };
    futures::future::join_all((0..schedule.in_flight).map(|_| worker())).await;
}

/// Sums over all schedules.
#[derive(Default)]
struct Sums {
    /// Schedules in which more was spent than the room, or something was sent late.
    broken: usize,
    overspent: u64,
    most: u64,
    late: u64,
}

impl Sums {
    fn add(&mut self, schedule: &Schedule, provider: &Provider) {
        let charged = provider.charged.load(Ordering::SeqCst);
        let over = match schedule.end {
            End::Cap => charged.saturating_sub(schedule.room),
            // What is not there can't be taken.
            End::Dry => 0,
        };
        let late = provider.late.load(Ordering::SeqCst);
        self.broken += usize::from(over + late > 0);
        self.overspent += over;
        self.most = self.most.max(over);
        self.late += late;
    }
}

/// Plays each schedule in a runtime of its own, so that its time begins at zero.
fn play(end: End, count: usize, is_ours: bool) -> (Sums, Duration) {
    let started = Instant::now();
    let mut sums = Sums::default();
    for seed in 0..count {
        let seed = u64::try_from(seed).expect("a bench is small");
        let schedule = Schedule::draw(seed, end);
        let out = tempfile::tempdir_in("/dev/shm").expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let provider = schedule.provider();
        runtime.block_on(async {
            let draining = schedule.drain(&provider);
            let playing = async {
                match is_ours {
                    true => ours(&schedule, &provider, out.path()).await,
                    false => naive(&schedule, &provider).await,
                }
            };
            tokio::select! {
                () = playing => {}
                () = draining => {}
            }
        });
        sums.add(&schedule, &provider);
    }
    (sums, started.elapsed())
}

/// Prints what came of so many schedules of each kind.
pub fn compare(count: usize) {
    println!(
        "\n{count} drawn schedules each, 1 to 64 in flight, cutoff cautious, under paused time; target: nothing\n"
    );
    println!(
        "{:<14} {:<26} {:>8} {:>10} {:>8} {:>11} {:>8}",
        "end", "runner", "broken", "overspent", "at most", "late sends", "took s"
    );
    for (name, end) in [("cap", End::Cap), ("account dry", End::Dry)] {
        for (runner, is_ours) in [("setlist", true), ("check, send, subtract", false)] {
            let (sums, took) = play(end, count, is_ours);
            println!(
                "{name:<14} {runner:<26} {:>8} {:>10} {:>8} {:>11} {:>8.1}",
                sums.broken,
                sums.overspent,
                sums.most,
                sums.late,
                took.as_secs_f64()
            );
        }
    }
}
