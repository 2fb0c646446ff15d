//! A plan over time: what a batch that runs again and again takes of a month, and what expires at the renewal.

use serde::Serialize;

use crate::model::{CreditError, Credits};

use super::budget::{Limit, Standing, Verdict};
use super::planned::Plan;

/// A plan that is run several times a month, each time for what it costs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Monthly {
    /// Runs in a month.
    pub runs: u32,
    /// What they cost together.
    pub credits: Credits,
    /// What the subscription brings each month.
    pub monthly_credits: Option<Credits>,
    /// What is missing for that; zero when it suffices.
    pub short: Credits,
    /// How many of the runs it pays for.
    pub paid_runs: Option<u64>,
}

impl Monthly {
    /// Counts a plan's cost so many times.
    ///
    /// # Errors
    /// When the sum can't be kept.
    pub fn of(plan: &Plan, standing: &Standing, runs: u32) -> Result<Self, CreditError> {
        let credits = plan.total().times(runs.into())?;
        let monthly = standing.monthly_credits;
        let each = plan.total().get();
        Ok(Self {
            runs,
            credits,
            monthly_credits: monthly,
            short: monthly.map_or(Credits::ZERO, |monthly| monthly.short_of(credits)),
            paid_runs: monthly.map(|monthly| {
                let paid = monthly.get().checked_div(each);
                paid.map_or(runs.into(), |paid| paid.min(runs.into()))
            }),
        })
    }
}

/// What of the subscription's credits expires at the renewal once the plan is paid, and what it could still buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SpendDown {
    /// Days until the renewal, when they are known.
    pub days: Option<u32>,
    /// Credits that expire if nothing else is bought; extra credits do not.
    pub expires: Credits,
    /// What of that may be spent below every limit.
    pub spendable: Credits,
    /// What another take of every job of the plan costs.
    pub take: Credits,
    /// How many more takes of the whole plan that pays for.
    pub more_takes: u64,
    /// What would expire all the same.
    pub rest: Credits,
}

/// Why nothing can be said of what expires.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpendDownError {
    /// The balance was not asked for.
    #[error("what expires at the renewal hangs on the balance, which was not asked for")]
    NoBalance,
    /// The configuration does not say whether credits expire.
    #[error("whether credits expire at the renewal is not known")]
    RolloverUnknown,
    /// The credits are too many.
    #[error(transparent)]
    Sum(#[from] CreditError),
}

impl SpendDown {
    /// Works out what expires. With rollover nothing does.
    ///
    /// The subscription's credits are taken to be spent before extra ones.
    ///
    /// # Errors
    /// When the balance or the subscription's terms are not known.
    pub fn of(plan: &Plan, standing: &Standing, verdict: &Verdict) -> Result<Self, SpendDownError> {
        let balance = standing.balance.as_ref().ok_or(SpendDownError::NoBalance)?;
        let rollover = standing.rollover.ok_or(SpendDownError::RolloverUnknown)?;
        let taken = standing.held.plus(verdict.needed)?;
        let expires = match rollover {
            true => Credits::ZERO,
            false => taken.short_of(balance.credits),
        };
        let rooms = verdict
            .limits
            .iter()
            .filter(|room| room.limit != Limit::Run);
        let rooms = rooms.map(|room| verdict.needed.short_of(room.room));
        let spendable = rooms.fold(expires, Credits::min);
        // At most: of jobs that are reused, those that are the same would be bought once.
        let take = plan.total().plus(plan.saved_by_reuse())?;
        let more_takes = spendable.get().checked_div(take.get()).unwrap_or(0);
        Ok(Self {
            days: standing.days_to_renewal,
            expires,
            spendable,
            take,
            more_takes,
            rest: take.times(more_takes)?.short_of(expires),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::PeriodStanding;
    use super::super::fixture::{CREATE, LYRICS, plan, spec};
    use super::*;
    use crate::model::Balance;

    fn credits(number: u64) -> Credits {
        Credits::new(number)
    }

    fn nightly() -> Plan {
        plan(
            &[
                spec(("song", 0), 0, CREATE, 1, &[]),
                spec(("words", 1), 0, LYRICS, 2, &[]),
            ],
            &(),
        )
    }

    fn standing(balance: u64, extra: u64) -> Standing {
        Standing {
            balance: Some(Balance {
                credits: credits(balance),
                extra_credits: credits(extra),
            }),
            monthly_credits: Some(credits(400)),
            days_to_renewal: Some(4),
            rollover: Some(false),
            ..Standing::default()
        }
    }

    #[test]
    fn a_month_of_runs_is_set_against_the_months_credits() {
        let month = Monthly::of(&nightly(), &standing(0, 0), 30).unwrap();
        assert_eq!((month.credits, month.short), (credits(450), credits(50)));
        assert_eq!(month.paid_runs, Some(26));
        let empty = Monthly::of(&plan(&[], &()), &standing(0, 0), 30).unwrap();
        assert_eq!((empty.credits, empty.paid_runs), (credits(0), Some(30)));
        let unknown = Monthly::of(&nightly(), &Standing::default(), 30).unwrap();
        assert_eq!((unknown.short, unknown.paid_runs), (credits(0), None));
    }

    #[test]
    fn what_expires_buys_more_takes_and_no_more_than_the_limits_allow() {
        let plan = nightly();
        let spend_down = |standing: &Standing| {
            let verdict = standing.judge(plan.total()).unwrap();
            SpendDown::of(&plan, standing, &verdict)
        };
        let mut standing = standing(100, 500);
        standing.held = credits(5);
        let found = spend_down(&standing).unwrap();
        assert_eq!((found.expires, found.spendable), (credits(80), credits(80)));
        assert_eq!((found.take, found.more_takes), (credits(15), 5));
        assert_eq!(found.rest, credits(5));

        standing.period = Some(PeriodStanding {
            budget: credits(50),
            used: credits(0),
        });
        // The cap is for one run: more takes are runs of their own.
        standing.run_cap = Some(credits(15));
        let found = spend_down(&standing).unwrap();
        assert_eq!((found.spendable, found.more_takes), (credits(35), 2));
        assert_eq!(found.rest, credits(50));

        standing.rollover = Some(true);
        assert_eq!(spend_down(&standing).unwrap().expires, credits(0));
        standing.rollover = None;
        assert_eq!(spend_down(&standing), Err(SpendDownError::RolloverUnknown));
        standing.balance = None;
        assert_eq!(spend_down(&standing), Err(SpendDownError::NoBalance));
    }
}
