//! Spans and rates as text: `90s`, `2m`, `20/1m`. It only reads text; it knows no clock.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Rate;

/// A span of time as a setting gives it: `500ms`, `90s`, `2m`, `1h`, or a bare number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Reads a span.
///
/// # Errors
/// A sentence that says what a span looks like.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a span of time such as `500ms`, `90s`, `2m` or `1h`");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let millis = match &text[digits.len()..] {
        "ms" => Some(count),
        "s" | "" => count.checked_mul(1_000),
        "m" => count.checked_mul(60_000),
        "h" => count.checked_mul(3_600_000),
        _ => None,
    };
    // A year is longer than any rehearsal, and far from where sums of milliseconds overflow.
    match millis {
        Some(millis) if millis <= 365 * 86_400_000 => Ok(Duration::from_millis(millis)),
        _ => Err(wrong()),
    }
}

/// Writes a span the way [`parse_span`] reads it.
pub(crate) fn span_text(span: Duration) -> String {
    if span.subsec_millis() == 0 {
        format!("{}s", span.as_secs())
    } else {
        format!("{}ms", span.as_millis())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&span_text(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Span;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a span of time such as `90s`, or a whole number of seconds")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                parse_span(text).map(Span).map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Span, E> {
                self.visit_str(&format!("{seconds}s"))
            }
            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Span, E> {
                self.visit_str(&format!("{seconds}s"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// How many submits the simulator lets through: `20/1m`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit(pub Option<Rate>);

impl RateLimit {
    /// Lets everything through.
    pub const OFF: Self = Self(None);
}

impl TryFrom<&str> for RateLimit {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let wrong = || format!("`{text}` is not a rate such as `20/1m`, nor `off`");
        let (count, per) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let per = parse_span(per.trim()).map_err(|_| wrong())?;
        if count == 0 || per.is_zero() {
            return Err(wrong());
        }
        Ok(Self(Some(Rate { count, per })))
    }
}

impl Serialize for RateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(rate) => {
                serializer.serialize_str(&format!("{}/{}", rate.count, span_text(rate.per)))
            }
            None => serializer.serialize_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text.as_str()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, millis) in [
            ("500ms", 500),
            ("90s", 90_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0", 0),
            ("7", 7_000),
        ] {
            assert_eq!(
                parse_span(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for bad in [
            "",
            "s",
            "-1s",
            "1.5s",
            "5 s",
            "5d",
            "99999999999999999999s",
            "900000h",
        ] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_read_and_written() {
        let rate = RateLimit::try_from("20/1m").unwrap();
        assert_eq!(
            rate.0,
            Some(Rate {
                count: 20,
                per: Duration::from_secs(60)
            })
        );
        assert_eq!(serde_json::to_value(rate).unwrap(), "20/60s");
        assert_eq!(RateLimit::try_from("off"), Ok(RateLimit::OFF));
        for bad in ["", "20", "0/1m", "20/0s", "x/1m", "20/x"] {
            assert!(RateLimit::try_from(bad).is_err(), "{bad}");
        }
    }
}
