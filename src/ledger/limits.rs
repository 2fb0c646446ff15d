//! How much may still be held: the three limits as pure arithmetic, and the choice of jobs that fit.
//!
//! # Why a balance that was read once can be trusted later
//!
//! A reading is a pair: the balance `B` that the provider answered with, and the mark `M`, the account's sum of
//! charges as the ledger had it *before* the question was sent. With `C` the sum of charges now and `H` all holds of
//! the account now, the provider's balance is at least `B − (C − M) − H`, because every request of ours is in
//! one of three places:
//!
//! - its charge was recorded before the mark: the provider had charged it before it was asked, so `B` shows it;
//! - its charge was recorded after the mark: `B` may or may not show it, and `C − M` subtracts it in any case;
//! - it is not settled (held, sent, in doubt): whether or not `B` shows it, `H` subtracts it.
//!
//! A charge that is subtracted though `B` shows it already makes the bound lower than need be, never higher.
//! Refunds are not added back, not even those recorded after the reading: the provider may have refunded before it
//! answered, and the ledger learns of it by a later poll; adding it would count it twice. The next reading shows it.
//! Of two readings the one with the later mark counts.
//!
//! # Why a reading that shows more than the one before is not believed at once
//!
//! All this holds for a balance that is up to date. One that lags shows what there was before the charges of a moment
//! ago, so a reading above what the one before leaves is believed only as far as those charges can't be what it
//! lacks: more than they make up for must have been bought or given back. Once they are old
//! enough, another reading shows all.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{CreditError, Credits, Ordinal, SpendLimits};

use super::command::{LimitKind, Shortage};

/// The figures that limits are compared with, all read in one transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Charged − refunded + held by this run.
    pub run_used: Credits,
    /// Charged − refunded since the period began, by all runs of the account.
    pub period_settled: Credits,
    /// Held by all runs of the account.
    pub account_held: Credits,
    /// All charges of the account, ever.
    pub account_charged: Credits,
    /// The latest reading of the balance.
    pub reading: Option<Reading>,
}

/// A reading of the balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// What the provider answered, as far as it is believed.
    pub balance: Credits,
    /// The account's sum of charges before the question was sent.
    pub mark: Credits,
    /// What it showed beyond that.
    pub unsure: Option<Unsure>,
}

/// Credits that a reading shows and that may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsure {
    /// How many.
    pub credits: Credits,
    /// From when on another reading tells.
    pub until: Timestamp,
}

/// What was charged of late and not given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RecentCharges {
    /// Their sum.
    pub credits: Credits,
    /// When the last of the requests was sent.
    pub last: Option<Timestamp>,
}

impl RecentCharges {
    /// Returns the time after which what was sent may be missing from a balance that may lag and is asked for now.
    pub(super) fn since(now: Timestamp, lag: Duration) -> Timestamp {
        now.checked_sub(lag).unwrap_or(Timestamp::MIN)
    }

    /// Counts a job in.
    pub(super) fn add(
        &mut self,
        sent: Timestamp,
        charged: Credits,
        refunded: Credits,
    ) -> Result<(), CreditError> {
        let credits = refunded.short_of(charged);
        if !credits.is_zero() {
            self.credits = self.credits.plus(credits)?;
            self.last = self.last.max(Some(sent));
        }
        Ok(())
    }
}

impl Reading {
    /// Takes off what it shows above an earlier one, as far as that may be for lack of recent charges.
    ///
    /// What was charged of late is asked for only if it matters.
    pub(super) fn beside<E: From<CreditError>>(
        self,
        known: Self,
        lag: Duration,
        recent: impl FnOnce() -> Result<RecentCharges, E>,
    ) -> Result<Self, E> {
        let left = self.mark.minus(known.mark)?.short_of(known.balance);
        let rise = left.short_of(self.balance);
        if rise.is_zero() {
            return Ok(self);
        }
        let recent = recent()?;
        let unsure = rise.min(recent.credits);
        let until = recent.last.and_then(|last| last.checked_add(lag).ok());
        Ok(Self {
            balance: self.balance.minus(unsure)?,
            unsure: until.map(|until| Unsure {
                credits: unsure,
                until,
            }),
            ..self
        })
    }
}

/// What is left below each limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    run: Option<Credits>,
    period: Option<Credits>,
    balance: Credits,
    unsure: Option<Unsure>,
}

