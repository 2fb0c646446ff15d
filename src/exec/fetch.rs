//! Downloads one file of a result: patiently, going on where an earlier attempt broke off, and from a fresh address
//! when the one at hand has run out.

use std::io;
use std::path::Path;

use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use crate::api::{Fault, FaultKind, FileBody, Progress};
use crate::ledger::HeldJob;
use crate::model::{Download, JobResult};

use super::backoff;
use super::files::{self, Name};
use super::output::{Content, Placed, Sum};
use super::worker::Shared;

/// The largest file that is taken: an hour of uncompressed stereo is well below it.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// How a store says that an address is no good any more.
const EXPIRED: [u16; 3] = [403, 404, 410];

/// Why a result could not be saved for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum SaveError {
    #[error("{0}")]
    Fetch(#[from] Fault),
    #[error("`{file}`: {error}")]
    Disk { file: String, error: io::Error },
    #[error("the file at the provider {0}")]
    Implausible(&'static str),
    #[error("{got} bytes came instead of {promised}")]
    Length { got: u64, promised: u64 },
    #[error("the file is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
}

impl SaveError {
    pub(super) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |error| Self::Disk {
            file: path.display().to_string(),
            error,
        }
    }

    fn is_expired(&self) -> bool {
        matches!(self, Self::Fetch(fault) if fault.status.is_some_and(|status| EXPIRED.contains(&status)))
    }

    /// Tells whether what came so far is the beginning of the file all the same.
    fn leaves_a_beginning(&self) -> bool {
        match self {
            Self::Length { got, promised } => got < promised,
            // A refused range says that the beginning is of another file.
            Self::Fetch(fault) => !matches!(fault.kind, FaultKind::Refused(_)) || self.is_expired(),
            Self::Disk { .. } | Self::Implausible(_) | Self::TooLarge => false,
        }
    }
}

/// Downloads the file at `index` of a job's result.
pub(super) async fn fetch(
    shared: &Shared,
    job: &HeldJob,
    result: &JobResult,
    index: usize,
) -> Result<Placed, SaveError> {
    let mut download = result.downloads[index].clone();
    let many = result.downloads.len() > 1;
    let mut rng = fastrand::Rng::with_seed(shared.engine.seed ^ u64::from(job.ordinal.0));
    let mut attempt = 1;
    let mut may_refresh = true;
    loop {
        let slot = shared.download_slots.acquire().await;
        let fetched = attempt_once(shared, job, &download, index + 1, many).await;
        drop(slot);
        match fetched {
            Err(SaveError::Disk { .. } | SaveError::TooLarge) => return fetched,
            Err(error) if may_refresh && error.is_expired() => {
                may_refresh = false;
                if let Some(url) = fresh_address(shared, job, result, index).await
                    && url != download.url
                {
                    download.url = url;
                    continue;
                }
                if attempt >= backoff::DOWNLOAD_ATTEMPTS {
                    return Err(error);
                }
            }
            Err(_) if attempt < backoff::DOWNLOAD_ATTEMPTS => {}
            _ => return fetched,
        }
        shared
            .engine
            .clock
            .sleep(backoff::wait(attempt, &mut rng))
            .await;
        attempt += 1;
    }
}

/// Asks the job's task once more, which is free, where the file is now.
async fn fresh_address(
    shared: &Shared,
    job: &HeldJob,
    result: &JobResult,
    index: usize,
) -> Option<String> {
    let task = shared.tracks.of(job.ordinal).task?;
    let (operation, _) = shared.operation(&job.operation)?;
    let slot = shared.poll_slots.acquire().await;
    let answer = shared.engine.service.poll(operation, &task).await;
    drop(slot);
    match answer {
        Ok(Progress::Done(fresh)) if fresh.clip_ids == result.clip_ids => {
            Some(fresh.downloads.get(index)?.url.clone())
        }
        _ => None,
    }
}

async fn attempt_once(
    shared: &Shared,
    job: &HeldJob,
    download: &Download,
    number: usize,
    many: bool,
) -> Result<Placed, SaveError> {
    let target = |content_type: Option<&str>| {
        let said = download.extension.as_deref();
        let extension = files::extension(said, &download.url, content_type);
        let name = Name {
            number,
            many,
            label: download.label.as_deref(),
            extension: &extension,
        };
        files::target(job, &name)
    };
    let expected = target(None);
    let temporary = files::partial(&expected, job, number, &download.url);
    let temporary = shared.out.path(temporary);
    let prepared = shared.out.prepare(&expected);
    prepared.map_err(SaveError::disk(&expected))?;
    let fetched = async {
        let begun = begun(&temporary).await?;
        let from = begun.bytes();
        let body = shared.engine.service.download(&download.url, from).await?;
        let target = target(body.content_type.as_deref());
        let content = stream_to(body, &temporary, begun).await?;
        if let Some(why) = files::implausible(&temporary).map_err(SaveError::disk(&temporary))? {
            return Err(SaveError::Implausible(why));
        }
        let prepared = shared.out.prepare(&target);
        prepared.map_err(SaveError::disk(&target))?;
        let placed = shared.out.place(&temporary, &target, content);
        placed.map_err(SaveError::disk(&target))
    };
    let placed = fetched.await;
    if placed
        .as_ref()
        .is_err_and(|error| !error.leaves_a_beginning())
    {
        // Of no use any more; that it can't be removed changes nothing.
        drop(std::fs::remove_file(&temporary));
    }
    placed
}

/// Adds up what an earlier attempt left of the file, maybe in another process.
async fn begun(path: &Path) -> Result<Sum, SaveError> {
    if !path.is_file() {
        return Ok(Sum::default());
    }
    let left = path.to_owned();
    spawn_blocking(move || Sum::of(&left))
        .await
        .map_err(io::Error::other)
        .and_then(|sum| sum)
        .map_err(SaveError::disk(path))
}

/// Writes a body to a file as it comes, after what is there if it is the rest of that, and makes it durable.
async fn stream_to(mut body: FileBody, path: &Path, begun: Sum) -> Result<Content, SaveError> {
    let goes_on = begun.bytes() > 0 && body.status == 206;
    let mut sum = if goes_on { begun } else { Sum::default() };
    let promised = body
        .content_length
        .map(|length| length.saturating_add(sum.bytes()));
    let mut file = tokio::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(goes_on)
        .truncate(!goes_on)
        .open(path)
        .await
        .map_err(SaveError::disk(path))?;
    let streamed = async {
        while let Some(chunk) = body.body.next().await {
            let chunk = chunk?;
            sum.add(&chunk);
            if sum.bytes() > FILE_BYTES_MAX {
                return Err(SaveError::TooLarge);
            }
            file.write_all(&chunk)
                .await
                .map_err(SaveError::disk(path))?;
        }
        Ok(())
    };
    let streamed = streamed.await;
    // What came before a break is kept as well: the next attempt goes on after it.
    file.flush().await.map_err(SaveError::disk(path))?;
    streamed?;
    if let Some(promised) = promised.filter(|promised| *promised != sum.bytes()) {
        let got = sum.bytes();
        return Err(SaveError::Length { got, promised });
    }
    file.sync_all().await.map_err(SaveError::disk(path))?;
    Ok(sum.content())
}

#[cfg(test)]
mod tests;
