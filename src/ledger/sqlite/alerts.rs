//! What a person was told of: a row is written before the telling, and deleted when that fails.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::Trouble;

/// Writes down what is not there yet, and returns it.
pub(super) fn claim(
    connection: &Connection,
    account: i64,
    period_start: Timestamp,
    what: &[String],
    now: Timestamp,
) -> Result<Vec<String>, Trouble> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO alerts (account, period_start, what, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?;
    let (start, at) = (period_start.as_microsecond(), now.as_microsecond());
    let mut claimed = Vec::new();
    for it in what {
        if statement.execute(params![account, start, it, at])? > 0 {
            claimed.push(it.clone());
        }
    }
    Ok(claimed)
}

/// Deletes what was written down.
pub(super) fn give_back(
    connection: &Connection,
    account: i64,
    period_start: Timestamp,
    what: &[String],
) -> Result<(), Trouble> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM alerts WHERE account = ?1 AND period_start = ?2 AND what = ?3",
    )?;
    for it in what {
        statement.execute(params![account, period_start.as_microsecond(), it])?;
    }
    Ok(())
}
