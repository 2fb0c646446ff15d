//! The inputs of a job: plain values, and references to what other jobs will give.
//!
//! Inputs have one written form, canonical JSON: object keys sorted, no spaces, references as
//! `{"$job":"<fingerprint>","path":"clips[0].clip_id"}` and strings with references inside as
//! `{"$join":["neon ",{"$job":…}]}`, local files as `{"$file":"<SHA-256>","type":"mp3"}`. That text is what a fingerprint is taken of, what the ledger keeps,
//! and what a worker reads back, so the three can't differ. A key of the user's own that starts with `$`
//! is written with a second `$`.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::str::FromStr;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::ids::Fingerprint;
use super::result::{PathError, ResultPath};

/// Files are read through a buffer of this size.
const DIGEST_BUFFER: usize = 64 * 1024;

/// A reference to a field of another job's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRef {
    /// The job that gives the value.
    pub job: Fingerprint,
    /// Where in its result the value stands.
    pub path: ResultPath,
}

/// A local file by what it holds: its name and place are no part of what a job is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileInput {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its extension, in lower case: `mp3`.
    pub extension: String,
}

/// A piece of a string that has references in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// A value to be put in as text.
    Ref(JobRef),
}

/// One input, or all inputs of a job as an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A plain value: never an array or object (those have their own cases).
    Value(Value),
    /// A value that another job will give; it keeps its type.
    Ref(JobRef),
    /// A string with references in it.
    Join(Vec<Part>),
    /// A local file, which becomes an address that the provider can reach.
    File(FileInput),
    /// A list.
    List(Vec<Input>),
    /// An object.
    Table(BTreeMap<String, Input>),
}

/// Why canonical inputs could not be read back, or resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The text is not JSON.
    #[error("inputs are not JSON: {0}")]
    Json(String),
    /// A reference is not written as one.
    #[error("a reference in the inputs can't be read: {0}")]
    Reference(String),
    /// The upstream job's result has no such field.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file was made reachable nowhere.
    #[error("a local file has no address")]
    NoAddress,
    /// The upstream job has no result.
    #[error("job `{0}` has given no result")]
    NoResult(Fingerprint),
}

impl From<Value> for Input {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(map) => Self::Table(
                map.into_iter()
                    .map(|(key, value)| (key, Self::from(value)))
                    .collect(),
            ),
            plain => Self::Value(plain),
        }
    }
}

impl Input {
    /// Writes the canonical form.
    #[must_use]
    pub fn to_canonical(&self) -> String {
        // Objects are built in sorted order, and serde_json writes them in the order they were built.
        self.to_json().to_string()
    }

    /// Reads the canonical form back.
    ///
    /// # Errors
    /// When the text is not JSON or holds a malformed reference.
    pub fn from_canonical(text: &str) -> Result<Self, InputError> {
        let value =
            serde_json::from_str(text).map_err(|error| InputError::Json(error.to_string()))?;
        Self::from_json(value)
    }

    /// Calls `visit` for each reference, in order.
    pub fn for_each_ref<'a>(&'a self, visit: &mut impl FnMut(&'a JobRef)) {
        match self {
            Self::Value(_) | Self::File(_) => {}
            Self::Ref(reference) => visit(reference),
            Self::Join(parts) => parts.iter().for_each(|part| {
                if let Part::Ref(reference) = part {
                    visit(reference);
                }
            }),
            Self::List(items) => items.iter().for_each(|item| item.for_each_ref(visit)),
            Self::Table(map) => map.values().for_each(|item| item.for_each_ref(visit)),
        }
    }

    /// Calls `visit` for each local file, in order.
    pub fn for_each_file<'a>(&'a self, visit: &mut impl FnMut(&'a FileInput)) {
        match self {
            Self::Value(_) | Self::Ref(_) | Self::Join(_) => {}
            Self::File(file) => visit(file),
            Self::List(items) => items.iter().for_each(|item| item.for_each_file(visit)),
            Self::Table(map) => map.values().for_each(|item| item.for_each_file(visit)),
        }
    }

