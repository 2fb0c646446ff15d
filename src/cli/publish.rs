//! How the provider reaches local files: they are served from here, or a command of the user's puts them somewhere.

mod served;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::exec::{CheckedFile, Publish, Published, Unpublished};
use crate::model::FileInput;

use super::config::{PublicConfig, is_address};
use super::error::CommandError;
use super::provider;
use super::settings::Settings;

use served::Served;

/// Where a rehearsal in this process says that files are: it fetches nothing.
const REHEARSED: &str = "https://files.example";

/// Returns who makes a run's local files reachable.
///
/// # Errors
/// A usage error when there are files, and no way to them.
pub(crate) fn publisher(
    settings: &Settings,
    files: &BTreeMap<String, String>,
    public: &PublicConfig,
) -> Result<Arc<dyn Publish>, CommandError> {
    let Some(first) = files.values().next() else {
        return Ok(Arc::new(()));
    };
    if settings.is_in_process() {
        return Ok(Arc::new(Named));
    }
    if let Some(command) = &public.command {
        return Ok(Arc::new(Command(command.clone())));
    }
    if let (Some(url), Some(listen)) = (&public.url, &public.listen) {
        return Ok(Arc::new(Served::new(listen, Some(url))));
    }
    if provider::is_local(&settings.base_url) {
        return Ok(Arc::new(Served::new("127.0.0.1:0", None)));
    }
    let message = format!(
        "the provider can't reach `{first}`: it takes addresses, and nothing says at which this machine is reached"
    );
    Err(CommandError::usage(message).hint(
        "in [public] of your configuration: url = \"https://…\" and listen = \"127.0.0.1:8787\", or command = [\"…\"], \
         which is given the file and prints its address",
    ))
}

/// Files of a rehearsal.
struct Named;

impl Publish for Named {
    fn publish<'a>(
        &'a self,
        file: &'a FileInput,
        _: &'a CheckedFile,
    ) -> BoxFuture<'a, Result<Published, Unpublished>> {
        let name = name_of(file);
        Box::pin(async move { Ok(Published::lasting(format!("{REHEARSED}/{name}"))) })
    }
}

fn name_of(file: &FileInput) -> String {
    format!("{}.{}", file.sha256, file.extension)
}

/// A program and its arguments: it is given a file's path, and prints the address.
#[derive(Clone)]
struct Command(Vec<String>);

impl Publish for Command {
    fn publish<'a>(
        &'a self,
        _: &'a FileInput,
        found: &'a CheckedFile,
    ) -> BoxFuture<'a, Result<Published, Unpublished>> {
        let (command, path) = (self.clone(), found.path.clone());
        Box::pin(async move {
            let run = tokio::task::spawn_blocking(move || command.run(&path));
            let ran = run
                .await
                .map_err(|error| Unpublished::Way(error.to_string()))?;
            ran.map(Published::lasting).map_err(Unpublished::File)
        })
    }
}

impl Command {
    fn run(&self, path: &Path) -> Result<String, String> {
        let (program, arguments) = self
            .0
            .split_first()
            .ok_or("`command` in [public] is empty")?;
        let fail = |why: String| format!("`command` in [public] {why}");
        let output = std::process::Command::new(program)
            .args(arguments)
            .arg(path)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| fail(format!("can't be run: {error}")))?;
        if !output.status.success() {
            return Err(fail(format!("failed: {}", output.status)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let address = text.lines().next().unwrap_or_default().trim();
        if !is_address(address) {
            return Err(fail("printed no `http` or `https` address".to_owned()));
        }
        Ok(address.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_the_address_of_the_file_it_is_given() {
        let run = |words: &[&str]| {
            let command = Command(words.iter().map(|word| (*word).to_owned()).collect());
            command.run(Path::new("/music/a.mp3"))
        };
        let address = run(&["sh", "-c", "echo https://x.example$0; echo more"]);
        assert_eq!(address.as_deref(), Ok("https://x.example/music/a.mp3"));
        for (words, part) in [
            (&["sh", "-c", "exit 3"][..], "failed"),
            (&["sh", "-c", "echo $0"], "printed no"),
            (&["/no/such/program"], "can't be run"),
            (&[], "is empty"),
        ] {
            let said = run(words).unwrap_err();
            assert!(said.contains(part), "{said}");
        }
    }
}
