//! Sets credits aside: reads the figures, picks what fits, and marks it held, in one transaction.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use serde_json::Value;

use crate::ledger::command::{HeldJob, HoldAnswer, JobEvent, LedgerError, Reused};
use crate::ledger::elsewhere::Verdict;
use crate::ledger::entry::{Entry, defect_of};
use crate::ledger::limits::{Candidate, Figures, Room, choose, choose_in_order, shortage};
use crate::ledger::store::{Owner, slot};
use crate::model::{
    Credits, Cutoff, Fingerprint, Input, JobId, JobResult, JobState, Ordinal, Reuse, RunId,
    SpendLimits,
};

use super::elsewhere;
use super::error::{Trouble, corrupt};
use super::group::Group;
use super::record::{needs_of, record};
use super::rows::{
    ENTRY_COLUMNS, ENTRY_WIDTH, RunHead, amount, count, credits, entry, family, fingerprint,
    from_json, list, ordinal, write_entry,
};
use super::runs::{Terms, fence, reading, terms};

/// The condition of the index `jobs_ready`, word for word, so that the index is used.
const READY: &str = "stage = 1 AND pending = 0";

pub(super) fn hold(
    group: &mut Group<'_>,
    run: &RunId,
    owner: Owner,
    want: usize,
    cutoff: Cutoff,
    now: Timestamp,
) -> Result<HoldAnswer, Trouble> {
    let connection = group.settle()?;
    let head = RunHead::load(connection, run)?;
    fence(connection, &head, owner, now)?;
    let Terms { limits, fresh } = terms(connection, head.key)?;
    let in_hand = InHand::of(connection, head.key)?;
    let figures = figures(connection, &head, in_hand.held, &limits)?;
    let mut room = Room::new(&limits, &figures)?;

    let mut answer = HoldAnswer::default();
    let found = candidates(connection, head.key, want, room.tightest().1, cutoff)?;
    let candidates = if fresh {
        found.into_iter().map(|(candidate, _)| candidate).collect()
    } else {
        sift(group, &head, owner, found, now, &mut answer)?
    };
    // Those that were skipped have ended.
    let head = RunHead::load(group.settle()?, run)?;
    let (chosen, first_unfit) = match cutoff {
        Cutoff::Hard => choose_in_order(candidates, want, &mut room),
        Cutoff::Soft | Cutoff::Cautious => (choose(candidates, want, &mut room), None),
    };
    for chosen in chosen {
        answer.jobs.push(take(group, &head, chosen.ordinal)?);
    }
    // What waits for another run may cost nothing in the end.
    if answer.jobs.len() < want && answer.deferred == 0 {
        let needed = match cutoff {
            Cutoff::Hard => first_unfit,
            Cutoff::Soft | Cutoff::Cautious => next_cost(connection, head.key, -1)?
                .map(credits)
                .transpose()?,
        };
        answer.shortage = shortage(&room, needed);
        answer.balance_sure = answer.shortage.and_then(|short| room.sure_from(&short));
    }
    if cutoff == Cutoff::Cautious && answer.shortage.is_some() {
        answer.later_fits = later_fits(connection, head.key, room.tightest().1)?;
    }
    let taken = u64::try_from(answer.jobs.len()).map_err(corrupt)?;
    // Every job has ended, is in hand, or waits.
    answer.waiting = head
        .jobs
        .checked_sub(head.ended + in_hand.jobs + taken)
        .ok_or_else(|| corrupt(format!("more jobs in hand than run `{run}` has")))?;
    Ok(answer)
}

/// Sorts out the candidates that another run buys, has bought, or may have bought.
fn sift(
    group: &mut Group<'_>,
    head: &RunHead,
    owner: Owner,
    found: Vec<(Candidate, Option<Fingerprint>)>,
    now: Timestamp,
    answer: &mut HoldAnswer,
) -> Result<Vec<Candidate>, Trouble> {
    let connection = group.connection();
    let mut candidates = Vec::with_capacity(found.len());
    for (mut candidate, wanted) in found {
        let verdict = match wanted {
            Some(print) => elsewhere::verdict(connection, head, print, now)?,
            None => Verdict::Buy,
        };
        match verdict {
            Verdict::Buy => candidates.push(candidate),
            Verdict::Use(reuse) => {
                elsewhere::use_another(connection, head.key, candidate.ordinal, &reuse)?;
                candidate.cost = Credits::ZERO;
                candidates.push(candidate);
            }
            Verdict::Wait => answer.deferred += 1,
            Verdict::Block(error) => {
                let skip = [JobEvent::Skip { error }];
                record(group, &head.id, owner, candidate.ordinal, &skip, now)?;
                answer.skipped += 1;
            }
        }
    }
    Ok(candidates)
}

/// What a run has in hand.
struct InHand {
    jobs: u64,
    held: Credits,
}

