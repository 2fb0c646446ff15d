//! Price lists: named, dated prices of operations, some with conditions. Reads no file.

use std::fmt;

use serde_json::Value;

use crate::model::Credits;

use super::operation::OperationId;

/// How sure a price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A page of the provider, or the guide, says so.
    Documented,
    /// Our reading.
    Inferred,
}

/// What must hold for a price to apply.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Condition {
    /// The parameter's value (after defaults) is one of these: (parameter, values).
    pub is: Vec<(String, Vec<Value>)>,
    /// These parameters are given.
    pub given: Vec<String>,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut join = "";
        for (name, values) in &self.is {
            write!(f, "{join}`{name}` is {}", either(values))?;
            join = " and ";
        }
        for name in &self.given {
            write!(f, "{join}`{name}` is given")?;
            join = " and ";
        }
        Ok(())
    }
}

/// Writes `a, b or c`.
fn either(values: &[Value]) -> String {
    let words: Vec<String> = values
        .iter()
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
        .collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// One price.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceEntry {
    /// Credits per call.
    pub credits: Credits,
    /// When it applies; always, if empty.
    pub when: Condition,
    /// How sure it is.
    pub basis: Basis,
    /// A remark for `setlist costs`.
    pub note: String,
}

impl PriceEntry {
    /// Finds the first entry that applies; `input` gives an input's value, defaults included.
    pub(super) fn first_of<'a, 'b>(
        entries: &'b [Self],
        input: &dyn Fn(&str) -> Option<&'a Value>,
    ) -> Option<&'b Self> {
        let applies = |when: &Condition| {
            when.given.iter().all(|name| input(name).is_some())
                && when
                    .is
                    .iter()
                    .all(|(name, values)| input(name).is_some_and(|value| values.contains(value)))
        };
        entries.iter().find(|entry| applies(&entry.when))
    }
}

/// A named, dated list of prices.
#[derive(Clone, Debug)]
pub struct PriceList {
    /// Its name, e.g. `guide`.
    pub name: String,
    /// Where the figures come from.
    pub source: String,
    /// When they held, `YYYY-MM`.
    pub dated: String,
    /// SHA-256 of its text, in hexadecimal: pins a saved plan.
    pub digest: String,
    /// Entries by operation, first match wins; an operation without entries has no price.
    pub entries: Vec<Vec<PriceEntry>>,
}

/// The lists that are built in.
#[derive(Debug)]
pub struct PriceLists {
    /// `guide` first.
    pub lists: Vec<PriceList>,
}

/// A price found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Credits.
    pub credits: Credits,
    /// How sure.
    pub basis: Basis,
}

impl PriceList {
    /// Tells whether the operation's price is the same whatever its inputs are, and which.
    #[must_use]
    pub fn flat(&self, operation: OperationId) -> Option<Priced> {
        match self.entries.get(usize::from(operation.0))?.first()? {
            entry if entry.when == Condition::default() => Some(Priced {
                credits: entry.credits,
                basis: entry.basis,
            }),
            _ => None,
        }
    }

    /// Tells whether the operation's price hangs on an input.
    #[must_use]
    pub fn asks_for(&self, operation: OperationId, input: &str) -> bool {
        let entries = self.entries.get(usize::from(operation.0));
        let names = |when: &Condition| {
            let is = when.is.iter().any(|(name, _)| name == input);
            is || when.given.iter().any(|name| name == input)
        };
        entries.is_some_and(|entries| entries.iter().any(|entry| names(&entry.when)))
    }

