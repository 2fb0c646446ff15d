//! `setlist explain`: one job of a plan, with the origin of every value; nothing is sent that costs.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::catalog::nearest_few;
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::{JobOrigins, WhenShort};
use crate::model::{Balance, Credits, JobRecord, ManifestOptions, Ordinal, PaidJob, RunId};
use crate::plan::{Disposition, Plan};
use crate::report::{ExplainedJob, JobExplanation, explanation_text};

use super::super::args::{ManifestArgs, PaceArgs, ProviderArgs, SpendArgs, WaitArgs};
use super::super::batch::{Batch, Judged};
use super::super::connect;
use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::ledgers;
use super::super::plan_file;
use super::super::settings::Layer;
use super::plan::judge;

/// Names that are proposed for one that no job has.
const PROPOSED: usize = 3;

/// Flags of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Job, as `plan` names it: `song`, `song#2`, `cue[17]`, `cue[17]#2`
    #[arg(value_name = "JOB")]
    job: String,

    #[command(flatten)]
    manifest: ManifestArgs,

    /// Ask nobody: no network, no key; the balance is what --balance says, or not known
    #[arg(long, env = "SETLIST_OFFLINE", hide_env = true, value_parser = BoolishValueParser::new())]
    offline: bool,

    /// Plan against this balance instead of asking for it
    #[arg(long, value_name = "N", env = "SETLIST_BALANCE", hide_env = true)]
    balance: Option<Credits>,

    /// Buy again what runs before have bought
    #[arg(long, env = "SETLIST_FRESH", hide_env = true, value_parser = BoolishValueParser::new())]
    fresh: bool,

    #[command(flatten)]
    provider: ProviderArgs,

    #[command(flatten)]
    spend: SpendArgs,
}

/// Prints the explanation.
pub(crate) fn run(args: &ExplainArgs, context: &Context) -> Result<Exit, CommandError> {
    if plan_file::is_plan(&args.manifest.manifest) {
        return Err(
            CommandError::usage("a saved plan keeps no values: a manifest is explained")
                .hint("setlist explain JOB MANIFEST"),
        );
    }
    let flags = Layer::of_flags(
        &args.provider,
        &args.spend,
        &PaceArgs::default(),
        &WaitArgs::default(),
    );
    let mut batch = Batch::read(&args.manifest, flags, None, context)?;
    let balance = args.balance(&batch, context)?;
    let mut judged = judge(&batch, balance, args.fresh, context)?;
    let mut unasked = None;
    let job = match judged.plan.find(&args.job) {
        Some(job) => job,
        None => {
            // Perhaps the options leave it out.
            if !batch.manifest.select_all() {
                return Err(unknown(&args.job, &judged.plan));
            }
            let all = judge(&batch, None, args.fresh, context)?;
            let Some(job) = all.plan.find(&args.job) else {
                return Err(unknown(&args.job, &all.plan));
            };
            judged = all;
            unasked = Some(selection(&batch.manifest.options));
            job
        }
    };
    let explanation = explain(
        &batch,
        &judged,
        job,
        args.fresh,
        unasked.as_deref(),
        context,
    )?;
    if context.ui.json() {
        context.ui.json_result(&explanation)?;
    } else {
        let write = |out: &mut dyn std::io::Write| explanation_text(&explanation, out);
        context.ui.results(write)?;
    }
    Ok(Exit(exit::DONE))
}

impl ExplainArgs {
    /// Returns the balance, which is asked for only when it can decide about a single job.
    fn balance(&self, batch: &Batch, context: &Context) -> Result<Option<Balance>, CommandError> {
        if let Some(credits) = self.balance {
            return Ok(Some(Balance {
                credits,
                extra_credits: Credits::ZERO,
            }));
        }
        if self.offline || batch.manifest.budget.when_short != WhenShort::Fit {
            return Ok(None);
        }
        let simulator = &batch.manifest.provider.simulator;
        connect::balance(&batch.settings, simulator, context).map(Some)
    }
}

