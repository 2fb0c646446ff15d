//! The jobs to be bought by every other built-in price list, summed as the jobs come.

use std::cmp::Reverse;

use crate::catalog::{Catalog, PriceList, PriceLists};
use crate::manifest::Draft;
use crate::model::{CreditError, Credits};

use super::advice::{ListComparison, OperationDifference};
use super::pricing::price_in;

/// What one operation's new jobs cost by another list.
#[derive(Clone, Copy, Default)]
struct Tally {
    jobs: u64,
    here: Credits,
    there: Credits,
    unpriced: u64,
}

/// Prices the jobs to be bought by every other list, as they come.
pub(super) struct Comparisons<'a> {
    used: &'a PriceList,
    others: Vec<(&'a PriceList, Vec<Tally>)>,
}

impl<'a> Comparisons<'a> {
    pub(super) fn new(catalog: &Catalog, used: &'a PriceList, known: &'a PriceLists) -> Self {
        let others = known
            .lists
            .iter()
            .filter(|list| list.digest != used.digest)
            .map(|list| (list, vec![Tally::default(); catalog.operations.len()]))
            .collect();
        Self { used, others }
    }

    /// Compares with nothing.
    pub(super) fn none(used: &'a PriceList) -> Self {
        Self {
            used,
            others: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, draft: &Draft<'_>, here: Credits) -> Result<(), CreditError> {
        for (list, tallies) in &mut self.others {
            let tally = &mut tallies[usize::from(draft.operation.0)];
            match price_in(list, draft) {
                Some(there) => {
                    tally.jobs += 1;
                    tally.here = tally.here.plus(here)?;
                    tally.there = tally.there.plus(there)?;
                }
                None => tally.unpriced += 1,
            }
        }
        Ok(())
    }

    /// Returns the lists that differ.
    pub(super) fn finish(self, catalog: &Catalog) -> Result<Vec<ListComparison>, CreditError> {
        let mut found = Vec::new();
        for (list, tallies) in &self.others {
            let comparison = self.compare(catalog, list, tallies)?;
            if !comparison.operations.is_empty() {
                found.push(comparison);
            }
        }
        Ok(found)
    }

    fn compare(
        &self,
        catalog: &Catalog,
        list: &PriceList,
        tallies: &[Tally],
    ) -> Result<ListComparison, CreditError> {
        let mut operations: Vec<_> = tallies
            .iter()
            .zip(&catalog.operations)
            .filter(|(tally, _)| tally.here != tally.there)
            .map(|(tally, operation)| OperationDifference {
                operation: operation.name.to_string(),
                jobs: tally.jobs,
                here: tally.here,
                there: tally.there,
            })
            .collect();
        operations
            .sort_by_key(|operation| Reverse(operation.here.get().abs_diff(operation.there.get())));
        Ok(ListComparison {
            used: self.used.name.clone(),
            other: list.name.clone(),
            dated: list.dated.clone(),
            here: Credits::sum(tallies.iter().map(|tally| tally.here))?,
            there: Credits::sum(tallies.iter().map(|tally| tally.there))?,
            unpriced: tallies.iter().map(|tally| tally.unpriced).sum(),
            operations,
        })
    }
}
