//! Local files that the provider is to fetch: it takes addresses only.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use crate::model::{FileInput, Input};
use futures::future::BoxFuture;

use super::stamp::Stamp;
use super::worker::Shared;

/// Why the provider can't be given a local file, in words that say what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpublished {
    /// It is for this file: its jobs are not carried out.
    File(String),
    /// It is for all files, and passes: the run stops, and its jobs wait for a resume.
    Way(String),
}

/// A local file whose content was just found to be the one that is wanted.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it looked like from before its first byte was read until after its last.
    pub stamp: Stamp,
}

/// A file that the provider can reach.
pub struct Published {
    /// At which address.
    pub address: String,
    /// The file may be out of reach again once this is dropped.
    pub while_kept: Box<dyn Send + Sync>,
}

impl Published {
    /// A file that stays where it is.
    #[must_use]
    pub fn lasting(address: String) -> Self {
        Self {
            address,
            while_kept: Box::new(()),
        }
    }
}

/// Makes a local file reachable.
pub trait Publish: Send + Sync {
    /// Returns the address at which the provider finds a file, for as long as the answer is kept.
    ///
    /// # Errors
    /// What is wrong, and whether other files would fare better.
    fn publish<'a>(
        &'a self,
        file: &'a FileInput,
        found: &'a CheckedFile,
    ) -> BoxFuture<'a, Result<Published, Unpublished>>;
}

/// No file is reachable.
impl Publish for () {
    fn publish<'a>(
        &'a self,
        _: &'a FileInput,
        found: &'a CheckedFile,
    ) -> BoxFuture<'a, Result<Published, Unpublished>> {
        let message = format!("nobody makes `{}` reachable", found.path.display());
        Box::pin(async move { Err(Unpublished::File(message)) })
    }
}

/// The files of a job by their SHA-256; they are reachable as long as this lives.
pub(super) type Files = HashMap<String, Published>;

/// Makes the files of a job's inputs reachable, each of them as it was when the batch was planned.
///
/// # Errors
/// What is wrong; then nothing is to be sent.
pub(super) async fn publish_files(shared: &Shared, inputs: &Input) -> Result<Files, Unpublished> {
    let mut files = Vec::new();
    inputs.for_each_file(&mut |file| files.push(file));
    let mut published = Files::new();
    for file in files {
        let Some(path) = shared.settings.files.get(&file.sha256) else {
            let message = format!("the run does not know file {}", file.sha256);
            return Err(Unpublished::File(message));
        };
        let found = check(file, path.into()).await.map_err(Unpublished::File)?;
        let reached = shared.engine.files.publish(file, &found).await?;
        published.insert(file.sha256.clone(), reached);
    }
    Ok(published)
}

/// Checks that a file is still the one that the batch was planned with.
async fn check(file: &FileInput, path: PathBuf) -> Result<CheckedFile, String> {
    let shown = path.display().to_string();
    let read = tokio::task::spawn_blocking(move || read(path)).await;
    match read.map_err(|error| error.to_string())? {
        Ok((digest, found)) if digest == file.sha256 => Ok(found),
        Ok(_) => Err(format!("`{shown}` was changed since the run was planned")),
        Err(error) => Err(format!("can't read `{shown}`: {error}")),
    }
}

/// Digests a file that nobody writes to meanwhile.
fn read(path: PathBuf) -> io::Result<(String, CheckedFile)> {
    // Opening a pipe could wait without end.
    if !std::fs::metadata(&path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let file = File::open(&path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let digest = FileInput::digest(&file)?;
    if Stamp::of(&file.metadata()?) != stamp {
        return Err(io::Error::other("it is being written to"));
    }
    Ok((digest, CheckedFile { path, stamp }))
}
