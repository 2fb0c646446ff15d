//! Reads what an account's credits are spoken for, in one snapshot.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::ledger::account::{AccountBooks, BalanceReading, RunShare};
use crate::ledger::store::begin_of_slot;
use crate::model::{AccountId, Credits, RunRecord, RunState};

use super::error::Trouble;
use super::hold::{held_by, settled_since};
use super::read::records;
use super::rows::{RunHead, account_key, credits, maybe_credits, maybe_time};

/// Runs that may have used credits since `?2`, or hold some.
const INVOLVED: &str = "WHERE a.id = ?1 AND r.state <> 'enrolling' AND ( \
     (r.charged > 0 AND (r.created_at >= ?2 OR r.finished_at IS NULL OR r.finished_at >= ?2)) \
     OR EXISTS (SELECT 1 FROM jobs j WHERE j.run = r.key AND j.stage = 2 AND j.held > 0))";

pub(super) fn books(
    connection: &Connection,
    account: &AccountId,
    since: Option<Timestamp>,
) -> Result<AccountBooks, Trouble> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(key) = account_key(&snapshot, account.as_str())? else {
        return Ok(AccountBooks::default());
    };
    let begin = since.map_or(i64::MIN, begin_of_slot);
    let mut runs = Vec::new();
    for run in records(
        &snapshot,
        INVOLVED,
        &[&account.as_str(), &begin],
        usize::MAX,
    )? {
        let share = share(&snapshot, run, begin)?;
        if !share.used.is_zero() || !share.run.totals.held.is_zero() {
            runs.push(share);
        }
    }
    Ok(AccountBooks {
        used: settled_since(&snapshot, key, since)?,
        held: held_by(&snapshot, key)?,
        reading: reading(&snapshot, key)?,
        runs,
    })
}

fn reading(connection: &Connection, account: i64) -> Result<Option<BalanceReading>, Trouble> {
    let (charged, balance, mark, at) = connection
        .prepare_cached(
            "SELECT charged, balance, balance_mark, balance_at FROM accounts WHERE key = ?1",
        )?
        .query_row([account], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let reading = maybe_credits(balance)?
        .zip(maybe_credits(mark)?)
        .zip(maybe_time(at)?);
    let Some(((balance, mark), read_at)) = reading else {
        return Ok(None);
    };
    Ok(Some(BalanceReading {
        balance,
        read_at,
        charged_since: credits(charged)?.minus(mark)?,
    }))
}

fn share(connection: &Connection, run: RunRecord, begin: i64) -> Result<RunShare, Trouble> {
    let head = RunHead::load(connection, &run.id)?;
    let used = if run.created_at.as_microsecond() >= begin {
        run.totals.charged.minus(run.totals.refunded)?
    } else {
        used_by_jobs(connection, head.key, begin)?
    };
    let doubt: i64 = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(held), 0) FROM jobs INDEXED BY jobs_in_hand \
             WHERE run = ?1 AND stage = 2 AND state = 'in-doubt'",
        )?
        .query_row([head.key], |row| row.get(0))?;
    Ok(RunShare {
        used,
        held_in_doubt: credits(doubt)?,
        lease_until: head.lease_until.filter(|_| run.state == RunState::Running),
        run,
    })
}

/// Adds up the jobs of a run that was made before the time asked for.
fn used_by_jobs(connection: &Connection, run: i64, begin: i64) -> Result<Credits, Trouble> {
    let (charged, refunded) = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(charged), 0), COALESCE(SUM(refunded), 0) FROM jobs \
             WHERE run = ?1 AND submitted_at >= ?2",
        )?
        .query_row(params![run, begin], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(credits(charged)?.minus(credits(refunded)?)?)
}
