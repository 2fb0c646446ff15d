//! When to ask for a task: by the family's habit and by how long its operation's tasks were seen to take.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::catalog::PollShape;

/// How long a task may run before its job is left for a later resume.
pub(super) const TASK_PATIENCE: Duration = Duration::from_secs(45 * 60);

/// Returns the usual span between two polls of a task (api facts, section 2).
fn habit(shape: PollShape) -> Duration {
    match shape {
        PollShape::Sonic => Duration::from_secs(20),
        PollShape::Producer | PollShape::Nuro => Duration::from_secs(7),
    }
}

/// Learns task times and schedules polls.
pub(super) struct Cadence {
    fixed: Option<Duration>,
    learned: Mutex<Learned>,
}

struct Learned {
    /// A moving average of task times, by operation.
    times: HashMap<String, Duration>,
    rng: fastrand::Rng,
}

impl Cadence {
    /// Makes a schedule; `fixed` overrides the families' habits.
    pub(super) fn new(fixed: Option<Duration>, seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            fixed,
            learned: Mutex::new(Learned {
                times: HashMap::new(),
                rng,
            }),
        }
    }

    /// Returns the wait before the next poll of a task that has run for `age`.
    pub(super) fn next(&self, operation: &str, shape: PollShape, age: Duration) -> Duration {
        let every = self.fixed.unwrap_or_else(|| habit(shape));
        let mut learned = self.lock();
        // Nothing is gained by asking long before such a task was ever done.
        let not_before = learned
            .times
            .get(operation)
            .map_or(Duration::ZERO, |time| time.mul_f64(0.8));
        let wait = every.max(not_before.saturating_sub(age));
        let spread = 0.9 + learned.rng.f64() / 5.0;
        wait.mul_f64(spread)
    }

    /// Learns how long a task took.
    pub(super) fn learn(&self, operation: &str, took: Duration) {
        let mut learned = self.lock();
        match learned.times.get_mut(operation) {
            Some(average) => *average = average.mul_f64(0.7) + took.mul_f64(0.3),
            None => {
                learned.times.insert(operation.to_owned(), took);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Learned> {
        self.learned
            .lock()
            .expect("no code panics while it holds the learned times")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_keep_the_family_habit_until_a_time_is_learned() {
        let cadence = Cadence::new(None, 3);
        let near = |wait: Duration, seconds: f64| {
            let got = wait.as_secs_f64();
            assert!(
                got >= seconds * 0.9 - 1e-6 && got <= seconds * 1.1 + 1e-6,
                "{got} for {seconds}"
            );
        };
        near(
            cadence.next("suno.create", PollShape::Sonic, Duration::ZERO),
            20.0,
        );
        near(
            cadence.next("nuro.vocal", PollShape::Nuro, Duration::ZERO),
            7.0,
        );
        cadence.learn("suno.create", Duration::from_secs(100));
        near(
            cadence.next("suno.create", PollShape::Sonic, Duration::ZERO),
            80.0,
        );
        near(
            cadence.next("suno.create", PollShape::Sonic, Duration::from_secs(75)),
            20.0,
        );
    }
}
