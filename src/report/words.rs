//! Small pieces of text that several reports use.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::Credits;

/// Counts things: `1 job`, `2 jobs`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Writes a share as a percentage with one digit, rounded half up; nothing of nothing is 0.
pub(super) fn percent(part: Credits, whole: Credits) -> String {
    if whole.is_zero() {
        return "0.0%".to_owned();
    }
    let (part, whole) = (u128::from(part.get()), u128::from(whole.get()));
    let tenths = (part * 2000 + whole) / (whole * 2);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// Writes a span as a person says it: `45 s`, `9 min`, `2 h 05 min`, `3 d 4 h`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    // Up to the next minute: an estimate that is cut off would be too low.
    let minutes = seconds.div_ceil(60);
    match (seconds, minutes) {
        (..=90, _) => format!("{seconds} s"),
        (_, ..=59) => format!("{minutes} min"),
        (_, ..=2879) => format!("{} h {:02} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
    }
}

/// Writes a time in UTC, RFC 3339, to the millisecond.
pub(super) fn utc(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Writes a value as JSON, cut off where it gets long.
pub(super) fn shortened(value: &Value) -> String {
    const MOST: usize = 48;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Text for a terminal: control characters are shown, not obeyed.
///
/// Names come from manifests and errors from the provider; neither may move a cursor or colour a line.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str(" ")?,
                c if c.is_control() || turns_text(c) => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Tells whether a character changes the direction in which the text around it is read.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_up() {
        for (part, whole, text) in [
            (150, 1000, "15.0%"),
            (1, 3, "33.3%"),
            (2, 3, "66.7%"),
            (1, 2000, "0.1%"),
            (3, 2, "150.0%"),
            (5, 0, "0.0%"),
        ] {
            assert_eq!(percent(Credits::new(part), Credits::new(whole)), text);
        }
    }

    #[test]
    fn spans_are_said_shortly_and_never_too_low() {
        for (millis, text) in [
            (0, "0 s"),
            (1_500, "2 s"),
            (90_000, "90 s"),
            (91_000, "2 min"),
            (541_000, "10 min"),
            (3_600_000, "1 h 00 min"),
            (7_500_000, "2 h 05 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text, "{millis}");
        }
    }

    #[test]
    fn a_terminal_is_told_nothing_by_names() {
        assert_eq!(
            Shown("a\u{1b}[31mb\nc\u{7}\u{202e}").to_string(),
            r"a\u{1b}[31mb c\u{7}\u{202e}"
        );
    }
}