impl InHand {
    fn of(connection: &Connection, run: i64) -> Result<Self, Trouble> {
        let (jobs, held) = connection
            .prepare_cached(
                "SELECT COUNT(*), COALESCE(SUM(held), 0) FROM jobs WHERE run = ?1 AND stage = 2",
            )?
            .query_row([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self {
            jobs: count(jobs)?,
            held: credits(held)?,
        })
    }
}

fn figures(
    connection: &Connection,
    head: &RunHead,
    run_held: Credits,
    limits: &SpendLimits,
) -> Result<Figures, Trouble> {
    let run_used = head.charged.minus(head.refunded)?;
    let (account_charged, reading) = reading(connection, head.account)?;
    Ok(Figures {
        run_used: run_used.plus(run_held)?,
        period_settled: match limits.period {
            Some(_) => settled_since(connection, head.account, limits.period_start)?,
            None => Credits::ZERO,
        },
        account_held: held_by(connection, head.account)?,
        account_charged,
        reading,
    })
}

/// Adds up all holds of an account, from the jobs themselves.
pub(super) fn held_by(connection: &Connection, account: i64) -> Result<Credits, Trouble> {
    // CROSS JOIN keeps this order: few jobs are in hand, while the runs grow with the years.
    let held: i64 = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(j.held), 0) FROM jobs j CROSS JOIN runs r \
             WHERE j.stage = 2 AND r.key = j.run AND r.account = ?1",
        )?
        .query_row([account], |row| row.get(0))?;
    Ok(credits(held)?)
}

/// Adds up charged − refunded of an account since a time.
pub(super) fn settled_since(
    connection: &Connection,
    account: i64,
    since: Option<Timestamp>,
) -> Result<Credits, Trouble> {
    let (charged, refunded): (i64, i64) = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(charged), 0), COALESCE(SUM(refunded), 0) FROM charges \
             WHERE account = ?1 AND slot >= ?2",
        )?
        .query_row([account, since.map_or(i64::MIN, slot)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(credits(charged)?.minus(credits(refunded)?)?)
}

/// Returns the lowest cost above `above` among the jobs that may start.
fn next_cost(connection: &Connection, run: i64, above: i64) -> Result<Option<i64>, Trouble> {
    static SELECT: LazyLock<String> = LazyLock::new(|| {
        format!("SELECT MIN(cost) FROM jobs WHERE run = ?1 AND cost > ?2 AND {READY}")
    });
    let cost = connection
        .prepare_cached(&SELECT)?
        .query_row([run, above], |row| row.get(0))?;
    Ok(cost)
}

/// Tells whether a job that waits for another would fit into what is left; asked only when credits are short.
fn later_fits(connection: &Connection, run: i64, left: Credits) -> Result<bool, Trouble> {
    let found = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE run = ?1 AND cost <= ?2 AND stage = 1 \
             AND pending > 0)",
        )?
        .query_row(params![run, amount(left)?], |row| row.get(0))?;
    Ok(found)
}

/// Reads, for each cost that fits, the best `want` jobs: none other can be among the chosen.
///
/// So a hold reads few rows even when a million jobs wait that are too dear. At a hard cutoff the best job of each
/// cost that does not fit is read too: it may be the one that nothing overtakes.
fn candidates(
    connection: &Connection,
    run: i64,
    want: usize,
    left: Credits,
    cutoff: Cutoff,
) -> Result<Vec<(Candidate, Option<Fingerprint>)>, Trouble> {
    let left = amount(left)?;
    let limit = i64::try_from(want).unwrap_or(i64::MAX);
    static SELECT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT priority, ordinal, cost, reused, fingerprint FROM jobs WHERE run = ?1 AND cost = ?2 AND {READY} \
             ORDER BY priority DESC, ordinal LIMIT ?3"
        )
    });
    let mut statement = connection.prepare_cached(&SELECT)?;
    let mut found = Vec::new();
    let mut above = -1;
    while let Some(cost) = next_cost(connection, run, above)? {
        let limit = match (cost > left, cutoff) {
            (false, _) => limit,
            (true, Cutoff::Hard) => 1,
            (true, Cutoff::Soft | Cutoff::Cautious) => break,
        };
        let mut rows = statement.query([run, cost, limit])?;
        while let Some(row) = rows.next()? {
            let candidate = Candidate {
                priority: row.get(0)?,
                ordinal: ordinal(row.get(1)?)?,
                cost: credits(row.get(2)?)?,
            };
            let wanted = match row.get(3)? {
                true => None,
                false => Some(fingerprint(row.get_ref(4)?.as_blob().map_err(corrupt)?)?),
            };
            found.push((candidate, wanted));
        }
        above = cost;
    }
    Ok(found)
}

/// The columns of a [`HeldJob`], after those of its entry; [`held_job`] reads them.
pub(super) const HELD_COLUMNS: &str =
    "j.ordinal, t.id, t.operation, t.family, t.inputs, j.price, t.save, t.reuse";

