//! The reading connections: each read sees one committed state, and none waits for the writer.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql, params};

use crate::ledger::account::AccountBooks;
use crate::ledger::audit::{Audit, Unexplained};
use crate::ledger::command::{Due, LedgerError};
use crate::ledger::evidence::Weighing;
use crate::ledger::handle::BalanceMark;
use crate::ledger::paid::{PaidIndex, Purchase, paid_state};
use crate::ledger::store::{Read, RunFilter};
use crate::ledger::task_times::{JOBS_PER_RUN, RUNS, TaskTimes};
use crate::model::{
    AccountId, Balance, Credits, JobId, JobRecord, JobState, NewJob, Ordinal, PaidJobs, PaidState,
    RunId, RunRecord, RunTotals,
};

use super::error::{Trouble, corrupt, storage};
use super::hold::{HELD_COLUMNS, held_by, held_job, settled_since};
use super::rows::{
    ENTRY_COLUMNS, ENTRY_WIDTH, RunHead, account_key, count, credits, entry, fingerprint,
    from_json, list, maybe_credits, maybe_time, ordinal, run_state, time,
};
use super::{account, audits, checkpoint, enrol, open, verify};

/// Connections that are kept for the next read.
const SPARE_MAX: usize = 4;

/// The file, opened for reading as often as there are readers at a time.
pub struct SqliteReader {
    path: PathBuf,
    spare: Mutex<Vec<Connection>>,
}

impl SqliteReader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            spare: Mutex::default(),
        }
    }

    /// Lends a connection; a visitor that reads too gets another one.
    fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, LedgerError> {
        let lock = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = lock().pop();
        let connection = match spare {
            Some(connection) => connection,
            None => open::open_reader(&self.path).map_err(|error| storage(&self.path, &error))?,
        };
        let outcome = read(&connection).map_err(|trouble| trouble.at(&self.path));
        let mut spare = lock();
        if spare.len() < SPARE_MAX {
            spare.push(connection);
        }
        outcome
    }
}

