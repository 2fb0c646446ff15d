//! `setlist credits`: what the account has, read afresh.

use clap::Args;
use serde_json::Map;

use crate::model::CreditError;
use crate::report::CreditsView;

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
}

/// Shows the credits.
pub(crate) fn run(args: &CreditsArgs, context: &Context) -> Result<Exit, CommandError> {
    let flags = Layer {
        provider: args.provider.clone(),
        base_url: args.base_url.clone(),
        ..Layer::default()
    };
    let settings = Settings::resolve(flags, Layer::default(), context.config()?)?;
    let balance = if settings.is_in_process() {
        connect::simulated_balance(context)?
    } else {
        connect::balance(&settings, &Map::new(), context)?
    };
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
        read_at: None,
    };
    let absurd = |error: CreditError| CommandError::new(ErrorKind::Unreachable, error);
    if context.ui.json() {
        context.ui.json_result(&view.json().map_err(absurd)?)?;
    } else {
        context.ui.result(&view.text().map_err(absurd)?)?;
    }
    Ok(Exit(exit::DONE))
}
