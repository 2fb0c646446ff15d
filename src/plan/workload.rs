//! How long a plan may take: a bound from rate, concurrency and typical task times, not a promise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::{Kind, Operation, PollShape};
use crate::model::{Ordinal, Rate};

/// Seconds a task typically takes, by the shape it is polled in (api facts, section 2: Suno two to three
/// minutes, Producer 20 to 80 s, Nuro 37 to 69 s), and 2 s for an answer that comes at once.
pub(super) fn typical_seconds(operation: &Operation) -> u32 {
    match operation.kind {
        Kind::Sync | Kind::Status(_) => 2,
        Kind::Task(PollShape::Sonic) => 150,
        Kind::Task(PollShape::Producer) => 30,
        Kind::Task(PollShape::Nuro) => 45,
    }
}

/// Rounds a span up to whole seconds: an estimate that is cut off would be too low.
pub(super) fn seconds_up(span: Duration) -> u32 {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// The work in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Requests that submit.
    pub submits: u64,
    /// Typical task times of all of them together, in seconds.
    pub work_s: u64,
    /// Requests of operations whose time is known from runs before.
    pub learned: u64,
    /// The longest chain of jobs that wait for each other, in seconds.
    pub longest_chain_s: u64,
}

impl Workload {
    /// Returns how long the work may take when nothing fails.
    ///
    /// That is the tighter of rate and concurrency, plus the longest chain: no schedule that keeps its slots
    /// filled takes longer, so the figure errs to the high side.
    #[must_use]
    pub fn estimate(&self, rate: Rate, concurrency: u32) -> Duration {
        let seconds = |count: u64| Duration::from_secs(count);
        let per_submit_ns = rate.per.as_nanos() / u128::from(rate.count.max(1));
        let by_rate_ns = per_submit_ns.saturating_mul(u128::from(self.submits));
        let by_rate = Duration::from_nanos(u64::try_from(by_rate_ns).unwrap_or(u64::MAX));
        let by_slots = seconds(self.work_s.div_ceil(u64::from(concurrency.max(1))));
        by_rate
            .max(by_slots)
            .saturating_add(seconds(self.longest_chain_s))
    }
}

/// When each job ends at the earliest, kept only once some job needs another.
#[derive(Debug, Default)]
pub(super) struct Chains {
    ends_s: Option<Vec<u32>>,
    longest_s: u32,
}

impl Chains {
    /// Adds the next job: it starts when the jobs at `needs` have ended.
    ///
    /// `earlier` gives the own time of each job before it, for the first time that it matters.
    pub(super) fn add(
        &mut self,
        own_s: u32,
        needs: &[Ordinal],
        earlier: impl FnOnce() -> Vec<u32>,
    ) {
        if own_s > 0 && !needs.is_empty() && self.ends_s.is_none() {
            self.ends_s = Some(earlier());
        }
        let mut end_s = own_s;
        if let Some(ends_s) = &mut self.ends_s {
            let ends = needs.iter().map(|need| ends_s[need.index()]);
            let start_s = ends.max().unwrap_or(0);
            end_s = start_s.saturating_add(own_s);
            ends_s.push(end_s);
        }
        self.longest_s = self.longest_s.max(end_s);
    }

    /// Returns the longest chain, in seconds.
    pub(super) fn longest_s(&self) -> u64 {
        self.longest_s.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWENTY_A_MINUTE: Rate = Rate {
        count: 20,
        per: Duration::from_secs(60),
    };

    #[test]
    fn the_tighter_of_rate_and_slots_counts_and_the_chain_comes_on_top() {
        let mut load = Workload {
            submits: 100,
            work_s: 100 * 30,
            learned: 0,
            longest_chain_s: 30,
        };
        assert_eq!(load.estimate(TWENTY_A_MINUTE, 10).as_secs(), 300 + 30);
        load.work_s = 100 * 150;
        assert_eq!(load.estimate(TWENTY_A_MINUTE, 10).as_secs(), 1500 + 30);
        assert_eq!(
            Workload::default().estimate(TWENTY_A_MINUTE, 10),
            Duration::ZERO
        );
    }

    #[test]
    fn a_chain_is_as_long_as_its_jobs_together() {
        let mut chains = Chains::default();
        chains.add(2, &[], Vec::new);
        chains.add(150, &[], Vec::new);
        assert_eq!(chains.longest_s(), 150);
        chains.add(30, &[Ordinal(0), Ordinal(1)], || vec![2, 150]);
        chains.add(45, &[Ordinal(0)], || panic!("asked for once only"));
        assert_eq!(chains.longest_s(), 180);
    }
}
