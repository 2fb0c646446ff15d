//! What the requests of one transaction share: the head of the run they are about, and the sums above its jobs.
//!
//! A step changes one job, and the sums of its run, its account and its quarter of an hour. Within a transaction the
//! sums are gathered, and written before anybody reads them and before the commit.

use rusqlite::Connection;

use crate::ledger::entry::{Booking, has_ended};
use crate::ledger::store::slot;
use crate::model::{Credits, JobState, RunId};

use super::error::Trouble;
use super::recent::Recent;
use super::rows::{RunHead, amount};

/// By how much the counters of a run change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    ended: i64,
    in_doubt: i64,
    bad: i64,
}

impl Tally {
    pub(super) fn count(&mut self, before: JobState, after: JobState) {
        let change =
            |applies: fn(JobState) -> bool| i64::from(applies(after)) - i64::from(applies(before));
        self.ended += change(has_ended);
        self.in_doubt += change(|state| state == JobState::InDoubt);
        self.bad += change(JobState::ended_badly);
    }

    fn add(&mut self, other: Self) {
        self.ended += other.ended;
        self.in_doubt += other.in_doubt;
        self.bad += other.bad;
    }
}

/// What is to be added to the sums of a run, its account and one quarter of an hour.
struct Sums {
    run: i64,
    account: i64,
    slot: Option<i64>,
    charged: Credits,
    refunded: Credits,
    tally: Tally,
}

/// A transaction under way.
pub(super) struct Group<'c> {
    connection: &'c Connection,
    head: Option<RunHead>,
    sums: Option<Sums>,
    /// What was written lately.
    pub(super) recent: &'c mut Recent,
}

impl<'c> Group<'c> {
    pub(super) fn new(connection: &'c Connection, recent: &'c mut Recent) -> Self {
        Self {
            connection,
            recent,
            head: None,
            sums: None,
        }
    }

    /// For whoever reads or writes something other than sums and heads.
    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Writes the sums; from here on the tables tell everything.
    pub(super) fn settle(&mut self) -> Result<&'c Connection, Trouble> {
        self.head = None;
        if let Some(sums) = self.sums.take() {
            sums.write(self.connection)?;
        }
        Ok(self.connection)
    }

    /// Forgets what was gathered, as it is undone in the tables too.
    pub(super) fn forget(&mut self) {
        self.head = None;
        self.sums = None;
        self.recent.forget();
    }

    /// Reads a run's head, or takes the one that was kept; its sums may be out of date.
    pub(super) fn lend_head(&mut self, run: &RunId) -> Result<RunHead, Trouble> {
        match self.head.take() {
            Some(head) if head.id == *run => Ok(head),
            _ => RunHead::load(self.connection, run),
        }
    }

    /// Keeps a head for the next request.
    pub(super) fn keep_head(&mut self, head: RunHead) {
        self.head = Some(head);
    }

    /// Adds to the sums of run, account and quarter of an hour, in the transaction of the step that they are about.
    pub(super) fn book(
        &mut self,
        head: &RunHead,
        booking: &Booking,
        tally: &Tally,
    ) -> Result<(), Trouble> {
        let slot = booking.submitted_at.map(slot);
        let is_other = |sums: &Sums| {
            let other_slot = slot.is_some() && sums.slot.is_some() && slot != sums.slot;
            sums.run != head.key || other_slot
        };
        if self.sums.as_ref().is_some_and(is_other) {
            self.settle()?;
        }
        let sums = self.sums.get_or_insert(Sums {
            run: head.key,
            account: head.account,
            slot,
            charged: Credits::ZERO,
            refunded: Credits::ZERO,
            tally: Tally::default(),
        });
        sums.slot = sums.slot.or(slot);
        sums.charged = sums.charged.plus(booking.charged)?;
        sums.refunded = sums.refunded.plus(booking.refunded)?;
        sums.tally.add(*tally);
        Ok(())
    }
}

impl Sums {
    fn write(&self, connection: &Connection) -> Result<(), Trouble> {
        let (charged, refunded) = (amount(self.charged)?, amount(self.refunded)?);
        if let Some(slot) = self.slot {
            connection
                .prepare_cached(
                    "UPDATE accounts SET charged = charged + ?2, refunded = refunded + ?3 WHERE key = ?1",
                )?
                .execute([self.account, charged, refunded])?;
            connection
                .prepare_cached(
                    "INSERT INTO charges (account, slot, charged, refunded) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (account, slot) DO UPDATE SET charged = charges.charged + excluded.charged, \
                     refunded = charges.refunded + excluded.refunded",
                )?
                .execute([self.account, slot, charged, refunded])?;
        }
        let Tally {
            ended,
            in_doubt,
            bad,
        } = self.tally;
        if self.slot.is_some() || ended != 0 || in_doubt != 0 || bad != 0 {
            // A finished run with a job that is to be done again is a stopped one.
            connection
                .prepare_cached(
                    "UPDATE runs SET charged = charged + ?2, refunded = refunded + ?3, \
                     ended = ended + ?4, in_doubt = in_doubt + ?5, bad = bad + ?6, \
                     state = CASE WHEN state = 'finished' AND ended + ?4 < jobs THEN 'stopped' ELSE state END \
                     WHERE key = ?1",
                )?
                .execute([self.run, charged, refunded, ended, in_doubt, bad])?;
        }
        Ok(())
    }
}
