//! Requests out of inputs: the manifest's words become the API's fields. Sends nothing.

use serde_json::{Map, Value};

use crate::catalog::{Method, Operation, Param, ParamType};

use super::address::Origin;
use super::transport::HttpMethod;

/// The input that holds raw fields.
const EXTRA: &str = "extra";

/// The longest id of a task, in bytes (the contract's limit).
const MAX_TASK_ID_BYTES: usize = 128;

/// One request, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    /// The method.
    pub(super) method: HttpMethod,
    /// The whole address.
    pub(super) url: String,
    /// The JSON body of a POST.
    pub(super) body: Option<Map<String, Value>>,
}

/// Why no request can be made out of the inputs.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    /// An input that must be there is not.
    #[error("input `{0}` is missing")]
    Missing(String),
    /// An input the operation does not know.
    #[error("there is no input `{0}`")]
    Unknown(String),
    /// An input of the wrong type.
    #[error("input `{name}` is not {wanted}")]
    WrongType {
        /// The input.
        name: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A word that is not among the allowed ones.
    #[error("input `{name}` is `{word}`, which is none of {allowed}")]
    WrongWord {
        /// The input.
        name: String,
        /// The word found.
        word: String,
        /// The words allowed.
        allowed: String,
    },
    /// Raw fields that would change what is bought.
    #[error("`extra` can't set `{0}`, which decides the price")]
    Decisive(String),
    /// A raw field that an input of the operation sets: what was priced and checked would not be what is sent.
    #[error("`extra` can't set `{field}`, which `{param}` sets")]
    Known {
        /// The field.
        field: String,
        /// The input.
        param: String,
    },
    /// An id that can't stand in a path.
    #[error("`{0}` is not the id of a task")]
    TaskId(String),
    /// Fields for a request that has no body.
    #[error("the request has no body that `{0}` could stand in")]
    NoBody(String),
}

/// Makes the request of an operation.
///
/// What a later line sets wins: fixed fields, defaults, what given inputs imply, given inputs, `extra`.
pub(super) fn build(
    operation: &Operation,
    inputs: &Map<String, Value>,
    origin: &Origin,
) -> Result<Outgoing, RequestError> {
    let (extra, given) = sort_inputs(operation, inputs)?;
    let mut fields = operation.fixed.clone();
    for param in &operation.params {
        if let (None, Some(default)) = (find(&given, param), &param.default) {
            fields.insert(param.field.clone(), translated(param, default)?);
        }
    }
    for (param, _) in &given {
        fields.extend(param.implies.clone());
    }
    for (param, value) in &given {
        fields.insert(param.field.clone(), translated(param, value)?);
    }
    if let Some(extra) = extra {
        fields.extend(checked_extra(operation, extra)?);
    }
    let url = origin.join(
        path_segments(&operation.path, &mut fields)?
            .iter()
            .map(String::as_str),
    );
    let (method, body) = match operation.method {
        Method::Post => (HttpMethod::Post, Some(fields)),
        Method::Get => match fields.keys().next() {
            Some(name) => return Err(RequestError::NoBody(name.clone())),
            None => (HttpMethod::Get, None),
        },
    };
    Ok(Outgoing {
        method,
        url: url.into(),
        body,
    })
}

/// Checks that an id can stand in a path; the ids of all samples are UUIDs.
pub(super) fn check_task_id(id: &str) -> Result<(), RequestError> {
    let harmless = |c: char| !c.is_control() && !c.is_whitespace() && !"/?#\\%".contains(c);
    let good = !id.is_empty()
        && id.len() <= MAX_TASK_ID_BYTES
        && id != "."
        && id != ".."
        && id.chars().all(harmless);
    if good {
        Ok(())
    } else {
        Err(RequestError::TaskId(id.escape_debug().take(60).collect()))
    }
}

type Given<'a> = Vec<(&'a Param, &'a Value)>;

