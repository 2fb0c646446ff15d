//! What one seed stands for: manifests, an account, limits, faults, and how each process ends. Made of the seed alone.

use std::time::Duration;

use fastrand::Rng;

use setlist::model::{Credits, Cutoff, FailureLimit, Proof, Rate, SpendLimits};
use setlist::sim::{CreditRefusal, Effect, Fault, RateLimit, SimOptions, Span};

use crate::batch;

/// How the batches of a scenario are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All at once, by processes that share the ledger and one budget.
    Together,
    /// One after another; the one before is brought to its end first, or is left as it stands.
    InTurn { to_the_end: bool },
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub sim: SimOptions,
    pub limits: SpendLimits,
    pub batches: Vec<Batch>,
    pub order: Order,
    /// Whether the ledger is a file.
    pub on_disk: bool,
    /// When another client of the account buys a song, in milliseconds.
    pub strangers: Vec<u64>,
    /// The share of requests that find no connection, in percent.
    pub unreachable: u8,
    /// The longest that a request or an answer is on its way, in milliseconds.
    pub latency_ms: u64,
}

/// One manifest, and the processes that carry it out.
#[derive(Clone, Debug)]
pub struct Batch {
    pub manifest: String,
    pub rate: Rate,
    pub concurrency: u32,
    pub poll: Option<Duration>,
    pub scripts: Vec<Script>,
}

/// What happens to one process.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub crash: Option<Crash>,
    /// The change, from 1, that the store fails at, and whether it is durable all the same.
    pub full_disk: Option<(u64, bool)>,
    /// When it is told to stop, in milliseconds from its start.
    pub signals: Vec<u64>,
    pub max_duration: Option<Duration>,
    pub max_failures: Option<FailureLimit>,
    pub cutoff: Cutoff,
    /// Whether it settles payments in doubt by what the balance says.
    pub settles: bool,
    pub proof: Proof,
    /// How long nobody is at work before it starts.
    pub pause: Duration,
    /// Whether it knows that its forerunner is dead, or waits for the lease.
    pub breaks_lease: bool,
    /// Whether it tries again what failed.
    pub retries: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Before its n-th change is written.
    Before(u64),
    /// After its n-th change is durable, and before it learns of it.
    After(u64),
    /// So many milliseconds after its start.
    At(u64),
}

impl Script {
    /// A process that nothing happens to.
    pub fn calm() -> Self {
        Self {
            breaks_lease: true,
            retries: true,
            ..Self::default()
        }
    }
}

/// The effects that can strike a submit; `huge` is rare, since it takes its time.
const SUBMIT: [&str; 27] = [
    "401",
    "402",
    "404",
    "429",
    "500",
    "502",
    "503",
    "504",
    "500-after",
    "502-after",
    "503-after",
    "504-after",
    "403-credits",
    "403-subscription",
    "moderation",
    "reset-before",
    "reset-after",
    "truncate",
    "html",
    "empty",
    "slow",
    "failed-poll",
    "failed-clips",
    "timeout",
    "202-forever",
    "lag",
    "huge",
];
/// Those that can strike a read.
const READ: [&str; 14] = [
    "401",
    "402",
    "404",
    "429",
    "500",
    "502",
    "503",
    "504",
    "reset-before",
    "truncate",
    "html",
    "empty",
    "slow",
    "huge",
];
/// Effects that take a span.
const SPANS: [&str; 4] = ["slow", "lag", "429", "503"];

/// Lists every effect with every kind of request it can strike.
pub fn all_effects() -> Vec<String> {
    let reads = ["poll-", "file-", "balance-"];
    let on_reads = reads
        .iter()
        .flat_map(|kind| READ.iter().map(move |effect| format!("{kind}{effect}")));
    // 50 MB on disk would prove nothing here.
    let on_reads = on_reads.filter(|name| name != "file-huge");
    SUBMIT
        .iter()
        .map(|effect| (*effect).to_owned())
        .chain(on_reads)
        .collect()
}

