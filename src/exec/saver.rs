//! Brings a job's result to disk. Everything here is free of charge and may be done again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::ledger::{HeldJob, JobEvent};
use crate::model::{Download, JobResult, RunEvent, StopCause};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::fetch::{SaveError, fetch};
use super::files::{self, Name};
use super::output::{self, Placed};
use super::sound::{self, Expected};
use super::worker::{Message, Shared, storage};

/// What a job's result came to on disk.
#[derive(Default)]
struct Files {
    /// The files, below the output folder.
    names: Vec<String>,
    /// What makes them unusable, if anything.
    defects: Vec<String>,
}

/// Saves the files of a job whose result is recorded.
pub(super) async fn save(shared: Arc<Shared>, job: HeldJob, result: JobResult) -> Message {
    finish(
        &shared,
        &job,
        Vec::new(),
        files_of(&shared, &job, &result, &[]).await,
    )
    .await
}

/// Takes over a result that was paid for before: its files where they are, or copied, or fetched again.
pub(super) async fn reuse(shared: Arc<Shared>, job: HeldJob) -> Message {
    let Some(earlier) = job.reused.clone() else {
        return Message::Saved;
    };
    let from = PathBuf::from(&earlier.out);
    let sources: Vec<PathBuf> = earlier.files.iter().map(|file| from.join(file)).collect();
    let all_there = !sources.is_empty() && sources.iter().all(|path| is_there(path));
    let any_there = sources.iter().any(|path| is_there(path));
    let mut done = if all_there && shared.out.is(&from) {
        Ok(Files {
            names: earlier.files.clone(),
            defects: Vec::new(),
        })
    } else {
        files_of(&shared, &job, &earlier.result, &sources).await
    };
    if let (Ok(files), true) = (&mut done, any_there) {
        // What is not fetched anew is as it was when it was checked.
        files.defects.extend(earlier.defect);
    }
    let first = vec![JobEvent::Succeed {
        result: earlier.result,
    }];
    finish(&shared, &job, first, done).await
}

async fn finish(
    shared: &Shared,
    job: &HeldJob,
    mut events: Vec<JobEvent>,
    done: Result<Files, SaveError>,
) -> Message {
    let trouble = done.as_ref().err().and_then(disk_trouble);
    events.push(match done {
        Ok(files) => JobEvent::Save {
            files: files.names,
            defect: (!files.defects.is_empty()).then(|| files.defects.join("; ")),
        },
        Err(error) => JobEvent::SaveFailed {
            error: format!("not saved: {error}"),
        },
    });
    match shared.record(job, events).await {
        Ok(_) => trouble.map_or(Message::Saved, Message::SaveStop),
        Err(error) => Message::SaveStop(storage(&error)),
    }
}

/// Tells whether no other result can be saved either: then none is to be bought, though this one can still be fetched.
fn disk_trouble(error: &SaveError) -> Option<StopCause> {
    let SaveError::Disk { error: cause, .. } = error else {
        return None;
    };
    let advice = match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free some space, then go on with `resume`"
        }
        ErrorKind::ReadOnlyFilesystem => "make the disk writable, then go on with `resume`",
        _ => return None,
    };
    let message = format!("results can't be saved: {error}; {advice}");
    Some(StopCause::Storage { message })
}

/// Saves all files of a result; `sources` are files of an earlier run that may serve, in the same order.
async fn files_of(
    shared: &Shared,
    job: &HeldJob,
    result: &JobResult,
    sources: &[PathBuf],
) -> Result<Files, SaveError> {
    if result.downloads.is_empty() {
        let names = texts(shared, job, result)?;
        return Ok(Files {
            names,
            defects: Vec::new(),
        });
    }
    let many = result.downloads.len() > 1;
    let mut saved = Files::default();
    for (index, download) in result.downloads.iter().enumerate() {
        let number = index + 1;
        let source = sources.get(index).filter(|path| is_there(path));
        let placed = match source {
            Some(path) => copy(shared, job, download, path, number, many)?,
            None => {
                let placed = fetch(shared, job, result, index).await?;
                let defect = inspect(shared, download, many, &placed.file).await?;
                saved.defects.extend(defect);
                placed
            }
        };
        describe(shared, job, result, index, &placed)?;
        shared.tell(RunEvent::Saved {
            job: job.id.clone(),
            file: placed.file.clone(),
            bytes: placed.content.bytes,
        });
        saved.names.push(placed.file);
    }
    Ok(saved)
}

