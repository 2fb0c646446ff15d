//! An input as it stands in an entry: a fixed value, or how to make one for each row.
//!
//! Compiling a value checks all names in it; what a row holds is looked at when there is one.

use serde_json::Value;

use crate::model::ResultPath;

use super::diagnostic::{Problem, ProblemKind, Problems, did_you_mean, listed};
use super::matrix::Matrix;
use super::source::Source;
use super::template::{self, Name, Piece};
use super::tree::{Node, Span, Tree};

/// How an input's value is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// It is always this.
    Fixed(Value),
    /// A column of the row, by its place in the entry's list of columns.
    Column(usize),
    /// A key of the matrix, by its place.
    Matrix(usize),
    /// The number of the take.
    Take,
    /// The date on which the run starts.
    RunDate,
    /// A field of the clip, or of the version of lyrics, that the row is.
    Item(ResultPath),
    /// A field of another job's result, by its place in the entry's list of references.
    Job(usize),
    /// A local file, by the name that the cell within makes.
    File(Box<Cell>),
    /// Text put together.
    Join(Vec<Cell>),
    /// A list.
    List(Vec<Cell>),
    /// An object.
    Table(Vec<(String, Cell)>),
}

impl Cell {
    /// Tells whether some part of it holds.
    pub(super) fn any(&self, test: &impl Fn(&Self) -> bool) -> bool {
        test(self)
            || match self {
                Self::Join(cells) | Self::List(cells) => cells.iter().any(|cell| cell.any(test)),
                Self::Table(pairs) => pairs.iter().any(|(_, cell)| cell.any(test)),
                Self::File(name) => name.any(test),
                _ => false,
            }
    }

    /// Tells whether it refers to another job.
    pub(super) fn refers(&self) -> bool {
        self.any(&|cell| matches!(cell, Self::Job(_) | Self::Item(_)))
    }

    /// Tells whether it is another value for each row, combination or take.
    pub(super) fn varies(&self) -> bool {
        self.any(&|cell| {
            matches!(
                cell,
                Self::Column(_) | Self::Matrix(_) | Self::Take | Self::Item(_)
            )
        })
    }
}

/// A reference to a result of another entry's jobs.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The entry.
    pub(super) entry: usize,
    /// The path, with an index over all results of that entry.
    pub(super) path: ResultPath,
    /// Where it is written.
    pub(super) span: Span,
}

/// What `${each}` stands for in an entry.
#[derive(Clone, Debug)]
pub(super) enum Each {
    /// The entry has no `for_each`.
    None,
    /// A CSV file with these columns.
    Csv(Vec<String>),
    /// A JSON Lines file: what its rows hold is seen row by row.
    Json,
    /// A file that could not be read, which was said already.
    Unknown,
    /// A list in the manifest.
    Inline,
    /// The clips or lyrics of an entry.
    Items {
        /// The entry.
        entry: usize,
        /// `clips` or `results`.
        list: &'static str,
    },
}

/// Checks references against what entries give.
pub(super) trait Results {
    /// Finds an entry.
    fn entry(&self, id: &str) -> Option<usize>;
    /// Returns the ids of all entries.
    fn ids(&self) -> Vec<&str>;
    /// Says why an entry's jobs can't give this: a message and a hint.
    fn refuse(&self, entry: usize, path: &ResultPath) -> Option<(String, Option<String>)>;
}

/// Compiles the values of one entry.
pub(super) struct Compiler<'a> {
    pub(super) source: &'a Source,
    pub(super) vars: Option<&'a Node>,
    pub(super) each: &'a Each,
    pub(super) matrix: &'a Matrix,
    pub(super) results: &'a dyn Results,
    /// The columns used so far; the empty name is the whole row.
    pub(super) columns: Vec<String>,
    /// The keys of the matrix used so far.
    pub(super) axes: Vec<usize>,
    /// The references used so far.
    pub(super) targets: Vec<Target>,
    pub(super) problems: &'a mut Problems,
}

