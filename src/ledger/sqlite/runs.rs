//! The life of a run, its lease, and the readings of the balance.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::ledger::command::{JobEvent, LedgerError, NewRun};
use crate::ledger::handle::BalanceMark;
use crate::ledger::limits::{Reading, RecentCharges, Unsure};
use crate::ledger::store::{LEASE, Owner};
use crate::model::{
    AccountId, Balance, Credits, JobState, RunId, RunSettings, RunState, SpendLimits,
};

use super::error::{Trouble, corrupt};
use super::hold::settled_since;
use super::record::load_entry;
use super::rows::{
    RunHead, account_key, amount, credits, from_json, maybe_credits, maybe_time, no_run, ordinal,
    time, to_json, write_entry,
};

/// Returns the time until which a lease lasts that is taken now.
pub(super) fn lease_from(now: Timestamp) -> i64 {
    now.saturating_add(LEASE)
        .unwrap_or(Timestamp::MAX)
        .as_microsecond()
}

pub(super) fn enroll(
    connection: &Connection,
    run: &NewRun,
    owner: Owner,
    now: Timestamp,
) -> Result<(), Trouble> {
    let account = make_account(connection, &run.account)?;
    let added = connection
        .prepare_cached(
            "INSERT INTO runs (id, account, manifest, manifest_path, manifest_digest, price_list, \
             settings, state, created_at, owner, lease_until) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            run.id.as_str(),
            account,
            run.manifest,
            run.manifest_path,
            run.manifest_digest,
            run.price_list,
            to_json(&run.settings)?,
            RunState::Enrolling.as_str(),
            now.as_microsecond(),
            owner.0,
            lease_from(now),
        ])?;
    if added == 0 {
        let taken = format!("place for a second run `{}`", run.id);
        return Err(LedgerError::NotFound { what: taken }.into());
    }
    Ok(())
}

pub(super) fn make_account(connection: &Connection, account: &AccountId) -> Result<i64, Trouble> {
    connection
        .prepare_cached("INSERT INTO accounts (id) VALUES (?1) ON CONFLICT (id) DO NOTHING")?
        .execute([account.as_str()])?;
    account_key(connection, account.as_str())?
        .ok_or_else(|| super::error::corrupt(format!("account `{account}` is not there")).into())
}

pub(super) fn start(
    connection: &Connection,
    run: &RunId,
    owner: Owner,
    now: Timestamp,
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    let is_ours = head.owner == Some(owner);
    if head.is_leased_to_another(owner, now) {
        return Err(LedgerError::Leased(run.clone()).into());
    }
    if head.state == RunState::Enrolling && !is_ours {
        let what = format!("run `{run}` in full: its enrolment was cut short; run it anew");
        return Err(LedgerError::NotFound { what }.into());
    }
    if !(head.state == RunState::Running && is_ours) {
        give_back(connection, &head, now)?;
    }
    connection
        .prepare_cached(
            "UPDATE runs SET state = ?2, owner = ?3, lease_until = ?4, ending = NULL, \
             finished_at = NULL, closing = NULL WHERE key = ?1",
        )?
        .execute(params![
            head.key,
            RunState::Running.as_str(),
            owner.0,
            lease_from(now)
        ])?;
    Ok(())
}

/// Ends the lease of a run that is Running; the lease of one that is still being enrolled stands.
pub(super) fn break_lease(
    connection: &Connection,
    run: &RunId,
    now: Timestamp,
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    if head.state == RunState::Running && head.lease_until.is_some_and(|until| now < until) {
        connection
            .prepare_cached("UPDATE runs SET lease_until = ?2 WHERE key = ?1")?
            .execute(params![head.key, now.as_microsecond()])?;
    }
    Ok(())
}

/// Releases what is held for requests that never left, and takes reused jobs out of the hands they were given into.
fn give_back(connection: &Connection, head: &RunHead, now: Timestamp) -> Result<(), Trouble> {
    let places = in_hand(connection, head.key)?;
    for place in places {
        let job = ordinal(place)?;
        let before = load_entry(connection, head.key, job)?;
        let mut entry = before.clone();
        if entry.state == JobState::Held {
            entry
                .apply(&[JobEvent::Release { error: None }], now)
                .map_err(|error| error.of(&job.to_string()))?;
        } else if entry.claimed {
            entry.claimed = false;
        } else {
            continue;
        }
        write_entry(connection, head.key, job, &before, &entry)?;
    }
    Ok(())
}

