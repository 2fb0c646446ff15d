//! The writing connection: one transaction for a group of requests, one savepoint for each.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::ledger::command::LedgerError;
use crate::ledger::store::{Command, Reply, Request, Write};

use super::error::{Trouble, storage};
use super::group::Group;
use super::place::Place;
use super::read::SqliteReader;
use super::recent::Recent;
use super::{alerts, audits, checkpoint, enrol, forget, hold, open, record, runs};

/// The file, opened for writing.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    recent: Recent,
    place: Place,
}

impl SqliteStore {
    /// Opens the file, or makes it; returns the sides for writing and for reading.
    pub(in crate::ledger) fn open(path: &Path) -> Result<(Self, SqliteReader), LedgerError> {
        let connection = open::open_writer(path)?;
        let store = Self {
            connection,
            path: path.to_owned(),
            place: Place::of(path),
            recent: Recent::default(),
        };
        Ok((store, SqliteReader::new(path.to_owned())))
    }

    /// Lets the file grow no further.
    #[cfg(test)]
    pub(in crate::ledger) fn fill_disk(&self) {
        let set = self
            .connection
            .query_row("PRAGMA max_page_count = 1", [], |_| Ok(()));
        set.expect("the pragma answers");
    }

    fn try_commit(&mut self, group: &[Request]) -> Result<Vec<Answer>, rusqlite::Error> {
        match self.commit_plainly(group)? {
            Some(answers) => Ok(answers),
            None => self.commit_with_savepoints(group),
        }
    }

    /// Commits the group unless a request was refused after it wrote; then nothing was done, and `None` is returned.
    ///
    /// That is rare, and all others would pay for savepoints: each copies the pages that it writes.
    fn commit_plainly(
        &mut self,
        group: &[Request],
    ) -> Result<Option<Vec<Answer>>, rusqlite::Error> {
        let transaction = begin(&mut self.connection)?;
        self.recent.check(&transaction)?;
        let mut shared = Group::new(&transaction, &mut self.recent);
        let mut answers = Vec::with_capacity(group.len());
        for request in group {
            let before = transaction.total_changes();
            match apply(&mut shared, request) {
                Ok(reply) => answers.push(Ok(reply)),
                Err(Trouble::Database(error)) => return Err(error),
                Err(Trouble::Refused(error)) if transaction.total_changes() == before => {
                    answers.push(Err(error));
                }
                Err(Trouble::Refused(_)) => {
                    shared.forget();
                    return transaction.rollback().map(|()| None);
                }
            }
        }
        match shared.settle() {
            Ok(_) => transaction.commit().map(|()| Some(answers)),
            Err(Trouble::Database(error)) => Err(error),
            // One of them can't be added up: which one, savepoints tell.
            Err(Trouble::Refused(_)) => {
                shared.forget();
                transaction.rollback().map(|()| None)
            }
        }
    }

    /// Commits the group, and undoes each refused request by itself.
    fn commit_with_savepoints(
        &mut self,
        group: &[Request],
    ) -> Result<Vec<Answer>, rusqlite::Error> {
        let transaction = begin(&mut self.connection)?;
        self.recent.check(&transaction)?;
        let mut shared = Group::new(&transaction, &mut self.recent);
        let mut answers = Vec::with_capacity(group.len());
        for request in group {
            execute(&transaction, "SAVEPOINT request")?;
            let reply =
                apply(&mut shared, request).and_then(|reply| shared.settle().map(|_| reply));
            answers.push(match reply {
                Ok(reply) => Ok(reply),
                Err(Trouble::Refused(error)) => {
                    shared.forget();
                    execute(&transaction, "ROLLBACK TO request")?;
                    Err(error)
                }
                Err(Trouble::Database(error)) => return Err(error),
            });
            execute(&transaction, "RELEASE request")?;
        }
        transaction.commit()?;
        Ok(answers)
    }
}

type Answer = Result<Reply, LedgerError>;

/// Begins a transaction under the write lock: the limits are read under the lock that the holds are taken under.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, rusqlite::Error> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

impl Write for SqliteStore {
    fn commit(&mut self, group: Vec<Request>) -> Vec<Result<Reply, LedgerError>> {
        let asked = group.len();
        if let Err(gone) = self.place.check() {
            return vec![Err(gone); asked];
        }
        self.try_commit(&group).unwrap_or_else(|error| {
            self.recent.forget();
            vec![Err(storage(&self.path, &error)); asked]
        })
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn apply(group: &mut Group<'_>, request: &Request) -> Result<Reply, Trouble> {
    let Request {
        run,
        owner,
        command,
    } = request;
    let owner = *owner;
    let connection = match command {
        Command::Record { .. } | Command::Hold { .. } => group.connection(),
        // All these may read the sums, and write entries themselves.
        _ => {
            group.recent.forget();
            group.settle()?
        }
    };
    match command {
        Command::Enroll { run, now } => runs::enroll(connection, run, owner, *now)?,
        Command::AddJobs { jobs } => enrol::add_jobs(connection, run, owner, jobs)?,
        Command::BreakLease { now } => runs::break_lease(connection, run, *now)?,
        Command::Start { now } => runs::start(connection, run, owner, *now)?,
        Command::RenewLease { now } => runs::renew_lease(connection, run, owner, *now)?,
        Command::SetOpening { opening } => runs::set_opening(connection, run, *opening)?,
        Command::SetLimits { limits } => runs::set_limits(connection, run, limits)?,
        Command::Finish {
            ending,
            closing,
            now,
        } => runs::finish(connection, run, owner, ending, *closing, *now)?,
        Command::Discard { now } => runs::discard(connection, run, owner, *now)?,
        Command::ObserveBalance {
            account,
            mark,
            balance,
            asked,
            lag,
        } => runs::observe_balance(connection, account, *mark, *balance, *asked, *lag)?,
        Command::KeepCheckpoint {
            account,
            mark,
            balance,
            rise,
            now,
        } => {
            let key = runs::make_account(connection, account)?;
            let balance = balance.available()?;
            return checkpoint::keep(connection, key, *mark, balance, *rise, *now).map(Reply::Kept);
        }
        Command::ClaimAlerts {
            account,
            period_start,
            what,
            now,
        } => {
            let key = runs::make_account(connection, account)?;
            return alerts::claim(connection, key, *period_start, what, *now).map(Reply::Claimed);
        }
        Command::Forget {
            print,
            operations,
            clip,
        } => {
            let head = super::rows::RunHead::load(connection, run)?;
            let known = forget::forget(connection, head.account, *print, operations, clip)?;
            return Ok(Reply::Forgotten(known));
        }
        Command::ReturnAlerts {
            account,
            period_start,
            what,
        } => {
            let key = runs::make_account(connection, account)?;
            alerts::give_back(connection, key, *period_start, what)?;
        }
        Command::NoteAudit { job, charged, now } => {
            audits::note(connection, run, *job, *charged, *now)?;
        }
        Command::Hold { want, cutoff, now } => {
            return hold::hold(group, run, owner, *want, *cutoff, *now).map(Reply::Held);
        }
        Command::Record { job, events, now } => {
            return record::record(group, run, owner, *job, events, *now).map(Reply::State);
        }
    }
    Ok(Reply::Done)
}