/// Reads a job as a worker gets it, without what other jobs gave.
pub(super) fn held_job(row: &Row<'_>, entry: &Entry) -> Result<HeldJob, Trouble> {
    let at = |column: usize| ENTRY_WIDTH + column;
    Ok(HeldJob {
        ordinal: ordinal(row.get(at(0))?)?,
        id: JobId::new(row.get::<_, String>(at(1))?),
        operation: row.get(at(2))?,
        family: family(row.get_ref(at(3))?.as_str().map_err(corrupt)?)?,
        inputs: row.get(at(4))?,
        upstream: Vec::new(),
        price: credits(row.get(at(5))?)?,
        save: row.get(at(6))?,
        reused: None,
        attempts: entry.attempts,
    })
}

fn take(group: &mut Group<'_>, head: &RunHead, job: Ordinal) -> Result<HeldJob, Trouble> {
    let connection = group.connection();
    static SELECT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT {ENTRY_COLUMNS}, {HELD_COLUMNS} FROM jobs j \
             JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
             WHERE j.run = ?1 AND j.ordinal = ?2"
        )
    });
    let mut statement = connection.prepare_cached(&SELECT)?;
    let (mut entry, mut held, reuse) = statement
        .query_and_then(params![head.key, job.0], |row| {
            let entry = entry(row)?;
            let held = held_job(row, &entry)?;
            let reuse: Option<String> = row.get(ENTRY_WIDTH + 7)?;
            Ok::<_, Trouble>((entry, held, reuse))
        })?
        .next()
        .ok_or_else(|| corrupt(format!("job {job} has no text")))??;
    let before = entry.clone();
    entry.hold().map_err(|error| error.of(held.id.as_str()))?;
    write_entry(connection, head.key, job, &before, &entry)?;
    group.recent.keep(head.key, job, entry);
    if let Some(reuse) = reuse {
        held.reused = Some(source(connection, head, &from_json(&reuse)?)?);
    }
    if held.inputs.contains("\"$job\"") {
        held.upstream = upstream(connection, head.key, &held)?;
    }
    Ok(held)
}

/// Reads the result that is to be used instead of buying.
fn source(connection: &Connection, head: &RunHead, reuse: &Reuse) -> Result<Reused, Trouble> {
    let (run, job) = match reuse {
        Reuse::Run { run, ordinal, .. } => (run, ordinal),
        Reuse::Twin { ordinal, .. } => (&head.id, ordinal),
    };
    let mut statement = connection.prepare_cached(
        "SELECT j.state, t.result, t.files, r.settings, j.error FROM runs r JOIN jobs j ON j.run = r.key \
         JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
         WHERE r.id = ?1 AND j.ordinal = ?2",
    )?;
    let mut rows = statement.query(params![run.as_str(), job.0])?;
    let missing = || {
        corrupt(format!(
            "job {job} of run `{run}` is reused and has no result"
        ))
    };
    let row = rows.next()?.ok_or_else(missing)?;
    let state: String = row.get(0)?;
    let result: Option<String> = row.get(1)?;
    let files: Option<String> = row.get(2)?;
    let settings: String = row.get(3)?;
    let error: Option<String> = row.get(4)?;
    match (JobState::from_name(&state), result) {
        (Some(state), Some(result)) if state.has_result() => {
            let settings: crate::model::RunSettings = from_json(&settings)?;
            let files = list(files.as_deref())?;
            Ok(Reused {
                result: from_json(&result)?,
                files,
                out: settings.out,
                defect: defect_of(state, error),
            })
        }
        _ => Err(missing().into()),
    }
}

/// Reads the fields of the results that a job's inputs refer to; all of them are jobs that it needs.
fn upstream(
    connection: &Connection,
    run: i64,
    job: &HeldJob,
) -> Result<Vec<(Fingerprint, Value)>, Trouble> {
    let wanted = referred(job)?;
    let mut found: Vec<(Fingerprint, Value)> = Vec::with_capacity(wanted.len());
    for needed in needs_of(connection, run, job.ordinal)? {
        let (print, result): (Vec<u8>, Option<String>) = connection
            .prepare_cached(
                "SELECT j.fingerprint, t.result FROM jobs j \
                 JOIN job_texts t ON t.run = j.run AND t.ordinal = j.ordinal \
                 WHERE j.run = ?1 AND j.ordinal = ?2",
            )?
            .query_row(params![run, needed.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let print = fingerprint(&print)?;
        let is_new = found.iter().all(|(known, _)| *known != print);
        if let (true, true, Some(result)) = (wanted.contains(&print), is_new, result) {
            found.push((print, from_json::<JobResult>(&result)?.fields));
        }
    }
    Ok(found)
}

fn referred(job: &HeldJob) -> Result<Vec<Fingerprint>, LedgerError> {
    let inputs = Input::from_canonical(&job.inputs)
        .map_err(|error| corrupt(format!("job `{}`: {error}", job.id)))?;
    let mut all = Vec::new();
    inputs.for_each_ref(&mut |reference| all.push(reference.job));
    all.sort_unstable();
    all.dedup();
    Ok(all)
}
