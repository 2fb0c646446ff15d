//! What was seen of charges: those of jobs that went alone, and stretches of time that leave something unexplained.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::ledger::audit::{Audit, Unexplained};
use crate::ledger::command::LedgerError;
use crate::model::{AccountId, Credits, Drift, Ordinal, RunId};

use super::error::{Trouble, corrupt};
use super::rows::{RunHead, account_key, amount, credits, ordinal, time};

/// Notes what a job was charged.
pub(super) fn note(
    connection: &Connection,
    run: &RunId,
    job: Ordinal,
    charged: Credits,
    now: Timestamp,
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    let written = connection
        .prepare_cached(
            "INSERT INTO audits (run, ordinal, at, charged) \
             SELECT run, ordinal, ?3, ?4 FROM jobs WHERE run = ?1 AND ordinal = ?2",
        )?
        .execute(params![
            head.key,
            job.0,
            now.as_microsecond(),
            amount(charged)?
        ])?;
    if written == 0 {
        let what = format!("job {} of run `{run}`", job.0);
        return Err(LedgerError::NotFound { what }.into());
    }
    Ok(())
}

/// Reads the audited charges of an account, the earliest first.
pub(super) fn of_account(
    connection: &Connection,
    account: &AccountId,
) -> Result<Vec<Audit>, Trouble> {
    let Some(account) = account_key(connection, account.as_str())? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT r.id, a.ordinal, t.operation, t.inputs, j.price, a.charged, a.at FROM audits a \
         JOIN runs r ON r.key = a.run \
         JOIN jobs j ON j.run = a.run AND j.ordinal = a.ordinal \
         JOIN job_texts t ON t.run = a.run AND t.ordinal = a.ordinal \
         WHERE r.account = ?1 ORDER BY a.at",
    )?;
    let mut rows = statement.query([account])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Audit {
            run: RunId::new(row.get::<_, String>(0)?),
            ordinal: ordinal(row.get(1)?)?,
            operation: row.get(2)?,
            inputs: row.get(3)?,
            price: credits(row.get(4)?)?,
            charged: credits(row.get(5)?)?,
            at: time(row.get(6)?)?,
        });
    }
    Ok(found)
}

/// Notes a stretch that leaves something unexplained.
pub(super) fn note_unexplained(
    connection: &Connection,
    account: i64,
    stretch: &Unexplained,
) -> Result<(), Trouble> {
    connection
        .prepare_cached(
            "INSERT INTO unexplained (account, since, until, charged, refunded, drift) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            account,
            stretch.since.as_microsecond(),
            stretch.until.as_microsecond(),
            amount(stretch.charged)?,
            amount(stretch.refunded)?,
            stretch.drift.get(),
        ])?;
    Ok(())
}

/// Reads the stretches that began at a time or later, in the order they were noted.
pub(super) fn unexplained(
    connection: &Connection,
    account: &AccountId,
    since: Timestamp,
) -> Result<Vec<Unexplained>, Trouble> {
    let Some(account) = account_key(connection, account.as_str())? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT since, until, charged, refunded, drift FROM unexplained \
         WHERE account = ?1 AND since >= ?2 ORDER BY key",
    )?;
    let mut rows = statement.query(params![account, since.as_microsecond()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(stretch(row)?);
    }
    Ok(found)
}

/// Reads the last stretch that ended at a time or later and in which credits went.
pub(super) fn last_leak(
    connection: &Connection,
    account: i64,
    since: Timestamp,
) -> Result<Option<Unexplained>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT since, until, charged, refunded, drift FROM unexplained \
         WHERE account = ?1 AND drift < 0 AND until >= ?2 ORDER BY key DESC LIMIT 1",
    )?;
    let mut rows = statement.query(params![account, since.as_microsecond()])?;
    rows.next()?.map(stretch).transpose()
}

fn stretch(row: &Row<'_>) -> Result<Unexplained, Trouble> {
    Ok(Unexplained {
        since: time(row.get(0)?)?,
        until: time(row.get(1)?)?,
        charged: credits(row.get(2)?)?,
        refunded: credits(row.get(3)?)?,
        drift: drift(row.get(4)?)?,
    })
}

fn drift(column: i64) -> Result<Drift, LedgerError> {
    let size = Credits::new(column.unsigned_abs());
    if size.is_zero() || size > Credits::MAX {
        return Err(corrupt(format!("{column} credits are unexplained")));
    }
    Ok(if column < 0 {
        Drift::between(size, Credits::ZERO)
    } else {
        Drift::between(Credits::ZERO, size)
    })
}
