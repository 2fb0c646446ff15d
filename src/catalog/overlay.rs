//! A file of the user's own that adds to the built-in catalog: new operations with their prices, more words, where an
//! operation works. It changes nothing that a built-in operation sends, since that would change what is paid for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use crate::model::Credits;

use super::load::{BUILTIN, digest};
use super::nearest::hint;
use super::operation::{
    Added, Availability, Catalog, CatalogError, FileProblem, Kind, Method, Operation, OperationId,
    SIMULATOR,
};
use super::price::{PriceEntry, PriceList};
use super::price_file::{PriceRaw, check_all, line_of};
use super::raw::{CatalogRaw, ChoiceRaw, OperationRaw, SetRaw};
use super::shape;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverlayRaw {
    #[serde(default)]
    source: String,
    #[serde(default)]
    dated: String,
    /// New lists, and words that are added to built-in ones.
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    #[serde(default, rename = "set")]
    sets: Vec<SetRaw>,
    #[serde(default, rename = "operation")]
    operations: Vec<OperationRaw>,
    #[serde(default, rename = "choice")]
    choices: Vec<ChoiceRaw>,
    #[serde(default, rename = "status")]
    statuses: Vec<StatusOfRaw>,
    #[serde(default)]
    prices: Vec<PriceRaw>,
}

/// Where an operation works, or no longer does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusOfRaw {
    operation: Spanned<String>,
    provider: String,
    status: StatusWord,
    #[serde(default)]
    instead: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StatusWord {
    Active,
    Retired,
    Unavailable,
}

impl Catalog {
    /// Reads a file that adds to the built-in catalog; `label` names it in messages.
    ///
    /// # Errors
    /// [`CatalogError::Overlay`] with all that has a wrong shape, or else with everything that is wrong.
    ///
    /// # Panics
    /// Never: that the embedded text is valid is tested.
    pub fn with_overlay(text: &str, label: &str) -> Result<Self, CatalogError> {
        let arrays = [
            ("set", shape::tables_of::<SetRaw>()),
            ("operation", shape::tables_of::<OperationRaw>()),
            ("choice", shape::tables_of::<ChoiceRaw>()),
            ("status", shape::tables_of::<StatusOfRaw>()),
            ("prices", shape::tables_of::<PriceRaw>()),
        ];
        let read = shape::read(text, &arrays);
        let merged = read.and_then(|overlay: OverlayRaw| overlay.merge(text));
        merged.map_err(|problems| CatalogError::Overlay {
            file: label.to_owned(),
            text: text.to_owned(),
            problems,
        })
    }

    /// Tells whether an operation was added to the built-in ones.
    #[must_use]
    pub fn is_added(&self, id: OperationId) -> bool {
        { self.added.as_ref() }.is_some_and(|added| id >= added.first)
    }

    /// Finds the added operation that a POST asks for: all that it fixes is in the body.
    #[must_use]
    pub fn match_added(&self, path: &str, body: &Map<String, Value>) -> Option<OperationId> {
        let mut added = self.ids().filter(|id| self.is_added(*id));
        added.find(|id| {
            let operation = self.get(*id);
            let mut fixed = operation.fixed.iter();
            operation.method == Method::Post
                && operation.path == path
                && fixed.all(|(field, value)| body.get(field) == Some(value))
        })
    }

    /// Returns the price that came with an added operation; `input` gives an input's value, defaults included.
    #[must_use]
    pub fn added_price<'a>(
        &self,
        id: OperationId,
        input: &dyn Fn(&str) -> Option<&'a Value>,
    ) -> Option<Credits> {
        let prices = self.added.as_ref()?.prices.get(usize::from(id.0))?;
        PriceEntry::first_of(prices, input).map(|entry| entry.credits)
    }
}

impl PriceList {
    /// Takes over the prices that came with added operations, where this list has none.
    ///
    /// The digest changes with them: whatever is pinned to the list is pinned to those prices too.
    #[must_use]
    pub fn with_added(&self, catalog: &Catalog) -> Self {
        let mut list = self.clone();
        let Some(added) = &catalog.added else {
            return list;
        };
        list.entries.resize(catalog.operations.len(), Vec::new());
        for (own, brought) in list.entries.iter_mut().zip(&added.prices) {
            if own.is_empty() {
                own.clone_from(brought);
            }
        }
        if added.prices.iter().any(|brought| !brought.is_empty()) {
            list.digest = digest(&format!("{}\n{}", self.digest, digest(&added.text)));
        }
        list
    }
}