impl Room {
    /// Works out what is left; a limit that is exceeded leaves nothing.
    pub(super) fn new(limits: &SpendLimits, figures: &Figures) -> Result<Self, CreditError> {
        let period_used = figures.period_settled.plus(figures.account_held)?;
        let balance = match figures.reading {
            // Without a reading nothing that costs can be known to fit.
            None => Credits::ZERO,
            Some(Reading { balance, mark, .. }) => {
                let since_mark = figures.account_charged.minus(mark)?;
                Credits::sum([limits.keep, since_mark, figures.account_held])?.short_of(balance)
            }
        };
        Ok(Self {
            run: limits.run.map(|cap| figures.run_used.short_of(cap)),
            period: limits.period.map(|cap| period_used.short_of(cap)),
            balance,
            unsure: figures.reading.and_then(|reading| reading.unsure),
        })
    }

    /// Returns the limit with the least room, and the room.
    pub(super) fn tightest(&self) -> (LimitKind, Credits) {
        let mut tightest = (LimitKind::Balance, self.balance);
        for (kind, left) in [(LimitKind::Period, self.period), (LimitKind::Run, self.run)] {
            match left {
                Some(left) if left <= tightest.1 => tightest = (kind, left),
                _ => {}
            }
        }
        tightest
    }

    /// Returns from when on another reading of the balance may show that what is short is there.
    pub(super) fn sure_from(&self, short: &Shortage) -> Option<Timestamp> {
        let unsure = self.unsure.filter(|_| short.limit == LimitKind::Balance)?;
        let left = short.left.plus(unsure.credits).ok()?;
        (left >= short.needed).then_some(unsure.until)
    }

    fn take(&mut self, cost: Credits) -> bool {
        let less = |left: Credits| left.minus(cost).ok();
        let Some(balance) = less(self.balance) else {
            return cost.is_zero();
        };
        let (run, period) = (self.run.map(less), self.period.map(less));
        if run == Some(None) || period == Some(None) {
            return false;
        }
        *self = Self {
            run: run.flatten(),
            period: period.flatten(),
            balance,
            ..*self
        };
        true
    }
}

/// A job that may start, as far as the choice is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Jobs with a higher number come first.
    pub priority: i32,
    /// Its place.
    pub ordinal: Ordinal,
    /// What it sets aside.
    pub cost: Credits,
}

/// Picks up to `want` jobs by priority, then place; one that does not fit makes way for cheaper ones that do.
///
/// As room only shrinks, a job passed over never fits later: none is refused that fitted.
pub(super) fn choose(
    mut candidates: Vec<Candidate>,
    want: usize,
    room: &mut Room,
) -> Vec<Candidate> {
    candidates.sort_unstable_by_key(|job| (std::cmp::Reverse(job.priority), job.ordinal));
    candidates
        .into_iter()
        .filter(|job| room.take(job.cost))
        .take(want)
        .collect()
}

/// Picks up to `want` jobs by priority, then place, up to the first that does not fit; returns that one's cost too.
pub(super) fn choose_in_order(
    mut candidates: Vec<Candidate>,
    want: usize,
    room: &mut Room,
) -> (Vec<Candidate>, Option<Credits>) {
    candidates.sort_unstable_by_key(|job| (std::cmp::Reverse(job.priority), job.ordinal));
    let mut chosen = Vec::new();
    for job in candidates {
        if chosen.len() == want {
            break;
        }
        if !room.take(job.cost) {
            return (chosen, Some(job.cost));
        }
        chosen.push(job);
    }
    (chosen, None)
}

