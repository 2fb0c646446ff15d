//! Uploads that the provider has no more.

use rusqlite::{Connection, params};

use crate::model::{Fingerprint, JobResult};

use super::error::Trouble;
use super::rows::from_json;

/// Marks the account's uploads of a content as gone, if one of them gave this clip; tells whether one did.
pub(super) fn forget(
    connection: &Connection,
    account: i64,
    print: Fingerprint,
    operations: &[String],
    clip: &str,
) -> Result<bool, Trouble> {
    let mut statement = connection.prepare_cached(
        "SELECT j.run, j.ordinal, t.operation, t.result FROM jobs j \
         JOIN runs r ON r.key = j.run JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
         WHERE j.fingerprint = ?1 AND j.reused = 0 AND j.forgotten = 0 AND j.stage >= 2 AND r.account = ?2",
    )?;
    let mut rows = statement.query(params![print.0, account])?;
    let mut gone: Vec<(i64, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let operation: String = row.get(2)?;
        let result: Option<String> = row.get(3)?;
        let Some(result) = result.filter(|_| operations.contains(&operation)) else {
            continue;
        };
        let result: JobResult = from_json(&result)?;
        if result.clip_ids.iter().any(|known| known == clip) {
            gone.push((row.get(0)?, row.get(1)?));
        }
    }
    let mut mark = connection
        .prepare_cached("UPDATE jobs SET forgotten = 1 WHERE run = ?1 AND ordinal = ?2")?;
    for (run, ordinal) in &gone {
        mark.execute(params![run, ordinal])?;
    }
    Ok(!gone.is_empty())
}
