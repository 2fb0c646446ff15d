//! Local files that the provider is to fetch: it takes addresses only.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use crate::model::{FileInput, Input};
use futures::future::BoxFuture;

use super::worker::Shared;

/// Makes a local file reachable.
pub trait Publish: Send + Sync {
    /// Returns the address at which the provider finds a file, from now until the run ends.
    ///
    /// The error says in words what is wrong and what to do.
    fn publish<'a>(
        &'a self,
        file: &'a FileInput,
        path: &'a Path,
    ) -> BoxFuture<'a, Result<String, String>>;
}

/// No file is reachable.
impl Publish for () {
    fn publish<'a>(
        &'a self,
        _: &'a FileInput,
        path: &'a Path,
    ) -> BoxFuture<'a, Result<String, String>> {
        let message = format!("nobody makes `{}` reachable", path.display());
        Box::pin(async move { Err(message) })
    }
}

/// Makes the files of a job's inputs reachable, each of them as it was when the batch was planned.
///
/// # Errors
/// What is wrong, in words; then nothing is to be sent.
pub(super) async fn addresses(
    shared: &Shared,
    inputs: &Input,
) -> Result<HashMap<String, String>, String> {
    let mut files = Vec::new();
    inputs.for_each_file(&mut |file| files.push(file));
    let mut found = HashMap::new();
    for file in files {
        let Some(path) = shared.settings.files.get(&file.sha256) else {
            return Err(format!("the run does not know file {}", file.sha256));
        };
        let path = Path::new(path).to_owned();
        let read = path.clone();
        let digest =
            tokio::task::spawn_blocking(move || FileInput::digest(File::open(read)?)).await;
        match digest {
            Ok(Ok(digest)) if digest == file.sha256 => {}
            Ok(Ok(_)) => {
                let path = path.display();
                return Err(format!("`{path}` was changed since the run was planned"));
            }
            Ok(Err(error)) => return Err(format!("can't read `{}`: {error}", path.display())),
            Err(error) => return Err(error.to_string()),
        }
        let address = shared.engine.files.publish(file, &path).await?;
        found.insert(file.sha256.clone(), address);
    }
    Ok(found)
}