fn sort_inputs<'a>(
    operation: &'a Operation,
    inputs: &'a Map<String, Value>,
) -> Result<(Option<&'a Value>, Given<'a>), RequestError> {
    let mut extra = None;
    for (name, value) in inputs {
        if operation.params.iter().any(|param| param.name == *name) {
            continue;
        }
        if name == EXTRA {
            extra = Some(value);
        } else {
            return Err(RequestError::Unknown(name.clone()));
        }
    }
    let mut given = Given::new();
    for param in &operation.params {
        match inputs.get(&param.name) {
            Some(value) if !value.is_null() => given.push((param, value)),
            // A reference may have led to null: a required input is asked for, an optional one left out.
            _ if param.required && param.default.is_none() => {
                return Err(RequestError::Missing(param.name.clone()));
            }
            _ => {}
        }
    }
    Ok((extra, given))
}

fn find<'a>(given: &Given<'a>, param: &Param) -> Option<&'a Value> {
    given
        .iter()
        .find_map(|(other, value)| (other.name == param.name).then_some(*value))
}

/// Checks a value's type, since a reference is resolved only now, and says words as the API says them.
fn translated(param: &Param, value: &Value) -> Result<Value, RequestError> {
    let wrong = |wanted| RequestError::WrongType {
        name: param.name.clone(),
        wanted,
    };
    let check = |good: bool, wanted| {
        if good {
            Ok(value.clone())
        } else {
            Err(wrong(wanted))
        }
    };
    match &param.kind {
        ParamType::Word { allowed } => {
            let word = value.as_str().ok_or_else(|| wrong("a word"))?;
            translated_word(param, word, allowed)
        }
        ParamType::Text { .. } => check(value.is_string(), "text"),
        ParamType::Clip => check(is_filled(value), "the id of a clip"),
        ParamType::Task => check(is_filled(value), "the id of a task"),
        ParamType::Url => check(is_filled(value), "an address"),
        ParamType::Integer { .. } => check(value.is_i64() || value.is_u64(), "a whole number"),
        ParamType::Number { .. } => check(value.is_number(), "a number"),
        ParamType::Flag => check(value.is_boolean(), "true or false"),
        ParamType::TextList { .. } => check(is_list(value, Value::is_string), "a list of text"),
        ParamType::Objects => check(is_list(value, Value::is_object), "a list of objects"),
    }
}

fn translated_word(
    param: &Param,
    word: &str,
    allowed: &[(String, String)],
) -> Result<Value, RequestError> {
    match allowed.iter().find(|(said, _)| said == word) {
        Some((_, sent)) => Ok(Value::String(sent.clone())),
        None => {
            let words: Vec<String> = allowed
                .iter()
                .map(|(said, _)| format!("`{said}`"))
                .collect();
            Err(RequestError::WrongWord {
                name: param.name.clone(),
                word: word.to_owned(),
                allowed: words.join(", "),
            })
        }
    }
}

fn is_filled(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn is_list(value: &Value, each: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(each))
}

fn checked_extra(operation: &Operation, extra: &Value) -> Result<Map<String, Value>, RequestError> {
    let Value::Object(extra) = extra else {
        return Err(RequestError::WrongType {
            name: EXTRA.to_owned(),
            wanted: "a table of fields",
        });
    };
    for field in extra.keys() {
        if Operation::is_decided_by(field) {
            return Err(RequestError::Decisive(field.clone()));
        }
        if let Some(param) = operation.param_of_field(field) {
            return Err(RequestError::Known {
                field: field.clone(),
                param: param.name.clone(),
            });
        }
    }
    Ok(extra.clone())
}

/// Puts fields into the path's placeholders, and takes them out of the body.
fn path_segments(path: &str, fields: &mut Map<String, Value>) -> Result<Vec<String>, RequestError> {
    path.trim_start_matches('/')
        .split('/')
        .map(|segment| {
            let name = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = name else {
                return Ok(segment.to_owned());
            };
            match fields.shift_remove(name) {
                Some(Value::String(id)) => check_task_id(&id).map(|()| id),
                _ => Err(RequestError::Missing(name.to_owned())),
            }
        })
        .collect()
}
