//! A value against a parameter's type and limits.
//!
//! Only single values are judged here; what must stand beside what is `rules`' business.

use serde_json::{Number, Value};

use crate::catalog::{Param, ParamType};

use super::diagnostic::{did_you_mean, listed};

/// Why a value can't be taken: the end of a sentence, and perhaps a hint.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// What would be right, when that is long.
    pub(super) help: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            help: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Tells whether a parameter's value is a text, so that text put together of parts will do.
pub(super) const fn is_text(kind: &ParamType) -> bool {
    matches!(
        kind,
        ParamType::Text { .. }
            | ParamType::Word { .. }
            | ParamType::Clip
            | ParamType::Task
            | ParamType::Url
    )
}

/// Tells whether a parameter's limits depend on the model.
pub(super) fn depends_on_model(kind: &ParamType) -> bool {
    matches!(kind, ParamType::Text { max_chars_for, .. } if !max_chars_for.is_empty())
}

/// Checks a value as it was written, and gives it back in its one canonical form.
pub(super) fn check_value(
    param: &Param,
    value: Value,
    model: Option<&str>,
) -> Result<Value, Wrong> {
    match (&param.kind, &value) {
        (kind, Value::String(text)) if is_text(kind) => {
            check_text(param, text, model)?;
            Ok(value)
        }
        (ParamType::Flag, Value::Bool(_)) => Ok(value),
        (ParamType::Integer { min, max }, Value::Number(number)) => match number.as_i64() {
            Some(whole) => check_integer(whole, *min, *max).map(|()| value),
            None => Err(integer_range(*min, *max).hint(format!("this is {number}"))),
        },
        (ParamType::Number { .. }, Value::Number(number)) => check_number(&param.kind, number),
        (ParamType::TextList { .. }, Value::Array(items)) => {
            check_list(&param.kind, items)?;
            Ok(value)
        }
        (ParamType::Objects, Value::Array(items))
            if items.iter().all(|item| item.is_object() || item.is_null()) =>
        {
            Ok(value)
        }
        (kind, value) => Err(Wrong::new(format!("takes {}", takes(kind)))
            .hint(format!("this is {}", kind_of(value)))),
    }
}

/// Reads a CSV cell as what the parameter takes, and checks it.
pub(super) fn check_cell(param: &Param, cell: &str, model: Option<&str>) -> Result<Value, Wrong> {
    let trimmed = cell.trim();
    let value = match &param.kind {
        ParamType::Integer { min, max } => match trimmed.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => return Err(integer_range(*min, *max).hint(format!("this is `{trimmed}`"))),
        },
        ParamType::Number { .. } => match trimmed.parse::<f64>().ok().and_then(Number::from_f64) {
            Some(number) => Value::Number(number),
            None => {
                return Err(Wrong::new("takes a number").hint(format!("this is `{trimmed}`")));
            }
        },
        // Spreadsheets write `TRUE`.
        ParamType::Flag if trimmed.eq_ignore_ascii_case("true") => Value::Bool(true),
        ParamType::Flag if trimmed.eq_ignore_ascii_case("false") => Value::Bool(false),
        ParamType::TextList { .. } => trimmed
            .split(';')
            .map(|item| Value::from(item.trim()))
            .collect(),
        ParamType::Objects => {
            return Err(
                Wrong::new("takes a list of tables, which a CSV cell can't hold")
                    .hint("use a JSON Lines file"),
            );
        }
        _ => Value::from(cell),
    };
    check_value(param, value, model)
}

/// Checks the text of a parameter that takes one.
pub(super) fn check_text(param: &Param, text: &str, model: Option<&str>) -> Result<(), Wrong> {
    match &param.kind {
        ParamType::Text { .. } => {
            let (min, max) = text_limits(&param.kind, model);
            check_length(text, min, max).map_err(|wrong| match model {
                Some(model) if depends_on_model(&param.kind) => Wrong {
                    message: format!("{} with model `{model}`", wrong.message),
                    ..wrong
                },
                _ => wrong,
            })
        }
        ParamType::Word { allowed } => {
            let words = || allowed.iter().map(|(word, _)| word.as_str());
            if words().any(|word| word == text) {
                return Ok(());
            }
            let wrong = Wrong::new(format!("does not take `{}`", shortened(text)))
                .help(format!("it takes {}", listed(words(), " or ")));
            Err(match did_you_mean(text, words()) {
                Some(word) => wrong.hint(format!("did you mean `{word}`?")),
                None => wrong,
            })
        }
        ParamType::Clip | ParamType::Task => check_id(&param.kind, text),
        ParamType::Url => check_url(text),
        _ => Ok(()),
    }
}

