//! `setlist run`: prices a manifest, asks where it must, enrols its jobs in the ledger and carries them out.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::catalog::Catalog;
use crate::exec::RunOptions;
use crate::ledger::{Enrolment, Ledger, LedgerError, NewRun};
use crate::manifest::WhenShort;
use crate::model::{Credits, RunId, RunSettings};
use crate::plan::Plan;
use crate::report::plan_text;
use crate::sim::Start;

use super::super::args::{ManifestArgs, PaceArgs, ProviderArgs, SpendArgs, StopArgs, WaitArgs};
use super::super::batch::{Batch, Judged};
use super::super::config::KeySource;
use super::super::connect::{self, Connection, Rehearsal};
use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::lock::{self, Lock};
use super::super::session::Session;
use super::super::settings::Layer;
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

    /// Do not ask
    #[arg(short, long, env = "SETLIST_YES", hide_env = true, value_parser = BoolishValueParser::new())]
    yes: bool,

    /// Do not ask up to this price; above it ask, and refuse where nobody can be asked, or with --yes
    #[arg(long, value_name = "N", env = "SETLIST_YES_UNDER", hide_env = true)]
    yes_under: Option<Credits>,

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
    let flags = Layer::of_flags(&args.provider, &args.spend, &args.pace, &args.wait);
    let batch = Batch::read(&args.manifest, flags, args.seed, context)?;
    if args.dry_run {
        return dry_run(args, &batch, context);
    }
    let manifest_path = manifest_path(&args.manifest.manifest, context)?;
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
    let (connection, _rehearsal) = connect(&batch, context)?;
    let balance = runtime.block_on(connection.balance())?;
    let plan = batch.plan(ledger.paid(&batch.account)?.as_ref(), args.fresh)?;
    let now = connection.clock.now();
    let judged = batch.judge(plan, Some(balance), Some(&ledger), now)?;
    approve(args, &batch, &judged, context)?;

    let out = context.absolute(&args.out.clone().unwrap_or_else(|| usual_out(&batch)))?;
    reports::prepare_folder(&out)?;
    let digest = &batch.manifest.digest;
    let run = match batch.is_repeatable() {
        true => repeatable::run_id(connection.seed, digest, now, &ledger)?,
        false => context.new_run_id(),
    };
    let new_run = NewRun {
        id: run.clone(),
        manifest: batch.manifest.name.clone(),
        manifest_path,
        manifest_digest: batch.manifest.digest.clone(),
        account: batch.account.clone(),
        price_list: batch.prices.name.clone(),
        settings: settings(&batch, &out, &connection),
    };
    enrol(
        &ledger,
        &runtime,
        new_run,
        &judged.plan,
        &batch,
        &connection,
    )?;
    drop(judged);
    let session = Session {
        context,
        runtime: &runtime,
        ledger,
        connection,
        options: options(&args.stop),
        events: args.stop.events && context.ui.json(),
    };
    session.carry_out(&run)
}

fn dry_run(args: &RunArgs, batch: &Batch, context: &Context) -> Result<Exit, CommandError> {
    let simulator = &batch.manifest.provider.simulator;
    let balance = connect::balance(&batch.settings, simulator, context)?;
    let judged = plan::judge(batch, Some(balance), args.fresh, context)?;
    plan::show(batch, &judged, None, context)?;
    Ok(Exit(exit::DONE))
}

