//! What a request costs: the price list that is charged, and where prices come from that it does not have.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::catalog::{Catalog, CatalogError, OperationId, PriceList, PriceLists};
use crate::model::Credits;

/// Prices no list has. Continuing an upload is not priced anywhere; the contract infers the price of an extension.
const INFERRED: [(&str, Credits); 1] = [("suno.upload-extend", Credits::new(10))];

/// Lists that are asked, in this order, for what the charged list does not price.
const FALLBACK: [&str; 2] = ["aimusicapi-2026-09", "guide"];

/// The prices charged.
#[derive(Debug)]
pub(crate) struct Tariff {
    catalog: &'static Catalog,
    lists: Vec<&'static PriceList>,
    operations: HashMap<&'static str, OperationId>,
}

impl Tariff {
    /// Charges by a list.
    ///
    /// # Errors
    /// [`CatalogError::UnknownPriceList`] when there is no such list.
    pub(crate) fn new(charged: &str) -> Result<Self, CatalogError> {
        let catalog: &'static Catalog = Catalog::builtin();
        let builtin = PriceLists::builtin();
        let mut lists = vec![builtin.find(charged)?];
        for name in FALLBACK {
            lists.push(builtin.find(name)?);
        }
        let operations = catalog
            .ids()
            .map(|id| (&*catalog.get(id).name, id))
            .collect();
        Ok(Self {
            catalog,
            lists,
            operations,
        })
    }

    /// Finds the price of a request; nothing when no list has one, and such a request is not acted on.
    pub(crate) fn price(&self, operation: &str, body: &Map<String, Value>) -> Option<Credits> {
        let id = *self.operations.get(operation)?;
        let params = &self.catalog.get(id).params;
        let input = |name: &str| -> Option<&Value> {
            let param = params.iter().find(|param| param.name == name)?;
            let sent = body.get(&param.field).filter(|value| !value.is_null());
            sent.or(param.default.as_ref())
        };
        self.lists
            .iter()
            .find_map(|list| list.price(id, &input))
            .map(|priced| priced.credits)
            .or_else(|| {
                let inferred = INFERRED.iter().find(|(name, _)| *name == operation)?;
                Some(inferred.1)
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_of_the_catalog_has_a_price_under_every_list() {
        for list in &PriceLists::builtin().lists {
            let tariff = Tariff::new(&list.name).unwrap();
            for operation in &Catalog::builtin().operations {
                let price = tariff.price(&operation.name, &operation.fixed);
                assert!(price.is_some(), "{} by {}", operation.name, list.name);
            }
        }
        assert!(Tariff::new("nothing").is_err());
    }

    #[test]
    fn conditions_are_read_in_the_words_of_the_request() {
        let tariff = Tariff::new("aimusicapi-2026-09").unwrap();
        for (body, price) in [
            (
                json!({"mv": "sonic-v4", "custom_mode": true, "prompt": "la"}),
                10,
            ),
            (
                json!({"mv": "sonic-v6", "custom_mode": true, "prompt": "la"}),
                14,
            ),
            (
                json!({"mv": "sonic-v4", "custom_mode": false, "gpt_description_prompt": "x"}),
                14,
            ),
        ] {
            let found = tariff.price("suno.create", body.as_object().unwrap());
            assert_eq!(found, Some(Credits::new(price)), "{body}");
        }
    }
}
