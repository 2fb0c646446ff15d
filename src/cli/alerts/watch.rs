//! Looks at a run's thresholds while it goes on: a thread of its own, so that neither a slow program nor an address that
//! answers late holds the run up.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the thresholds are looked at; one look reads a few rows of the ledger.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// The thread that looks.
pub(super) struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// Starts to look, until it is ended or the look says that there is nothing more to see.
    ///
    /// Without a thread for it thresholds are told at the run's end.
    pub(super) fn start(
        every: Duration,
        mut look: impl FnMut() -> Outlook + Send + 'static,
    ) -> Option<Self> {
        let (stop, stopped) = channel();
        let watching = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if look() == Outlook::Over {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("alerts".to_owned());
        let thread = thread.spawn(watching).ok()?;
        Some(Self { stop, thread })
    }

    /// Ends it: once this returns, nobody looks.
    pub(super) fn end(self) {
        drop(self.stop);
        // A thread that panicked has said so itself.
        drop(self.thread.join());
    }
}

/// Whether to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Something may be crossed later.
    Open,
    /// Everything was told, or something could not be: the run's end comes back to it.
    Over,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn it_looks_until_there_is_nothing_to_see_or_it_is_ended() {
        let looks = Arc::new(AtomicU32::new(0));
        let (seen, told) = channel();
        let counting = {
            let looks = Arc::clone(&looks);
            move || {
                let number = looks.fetch_add(1, Ordering::SeqCst) + 1;
                seen.send(number).unwrap();
                match number {
                    3 => Outlook::Over,
                    _ => Outlook::Open,
                }
            }
        };
        let watch = Watch::start(Duration::from_millis(1), counting).unwrap();
        assert_eq!(
            told.iter().collect::<Vec<_>>(),
            [1, 2, 3],
            "then it lets go of the sender"
        );
        watch.end();

        let never = Watch::start(Duration::from_secs(3600), || {
            unreachable!("it was ended first")
        });
        never.unwrap().end();
        assert_eq!(looks.load(Ordering::SeqCst), 3);
    }
}
