//! Reads a table by the schema's keys: unknown, missing and mistyped ones become problems with a place.

use std::time::Duration;

use serde_json::{Map, Value};

use super::diagnostic::{Problem, ProblemKind, Problems, did_you_mean, listed};
use super::schema::{Key, Shape};
use super::source::Source;
use super::tree::{Member, Node, Tree};
use super::units::{parse_duration, parse_rate};
use crate::model::{Credits, Rate};

/// A table whose keys are known and whose values have the right shape; others are left out.
pub(super) struct Section<'a> {
    members: Vec<&'a Member>,
}

impl<'a> Section<'a> {
    /// Checks a table; `of` says what it is, e.g. ` in job \`song\``.
    pub(super) fn read(
        source: &Source,
        node: &'a Node,
        keys: &'static [Key],
        of: &str,
        problems: &mut Problems,
    ) -> Self {
        let mut members = Vec::new();
        for member in node.members() {
            match keys.iter().find(|key| key.name == member.key) {
                None => problems.push(unknown_key(source, member, keys, of)),
                Some(key) => match wrong_shape(&member.node, &key.shape) {
                    None => members.push(member),
                    Some((message, hint)) => {
                        let message = format!("`{}`{of} {message}", key.name);
                        let place = source.place(member.node.span);
                        let problem = Problem::new(ProblemKind::Value, message).at(place);
                        problems.push(problem.maybe_label(hint));
                    }
                },
            }
        }
        for key in keys.iter().filter(|key| key.required) {
            if node.get(key.name).is_none() {
                let message = format!("missing key `{}`{of}", key.name);
                let place = source.place(node.span);
                let problem = Problem::new(ProblemKind::Key, message).at(place);
                problems.push(problem.label(key.doc.trim_end_matches('.')));
            }
        }
        Self { members }
    }

    pub(super) fn member(&self, key: &str) -> Option<&'a Member> {
        self.members
            .iter()
            .find(|member| member.key == key)
            .copied()
    }

    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        self.member(key).map(|member| &member.node)
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.node(key)?.as_text()
    }

    pub(super) fn whole<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        match self.node(key)?.tree {
            Tree::Whole(number) => T::try_from(number).ok(),
            _ => None,
        }
    }

    pub(super) fn credits(&self, key: &str) -> Option<Credits> {
        self.whole(key).map(Credits::new)
    }

    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        parse_duration(self.text(key)?).ok()
    }

    pub(super) fn rate(&self, key: &str) -> Option<Rate> {
        parse_rate(self.text(key)?).ok()
    }

    pub(super) fn to_map(&self) -> Map<String, Value> {
        let pair = |member: &&Member| (member.key.clone(), member.node.to_value());
        self.members.iter().map(pair).collect()
    }
}

fn unknown_key(source: &Source, member: &Member, keys: &[Key], of: &str) -> Problem {
    let names = || keys.iter().map(|key| key.name);
    let problem = Problem::new(
        ProblemKind::Key,
        format!("unknown key `{}`{of}", member.key),
    )
    .at(source.place(member.key_span));
    match did_you_mean(&member.key, names()) {
        Some(name) => problem.label(format!("did you mean `{name}`?")),
        None => problem.help(format!("the keys are {}", listed(names(), " and "))),
    }
}

/// Says what is wrong with a value: the end of a sentence, and perhaps a hint.
fn wrong_shape(node: &Node, shape: &Shape) -> Option<(String, Option<String>)> {
    let is = |what: &str| {
        Some((
            format!("takes {what}"),
            Some(format!("this is {}", node.kind())),
        ))
    };
    match (shape, &node.tree) {
        (Shape::Text | Shape::SavePath | Shape::Operation | Shape::Id, Tree::Text(text)) => {
            wrong_text(text, matches!(shape, Shape::Id))
        }
        (Shape::Word(words), Tree::Text(text)) => wrong_word(text, words),
        (Shape::Origin, Tree::Text(text)) => wrong_origin(text).map(|why| (why, None)),
        (Shape::Variable, Tree::Text(text)) => wrong_variable(text),
        (Shape::Whole { min, max }, Tree::Whole(number)) => {
            let inside = (min..=max).contains(&number);
            (!inside).then(|| (whole_range(*min, *max), None))
        }
        (Shape::Number { min, max }, Tree::Whole(_) | Tree::Number(_)) => {
            let number = node.to_value().as_f64().unwrap_or(f64::NAN);
            let inside = (*min..=*max).contains(&number);
            (!inside).then(|| (format!("takes a number from {min} to {max}"), None))
        }
        (Shape::Duration, Tree::Text(text)) => unit_error(parse_duration(text).err()),
        (Shape::Rate, Tree::Text(text)) => unit_error(parse_rate(text).err()),
        (Shape::Files, Tree::List(items)) => {
            let wrong = |item: &Node| match item.as_text() {
                Some(text) => wrong_text(text, false),
                None => is("a list of files"),
            };
            items.iter().find_map(wrong)
        }
        (Shape::Names, Tree::List(items)) => {
            let wrong = |item: &Node| match item.as_text() {
                Some(text) => wrong_text(text, true),
                None => is("a list of names"),
            };
            items.iter().find_map(wrong)
        }
        (Shape::JobIds, Tree::List(items)) if items.iter().any(|item| item.as_text().is_none()) => {
            is("a list of job ids")
        }
        (Shape::Rows, Tree::Text(_) | Tree::List(_))
        | (Shape::Flag, Tree::Flag(_))
        | (Shape::List | Shape::JobIds, Tree::List(_))
        | (
            Shape::Section(_) | Shape::Values | Shape::Defaults | Shape::Inputs | Shape::Matrix,
            Tree::Table(_),
        ) => None,
        (Shape::Profiles(_), Tree::Table(members)) => {
            let is_table = |member: &&Member| matches!(member.node.tree, Tree::Table(_));
            let wrong = members.iter().find(|member| !is_table(member))?;
            let hint = format!("`{}` is {}", wrong.key, wrong.node.kind());
            Some((format!("takes {}", takes(shape)), Some(hint)))
        }
        (Shape::Sections(_), Tree::List(items)) => {
            let wrong = items
                .iter()
                .find(|item| !matches!(item.tree, Tree::Table(_)))?;
            Some((
                "takes a list of tables".to_owned(),
                Some(format!("an item is {}", wrong.kind())),
            ))
        }
        _ => is(takes(shape)),
    }
}

