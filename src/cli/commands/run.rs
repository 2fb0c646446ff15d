//! `setlist run`: prices a manifest, or takes a saved plan, asks where it must, enrols its jobs in the ledger and carries them out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use futures::future::{FusedFuture, FutureExt};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::exec::RunOptions;
use crate::ledger::{Enrolment, Ledger, LedgerError, NewRun};
use crate::manifest::parse_duration;
use crate::model::{RunId, RunSettings, StopRules};
use crate::plan::LEFT_OUT;
use crate::sim::Start;

use super::super::approval::{self, ApprovalArgs};
use super::super::args::{ManifestArgs, PaceArgs, ProviderArgs, SpendArgs, StopArgs, WaitArgs};
use super::super::batch::{Batch, Judged};
use super::super::config::KeySource;
use super::super::connect::{self, Connection, Rehearsal};
use super::super::context::Context;
use super::super::counter::Counter;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::lock::{self, Lock};
use super::super::plan_file::{self, SavedPlan};
use super::super::publish::publisher;
use super::super::saved::Making;
use super::super::session::Session;
use super::super::settings::Layer;
use super::super::ui::Ui;
use super::super::{ledgers, repeatable, reports};
use super::plan;

/// Jobs that are enrolled in one transaction: enough that a commit costs little, few enough to stay small.
const JOBS_PER_CHUNK: usize = 1000;

/// Flags of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    manifest: ManifestArgs,

    /// Show the plan and stop there
    #[arg(long, env = "SETLIST_DRY_RUN", hide_env = true, value_parser = BoolishValueParser::new())]
    dry_run: bool,

    /// Folder for results and reports [default: out/NAME]
    #[arg(long, value_name = "DIR", env = "SETLIST_OUT", hide_env = true)]
    out: Option<PathBuf>,

    #[command(flatten)]
    approval: ApprovalArgs,

    /// With a saved plan: how old it may be [default: 24h]
    #[arg(long, value_name = "SPAN", env = "SETLIST_MAX_PLAN_AGE", hide_env = true, value_parser = parse_duration)]
    max_plan_age: Option<Duration>,

    /// Buy again what runs before have bought
    #[arg(long, env = "SETLIST_FRESH", hide_env = true, value_parser = BoolishValueParser::new())]
    fresh: bool,

    /// The simulator's seed: the same seed makes the same songs, faults and times, and takes no time to wait
    #[arg(long, value_name = "N", env = "SETLIST_SEED", hide_env = true)]
    seed: Option<u64>,

    #[command(flatten)]
    provider: ProviderArgs,

    #[command(flatten)]
    spend: SpendArgs,

    #[command(flatten)]
    stop: StopArgs,

    #[command(flatten)]
    pace: PaceArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Carries out a manifest.
pub(crate) fn run(args: &RunArgs, context: &Context) -> Result<Exit, CommandError> {
    let saved = saved(args)?;
    let batch = read(args, saved.as_ref(), context)?;
    if args.dry_run {
        return dry_run(args, saved.as_ref(), &batch, context);
    }
    let manifest_path = manifest_path(Path::new(&batch.manifest.path), context)?;
    let _manifest_lock = lock_manifest(&manifest_path, &batch.manifest.digest, context)?;
    let (ledger, runtime) = if batch.is_repeatable() {
        (
            ledgers::open_repeatable(context)?,
            context.repeatable_runtime()?,
        )
    } else {
        (ledgers::open(context)?, context.runtime()?)
    };
    // A clock that is read outside of its runtime would tell the machine's time.
    let _inside = runtime.enter();
    if let Some(saved) = &saved {
        saved.refuse_second(&ledger)?;
    }
    let (connection, _rehearsal) = connect(&batch, context)?;
    let balance = runtime.block_on(connection.balance())?;
    let now = connection.clock.now();
    let planned = |fresh| {
        let plan = batch.plan(ledger.paid(&batch.account)?.as_ref(), fresh, &context.ui)?;
        batch.judge(plan, Some(balance), Some(&ledger), now)
    };
    let judged = match &saved {
        Some(saved) => saved.plan_again(&batch, args.max_plan_age, context, planned)?,
        None => planned(args.fresh)?,
    };
    // Known now that all jobs were looked at.
    let local = local_files(&batch);
    let files = publisher(&batch.settings, &local, &context.config()?.public)?;
    approval::approve(&args.approval, &batch, &judged, context)?;

    let out = context.absolute(&args.out.clone().unwrap_or_else(|| usual_out(&batch)))?;
    if !args.fresh && !batch.settings.is_in_process() {
        reports::refuse_unknown(&ledger, &batch.account, &out)?;
    }
    reports::prepare_folder(&out)?;
    let digest = &batch.manifest.digest;
    let run = match batch.is_repeatable() {
        true => repeatable::run_id(connection.seed, digest, now, &ledger)?,
        false => context.new_run_id(),
    };
    let rules = args.stop.rules(StopRules::default());
    let new_run = NewRun {
        id: run.clone(),
        manifest: batch.manifest.name.clone(),
        manifest_path,
        manifest_digest: batch.manifest.digest.clone(),
        account: batch.account.clone(),
        price_list: batch.prices.name.clone(),
        settings: settings(
            &batch,
            &out,
            &connection,
            rules,
            saved.as_ref().map(|saved| saved.digest.as_str()),
            saved.as_ref().map_or(args.fresh, |saved| saved.head.fresh),
        ),
    };
    enrol(
        &ledger,
        &runtime,
        new_run,
        &judged,
        &batch,
        &connection,
        &context.ui,
    )?;
    drop((judged, saved));
    let session = Session {
        context,
        runtime: &runtime,
        ledger,
        connection,
        options: options(rules),
        events: args.stop.events && context.ui.json(),
        is_steerable: !batch.is_repeatable(),
        files,
    };
    session.carry_out(&run)
}

