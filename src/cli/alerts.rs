//! Tells a person of what a run does to the account, and of its beginning and end. Nothing here can fail a run.

mod channel;
mod due;
mod watch;

use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::Timestamp;

use crate::api::Hook;
use crate::ledger::{Ledger, LedgerError};
use crate::model::{Credits, RunId, RunRecord, SharedClock};

use super::config::{AlertConfig, Config};
use super::context::Context;
use super::error::CommandError;
use super::exit::{self, Exit};
use super::provider::{PROVIDERS, SIMULATOR};
use channel::Channel;
use due::{Alert, End, Facts};
use watch::{Outlook, Watch};

/// The telling that goes with one process's work on a run.
pub(crate) struct Alerts<'a> {
    context: &'a Context,
    bell: Arc<Bell>,
    start: Option<JoinHandle<Result<(), String>>>,
    watch: Option<Watch>,
}

impl<'a> Alerts<'a> {
    /// Tells that a run begins, beside it, and from then on what it crosses; of a rehearsal only, when the
    /// configuration's account is the simulator's.
    ///
    /// # Errors
    /// When the configuration can't be read.
    pub(crate) fn begin(
        run: &RunRecord,
        context: &'a Context,
        ledger: Ledger,
        clock: SharedClock,
    ) -> Result<Self, CommandError> {
        let config = context.config()?;
        let is_simulated = run.settings.provider == SIMULATOR;
        let is_rehearsal = is_simulated && config.account.provider.as_deref() != Some(SIMULATOR);
        let alerts = match is_rehearsal {
            true => AlertConfig::default(),
            false => config.alerts.clone(),
        };
        let command = alerts.command.clone().map(|words| Channel::Command {
            words,
            hidden: key_variables(config, run),
        });
        let webhook = alerts.webhook.clone().map(Channel::Webhook);
        let start = alerts.heartbeat.as_ref();
        let start = start.and_then(|hook| ping_beside(hook.below("start"), context));
        let bell = Arc::new(Bell {
            channels: command.into_iter().chain(webhook).collect(),
            config: alerts,
            ledger,
            run: run.id.clone(),
            clock,
        });
        // A simulated account's time is its own, and over before anybody could look.
        let is_watched = !is_simulated && bell.thresholds() > 0 && !bell.channels.is_empty();
        let watch = is_watched.then(|| bell.watch(context)).flatten();
        Ok(Self {
            context,
            bell,
            start,
            watch,
        })
    }

    /// Tells how the run ended and which thresholds are crossed.
    pub(crate) fn end(mut self, outcome: &Result<Exit, CommandError>) {
        let code = match outcome {
            Ok(Exit(code)) => *code,
            Err(failure) => failure.kind.exit_code(),
        };
        if let Some(start) = self.start.take() {
            // A thread that panicked has said so itself.
            self.heard("heartbeat", start.join().unwrap_or(Ok(())));
        }
        if let Some(watch) = self.watch.take() {
            watch.end();
        }
        let told = self.context.runtime().and_then(|runtime| {
            runtime.block_on(async {
                let (told, ()) = tokio::join!(self.tell(outcome, code), self.ping_end(code));
                Ok(told?)
            })
        });
        if let Err(failure) = told {
            self.warn("alerts", &failure.error.to_string());
        }
    }

    async fn ping_end(&self, code: u8) {
        if let Some(hook) = &self.bell.config.heartbeat {
            let heard = match code {
                exit::DONE => channel::ping(hook).await,
                _ => channel::ping(&hook.below("fail")).await,
            };
            self.heard("heartbeat", heard);
        }
    }

    async fn tell(
        &self,
        outcome: &Result<Exit, CommandError>,
        code: u8,
    ) -> Result<(), LedgerError> {
        let bell = &self.bell;
        if bell.channels.is_empty() {
            return Ok(());
        }
        let run = bell.ledger.run(&bell.run)?;
        let words = match (outcome, &run.ending) {
            (Err(failure), _) => format!("{:#}", failure.error),
            (Ok(_), Some(ending)) => ending.clone(),
            (Ok(_), None) => "its end could not be recorded".to_owned(),
        };
        let end = End {
            words,
            exit_code: code,
        };
        let facts = facts(&bell.ledger, &run, Some(end))?;
        let alerts = due::due(&bell.config, &facts);
        for (name, heard) in bell.tell(&run, &facts, &alerts).await {
            self.heard(name, heard);
        }
        Ok(())
    }

    fn heard(&self, name: &str, heard: Result<(), String>) {
        if let Err(why) = heard {
            self.warn(name, &why);
        }
    }

    fn warn(&self, name: &str, why: &str) {
        self.context
            .ui
            .warn(&format!("warning: `{name}` of [alerts]: {why}\n"));
    }
}

/// What is to be told of a run, and how.
struct Bell {
    config: AlertConfig,
    channels: Vec<Channel>,
    ledger: Ledger,
    run: RunId,
    clock: SharedClock,
}

impl Bell {
    fn thresholds(&self) -> usize {
        self.config.balance_below.len() + self.config.budget_used.len()
    }

