//! A plan as words that can be written down and read back: a head with all sums, then one line per job.
//!
//! Whoever reads a million lines keeps the packed plan only. Nothing secret is in a plan: no inputs, no key.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::OperationId;
use crate::model::{Credits, Fingerprint, Ordinal, PaidJob};

use super::advice::{Advice, Warning};
use super::job::{Disposition, JobView, PlannedJob, Tag, job_id};
use super::paid::PaidTable;
use super::planned::{Counts, Plan, PlanHeader, PlannedEntry, Subtotal, ordinal};
use super::workload::Workload;

/// Why what was read is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(String);

/// All of a plan but its jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedHead {
    header: PlanHeader,
    jobs: u64,
    counts: Counts,
    total: Credits,
    saved_by_reuse: Credits,
    saved_by_twins: Credits,
    workload: Workload,
    subtotals: Vec<Subtotal>,
    entries: Vec<PlannedEntry>,
    warnings: Vec<Warning>,
    advice: Vec<Advice>,
    /// The catalog's names, by operation id.
    operations: Vec<Arc<str>>,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedJob<'a> {
    #[serde(borrow)]
    entry: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_zero")]
    row: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    take: u32,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    price: u32,
    #[serde(rename = "do")]
    action: Action,
    fingerprint: Fingerprint,
}

/// What is to happen with a job; the written form of [`Disposition`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    New,
    Reused(PaidJob),
    Twin(Ordinal),
    Blocked(PaidJob),
    Waits(PaidJob),
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Plan {
    /// Returns all that is to be written down of the plan, but its jobs.
    #[must_use]
    pub fn to_saved(&self) -> SavedHead {
        SavedHead {
            header: self.header.clone(),
            jobs: self.jobs.len() as u64,
            counts: self.counts,
            total: self.total,
            saved_by_reuse: self.saved_by_reuse,
            saved_by_twins: self.saved_by_twins,
            workload: self.workload,
            subtotals: self.subtotals.clone(),
            entries: self.entries.clone(),
            warnings: self.warnings.clone(),
            advice: self.advice.clone(),
            operations: self.names.clone(),
        }
    }
}

impl<'a> SavedJob<'a> {
    /// Returns what is to be written down of a job.
    ///
    /// # Panics
    /// Never: a price of a plan fits.
    #[must_use]
    pub fn of(view: &JobView<'a>) -> Self {
        Self {
            entry: view.entry.id.as_str().into(),
            row: view.row,
            take: view.take,
            operation: view.operation.into(),
            price: u32::try_from(view.price.get()).expect("a plan keeps prices as u32"),
            action: match &view.disposition {
                Disposition::New => Action::New,
                Disposition::Reused { from } => Action::Reused(from.clone()),
                Disposition::Twin { of } => Action::Twin(*of),
                Disposition::Blocked { by } => Action::Blocked(by.clone()),
                Disposition::Waits { by } => Action::Waits(by.clone()),
            },
            fingerprint: view.fingerprint,
        }
    }
}

/// Takes a plan's head and its jobs, one at a time, and gives the plan.
#[derive(Debug)]
pub struct Loader {
    plan: Plan,
    jobs: u64,
    entries: HashMap<String, u32>,
    operations: HashMap<Arc<str>, OperationId>,
    counts: Counts,
    total: Credits,
}

impl Loader {
    /// Starts with the head.
    ///
    /// # Errors
    /// When it lists more operations than there can be.
    pub fn new(head: SavedHead) -> Result<Self, LoadError> {
        let operations = head.operations.iter().enumerate().map(|(place, name)| {
            let place = u16::try_from(place);
            let place = place.map_err(|_| LoadError("it lists too many operations".to_owned()))?;
            Ok((name.clone(), OperationId(place)))
        });
        let entries = head.entries.iter().zip(0..);
        Ok(Self {
            jobs: head.jobs,
            operations: operations.collect::<Result<_, LoadError>>()?,
            entries: entries.map(|(entry, at)| (entry.id.clone(), at)).collect(),
            counts: Counts::default(),
            total: Credits::ZERO,
            plan: Plan {
                header: head.header,
                entries: head.entries,
                jobs: Vec::new(),
                paid: PaidTable::default(),
                names: head.operations,
                subtotals: head.subtotals,
                counts: head.counts,
                total: head.total,
                saved_by_reuse: head.saved_by_reuse,
                saved_by_twins: head.saved_by_twins,
                workload: head.workload,
                warnings: head.warnings,
                advice: head.advice,
            },
        })
    }

    /// Adds the next job.
    ///
    /// # Errors
    /// When it names an entry, an operation or a job that the plan does not have.
    pub fn add(&mut self, job: SavedJob<'_>) -> Result<(), LoadError> {
        let no = |what: &str, name: &str| LoadError(format!("the plan has no {what} `{name}`"));
        let entry = self.entries.get(&*job.entry).copied();
        let entry = entry.ok_or_else(|| no("entry", &job.entry))?;
        let operation = self.operations.get(&*job.operation).copied();
        let operation = operation.ok_or_else(|| no("operation", &job.operation))?;
        if self.plan.jobs.len() as u64 >= u64::from(u32::MAX) {
            return Err(LoadError("it has too many jobs".to_owned()));
        }
        let here = job_id(&job.entry, job.row, job.take);
        let (tag, link) = match job.action {
            Action::New => (Tag::New, 0),
            Action::Reused(from) => (Tag::Reused, self.plan.paid.push(from, &here)),
            Action::Blocked(by) => (Tag::Blocked, self.plan.paid.push(by, &here)),
            Action::Waits(by) => (Tag::Waits, self.plan.paid.push(by, &here)),
            Action::Twin(of) if of < ordinal(self.plan.jobs.len()) => (Tag::Twin, of.0),
            Action::Twin(of) => return Err(no("earlier job", &of.to_string())),
        };
        self.counts.add(tag);
        if tag == Tag::New {
            let sum = self.total.plus(Credits::new(job.price.into()));
            self.total = sum.map_err(|error| LoadError(error.to_string()))?;
        }
        self.plan.jobs.push(PlannedJob {
            fingerprint: job.fingerprint,
            entry,
            row: job.row,
            take: job.take,
            price_credits: job.price,
            link,
            operation,
            tag,
        });
        Ok(())
    }

    /// Returns the plan.
    ///
    /// # Errors
    /// When the jobs are not those that the head speaks of.
    pub fn finish(mut self) -> Result<Plan, LoadError> {
        let found = self.plan.jobs.len() as u64;
        if found != self.jobs {
            let said = self.jobs;
            return Err(LoadError(format!("it has {found} jobs, and says {said}")));
        }
        if (self.counts, self.total) != (self.plan.counts, self.plan.total) {
            let message = "its sums are not those of its jobs";
            return Err(LoadError(message.to_owned()));
        }
        self.plan.jobs.shrink_to_fit();
        Ok(self.plan)
    }
}
