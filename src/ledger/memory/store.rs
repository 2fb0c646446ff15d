//! The store: the books behind a mutex.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::ledger::account::{AccountBooks, BalanceReading};
use crate::ledger::audit::{Audit, Unexplained};
use crate::ledger::command::{Due, LedgerError};
use crate::ledger::entry::{defect_of, has_ended};
use crate::ledger::evidence::Weighing;
use crate::ledger::handle::BalanceMark;
use crate::ledger::paid::{PaidIndex, Purchase, paid_state};
use crate::ledger::store::{Read, Reply, Request, RunFilter, Write};
use crate::ledger::task_times::{JOBS_PER_RUN, RUNS, TaskTimes};
use crate::model::{
    AccountId, Balance, Credits, JobRecord, JobState, PaidJobs, PaidState, RunId, RunRecord,
    RunState,
};

use super::books::Books;
use super::run::{Job, Run, held_job, job_record};

#[derive(Clone, Default)]
pub struct MemoryStore {
    books: Arc<Mutex<Books>>,
}

impl Write for MemoryStore {
    fn commit(&mut self, group: Vec<Request>) -> Vec<Result<Reply, LedgerError>> {
        let mut books = self.lock();
        group
            .into_iter()
            .map(|request| books.apply(request))
            .collect()
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for MemoryStore {
    fn run(&self, run: &RunId) -> Result<RunRecord, LedgerError> {
        self.lock().find(run)?.show()
    }

    fn runs(&self, filter: &RunFilter, limit: usize) -> Result<Vec<RunRecord>, LedgerError> {
        let fits = |run: &&Run| match filter {
            RunFilter::All => true,
            RunFilter::Manifest(name) => {
                let record = &run.record;
                (record.manifest_path == *name || record.manifest == *name)
                    && record.state != RunState::Enrolling
            }
            RunFilter::Plan(digest) => {
                run.record.settings.plan.as_ref() == Some(digest)
                    && run.record.state != RunState::Enrolling
            }
            RunFilter::Prefix(prefix) => run.record.id.as_str().starts_with(prefix.as_str()),
        };
        let books = self.lock();
        let found = books.runs.iter().rev().filter(fits).take(limit);
        found.map(Run::show).collect()
    }

    fn for_each_job(
        &self,
        run: &RunId,
        visit: &mut dyn FnMut(JobRecord),
    ) -> Result<(), LedgerError> {
        // On a copy: the visitor may use the ledger.
        let known = self.lock().find(run)?.clone();
        for job in known.jobs.values() {
            visit(job_record(run, job)?);
        }
        Ok(())
    }

    fn defects(&self, run: &RunId) -> Result<u64, LedgerError> {
        let books = self.lock();
        let entries = books.find(run)?.jobs.values().map(|job| &job.entry);
        let unusable =
            entries.filter(|entry| defect_of(entry.state, entry.error.clone()).is_some());
        Ok(u64::try_from(unusable.count()).unwrap_or(u64::MAX))
    }

    fn due(&self, run: &RunId) -> Result<Vec<Due>, LedgerError> {
        use JobState as S;
        let books = self.lock();
        let jobs = books.find(run)?.jobs.values();
        let is_due = |state| matches!(state, S::Held | S::Sent | S::Accepted | S::Succeeded);
        Ok(jobs
            .filter(|job| is_due(job.entry.state))
            .map(|job| Due {
                job: held_job(job),
                state: job.entry.state,
                task: job.entry.task_id.clone(),
                submitted_at: job.entry.submitted_at,
                result: job.result.clone(),
            })
            .collect())
    }

    fn paid(&self, account: &AccountId) -> Result<Box<dyn PaidJobs>, LedgerError> {
        let books = self.lock();
        let mut runs = Vec::new();
        let mut purchases = Vec::new();
        for run in &books.runs {
            if run.record.account != *account || run.record.state == RunState::Enrolling {
                continue;
            }
            let place = u32::try_from(runs.len())
                .map_err(|_| LedgerError::Corrupt("too many runs".to_owned()))?;
            runs.push(run.record.id.clone());
            for job in run
                .jobs
                .values()
                .filter(|job| job.entry.attempts > 0 && !job.entry.reused && !job.is_forgotten)
            {
                if let Some(state) = paid_state(job.entry.state) {
                    purchases.push(Purchase {
                        fingerprint: job.job.fingerprint,
                        run: place,
                        ordinal: job.job.ordinal,
                        is_usable: state == PaidState::Usable,
                    });
                }
            }
        }
        let took = task_times(&books, account);
        let store = self.clone();
        let find_name = Box::new(move |run: &RunId, job| {
            let books = store.lock();
            Some(books.find(run).ok()?.need(job).ok()?.job.id.clone())
        });
        Ok(Box::new(PaidIndex::new(purchases, runs, took, find_name)))
    }

    fn mark_balance(&self, account: &AccountId) -> Result<BalanceMark, LedgerError> {
        self.lock().sums(account)
    }

    fn weigh(
        &self,
        account: &AccountId,
        mark: BalanceMark,
        balance: Balance,
    ) -> Result<Weighing, LedgerError> {
        self.lock().weigh(account, mark, balance)
    }

    fn used_since(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<Credits, LedgerError> {
        let books = self.lock();
        let (charged, refunded) = books.settled_since(account, since)?;
        let settled = charged.minus(refunded)?;
        Ok(settled.plus(books.held_by(account)?)?)
    }

    fn account(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<AccountBooks, LedgerError> {
        let books = self.lock();
        let (charged, refunded) = books.settled_since(account, since)?;
        let reading = match books.readings.get(account) {
            Some((reading, read_at)) => Some(BalanceReading {
                balance: reading.balance,
                read_at: *read_at,
                charged_since: books.settled_since(account, None)?.0.minus(reading.mark)?,
            }),
            None => None,
        };
        let mut runs = Vec::new();
        for run in books.runs.iter().rev() {
            let record = &run.record;
            if record.account != *account || record.state == RunState::Enrolling {
                continue;
            }
            let share = run.share(since)?;
            if !share.used.is_zero() || !share.run.totals.held.is_zero() {
                runs.push(share);
            }
        }
        Ok(AccountBooks {
            used: charged.minus(refunded)?,
            held: books.held_by(account)?,
            reading,
            runs,
        })
    }

    fn audits(&self, account: &AccountId) -> Result<Vec<Audit>, LedgerError> {
        self.lock().audits_of(account)
    }

    fn unexplained(
        &self,
        account: &AccountId,
        since: Timestamp,
    ) -> Result<Vec<Unexplained>, LedgerError> {
        Ok(self.lock().unexplained_since(account, since))
    }

    fn verify(&self) -> Result<(), LedgerError> {
        for run in &self.lock().runs {
            for job in run.jobs.values() {
                let checked = job.entry.check();
                checked
                    .map_err(|what| LedgerError::Corrupt(format!("job `{}` {what}", job.job.id)))?;
            }
        }
        Ok(())
    }
}

/// Looks at how long the first jobs of the account's latest runs took.
fn task_times(books: &Books, account: &AccountId) -> TaskTimes {
    let mut times = TaskTimes::default();
    let is_saved = |job: &&Job| job.entry.state == JobState::Saved && !job.entry.reused;
    let runs = books.runs.iter().rev().filter(|run| {
        let ended = |job: &Job| has_ended(job.entry.state);
        run.record.account == *account && run.jobs.values().any(ended)
    });
    for run in runs.take(RUNS.into()) {
        let sent = |job: &&Job| job.entry.submitted_at.is_some();
        let jobs = run.jobs.values().filter(is_saved).filter(sent);
        for job in jobs.take(JOBS_PER_RUN.into()) {
            if let Some((submitted_at, saved_at)) =
                job.entry.submitted_at.zip(job.entry.finished_at)
            {
                times.note(&job.job.operation, submitted_at, saved_at);
            }
        }
    }
    times
}
