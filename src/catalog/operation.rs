//! Operations: names, parameters with limits, endpoint, and what a call gives. Types only; `load` makes them.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::Family;

use super::gives::ResultField;
use super::price::PriceEntry;

/// The provider that is built in: it needs no key, and everything works there that is not said to be gone.
pub const SIMULATOR: &str = "simulator";

/// An operation's place in its catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u16);

/// All operations and choices.
#[derive(Debug)]
pub struct Catalog {
    /// The operations; an [`OperationId`] is an index into them.
    pub operations: Vec<Operation>,
    /// Names that stand for one of several operations.
    pub choices: Vec<Choice>,
    /// Where the data comes from.
    pub source: String,
    /// When it was gathered, `YYYY-MM`.
    pub dated: String,
    /// SHA-256 of the text it was read from, in hexadecimal: pins a saved plan.
    pub digest: String,
    /// What a file of the user's own added, if one did.
    pub added: Option<Added>,
}

/// What a file of the user's own added to the built-in catalog.
#[derive(Debug)]
pub struct Added {
    /// The file's text: with it a run finds its operations again.
    pub text: Arc<str>,
    /// The first operation that is not built in; all after it are added too.
    pub(super) first: OperationId,
    /// Prices of added operations; they count where the price list has none.
    pub(super) prices: Vec<Vec<PriceEntry>>,
}

/// The HTTP method of an operation's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET; the inputs stand in the path.
    Get,
    /// POST with a JSON body.
    Post,
}

/// How an operation's result comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answer to the request is the result.
    Sync,
    /// The answer names a task, which is polled in one of three shapes.
    Task(PollShape),
    /// Reads a task that another request started; free of charge, safe to repeat.
    Status(PollShape),
}

/// How a task is polled (api facts, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PollShape {
    /// `GET /sonic/task/{id}`: 202 while not ready, a state per clip.
    Sonic,
    /// `GET /producer/task/{id}`: a status at the top, clips below.
    Producer,
    /// `GET /nuro/task/{id}`: one flat object.
    Nuro,
}

/// What a result holds, and so which references to it make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultKind {
    /// Clips with audio.
    Clips,
    /// One registered clip without audio to download.
    Upload,
    /// Two versions of lyrics.
    Lyrics,
    /// The address of a WAV.
    Wav,
    /// Addresses of one or more formats.
    Files,
    /// Notes and a MIDI file.
    Midi,
    /// A persona.
    Persona,
    /// A video.
    Video,
    /// Figures or text only (`bpm`, `vox`, `aligned-lyrics`, `upsample-tags`).
    Data,
}

/// Whether an operation works at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It works.
    Active,
    /// HTTP 410 since a date.
    Retired {
        /// What to use instead, as a sentence for the user.
        instead: String,
    },
    /// Documented as not available.
    Unavailable {
        /// What to use instead, as a sentence for the user.
        instead: String,
    },
}

/// The row of the guide's price tables that an operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuideRow {
    /// The table's heading, e.g. `Suno V4`.
    pub section: String,
    /// The row's name, e.g. `Stems basic (2 tracks)`.
    pub name: String,
    /// The row's note; empty where the table has none.
    pub note: String,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name, e.g. `suno.stems-basic`.
    pub name: Arc<str>,
    /// One line about it.
    pub title: String,
    /// Its family.
    pub family: Family,
    /// The request's method.
    pub method: Method,
    /// The request's path, with `{task_id}` where an input stands in it.
    pub path: String,
    /// Fields that are always sent, such as `task_type`.
    pub fixed: Map<String, Value>,
    /// How the result comes.
    pub kind: Kind,
    /// What the result holds.
    pub result: ResultKind,
    /// How many clips one call gives.
    pub clips: u32,
    /// The parameters, in the order documentation shows them.
    pub params: Vec<Param>,
    /// Sets of parameters of which at least one must be given.
    pub any_of: Vec<Vec<String>>,
    /// Pairs of parameters that can't both be given.
    pub conflicts: Vec<(String, String)>,
    /// The guide's row, for the 25 operations it prices.
    pub guide: Option<GuideRow>,
    /// Where it works, by provider name; a provider that is not listed has it active.
    pub availability: Vec<(String, Availability)>,
    /// What references to its result can name.
    pub gives: Vec<ResultField>,
    /// Whether the endpoint takes a request for this operation when the field that tells its operations
    /// apart (`task_type`) is missing.
    pub when_unnamed: bool,
}

