//! What a plan must know of the past, as plain words: the ledger answers, the plan asks, neither imports the other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{Fingerprint, JobId, Ordinal, RunId};

/// How far an earlier purchase of the same thing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaidState {
    /// Its result is in the ledger: it can be used again at no cost.
    Usable,
    /// It is on its way in another run: buying it again would pay twice.
    Unsettled,
}

/// An earlier purchase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidJob {
    /// The run that bought it.
    pub run: RunId,
    /// Its name there.
    pub job: JobId,
    /// Its place there.
    pub ordinal: Ordinal,
    /// How far it has come.
    pub state: PaidState,
}

/// Tells whether a thing was already paid for.
pub trait PaidJobs {
    /// Tells whether nothing was ever paid for, so that a plan of a million jobs need not ask a million times.
    fn is_empty(&self) -> bool;

    /// Finds the latest purchase of a thing on the plan's account.
    fn find(&self, fingerprint: &Fingerprint) -> Option<PaidJob>;

    /// Returns how long a job of the operation took lately, from request to saved files; none if there was none.
    fn took(&self, operation: &str) -> Option<Duration> {
        let _ = operation;
        None
    }
}

/// Nothing was ever paid for.
impl PaidJobs for () {
    fn is_empty(&self) -> bool {
        true
    }

    fn find(&self, _: &Fingerprint) -> Option<PaidJob> {
        None
    }
}
