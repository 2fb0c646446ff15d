//! `run.json`: the run, its jobs and its summary for programs, written as the records come.

use std::io::{self, BufRead, Write};

use crate::model::{JobRecord, RunRecord};

use super::job_row::JobRow;
use super::json_object::{ListWriter, ObjectWriter};
use super::summary::Summary;

/// More than a run's own line takes, settings and all.
const LONGEST_RUN: u64 = 1 << 20;

/// Reads which run a `run.json` is of, and how it stood; `None` when it is no such file.
///
/// The jobs, which may be a million, are not read.
#[must_use]
pub fn run_of_json(json: impl BufRead) -> Option<RunRecord> {
    let mut lines = json.take(LONGEST_RUN).lines().map_while(Result::ok);
    let line = lines.nth(1)?;
    let run = line.strip_prefix("\"run\": ")?.strip_suffix(',')?;
    serde_json::from_str(run).ok()
}

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
