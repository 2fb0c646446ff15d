//! The earlier purchases a plan refers to, packed: a nightly batch may reuse a million.

use std::collections::HashMap;

use crate::model::{JobId, Ordinal, PaidJob, PaidState, RunId};

/// One purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PaidRow {
    run: u32,
    ordinal: Ordinal,
    /// Its name there; `None` when it is the name it has here, as in every repeated manifest.
    job: Option<Box<str>>,
    state: PaidState,
}

/// The purchases, by the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PaidTable {
    runs: Vec<RunId>,
    rows: Vec<PaidRow>,
    places: HashMap<RunId, u32>,
}

impl PaidTable {
    /// Keeps a purchase and returns its place; `here` is the name of the job in this plan.
    pub(super) fn push(&mut self, paid: PaidJob, here: &JobId) -> u32 {
        let run = match self.places.get(&paid.run) {
            Some(place) => *place,
            None => {
                let place = place(self.runs.len());
                self.runs.push(paid.run.clone());
                self.places.insert(paid.run, place);
                place
            }
        };
        let at = place(self.rows.len());
        self.rows.push(PaidRow {
            run,
            ordinal: paid.ordinal,
            job: (paid.job != *here).then(|| paid.job.as_str().into()),
            state: paid.state,
        });
        at
    }

    /// Returns a purchase; `here` gives the name of the job that it was found for.
    pub(super) fn get(&self, at: u32, here: impl FnOnce() -> JobId) -> PaidJob {
        let row = &self.rows[at as usize];
        PaidJob {
            run: self.runs[row.run as usize].clone(),
            job: row.job.as_deref().map_or_else(here, JobId::new),
            ordinal: row.ordinal,
            state: row.state,
        }
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).expect("a plan has at most as many purchases as ordinals")
}
