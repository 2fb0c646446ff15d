//! When a run stops by itself, whatever credits are left: kept with it, so that a resume does the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cutoff::Cutoff;

/// How many failed jobs stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureLimit {
    /// So many jobs.
    Jobs(u64),
    /// This share of the jobs settled so far, in percent.
    Percent(u8),
}

/// Which jobs go alone, so that their charge can be compared with their price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// None.
    #[default]
    Off,
    /// The first of each operation; a difference stops the run.
    Canary,
    /// Each.
    Audit,
}

/// What follows when the balance does not move as the books say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDrift {
    /// It is told, and the run goes on.
    #[default]
    Warn,
    /// The run stops.
    Stop,
}

/// When a run stops by itself; what is not given never stops it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopRules {
    /// What happens once a job does not fit below a limit in credits.
    pub cutoff: Cutoff,
    /// How many failed jobs stop it, counted anew each time it is gone on with.
    pub max_failures: Option<FailureLimit>,
    /// How long it may go, counted anew each time it is gone on with.
    pub max_duration: Option<Duration>,
    /// Which jobs go alone.
    pub proof: Proof,
    /// What follows when the balance does not move as the books say; what is usual when nothing is said.
    pub on_drift: Option<OnDrift>,
    /// Whether payments in doubt are left to a person, also those that the balance would settle.
    pub keep_doubts: bool,
}

impl StopRules {
    /// Tells whether nothing was asked for.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what follows when the balance does not move as the books say: who sends a canary wants to know.
    #[must_use]
    pub fn on_drift(&self) -> OnDrift {
        self.on_drift.unwrap_or(match self.proof {
            Proof::Canary => OnDrift::Stop,
            Proof::Off | Proof::Audit => OnDrift::Warn,
        })
    }
}
