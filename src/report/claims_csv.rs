//! `claims.csv`: one row per purchase that was charged without a usable result, with what a provider's support asks for.
//!
//! In the same form as `spend.csv`: RFC 4180, times in UTC, lists joined by `;`, and no cell that is a formula.

use std::io::{self, Write};

use crate::model::{JobRecord, RunRecord};

use super::claim::Claim;
use super::csv_cell::{inert, io_error, writer};
use super::job_row::JobRow;

/// The columns, in order.
pub const CLAIM_COLUMNS: [&str; 13] = [
    "run",
    "job",
    "operation",
    "price",
    "charged",
    "refunded",
    "task_id",
    "clip_ids",
    "submitted_at",
    "finished_at",
    "claim",
    "evidence",
    "files",
];

/// Writes `claims.csv` as the records come.
pub struct ClaimsCsv<'a, W: Write> {
    run: &'a RunRecord,
    out: csv::Writer<W>,
}

impl<'a, W: Write> ClaimsCsv<'a, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn new(run: &'a RunRecord, out: W) -> io::Result<Self> {
        let mut out = writer(out);
        out.write_record(CLAIM_COLUMNS).map_err(io_error)?;
        Ok(Self { run, out })
    }

    /// Writes a row for each purchase of a job with something to claim.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn add(&mut self, record: &JobRecord) -> io::Result<()> {
        Claim::all_of(record).try_for_each(|claim| self.write(record, &claim))
    }

    fn write(&mut self, record: &JobRecord, claim: &Claim<'_>) -> io::Result<()> {
        let mut row = JobRow::new(self.run, record);
        if let Some(loss) = claim.past {
            row = row.of_loss(loss);
        }
        let cells = [
            inert(record.run.as_str()),
            inert(row.id),
            inert(row.operation),
            row.price.to_string().into(),
            claim.charged.to_string().into(),
            claim.refunded.to_string().into(),
            inert(row.task_id.unwrap_or_default()),
            inert(&row.clip_ids.join(";")).into_owned().into(),
            row.submitted_at.unwrap_or_default().into(),
            row.finished_at.unwrap_or_default().into(),
            claim.reason.into(),
            inert(row.error.unwrap_or_default()),
            inert(&row.files.join(";")).into_owned().into(),
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
