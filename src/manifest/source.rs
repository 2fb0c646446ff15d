//! A manifest's text: read within its limit, checked to be UTF-8, and turned into the tree.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Place, Problem, ProblemKind, Problems};
use super::tree::{Node, Span};
use super::{toml_text, yaml_text};

/// A manifest may be this long; rows beyond it belong in a file of their own.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// What to do with a manifest that is too long.
pub(super) const ROWS_HINT: &str =
    "put the rows in a CSV or JSON Lines file and name it with `for_each = \"rows.csv\"`";

/// The language a manifest is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

impl Format {
    /// Tells the format by a file's extension.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// A manifest's text and its name.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) label: Arc<str>,
    pub(super) text: Arc<str>,
    /// Texts beside it, whose spans begin behind its own.
    beside: Vec<Beside>,
    /// Where each line ends, so that the lines of many entries are found quickly.
    line_ends: Vec<u32>,
}

/// A text that belongs to a manifest: an option, or a file that it includes.
#[derive(Clone, Debug)]
struct Beside {
    label: Arc<str>,
    text: Arc<str>,
    /// Where its spans begin.
    start: u32,
}

impl Source {
    /// Wraps a text, without its byte order mark.
    pub(super) fn new(label: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ends = text.bytes().zip(0..).filter(|(byte, _)| *byte == b'\n');
        Self {
            label: label.into(),
            text: text.into(),
            beside: Vec::new(),
            line_ends: ends.map(|(_, at)| at).collect(),
        }
    }

    /// Reads a file, but never more of it than may be.
    pub(super) fn read(path: &Path) -> Result<Self, Problem> {
        let label = path.display().to_string();
        let file = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
            true => Err(std::io::ErrorKind::IsADirectory.into()),
            false => Ok(file),
        });
        let file = file.map_err(|error| unreadable(&label, &error))?;
        Self::take(&label, file)
    }

    /// Reads an open file or standard input, but never more of it than may be.
    pub(super) fn take(label: &str, input: impl Read) -> Result<Self, Problem> {
        let most = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        input
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(label, &error))?;
        if bytes.len() > MAX_BYTES {
            return Err(too_long(label));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Self::new(label, text)),
            Err(error) => Err(bad_utf8(label, &bytes, error.valid_up_to())),
        }
    }

    /// Reads the text as a tree.
    pub(super) fn parse(&self, format: Format) -> Result<Node, Problems> {
        if self.text.len() > MAX_BYTES {
            return Err(too_long(&self.label).into());
        }
        let read = match format {
            Format::Toml => toml_text::read(&self.text),
            Format::Yaml => yaml_text::read(&self.text),
        };
        read.map_err(|faults| {
            let mut problems = Problems::default();
            for (span, message) in faults {
                problems.push(Problem::new(ProblemKind::Syntax, message).at(self.place(span)));
            }
            problems.or(()).err().unwrap_or_default()
        })
    }

    /// Adds a text beside the manifest's own; returns where its spans begin, and the span of all of it.
    pub(super) fn add(&mut self, label: &str, text: &str) -> (usize, Span) {
        let end = match self.beside.last() {
            Some(last) => Span::new(0, last.text.len()).end.saturating_add(last.start),
            None => Span::new(0, self.text.len()).end,
        };
        // The place behind the last byte belongs to the text before.
        let span = Span {
            start: end.saturating_add(1),
            end: 0,
        };
        let start = span.range().start;
        self.beside.push(Beside {
            label: label.into(),
            text: text.into(),
            start: span.start,
        });
        (start, Span::new(start, start + text.len()))
    }

    /// Finds the text that a span is in: its name, itself, and the span in it.
    fn find(&self, span: Span) -> (&Arc<str>, &Arc<str>, Span) {
        let behind = self.beside.partition_point(|text| text.start <= span.start);
        match behind.checked_sub(1).map(|at| &self.beside[at]) {
            Some(text) => (&text.label, &text.text, span.back(text.start)),
            None => (&self.label, &self.text, span),
        }
    }

    /// Returns what is written at a place.
    pub(super) fn written(&self, span: Span) -> Option<&str> {
        let (_, text, span) = self.find(span);
        text.get(span.range())
    }

    /// Makes a place of a span.
    pub(super) fn place(&self, span: Span) -> Place {
        let (file, text, span) = self.find(span);
        Place {
            file: Arc::clone(file),
            text: Arc::clone(text),
            first_line: 1,
            span,
        }
    }

    /// Returns the line a span begins in, from 1.
    pub(super) fn line(&self, span: Span) -> u32 {
        let before = self.line_ends.partition_point(|end| *end < span.start);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

fn unreadable(label: &str, error: &std::io::Error) -> Problem {
    Problem::new(ProblemKind::File, format!("can't read `{label}`: {error}"))
}

fn too_long(label: &str) -> Problem {
    let message = format!(
        "`{label}` is longer than {} MiB, the most a manifest may be",
        MAX_BYTES / 1024 / 1024
    );
    Problem::new(ProblemKind::TooMuch, message).help(ROWS_HINT)
}

fn bad_utf8(label: &str, bytes: &[u8], at: usize) -> Problem {
    let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    let message = format!("`{label}` is not UTF-8: line {line}, byte {at} of the file");
    Problem::new(ProblemKind::Syntax, message).help("save it as UTF-8")
}
