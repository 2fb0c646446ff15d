//! The JSON Schema of a manifest, for editors: the same keys and the same parameters that reading uses.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::catalog::Catalog;

use super::entry::EXTRA;
use super::schema::{Key, MANIFEST, Shape};

mod parameters;
mod rules;
mod texts;

/// What the schema calls itself.
const TITLE: &str = "A manifest of setlist";

/// Tells whether a JSON Schema is one that [`json_schema`] made, of whatever version.
#[must_use]
pub fn is_our_schema(schema: &Value) -> bool {
    schema["title"] == TITLE
}

/// Returns the JSON Schema (draft 2020-12) of manifests for a catalog.
#[must_use]
pub fn json_schema(catalog: &Catalog) -> Value {
    let mut schema = object(MANIFEST, catalog);
    let mut defs = parameters::tables(catalog);
    defs.insert(texts::LITERAL.to_owned(), texts::literal());
    if let Value::Object(schema) = &mut schema {
        schema.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".to_owned(), json!(TITLE));
        schema.insert("allOf".to_owned(), rules::needed(catalog));
        schema.insert("$defs".to_owned(), Value::Object(defs));
    }
    schema
}

fn object(keys: &[Key], catalog: &Catalog) -> Value {
    let property = |key: &Key| {
        let mut schema = shape(&key.shape, catalog);
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), json!(key.doc));
        }
        (key.name.to_owned(), schema)
    };
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "properties": keys.iter().map(property).collect::<Map<_, _>>(),
        "required": required,
        "additionalProperties": false,
    })
}

fn shape(shape: &Shape, catalog: &Catalog) -> Value {
    match shape {
        Shape::Text => json!({"type": "string", "minLength": 1}),
        Shape::SavePath => texts::save_path(),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Id => texts::like(texts::NAME),
        Shape::Origin => texts::like(texts::ORIGIN),
        Shape::Variable => texts::like("^[A-Za-z_][A-Za-z0-9_]*$"),
        Shape::Whole { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Duration => texts::like(texts::DURATION),
        Shape::Rate => texts::like(texts::RATE),
        Shape::Section(keys) => object(keys, catalog),
        Shape::Sections(keys) => {
            let mut job = object(keys, catalog);
            if let Value::Object(job) = &mut job {
                job.insert("allOf".to_owned(), rules::by_operation(catalog));
            }
            json!({"type": "array", "minItems": 1, "items": job})
        }
        Shape::Inputs => json!({"type": "object"}),
        Shape::Values => {
            json!({"type": "object", "additionalProperties": reference(texts::LITERAL)})
        }
        Shape::Defaults => defaults(catalog),
        Shape::Profiles(keys) => {
            json!({"type": "object", "additionalProperties": object(keys, catalog)})
        }
        Shape::Operation => json!({"enum": catalog.names().collect::<Vec<_>>()}),
        Shape::JobIds | Shape::Names => list_of(texts::like(texts::NAME)),
        Shape::Files => list_of(texts::like(texts::MANIFEST_FILE)),
        Shape::Rows => {
            let mut list = list_of(reference(texts::LITERAL));
            list["description"] = json!("the rows themselves");
            json!({"anyOf": [texts::rows(), list]})
        }
        Shape::List => json!({"type": "array"}),
        Shape::Matrix => json!({
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "uniqueItems": true,
                "items": {
                    "type": ["string", "number", "boolean"],
                    "allOf": [reference(texts::LITERAL)],
                },
            },
        }),
    }
}

fn list_of(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

/// The tables of parameters under `defaults`; `*` takes what any operation has.
fn defaults(catalog: &Catalog) -> Value {
    let mut tables: Map<String, Value> = catalog
        .names()
        .map(|name| (name.to_owned(), reference(name)))
        .collect();
    let known: BTreeSet<&str> = { catalog.operations.iter() }
        .flat_map(|operation| operation.params.iter().map(|param| &*param.name))
        .chain(catalog.choices.iter().map(|choice| &*choice.by))
        .chain([EXTRA])
        .collect();
    let of_any = json!({"type": "object", "propertyNames": {"enum": known}});
    tables.insert("*".to_owned(), of_any);
    json!({"type": "object", "properties": tables, "additionalProperties": false})
}

/// Refers to a definition.
fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_parameter_is_in_the_schema() {
        let catalog = Catalog::builtin();
        let schema = json_schema(catalog);
        for key in MANIFEST {
            assert_eq!(schema["properties"][key.name]["description"], key.doc);
        }
        let job = &schema["properties"]["job"]["items"];
        assert_eq!(job["required"], json!(["id", "operation"]));
        assert_eq!(
            job["allOf"].as_array().unwrap().len(),
            catalog.names().count()
        );
        for operation in &catalog.operations {
            let table = &schema["$defs"][&*operation.name]["properties"];
            for param in &operation.params {
                assert!(table[&param.name]["anyOf"].is_array(), "{}", param.name);
            }
            assert_eq!(table.as_object().unwrap().len(), operation.params.len() + 1);
        }
        assert_eq!(
            schema["$defs"]["suno.create"]["properties"]["duration"]["anyOf"][0],
            json!({"type": "integer", "minimum": 10, "maximum": 360})
        );
        let choice = &schema["$defs"]["suno.stems"]["properties"]["detail"];
        assert_eq!(choice["anyOf"][0], json!({"enum": ["basic", "full"]}));
    }

    #[test]
    fn every_reference_in_the_schema_leads_somewhere() {
        fn visit(value: &Value, defs: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(path)) = map.get("$ref") {
                        let name = path.strip_prefix("#/$defs/").unwrap();
                        assert!(defs[name].is_object(), "{name}");
                    }
                    map.values().for_each(|value| visit(value, defs));
                }
                Value::Array(items) => items.iter().for_each(|item| visit(item, defs)),
                _ => {}
            }
        }
        let schema = json_schema(Catalog::builtin());
        visit(&schema, &schema["$defs"]);
    }
}