    /// Tells in every way what was not told in it yet.
    async fn tell(
        &self,
        run: &RunRecord,
        facts: &Facts,
        alerts: &[Alert],
    ) -> Vec<(&'static str, Result<(), String>)> {
        let now = self.clock.now();
        let all = self.channels.iter().map(async |channel| {
            let teller = Teller {
                ledger: &self.ledger,
                run,
                channel,
                now,
            };
            (channel.name(), teller.tell(facts, alerts).await)
        });
        futures::future::join_all(all).await
    }

    /// Watches the thresholds while the run goes on.
    fn watch(self: &Arc<Self>, context: &Context) -> Option<Watch> {
        let runtime = context.runtime().ok()?;
        let bell = Arc::clone(self);
        let mut told = Vec::new();
        Watch::start(watch::EVERY, move || {
            let looked = runtime.block_on(bell.look(&mut told));
            looked.unwrap_or(Outlook::Over)
        })
    }

    /// Tells what is crossed and was not looked at before; `told` is what was.
    async fn look(&self, told: &mut Vec<Alert>) -> Result<Outlook, LedgerError> {
        let run = self.ledger.run(&self.run)?;
        let facts = facts(&self.ledger, &run, None)?;
        let mut crossed = due::due(&self.config, &facts);
        crossed.retain(|alert| !told.contains(alert));
        if crossed.is_empty() {
            return Ok(Outlook::Open);
        }
        let heard = self.tell(&run, &facts, &crossed).await;
        told.append(&mut crossed);
        let is_heard = heard.iter().all(|(_, heard)| heard.is_ok());
        Ok(match is_heard && told.len() < self.thresholds() {
            true => Outlook::Open,
            false => Outlook::Over,
        })
    }
}

/// One way to tell, for one run.
struct Teller<'a> {
    ledger: &'a Ledger,
    run: &'a RunRecord,
    channel: &'a Channel,
    now: Timestamp,
}

impl Teller<'_> {
    /// Tells what was not told in this way yet: claimed before it is told, and given back when it can't be.
    async fn tell(&self, facts: &Facts, alerts: &[Alert]) -> Result<(), String> {
        let start = self.run.settings.limits.period_start;
        let start = start.unwrap_or(Timestamp::UNIX_EPOCH);
        let account = &self.run.account;
        let names: Vec<_> = alerts
            .iter()
            .filter_map(|it| self.claim_name(*it))
            .collect();
        let claim = async {
            match names.is_empty() {
                true => Ok(names),
                false => {
                    self.ledger
                        .claim_alerts(account, start, names, self.now)
                        .await
                }
            }
        };
        let claimed = claim.await.map_err(|error| error.to_string())?;
        let is_ours = |it: &Alert| {
            self.claim_name(*it)
                .is_none_or(|name| claimed.contains(&name))
        };
        let ours: Vec<_> = alerts.iter().copied().filter(is_ours).collect();
        if ours.is_empty() {
            return Ok(());
        }
        let told = self.channel.tell(&due::details(facts, &ours)).await;
        if told.is_err() && !claimed.is_empty() {
            let returned = self.ledger.return_alerts(account, start, claimed).await;
            returned.map_err(|error| error.to_string())?;
        }
        told
    }

    /// Returns what the ledger is to note of an alert: each way is a claim of its own, so that one can fail.
    fn claim_name(&self, alert: Alert) -> Option<String> {
        Some(format!("{} by {}", alert.name()?, self.channel.name()))
    }
}

fn facts(ledger: &Ledger, run: &RunRecord, end: Option<End>) -> Result<Facts, LedgerError> {
    let limits = &run.settings.limits;
    let books = ledger.account(&run.account, limits.period_start)?;
    // As `setlist budget --offline` has it: what is held may be charged any moment.
    let left = books.reading.map(|reading| {
        let gone = books.held.plus(reading.charged_since);
        gone.unwrap_or(Credits::MAX).short_of(reading.balance)
    });
    Ok(Facts {
        account: run.account.to_string(),
        run: run.id.to_string(),
        manifest: run.manifest.clone(),
        end,
        used: books.used.plus(books.held).unwrap_or(Credits::MAX),
        budget: limits.period,
        left,
    })
}

/// Returns the variables that a key may be in.
fn key_variables(config: &Config, run: &RunRecord) -> Vec<String> {
    let usual = PROVIDERS.iter().map(|provider| provider.key_env.to_owned());
    let own = config.account.key_env.clone();
    let runs = Some(run.settings.key_env.clone());
    let all = usual.chain(own).chain(runs);
    all.filter(|name| !name.is_empty()).collect()
}

/// Asks for an address in a thread of its own: the run does not wait, and its time may be paused.
///
/// Without a thread for it the run goes on untold.
fn ping_beside(hook: Hook, context: &Context) -> Option<JoinHandle<Result<(), String>>> {
    let runtime = context.runtime().ok()?;
    let thread = std::thread::Builder::new().name("heartbeat".to_owned());
    let started = thread.spawn(move || runtime.block_on(channel::ping(&hook)));
    started.ok()
}
