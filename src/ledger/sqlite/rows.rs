//! Between rows and the words of the model; what is read back is checked.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ledger::command::LedgerError;
use crate::ledger::entry::{Entry, Stage};
use crate::ledger::store::Owner;
use crate::model::{Credits, Family, Fingerprint, JobState, Ordinal, RunId, RunState, TaskId};

use super::error::{Trouble, corrupt};

/// Writes credits as a column.
pub(super) fn amount(credits: Credits) -> Result<i64, LedgerError> {
    i64::try_from(credits.get())
        .map_err(|_| corrupt(format!("{credits} credits are more than can be kept")))
}

/// Reads credits from a column.
pub(super) fn credits(column: i64) -> Result<Credits, LedgerError> {
    u64::try_from(column)
        .map(Credits::new)
        .map_err(|_| corrupt(format!("{column} credits")))
}

pub(super) fn time(column: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(column).map_err(corrupt)
}

pub(super) fn maybe_time(column: Option<i64>) -> Result<Option<Timestamp>, LedgerError> {
    column.map(time).transpose()
}

pub(super) fn maybe_credits(column: Option<i64>) -> Result<Option<Credits>, LedgerError> {
    column.map(credits).transpose()
}

pub(super) fn ordinal(column: i64) -> Result<Ordinal, LedgerError> {
    u32::try_from(column)
        .map(Ordinal)
        .map_err(|_| corrupt(format!("a job's place is `{column}`")))
}

pub(super) fn count(column: i64) -> Result<u64, LedgerError> {
    u64::try_from(column).map_err(|_| corrupt(format!("a count is `{column}`")))
}

pub(super) fn family(name: &str) -> Result<Family, LedgerError> {
    Family::ALL
        .into_iter()
        .find(|family| family.as_str() == name)
        .ok_or_else(|| corrupt(format!("family `{name}`")))
}

pub(super) fn fingerprint(bytes: &[u8]) -> Result<Fingerprint, LedgerError> {
    bytes
        .try_into()
        .map(Fingerprint)
        .map_err(|_| corrupt("a fingerprint that is not 16 bytes"))
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(corrupt)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(corrupt)
}

/// Reads a list that is not stored when it is empty.
pub(super) fn list<T: DeserializeOwned>(text: Option<&str>) -> Result<Vec<T>, LedgerError> {
    text.map_or_else(|| Ok(Vec::new()), from_json)
}

/// Writes a list; an empty one is not stored.
pub(super) fn maybe_list<T: Serialize>(items: &[T]) -> Result<Option<String>, LedgerError> {
    if items.is_empty() {
        Ok(None)
    } else {
        to_json(&items).map(Some)
    }
}

/// The columns of an [`Entry`], for a query that calls `jobs` by the name `j`; [`entry`] reads them.
pub(super) const ENTRY_COLUMNS: &str = "j.state, j.cost, j.reused, j.blocked, j.stage, j.held, \
     j.charged, j.refunded, j.past_charged, j.past_refunded, j.past_sent_at, j.past_losses, j.attempts, j.submitted_at, \
     j.finished_at, j.task_id, j.error";
/// How many columns that is.
pub(super) const ENTRY_WIDTH: usize = 17;

/// Reads an entry from the first columns of a row, and checks that it makes sense.
pub(super) fn entry(row: &Row<'_>) -> Result<Entry, Trouble> {
    let name = row.get_ref(0)?.as_str().map_err(corrupt)?;
    let state = JobState::from_name(name).ok_or_else(|| corrupt(format!("state `{name}`")))?;
    let stage: i64 = row.get(4)?;
    let entry = Entry {
        state,
        cost: credits(row.get(1)?)?,
        reused: row.get(2)?,
        blocked: row.get(3)?,
        claimed: stage == Stage::InHand.code() && state == JobState::Planned,
        held: credits(row.get(5)?)?,
        charged: credits(row.get(6)?)?,
        refunded: credits(row.get(7)?)?,
        past_charged: credits(row.get(8)?)?,
        past_refunded: credits(row.get(9)?)?,
        past_sent_at: maybe_time(row.get(10)?)?,
        past_losses: list(row.get::<_, Option<String>>(11)?.as_deref())?,
        attempts: row.get(12)?,
        submitted_at: maybe_time(row.get(13)?)?,
        finished_at: maybe_time(row.get(14)?)?,
        task_id: row.get::<_, Option<String>>(15)?.map(TaskId::new),
        error: row.get(16)?,
    };
    entry
        .check()
        .map_err(|what| corrupt(format!("a job {what}")))?;
    if entry.stage().code() != stage {
        return Err(corrupt(format!("a job is {state} with `stage` = {stage}")).into());
    }
    Ok(entry)
}

