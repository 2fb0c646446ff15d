//! The account: two pools of whole credits. It moves credits and keeps no record; `audit` does.

use serde::{Deserialize, Serialize};

use crate::model::{Balance, CreditError, Credits};

/// What a request took, by pool, so that a refund can go back where it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    /// From the subscription.
    pub credits: Credits,
    /// From the purchased credits.
    pub extra: Credits,
}

impl Charge {
    /// Returns both pools together.
    pub(crate) fn total(self) -> Credits {
        self.credits
            .plus(self.extra)
            .expect("a charge was one price before it was split")
    }
}

/// The two pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    balance: Balance,
}

impl Account {
    pub(crate) fn new(credits: Credits, extra_credits: Credits) -> Self {
        Self {
            balance: Balance {
                credits,
                extra_credits,
            },
        }
    }

    pub(crate) fn balance(&self) -> Balance {
        self.balance
    }

    /// Splits a price over the pools, extra credits first (api facts, section 3); nothing when they don't suffice.
    pub(crate) fn split(&self, price: Credits) -> Option<Charge> {
        let extra = price.min(self.balance.extra_credits);
        let credits = price.minus(extra).ok()?;
        (credits <= self.balance.credits).then_some(Charge { credits, extra })
    }

    /// Takes a charge.
    ///
    /// # Errors
    /// When a pool holds less; nothing is taken then.
    pub(crate) fn take(&mut self, charge: Charge) -> Result<(), CreditError> {
        self.balance = Balance {
            credits: self.balance.credits.minus(charge.credits)?,
            extra_credits: self.balance.extra_credits.minus(charge.extra)?,
        };
        Ok(())
    }

    /// Gives credits: a refund to the pools it was taken from, or a top-up.
    ///
    /// # Errors
    /// When a pool would grow beyond what can be kept; nothing is given then.
    pub(crate) fn give(&mut self, charge: Charge) -> Result<(), CreditError> {
        let balance = Balance {
            credits: self.balance.credits.plus(charge.credits)?,
            extra_credits: self.balance.extra_credits.plus(charge.extra)?,
        };
        balance.available()?;
        self.balance = balance;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(credits: u64, extra: u64) -> Account {
        Account::new(Credits::new(credits), Credits::new(extra))
    }

    #[test]
    fn extra_credits_go_first_and_come_back_to_their_own_pool() {
        for (credits, extra, price, left) in [
            (100, 0, 10, (90, 0)),
            (100, 20, 10, (100, 10)),
            (100, 5, 10, (95, 0)),
            (10, 0, 10, (0, 0)),
            (0, 10, 10, (0, 0)),
            (7, 3, 0, (7, 3)),
        ] {
            let mut account = account(credits, extra);
            let before = account;
            let charge = account.split(Credits::new(price)).unwrap();
            assert_eq!(charge.total(), Credits::new(price));
            account.take(charge).unwrap();
            let balance = account.balance();
            assert_eq!((balance.credits.get(), balance.extra_credits.get()), left);
            account.give(charge).unwrap();
            assert_eq!(account, before);
        }
    }

    #[test]
    fn what_is_not_there_is_not_taken() {
        assert_eq!(account(4, 5).split(Credits::new(10)), None);
        let mut poor = account(1, 1);
        let too_much = Charge {
            credits: Credits::new(1),
            extra: Credits::new(2),
        };
        assert!(poor.take(too_much).is_err());
        assert_eq!(poor, account(1, 1));
    }
}
