//! A clock on which no two sleepers wake at the same instant.
//!
//! Whatever wakes has the whole instant to itself, and time stands still until it has done all it can: so what happens
//! when is decided by the seed alone, though files are written by another thread.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use setlist::model::Clock;
use tokio::time::Instant;

/// When every simulation begins.
pub fn epoch() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

pub struct LoneClock {
    started: Instant,
    taken: Mutex<BTreeSet<u64>>,
}

impl LoneClock {
    /// Makes a clock; its runtime's time is paused.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            taken: Mutex::default(),
        }
    }

    /// Returns the milliseconds since the beginning.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// Takes the first free instant that is no earlier than `span` from now.
    fn take(&self, span: Duration) -> u64 {
        let now = self.millis();
        let mut wanted = now + u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap();
        wanted = wanted.max(now + 1);
        let mut taken = self.taken.lock().unwrap();
        *taken = taken.split_off(&now);
        while !taken.insert(wanted) {
            wanted += 1;
        }
        wanted
    }
}

impl Clock for LoneClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.elapsed()).unwrap();
        epoch().saturating_add(passed).unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let until = self.started + Duration::from_millis(self.take(span));
        Box::pin(tokio::time::sleep_until(until))
    }
}
