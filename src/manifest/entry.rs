//! A `[[job]]` entry compiled. Types and what they tell of themselves; `variant` makes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::catalog::{Catalog, Choice, Operation, OperationId};

use super::batch::EntryInfo;
use super::cell::{Cell, Target};
use super::matrix::Matrix;
use super::rows::RowFile;
use super::rules::{Given, Rules};
use super::save::SavePath;
use super::tree::{Member, Node, Span};

/// The parameter that passes fields on as they are.
pub(super) const EXTRA: &str = "extra";

/// The lists of results that can be counted over all jobs of an entry.
pub(super) const LISTS: [&str; 2] = ["clips", "results"];

/// A compiled entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) info: EntryInfo,
    /// Where its id stands.
    pub(super) span: Span,
    pub(super) origin: Origin,
    /// What it can be chosen by.
    pub(super) tags: Vec<String>,
    /// How many takes; at least 1.
    pub(super) takes: u32,
    pub(super) rows: RowSource,
    pub(super) matrix: Matrix,
    /// The columns it uses; the empty name is the whole row.
    pub(super) columns: Vec<String>,
    /// The references in its parameters.
    pub(super) targets: Vec<Target>,
    /// The entries it waits for as a whole.
    pub(super) needs: Vec<usize>,
    pub(super) variants: Vec<Variant>,
    pub(super) decide: Decide,
    pub(super) save: Option<(SavePath, Span)>,
}

/// Who asks for an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Origin {
    /// The manifest has it.
    Written,
    /// It uploads a local file, for the jobs that refer to it and for nobody else.
    Upload,
    /// It would upload a file that is named where no job's parameters come from.
    IdleUpload,
}

/// What an entry's jobs are made of.
#[derive(Clone, Debug)]
pub(super) enum RowSource {
    /// Nothing: the entry is one job.
    One,
    /// A row file.
    File(RowFile, Span),
    /// Rows in the manifest.
    Inline(Vec<InlineRow>),
    /// The clips or results of an entry.
    Items { entry: usize, list: &'static str },
}

/// A row in the manifest.
#[derive(Clone, Debug)]
pub(super) struct InlineRow {
    pub(super) value: Value,
    pub(super) span: Span,
    /// Where its fields stand.
    pub(super) fields: Vec<(String, Span)>,
}

/// Which variant a row takes.
#[derive(Debug)]
pub(super) enum Decide {
    /// The only one.
    Always,
    /// The one whose word stands in a column, or is the matrix's; a row without a word takes the default.
    By {
        cell: Cell,
        default: usize,
        param: String,
        span: Span,
    },
}

/// An entry's parameters for one operation.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) operation: OperationId,
    pub(super) name: Arc<str>,
    /// The word that chooses it.
    pub(super) word: String,
    pub(super) chosen_because: Option<String>,
    /// Sorted by name, as the canonical form wants them.
    pub(super) fields: Vec<Field>,
    pub(super) rules: Rules,
    /// The parameters that are given in every row.
    pub(super) always: Given,
    pub(super) model: Model,
    /// How many clips, then results, a call gives.
    pub(super) gives: [u32; 2],
}

/// One parameter that is given, perhaps not in every row.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// The operation's parameter; none for `extra`.
    pub(super) param: Option<usize>,
    pub(super) cell: Cell,
    pub(super) span: Span,
    /// Where it stands, in words.
    pub(super) stands: String,
}

/// The model of a variant's jobs, for limits that depend on it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Model {
    /// Always this.
    Fixed(Option<String>),
    /// What the row says, by the place of the field; else this.
    Field(usize, Option<String>),
}

/// What an entry's operation key names.
#[derive(Clone, Copy)]
pub(super) enum Named<'a> {
    Operation(OperationId),
    Choice(&'a Choice),
}

impl<'a> Named<'a> {
    /// Finds an operation or a choice.
    pub(super) fn find(catalog: &'a Catalog, name: &str) -> Option<Self> {
        let operation = catalog.find(name).map(Self::Operation);
        operation.or_else(|| catalog.find_choice(name).map(Self::Choice))
    }

    /// Returns the operations it can come to.
    pub(super) fn operations(self) -> Vec<OperationId> {
        match self {
            Self::Operation(id) => vec![id],
            Self::Choice(choice) => choice
                .options
                .iter()
                .map(|option| option.operation)
                .collect(),
        }
    }
}

/// The tables of parameters that an entry's own are laid over.
#[derive(Default)]
pub(super) struct Defaults<'a> {
    pub(super) tables: BTreeMap<&'a str, &'a Node>,
}

impl<'a> Defaults<'a> {
    /// Lays the tables over one another, the most special one last.
    ///
    /// They give a parameter only to operations that have it; one that none has was found before.
    pub(super) fn merge(
        &self,
        names: &[&str],
        with: Option<&'a Node>,
        known: &dyn Fn(&str) -> bool,
    ) -> BTreeMap<&'a str, &'a Member> {
        let mut merged = BTreeMap::new();
        let members = |node: Option<&&'a Node>| node.map_or(&[][..], |node| node.members());
        for name in std::iter::once(&"*").chain(names) {
            for member in members(self.tables.get(name)) {
                if known(&member.key) {
                    merged.insert(member.key.as_str(), member);
                }
            }
        }
        for member in members(with.as_ref()) {
            merged.insert(member.key.as_str(), member);
        }
        merged
    }
}

/// What a job says of its operation and parameters.
pub(super) struct Wanted<'a> {
    pub(super) id: &'a str,
    pub(super) operation: &'a str,
    pub(super) named: Named<'a>,
    pub(super) with: Option<&'a Node>,
    /// Where to point when something is missing.
    pub(super) span: Span,
}

impl Field {
    /// Tells whether a row can leave it out: an empty cell is no value.
    pub(super) fn may_be_absent(&self) -> bool {
        self.param.is_some() && matches!(self.cell, Cell::Column(_))
    }
}

/// Counts the items of a list that one call gives at most.
pub(super) fn given_per_call(operation: &Operation, list: &str) -> u32 {
    /// No call gives more; a list without a known end would be counted to here.
    const MOST: u32 = 100;
    let start = format!("{list}[0].");
    let Some(field) = operation
        .result_fields()
        .find(|field| field.starts_with(&start))
    else {
        return 0;
    };
    let rest = &field[start.len()..];
    let gives = |index: &u32| {
        let path = format!("{list}[{index}].{rest}").parse();
        path.is_ok_and(|path| operation.gives(&path))
    };
    let count = (0..MOST).take_while(gives).count();
    u32::try_from(count).unwrap_or(MOST)
}
