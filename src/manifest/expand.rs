//! The expansion: every job of a batch, one at a time, upstream first, in memory that does not grow with the rows.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::model::{JobRef, Ordinal};

use super::batch::{Batch, Draft};
use super::cell::Cell;
use super::check::Wrong;
use super::diagnostic::{Place, Problem, ProblemKind, Problems, listed};
use super::entry::{Decide, Entry, RowSource};
use super::made::{Count, Made};
use super::program::Program;
use super::row::{Found, Item, Row, RowCx};
use super::rows::{CsvRows, JsonRows, Reader, RowFile};
use super::tree::Span;

/// All jobs together may wait for one another so many times; beyond it a plan would not fit memory.
pub(super) const MAX_NEEDS: usize = 5_000_000;

/// Receives the jobs, one at a time.
pub type Sink<'s> = dyn FnMut(&Draft<'_>) -> ControlFlow<()> + 's;

/// Expands a batch. With `files` false, rows of files are left out, and all that depends on their number.
pub(super) fn expand(
    batch: &Batch,
    catalog: &Catalog,
    files: bool,
    sink: &mut Sink<'_>,
) -> Result<(), Problems> {
    let mut state = State {
        batch,
        catalog,
        sink,
        files,
        made: std::iter::repeat_with(Made::default)
            .take(batch.entries.len())
            .collect(),
        next: 0,
        needs_in_all: 0,
        problems: Problems::default(),
        prefix: 0,
        buffer: String::new(),
        scratch: String::new(),
        save: String::new(),
        needs: Vec::new(),
    };
    for index in &batch.order {
        if state.entry(*index).is_break() {
            break;
        }
    }
    state.problems.or(())
}

/// An expansion under way.
pub(super) struct State<'a, 's, 'k> {
    pub(super) batch: &'a Batch,
    pub(super) catalog: &'a Catalog,
    pub(super) sink: &'s mut Sink<'k>,
    pub(super) files: bool,
    pub(super) made: Vec<Made>,
    /// The place of the next job.
    pub(super) next: u32,
    pub(super) needs_in_all: usize,
    pub(super) problems: Problems,
    /// Operation and a zero byte stand in the buffer up to here, the inputs behind.
    pub(super) prefix: usize,
    pub(super) buffer: String,
    /// Where text is put together.
    pub(super) scratch: String,
    pub(super) save: String,
    pub(super) needs: Vec<Ordinal>,
}

/// What stays the same for all rows of an entry.
pub(super) struct Frame<'a> {
    pub(super) index: usize,
    pub(super) entry: &'a Entry,
    pub(super) programs: Vec<Program<'a>>,
    pub(super) links: Vec<JobRef>,
    /// What every job of the entry needs, sorted.
    pub(super) needs: Vec<Ordinal>,
    /// Values for conditional prices, made only when asked for; by field.
    pub(super) values: Vec<OnceCell<Option<Value>>>,
    /// Whether fingerprints are wanted by later entries.
    pub(super) referred: bool,
    /// The variant of each job, when there are several.
    pub(super) variants: Vec<usize>,
    pub(super) rows: u32,
}

