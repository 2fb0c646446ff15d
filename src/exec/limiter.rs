//! One limiter per account for requests that submit: a gate that a pause or a 429 closes for all, then the rate.
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
use tokio::sync::watch;
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
    /// Whoever holds this is next; the rest queue in order.
    turn: tokio::sync::Mutex<()>,
    gate: Mutex<Gate>,
    /// Told when the gate was set another way, so that whoever is next looks again.
    reset: watch::Sender<()>,
}

/// What a person has set and the provider's refusals have taught us.
struct Gate {
    asked: Rate,
    rate: Meter,
    /// The span between two submits at full rate.
    spacing: Duration,
    is_paused: bool,
    /// No submit before this reading of the clock.
    shut_until: Duration,
    /// No submit before this one either, since the rate was changed.
    changed_until: Duration,
    /// When the last submit was let through.
    last: Option<Duration>,
    /// Refusals since the last request that went well.
    refusals: u32,
    /// How many times slower than the rate we go; halves its excess with each request that goes well.
    slowdown: f64,
    rng: fastrand::Rng,
}

/// What the gate says to whoever is next.
enum Pass {
    Now,
    /// Ask again after this span.
    After(Duration),
    /// Ask again once the gate is set another way.
    Paused,
}

impl Gate {
    /// Returns when the next submit may pass, as far as refusals and a change of the rate have a say in it.
    fn opens(&self) -> Duration {
        let shut = self.shut_until.max(self.changed_until);
        match self.last {
            Some(last) if self.slowdown > 1.0 => {
                shut.max(last.saturating_add(self.spacing.mul_f64(self.slowdown)))
            }
            _ => shut,
        }
    }

    /// Lets a submit pass, or says when to ask again.
    fn pass(&mut self, clock: &SharedClock) -> Pass {
        if self.is_paused {
            return Pass::Paused;
        }
        let now = clock.elapsed();
        let shut = self.opens().saturating_sub(now);
        if !shut.is_zero() {
            return Pass::After(shut);
        }
        if let Err(not_until) = self.rate.check() {
            let now = LimiterClock(clock.clone()).now();
            let wait: Duration = not_until.earliest_possible().duration_since(now).into();
            return Pass::After(wait.max(Duration::from_micros(1)));
        }
        self.last = Some(now);
        Pass::Now
    }
}

/// Counts submits against a rate.
type Meter = RateLimiter<NotKeyed, InMemoryState, LimiterClock, NoOpMiddleware<Nanos>>;

/// Makes the meter of a rate, evenly spaced: a burst would be refused by a provider that counts per few seconds
/// ("1 per 3 s"), however low the average.
fn meter(clock: &SharedClock, rate: Rate) -> (Duration, Meter) {
    let spacing = (rate.per / rate.count.max(1)).max(Duration::from_nanos(1));
    let quota = Quota::with_period(spacing)
        .expect("the spacing is at least a nanosecond")
        .allow_burst(NonZeroU32::MIN);
    let meter = RateLimiter::direct_with_clock(quota, LimiterClock(clock.clone()));
    (spacing, meter)
}

/// The run is stopping: the submit must not go out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Halted;

impl Limiter {
    /// Makes a limiter that allows `rate`.
    pub(super) fn new(clock: SharedClock, rate: Rate, seed: u64) -> Self {
        let (spacing, meter) = meter(&clock, rate);
        Self {
            clock,
            turn: tokio::sync::Mutex::new(()),
            gate: Mutex::new(Gate {
                asked: rate,
                rate: meter,
                spacing,
                is_paused: false,
                shut_until: Duration::ZERO,
                changed_until: Duration::ZERO,
                last: None,
                refusals: 0,
                slowdown: 1.0,
                rng: fastrand::Rng::with_seed(seed),
            }),
            reset: watch::Sender::new(()),
        }
    }

    /// Lets nothing through, or lets submits through again. Nothing passes once this has returned from a pause.
    pub(super) fn pause(&self, is_paused: bool) {
        self.gate().is_paused = is_paused;
        self.reset.send_replace(());
    }

    /// Tells whether nothing is let through for a pause.
    pub(super) fn is_paused(&self) -> bool {
        self.gate().is_paused
    }

    /// Allows another rate from the next submit on, which keeps the new distance from the last: however often the rate is
    /// changed, no submit is won by it.
    pub(super) fn set_rate(&self, rate: Rate) {
        {
            let mut gate = self.gate();
            (gate.spacing, gate.rate) = meter(&self.clock, rate);
            gate.asked = rate;
            if let Some(last) = gate.last {
                gate.changed_until = last.saturating_add(gate.spacing);
            }
        }
        self.reset.send_replace(());
    }

    /// Returns the rate in use.
    pub(super) fn rate(&self) -> Rate {
        self.gate().asked
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
        let mut reset = self.reset.subscribe();
        loop {
            let pass = self.gate().pass(&self.clock);
            let wait = match pass {
                Pass::Now => return,
                Pass::After(span) => self.clock.sleep(span),
                Pass::Paused => Box::pin(std::future::pending()),
            };
            tokio::select! {
                biased;
                // Cannot fail: the sender lives as long as this limiter.
                _ = reset.changed() => {}
                () = wait => {}
            }
        }
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

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_whoever_waits_already() {
        let (limiter, clock) = limiter(1, 1);
        let halt = CancellationToken::new();
        limiter.ready(&halt).await.unwrap();
        let waiting = async {
            limiter.ready(&halt).await.unwrap();
            clock.elapsed()
        };
        let steering = async {
            limiter.pause(true);
            clock.sleep(Duration::from_secs(100)).await;
            limiter.pause(false);
        };
        let (passed, ()) = tokio::join!(waiting, steering);
        assert_eq!(passed.as_secs(), 100);
        limiter.pause(true);
        let stopping = async {
            clock.sleep(Duration::from_secs(5)).await;
            halt.cancel();
        };
        let (stopped, ()) = tokio::join!(limiter.ready(&halt), stopping);
        assert_eq!(stopped, Err(Halted), "a stop ends the wait");
    }

    #[tokio::test(start_paused = true)]
    async fn another_rate_counts_from_the_last_submit_and_wakes_whoever_waits() {
        let per_s = |per| Rate {
            count: 1,
            per: Duration::from_secs(per),
        };
        let (limiter, clock) = limiter(1, 3600);
        let halt = CancellationToken::new();
        limiter.ready(&halt).await.unwrap();
        for span in [10, 3600, 2] {
            let last = clock.elapsed();
            let steering = async {
                for _ in 0..5 {
                    clock.sleep(Duration::from_millis(100)).await;
                    limiter.set_rate(per_s(span));
                }
            };
            let (passed, ()) = tokio::join!(limiter.ready(&halt), steering);
            passed.unwrap();
            assert_eq!(
                (clock.elapsed() - last).as_secs(),
                span,
                "neither earlier for the change nor by the old rate"
            );
        }
        assert_eq!(limiter.rate(), per_s(2));
    }
}
