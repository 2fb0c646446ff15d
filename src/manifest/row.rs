//! One row, whatever it comes from, and the inputs made of it.

use serde_json::{Map, Value};

use crate::catalog::Param;
use crate::model::{Input, JobRef, Part, ResultPath, Step};

use super::cell::{Cell, plain_text};
use super::check::{Wrong, check_cell, check_text, check_value};
use super::entry::Field;
use super::matrix::Matrix;
use super::rows::CsvRows;
use super::shelf::Shelf;

/// What a job is made of.
#[derive(Clone, Copy)]
pub(super) struct RowCx<'r> {
    pub(super) row: Row<'r>,
    /// The entry's columns, which cells name by place.
    pub(super) columns: &'r [String],
    pub(super) matrix: &'r Matrix,
    /// The combination of the matrix, from 0.
    pub(super) combination: u32,
    /// The number of the take, from 1.
    pub(super) take: u32,
    /// The date on which the run starts, once it is known.
    pub(super) date: Option<&'r str>,
    /// The clip that the row is.
    pub(super) item: Option<&'r Item>,
    /// The references of the entry, resolved.
    pub(super) links: &'r [JobRef],
    /// The batch's local files.
    pub(super) shelf: &'r Shelf,
}

/// A row's values.
#[derive(Clone, Copy)]
pub(super) enum Row<'r> {
    /// The entry has no rows.
    None,
    /// The row that a CSV reader stands at; `places` maps the entry's columns to the file's.
    Csv {
        rows: &'r CsvRows,
        text: &'r str,
        places: &'r [usize],
    },
    /// An object.
    Object(&'r Map<String, Value>),
    /// A single value.
    Single(&'r Value),
}

/// A clip or a version of lyrics that another job will give.
pub(super) struct Item {
    pub(super) job: crate::model::Fingerprint,
    pub(super) list: &'static str,
    pub(super) index: usize,
}

/// A value of a row.
#[derive(Clone, Copy)]
pub(super) enum Found<'r> {
    /// A cell of a CSV file.
    Text(&'r str),
    /// A value with a type.
    Value(&'r Value),
}

impl<'r> RowCx<'r> {
    /// Finds a value of the row.
    pub(super) fn column(&self, at: usize) -> Result<Found<'r>, Wrong> {
        let name = self.columns[at].as_str();
        let found = match self.row {
            Row::Csv { rows, text, places } => {
                let found = places.get(at).and_then(|place| rows.field(text, *place));
                return found
                    .map(Found::Text)
                    .ok_or_else(|| Wrong::new("is not UTF-8"));
            }
            Row::Object(row) if !name.is_empty() => row.get(name).map(Found::Value),
            Row::Single(value) if name.is_empty() => Some(Found::Value(value)),
            Row::None | Row::Object(_) | Row::Single(_) => None,
        };
        found.ok_or_else(|| match name {
            "" => Wrong::new("needs a single value, and this row has fields")
                .hint("name one: `${each.FIELD}`"),
            _ => Wrong::new(format!("needs `{name}`, which this row does not have"))
                .hint(format!("give `{name}`; `null` where there is none")),
        })
    }

    /// Makes a field's input of the row; nothing when the row has no value for it.
    pub(super) fn evaluate(
        &self,
        field: &Field,
        param: Option<&Param>,
        model: Option<&str>,
    ) -> Result<Option<Input>, Wrong> {
        let Some(param) = param else {
            return self.input(&field.cell).map(Some);
        };
        match &field.cell {
            Cell::Column(at) => match self.column(*at)? {
                Found::Text("") | Found::Value(Value::Null) => Ok(None),
                Found::Text(text) => Ok(Some(check_cell(param, text, model)?.into())),
                Found::Value(value) => Ok(Some(check_value(param, value.clone(), model)?.into())),
            },
            Cell::Matrix(axis) => {
                let value = self.of_matrix(*axis).clone();
                Ok(Some(check_value(param, value, model)?.into()))
            }
            cell => {
                let input = self.input(cell)?;
                match (cell, &input) {
                    (Cell::Fixed(_) | Cell::Take | Cell::RunDate | Cell::List(_), input) => {
                        check_value(param, known(input), model)?;
                    }
                    (_, Input::Value(Value::String(text))) => check_text(param, text, model)?,
                    _ => {}
                }
                Ok(Some(input))
            }
        }
    }

    /// Makes an input of a cell, whatever it is for.
    pub(super) fn input(&self, cell: &Cell) -> Result<Input, Wrong> {
        Ok(match cell {
            Cell::Fixed(value) => value.clone().into(),
            Cell::Matrix(axis) => self.of_matrix(*axis).clone().into(),
            Cell::Take => Input::Value(self.take.into()),
            Cell::RunDate => Input::Value(self.run_date()?.into()),
            Cell::Column(at) => match self.column(*at)? {
                Found::Text(text) => Input::Value(text.into()),
                Found::Value(value) => value.clone().into(),
            },
            Cell::Item(path) => Input::Ref(self.item_ref(path)?),
            Cell::Job(at) => Input::Ref(self.links[*at].clone()),
            Cell::File(name) => {
                let mut text = String::new();
                self.push_text(name, &mut text)?;
                Input::File(self.shelf.find(&text)?)
            }
            Cell::Join(parts) => self.join(parts)?,
            Cell::List(cells) => Input::List(
                cells
                    .iter()
                    .map(|cell| self.input(cell))
                    .collect::<Result<_, _>>()?,
            ),
            Cell::Table(pairs) => Input::Table(
                pairs
                    .iter()
                    .map(|(key, cell)| Ok((key.clone(), self.input(cell)?)))
                    .collect::<Result<_, Wrong>>()?,
            ),
        })
    }

    fn join(&self, cells: &[Cell]) -> Result<Input, Wrong> {
        let mut parts = Vec::new();
        let mut text = String::new();
        for cell in cells {
            let reference = match cell {
                Cell::Item(path) => self.item_ref(path)?,
                Cell::Job(at) => self.links[*at].clone(),
                plain => {
                    self.push_text(plain, &mut text)?;
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Ref(reference));
        }
        if parts.is_empty() {
            return Ok(Input::Value(text.into()));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Input::Join(parts))
    }

    /// Appends a cell that is no reference, as text.
    pub(super) fn push_text(&self, cell: &Cell, out: &mut String) -> Result<(), Wrong> {
        match cell {
            Cell::Fixed(Value::String(text)) => out.push_str(text),
            Cell::Matrix(axis) => match self.of_matrix(*axis) {
                Value::String(text) => out.push_str(text),
                value => out.push_str(&value.to_string()),
            },
            Cell::Take => out.push_str(&self.take.to_string()),
            Cell::RunDate => out.push_str(self.run_date()?),
            Cell::Column(at) => match self.column(*at)? {
                Found::Text(text) => out.push_str(text),
                Found::Value(Value::String(text)) => out.push_str(text),
                Found::Value(value) => match plain_text(value) {
                    Some(text) => out.push_str(&text),
                    None => {
                        let message = format!(
                            "can't put `{}` into text: it is {}",
                            self.columns[*at],
                            super::check::kind_of(value)
                        );
                        return Err(Wrong::new(message));
                    }
                },
            },
            Cell::Join(parts) => {
                for part in parts {
                    self.push_text(part, out)?;
                }
            }
            _ => return Err(Wrong::new("can't be put into text")),
        }
        Ok(())
    }

    /// Returns a key of the matrix as it is in this combination.
    pub(super) fn of_matrix(&self, axis: usize) -> &'r Value {
        self.matrix.value(axis, self.combination)
    }

    fn run_date(&self) -> Result<&'r str, Wrong> {
        self.date.ok_or_else(|| {
            Wrong::new("needs the date of the run, which nobody has set")
                .hint("`Manifest::set_run_date` sets it")
        })
    }

    fn item_ref(&self, path: &ResultPath) -> Result<JobRef, Wrong> {
        let item = self
            .item
            .ok_or_else(|| Wrong::new("has no item to refer to"))?;
        let mut steps = vec![Step::Field(item.list.to_owned()), Step::Index(item.index)];
        steps.extend(path.0.iter().cloned());
        Ok(JobRef {
            job: item.job,
            path: ResultPath(steps),
        })
    }
}

/// Returns an input as far as it is known: `null` stands for what another job will give.
pub(super) fn known(input: &Input) -> Value {
    match input {
        Input::Value(value) => value.clone(),
        Input::Ref(_) | Input::Join(_) | Input::File(_) => Value::Null,
        Input::List(items) => items.iter().map(known).collect(),
        Input::Table(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), known(item)))
            .collect::<Map<_, _>>()
            .into(),
    }
}