    /// Puts the referenced values in; `find` gives the result of a job, `address` where a file can be reached.
    ///
    /// # Errors
    /// When a job has no result, its result has no such field, or a file has no address.
    pub fn resolve<'a>(
        &self,
        find: &impl Fn(&Fingerprint) -> Option<&'a Value>,
        address: &impl Fn(&FileInput) -> Option<String>,
    ) -> Result<Value, InputError> {
        let look_up = |reference: &JobRef| {
            let result = find(&reference.job).ok_or(InputError::NoResult(reference.job))?;
            Ok::<Value, InputError>(reference.path.find(result)?.clone())
        };
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Ref(reference) => look_up(reference)?,
            Self::File(file) => Value::String(address(file).ok_or(InputError::NoAddress)?),
            Self::Join(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(plain) => text.push_str(plain),
                        Part::Ref(reference) => match look_up(reference)? {
                            Value::String(plain) => text.push_str(&plain),
                            other => text.push_str(&other.to_string()),
                        },
                    }
                }
                Value::String(text)
            }
            Self::List(items) => items
                .iter()
                .map(|item| item.resolve(find, address))
                .collect::<Result<_, _>>()?,
            Self::Table(map) => Value::Object(
                map.iter()
                    .map(|(key, item)| Ok((key.clone(), item.resolve(find, address)?)))
                    .collect::<Result<_, InputError>>()?,
            ),
        })
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Ref(reference) => reference.to_json(),
            Self::File(file) => file.to_json(),
            Self::Join(parts) => {
                let parts = parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => Value::String(text.clone()),
                        Part::Ref(reference) => reference.to_json(),
                    })
                    .collect();
                Value::Object(Map::from_iter([("$join".to_owned(), Value::Array(parts))]))
            }
            Self::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Table(map) => Value::Object(
                map.iter()
                    .map(|(key, item)| {
                        let escape = if key.starts_with('$') { "$" } else { "" };
                        (format!("{escape}{key}"), item.to_json())
                    })
                    .collect(),
            ),
        }
    }

    fn from_json(value: Value) -> Result<Self, InputError> {
        match value {
            Value::Array(items) => Ok(Self::List(
                items
                    .into_iter()
                    .map(Self::from_json)
                    .collect::<Result<_, _>>()?,
            )),
            Value::Object(map) if map.contains_key("$job") => {
                Ok(Self::Ref(JobRef::from_json(&map)?))
            }
            Value::Object(map) if map.contains_key("$file") => {
                Ok(Self::File(FileInput::from_json(&map)?))
            }
            Value::Object(mut map) if map.contains_key("$join") => {
                let Some(Value::Array(parts)) = map.remove("$join") else {
                    return Err(InputError::Reference("`$join` is not a list".to_owned()));
                };
                Ok(Self::Join(
                    parts
                        .into_iter()
                        .map(Part::from_json)
                        .collect::<Result<_, _>>()?,
                ))
            }
            Value::Object(map) => Ok(Self::Table(
                map.into_iter()
                    .map(|(key, value)| {
                        let key = key.strip_prefix('$').map(str::to_owned).unwrap_or(key);
                        Ok((key, Self::from_json(value)?))
                    })
                    .collect::<Result<_, InputError>>()?,
            )),
            plain => Ok(Self::Value(plain)),
        }
    }
}

impl Part {
    fn from_json(value: Value) -> Result<Self, InputError> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Object(map) => Ok(Self::Ref(JobRef::from_json(&map)?)),
            other => Err(InputError::Reference(format!("`{other}` in a `$join`"))),
        }
    }
}

impl FileInput {
    /// Returns the SHA-256 of all bytes there are to read, in hexadecimal.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn digest(mut bytes: impl Read) -> io::Result<String> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; DIGEST_BUFFER];
        loop {
            match bytes.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let digest = hasher.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn to_json(&self) -> Value {
        Value::Object(Map::from_iter([
            ("$file".to_owned(), Value::String(self.sha256.clone())),
            ("type".to_owned(), Value::String(self.extension.clone())),
        ]))
    }

    fn from_json(map: &Map<String, Value>) -> Result<Self, InputError> {
        Ok(Self {
            sha256: text_of(map, "$file")?.to_owned(),
            extension: text_of(map, "type")?.to_owned(),
        })
    }
}

fn text_of<'a>(map: &'a Map<String, Value>, name: &str) -> Result<&'a str, InputError> {
    map.get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| InputError::Reference(format!("`{name}` is missing")))
}

