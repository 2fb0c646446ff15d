//! What must stand beside what: the parameters an operation needs, and what goes with which model or word.
//!
//! Where a row, a variable or an included file decides, nothing is required: `setlist check` knows more than an editor.

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Choice, Operation, Param, ParamType};

use super::super::entry::EXTRA;
use super::reference;

/// For each operation and choice, what `with` holds.
pub(super) fn by_operation(catalog: &Catalog) -> Value {
    let operations = catalog.operations.iter();
    let operations = operations.map(|operation| (&*operation.name, model_rules(operation)));
    let choices = catalog.choices.iter();
    let choices = choices.map(|choice| (&*choice.name, word_rules(choice, catalog)));
    let case = |(name, mut rules): (&str, Vec<Value>)| {
        rules.insert(0, reference(name));
        let with = match <[Value; 1]>::try_from(rules) {
            Ok([only]) => only,
            Err(rules) => json!({"allOf": rules}),
        };
        json!({"if": is_operation(name), "then": {"properties": {"with": with}}})
    };
    operations.chain(choices).map(case).collect()
}

fn is_operation(name: &str) -> Value {
    json!({"properties": {"operation": {"const": name}}, "required": ["operation"]})
}

/// A table in which a parameter is given, as one of these words.
fn is_given_as(param: &str, words: &[&str]) -> Value {
    json!({"properties": {param: {"enum": words}}, "required": [param]})
}

/// What a model that is given does not go with, and how long its texts can be.
fn model_rules(operation: &Operation) -> Vec<Value> {
    let mut rules = Vec::new();
    let Some(ParamType::Word { allowed }) = operation.param("model").map(|param| &param.kind)
    else {
        return rules;
    };
    for param in operation.params.iter().filter(|it| !it.models.is_empty()) {
        let refused = allowed.iter().map(|(model, _)| model.as_str());
        let refused: Vec<&str> = refused
            .filter(|model| !param.models.iter().any(|known| known == model))
            .collect();
        let then = json!({"not": {"required": [param.name]}});
        rules.push(json!({"if": is_given_as("model", &refused), "then": then}));
    }
    for param in &operation.params {
        rules.extend(length_rules(param, allowed));
    }
    rules
}

fn length_rules(param: &Param, models: &[(String, String)]) -> Vec<Value> {
    let ParamType::Text {
        max_chars: Some(usual),
        max_chars_for,
        ..
    } = &param.kind
    else {
        return Vec::new();
    };
    let mut limits: Vec<(Vec<&str>, usize)> = { max_chars_for.iter() }
        .map(|(models, most)| (models.iter().map(String::as_str).collect(), *most))
        .collect();
    let special: Vec<&str> = limits
        .iter()
        .flat_map(|(models, _)| models.clone())
        .collect();
    // Where no model takes more, the parameter itself says the usual limit.
    if limits.iter().any(|(_, most)| most > usual) {
        let all = models.iter().map(|(model, _)| model.as_str());
        limits.push((
            all.filter(|model| !special.contains(model)).collect(),
            *usual,
        ));
    }
    let rule = |(models, most): (Vec<&str>, usize)| {
        let text = json!({"anyOf": [{"maxLength": most}, {"pattern": super::texts::REFERENCE}]});
        json!({"if": is_given_as("model", &models), "then": {"properties": {&*param.name: text}}})
    };
    limits.into_iter().map(rule).collect()
}

/// Once a word chooses the operation, `with` holds that operation's parameters only.
fn word_rules(choice: &Choice, catalog: &Catalog) -> Vec<Value> {
    let rule = |option: &crate::catalog::ChoiceOption| {
        let params = catalog.get(option.operation).params.iter();
        let known: Vec<&str> = params
            .map(|param| param.name.as_str())
            .chain([choice.by.as_str(), EXTRA])
            .collect();
        json!({
            "if": is_given_as(&choice.by, &[&option.word]),
            "then": {"propertyNames": {"enum": known}},
        })
    };
    choice.options.iter().map(rule).collect()
}

/// The parameters that jobs need, unless `defaults` or an included file may give them.
pub(super) fn needed(catalog: &Catalog) -> Value {
    let mut rules = Vec::new();
    for operation in &catalog.operations {
        for group in groups(operation) {
            rules.push(needs(&operation.name, &[&operation.name], &group));
        }
    }
    for choice in &catalog.choices {
        let operations = choice.options.iter();
        let operations: Vec<&Operation> = operations
            .map(|option| catalog.get(option.operation))
            .collect();
        let mut names: Vec<&str> = operations.iter().map(|it| &*it.name).collect();
        names.push(&choice.name);
        for group in shared_groups(&operations) {
            rules.push(needs(&choice.name, &names, &group));
        }
    }
    Value::Array(rules)
}

/// Parameters of which one must be given.
fn groups(operation: &Operation) -> Vec<Vec<&str>> {
    let required = operation.params.iter();
    let required = required.filter(|param| param.required && param.default.is_none());
    let any_of = operation.any_of.iter();
    required
        .map(|param| vec![param.name.as_str()])
        .chain(any_of.map(|group| group.iter().map(String::as_str).collect()))
        .collect()
}

/// Parameters of which one must be given whichever operation it comes to, which may be said elsewhere.
fn shared_groups<'a>(operations: &[&'a Operation]) -> Vec<Vec<&'a str>> {
    let Some((first, others)) = operations.split_first() else {
        return Vec::new();
    };
    let mut shared = groups(first);
    for other in others {
        let theirs = groups(other);
        let widened = |group: Vec<&'a str>| {
            let common =
                |their: &&Vec<&str>| their.iter().filter(|name| group.contains(name)).count();
            let nearest = theirs.iter().max_by_key(common)?;
            let more = nearest.iter().filter(|name| !group.contains(name));
            let more: Vec<&str> = more.copied().collect();
            Some([group.as_slice(), &more].concat())
        };
        shared = shared.into_iter().filter_map(widened).collect();
    }
    shared
}

fn needs(operation: &str, defaults: &[&str], group: &[&str]) -> Value {
    let tables = defaults.iter().chain(&["*"]);
    let in_table = |name: &&str| {
        let mut table = Map::new();
        table.insert((*name).to_owned(), holds_one(group));
        json!({"required": [name], "properties": table})
    };
    let elsewhere = json!({"anyOf": [
        {"required": ["include"]},
        {
            "required": ["defaults"],
            "properties": {"defaults": {"anyOf": tables.map(in_table).collect::<Vec<_>>()}},
        },
    ]});
    let job = json!({
        "if": is_operation(operation),
        "then": {"required": ["with"], "properties": {"with": holds_one(group)}},
    });
    json!({
        "if": {"not": elsewhere},
        "then": {"properties": {"job": {"items": job}}},
    })
}

fn holds_one(group: &[&str]) -> Value {
    match group {
        [only] => json!({"required": [only]}),
        several => {
            let cases = several.iter().map(|name| json!({"required": [name]}));
            json!({"anyOf": cases.collect::<Vec<_>>()})
        }
    }
}
