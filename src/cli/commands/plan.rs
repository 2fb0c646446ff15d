//! `setlist plan`: a manifest priced and set against the account; nothing is sent that costs.

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use crate::model::{Balance, Credits};
use crate::plan::{Monthly, Plan, PlanDiff, SpendDown, Verdict};
use crate::report::{PlanView, diff_csv, diff_json, diff_text, plan_csv, plan_json, plan_text};

use super::super::args::{ManifestArgs, PaceArgs, ProviderArgs, SpendArgs, WaitArgs};
use super::super::batch::{Batch, Judged};
use super::super::connect;
use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::ledgers;
use super::super::plan_file::{self, PinnedFile};
use super::super::remainder;
use super::super::saved::{self, Making};
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

    /// Save the plan: `setlist run FILE` carries out exactly that, once
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "SETLIST_OUTPUT",
        hide_env = true
    )]
    output: Option<PathBuf>,

    /// Choose what fits, by priority and with all it needs: into N credits, or into what can be spent
    #[arg(long, value_name = "N", env = "SETLIST_FIT", hide_env = true, num_args = 0..=1, conflicts_with = "output")]
    #[allow(
        clippy::option_option,
        reason = "the flag stands alone or takes a number"
    )]
    fit: Option<Option<Credits>>,

    /// Set N runs like this one against the subscription's credits of a month
    #[arg(long, value_name = "N", env = "SETLIST_PER_MONTH", hide_env = true)]
    per_month: Option<u32>,

    /// Show how many credits expire at the renewal, and how much more of this plan they would buy
    #[arg(long, env = "SETLIST_SPEND_DOWN", hide_env = true, value_parser = BoolishValueParser::new())]
    spend_down: bool,

    /// Show what differs from a saved plan instead: new, gone, dearer and cheaper jobs
    #[arg(long, value_name = "FILE", env = "SETLIST_DIFF", hide_env = true)]
    diff: Option<PathBuf>,

    /// Write what does not fit as a manifest, with its rows beside it
    #[arg(
        long,
        value_name = "FILE",
        env = "SETLIST_REMAINDER",
        hide_env = true,
        conflicts_with = "output"
    )]
    remainder: Option<PathBuf>,

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
    if plan_file::is_plan(&args.manifest.manifest) {
        return show_saved(args, context);
    }
    let batch = Batch::read(&args.manifest, flags, None, context)?;
    let files = files_to_pin(args, &batch)?;
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
    let mut judged = judge(&batch, balance, args.fresh, context)?;
    // What is left out hangs on what fits.
    let is_fit_wanted = args.remainder.is_some() && judged.fit.is_none();
    if let Some(room) = args.fit.or(is_fit_wanted.then_some(None)) {
        let room = room.or(judged.verdict.room_of_all()).ok_or_else(|| {
            CommandError::usage("nothing says how many credits there are to fit into")
                .hint("name them: --fit N, or --balance N, or a limit such as --max-credits N")
        })?;
        batch.fit(&mut judged, room)?;
    }
    if let (Some(path), Some(fit)) = (&args.remainder, &judged.fit) {
        remainder::write(path, &batch, &judged, fit, context)?;
    }
    if let Some(path) = &args.output {
        saved::save(path, &batch, &judged, files, args.fresh, context)?;
        let told = format!("saved: setlist run {}\n", path.display());
        context.ui.tell(&told);
    }
    match &args.diff {
        Some(old) => show_diff(old, &judged.plan, args.format(context), context)?,
        None => {
            let view = args.look_ahead(batch.view(&judged))?;
            print(&view, args.format(context), context)?;
        }
    }
    Ok(Exit(if args.detailed_exitcode {
        detailed(judged.plan.total(), &judged.verdict)
    } else {
        exit::DONE
    }))
}

/// Digests what a plan is to be pinned to, before it is made: a file that changes meanwhile is found out.
fn files_to_pin(args: &PlanArgs, batch: &Batch) -> Result<Vec<PinnedFile>, CommandError> {
    if args.output.is_none() {
        return Ok(Vec::new());
    }
    if args.manifest.manifest.as_os_str() == "-" {
        return Err(CommandError::usage(
            "a plan of standard input can't be saved: there would be nothing to read again",
        )
        .hint("write the manifest to a file"));
    }
    saved::pin_files(batch)
}

