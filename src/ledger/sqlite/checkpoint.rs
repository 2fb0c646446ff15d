//! Readings of the balance while nothing is in flight, and what they say about payments in doubt.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::ledger::evidence::{Checkpoint, Doubt, Rise, Weighing};
use crate::ledger::handle::BalanceMark;
use crate::model::{Credits, JobId, RunId};

use super::audits;
use super::error::Trouble;
use super::rows::{amount, credits, ordinal, time};
use super::runs::reading;

/// Reads an account's sums.
pub(super) fn sums(connection: &Connection, account: i64) -> Result<BalanceMark, Trouble> {
    let (charged, refunded) = connection
        .prepare_cached("SELECT charged, refunded FROM accounts WHERE key = ?1")?
        .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(BalanceMark {
        charged: credits(charged)?,
        refunded: credits(refunded)?,
    })
}

/// Tells whether nothing was in flight from the mark on.
fn is_quiet(connection: &Connection, account: i64, mark: BalanceMark) -> Result<bool, Trouble> {
    // CROSS JOIN keeps this order: few jobs are in hand, while the runs grow with the years.
    let in_flight: i64 = connection
        .prepare_cached(
            "SELECT COUNT(*) FROM jobs j CROSS JOIN runs r ON r.key = j.run \
             WHERE j.stage = 2 AND r.account = ?1 AND j.state IN ('sent', 'accepted')",
        )?
        .query_row([account], |row| row.get(0))?;
    Ok(in_flight == 0 && sums(connection, account)? == mark)
}

fn last(connection: &Connection, account: i64) -> Result<Option<Checkpoint>, Trouble> {
    let row: Option<(i64, i64, i64, i64, bool)> = connection
        .prepare_cached(
            "SELECT at, balance, charged, refunded, is_unsure FROM checkpoints WHERE account = ?1",
        )?
        .query_row([account], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })
        .optional()?;
    let Some((at, balance, charged, refunded, is_unsure)) = row else {
        return Ok(None);
    };
    Ok(Some(Checkpoint {
        at: time(at)?,
        balance: credits(balance)?,
        charged: credits(charged)?,
        refunded: credits(refunded)?,
        is_unsure,
    }))
}

fn doubts(connection: &Connection, account: i64, since: Timestamp) -> Result<Vec<Doubt>, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id, j.ordinal, t.id, j.price, j.submitted_at FROM jobs j \
         CROSS JOIN runs r ON r.key = j.run \
         JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
         WHERE j.stage = 2 AND r.account = ?1 AND j.state = 'in-doubt' AND j.submitted_at >= ?2 \
         ORDER BY r.key, j.ordinal",
    )?;
    let mut rows = statement.query(params![account, since.as_microsecond()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Doubt {
            run: RunId::new(row.get::<_, String>(0)?),
            ordinal: ordinal(row.get(1)?)?,
            job: JobId::new(row.get::<_, String>(2)?),
            price: credits(row.get(3)?)?,
            sent_at: time(row.get(4)?)?,
        });
    }
    Ok(found)
}

/// Tells whether a charge of a job that failed then or later, or was bought again since, was not given back.
fn awaits_refund(connection: &Connection, account: i64, since: Timestamp) -> Result<bool, Trouble> {
    let found = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM jobs j CROSS JOIN runs r ON r.key = j.run \
             WHERE j.stage = 0 AND j.charged > j.refunded AND j.finished_at >= ?2 AND r.account = ?1) \
             OR EXISTS (SELECT 1 FROM jobs j CROSS JOIN runs r ON r.key = j.run \
             WHERE j.past_sent_at >= ?2 AND r.account = ?1)",
        )?
        .query_row(params![account, since.as_microsecond()], |row| row.get(0))?;
    Ok(found)
}

pub(super) fn weigh(
    connection: &Connection,
    account: i64,
    mark: BalanceMark,
    balance: Credits,
) -> Result<Weighing, Trouble> {
    let last = last(connection, account)?;
    let doubts = match &last {
        Some(last) => doubts(connection, account, last.at)?,
        None => Vec::new(),
    };
    let is_quiet = is_quiet(connection, account, mark)?;
    let compared = last.filter(|_| is_quiet);
    Ok(Weighing {
        is_quiet,
        awaits_refund: match &last {
            Some(last) if !doubts.is_empty() => {
                awaits_refund(connection, account, last.watched_since())?
            }
            _ => false,
        },
        leak: match &last {
            Some(last) if !doubts.is_empty() => {
                audits::last_leak(connection, account, last.watched_since())?
            }
            _ => None,
        },
        doubts,
        unexplained: compared
            .map(|last| last.unexplained(mark, balance))
            .transpose()?,
        last,
    })
}

/// Keeps a reading, in the transaction in which it is found that nothing is in flight and it can be believed.
pub(super) fn keep(
    connection: &Connection,
    account: i64,
    mark: BalanceMark,
    balance: Credits,
    rise: Rise,
    now: Timestamp,
) -> Result<bool, Trouble> {
    if !is_quiet(connection, account, mark)? {
        return Ok(false);
    }
    let (_, known) = reading(connection, account)?;
    if let Some(before) = last(connection, account)? {
        if rise.is_doubted(before.unexplained(mark, balance)?, known) {
            return Ok(false);
        }
        note_unexplained(connection, account, before, mark, balance, now)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO checkpoints (account, at, balance, charged, refunded, is_unsure) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (account) DO UPDATE SET at = excluded.at, balance = excluded.balance, \
             charged = excluded.charged, refunded = excluded.refunded, is_unsure = excluded.is_unsure",
        )?
        .execute(params![
            account,
            now.as_microsecond(),
            amount(balance)?,
            amount(mark.charged)?,
            amount(mark.refunded)?,
            known.is_some_and(|known| known.unsure.is_some()),
        ])?;
    Ok(true)
}

/// Notes what the stretch since the last checkpoint leaves unexplained.
fn note_unexplained(
    connection: &Connection,
    account: i64,
    before: Checkpoint,
    mark: BalanceMark,
    balance: Credits,
    now: Timestamp,
) -> Result<(), Trouble> {
    if let Some(stretch) = before.stretch(mark, balance, now)? {
        audits::note_unexplained(connection, account, &stretch)?;
    }
    Ok(())
}
