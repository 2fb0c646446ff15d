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
}

impl StopRules {
    /// Tells whether nothing was asked for.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