/// A parameter's type and limits.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamType {
    /// Text, with a least and greatest number of characters.
    Text {
        /// The fewest characters.
        min_chars: usize,
        /// The most characters.
        max_chars: Option<usize>,
        /// The most characters for certain models: (models, limit).
        max_chars_for: Vec<(Vec<String>, usize)>,
    },
    /// One of a few words; the right side is what the API calls it.
    Word {
        /// (what a manifest says, what the request says).
        allowed: Vec<(String, String)>,
    },
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// Whether the least itself is excluded.
        above_min: bool,
    },
    /// True or false.
    Flag,
    /// The id of a clip.
    Clip,
    /// The id of a task.
    Task,
    /// An `http` or `https` address.
    Url,
    /// A list of text items.
    TextList {
        /// The fewest items.
        min_items: usize,
        /// The most items.
        max_items: usize,
        /// The allowed items; empty when any will do.
        allowed: Vec<String>,
    },
    /// A list of objects passed on as they are (`segments`).
    Objects,
}

/// One parameter of an operation.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name in a manifest.
    pub name: String,
    /// The API field it becomes.
    pub field: String,
    /// Type and limits.
    pub kind: ParamType,
    /// Whether it must be given.
    pub required: bool,
    /// What is sent when it is not given.
    pub default: Option<Value>,
    /// Fields that are sent too when it is given, e.g. `custom_mode = true`.
    pub implies: Map<String, Value>,
    /// Models with which it can be used; empty when all will do.
    pub models: Vec<String>,
    /// One line about it.
    pub doc: String,
}

/// A name that stands for one of several operations, such as `music.create`.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The name, e.g. `suno.stems`.
    pub name: String,
    /// The parameter that decides, e.g. `detail`.
    pub by: String,
    /// The word that counts when the parameter is not given.
    pub default: String,
    /// What each word means.
    pub options: Vec<ChoiceOption>,
}

/// One word of a [`Choice`].
#[derive(Clone, Debug)]
pub struct ChoiceOption {
    /// The word, e.g. `basic`.
    pub word: String,
    /// The operation it stands for.
    pub operation: OperationId,
    /// Why, as the plan shows it.
    pub why: String,
}

/// Why catalog or price data can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The text is not valid.
    #[error("{file}: {message}")]
    Invalid {
        /// Which file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// The text can be read, and what it says is wrong: everything that is, at once.
    #[error("{file}: {}", joined(problems))]
    Problems {
        /// Which file.
        file: String,
        /// Its text.
        text: String,
        /// What is wrong.
        problems: Vec<FileProblem>,
    },
    /// A file that adds to the catalog can be read, and what it says is wrong: everything that is, at once.
    #[error("{file}: {}", joined(problems))]
    Overlay {
        /// Which file.
        file: String,
        /// Its text.
        text: String,
        /// What is wrong.
        problems: Vec<FileProblem>,
    },
    /// No price list has that name.
    #[error("no price list is called `{name}`; there are {}", known.join(", "))]
    UnknownPriceList {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
}

/// Something that is wrong in a file of prices or operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// The line, from 1, if it is one's fault.
    pub line: Option<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
}

impl FileProblem {
    pub(super) fn new(line: Option<usize>, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

fn joined(problems: &[FileProblem]) -> String {
    let problems: Vec<String> = problems.iter().map(FileProblem::to_string).collect();
    problems.join("; ")
}

impl Operation {
    /// Fields that tell an endpoint's operations apart, and so decide the price.
    pub const DECISIVE: [&str; 2] = ["task_type", "type"];

    /// Tells whether a field of the request says which operation it is.
    #[must_use]
    pub fn is_decided_by(field: &str) -> bool {
        Self::DECISIVE.contains(&field)
    }

    /// Finds a parameter by the name it has in a manifest.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }

    /// Finds the parameter that sets a field of the request, itself or by what it implies.
    #[must_use]
    pub fn param_of_field(&self, field: &str) -> Option<&Param> {
        let own = self.params.iter().find(|param| param.field == field);
        let implies = || {
            let sets = |param: &&Param| param.implies.contains_key(field);
            self.params.iter().find(sets)
        };
        own.or_else(implies)
    }
}

impl ResultKind {
    /// Returns the name used in `operations.toml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clips => "clips",
            Self::Upload => "upload",
            Self::Lyrics => "lyrics",
            Self::Wav => "wav",
            Self::Files => "files",
            Self::Midi => "midi",
            Self::Persona => "persona",
            Self::Video => "video",
            Self::Data => "data",
        }
    }
}
