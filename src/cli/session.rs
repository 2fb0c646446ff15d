//! One process's work on a run: carries it out, heeds signals, shows progress, writes the reports, says how it ended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use crate::exec::{self, ControlHandle, Ending, Engine, Order, Publish, RunOptions};
use crate::ledger::Ledger;
use crate::model::{RunId, RunRecord, RunState, StopCause};
use crate::report::{Summary, status_json, summary_quiet, summary_text};

use super::alerts::Alerts;
use super::connect::Connection;
use super::context::Context;
use super::control_socket::{Door, Live};
use super::error::{CommandError, ErrorKind};
use super::exit::{self, Exit};
use super::progress::Progress;
use super::reports;
use super::ui::Ui;

/// What a run is carried out with.
pub(crate) struct Session<'a> {
    /// The surroundings.
    pub(crate) context: &'a Context,
    /// The runtime that the ledger was used with so far.
    pub(crate) runtime: &'a tokio::runtime::Runtime,
    /// The ledger.
    pub(crate) ledger: Ledger,
    /// The provider.
    pub(crate) connection: Connection,
    /// Limits that are not about credits.
    pub(crate) options: RunOptions,
    /// Print each event as a line of JSON.
    pub(crate) events: bool,
    /// Let other processes ask and steer it.
    pub(crate) is_steerable: bool,
    /// Makes local files reachable for the provider.
    pub(crate) files: Arc<dyn Publish>,
}

impl Session<'_> {
    /// Carries a run out, or goes on with it, and says how it ended.
    ///
    /// # Errors
    /// When nothing could be sent, or the reports can't be written.
    pub(crate) fn carry_out(&self, run: &RunId) -> Result<Exit, CommandError> {
        let (ledger, clock) = (self.ledger.clone(), self.connection.clock.clone());
        let alerts = Alerts::begin(&self.ledger.run(run)?, self.context, ledger, clock)?;
        let outcome = self.carry_out_quietly(run);
        alerts.end(&outcome);
        outcome
    }

    fn carry_out_quietly(&self, run: &RunId) -> Result<Exit, CommandError> {
        let ending = self.runtime.block_on(self.work(run))?;
        let mut record = self.ledger.run(run)?;
        let mut code = exit_code(&ending);
        let out = Path::new(&record.settings.out);
        let summary = match reports::write(&self.ledger, &record, out) {
            Ok(summary) => summary,
            // The ledger has it all: a report that can't be written is said, and does not hide how the run ended.
            Err(failure) if code != exit::DONE => {
                super::error::report(&failure, &self.context.ui);
                reports::sums(&self.ledger, &record)?
            }
            Err(failure) => return Err(failure.hint(format!("setlist report {run}"))),
        };
        if ending == Ending::SomeFailed && summary.only_left_out() {
            code = exit::CREDIT_LIMIT;
        }
        tell_unrecorded(&mut record, &ending);
        self.conclude(&record, &summary, code)?;
        Ok(Exit(code))
    }

    async fn work(&self, run: &RunId) -> Result<Ending, CommandError> {
        let engine = Engine {
            ledger: self.ledger.clone(),
            service: self.connection.service.clone(),
            catalog: Arc::clone(self.context.catalog()?),
            clock: self.connection.clock.clone(),
            seed: self.connection.seed,
            files: self.files.clone(),
        };
        let (handle, control) = exec::control();
        let signals = Signals::listen()?;
        let folder = self.context.ledger_folder()?;
        let _door = self
            .is_steerable
            .then(|| Door::open(&folder, run, handle.clone()))
            .flatten();
        let (notes, noted) = mpsc::unbounded_channel();
        let teller = Teller {
            ledger: self.ledger.clone(),
            run: run.clone(),
            handle,
            notes,
        };
        let heeding = tokio::spawn(signals.heed(teller));
        let (sender, receiver) = mpsc::unbounded_channel();
        let progress = Progress::new(&self.context.ui, &self.ledger, run, self.events);
        let working = exec::carry_out(&engine, run, self.options, control, sender);
        let (ending, ()) = tokio::join!(working, progress.show(receiver, noted));
        heeding.abort();
        Ok(ending?)
    }

    fn conclude(&self, run: &RunRecord, summary: &Summary, code: u8) -> Result<(), CommandError> {
        let ui: &Ui = &self.context.ui;
        if ui.json() {
            let mut object = status_json(run, summary);
            if let Some(object) = object.as_object_mut() {
                object.insert("exit_code".to_owned(), json!(code));
                if self.events {
                    object.insert("event".to_owned(), json!("finished"));
                }
            }
            return ui.json_result(&object);
        }
        if ui.is_watched() {
            ui.tell(&summary_text(run, summary));
        } else {
            ui.warn(&summary_quiet(run, summary));
        }
        Ok(())
    }
}

/// A ledger that can't be written to does not know that the run has stopped, nor why; whoever watches must.
fn tell_unrecorded(record: &mut RunRecord, ending: &Ending) {
    let is_stop = matches!(ending, Ending::Stopped(StopCause::Storage { .. }));
    if is_stop && record.state == RunState::Running {
        record.state = RunState::Stopped;
        record.ending = Some(ending.describe());
    }
}

