//! What a place to keep the ledger must promise. The stores hold data; `entry` and `limits` hold the rules.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{
    AccountId, Balance, Credits, Cutoff, Fingerprint, JobRecord, JobState, Ordinal, PaidJobs,
    RunId, RunRecord, SpendLimits,
};

use super::account::AccountBooks;
use super::audit::{Audit, Unexplained};
use super::command::{Due, Enrolment, HoldAnswer, JobEvent, LedgerError, NewRun};
use super::evidence::{Rise, Weighing};
use super::handle::BalanceMark;

/// How long a run belongs to a process that has not been heard of.
pub const LEASE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// One opened ledger, as the owner of runs: drawn at random, so that no two processes share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(pub i64);

/// Something to be changed.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// Makes a run in the state Enrolling.
    Enroll { run: Box<NewRun>, now: Timestamp },
    /// Adds jobs to a run that is being enrolled.
    AddJobs { jobs: Vec<Enrolment> },
    /// Takes a run and sets it Running.
    Start { now: Timestamp },
    /// Ends the lease of a process that is known to be dead.
    BreakLease { now: Timestamp },
    /// Keeps the lease.
    RenewLease { now: Timestamp },
    /// Notes the balance before the first request, once.
    SetOpening { opening: Credits },
    /// Changes what a run may take.
    SetLimits { limits: SpendLimits },
    /// Gives a run back.
    Finish {
        ending: String,
        closing: Option<Credits>,
        now: Timestamp,
    },
    /// Deletes a run that was never enrolled in full.
    Discard { now: Timestamp },
    /// Notes a reading of the balance.
    ObserveBalance {
        account: AccountId,
        mark: BalanceMark,
        balance: Balance,
        asked: Timestamp,
        lag: Duration,
    },
    /// Keeps a reading of the balance as the account's checkpoint, if nothing is in flight and it is believed.
    KeepCheckpoint {
        account: AccountId,
        mark: BalanceMark,
        balance: Balance,
        rise: Rise,
        now: Timestamp,
    },
    /// Takes it on to tell of something, unless it was told of in that period.
    ClaimAlerts {
        account: AccountId,
        period_start: Timestamp,
        what: Vec<String>,
        now: Timestamp,
    },
    /// Marks uploads as gone at the provider.
    Forget {
        print: Fingerprint,
        operations: Vec<String>,
        clip: String,
    },
    /// Takes back that something was told of.
    ReturnAlerts {
        account: AccountId,
        period_start: Timestamp,
        what: Vec<String>,
    },
    /// Notes what a job was charged that went alone.
    NoteAudit {
        job: Ordinal,
        charged: Credits,
        now: Timestamp,
    },
    /// Sets aside credits for up to `want` jobs.
    Hold {
        want: usize,
        cutoff: Cutoff,
        now: Timestamp,
    },
    /// Notes what happened to a job.
    Record {
        job: Ordinal,
        events: Vec<JobEvent>,
        now: Timestamp,
    },
}

/// A command, of whom, about which run.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The run it is about; the account's readings and alerts are about none.
    pub run: RunId,
    /// Who asks.
    pub owner: Owner,
    /// What to change.
    pub command: Command,
}

/// What a command brought.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    /// It is done.
    Done,
    /// What could be held.
    Held(HoldAnswer),
    /// Where the job stands now.
    State(JobState),
    /// Whether the checkpoint was kept.
    Kept(bool),
    /// What of it is the caller's to tell.
    Claimed(Vec<String>),
    /// Whether what is forgotten was known.
    Forgotten(bool),
}

/// The writing side of a store; there is one writer per opened ledger, and there may be many ledgers on one file.
pub(super) trait Write: Send {
    /// Carries out a group of requests, in order, as one transaction against which no other writer's can interleave.
    ///
    /// Each request is carried out whole or refused whole; a refused one changes nothing, and the others stand.
    /// When this returns, every request answered with `Ok` is durable: it is found after a crash of the process or
    /// of the machine. When it is cut short by a crash, either all requests of the group are found afterwards or none.
    /// When the store itself fails, every request gets the failure and none of them may be taken for durable.
    fn commit(&mut self, group: Vec<Request>) -> Vec<Result<Reply, LedgerError>>;
}

