//! The billing period: when it began and when credits are renewed. Pure; the caller says what time it is.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A billing period of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// When it began.
    pub(crate) start: Timestamp,
    /// When the next begins, and credits are renewed.
    pub(crate) renewal: Timestamp,
}

impl Period {
    /// Finds the period that `now` lies in, for an account that is renewed on that day of each month.
    ///
    /// A month without such a day renews on its last one. Returns nothing at the edges of the calendar.
    pub(crate) fn around(now: Timestamp, renews_on: i8, zone: &TimeZone) -> Option<Self> {
        let first = zone.to_datetime(now).date().first_of_month();
        let begins = |month: Date| -> Option<Timestamp> {
            let day = renews_on.clamp(1, month.days_in_month());
            let date = month.with().day(day).build().ok()?;
            Some(date.to_zoned(zone.clone()).ok()?.timestamp())
        };
        let this = begins(first)?;
        if this <= now {
            let next = begins(first.checked_add(1.month()).ok()?)?;
            Some(Self {
                start: this,
                renewal: next,
            })
        } else {
            let last = begins(first.checked_sub(1.month()).ok()?)?;
            Some(Self {
                start: last,
                renewal: this,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_runs_from_renewal_to_renewal() {
        for (now, day, start, renewal) in [
            ("2026-11-22T10:00:00Z", 1, "2026-11-01", "2026-12-01"),
            ("2026-11-22T10:00:00Z", 22, "2026-11-22", "2026-12-22"),
            ("2026-11-22T10:00:00Z", 23, "2026-10-23", "2026-11-23"),
            ("2026-02-10T10:00:00Z", 31, "2026-01-31", "2026-02-28"),
            ("2026-02-28T00:00:00Z", 31, "2026-02-28", "2026-03-31"),
            ("2024-01-01T00:00:00Z", 1, "2024-01-01", "2024-02-01"),
            ("2024-01-15T00:00:00Z", 20, "2023-12-20", "2024-01-20"),
        ] {
            let period = Period::around(now.parse().unwrap(), day, &TimeZone::UTC).unwrap();
            assert_eq!(
                period.start,
                format!("{start}T00:00:00Z").parse().unwrap(),
                "{now} {day}"
            );
            assert_eq!(
                period.renewal,
                format!("{renewal}T00:00:00Z").parse().unwrap(),
                "{now} {day}"
            );
        }
    }

    #[test]
    fn the_day_begins_in_the_accounts_own_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = "2026-10-31T23:00:00Z".parse().unwrap();
        let period = Period::around(now, 1, &zone).unwrap();
        assert_eq!(period.start, "2026-10-31T22:00:00Z".parse().unwrap());
    }
}
