//! `spend.csv`: one row per job, as RFC 4180 has it (CRLF ends a line), times in UTC, whole credits.
//!
//! Lists are joined by `;`. A text that a spreadsheet would run as a formula gets an apostrophe in front.

use std::io::{self, Write};

use crate::model::{JobRecord, RunRecord};

use super::csv_cell::{inert, io_error, writer};
use super::job_row::JobRow;

/// The columns, in order.
pub const SPEND_COLUMNS: [&str; 18] = [
    "run",
    "job",
    "operation",
    "family",
    "state",
    "price",
    "held",
    "charged",
    "refunded",
    "price_list",
    "attempts",
    "task_id",
    "clip_ids",
    "submitted_at",
    "finished_at",
    "files",
    "reused_from",
    "error",
];

/// Writes `spend.csv` as the records come.
pub struct SpendCsv<'a, W: Write> {
    run: &'a RunRecord,
    out: csv::Writer<W>,
}

impl<'a, W: Write> SpendCsv<'a, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn new(run: &'a RunRecord, out: W) -> io::Result<Self> {
        let mut out = writer(out);
        out.write_record(SPEND_COLUMNS).map_err(io_error)?;
        Ok(Self { run, out })
    }

    /// Writes a job's row.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn add(&mut self, record: &JobRecord) -> io::Result<()> {
        let row = JobRow::new(self.run, record);
        let cells = [
            inert(record.run.as_str()),
            inert(row.id),
            inert(row.operation),
            row.family.as_str().into(),
            row.state.as_str().into(),
            row.price.to_string().into(),
            row.held.to_string().into(),
            row.charged.to_string().into(),
            row.refunded.to_string().into(),
            inert(row.price_list),
            row.attempts.to_string().into(),
            inert(row.task_id.unwrap_or_default()),
            inert(&row.clip_ids.join(";")).into_owned().into(),
            row.submitted_at.unwrap_or_default().into(),
            row.finished_at.unwrap_or_default().into(),
            inert(&row.files.join(";")).into_owned().into(),
            inert(&row.reused_from.unwrap_or_default())
                .into_owned()
                .into(),
            inert(row.error.unwrap_or_default()),
        ];
        self.out
            .write_record(cells.iter().map(|cell| cell.as_bytes()))
            .map_err(io_error)
    }

    /// Writes what is left and returns the writer.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(self) -> io::Result<W> {
        self.out
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }
}
