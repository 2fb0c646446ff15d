//! Which references to a result make sense, known before anything was paid for. Reads no result.

use std::fmt;

use crate::model::{ResultPath, Step};

use super::nearest::nearest;
use super::operation::Operation;

/// A field that references to a result can name, such as `clip_id` of each of two clips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultField(Vec<FieldStep>);

/// One step of a [`ResultField`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum FieldStep {
    /// A field of an object.
    Name(String),
    /// An item of a list; at most so many, when that is known.
    Item(Option<usize>),
}

/// Why a reference can't lead anywhere in the result of an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The list is shorter.
    #[error("`{operation}` gives {count} of `{list}`, counted from 0: there is no `{path}`")]
    BeyondEnd {
        /// The operation's name.
        operation: String,
        /// The list.
        list: String,
        /// How many items it has at most.
        count: usize,
        /// The path asked for.
        path: String,
    },
    /// There is no such field.
    #[error("the result of `{operation}` has no `{path}`")]
    Unknown {
        /// The operation's name.
        operation: String,
        /// The path asked for.
        path: String,
        /// The field that was perhaps meant.
        nearest: Option<String>,
        /// All fields there are, as they are written.
        known: Vec<String>,
    },
}

impl ResultField {
    /// Reads the notation of `operations.toml`; `clips` is the number of clips of one call.
    pub(super) fn parse(text: &str, clips: u32) -> Result<Self, String> {
        let malformed = || format!("`{text}` is not a field such as `clips[].title`");
        let mut steps = Vec::new();
        for piece in text.split('.') {
            let (name, count) = match piece.split_once('[') {
                None => (piece, None),
                Some((name, rest)) => (name, Some(rest.strip_suffix(']').ok_or_else(malformed)?)),
            };
            if name.is_empty() {
                return Err(malformed());
            }
            steps.push(FieldStep::Name(name.to_owned()));
            match count {
                None => {}
                Some("") if name == "clips" => {
                    let clips = usize::try_from(clips).map_err(|_| malformed())?;
                    steps.push(FieldStep::Item(Some(clips)));
                }
                Some("") => steps.push(FieldStep::Item(None)),
                Some(number) => {
                    let count = number.parse().map_err(|_| malformed())?;
                    steps.push(FieldStep::Item(Some(count)));
                }
            }
        }
        Ok(Self(steps))
    }

    /// Tells whether a path has this field's shape, whatever its indexes are.
    fn has_shape(&self, path: &ResultPath) -> bool {
        self.0.len() == path.0.len()
            && self.0.iter().zip(&path.0).all(|pair| match pair {
                (FieldStep::Name(name), Step::Field(field)) => name == field,
                (FieldStep::Item(_), Step::Index(_)) => true,
                _ => false,
            })
    }

    /// Finds the first index that is beyond the end of its list: its depth, and how many items there are.
    fn beyond_end(&self, path: &ResultPath) -> Option<(usize, usize)> {
        let mut pairs = self.0.iter().zip(&path.0).enumerate();
        pairs.find_map(|(depth, pair)| match pair {
            (FieldStep::Item(Some(count)), Step::Index(index)) if index >= count => {
                Some((depth, *count))
            }
            _ => None,
        })
    }
}

impl fmt::Display for ResultField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                FieldStep::Name(name) if depth == 0 => write!(f, "{name}")?,
                FieldStep::Name(name) => write!(f, ".{name}")?,
                FieldStep::Item(_) => write!(f, "[0]")?,
            }
        }
        Ok(())
    }
}

impl Operation {
    /// Returns the fields that references to its result can name, with 0 for each index.
    pub fn result_fields(&self) -> impl Iterator<Item = String> + '_ {
        self.gives.iter().map(ToString::to_string)
    }

    /// Tells whether its result has such a place.
    #[must_use]
    pub fn gives(&self, path: &ResultPath) -> bool {
        self.check_reference(path).is_ok()
    }

    /// Checks a reference to its result.
    ///
    /// # Errors
    /// When the result can have no such place: the path has an unknown field, or an index beyond a list's end.
    pub fn check_reference(&self, path: &ResultPath) -> Result<(), ReferenceError> {
        let Some(field) = self.gives.iter().find(|field| field.has_shape(path)) else {
            let known: Vec<String> = self.result_fields().collect();
            let wanted = path.to_string();
            return Err(ReferenceError::Unknown {
                operation: self.name.to_string(),
                nearest: nearest(&wanted, known.iter().map(String::as_str)).map(str::to_owned),
                path: wanted,
                known,
            });
        };
        match field.beyond_end(path) {
            None => Ok(()),
            Some((depth, count)) => Err(ReferenceError::BeyondEnd {
                operation: self.name.to_string(),
                list: ResultPath(path.0[..depth].to_vec()).to_string(),
                count,
                path: path.to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    use super::*;

    fn check(operation: &str, path: &str) -> Result<(), ReferenceError> {
        let catalog = Catalog::builtin();
        let id = catalog.find(operation).unwrap();
        catalog.get(id).check_reference(&path.parse().unwrap())
    }

    #[test]
    fn references_follow_the_result() {
        for (operation, good) in [
            ("suno.create", "clip_id"),
            ("suno.create", "clips[1].clip_id"),
            ("suno.create", "clips[0].duration"),
            ("suno.create", "task_id"),
            ("suno.concat", "clips[0].clip_id"),
            ("suno.stems-full", "clips[11].clip_id"),
            ("suno.upload", "clip_id"),
            ("suno.upload", "clips[0].clip_id"),
            ("lyrics.generate", "results[1].lyrics"),
            ("suno.wav", "wav_url"),
            ("suno.download", "files[2].url"),
            ("suno.midi", "instruments[40].notes[9].pitch"),
            ("suno.persona", "persona_id"),
            ("suno.create-voice", "name"),
            ("suno.bpm", "avg_bpm"),
            ("producer.video", "video_url"),
            ("nuro.vocal", "clips[0].audio_url"),
            ("producer.create", "clips[0].seed"),
        ] {
            assert_eq!(check(operation, good), Ok(()), "{operation} {good}");
        }
        for (operation, bad) in [
            ("suno.create", "clips[2].clip_id"),
            ("suno.create", "clips[0]"),
            ("suno.create", "clips.clip_id"),
            ("suno.concat", "clips[1].clip_id"),
            ("suno.wav", "clip_id"),
            ("suno.wav", "task_id"),
            ("suno.upload", "clips[1].clip_id"),
            ("lyrics.generate", "results[2].lyrics"),
            ("producer.download", "files[1].url"),
            ("suno.vox", "avg_bpm"),
            ("suno.create", "clips[0].seed"),
            ("producer.create", "clips[0].label"),
            ("nuro.vocal", "clips[0].clip_id"),
        ] {
            assert!(check(operation, bad).is_err(), "{operation} {bad}");
        }
    }

    #[test]
    fn a_wrong_reference_says_what_there_is() {
        assert_eq!(
            check("suno.create", "clips[2].clip_id")
                .unwrap_err()
                .to_string(),
            "`suno.create` gives 2 of `clips`, counted from 0: there is no `clips[2].clip_id`"
        );
        let ReferenceError::Unknown { nearest, .. } =
            check("suno.create", "clips[0].clipid").unwrap_err()
        else {
            panic!("the field is unknown");
        };
        assert_eq!(nearest.as_deref(), Some("clips[0].clip_id"));
    }

    #[test]
    fn a_malformed_field_is_refused() {
        for bad in ["", "a..b", "a[", "a[x]", "[0]"] {
            assert!(ResultField::parse(bad, 1).is_err(), "{bad}");
        }
    }
}
