//! The handle that everybody holds: requests go to one writer that commits them in groups, reads go past it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{
    AccountId, Balance, Credits, Cutoff, Fingerprint, JobRecord, JobState, NewJob, Ordinal,
    PaidJobs, RunId, RunRecord, SpendLimits,
};

use super::account::AccountBooks;
use super::audit::{Audit, Unexplained};
use super::command::{Due, Enrolment, HoldAnswer, JobEvent, LedgerError, NewRun};
use super::evidence::{Rise, Weighing};
use super::memory::MemoryStore;
use super::sqlite::SqliteStore;
use super::store::{Command, Owner, Read, Reply, Request, RunFilter, Write};
use super::watch::{Change, Watch, meet};
use super::writer::Writer;

/// The ledger. Clones share one writer, and count as one owner of runs; another `open` is another owner.
///
/// A method that writes returns after its change is durable. Dropping its future once it was polled does not take
/// the change back: a hold nobody waited for is found by [`Ledger::finish`] or by the next [`Ledger::start`].
#[derive(Clone)]
pub struct Ledger {
    owner: Owner,
    inner: Arc<Inner>,
    watch: Option<Arc<dyn Watch>>,
}

struct Inner {
    writer: Writing,
    reader: Box<dyn Read>,
}

enum Writing {
    /// In the caller's own thread: what a test asks for happens in the order it asks.
    Inline(Mutex<Box<dyn Write>>),
    /// By the writing thread.
    Thread(Writer),
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

/// A mark in an account's history, taken before a balance is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BalanceMark {
    /// The sum of its charges.
    pub charged: Credits,
    /// The sum of its refunds.
    pub refunded: Credits,
}

