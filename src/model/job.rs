//! A job: what a plan hands to the ledger, and what the ledger tells of it afterwards.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::credits::Credits;
use super::ids::{Fingerprint, JobId, Ordinal, RunId, TaskId};
use super::result::JobResult;

/// The product an operation belongs to; decides how its tasks are polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Suno; the provider's paths say `sonic`.
    Suno,
    /// Producer.
    Producer,
    /// Nuro.
    Nuro,
    /// Lyrics, which the provider serves below `sonic`.
    Lyrics,
}

impl Family {
    /// All families, in the guide's order.
    pub const ALL: [Self; 4] = [Self::Suno, Self::Producer, Self::Nuro, Self::Lyrics];

    /// Returns the name used in operation names and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suno => "suno",
            Self::Producer => "producer",
            Self::Nuro => "nuro",
            Self::Lyrics => "lyrics",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a job stands. `ledger::entry` draws the steps between the states and refuses all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Planned; no credits are set aside.
    Planned,
    /// Its credits are set aside; nothing was sent.
    Held,
    /// The request may have left; no answer yet.
    Sent,
    /// The provider took it and charged for it.
    Accepted,
    /// The provider delivered the result.
    Succeeded,
    /// The result is on disk.
    Saved,
    /// The provider took it and it failed there.
    Failed,
    /// The provider refused it and did not charge.
    Refused,
    /// The credits set aside were given back before anything was sent.
    Released,
    /// Sent, and no answer that says whether it was accepted; its credits stay set aside.
    InDoubt,
    /// Charged, and its task is lost.
    Lost,
    /// Not started, because a job it needs did not succeed.
    Skipped,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 12] = [
        Self::Planned,
        Self::Held,
        Self::Sent,
        Self::Accepted,
        Self::Succeeded,
        Self::Saved,
        Self::Failed,
        Self::Refused,
        Self::Released,
        Self::InDoubt,
        Self::Lost,
        Self::Skipped,
    ];

    /// Returns the name used in ledger and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Held => "held",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Succeeded => "succeeded",
            Self::Saved => "saved",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Released => "released",
            Self::InDoubt => "in-doubt",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Tells whether credits are set aside in this state.
    #[must_use]
    pub const fn holds_credits(self) -> bool {
        matches!(self, Self::Held | Self::Sent | Self::InDoubt)
    }

    /// Tells whether the job may be started: nothing was paid and nothing is on its way.
    #[must_use]
    pub const fn is_startable(self) -> bool {
        matches!(self, Self::Planned | Self::Released)
    }

    /// Tells whether the job's result is there for jobs that need it.
    #[must_use]
    pub const fn has_result(self) -> bool {
        matches!(self, Self::Succeeded | Self::Saved)
    }

    /// Tells whether the job ended without a result.
    #[must_use]
    pub const fn ended_badly(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Refused | Self::Lost | Self::Skipped
        )
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A job as a plan hands it to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// Its place in the plan; upstream jobs come first.
    pub ordinal: Ordinal,
    /// Its name.
    pub id: JobId,
    /// What it is, apart from its name.
    pub fingerprint: Fingerprint,
    /// The operation's catalog name.
    pub operation: String,
    /// The operation's family.
    pub family: Family,
    /// Its inputs in canonical form (`model::Input`).
    pub inputs: String,
    /// Its price, in credits.
    pub price: Credits,
    /// Jobs with a higher number start first.
    pub priority: i32,
    /// Where its files go, below the output folder, with `{ext}` and perhaps `{n}` left in.
    pub save: Option<String>,
    /// The jobs that must succeed first, each once.
    pub needs: Vec<Ordinal>,
    /// Where the result comes from when it is not bought: an earlier job of this plan, or a run before.
    pub reuse: Option<Reuse>,
}

/// Where a result that is not bought comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// A run before this one bought it.
    Run {
        /// That run.
        run: RunId,
        /// The job's name there.
        job: JobId,
        /// The job's place there.
        ordinal: Ordinal,
    },
    /// A job of the same plan buys the very same thing.
    Twin {
        /// That job; it comes earlier in the plan.
        ordinal: Ordinal,
        /// Its name.
        job: JobId,
    },
}

/// A purchase that failed and was not refunded, after which its job was bought again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastLoss {
    /// The provider's task.
    pub task_id: Option<TaskId>,
    /// Credits charged and not given back.
    pub credits: Credits,
    /// When its request left.
    pub sent_at: Option<Timestamp>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A job as the ledger tells of it: the row of `spend.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The run it belongs to.
    pub run: RunId,
    /// What was planned.
    pub job: NewJob,
    /// Where it stands.
    pub state: JobState,
    /// Credits set aside now.
    pub held: Credits,
    /// Credits taken by the provider for this job.
    pub charged: Credits,
    /// Credits given back by the provider.
    pub refunded: Credits,
    /// What of `charged` was taken before the job was bought again.
    pub past_charged: Credits,
    /// What of `refunded` was given back for that.
    pub past_refunded: Credits,
    /// What was lost of the difference, the earliest first.
    pub past_losses: Vec<PastLoss>,
    /// How many times a request was sent.
    pub attempts: u32,
    /// The provider's task.
    pub task_id: Option<TaskId>,
    /// What it gave.
    pub result: Option<JobResult>,
    /// The files saved, below the output folder.
    pub files: Vec<String>,
    /// When the request that was accepted left.
    pub submitted_at: Option<Timestamp>,
    /// When the job came to its end.
    pub finished_at: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<String>,
}
