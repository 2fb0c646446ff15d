//! Problems: what is wrong, where, and what to do; collected so that all of them show in one pass.
//!
//! Nothing here knows what a manifest means, and nothing prints.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::check::Wrong;
use super::render;
use super::tree::Span;

pub(super) use crate::catalog::nearest as did_you_mean;

/// At most so many problems are shown.
pub const MAX_SHOWN: usize = 50;
/// At most so many are kept to choose the first ones from; the rest is counted.
const MAX_KEPT: usize = 1000;

/// What kind of problem it is, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The text is no TOML, YAML, CSV or JSON.
    Syntax,
    /// A key that is unknown or missing.
    Key,
    /// A value of the wrong type or outside its limits.
    Value,
    /// A name that leads nowhere.
    Reference,
    /// Jobs that need one another.
    Cycle,
    /// A file that can't be read.
    File,
    /// A row that can't become a job.
    Row,
    /// More than is allowed.
    TooMuch,
}

impl ProblemKind {
    /// Returns the name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Key => "key",
            Self::Value => "value",
            Self::Reference => "reference",
            Self::Cycle => "cycle",
            Self::File => "file",
            Self::Row => "row",
            Self::TooMuch => "too-much",
        }
    }
}

/// A stretch of text in a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// The file's text, or the part of it that is shown.
    pub text: Arc<str>,
    /// The line of the file at which `text` begins, from 1.
    pub first_line: u64,
    /// The stretch, as bytes of `text`.
    pub span: Span,
}

impl Place {
    /// Returns line and column in characters, both from 1.
    #[must_use]
    pub fn line_and_column(&self) -> (u64, u64) {
        self.at(self.span.range().start)
    }

    fn end(&self) -> (u64, u64) {
        self.at(self.span.range().end)
    }

    fn at(&self, byte: usize) -> (u64, u64) {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let lines = count(before.bytes().filter(|byte| *byte == b'\n').count());
        (
            self.first_line + lines,
            count(before[line_start..].chars().count()) + 1,
        )
    }
}

/// One problem.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What kind it is.
    pub kind: ProblemKind,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub place: Option<Box<Place>>,
    /// A few words beside the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// Makes a problem without a place.
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: one_line(message.into()),
            place: None,
            label: None,
            help: None,
        }
    }

    /// Says where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }

    /// Puts a few words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(one_line(label.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(one_line(help.into()));
        self
    }

    /// Adds a hint when there is one: beside the caret if it is short, else below.
    #[must_use]
    pub(super) fn maybe_label(self, hint: Option<String>) -> Self {
        /// Longer words beside a caret leave the terminal.
        const SHORT: usize = 72;
        match hint {
            Some(hint) if hint.chars().count() <= SHORT => self.label(hint),
            Some(hint) => self.help(hint),
            None => self,
        }
    }

    /// Adds what is known of a wrong value.
    #[must_use]
    pub(super) fn because(self, wrong: Wrong) -> Self {
        let problem = self.maybe_label(wrong.hint);
        match wrong.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// Returns the problem for `--json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let place = self.place.as_deref();
        let (line, column) = place.map(Place::line_and_column).unzip();
        let (end_line, end_column) = place.map(Place::end).unzip();
        json!({
            "kind": self.kind.as_str(),
            "message": self.message,
            "file": place.map(|place| place.file.as_ref()),
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "label": self.label,
            "help": self.help,
        })
    }

    fn sort_key(&self) -> (Option<(u64, &str, u64, Span)>, &str) {
        // Places in the manifest, which is one text from line 1, come before places in row files.
        let key = self.place.as_ref().map(|place| {
            let whole = place.first_line == 1 && place.text.contains('\n');
            (
                u64::from(!whole),
                &*place.file,
                place.first_line,
                place.span,
            )
        });
        (key, self.message.as_str())
    }
}

/// Cells of a file come into messages: nothing in them may steer a terminal or break the line.
fn one_line(text: String) -> String {
    if text.chars().any(char::is_control) {
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect()
    } else {
        text
    }
}

/// All problems of a manifest, in the order of their places.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    kept: Vec<Problem>,
    dropped: u64,
}

impl Problems {
    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        if self.kept.len() < MAX_KEPT {
            self.kept.push(problem);
        } else {
            self.dropped += 1;
        }
    }

    /// Adds problems found under other circumstances, which are told where nothing else is to be said.
    pub(super) fn join(&mut self, found: Self, circumstances: &str) {
        self.dropped += found.dropped;
        for problem in found.kept {
            self.push(match problem.help {
                None => problem.help(circumstances),
                Some(_) => problem,
            });
        }
    }

    /// Returns `value` if there is no problem.
    pub(super) fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.kept
            .sort_by(|left, right| left.sort_key().cmp(&right.sort_key()));
        // A value that came in through defaults of several entries is still one mistake.
        self.kept
            .dedup_by(|left, right| left.sort_key() == right.sort_key());
        Err(self)
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.kept.len()).unwrap_or(u64::MAX) + self.dropped
    }

    /// Returns those to be shown: the first [`MAX_SHOWN`].
    #[must_use]
    pub fn shown(&self) -> &[Problem] {
        &self.kept[..self.kept.len().min(MAX_SHOWN)]
    }

    /// Renders them with excerpts and carets, each followed by an empty line.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let mut text = String::new();
        for problem in self.shown() {
            text.push_str(&render::problem(problem, coloured));
            text.push_str("\n\n");
        }
        let more = self.count() - u64::try_from(self.shown().len()).unwrap_or(0);
        if more > 0 {
            text.push_str(&format!("and {more} more\n"));
        }
        text
    }

    /// Returns those to be shown, for `--json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.shown().iter().map(Problem::to_json).collect()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self {
            kept: vec![problem],
            dropped: 0,
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Writes names as `a`, `b` and `c`, at most a dozen of them.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    const MOST: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    if names.len() > MOST {
        let first: Vec<String> = names[..MOST]
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        return format!("{} … {} in all", first.join(", "), names.len());
    }
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            text.push_str(if at + 1 == names.len() { last } else { ", " });
        }
        text.push_str(&format!("`{name}`"));
    }
    text
}
