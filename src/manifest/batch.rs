//! The compiled jobs of a manifest, and each job as it comes out of the expansion.

use serde_json::Value;

use crate::catalog::OperationId;
use crate::model::{Fingerprint, JobId, Ordinal};

use super::entry::Entry;
use super::include::Included;
use super::select::Selection;
use super::shelf::Shelf;
use super::source::{Format, Source};
use super::tree::Member;

/// All entries of a manifest, compiled.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) source: Source,
    /// The language of its text.
    pub(super) format: Format,
    pub(super) entries: Vec<Entry>,
    /// What others see of the entries, in the manifest's order.
    pub(super) infos: Vec<EntryInfo>,
    /// The order they are expanded in.
    pub(super) order: Vec<usize>,
    /// Which entries' results others refer to.
    pub(super) referred: Vec<bool>,
    /// The local files that jobs name.
    pub(super) shelf: Shelf,
    /// Which of the jobs are asked for, when not all are.
    pub(super) selection: Option<Selection>,
    /// The files that the manifest includes.
    pub(super) included: Vec<Included>,
    /// What the jobs have in common, as it holds after all options.
    pub(super) shared: Vec<Member>,
    /// The date on which the run starts, as `YYYY-MM-DD`, once it is known.
    pub(super) date: Option<String>,
}

/// A date to check a manifest with before the run's own is known: all are as long.
pub(super) const SAMPLE_DATE: &str = "2026-01-01";

/// A `[[job]]` entry, as far as the jobs made of it need it.
#[derive(Clone, Debug)]
pub struct EntryInfo {
    /// Its id.
    pub id: String,
    /// Its line in the manifest, from 1.
    pub line: u32,
    /// Its priority.
    pub priority: i32,
}

/// One job of the expansion; borrowed buffers that are used again for the next.
pub struct Draft<'a> {
    /// Its place.
    pub ordinal: Ordinal,
    /// The entry's place in the manifest.
    pub entry_index: u32,
    /// The entry.
    pub entry: &'a EntryInfo,
    /// The row or clip of `for_each`, or the combination of `matrix`, from 1, and with both their pairs counted
    /// through, the row slowest; 0 when the entry has neither.
    pub row: u32,
    /// The take, from 1; 0 when the entry asks for one only.
    pub take: u32,
    /// The operation, after any choice.
    pub operation: OperationId,
    /// Why that operation, when the manifest named a choice.
    pub chosen_because: Option<&'a str>,
    /// What it is, apart from its name.
    pub fingerprint: Fingerprint,
    /// Its inputs in canonical form (`model::Input`).
    pub inputs: &'a str,
    /// The jobs that must succeed first, each once.
    pub needs: &'a [Ordinal],
    /// Where its files go.
    pub save: Option<&'a str>,
    /// Finds an input's value, catalog defaults included; a reference to a job counts as `null`.
    pub input: &'a dyn Fn(&str) -> Option<&'a Value>,
}

impl<'a> Draft<'a> {
    /// Returns the same job in another place.
    pub(super) fn moved<'s>(
        &self,
        ordinal: Ordinal,
        needs: &'s [Ordinal],
        input: &'s dyn Fn(&str) -> Option<&'s Value>,
    ) -> Draft<'s>
    where
        'a: 's,
    {
        Draft {
            ordinal,
            entry_index: self.entry_index,
            entry: self.entry,
            row: self.row,
            take: self.take,
            operation: self.operation,
            chosen_because: self.chosen_because,
            fingerprint: self.fingerprint,
            inputs: self.inputs,
            needs,
            save: self.save,
            input,
        }
    }

    /// Returns the job's name: `song`, `song#2`, `cue[17]`, `cue[17]#2`.
    #[must_use]
    pub fn id(&self) -> JobId {
        let mut name = self.entry.id.clone();
        if self.row > 0 {
            name.push_str(&format!("[{}]", self.row));
        }
        if self.take > 0 {
            name.push_str(&format!("#{}", self.take));
        }
        JobId::new(name)
    }
}
