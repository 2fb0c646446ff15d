//! What a job gave, in one shape for all families, and paths into it.
//!
//! The shape is JSON, so that a reference in a manifest, the ledger and the sidecar beside the audio speak
//! of the same thing. Which fields an operation gives stands in the catalog.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A job's result.
///
/// `fields` holds `clips` (`clip_id`, `title`, `audio_url`, `duration` as a number of seconds, …), `results`
/// (lyrics), or the single values an operation gives (`wav_url`, `midi_url`, `persona_id`, …).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// The fields that references can name.
    pub fields: Value,
    /// The clips made or registered, in the provider's order.
    pub clip_ids: Vec<String>,
    /// The addresses to download, in the order of `fields`.
    pub downloads: Vec<Download>,
}

/// One address of a result that is worth keeping as a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Download {
    /// Where the file is.
    pub url: String,
    /// The file's kind when the provider names it, e.g. `wav`; else it is told from the answer.
    pub extension: Option<String>,
    /// What the file is, e.g. `vocals` for a stem; becomes part of the file's name.
    pub label: Option<String>,
    /// How long the audio is, in seconds, by the provider's word.
    pub duration_s: Option<f64>,
}

/// One step of a [`ResultPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A field of an object.
    Field(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// A path into a result, such as `clips[0].clip_id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResultPath(pub Vec<Step>);

/// Why a path is wrong or leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text is not a path.
    #[error("`{0}` is not a path such as `clips[0].clip_id`")]
    Malformed(String),
    /// The result has no such place.
    #[error("the result has no `{0}`")]
    Missing(String),
}

impl ResultPath {
    /// Finds the value in a result.
    ///
    /// # Errors
    /// [`PathError::Missing`] with the part of the path that leads nowhere.
    pub fn find<'a>(&self, fields: &'a Value) -> Result<&'a Value, PathError> {
        let mut value = fields;
        for (depth, step) in self.0.iter().enumerate() {
            let next = match step {
                Step::Field(name) => value.get(name),
                Step::Index(index) => value.get(index),
            };
            value = next
                .ok_or_else(|| PathError::Missing(Self(self.0[..=depth].to_vec()).to_string()))?;
        }
        Ok(value)
    }
}

impl fmt::Display for ResultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if depth == 0 => write!(f, "{name}")?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for ResultPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || PathError::Malformed(text.to_owned());
        let mut steps = Vec::new();
        for piece in text.split('.') {
            let (name, indexes) = piece.split_at(piece.find('[').unwrap_or(piece.len()));
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(malformed());
            }
            steps.push(Step::Field(name.to_owned()));
            let mut rest = indexes;
            while !rest.is_empty() {
                let inner = rest.strip_prefix('[').ok_or_else(malformed)?;
                let (number, after) = inner.split_once(']').ok_or_else(malformed)?;
                if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(malformed());
                }
                steps.push(Step::Index(number.parse().map_err(|_| malformed())?));
                rest = after;
            }
        }
        Ok(Self(steps))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_read_and_written_alike() {
        for good in [
            "clip_id",
            "clips[0].clip_id",
            "instruments[2].notes[10].pitch",
        ] {
            assert_eq!(good.parse::<ResultPath>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            ".",
            "a..b",
            "a[",
            "a[]",
            "a[-1]",
            "a[1]x",
            "a b",
            "[0]",
            "a[99999999999999999999]",
        ] {
            assert!(bad.parse::<ResultPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_place_is_named_up_to_where_it_is_missing() {
        let path: ResultPath = "clips[1].clip_id".parse().unwrap();
        let result = json!({"clips": [{"clip_id": "a"}]});
        assert_eq!(
            path.find(&result),
            Err(PathError::Missing("clips[1]".to_owned()))
        );
    }
}