/// Opens a saved file, and says what makes it unusable, if anything does. The file stays: it was paid for.
async fn inspect(
    shared: &Shared,
    download: &Download,
    many: bool,
    file: &str,
) -> Result<Option<String>, SaveError> {
    let said = download.duration_s;
    let expected = Expected {
        lasts: said.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        // Of a song's stems, those of instruments that it does not have are silent.
        may_be_silent: many && download.label.is_some(),
    };
    let path = shared.out.path(file);
    let slot = shared.inspect_slots.acquire().await;
    // Decoding is work for a processor: it must not keep polls and submits waiting.
    let inspected = spawn_blocking(move || sound::inspect(&path, expected)).await;
    drop(slot);
    let Ok(inspected) = inspected else {
        // A decoder that gives up by a panic says nothing that a claim could rest on.
        let message = format!("whether `{file}` can be used is not known: its decoder failed");
        shared.tell(RunEvent::Warning { message });
        return Ok(None);
    };
    let found = inspected.map_err(SaveError::disk(Path::new(file)))?;
    Ok(found.map(|defect| format!("`{file}` {defect}")))
}

/// Results without media: lyrics become text files, anything else its own JSON.
fn texts(shared: &Shared, job: &HeldJob, result: &JobResult) -> Result<Vec<String>, SaveError> {
    let lyrics: Vec<String> = result
        .fields
        .get("results")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |versions| {
            let text = |version: &Value, name: &str| {
                version
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            versions
                .iter()
                .map(|version| {
                    format!(
                        "{}\n\n{}\n",
                        text(version, "title"),
                        text(version, "lyrics")
                    )
                })
                .collect()
        });
    let (extension, contents) = if lyrics.is_empty() {
        let pretty = serde_json::to_string_pretty(&result.fields).unwrap_or_default();
        ("json", vec![pretty + "\n"])
    } else {
        ("txt", lyrics)
    };
    let many = contents.len() > 1;
    let mut saved = Vec::new();
    for (index, content) in contents.iter().enumerate() {
        let name = Name {
            number: index + 1,
            many,
            label: None,
            extension,
        };
        let target = files::target(job, &name);
        let file = shared
            .out
            .write(&target, content.as_bytes())
            .map_err(SaveError::disk(&target))?;
        saved.push(file);
    }
    Ok(saved)
}

fn copy(
    shared: &Shared,
    job: &HeldJob,
    download: &Download,
    source: &Path,
    number: usize,
    many: bool,
) -> Result<Placed, SaveError> {
    let extension = source
        .extension()
        .map_or("bin".into(), |end| end.to_string_lossy());
    let name = Name {
        number,
        many,
        label: download.label.as_deref(),
        extension: &extension,
    };
    let target = files::target(job, &name);
    let temporary = shared.out.path(files::temporary(&target, job, number));
    let copied = || {
        shared.out.prepare(&target)?;
        std::fs::copy(source, &temporary)?;
        std::fs::File::open(&temporary)?.sync_all()?;
        let content = output::digest(&temporary)?;
        shared.out.place(&temporary, &target, content)
    };
    copied().map_err(SaveError::disk(&target))
}

/// Writes the sidecar: enough to know years later what the file is, what it is made of and what it cost.
fn describe(
    shared: &Shared,
    job: &HeldJob,
    result: &JobResult,
    index: usize,
    placed: &Placed,
) -> Result<(), SaveError> {
    let address = result.downloads[index].url.split('?').next();
    // Files of a kind with no clips of its own, such as stems in one archive, can't be told apart by clip.
    let is_even = result.clip_ids.len() == result.downloads.len();
    let track = shared.tracks.of(job.ordinal);
    let time = |at: Option<Timestamp>| at.map(|at| format!("{at:.3}"));
    let inputs: Value = serde_json::from_str(&job.inputs).unwrap_or(Value::Null);
    let description = json!({
        "file": placed.file,
        "bytes": placed.content.bytes,
        "sha256": placed.content.sha256,
        "run": shared.run,
        "job": job.id,
        "operation": job.operation,
        "task_id": track.task,
        "clip_id": is_even.then(|| &result.clip_ids[index]),
        "submitted_at": time(track.submitted_at),
        "saved_at": time(Some(shared.engine.clock.now())),
        "inputs": inputs,
        "price": job.price,
        "source": address,
        "result": result.fields,
    });
    let target = Path::new(&placed.file);
    shared
        .out
        .write_sidecar(&placed.file, &description)
        .map_err(SaveError::disk(target))
}

fn is_there(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trouble_that_other_results_share_stops_the_run() {
        let words = |kind: ErrorKind| {
            let error = SaveError::disk(Path::new("audio/a.wav"))(kind.into());
            match disk_trouble(&error) {
                Some(StopCause::Storage { message }) => message,
                other => format!("{other:?}"),
            }
        };
        for kind in [
            ErrorKind::StorageFull,
            ErrorKind::QuotaExceeded,
            ErrorKind::FileTooLarge,
        ] {
            let words = words(kind);
            assert!(
                words.contains("`audio/a.wav`") && words.contains("free some space"),
                "{words}"
            );
        }
        assert!(words(ErrorKind::ReadOnlyFilesystem).contains("writable"));
        for kind in [ErrorKind::PermissionDenied, ErrorKind::InvalidFilename] {
            assert_eq!(words(kind), "None");
        }
        assert_eq!(disk_trouble(&SaveError::TooLarge), None);
    }
}