/// Reads the saved plan, when that is what was given.
fn saved(args: &RunArgs) -> Result<Option<SavedPlan>, CommandError> {
    let path = &args.manifest.manifest;
    if !plan_file::is_plan(path) {
        return Ok(None);
    }
    let saved = plan_file::read(path)?;
    saved.refuse_changes(&Making {
        provider: &args.provider,
        spend: &args.spend,
        pace: &args.pace,
        fresh: args.fresh,
        options: &args.manifest.options,
    })?;
    Ok(Some(saved))
}

fn read(
    args: &RunArgs,
    saved: Option<&SavedPlan>,
    context: &Context,
) -> Result<Batch, CommandError> {
    let flags = Layer::of_flags(&args.provider, &args.spend, &args.pace, &args.wait);
    match saved {
        Some(saved) => saved.batch(flags, args.seed, context),
        None => Batch::read(&args.manifest, flags, args.seed, context),
    }
}

fn dry_run(
    args: &RunArgs,
    saved: Option<&SavedPlan>,
    batch: &Batch,
    context: &Context,
) -> Result<Exit, CommandError> {
    let simulator = &batch.manifest.provider.simulator;
    let balance = connect::balance(&batch.settings, simulator, context)?;
    let planned = |fresh| plan::judge(batch, Some(balance), fresh, context);
    let judged = match saved {
        Some(saved) => {
            if let Some(ledger) = ledgers::look(context)? {
                saved.refuse_second(&ledger)?;
            }
            saved.plan_again(batch, args.max_plan_age, context, planned)?
        }
        None => planned(args.fresh)?,
    };
    plan::show(batch, &judged, None, context)?;
    Ok(Exit(exit::DONE))
}

/// Returns the limits of a run that are not about credits.
pub(crate) fn options(rules: StopRules) -> RunOptions {
    RunOptions {
        max_duration: rules.max_duration,
        max_failures: rules.max_failures,
        cutoff: rules.cutoff,
        settle_doubts: !rules.keep_doubts,
        proof: rules.proof,
        on_drift: rules.on_drift(),
        pace: None,
        closing: None,
    }
}

/// Takes the lock of a manifest; one from standard input has no name and is locked by its text.
pub(crate) fn lock_manifest(
    path: &str,
    digest: &str,
    context: &Context,
) -> Result<Lock, CommandError> {
    let what = format!("`{path}`");
    lock::take(&context.ledger_folder()?, &lock_name(path, digest), &what)
}

fn lock_name<'a>(path: &'a str, digest: &str) -> Cow<'a, str> {
    match path {
        "-" => format!("-{digest}").into(),
        named => named.into(),
    }
}

/// Returns a manifest's path as the ledger keeps it: it must name the same file from any folder.
pub(crate) fn manifest_path(path: &Path, context: &Context) -> Result<String, CommandError> {
    if path.as_os_str() == "-" {
        return Ok("-".to_owned());
    }
    let absolute = match path.canonicalize() {
        Ok(path) => path,
        Err(_) => context.absolute(path)?,
    };
    Ok(absolute.to_string_lossy().into_owned())
}

fn usual_out(batch: &Batch) -> PathBuf {
    Path::new("out").join(&batch.manifest.name)
}

