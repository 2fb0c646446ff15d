//! Looks up what other runs of an account do with the same content.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::ledger::elsewhere::{Other, Verdict, judge};
use crate::model::{Fingerprint, JobId, JobState, Ordinal, Reuse, RunId, RunState};

use super::error::{Trouble, corrupt};
use super::record::load_entry;
use super::rows::{RunHead, maybe_time, ordinal, run_state, to_json, write_entry};
use super::runs::terms;

/// The second line is the condition of the index `jobs_content`, so that the index is used.
pub(in crate::ledger) const OTHERS: &str = "SELECT r.id, t.id, j.ordinal, j.state, r.state, r.lease_until FROM jobs j \
     JOIN runs r ON r.key = j.run JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
     WHERE j.fingerprint = ?1 AND j.reused = 0 AND j.forgotten = 0 AND j.stage >= 2 \
     AND j.run <> ?2 AND r.account = ?3";

/// Judges what a job that may start wants to buy.
pub(super) fn verdict(
    connection: &Connection,
    head: &RunHead,
    print: Fingerprint,
    now: Timestamp,
) -> Result<Verdict, Trouble> {
    Ok(judge(&others(connection, head, print, now)?))
}

/// Tells whether another run sent a request for what a held job is about to be sent for.
///
/// A hold keeps others away only while its run is heard of. Who slept for longer than its lease, or whose clock stood
/// still, was taken for dead, and what it holds may be bought by now: so each request is looked up, whatever the time.
pub(super) fn is_bought(
    connection: &Connection,
    head: &RunHead,
    job: Ordinal,
) -> Result<bool, Trouble> {
    let found = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM jobs own \
             JOIN jobs j ON j.fingerprint = own.fingerprint AND j.reused = 0 AND j.forgotten = 0 AND j.stage >= 2 \
             JOIN runs r ON r.key = j.run WHERE own.run = ?1 AND own.ordinal = ?2 AND own.reused = 0 \
             AND j.run <> ?1 AND j.state <> 'held' AND r.account = ?3)",
        )?
        .query_row(params![head.key, job.0, head.account], |row| row.get(0))?;
    Ok(found && !terms(connection, head.key)?.fresh)
}

/// Finds the jobs of other runs with this content that are in hand or were bought.
fn others(
    connection: &Connection,
    head: &RunHead,
    print: Fingerprint,
    now: Timestamp,
) -> Result<Vec<Other>, Trouble> {
    let mut statement = connection.prepare_cached(OTHERS)?;
    let mut rows = statement.query(params![print.0, head.key, head.account])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(3)?.as_str().map_err(corrupt)?;
        let state = JobState::from_name(name).ok_or_else(|| corrupt(format!("state `{name}`")))?;
        let is_running =
            run_state(row.get_ref(4)?.as_str().map_err(corrupt)?)? == RunState::Running;
        let lease = maybe_time(row.get(5)?)?;
        found.push(Other {
            run: RunId::new(row.get::<_, String>(0)?),
            job: JobId::new(row.get::<_, String>(1)?),
            ordinal: ordinal(row.get(2)?)?,
            state,
            is_alive: is_running && lease.is_some_and(|until| now < until),
        });
    }
    Ok(found)
}

/// Makes a job one that uses another's result.
pub(super) fn use_another(
    connection: &Connection,
    run: i64,
    job: Ordinal,
    reuse: &Reuse,
) -> Result<(), Trouble> {
    let before = load_entry(connection, run, job)?;
    let mut entry = before.clone();
    entry.use_another();
    connection
        .prepare_cached("UPDATE jobs SET reused = 1, cost = 0 WHERE run = ?1 AND ordinal = ?2")?
        .execute(params![run, job.0])?;
    write_entry(connection, run, job, &before, &entry)?;
    connection
        .prepare_cached("UPDATE job_texts SET reuse = ?3 WHERE run = ?1 AND ordinal = ?2")?
        .execute(params![run, job.0, to_json(reuse)?])?;
    Ok(())
}
