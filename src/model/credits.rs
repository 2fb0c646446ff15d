//! Credits: whole, never negative, and only ever added or subtracted with a check.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of credits; the smallest unit the provider bills in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Credits(u64);

/// Why a sum of credits could not be formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreditError {
    /// The sum does not fit a ledger column.
    #[error("a sum of credits is larger than {} and can't be kept", Credits::MAX)]
    TooLarge,
    /// More credits were taken away than were there.
    #[error("{taken} credits can't be taken from {from}")]
    BelowZero {
        /// What was there.
        from: Credits,
        /// What was to be taken.
        taken: Credits,
    },
    /// The text is not a whole, non-negative number.
    #[error("`{0}` is not a whole number of credits")]
    NotANumber(String),
}

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The largest number that every store can keep: SQL integers are signed.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Wraps a number of credits.
    #[must_use]
    pub const fn new(credits: u64) -> Self {
        Self(credits)
    }

    /// Returns the bare number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Tells whether there are none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Adds.
    ///
    /// # Errors
    /// [`CreditError::TooLarge`] when the sum is above [`Credits::MAX`].
    pub fn plus(self, other: Self) -> Result<Self, CreditError> {
        match self.0.checked_add(other.0) {
            Some(sum) if sum <= Self::MAX.0 => Ok(Self(sum)),
            _ => Err(CreditError::TooLarge),
        }
    }

    /// Takes away.
    ///
    /// # Errors
    /// [`CreditError::BelowZero`] when `other` is larger.
    pub fn minus(self, other: Self) -> Result<Self, CreditError> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Ok(Self(rest)),
            None => Err(CreditError::BelowZero {
                from: self,
                taken: other,
            }),
        }
    }

    /// Multiplies by a count of jobs.
    ///
    /// # Errors
    /// [`CreditError::TooLarge`] when the product is above [`Credits::MAX`].
    pub fn times(self, count: u64) -> Result<Self, CreditError> {
        match self.0.checked_mul(count) {
            Some(product) if product <= Self::MAX.0 => Ok(Self(product)),
            _ => Err(CreditError::TooLarge),
        }
    }

    /// Returns by how much `self` falls short of `needed`: zero when it does not.
    #[must_use]
    pub const fn short_of(self, needed: Self) -> Self {
        Self(needed.0.saturating_sub(self.0))
    }

    /// Adds up many.
    ///
    /// # Errors
    /// [`CreditError::TooLarge`] when the sum is above [`Credits::MAX`].
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Result<Self, CreditError> {
        all.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Credits {
    type Err = CreditError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text
            .parse()
            .map_err(|_| CreditError::NotANumber(text.to_owned()))?;
        if number > Self::MAX.0 {
            Err(CreditError::TooLarge)
        } else {
            Ok(Self(number))
        }
    }
}

/// The account's two pools as the provider reports them (`get-credits`); extra credits are spent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Subscription credits left in this billing cycle.
    pub credits: Credits,
    /// Purchased credits left.
    pub extra_credits: Credits,
}

impl Balance {
    /// Returns what can be spent: both pools together.
    ///
    /// # Errors
    /// [`CreditError::TooLarge`] when the provider reports absurd numbers.
    pub fn available(&self) -> Result<Credits, CreditError> {
        self.credits.plus(self.extra_credits)
    }
}

/// A signed difference of credits: what the books can't explain. Positive means credits appeared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Drift(i64);

impl Drift {
    /// Returns `to − from`.
    #[must_use]
    pub fn between(from: Credits, to: Credits) -> Self {
        let (from, to) = (i128::from(from.0), i128::from(to.0));
        Self(
            i64::try_from(to - from).expect("credits are at most i64::MAX, so is their difference"),
        )
    }

    /// Returns the signed number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_are_checked() {
        let ten = Credits::new(10);
        assert_eq!(ten.plus(Credits::new(5)), Ok(Credits::new(15)));
        assert_eq!(
            Credits::MAX.plus(Credits::new(1)),
            Err(CreditError::TooLarge)
        );
        assert_eq!(
            ten.minus(Credits::new(11)),
            Err(CreditError::BelowZero {
                from: ten,
                taken: Credits::new(11)
            })
        );
        assert_eq!(Credits::MAX.times(2), Err(CreditError::TooLarge));
        assert_eq!(ten.short_of(Credits::new(25)), Credits::new(15));
        assert_eq!(ten.short_of(Credits::new(5)), Credits::ZERO);
        assert_eq!(Credits::sum([ten, ten, ten]), Ok(Credits::new(30)));
    }

    #[test]
    fn text_that_is_no_count_is_refused() {
        for bad in [
            "",
            "-1",
            "1.5",
            "ten",
            "99999999999999999999",
            "9223372036854775808",
        ] {
            assert!(bad.parse::<Credits>().is_err(), "{bad}");
        }
        assert_eq!("12".parse(), Ok(Credits::new(12)));
    }

    #[test]
    fn drift_keeps_its_sign() {
        assert_eq!(
            Drift::between(Credits::new(10), Credits::new(4)).to_string(),
            "-6"
        );
        assert_eq!(Drift::between(Credits::ZERO, Credits::MAX).get(), i64::MAX);
    }
}