const fn takes(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Word(_) | Shape::Variable | Shape::SavePath => "text",
        Shape::Id => "a name",
        Shape::Origin => "an address such as `https://api.example.com`",
        Shape::Whole { .. } => "a whole number",
        Shape::Number { .. } => "a number",
        Shape::Flag => "`true` or `false`",
        Shape::Duration => "a duration such as `\"20s\"`",
        Shape::Rate => "a rate such as `\"20/1m\"`",
        Shape::Section(_) | Shape::Values | Shape::Inputs => "a table",
        Shape::Defaults => "a table for each operation",
        Shape::Profiles(_) => "a table for each profile: `[profile.NAME]`",
        Shape::Sections(_) => "a list of tables: begin each with `[[job]]`",
        Shape::Operation => "the name of an operation",
        Shape::JobIds => "a list of job ids",
        Shape::Names => "a list of names",
        Shape::Files => "a list of files",
        Shape::Rows => "a file, `jobs.ID.clips`, or a list of rows",
        Shape::List => "a list",
        Shape::Matrix => "a table of lists",
    }
}

fn unit_error(error: Option<String>) -> Option<(String, Option<String>)> {
    error.map(|error| ("can't be read".to_owned(), Some(error)))
}

fn wrong_text(text: &str, id: bool) -> Option<(String, Option<String>)> {
    /// Ids stand in file names and on the terminal.
    const MAX_ID_CHARS: usize = 64;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() {
        return Some(("is empty".to_owned(), None));
    }
    if id && !text.chars().all(plain) {
        let message = "takes letters, digits, `_` and `-` only".to_owned();
        return Some((message, None));
    }
    (id && text.len() > MAX_ID_CHARS)
        .then(|| (format!("takes at most {MAX_ID_CHARS} characters"), None))
}

fn wrong_word(text: &str, words: &[&'static str]) -> Option<(String, Option<String>)> {
    if words.contains(&text) {
        return None;
    }
    let hint = did_you_mean(text, words.iter().copied());
    Some((
        format!("takes {}", listed(words.iter().copied(), " or ")),
        hint.map(|word| format!("did you mean `{word}`?")),
    ))
}

fn wrong_variable(text: &str) -> Option<(String, Option<String>)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = !text.is_empty() && text.chars().all(plain) && !text.starts_with(char::is_numeric);
    // A key pasted here by mistake has other characters, and is not repeated in the message.
    (!named).then(|| {
        let message = "takes the name of an environment variable, never a key".to_owned();
        (message, Some("letters, digits and `_`".to_owned()))
    })
}

fn whole_range(min: i64, max: i64) -> String {
    if max >= i64::from(i32::MAX) {
        format!("takes a whole number from {min} on")
    } else {
        format!("takes a whole number from {min} to {max}")
    }
}

/// Says why an address can't be trusted with a key: `https` it must be, except on this machine.
pub(super) fn wrong_origin(text: &str) -> Option<String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some("takes an address such as `https://api.example.com`".to_owned());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("takes an address without user or password".to_owned());
    }
    let beyond = &rest[authority.len()..];
    if beyond.contains(['?', '#']) || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("takes a plain address, without query or blanks".to_owned());
    }
    let (host, port) = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Some("takes an address with a host, and perhaps a port".to_owned());
    }
    let loopback = host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    match scheme {
        "https" => None,
        "http" if loopback => None,
        "http" => Some("takes `https`; `http` is for this machine only".to_owned()),
        _ => Some("takes an address that begins with `https://`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_this_machine_is_trusted_with_a_key() {
        for good in [
            "https://api.example.com",
            "https://api.example.com:8443/v1",
            "http://localhost",
            "http://localhost:8080",
            "http://127.0.0.1:9",
            "http://127.9.9.9",
            "http://[::1]:8080/x",
        ] {
            assert_eq!(wrong_origin(good), None, "{good}");
        }
        for bad in [
            "",
            "api.example.com",
            "http://api.example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://10.0.0.1",
            "http://[::2]",
            "https://",
            "https://user:pass@example.com",
            "https://example.com:99999",
            "https://example.com?x",
            "https://exa mple.com",
            "ftp://example.com",
            "HTTPS//example.com",
        ] {
            assert!(wrong_origin(bad).is_some(), "{bad}");
        }
    }
}
