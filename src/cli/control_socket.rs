//! The socket that a live run is asked and steered through by other processes of the same person.
//!
//! It stands beside the ledger, in a folder that nobody else can enter, and is gone with the run. A request is one line of
//! JSON, and so is its answer; then the connection is closed. A run never fails for its socket: without one it can't be
//! steered, and that is all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exec::{Ending, Order, Snapshot};
use crate::manifest::parse_rate;
use crate::model::{RunId, StopCause};

use super::values;

/// A request or an answer is no longer than this.
const MAX_BYTES: u64 = 4096;
/// Characters of the reason for a stop; each may take several bytes.
const MAX_REASON: usize = 500;
/// A request must be there, and an answer be taken, within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a live run can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Say how it stands.
    Status,
    /// Send nothing new until it is told to go on.
    Pause,
    /// Go on after a pause.
    Go,
    /// Submit at another rate.
    Rate {
        /// As `--rate` takes it.
        rate: String,
    },
    /// Have another number of tasks in flight.
    Concurrency {
        /// The number.
        tasks: u32,
    },
    /// Stop as for SIGTERM.
    Stop,
}

impl Request {
    /// Returns the order, less what stops the run; a stop is one more look.
    ///
    /// # Errors
    /// A sentence, when a number is out of its range.
    fn order(&self) -> Result<Order, String> {
        match self {
            Self::Status | Self::Stop => Ok(Order::Look),
            Self::Pause => Ok(Order::Pause),
            Self::Go => Ok(Order::GoOn),
            Self::Rate { rate } => parse_rate(rate).map(Order::Rate),
            Self::Concurrency { tasks: 0 } => Err("concurrency is at least 1".to_owned()),
            Self::Concurrency { tasks } => Ok(Order::Concurrency(*tasks)),
        }
    }
}

/// What a live run answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It did as it was asked, and stands so.
    Live(Live),
    /// It is over, or about to be.
    Ending,
    /// It did not, or not yet, for this reason.
    Refused(String),
}

/// How a live run stands, beyond what its ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Live {
    /// The process.
    pub(crate) pid: u32,
    /// Whether it sends nothing new until it is told to go on.
    pub(crate) paused: bool,
    /// Why it sends nothing new any more, once it is stopping.
    pub(crate) stopping: Option<String>,
    /// Jobs that wait for their turn to be sent, or run.
    pub(crate) in_flight: u64,
    /// Jobs whose files are being saved.
    pub(crate) saving: u64,
    /// The rate of submits in use, as `--rate` takes it.
    pub(crate) rate: String,
    /// The most tasks in flight.
    pub(crate) concurrency: u32,
}

impl From<Snapshot> for Live {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            pid: std::process::id(),
            paused: snapshot.is_paused,
            stopping: snapshot.stopping.map(|cause| in_short(&cause)),
            in_flight: snapshot.in_flight,
            saving: snapshot.saving,
            rate: values::rate_text(snapshot.rate),
            concurrency: snapshot.concurrency,
        }
    }
}

impl std::fmt::Display for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.stopping, self.paused) {
            (Some(why), _) => write!(f, "stopping ({why})")?,
            (None, true) => write!(f, "paused")?,
            (None, false) => write!(f, "going")?,
        }
        write!(
            f,
            "; {} in flight, {} being saved; rate {}, concurrency {}",
            self.in_flight, self.saving, self.rate, self.concurrency
        )
    }
}

/// Says why a run stops, on one line that fits an answer.
fn in_short(cause: &StopCause) -> String {
    let words = Ending::Stopped(cause.clone()).describe();
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    words.chars().map(shown).take(MAX_REASON).collect()
}

/// Names the socket of a run; the id of a run makes a valid name.
fn path_of(ledger_folder: &Path, run: &RunId) -> PathBuf {
    ledger_folder
        .join("control")
        .join(format!("{}.sock", run.as_str()))
}

#[cfg(unix)]
pub(crate) use unix::{Door, ask};

#[cfg(unix)]
mod unix {
    use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixStream as BlockingStream;

    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::task::{JoinHandle, JoinSet};

    use super::super::context::make_private_folder;
    use super::*;
    use crate::exec::{ControlHandle, Deaf};

    /// Clients served at once; the others wait their turn.
    const CLIENTS: usize = 8;
    /// How long the run may take over an order before its client is told that it takes longer.
    const DELIBERATION: Duration = Duration::from_secs(4);
    const SIGTERM: i32 = 15;

    /// A run's socket, open as long as this lives.
    pub(crate) struct Door {
        path: PathBuf,
        serving: JoinHandle<()>,
    }

