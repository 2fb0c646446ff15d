//! Two plans of a manifest, job by job: what is new, gone, dearer and cheaper, by entry and in all.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{CreditError, Credits, Fingerprint};

use super::fit::JobSum;
use super::planned::Plan;

/// What differs between two plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanDiff {
    /// By entry: those of the new plan in its order, then those that only the old one has.
    pub entries: Vec<(String, EntryDiff)>,
    /// In all.
    pub total: EntryDiff,
}

/// What differs in the jobs of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EntryDiff {
    /// What all its jobs cost in the old plan.
    pub before: Credits,
    /// What they cost in the new one.
    pub after: Credits,
    /// Jobs that the old plan does not have.
    pub new: JobSum,
    /// Jobs that the new plan does not have.
    pub gone: JobSum,
    /// Jobs that cost more, and how much more.
    pub dearer: JobSum,
    /// Jobs that cost less, and how much less: reused ones cost nothing.
    pub cheaper: JobSum,
    /// Jobs that cost as much.
    pub same: u64,
}

/// A job: its entry, what it is, and what it costs.
type Key<'p> = (&'p str, Fingerprint, Credits);

impl PlanDiff {
    /// Compares a plan with an older one.
    ///
    /// A job is the same when its entry's id and its inputs are, whatever its row.
    ///
    /// # Errors
    /// When the prices add up to more than can be kept.
    pub fn between(old: &Plan, new: &Plan) -> Result<Self, CreditError> {
        let (was, is) = (keys(old), keys(new));
        let (mut was, mut is) = (was.iter().peekable(), is.iter().peekable());
        let mut found: BTreeMap<&str, EntryDiff> = BTreeMap::new();
        loop {
            let order = match (was.peek(), is.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(was), Some(is)) => (was.0, was.1).cmp(&(is.0, is.1)),
            };
            let before = was.next_if(|_| order.is_le());
            let after = is.next_if(|_| order.is_ge());
            if let Some((entry, _, _)) = before.or(after) {
                let cost = |key: Option<&Key<'_>>| key.map(|(_, _, credits)| *credits);
                found
                    .entry(entry)
                    .or_default()
                    .add(cost(before), cost(after))?;
            }
        }
        let mut total = EntryDiff::default();
        for diff in found.values() {
            total.merge(diff)?;
        }
        let order = new.entries.iter().chain(&old.entries);
        let entries = order.filter_map(|entry| {
            let diff = found.remove(entry.id.as_str())?;
            Some((entry.id.clone(), diff))
        });
        Ok(Self {
            entries: entries.collect(),
            total,
        })
    }
}

impl EntryDiff {
    /// Tells whether nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.new.jobs + self.gone.jobs + self.dearer.jobs + self.cheaper.jobs == 0
    }

    fn add(&mut self, before: Option<Credits>, after: Option<Credits>) -> Result<(), CreditError> {
        let (was, is) = (before.unwrap_or_default(), after.unwrap_or_default());
        self.before = self.before.plus(was)?;
        self.after = self.after.plus(is)?;
        let (sum, credits) = match (before, after) {
            (None, _) => (&mut self.new, is),
            (_, None) => (&mut self.gone, was),
            _ if is > was => (&mut self.dearer, was.short_of(is)),
            _ if is < was => (&mut self.cheaper, is.short_of(was)),
            _ => {
                self.same += 1;
                return Ok(());
            }
        };
        sum.jobs += 1;
        sum.credits = sum.credits.plus(credits)?;
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), CreditError> {
        self.before = self.before.plus(other.before)?;
        self.after = self.after.plus(other.after)?;
        self.same += other.same;
        for (sum, more) in [
            (&mut self.new, other.new),
            (&mut self.gone, other.gone),
            (&mut self.dearer, other.dearer),
            (&mut self.cheaper, other.cheaper),
        ] {
            sum.jobs += more.jobs;
            sum.credits = sum.credits.plus(more.credits)?;
        }
        Ok(())
    }
}

/// Lists a plan's jobs so that the same jobs of two plans come in the same order.
fn keys(plan: &Plan) -> Vec<Key<'_>> {
    let mut keys: Vec<Key<'_>> = { plan.iter() }
        .map(|job| (job.entry.id.as_str(), job.fingerprint, job.credits()))
        .collect();
    keys.sort_unstable();
    keys
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{CREATE, LYRICS, plan, spec};
    use super::*;

    #[test]
    fn jobs_are_told_apart_by_what_they_are() {
        let old = plan(
            &[
                spec(("song", 0), 1, CREATE, 1, &[]),
                spec(("song", 0), 2, CREATE, 2, &[]),
                spec(("words", 1), 0, LYRICS, 3, &[]),
                spec(("old", 2), 0, CREATE, 4, &[]),
            ],
            &(),
        );
        // The rows change places, one gets a twin, and the price of lyrics falls.
        let mut new = plan(
            &[
                spec(("song", 0), 1, CREATE, 2, &[]),
                spec(("song", 0), 2, CREATE, 1, &[]),
                spec(("song", 0), 3, CREATE, 5, &[]),
                spec(("words", 1), 0, LYRICS, 3, &[]),
            ],
            &(),
        );
        new.jobs[3].price_credits = 2;
        let diff = PlanDiff::between(&old, &new).unwrap();
        let sum = |jobs, credits| JobSum {
            jobs,
            credits: Credits::new(credits),
        };
        assert_eq!(
            diff.total,
            EntryDiff {
                before: Credits::new(35),
                after: Credits::new(32),
                new: sum(1, 10),
                gone: sum(1, 10),
                dearer: sum(0, 0),
                cheaper: sum(1, 3),
                same: 2,
            }
        );
        let names: Vec<_> = diff.entries.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(names, ["song", "words", "old"]);
        let back = PlanDiff::between(&new, &old).unwrap().total;
        assert_eq!(
            (back.new, back.gone, back.dearer),
            (sum(1, 10), sum(1, 10), sum(1, 3))
        );
        let none = PlanDiff::between(&old, &old).unwrap().total;
        assert!(none.is_empty() && none.same == 4);
    }
}
