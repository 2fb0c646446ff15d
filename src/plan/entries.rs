//! The entries that have jobs, in the order in which the expansion comes to them.

use std::sync::Arc;

use crate::manifest::Draft;
use crate::model::{CreditError, Credits};

use super::job::Tag;
use super::planned::{Chosen, Counts, PlannedEntry, ordinal};

/// The entries so far.
#[derive(Default)]
pub(super) struct Entries {
    list: Vec<PlannedEntry>,
    /// The place in `list` of each entry of the manifest.
    places: Vec<Option<u32>>,
}

impl Entries {
    /// Counts a job of `operation`, which is the catalog's own name, under its entry; returns the entry's place.
    pub(super) fn add(
        &mut self,
        draft: &Draft<'_>,
        operation: &Arc<str>,
        tag: Tag,
        price: Credits,
    ) -> Result<u32, CreditError> {
        let place = self.place(draft);
        let entry = &mut self.list[place as usize];
        entry.counts.add(tag);
        if tag == Tag::New {
            entry.credits = entry.credits.plus(price)?;
        }
        let known = entry
            .operations
            .iter_mut()
            .find(|chosen| Arc::ptr_eq(&chosen.operation, operation));
        match known {
            Some(chosen) => chosen.jobs += 1,
            None => entry.operations.push(Chosen {
                operation: operation.clone(),
                because: draft.chosen_because.map(str::to_owned),
                jobs: 1,
            }),
        }
        Ok(place)
    }

    /// Returns the id of the entry at a place.
    pub(super) fn id(&self, place: u32) -> &str {
        &self.list[place as usize].id
    }

    /// Returns them.
    pub(super) fn into_vec(self) -> Vec<PlannedEntry> {
        self.list
    }

    fn place(&mut self, draft: &Draft<'_>) -> u32 {
        let index = draft.entry_index as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        *self.places[index].get_or_insert_with(|| {
            self.list.push(PlannedEntry {
                id: draft.entry.id.clone(),
                line: draft.entry.line,
                priority: draft.entry.priority,
                operations: Vec::new(),
                counts: Counts::default(),
                credits: Credits::ZERO,
            });
            ordinal(self.list.len() - 1).0
        })
    }
}