impl Compiler<'_> {
    /// Compiles a value; nothing when a problem was found.
    pub(super) fn value(&mut self, node: &Node) -> Option<Cell> {
        match &node.tree {
            Tree::Text(text) => self.text(text, node.span),
            Tree::List(items) => {
                let cells: Vec<_> = items.iter().map(|item| self.value(item)).collect();
                let cells: Vec<Cell> = cells.into_iter().collect::<Option<_>>()?;
                Some(fold_list(cells))
            }
            Tree::Table(members) => {
                let mut pairs = Vec::new();
                for member in members {
                    pairs.push(
                        self.value(&member.node)
                            .map(|cell| (member.key.clone(), cell)),
                    );
                }
                let mut pairs: Vec<(String, Cell)> = pairs.into_iter().collect::<Option<_>>()?;
                pairs.sort_by(|left, right| left.0.cmp(&right.0));
                Some(fold_table(pairs))
            }
            Tree::Null => {
                let problem = Problem::new(ProblemKind::Value, "a value is missing here");
                self.problems.push(problem.at(self.source.place(node.span)));
                None
            }
            _ => Some(Cell::Fixed(node.to_value())),
        }
    }

    /// Compiles a text.
    pub(super) fn text(&mut self, text: &str, span: Span) -> Option<Cell> {
        let pieces = match template::parse(text) {
            Ok(pieces) => pieces,
            Err(wrong) => {
                let at = within(self.source, span, text, wrong.at);
                let problem = Problem::new(ProblemKind::Reference, wrong.message);
                let problem = problem.at(self.source.place(at)).maybe_label(wrong.hint);
                self.problems.push(problem);
                return None;
            }
        };
        let whole = pieces.len() == 1;
        let mut cells = Vec::new();
        for piece in pieces {
            cells.push(match piece {
                Piece::Text(plain) => Some(Cell::Fixed(Value::String(plain))),
                Piece::Name(name, range) => {
                    let at = within(self.source, span, text, range);
                    let cell = self.name(name, at);
                    match cell {
                        Some(Cell::Fixed(value)) if !whole => self.as_text(&value, at),
                        other => other,
                    }
                }
            });
        }
        let mut cells: Vec<Cell> = cells.into_iter().collect::<Option<_>>()?;
        if cells.len() == 1 {
            return cells.pop();
        }
        Some(fold_join(cells))
    }

    fn name(&mut self, name: Name, at: Span) -> Option<Cell> {
        match name {
            Name::Matrix(key) => self.axis(&key, at),
            Name::Take => Some(Cell::Take),
            Name::RunDate => Some(Cell::RunDate),
            Name::Var(path) => self.var(&path, at),
            Name::Each => self.each(None, at),
            Name::EachField(field) => self.each(Some(field), at),
            Name::Job(id, path) => self.job(&id, path, at),
        }
    }

    fn var(&mut self, path: &[String], at: Span) -> Option<Cell> {
        let mut node = self.vars;
        for (depth, name) in path.iter().enumerate() {
            let found = node.and_then(|node| node.get(name));
            let Some(member) = found else {
                let whole = path[..=depth].join(".");
                let names: Vec<&str> = node
                    .map_or(&[][..], Node::members)
                    .iter()
                    .map(|m| m.key.as_str())
                    .collect();
                let label = match did_you_mean(name, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if names.is_empty() => "there are no variables".to_owned(),
                    None => format!("there are {}", listed(names.iter().copied(), " and ")),
                };
                self.refuse(format!("unknown variable `{whole}`"), Some(label), at);
                return None;
            };
            node = Some(&member.node);
        }
        literal(node?).ok().map(Cell::Fixed)
    }

    fn each(&mut self, field: Option<String>, at: Span) -> Option<Cell> {
        match (self.each, field) {
            (Each::Unknown, _) => None,
            (Each::None, _) => {
                let message = "`${each}` without rows".to_owned();
                self.refuse(message, Some("this job has no `for_each`".to_owned()), at);
                None
            }
            (Each::Csv(names), None) => {
                let label = format!(
                    "name a column: {}",
                    listed(names.iter().map(|n| &**n), " or ")
                );
                self.refuse(
                    "a row of a CSV file is no single value".to_owned(),
                    Some(label),
                    at,
                );
                None
            }
            (Each::Csv(names), Some(field)) if !names.contains(&field) => {
                let known = || names.iter().map(String::as_str);
                let label = match did_you_mean(&field, known()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the columns are {}", listed(known(), " and ")),
                };
                self.refuse(format!("unknown column `{field}`"), Some(label), at);
                None
            }
            (Each::Items { list, .. }, None) => {
                let label = "name a field: `${each.FIELD}`".to_owned();
                self.refuse(
                    format!("an item of `{list}` is no single value"),
                    Some(label),
                    at,
                );
                None
            }
            (Each::Items { entry, list }, Some(field)) => {
                let Ok(path) = field.parse::<ResultPath>() else {
                    self.refuse(format!("`{field}` is not a field"), None, at);
                    return None;
                };
                let whole = format!("{list}[0].{path}").parse().ok()?;
                if let Some((message, label)) = self.results.refuse(*entry, &whole) {
                    self.refuse(message, label, at);
                    return None;
                }
                Some(Cell::Item(path))
            }
            (_, field) => Some(Cell::Column(self.column(field.unwrap_or_default()))),
        }
    }

    fn axis(&mut self, key: &str, at: Span) -> Option<Cell> {
        let axes = &self.matrix.axes;
        let Some(axis) = axes.iter().position(|axis| axis.name == key) else {
            let known = || axes.iter().map(|axis| axis.name.as_str());
            let label = match did_you_mean(key, known()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if axes.is_empty() => "this job has no `matrix`".to_owned(),
                None => format!("the keys are {}", listed(known(), " and ")),
            };
            self.refuse(
                format!("unknown key `{key}` of the matrix"),
                Some(label),
                at,
            );
            return None;
        };
        self.axes.push(axis);
        Some(Cell::Matrix(axis))
    }

    fn column(&mut self, name: String) -> usize {
        let place = self.columns.iter().position(|known| *known == name);
        place.unwrap_or_else(|| {
            self.columns.push(name);
            self.columns.len() - 1
        })
    }

    fn job(&mut self, id: &str, path: ResultPath, at: Span) -> Option<Cell> {
        let Some(entry) = self.results.entry(id) else {
            let label = unknown_job(self.results, id);
            self.refuse(format!("unknown job `{id}`"), label, at);
            return None;
        };
        if let Some((message, label)) = self.results.refuse(entry, &path) {
            self.refuse(message, label, at);
            return None;
        }
        self.targets.push(Target {
            entry,
            path,
            span: at,
        });
        Some(Cell::Job(self.targets.len() - 1))
    }

    fn as_text(&mut self, value: &Value, at: Span) -> Option<Cell> {
        let text = plain_text(value).map(|text| Cell::Fixed(Value::String(text)));
        if text.is_none() {
            self.refuse(
                "a list or table can't be put into text".to_owned(),
                None,
                at,
            );
        }
        text
    }

    fn refuse(&mut self, message: String, label: Option<String>, at: Span) {
        let problem = Problem::new(ProblemKind::Reference, message);
        self.problems
            .push(problem.at(self.source.place(at)).maybe_label(label));
    }
}

