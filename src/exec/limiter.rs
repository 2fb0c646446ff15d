//! One limiter per account for requests that submit: a gate that a 429 closes for all, then the rate.
//!
//! Polls and downloads do not come here, so they never delay a submit.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio_util::sync::CancellationToken;

use crate::model::{Rate, SharedClock};

use super::backoff::{self, RETRY_AFTER_CAP};

/// governor's view of our clock, so that a rehearsal's rate runs on the rehearsal's time.
#[derive(Clone)]
struct LimiterClock(SharedClock);

impl GovernorClock for LimiterClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

/// Lets submits through, first come, first served.
pub(super) struct Limiter {
    clock: SharedClock,
    rate: RateLimiter<NotKeyed, InMemoryState, LimiterClock, NoOpMiddleware<Nanos>>,
    /// The span between two submits at full rate.
    spacing: Duration,
    /// Whoever holds this is next; the rest queue in order.
    turn: tokio::sync::Mutex<()>,
    gate: Mutex<Gate>,
}

/// What the provider's refusals have taught us.
struct Gate {
    /// No submit before this reading of the clock.
    shut_until: Duration,
    /// When the last submit was let through.
    last: Duration,
    /// Refusals since the last request that went well.
    refusals: u32,
    /// How many times slower than the rate we go; halves its excess with each request that goes well.
    slowdown: f64,
    rng: fastrand::Rng,
}

impl Gate {
    /// Returns when the next submit may pass, as far as refusals have a say in it.
    fn opens(&self, spacing: Duration) -> Duration {
        if self.slowdown > 1.0 {
            self.shut_until
                .max(self.last.saturating_add(spacing.mul_f64(self.slowdown)))
        } else {
            self.shut_until
        }
    }
}

/// The run is stopping: the submit must not go out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Halted;

impl Limiter {
    /// Makes a limiter that allows `rate`, evenly spaced: a burst would be refused by a provider that counts
    /// per few seconds ("1 per 3 s"), however low the average.
    pub(super) fn new(clock: SharedClock, rate: Rate, seed: u64) -> Self {
        let count = rate.count.max(1);
        let spacing = (rate.per / count).max(Duration::from_nanos(1));
        let quota = Quota::with_period(spacing)
            .expect("the spacing is at least a nanosecond")
            .allow_burst(NonZeroU32::MIN);
        Self {
            rate: RateLimiter::direct_with_clock(quota, LimiterClock(clock.clone())),
            clock,
            spacing,
            turn: tokio::sync::Mutex::new(()),
            gate: Mutex::new(Gate {
                shut_until: Duration::ZERO,
                last: Duration::ZERO,
                refusals: 0,
                slowdown: 1.0,
                rng: fastrand::Rng::with_seed(seed),
            }),
        }
    }

    /// Waits until one submit may go out.
    ///
    /// # Errors
    /// [`Halted`] when the run stops while waiting; no allowance is used then.
    pub(super) async fn ready(&self, halt: &CancellationToken) -> Result<(), Halted> {
        tokio::select! {
            biased;
            () = halt.cancelled() => Err(Halted),
            () = self.wait() => if halt.is_cancelled() { Err(Halted) } else { Ok(()) },
        }
    }

    async fn wait(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let shut = self
                .gate()
                .opens(self.spacing)
                .saturating_sub(self.clock.elapsed());
            if !shut.is_zero() {
                self.clock.sleep(shut).await;
                continue;
            }
            let Err(not_until) = self.rate.check() else {
                break;
            };
            let now = LimiterClock(self.clock.clone()).now();
            let wait: Duration = not_until.earliest_possible().duration_since(now).into();
            self.clock.sleep(wait.max(Duration::from_micros(1))).await;
        }
        self.gate().last = self.clock.elapsed();
    }

    /// Closes the gate after a refusal for rate or capacity; returns how long it stays shut.
    pub(super) fn refused(&self, retry_after: Option<Duration>) -> Duration {
        let mut gate = self.gate();
        gate.refusals = gate.refusals.saturating_add(1);
        let refusals = gate.refusals;
        let own = backoff::wait(refusals.saturating_add(1), &mut gate.rng);
        let wait = retry_after.map_or(own, |asked| asked.min(RETRY_AFTER_CAP));
        // Several requests that were on the wire together are one lesson, not several: the gate only moves later.
        gate.shut_until = gate
            .shut_until
            .max(self.clock.elapsed().saturating_add(wait));
        gate.slowdown = (gate.slowdown * 2.0).min(8.0);
        wait
    }

    /// Learns that a request went through.
    pub(super) fn accepted(&self) {
        let mut gate = self.gate();
        gate.refusals = 0;
        gate.slowdown = 1.0 + (gate.slowdown - 1.0) / 2.0;
        if gate.slowdown < 1.05 {
            gate.slowdown = 1.0;
        }
    }

    fn gate(&self) -> std::sync::MutexGuard<'_, Gate> {
        self.gate
            .lock()
            .expect("no code panics while it holds the gate")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use crate::model::SystemClock;

    use super::*;

    fn limiter(count: u32, per_s: u64) -> (Arc<Limiter>, SharedClock) {
        let clock: SharedClock = Arc::new(SystemClock::new(Timestamp::UNIX_EPOCH, 1.0));
        let rate = Rate {
            count,
            per: Duration::from_secs(per_s),
        };
        (Arc::new(Limiter::new(clock.clone(), rate, 7)), clock)
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_holds_more_than_the_rate_and_the_rate_is_used() {
        let (limiter, clock) = limiter(20, 60);
        let halt = CancellationToken::new();
        let mut times = Vec::new();
        for _ in 0..100 {
            limiter.ready(&halt).await.unwrap();
            times.push(clock.elapsed());
        }
        for window in times.windows(21) {
            assert!(
                window[20] - window[0] >= Duration::from_secs(60),
                "{window:?}"
            );
        }
        let span = times[99] - times[0];
        assert!(
            span <= Duration::from_secs(299),
            "99 submits took {span:?}, 297 s would do"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_shuts_the_gate_for_all_and_reopens_slowly() {
        let (limiter, clock) = limiter(1, 1);
        let halt = CancellationToken::new();
        limiter.ready(&halt).await.unwrap();
        let wait = limiter.refused(Some(Duration::from_secs(40)));
        assert_eq!(wait, Duration::from_secs(40));
        limiter.ready(&halt).await.unwrap();
        let first = clock.elapsed();
        assert!(first >= Duration::from_secs(40));
        limiter.ready(&halt).await.unwrap();
        assert!(
            clock.elapsed() - first >= Duration::from_secs(2),
            "half speed at first"
        );
        (0..8).for_each(|_| limiter.accepted());
        let before = clock.elapsed();
        limiter.ready(&halt).await.unwrap();
        assert!(
            clock.elapsed() - before <= Duration::from_millis(1002),
            "full speed again"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_absurd_retry_after_is_capped() {
        let (limiter, _) = limiter(1, 1);
        assert_eq!(
            limiter.refused(Some(Duration::from_secs(86_400))),
            RETRY_AFTER_CAP
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_halt_wins_over_a_ready_turn() {
        let (limiter, _) = limiter(1, 1);
        let halt = CancellationToken::new();
        halt.cancel();
        assert_eq!(limiter.ready(&halt).await, Err(Halted));
    }
}
