//! One process of setlist: it stands between its ledger handle and the store, and ends when its script says so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use setlist::ledger::{Change, Fate, JobEvent, LedgerError, Watch};
use setlist::model::{Clock, Ordinal, RunId};
use setlist::sim::Audit;
use tokio_util::sync::CancellationToken;

use crate::scenario::{Crash, Script};
use crate::world::World;

/// Changes of one process beyond which it goes round in circles.
const CHANGES_MAX: u64 = 5_000;

pub struct Process {
    pub world: Arc<World>,
    pub name: String,
    pub script: Script,
    changes: AtomicU64,
    /// Cancelled when the process is dead: it does nothing any more.
    pub death: CancellationToken,
    /// The job whose `Sent` was recorded last, until its request leaves.
    sent: Mutex<Option<(RunId, Ordinal)>>,
    /// When it was told to send nothing new.
    stopped_at: AtomicU64,
    /// Whether the store failed for it.
    pub had_full_disk: AtomicBool,
    /// The account as it stood when the balance was last asked for.
    pub balance: Mutex<Option<Audit>>,
}

impl Process {
    pub fn new(world: &Arc<World>, name: String, script: Script) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            name,
            script,
            changes: AtomicU64::new(0),
            death: CancellationToken::new(),
            sent: Mutex::default(),
            stopped_at: AtomicU64::new(u64::MAX),
            had_full_disk: AtomicBool::new(false),
            balance: Mutex::default(),
        })
    }

    pub fn trace(&self, what: impl FnOnce() -> String) {
        self.world.trace(|| format!("{} {}", self.name, what()));
    }

    pub fn die(&self, why: &str) {
        if !self.death.is_cancelled() {
            self.trace(|| format!("dies {why}"));
            self.death.cancel();
        }
    }

    /// Notes that from the next instant on nothing may be sent.
    pub fn is_told_to_stop(&self) {
        let now = self.world.clock.millis();
        self.stopped_at.fetch_min(now, Ordering::SeqCst);
    }

    /// Checks that a request that may cost credits may leave now, and returns the job that it is for.
    pub fn sends(&self) -> Option<(RunId, Ordinal)> {
        let now = self.world.clock.millis();
        if now > self.stopped_at.load(Ordering::SeqCst) {
            self.world.violated(format!(
                "{} sent a request after it was told to stop",
                self.name
            ));
        }
        let sent = self.sent.lock().unwrap().take();
        if sent.is_none() {
            self.world.violated(format!(
                "{} sent a request without a durable `Sent`",
                self.name
            ));
        }
        sent
    }

    fn number(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }
}

fn words(change: &Change<'_>) -> String {
    let events: Vec<&str> = change.events.iter().map(JobEvent::participle).collect();
    let job = change.job.map_or(String::new(), |job| {
        format!(" job {job} {}", events.join(", "))
    });
    format!("{} {}{job}", change.run, change.name)
}

impl Watch for Process {
    fn before(&self, change: &Change<'_>) -> Fate {
        if self.death.is_cancelled() {
            return Fate::Die;
        }
        let number = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        if number > CHANGES_MAX {
            self.world
                .violated(format!("{} goes round in circles", self.name));
            self.die("for running wild");
            return Fate::Die;
        }
        if self.script.crash == Some(Crash::Before(number)) {
            self.die(&format!("before change {number}: {}", words(change)));
            return Fate::Die;
        }
        if self.script.full_disk == Some((number, false)) {
            self.had_full_disk.store(true, Ordering::SeqCst);
            self.trace(|| format!("{number} {} fails", words(change)));
            return Fate::Fail;
        }
        Fate::Live
    }

    fn after(&self, change: &Change<'_>, refused: Option<&LedgerError>) -> Fate {
        let number = self.number();
        self.trace(|| {
            let outcome = refused.map_or(String::new(), |error| format!(": {error}"));
            format!("{number} {}{outcome}", words(change))
        });
        if refused.is_none() {
            if let (Some(job), [JobEvent::Send]) = (change.job, change.events) {
                *self.sent.lock().unwrap() = Some((change.run.clone(), job));
            }
            if change.name == "set-opening" {
                let balance = self.balance.lock().unwrap().clone();
                self.world.opened(change.run, balance);
            }
            self.world.check_step(&self.name, change);
        }
        if self.script.crash == Some(Crash::After(number)) {
            self.die(&format!("after change {number}: {}", words(change)));
            return Fate::Die;
        }
        if self.script.full_disk == Some((number, true)) {
            self.had_full_disk.store(true, Ordering::SeqCst);
            self.trace(|| format!("{number} is told to have failed"));
            return Fate::Fail;
        }
        Fate::Live
    }
}

/// Kills the process, or tells it to stop, when its script says so.
pub async fn trouble(process: Arc<Process>, handle: setlist::exec::ControlHandle) {
    let clock = Arc::clone(&process.world.clock);
    let mut plan: Vec<(u64, bool)> = process
        .script
        .signals
        .iter()
        .map(|at| (*at, false))
        .collect();
    if let Some(Crash::At(at)) = process.script.crash {
        plan.push((at, true));
    }
    plan.sort_unstable();
    let mut passed = 0;
    for (at, kills) in plan {
        clock
            .sleep(std::time::Duration::from_millis(at.saturating_sub(passed)))
            .await;
        passed = at;
        if kills {
            process.die("by a signal");
        } else {
            process.trace(|| "is told to stop".to_owned());
            process.is_told_to_stop();
            handle.stop(setlist::model::StopCause::Signal(15));
        }
    }
    std::future::pending().await
}
