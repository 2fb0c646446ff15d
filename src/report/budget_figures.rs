//! The arithmetic of `setlist budget`: what is left, at what pace it goes, and when it would run out. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::model::Credits;

/// A pace is worked out over at least this long: an hour after renewal says little about a month.
const PACE_OVER_S: i64 = 86_400;

/// A limit with what is spoken for below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pot {
    /// The limit.
    pub(super) of: Credits,
    /// What is left below it, once all that is held is charged.
    pub(super) left: Credits,
}

impl Pot {
    pub(super) fn new(of: Credits, used: Credits, held: Credits) -> Self {
        let spoken_for = used.plus(held).unwrap_or(Credits::MAX);
        Self {
            of,
            left: spoken_for.short_of(of),
        }
    }
}

/// Tenths of a credit, for figures per day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tenths(pub(super) u64);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// How fast credits went since a period began, and how fast they may go until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tempo {
    used: Credits,
    elapsed_s: i64,
    remaining_s: i64,
}

impl Tempo {
    /// Compares `now` with the period it lies in.
    pub(super) fn new(used: Credits, start: Timestamp, now: Timestamp, end: Timestamp) -> Self {
        Self {
            used,
            elapsed_s: now.duration_since(start).as_secs().max(PACE_OVER_S),
            remaining_s: end.duration_since(now).as_secs().max(0),
        }
    }

    /// Returns the days until the period ends, begun ones too; at least 1.
    pub(super) fn days_left(self) -> u64 {
        let days = self.remaining_s.unsigned_abs().div_ceil(86_400);
        days.max(1)
    }

    /// Returns what was used a day.
    pub(super) fn used_per_day(self) -> Tenths {
        per_day(self.used, self.elapsed_s)
    }

    /// Returns what of `left` can be used a day until the period ends.
    pub(super) fn left_per_day(self, left: Credits) -> Tenths {
        Tenths(left.get().saturating_mul(10) / self.days_left())
    }

    /// Returns when `left` is used up at this pace; never, when nothing was used.
    pub(super) fn runs_out(self, left: Credits, now: Timestamp) -> Option<Timestamp> {
        let used = u128::from(self.used.get());
        let elapsed = u128::from(self.elapsed_s.unsigned_abs());
        let seconds = (u128::from(left.get()) * elapsed).checked_div(used)?;
        let span = SignedDuration::from_secs(i64::try_from(seconds).ok()?);
        now.checked_add(span).ok()
    }
}

fn per_day(credits: Credits, over_s: i64) -> Tenths {
    let tenths = u128::from(credits.get()) * 10 * 86_400;
    let over = u128::from(over_s.unsigned_abs().max(1));
    Tenths(u64::try_from(tenths / over).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn c(credits: u64) -> Credits {
        Credits::new(credits)
    }

    fn tempo(used: u64, now: &str) -> Tempo {
        let at = |text: &str| text.parse().unwrap();
        Tempo::new(
            c(used),
            at("2026-11-01T00:00:00Z"),
            at(now),
            at("2026-12-01T00:00:00Z"),
        )
    }

    #[test]
    fn a_pace_tells_when_credits_run_out() {
        let now = "2026-11-11T00:00:00Z";
        let tempo = tempo(150, now);
        assert_eq!(tempo.used_per_day(), Tenths(150));
        assert_eq!(tempo.days_left(), 20);
        assert_eq!(tempo.left_per_day(c(250)), Tenths(125));
        let runs_out = tempo.runs_out(c(300), now.parse().unwrap()).unwrap();
        assert_eq!(runs_out.to_string(), "2026-12-01T00:00:00Z");
    }

    #[test]
    fn nothing_used_never_runs_out_and_the_first_day_counts_whole() {
        let now = "2026-11-01T01:00:00Z";
        assert_eq!(tempo(0, now).runs_out(c(5), now.parse().unwrap()), None);
        assert_eq!(tempo(24, now).used_per_day(), Tenths(240));
        assert_eq!(tempo(24, now).days_left(), 30);
        assert_eq!(tempo(24, "2026-11-30T23:59:59Z").days_left(), 1);
    }

    #[test]
    fn figures_at_the_edge_do_not_break() {
        let now = "2026-11-11T00:00:00Z";
        let tempo = tempo(1, now);
        assert_eq!(tempo.runs_out(Credits::MAX, now.parse().unwrap()), None);
        assert_eq!(Pot::new(c(10), Credits::MAX, Credits::MAX).left, c(0));
        assert_eq!(Pot::new(c(10), c(3), c(2)).left, c(5));
    }
}
