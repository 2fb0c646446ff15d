//! The one thread that writes: it drains its queue and commits what has gathered as one group.
//!
//! A commit costs one fsync however many requests it holds; while one group is being made durable the next gathers.
//! An answer is sent only after the commit returned, so whoever has it may act on it.

use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::command::LedgerError;
use super::store::{Reply, Request, Write};

/// Requests that may wait; beyond it callers wait for a place.
const QUEUE_CAPACITY: usize = 1_024;
/// Requests of one group: bounds how long its first caller waits for its last.
const GROUP_MAX: usize = 256;

type Answer = Result<Reply, LedgerError>;
type Letter = (Request, oneshot::Sender<Answer>);

/// The writer's queue, and the thread behind it.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Letter>>,
    thread: Option<JoinHandle<()>>,
    path: String,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn spawn(store: Box<dyn Write>, path: String) -> Result<Self, LedgerError> {
        let (queue, letters) = mpsc::channel(QUEUE_CAPACITY);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || write_all(store, letters))
            .map_err(|error| LedgerError::Storage {
                path: path.clone(),
                message: format!("its writing thread can't be started: {error}"),
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            path,
        })
    }

    /// Sends a request and waits until it is durable or refused.
    ///
    /// A caller that goes away after the request was queued does not take it back.
    pub(super) async fn ask(&self, request: Request) -> Answer {
        let gone = || LedgerError::Storage {
            path: self.path.clone(),
            message: "its writing thread ended: this is a bug".to_owned(),
        };
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send((request, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread ends when the queue is closed and empty: what was queued is still written.
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // It panicked only if a request did; its callers were told by their closed channels.
            drop(thread.join());
        }
    }
}

fn write_all(mut store: Box<dyn Write>, mut letters: mpsc::Receiver<Letter>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while letters.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        let (requests, callers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        for (caller, answer) in callers.into_iter().zip(store.commit(requests)) {
            // A caller that went away needs no answer; the step stands.
            drop(caller.send(answer));
        }
    }
}
