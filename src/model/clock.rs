//! Time as a value that is handed in, so that a rehearsal can run fast and a test can stand still.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// Returns the time of day, for records and reports.
    fn now(&self) -> Timestamp;

    /// Returns how long the clock has been running; never goes backwards.
    fn elapsed(&self) -> Duration;

    /// Waits for a span of this clock's own time.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// A clock that many tasks share.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock, or one that starts now and runs `speed` times as fast.
///
/// Waits go through tokio's timer, so under a paused runtime this clock stands still too.
#[derive(Debug)]
pub struct SystemClock {
    started_at: Timestamp,
    started: tokio::time::Instant,
    speed: f64,
}

impl SystemClock {
    /// Starts a clock at `started_at` that runs at `speed`; 1 is real time.
    ///
    /// # Panics
    /// When `speed` is not a positive, finite number.
    #[must_use]
    pub fn new(started_at: Timestamp, speed: f64) -> Self {
        assert!(
            speed.is_finite() && speed > 0.0,
            "a clock's speed is positive"
        );
        Self {
            started_at,
            started: tokio::time::Instant::now(),
            speed,
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed =
            jiff::SignedDuration::try_from(self.elapsed()).unwrap_or(jiff::SignedDuration::MAX);
        self.started_at
            .saturating_add(passed)
            .unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        Duration::try_from_secs_f64(self.started.elapsed().as_secs_f64() * self.speed)
            .unwrap_or(Duration::MAX)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let real = Duration::try_from_secs_f64(span.as_secs_f64() / self.speed)
            .unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        Box::pin(tokio::time::sleep(real))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fast_clock_waits_less_and_tells_more() {
        let clock = SystemClock::new(Timestamp::UNIX_EPOCH, 60.0);
        let before = tokio::time::Instant::now();
        clock.sleep(Duration::from_secs(120)).await;
        assert_eq!(before.elapsed().as_secs(), 2);
        assert_eq!(clock.now().as_second(), 120);
    }
}
