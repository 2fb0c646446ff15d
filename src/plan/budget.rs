//! A plan's price against what may be spent: each limit's room, the one that binds, and what is missing.

use serde::{Deserialize, Serialize};

use crate::model::{Balance, CreditError, Credits};

/// What may be spent, as far as it is known when a plan is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The account's pools; `None` when they were not asked for.
    pub balance: Option<Balance>,
    /// Credits that other runs have set aside and that are still in the balance.
    pub held: Credits,
    /// The balance is never taken below this.
    pub keep: Credits,
    /// This run may spend at most this.
    pub run_cap: Option<Credits>,
    /// The budget of the billing period.
    pub period: Option<PeriodStanding>,
    /// What the subscription brings each month.
    pub monthly_credits: Option<Credits>,
    /// Days until the subscription renews; at least 1.
    pub days_to_renewal: Option<u32>,
    /// Whether what is left of the subscription's credits is kept at the renewal, when that is known.
    pub rollover: Option<bool>,
}

/// A budget that all runs of the account share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodStanding {
    /// The budget.
    pub budget: Credits,
    /// What was charged and set aside since the period began, less refunds.
    pub used: Credits,
}

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The run's cap.
    Run,
    /// The budget of the period.
    Period,
    /// The balance less what is to be kept.
    Balance,
}

impl Limit {
    /// Returns the name used in reports and in `StopCause::Limit`: `run`, `period` or `balance`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Period => "period",
            Self::Balance => "balance",
        }
    }
}

/// One limit set against a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRoom {
    /// Which.
    pub limit: Limit,
    /// The limit itself: cap, budget, or balance.
    pub of: Credits,
    /// What can be spent below it.
    pub room: Credits,
    /// What must be added for the plan to fit: zero when it fits.
    pub short: Credits,
}

/// What is left for each day until the subscription renews, once the plan is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Days until then.
    pub days: u32,
    /// Credits above the floor, in all.
    pub left: Credits,
    /// Credits a day, rounded down.
    pub per_day: Credits,
}

/// A plan's price set against what may be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the plan costs.
    pub needed: Credits,
    /// Whether every known limit has room for it.
    pub affordable: bool,
    /// The largest shortage over all limits: adding this much to each makes the plan affordable.
    pub shortfall: Credits,
    /// Each limit there is, in the order run, period, balance.
    pub limits: Vec<LimitRoom>,
    /// The limit that is shortest, or, when none is, the one with the least room.
    pub binding: Option<Limit>,
    /// What can be spent now, if it was asked for.
    pub balance: Option<Credits>,
    /// What is left of it afterwards, when it suffices.
    pub balance_after: Option<Credits>,
    /// What is left per day until renewal, when both are known and the plan is affordable.
    pub pace: Option<Pace>,
}

impl Verdict {
    /// Returns the room of one limit, if there is such a limit.
    #[must_use]
    pub fn room(&self, limit: Limit) -> Option<&LimitRoom> {
        self.limits.iter().find(|room| room.limit == limit)
    }

    /// Returns what can be spent below every limit there is; `None` when there is none.
    #[must_use]
    pub fn room_of_all(&self) -> Option<Credits> {
        self.limits.iter().map(|limit| limit.room).min()
    }

    /// Tells whether the balance was part of the judgement.
    #[must_use]
    pub const fn knows_balance(&self) -> bool {
        self.balance.is_some()
    }
}

impl Standing {
    /// Judges whether `needed` credits may be spent.
    ///
    /// # Errors
    /// When the provider reports pools whose sum can't be kept.
    pub fn judge(&self, needed: Credits) -> Result<Verdict, CreditError> {
        let balance = match &self.balance {
            Some(balance) => Some(balance.available()?),
            None => None,
        };
        let mut limits = Vec::with_capacity(3);
        if let Some(cap) = self.run_cap {
            limits.push(room(Limit::Run, cap, Credits::ZERO, needed));
        }
        if let Some(period) = self.period {
            limits.push(room(Limit::Period, period.budget, period.used, needed));
        }
        if let Some(balance) = balance {
            let set_aside = self.keep.plus(self.held)?;
            limits.push(room(Limit::Balance, balance, set_aside, needed));
        }
        let shortfall = limits
            .iter()
            .map(|room| room.short)
            .max()
            .unwrap_or_default();
        let binding = limits
            .iter()
            .max_by_key(|room| (room.short, std::cmp::Reverse(room.room)))
            .map(|room| room.limit);
        let mut verdict = Verdict {
            needed,
            affordable: shortfall.is_zero(),
            shortfall,
            limits,
            binding,
            balance,
            balance_after: balance.and_then(|balance| balance.minus(needed).ok()),
            pace: None,
        };
        verdict.pace = self.pace(&verdict);
        Ok(verdict)
    }

