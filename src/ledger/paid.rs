//! What an account has paid for, packed and sorted: a plan of a million jobs asks it a million times.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::model::{Fingerprint, JobId, JobState, Ordinal, PaidJob, PaidJobs, PaidState, RunId};

use super::task_times::TaskTimes;

/// One purchase. `run` is a place in the index's list of runs, later runs further on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Purchase {
    pub fingerprint: Fingerprint,
    pub run: u32,
    pub ordinal: Ordinal,
    pub is_usable: bool,
}

/// Tells what a job in this state means for a plan that wants the same thing.
pub(super) const fn paid_state(state: JobState) -> Option<PaidState> {
    match state {
        JobState::Succeeded | JobState::Saved => Some(PaidState::Usable),
        JobState::Sent | JobState::Accepted | JobState::InDoubt => Some(PaidState::Unsettled),
        _ => None,
    }
}

/// Finds a job's name; names are read only for what is found.
pub(super) type FindName = Box<dyn Fn(&RunId, Ordinal) -> Option<JobId> + Send>;

/// The index.
pub(super) struct PaidIndex {
    purchases: Vec<Purchase>,
    runs: Vec<RunId>,
    find_name: FindName,
    took: HashMap<String, Duration>,
}

impl PaidIndex {
    /// Sorts the purchases, and keeps of each thing the latest usable one, else the latest.
    pub(super) fn new(
        mut purchases: Vec<Purchase>,
        runs: Vec<RunId>,
        took: TaskTimes,
        find_name: FindName,
    ) -> Self {
        purchases.sort_unstable_by_key(|bought| {
            (
                bought.fingerprint,
                Reverse((bought.is_usable, bought.run, Reverse(bought.ordinal))),
            )
        });
        purchases.dedup_by_key(|bought| bought.fingerprint);
        purchases.shrink_to_fit();
        Self {
            purchases,
            runs,
            find_name,
            took: took.medians(),
        }
    }
}

impl PaidJobs for PaidIndex {
    fn is_empty(&self) -> bool {
        self.purchases.is_empty()
    }

    fn took(&self, operation: &str) -> Option<Duration> {
        self.took.get(operation).copied()
    }

    fn find(&self, fingerprint: &Fingerprint) -> Option<PaidJob> {
        let at = self
            .purchases
            .binary_search_by_key(fingerprint, |bought| bought.fingerprint)
            .ok()?;
        let bought = self.purchases[at];
        let run = self.runs[bought.run as usize].clone();
        // A purchase stays one though its name can't be read just now: buying it again would be worse.
        let job = (self.find_name)(&run, bought.ordinal)
            .unwrap_or_else(|| JobId::new(format!("job {}", bought.ordinal)));
        Some(PaidJob {
            run,
            job,
            ordinal: bought.ordinal,
            state: if bought.is_usable {
                PaidState::Usable
            } else {
                PaidState::Unsettled
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_usable_purchase_is_found_before_any_unsettled_one() {
        let print = |n| Fingerprint([n; 16]);
        let bought = |n, run, ordinal, is_usable| Purchase {
            fingerprint: print(n),
            run,
            ordinal: Ordinal(ordinal),
            is_usable,
        };
        let index = PaidIndex::new(
            vec![
                bought(1, 0, 7, true),
                bought(1, 2, 3, false),
                bought(1, 1, 5, true),
                bought(2, 0, 1, false),
                bought(2, 2, 9, false),
            ],
            ["a", "b", "c"].map(RunId::new).to_vec(),
            TaskTimes::default(),
            Box::new(|run, ordinal| {
                (run.as_str() == "b").then(|| JobId::new(format!("song{ordinal}")))
            }),
        );
        let found = index.find(&print(1)).unwrap();
        assert_eq!(
            (found.run.as_str(), found.job.as_str(), found.state),
            ("b", "song5", PaidState::Usable)
        );
        let found = index.find(&print(2)).unwrap();
        assert_eq!(
            (found.run.as_str(), found.job.as_str(), found.state),
            ("c", "job 9", PaidState::Unsettled)
        );
        assert_eq!(index.find(&print(3)), None);
    }
}