fn in_hand(connection: &Connection, run: i64) -> Result<Vec<i64>, Trouble> {
    let mut statement =
        connection.prepare_cached("SELECT ordinal FROM jobs WHERE run = ?1 AND stage = 2")?;
    let places = statement
        .query_map([run], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(places)
}

/// Refuses whoever does not have the run, and keeps the lease of who has it for at least half its length.
///
/// The owner is compared inside the transaction of the step itself: nobody can take the run in between. A lease
/// that ran out while nobody took the run is taken up again.
pub(super) fn fence(
    connection: &Connection,
    head: &RunHead,
    owner: Owner,
    now: Timestamp,
) -> Result<(), Trouble> {
    if head.state != RunState::Running || head.owner != Some(owner) {
        return Err(LedgerError::Leased(head.id.clone()).into());
    }
    let half = now.saturating_add(LEASE / 2).unwrap_or(Timestamp::MAX);
    if head.lease_until.is_none_or(|until| until < half) {
        extend_lease(connection, head.key, now)?;
    }
    Ok(())
}

fn extend_lease(connection: &Connection, run: i64, now: Timestamp) -> Result<(), Trouble> {
    connection
        .prepare_cached("UPDATE runs SET lease_until = ?2 WHERE key = ?1")?
        .execute([run, lease_from(now)])?;
    Ok(())
}

pub(super) fn renew_lease(
    connection: &Connection,
    run: &RunId,
    owner: Owner,
    now: Timestamp,
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    if head.owner != Some(owner) {
        return Err(LedgerError::Leased(run.clone()).into());
    }
    extend_lease(connection, head.key, now)
}

pub(super) fn set_opening(
    connection: &Connection,
    run: &RunId,
    opening: Credits,
) -> Result<(), Trouble> {
    let changed = connection
        .prepare_cached("UPDATE runs SET opening = COALESCE(opening, ?2) WHERE id = ?1")?
        .execute(params![run.as_str(), amount(opening)?])?;
    found(changed, run)
}

fn found(changed: usize, run: &RunId) -> Result<(), Trouble> {
    if changed == 0 {
        Err(no_run(run).into())
    } else {
        Ok(())
    }
}

/// Reads how the run is carried out.
pub(super) fn settings(connection: &Connection, run: i64) -> Result<RunSettings, Trouble> {
    let text: String = connection
        .prepare_cached("SELECT settings FROM runs WHERE key = ?1")?
        .query_row([run], |row| row.get(0))?;
    Ok(from_json(&text)?)
}

/// What every hold needs to know of a run's settings.
#[derive(serde::Deserialize)]
pub(super) struct Terms {
    /// What it may take.
    pub(super) limits: SpendLimits,
    /// Whether it buys again what was bought before.
    #[serde(default)]
    pub(super) fresh: bool,
}

/// Reads the terms of a run.
pub(super) fn terms(connection: &Connection, run: i64) -> Result<Terms, Trouble> {
    let mut statement = connection.prepare_cached("SELECT settings FROM runs WHERE key = ?1")?;
    let mut rows = statement.query([run])?;
    match rows.next()? {
        Some(row) => {
            let text = row.get_ref(0)?.as_str().map_err(corrupt)?;
            Ok(from_json(text)?)
        }
        None => Err(corrupt(format!("run {run} has no settings")).into()),
    }
}

pub(super) fn set_limits(
    connection: &Connection,
    run: &RunId,
    limits: &SpendLimits,
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    let settings = RunSettings {
        limits: limits.clone(),
        ..settings(connection, head.key)?
    };
    connection
        .prepare_cached("UPDATE runs SET settings = ?2 WHERE key = ?1")?
        .execute(params![head.key, to_json(&settings)?])?;
    Ok(())
}

pub(super) fn finish(
    connection: &Connection,
    run: &RunId,
    owner: Owner,
    ending: &str,
    closing: Option<Credits>,
    now: Timestamp,
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    fence(connection, &head, owner, now)?;
    give_back(connection, &head, now)?;
    let state = if head.ended == head.jobs {
        RunState::Finished
    } else {
        RunState::Stopped
    };
    connection
        .prepare_cached(
            "UPDATE runs SET state = ?2, ending = ?3, closing = ?4, finished_at = ?5, \
             owner = NULL, lease_until = NULL WHERE key = ?1",
        )?
        .execute(params![
            head.key,
            state.as_str(),
            ending,
            closing.map(amount).transpose()?,
            now.as_microsecond(),
        ])?;
    Ok(())
}

pub(super) fn discard(
    connection: &Connection,
    run: &RunId,
    owner: Owner,
    now: Timestamp,
) -> Result<(), Trouble> {
    let head = RunHead::load(connection, run)?;
    if head.state != RunState::Enrolling || head.is_leased_to_another(owner, now) {
        return Err(LedgerError::Leased(run.clone()).into());
    }
    for delete in [
        "DELETE FROM edges WHERE run = ?1",
        "DELETE FROM job_texts WHERE run = ?1",
        "DELETE FROM jobs WHERE run = ?1",
        "DELETE FROM runs WHERE key = ?1",
    ] {
        connection.prepare_cached(delete)?.execute([head.key])?;
    }
    Ok(())
}

pub(super) fn observe_balance(
    connection: &Connection,
    account: &AccountId,
    mark: BalanceMark,
    balance: Balance,
    asked: Timestamp,
    lag: Duration,
) -> Result<(), Trouble> {
    let key = make_account(connection, account)?;
    let read = Reading {
        balance: balance.available()?,
        mark: mark.charged,
        unsure: None,
    };
    let believed = match reading(connection, key)?.1 {
        // One that was marked earlier than the known one says less about now.
        Some(known) if known.mark > read.mark => return Ok(()),
        Some(known) => read.beside(known, lag, || {
            recent_charges(connection, key, RecentCharges::since(asked, lag))
        })?,
        None => read,
    };
    let unsure = believed.unsure;
    connection
        .prepare_cached(
            "UPDATE accounts SET balance = ?2, balance_mark = ?3, balance_at = ?4, \
             unsure = ?5, unsure_until = ?6 WHERE key = ?1",
        )?
        .execute(params![
            key,
            amount(believed.balance)?,
            amount(believed.mark)?,
            asked.as_microsecond(),
            unsure.map(|unsure| amount(unsure.credits)).transpose()?,
            unsure.map(|unsure| unsure.until.as_microsecond()),
        ])?;
    Ok(())
}

/// Returns all charges of an account, and what is believed of the last reading of its balance.
pub(super) fn reading(
    connection: &Connection,
    account: i64,
) -> Result<(Credits, Option<Reading>), Trouble> {
    let (charged, reading) = connection
        .prepare_cached(
            "SELECT charged, balance, balance_mark, unsure, unsure_until FROM accounts WHERE key = ?1",
        )?
        .query_row([account], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        })?;
    let (balance, mark, unsure, until): (_, _, _, Option<i64>) = reading;
    let until = until.map(time).transpose()?;
    let unsure = maybe_credits(unsure)?.zip(until);
    let unsure = unsure.map(|(credits, until)| Unsure { credits, until });
    let known = maybe_credits(balance)?.zip(maybe_credits(mark)?);
    let reading = known.map(|(balance, mark)| Reading {
        balance,
        mark,
        unsure,
    });
    Ok((credits(charged)?, reading))
}