    /// Finds the price of one call; `input` gives an input's value, defaults included.
    ///
    /// Returns nothing when no entry applies: such a job is refused, never counted as free.
    #[must_use]
    pub fn price<'a>(
        &self,
        operation: OperationId,
        input: &dyn Fn(&str) -> Option<&'a Value>,
    ) -> Option<Priced> {
        self.entry(operation, input).map(|entry| Priced {
            credits: entry.credits,
            basis: entry.basis,
        })
    }

    /// Finds the entry that makes the price of one call, as [`PriceList::price`] does.
    #[must_use]
    pub fn entry<'a>(
        &self,
        operation: OperationId,
        input: &dyn Fn(&str) -> Option<&'a Value>,
    ) -> Option<&PriceEntry> {
        let entries = self.entries.get(usize::from(operation.0))?;
        PriceEntry::first_of(entries, input)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, CatalogError, PriceLists};

    fn price(list: &str, operation: &str, inputs: Value) -> Option<u64> {
        let id = Catalog::builtin().find(operation).unwrap();
        let list = PriceLists::builtin().find(list).unwrap();
        let found = list.price(id, &|name| inputs.get(name));
        found.map(|price| price.credits.get())
    }

    #[test]
    fn the_first_entry_that_applies_is_the_price() {
        let list = "aimusicapi-2026-09";
        for (operation, inputs, credits) in [
            (
                "suno.create",
                json!({"model": "sonic-v4", "lyrics": "la"}),
                Some(10),
            ),
            (
                "suno.create",
                json!({"model": "chirp-v3-5", "lyrics": null}),
                Some(10),
            ),
            (
                "suno.create",
                json!({"model": "sonic-v4", "custom_mode": true}),
                Some(10),
            ),
            (
                "suno.create",
                json!({"model": "sonic-v4", "custom_mode": false}),
                Some(14),
            ),
            (
                "suno.create",
                json!({"model": "sonic-v4", "description": "x"}),
                Some(14),
            ),
            (
                "suno.create",
                json!({"model": "sonic-v6", "lyrics": "la"}),
                Some(14),
            ),
            (
                "suno.create",
                json!({"model": null, "lyrics": "la"}),
                Some(14),
            ),
            ("suno.create", json!({}), Some(14)),
            ("suno.extend", json!({"model": "sonic-v6"}), Some(10)),
            ("producer.extend", json!({}), None),
            ("nuro.vocal", json!({}), None),
            ("suno.upload-extend", json!({}), None),
        ] {
            assert_eq!(
                price(list, operation, inputs.clone()),
                credits,
                "{operation} {inputs}"
            );
        }
        assert_eq!(price("musicapi-2026-10", "nuro.vocal", json!({})), Some(10));
        assert_eq!(price("musicapi-2026-10", "suno.cover", json!({})), None);
    }

    #[test]
    fn a_price_with_a_condition_is_not_flat() {
        let catalog = Catalog::builtin();
        let create = catalog.find("suno.create").unwrap();
        let flat = |list: &str| PriceLists::builtin().find(list).unwrap().flat(create);
        assert_eq!(flat("aimusicapi-2026-09"), None);
        let today = PriceLists::builtin().find("aimusicapi-2026-09").unwrap();
        let asked = ["model", "lyrics", "duration"].map(|name| today.asks_for(create, name));
        assert_eq!(asked, [true, true, false]);
        assert_eq!(flat("guide").unwrap().credits, Credits::new(10));
    }

    #[test]
    fn an_unknown_list_names_the_known() {
        let error = PriceLists::builtin().find("today").unwrap_err();
        assert!(matches!(error, CatalogError::UnknownPriceList { .. }));
        assert_eq!(
            error.to_string(),
            "no price list is called `today`; there are guide, aimusicapi-2026-09, musicapi-2026-10"
        );
    }

    fn any_input() -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            Just(None),
            Just(Some(Value::Null)),
            Just(Some(json!(true))),
            Just(Some(json!("sonic-v4"))),
            Just(Some(json!("sonic-v6"))),
        ]
    }

    fn any_condition() -> impl Strategy<Value = Condition> {
        let value = prop_oneof![Just(json!("sonic-v4")), Just(json!(true))];
        let is = prop::collection::vec(("[ab]", prop::collection::vec(value, 1..3)), 0..2);
        (is, prop::collection::vec("[ab]", 0..2)).prop_map(|(is, given)| Condition { is, given })
    }

    proptest! {
        #[test]
        fn there_is_no_price_when_no_entry_applies(
            conditions in prop::collection::vec(any_condition(), 0..4),
            a in any_input(),
            b in any_input(),
        ) {
            let input = |name: &str| match name {
                "a" => a.as_ref(),
                _ => b.as_ref(),
            };
            let holds = |when: &Condition| {
                let is = |(name, values): &(String, Vec<Value>)| {
                    values.iter().any(|value| input(name) == Some(value))
                };
                when.is.iter().all(is) && !when.given.iter().any(|name| input(name).is_none())
            };
            let entry = |(place, when): (usize, &Condition)| PriceEntry {
                credits: Credits::new(u64::try_from(place).unwrap()),
                when: when.clone(),
                basis: Basis::Inferred,
                note: String::new(),
            };
            let list = PriceList {
                name: String::new(),
                source: String::new(),
                dated: String::new(),
                digest: String::new(),
                entries: vec![conditions.iter().enumerate().map(entry).collect()],
            };
            let found = list.price(OperationId(0), &input);
            let first = conditions.iter().position(holds);
            prop_assert_eq!(
                found.map(|price| price.credits.get()),
                first.map(|place| u64::try_from(place).unwrap())
            );
            prop_assert_eq!(list.price(OperationId(1), &input), None);
            if let Some(flat) = list.flat(OperationId(0)) {
                prop_assert_eq!(found, Some(flat));
            }
        }
    }
}
