//! One row to its jobs: inputs written, identity taken, and the draft handed to the sink.

use std::cell::{Cell as Mark, OnceCell};
use std::ops::ControlFlow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::{Fingerprint, Ordinal};

use super::batch::Draft;
use super::cell::Cell;
use super::diagnostic::{Problem, ProblemKind};
use super::entry::{Entry, RowSource};
use super::expand::{Frame, MAX_NEEDS, RowPlace, State};

use super::program::{Program, RowWrong};
use super::row::{RowCx, known};

/// Takes and clips multiply: a batch of more jobs than this is a slip of the pen, and would take a month to send.
const MAX_JOBS: u32 = 50_000_000;

impl<'a> State<'a, '_, '_> {
    /// Makes the jobs of one row, one for each take.
    pub(super) fn takes(
        &mut self,
        frame: &mut Frame<'a>,
        variant: usize,
        mut cx: RowCx<'_>,
        item: Option<Ordinal>,
        place: &RowPlace<'_>,
    ) -> ControlFlow<()> {
        let entry = frame.entry;
        if !self.row_needs(frame, item) {
            return ControlFlow::Break(());
        }
        let mut written = None;
        for take in 1..=entry.takes {
            cx.take = take;
            let program = &frame.programs[variant];
            if written.is_none() || program.uses_take {
                match self.write(program, &cx) {
                    Ok(end) => written = Some(end),
                    Err(wrongs) => {
                        self.report(entry, program, wrongs, place);
                        return self.skip(frame, variant, entry.takes - take + 1);
                    }
                }
            }
            self.job(frame, variant, &cx, written.unwrap_or(0), place)?;
        }
        ControlFlow::Continue(())
    }

    /// Adds what this row alone needs; `false` when the batch has grown beyond its bound.
    fn row_needs(&mut self, frame: &Frame<'_>, item: Option<Ordinal>) -> bool {
        self.needs.clear();
        self.needs.extend_from_slice(&frame.needs);
        if let Some(needed) = item
            && let Err(place) = self.needs.binary_search(&needed)
        {
            self.needs.insert(place, needed);
        }
        let takes = usize::try_from(frame.entry.takes).unwrap_or(usize::MAX);
        self.needs_in_all += self.needs.len().saturating_mul(takes);
        if self.needs_in_all > MAX_NEEDS {
            self.too_many_needs(frame.entry);
            return false;
        }
        true
    }

    /// Writes operation and inputs of a row into the buffer; returns where the inputs end.
    fn write(&mut self, program: &Program<'_>, cx: &RowCx<'_>) -> Result<usize, Vec<RowWrong>> {
        self.buffer.clear();
        self.buffer.push_str(&program.variant.name);
        self.buffer.push('\0');
        self.prefix = self.buffer.len();
        let given = program
            .write(cx, &mut self.buffer, &mut self.scratch)
            .map_err(|wrong| vec![wrong])?;
        if program.variant.rules.suspicious(given) {
            let wrongs = program.broken_rules(cx, given);
            if !wrongs.is_empty() {
                return Err(wrongs);
            }
        }
        Ok(self.buffer.len())
    }

    fn report(
        &mut self,
        entry: &Entry,
        program: &Program<'_>,
        wrongs: Vec<RowWrong>,
        place: &RowPlace<'_>,
    ) {
        for RowWrong { field, wrong } in wrongs {
            let field = field.map(|at| &program.variant.fields[at]);
            let column = field.and_then(|field| first_column(&field.cell));
            let span = field.map_or(entry.span, |field| field.span);
            let place = self.place(entry, column, span, place);
            let id = &entry.info.id;
            let message = match field {
                Some(field) => format!("`{}` in job `{id}` {}", field.name, wrong.message),
                None => format!("{} in job `{id}`", wrong.message),
            };
            let problem = Problem::new(ProblemKind::Row, message).at(place);
            self.problems.push(problem.because(wrong));
        }
    }

    /// Counts jobs that can't be made, so that those behind them keep their places.
    pub(super) fn skip(
        &mut self,
        frame: &mut Frame<'_>,
        variant: usize,
        jobs: u32,
    ) -> ControlFlow<()> {
        for _ in 0..jobs {
            self.remember(frame, variant, Fingerprint([0; 16]))?;
        }
        ControlFlow::Continue(())
    }

