//! A price list as a file that `--prices` reads.

use serde_json::Value;

use super::operation::Catalog;
use super::price::{Basis, Condition, PriceEntry, PriceList};

impl PriceList {
    /// Writes the list as TOML; read again, it prices everything the same.
    #[must_use]
    pub fn to_toml(&self, catalog: &Catalog) -> String {
        let mut text = String::new();
        for (key, value) in [
            ("name", &self.name),
            ("source", &self.source),
            ("dated", &self.dated),
        ] {
            text.push_str(&format!("{key} = {}\n", quoted(value)));
        }
        text.push_str("\nprices = [\n");
        for (id, entries) in catalog.ids().zip(&self.entries) {
            for entry in entries {
                let operation = quoted(&catalog.get(id).name);
                text.push_str(&format!(
                    "  {{ operation = {operation}{} }},\n",
                    rest(entry)
                ));
            }
        }
        text.push_str("]\n");
        text
    }
}

fn rest(entry: &PriceEntry) -> String {
    let mut text = format!(", credits = {}", entry.credits);
    if entry.basis == Basis::Inferred {
        text.push_str(", basis = \"inferred\"");
    }
    if entry.when != Condition::default() {
        text.push_str(&format!(", when = {}", condition(&entry.when)));
    }
    if !entry.note.is_empty() {
        text.push_str(&format!(", note = {}", quoted(&entry.note)));
    }
    text
}

fn condition(when: &Condition) -> String {
    let list = |values: Vec<String>| format!("[{}]", values.join(", "));
    let mut parts = Vec::new();
    if !when.is.is_empty() {
        let is = when.is.iter().map(|(name, values)| {
            let values = list(values.iter().map(value).collect());
            format!("{} = {values}", quoted(name))
        });
        parts.push(format!("is = {{ {} }}", is.collect::<Vec<_>>().join(", ")));
    }
    if !when.given.is_empty() {
        let given = list(when.given.iter().map(|name| quoted(name)).collect());
        parts.push(format!("given = {given}"));
    }
    format!("{{ {} }}", parts.join(", "))
}

/// Words, flags and numbers are all that a condition names.
fn value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// Writes a text as TOML has it: its basic strings take all escapes that JSON writes.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::PriceLists;

    #[test]
    fn a_list_that_is_written_is_read_as_it_was() {
        let catalog = Catalog::builtin();
        for list in &PriceLists::builtin().lists {
            let text = list.to_toml(catalog);
            let again = PriceList::parse(&text, &list.name, catalog).unwrap();
            assert_eq!(again.entries, list.entries, "{text}");
            assert_eq!(
                (&again.name, &again.source, &again.dated),
                (&list.name, &list.source, &list.dated)
            );
        }
        assert_eq!(quoted("a\"b\\\u{7f}\n"), r#""a\"b\\\u007f\n""#);
    }
}