impl Read for SqliteReader {
    fn run(&self, run: &RunId) -> Result<RunRecord, LedgerError> {
        let found = self.with(|c| records(c, "WHERE r.id = ?1", &[&run.as_str()], 1))?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| super::rows::no_run(run))
    }

    fn runs(&self, filter: &RunFilter, limit: usize) -> Result<Vec<RunRecord>, LedgerError> {
        self.with(|connection| match filter {
            RunFilter::All => records(connection, "", &[], limit),
            RunFilter::Manifest(name) => {
                let condition =
                    "WHERE (r.manifest_path = ?1 OR r.manifest = ?1) AND r.state <> 'enrolling'";
                records(connection, condition, &[name], limit)
            }
            RunFilter::Plan(digest) => {
                let condition = "WHERE r.settings LIKE ?1 AND r.state <> 'enrolling'";
                let setting = format!("%\"plan\":\"{digest}\"%");
                records(connection, condition, &[&setting], limit)
            }
            RunFilter::Prefix(prefix) => {
                let condition = "WHERE r.id >= ?1 AND r.id < ?2";
                records(
                    connection,
                    condition,
                    &[prefix, &format!("{prefix}\u{10ffff}")],
                    limit,
                )
            }
        })
    }

    fn for_each_job(
        &self,
        run: &RunId,
        visit: &mut dyn FnMut(JobRecord),
    ) -> Result<(), LedgerError> {
        self.with(|connection| {
            let head = RunHead::load(connection, run)?;
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {ENTRY_COLUMNS}, {HELD_COLUMNS}, j.fingerprint, j.priority, t.needs, \
                 t.result, t.files FROM jobs j \
                 JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
                 WHERE j.run = ?1 ORDER BY j.ordinal"
            ))?;
            let mut rows = statement.query([head.key])?;
            while let Some(row) = rows.next()? {
                visit(job_record(run, row)?);
            }
            Ok(())
        })
    }

    fn defects(&self, run: &RunId) -> Result<u64, LedgerError> {
        self.with(|connection| {
            let head = RunHead::load(connection, run)?;
            let number = connection
                .prepare_cached(
                    "SELECT COUNT(*) FROM jobs WHERE run = ?1 AND state = ?2 AND error IS NOT NULL",
                )?
                .query_row(params![head.key, JobState::Saved.as_str()], |row| {
                    row.get(0)
                })?;
            Ok(count(number)?)
        })
    }

    fn due(&self, run: &RunId) -> Result<Vec<Due>, LedgerError> {
        self.with(|connection| {
            let head = RunHead::load(connection, run)?;
            // By name: to have the jobs in order, all of the run's would be read.
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {ENTRY_COLUMNS}, {HELD_COLUMNS}, t.result FROM jobs j INDEXED BY jobs_in_hand \
                 JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
                 WHERE j.run = ?1 AND j.stage = 2 \
                 AND j.state IN ('held', 'sent', 'accepted', 'succeeded') ORDER BY j.ordinal"
            ))?;
            let mut rows = statement.query([head.key])?;
            let mut due = Vec::new();
            while let Some(row) = rows.next()? {
                let entry = entry(row)?;
                let result: Option<String> = row.get(ENTRY_WIDTH + 8)?;
                due.push(Due {
                    job: held_job(row, &entry)?,
                    state: entry.state,
                    task: entry.task_id,
                    submitted_at: entry.submitted_at,
                    result: result.as_deref().map(from_json).transpose()?,
                });
            }
            Ok(due)
        })
    }

    fn paid(&self, account: &AccountId) -> Result<Box<dyn PaidJobs>, LedgerError> {
        let (purchases, runs, took) = self.with(|connection| {
            let (purchases, runs) = purchases(connection, account)?;
            Ok((purchases, runs, task_times(connection, account)?))
        })?;
        let names = Self::new(self.path.clone());
        let find_name = Box::new(move |run: &RunId, job: Ordinal| {
            let name = names.with(|connection| {
                let head = RunHead::load(connection, run)?;
                Ok(enrol::name_of(connection, head.key, job)?)
            });
            name.ok().map(JobId::new)
        });
        Ok(Box::new(PaidIndex::new(purchases, runs, took, find_name)))
    }

    fn mark_balance(&self, account: &AccountId) -> Result<BalanceMark, LedgerError> {
        self.with(|connection| {
            let Some(key) = account_key(connection, account.as_str())? else {
                return Ok(BalanceMark::default());
            };
            checkpoint::sums(connection, key)
        })
    }

    fn weigh(
        &self,
        account: &AccountId,
        mark: BalanceMark,
        balance: Balance,
    ) -> Result<Weighing, LedgerError> {
        self.with(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            match account_key(&snapshot, account.as_str())? {
                Some(key) => checkpoint::weigh(&snapshot, key, mark, balance.available()?),
                None => Ok(Weighing {
                    is_quiet: true,
                    ..Weighing::default()
                }),
            }
        })
    }

    fn used_since(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<Credits, LedgerError> {
        self.with(|connection| {
            let Some(key) = account_key(connection, account.as_str())? else {
                return Ok(Credits::ZERO);
            };
            // One snapshot for both sums: a hold that becomes a charge in between is counted once.
            let snapshot = connection.unchecked_transaction()?;
            let settled = settled_since(&snapshot, key, since)?;
            Ok(settled.plus(held_by(&snapshot, key)?)?)
        })
    }

    fn account(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<AccountBooks, LedgerError> {
        self.with(|connection| account::books(connection, account, since))
    }

    fn audits(&self, account: &AccountId) -> Result<Vec<Audit>, LedgerError> {
        self.with(|connection| audits::of_account(connection, account))
    }

    fn unexplained(
        &self,
        account: &AccountId,
        since: Timestamp,
    ) -> Result<Vec<Unexplained>, LedgerError> {
        self.with(|connection| audits::unexplained(connection, account, since))
    }

    fn verify(&self) -> Result<(), LedgerError> {
        self.with(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            verify::verify(&snapshot)
        })
    }
}

pub(super) fn records(
    connection: &Connection,
    condition: &str,
    arguments: &[&dyn ToSql],
    limit: usize,
) -> Result<Vec<RunRecord>, Trouble> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT r.id, r.manifest, r.manifest_path, r.manifest_digest, a.id, r.price_list, \
         r.settings, r.state, r.ending, r.created_at, r.finished_at, r.opening, r.closing, \
         r.jobs, r.ended, r.in_doubt, r.bad, r.charged, r.refunded, \
         (SELECT COALESCE(SUM(held), 0) FROM jobs WHERE run = r.key AND stage = 2) \
         FROM runs r JOIN accounts a ON a.key = r.account {condition} \
         ORDER BY r.key DESC LIMIT {limit}"
    ))?;
    let mut rows = statement.query(arguments)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(run_record(row)?);
    }
    Ok(found)
}

fn run_record(row: &Row<'_>) -> Result<RunRecord, Trouble> {
    Ok(RunRecord {
        id: RunId::new(row.get::<_, String>(0)?),
        manifest: row.get(1)?,
        manifest_path: row.get(2)?,
        manifest_digest: row.get(3)?,
        account: AccountId::new(row.get::<_, String>(4)?),
        price_list: row.get(5)?,
        settings: from_json(row.get_ref(6)?.as_str().map_err(corrupt)?)?,
        state: run_state(row.get_ref(7)?.as_str().map_err(corrupt)?)?,
        ending: row.get(8)?,
        created_at: time(row.get(9)?)?,
        finished_at: maybe_time(row.get(10)?)?,
        opening: maybe_credits(row.get(11)?)?,
        closing: maybe_credits(row.get(12)?)?,
        totals: RunTotals {
            jobs: count(row.get(13)?)?,
            ended: count(row.get(14)?)?,
            in_doubt: count(row.get(15)?)?,
            bad: count(row.get(16)?)?,
            charged: credits(row.get(17)?)?,
            refunded: credits(row.get(18)?)?,
            held: credits(row.get(19)?)?,
        },
    })
}