    fn remember(
        &mut self,
        frame: &mut Frame<'_>,
        variant: usize,
        print: Fingerprint,
    ) -> ControlFlow<()> {
        if frame.referred {
            self.made[frame.index].prints.push(print);
            if frame.entry.variants.len() > 1 {
                frame.variants.push(variant);
            }
        }
        self.next += 1;
        if self.next < MAX_JOBS {
            return ControlFlow::Continue(());
        }
        let message = format!("the batch makes {MAX_JOBS} jobs or more");
        let problem = Problem::new(ProblemKind::TooMuch, message);
        let place = self.batch.source.place(frame.entry.span);
        self.problems
            .push(problem.at(place).help("split the batch"));
        ControlFlow::Break(())
    }

    /// Hands one job to the sink.
    fn job(
        &mut self,
        frame: &mut Frame<'a>,
        variant: usize,
        cx: &RowCx<'_>,
        end: usize,
        place: &RowPlace<'_>,
    ) -> ControlFlow<()> {
        self.buffer.truncate(end);
        self.buffer.push('\0');
        match cx.take {
            1 => self.buffer.push('1'),
            take => self.buffer.push_str(&take.to_string()),
        }
        let hash = Sha256::digest(self.buffer.as_bytes());
        let mut print = [0; 16];
        print.copy_from_slice(&hash[..16]);
        let print = Fingerprint(print);
        let saved = self.save(frame.entry, cx, place);
        let ordinal = Ordinal(self.next);
        self.remember(frame, variant, print)?;
        // Once something is wrong there will be no plan: go on only to find what else is.
        if !saved || !self.problems.is_empty() {
            return ControlFlow::Continue(());
        }
        let touched = Mark::new(false);
        let program = &frame.programs[variant];
        let flow = {
            let values = &frame.values;
            let input = |name: &str| look_up(program, cx, values, &touched, name);
            let entry = frame.entry;
            (self.sink)(&Draft {
                ordinal,
                entry_index: u32::try_from(frame.index).unwrap_or(u32::MAX),
                entry: &entry.info,
                row: if matches!(entry.rows, RowSource::One) && entry.matrix.axes.is_empty() {
                    0
                } else {
                    frame.rows
                },
                take: if entry.takes == 1 { 0 } else { cx.take },
                operation: program.variant.operation,
                chosen_because: program.variant.chosen_because.as_deref(),
                fingerprint: print,
                inputs: &self.buffer[self.prefix..end],
                needs: &self.needs,
                save: entry.save.is_some().then_some(self.save.as_str()),
                input: &input,
            })
        };
        if touched.get() {
            frame
                .values
                .iter_mut()
                .for_each(|value| *value = OnceCell::new());
        }
        flow
    }

    /// Writes the path of a job's files; `false` when there is something wrong with it.
    fn save(&mut self, entry: &Entry, cx: &RowCx<'_>, place: &RowPlace<'_>) -> bool {
        let Some((path, span)) = &entry.save else {
            return true;
        };
        let wrong = match path.render(&mut self.save, |cell, out| cx.push_text(cell, out)) {
            Ok(()) => return true,
            Err(wrong) => wrong,
        };
        let message = format!("`save` in job `{}` {}", entry.info.id, wrong.message);
        let place = self.place(entry, path.first_column(), *span, place);
        let problem = Problem::new(ProblemKind::Row, message).at(place);
        self.problems.push(problem.because(wrong));
        false
    }
}

/// Finds the value of an input, defaults included, making it only now and only once.
fn look_up<'v>(
    program: &Program<'v>,
    cx: &RowCx<'_>,
    values: &'v [OnceCell<Option<Value>>],
    touched: &Mark<bool>,
    name: &str,
) -> Option<&'v Value> {
    let param = program
        .operation
        .params
        .iter()
        .position(|param| param.name == name);
    let default = || program.operation.params[param?].default.as_ref();
    let Some(at) = program
        .variant
        .fields
        .iter()
        .position(|field| field.name == name)
    else {
        return default();
    };
    let field = &program.variant.fields[at];
    if let Cell::Fixed(value) = &field.cell {
        return Some(value);
    }
    touched.set(true);
    let made = values[at].get_or_init(|| {
        let param = field.param.map(|at| &program.operation.params[at]);
        // What is wrong with it was found when the inputs were written.
        let input = cx.evaluate(field, param, None).ok().flatten();
        input.as_ref().map(known)
    });
    made.as_ref().or_else(default)
}

fn first_column(cell: &Cell) -> Option<usize> {
    match cell {
        Cell::Column(at) => Some(*at),
        Cell::File(name) => first_column(name),
        Cell::Join(cells) | Cell::List(cells) => cells.iter().find_map(first_column),
        Cell::Table(pairs) => pairs.iter().find_map(|(_, cell)| first_column(cell)),
        _ => None,
    }
}