/// Makes a fault out of its effect and the requests that it strikes.
pub fn fault(effect: &str, first: u64, last: u64, span: Option<u64>) -> Fault {
    let takes_span = SPANS.iter().any(|name| effect.ends_with(name));
    let span = span
        .filter(|_| takes_span)
        .map_or(String::new(), |seconds| format!(":{seconds}s"));
    Fault::try_from(format!("{effect}@{first}-{last}{span}")).unwrap()
}

fn random_fault(rng: &mut Rng) -> Fault {
    let all = all_effects();
    let effect = loop {
        // Half of all faults strike submits: that is where the money is.
        let place = if rng.bool() {
            rng.usize(..SUBMIT.len())
        } else {
            rng.usize(..all.len())
        };
        let effect = &all[place];
        if !effect.ends_with("huge") || rng.u8(..10) == 0 {
            break effect;
        }
    };
    let first = if effect.starts_with("poll-") {
        rng.u64(1..40)
    } else {
        rng.u64(1..14)
    };
    let last = first + if rng.u8(..4) == 0 { rng.u64(1..6) } else { 0 };
    let span = rng.bool().then(|| rng.u64(1..200));
    fault(effect, first, last, span)
}

fn some<T>(rng: &mut Rng, percent: u8, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (rng.u8(..100) < percent).then(|| make(rng))
}

impl Scenario {
    /// One small batch, and nothing that goes wrong.
    pub fn calm(seed: u64) -> Self {
        Self {
            seed,
            sim: SimOptions {
                audio_seconds: 1,
                seed,
                ..SimOptions::default()
            },
            limits: SpendLimits::default(),
            batches: vec![Batch::calm(batch::small())],
            order: Order::InTurn { to_the_end: true },
            on_disk: false,
            strangers: Vec::new(),
            unreachable: 0,
            latency_ms: 50,
        }
    }

    /// Makes the scenario of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5e71_1157);
        let rng = &mut rng;
        let order = match rng.u8(..10) {
            0..6 => Order::InTurn { to_the_end: true },
            6..8 => Order::InTurn {
                to_the_end: rng.bool(),
            },
            _ => Order::Together,
        };
        let count = match order {
            Order::Together => 2,
            Order::InTurn { .. } => 1 + usize::from(rng.u8(..4) == 0),
        };
        let manifests = batch::manifests(rng, count, order == Order::Together);
        let mut batches: Vec<Batch> = manifests
            .into_iter()
            .map(|text| Batch::random(rng, text))
            .collect();
        let strangers: Option<Vec<u64>> = some(rng, 12, |rng| {
            (0..rng.usize(1..4)).map(|_| rng.u64(..600_000)).collect()
        });
        if strangers.is_some() {
            // Whoever shares the account with others leaves payments in doubt to a person.
            let scripts = batches.iter_mut().flat_map(|batch| &mut batch.scripts);
            scripts.for_each(|script| script.settles = false);
        }
        Self {
            seed,
            sim: sim_options(rng, seed, order == Order::Together),
            limits: SpendLimits {
                run: some(rng, 30, |rng| Credits::new(rng.u64(..150))),
                period: some(rng, 30, |rng| Credits::new(rng.u64(..200))),
                period_start: some(rng, 50, |_| crate::clock::epoch()),
                month: None,
                keep: Credits::new(some(rng, 40, |rng| rng.u64(..80)).unwrap_or(0)),
            },
            batches,
            order,
            on_disk: rng.u8(..12) == 0,
            strangers: strangers.unwrap_or_default(),
            unreachable: some(rng, 20, |rng| rng.u8(..40)).unwrap_or(0),
            latency_ms: [2, 50, 400, 3_000][rng.usize(..4)],
        }
    }
}

