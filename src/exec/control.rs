//! How a run is told to stop: once to send nothing new and collect what runs, twice to leave at once.

use tokio::sync::watch;

use crate::model::StopCause;

/// How far a run has been told to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StopLevel {
    /// Not at all.
    Go,
    /// Send nothing new; collect what runs.
    Drain(StopCause),
    /// Leave now; what runs is found again by a resume.
    Leave(StopCause),
}

/// The side that tells.
#[derive(Clone, Debug)]
pub struct ControlHandle {
    level: watch::Sender<StopLevel>,
}

/// The side that listens; handed to [`super::carry_out`].
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) level: watch::Receiver<StopLevel>,
}

/// Makes the two sides of a run's control.
#[must_use]
pub fn control() -> (ControlHandle, Control) {
    let (level, receiver) = watch::channel(StopLevel::Go);
    (ControlHandle { level }, Control { level: receiver })
}

impl ControlHandle {
    /// Tells the run to stop; a second call tells it to leave at once.
    pub fn stop(&self, cause: StopCause) {
        self.level.send_modify(|level| {
            *level = match level {
                StopLevel::Go => StopLevel::Drain(cause),
                StopLevel::Drain(_) | StopLevel::Leave(_) => StopLevel::Leave(cause),
            };
        });
    }
}

impl Control {
    /// Waits until the run is told to stop, or to stop faster than it was told before.
    pub(super) async fn stopped(&mut self) -> StopCause {
        loop {
            match self.changed().await {
                StopLevel::Go => {}
                StopLevel::Drain(cause) | StopLevel::Leave(cause) => return cause,
            }
        }
    }

    /// Waits for the next change; never returns once nobody can tell any more.
    pub(super) async fn changed(&mut self) -> StopLevel {
        match self.level.changed().await {
            Ok(()) => self.level.borrow_and_update().clone(),
            Err(_) => std::future::pending().await,
        }
    }
}