/// Returns the fewest and the most characters with a model.
pub(super) fn text_limits(kind: &ParamType, model: Option<&str>) -> (usize, Option<usize>) {
    let ParamType::Text {
        min_chars,
        max_chars,
        max_chars_for,
    } = kind
    else {
        return (0, None);
    };
    let special = max_chars_for
        .iter()
        .find(|(models, _)| models.iter().any(|name| Some(name.as_str()) == model));
    (*min_chars, special.map(|(_, most)| *most).or(*max_chars))
}

/// Checks a text's length in characters; counts them only when the bytes leave a doubt.
pub(super) fn check_length(text: &str, min: usize, max: Option<usize>) -> Result<(), Wrong> {
    /// The most bytes of one character in UTF-8.
    const WIDEST: usize = 4;
    if max.is_some_and(|max| text.len() > max) {
        let chars = text.chars().count();
        if let Some(max) = max.filter(|max| chars > *max) {
            let message = format!("takes at most {max} characters");
            return Err(Wrong::new(message).hint(format!("this has {chars}")));
        }
    }
    if text.len() < min.saturating_mul(WIDEST) && text.chars().count() < min {
        return Err(if text.is_empty() {
            Wrong::new("is empty")
        } else {
            Wrong::new(format!("takes at least {min} characters"))
                .hint(format!("this has {}", text.chars().count()))
        });
    }
    Ok(())
}

fn check_id(kind: &ParamType, text: &str) -> Result<(), Wrong> {
    const MAX_ID_BYTES: usize = 200;
    let plain = !text.is_empty() && text.len() <= MAX_ID_BYTES && text.chars().all(is_id_char);
    if plain {
        return Ok(());
    }
    Err(Wrong::new(format!("takes {}", takes(kind))).hint(format!("this is `{}`", shortened(text))))
}

// An id goes into a request's path: nothing may stand in it that means something there.
const fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn check_url(text: &str) -> Result<(), Wrong> {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let blank = |c: char| c.is_whitespace() || c.is_control();
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !text.contains(blank) => Ok(()),
        _ => Err(
            Wrong::new("takes an address that begins with `https://` or `http://`")
                .hint(format!("this is `{}`", shortened(text))),
        ),
    }
}

fn check_integer(number: i64, min: i64, max: i64) -> Result<(), Wrong> {
    if (min..=max).contains(&number) {
        Ok(())
    } else {
        Err(integer_range(min, max).hint(format!("this is {number}")))
    }
}

fn integer_range(min: i64, max: i64) -> Wrong {
    Wrong::new(if min == max {
        format!("takes {min} only")
    } else {
        format!("takes a whole number from {min} to {max}")
    })
}

fn check_number(kind: &ParamType, number: &Number) -> Result<Value, Wrong> {
    /// Whole numbers up to here are exact as floats.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let ParamType::Number {
        min,
        max,
        above_min,
    } = kind
    else {
        return Ok(Value::Number(number.clone()));
    };
    let float = number.as_f64().unwrap_or(f64::NAN);
    let inside = float <= *max
        && if *above_min {
            float > *min
        } else {
            float >= *min
        };
    if !inside {
        let from = if *above_min { "above" } else { "from" };
        let message = format!("takes a number {from} {min} to {max}");
        return Err(Wrong::new(message).hint(format!("this is {number}")));
    }
    // `30` and `30.0` are the same input and must count as the same job.
    let whole = number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT;
    if let (true, Ok(whole)) = (whole, format!("{float:.0}").parse::<i64>()) {
        return Ok(Value::from(whole));
    }
    Ok(Value::Number(number.clone()))
}

/// Checks a list of texts; a `null` stands for a text that another job will give.
fn check_list(kind: &ParamType, items: &[Value]) -> Result<(), Wrong> {
    let ParamType::TextList {
        min_items,
        max_items,
        allowed,
    } = kind
    else {
        return Ok(());
    };
    if !(*min_items..=*max_items).contains(&items.len()) {
        let message = format!("takes from {min_items} to {max_items} items");
        return Err(Wrong::new(message).hint(format!("this has {}", items.len())));
    }
    for item in items {
        match item {
            Value::Null => {}
            Value::String(text) if text.is_empty() => return Err(Wrong::new("has an empty item")),
            Value::String(text) if allowed.is_empty() || allowed.contains(text) => {}
            Value::String(text) => {
                let words = || allowed.iter().map(String::as_str);
                let message = format!("has an unknown item `{}`", shortened(text));
                return Err(Wrong::new(message).hint(match did_you_mean(text, words()) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("there are {}", listed(words(), " and ")),
                }));
            }
            other => {
                return Err(Wrong::new("takes a list of texts")
                    .hint(format!("an item is {}", kind_of(other))));
            }
        }
    }
    Ok(())
}

/// Says what a type takes.
pub(super) const fn takes(kind: &ParamType) -> &'static str {
    match kind {
        ParamType::Text { .. } => "text",
        ParamType::Word { .. } => "a word",
        ParamType::Integer { .. } => "a whole number",
        ParamType::Number { .. } => "a number",
        ParamType::Flag => "`true` or `false`",
        ParamType::Clip => "a clip's id: letters, digits, `-` and `_`",
        ParamType::Task => "a task's id: letters, digits, `-` and `_`",
        ParamType::Url => "an address",
        ParamType::TextList { .. } => "a list of texts",
        ParamType::Objects => "a list of tables",
    }
}

