//! One job from its hold to its result: what workers share, and the path each of them walks.
//!
//! A worker records what it did in the ledger before it tells the dispatcher; it decides nothing about
//! other jobs.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::api::Service;
use crate::catalog::{Catalog, Operation, OperationId};
use crate::ledger::{Due, HeldJob, JobEvent, Ledger, LedgerError};
use crate::model::{
    Credits, Cutoff, FailureLimit, JobResult, JobState, OnDrift, Proof, Rate, RunEvent, RunId,
    RunSettings, SharedClock, StopCause, TaskId,
};

use super::cadence::Cadence;
use super::limiter::Limiter;
use super::output::Output;
use super::poll::Polled;
use super::prove::Proved;
use super::publish::{Files, Publish};
use super::submit::Submitted;
use super::track::{Mark, Tracks};

/// Polls under way at once.
const POLL_SLOTS: usize = 8;
/// Downloads under way at once.
const DOWNLOAD_SLOTS: usize = 4;
/// Files decoded at once, each by a thread: few, as the rest of the program needs the processor too.
const INSPECT_SLOTS: usize = 2;

/// What a run is carried out with.
#[derive(Clone)]
pub struct Engine {
    /// The durable record.
    pub ledger: Ledger,
    /// The provider.
    pub service: Arc<dyn Service>,
    /// The operations.
    pub catalog: Arc<Catalog>,
    /// The time.
    pub clock: SharedClock,
    /// Seeds the spread of waits.
    pub seed: u64,
    /// Makes local files reachable for the provider.
    pub files: Arc<dyn Publish>,
}

/// Limits of one carrying-out that are not about credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Send nothing new after this time.
    pub max_duration: Option<Duration>,
    /// Send nothing new once this many jobs have failed.
    pub max_failures: Option<FailureLimit>,
    /// What to do once a job does not fit below a limit.
    pub cutoff: Cutoff,
    /// Whether payments in doubt are settled by what the balance says, once nothing else is left to do.
    pub settle_doubts: bool,
    /// Which jobs go alone, so that their charge can be compared with their price.
    pub proof: Proof,
    /// What follows when they differ.
    pub on_drift: OnDrift,
    /// Go at another pace than the run was made with.
    pub pace: Option<Pace>,
    /// The closing balance of a run that was over and only has files fetched again: it stays as long as nothing is charged
    /// or refunded, since what the account did meanwhile is not for this run to explain.
    pub closing: Option<Credits>,
}

/// How fast a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Requests that submit.
    pub rate: Rate,
    /// Tasks in flight.
    pub concurrency: u32,
    /// How often a task is asked for; by the kind of operation when not given.
    pub poll: Option<Duration>,
}

/// What all workers of a run share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) run: RunId,
    pub(super) settings: RunSettings,
    pub(super) out: Output,
    pub(super) limiter: Limiter,
    pub(super) cadence: Cadence,
    pub(super) poll_slots: Semaphore,
    pub(super) download_slots: Semaphore,
    pub(super) inspect_slots: Semaphore,
    /// Cancelled when nothing new may be sent.
    pub(super) halt: CancellationToken,
    /// What kept a payment from being recorded at once; the run stops for it.
    pub(super) trouble: OnceLock<String>,
    /// The past of jobs on their way, for what is written beside their files.
    pub(super) tracks: Tracks,
    pub(super) events: mpsc::UnboundedSender<RunEvent>,
}

/// What a worker tells the dispatcher when it is through.
#[derive(Debug)]
pub(super) enum Message {
    /// The job has its result; files are still to be fetched. Its concurrency slot is free.
    Succeeded(Box<(HeldJob, JobResult)>),
    /// The job needs no more work in this run. Its concurrency slot is free.
    Settled(JobState),
    /// The job stands where it stood, and the run must stop. Its concurrency slot is free.
    Stop(StopCause),
    /// The job's files are on disk, or could not be had for now. A place among the saves is free.
    Saved,
    /// A job went alone. Its concurrency slot is free.
    Proved(Box<Proved>),
    /// Payments in doubt were weighed against the balance. A place among the saves is free.
    Reconciled,
    /// The balance was compared with the books in a lull, and this is what is missing. A place among the saves is free.
    Looked(Option<String>),
    /// Whether the balance could be read afresh. A place among the saves is free.
    Read(bool),
    /// What became of the job's files can't be recorded. A place among the saves is free.
    SaveStop(StopCause),
}