/// Where a row is, for its problems.
pub(super) enum RowPlace<'r> {
    Manifest,
    Csv(&'r CsvRows, &'r [usize]),
    Json(&'r JsonRows),
    Inline(&'r super::entry::InlineRow),
}

impl<'a> State<'a, '_, '_> {
    fn entry(&mut self, index: usize) -> ControlFlow<()> {
        let entry = &self.batch.entries[index];
        let first = self.next;
        let unknown = self.is_unknown(entry);
        let Some(mut frame) = self.frame(index, entry) else {
            self.made[index].unknown = true;
            return ControlFlow::Continue(());
        };
        let flow = if unknown {
            ControlFlow::Continue(())
        } else {
            self.rows(&mut frame)
        };
        let made = &mut self.made[index];
        made.unknown = unknown;
        made.first = first;
        made.jobs = self.next - first;
        made.rows = frame.rows;
        made.takes = entry.takes;
        made.counts = [0, 1].map(|list| count(list, entry, &frame.variants));
        flow
    }

    fn is_unknown(&self, entry: &Entry) -> bool {
        match &entry.rows {
            RowSource::File(..) => !self.files,
            RowSource::Items { entry, .. } => self.made[*entry].unknown,
            RowSource::One | RowSource::Inline(_) => false,
        }
    }

    /// Resolves what the entry refers to, and writes what its rows have in common.
    fn frame(&mut self, index: usize, entry: &'a Entry) -> Option<Frame<'a>> {
        let mut links = Vec::new();
        let mut needs = Vec::new();
        for target in &entry.targets {
            let id = &self.batch.entries[target.entry].info.id;
            match self.made[target.entry].link(target, id) {
                Ok((reference, ordinal)) => {
                    links.push(reference);
                    needs.extend(ordinal);
                }
                Err((message, label)) => {
                    let place = self.batch.source.place(target.span);
                    let problem = Problem::new(ProblemKind::Reference, message);
                    self.problems.push(problem.at(place).label(label));
                }
            }
        }
        if links.len() < entry.targets.len() {
            return None;
        }
        for other in &entry.needs {
            let made = &self.made[*other];
            needs.extend((made.first..made.first + made.jobs).map(Ordinal));
            if needs.len() > MAX_NEEDS {
                self.too_many_needs(entry);
                return None;
            }
        }
        needs.sort_unstable();
        needs.dedup();
        let programs: Vec<Program<'a>> = entry
            .variants
            .iter()
            .map(|variant| {
                let operation = self.catalog.get(variant.operation);
                let batch = self.batch;
                Program::new(
                    variant,
                    operation,
                    &links,
                    batch.date.as_deref(),
                    &batch.shelf,
                )
            })
            .collect();
        let fields = entry
            .variants
            .iter()
            .map(|variant| variant.fields.len())
            .max()
            .unwrap_or(0);
        Some(Frame {
            index,
            entry,
            programs,
            links,
            needs,
            values: std::iter::repeat_with(OnceCell::new).take(fields).collect(),
            referred: self.batch.referred[index],
            variants: Vec::new(),
            rows: 0,
        })
    }

    fn rows(&mut self, frame: &mut Frame<'a>) -> ControlFlow<()> {
        let entry = frame.entry;
        match &entry.rows {
            RowSource::One => self.row(frame, Row::None, None, &RowPlace::Manifest),
            RowSource::Inline(rows) => rows.iter().try_for_each(|row| {
                let values = match &row.value {
                    Value::Object(map) => Row::Object(map),
                    single => Row::Single(single),
                };
                self.row(frame, values, None, &RowPlace::Inline(row))
            }),
            RowSource::Items { entry, list } => {
                let total = self.made[*entry].total(list);
                (0..total).try_for_each(|at| {
                    let made = &self.made[*entry];
                    let (job, index) = made.locate(list, at);
                    let item = Item {
                        job: made.print(job),
                        list,
                        index,
                    };
                    let needed = Ordinal(made.first + job);
                    self.row(frame, Row::None, Some((&item, needed)), &RowPlace::Manifest)
                })
            }
            RowSource::File(file, span) => self.file(frame, file, *span),
        }
    }

    fn file(&mut self, frame: &mut Frame<'a>, file: &RowFile, span: Span) -> ControlFlow<()> {
        match file.open() {
            Ok(Reader::Csv(rows)) => self.csv(frame, rows, span),
            Ok(Reader::Json(rows)) => self.json(frame, rows, span),
            Err(problem) => self.end_file(problem, span),
        }
    }

    /// Gives up on a file; what has no place in it is told where the manifest names it.
    fn end_file(&mut self, problem: Problem, span: Span) -> ControlFlow<()> {
        let place = self.batch.source.place(span);
        self.problems.push(match problem.place {
            None => problem.at(place),
            Some(_) => problem,
        });
        ControlFlow::Continue(())
    }

    fn csv(&mut self, frame: &mut Frame<'a>, mut rows: CsvRows, span: Span) -> ControlFlow<()> {
        let mut places = Vec::new();
        for name in &frame.entry.columns {
            // The header was looked at when the manifest was read; the file may have changed since.
            let Some(place) = rows.header().iter().position(|column| column == name) else {
                let message = format!("the row file has no column `{name}` any more");
                let place = self.batch.source.place(span);
                self.problems
                    .push(Problem::new(ProblemKind::File, message).at(place));
                return ControlFlow::Continue(());
            };
            places.push(place);
        }
        loop {
            match rows.next() {
                Ok(true) => {}
                Ok(false) => return ControlFlow::Continue(()),
                Err(problem) => return self.end_file(problem, span),
            }
            let place = RowPlace::Csv(&rows, &places);
            match rows.text() {
                Ok(text) => {
                    let row = Row::Csv {
                        rows: &rows,
                        text,
                        places: &places,
                    };
                    self.row(frame, row, None, &place)?;
                }
                Err(problem) => {
                    frame.rows = frame.rows.saturating_add(1);
                    self.problems.push(problem);
                }
            }
        }
    }

    fn json(&mut self, frame: &mut Frame<'a>, mut rows: JsonRows, span: Span) -> ControlFlow<()> {
        loop {
            match rows.next() {
                Ok(true) => {}
                Ok(false) => return ControlFlow::Continue(()),
                Err(problem) => return self.end_file(problem, span),
            }
            if let Err(problem) = rows.parse() {
                frame.rows = frame.rows.saturating_add(1);
                self.problems.push(problem);
                continue;
            }
            self.row(frame, Row::Object(rows.row()), None, &RowPlace::Json(&rows))?;
        }
    }

    /// Makes the jobs of one row, for each combination of the matrix.
    fn row(
        &mut self,
        frame: &mut Frame<'a>,
        row: Row<'_>,
        item: Option<(&Item, Ordinal)>,
        place: &RowPlace<'_>,
    ) -> ControlFlow<()> {
        let matrix = &frame.entry.matrix;
        let mut cx = RowCx {
            row,
            columns: &frame.entry.columns,
            matrix,
            combination: 0,
            take: 1,
            date: self.batch.date.as_deref(),
            item: item.map(|(item, _)| item),
            links: &[],
            shelf: &self.batch.shelf,
        };
        let links = std::mem::take(&mut frame.links);
        cx.links = &links;
        let flow = (0..matrix.combinations).try_for_each(|combination| {
            cx.combination = combination;
            self.combination(frame, cx, item.map(|(_, needed)| needed), place)
        });
        frame.links = links;
        flow
    }

    /// Makes the jobs of one row in one combination.
    fn combination(
        &mut self,
        frame: &mut Frame<'a>,
        cx: RowCx<'_>,
        item: Option<Ordinal>,
        place: &RowPlace<'_>,
    ) -> ControlFlow<()> {
        frame.rows = frame.rows.saturating_add(1);
        match self.choose(frame, &cx) {
            Ok(variant) => self.takes(frame, variant, cx, item, place),
            Err(problem) => {
                let (column, span) = match &frame.entry.decide {
                    Decide::By {
                        cell: Cell::Column(column),
                        span,
                        ..
                    } => (Some(*column), *span),
                    Decide::By { span, .. } => (None, *span),
                    Decide::Always => (None, frame.entry.span),
                };
                let place = self.place(frame.entry, column, span, place);
                self.problems.push(problem.at(place));
                self.skip(frame, 0, frame.entry.takes)
            }
        }
    }

    /// Finds the variant of a row.
    fn choose(&self, frame: &Frame<'_>, cx: &RowCx<'_>) -> Result<usize, Problem> {
        let Decide::By {
            cell,
            default,
            param,
            ..
        } = &frame.entry.decide
        else {
            return Ok(0);
        };
        let say = |wrong: Wrong| {
            let message = format!(
                "`{param}` in job `{}` {}",
                frame.entry.info.id, wrong.message
            );
            Problem::new(ProblemKind::Row, message).because(wrong)
        };
        let found = match cell {
            Cell::Matrix(axis) => Found::Value(cx.of_matrix(*axis)),
            Cell::Column(column) => cx.column(*column).map_err(say)?,
            _ => return Ok(*default),
        };
        let word = match found {
            Found::Text("") | Found::Value(Value::Null) => return Ok(*default),
            Found::Text(word) => word,
            Found::Value(value) => value.as_str().unwrap_or_default(),
        };
        let words = || {
            frame
                .entry
                .variants
                .iter()
                .map(|variant| variant.word.as_str())
        };
        let found = words().position(|known| known == word);
        found.ok_or_else(|| say(Wrong::new(format!("takes {}", listed(words(), " or ")))))
    }

    pub(super) fn too_many_needs(&mut self, entry: &Entry) {
        let message = format!(
            "the jobs up to `{}` wait for one another more than {MAX_NEEDS} times",
            entry.info.id
        );
        let problem = Problem::new(ProblemKind::TooMuch, message);
        let problem = problem.at(self.batch.source.place(entry.span));
        self.problems
            .push(problem.help("need fewer jobs, or split the batch"));
    }

    pub(super) fn place(
        &self,
        entry: &Entry,
        column: Option<usize>,
        span: Span,
        place: &RowPlace<'_>,
    ) -> Place {
        let name = column.map(|column| entry.columns[column].as_str());
        match place {
            RowPlace::Manifest => self.batch.source.place(span),
            RowPlace::Csv(rows, places) => rows.place(column.map(|column| places[column])),
            RowPlace::Json(rows) => rows.place(name),
            RowPlace::Inline(row) => {
                let field = row
                    .fields
                    .iter()
                    .find(|(field, _)| Some(field.as_str()) == name);
                self.batch
                    .source
                    .place(field.map_or(row.span, |(_, span)| *span))
            }
        }
    }
}

/// Counts the items of a list over the jobs of an entry.
fn count(list: usize, entry: &Entry, variants: &[usize]) -> Count {
    match entry.variants.as_slice() {
        [only] => Count::Even(only.gives[list]),
        several => {
            let mut end = 0u32;
            let ends = variants.iter().map(|variant| {
                end = end.saturating_add(several[*variant].gives[list]);
                end
            });
            Count::Ends(ends.collect())
        }
    }
}
