//! A job's record as reports show it: the one place where columns are derived from records.

use serde::Serialize;
use serde_json::Value;

use crate::model::{
    Credits, Family, Fingerprint, JobRecord, JobState, Ordinal, PastLoss, Reuse, RunRecord,
};

use super::words::utc;

/// A job in `run.json`; `spend.csv` holds the same values.
#[derive(Serialize)]
pub(super) struct JobRow<'a> {
    pub(super) id: &'a str,
    pub(super) ordinal: Ordinal,
    pub(super) fingerprint: Fingerprint,
    pub(super) operation: &'a str,
    pub(super) family: Family,
    pub(super) state: JobState,
    pub(super) price: Credits,
    pub(super) held: Credits,
    pub(super) charged: Credits,
    pub(super) refunded: Credits,
    pub(super) price_list: &'a str,
    pub(super) attempts: u32,
    pub(super) task_id: Option<&'a str>,
    pub(super) clip_ids: &'a [String],
    pub(super) submitted_at: Option<String>,
    pub(super) finished_at: Option<String>,
    pub(super) files: &'a [String],
    pub(super) reused_from: Option<String>,
    pub(super) error: Option<&'a str>,
    pub(super) inputs: Value,
    pub(super) result: Option<&'a Value>,
}

impl<'a> JobRow<'a> {
    pub(super) fn new(run: &'a RunRecord, record: &'a JobRecord) -> Self {
        let JobRecord { job, result, .. } = record;
        Self {
            id: job.id.as_str(),
            ordinal: job.ordinal,
            fingerprint: job.fingerprint,
            operation: &job.operation,
            family: job.family,
            state: record.state,
            price: job.price,
            held: record.held,
            charged: record.charged,
            refunded: record.refunded,
            price_list: &run.price_list,
            attempts: record.attempts,
            task_id: record.task_id.as_ref().map(|task| task.as_str()),
            clip_ids: result.as_ref().map_or(&[], |result| &result.clip_ids),
            submitted_at: record.submitted_at.map(utc),
            finished_at: record.finished_at.map(utc),
            files: &record.files,
            reused_from: reused_from(record),
            error: record.error.as_deref(),
            inputs: inputs(record),
            result: result.as_ref().map(|result| &result.fields),
        }
    }
}

impl<'a> JobRow<'a> {
    /// Shows an earlier purchase of the job instead of the last one.
    pub(super) fn of_loss(self, loss: &'a PastLoss) -> Self {
        Self {
            task_id: loss.task_id.as_ref().map(|task| task.as_str()),
            clip_ids: &[],
            submitted_at: loss.sent_at.map(utc),
            finished_at: None,
            files: &[],
            error: loss.error.as_deref(),
            ..self
        }
    }
}

/// Returns where a job's result comes from when it was not bought: `run/job`.
pub(super) fn reused_from(record: &JobRecord) -> Option<String> {
    match record.job.reuse.as_ref()? {
        Reuse::Run { run, job, .. } => Some(format!("{run}/{job}")),
        Reuse::Twin { job, .. } => Some(format!("{}/{job}", record.run)),
    }
}

/// Returns a job's inputs as JSON; what can't be read is shown as it stands.
pub(super) fn inputs(record: &JobRecord) -> Value {
    let text = &record.job.inputs;
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
}
