//! How a run is steered: told to stop, to pause and go on, to go faster or slower, and asked how it stands.
//!
//! A stop is a level that only rises: once to send nothing new and collect what runs, twice to leave at once. All else is
//! an order that the dispatcher carries out in turn and answers with how it stands then.

use tokio::sync::{mpsc, oneshot, watch};

use crate::model::{Rate, StopCause};

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

/// What a run can be told while it goes, besides to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Change nothing; say how it stands.
    Look,
    /// Hold nothing new and send nothing new; collect what runs.
    Pause,
    /// Go on after a pause.
    GoOn,
    /// Submit at this rate from the next submit on.
    Rate(Rate),
    /// Have at most this many tasks in flight; what is above it comes to its end.
    Concurrency(u32),
}

/// How a live run stands, beyond what its ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Jobs that hold a concurrency slot: those that wait for their turn to be sent, and those that run.
    pub in_flight: u64,
    /// Jobs whose files are being saved.
    pub saving: u64,
    /// The rate of submits in use.
    pub rate: Rate,
    /// The most tasks in flight.
    pub concurrency: u32,
    /// Whether it was paused, and not told to go on.
    pub is_paused: bool,
    /// Why it sends nothing new any more, once it is stopping.
    pub stopping: Option<StopCause>,
}

/// An order, and who waits for the answer.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) order: Order,
    pub(super) answer: oneshot::Sender<Snapshot>,
}

/// The run is over, or about to be: it takes no orders any more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run is ending and takes no orders any more")]
pub struct Deaf;

/// The side that tells.
#[derive(Clone, Debug)]
pub struct ControlHandle {
    level: watch::Sender<StopLevel>,
    asks: mpsc::UnboundedSender<Ask>,
}

/// The side that listens; handed to [`super::carry_out`].
#[derive(Debug)]
pub struct Control {
    level: watch::Receiver<StopLevel>,
    asks: mpsc::UnboundedReceiver<Ask>,
}

/// What reaches a run from outside.
#[derive(Debug)]
pub(super) enum Told {
    Level(StopLevel),
    Ask(Ask),
}

/// Makes the two sides of a run's control.
#[must_use]
pub fn control() -> (ControlHandle, Control) {
    let (level, levels) = watch::channel(StopLevel::Go);
    let (asks, asked) = mpsc::unbounded_channel();
    let control = Control {
        level: levels,
        asks: asked,
    };
    (ControlHandle { level, asks }, control)
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

    /// Tells the run to stop, unless it was told before: however often it is called, what runs is collected.
    pub fn drain(&self, cause: StopCause) {
        self.level.send_if_modified(|level| {
            let is_news = *level == StopLevel::Go;
            if is_news {
                *level = StopLevel::Drain(cause);
            }
            is_news
        });
    }

    /// Gives an order and returns how the run stands once it is carried out. An order is carried out even if nobody waits
    /// for the answer any more.
    ///
    /// # Errors
    /// [`Deaf`] once the run is ending: the order was not carried out.
    pub async fn order(&self, order: Order) -> Result<Snapshot, Deaf> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask { order, answer }).map_err(|_| Deaf)?;
        answered.await.map_err(|_| Deaf)
    }
}

impl Control {
    /// Waits until the run is told to stop, or to stop faster than it was told before.
    pub(super) async fn stopped(&mut self) -> StopCause {
        loop {
            match changed(&mut self.level).await {
                StopLevel::Go => {}
                StopLevel::Drain(cause) | StopLevel::Leave(cause) => return cause,
            }
        }
    }

    /// Waits for the next that is told, a stop before any order; never returns once nobody can tell any more.
    pub(super) async fn told(&mut self) -> Told {
        tokio::select! {
            biased;
            level = changed(&mut self.level) => Told::Level(level),
            Some(ask) = self.asks.recv() => Told::Ask(ask),
        }
    }

    /// Takes no orders from here on; whoever waits for an answer learns it.
    pub(super) fn close(&mut self) {
        self.asks.close();
        while self.asks.try_recv().is_ok() {}
    }
}

async fn changed(level: &mut watch::Receiver<StopLevel>) -> StopLevel {
    match level.changed().await {
        Ok(()) => level.borrow_and_update().clone(),
        Err(_) => std::future::pending().await,
    }
}
