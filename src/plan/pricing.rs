//! What each operation costs and whether it can be had, looked up once per operation where that is possible.

use crate::catalog::{Availability, Basis, Catalog, OperationId, PriceList, PriceLists, Priced};
use crate::manifest::Draft;
use crate::model::{Credits, PaidJobs};

use super::refusal::RefusalCause;
use super::workload::{seconds_up, typical_seconds};

/// A job's price, and how sure it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobPrice {
    pub(super) credits: u32,
    pub(super) inferred: bool,
}

/// What holds for every job of an operation.
struct OperationFacts {
    /// Why it can't be had at the provider.
    gone: Option<RefusalCause>,
    /// Its price, when it does not hang on the inputs.
    flat: Option<Priced>,
    typical_s: u32,
    /// Runs before showed how long it takes.
    is_learned: bool,
}

/// Prices jobs by one list, at one provider.
pub(super) struct Pricing<'a> {
    list: &'a PriceList,
    known: &'a PriceLists,
    facts: Vec<OperationFacts>,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(
        catalog: &Catalog,
        list: &'a PriceList,
        known: &'a PriceLists,
        provider: &str,
        paid: &dyn PaidJobs,
    ) -> Self {
        let facts = catalog
            .ids()
            .map(|id| {
                let operation = catalog.get(id);
                let took_s = paid.took(&operation.name).map(seconds_up);
                OperationFacts {
                    gone: gone(provider, catalog.availability(id, provider)),
                    flat: list.flat(id),
                    typical_s: took_s.unwrap_or_else(|| typical_seconds(operation)),
                    is_learned: took_s.is_some(),
                }
            })
            .collect();
        Self { list, known, facts }
    }

    /// Tells whether that is how long the operation took in runs before.
    pub(super) fn is_learned(&self, operation: OperationId) -> bool {
        self.facts[usize::from(operation.0)].is_learned
    }

    /// Returns how long a task of the operation typically takes, in seconds.
    pub(super) fn typical_s(&self, operation: OperationId) -> u32 {
        self.facts[usize::from(operation.0)].typical_s
    }

    /// Finds a job's price, or why it can't be bought.
    pub(super) fn price(&self, draft: &Draft<'_>) -> Result<JobPrice, RefusalCause> {
        let facts = &self.facts[usize::from(draft.operation.0)];
        if let Some(gone) = &facts.gone {
            return Err(gone.clone());
        }
        let priced = facts
            .flat
            .or_else(|| self.list.price(draft.operation, draft.input))
            .ok_or_else(|| self.no_price(draft))?;
        let credits =
            u32::try_from(priced.credits.get()).map_err(|_| RefusalCause::PriceTooLarge {
                list: self.list.name.clone(),
                credits: priced.credits,
            })?;
        Ok(JobPrice {
            credits,
            inferred: priced.basis == Basis::Inferred,
        })
    }

    fn no_price(&self, draft: &Draft<'_>) -> RefusalCause {
        let others = self
            .known
            .lists
            .iter()
            .filter(|other| other.digest != self.list.digest)
            .filter_map(|other| {
                let credits = price_in(other, draft)?;
                Some((other.name.clone(), credits))
            })
            .collect();
        RefusalCause::NoPrice {
            list: self.list.name.clone(),
            others,
        }
    }
}

/// Finds a job's price in any list.
pub(super) fn price_in(list: &PriceList, draft: &Draft<'_>) -> Option<Credits> {
    list.flat(draft.operation)
        .or_else(|| list.price(draft.operation, draft.input))
        .map(|priced| priced.credits)
}

fn gone(provider: &str, availability: &Availability) -> Option<RefusalCause> {
    let provider = provider.to_owned();
    match availability {
        Availability::Active => None,
        Availability::Retired { instead } => Some(RefusalCause::Retired {
            provider,
            instead: instead.clone(),
        }),
        Availability::Unavailable { instead } => Some(RefusalCause::Unavailable {
            provider,
            instead: instead.clone(),
        }),
    }
}
