//! What a job sends: its inputs, with the results of others and the addresses of local files put in.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::api::Call;
use crate::catalog::{Kind, OperationId};
use crate::ledger::HeldJob;
use crate::model::{FileInput, Input};

use super::publish::{Files, Unpublished, publish_files};
use super::worker::Shared;

/// Makes a call of a job; `files` gets those that it names, which are reachable from now on.
///
/// # Errors
/// What is wrong; then nothing is to be sent.
pub(super) async fn prepare(
    shared: &Shared,
    job: &HeldJob,
    files: &mut Files,
) -> Result<(Call, Kind), Unpublished> {
    let inputs =
        Input::from_canonical(&job.inputs).map_err(|it| Unpublished::File(it.to_string()))?;
    *files = publish_files(shared, &inputs).await?;
    call(shared, job, inputs, files).map_err(Unpublished::File)
}

/// Puts the results of upstream jobs, and the addresses of local files, into a job's inputs.
fn call(
    shared: &Shared,
    job: &HeldJob,
    inputs: Input,
    files: &Files,
) -> Result<(Call, Kind), String> {
    let (operation, described): (OperationId, _) = shared
        .operation(&job.operation)
        .ok_or_else(|| format!("operation `{}` is not in the catalog", job.operation))?;
    let upstream: HashMap<_, _> = job
        .upstream
        .iter()
        .map(|(print, value)| (*print, value))
        .collect();
    let address = |file: &FileInput| Some(files.get(&file.sha256)?.address.clone());
    let inputs = inputs
        .resolve(&|print| upstream.get(print).copied(), &address)
        .map_err(|error| format!("its inputs can't be put together: {error}"))?;
    let inputs: Map<String, Value> = match inputs {
        Value::Object(map) => map,
        other => return Err(format!("its inputs are `{other}`, not an object")),
    };
    Ok((Call { operation, inputs }, described.kind))
}