/// Sums up what was charged of late.
///
/// No index is kept for it, as each job would pay for that: what the quarters of an hour say, and when runs ended, mostly
/// leave no job to look at.
pub(super) fn recent_charges(
    connection: &Connection,
    account: i64,
    since: Timestamp,
) -> Result<RecentCharges, Trouble> {
    if settled_since(connection, account, Some(since))?.is_zero() {
        return Ok(RecentCharges::default());
    }
    let mut statement = connection.prepare_cached(
        "SELECT j.submitted_at, j.charged, j.refunded, j.past_sent_at, j.past_charged, j.past_refunded \
         FROM runs r CROSS JOIN jobs j ON j.run = r.key \
         WHERE r.account = ?1 AND r.charged > 0 AND (r.finished_at IS NULL OR r.finished_at > ?2) \
         AND (j.submitted_at > ?2 OR j.past_sent_at > ?2)",
    )?;
    let mut rows = statement.query([account, since.as_microsecond()])?;
    let mut recent = RecentCharges::default();
    while let Some(row) = rows.next()? {
        for first in [0, 3] {
            let sent = maybe_time(row.get(first)?)?;
            if let Some(sent) = sent.filter(|sent| *sent > since) {
                let charged = credits(row.get(first + 1)?)?;
                recent.add(sent, charged, credits(row.get(first + 2)?)?)?;
            }
        }
    }
    Ok(recent)
}
