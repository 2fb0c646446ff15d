//! The words exec and the ledger speak.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{
    AccountId, CreditError, Credits, Family, Fingerprint, JobId, JobResult, JobState, NewJob,
    Ordinal, RunId, RunSettings, TaskId,
};

/// A job to be enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The job.
    pub job: NewJob,
    /// Why it can't be done, when it is kept only to be shown: it is enrolled as Skipped, and so are all that need it.
    pub blocked: Option<String>,
}

impl From<NewJob> for Enrolment {
    fn from(job: NewJob) -> Self {
        Self { job, blocked: None }
    }
}

/// A run to be enrolled.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The manifest's name.
    pub manifest: String,
    /// The manifest's path as it was given.
    pub manifest_path: String,
    /// SHA-256 of the manifest's text, in hexadecimal.
    pub manifest_digest: String,
    /// Whose credits it spends.
    pub account: AccountId,
    /// The price list's name.
    pub price_list: String,
    /// How it is carried out.
    pub settings: RunSettings,
}

/// Something that happened to a job; `entry` lists which state it is legal in.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEvent {
    /// The request is about to leave. Held → Sent; counts an attempt.
    Send,
    /// The provider took it and charged the price. Sent or InDoubt → Accepted.
    Accept {
        /// The task to poll; none when the result came at once.
        task: Option<TaskId>,
    },
    /// The provider refused it without charging and it will be tried again. Sent → Held.
    Retry {
        /// The provider's words.
        error: String,
    },
    /// The provider refused it without charging, for good. Sent → Refused.
    Refuse {
        /// The provider's words.
        error: String,
    },
    /// The hold is given back. Held → Released; also Sent → Released, when the answer says that
    /// nothing was charged and the job may start again later (credits ran out, a stop during back-off).
    Release {
        /// Why, if it is worth keeping.
        error: Option<String>,
    },
    /// No answer that says whether it was accepted. Sent → InDoubt; the credits stay held.
    Doubt {
        /// What broke.
        error: String,
    },
    /// The result is there. Accepted → Succeeded, and with `Accept` in the same breath for results that
    /// come at once. Planned → Succeeded for a job that is reused.
    Succeed {
        /// The result.
        result: JobResult,
    },
    /// The task failed at the provider. Accepted → Failed.
    Fail {
        /// The provider's words.
        error: String,
        /// Whether the charge was given back.
        refunded: bool,
    },
    /// The files are on disk. Succeeded → Saved.
    Save {
        /// The files, below the output folder.
        files: Vec<String>,
        /// What makes them unusable, if anything: it stays with the job as its error.
        defect: Option<String>,
    },
    /// The files could not be fetched or written; stays Succeeded, to be tried again by a resume.
    SaveFailed {
        /// What went wrong.
        error: String,
    },
    /// Files that were saved are gone, or are not what was saved: they are to be fetched again. Saved → Succeeded.
    Miss {
        /// Which.
        error: String,
    },
    /// Evidence shows that it was charged and that its task can't be found. InDoubt or Accepted → Lost.
    Lose {
        /// The evidence.
        error: String,
    },
    /// It is not to be started: its inputs can't be put together, or a later run has bought the same.
    /// Held, Planned or Released → Skipped.
    Skip {
        /// Why.
        error: String,
    },
    /// A job that ended badly is to be tried again by the user's wish. Failed, Refused or Skipped → Planned.
    Restart,
}

/// A job whose credits are now set aside, with all that a worker needs.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldJob {
    /// Its place.
    pub ordinal: Ordinal,
    /// Its name.
    pub id: JobId,
    /// The operation's catalog name.
    pub operation: String,
    /// Its family.
    pub family: Family,
    /// Its inputs in canonical form.
    pub inputs: String,
    /// The fields of the results its inputs refer to, by fingerprint.
    pub upstream: Vec<(Fingerprint, Value)>,
    /// Its price.
    pub price: Credits,
    /// Where its files go.
    pub save: Option<String>,
    /// The result to use instead of buying, when the job is reused; such a job holds nothing and is still Planned.
    pub reused: Option<Reused>,
    /// Requests sent so far.
    pub attempts: u32,
}

