//! Words of the command line that stand for values; spans and rates are the manifest's own.
//!
//! Text in, checked value out; what is wrong is said in the words of the person who typed it.

use crate::model::{FailureLimit, Rate};

/// Reads a number of jobs (`5`) or a share of them (`10%`).
///
/// # Errors
/// A sentence, when the text is neither.
pub(crate) fn failure_limit(text: &str) -> Result<FailureLimit, String> {
    let malformed = || format!("`{text}` is neither a number of jobs nor a share such as `10%`");
    match text.strip_suffix('%') {
        Some(share) => match share.parse() {
            Ok(share @ 1..=100) => Ok(FailureLimit::Percent(share)),
            _ => Err(malformed()),
        },
        None => match text.parse() {
            Ok(0) | Err(_) => Err(malformed()),
            Ok(jobs) => Ok(FailureLimit::Jobs(jobs)),
        },
    }
}

/// Reads a number of requests or tasks that is at least 1.
///
/// # Errors
/// A sentence, when the text is no such number.
pub(crate) fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a whole number from 1 on")),
        Ok(number) => Ok(number),
    }
}

/// Reads `NAME=VALUE`; the value is all behind the first `=`, and may be empty.
///
/// # Errors
/// A sentence, when there is no name or no `=`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

/// Reads the name of a batch, which is its folder's too.
///
/// # Errors
/// A sentence, when there is none, or it would be another folder's.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_elsewhere = text == "." || text == ".." || text.contains(['/', '\\']);
    if text.trim().is_empty() || text.contains(char::is_control) || is_elsewhere {
        return Err("a name is one line of text without `/` and `\\`".to_owned());
    }
    Ok(text.to_owned())
}

/// Writes a rate as `--rate` takes it.
pub(crate) fn rate_text(rate: Rate) -> String {
    let millis = rate.per.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let (size, unit) = units
        .into_iter()
        .find(|(size, _)| millis.is_multiple_of(*size))
        .unwrap_or((1, "ms"));
    format!("{}/{}{unit}", rate.count, millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse_rate;

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for text in ["10/1m", "1/3s", "1000/1s", "7/90s", "3/2h", "1/250ms"] {
            assert_eq!(rate_text(parse_rate(text).unwrap()), text);
        }
    }

    #[test]
    fn a_failure_limit_is_a_number_or_a_share() {
        for (text, limit) in [
            ("5", FailureLimit::Jobs(5)),
            ("10%", FailureLimit::Percent(10)),
            ("100%", FailureLimit::Percent(100)),
        ] {
            assert_eq!(failure_limit(text), Ok(limit), "{text}");
        }
        for bad in ["", "%", "0", "0%", "101%", "-1", "1.5%", "ten"] {
            assert!(failure_limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_batch_is_named_in_one_line_and_stays_in_its_folder() {
        for good in ["night", "Zoë's mix", "a.b", "\"x\""] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in [
            "", "  ", ".", "..", "a/b", "/tmp", "a\\b", "a\nb", "a\u{7f}",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_count_is_at_least_one() {
        assert_eq!(at_least_one("7"), Ok(7));
        for bad in ["0", "-1", "", "x", "4294967296"] {
            assert!(at_least_one(bad).is_err(), "{bad}");
        }
    }
}