/// Says what kind of value it is.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// Cuts a text that is only shown.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn param(kind: ParamType) -> Param {
        Param {
            name: "p".to_owned(),
            field: "p".to_owned(),
            kind,
            required: false,
            default: None,
            implies: serde_json::Map::new(),
            models: Vec::new(),
            doc: String::new(),
        }
    }

    fn text(min_chars: usize, max_chars: usize) -> ParamType {
        ParamType::Text {
            min_chars,
            max_chars: Some(max_chars),
            max_chars_for: vec![(vec!["old".to_owned()], 2)],
        }
    }

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Every type, with values it takes and values it does not.
    #[test]
    fn each_type_takes_its_own() {
        let number = |above_min| ParamType::Number {
            min: 0.0,
            max: 1.0,
            above_min,
        };
        let word = ParamType::Word {
            allowed: vec![("male".to_owned(), "m".to_owned())],
        };
        let list = ParamType::TextList {
            min_items: 1,
            max_items: 2,
            allowed: words(&["pop", "rock"]),
        };
        let integer = ParamType::Integer { min: 1, max: 10 };
        let cases = [
            (
                text(1, 3),
                vec![json!("abc"), json!("äöü")],
                vec![json!(""), json!("abcd"), json!(1)],
            ),
            (
                word,
                vec![json!("male")],
                vec![json!("m"), json!("Male"), json!(true)],
            ),
            (
                integer,
                vec![json!(1), json!(10)],
                vec![json!(0), json!(11), json!(1.0), json!("1")],
            ),
            (
                number(false),
                vec![json!(0), json!(0.5), json!(1)],
                vec![json!(-0.1), json!(1.1), json!("0.5")],
            ),
            (number(true), vec![json!(0.1)], vec![json!(0)]),
            (
                ParamType::Flag,
                vec![json!(true)],
                vec![json!("true"), json!(1)],
            ),
            (
                ParamType::Clip,
                vec![json!("a-b_1")],
                vec![json!(""), json!("a/b"), json!("a b"), json!("../x")],
            ),
            (
                ParamType::Url,
                vec![json!("https://x.y/z"), json!("http://x")],
                vec![
                    json!("ftp://x"),
                    json!("https://"),
                    json!("https:///x"),
                    json!("https://x y"),
                ],
            ),
            (
                list,
                vec![json!(["pop"]), json!(["pop", null])],
                vec![
                    json!([]),
                    json!(["pop", "pop", "pop"]),
                    json!(["jazz"]),
                    json!([1]),
                    json!("pop"),
                ],
            ),
            (
                ParamType::Objects,
                vec![json!([{"a": 1}]), json!([])],
                vec![json!([1]), json!({"a": 1})],
            ),
        ];
        for (kind, good, bad) in cases {
            let param = param(kind);
            for value in good {
                assert_eq!(check_value(&param, value.clone(), None), Ok(value));
            }
            for value in bad {
                assert!(
                    check_value(&param, value.clone(), None).is_err(),
                    "{value} {param:?}"
                );
            }
        }
    }

    #[test]
    fn limits_by_model_are_counted_in_characters() {
        let param = param(text(0, 4));
        assert!(check_text(&param, "äöüß", None).is_ok());
        assert!(check_text(&param, "äö", Some("old")).is_ok());
        let wrong = check_text(&param, "äöü", Some("old")).unwrap_err();
        assert_eq!(wrong.message, "takes at most 2 characters with model `old`");
        assert_eq!(wrong.hint.as_deref(), Some("this has 3"));
    }

    #[test]
    fn cells_become_what_the_parameter_takes() {
        let number = ParamType::Number {
            min: 0.0,
            max: 100.0,
            above_min: false,
        };
        let list = ParamType::TextList {
            min_items: 1,
            max_items: 5,
            allowed: Vec::new(),
        };
        for (kind, cell, value) in [
            (ParamType::Integer { min: 0, max: 9 }, " 7 ", json!(7)),
            (number.clone(), "0.50", json!(0.5)),
            (number, "30.0", json!(30)),
            (ParamType::Flag, "TRUE", json!(true)),
            (list, "pop; rock", json!(["pop", "rock"])),
            (text(0, 9), "007", json!("007")),
        ] {
            assert_eq!(check_cell(&param(kind), cell, None), Ok(value), "{cell}");
        }
        for (kind, cell) in [
            (ParamType::Integer { min: 0, max: 9 }, "7.0"),
            (ParamType::Flag, "yes"),
            (ParamType::Objects, "[]"),
        ] {
            assert!(check_cell(&param(kind), cell, None).is_err(), "{cell}");
        }
    }
}
