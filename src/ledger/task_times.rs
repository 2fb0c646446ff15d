//! How long jobs took lately, by operation: from the request that was sent to the files that were saved.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

/// Runs that are looked at, the latest first.
pub(super) const RUNS: u8 = 5;

/// Jobs of one run that are looked at: enough for a median, and few enough to be read at every plan.
pub(super) const JOBS_PER_RUN: u16 = 300;

/// What was seen of jobs; the medians are asked for in the end.
#[derive(Default)]
pub(super) struct TaskTimes {
    spans: HashMap<String, Vec<Duration>>,
}

impl TaskTimes {
    /// Notes a saved job.
    pub(super) fn note(&mut self, operation: &str, submitted_at: Timestamp, saved_at: Timestamp) {
        // A clock that was set back in between tells nothing.
        let Ok(span) = Duration::try_from(saved_at.duration_since(submitted_at)) else {
            return;
        };
        match self.spans.get_mut(operation) {
            Some(spans) => spans.push(span),
            None => drop(self.spans.insert(operation.to_owned(), vec![span])),
        }
    }

    /// Returns the median of each operation: one job that waited for a resume all night does not move it.
    pub(super) fn medians(self) -> HashMap<String, Duration> {
        let median = |(operation, mut spans): (String, Vec<Duration>)| {
            let middle = (spans.len() - 1) / 2;
            let (_, median, _) = spans.select_nth_unstable(middle);
            (operation, *median)
        };
        self.spans.into_iter().map(median).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_moved_neither_by_an_outlier_nor_by_a_clock_set_back() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let mut times = TaskTimes::default();
        for (submitted, saved) in [(0, 31), (5, 9_000), (10, 42), (20, 10), (30, 60)] {
            times.note("producer.create", at(submitted), at(saved));
        }
        times.note("suno.create", at(0), at(150));
        let medians = times.medians();
        assert_eq!(medians["producer.create"], Duration::from_secs(31));
        assert_eq!(medians["suno.create"], Duration::from_secs(150));
        assert_eq!(medians.len(), 2);
        assert!(TaskTimes::default().medians().is_empty());
    }
}
