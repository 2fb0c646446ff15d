//! The JSON Schema of a manifest, for editors: the same keys and the same parameters that reading uses.

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Operation, Param, ParamType};

use super::entry::EXTRA;
use super::schema::{Key, MANIFEST, Shape};

/// Any text with a reference in it: what it becomes is not known to an editor.
const REFERENCE: &str = r"\$\{";
/// What a name is made of.
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

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
    let defs: Map<String, Value> = parameter_tables(catalog);
    if let Value::Object(schema) = &mut schema {
        schema.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".to_owned(), json!(TITLE));
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
        Shape::Text | Shape::SavePath => json!({"type": "string", "minLength": 1}),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Id => json!({"type": "string", "pattern": NAME}),
        Shape::Origin => json!({"type": "string", "pattern": "^https?://"}),
        Shape::Variable => json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
        Shape::Whole { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Duration => json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}),
        Shape::Rate => {
            json!({"type": "string", "pattern": "^ *[0-9]+ */ *([0-9]+(ms|s|m|h)|ms|s|m|h) *$"})
        }
        Shape::Section(keys) => object(keys, catalog),
        Shape::Sections(keys) => {
            let mut job = object(keys, catalog);
            if let Value::Object(job) = &mut job {
                job.insert("allOf".to_owned(), by_operation(catalog));
            }
            json!({"type": "array", "minItems": 1, "items": job})
        }
        Shape::Values | Shape::Inputs => json!({"type": "object"}),
        Shape::Defaults => defaults(catalog),
        Shape::Profiles(keys) => {
            json!({"type": "object", "additionalProperties": object(keys, catalog)})
        }
        Shape::Operation => json!({"enum": catalog.names().collect::<Vec<_>>()}),
        Shape::JobIds => json!({"type": "array", "items": {"type": "string"}}),
        Shape::Files => {
            json!({"type": "array", "items": {"type": "string", "pattern": r"\.(toml|yaml|yml)$"}})
        }
        Shape::Names => json!({"type": "array", "items": {"type": "string", "pattern": NAME}}),
        Shape::Rows => json!({"type": ["string", "array"]}),
        Shape::List => json!({"type": "array"}),
        Shape::Matrix => json!({
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "uniqueItems": true,
                "items": {"type": ["string", "number", "boolean"]},
            },
        }),
    }
}

/// For each operation, the table of parameters that `with` is.
fn by_operation(catalog: &Catalog) -> Value {
    let case = |name: &str| {
        json!({
            "if": {"properties": {"operation": {"const": name}}, "required": ["operation"]},
            "then": {"properties": {"with": reference(name)}},
        })
    };
    catalog.names().map(case).collect()
}

fn defaults(catalog: &Catalog) -> Value {
    let mut tables: Map<String, Value> = catalog
        .names()
        .map(|name| (name.to_owned(), reference(name)))
        .collect();
    tables.insert("*".to_owned(), json!({"type": "object"}));
    json!({"type": "object", "properties": tables, "additionalProperties": false})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn parameter_tables(catalog: &Catalog) -> Map<String, Value> {
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
            or_reference(json!({"enum": words}), "decides"),
        );
        tables.insert(choice.name.clone(), table(known, "", Vec::new()));
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
    table(known.collect(), &operation.title, excluded.collect())
}

fn table(mut known: Map<String, Value>, title: &str, rules: Vec<Value>) -> Value {
    let extra = json!({"type": "object", "description": "fields that are passed on as they are"});
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
    let schema = match &param.kind {
        ParamType::Text {
            min_chars,
            max_chars,
            ..
        } => {
            let mut schema = json!({"type": "string", "minLength": min_chars});
            if let Some(max) = max_chars {
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
        ParamType::Clip => json!({"anyOf": [id(), local_file()]}),
        ParamType::Task => id(),
        ParamType::Url => {
            json!({"anyOf": [{"type": "string", "pattern": "^https?://"}, local_file()]})
        }
        ParamType::TextList {
            min_items,
            max_items,
            allowed,
        } => {
            let item = match allowed.is_empty() {
                true => json!({"type": "string"}),
                false => or_reference(json!({"enum": allowed}), ""),
            };
            json!({"type": "array", "minItems": min_items, "maxItems": max_items, "items": item})
        }
        ParamType::Objects => json!({"type": "array", "items": {"type": "object"}}),
    };
    let mut doc = param.doc.clone();
    if param.required {
        doc.push_str(" (required)");
    }
    let mut schema = or_reference(schema, &doc);
    if let Some(default) = &param.default {
        schema["default"] = default.clone();
    }
    schema
}

fn id() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"})
}

/// What stands for a file that is uploaded.
fn local_file() -> Value {
    json!({
        "type": "object",
        "properties": {"file": {"type": "string", "description": "an audio file, relative to the manifest"}},
        "required": ["file"],
        "additionalProperties": false,
    })
}

fn or_reference(schema: Value, doc: &str) -> Value {
    let mut schema = json!({"anyOf": [schema, {"type": "string", "pattern": REFERENCE}]});
    if !doc.is_empty() {
        schema["description"] = json!(doc);
    }
    schema
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
