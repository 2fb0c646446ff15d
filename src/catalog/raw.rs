//! `operations.toml` as it is written; nothing is checked here but names of keys and types of values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Number, Value};
use toml::Spanned;

use super::operation::ResultKind;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogRaw {
    pub source: String,
    pub dated: String,
    /// Lists of words that parameters name by `words_of` and `models_of`.
    #[serde(default)]
    pub lists: BTreeMap<String, Vec<String>>,
    /// Fields of each kind of result (`clips`), or of a family's own (`nuro-clips`).
    #[serde(default)]
    pub gives: BTreeMap<String, Vec<String>>,
    #[serde(default, rename = "set")]
    pub sets: Vec<SetRaw>,
    #[serde(default, rename = "operation")]
    pub operations: Vec<OperationRaw>,
    #[serde(default, rename = "choice")]
    pub choices: Vec<ChoiceRaw>,
}

/// Parameters that several operations share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetRaw {
    pub name: Spanned<String>,
    pub params: Vec<ParamRaw>,
    #[serde(default)]
    pub any_of: Vec<Vec<String>>,
    #[serde(default)]
    pub conflicts: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationRaw {
    pub name: Spanned<String>,
    pub title: String,
    /// Method and path, e.g. `POST /api/v1/sonic/create`.
    pub request: String,
    #[serde(default)]
    pub fixed: Map<String, Value>,
    #[serde(default)]
    pub when_unnamed: bool,
    pub kind: KindRaw,
    pub result: ResultKind,
    #[serde(default)]
    pub clips: u32,
    #[serde(default)]
    pub sets: Vec<String>,
    #[serde(default)]
    pub params: Vec<ParamRaw>,
    #[serde(default)]
    pub any_of: Vec<Vec<String>>,
    #[serde(default)]
    pub conflicts: Vec<(String, String)>,
    /// The result's fields, where they are not those of its kind.
    pub gives: Option<Vec<String>>,
    pub guide: Option<GuideRaw>,
    #[serde(default)]
    pub at: Vec<AvailabilityRaw>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KindRaw {
    Sync,
    SonicTask,
    ProducerTask,
    NuroTask,
    SonicStatus,
    ProducerStatus,
    NuroStatus,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuideRaw {
    pub section: String,
    pub name: String,
    pub note: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AvailabilityRaw {
    pub provider: String,
    pub status: StatusRaw,
    pub instead: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StatusRaw {
    Retired,
    Unavailable,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParamRaw {
    pub name: String,
    pub field: String,
    #[serde(rename = "type")]
    pub kind: TypeRaw,
    /// Characters of a text, items of a list, or the value of a number.
    pub min: Option<Number>,
    /// As `min`, for a number that must be greater.
    pub above: Option<Number>,
    pub max: Option<Number>,
    /// Other greatest lengths, for certain models.
    #[serde(default)]
    pub max_for: Vec<MaxForRaw>,
    /// Words that are sent as they are.
    pub words: Option<Vec<String>>,
    /// The same, by the name of a list.
    pub words_of: Option<String>,
    /// Words that are sent as others.
    pub spelled: Option<Vec<(String, String)>>,
    /// The models it can be used with, by the name of a list.
    pub models_of: Option<String>,
    #[serde(default)]
    pub required: bool,
    pub default: Option<Value>,
    #[serde(default)]
    pub implies: Map<String, Value>,
    pub doc: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TypeRaw {
    Text,
    Word,
    Integer,
    Number,
    Flag,
    Clip,
    Task,
    Url,
    TextList,
    Objects,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaxForRaw {
    pub models_of: String,
    pub max: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChoiceRaw {
    pub name: Spanned<String>,
    pub by: String,
    pub default: String,
    pub options: Vec<OptionRaw>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionRaw {
    pub word: String,
    pub operation: String,
    pub why: String,
}
