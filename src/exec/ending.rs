//! How a run's carrying-out ended, in order of what a person must know first.

use crate::api::{Fault, FaultKind, Refusal};
use crate::ledger::LedgerError;
use crate::model::{RunTotals, StopCause};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every job is saved.
    Done,
    /// Every job came to an end or was tried; some without a saved result that can be used.
    SomeFailed,
    /// At least one payment is in doubt.
    InDoubt,
    /// Stopped before its end; a resume goes on.
    Stopped(StopCause),
}

/// Why a run could not be carried out at all.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The ledger can't be used: without it nothing may be sent.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The balance can't be read: nothing was sent.
    #[error("the balance can't be read")]
    Balance(#[source] Fault),
    /// The run names an operation that this version's catalog does not have.
    #[error("operation `{0}` of the run is not in the catalog of this version")]
    UnknownOperation(String),
}

impl Ending {
    /// Judges a run by its sums, how many saved jobs have unusable files, and why it stopped.
    pub(super) fn judge(totals: &RunTotals, defects: u64, cause: Option<StopCause>) -> Self {
        match cause {
            Some(
                cause @ (StopCause::Storage { .. }
                | StopCause::Access { .. }
                | StopCause::Signal(_)),
            ) => Self::Stopped(cause),
            _ if totals.in_doubt > 0 => Self::InDoubt,
            Some(cause) => Self::Stopped(cause),
            None if totals.bad + defects == 0 && totals.ended == totals.jobs => Self::Done,
            None => Self::SomeFailed,
        }
    }

    /// Returns the ending in words, for the ledger and reports.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Done => "everything done".to_owned(),
            Self::SomeFailed => "finished; some jobs have no usable result".to_owned(),
            Self::InDoubt => "a payment is in doubt".to_owned(),
            Self::Stopped(cause) => describe(cause),
        }
    }
}

/// Tells whether asking again can't help: the key or the subscription is the trouble.
pub(super) fn is_final(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Refused(Refusal::Key | Refusal::Subscription)
    )
}

fn describe(cause: &StopCause) -> String {
    match cause {
        StopCause::ProviderCredits => "credits ran out at the provider".to_owned(),
        StopCause::Limit {
            limit,
            left,
            needed,
        } => format!(
            "the {limit} limit is reached: {left} credits left, the next job needs {needed}"
        ),
        StopCause::Access { message } => format!("access was refused: {message}"),
        StopCause::Unreachable { message } => format!("the provider is unreachable: {message}"),
        StopCause::Signal(number) => format!("signal {number}"),
        StopCause::TimeLimit => "the time limit is reached".to_owned(),
        StopCause::Failures => "too many jobs failed".to_owned(),
        StopCause::Storage { message } | StopCause::Drift { message } => message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_in_doubt_outranks_a_limit_but_not_a_broken_ledger() {
        let doubt = RunTotals {
            jobs: 2,
            ended: 1,
            in_doubt: 1,
            ..RunTotals::default()
        };
        assert_eq!(
            Ending::judge(&doubt, 0, Some(StopCause::ProviderCredits)),
            Ending::InDoubt
        );
        let storage = StopCause::Storage {
            message: "disk full".to_owned(),
        };
        assert_eq!(
            Ending::judge(&doubt, 0, Some(storage.clone())),
            Ending::Stopped(storage)
        );
    }

    #[test]
    fn done_means_every_job_ended_well() {
        let totals = RunTotals {
            jobs: 2,
            ended: 2,
            ..RunTotals::default()
        };
        assert_eq!(Ending::judge(&totals, 0, None), Ending::Done);
        assert_eq!(
            Ending::judge(&totals, 1, None),
            Ending::SomeFailed,
            "a file is unusable"
        );
        assert_eq!(
            Ending::judge(&RunTotals { bad: 1, ..totals }, 0, None),
            Ending::SomeFailed
        );
        assert_eq!(
            Ending::judge(&RunTotals { ended: 1, ..totals }, 0, None),
            Ending::SomeFailed
        );
    }
}