impl JobRef {
    fn to_json(&self) -> Value {
        Value::Object(Map::from_iter([
            ("$job".to_owned(), Value::String(self.job.to_string())),
            ("path".to_owned(), Value::String(self.path.to_string())),
        ]))
    }

    fn from_json(map: &Map<String, Value>) -> Result<Self, InputError> {
        Ok(Self {
            job: Fingerprint::from_str(text_of(map, "$job")?).map_err(InputError::Reference)?,
            path: ResultPath::from_str(text_of(map, "path")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reference(path: &str) -> JobRef {
        JobRef {
            job: Fingerprint([7; 16]),
            path: path.parse().unwrap(),
        }
    }

    fn table(pairs: Vec<(&str, Input)>) -> Input {
        Input::Table(
            pairs
                .into_iter()
                .map(|(key, item)| (key.to_owned(), item))
                .collect(),
        )
    }

    #[test]
    fn canonical_form_is_sorted_tight_and_escaped() {
        let inputs = table(vec![
            ("title", Input::Value(json!("x"))),
            ("clip", Input::Ref(reference("clips[0].clip_id"))),
            ("$own", Input::Value(json!(1))),
        ]);
        let job = "07".repeat(16);
        assert_eq!(
            inputs.to_canonical(),
            format!(
                r#"{{"$$own":1,"clip":{{"$job":"{job}","path":"clips[0].clip_id"}},"title":"x"}}"#
            )
        );
    }

    #[test]
    fn references_keep_their_type_and_joins_become_text() {
        let result = json!({"clips": [{"clip_id": "c1", "duration": 61.5}]});
        let inputs = table(vec![
            ("at", Input::Ref(reference("clips[0].duration"))),
            (
                "title",
                Input::Join(vec![
                    Part::Text("of ".to_owned()),
                    Part::Ref(reference("clips[0].clip_id")),
                    Part::Ref(reference("clips[0].duration")),
                ]),
            ),
        ]);
        let nowhere = |_: &FileInput| None;
        let resolved = inputs.resolve(&|_| Some(&result), &nowhere).unwrap();
        assert_eq!(resolved, json!({"at": 61.5, "title": "of c161.5"}));
        assert_eq!(
            inputs.resolve(&|_| None, &nowhere),
            Err(InputError::NoResult(Fingerprint([7; 16])))
        );
    }

    #[test]
    fn a_file_becomes_the_address_it_is_reached_at() {
        let file = FileInput {
            sha256: "ab".repeat(32),
            extension: "mp3".to_owned(),
        };
        let inputs = table(vec![("url", Input::File(file.clone()))]);
        let mut seen = Vec::new();
        inputs.for_each_file(&mut |file| seen.push(file.clone()));
        assert_eq!(seen, [file]);
        let address = |file: &FileInput| Some(format!("https://x/{}", file.extension));
        assert_eq!(
            inputs.resolve(&|_| None, &address),
            Ok(json!({"url": "https://x/mp3"}))
        );
        assert_eq!(
            inputs.resolve(&|_| None, &|_| None),
            Err(InputError::NoAddress)
        );
    }

    fn any_input() -> impl Strategy<Value = Input> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|n| Input::Value(json!(n))),
            ".{0,12}".prop_map(|text| Input::Value(json!(text))),
            Just(Input::Ref(reference("clips[1].clip_id"))),
            (".{0,5}", ".{0,5}").prop_map(|(a, b)| Input::Join(vec![
                Part::Text(a),
                Part::Ref(reference("results[0].lyrics")),
                Part::Text(b),
            ])),
            "[0-9a-f]{64}".prop_map(|sha256| Input::File(FileInput {
                sha256,
                extension: "wav".to_owned(),
            })),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Input::List),
                prop::collection::btree_map("[$a-z]{0,6}", inner, 0..4).prop_map(Input::Table),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_read_back_as_it_was(input in any_input()) {
            let text = input.to_canonical();
            prop_assert_eq!(Input::from_canonical(&text), Ok(input));
        }
    }
}
