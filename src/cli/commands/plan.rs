//! `setlist plan`: a manifest priced and set against the account; nothing is sent that costs.

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use crate::model::{Balance, Credits};
use crate::report::{plan_csv, plan_json, plan_text};

use super::super::args::{ManifestArgs, PaceArgs, ProviderArgs, SpendArgs, WaitArgs};
use super::super::batch::{Batch, Judged};
use super::super::connect;
use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::ledgers;
use super::super::settings::Layer;

/// Flags of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    manifest: ManifestArgs,

    /// Form of the plan [default: table; json with --json]
    #[arg(
        long,
        value_name = "FORMAT",
        env = "SETLIST_FORMAT",
        hide_env = true,
        value_enum
    )]
    format: Option<PlanFormat>,

    /// Ask nobody: no network, no key; the balance is what --balance says, or not known
    #[arg(long, env = "SETLIST_OFFLINE", hide_env = true, value_parser = BoolishValueParser::new())]
    offline: bool,

    /// Plan against this balance instead of asking for it
    #[arg(long, value_name = "N", env = "SETLIST_BALANCE", hide_env = true)]
    balance: Option<Credits>,

    /// Buy again what runs before have bought
    #[arg(long, env = "SETLIST_FRESH", hide_env = true, value_parser = BoolishValueParser::new())]
    fresh: bool,

    /// Exit with 0 when there is nothing to buy, 2 when it can be afforded, 4 when credits are short
    #[arg(long, env = "SETLIST_DETAILED_EXITCODE", hide_env = true, value_parser = BoolishValueParser::new())]
    detailed_exitcode: bool,

    #[command(flatten)]
    provider: ProviderArgs,

    #[command(flatten)]
    spend: SpendArgs,

    #[command(flatten)]
    pace: PaceArgs,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// One row per job, for spreadsheets (RFC 4180).
    Csv,
}

/// Prints the plan.
pub(crate) fn run(args: &PlanArgs, context: &Context) -> Result<Exit, CommandError> {
    let flags = Layer::of_flags(
        &args.provider,
        &args.spend,
        &args.pace,
        &WaitArgs::default(),
    );
    let batch = Batch::read(&args.manifest, flags, None, context)?;
    let given = args.balance.map(|credits| Balance {
        credits,
        extra_credits: Credits::ZERO,
    });
    let balance = match given {
        Some(balance) => Some(balance),
        None if args.offline => None,
        None => Some(connect::balance(
            &batch.settings,
            &batch.manifest.provider.simulator,
            context,
        )?),
    };
    let judged = judge(&batch, balance, args.fresh, context)?;
    show(&batch, &judged, args.format, context)?;
    Ok(Exit(if args.detailed_exitcode {
        detailed(&judged)
    } else {
        exit::DONE
    }))
}

/// Plans a batch and sets it against a balance and the ledger, if there is one.
pub(crate) fn judge(
    batch: &Batch,
    balance: Option<Balance>,
    fresh: bool,
    context: &Context,
) -> Result<Judged, CommandError> {
    let ledger = ledgers::look(context)?;
    let plan = match &ledger {
        Some(ledger) => batch.plan(ledger.paid(&batch.account)?.as_ref(), fresh)?,
        None => batch.plan(&(), fresh)?,
    };
    batch.judge(plan, balance, ledger.as_ref(), batch.start(context))
}

/// Prints a plan in the form asked for.
pub(crate) fn show(
    batch: &Batch,
    judged: &Judged,
    format: Option<PlanFormat>,
    context: &Context,
) -> Result<(), CommandError> {
    let usual = if context.ui.json() {
        PlanFormat::Json
    } else {
        PlanFormat::Table
    };
    let view = batch.view(judged);
    context.ui.results(|out| match format.unwrap_or(usual) {
        PlanFormat::Table => plan_text(&view, out),
        PlanFormat::Json => plan_json(&view, out),
        PlanFormat::Csv => plan_csv(&judged.plan, out),
    })
}

fn detailed(judged: &Judged) -> u8 {
    if judged.plan.total().is_zero() {
        exit::DONE
    } else if judged.verdict.affordable {
        exit::AFFORDABLE
    } else {
        exit::SHORT
    }
}
