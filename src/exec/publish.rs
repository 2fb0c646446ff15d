//! Local files that the provider is to fetch: it takes addresses only.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use crate::model::{FileInput, Input};
use futures::future::BoxFuture;

use super::worker::Shared;

/// Why the provider can't be given a local file, in words that say what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpublished {
    /// It is for this file: its jobs are not carried out.
    File(String),
    /// It is for all files, and passes: the run stops, and its jobs wait for a resume.
    Way(String),
}

/// Makes a local file reachable.
pub trait Publish: Send + Sync {
    /// Returns the address at which the provider finds a file, from now until the run ends.
    ///
    /// # Errors
    /// What is wrong, and whether other files would fare better.
    fn publish<'a>(
        &'a self,
        file: &'a FileInput,
        path: &'a Path,
    ) -> BoxFuture<'a, Result<String, Unpublished>>;
}

/// No file is reachable.
impl Publish for () {
    fn publish<'a>(
        &'a self,
        _: &'a FileInput,
        path: &'a Path,
    ) -> BoxFuture<'a, Result<String, Unpublished>> {
        let message = format!("nobody makes `{}` reachable", path.display());
        Box::pin(async move { Err(Unpublished::File(message)) })
    }
}

/// Makes the files of a job's inputs reachable, each of them as it was when the batch was planned.
///
/// # Errors
/// What is wrong; then nothing is to be sent.
pub(super) async fn addresses(
    shared: &Shared,
    inputs: &Input,
) -> Result<HashMap<String, String>, Unpublished> {
    let mut files = Vec::new();
    inputs.for_each_file(&mut |file| files.push(file));
    let mut found = HashMap::new();
    for file in files {
        let Some(path) = shared.settings.files.get(&file.sha256) else {
            let message = format!("the run does not know file {}", file.sha256);
            return Err(Unpublished::File(message));
        };
        let path = Path::new(path);
        check(file, path).await.map_err(Unpublished::File)?;
        let address = shared.engine.files.publish(file, path).await?;
        found.insert(file.sha256.clone(), address);
    }
    Ok(found)
}

/// Checks that a file is still the one that the batch was planned with.
async fn check(file: &FileInput, path: &Path) -> Result<(), String> {
    let read = path.to_owned();
    let digest = tokio::task::spawn_blocking(move || FileInput::digest(File::open(read)?)).await;
    let path = path.display();
    match digest.map_err(|error| error.to_string())? {
        Ok(digest) if digest == file.sha256 => Ok(()),
        Ok(_) => Err(format!("`{path}` was changed since the run was planned")),
        Err(error) => Err(format!("can't read `{path}`: {error}")),
    }
}
