//! Reading of single JSON fields without fuss: a field of another type than expected is read if it can be, and
//! absent if not. An answer that was paid for is never lost over a field nobody needs.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads text; numbers become text, and of an object or list what reads as a message.
pub(super) fn text<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    Ok(as_text(&Value::deserialize(input)?))
}

/// Reads a number, also out of a decimal string.
pub(super) fn number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite()))
}

/// Reads a number as [`number`] does, where there must be one.
pub(super) fn required_number<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    number(input)?.ok_or_else(|| D::Error::custom("no number"))
}

/// Reads a whole number, also out of a string.
pub(super) fn integer<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// Reads true or false, also out of a string.
pub(super) fn flag<'de, D: Deserializer<'de>>(input: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    })
}

/// Reads anything by its own rules; nothing when it is null or they fail.
pub(super) fn maybe<'de, D, T>(input: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    Ok(match Value::deserialize(input)? {
        Value::Null => None,
        value => serde_json::from_value(value).ok(),
    })
}

/// Reads a list; one item alone counts as a list of one, null and anything unreadable as none.
pub(super) fn list<'de, D, T>(input: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    let items = match Value::deserialize(input)? {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        single => vec![single],
    };
    Ok(items
        .into_iter()
        .filter_map(|item| serde_json::from_value(item).ok())
        .collect())
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) => ["message", "msg", "error", "detail"]
            .iter()
            .find_map(|name| object.get(*name).and_then(as_text)),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().filter_map(as_text).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        Value::Null | Value::Bool(_) => None,
    }
}
