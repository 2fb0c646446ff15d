//! The real binary against a simulator behind a socket: the simulator lives in a thread of the bench, which reads its audit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use setlist::model::{SharedClock, SystemClock};
use setlist::sim::{Simulator, serve};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::batch;

/// A folder on the project's disk, a simulator, and what the commands are given.
pub struct Served {
    /// The simulator.
    pub simulator: Arc<Simulator>,
    folder: TempDir,
    url: String,
    halt: CancellationToken,
}

impl Served {
    /// Serves a simulator with these settings for as long as this lives.
    pub fn new(settings: &Value) -> Self {
        let halt = CancellationToken::new();
        let (simulator, url) = start(settings.clone(), halt.clone());
        let folder = tempfile::tempdir_in("target").expect("a temporary folder");
        Self {
            simulator,
            folder,
            url,
            halt,
        }
    }

    /// Returns where a file of the folder is.
    pub fn path(&self, name: &str) -> PathBuf {
        let root = self.folder.path().canonicalize();
        root.expect("the folder is there").join(name)
    }

    /// Returns where the ledger is.
    pub fn ledger(&self) -> PathBuf {
        self.path("ledger.db")
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: impl AsRef<Path>, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the folder can be written");
    }

    /// Prepares a command with nothing else in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_setlist"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path(""))
            .env("SETLIST_PROVIDER", "aimusicapi")
            .env("SETLIST_BASE_URL", &self.url)
            .env(
                "SETLIST_LEDGER",
                format!("sqlite:{}", self.ledger().display()),
            )
            .env("SETLIST_PRICES", "aimusicapi-2026-09")
            .env("SETLIST_RATE", "10000/1s")
            .env("AIMUSIC_API_KEY", "sk-bench")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        command
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.halt.cancel();
    }
}

fn start(settings: Value, halt: CancellationToken) -> (Arc<Simulator>, String) {
    let (told, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let clock: SharedClock = Arc::new(SystemClock::new(Timestamp::now(), 1.0));
            let simulator = batch::simulator(&settings, clock);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            let address = listener.local_addr().expect("an address");
            told.send((simulator.clone(), format!("http://{address}")))
                .expect("the bench waits for it");
            serve(simulator, listener, halt).await.expect("it serves");
        });
    });
    hear.recv().expect("the simulator starts")
}
