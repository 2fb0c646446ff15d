//! One parameter: from what is written to type and limits, and nothing left unread.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::operation::{Param, ParamType};
use super::raw::{ParamRaw, TypeRaw};

/// Lists of words by name.
pub(super) type Lists = BTreeMap<String, Vec<String>>;

/// Checks a parameter.
pub(super) fn check(raw: &ParamRaw, lists: &Lists) -> Result<Param, String> {
    let at = |problem: String| format!("parameter `{}`: {problem}", raw.name);
    refuse_foreign_limits(raw).map_err(at)?;
    let kind = param_type(raw, lists).map_err(at)?;
    if let Some(default) = &raw.default
        && !takes(&kind, default)
    {
        return Err(at(format!("the default `{default}` is not allowed")));
    }
    if raw.required && raw.default.is_some() {
        return Err(at("what is required has no default".to_owned()));
    }
    let models = match &raw.models_of {
        Some(name) => list(name, lists).map_err(at)?.clone(),
        None => Vec::new(),
    };
    Ok(Param {
        name: raw.name.clone(),
        field: raw.field.clone(),
        kind,
        required: raw.required,
        default: raw.default.clone(),
        implies: raw.implies.clone(),
        models,
        doc: raw.doc.clone(),
    })
}

fn param_type(raw: &ParamRaw, lists: &Lists) -> Result<ParamType, String> {
    Ok(match raw.kind {
        TypeRaw::Text => ParamType::Text {
            min_chars: count(raw.min.as_ref())?.unwrap_or(0),
            max_chars: count(raw.max.as_ref())?,
            max_chars_for: raw
                .max_for
                .iter()
                .map(|limit| Ok((list(&limit.models_of, lists)?.clone(), limit.max)))
                .collect::<Result<_, String>>()?,
        },
        TypeRaw::Word => ParamType::Word {
            allowed: words(raw, lists)?,
        },
        TypeRaw::Integer => ParamType::Integer {
            min: whole(raw.min.as_ref())?,
            max: whole(raw.max.as_ref())?,
        },
        TypeRaw::Number => ParamType::Number {
            min: raw
                .above
                .as_ref()
                .or(raw.min.as_ref())
                .and_then(Number::as_f64)
                .ok_or("a number needs `min` or `above`")?,
            max: match &raw.max {
                Some(max) => max.as_f64().ok_or("`max` is too large")?,
                None => f64::INFINITY,
            },
            above_min: raw.above.is_some(),
        },
        TypeRaw::Flag => ParamType::Flag,
        TypeRaw::Clip => ParamType::Clip,
        TypeRaw::Task => ParamType::Task,
        TypeRaw::Url => ParamType::Url,
        TypeRaw::TextList => ParamType::TextList {
            min_items: count(raw.min.as_ref())?.unwrap_or(0),
            max_items: count(raw.max.as_ref())?.ok_or("a list needs `max`")?,
            allowed: raw.words.clone().unwrap_or_default(),
        },
        TypeRaw::Objects => ParamType::Objects,
    })
}

/// Refuses limits that the type has no use for: they would be read by people and by no one else.
fn refuse_foreign_limits(raw: &ParamRaw) -> Result<(), String> {
    use TypeRaw::{Integer, Number, Text, TextList, Word};
    let given: [(&str, bool, &[TypeRaw]); 7] = [
        ("min", raw.min.is_some(), &[Text, Integer, Number, TextList]),
        ("max", raw.max.is_some(), &[Text, Integer, Number, TextList]),
        ("above", raw.above.is_some(), &[Number]),
        ("max_for", !raw.max_for.is_empty(), &[Text]),
        ("words", raw.words.is_some(), &[Word, TextList]),
        ("words_of", raw.words_of.is_some(), &[Word]),
        ("spelled", raw.spelled.is_some(), &[Word]),
    ];
    match given
        .into_iter()
        .find(|(_, given, types)| *given && !types.contains(&raw.kind))
    {
        Some((key, ..)) => Err(format!("`{key}` means nothing for this type")),
        None if raw.above.is_some() && raw.min.is_some() => {
            Err("`min` and `above` exclude one another".to_owned())
        }
        None => Ok(()),
    }
}

fn words(raw: &ParamRaw, lists: &Lists) -> Result<Vec<(String, String)>, String> {
    let same = |words: &[String]| {
        words
            .iter()
            .map(|word| (word.clone(), word.clone()))
            .collect()
    };
    match (&raw.words, &raw.words_of, &raw.spelled) {
        (Some(words), None, None) => Ok(same(words)),
        (None, Some(name), None) => Ok(same(list(name, lists)?)),
        (None, None, Some(pairs)) => Ok(pairs.clone()),
        _ => Err("a word needs exactly one of `words`, `words_of` and `spelled`".to_owned()),
    }
}

fn list<'a>(name: &str, lists: &'a Lists) -> Result<&'a Vec<String>, String> {
    lists
        .get(name)
        .ok_or_else(|| format!("there is no list `{name}`"))
}

fn count(number: Option<&Number>) -> Result<Option<usize>, String> {
    number
        .map(|number| {
            number
                .as_u64()
                .and_then(|count| usize::try_from(count).ok())
                .ok_or_else(|| format!("`{number}` is not a count"))
        })
        .transpose()
}

fn whole(number: Option<&Number>) -> Result<i64, String> {
    number
        .and_then(Number::as_i64)
        .ok_or_else(|| "an integer needs whole `min` and `max`".to_owned())
}

/// Tells whether a default is of the type; lengths are left to the eye of whoever writes it.
fn takes(kind: &ParamType, value: &Value) -> bool {
    match kind {
        ParamType::Text { .. } | ParamType::Clip | ParamType::Task | ParamType::Url => {
            value.is_string()
        }
        ParamType::Word { allowed } => value
            .as_str()
            .is_some_and(|word| allowed.iter().any(|(known, _)| known == word)),
        ParamType::Integer { min, max } => value
            .as_i64()
            .is_some_and(|number| (*min..=*max).contains(&number)),
        ParamType::Number { min, max, .. } => value
            .as_f64()
            .is_some_and(|number| (*min..=*max).contains(&number)),
        ParamType::Flag => value.is_boolean(),
        ParamType::TextList { allowed, .. } => value.as_array().is_some_and(|items| {
            items.iter().all(|item| {
                item.as_str().is_some_and(|word| {
                    allowed.is_empty() || allowed.iter().any(|known| known == word)
                })
            })
        }),
        ParamType::Objects => value.is_array(),
    }
}
