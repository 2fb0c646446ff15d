//! Where the values of one job come from: data for whoever explains it. `trace` finds them out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::{Besides, OperationId};
use crate::model::{Input, Ordinal};

use super::batch::EntryInfo;
use super::diagnostic::Place;

/// One job, and where all that it is made of comes from.
#[derive(Clone, Debug)]
pub struct JobOrigins {
    /// The entry it is made of.
    pub entry: EntryInfo,
    /// Where the entry stands.
    pub place: Place,
    /// The operation, after any choice.
    pub operation: OperationId,
    /// The choice that the entry names, when it names one.
    pub chosen: Option<Chosen>,
    /// Why there is such a job, or such an operation, when the manifest does not say so itself.
    pub because: Option<String>,
    /// The row it is made of.
    pub row: Option<RowOrigin>,
    /// Its parameters, in the order of the operation: those that are given, then what the catalog fills in.
    pub params: Vec<ParamOrigin>,
    /// Fields that are sent besides: implied by a parameter, or always.
    pub besides: Vec<Besides>,
    /// Its inputs as prices are found by: catalog defaults included, `null` for what another job will give.
    pub priced: BTreeMap<String, Value>,
    /// The names of the local files in its inputs, by SHA-256 in hexadecimal.
    pub files: BTreeMap<String, String>,
    /// The jobs that must succeed first.
    pub needs: Vec<Ordinal>,
    /// Where its files go, and where that is written.
    pub save: Option<(String, ValueOrigin)>,
}

/// A choice such as `music.create`, and the word that decided it.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The choice.
    pub name: String,
    /// The parameter that decides.
    pub by: String,
    /// The word it has for this job.
    pub word: String,
    /// Where the word comes from; the catalog's default when nothing says it.
    pub origin: Option<ValueOrigin>,
}

/// A parameter of a job.
#[derive(Clone, Debug)]
pub struct ParamOrigin {
    /// Its name.
    pub name: String,
    /// Its value; nothing when it is not sent.
    pub value: Option<Input>,
    /// Who says so.
    pub source: ParamSource,
}

/// Who gives a parameter its value.
#[derive(Clone, Debug)]
pub enum ParamSource {
    /// The manifest.
    Manifest(ValueOrigin),
    /// The manifest names a value that is empty in this row, so that the catalog's default counts, if there is one.
    Empty(ValueOrigin),
    /// The catalog's default.
    Catalog,
}

/// Where a value is written, and what it is put together from.
#[derive(Clone, Debug)]
pub struct ValueOrigin {
    /// Where in the manifest it stands.
    pub layer: Layer,
    /// Who says it.
    pub teller: Teller,
    /// Where.
    pub place: Place,
    /// What is filled in, in the order of the text.
    pub ingredients: Vec<Ingredient>,
}

/// Where in a manifest a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The entry's `with`.
    With,
    /// The entry itself: its `save`.
    Save,
    /// `[defaults."…"]`, by the name of the operation or choice, or `*`.
    Defaults(String),
}

/// Who says a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Teller {
    /// The manifest itself.
    Manifest,
    /// A file that it includes.
    Included,
    /// The profile that is laid over it.
    Profile(String),
    /// `--var`.
    Flag,
}

/// What stands for `${…}` in a value.
#[derive(Clone, Debug)]
pub enum Ingredient {
    /// `${vars.NAME}`.
    Var {
        /// The variable.
        name: String,
        /// Its value.
        value: Value,
        /// Who says it.
        teller: Teller,
        /// Where.
        place: Place,
        /// What it would be without options.
        replaces: Option<Value>,
    },
    /// `${matrix.KEY}`.
    Matrix {
        /// The key.
        key: String,
        /// Its value in this combination.
        value: Value,
        /// Where that stands.
        place: Place,
    },
    /// `${take}`.
    Take(u32),
    /// `${run.date}`.
    RunDate(String),
    /// `${each}` or `${each.FIELD}` of a row.
    Column {
        /// The column or field; none for a row that is a single value.
        name: Option<String>,
        /// Where the row stands.
        place: Place,
    },
    /// `${each.FIELD}` of a clip or a version of lyrics.
    Item {
        /// The field.
        field: String,
    },
    /// `${jobs.ID.PATH}`.
    Job {
        /// The entry.
        id: String,
        /// What of its results.
        path: String,
    },
}

/// The row or combination that a job is made of.
#[derive(Clone, Debug)]
pub struct RowOrigin {
    /// The row, from 1; 0 when the entry has only a matrix.
    pub number: u32,
    /// What it is a row of.
    pub of: RowsOf,
    /// Where it stands, unless another job will give it.
    pub place: Option<Place>,
    /// The matrix, key by key.
    pub matrix: Vec<(String, Value)>,
}

/// What an entry's rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsOf {
    /// There are none: only a matrix.
    Matrix,
    /// A file.
    File(String),
    /// The manifest.
    Manifest,
    /// The results of an entry: `jobs.song.clips`.
    Results(String),
}
