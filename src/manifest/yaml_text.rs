//! YAML to the tree, within a budget: no alias bomb and no deep nesting gets through.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use super::toml_text::Fault;
use super::tree::{Member, Node, Span, Tree};

/// More nodes than this can't come of an honest text of the size allowed.
const MAX_NODES: usize = 1_000_000;
/// How deep values may stand in one another.
const MAX_DEPTH: usize = 40;
/// How many events aliases may repeat in all.
const MAX_ALIAS_EVENTS: usize = 100_000;

const BEYOND: &str = "nested or repeated by aliases beyond what a manifest may hold";

/// Reads a YAML text; the parser stops at its first error.
pub(super) fn read(text: &str) -> Result<Node, Vec<Fault>> {
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_depth: MAX_DEPTH,
            max_documents: 2,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: MAX_ALIAS_EVENTS,
        },
        // A title `No` is a title.
        strict_booleans: true,
        with_snippet: false,
    };
    let lines = Lines::new(text);
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(lines.node(raw)),
        Err(error) => Err(vec![lines.fault(&error)]),
    }
}

/// Turns the parser's places into byte ranges.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            text,
            starts: std::iter::once(0)
                .chain(ends.map(|(at, _)| at + 1))
                .collect(),
        }
    }

    fn span(&self, location: &Location) -> Span {
        let index = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
        let place = location.span();
        if let (Some(start), Some(len)) = (index(place.byte_offset()), index(place.byte_len())) {
            return Span::new(start, (start + len).min(self.text.len()));
        }
        // Places of syntax errors come as line and column in characters only.
        let line = index(location.line().checked_sub(1)).unwrap_or(0);
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let column = index(location.column().checked_sub(1)).unwrap_or(0);
        let rest = &self.text[start..];
        let at = rest
            .char_indices()
            .nth(column)
            .map_or(rest.len(), |(at, _)| at);
        let width = rest[at..].chars().next().map_or(0, char::len_utf8);
        Span::new(start + at, start + at + width)
    }

    fn fault(&self, error: &serde_yaml::Error) -> Fault {
        let span = error
            .location()
            .map_or_else(Span::default, |at| self.span(&at));
        let message = match error.without_snippet() {
            serde_yaml::Error::DuplicateMappingKey { key, .. } => match key {
                Some(key) => format!("duplicate key `{key}`"),
                None => "duplicate key".to_owned(),
            },
            serde_yaml::Error::MultipleDocuments { .. } => {
                "a manifest is one YAML document; a second one starts here".to_owned()
            }
            serde_yaml::Error::Budget { .. }
            | serde_yaml::Error::AliasReplayLimitExceeded { .. }
            | serde_yaml::Error::AliasExpansionLimitExceeded { .. }
            | serde_yaml::Error::AliasReplayStackDepthExceeded { .. } => BEYOND.to_owned(),
            // Inside an alias the same faults come wrapped, as text.
            other => match plain(&other.to_string()) {
                limit if limit.starts_with("alias replay") || limit.starts_with("budget") => {
                    BEYOND.to_owned()
                }
                message => message,
            },
        };
        (span, message)
    }

    fn node(&self, raw: Spanned<Raw>) -> Node {
        let mut span = self.span(&raw.referenced);
        let tree = match raw.value {
            Raw::Scalar(tree) => tree,
            Raw::List(items) => Tree::List(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Table(pairs) => {
                let member = |(key, value): (Spanned<String>, Spanned<Raw>)| Member {
                    key_span: self.span(&key.referenced),
                    key: key.value,
                    node: self.node(value),
                };
                let members: Vec<Member> = pairs.into_iter().map(member).collect();
                // A block mapping has no sign of its own to point at.
                if let (true, Some(first)) = (span.start == span.end, members.first()) {
                    span = first.key_span;
                }
                Tree::Table(members)
            }
        };
        Node { span, tree }
    }
}

/// Takes off the place that the parser's message ends with; it is shown with the excerpt.
fn plain(message: &str) -> String {
    let cut = message.find(" at line ").unwrap_or(message.len());
    message[..cut].to_owned()
}

enum Raw {
    Scalar(Tree),
    List(Vec<Spanned<Raw>>),
    Table(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Null))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Whole(number)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Raw, E> {
        i64::try_from(number)
            .map(|number| Raw::Scalar(Tree::Whole(number)))
            .map_err(|_| E::custom("the number does not fit 64 bits"))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Tree::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Raw, A::Error> {
        let mut table = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            table.push(pair);
            if table.len() > MAX_NODES {
                return Err(A::Error::custom("too many keys"));
            }
        }
        Ok(Raw::Table(table))
    }
}