impl OverlayRaw {
    fn merge(mut self, text: &str) -> Result<Catalog, Vec<FileProblem>> {
        let mut problems = Vec::new();
        let own = self.own_names();
        let place = |name: &Spanned<String>| {
            let is_own = own.contains(name.get_ref());
            is_own.then(|| line_of(text, name.span().start))
        };
        let mut raw: CatalogRaw =
            toml::from_str(BUILTIN).expect("the built-in operations are valid");
        self.drop_redefined(&raw, text, &mut problems);
        self.add_to(&mut raw);
        let builtin = Catalog::builtin();
        let first = builtin.operations.len();
        let added = raw.operations.iter().skip(first);
        let lines: Vec<Option<usize>> = added.map(|operation| place(&operation.name)).collect();
        let mut catalog = match Catalog::assemble(raw, &place) {
            Ok(catalog) => catalog,
            // Statuses and prices are left unread: they speak of operations that are perhaps missing only for now.
            Err(found) => {
                problems.extend(found);
                return Err(problems);
            }
        };
        for (operation, at) in catalog.operations[first..].iter().zip(&lines) {
            let name = &operation.name;
            let found = conflicts(operation, &catalog.operations);
            problems
                .extend(found.map(|problem| {
                    FileProblem::new(*at, format!("operation `{name}`: {problem}"))
                }));
        }
        self.set_statuses(&mut catalog, text, &mut problems);
        problems.extend(prices_of_builtin(&self.prices, text));
        let prices = check_all(&self.prices, text, &catalog, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        catalog.digest = digest(&format!("{}\n{}", builtin.digest, digest(text)));
        catalog.dated = catalog.dated.max(self.dated);
        if !self.source.is_empty() {
            catalog.source = format!("{}; {}", catalog.source, self.source);
        }
        catalog.added = Some(Added {
            text: Arc::from(text),
            first: OperationId(u16::try_from(first).expect("the loader counted them")),
            prices,
        });
        Ok(catalog)
    }

    /// Moves what stands in the file behind what is built in.
    fn add_to(&mut self, raw: &mut CatalogRaw) {
        for (name, words) in std::mem::take(&mut self.lists) {
            let list = raw.lists.entry(name).or_default();
            for word in words {
                if !list.contains(&word) {
                    list.push(word);
                }
            }
        }
        raw.sets.append(&mut self.sets);
        raw.operations.append(&mut self.operations);
        raw.choices.append(&mut self.choices);
    }

    fn set_statuses(&self, catalog: &mut Catalog, text: &str, problems: &mut Vec<FileProblem>) {
        for status in &self.statuses {
            if let Err(problem) = status.apply(catalog) {
                let line = line_of(text, status.operation.span().start);
                problems.push(FileProblem::new(Some(line), problem));
            }
        }
    }

    fn own_names(&self) -> BTreeSet<String> {
        let sets = self.sets.iter().map(|set| &set.name);
        let operations = self.operations.iter().map(|operation| &operation.name);
        let choices = self.choices.iter().map(|choice| &choice.name);
        { sets.chain(operations).chain(choices) }
            .map(|name| name.get_ref().clone())
            .collect()
    }

    /// Takes out what has the name of something built in, and says so.
    fn drop_redefined(
        &mut self,
        builtin: &CatalogRaw,
        text: &str,
        problems: &mut Vec<FileProblem>,
    ) {
        let names = |all: &mut dyn Iterator<Item = &Spanned<String>>| -> BTreeSet<String> {
            all.map(|name| name.get_ref().clone()).collect()
        };
        let sets = names(&mut builtin.sets.iter().map(|it| &it.name));
        let mut calls = names(&mut builtin.operations.iter().map(|it| &it.name));
        calls.extend(names(&mut builtin.choices.iter().map(|it| &it.name)));
        let mut is_new = |name: &Spanned<String>, known: &BTreeSet<String>| {
            let (is_known, line) = (
                known.contains(name.get_ref()),
                line_of(text, name.span().start),
            );
            if is_known {
                let message = format!(
                    "`{}` is built in and stays as it is, with what it costs: choose another name",
                    name.get_ref()
                );
                problems.push(FileProblem::new(Some(line), message));
            }
            !is_known
        };
        self.sets.retain(|it| is_new(&it.name, &sets));
        self.operations.retain(|it| is_new(&it.name, &calls));
        self.choices.retain(|it| is_new(&it.name, &calls));
    }
}

/// Lists what makes a request of an added operation one of another operation too: it would be charged as that one.
fn conflicts<'a>(added: &'a Operation, all: &'a [Operation]) -> impl Iterator<Item = String> + 'a {
    let asks_alike = |other: &&Operation| {
        let decided = |operation: &Operation| -> Vec<_> {
            let fixed = operation.fixed.iter();
            { fixed.filter(|(field, _)| Operation::is_decided_by(field)) }
                .map(|(field, value)| (field.clone(), value.clone()))
                .collect()
        };
        (added.method, &added.path) == (other.method, &other.path)
            && decided(added) == decided(other)
    };
    let others = all.iter().filter(|other| other.name != added.name);
    let alike = others.filter(asks_alike).map(|other| {
        format!(
            "it sends what `{}` sends, and would be charged as that: fix another path, `task_type` or `type`",
            other.name
        )
    });
    let unnamed = added.when_unnamed.then(|| {
        "`when_unnamed` is for what is built in: a request must say which operation it is"
            .to_owned()
    });
    let guide = { added.guide.as_ref() }
        .map(|_| "`guide` is for the rows of the guide's own tables".to_owned());
    let status = matches!(added.kind, Kind::Status(_)).then(|| {
        "what reads a task is built in: an added operation is one that is paid for".to_owned()
    });
    let elsewhere =
        { added.availability.iter() }.filter_map(|(provider, _)| unknown_provider(provider));
    alike
        .chain(unnamed)
        .chain(guide)
        .chain(status)
        .chain(elsewhere)
}

/// Says that nobody has this provider: a status there would never count.
fn unknown_provider(name: &str) -> Option<String> {
    let builtin = Catalog::builtin().operations.iter();
    let known: BTreeSet<&str> = { builtin.flat_map(|operation| &operation.availability) }
        .map(|(provider, _)| provider.as_str())
        .chain([SIMULATOR])
        .collect();
    let unknown = !known.contains(name);
    unknown.then(|| {
        format!(
            "there is no provider `{name}`{}",
            hint(name, known.iter().copied())
        )
    })
}

/// An overlay brings the prices of its own operations only: those of built-in ones are the price list's.
fn prices_of_builtin(prices: &[PriceRaw], text: &str) -> Vec<FileProblem> {
    let builtin = Catalog::builtin();
    { prices.iter() }
        .filter(|price| builtin.find(price.operation.get_ref()).is_some())
        .map(|price| {
            let message = format!(
                "`{}` is built in: its price belongs in a price list, `--prices FILE`",
                price.operation.get_ref()
            );
            FileProblem::new(Some(line_of(text, price.operation.span().start)), message)
        })
        .collect()
}

impl StatusOfRaw {
    fn apply(&self, catalog: &mut Catalog) -> Result<(), String> {
        let name = self.operation.get_ref();
        let Some(id) = catalog.find(name) else {
            let names = catalog.operations.iter().map(|operation| &*operation.name);
            return Err(format!(
                "there is no operation `{name}`{}",
                hint(name, names)
            ));
        };
        if let Some(problem) = unknown_provider(&self.provider) {
            return Err(problem);
        }
        let instead = self.instead.clone();
        let status = match self.status {
            StatusWord::Active => Availability::Active,
            StatusWord::Retired => Availability::Retired { instead },
            StatusWord::Unavailable => Availability::Unavailable { instead },
        };
        if status != Availability::Active && self.instead.trim().is_empty() {
            return Err(format!(
                "the status of `{name}` does not say what to use `instead`"
            ));
        }
        let statuses = &mut catalog.operations[usize::from(id.0)].availability;
        statuses.retain(|(provider, _)| *provider != self.provider);
        statuses.push((self.provider.clone(), status));
        Ok(())
    }
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
