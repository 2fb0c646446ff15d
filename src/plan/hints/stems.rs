//! Full stems of which later jobs use so few tracks that basic stems would do.
//!
//! Says nothing about stems that no job refers to: those are wanted as files, all of them for all we know.

use std::collections::HashMap;

use crate::catalog::{Catalog, OperationId, PriceList};
use crate::manifest::Draft;
use crate::model::{CreditError, Credits, Fingerprint, Input, Ordinal, Step};

use super::super::advice::Advice;

/// Which tracks of full stems later jobs use; only stems that some job refers to are kept.
pub(super) struct StemsUse {
    full: Option<OperationId>,
    basic: Option<OperationId>,
    used: HashMap<Ordinal, Tracks>,
}

#[derive(Clone, Copy, Default)]
struct Tracks {
    /// One bit per track.
    seen: u64,
    /// What the cheaper operation saves.
    saving: Credits,
}

/// Every track: a reference that can't be told to be of a few.
const ALL_TRACKS: u64 = u64::MAX;

impl StemsUse {
    pub(super) fn new(catalog: &Catalog) -> Self {
        Self {
            full: catalog.find("suno.stems-full"),
            basic: catalog.find("suno.stems-basic"),
            used: HashMap::new(),
        }
    }

    /// Tells whether an operation is full stems.
    pub(super) fn is_full(&self, operation: OperationId) -> bool {
        self.full == Some(operation)
    }

    /// Notes what a job uses of stems that it needs; `saving` is what basic stems would save there.
    pub(super) fn note(
        &mut self,
        draft: &Draft<'_>,
        stems: Ordinal,
        stems_print: Fingerprint,
        saving: Credits,
    ) {
        let Ok(inputs) = Input::from_canonical(draft.inputs) else {
            return;
        };
        let mut seen = 0;
        inputs.for_each_ref(&mut |reference| {
            if reference.job == stems_print {
                seen |= match &reference.path.0[..] {
                    [Step::Field(field), Step::Index(track), ..]
                        if field == "clips" && *track < 63 =>
                    {
                        1 << track
                    }
                    _ => ALL_TRACKS,
                };
            }
        });
        if seen != 0 {
            let tracks = self.used.entry(stems).or_default();
            tracks.seen |= seen;
            tracks.saving = saving;
        }
    }

    /// Returns what basic stems would save by a price list: nothing when they are no cheaper.
    pub(super) fn saving(&self, list: &PriceList, full: Credits) -> Option<Credits> {
        let basic = list.flat(self.basic?)?;
        full.minus(basic.credits)
            .ok()
            .filter(|saving| !saving.is_zero())
    }

    /// Returns the advice, if there is any to give.
    pub(super) fn finish(self, catalog: &Catalog) -> Result<Option<Advice>, CreditError> {
        let few: Vec<_> = self
            .used
            .values()
            .filter(|tracks| tracks.seen.count_ones() <= 2)
            .collect();
        let (Some(full), Some(basic), false) = (self.full, self.basic, few.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(Advice::BasicStems {
            full: catalog.get(full).name.to_string(),
            basic: catalog.get(basic).name.to_string(),
            jobs: few.len() as u64,
            saving: Credits::sum(few.iter().map(|tracks| tracks.saving))?,
        }))
    }
}
