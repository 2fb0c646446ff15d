//! The tree that TOML and YAML are both read into: values, each with its place in the text.
//!
//! Nothing here knows what a key means.

use serde_json::Value;

/// A range of bytes in a manifest's text, which is shorter than 4 GiB by its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// Makes a span; places beyond 4 GiB are cut off there.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let cut = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: cut(start),
            end: cut(end.max(start)),
        }
    }

    /// Returns the same span of a text that begins so many bytes before.
    #[must_use]
    pub(super) const fn back(self, bytes: u32) -> Self {
        Self {
            start: self.start.saturating_sub(bytes),
            end: self.end.saturating_sub(bytes),
        }
    }

    const fn ahead(self, bytes: u32) -> Self {
        Self {
            start: self.start.saturating_add(bytes),
            end: self.end.saturating_add(bytes),
        }
    }

    /// Returns the span as a range of indexes.
    #[must_use]
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) tree: Tree,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Member>),
}

/// One key of a table with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Node {
    /// Says what kind of value it is, for a message: `text`, `a table`.
    pub(super) const fn kind(&self) -> &'static str {
        match &self.tree {
            Tree::Null => "nothing",
            Tree::Flag(_) => "true or false",
            Tree::Whole(_) => "a whole number",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Table(_) => "a table",
        }
    }

    /// Moves all places, to where the text begins among others.
    pub(super) fn move_by(&mut self, bytes: u32) {
        self.span = self.span.ahead(bytes);
        match &mut self.tree {
            Tree::List(items) => items.iter_mut().for_each(|item| item.move_by(bytes)),
            Tree::Table(members) => {
                for member in members {
                    member.key_span = member.key_span.ahead(bytes);
                    member.node.move_by(bytes);
                }
            }
            _ => {}
        }
    }

    /// Finds a key of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.key == key)
    }

    /// Returns the members of a table, and none of anything else.
    pub(super) fn members(&self) -> &[Member] {
        match &self.tree {
            Tree::Table(members) => members,
            _ => &[],
        }
    }

    /// Returns the text of a text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value without its places.
    pub(super) fn to_value(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Flag(flag) => Value::Bool(*flag),
            Tree::Whole(number) => Value::from(*number),
            Tree::Number(number) => Value::from(*number),
            Tree::Text(text) => Value::from(text.as_str()),
            Tree::List(items) => items.iter().map(Self::to_value).collect(),
            Tree::Table(members) => members
                .iter()
                .map(|member| (member.key.clone(), member.node.to_value()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}