    impl Door {
        /// Opens the socket of a run; none, told to the log, when the system refuses: its path may be too long.
        pub(crate) fn open(
            ledger_folder: &Path,
            run: &RunId,
            handle: ControlHandle,
        ) -> Option<Self> {
            let path = path_of(ledger_folder, run);
            match listen(&path) {
                Ok(listener) => Some(Self {
                    path,
                    serving: tokio::spawn(serve(listener, handle)),
                }),
                Err(error) => {
                    tracing::debug!(path = %path.display(), error, "the run can't be steered");
                    None
                }
            }
        }
    }

    impl Drop for Door {
        fn drop(&mut self) {
            self.serving.abort();
            // What can't be removed refuses connections from now on.
            drop(std::fs::remove_file(&self.path));
        }
    }

    fn listen(path: &Path) -> Result<UnixListener, String> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let private = |mode| std::fs::Permissions::from_mode(mode);
        make_private_folder(folder).map_err(|failure| failure.error.to_string())?;
        let bind = || {
            std::fs::set_permissions(folder, private(0o700))?;
            // A killed process left it: the ledger lets no two processes carry one run out.
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(path)?;
            std::fs::set_permissions(path, private(0o600))?;
            Ok(listener)
        };
        bind().map_err(|error| error.to_string())
    }

    async fn serve(listener: UnixListener, handle: ControlHandle) {
        let mut clients = JoinSet::new();
        loop {
            if clients.len() >= CLIENTS {
                clients.join_next().await;
            }
            while clients.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let handle = handle.clone();
                    clients.spawn(async move {
                        let exchange = attend(stream, &handle);
                        match tokio::time::timeout(PATIENCE * 2, exchange).await {
                            Ok(Ok(())) => {}
                            Ok(Err(error)) => tracing::debug!(%error, "a client went away"),
                            Err(_) => tracing::debug!("a client took too long"),
                        }
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "a client could not be let in");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Reads one request, has it carried out and answers it.
    async fn attend(stream: UnixStream, handle: &ControlHandle) -> io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        let mut reader = tokio::io::BufReader::new(reader.take(MAX_BYTES));
        let answer = match tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await {
            // Cut off at its end or by its length, it might mean less than it was to say.
            Ok(Ok(_)) if !line.ends_with('\n') => Answer::Refused(format!(
                "a request is one line of JSON, with its end, of at most {MAX_BYTES} bytes"
            )),
            Ok(Ok(_)) => obey(&line, handle).await,
            Ok(Err(error)) => return Err(error),
            Err(_) => Answer::Refused("the request did not come in time".to_owned()),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        writer.write_all(&line).await
    }

    async fn obey(line: &str, handle: &ControlHandle) -> Answer {
        let Ok(request) = serde_json::from_str::<Request>(line) else {
            return Answer::Refused("the request is not understood".to_owned());
        };
        let order = match request.order() {
            Ok(order) => order,
            Err(why) => return Answer::Refused(why),
        };
        if request == Request::Stop {
            handle.drain(StopCause::Signal(SIGTERM));
        }
        match tokio::time::timeout(DELIBERATION, handle.order(order)).await {
            Ok(Ok(snapshot)) => Answer::Live(snapshot.into()),
            Ok(Err(Deaf)) => Answer::Ending,
            Err(_) => Answer::Refused(
                "the run is busy, as with reading the balance, and does it as soon as it can: \
                 `setlist status` shows when"
                    .to_owned(),
            ),
        }
    }

    /// Asks a run; no answer when no process carries it out that could be reached.
    ///
    /// # Errors
    /// When a process is there and its answer can't be had.
    pub(crate) fn ask(
        ledger_folder: &Path,
        run: &RunId,
        request: &Request,
    ) -> io::Result<Option<Answer>> {
        let Ok(stream) = BlockingStream::connect(path_of(ledger_folder, run)) else {
            return Ok(None);
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        (&stream).write_all(&line)?;
        let mut answer = String::new();
        BufReader::new((&stream).take(MAX_BYTES)).read_line(&mut answer)?;
        if answer.is_empty() {
            return Ok(Some(Answer::Ending));
        }
        Ok(Some(serde_json::from_str(&answer)?))
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{Door, ask};

/// Where there are no such sockets, no run can be steered.
#[cfg(not(unix))]
mod elsewhere {
    use std::io;

    use super::*;
    use crate::exec::ControlHandle;

    /// No socket.
    pub(crate) struct Door;

    impl Door {
        /// Opens none.
        pub(crate) fn open(_: &Path, _: &RunId, _: ControlHandle) -> Option<Self> {
            None
        }
    }

    /// Reaches nobody.
    ///
    /// # Errors
    /// None.
    pub(crate) fn ask(_: &Path, _: &RunId, _: &Request) -> io::Result<Option<Answer>> {
        Ok(None)
    }
}
