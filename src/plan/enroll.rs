//! Hands a plan's jobs to the ledger's words: expands once more, and refuses when a job is no longer what was planned.
//!
//! The plan keeps no inputs, so that a million jobs stay small; the second expansion brings them back.

use crate::catalog::Catalog;
use crate::manifest::{Draft, Problems};
use crate::model::{CreditError, Credits, JobId, NewJob, Ordinal, PaidJob, Reuse};

use super::job::{Disposition, JobView};
use super::planned::Plan;

/// Why a plan's jobs can't be enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The manifest's rows have problems now: each with its place.
    #[error(transparent)]
    Manifest(#[from] Problems),
    /// A job differs from the one that was planned and priced.
    #[error(
        "job `{job}` of entry `{entry}` (line {line}) is not what was planned: \
         a file that the entry reads has changed, plan again"
    )]
    Changed {
        /// The job, as it was planned.
        job: JobId,
        /// The entry it was made of.
        entry: String,
        /// The entry's line in the manifest, from 1.
        line: u32,
    },
    /// The expansion gives jobs that were not planned.
    #[error(
        "entry `{entry}` (line {line}) gives more jobs than were planned: \
         a file that it reads has changed, plan again"
    )]
    More {
        /// The entry.
        entry: String,
        /// Its line in the manifest, from 1.
        line: u32,
    },
    /// The prices add up to more than can be kept.
    #[error("the plan's price: {0}")]
    Sum(#[from] CreditError),
    /// Planned jobs are missing from the expansion.
    #[error(
        "entry `{entry}` (line {line}) gives fewer jobs than were planned: \
         a file that it reads has changed, plan again"
    )]
    Fewer {
        /// The entry whose jobs are missing first.
        entry: String,
        /// Its line in the manifest, from 1.
        line: u32,
    },
}

/// A job as the ledger is to keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollee {
    /// The job.
    pub job: NewJob,
    /// Why it is not to be done: the ledger keeps it as Skipped, with this for an error.
    pub blocked: Option<String>,
}

/// Takes the jobs of a second expansion, and gives them as the ledger keeps them.
///
/// - A job that is bought keeps the jobs it needs.
/// - A reused job needs nothing: its result is there.
/// - A twin needs the job that buys, and only that.
/// - A blocked job needs nothing either, and names the run to resume; a job that needs it is skipped with it.
pub struct Enroller<'a> {
    plan: &'a Plan,
    catalog: &'a Catalog,
    next: usize,
}

impl<'a> Enroller<'a> {
    /// Starts before the first job.
    #[must_use]
    pub const fn new(plan: &'a Plan, catalog: &'a Catalog) -> Self {
        Self {
            plan,
            catalog,
            next: 0,
        }
    }

    /// Turns the next job of the expansion into the ledger's form.
    ///
    /// # Errors
    /// When it is not the job that was planned in this place.
    pub fn next(&mut self, draft: &Draft<'_>) -> Result<Enrollee, EnrollError> {
        let planned = self.check(draft)?;
        let blocked = match &planned.disposition {
            Disposition::Blocked { by } => Some(blocked_by(by)),
            _ => None,
        };
        let (needs, reuse) = self.links(planned.disposition, draft);
        let job = self.job(draft, planned.price, needs, reuse);
        Ok(Enrollee { job, blocked })
    }

    /// Finds the job that was planned in this place.
    ///
    /// # Errors
    /// When it is another.
    pub(super) fn check(&mut self, draft: &Draft<'_>) -> Result<JobView<'a>, EnrollError> {
        if self.next >= self.plan.len() {
            return Err(EnrollError::More {
                entry: draft.entry.id.clone(),
                line: draft.entry.line,
            });
        }
        let planned = self.plan.job(super::planned::ordinal(self.next));
        let is_same = planned.fingerprint == draft.fingerprint
            && planned.ordinal == draft.ordinal
            && planned.entry.id == draft.entry.id
            && (planned.row, planned.take) == (draft.row, draft.take);
        if !is_same {
            return Err(EnrollError::Changed {
                job: planned.id(),
                entry: planned.entry.id.clone(),
                line: planned.entry.line,
            });
        }
        self.next += 1;
        Ok(planned)
    }

    /// Ends the expansion.
    ///
    /// # Errors
    /// When planned jobs did not come.
    pub fn finish(self) -> Result<(), EnrollError> {
        if self.next == self.plan.len() {
            return Ok(());
        }
        let missing = self.plan.job(super::planned::ordinal(self.next));
        Err(EnrollError::Fewer {
            entry: missing.entry.id.clone(),
            line: missing.entry.line,
        })
    }

    fn links(&self, disposition: Disposition, draft: &Draft<'_>) -> (Vec<Ordinal>, Option<Reuse>) {
        match disposition {
            Disposition::New | Disposition::Waits { .. } => (draft.needs.to_vec(), None),
            Disposition::Reused { from } => (
                Vec::new(),
                Some(Reuse::Run {
                    run: from.run,
                    job: from.job,
                    ordinal: from.ordinal,
                }),
            ),
            Disposition::Twin { of } => (
                vec![of],
                Some(Reuse::Twin {
                    ordinal: of,
                    job: self.plan.job_id(of),
                }),
            ),
            Disposition::Blocked { .. } => (Vec::new(), None),
        }
    }

    fn job(
        &self,
        draft: &Draft<'_>,
        price: Credits,
        needs: Vec<Ordinal>,
        reuse: Option<Reuse>,
    ) -> NewJob {
        let operation = self.catalog.get(draft.operation);
        NewJob {
            ordinal: draft.ordinal,
            id: draft.id(),
            fingerprint: draft.fingerprint,
            operation: operation.name.to_string(),
            family: operation.family,
            inputs: draft.inputs.to_owned(),
            price,
            priority: draft.entry.priority,
            save: draft.save.map(str::to_owned),
            needs,
            reuse,
        }
    }
}

fn blocked_by(paid: &PaidJob) -> String {
    let PaidJob { run, job, .. } = paid;
    format!(
        "run `{run}` has paid or may have paid for the same thing (job `{job}`): \
         `setlist resume {run}` first, then run this again"
    )
}
