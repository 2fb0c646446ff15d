//! What a person sees while a run goes: a bar on a terminal, lines of JSON for a program, nothing for cron.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::ledger::Ledger;
use crate::model::{Credits, JobState, RunEvent, RunId, RunTotals, StopCause};

use super::ui::Ui;

/// How often the sums of the ledger are read for the bar.
const REFRESH: Duration = Duration::from_secs(1);

/// Shows a run's events until its sender is gone.
pub(crate) struct Progress<'a> {
    ui: &'a Ui,
    /// Where the sums come from: the ledger knows what is held, events only tell what changed.
    ledger: &'a Ledger,
    run: &'a RunId,
    /// Print each event as a line of JSON.
    events: bool,
    bar: Option<ProgressBar>,
    /// What the account had when the run began.
    opening: Credits,
    /// What was charged, less refunds, before this process began.
    charged_before: Credits,
}

impl<'a> Progress<'a> {
    /// Prepares to show a run.
    pub(crate) fn new(ui: &'a Ui, ledger: &'a Ledger, run: &'a RunId, events: bool) -> Self {
        // Log lines and a bar would overwrite one another.
        let draws = ui.can_draw() && !events && !tracing::enabled!(tracing::Level::INFO);
        // Sums are for show: a ledger that can't be read is told by whoever carries the run out.
        let totals = ledger
            .run(run)
            .map(|record| record.totals)
            .unwrap_or_default();
        Self {
            ui,
            ledger,
            run,
            events,
            bar: draws.then(|| new_bar(totals.jobs)),
            opening: Credits::ZERO,
            charged_before: net(&totals),
        }
    }

    /// Shows events until the run is over, and notes that were asked for.
    pub(crate) async fn show(
        mut self,
        mut received: UnboundedReceiver<RunEvent>,
        mut notes: UnboundedReceiver<String>,
    ) {
        let mut refresh = tokio::time::interval(REFRESH);
        refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = received.recv() => match event {
                    Some(event) => self.show_one(&event),
                    None => break,
                },
                Some(note) = notes.recv() => self.answer(&note),
                _ = refresh.tick(), if self.bar.is_some() => self.show_sums(),
            }
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn show_one(&mut self, event: &RunEvent) {
        if self.events {
            // A reader of events that went away must not stop a run that spends.
            drop(self.ui.json_result(event));
        }
        match event {
            RunEvent::Started {
                jobs,
                done,
                balance,
            } => {
                self.opening = *balance;
                if let Some(bar) = &self.bar {
                    bar.set_length(*jobs);
                    bar.set_position(*done);
                }
            }
            RunEvent::Job {
                job, state, error, ..
            } => {
                if let Some(bar) = self.bar.as_ref().filter(|_| has_ended(*state)) {
                    bar.inc(1);
                }
                // Of a saved job it is what makes its files unusable.
                let is_bad = state.ended_badly() || *state == JobState::Saved;
                if let (true, Some(error)) = (is_bad, error) {
                    self.note(&format!("{job}: {state}: {error}\n"));
                }
            }
            RunEvent::Throttled { wait } => {
                self.note(&format!(
                    "the provider asks for fewer requests: waiting {}\n",
                    in_words(*wait)
                ));
            }
            RunEvent::Stopping { cause, running } => self.say_stopping(cause, *running),
            RunEvent::Warning { message } => self.aloud(&format!("warning: {message}\n")),
            RunEvent::Retrying { job, wait, reason } => {
                tracing::info!(%job, wait = %in_words(*wait), reason, "retrying");
            }
            RunEvent::Saved { job, file, bytes } => tracing::info!(%job, file, bytes, "saved"),
        }
    }

    fn say_stopping(&self, cause: &StopCause, running: u64) {
        let rest = match running {
            0 => String::new(),
            1 => "; collecting 1 job that runs".to_owned(),
            many => format!("; collecting {many} jobs that run"),
        };
        let again = match cause {
            StopCause::Signal(_) if running > 0 => " (again to leave at once)",
            _ => "",
        };
        self.note(&format!("stopping, nothing new is sent{rest}{again}\n"));
    }

    /// Tells a watching person.
    fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.ui.tell(text)),
            None => self.ui.tell(text),
        }
    }

    /// Tells whoever asked for it, on standard error.
    fn answer(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.ui.talk_always(text)),
            None => self.ui.talk_always(text),
        }
    }

    /// Tells whoever reads standard error.
    fn aloud(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.ui.warn(text)),
            None => self.ui.warn(text),
        }
    }

    fn show_sums(&self) {
        let Some(bar) = &self.bar else { return };
        // A bar is no reason to stop: without sums it shows the jobs alone.
        let Ok(record) = self.ledger.run(self.run) else {
            return;
        };
        let totals = record.totals;
        let charged = net(&totals);
        let since = charged.minus(self.charged_before).unwrap_or_default();
        let left = self
            .opening
            .minus(since)
            .and_then(|left| left.minus(totals.held));
        bar.set_message(format!(
            "{charged} charged · {} held · {} left",
            totals.held,
            left.unwrap_or_default()
        ));
    }
}

fn new_bar(jobs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:24} {pos}/{len} jobs · {msg}")
        .expect("the template is valid")
        .progress_chars("━━ ");
    let bar = ProgressBar::with_draw_target(Some(jobs), ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar
}

/// Returns what was charged and not given back.
fn net(totals: &RunTotals) -> Credits {
    totals.charged.minus(totals.refunded).unwrap_or_default()
}

fn has_ended(state: JobState) -> bool {
    state == JobState::Saved || state.ended_badly()
}

/// Writes a span for a person: whole seconds, or milliseconds when it is shorter.
fn in_words(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        format!("{} ms", span.as_millis())
    } else {
        format!("{} s", span.as_secs())
    }
}
