//! Readings of the balance while nothing is in flight.

use jiff::Timestamp;

use crate::ledger::command::LedgerError;
use crate::ledger::entry::Entry;
use crate::ledger::evidence::{Checkpoint, Doubt, Rise, Weighing};
use crate::ledger::handle::BalanceMark;
use crate::ledger::limits::RecentCharges;
use crate::model::{AccountId, Balance, JobState};

use super::books::Books;
use super::run::{Job, Run};

impl Books {
    pub(super) fn sums(&self, account: &AccountId) -> Result<BalanceMark, LedgerError> {
        let (charged, refunded) = self.settled_since(account, None)?;
        Ok(BalanceMark { charged, refunded })
    }

    fn in_state(&self, account: &AccountId, is: fn(JobState) -> bool) -> Vec<(&Run, &Job)> {
        let runs = self
            .runs
            .iter()
            .filter(|run| run.record.account == *account);
        runs.flat_map(|run| run.jobs.values().map(move |job| (run, job)))
            .filter(|(_, job)| is(job.entry.state))
            .collect()
    }

    /// Sums up what was charged of late.
    pub(super) fn recent_charges(
        &self,
        account: &AccountId,
        since: Timestamp,
    ) -> Result<RecentCharges, LedgerError> {
        let mut recent = RecentCharges::default();
        for (_, job) in self.in_state(account, |_| true) {
            let entry = &job.entry;
            for (sent, charged, refunded) in [
                (entry.submitted_at, entry.charged, entry.refunded),
                (entry.past_sent_at, entry.past_charged, entry.past_refunded),
            ] {
                if let Some(sent) = sent.filter(|sent| *sent > since) {
                    recent.add(sent, charged, refunded)?;
                }
            }
        }
        Ok(recent)
    }

    fn is_quiet(&self, account: &AccountId, mark: BalanceMark) -> Result<bool, LedgerError> {
        let in_flight = |state| matches!(state, JobState::Sent | JobState::Accepted);
        Ok(self.in_state(account, in_flight).is_empty() && self.sums(account)? == mark)
    }

    pub(super) fn weigh(
        &self,
        account: &AccountId,
        mark: BalanceMark,
        balance: Balance,
    ) -> Result<Weighing, LedgerError> {
        let last = self.checkpoints.get(account).copied();
        let balance = balance.available()?;
        let doubts = last.map_or_else(Vec::new, |last| {
            self.in_state(account, |state| state == JobState::InDoubt)
                .into_iter()
                .filter_map(|(run, job)| {
                    Some(Doubt {
                        run: run.record.id.clone(),
                        ordinal: job.job.ordinal,
                        job: job.job.id.clone(),
                        price: job.job.price,
                        sent_at: job.entry.submitted_at.filter(|sent| *sent >= last.at)?,
                    })
                })
                .collect()
        });
        let awaits_refund = last.is_some_and(|last| {
            let since = last.watched_since();
            self.in_state(account, |_| true)
                .into_iter()
                .any(|(_, job)| awaits_refund(&job.entry, since))
        });
        let leaks = last.map(|last| {
            let mut stretches = self.unexplained.iter().rev();
            let leak = stretches.find(|(whose, stretch)| {
                whose == account && stretch.drift.get() < 0 && stretch.until >= last.watched_since()
            });
            leak.map(|(_, stretch)| *stretch)
        });
        let is_quiet = self.is_quiet(account, mark)?;
        let compared = last.filter(|_| is_quiet);
        let unexplained = compared
            .map(|last| last.unexplained(mark, balance))
            .transpose();
        Ok(Weighing {
            is_quiet,
            unexplained: unexplained?,
            awaits_refund: awaits_refund && !doubts.is_empty(),
            leak: leaks.flatten().filter(|_| !doubts.is_empty()),
            doubts,
            last,
        })
    }

    pub(super) fn keep_checkpoint(
        &mut self,
        account: AccountId,
        mark: BalanceMark,
        balance: Balance,
        rise: Rise,
        at: Timestamp,
    ) -> Result<bool, LedgerError> {
        if !self.is_quiet(&account, mark)? {
            return Ok(false);
        }
        let balance = balance.available()?;
        let known = self.readings.get(&account).map(|(reading, _)| *reading);
        if let Some(before) = self.checkpoints.get(&account) {
            if rise.is_doubted(before.unexplained(mark, balance)?, known) {
                return Ok(false);
            }
            let stretch = before.stretch(mark, balance, at)?;
            let found = stretch.map(|stretch| (account.clone(), stretch));
            self.unexplained.extend(found);
        }
        let checkpoint = Checkpoint {
            at,
            balance,
            charged: mark.charged,
            refunded: mark.refunded,
            is_unsure: known.is_some_and(|known| known.unsure.is_some()),
        };
        self.checkpoints.insert(account, checkpoint);
        Ok(true)
    }
}

/// Tells whether a charge of a job that failed then or later, or was bought again since, was not given back.
fn awaits_refund(entry: &Entry, since: Timestamp) -> bool {
    let is_bad = matches!(entry.state, JobState::Failed | JobState::Lost);
    let now = is_bad && entry.refunded < entry.charged && entry.finished_at >= Some(since);
    now || entry.past_sent_at >= Some(since)
}