impl Shared {
    pub(super) fn new(
        engine: Engine,
        run: RunId,
        settings: RunSettings,
        events: mpsc::UnboundedSender<RunEvent>,
    ) -> Self {
        let (clock, seed) = (engine.clock.clone(), engine.seed);
        Self {
            run,
            out: Output::new(PathBuf::from(&settings.out)),
            limiter: Limiter::new(clock, settings.rate, seed),
            cadence: Cadence::new(settings.poll, seed.wrapping_add(1)),
            poll_slots: Semaphore::new(POLL_SLOTS),
            download_slots: Semaphore::new(DOWNLOAD_SLOTS),
            inspect_slots: Semaphore::new(INSPECT_SLOTS),
            halt: CancellationToken::new(),
            trouble: OnceLock::new(),
            tracks: Tracks::default(),
            settings,
            engine,
            events,
        }
    }

    /// Finds an operation of the run in the catalog.
    pub(super) fn operation(&self, name: &str) -> Option<(OperationId, &Operation)> {
        let id = self.engine.catalog.find(name)?;
        Some((id, self.engine.catalog.get(id)))
    }

    /// Tells whoever watches; that nobody does is no fault.
    pub(super) fn tell(&self, event: RunEvent) {
        drop(self.events.send(event));
    }

    /// Records what happened to a job, then tells of it.
    pub(super) async fn record(
        &self,
        job: &HeldJob,
        events: Vec<JobEvent>,
    ) -> Result<JobState, LedgerError> {
        let told = Told::of(job, &events);
        let mark = Mark::of(&events);
        let now = self.engine.clock.now();
        let state = self
            .engine
            .ledger
            .record(&self.run, job.ordinal, events, now)
            .await?;
        self.tracks.note(job.ordinal, mark, now);
        self.tell(told.event(job, state));
        Ok(state)
    }
}

/// What of a step is worth telling.
struct Told {
    charged: Credits,
    refunded: Credits,
    task_id: Option<TaskId>,
    error: Option<String>,
}

impl Told {
    fn of(job: &HeldJob, events: &[JobEvent]) -> Self {
        let mut told = Self {
            charged: Credits::ZERO,
            refunded: Credits::ZERO,
            task_id: None,
            error: None,
        };
        for event in events {
            match event {
                JobEvent::Accept { task } => {
                    told.charged = job.price;
                    told.task_id = task.clone();
                }
                JobEvent::Fail { error, refunded } => {
                    told.error = Some(error.clone());
                    if *refunded {
                        told.refunded = job.price;
                    }
                }
                JobEvent::Lose { error }
                | JobEvent::Doubt { error }
                | JobEvent::Refuse { error }
                | JobEvent::Retry { error }
                | JobEvent::Skip { error }
                | JobEvent::SaveFailed { error }
                | JobEvent::Miss { error } => told.error = Some(error.clone()),
                JobEvent::Release { error } | JobEvent::Save { defect: error, .. } => {
                    told.error.clone_from(error);
                }
                JobEvent::Send | JobEvent::Succeed { .. } | JobEvent::Restart => {}
            }
        }
        told
    }

    fn event(self, job: &HeldJob, state: JobState) -> RunEvent {
        RunEvent::Job {
            ordinal: job.ordinal,
            job: job.id.clone(),
            operation: job.operation.clone(),
            state,
            charged: self.charged,
            refunded: self.refunded,
            task_id: self.task_id,
            error: self.error,
        }
    }
}

/// A fault of the ledger stops the run: without a durable record nothing may be sent.
pub(super) fn storage(error: &LedgerError) -> StopCause {
    StopCause::Storage {
        message: error.to_string(),
    }
}

/// Walks a newly held job to its result.
pub(super) async fn begin(shared: Arc<Shared>, job: HeldJob) -> Message {
    let mut files = Files::new();
    match super::submit::submit(&shared, &job, &mut files).await {
        Submitted::Task(task) => follow(&shared, job, task).await,
        Submitted::Done(result) => Message::Succeeded(Box::new((job, result))),
        Submitted::Settled(state) => Message::Settled(state),
        Submitted::Stop(cause) => Message::Stop(cause),
    }
}

/// Goes on with a job that an earlier process left with its task running.
pub(super) async fn resume(shared: Arc<Shared>, due: Due) -> Message {
    match due.task {
        Some(task) => follow(&shared, due.job, task).await,
        None => {
            // Accepted without a task can only be an answer that came at once and was cut off between two records,
            // which the ledger writes as one: nothing is left to poll.
            let error = "accepted, but the ledger has no task to ask for".to_owned();
            match shared
                .record(&due.job, vec![JobEvent::Lose { error }])
                .await
            {
                Ok(state) => Message::Settled(state),
                Err(error) => Message::Stop(storage(&error)),
            }
        }
    }
}

async fn follow(shared: &Shared, job: HeldJob, task: TaskId) -> Message {
    match super::poll::poll(shared, &job, &task).await {
        Polled::Done(result) => Message::Succeeded(Box::new((job, result))),
        Polled::Settled(state) => Message::Settled(state),
        Polled::Stop(cause) => Message::Stop(cause),
    }
}
