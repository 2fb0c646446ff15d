//! Durations and rates as a person writes them: `500ms`, `20s`, `1m`, `2h`; `20/1m`.

use std::time::Duration;

use crate::model::Rate;

/// No duration or span is longer than this: a longer one is a slip of the pen.
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Reads a duration such as `20s`.
///
/// # Errors
/// A sentence that says what is allowed.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as `500ms`, `20s`, `1m` or `2h`");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let per_unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(per_unit_ms).map(Duration::from_millis) {
        Some(Duration::ZERO) => Err(format!("`{text}` is no time at all")),
        Some(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err(format!("`{text}` is longer than a week")),
    }
}

/// Reads a rate such as `20/1m`; `20/m` is the same.
///
/// # Errors
/// A sentence that says what is allowed.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("`{text}` is not a rate such as `20/1m` or `1/3s`");
    let (count, span) = text.split_once('/').ok_or_else(wrong)?;
    let count: u32 = count.trim().parse().map_err(|_| wrong())?;
    if count == 0 {
        return Err(format!("`{text}` lets no request through"));
    }
    let span = span.trim();
    let per = if span.starts_with(|c: char| c.is_ascii_digit()) {
        parse_duration(span)?
    } else {
        parse_duration(&format!("1{span}")).map_err(|_| wrong())?
    };
    Ok(Rate { count, per })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, ms) in [
            ("500ms", 500),
            ("20s", 20_000),
            ("1m", 60_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for bad in [
            "",
            "20",
            "s",
            "1.5s",
            "-1s",
            "1 s",
            "1d",
            "0s",
            "99999999999999999h",
            "200h",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_read() {
        let rate = |count, secs| Rate {
            count,
            per: Duration::from_secs(secs),
        };
        assert_eq!(parse_rate("20/1m"), Ok(rate(20, 60)));
        assert_eq!(parse_rate("20/m"), Ok(rate(20, 60)));
        assert_eq!(parse_rate("1 / 3s"), Ok(rate(1, 3)));
        for bad in [
            "", "20", "0/1m", "/1m", "20/", "20/1", "x/1m", "20/0s", "-1/1m",
        ] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