fn explain(
    batch: &Batch,
    judged: &Judged,
    job: Ordinal,
    fresh: bool,
    unasked: Option<&str>,
    context: &Context,
) -> Result<JobExplanation, CommandError> {
    let origins = batch.manifest.origins(&batch.catalog, job)?;
    let origins = origins.ok_or_else(|| {
        CommandError::usage("a file that the manifest reads has changed meanwhile")
            .hint("once more")
    })?;
    let past = past(&judged.plan, job, &origins, context)?;
    Ok(JobExplanation::of(&ExplainedJob {
        plan: &judged.plan,
        job,
        origins: &origins,
        prices: &batch.prices,
        fresh,
        fit: judged.fit.as_ref(),
        unasked,
        past: &past,
    }))
}

/// Names the flags that choose among the jobs; a profile does when no flag is there to do it.
fn selection(options: &ManifestOptions) -> String {
    let flags = ManifestOptions {
        profile: None,
        vars: Vec::new(),
        ..options.clone()
    };
    let profile = ManifestOptions {
        profile: options.profile.clone(),
        ..ManifestOptions::default()
    };
    let deciding = if flags.is_empty() { profile } else { flags };
    deciding.to_string()
}

/// Says which jobs were perhaps meant.
fn unknown(name: &str, plan: &Plan) -> CommandError {
    let failure = CommandError::usage(format!("the plan has no job `{name}`"));
    let names = plan.iter().map(|job| job.id().to_string());
    let mut near = nearest_few(name, names, PROPOSED);
    if near.is_empty() {
        // The name of an entry alone, as of one that makes many jobs.
        let entry = name.split(['[', '#', '/']).next().unwrap_or_default();
        let its = plan.iter().filter(|job| job.entry.id == entry);
        near.extend(its.map(|job| job.id().to_string()).take(PROPOSED));
    }
    if near.is_empty() {
        return failure.hint("`setlist plan MANIFEST --format csv` lists every job");
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    failure.hint(format!("did you mean {}?", near.join(" or ")))
}

type Past = BTreeMap<(RunId, Ordinal), JobRecord>;

/// Reads what the ledger knows of the purchases that a job, or one it needs, comes from.
fn past(
    plan: &Plan,
    job: Ordinal,
    origins: &JobOrigins,
    context: &Context,
) -> Result<Past, CommandError> {
    let jobs = std::iter::once(&job).chain(&origins.needs);
    let paid = jobs.filter_map(|job| purchase(plan.job(*job).disposition));
    let mut runs: BTreeMap<RunId, BTreeSet<Ordinal>> = BTreeMap::new();
    for paid in paid {
        runs.entry(paid.run).or_default().insert(paid.ordinal);
    }
    let mut past = Past::new();
    if let Some(ledger) = ledgers::look(context)? {
        for (run, ordinals) in runs {
            records(&ledger, &run, &ordinals, &mut past)?;
        }
    }
    Ok(past)
}

fn purchase(disposition: Disposition) -> Option<PaidJob> {
    match disposition {
        Disposition::Reused { from: paid }
        | Disposition::Blocked { by: paid }
        | Disposition::Waits { by: paid } => Some(paid),
        Disposition::New | Disposition::Twin { .. } => None,
    }
}

fn records(
    ledger: &Ledger,
    run: &RunId,
    ordinals: &BTreeSet<Ordinal>,
    past: &mut Past,
) -> Result<(), CommandError> {
    let found = ledger.for_each_job(run, &mut |record| {
        if ordinals.contains(&record.job.ordinal) {
            past.insert((run.clone(), record.job.ordinal), record);
        }
    });
    match found {
        // A run that is gone meanwhile has nothing to tell.
        Err(LedgerError::NotFound { .. }) => Ok(()),
        other => Ok(other?),
    }
}