/// Writes back what a step changed.
///
/// A column that is named in an UPDATE costs a write to each index that has it, changed or not: so those are named only
/// when they change.
pub(super) fn write_entry(
    connection: &Connection,
    run: i64,
    job: Ordinal,
    before: &Entry,
    after: &Entry,
) -> Result<(), Trouble> {
    let values: [&dyn ToSql; 16] = [
        &run,
        &job.0,
        &after.state.as_str(),
        &amount(after.charged)?,
        &amount(after.refunded)?,
        &after.attempts,
        &after.submitted_at.map(Timestamp::as_microsecond),
        &after.finished_at.map(Timestamp::as_microsecond),
        &after.task_id.as_ref().map(TaskId::as_str),
        &after.error,
        &amount(after.held)?,
        &after.stage().code(),
        &amount(after.past_charged)?,
        &amount(after.past_refunded)?,
        &after.past_sent_at.map(Timestamp::as_microsecond),
        &maybe_list(&after.past_losses)?,
    ];
    let (update, width) = if before.stage() != after.stage() {
        (UPDATE_STAGE, 16)
    } else if before.held != after.held {
        (UPDATE_HELD, 11)
    } else {
        (UPDATE_STATE, 10)
    };
    connection
        .prepare_cached(update)?
        .execute(&values[..width])?;
    Ok(())
}

const UPDATE_STATE: &str = "UPDATE jobs SET state = ?3, charged = ?4, refunded = ?5, attempts = ?6, \
     submitted_at = ?7, finished_at = ?8, task_id = ?9, error = ?10 WHERE run = ?1 AND ordinal = ?2";
const UPDATE_HELD: &str = "UPDATE jobs SET state = ?3, charged = ?4, refunded = ?5, attempts = ?6, \
     submitted_at = ?7, finished_at = ?8, task_id = ?9, error = ?10, held = ?11 \
     WHERE run = ?1 AND ordinal = ?2";
/// What was paid before a restart changes only by a restart, and that changes the stage.
const UPDATE_STAGE: &str = "UPDATE jobs SET state = ?3, charged = ?4, refunded = ?5, attempts = ?6, \
     submitted_at = ?7, finished_at = ?8, task_id = ?9, error = ?10, held = ?11, stage = ?12, \
     past_charged = ?13, past_refunded = ?14, past_sent_at = ?15, past_losses = ?16 WHERE run = ?1 AND ordinal = ?2";

/// What requests about a run need to know of it.
#[derive(Clone, Debug)]
pub(super) struct RunHead {
    pub id: RunId,
    pub key: i64,
    pub account: i64,
    pub state: RunState,
    pub owner: Option<Owner>,
    pub lease_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub jobs: u64,
    pub ended: u64,
    pub charged: Credits,
    pub refunded: Credits,
}

impl RunHead {
    /// Reads it.
    pub(super) fn load(connection: &Connection, id: &RunId) -> Result<Self, Trouble> {
        let mut statement = connection.prepare_cached(
            "SELECT key, account, state, owner, lease_until, created_at, jobs, ended, charged, refunded \
             FROM runs WHERE id = ?1",
        )?;
        let mut rows = statement.query([id.as_str()])?;
        let Some(row) = rows.next()? else {
            return Err(no_run(id).into());
        };
        Ok(Self {
            id: id.clone(),
            key: row.get(0)?,
            account: row.get(1)?,
            state: run_state(row.get_ref(2)?.as_str().map_err(corrupt)?)?,
            owner: row.get::<_, Option<i64>>(3)?.map(Owner),
            lease_until: maybe_time(row.get(4)?)?,
            created_at: time(row.get(5)?)?,
            jobs: count(row.get(6)?)?,
            ended: count(row.get(7)?)?,
            charged: credits(row.get(8)?)?,
            refunded: credits(row.get(9)?)?,
        })
    }

    /// Tells whether somebody else may still be at work on it.
    pub(super) fn is_leased_to_another(&self, owner: Owner, now: Timestamp) -> bool {
        self.owner.is_some_and(|other| other != owner)
            && self.lease_until.is_some_and(|until| now < until)
    }
}

pub(super) fn no_run(id: &RunId) -> LedgerError {
    LedgerError::NotFound {
        what: format!("run `{id}`"),
    }
}

pub(super) fn run_state(name: &str) -> Result<RunState, LedgerError> {
    RunState::from_name(name).ok_or_else(|| corrupt(format!("run state `{name}`")))
}

/// Finds an account's key.
pub(super) fn account_key(
    connection: &Connection,
    account: &str,
) -> Result<Option<i64>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT key FROM accounts WHERE id = ?1")?
        .query_row([account], |row| row.get(0))
        .optional()
}
