//! The ways in which a person is told: a program, an address. Each has little time, and no failure of one goes further.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::api::Hook;
use crate::cli::session::Signals;

/// How long one telling may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How often a program is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// A way to tell.
#[derive(Clone, Debug)]
pub(crate) enum Channel {
    /// A program with its arguments, and the variables that it does not get to see.
    Command {
        words: Vec<String>,
        hidden: Vec<String>,
    },
    /// An address.
    Webhook(Hook),
}

impl Channel {
    /// Returns its name in the configuration.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Tells; what is told has a `text`.
    ///
    /// # Errors
    /// Why it is not certain that it was told.
    pub(crate) async fn tell(&self, details: &Value) -> Result<(), String> {
        match self {
            Self::Command { words, hidden } => {
                within_limit(async { run(words, hidden, details)?.end().await }).await
            }
            Self::Webhook(hook) => post(hook, details).await,
        }
    }
}

/// Tells an address of a run's beginning or end by asking for it.
pub(crate) async fn ping(hook: &Hook) -> Result<(), String> {
    within_limit(async { hook.get().await.map_err(|error| error.to_string()) }).await
}

async fn post(hook: &Hook, details: &Value) -> Result<(), String> {
    let post = hook.post(details.to_string());
    within_limit(async { post.await.map_err(|error| error.to_string()) }).await
}

/// Gives up after a while, and at once when somebody wants the program to end.
async fn within_limit(telling: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let signal = async {
        match Signals::listen() {
            Ok(signals) => signals.wait().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = signal => Err("a signal cut it short".to_owned()),
        told = tokio::time::timeout(LIMIT, telling) => {
            told.unwrap_or_else(|_| Err(format!("it took longer than {} s", LIMIT.as_secs())))
        }
    }
}

/// Starts a program: its last argument is the text, its standard input the details.
fn run(words: &[String], hidden: &[String], details: &Value) -> Result<Telling, String> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(details["text"].as_str().unwrap_or_default())
        .stdin(Stdio::piped())
        // Standard output is for results.
        .stdout(Stdio::null());
    for name in hidden {
        command.env_remove(name);
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    let failed = |error: std::io::Error| format!("`{program}` can't be run: {error}");
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Short enough for any pipe; and a program need not read it.
        drop(stdin.write_all(format!("{details}\n").as_bytes()));
    }
    Ok(Telling(child))
}

/// A program that tells; killed when dropped before its end, with all that it has started.
struct Telling(Child);

impl Telling {
    async fn end(mut self) -> Result<(), String> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(status.to_string()),
                Ok(None) => tokio::time::sleep(LOOK).await,
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            #[cfg(unix)]
            let _gone = rustix::process::kill_process_group(
                rustix::process::Pid::from_child(&self.0),
                rustix::process::Signal::KILL,
            );
            // Whether it is gone by now or not: nothing is left to be done.
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    fn shell(script: &str) -> Channel {
        Channel::Command {
            words: ["sh", "-c", script].map(str::to_owned).to_vec(),
            hidden: vec!["HOME".to_owned()],
        }
    }

    #[tokio::test]
    async fn a_program_gets_text_and_details_and_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("told");
        let script = format!(
            "{{ echo \"$0\"; cat; echo \"${{HOME-hidden}}\"; }} > '{}'",
            file.display()
        );
        let details = json!({ "text": "all's \"well\"; rm -rf $HOME" });
        assert_eq!(shell(&script).tell(&details).await, Ok(()));
        assert_eq!(
            std::fs::read_to_string(file).unwrap(),
            format!("all's \"well\"; rm -rf $HOME\n{details}\nhidden\n")
        );
    }

    #[tokio::test]
    async fn a_program_that_fails_is_no_telling() {
        let details = json!({ "text": "x" });
        let failed = shell("exit 3").tell(&details).await.unwrap_err();
        assert_eq!(failed, "exit status: 3");
        let nobody = Channel::Command {
            words: vec!["/nowhere/tell".to_owned()],
            hidden: Vec::new(),
        };
        let failed = nobody.tell(&details).await.unwrap_err();
        assert!(
            failed.starts_with("`/nowhere/tell` can't be run"),
            "{failed}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_takes_too_long_is_given_up() {
        let details = json!({ "text": "x" });
        let failed = shell("sleep 60").tell(&details).await.unwrap_err();
        assert_eq!(failed, "it took longer than 10 s");
    }

    #[test]
    fn a_program_dies_with_what_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("alive");
        let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let script = format!("sleep 30 > '{}' & sleep 30", fifo.display());
        let words = ["sh", "-c", script.as_str()].map(str::to_owned);
        let telling = run(&words, &[], &json!({ "text": "x" })).unwrap();
        // Opened once the child of the program has it open, and at its end once nobody has.
        let mut alive = std::fs::File::open(&fifo).unwrap();
        let began = Instant::now();
        drop(telling);
        assert_eq!(alive.read_to_end(&mut Vec::new()).unwrap(), 0);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
