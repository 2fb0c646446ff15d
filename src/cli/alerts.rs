//! Tells a person of what a run did to the account, and of its beginning and end. Nothing here can fail a run.

mod channel;
mod due;

use std::thread::JoinHandle;

use jiff::Timestamp;

use crate::api::Hook;
use crate::ledger::{Ledger, LedgerError};
use crate::model::{Credits, RunId, RunRecord};

use super::config::{AlertConfig, Config};
use super::context::Context;
use super::error::CommandError;
use super::exit::{self, Exit};
use super::provider::{PROVIDERS, SIMULATOR};
use channel::Channel;
use due::{Alert, Facts};

/// The telling that goes with one process's work on a run.
pub(crate) struct Alerts<'a> {
    context: &'a Context,
    config: AlertConfig,
    channels: Vec<Channel>,
    start: Option<JoinHandle<Result<(), String>>>,
}

impl<'a> Alerts<'a> {
    /// Tells that a run begins, beside it; of a rehearsal only, when the configuration's account is the simulator's.
    ///
    /// # Errors
    /// When the configuration can't be read.
    pub(crate) fn begin(run: &RunRecord, context: &'a Context) -> Result<Self, CommandError> {
        let config = context.config()?;
        let is_rehearsal = run.settings.provider == SIMULATOR
            && config.account.provider.as_deref() != Some(SIMULATOR);
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
        Ok(Self {
            context,
            channels: command.into_iter().chain(webhook).collect(),
            config: alerts,
            start,
        })
    }

    /// Tells how the run ended and which thresholds are crossed.
    pub(crate) fn end(
        mut self,
        ledger: &Ledger,
        run: &RunId,
        outcome: &Result<Exit, CommandError>,
        now: Timestamp,
    ) {
        let code = match outcome {
            Ok(Exit(code)) => *code,
            Err(failure) => failure.kind.exit_code(),
        };
        if let Some(start) = self.start.take() {
            // A thread that panicked has said so itself.
            self.heard("heartbeat", start.join().unwrap_or(Ok(())));
        }
        let told = self.context.runtime().and_then(|runtime| {
            runtime.block_on(async {
                let (told, ()) = tokio::join!(
                    self.tell(ledger, run, outcome, code, now),
                    self.ping_end(code)
                );
                Ok(told?)
            })
        });
        if let Err(failure) = told {
            self.warn("alerts", &failure.error.to_string());
        }
    }

    async fn ping_end(&self, code: u8) {
        if let Some(hook) = &self.config.heartbeat {
            let heard = match code {
                exit::DONE => channel::ping(hook).await,
                _ => channel::ping(&hook.below("fail")).await,
            };
            self.heard("heartbeat", heard);
        }
    }

    async fn tell(
        &self,
        ledger: &Ledger,
        run: &RunId,
        outcome: &Result<Exit, CommandError>,
        code: u8,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        if self.channels.is_empty() {
            return Ok(());
        }
        let run = ledger.run(run)?;
        let facts = facts(ledger, &run, outcome, code)?;
        let alerts = due::due(&self.config, &facts);
        let tellers = self.channels.iter().map(|channel| Teller {
            ledger,
            run: &run,
            channel,
            now,
        });
        let tellers: Vec<_> = tellers.collect();
        let all = tellers.iter().map(|teller| teller.tell(&facts, &alerts));
        for (channel, heard) in self
            .channels
            .iter()
            .zip(futures::future::join_all(all).await)
        {
            self.heard(channel.name(), heard);
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

fn facts(
    ledger: &Ledger,
    run: &RunRecord,
    outcome: &Result<Exit, CommandError>,
    code: u8,
) -> Result<Facts, LedgerError> {
    let limits = &run.settings.limits;
    let books = ledger.account(&run.account, limits.period_start)?;
    // As `setlist budget --offline` has it: what is held may be charged any moment.
    let left = books.reading.map(|reading| {
        let gone = books.held.plus(reading.charged_since);
        gone.unwrap_or(Credits::MAX).short_of(reading.balance)
    });
    let ending = match (outcome, &run.ending) {
        (Err(failure), _) => format!("{:#}", failure.error),
        (Ok(_), Some(ending)) => ending.clone(),
        (Ok(_), None) => "its end could not be recorded".to_owned(),
    };
    Ok(Facts {
        account: run.account.to_string(),
        run: run.id.to_string(),
        manifest: run.manifest.clone(),
        ending,
        exit_code: code,
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