/// Shows a plan as it was saved, set against what was known then.
fn show_saved(args: &PlanArgs, context: &Context) -> Result<Exit, CommandError> {
    let saved = plan_file::read(&args.manifest.manifest)?;
    saved.refuse_changes(&Making {
        provider: &args.provider,
        spend: &args.spend,
        pace: &args.pace,
        fresh: args.fresh,
        options: &args.manifest.options,
    })?;
    if args.output.is_some()
        || args.balance.is_some()
        || args.fit.is_some()
        || args.remainder.is_some()
    {
        return Err(CommandError::usage(
            "a saved plan is shown as it is: `--output`, `--balance`, `--fit` and `--remainder` are for manifests",
        ));
    }
    let head = &saved.head;
    let verdict = head.standing.judge(saved.plan.total())?;
    let view = PlanView {
        plan: &saved.plan,
        standing: &head.standing,
        verdict: &verdict,
        fit: None,
        monthly: None,
        spend_down: None,
        rate: head.rate,
        concurrency: head.concurrency,
    };
    if args.format(context) == PlanFormat::Table && args.diff.is_none() {
        let done = match ledgers::look(context)? {
            Some(ledger) => ledger.run_of_plan(&saved.digest)?,
            None => None,
        };
        let done = done.map_or_else(String::new, |run| {
            format!(", carried out by run {}", run.id)
        });
        let (path, at) = (&head.manifest_path, head.made_at);
        let told = format!("saved at {at:.0}, made of `{path}`{done}\n\n");
        context.ui.result(&told)?;
    }
    match &args.diff {
        Some(old) => show_diff(old, &saved.plan, args.format(context), context)?,
        None => print(&args.look_ahead(view)?, args.format(context), context)?,
    }
    Ok(Exit(if args.detailed_exitcode {
        detailed(saved.plan.total(), &verdict)
    } else {
        exit::DONE
    }))
}

/// Prints what differs between a saved plan and this one.
fn show_diff(
    old: &Path,
    new: &Plan,
    format: PlanFormat,
    context: &Context,
) -> Result<(), CommandError> {
    let old = plan_file::read(old)?;
    let diff = PlanDiff::between(&old.plan, new)?;
    match format {
        PlanFormat::Table => context.ui.results(|out| diff_text(&diff, out)),
        PlanFormat::Csv => context.ui.results(|out| diff_csv(&diff, out)),
        PlanFormat::Json => context.ui.json_result(&diff_json(&diff)),
    }
}

impl PlanArgs {
    /// Adds what was asked of the time ahead.
    fn look_ahead<'v>(&self, view: PlanView<'v>) -> Result<PlanView<'v>, CommandError> {
        let PlanView {
            plan,
            standing,
            verdict,
            ..
        } = view;
        let monthly = self.per_month;
        let monthly = monthly.map(|runs| Monthly::of(plan, standing, runs));
        let spend_down = self
            .spend_down
            .then(|| SpendDown::of(plan, standing, verdict));
        Ok(PlanView {
            monthly: monthly.transpose()?,
            spend_down: spend_down.transpose()?,
            ..view
        })
    }

    fn format(&self, context: &Context) -> PlanFormat {
        self.format.unwrap_or_else(|| usual_format(context))
    }
}

fn usual_format(context: &Context) -> PlanFormat {
    if context.ui.json() {
        PlanFormat::Json
    } else {
        PlanFormat::Table
    }
}

fn print(view: &PlanView<'_>, format: PlanFormat, context: &Context) -> Result<(), CommandError> {
    context.ui.results(|out| match format {
        PlanFormat::Table => plan_text(view, out),
        PlanFormat::Json => plan_json(view, out),
        PlanFormat::Csv => plan_csv(view, out),
    })
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
        Some(ledger) => batch.plan(ledger.paid(&batch.account)?.as_ref(), fresh, &context.ui)?,
        None => batch.plan(&(), fresh, &context.ui)?,
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
    let format = format.unwrap_or_else(|| usual_format(context));
    print(&batch.view(judged), format, context)
}

fn detailed(total: Credits, verdict: &Verdict) -> u8 {
    if total.is_zero() {
        exit::DONE
    } else if verdict.affordable {
        exit::AFFORDABLE
    } else {
        exit::SHORT
    }
}
