//! `setlist costs --learn`: what audited charges say of a price list, and the list as they would have it. Pure.
//!
//! An audited charge is what the balance fell by while one job ran alone. Twice the same is taken for its price; once may
//! have been somebody else who spent at that moment.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::catalog::{Basis, Catalog, Condition, OperationId, ParamType, PriceEntry, PriceList};
use crate::ledger::Audit;
use crate::model::{Credits, Input};

use super::table::{Column, Table, to_string};
use super::words::count;

/// So many audits must say the same before a price is put in doubt.
const CONCLUSIVE: u64 = 2;

/// What the audits say of one price of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    operation: OperationId,
    /// The place of the price among the operation's; none where the list has no price.
    entry: Option<usize>,
    when: Condition,
    price: Option<Credits>,
    /// What was charged, and how often.
    seen: BTreeMap<Credits, u64>,
    verdict: Verdict,
}

/// What follows for the list.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    Agrees,
    /// It should be this.
    Other(Credits),
    /// It depends on a word or flag: its values, and what is charged with each.
    Split(String, Vec<(Value, Credits)>),
    /// Seen too few times.
    TooFew,
    /// Different charges, and nothing known to tell them apart by.
    Mixed,
}

/// An audit with the inputs that can decide a price.
struct Seen {
    charged: Credits,
    inputs: Map<String, Value>,
}

/// Sets audited charges against a list; in the catalog's order.
#[must_use]
pub fn lessons(catalog: &Catalog, list: &PriceList, audits: &[Audit]) -> Vec<Lesson> {
    let mut groups: BTreeMap<(OperationId, Option<usize>), Vec<Seen>> = BTreeMap::new();
    for audit in audits {
        let Some(id) = catalog.find(&audit.operation) else {
            continue;
        };
        let inputs = known_inputs(catalog, id, &audit.inputs);
        let entries = list.entries.get(usize::from(id.0));
        let applies = |entry: &PriceEntry| {
            let alone = PriceList {
                entries: vec![vec![entry.clone()]],
                ..list.clone()
            };
            alone
                .price(OperationId(0), &|name| inputs.get(name))
                .is_some()
        };
        let entry = entries.and_then(|entries| entries.iter().position(applies));
        groups.entry((id, entry)).or_default().push(Seen {
            charged: audit.charged,
            inputs,
        });
    }
    groups
        .into_iter()
        .map(|((operation, entry), seen)| lesson(catalog, list, operation, entry, &seen))
        .collect()
}

fn lesson(
    catalog: &Catalog,
    list: &PriceList,
    operation: OperationId,
    entry: Option<usize>,
    seen: &[Seen],
) -> Lesson {
    let priced = entry.and_then(|at| list.entries.get(usize::from(operation.0))?.get(at));
    let charges = counted(seen);
    let price = priced.map(|entry| entry.credits);
    let verdict = match charges.iter().collect::<Vec<_>>().as_slice() {
        [(only, _)] if Some(**only) == price => Verdict::Agrees,
        [(only, times)] if **times >= CONCLUSIVE => Verdict::Other(**only),
        [_] => Verdict::TooFew,
        _ => split(catalog, operation, seen).unwrap_or(Verdict::Mixed),
    };
    Lesson {
        operation,
        entry,
        when: priced.map(|entry| entry.when.clone()).unwrap_or_default(),
        price,
        seen: charges,
        verdict,
    }
}

fn counted(seen: &[Seen]) -> BTreeMap<Credits, u64> {
    let mut charges = BTreeMap::new();
    for one in seen {
        *charges.entry(one.charged).or_default() += 1;
    }
    charges
}

/// Finds the word or flag by whose value the charges differ, each of them seen often enough; nothing when they could as well
/// differ by another, or by whether an input is given.
fn split(catalog: &Catalog, operation: OperationId, seen: &[Seen]) -> Option<Verdict> {
    let mut found = None;
    for param in &catalog.get(operation).params {
        let name = param.name.as_str();
        let is_given = |one: &Seen| Some(Value::from(one.inputs.contains_key(name)));
        let tells_by_value = matches!(param.kind, ParamType::Word { .. } | ParamType::Flag);
        // What another job gives is no value that a price could name.
        let value = |one: &Seen| one.inputs.get(name).filter(|it| !it.is_null()).cloned();
        let prices = if tells_by_value {
            charged_by(seen, &value)
        } else {
            None
        };
        if found.is_some() && prices.is_some() || charged_by(seen, &is_given).is_some() {
            return None;
        }
        found = found.or_else(|| Some(Verdict::Split(name.to_owned(), prices?)));
    }
    found
}

