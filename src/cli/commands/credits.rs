//! `setlist credits`: what the account has, as read in the last five minutes or afresh.

use clap::Args;
use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use serde_json::Map;

use crate::model::{Balance, CreditError};
use crate::report::CreditsView;

use super::super::balance_cache::BalanceCache;
use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::settings::{Layer, Settings};
use super::super::{batch, connect};

/// Flags of `credits`.
#[derive(Debug, Args)]
pub(crate) struct CreditsArgs {
    /// Provider [default: that of the account in the configuration, else simulator]
    #[arg(long, value_name = "NAME", env = "SETLIST_PROVIDER", hide_env = true)]
    provider: Option<String>,

    /// Another origin than the provider's own; https, or http on loopback
    #[arg(long, value_name = "URL", env = "SETLIST_BASE_URL", hide_env = true)]
    base_url: Option<String>,

    /// Ask the provider, whatever was read in the last five minutes
    #[arg(long, env = "SETLIST_NO_CACHE", hide_env = true, value_parser = BoolishValueParser::new())]
    no_cache: bool,
}

/// Shows the credits.
pub(crate) fn run(args: &CreditsArgs, context: &Context) -> Result<Exit, CommandError> {
    let flags = Layer {
        provider: args.provider.clone(),
        base_url: args.base_url.clone(),
        ..Layer::default()
    };
    let settings = Settings::resolve(flags, Layer::default(), context.config()?)?;
    let (balance, read_at) = balance(args, &settings, context)?;
    let zone = settings.account.zone();
    let renewal = settings
        .account
        .renews_on
        .and(batch::period(&settings, context.now()));
    let view = CreditsView {
        balance,
        monthly_credits: settings.account.monthly_credits,
        renewal: renewal.map(|period| zone.to_datetime(period.renewal).date()),
        rollover: settings.account.rollover,
        today: zone.to_datetime(context.now()).date(),
        read_at,
    };
    let absurd = |error: CreditError| CommandError::new(ErrorKind::Unreachable, error);
    if context.ui.json() {
        context.ui.json_result(&view.json().map_err(absurd)?)?;
    } else {
        context.ui.result(&view.text().map_err(absurd)?)?;
    }
    Ok(Exit(exit::DONE))
}

/// Finds the balance, and when it was read if that was not just now.
fn balance(
    args: &CreditsArgs,
    settings: &Settings,
    context: &Context,
) -> Result<(Balance, Option<Timestamp>), CommandError> {
    if settings.is_in_process() {
        return Ok((connect::simulated_balance(context)?, None));
    }
    let now = context.now();
    let cache = context.cache_folder();
    let cache = cache.map(|folder| BalanceCache::of(settings, &folder));
    let kept = cache.as_ref().filter(|_| !args.no_cache);
    if let Some(reading) = kept.and_then(|cache| cache.read(now)) {
        return Ok((reading.balance, Some(reading.read_at)));
    }
    let balance = connect::balance(settings, &Map::new(), context)?;
    if let Some(cache) = cache {
        cache.write(balance, now);
    }
    Ok((balance, None))
}
