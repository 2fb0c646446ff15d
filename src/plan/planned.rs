//! The plan: every job with its price and what is to happen with it, and the sums over them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Credits, Family, Fingerprint, JobId, Ordinal};

use super::advice::{Advice, Warning};
use super::job::{Disposition, JobView, PlannedJob, Tag, job_id};
use super::paid::PaidTable;
use super::workload::Workload;

/// What a plan was made of; a saved plan is stale when one of these moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanHeader {
    /// The manifest's name.
    pub manifest: String,
    /// SHA-256 of the manifest's text, in hexadecimal.
    pub manifest_digest: String,
    /// The provider's name.
    pub provider: String,
    /// The price list.
    pub prices: ListHeader,
    /// SHA-256 of the catalog's text, in hexadecimal.
    pub catalog_digest: String,
}

/// A price list, without its prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListHeader {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text, in hexadecimal.
    pub digest: String,
    /// When its prices held, `YYYY-MM`.
    pub dated: String,
    /// Where they come from.
    pub source: String,
}

/// How many jobs there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Jobs to be bought.
    pub new: u64,
    /// Jobs whose result a run before bought.
    pub reused: u64,
    /// Jobs that an earlier job of the plan buys.
    pub twin: u64,
    /// Jobs that wait for another run, themselves or through a job they need.
    pub blocked: u64,
}

impl Counts {
    /// Returns how many there are in all.
    #[must_use]
    pub const fn jobs(&self) -> u64 {
        self.new + self.reused + self.twin + self.blocked
    }

    pub(super) fn add(&mut self, tag: Tag) {
        match tag {
            Tag::New => self.new += 1,
            Tag::Reused => self.reused += 1,
            Tag::Twin => self.twin += 1,
            Tag::Blocked | Tag::Waits => self.blocked += 1,
        }
    }
}

/// The jobs of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtotal {
    /// The operation's catalog name.
    pub operation: Arc<str>,
    /// Its family.
    pub family: Family,
    /// How many jobs.
    pub counts: Counts,
    /// What they cost this time.
    pub credits: Credits,
}

/// A `[[job]]` entry of the manifest and the jobs made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEntry {
    /// Its id.
    pub id: String,
    /// Its line in the manifest, from 1.
    pub line: u32,
    /// Its priority.
    pub priority: i32,
    /// Its operations, in the order they came; more than one when a choice differs by row.
    pub operations: Vec<Chosen>,
    /// How many jobs.
    pub counts: Counts,
    /// What they cost this time.
    pub credits: Credits,
}

/// An operation of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The operation's catalog name.
    pub operation: Arc<str>,
    /// Why this one, when the manifest named a choice.
    pub because: Option<String>,
    /// How many jobs of the entry are of it.
    pub jobs: u64,
}

/// An expanded, checked and priced batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(super) header: PlanHeader,
    pub(super) entries: Vec<PlannedEntry>,
    pub(super) jobs: Vec<PlannedJob>,
    pub(super) paid: PaidTable,
    /// The catalog's names, by operation id.
    pub(super) names: Vec<Arc<str>>,
    pub(super) subtotals: Vec<Subtotal>,
    pub(super) counts: Counts,
    pub(super) total: Credits,
    pub(super) saved_by_reuse: Credits,
    pub(super) saved_by_twins: Credits,
    pub(super) workload: Workload,
    pub(super) warnings: Vec<Warning>,
    pub(super) advice: Vec<Advice>,
}

impl Plan {
    /// Returns what the plan was made of.
    #[must_use]
    pub const fn header(&self) -> &PlanHeader {
        &self.header
    }

    /// Returns the entries that have jobs, in the order of the expansion.
    #[must_use]
    pub fn entries(&self) -> &[PlannedEntry] {
        &self.entries
    }

    /// Returns the subtotals by operation, in the catalog's order.
    #[must_use]
    pub fn subtotals(&self) -> &[Subtotal] {
        &self.subtotals
    }

    /// Returns how many jobs there are of each kind.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns how many jobs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Tells whether there are no jobs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Returns what the plan costs: the prices of the jobs to be bought.
    #[must_use]
    pub const fn total(&self) -> Credits {
        self.total
    }

    /// Returns the prices of the jobs that runs before have paid for.
    #[must_use]
    pub const fn saved_by_reuse(&self) -> Credits {
        self.saved_by_reuse
    }

    /// Returns the prices of the jobs that an earlier job of the plan pays for.
    #[must_use]
    pub const fn saved_by_twins(&self) -> Credits {
        self.saved_by_twins
    }

    /// Returns the work in it, for an estimate of its time.
    #[must_use]
    pub const fn workload(&self) -> Workload {
        self.workload
    }

    /// Returns the reasons to look twice.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns the ways to spend less.
    #[must_use]
    pub fn advice(&self) -> &[Advice] {
        &self.advice
    }

    /// Returns a job's name.
    ///
    /// # Panics
    /// When the plan has no such job.
    #[must_use]
    pub fn job_id(&self, ordinal: Ordinal) -> JobId {
        let job = &self.jobs[ordinal.index()];
        job_id(&self.entries[job.entry as usize].id, job.row, job.take)
    }

    /// Returns what a job is, apart from its name.
    ///
    /// # Panics
    /// When the plan has no such job.
    #[must_use]
    pub fn fingerprint(&self, ordinal: Ordinal) -> Fingerprint {
        self.jobs[ordinal.index()].fingerprint
    }

    /// Returns a job.
    ///
    /// # Panics
    /// When the plan has no such job.
    #[must_use]
    pub fn job(&self, ordinal: Ordinal) -> JobView<'_> {
        let job = &self.jobs[ordinal.index()];
        JobView {
            ordinal,
            entry: &self.entries[job.entry as usize],
            row: job.row,
            take: job.take,
            operation: &self.names[usize::from(job.operation.0)],
            fingerprint: job.fingerprint,
            price: Credits::new(job.price_credits.into()),
            disposition: self.disposition(ordinal, job),
        }
    }

    /// Finds a job by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Ordinal> {
        let is_named = |job: &PlannedJob| {
            let entry = &self.entries[job.entry as usize].id;
            name.starts_with(entry.as_str()) && job_id(entry, job.row, job.take).as_str() == name
        };
        self.jobs.iter().position(is_named).map(ordinal)
    }

    /// Goes through all jobs, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = JobView<'_>> {
        (0..self.jobs.len()).map(|index| self.job(ordinal(index)))
    }

    fn disposition(&self, ordinal: Ordinal, job: &PlannedJob) -> Disposition {
        let paid = || self.paid.get(job.link, || self.job_id(ordinal));
        match job.tag {
            Tag::New => Disposition::New,
            Tag::Reused => Disposition::Reused { from: paid() },
            Tag::Twin => Disposition::Twin {
                of: Ordinal(job.link),
            },
            Tag::Blocked => Disposition::Blocked { by: paid() },
            Tag::Waits => Disposition::Waits { by: paid() },
        }
    }
}

/// Returns the ordinal of an index into the jobs.
pub(super) fn ordinal(index: usize) -> Ordinal {
    Ordinal(u32::try_from(index).expect("jobs are counted by ordinals"))
}