/// Groups charges by a key that each audit has; nothing unless all of a key are the same and enough.
fn charged_by(
    seen: &[Seen],
    key: &dyn Fn(&Seen) -> Option<Value>,
) -> Option<Vec<(Value, Credits)>> {
    let mut groups: Vec<(Value, Credits, u64)> = Vec::new();
    for one in seen {
        let key = key(one)?;
        match groups.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, charged, _)) if *charged != one.charged => return None,
            Some((_, _, times)) => *times += 1,
            None => groups.push((key, one.charged, 1)),
        }
    }
    let is_enough = groups.iter().all(|(.., times)| *times >= CONCLUSIVE);
    let prices = groups.into_iter().map(|(key, charged, _)| (key, charged));
    is_enough.then(|| prices.collect())
}

/// Reads inputs as prices see them, defaults included; what another job gave counts as given.
fn known_inputs(catalog: &Catalog, id: OperationId, canonical: &str) -> Map<String, Value> {
    let mut inputs = Map::new();
    for param in &catalog.get(id).params {
        if let Some(default) = &param.default {
            inputs.insert(param.name.to_string(), default.clone());
        }
    }
    if let Ok(Input::Table(given)) = Input::from_canonical(canonical) {
        for (name, input) in given {
            let value = match input {
                Input::Value(value) => value,
                _ => Value::Null,
            };
            inputs.insert(name, value);
        }
    }
    inputs
}

/// Returns the list with what the audits are sure of; nothing when they would change nothing.
///
/// Only what is dearer than the list says is written: jobs with inputs that were not audited may cost more than those that
/// were, and a plan must not promise less than they take.
#[must_use]
pub fn learned(list: &PriceList, lessons: &[Lesson], dated: &str) -> Option<PriceList> {
    let mut new = list.clone();
    let mut changes = 0_u64;
    // From the back, since a split adds entries before the one it belongs to.
    for lesson in lessons.iter().rev() {
        let entries = new.entries.get_mut(usize::from(lesson.operation.0))?;
        let made = |credits: Credits, when: Condition| PriceEntry {
            credits,
            when,
            basis: Basis::Inferred,
            note: "Learned from audited charges".to_owned(),
        };
        let place = lesson.entry.unwrap_or(entries.len());
        let is_dearer = |credits: Credits| lesson.price.is_none_or(|price| credits > price);
        match &lesson.verdict {
            Verdict::Other(credits) if is_dearer(*credits) => {
                let entry = made(*credits, lesson.when.clone());
                match entries.get_mut(place) {
                    Some(known) => *known = entry,
                    None => entries.push(entry),
                }
            }
            Verdict::Split(name, prices) => {
                let dearer = prices.iter().filter(|(_, credits)| is_dearer(*credits));
                for (value, credits) in dearer.rev() {
                    let mut when = lesson.when.clone();
                    when.is.retain(|(known, _)| known != name);
                    when.is.push((name.clone(), vec![value.clone()]));
                    entries.insert(place, made(*credits, when));
                }
            }
            Verdict::Agrees | Verdict::Other(_) | Verdict::TooFew | Verdict::Mixed => continue,
        }
        changes += 1;
    }
    new.name = format!("{}-learned", list.name);
    new.dated = dated.to_owned();
    new.source = format!(
        "`{}` of {}, with {} by audited charges",
        list.name,
        list.dated,
        count(changes, "correction")
    );
    (changes > 0).then_some(new)
}

impl Lesson {
    fn verdict_words(&self) -> String {
        match &self.verdict {
            Verdict::Agrees => "agrees".to_owned(),
            Verdict::Other(credits) if self.price.is_some_and(|price| *credits < price) => {
                format!("was {credits}, and other inputs may cost more: the price stays")
            }
            Verdict::Other(credits) => format!("should be {credits}"),
            Verdict::Split(name, prices) => {
                let prices = prices.iter().map(|(value, credits)| {
                    let word = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    format!("{credits} for {word}")
                });
                format!(
                    "depends on `{name}`: {}",
                    prices.collect::<Vec<_>>().join(", ")
                )
            }
            Verdict::TooFew => "seen once: audit one more to be sure".to_owned(),
            Verdict::Mixed => "charged differently, and no word or flag tells why".to_owned(),
        }
    }

