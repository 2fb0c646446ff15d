//! Row files: CSV and JSON Lines, read one row at a time and never held as a whole.

use std::cell::Cell as Counter;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use csv::ByteRecord;
use serde_json::{Map, Value};

use super::check::shortened;
use super::diagnostic::{Place, Problem, ProblemKind};
use super::tree::Span;

/// One row may be this long; more is a quote that is never closed, or no row file at all.
const MAX_ROW_BYTES: usize = 8 * 1024 * 1024;
/// Rows are read through a buffer of this size.
const BUFFER_BYTES: usize = 256 * 1024;

/// How a row file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowFormat {
    Csv,
    JsonLines,
}

/// A row file, by name.
#[derive(Clone, Debug)]
pub(super) struct RowFile {
    /// As the manifest names it.
    pub(super) label: Arc<str>,
    /// Where it is.
    pub(super) path: PathBuf,
    /// How it is written.
    pub(super) format: RowFormat,
}

impl RowFile {
    /// Names a file relative to the manifest's folder; the format is told by the extension.
    pub(super) fn new(label: &str, folder: &Path) -> Result<Self, String> {
        let path = folder.join(label);
        let extension = path.extension().and_then(|extension| extension.to_str());
        let format = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => RowFormat::Csv,
            Some("jsonl" | "ndjson") => RowFormat::JsonLines,
            _ => return Err("takes a file that ends with `.csv`, `.jsonl` or `.ndjson`".to_owned()),
        };
        Ok(Self {
            label: label.into(),
            path,
            format,
        })
    }

    /// Opens the file. A device or a pipe could have no end, so only plain files will do.
    pub(super) fn open(&self) -> Result<Reader, Problem> {
        let opened = std::fs::metadata(&self.path).and_then(|found| match found.is_file() {
            true => File::open(&self.path),
            false => Err(io::Error::other("not a plain file")),
        });
        let file = opened.map_err(|error| {
            let message = format!("can't read rows from `{}`: {error}", self.label);
            Problem::new(ProblemKind::File, message)
        })?;
        match self.format {
            RowFormat::Csv => Ok(Reader::Csv(CsvRows::open(Arc::clone(&self.label), file)?)),
            RowFormat::JsonLines => Ok(Reader::Json(JsonRows::open(Arc::clone(&self.label), file))),
        }
    }
}

/// An open row file.
pub(super) enum Reader {
    Csv(CsvRows),
    Json(JsonRows),
}

/// A reader that gives up when one row takes too many bytes.
struct Bounded<R> {
    inner: R,
    left: Rc<Counter<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read) {
            Some(left) => {
                self.left.set(left);
                Ok(read)
            }
            None => Err(io::Error::other(format!(
                "a row is longer than {} MiB; is a quote never closed?",
                MAX_ROW_BYTES / 1024 / 1024
            ))),
        }
    }
}

/// A CSV file being read.
pub(super) struct CsvRows {
    label: Arc<str>,
    header: Vec<String>,
    reader: csv::Reader<Bounded<File>>,
    left: Rc<Counter<usize>>,
    record: ByteRecord,
}

impl CsvRows {
    fn open(label: Arc<str>, file: File) -> Result<Self, Problem> {
        let left = Rc::new(Counter::new(MAX_ROW_BYTES));
        let bounded = Bounded {
            inner: file,
            left: Rc::clone(&left),
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(bounded);
        let mut rows = Self {
            label,
            header: Vec::new(),
            reader,
            left,
            record: ByteRecord::new(),
        };
        rows.read_header()?;
        Ok(rows)
    }

    fn read_header(&mut self) -> Result<(), Problem> {
        if !self.read()? {
            let message = format!(
                "`{}` is empty: its first line names the columns",
                self.label
            );
            return Err(Problem::new(ProblemKind::Row, message));
        }
        let text = self.text()?;
        let header: Vec<String> = (0..self.record.len())
            .map(|at| self.field(text, at).unwrap_or_default().trim().to_owned())
            .collect();
        for (at, name) in header.iter().enumerate() {
            let wrong = if name.is_empty() {
                "a column has no name".to_owned()
            } else if header[..at].contains(name) {
                format!("column `{name}` is named twice")
            } else {
                continue;
            };
            return Err(Problem::new(ProblemKind::Row, wrong).at(self.place(Some(at))));
        }
        self.header = header;
        Ok(())
    }

    /// Returns the names of the columns.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// Reads the next row, which then stands in this reader; `false` at the end.
    pub(super) fn next(&mut self) -> Result<bool, Problem> {
        self.read()
    }

    fn read(&mut self) -> Result<bool, Problem> {
        self.left.set(MAX_ROW_BYTES);
        self.reader
            .read_byte_record(&mut self.record)
            .map_err(|error| {
                let line = self.reader.position().line();
                let label = &self.label;
                let message = format!("can't read rows from `{label}`, line {line} on: {error}");
                Problem::new(ProblemKind::Row, message)
            })
    }

    /// Returns the row's fields, one behind the other, once they are known to be as many as the header's, and UTF-8.
    pub(super) fn text(&self) -> Result<&str, Problem> {
        let (found, wanted) = (self.record.len(), self.header.len());
        if found != wanted && wanted > 0 {
            let message = format!(
                "a row of `{}` has {found} fields, its header names {wanted}",
                self.label
            );
            let problem = Problem::new(ProblemKind::Row, message).at(self.place(None));
            return Err(problem.help("put text with commas in it in double quotes"));
        }
        std::str::from_utf8(self.record.as_slice()).map_err(|_| {
            let message = format!("a row of `{}` is not UTF-8", self.label);
            let problem = Problem::new(ProblemKind::Row, message).at(self.place(None));
            problem.help("save the file as UTF-8")
        })
    }

    /// Returns the row as it stands in the file.
    pub(super) const fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// Returns one field of the row's text.
    ///
    /// Nothing when it is cut inside a character: two halves side by side look right only together.
    pub(super) fn field<'t>(&self, text: &'t str, at: usize) -> Option<&'t str> {
        text.get(self.record.range(at)?)
    }

    /// Makes a place of the row, pointing at one of its columns.
    pub(super) fn place(&self, column: Option<usize>) -> Place {
        let line = self.record.position().map_or(1, csv::Position::line);
        let cells = self.record.iter().map(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let quoted = text.contains([',', '"', '\n']);
            match quoted {
                true => format!("\"{}\"", shortened(&text.replace('"', "\"\""))),
                false => shortened(&text),
            }
        });
        excerpt(&self.label, line, cells, (",", "", ""), column)
    }
}