/// Says which limit is short, when a job still waits that could start but for its cost.
pub(super) fn shortage(room: &Room, cheapest: Option<Credits>) -> Option<Shortage> {
    let needed = cheapest?;
    let (limit, left) = room.tightest();
    (needed > left).then_some(Shortage {
        limit,
        left,
        needed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn c(n: u64) -> Credits {
        Credits::new(n)
    }

    fn room(run: Option<u64>, period: Option<u64>, balance: u64) -> Room {
        Room {
            run: run.map(c),
            period: period.map(c),
            balance: c(balance),
            unsure: None,
        }
    }

    #[test]
    fn charges_after_the_mark_and_all_holds_count_against_the_reading() {
        let figures = Figures {
            run_used: c(30),
            period_settled: c(70),
            account_held: c(25),
            account_charged: c(500),
            reading: Some(Reading {
                balance: c(200),
                mark: c(480),
                unsure: None,
            }),
        };
        let limits = SpendLimits {
            run: Some(c(100)),
            period: Some(c(120)),
            period_start: None,
            month: None,
            keep: c(50),
        };
        assert_eq!(
            Room::new(&limits, &figures),
            Ok(room(Some(70), Some(25), 105))
        );
        let unread = Figures {
            reading: None,
            ..figures
        };
        let left = Room::new(&limits, &unread).unwrap();
        assert_eq!(left.tightest(), (LimitKind::Balance, Credits::ZERO));
    }

    #[test]
    fn a_mark_that_no_charge_explains_is_an_error() {
        let figures = Figures {
            reading: Some(Reading {
                balance: c(10),
                mark: c(1),
                unsure: None,
            }),
            ..Figures::default()
        };
        assert!(Room::new(&SpendLimits::default(), &figures).is_err());
    }

    #[test]
    fn what_does_not_fit_makes_way_for_what_does() {
        let job = |priority, ordinal, cost| Candidate {
            priority,
            ordinal: Ordinal(ordinal),
            cost: c(cost),
        };
        let jobs = vec![job(0, 0, 5), job(9, 1, 50), job(5, 2, 20), job(0, 3, 0)];
        let mut left = room(Some(25), None, 1_000);
        let taken: Vec<u32> = choose(jobs.clone(), 10, &mut left)
            .iter()
            .map(|job| job.ordinal.0)
            .collect();
        assert_eq!(taken, [2, 0, 3]);
        assert_eq!(left, room(Some(0), None, 975));
        assert_eq!(
            shortage(&left, Some(c(50))),
            Some(Shortage {
                limit: LimitKind::Run,
                left: c(0),
                needed: c(50)
            })
        );
        assert_eq!(shortage(&left, None), None);
        assert_eq!(choose(jobs, 1, &mut room(None, None, 1_000)).len(), 1);
    }

    #[test]
    fn in_order_nothing_overtakes_what_does_not_fit() {
        let job = |priority, ordinal, cost| Candidate {
            priority,
            ordinal: Ordinal(ordinal),
            cost: c(cost),
        };
        let jobs = vec![job(0, 0, 5), job(9, 1, 10), job(5, 2, 20), job(0, 3, 0)];
        let mut left = room(Some(25), None, 1_000);
        let (taken, blocked) = choose_in_order(jobs.clone(), 10, &mut left);
        let taken: Vec<u32> = taken.iter().map(|job| job.ordinal.0).collect();
        assert_eq!((taken, blocked), (vec![1], Some(c(20))));
        assert_eq!(left, room(Some(15), None, 990));
        let (taken, blocked) = choose_in_order(jobs, 1, &mut room(Some(25), None, 1_000));
        assert_eq!((taken.len(), blocked), (1, None));
    }

    #[test]
    fn free_jobs_fit_though_nothing_is_left() {
        let free = Candidate {
            priority: 0,
            ordinal: Ordinal(0),
            cost: Credits::ZERO,
        };
        assert_eq!(
            choose(vec![free], 1, &mut room(Some(0), Some(0), 0)).len(),
            1
        );
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0).unwrap()
    }

    fn read(balance: u64, mark: u64) -> Reading {
        Reading {
            balance: c(balance),
            mark: c(mark),
            unsure: None,
        }
    }

    #[test]
    fn a_reading_that_may_lag_is_believed_as_far_as_it_can_not() {
        for (left, shown, recent, believed) in [
            // Less or the same: somebody else spends, or all is well.
            (70, 60, 30, 60),
            (70, 70, 30, 70),
            // What was charged of late is not in it, or was given back.
            (70, 100, 30, 70),
            (70, 85, 30, 70),
            // More than that was bought, the rest may lag.
            (70, 500, 30, 470),
            (70, 500, 0, 500),
        ] {
            let recent = RecentCharges {
                credits: c(recent),
                last: Some(at(300)),
            };
            let known = read(left + 10, 0);
            let taken = read(shown, 10).beside(known, Duration::from_secs(120), || {
                Ok::<_, CreditError>(recent)
            });
            let taken = taken.unwrap();
            assert_eq!(taken.balance, c(believed), "{left} {shown} {recent:?}");
            let unsure = taken.unsure.filter(|unsure| !unsure.credits.is_zero());
            let doubted = (believed < shown).then(|| Unsure {
                credits: c(shown - believed),
                until: at(420),
            });
            assert_eq!(unsure, doubted);
        }
    }

    #[test]
    fn what_is_unsure_is_worth_waiting_for_only_if_it_would_do() {
        let mut short = room(None, None, 5);
        short.unsure = Some(Unsure {
            credits: c(10),
            until: at(420),
        });
        let sure = |needed, room: &Room| {
            let short = shortage(room, Some(c(needed))).unwrap();
            room.sure_from(&short)
        };
        assert_eq!(sure(15, &short), Some(at(420)));
        assert_eq!(sure(16, &short), None);
        short.run = Some(c(4));
        assert_eq!(sure(15, &short), None, "the run's cap is what is short");
    }
}
