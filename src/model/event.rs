//! What happens during a run, for whoever watches it. exec sends, cli and report receive; neither imports the other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::credits::Credits;
use super::ids::{JobId, Ordinal, TaskId};
use super::job::JobState;

/// Why a run sends nothing new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopCause {
    /// The provider says that credits have run out.
    ProviderCredits,
    /// The next job would break a limit.
    Limit {
        /// The limit's name: `run`, `period` or `balance`.
        limit: String,
        /// What is left below it.
        left: Credits,
        /// What the cheapest job that waits would take.
        needed: Credits,
    },
    /// The key is refused, or there is no active subscription.
    Access {
        /// The provider's words.
        message: String,
    },
    /// The provider can't be reached.
    Unreachable {
        /// The last fault.
        message: String,
    },
    /// A signal, by number (2 or 15).
    Signal(i32),
    /// The time limit.
    TimeLimit,
    /// Too many jobs failed.
    Failures,
    /// The balance does not move as the books say.
    Drift {
        /// By how much, and what may be the cause.
        message: String,
    },
    /// The ledger or the disk failed; without a durable record nothing may be sent.
    Storage {
        /// What failed.
        message: String,
    },
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum RunEvent {
    /// The run goes.
    Started {
        /// Jobs in the plan.
        jobs: u64,
        /// Jobs that are done already, as after a resume.
        done: u64,
        /// Credits the account has.
        balance: Credits,
    },
    /// A job changed state.
    Job {
        /// Its place.
        ordinal: Ordinal,
        /// Its name.
        job: JobId,
        /// The operation.
        operation: String,
        /// Where it stands now.
        state: JobState,
        /// Credits charged for it so far.
        charged: Credits,
        /// Credits refunded for it.
        refunded: Credits,
        /// The provider's task, once known.
        task_id: Option<TaskId>,
        /// What went wrong, if anything.
        error: Option<String>,
    },
    /// A request will be tried again.
    Retrying {
        /// The job's name.
        job: JobId,
        /// How long it waits.
        wait: Duration,
        /// Why.
        reason: String,
    },
    /// The provider asked for fewer requests; all submits wait.
    Throttled {
        /// How long the gate stays shut.
        wait: Duration,
    },
    /// Nothing new is sent from here on; what runs is collected.
    Stopping {
        /// Why.
        cause: StopCause,
        /// Jobs that still run.
        running: u64,
    },
    /// A file is on disk.
    Saved {
        /// The job's name.
        job: JobId,
        /// The file, below the output folder.
        file: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// Something a person should know, though the run goes on.
    Warning {
        /// What.
        message: String,
    },
}
