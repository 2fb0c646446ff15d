//! TOML to the tree. All syntax errors come out of one pass.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tree::{Member, Node, Span, Tree};

/// A fault of the text: where, and what is wrong.
pub(super) type Fault = (Span, String);

/// Reads a TOML text.
pub(super) fn read(text: &str) -> Result<Node, Vec<Fault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<Fault> = errors
        .iter()
        .map(|error| {
            let range = error.span().unwrap_or(0..0);
            (
                Span::new(range.start, range.end),
                error.message().to_owned(),
            )
        })
        .collect();
    // What was recovered behind an error would only be blamed for it a second time.
    if !faults.is_empty() {
        return Err(faults);
    }
    let node = Node {
        span: span(&table),
        tree: members(table.get_ref(), &mut faults),
    };
    if faults.is_empty() {
        Ok(node)
    } else {
        Err(faults)
    }
}

fn span<T>(spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    Span::new(range.start, range.end)
}

fn members(table: &DeTable<'_>, faults: &mut Vec<Fault>) -> Tree {
    let mut members: Vec<Member> = table
        .iter()
        .map(|(key, value)| Member {
            key: key.get_ref().to_string(),
            key_span: span(key),
            node: node(value, faults),
        })
        .collect();
    // The parser sorts by name; people and messages think in the order of the text.
    members.sort_by_key(|member| member.key_span);
    Tree::Table(members)
}

fn node(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Node {
    let span = span(value);
    let tree = match value.get_ref() {
        DeValue::String(text) => Tree::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Tree::Whole)
            .unwrap_or_else(|_| {
                faults.push((span, "the number does not fit 64 bits".to_owned()));
                Tree::Null
            }),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Tree::Number(number),
            _ => {
                faults.push((span, "the number is not finite".to_owned()));
                Tree::Null
            }
        },
        DeValue::Boolean(flag) => Tree::Flag(*flag),
        // YAML has no dates of its own here, so that both formats mean the same.
        DeValue::Datetime(date) => Tree::Text(date.to_string()),
        DeValue::Array(items) => Tree::List(items.iter().map(|item| node(item, faults)).collect()),
        DeValue::Table(table) => members(table, faults),
    };
    Node { span, tree }
}
