//! `run.json`: the run, its jobs and its summary for programs, written as the records come.

use std::io::{self, Write};

use crate::model::{JobRecord, RunRecord};

use super::job_row::JobRow;
use super::json_object::{ListWriter, ObjectWriter};
use super::summary::Summary;

/// Writes `run.json` as the records come: `run`, `jobs`, and last `summary`, which is known only then.
pub struct RunJson<'a, W: Write> {
    run: &'a RunRecord,
    object: ObjectWriter<W>,
    jobs: ListWriter,
}

impl<'a, W: Write> RunJson<'a, W> {
    /// Writes the run.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn new(run: &'a RunRecord, out: W) -> io::Result<Self> {
        let mut object = ObjectWriter::new(out)?;
        object.field("run", run)?;
        let jobs = object.list("jobs")?;
        Ok(Self { run, object, jobs })
    }

    /// Writes a job.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn add(&mut self, record: &JobRecord) -> io::Result<()> {
        self.object
            .item(&mut self.jobs, &JobRow::new(self.run, record))
    }

    /// Writes the summary and returns the writer.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(mut self, summary: &Summary) -> io::Result<W> {
        self.object.end_list(self.jobs)?;
        self.object.field("summary", summary)?;
        self.object.end()
    }
}