/// A JSON Lines file being read.
pub(super) struct JsonRows {
    label: Arc<str>,
    reader: BufReader<File>,
    line: u64,
    bytes: Vec<u8>,
    row: Map<String, Value>,
}

impl JsonRows {
    fn open(label: Arc<str>, file: File) -> Self {
        Self {
            label,
            reader: BufReader::with_capacity(BUFFER_BYTES, file),
            line: 0,
            bytes: Vec::new(),
            row: Map::new(),
        }
    }

    /// Reads the next row that is not blank, which then stands in this reader; `false` at the end.
    pub(super) fn next(&mut self) -> Result<bool, Problem> {
        loop {
            self.bytes.clear();
            let most = u64::try_from(MAX_ROW_BYTES + 1).unwrap_or(u64::MAX);
            let mut line = (&mut self.reader).take(most);
            let read = line.read_until(b'\n', &mut self.bytes).map_err(|error| {
                let message = format!("can't read rows from `{}`: {error}", self.label);
                Problem::new(ProblemKind::Row, message)
            })?;
            if read == 0 {
                return Ok(false);
            }
            self.line += 1;
            if read > MAX_ROW_BYTES {
                let message = format!(
                    "line {} of `{}` is longer than {} MiB",
                    self.line,
                    self.label,
                    MAX_ROW_BYTES / 1024 / 1024
                );
                return Err(Problem::new(ProblemKind::TooMuch, message));
            }
            if self.line == 1 && self.bytes.starts_with("\u{feff}".as_bytes()) {
                self.bytes.drain(.."\u{feff}".len());
            }
            if !self.bytes.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// Takes the row apart.
    pub(super) fn parse(&mut self) -> Result<(), Problem> {
        let wrong = match serde_json::from_slice::<Value>(self.bytes.trim_ascii()) {
            Ok(Value::Object(row)) => {
                self.row = row;
                return Ok(());
            }
            Ok(_) => "is not a JSON object".to_owned(),
            Err(error) => {
                let error = error.to_string();
                // Each row is a text of its own to the parser, whose line is always 1.
                let reason = error.replace(" at line 1 column ", ", column ");
                format!("is not JSON: {reason}")
            }
        };
        let message = format!("a row of `{}` {wrong}", self.label);
        let text = shortened(&String::from_utf8_lossy(self.bytes.trim_ascii()));
        let place = excerpt(
            &self.label,
            self.line,
            [text].into_iter(),
            ("", "", ""),
            None,
        );
        Err(Problem::new(ProblemKind::Row, message).at(place))
    }

    /// Returns the row.
    pub(super) const fn row(&self) -> &Map<String, Value> {
        &self.row
    }

    /// Makes a place of the row, pointing at one of its fields.
    pub(super) fn place(&self, field: Option<&str>) -> Place {
        let cells = self.row.iter().map(|(name, value)| {
            let value = shortened(&value.to_string());
            format!("\"{name}\":{value}")
        });
        let column = field.and_then(|field| self.row.keys().position(|name| name == field));
        excerpt(&self.label, self.line, cells, (",", "{", "}"), column)
    }
}

/// Puts a row together from its shortened cells, so that a place in it can be pointed at.
fn excerpt(
    label: &Arc<str>,
    line: u64,
    cells: impl Iterator<Item = String>,
    (comma, open, close): (&str, &str, &str),
    pointed: Option<usize>,
) -> Place {
    let mut text = open.to_owned();
    let mut span = None;
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            text.push_str(comma);
        }
        let start = text.len();
        text.extend(cell.chars().map(|c| if c.is_control() { ' ' } else { c }));
        if pointed == Some(at) {
            span = Some(Span::new(start, text.len()));
        }
    }
    text.push_str(close);
    Place {
        file: Arc::clone(label),
        span: span.unwrap_or(Span::new(0, text.len())),
        text: text.into(),
        first_line: line,
    }
}