fn job_record(run: &RunId, row: &Row<'_>) -> Result<JobRecord, Trouble> {
    let entry = entry(row)?;
    let held = held_job(row, &entry)?;
    let at = |column: usize| ENTRY_WIDTH + 8 + column;
    let text = |column: usize| row.get::<_, Option<String>>(column);
    let reuse = text(ENTRY_WIDTH + 7)?;
    let result = text(at(3))?;
    Ok(JobRecord {
        run: run.clone(),
        state: entry.state,
        held: entry.held,
        charged: entry.total_charged()?,
        refunded: entry.total_refunded()?,
        past_charged: entry.past_charged,
        past_refunded: entry.past_refunded,
        past_losses: entry.past_losses,
        attempts: entry.attempts,
        task_id: entry.task_id,
        result: result.as_deref().map(from_json).transpose()?,
        files: list(text(at(4))?.as_deref())?,
        submitted_at: entry.submitted_at,
        finished_at: entry.finished_at,
        error: entry.error,
        job: NewJob {
            ordinal: held.ordinal,
            id: held.id,
            fingerprint: fingerprint(row.get_ref(at(0))?.as_blob().map_err(corrupt)?)?,
            operation: held.operation,
            family: held.family,
            inputs: held.inputs,
            price: held.price,
            priority: row.get(at(1))?,
            save: held.save,
            needs: list(text(at(2))?.as_deref())?,
            reuse: reuse.as_deref().map(from_json).transpose()?,
        },
    })
}

/// Reads how long the first jobs of the account's latest runs took.
fn task_times(connection: &Connection, account: &AccountId) -> Result<TaskTimes, Trouble> {
    let mut times = TaskTimes::default();
    let Some(account) = account_key(connection, account.as_str())? else {
        return Ok(times);
    };
    let mut runs = connection.prepare_cached(
        "SELECT key FROM runs WHERE account = ?1 AND ended > 0 ORDER BY key DESC LIMIT ?2",
    )?;
    let mut jobs = connection.prepare_cached(
        "SELECT t.operation, j.submitted_at, j.finished_at FROM jobs j \
         JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
         WHERE j.run = ?1 AND j.state = 'saved' AND j.reused = 0 AND j.submitted_at IS NOT NULL LIMIT ?2",
    )?;
    let mut runs = runs.query(params![account, RUNS])?;
    while let Some(run) = runs.next()? {
        let mut jobs = jobs.query(params![run.get::<_, i64>(0)?, JOBS_PER_RUN])?;
        while let Some(job) = jobs.next()? {
            let span = maybe_time(job.get(1)?)?.zip(maybe_time(job.get(2)?)?);
            if let Some((submitted_at, saved_at)) = span {
                let operation = job.get_ref(0)?.as_str().map_err(corrupt)?;
                times.note(operation, submitted_at, saved_at);
            }
        }
    }
    Ok(times)
}

/// Reads what the account bought; jobs that were reused were bought elsewhere.
fn purchases(
    connection: &Connection,
    account: &AccountId,
) -> Result<(Vec<Purchase>, Vec<RunId>), Trouble> {
    let mut runs = Vec::new();
    let mut purchases = Vec::new();
    let Some(account) = account_key(connection, account.as_str())? else {
        return Ok((purchases, runs));
    };
    let snapshot = connection.unchecked_transaction()?;
    let mut list = snapshot.prepare_cached(
        "SELECT key, id FROM runs WHERE account = ?1 AND state <> 'enrolling' ORDER BY key",
    )?;
    let mut bought = snapshot.prepare_cached(
        "SELECT fingerprint, ordinal, state FROM jobs WHERE run = ?1 AND attempts > 0 AND reused = 0 AND forgotten = 0",
    )?;
    let mut list = list.query([account])?;
    while let Some(row) = list.next()? {
        let place = u32::try_from(runs.len()).map_err(corrupt)?;
        let (key, id): (i64, String) = (row.get(0)?, row.get(1)?);
        runs.push(RunId::new(id));
        let mut jobs = bought.query(params![key])?;
        while let Some(job) = jobs.next()? {
            let name = job.get_ref(2)?.as_str().map_err(corrupt)?;
            let state =
                JobState::from_name(name).ok_or_else(|| corrupt(format!("state `{name}`")))?;
            if let Some(state) = paid_state(state) {
                purchases.push(Purchase {
                    fingerprint: fingerprint(job.get_ref(0)?.as_blob().map_err(corrupt)?)?,
                    run: place,
                    ordinal: ordinal(job.get(1)?)?,
                    is_usable: state == PaidState::Usable,
                });
            }
        }
    }
    Ok((purchases, runs))
}
