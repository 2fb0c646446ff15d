//! Writes the jobs of a run, a million in seconds: prepared statements, one transaction, rows in key order.

use rusqlite::{Connection, OptionalExtension, params};

use crate::ledger::command::{Enrolment, LedgerError};
use crate::ledger::entry::Entry;
use crate::ledger::store::{Owner, requirements, skip_reason};
use crate::model::{JobState, Ordinal, Reuse, RunId, RunState};

use super::error::{Trouble, corrupt};
use super::record::load_entry;
use super::rows::{RunHead, amount, maybe_list, to_json};

pub(super) fn add_jobs(
    connection: &Connection,
    run: &RunId,
    owner: Owner,
    jobs: &[Enrolment],
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    if head.state != RunState::Enrolling || head.owner != Some(owner) {
        return Err(LedgerError::Leased(run.clone()).into());
    }
    let mut skipped = 0_i64;
    for enrolment in jobs {
        skipped += i64::from(add_job(connection, &head, enrolment)?);
    }
    let added = i64::try_from(jobs.len()).map_err(corrupt)?;
    connection
        .prepare_cached(
            "UPDATE runs SET jobs = jobs + ?2, ended = ended + ?3, bad = bad + ?3 WHERE key = ?1",
        )?
        .execute([head.key, added, skipped])?;
    Ok(())
}

/// Writes one job; tells whether it is skipped from the start.
fn add_job(
    connection: &Connection,
    head: &RunHead,
    enrolment: &Enrolment,
) -> Result<bool, Trouble> {
    let job = &enrolment.job;
    let needs = requirements(&job.needs, job.reuse.as_ref());
    if let Some(Reuse::Run { .. }) = &job.reuse {
        check_source(connection, enrolment)?;
    }
    let mut entry = Entry::planned(job.price, job.reuse.is_some());
    let mut reason = enrolment.blocked.clone();
    entry.blocked = reason.is_some();
    for &needed in &needs {
        let found = needed_entry(connection, head.key, job.ordinal, needed, enrolment)?;
        if found.state == JobState::Skipped && reason.is_none() {
            reason = Some(reason_of(connection, head.key, needed, &found)?);
        }
    }
    let is_skipped = reason.is_some();
    if let Some(reason) = reason {
        entry.skip(reason, head.created_at);
    }
    insert(connection, head.key, enrolment, &entry, needs.len())?;
    for needed in &needs {
        connection
            .prepare_cached("INSERT INTO edges (run, needed, dependent) VALUES (?1, ?2, ?3)")?
            .execute(params![head.key, needed.0, job.ordinal.0])?;
    }
    Ok(is_skipped)
}

fn needed_entry(
    connection: &Connection,
    run: i64,
    job: Ordinal,
    needed: Ordinal,
    enrolment: &Enrolment,
) -> Result<Entry, Trouble> {
    if needed >= job {
        let what = format!("job {needed} before `{}`, which needs it", enrolment.job.id);
        return Err(LedgerError::NotFound { what }.into());
    }
    load_entry(connection, run, needed)
}

/// A job that is skipped itself passes on whose fault it is; a blocked one is at fault.
fn reason_of(
    connection: &Connection,
    run: i64,
    needed: Ordinal,
    entry: &Entry,
) -> Result<String, Trouble> {
    match &entry.error {
        Some(reason) if !entry.blocked => Ok(reason.clone()),
        _ => Ok(skip_reason(&name_of(connection, run, needed)?)),
    }
}

/// Returns a job's name.
pub(super) fn name_of(
    connection: &Connection,
    run: i64,
    job: Ordinal,
) -> Result<String, rusqlite::Error> {
    connection
        .prepare_cached("SELECT id FROM job_texts WHERE run = ?1 AND ordinal = ?2")?
        .query_row(params![run, job.0], |row| row.get(0))
}

/// Refuses to reuse what is not there: it would be found out only when the job's turn comes.
fn check_source(connection: &Connection, enrolment: &Enrolment) -> Result<(), Trouble> {
    let Some(Reuse::Run { run, job, ordinal }) = &enrolment.job.reuse else {
        return Ok(());
    };
    let state: Option<String> = connection
        .prepare_cached(
            "SELECT j.state FROM jobs j JOIN runs r ON r.key = j.run WHERE r.id = ?1 AND j.ordinal = ?2",
        )?
        .query_row(params![run.as_str(), ordinal.0], |row| row.get(0))
        .optional()?;
    match state.as_deref().and_then(JobState::from_name) {
        Some(state) if state.has_result() => Ok(()),
        _ => Err(LedgerError::NotFound {
            what: format!(
                "result of job `{job}` of run `{run}`, which `{}` is to reuse; plan again",
                enrolment.job.id
            ),
        }
        .into()),
    }
}

fn insert(
    connection: &Connection,
    run: i64,
    enrolment: &Enrolment,
    entry: &Entry,
    pending: usize,
) -> Result<(), Trouble> {
    let job = &enrolment.job;
    connection
        .prepare_cached(
            "INSERT INTO jobs (run, ordinal, fingerprint, price, cost, priority, reused, blocked, \
             pending, stage, state, finished_at, error) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            run,
            job.ordinal.0,
            job.fingerprint.0,
            amount(job.price)?,
            amount(entry.cost)?,
            job.priority,
            entry.reused,
            entry.blocked,
            i64::try_from(pending).map_err(corrupt)?,
            entry.stage().code(),
            entry.state.as_str(),
            entry.finished_at.map(|time| time.as_microsecond()),
            entry.error,
        ])
        .map_err(|error| refuse_second(error, enrolment))?;
    connection
        .prepare_cached(
            "INSERT INTO job_texts (run, ordinal, id, operation, family, inputs, save, needs, reuse) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            run,
            job.ordinal.0,
            job.id.as_str(),
            job.operation,
            job.family.as_str(),
            job.inputs,
            job.save,
            maybe_list(&job.needs)?,
            job.reuse.as_ref().map(to_json).transpose()?,
        ])?;
    Ok(())
}

/// A place that is taken is the caller's mistake, not the database's.
fn refuse_second(error: rusqlite::Error, enrolment: &Enrolment) -> Trouble {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
        let what = format!(
            "free place {} for `{}`",
            enrolment.job.ordinal, enrolment.job.id
        );
        return LedgerError::NotFound { what }.into();
    }
    error.into()
}
