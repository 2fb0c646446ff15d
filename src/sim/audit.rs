//! What happened to the account, request by request: the judge of every end-to-end test. It only remembers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Balance, Credits, TaskId};

use super::seed::Id;
use super::task::Millis;

/// The account's history since its balance was last set.
///
/// `opening + topped_up − charged + refunded = balance`, pools taken together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// What the account began with.
    pub opening: Balance,
    /// What it holds now.
    pub balance: Balance,
    /// Credits added by top-ups.
    pub topped_up: Credits,
    /// Credits taken.
    pub charged: Credits,
    /// Credits given back.
    pub refunded: Credits,
    /// Requests refused because the rate or the number of tasks in flight was too high.
    pub rate_refusals: u64,
    /// Reads of tasks and batches since the simulator started; free of charge and not listed.
    pub polls: u64,
    /// Sums by operation.
    pub operations: BTreeMap<String, OperationTotals>,
    /// Every submit, in the order of arrival.
    pub entries: Vec<AuditEntry>,
}

/// Sums of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationTotals {
    /// Requests that asked for it.
    pub requests: u64,
    /// Requests that were acted on.
    pub accepted: u64,
    /// Credits taken.
    pub charged: Credits,
    /// Credits given back.
    pub refunded: Credits,
}

/// One submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// The operation's catalog name; the path when the request was refused before that was known.
    pub operation: String,
    /// Whether it was acted on.
    pub accepted: bool,
    /// The status decided on; 0 when the connection was dropped instead. A fault may have put another on the wire.
    pub status: u16,
    /// Credits taken.
    pub charged: Credits,
    /// Credits given back.
    pub refunded: Credits,
    /// The task it started.
    pub task: Option<TaskId>,
}

/// One submit as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub at: Millis,
    pub operation: Cow<'static, str>,
    pub accepted: bool,
    pub status: u16,
    pub charged: Credits,
    pub refunded: Credits,
    pub task: Option<Id>,
}

/// The history as it is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditLog {
    pub opening: Balance,
    pub topped_up: Credits,
    pub rate_refusals: u64,
    pub entries: Vec<Entry>,
}

impl AuditLog {
    /// Starts a new history.
    pub(crate) fn start(opening: Balance) -> Self {
        Self {
            opening,
            ..Self::default()
        }
    }

    /// Sums up.
    pub(crate) fn report(&self, balance: Balance, polls: u64) -> Audit {
        let mut operations: BTreeMap<String, OperationTotals> = BTreeMap::new();
        let mut whole = OperationTotals::default();
        for entry in &self.entries {
            let name = entry.operation.clone().into_owned();
            operations.entry(name).or_default().add(entry);
            whole.add(entry);
        }
        Audit {
            opening: self.opening,
            balance,
            topped_up: self.topped_up,
            charged: whole.charged,
            refunded: whole.refunded,
            rate_refusals: self.rate_refusals,
            polls,
            operations,
            entries: self.entries.iter().map(Entry::report).collect(),
        }
    }
}

impl OperationTotals {
    fn add(&mut self, entry: &Entry) {
        self.requests += 1;
        self.accepted += u64::from(entry.accepted);
        self.charged = add(self.charged, entry.charged);
        self.refunded = add(self.refunded, entry.refunded);
    }
}

/// Sums saturate: an account that turned over more than a ledger can hold is past caring about its last credit.
fn add(sum: Credits, credits: Credits) -> Credits {
    sum.plus(credits).unwrap_or(Credits::MAX)
}

impl Entry {
    fn report(&self) -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_millisecond(self.at).unwrap_or(Timestamp::UNIX_EPOCH),
            operation: self.operation.clone().into_owned(),
            accepted: self.accepted,
            status: self.status,
            charged: self.charged,
            refunded: self.refunded,
            task: self.task.map(|id| TaskId::new(id.to_string())),
        }
    }
}
