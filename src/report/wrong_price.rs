//! Which other prices add up to what the books can't explain: those of audits, those of other lists, and those that divide evenly.
//!
//! Jobs are charged alike when they have one operation, one price, and the same price under each list: a list whose price
//! hangs on a condition speaks only of the jobs that meet it, and so does an audit.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::catalog::{Catalog, PriceLists};
use crate::ledger::Audit;
use crate::model::{Credits, Input};

use super::causes::{Basis, CauseKind};

/// What decides what a job is charged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Charge {
    pub(super) operation: String,
    pub(super) price: Credits,
    /// Its price under each built-in list, in their order.
    pub(super) listed: Vec<Option<Credits>>,
}

impl Charge {
    /// Prices a job's inputs, in canonical form, under each list; an operation of another version has no price.
    pub(super) fn of(operation: &str, price: Credits, inputs: &str) -> Self {
        let catalog = Catalog::builtin();
        let listed = catalog.find(operation).map_or_else(Vec::new, |id| {
            let given = given(inputs);
            let params = &catalog.get(id).params;
            let input = |name: &str| {
                let default = || {
                    params
                        .iter()
                        .find(|param| param.name == name)?
                        .default
                        .as_ref()
                };
                given.get(name).or_else(default)
            };
            let lists = PriceLists::builtin().lists.iter();
            lists
                .map(|list| list.price(id, &input).map(|priced| priced.credits))
                .collect()
        });
        Self {
            operation: operation.to_owned(),
            price,
            listed,
        }
    }
}

/// Reads inputs as prices see them: `null` stands for what is only known once the job runs.
fn given(canonical: &str) -> Map<String, Value> {
    let Ok(Input::Table(given)) = Input::from_canonical(canonical) else {
        return Map::new();
    };
    let known = |input| match input {
        Input::Value(value) => value,
        _ => Value::Null,
    };
    let given = given.into_iter();
    given.map(|(name, input)| (name, known(input))).collect()
}

/// Jobs that were charged alike, and how many.
pub(super) type Charged = BTreeMap<Charge, u64>;

/// Jobs of one operation with the same price, and with what it would be charged instead.
type Changes<'a> = BTreeMap<(&'a str, Credits, Credits), u64>;

/// Leaves out the jobs whose charges were audited: what they differ by is known.
pub(super) fn without(charged: &Charged, audited: &[Audit]) -> Charged {
    let mut rest = charged.clone();
    for audit in audited {
        let charge = Charge::of(&audit.operation, audit.price, &audit.inputs);
        if let Some(jobs) = rest.get_mut(&charge) {
            *jobs = jobs.saturating_sub(1);
        }
    }
    rest.retain(|_, jobs| *jobs > 0);
    rest
}

/// Finds prices for which something speaks and that explain the whole rest; an audit's first.
pub(super) fn attested(rest: i64, charged: &Charged, audits: &[Audit]) -> Vec<CauseKind> {
    let mut seen = BTreeMap::new();
    for audit in audits {
        // The latest of its kind stays.
        let charge = Charge::of(&audit.operation, audit.price, &audit.inputs);
        seen.insert(charge, audit.charged);
    }
    let mut found = by_source(rest, charged, &Basis::Audited, &|charge| {
        seen.get(charge).copied()
    });
    for (place, list) in PriceLists::builtin().lists.iter().enumerate() {
        let basis = Basis::Listed(list.name.clone());
        let listed = by_source(rest, charged, &basis, &|charge| {
            *charge.listed.get(place)?
        });
        // What an audit or an earlier list says need not be said again.
        let is_new = |kind: &CauseKind| !found.iter().any(|known| known.is_same_price(kind));
        let listed: Vec<_> = listed.into_iter().filter(is_new).collect();
        found.extend(listed);
    }
    found
}

/// Finds what one source of prices explains: one operation's jobs, or all that it prices otherwise together.
fn by_source(
    rest: i64,
    charged: &Charged,
    basis: &Basis,
    says: &dyn Fn(&Charge) -> Option<Credits>,
) -> Vec<CauseKind> {
    let mut changes = Changes::new();
    for (charge, jobs) in charged {
        if let Some(instead) = says(charge).filter(|instead| *instead != charge.price) {
            let key = (&*charge.operation, charge.price, instead);
            let sum = changes.entry(key).or_default();
            *sum = sum.saturating_add(*jobs);
        }
    }
    let moved = |((_, price, instead), jobs): (&(&str, Credits, Credits), &u64)| {
        (i128::from(price.get()) - i128::from(instead.get())) * i128::from(*jobs)
    };
    let alone = changes
        .iter()
        .filter(|change| moved(*change) == i128::from(rest));
    let mut found: Vec<_> = alone
        .map(
            |((operation, price, instead), jobs)| CauseKind::WrongPrice {
                operation: (*operation).to_owned(),
                jobs: *jobs,
                price: *price,
                charged: *instead,
                basis: basis.clone(),
            },
        )
        .collect();
    if changes.len() > 1 && changes.iter().map(moved).sum::<i128>() == i128::from(rest) {
        found.push(CauseKind::OtherPrices {
            jobs: changes
                .values()
                .fold(0, |sum, jobs| sum.saturating_add(*jobs)),
            basis: basis.clone(),
        });
    }
    found
}

/// Finds operations among whose jobs the rest divides evenly, which is all that speaks for it; any sum divides by one.
pub(super) fn arithmetic(rest: i64, charged: &Charged) -> Vec<CauseKind> {
    let mut groups: BTreeMap<(&str, Credits), u64> = BTreeMap::new();
    for (charge, jobs) in charged {
        let sum = groups.entry((&charge.operation, charge.price)).or_default();
        *sum = sum.saturating_add(*jobs);
    }
    let several = groups.into_iter().filter(|(_, jobs)| *jobs > 1);
    several
        .filter_map(|((operation, price), jobs)| {
            Some(CauseKind::WrongPrice {
                operation: operation.to_owned(),
                jobs,
                price,
                charged: share(rest, price, jobs)?,
                basis: Basis::Arithmetic,
            })
        })
        .collect()
}

/// Returns what each of so many jobs was charged, if they took the whole rest in equal parts.
fn share(rest: i64, price: Credits, jobs: u64) -> Option<Credits> {
    let (jobs, rest) = (i128::from(jobs), i128::from(rest));
    if rest % jobs != 0 {
        return None;
    }
    let instead = u64::try_from(i128::from(price.get()) - rest / jobs).ok()?;
    (instead <= Credits::MAX.get()).then_some(Credits::new(instead))
}
