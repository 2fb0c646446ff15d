//! Finds saved files that are gone, or are not what was saved any more, so that they are fetched again. That is free of
//! charge: what the job made is still at the provider.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::ledger::{JobEvent, Ledger, LedgerError};
use crate::model::{JobRecord, JobState, Ordinal, RunRecord};

use super::files::with_suffix;

/// The most descriptions of one file that are looked at.
const SIDECARS: u32 = 20;

/// A saved job of which files are gone, or have another size than they were saved with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The job's place.
    pub job: Ordinal,
    /// The files, below the output folder; at least one.
    pub files: Vec<String>,
}

/// Looks for the files of all saved jobs of a run.
///
/// # Errors
/// As the ledger's.
pub fn damaged(ledger: &Ledger, run: &RunRecord) -> Result<Vec<Damage>, LedgerError> {
    let out = Path::new(&run.settings.out);
    let mut found = Vec::new();
    ledger.for_each_job(&run.id, &mut |mut record| {
        if record.state != JobState::Saved {
            return;
        }
        let mut files = std::mem::take(&mut record.files);
        files.retain(|file| !is_intact(out, file, &record));
        if !files.is_empty() {
            let job = record.job.ordinal;
            found.push(Damage { job, files });
        }
    })?;
    Ok(found)
}

/// Notes in the ledger that a job's files are to be saved again; whoever carries the run out next does so.
///
/// # Errors
/// As the ledger's, above all when the job is not saved any more.
pub async fn save_again(
    ledger: &Ledger,
    run: &RunRecord,
    damage: &Damage,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let names: Vec<String> = damage
        .files
        .iter()
        .map(|file| format!("`{file}`"))
        .collect();
    let error = format!("missing or changed: {}", names.join(", "));
    let events = vec![JobEvent::Miss { error }];
    ledger.record(&run.id, damage.job, events, now).await?;
    Ok(())
}

fn is_intact(out: &Path, file: &str, record: &JobRecord) -> bool {
    let path = out.join(file);
    let Ok(data) = std::fs::metadata(&path) else {
        return false;
    };
    if !data.is_file() || data.len() == 0 {
        return false;
    }
    // Texts have no description, and one that is lost says nothing against its file.
    let sizes = described_sizes(out, file, record);
    sizes.is_empty() || sizes.contains(&data.len())
}

/// Returns the sizes that descriptions beside a file give it: this job's own, or else those of the jobs that it shares
/// the file with.
fn described_sizes(out: &Path, file: &str, record: &JobRecord) -> Vec<u64> {
    let first = out.join(format!("{file}.json"));
    let more = (2..SIDECARS).map(|number| with_suffix(&first, &format!("~{number}")));
    let mut others = Vec::new();
    for path in std::iter::once(first.clone()).chain(more) {
        let Ok(text) = std::fs::read(&path) else {
            break;
        };
        let Ok(description) = serde_json::from_slice::<Value>(&text) else {
            continue;
        };
        let says = |key: &str, what: &str| description[key].as_str() == Some(what);
        let Some(bytes) = description["bytes"].as_u64().filter(|_| says("file", file)) else {
            continue;
        };
        if says("run", record.run.as_str()) && says("job", record.job.id.as_str()) {
            return vec![bytes];
        }
        others.push(bytes);
    }
    others
}
