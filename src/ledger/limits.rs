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
    /// What the provider answered.
    pub balance: Credits,
    /// The account's sum of charges before the question was sent.
    pub mark: Credits,
}

/// What is left below each limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    run: Option<Credits>,
    period: Option<Credits>,
    balance: Credits,
}

impl Room {
    /// Works out what is left; a limit that is exceeded leaves nothing.
    pub(super) fn new(limits: &SpendLimits, figures: &Figures) -> Result<Self, CreditError> {
        let period_used = figures.period_settled.plus(figures.account_held)?;
        let balance = match figures.reading {
            // Without a reading nothing that costs can be known to fit.
            None => Credits::ZERO,
            Some(Reading { balance, mark }) => {
                let since_mark = figures.account_charged.minus(mark)?;
                Credits::sum([limits.keep, since_mark, figures.account_held])?.short_of(balance)
            }
        };
        Ok(Self {
            run: limits.run.map(|cap| figures.run_used.short_of(cap)),
            period: limits.period.map(|cap| period_used.short_of(cap)),
            balance,
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
}