/// Rounds to what a store keeps, so that all stores tell the same time back.
fn stored(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

impl Ledger {
    /// Opens the ledger in a file, which is made if there is none, and starts its writing thread.
    ///
    /// # Errors
    /// When the file can't be opened, is no ledger, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let (store, reader) = SqliteStore::open(path)?;
        let writer = Writer::spawn(Box::new(store), path.display().to_string())?;
        Ok(Self::new(Writing::Thread(writer), Box::new(reader)))
    }

    /// Opens the ledger in a file, without a thread: each request is its own commit, in the caller's thread.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_inline(path: &Path) -> Result<Self, LedgerError> {
        let (store, reader) = SqliteStore::open(path)?;
        let writing = Writing::Inline(Mutex::new(Box::new(store)));
        Ok(Self::new(writing, Box::new(reader)))
    }

    /// Makes a ledger that lives as long as its handles.
    #[must_use]
    pub fn in_memory() -> Self {
        let store = MemoryStore::default();
        let writing = Writing::Inline(Mutex::new(Box::new(store.clone())));
        Self::new(writing, Box::new(store))
    }

    fn new(writer: Writing, reader: Box<dyn Read>) -> Self {
        Self {
            owner: Owner(fastrand::i64(..)),
            inner: Arc::new(Inner { writer, reader }),
            watch: None,
        }
    }

    /// Returns a handle on the same store that counts as another process.
    pub(crate) fn of_another_process(&self) -> Self {
        Self {
            owner: Owner(fastrand::i64(..)),
            inner: Arc::clone(&self.inner),
            watch: None,
        }
    }

    /// Returns a handle on the same store that counts as another process, and whose every change `watch` sees and
    /// can cut short: for simulations of crashes.
    #[must_use]
    pub fn watched(&self, watch: Arc<dyn Watch>) -> Self {
        Self {
            watch: Some(watch),
            ..self.of_another_process()
        }
    }

    async fn ask(&self, run: &RunId, command: Command) -> Result<Reply, LedgerError> {
        let Some(watch) = &self.watch else {
            return self.write(run, command).await;
        };
        let shown = command.clone();
        let change = Change::of(run, &shown);
        meet(watch.before(&change)).await?;
        let answer = self.write(run, command).await;
        meet(watch.after(&change, answer.as_ref().err())).await?;
        answer
    }

    async fn write(&self, run: &RunId, command: Command) -> Result<Reply, LedgerError> {
        let request = Request {
            run: run.clone(),
            owner: self.owner,
            command,
        };
        match &self.inner.writer {
            Writing::Thread(writer) => writer.ask(request).await,
            Writing::Inline(store) => {
                let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
                let mut answers = store.commit(vec![request]);
                answers.pop().expect("a store answers each request")
            }
        }
    }

    async fn change(&self, run: &RunId, command: Command) -> Result<(), LedgerError> {
        self.ask(run, command).await.map(|_| ())
    }

    // --- making a run

    /// Makes a run, to which jobs can be added by this handle until it is started.
    ///
    /// # Errors
    /// When the store fails or holds a run of that id.
    pub async fn enroll(&self, run: NewRun, now: Timestamp) -> Result<(), LedgerError> {
        let id = run.id.clone();
        let (run, now) = (Box::new(run), stored(now));
        self.change(&id, Command::Enroll { run, now }).await
    }

    /// Adds jobs, upstream jobs first, in one transaction.
    ///
    /// # Errors
    /// When a job needs one that does not come before it, or reuses a result that is not there; none is added then.
    pub async fn add_jobs(&self, run: &RunId, jobs: Vec<NewJob>) -> Result<(), LedgerError> {
        let jobs = jobs.into_iter().map(Enrolment::from).collect();
        self.enroll_jobs(run, jobs).await
    }

    /// Adds jobs of which some may be blocked: those, and all that need them, are Skipped.
    ///
    /// # Errors
    /// As [`Ledger::add_jobs`].
    pub async fn enroll_jobs(&self, run: &RunId, jobs: Vec<Enrolment>) -> Result<(), LedgerError> {
        self.change(run, Command::AddJobs { jobs }).await
    }

    /// Deletes a run whose enrolment failed or was cut short.
    ///
    /// # Errors
    /// [`LedgerError::Leased`] when the run was started, or another process may still be enrolling it.
    pub async fn discard(&self, run: &RunId, now: Timestamp) -> Result<(), LedgerError> {
        let now = stored(now);
        self.change(run, Command::Discard { now }).await
    }

    /// Takes a run and sets it Running; holds that a dead process left are given back.
    ///
    /// # Errors
    /// [`LedgerError::Leased`] when another process has it; [`LedgerError::NotFound`] when its enrolment was cut short.
    pub async fn start(&self, run: &RunId, now: Timestamp) -> Result<(), LedgerError> {
        let now = stored(now);
        self.change(run, Command::Start { now }).await
    }

    /// Ends the lease that another process has on a run, so that [`Ledger::start`] need not wait for it.
    ///
    /// Only for a caller who knows that the other process is dead, because it holds a lock that dies with its process:
    /// a process that lives on without its lease can send nothing, but what it has sent is not known to the next.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`] when there is no such run.
    pub async fn break_lease(&self, run: &RunId, now: Timestamp) -> Result<(), LedgerError> {
        let now = stored(now);
        self.change(run, Command::BreakLease { now }).await
    }

    /// Keeps the lease for another [`LEASE`](super::LEASE).
    ///
    /// # Errors
    /// [`LedgerError::Leased`] when another process took the run: nothing may be sent any more.
    pub async fn renew_lease(&self, run: &RunId, now: Timestamp) -> Result<(), LedgerError> {
        let now = stored(now);
        self.change(run, Command::RenewLease { now }).await
    }

    /// Notes the balance before the run's first request; what was noted by an earlier process stays.
    ///
    /// # Errors
    /// When the store fails or there is no such run.
    pub async fn set_opening(&self, run: &RunId, opening: Credits) -> Result<(), LedgerError> {
        self.change(run, Command::SetOpening { opening }).await
    }

    /// Changes what the run may take, as for a resume in a new billing period.
    ///
    /// # Errors
    /// When the store fails or there is no such run.
    pub async fn set_limits(&self, run: &RunId, limits: SpendLimits) -> Result<(), LedgerError> {
        self.change(run, Command::SetLimits { limits }).await
    }

    /// Gives the run back: Finished when every job has ended, else Stopped; what is still Held is released.
    ///
    /// # Errors
    /// [`LedgerError::Leased`] when this process does not have it.
    pub async fn finish(
        &self,
        run: &RunId,
        ending: &str,
        closing: Option<Credits>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let (ending, now) = (ending.to_owned(), stored(now));
        let command = Command::Finish {
            ending,
            closing,
            now,
        };
        self.change(run, command).await
    }

    // --- the balance

    /// Returns the mark to be taken before the balance is asked for.
    ///
    /// # Errors
    /// When the store fails.
    #[allow(clippy::unused_async)] // reads may wait in another store
    pub async fn mark_balance(&self, account: &AccountId) -> Result<BalanceMark, LedgerError> {
        self.inner.reader.mark_balance(account)
    }

    /// Notes a balance that was asked for after `mark`, at `asked`; one that was marked before the one known is old, and ignored.
    ///
    /// Of one that shows more than the one before leaves, what may be for lack of charges whose requests were sent less than
    /// `lag` before is not believed, and a shortage says from when on another reading may show more.
    ///
    /// # Errors
    /// When the store fails or the balance is no sum of credits.
    pub async fn observe_balance(
        &self,
        account: &AccountId,
        mark: BalanceMark,
        balance: Balance,
        asked: Timestamp,
        lag: Duration,
    ) -> Result<(), LedgerError> {
        let command = Command::ObserveBalance {
            account: account.clone(),
            mark,
            balance,
            asked: stored(asked),
            lag,
        };
        self.change(&RunId::new(""), command).await
    }

    /// Compares a balance that was asked for after `mark` with the last checkpoint.
    ///
    /// # Errors
    /// When the store fails or the balance is no sum of credits.
    pub fn weigh(
        &self,
        account: &AccountId,
        mark: BalanceMark,
        balance: Balance,
    ) -> Result<Weighing, LedgerError> {
        self.inner.reader.weigh(account, mark, balance)
    }

    /// Keeps a balance that was asked for after `mark` as the account's checkpoint, if nothing is in flight and it shows no
    /// more than is believed; tells whether it was kept.
    ///
    /// It must have been observed first ([`Ledger::observe_balance`]): that finds out what is believed.
    ///
    /// # Errors
    /// When the store fails or the balance is no sum of credits.
    pub async fn keep_checkpoint(
        &self,
        account: &AccountId,
        mark: BalanceMark,
        balance: Balance,
        rise: Rise,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let command = Command::KeepCheckpoint {
            account: account.clone(),
            mark,
            balance,
            rise,
            now: stored(now),
        };
        match self.ask(&RunId::new(""), command).await? {
            Reply::Kept(kept) => Ok(kept),
            other => {
                unreachable!("a checkpoint is answered with whether it was kept, not {other:?}")
            }
        }
    }

    // --- telling

    /// Takes it on to tell of each of `what`, by name, for the billing period that began at `period_start`; returns
    /// those that nobody has taken on before, also no other process.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_alerts(
        &self,
        account: &AccountId,
        period_start: Timestamp,
        what: Vec<String>,
        now: Timestamp,
    ) -> Result<Vec<String>, LedgerError> {
        let command = Command::ClaimAlerts {
            account: account.clone(),
            period_start: stored(period_start),
            what,
            now: stored(now),
        };
        match self.ask(&RunId::new(""), command).await? {
            Reply::Claimed(what) => Ok(what),
            other => unreachable!("a claim is answered with what was claimed, not {other:?}"),
        }
    }

    /// Gives claims back that could not be told of, so that a later run tells of them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn return_alerts(
        &self,
        account: &AccountId,
        period_start: Timestamp,
        what: Vec<String>,
    ) -> Result<(), LedgerError> {
        let command = Command::ReturnAlerts {
            account: account.clone(),
            period_start: stored(period_start),
            what,
        };
        self.change(&RunId::new(""), command).await
    }

    /// Notes that the provider has a clip no more, so that no job reuses what uploads of this content gave; tells whether
    /// one of them gave that clip. `operations` are those that upload: nothing else is ever forgotten.
    ///
    /// # Errors
    /// When the store fails, or there is no such run.
    pub async fn forget(
        &self,
        run: &RunId,
        print: Fingerprint,
        operations: Vec<String>,
        clip: &str,
    ) -> Result<bool, LedgerError> {
        let command = Command::Forget {
            print,
            operations,
            clip: clip.to_owned(),
        };
        match self.ask(run, command).await? {
            Reply::Forgotten(is_known) => Ok(is_known),
            other => unreachable!("to forget is answered with what was known, not {other:?}"),
        }
    }

    // --- what was seen

    /// Notes what the balance says that a job was charged which went alone.
    ///
    /// # Errors
    /// When the store fails or there is no such job.
    pub async fn note_audit(
        &self,
        run: &RunId,
        job: Ordinal,
        charged: Credits,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let now = stored(now);
        let command = Command::NoteAudit { job, charged, now };
        self.change(run, command).await
    }

    /// Returns what jobs of the account were charged that went alone, the earliest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn audits(&self, account: &AccountId) -> Result<Vec<Audit>, LedgerError> {
        self.inner.reader.audits(account)
    }

    /// Returns where credits of the account moved without an explanation, in stretches that began at `since` or later.
    ///
    /// # Errors
    /// When the store fails.
    pub fn unexplained(
        &self,
        account: &AccountId,
        since: Timestamp,
    ) -> Result<Vec<Unexplained>, LedgerError> {
        self.inner.reader.unexplained(account, stored(since))
    }

    // --- working

    /// Sets aside credits for up to `want` jobs that may start, and hands out jobs that are reused.
    ///
    /// # Errors
    /// [`LedgerError::Leased`] when this process does not have the run.
    pub async fn hold(
        &self,
        run: &RunId,
        want: usize,
        now: Timestamp,
    ) -> Result<HoldAnswer, LedgerError> {
        self.hold_by(run, want, Cutoff::default(), now).await
    }

    /// Sets aside credits as [`Ledger::hold`] does, with the cutoff that says which jobs may overtake which.
    ///
    /// # Errors
    /// As [`Ledger::hold`].
    pub async fn hold_by(
        &self,
        run: &RunId,
        want: usize,
        cutoff: Cutoff,
        now: Timestamp,
    ) -> Result<HoldAnswer, LedgerError> {
        let now = stored(now);
        let command = Command::Hold { want, cutoff, now };
        match self.ask(run, command).await? {
            Reply::Held(answer) => Ok(answer),
            other => unreachable!("a hold is answered with a hold, not {other:?}"),
        }
    }

    /// Notes what happened to a job, all events or none; returns where it stands now.
    ///
    /// Jobs that need one that ended badly become Skipped in the same step, and come back when it is restarted.
    /// After `Send` the lease lasts for at least half of [`LEASE`](super::LEASE): the request must leave within it.
    ///
    /// # Errors
    /// [`LedgerError::IllegalStep`] when a step is not legal; [`LedgerError::BoughtElsewhere`] for `Send` when another
    /// run sent a request for the same since the hold; [`LedgerError::Leased`] for `Send` and `Retry` when
    /// this process does not have the run. Nothing may be sent unless this returned `Ok`.
    pub async fn record(
        &self,
        run: &RunId,
        job: Ordinal,
        events: Vec<JobEvent>,
        now: Timestamp,
    ) -> Result<JobState, LedgerError> {
        let now = stored(now);
        let command = Command::Record { job, events, now };
        match self.ask(run, command).await? {
            Reply::State(state) => Ok(state),
            other => unreachable!("a record is answered with a state, not {other:?}"),
        }
    }

    /// Returns the jobs that need something other than a first request: Held, Sent, Accepted and Succeeded ones.
    ///
    /// # Errors
    /// When the store fails or there is no such run.
    #[allow(clippy::unused_async)] // reads may wait in another store
    pub async fn due(&self, run: &RunId) -> Result<Vec<Due>, LedgerError> {
        self.inner.reader.due(run)
    }

    // --- reading

    /// Returns one run.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`], or when the store fails.
    pub fn run(&self, run: &RunId) -> Result<RunRecord, LedgerError> {
        self.inner.reader.run(run)
    }

    /// Returns up to `limit` runs, the latest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, LedgerError> {
        self.inner.reader.runs(&RunFilter::All, limit)
    }

    /// Returns the latest run of a manifest, by its path as it was given, or its name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn latest_run(&self, manifest: &str) -> Result<Option<RunRecord>, LedgerError> {
        let filter = RunFilter::Manifest(manifest.to_owned());
        Ok(self.inner.reader.runs(&filter, 1)?.pop())
    }

    /// Returns the run that carries out a saved plan, by the plan's digest, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn run_of_plan(&self, digest: &str) -> Result<Option<RunRecord>, LedgerError> {
        let filter = RunFilter::Plan(digest.to_owned());
        Ok(self.inner.reader.runs(&filter, 1)?.pop())
    }

    /// Finds the one run whose id begins with `prefix`.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`] when none does, or more than one.
    pub fn find_run(&self, prefix: &str) -> Result<RunRecord, LedgerError> {
        let filter = RunFilter::Prefix(prefix.to_owned());
        let mut found = self.inner.reader.runs(&filter, 2)?;
        let what = match (found.pop(), found.pop()) {
            (Some(run), None) => return Ok(run),
            (None, _) => format!("run `{prefix}`"),
            (Some(one), Some(other)) => format!(
                "single run `{prefix}`: `{}` and `{}` begin so; give more of the id",
                one.id, other.id
            ),
        };
        Err(LedgerError::NotFound { what })
    }

    /// Calls `visit` for each job of a run, in order; `visit` may use the ledger.
    ///
    /// # Errors
    /// When the store fails, there is no such run, or a job makes no sense.
    pub fn for_each_job(
        &self,
        run: &RunId,
        visit: &mut dyn FnMut(JobRecord),
    ) -> Result<(), LedgerError> {
        self.inner.reader.for_each_job(run, visit)
    }

    /// Counts the saved jobs of a run whose files are unusable: each says in its error why.
    ///
    /// # Errors
    /// When the store fails or there is no such run.
    pub fn defects(&self, run: &RunId) -> Result<u64, LedgerError> {
        self.inner.reader.defects(run)
    }

    /// Returns what the account has paid for, for a plan to look up.
    ///
    /// # Errors
    /// When the store fails.
    pub fn paid(&self, account: &AccountId) -> Result<Box<dyn PaidJobs>, LedgerError> {
        self.inner.reader.paid(account)
    }

    /// Returns charged − refunded of all the account's jobs submitted since `since`, plus all that is held now.
    ///
    /// # Errors
    /// When the store fails.
    pub fn used_since(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<Credits, LedgerError> {
        self.inner.reader.used_since(account, since)
    }

    /// Returns what the account's credits are spoken for: used since `since`, held now, and by which runs.
    ///
    /// # Errors
    /// When the store fails.
    pub fn account(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<AccountBooks, LedgerError> {
        self.inner.reader.account(account, since)
    }

    /// Works out every sum and counter anew from the jobs, and compares it with what is kept.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] with the first difference.
    pub fn verify(&self) -> Result<(), LedgerError> {
        self.inner.reader.verify()
    }
}