/// Returns the limits of a run that are not about credits.
pub(crate) fn options(stop: &StopArgs) -> RunOptions {
    RunOptions {
        max_duration: stop.max_duration,
        max_failures: stop.max_failures,
        cutoff: stop.cutoff.map(Into::into).unwrap_or_default(),
        settle_doubts: !stop.keep_doubts,
        pace: None,
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
fn manifest_path(path: &Path, context: &Context) -> Result<String, CommandError> {
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
    let now = rehearsal.earliest(batch.start(context))?;
    let simulator = &batch.manifest.provider.simulator;
    let (connection, _) =
        rehearsal.connect(&batch.settings, simulator, Start::NewRun, now, context)?;
    Ok((connection, Some(rehearsal)))
}

/// Shows a person the plan, refuses what can't be paid for, and asks where that is wanted.
fn approve(
    args: &RunArgs,
    batch: &Batch,
    judged: &Judged,
    context: &Context,
) -> Result<(), CommandError> {
    let ui = &context.ui;
    let total = judged.plan.total();
    if ui.is_watched() && !ui.json() {
        let mut text = Vec::new();
        // Memory takes all that is written.
        drop(plan_text(&batch.view(judged), &mut text));
        ui.tell(&String::from_utf8_lossy(&text));
    }
    let fits = batch.manifest.budget.when_short == WhenShort::Fit;
    if !judged.verdict.affordable && !fits {
        return Err(short(judged));
    }
    match args.yes_under {
        _ if total.is_zero() => return Ok(()),
        Some(most) if total <= most => return Ok(()),
        // Nobody is to be asked, so the price that was set stands.
        Some(most) if args.yes => return Err(above(total, most)),
        None if args.yes => return Ok(()),
        _ => {}
    }
    // A rehearsal spends nothing, so nobody is asked; a price that was set is kept to all the same.
    let asks = ui.can_ask() && !batch.settings.is_in_process();
    match args.yes_under {
        _ if asks && ui.confirm(&format!("spend {total} credits?")) => Ok(()),
        _ if asks => Err(CommandError::message(
            ErrorKind::Short,
            "not approved: nothing was started",
        )),
        Some(most) => Err(above(total, most)),
        None => Ok(()),
    }
}

/// Says by how much a plan costs more than was approved.
fn above(total: Credits, most: Credits) -> CommandError {
    let more = most.short_of(total);
    CommandError::message(
        ErrorKind::Short,
        format!(
            "the plan costs {total} credits, {more} more than the {most} that --yes-under approves: nothing was started"
        ),
    )
    .detailed("above_by", json!(more))
}

/// Says by how much which limit is too low.
fn short(judged: &Judged) -> CommandError {
    let verdict = &judged.verdict;
    let needed = verdict.needed;
    let mut failure = CommandError::message(
        ErrorKind::Short,
        format!(
            "the plan costs {needed} credits, {} more than can be spent: nothing was started",
            verdict.shortfall
        ),
    );
    for room in verdict.limits.iter().filter(|room| !room.short.is_zero()) {
        let what = match room.limit {
            crate::plan::Limit::Run => format!("the run's cap of {}", room.of),
            crate::plan::Limit::Period => format!("the period's budget of {}", room.of),
            crate::plan::Limit::Balance => format!("the balance of {}", room.of),
        };
        failure = failure.hint(format!(
            "{what} leaves {}: raise it by {}",
            room.room, room.short
        ));
    }
    failure.detailed("short_by", json!(verdict.shortfall))
}

/// Returns what the ledger keeps of how the run is carried out, so that a resume does the same.
fn settings(batch: &Batch, out: &Path, connection: &Connection) -> RunSettings {
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
        simulator,
    }
}

/// Writes the run and its jobs into the ledger; a run that can't be written whole is taken back.
fn enrol(
    ledger: &Ledger,
    runtime: &Runtime,
    run: NewRun,
    plan: &Plan,
    batch: &Batch,
    connection: &Connection,
) -> Result<(), CommandError> {
    let id = run.id.clone();
    let now = connection.clock.now();
    runtime.block_on(ledger.enroll(run, now))?;
    let outcome = enrol_jobs(ledger, runtime, &id, plan, batch);
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
    plan: &Plan,
    batch: &Batch,
) -> Result<(), CommandError> {
    let mut chunk = Vec::with_capacity(JOBS_PER_CHUNK);
    let mut stored: Result<(), LedgerError> = Ok(());
    plan.jobs(&batch.manifest, Catalog::builtin(), &mut |enrollee| {
        chunk.push(Enrolment {
            job: enrollee.job,
            blocked: enrollee.blocked,
        });
        if chunk.len() == JOBS_PER_CHUNK && stored.is_ok() {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(JOBS_PER_CHUNK));
            stored = runtime.block_on(ledger.enroll_jobs(run, full));
        }
        if stored.is_err() {
            chunk.clear();
        }
    })?;
    stored?;
    if !chunk.is_empty() {
        runtime.block_on(ledger.enroll_jobs(run, chunk))?;
    }
    Ok(())
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
