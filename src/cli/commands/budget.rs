//! `setlist budget`: what of the account's credits is used, held and left in this billing period.

use clap::Args;
use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use serde_json::Map;

use crate::ledger::AccountBooks;
use crate::model::{Balance, Credits};
use crate::report::BudgetView;

use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::settings::{Layer, Settings};
use super::super::{batch, connect, ledgers, provider};

/// Flags of `budget`.
#[derive(Debug, Args)]
pub(crate) struct BudgetArgs {
    /// Provider [default: that of the account in the configuration, else simulator]
    #[arg(long, value_name = "NAME", env = "SETLIST_PROVIDER", hide_env = true)]
    provider: Option<String>,

    /// Another origin than the provider's own; https, or http on loopback
    #[arg(long, value_name = "URL", env = "SETLIST_BASE_URL", hide_env = true)]
    base_url: Option<String>,

    /// Budget of the billing period [default: that of the account in the configuration]
    #[arg(long, value_name = "N", env = "SETLIST_PERIOD_BUDGET", hide_env = true)]
    period_budget: Option<Credits>,

    /// Ask nobody: no network, no key; the balance is what the ledger knows of it
    #[arg(long, env = "SETLIST_OFFLINE", hide_env = true, value_parser = BoolishValueParser::new())]
    offline: bool,
}

/// Shows the budget.
pub(crate) fn run(args: &BudgetArgs, context: &Context) -> Result<Exit, CommandError> {
    let flags = Layer {
        provider: args.provider.clone(),
        base_url: args.base_url.clone(),
        period: args.period_budget,
        ..Layer::default()
    };
    let config = context.config()?;
    let settings = Settings::resolve(flags, Layer::default(), config)?;
    let now = context.now();
    let period = batch::period(&settings, now);
    let label = settings.account.name.as_deref();
    let account = provider::account(&settings.provider, label, &settings.base_url);
    // The balance first: what the ledger says afterwards can only be newer, so that no hold is missed.
    let balance = balance(args, &settings, context)?;
    let books = match ledgers::look(context)? {
        Some(ledger) => ledger.account(&account, period.map(|period| period.start))?,
        None => AccountBooks::default(),
    };
    let since = period.map_or(Timestamp::MIN, |period| period.start);
    let mut unexplained = match ledgers::look(context)? {
        Some(ledger) => ledger.unexplained(&account, since)?,
        None => Vec::new(),
    };
    if settings.is_in_process() {
        // A rehearsal begins with the credits of its settings, whatever the last one left: nobody bought any, or took
        // them while nothing was charged. What goes astray within one, its own summary says.
        unexplained.retain(|it| it.drift.get() < 0 && !it.charged.is_zero());
    }
    let view = BudgetView {
        account,
        now,
        zone: settings.account.zone(),
        period: period.map(|period| (period.start, period.renewal)),
        is_renewal_known: settings.account.renews_on.is_some(),
        rollover: settings.account.rollover,
        budget: settings.period_budget(),
        monthly_credits: settings.account.monthly_credits,
        balance,
        books,
        unexplained,
        budget_used: config.alerts.budget_used.clone(),
        balance_below: config.alerts.balance_below.clone(),
    };
    if context.ui.json() {
        context.ui.json_result(&view.json())?;
    } else {
        context.ui.result(&view.text())?;
    }
    Ok(Exit(exit::DONE))
}

fn balance(
    args: &BudgetArgs,
    settings: &Settings,
    context: &Context,
) -> Result<Option<Balance>, CommandError> {
    if args.offline {
        return Ok(None);
    }
    if !settings.is_in_process() {
        return connect::balance(settings, &Map::new(), context).map(Some);
    }
    match connect::simulated_balance(context) {
        Ok(balance) => Ok(Some(balance)),
        // A rehearsal has the account: what the ledger knows of it will do.
        Err(failure) if failure.kind == ErrorKind::Busy => Ok(None),
        Err(failure) => Err(failure),
    }
}