fn sim_options(rng: &mut Rng, seed: u64, is_shared: bool) -> SimOptions {
    // Those that share an account are more often short of credits: it is then that they could take each other's.
    let credits = if rng.u8(..3) < 1 + u8::from(is_shared) {
        rng.u64(..120)
    } else {
        1_000
    };
    let faults = if rng.u8(..5) == 0 { 0 } else { rng.usize(1..7) };
    let faults: Vec<Fault> = (0..faults).map(|_| random_fault(rng)).collect();
    // A task that never ends would keep its place for ever, and no other would be let in.
    let is_full = faults.iter().any(|fault| fault.effect == Effect::Forever);
    SimOptions {
        credits: Some(Credits::new(credits)),
        extra_credits: Some(Credits::new(
            some(rng, 30, |rng| rng.u64(..40)).unwrap_or(0),
        )),
        task_time: some(rng, 50, |rng| Span(Duration::from_secs(rng.u64(..200)))),
        rate: match rng.u8(..3) {
            0 => RateLimit::OFF,
            1 => RateLimit(Some(Rate {
                count: 1,
                per: Duration::from_secs(3),
            })),
            _ => RateLimit(Some(Rate {
                count: 20,
                per: Duration::from_secs(60),
            })),
        },
        retry_after: rng.bool(),
        concurrency: some(rng, 15, |rng| rng.u32(1..4)).filter(|_| !is_full),
        failure_rate: some(rng, 25, |rng| f64::from(rng.u8(..60)) / 100.0).unwrap_or(0.0),
        refunds: rng.u8(..5) > 0,
        seed,
        audio_seconds: 1,
        credit_refusal: [
            CreditRefusal::Family,
            CreditRefusal::Payment,
            CreditRefusal::Forbidden,
        ][rng.usize(..3)],
        faults,
        ..SimOptions::default()
    }
}

impl Batch {
    /// A batch that one process after another works on, and that nothing disturbs.
    pub fn calm(manifest: String) -> Self {
        Self {
            manifest,
            rate: Rate {
                count: 1,
                per: Duration::from_secs(3),
            },
            concurrency: 3,
            poll: None,
            scripts: Vec::new(),
        }
    }

    fn random(rng: &mut Rng, manifest: String) -> Self {
        let rates = [(20, 60), (1, 3), (10, 1), (1, 30)];
        let (count, per) = rates[rng.usize(..rates.len())];
        Self {
            rate: Rate {
                count,
                per: Duration::from_secs(per),
            },
            concurrency: [1, 2, 3, 10][rng.usize(..4)],
            poll: some(rng, 20, |rng| Duration::from_secs(rng.u64(1..60))),
            scripts: (0..rng.usize(1..6)).map(|_| Script::random(rng)).collect(),
            ..Self::calm(manifest)
        }
    }
}

impl Script {
    fn random(rng: &mut Rng) -> Self {
        let crash = match rng.u8(..10) {
            0..4 => Some(Crash::Before(rng.u64(1..50))),
            4..7 => Some(Crash::After(rng.u64(1..50))),
            7 => Some(Crash::At(rng.u64(..400_000))),
            _ => None,
        };
        let signals = some(rng, 15, |rng| {
            let first = rng.u64(..300_000);
            let second = rng.bool().then(|| first + rng.u64(..60_000));
            std::iter::once(first).chain(second).collect()
        });
        Self {
            crash,
            full_disk: some(rng, 10, |rng| (rng.u64(1..50), rng.bool())),
            signals: signals.unwrap_or_default(),
            max_duration: some(rng, 8, |rng| Duration::from_secs(rng.u64(..300))),
            max_failures: some(rng, 8, |rng| FailureLimit::Jobs(rng.u64(1..4))),
            cutoff: [Cutoff::Cautious, Cutoff::Hard, Cutoff::Soft][rng.usize(..3)],
            settles: rng.bool(),
            proof: [Proof::Off, Proof::Off, Proof::Canary, Proof::Audit][rng.usize(..4)],
            pause: Duration::from_secs(some(rng, 60, |rng| rng.u64(..300)).unwrap_or(0)),
            breaks_lease: rng.u8(..10) > 0,
            retries: rng.u8(..5) == 0,
        }
    }
}
