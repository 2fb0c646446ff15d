//! A place to stand between a ledger's handle and its store: what a simulation of crashes and full disks needs.
//!
//! A process can die before a change is written, or after it and before its caller learns of it; a store can fail
//! with the change written or without. The program itself watches nothing.

use crate::model::{Ordinal, RunId};

use super::command::{JobEvent, LedgerError};
use super::store::Command;

/// A change that is about to be written, or was written.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The run it is about; empty for what is the account's, such as a reading of the balance.
    pub run: &'a RunId,
    /// What it does, in a word, such as `hold` or `record`.
    pub name: &'static str,
    /// The job it is about, when it is a `record`.
    pub job: Option<Ordinal>,
    /// What happened to the job, when it is a `record`.
    pub events: &'a [JobEvent],
}

/// What becomes of the process that asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Live,
    /// It is told that the store failed.
    Fail,
    /// It never hears of anything again; its future is to be dropped.
    Die,
}

/// Sees each change of one handle.
///
/// It may read the ledger, and must not change it.
pub trait Watch: Send + Sync {
    /// Decides what happens before a change is written: unless the process lives, it is not written.
    fn before(&self, change: &Change<'_>) -> Fate;

    /// Decides what happens once a change is durable, or was refused with an error.
    fn after(&self, change: &Change<'_>, refused: Option<&LedgerError>) -> Fate;
}

impl<'a> Change<'a> {
    pub(super) fn of(run: &'a RunId, command: &'a Command) -> Self {
        let (job, events): (_, &[JobEvent]) = match command {
            Command::Record { job, events, .. } => (Some(*job), events),
            _ => (None, &[]),
        };
        Self {
            run,
            name: name(command),
            job,
            events,
        }
    }
}

fn name(command: &Command) -> &'static str {
    match command {
        Command::Enroll { .. } => "enroll",
        Command::AddJobs { .. } => "add-jobs",
        Command::Start { .. } => "start",
        Command::BreakLease { .. } => "break-lease",
        Command::RenewLease { .. } => "renew-lease",
        Command::SetOpening { .. } => "set-opening",
        Command::SetLimits { .. } => "set-limits",
        Command::Finish { .. } => "finish",
        Command::Discard { .. } => "discard",
        Command::ObserveBalance { .. } => "observe-balance",
        Command::KeepCheckpoint { .. } => "keep-checkpoint",
        Command::ClaimAlerts { .. } => "claim-alerts",
        Command::Forget { .. } => "forget",
        Command::ReturnAlerts { .. } => "return-alerts",
        Command::NoteAudit { .. } => "note-audit",
        Command::Hold { .. } => "hold",
        Command::Record { .. } => "record",
    }
}

/// Lets a process live, fail or die; `Err` is for its caller.
pub(super) async fn meet(fate: Fate) -> Result<(), LedgerError> {
    match fate {
        Fate::Live => Ok(()),
        Fate::Fail => Err(LedgerError::Storage {
            path: "watched".to_owned(),
            message: "the disk is full".to_owned(),
        }),
        Fate::Die => std::future::pending().await,
    }
}
