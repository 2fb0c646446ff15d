//! The row and the combination that a job is made of, found again in the file or the manifest.

use std::collections::BTreeMap;

use super::diagnostic::{Place, Problem, ProblemKind, Problems};
use super::entry::{Entry, RowSource};
use super::origin::{RowOrigin, RowsOf};
use super::rows::{Reader, RowFile};
use super::settings::Manifest;
use super::trace::Tracer;

/// Where the values of a row stand.
pub(super) enum RowPlaces {
    /// The row, and its fields.
    Known(Place, BTreeMap<String, Place>),
    /// Another job will give it, or there is none.
    Nowhere,
}

impl Tracer<'_> {
    pub(super) fn combination(&self) -> u32 {
        self.seen.row.saturating_sub(1) % self.entry.matrix.combinations
    }

    pub(super) fn row_origin(&self) -> Option<RowOrigin> {
        let of = match &self.entry.rows {
            RowSource::One if self.entry.matrix.axes.is_empty() => return None,
            RowSource::One => RowsOf::Matrix,
            RowSource::File(file, _) => RowsOf::File(file.label.to_string()),
            RowSource::Inline(_) => RowsOf::Manifest,
            RowSource::Items { entry, list } => {
                let id = &self.manifest.batch.entries[*entry].info.id;
                RowsOf::Results(format!("jobs.{id}.{list}"))
            }
        };
        let matrix = &self.entry.matrix;
        let values = matrix.axes.iter().enumerate().map(|(at, axis)| {
            let value = matrix.value(at, self.combination());
            (axis.name.clone(), value.clone())
        });
        Some(RowOrigin {
            number: if of == RowsOf::Matrix {
                0
            } else {
                self.row + 1
            },
            of,
            place: match &self.place {
                RowPlaces::Known(row, _) => Some(row.clone()),
                RowPlaces::Nowhere => None,
            },
            matrix: values.collect(),
        })
    }
}

/// Says that a file has another text than when the manifest was read.
pub(super) fn changed(entry: &str) -> Problem {
    let message = format!("job `{entry}` is not what it was: a file has changed meanwhile");
    Problem::new(ProblemKind::File, message)
}

/// Finds where the values of an entry's row stand, counted from 0.
pub(super) fn row_places(
    manifest: &Manifest,
    entry: &Entry,
    row: u32,
) -> Result<RowPlaces, Problems> {
    match &entry.rows {
        RowSource::One | RowSource::Items { .. } => Ok(RowPlaces::Nowhere),
        RowSource::File(file, _) => in_file(file, row, &entry.info.id).map_err(Problems::from),
        RowSource::Inline(rows) => {
            let row = usize::try_from(row).ok().and_then(|row| rows.get(row));
            let row = row.ok_or_else(|| changed(&entry.info.id))?;
            let place = |span| manifest.batch.source.place(span);
            let fields = row.fields.iter();
            let fields = fields.map(|(name, span)| (name.clone(), place(*span)));
            Ok(RowPlaces::Known(place(row.span), fields.collect()))
        }
    }
}

/// Finds a row of a file, counted from 0.
fn in_file(file: &RowFile, row: u32, entry: &str) -> Result<RowPlaces, Problem> {
    match file.open()? {
        Reader::Csv(mut rows) => {
            for _ in 0..=row {
                if !rows.next()? {
                    return Err(changed(entry));
                }
            }
            let names = rows.header().iter().enumerate();
            let fields = names.map(|(at, name)| (name.clone(), rows.place(Some(at))));
            Ok(RowPlaces::Known(rows.place(None), fields.collect()))
        }
        Reader::Json(mut rows) => {
            for _ in 0..=row {
                if !rows.next()? {
                    return Err(changed(entry));
                }
            }
            rows.parse()?;
            let names = rows.row().keys();
            let fields = names.map(|name| (name.clone(), rows.place(Some(name))));
            Ok(RowPlaces::Known(rows.place(None), fields.collect()))
        }
    }
}