    fn pace(&self, verdict: &Verdict) -> Option<Pace> {
        let days = self.days_to_renewal.filter(|days| *days > 0)?;
        if !verdict.affordable {
            return None;
        }
        let room = verdict.room(Limit::Balance)?.room;
        let left = room.minus(verdict.needed).unwrap_or(Credits::ZERO);
        Some(Pace {
            days,
            left,
            per_day: Credits::new(left.get() / u64::from(days)),
        })
    }
}

/// Sets one limit, of which `taken` is spoken for, against what is needed. Nothing needed always fits.
fn room(limit: Limit, of: Credits, taken: Credits, needed: Credits) -> LimitRoom {
    let short = if needed.is_zero() {
        Credits::ZERO
    } else {
        of.short_of(taken.plus(needed).unwrap_or(Credits::MAX))
    };
    LimitRoom {
        limit,
        of,
        room: taken.short_of(of),
        short,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credits(number: u64) -> Credits {
        Credits::new(number)
    }

    fn standing(balance: u64, keep: u64, cap: u64, budget: u64, used: u64) -> Standing {
        Standing {
            balance: Some(Balance {
                credits: credits(balance),
                extra_credits: Credits::ZERO,
            }),
            keep: credits(keep),
            run_cap: Some(credits(cap)),
            period: Some(PeriodStanding {
                budget: credits(budget),
                used: credits(used),
            }),
            ..Standing::default()
        }
    }

    #[test]
    fn the_shortest_limit_binds_and_is_named() {
        let verdict = standing(312, 50, 300, 1000, 800)
            .judge(credits(460))
            .unwrap();
        let shorts: Vec<_> = verdict
            .limits
            .iter()
            .map(|room| (room.limit, room.room.get(), room.short.get()))
            .collect();
        assert_eq!(
            shorts,
            [
                (Limit::Run, 300, 160),
                (Limit::Period, 200, 260),
                (Limit::Balance, 262, 198)
            ]
        );
        assert_eq!(verdict.binding, Some(Limit::Period));
        assert_eq!(verdict.shortfall, credits(260));
        assert!(!verdict.affordable);
        assert_eq!(verdict.balance_after, None);
    }

    #[test]
    fn nothing_to_buy_is_affordable_below_the_floor_too() {
        let verdict = standing(10, 50, 0, 100, 300).judge(Credits::ZERO).unwrap();
        assert!(verdict.affordable);
        assert_eq!(verdict.balance_after, Some(credits(10)));
    }

    #[test]
    fn without_a_balance_the_other_limits_judge() {
        let offline = Standing {
            run_cap: Some(credits(100)),
            ..Standing::default()
        };
        assert!(offline.judge(credits(100)).unwrap().affordable);
        let verdict = offline.judge(credits(101)).unwrap();
        assert_eq!(verdict.shortfall, credits(1));
        assert!(!verdict.knows_balance());
        assert!(
            Standing::default()
                .judge(Credits::MAX)
                .unwrap()
                .limits
                .is_empty()
        );
    }

    #[test]
    fn the_pace_is_what_is_left_above_the_floor_per_day() {
        let mut standing = standing(312, 50, 300, 1000, 0);
        standing.held = credits(12);
        standing.days_to_renewal = Some(12);
        let pace = standing.judge(credits(85)).unwrap().pace.unwrap();
        assert_eq!((pace.left, pace.per_day), (credits(165), credits(13)));
    }

    #[test]
    fn absurd_pools_are_an_error() {
        let mut standing = standing(1, 0, 1, 1, 0);
        standing.balance = Some(Balance {
            credits: Credits::MAX,
            extra_credits: credits(1),
        });
        assert_eq!(standing.judge(credits(1)), Err(CreditError::TooLarge));
    }

    proptest! {
        #[test]
        fn the_shortfall_is_exactly_what_must_be_added(
            balance in 0..2000_u64, keep in 0..200_u64, cap in 0..2000_u64,
            budget in 0..2000_u64, used in 0..2000_u64, needed in 0..4000_u64,
        ) {
            let judge = |more: u64| {
                standing(balance + more, keep, cap + more, budget + more, used)
                    .judge(credits(needed))
                    .unwrap()
                    .affordable
            };
            let verdict = standing(balance, keep, cap, budget, used).judge(credits(needed)).unwrap();
            let short = verdict.shortfall.get();
            prop_assert_eq!(verdict.affordable, short == 0);
            prop_assert!(judge(short));
            prop_assert!(short == 0 || !judge(short - 1));
        }
    }
}