    fn seen_words(&self) -> String {
        let seen = self
            .seen
            .iter()
            .map(|(credits, times)| format!("{times} × {credits}"));
        seen.collect::<Vec<_>>().join(", ")
    }
}

/// Writes what the audits say.
#[must_use]
pub fn lessons_text(catalog: &Catalog, list: &PriceList, lessons: &[Lesson]) -> String {
    let mut table = Table::new([
        Column::Words("operation"),
        Column::Numbers("price"),
        Column::Words("charged"),
        Column::Words("verdict"),
        Column::Words("when"),
    ]);
    for lesson in lessons {
        let price = lesson
            .price
            .map_or_else(|| "-".to_owned(), |price| price.to_string());
        table.row([
            &*catalog.get(lesson.operation).name,
            &price,
            &lesson.seen_words(),
            &lesson.verdict_words(),
            &lesson.when.to_string(),
        ]);
    }
    to_string(|out| {
        if lessons.is_empty() {
            return writeln!(
                out,
                "no charge was audited yet: `setlist run MANIFEST --audit` does that"
            );
        }
        writeln!(
            out,
            "audited charges beside `{}` of {}\n",
            list.name, list.dated
        )?;
        table.write(out, 0)
    })
}

/// Gives what the audits say for programs.
#[must_use]
pub fn lessons_json(catalog: &Catalog, list: &PriceList, lessons: &[Lesson]) -> Value {
    let lesson = |lesson: &Lesson| {
        let seen = lesson.seen.iter();
        let seen: Vec<_> = seen
            .map(|(credits, times)| json!({ "credits": credits, "times": times }))
            .collect();
        let verdict = match &lesson.verdict {
            Verdict::Agrees => json!({ "kind": "agrees" }),
            Verdict::Other(credits) => json!({ "kind": "other", "credits": credits }),
            Verdict::Split(name, prices) => {
                let prices = prices.iter();
                let prices: Vec<_> = prices
                    .map(|(value, credits)| json!({ "value": value, "credits": credits }))
                    .collect();
                json!({ "kind": "depends", "on": name, "prices": prices })
            }
            Verdict::TooFew => json!({ "kind": "too-few" }),
            Verdict::Mixed => json!({ "kind": "mixed" }),
        };
        json!({
            "operation": catalog.get(lesson.operation).name,
            "when": lesson.when.to_string(),
            "price": lesson.price,
            "charged": seen,
            "verdict": verdict,
        })
    };
    let lessons: Vec<_> = lessons.iter().map(lesson).collect();
    json!({ "price_list": list.name, "dated": list.dated, "lessons": lessons })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::catalog::PriceLists;
    use crate::model::{Ordinal, RunId};

    fn audit(operation: &str, inputs: Value, charged: u64) -> Audit {
        Audit {
            run: RunId::new("r"),
            ordinal: Ordinal(0),
            operation: operation.to_owned(),
            inputs: inputs.to_string(),
            price: Credits::new(10),
            charged: Credits::new(charged),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn guide() -> &'static PriceList {
        PriceLists::builtin().find("guide").unwrap()
    }

    fn price(list: &PriceList, operation: &str, inputs: &Value) -> Option<u64> {
        let id = Catalog::builtin().find(operation)?;
        let found = list.price(id, &|name| inputs.get(name))?;
        Some(found.credits.get())
    }

    #[test]
    fn twice_the_same_is_a_lesson_and_once_is_not() {
        let plain = json!({"description": "x"});
        let audits = [
            audit("suno.create", plain.clone(), 14),
            audit("suno.create", plain.clone(), 14),
            audit("suno.wav", json!({"clip": "c"}), 1),
            audit("suno.midi", json!({"clip": "c"}), 5),
            audit("suno.gone", json!({}), 5),
        ];
        let catalog = Catalog::builtin();
        let found = lessons(catalog, guide(), &audits);
        insta::assert_snapshot!(lessons_text(catalog, guide(), &found), @r"
        audited charges beside `guide` of 2025-11

        operation    price  charged  verdict                               when
        suno.create     10  2 × 14   should be 14
        suno.wav        10  1 × 1    seen once: audit one more to be sure
        suno.midi        5  1 × 5    agrees
        ");
        let new = learned(guide(), &found, "2026-11").unwrap();
        assert_eq!(price(&new, "suno.create", &plain), Some(14));
        assert_eq!(price(&new, "suno.wav", &json!({"clip": "c"})), Some(10));
        assert_eq!(new.name, "guide-learned");
        assert_eq!(
            new.source,
            "`guide` of 2025-11, with 1 correction by audited charges"
        );
        // What it has learned agrees with what taught it.
        let again = lessons(catalog, &new, &audits[..2]);
        assert_eq!(learned(&new, &again, "2026-11").map(|list| list.name), None);
    }

    #[test]
    fn a_charge_that_differs_by_a_word_becomes_a_condition() {
        let with = |model: &str| json!({"description": "x", "model": model});
        let mut audits = Vec::new();
        for (model, charged) in [("sonic-v4", 10), ("sonic-v6", 14)] {
            audits.extend([
                audit("suno.create", with(model), charged),
                audit("suno.create", with(model), charged),
            ]);
        }
        let catalog = Catalog::builtin();
        let found = lessons(catalog, guide(), &audits);
        assert_eq!(
            found[0].verdict_words(),
            "depends on `model`: 10 for sonic-v4, 14 for sonic-v6"
        );
        let new = learned(guide(), &found, "2026-11").unwrap();
        assert_eq!(price(&new, "suno.create", &with("sonic-v4")), Some(10));
        assert_eq!(price(&new, "suno.create", &with("sonic-v6")), Some(14));
        let text = new.to_toml(catalog);
        let read = PriceList::parse(&text, "learned", catalog).unwrap();
        assert_eq!(read.entries, new.entries);

        // One value that was charged twice differently tells nothing.
        audits.push(audit("suno.create", with("sonic-v4"), 11));
        let found = lessons(catalog, guide(), &audits);
        assert_eq!(found[0].verdict, Verdict::Mixed);
        assert!(learned(guide(), &found, "2026-11").is_none());
    }

    #[test]
    fn what_two_inputs_could_explain_is_not_put_on_one_of_them() {
        let mixed = |a: Value, b: Value| {
            let audits = [(&a, 10), (&a, 10), (&b, 14), (&b, 14)];
            let audits =
                audits.map(|(inputs, charged)| audit("suno.create", inputs.clone(), charged));
            lessons(Catalog::builtin(), guide(), &audits)[0].verdict == Verdict::Mixed
        };
        assert!(!mixed(
            json!({"description": "x", "model": "sonic-v4"}),
            json!({"description": "x", "model": "sonic-v6"}),
        ));
        assert!(mixed(
            json!({"description": "x", "model": "sonic-v4", "instrumental": true}),
            json!({"description": "x", "model": "sonic-v6", "instrumental": false}),
        ));
        assert!(mixed(
            json!({"lyrics": "la", "model": "sonic-v4"}),
            json!({"description": "x", "model": "sonic-v6"}),
        ));
        let given = json!({"$job": "0".repeat(32), "path": "model"});
        assert!(Input::from_canonical(&given.to_string()).is_ok());
        assert!(mixed(
            json!({"description": "x", "model": given}),
            json!({"description": "x", "model": "sonic-v6"}),
        ));
    }

    #[test]
    fn what_was_cheaper_is_told_and_no_price_falls() {
        let audits = [0, 1].map(|_| audit("suno.create", json!({"description": "x"}), 7));
        let found = lessons(Catalog::builtin(), guide(), &audits);
        assert!(
            found[0]
                .verdict_words()
                .starts_with("was 7, and other inputs")
        );
        assert!(learned(guide(), &found, "2026-11").is_none());
    }

    #[test]
    fn an_operation_without_a_price_gets_one() {
        let today = PriceLists::builtin().find("aimusicapi-2026-09").unwrap();
        let audits = [0, 1].map(|_| audit("nuro.vocal", json!({"description": "x"}), 30));
        let found = lessons(Catalog::builtin(), today, &audits);
        let new = learned(today, &found, "2026-11").unwrap();
        assert_eq!(
            price(&new, "nuro.vocal", &json!({"description": "x"})),
            Some(30)
        );
    }
}