fn connect(
    batch: &Batch,
    context: &Context,
) -> Result<(Connection, Option<Rehearsal>), CommandError> {
    if !batch.settings.is_in_process() {
        connect::forget_balance(&batch.settings, context);
        return Ok((connect::over_network(&batch.settings, context)?, None));
    }
    let rehearsal = Rehearsal::take(context)?;
    let now = rehearsal.earliest_anew(batch.start(context))?;
    let simulator = &batch.manifest.provider.simulator;
    let (connection, _) =
        rehearsal.connect(&batch.settings, simulator, Start::NewRun, now, context)?;
    Ok((connection, Some(rehearsal)))
}

/// Returns what the ledger keeps of how the run is carried out, so that a resume does the same.
fn settings(
    batch: &Batch,
    out: &Path,
    connection: &Connection,
    stop: StopRules,
    plan: Option<&str>,
    fresh: bool,
) -> RunSettings {
    let settings = &batch.settings;
    let simulator = if settings.is_in_process() {
        Value::Object(batch.manifest.provider.simulator.clone())
    } else {
        Value::Null
    };
    RunSettings {
        provider: settings.provider.name.to_owned(),
        base_url: settings.base_url.clone(),
        key_env: match settings.key() {
            KeySource::Variable(name) => name,
            // A file or a command is the user's own, and is looked up in the configuration again.
            KeySource::File(_) | KeySource::Command(_) => String::new(),
        },
        rate: settings.rate(),
        concurrency: settings.concurrency(),
        poll: settings.poll(),
        timeout: settings.timeout(),
        out: out.to_string_lossy().into_owned(),
        limits: batch.limits(connection.clock.now()),
        files: local_files(batch),
        simulator,
        plan: plan.map(str::to_owned),
        fresh,
        stop,
        options: batch.manifest.options.clone(),
        catalog: { batch.catalog.added.as_ref() }.map(|added| added.text.to_string()),
    }
}

fn local_files(batch: &Batch) -> BTreeMap<String, String> {
    let files = batch.manifest.local_files().into_iter();
    files
        .map(|(digest, path)| (digest, path.to_string_lossy().into_owned()))
        .collect()
}

/// Writes the run and its jobs into the ledger; a run that can't be written whole is taken back.
fn enrol(
    ledger: &Ledger,
    runtime: &Runtime,
    run: NewRun,
    judged: &Judged,
    batch: &Batch,
    connection: &Connection,
    ui: &Ui,
) -> Result<(), CommandError> {
    let id = run.id.clone();
    let now = connection.clock.now();
    let head = ledger.enroll(run, now);
    let outcome = enrol_jobs(ledger, runtime, &id, head, judged, batch, ui);
    if outcome.is_err() {
        // The first failure is the one to tell; a run left Enrolling never sends anything.
        drop(runtime.block_on(ledger.discard(&id, now)));
    }
    outcome
}

fn enrol_jobs(
    ledger: &Ledger,
    runtime: &Runtime,
    run: &RunId,
    head: impl Future<Output = Result<(), LedgerError>>,
    judged: &Judged,
    batch: &Batch,
    ui: &Ui,
) -> Result<(), CommandError> {
    let mut head = Box::pin(head.fuse());
    // Asked for together, the head and the first jobs are one commit.
    let mut store = |jobs| {
        runtime.block_on(async {
            let jobs = ledger.enroll_jobs(run, jobs);
            if head.is_terminated() {
                jobs.await
            } else {
                tokio::try_join!(biased; &mut head, jobs).map(|_| ())
            }
        })
    };
    let mut chunk = Vec::with_capacity(JOBS_PER_CHUNK);
    let mut stored: Result<(), LedgerError> = Ok(());
    let fit = judged.fit.as_ref();
    let plan = &judged.plan;
    let mut counter = Counter::new(ui, "recording");
    plan.jobs(&batch.manifest, &batch.catalog, &mut |enrollee| {
        counter.show(u64::from(enrollee.job.ordinal.0));
        let left_out = fit.is_some_and(|fit| fit.leaves_out(enrollee.job.ordinal));
        let left_out = left_out.then(|| LEFT_OUT.to_owned());
        chunk.push(Enrolment {
            job: enrollee.job,
            blocked: enrollee.blocked.or(left_out),
        });
        if chunk.len() == JOBS_PER_CHUNK && stored.is_ok() {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(JOBS_PER_CHUNK));
            stored = store(full);
        }
        if stored.is_err() {
            chunk.clear();
        }
    })?;
    stored?;
    Ok(store(chunk)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_a_name_is_locked_by_its_text() {
        assert_eq!(lock_name("/a/b.toml", "d1"), lock_name("/a/b.toml", "d2"));
        assert_eq!(lock_name("-", "d1"), lock_name("-", "d1"));
        assert_ne!(lock_name("-", "d1"), lock_name("-", "d2"));
    }
}
