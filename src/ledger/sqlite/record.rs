//! Notes what happened to a job: its own row, the sums above it, and the jobs that need it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::ledger::command::{JobEvent, LedgerError};
use crate::ledger::entry::Entry;
use crate::ledger::store::{Owner, requirements, skip_reason};
use crate::model::{JobState, Ordinal, Reuse, RunId, RunState};

use super::elsewhere;
use super::enrol::name_of;
use super::error::Trouble;
use super::group::{Group, Tally};
use super::rows::{
    ENTRY_COLUMNS, entry, from_json, list, maybe_list, ordinal, to_json, write_entry,
};
use super::runs::fence;

/// Reads a job's entry.
pub(super) fn load_entry(
    connection: &Connection,
    run: i64,
    job: Ordinal,
) -> Result<Entry, Trouble> {
    static SELECT: LazyLock<String> = LazyLock::new(|| {
        format!("SELECT {ENTRY_COLUMNS} FROM jobs j WHERE j.run = ?1 AND j.ordinal = ?2")
    });
    let mut statement = connection.prepare_cached(&SELECT)?;
    let mut rows = statement.query(params![run, job.0])?;
    match rows.next()? {
        Some(row) => entry(row),
        None => Err(LedgerError::NotFound {
            what: format!("job {job} in that run"),
        }
        .into()),
    }
}

pub(super) fn record(
    group: &mut Group<'_>,
    run: &RunId,
    owner: Owner,
    job: Ordinal,
    events: &[JobEvent],
    now: Timestamp,
) -> Result<JobState, Trouble> {
    let connection = group.connection();
    let head = group.lend_head(run)?;
    if head.state == RunState::Enrolling || events.iter().any(JobEvent::needs_lease) {
        fence(connection, &head, owner, now)?;
    }
    if events.contains(&JobEvent::Send) && elsewhere::is_bought(connection, &head, job)? {
        let job = name_of(connection, head.key, job)?;
        return Err(LedgerError::BoughtElsewhere(job).into());
    }
    let before = match group.recent.take(head.key, job) {
        Some(entry) => entry,
        None => load_entry(connection, head.key, job)?,
    };
    let mut after = before.clone();
    let booking = match after.apply(events, now) {
        Ok(booking) => booking,
        Err(error) => return Err(error.of(&name_of(connection, head.key, job)?).into()),
    };
    write_entry(connection, head.key, job, &before, &after)?;
    write_texts(connection, head.key, job, events)?;

    let mut tally = Tally::default();
    tally.count(before.state, after.state);
    if !before.state.has_result() && after.state.has_result() {
        for dependent in dependents(connection, head.key, job)? {
            connection
                .prepare_cached(
                    "UPDATE jobs SET pending = pending - 1 WHERE run = ?1 AND ordinal = ?2",
                )?
                .execute(params![head.key, dependent.0])?;
        }
    }
    match (before.state.ended_badly(), after.state.ended_badly()) {
        (false, true) => skip_dependents(connection, head.key, job, now, &mut tally)?,
        (true, false) => {
            if before.state == JobState::Skipped && needs_bad_job(connection, head.key, job)? {
                // It would wait for ever; restarting the job that it needs brings it back.
                return Err(LedgerError::IllegalStep {
                    job: name_of(connection, head.key, job)?,
                    state: before.state,
                    event: JobEvent::Restart.participle(),
                }
                .into());
            }
            revive_dependents(connection, head.key, job, &mut tally)?;
        }
        _ => {}
    }
    group.book(&head, &booking, &tally)?;
    let (run, state) = (head.key, after.state);
    group.keep_head(head);
    group.recent.keep(run, job, after);
    Ok(state)
}

fn write_texts(
    connection: &Connection,
    run: i64,
    job: Ordinal,
    events: &[JobEvent],
) -> Result<(), Trouble> {
    for event in events {
        match event {
            JobEvent::Succeed { result } => connection
                .prepare_cached("UPDATE job_texts SET result = ?3 WHERE run = ?1 AND ordinal = ?2")?
                .execute(params![run, job.0, to_json(result)?])?,
            JobEvent::Save { files, .. } => connection
                .prepare_cached("UPDATE job_texts SET files = ?3 WHERE run = ?1 AND ordinal = ?2")?
                .execute(params![run, job.0, maybe_list(files)?])?,
            _ => 0,
        };
    }
    Ok(())
}

fn dependents(connection: &Connection, run: i64, job: Ordinal) -> Result<Vec<Ordinal>, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT dependent FROM edges WHERE run = ?1 AND needed = ?2")?;
    let mut rows = statement.query(params![run, job.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(ordinal(row.get(0)?)?);
    }
    Ok(found)
}

/// Skips all jobs that need this one, directly or through others.
fn skip_dependents(
    connection: &Connection,
    run: i64,
    job: Ordinal,
    now: Timestamp,
    tally: &mut Tally,
) -> Result<(), Trouble> {
    let mut work = dependents(connection, run, job)?;
    if work.is_empty() {
        return Ok(());
    }
    let reason = skip_reason(&name_of(connection, run, job)?);
    while let Some(next) = work.pop() {
        let mut entry = load_entry(connection, run, next)?;
        if !entry.state.is_startable() {
            continue;
        }
        tally.count(entry.state, JobState::Skipped);
        let before = entry.clone();
        entry.skip(reason.clone(), now);
        write_entry(connection, run, next, &before, &entry)?;
        work.extend(dependents(connection, run, next)?);
    }
    Ok(())
}

/// Plans again what was skipped because of this job, unless another job it needs ended badly too.
fn revive_dependents(
    connection: &Connection,
    run: i64,
    job: Ordinal,
    tally: &mut Tally,
) -> Result<(), Trouble> {
    // In order of place, so that of two jobs the needed one is decided first.
    let mut work = BTreeSet::from_iter(dependents(connection, run, job)?);
    while let Some(next) = work.pop_first() {
        let before = load_entry(connection, run, next)?;
        let mut entry = before.clone();
        if entry.state != JobState::Skipped
            || entry.blocked
            || needs_bad_job(connection, run, next)?
        {
            continue;
        }
        tally.count(entry.state, JobState::Planned);
        entry
            .apply(&[JobEvent::Restart], Timestamp::UNIX_EPOCH)
            .map_err(|error| error.of(&next.to_string()))?;
        write_entry(connection, run, next, &before, &entry)?;
        work.extend(dependents(connection, run, next)?);
    }
    Ok(())
}

fn needs_bad_job(connection: &Connection, run: i64, job: Ordinal) -> Result<bool, Trouble> {
    for needed in needs_of(connection, run, job)? {
        if load_entry(connection, run, needed)?.state.ended_badly() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the jobs that a job waits for.
pub(super) fn needs_of(
    connection: &Connection,
    run: i64,
    job: Ordinal,
) -> Result<Vec<Ordinal>, Trouble> {
    let (needs, reuse): (Option<String>, Option<String>) = connection
        .prepare_cached("SELECT needs, reuse FROM job_texts WHERE run = ?1 AND ordinal = ?2")?
        .query_row(params![run, job.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let reuse: Option<Reuse> = reuse.as_deref().map(from_json).transpose()?;
    Ok(requirements(&list(needs.as_deref())?, reuse.as_ref()))
}