/// Says which job was perhaps meant.
pub(super) fn unknown_job(results: &dyn Results, id: &str) -> Option<String> {
    let ids = results.ids();
    Some(match did_you_mean(id, ids.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the jobs are {}", listed(ids, " and ")),
    })
}

/// Returns a single value as text; nothing for lists, objects and `null`.
pub(super) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Returns a value in which nothing is filled in; the error is the place of a `${…}`.
pub(super) fn literal(node: &Node) -> Result<Value, Span> {
    match &node.tree {
        Tree::Text(text) => match template::parse(text).as_deref() {
            Ok([Piece::Text(plain)]) => Ok(Value::from(plain.as_str())),
            _ => Err(node.span),
        },
        Tree::List(items) => items.iter().map(literal).collect(),
        Tree::Table(members) => members
            .iter()
            .map(|member| Ok((member.key.clone(), literal(&member.node)?)))
            .collect::<Result<serde_json::Map<_, _>, _>>()
            .map(Value::Object),
        _ => Ok(node.to_value()),
    }
}

/// Finds the place of a part of a text in the source, where it may be quoted and escaped.
pub(super) fn within(
    source: &Source,
    span: Span,
    text: &str,
    part: std::ops::Range<usize>,
) -> Span {
    let (Some(written), Some(wanted)) = (source.written(span), text.get(part.clone())) else {
        return span;
    };
    let before = text[..part.start].matches(wanted).count();
    match written.match_indices(wanted).nth(before) {
        Some((at, _)) if !wanted.is_empty() => {
            let start = span.range().start + at;
            Span::new(start, start + wanted.len())
        }
        _ => span,
    }
}

fn fold_join(cells: Vec<Cell>) -> Cell {
    let mut folded: Vec<Cell> = Vec::new();
    for cell in cells {
        match (folded.last_mut(), cell) {
            (Some(Cell::Fixed(Value::String(before))), Cell::Fixed(Value::String(text))) => {
                before.push_str(&text);
            }
            (_, cell) => folded.push(cell),
        }
    }
    match folded.as_slice() {
        [Cell::Fixed(value)] => Cell::Fixed(value.clone()),
        _ => Cell::Join(folded),
    }
}

fn fold_list(cells: Vec<Cell>) -> Cell {
    let fixed = cells.iter().map(|cell| match cell {
        Cell::Fixed(value) => Some(value.clone()),
        _ => None,
    });
    match fixed.collect::<Option<Vec<Value>>>() {
        Some(values) => Cell::Fixed(Value::Array(values)),
        None => Cell::List(cells),
    }
}

fn fold_table(pairs: Vec<(String, Cell)>) -> Cell {
    let fixed = pairs.iter().map(|(key, cell)| match cell {
        Cell::Fixed(value) => Some((key.clone(), value.clone())),
        _ => None,
    });
    match fixed.collect::<Option<serde_json::Map<_, _>>>() {
        Some(map) => Cell::Fixed(Value::Object(map)),
        None => Cell::Table(pairs),
    }
}