/// Returns the exit code for how a run ended.
fn exit_code(ending: &Ending) -> u8 {
    match ending {
        Ending::Done => exit::DONE,
        Ending::SomeFailed | Ending::Stopped(StopCause::Failures) => exit::SOME_FAILED,
        Ending::InDoubt | Ending::Stopped(StopCause::Drift { .. }) => exit::IN_DOUBT,
        Ending::Stopped(StopCause::ProviderCredits | StopCause::Limit { .. }) => exit::CREDIT_LIMIT,
        Ending::Stopped(StopCause::Access { .. }) => exit::ACCESS,
        Ending::Stopped(StopCause::Unreachable { .. }) => exit::UNREACHABLE,
        Ending::Stopped(StopCause::Signal(number)) => exit::of_signal(*number),
        Ending::Stopped(StopCause::TimeLimit) => exit::TIME_LIMIT,
        Ending::Stopped(StopCause::Storage { .. }) => exit::STORAGE,
    }
}

/// How long the run may take to say how it stands.
const GLANCE: Duration = Duration::from_secs(1);

/// Says how the run stands when it is asked by a signal.
#[derive(Clone)]
struct Teller {
    ledger: Ledger,
    run: RunId,
    handle: ControlHandle,
    notes: mpsc::UnboundedSender<String>,
}

impl Teller {
    /// Writes one line.
    async fn tell(self) {
        let totals = match self.ledger.run(&self.run) {
            Ok(record) => record.totals,
            Err(error) => {
                tracing::debug!(%error, "the run's sums can't be read");
                return;
            }
        };
        let looking = tokio::time::timeout(GLANCE, self.handle.order(Order::Look));
        let stands = match looking.await {
            Ok(Ok(snapshot)) => Live::from(snapshot).to_string(),
            Ok(Err(_)) => "ending".to_owned(),
            Err(_) => "busy with the balance or the ledger".to_owned(),
        };
        let line = format!(
            "run {}: {} of {} jobs ended, {} charged, {} set aside; {stands}\n",
            self.run, totals.ended, totals.jobs, totals.charged, totals.held
        );
        // The run may be over by now; then its summary says more.
        drop(self.notes.send(line));
    }
}

/// What a signal asks for.
enum Wish {
    /// To stop, by the signal of this number.
    Stop(i32),
    /// To say how the run stands.
    #[cfg(unix)]
    Status,
}

/// SIGINT and SIGTERM, listened to from before the first request; SIGUSR1 asks how it stands.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    ask: tokio::signal::unix::Signal,
}

const SIGINT: i32 = 2;
#[cfg(unix)]
const SIGTERM: i32 = 15;

#[cfg(unix)]
impl Signals {
    /// Starts to listen: from here on no signal ends the process by itself.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn listen() -> Result<Self, CommandError> {
        use tokio::signal::unix::{SignalKind, signal};

        let deaf = |error: std::io::Error| {
            CommandError::new(ErrorKind::Storage, error).context("signals can't be listened to")
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(deaf)?,
            terminate: signal(SignalKind::terminate()).map_err(deaf)?,
            ask: signal(SignalKind::user_defined1()).map_err(deaf)?,
        })
    }

    /// Waits for the next signal.
    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop(SIGINT),
            _ = self.terminate.recv() => Wish::Stop(SIGTERM),
            _ = self.ask.recv() => Wish::Status,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> Result<Self, CommandError> {
        Ok(Self {})
    }

    async fn next(&mut self) -> Wish {
        if tokio::signal::ctrl_c().await.is_err() {
            // No signal can ever come; the run ends by itself.
            std::future::pending::<()>().await;
        }
        Wish::Stop(SIGINT)
    }
}

impl Signals {
    /// Waits for a signal to stop.
    pub(crate) async fn wait(mut self) {
        while !matches!(self.next().await, Wish::Stop(_)) {}
    }

    /// Tells a run of every signal: the first one stops it, the second makes it leave.
    async fn heed(mut self, teller: Teller) {
        loop {
            match self.next().await {
                Wish::Stop(number) => teller.handle.stop(StopCause::Signal(number)),
                // On its own: a signal to stop must not wait for the answer.
                #[cfg(unix)]
                Wish::Status => drop(tokio::spawn(teller.clone().tell())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Credits;

    #[test]
    fn every_ending_has_its_code() {
        let message = String::new;
        let limit = StopCause::Limit {
            limit: "run".to_owned(),
            left: Credits::ZERO,
            needed: Credits::ZERO,
        };
        for (cause, code) in [
            (StopCause::ProviderCredits, 8),
            (limit, 8),
            (StopCause::Access { message: message() }, 3),
            (StopCause::Unreachable { message: message() }, 75),
            (StopCause::Signal(2), 130),
            (StopCause::Signal(15), 143),
            (StopCause::TimeLimit, 10),
            (StopCause::Failures, 1),
            (StopCause::Storage { message: message() }, 74),
            (StopCause::Drift { message: message() }, 5),
        ] {
            assert_eq!(
                exit_code(&Ending::Stopped(cause.clone())),
                code,
                "{cause:?}"
            );
        }
        assert_eq!(exit_code(&Ending::Done), 0);
        assert_eq!(exit_code(&Ending::SomeFailed), 1);
        assert_eq!(exit_code(&Ending::InDoubt), 5);
    }
}
