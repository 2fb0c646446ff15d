//! The sums of a plan, kept while its jobs come.

use crate::catalog::{Catalog, OperationId};
use crate::model::{CreditError, Credits};

use super::advice::Warning;
use super::job::Tag;
use super::planned::{Counts, Subtotal};

/// What is known of one operation's jobs so far.
#[derive(Clone, Copy, Default)]
struct OperationSum {
    counts: Counts,
    credits: Credits,
    inferred_jobs: u64,
    inferred_credits: Credits,
}

/// Sums over all jobs so far.
pub(super) struct Sums {
    operations: Vec<OperationSum>,
    pub(super) counts: Counts,
    pub(super) total: Credits,
    pub(super) saved_by_reuse: Credits,
    pub(super) saved_by_twins: Credits,
}

impl Sums {
    pub(super) fn new(catalog: &Catalog) -> Self {
        Self {
            operations: vec![OperationSum::default(); catalog.operations.len()],
            counts: Counts::default(),
            total: Credits::ZERO,
            saved_by_reuse: Credits::ZERO,
            saved_by_twins: Credits::ZERO,
        }
    }

    /// Adds a job; `inferred` tells whether no page states its price.
    pub(super) fn add(
        &mut self,
        operation: OperationId,
        tag: Tag,
        price: Credits,
        inferred: bool,
    ) -> Result<(), CreditError> {
        let sum = &mut self.operations[usize::from(operation.0)];
        self.counts.add(tag);
        sum.counts.add(tag);
        match tag {
            Tag::New => {
                self.total = self.total.plus(price)?;
                sum.credits = sum.credits.plus(price)?;
                if inferred {
                    sum.inferred_jobs += 1;
                    sum.inferred_credits = sum.inferred_credits.plus(price)?;
                }
            }
            Tag::Reused => self.saved_by_reuse = self.saved_by_reuse.plus(price)?,
            Tag::Twin => self.saved_by_twins = self.saved_by_twins.plus(price)?,
            Tag::Blocked | Tag::Waits => {}
        }
        Ok(())
    }

    /// Returns the subtotals of the operations that have jobs.
    pub(super) fn subtotals(&self, catalog: &Catalog) -> Vec<Subtotal> {
        self.operations
            .iter()
            .zip(&catalog.operations)
            .filter(|(sum, _)| sum.counts.jobs() > 0)
            .map(|(sum, operation)| Subtotal {
                operation: operation.name.clone(),
                family: operation.family,
                counts: sum.counts,
                credits: sum.credits,
            })
            .collect()
    }

    /// Returns a warning for each operation that is bought at an inferred price.
    pub(super) fn inferred(&self, catalog: &Catalog) -> Vec<Warning> {
        self.operations
            .iter()
            .zip(&catalog.operations)
            .filter(|(sum, _)| sum.inferred_jobs > 0)
            .map(|(sum, operation)| Warning::InferredPrice {
                operation: operation.name.to_string(),
                jobs: sum.inferred_jobs,
                credits: sum.inferred_credits,
            })
            .collect()
    }
}