/// A result that was paid for before.
#[derive(Clone, Debug, PartialEq)]
pub struct Reused {
    /// The result.
    pub result: JobResult,
    /// Its files, below `out`.
    pub files: Vec<String>,
    /// The output folder of the run that saved them.
    pub out: String,
    /// What makes them unusable, if anything.
    pub defect: Option<String>,
}

/// A job of a run that was interrupted, that needs something other than a first request.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The job; its `upstream` and `reused` are empty.
    pub job: HeldJob,
    /// Where it stands: Held, Sent, Accepted or Succeeded.
    pub state: JobState,
    /// Its task.
    pub task: Option<TaskId>,
    /// When its request left.
    pub submitted_at: Option<Timestamp>,
    /// Its result, when it succeeded and is not saved.
    pub result: Option<JobResult>,
}

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// The run's cap.
    Run,
    /// The budget of the period, for all runs of the account.
    Period,
    /// The balance less what is to be kept.
    Balance,
}

/// Why nothing could be held though jobs wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The tightest limit.
    pub limit: LimitKind,
    /// What is left below it.
    pub left: Credits,
    /// The price of the cheapest job that waits; at a hard cutoff, of the first that does not fit.
    pub needed: Credits,
}

/// What a request for holds brought.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct HoldAnswer {
    /// The jobs now held, by priority, then place.
    pub jobs: Vec<HeldJob>,
    /// Set when fewer jobs than wanted could be held because of a limit (and not for want of startable jobs).
    pub shortage: Option<Shortage>,
    /// Jobs of this run that wait: startable now or once a job they need is done.
    pub waiting: u64,
    /// Jobs passed over because another run is buying the same just now: ask again when that may be done.
    pub deferred: u64,
    /// Jobs skipped just now because another run may have paid for the same: ask again, others may take their places.
    pub skipped: u64,
    /// With a shortage at a cautious cutoff: whether a job that waits for another would fit into what is left.
    pub later_fits: bool,
    /// With a shortage: from when on another reading of the balance may show that there is enough, as not all of the last
    /// one was believed.
    pub balance_sure: Option<Timestamp>,
}

/// Why the ledger did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The step is not legal from the state the job is in; nothing changed.
    #[error("job `{job}` is {state}: it can't be {event}")]
    IllegalStep {
        /// The job.
        job: String,
        /// Its state.
        state: JobState,
        /// The event's name, as a participle.
        event: &'static str,
    },
    /// There is no such run or job.
    #[error("the ledger has no {what}")]
    NotFound {
        /// What was asked for, e.g. "run `0192…`".
        what: String,
    },
    /// The ledger was written by a newer version.
    #[error("ledger `{path}` has format {found}; this version of setlist reads up to {known}")]
    NewerFormat {
        /// The file.
        path: String,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Something stored can't be read back as what it should be.
    #[error(
        "the ledger holds a record that makes no sense: {0}; keep a copy, and restore it from a backup before anything is sent"
    )]
    Corrupt(String),
    /// Another process works on this run, or did less than a lease ago and may still.
    #[error("run `{0}` belongs to another process")]
    Leased(RunId),
    /// Another run sent a request for the same content after this job was held: it must not be bought again.
    #[error("another run is buying the same as job `{0}`")]
    BoughtElsewhere(String),
    /// The file is damaged or gone: nothing of the request is durable, and waiting makes it no better.
    #[error("ledger `{path}`: {message}")]
    Broken {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// The disk, the file or the database failed: nothing of the request is durable.
    #[error("ledger `{path}`: {message}")]
    Storage {
        /// The file.
        path: String,
        /// What failed.
        message: String,
    },
}

impl From<CreditError> for LedgerError {
    fn from(error: CreditError) -> Self {
        Self::Corrupt(error.to_string())
    }
}
