//! A part of a whole, in hundredths of a percent: exact where a float would not be.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::credits::Credits;

/// A share of a whole: 10000 is all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// The largest share there is a use for: ten times the whole.
    const MAX: u32 = 100_000;

    /// Reads a share such as `0.8`; nothing finer than a hundredth of a percent is kept.
    fn from_part(part: f64) -> Option<Self> {
        if !part.is_finite() || part <= 0.0 {
            return None;
        }
        let digits: String = format!("{part:.4}")
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let hundredths: u32 = digits.parse().ok()?;
        (1..=Self::MAX)
            .contains(&hundredths)
            .then_some(Self(hundredths))
    }

    /// Tells whether `part` is at least this share of `whole`.
    #[must_use]
    pub fn is_reached(self, part: Credits, whole: Credits) -> bool {
        u128::from(part.get()) * 10_000 >= u128::from(whole.get()) * u128::from(self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{percent}%"),
            rest => write!(
                f,
                "{}%",
                format!("{percent}.{rest:02}").trim_end_matches('0')
            ),
        }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 10_000.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let part = f64::deserialize(deserializer)?;
        Self::from_part(part).ok_or_else(|| {
            serde::de::Error::custom("a share is above 0 and at most 10, such as 0.8")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_and_bounded() {
        for (part, shown) in [
            (0.8, "80%"),
            (1.0, "100%"),
            (0.125, "12.5%"),
            (0.0001, "0.01%"),
        ] {
            assert_eq!(Share::from_part(part).unwrap().to_string(), shown);
        }
        for bad in [0.0, -1.0, 10.1, 0.000_01, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::from_part(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_share_is_reached_at_its_very_credit() {
        let share = Share::from_part(0.8).unwrap();
        let reached = |part, whole| share.is_reached(Credits::new(part), Credits::new(whole));
        assert!(reached(800, 1000));
        assert!(!reached(799, 1000));
        assert!(reached(0, 0), "all of nothing is used");
        assert!(reached(Credits::MAX.get(), Credits::MAX.get()));
    }
}
