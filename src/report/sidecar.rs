//! The metadata beside each audio file: where it comes from, what it was asked to be, and what it cost.

use serde_json::{Value, json};

use crate::model::{JobRecord, RunRecord};

use super::job_row::{inputs, reused_from};
use super::words::utc;

/// Describes the `at`th download of a job (from 0), saved as `file` below the output folder.
#[must_use]
pub fn sidecar(run: &RunRecord, record: &JobRecord, at: usize, file: &str) -> Value {
    let result = record.result.as_ref();
    let download = result.and_then(|result| result.downloads.get(at));
    // Clips and downloads stand in one order; when their counts differ a file belongs to the job as a whole.
    let clip = result
        .filter(|result| result.clip_ids.len() == result.downloads.len())
        .and_then(|result| result.clip_ids.get(at));
    let clip_fields = clip.and_then(|id| {
        let clips = result?.fields.get("clips")?.as_array()?;
        clips
            .iter()
            .find(|clip| clip.get("clip_id").and_then(Value::as_str) == Some(id))
    });
    json!({
        "file": file,
        "manifest": run.manifest,
        "run": run.id,
        "job": record.job.id,
        "operation": record.job.operation,
        "provider": run.settings.provider,
        "inputs": inputs(record),
        "clip_id": clip,
        "label": download.and_then(|download| download.label.as_deref()),
        "duration_s": download.and_then(|download| download.duration_s),
        "clip": clip_fields,
        "task_id": record.task_id,
        "price": record.job.price,
        "charged": record.charged,
        "refunded": record.refunded,
        "price_list": run.price_list,
        "reused_from": reused_from(record),
        "submitted_at": record.submitted_at.map(utc),
        "finished_at": record.finished_at.map(utc),
        "fingerprint": record.job.fingerprint,
    })
}
