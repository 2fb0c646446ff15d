//! When so many jobs have failed that a run sends nothing new: a number of them, or a share of those settled so far.

use crate::model::{FailureLimit, JobState};

/// A share is judged once so many jobs are settled: before that one failure would be a large share.
pub const SHARE_JUDGED_FROM: u64 = 20;

/// The jobs that came to an end while this process looked on; what earlier ones saw is not counted again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    settled: u64,
    failed: u64,
}

impl Tally {
    /// Counts a job that has its result.
    pub(super) const fn succeeded(&mut self) {
        self.settled += 1;
    }

    /// Counts a job that ended without a result; one that may start again, or is in doubt, is not settled.
    pub(super) const fn ended(&mut self, state: JobState) {
        if matches!(state, JobState::Failed | JobState::Refused | JobState::Lost) {
            self.settled += 1;
            self.failed += 1;
        }
    }

    /// Tells whether a limit is reached.
    pub(super) fn reaches(self, limit: FailureLimit) -> bool {
        match limit {
            FailureLimit::Jobs(most) => self.failed >= most,
            FailureLimit::Percent(share) => {
                let (failed, settled) = (u128::from(self.failed), u128::from(self.settled));
                self.settled >= SHARE_JUDGED_FROM && failed * 100 >= settled * u128::from(share)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(succeeded: u64, failed: u64) -> Tally {
        let mut tally = Tally::default();
        (0..succeeded).for_each(|_| tally.succeeded());
        (0..failed).for_each(|_| tally.ended(JobState::Failed));
        tally
    }

    #[test]
    fn a_number_counts_at_once_and_a_share_once_enough_are_settled() {
        for (succeeded, failed, limit, reached) in [
            (0, 1, FailureLimit::Jobs(2), false),
            (0, 2, FailureLimit::Jobs(2), true),
            (0, 19, FailureLimit::Percent(10), false),
            (18, 2, FailureLimit::Percent(10), true),
            (19, 1, FailureLimit::Percent(10), false),
            (981, 19, FailureLimit::Percent(2), false),
            (980, 20, FailureLimit::Percent(2), true),
            (0, 20, FailureLimit::Percent(100), true),
            (1, 20, FailureLimit::Percent(100), false),
        ] {
            let found = tally(succeeded, failed).reaches(limit);
            assert_eq!(found, reached, "{failed} of {succeeded} more, {limit:?}");
        }
    }

    #[test]
    fn what_may_start_again_is_not_settled() {
        let mut tally = Tally::default();
        tally.ended(JobState::Released);
        tally.ended(JobState::InDoubt);
        tally.ended(JobState::Lost);
        assert_eq!((tally.settled, tally.failed), (1, 1));
    }
}
