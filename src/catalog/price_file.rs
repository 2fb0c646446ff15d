//! Price lists as they are written, built in or a user's own, and their checks against the catalog.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use crate::model::Credits;

use super::load::digest;
use super::nearest::hint;
use super::operation::{Catalog, CatalogError, FileProblem, Operation, OperationId, ParamType};
use super::price::{Basis, Condition, PriceEntry, PriceList, PriceLists};
use super::shape;

/// A built-in list; read when it is first asked for, because most runs need one only.
struct Builtin {
    name: &'static str,
    text: &'static str,
    list: OnceLock<PriceList>,
}

/// The built-in lists; the guide's is the default and stands first.
static BUILTIN: [Builtin; 3] = [
    Builtin::new("guide", include_str!("prices/guide.toml")),
    Builtin::new(
        "aimusicapi-2026-09",
        include_str!("prices/aimusicapi-2026-09.toml"),
    ),
    Builtin::new(
        "musicapi-2026-10",
        include_str!("prices/musicapi-2026-10.toml"),
    ),
];

impl Builtin {
    const fn new(name: &'static str, text: &'static str) -> Self {
        let list = OnceLock::new();
        Self { name, text, list }
    }

    fn get(&self) -> &PriceList {
        self.list.get_or_init(|| {
            PriceList::parse(self.text, self.name, Catalog::builtin())
                .expect("the built-in price lists are valid")
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceListRaw {
    name: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    dated: String,
    #[serde(default)]
    prices: Vec<PriceRaw>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceRaw {
    pub(super) operation: Spanned<String>,
    // Any value, so that a wrong one is reported along with everything else.
    credits: Value,
    #[serde(default)]
    basis: BasisRaw,
    #[serde(default)]
    when: ConditionRaw,
    #[serde(default)]
    note: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BasisRaw {
    #[default]
    Documented,
    Inferred,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionRaw {
    #[serde(default)]
    is: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    given: Vec<String>,
}

impl PriceLists {
    /// Returns all built-in lists, parsed once; [`PriceList::builtin`] is cheaper where one is enough.
    ///
    /// # Panics
    /// Never: that the embedded texts are valid is tested.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static LISTS: OnceLock<PriceLists> = OnceLock::new();
        LISTS.get_or_init(|| Self {
            lists: BUILTIN.iter().map(|list| list.get().clone()).collect(),
        })
    }

    /// Finds a list by name.
    ///
    /// # Errors
    /// [`CatalogError::UnknownPriceList`] with the names there are.
    pub fn find(&self, name: &str) -> Result<&PriceList, CatalogError> {
        self.lists
            .iter()
            .find(|list| list.name == name)
            .ok_or_else(|| CatalogError::UnknownPriceList {
                name: name.to_owned(),
                known: self.lists.iter().map(|list| list.name.clone()).collect(),
            })
    }
}

impl PriceList {
    /// Finds a built-in list by name, and parses that one only.
    ///
    /// # Errors
    /// [`CatalogError::UnknownPriceList`] with the names there are.
    ///
    /// # Panics
    /// Never: that the embedded texts are valid is tested.
    pub fn builtin(name: &str) -> Result<&'static Self, CatalogError> {
        BUILTIN
            .iter()
            .find(|list| list.name == name)
            .map(Builtin::get)
            .ok_or_else(|| CatalogError::UnknownPriceList {
                name: name.to_owned(),
                known: BUILTIN.iter().map(|list| list.name.to_owned()).collect(),
            })
    }

    /// Reads a price list; `label` names the file in messages.
    ///
    /// # Errors
    /// [`CatalogError::Problems`] with everything that is wrong.
    pub fn parse(text: &str, label: &str, catalog: &Catalog) -> Result<Self, CatalogError> {
        let wrong = |mut problems: Vec<FileProblem>| {
            problems.sort_by_key(|problem| problem.line);
            CatalogError::Problems {
                file: label.to_owned(),
                text: text.to_owned(),
                problems,
            }
        };
        let mut problems = Vec::new();
        let read = shape::read(text, &[("prices", shape::tables_of::<PriceRaw>())]);
        let raw: PriceListRaw = read.map_err(|mut misshapen| {
            check_all(
                &shape::sound_tables(text, "prices"),
                text,
                catalog,
                &mut misshapen,
            );
            wrong(misshapen)
        })?;
        if raw.name.trim().is_empty() {
            problems.push(FileProblem::new(None, "the list has no name"));
        }
        let entries = check_all(&raw.prices, text, catalog, &mut problems);
        if !problems.is_empty() {
            return Err(wrong(problems));
        }
        Ok(Self {
            name: raw.name,
            source: raw.source,
            dated: raw.dated,
            digest: digest(text),
            entries,
        })
    }
}

/// Checks prices; gives them by operation.
pub(super) fn check_all(
    prices: &[PriceRaw],
    text: &str,
    catalog: &Catalog,
    problems: &mut Vec<FileProblem>,
) -> Vec<Vec<PriceEntry>> {
    let mut entries: Vec<Vec<PriceEntry>> = vec![Vec::new(); catalog.operations.len()];
    for price in prices {
        let mut found = Vec::new();
        if let Some((id, entry)) = check(price, catalog, &mut found) {
            let earlier = &mut entries[usize::from(id.0)];
            if earlier
                .iter()
                .any(|entry| entry.when == Condition::default())
            {
                found.push(format!(
                    "this price of `{}` never applies: an earlier one always does",
                    price.operation.get_ref()
                ));
            }
            earlier.push(entry);
        }
        let line = line_of(text, price.operation.span().start);
        problems.extend(
            found
                .into_iter()
                .map(|problem| FileProblem::new(Some(line), problem)),
        );
    }
    entries
}

/// Returns the line, from 1, in which a byte of a text stands.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

fn check(
    raw: &PriceRaw,
    catalog: &Catalog,
    problems: &mut Vec<String>,
) -> Option<(OperationId, PriceEntry)> {
    let name = raw.operation.get_ref();
    let credits = raw
        .credits
        .as_u64()
        .map(Credits::new)
        .filter(|credits| *credits <= Credits::MAX);
    if credits.is_none() {
        problems.push(format!(
            "`{name}` costs `{}`: a price is a whole number of credits, 0 or more",
            raw.credits
        ));
    }
    let Some(id) = catalog.find(name) else {
        problems.push(no_such_operation(catalog, name));
        return None;
    };
    let operation = catalog.get(id);
    for (param, values) in &raw.when.is {
        check_is(operation, param, values, problems);
    }
    for param in &raw.when.given {
        check_given(operation, param, problems);
    }
    let entry = PriceEntry {
        credits: credits?,
        when: Condition {
            is: raw.when.is.clone().into_iter().collect(),
            given: raw.when.given.clone(),
        },
        basis: match raw.basis {
            BasisRaw::Documented => Basis::Documented,
            BasisRaw::Inferred => Basis::Inferred,
        },
        note: raw.note.clone(),
    };
    Some((id, entry))
}

/// A condition on a value that the parameter can't have would never hold, and the wrong price would apply.
fn check_is(operation: &Operation, name: &str, values: &[Value], problems: &mut Vec<String>) {
    let Some(param) = operation.param(name) else {
        problems.push(no_such_param(operation, name));
        return;
    };
    if values.is_empty() {
        problems.push(format!("the condition on `{name}` allows no value"));
    }
    for value in values {
        let possible = match &param.kind {
            ParamType::Word { allowed } => allowed.iter().any(|(word, _)| value == word.as_str()),
            ParamType::Flag => value.is_boolean(),
            ParamType::Integer { .. } => value.is_i64(),
            ParamType::Number { .. } => value.is_number(),
            ParamType::TextList { .. } | ParamType::Objects => value.is_array(),
            _ => value.is_string(),
        };
        if !possible {
            problems.push(format!(
                "`{name}` of `{}` is never `{value}`",
                operation.name
            ));
        }
    }
}

fn check_given(operation: &Operation, name: &str, problems: &mut Vec<String>) {
    match operation.param(name) {
        None => problems.push(no_such_param(operation, name)),
        Some(param) if param.required || param.default.is_some() => problems.push(format!(
            "`{name}` of `{}` is always given: the condition says nothing",
            operation.name
        )),
        Some(_) => {}
    }
}

fn no_such_operation(catalog: &Catalog, name: &str) -> String {
    if let Some(choice) = catalog.find_choice(name) {
        let meant = choice.options.iter();
        let mut names: Vec<&str> = meant.map(|o| &*catalog.get(o.operation).name).collect();
        names.dedup();
        return format!(
            "`{name}` is a choice and has no price of its own: price {}",
            names.join(", ")
        );
    }
    let operations = catalog.operations.iter();
    let hint = hint(name, operations.map(|operation| &*operation.name));
    format!("there is no operation `{name}`{hint}")
}

fn no_such_param(operation: &Operation, name: &str) -> String {
    let known = operation.params.iter().map(|param| param.name.as_str());
    format!(
        "`{}` has no parameter `{name}`{}",
        operation.name,
        hint(name, known)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        match PriceList::parse(text, "mine.toml", Catalog::builtin()) {
            Err(CatalogError::Problems { problems, .. }) => {
                problems.iter().map(FileProblem::to_string).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_of_ones_own_is_read() {
        let text = r#"
            name = "mine"
            [[prices]]
            operation = "suno.create"
            credits = 7
            when = { is = { model = ["sonic-v4"] }, given = ["duration"] }
            basis = "inferred"
            [[prices]]
            operation = "suno.create"
            credits = 9
        "#;
        let catalog = Catalog::builtin();
        let list = PriceList::parse(text, "mine.toml", catalog).unwrap();
        let create = catalog.find("suno.create").unwrap();
        let entries = &list.entries[usize::from(create.0)];
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].credits, Credits::new(7));
        assert_eq!(entries[0].basis, Basis::Inferred);
        assert_eq!(entries[1].when, Condition::default());
        assert_eq!(list.digest.len(), 64);
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_lines() {
        let text = r#"name = ""
prices = [
  { operation = "suno.craete", credits = 1 },
  { operation = "suno.wav", credits = -3 },
  { operation = "suno.wav", credits = 1.5 },
  { operation = "suno.midi", credits = "5" },
  { operation = "suno.cover", credits = 1, when = { given = ["lyric"], is = { pitch = [1] } } },
  { operation = "suno.cover", credits = 1, when = { is = { model = ["sonic-v44"], instrumental = ["yes"] } } },
  { operation = "suno.cover", credits = 1, when = { given = ["model", "clip"] } },
  { operation = "suno.bpm", credits = 1 },
  { operation = "suno.bpm", credits = 2 },
  { operation = "suno.vox", credits = 9223372036854775807 },
  { operation = "music.create", credits = 2 },
]"#;
        assert_eq!(
            problems(text),
            [
                "the list has no name",
                "line 3: there is no operation `suno.craete`; did you mean `suno.create`?",
                "line 4: `suno.wav` costs `-3`: a price is a whole number of credits, 0 or more",
                "line 5: `suno.wav` costs `1.5`: a price is a whole number of credits, 0 or more",
                "line 6: `suno.midi` costs `\"5\"`: a price is a whole number of credits, 0 or more",
                "line 7: `suno.cover` has no parameter `pitch`",
                "line 7: `suno.cover` has no parameter `lyric`; did you mean `lyrics`?",
                "line 8: `instrumental` of `suno.cover` is never `\"yes\"`",
                "line 8: `model` of `suno.cover` is never `\"sonic-v44\"`",
                "line 9: `model` of `suno.cover` is always given: the condition says nothing",
                "line 9: `clip` of `suno.cover` is always given: the condition says nothing",
                "line 11: this price of `suno.bpm` never applies: an earlier one always does",
                "line 13: `music.create` is a choice and has no price of its own: price suno.create, producer.create",
            ]
        );
    }

    #[test]
    fn a_wrong_shape_is_told_with_its_place() {
        for bad in [
            "name = 'x'\nprises = []",
            "name = 'x'\n[[prices]]\noperation = 'suno.wav'",
            "name = 'x'\n[[prices]]\noperation = 'suno.wav'\ncredits = 1\nwhen = { not = [] }",
        ] {
            let problems = problems(bad);
            assert!(
                problems.iter().all(|it| it.contains("line")),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn wrong_shapes_and_wrong_values_are_told_at_once() {
        let text = r"
            name = 'mine'
            [[prices]]
            operation = 'suno.wav'
            [[prices]]
            operation = 'suno.cower'
            credits = 10
            [[prices]]
            operation = 'suno.cover'
            credits = 10
            basis = 'heard'
            [[prices]]
            operaton = 'suno.bpm'
            credits = 1
        ";
        assert_eq!(
            problems(text),
            [
                "line 3: missing field `credits`",
                "line 6: there is no operation `suno.cower`; did you mean `suno.cover`?",
                "line 11: unknown variant `heard`, expected `documented` or `inferred`",
                "line 13: unknown field `operaton`, expected one of `operation`, `credits`, `basis`, `when`, `note`",
            ]
        );
        let broken = "name = 'x\n[[prices]\ncredits = = 1";
        let problems = problems(broken);
        assert!(problems.len() > 1, "{problems:?}");
    }

    #[test]
    fn what_a_provider_does_not_have_has_no_price_there() {
        let catalog = Catalog::builtin();
        for (list, builtin) in PriceLists::builtin().lists.iter().zip(&BUILTIN) {
            assert_eq!(list.name, builtin.name);
            let provider = list.name.split('-').next().unwrap();
            for id in catalog.ids() {
                let retired = matches!(
                    catalog.availability(id, provider),
                    crate::catalog::Availability::Retired { .. }
                );
                let priced = !list.entries[usize::from(id.0)].is_empty();
                assert!(
                    !(retired && priced),
                    "{} {}",
                    list.name,
                    catalog.get(id).name
                );
            }
            assert!(
                !list.source.is_empty() && list.dated.len() == 7,
                "{}",
                list.name
            );
        }
    }
}
