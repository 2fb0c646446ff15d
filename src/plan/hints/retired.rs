//! Operations that work on the simulator and that a provider has given up: the batch would be refused there.

use std::collections::BTreeMap;

use crate::catalog::{Availability, Catalog, OperationId, SIMULATOR};
use crate::model::{CreditError, Credits};

use super::super::advice::Advice;

/// Jobs of a rehearsal whose operations are retired at some provider.
pub(super) struct Retired {
    /// What they are retired at, and the sentence that says what to use instead.
    elsewhere: BTreeMap<OperationId, (String, String)>,
    found: BTreeMap<OperationId, (u64, Credits)>,
}

impl Retired {
    pub(super) fn new(catalog: &Catalog, provider: &str) -> Self {
        let gone = |id: OperationId| {
            let mut list = catalog.get(id).availability.iter();
            list.find_map(|(name, availability)| match availability {
                Availability::Retired { instead } => Some((id, (name.clone(), instead.clone()))),
                Availability::Active | Availability::Unavailable { .. } => None,
            })
        };
        let is_rehearsal = provider == SIMULATOR;
        let ids = catalog.ids().filter(|_| is_rehearsal);
        Self {
            elsewhere: ids.filter_map(gone).collect(),
            found: BTreeMap::new(),
        }
    }

    pub(super) fn note(
        &mut self,
        operation: OperationId,
        price: Credits,
    ) -> Result<(), CreditError> {
        if self.elsewhere.contains_key(&operation) {
            let (jobs, credits) = self.found.entry(operation).or_default();
            *jobs += 1;
            *credits = credits.plus(price)?;
        }
        Ok(())
    }

    /// Returns the advice, in the catalog's order; none for what costs nothing.
    pub(super) fn finish(self, catalog: &Catalog) -> Vec<Advice> {
        let Self { elsewhere, found } = self;
        let paid = found
            .into_iter()
            .filter(|(_, (_, credits))| !credits.is_zero());
        paid.filter_map(|(id, (jobs, credits))| {
            let (provider, instead) = elsewhere.get(&id)?.clone();
            Some(Advice::Retired {
                operation: catalog.get(id).name.to_string(),
                provider,
                instead,
                jobs,
                credits,
            })
        })
        .collect()
    }
}