/// The reading side of a store. Readers see all that was committed and never wait for a writer.
///
/// Every row read back is checked against the rules; one that no legal steps lead to is reported, never used.
pub(super) trait Read: Send + Sync {
    /// Returns one run.
    fn run(&self, run: &RunId) -> Result<RunRecord, LedgerError>;

    /// Returns the latest runs, the latest first.
    fn runs(&self, filter: &RunFilter, limit: usize) -> Result<Vec<RunRecord>, LedgerError>;

    /// Calls `visit` for each job of a run, in order, without holding them all in memory.
    fn for_each_job(
        &self,
        run: &RunId,
        visit: &mut dyn FnMut(JobRecord),
    ) -> Result<(), LedgerError>;

    /// Counts the saved jobs of a run whose files are unusable.
    fn defects(&self, run: &RunId) -> Result<u64, LedgerError>;

    /// Returns the jobs of a run that an interrupted process left in hand.
    fn due(&self, run: &RunId) -> Result<Vec<Due>, LedgerError>;

    /// Returns the index of what the account has paid for.
    fn paid(&self, account: &AccountId) -> Result<Box<dyn PaidJobs>, LedgerError>;

    /// Returns the account's sum of charges.
    fn mark_balance(&self, account: &AccountId) -> Result<BalanceMark, LedgerError>;

    /// Compares a balance with the account's last checkpoint, in one snapshot.
    fn weigh(
        &self,
        account: &AccountId,
        mark: BalanceMark,
        balance: Balance,
    ) -> Result<Weighing, LedgerError>;

    /// Returns charged − refunded since `since`, plus all that is held now.
    fn used_since(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<Credits, LedgerError>;

    /// Returns what the account's credits are spoken for, with what was charged and refunded since `since`.
    fn account(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<AccountBooks, LedgerError>;

    /// Returns what jobs of the account were charged that went alone, the earliest first.
    fn audits(&self, account: &AccountId) -> Result<Vec<Audit>, LedgerError>;

    /// Returns where credits of the account moved without an explanation, in stretches that began at `since` or later.
    fn unexplained(
        &self,
        account: &AccountId,
        since: Timestamp,
    ) -> Result<Vec<Unexplained>, LedgerError>;

    /// Works out every sum and counter anew from the jobs, and compares.
    fn verify(&self) -> Result<(), LedgerError>;
}

/// Which runs are asked for.
#[derive(Clone, Debug)]
pub(super) enum RunFilter {
    /// All.
    All,
    /// Those of a manifest, by its path or name, that were enrolled in full.
    Manifest(String),
    /// Those that carry out a saved plan, by its digest, and were enrolled in full.
    Plan(String),
    /// Those whose id begins so.
    Prefix(String),
}

/// How wide a slot is in which charges are added up: every time zone's midnight falls on such a border.
const SLOT_US: i64 = 15 * 60 * 1_000_000;

/// Returns the slot of a time: its charges are counted together.
///
/// A period begins at a midnight, so at a slot's border, and sums over it are exact. For a beginning inside a slot,
/// the whole slot counts: at most a quarter of an hour too much, never too little.
pub(super) fn slot(time: Timestamp) -> i64 {
    time.as_microsecond().div_euclid(SLOT_US)
}

/// Returns the first microsecond of the slot that a time lies in.
pub(super) fn begin_of_slot(time: Timestamp) -> i64 {
    slot(time) * SLOT_US
}

/// Says in a job's error field why it was skipped.
pub(super) fn skip_reason(needed: &str) -> String {
    format!("needs `{needed}`, which failed")
}

/// Returns the jobs that must have a result first: the needs, and the twin whose result is to be shared; each once.
pub(super) fn requirements(needs: &[Ordinal], reuse: Option<&crate::model::Reuse>) -> Vec<Ordinal> {
    let mut all = needs.to_vec();
    if let Some(crate::model::Reuse::Twin { ordinal, .. }) = reuse {
        all.push(*ordinal);
    }
    all.sort_unstable();
    all.dedup();
    all
}
