//! The parameters of each operation, as `with` and `defaults` hold them.

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Operation, Param, ParamType};

use super::super::entry::EXTRA;
use super::texts;

/// Returns the table of parameters of each operation and each choice.
pub(super) fn tables(catalog: &Catalog) -> Map<String, Value> {
    let mut tables = Map::new();
    for operation in &catalog.operations {
        tables.insert(operation.name.to_string(), parameters(operation));
    }
    for choice in &catalog.choices {
        // Which operation it comes to is not always known to an editor, so a parameter of any will do.
        let mut known = Map::new();
        for option in &choice.options {
            for param in &catalog.get(option.operation).params {
                let one = known
                    .entry(param.name.clone())
                    .or_insert_with(|| json!({"anyOf": []}));
                if let Some(Value::Array(all)) = one.get_mut("anyOf") {
                    let schema = parameter(param);
                    if !all.contains(&schema) {
                        all.push(schema);
                    }
                }
            }
        }
        let words: Vec<&str> = choice.options.iter().map(|option| &*option.word).collect();
        known.insert(
            choice.by.clone(),
            known_before(json!({"enum": words}), "decides"),
        );
        let extra = json!({"type": "object"});
        tables.insert(choice.name.clone(), table(known, extra, "", Vec::new()));
    }
    tables
}

fn parameters(operation: &Operation) -> Value {
    let known = operation
        .params
        .iter()
        .map(|param| (param.name.clone(), parameter(param)));
    let conflicts = operation.conflicts.iter();
    let excluded = conflicts.map(|(one, other)| json!({"not": {"required": [one, other]}}));
    table(
        known.collect(),
        extra(operation),
        &operation.title,
        excluded.collect(),
    )
}

/// What is passed on: any field that no parameter sets, and that does not say which operation it is.
fn extra(operation: &Operation) -> Value {
    let set = operation.params.iter().flat_map(|param| {
        let implied = param.implies.keys().map(String::as_str);
        implied.chain([param.field.as_str()])
    });
    let mut set: Vec<&str> = set.chain(Operation::DECISIVE).collect();
    set.sort_unstable();
    set.dedup();
    json!({"type": "object", "propertyNames": {"not": {"enum": set}}})
}

fn table(mut known: Map<String, Value>, mut extra: Value, title: &str, rules: Vec<Value>) -> Value {
    extra["description"] = json!("fields that are passed on as they are");
    known.insert(EXTRA.to_owned(), extra);
    let mut table = json!({
        "type": "object",
        "properties": known,
        "additionalProperties": false,
    });
    if !title.is_empty() {
        table["description"] = json!(title);
    }
    if !rules.is_empty() {
        table["allOf"] = Value::Array(rules);
    }
    table
}

fn parameter(param: &Param) -> Value {
    let mut doc = param.doc.clone();
    if param.required {
        doc.push_str(" (required)");
    }
    let schema = value(&param.kind);
    let mut schema = match &param.kind {
        ParamType::Word { .. } | ParamType::Flag => known_before(schema, &doc),
        ParamType::Integer { .. }
        | ParamType::Number { .. }
        | ParamType::TextList { .. }
        | ParamType::Objects => one_of(schema, texts::like(texts::WHOLE_REFERENCE), &doc),
        _ => or_reference(schema, &doc),
    };
    if let Some(default) = &param.default {
        schema["default"] = default.clone();
    }
    schema
}

/// What a type takes, written out.
fn value(kind: &ParamType) -> Value {
    match kind {
        ParamType::Text {
            min_chars,
            max_chars,
            max_chars_for,
        } => {
            let mut schema = json!({"type": "string", "minLength": min_chars});
            let special = max_chars_for.iter().map(|(_, most)| *most).max();
            // Some models take more; what one takes is said where the model is known.
            if let Some(max) = max_chars.map(|max| max.max(special.unwrap_or(0))) {
                schema["maxLength"] = json!(max);
            }
            schema
        }
        ParamType::Word { allowed } => {
            json!({"enum": allowed.iter().map(|(word, _)| word).collect::<Vec<_>>()})
        }
        ParamType::Integer { min, max } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        ParamType::Number {
            min,
            max,
            above_min,
        } => {
            let least = if *above_min {
                "exclusiveMinimum"
            } else {
                "minimum"
            };
            let mut schema = json!({"type": "number", least: min});
            if max.is_finite() {
                schema["maximum"] = json!(max);
            }
            schema
        }
        ParamType::Flag => json!({"type": "boolean"}),
        ParamType::Clip => json!({"anyOf": [texts::like(texts::ID), local_file()]}),
        ParamType::Task => texts::like(texts::ID),
        ParamType::Url => json!({"anyOf": [texts::like(texts::ADDRESS), local_file()]}),
        ParamType::TextList {
            min_items,
            max_items,
            allowed,
        } => {
            let item = match allowed.is_empty() {
                true => json!({"type": "string", "minLength": 1}),
                false => or_reference(json!({"enum": allowed}), ""),
            };
            json!({"type": "array", "minItems": min_items, "maxItems": max_items, "items": item})
        }
        ParamType::Objects => json!({"type": "array", "items": {"type": "object"}}),
    }
}

/// What stands for a file that is uploaded.
fn local_file() -> Value {
    let file = json!({
        "type": "string",
        "minLength": 1,
        "description": "an audio file, relative to the manifest",
    });
    json!({
        "type": "object",
        "properties": {"file": file},
        "required": ["file"],
        "additionalProperties": false,
    })
}

fn or_reference(schema: Value, doc: &str) -> Value {
    one_of(schema, texts::like(texts::REFERENCE), doc)
}

/// A value that may decide the price: it comes from a row or a variable, and never from another job's result.
fn known_before(schema: Value, doc: &str) -> Value {
    let mut reference = texts::like(texts::REFERENCE);
    reference["not"] = json!({"pattern": texts::RESULT});
    one_of(schema, reference, doc)
}

fn one_of(schema: Value, reference: Value, doc: &str) -> Value {
    let mut schema = json!({"anyOf": [schema, reference]});
    if !doc.is_empty() {
        schema["description"] = json!(doc);
    }
    schema
}
