//! `setlist resume`: goes on with a run that stopped or died, exactly where it stood.

use std::path::Path;

use clap::Args;
use clap::builder::BoolishValueParser;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::exec::{self, Pace, RunOptions};
use crate::ledger::{JobEvent, LEASE, Ledger, LedgerError};
use crate::model::{Credits, JobState, RunId, RunRecord, RunState};
use crate::sim::Start;

use super::super::args::{PaceArgs, SpendArgs, StopArgs, WaitArgs};
use super::super::config::KeySource;
use super::super::connect::{self, Connection, Rehearsal};
use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::publish::publisher;
use super::super::session::Session;
use super::super::settings::{Layer, Settings};
use super::super::{batch, catalogs, drift, ledgers, repeatable, reports};
use super::run;

/// No rehearsal runs longer than this by its own clock.
const LONGEST_REHEARSAL: SignedDuration = SignedDuration::from_hours(24 * 365);

/// Flags of `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Run, by its id, the id's beginning, or its manifest [default: the latest that stopped or died; with
    /// --retry-failed the latest]
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Try jobs again that failed or were refused; each is paid for anew
    #[arg(long, env = "SETLIST_RETRY_FAILED", hide_env = true, value_parser = BoolishValueParser::new())]
    retry_failed: bool,

    /// Add so many credits to the simulated account first
    #[arg(long, value_name = "N", env = "SETLIST_SIM_CREDITS", hide_env = true)]
    sim_credits: Option<Credits>,

    #[command(flatten)]
    spend: SpendArgs,

    #[command(flatten)]
    stop: StopArgs,

    #[command(flatten)]
    pace: PaceArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Goes on with a run.
pub(crate) fn run(args: &ResumeArgs, context: &Context) -> Result<Exit, CommandError> {
    let Some(record) = find(args, context)? else {
        make_up_reports(args, context)?;
        return nothing_to_do(context);
    };
    catalogs::of_run(record.settings.catalog.as_deref(), context)?;
    let _manifest_lock =
        run::lock_manifest(&record.manifest_path, &record.manifest_digest, context)?;
    let settings = settings(args, &record, context)?;
    let (ledger, runtime) = if is_repeatable(&record, &settings) {
        (
            ledgers::open_repeatable(context)?,
            context.repeatable_runtime()?,
        )
    } else {
        (ledgers::open(context)?, context.runtime()?)
    };
    let rules = args.stop.rules(record.settings.stop);
    drift::refuse(&ledger, &record, rules)?;
    reports::prepare_folder(Path::new(&record.settings.out))?;
    let files = publisher(&settings, &record.settings.files, &context.config()?.public)?;
    // A clock that is read outside of its runtime would tell the machine's time.
    let _inside = runtime.enter();
    let (connection, _rehearsal) = connect(args, &record, &settings, &ledger, &runtime, context)?;

    let now = connection.clock.now();
    let limits = batch::limits(&settings, now);
    // The manifest's lock is ours, and it dies with its process: whoever had a lease on the run is gone.
    runtime.block_on(ledger.break_lease(&record.id, now))?;
    // Taken before it is changed: another process may be at work on it, by the limits it was given.
    runtime.block_on(ledger.start(&record.id, now))?;
    runtime.block_on(ledger.set_limits(&record.id, limits))?;
    if args.retry_failed {
        retry_failed(&ledger, &runtime, &record, now)?;
    }
    // To look at a million files takes a while: jobs that are left to do come first.
    let is_all_done = record.state == RunState::Finished;
    if is_all_done {
        repair(&ledger, &runtime, &record, now, context)?;
    }
    let session = Session {
        context,
        runtime: &runtime,
        ledger,
        connection,
        options: RunOptions {
            pace: Some(Pace {
                rate: settings.rate(),
                concurrency: settings.concurrency(),
                poll: settings.poll(),
            }),
            closing: record
                .closing
                .filter(|_| record.state == RunState::Finished),
            ..run::options(rules)
        },
        events: args.stop.events && context.ui.json(),
        is_steerable: !is_repeatable(&record, &settings),
        files,
    };
    let exit = session.carry_out(&record.id)?;
    let is_through =
        || Ok::<_, LedgerError>(session.ledger.run(&record.id)?.state == RunState::Finished);
    if is_all_done || !is_through()? || !repair_after(&session, &record.id)? {
        return Ok(exit);
    }
    session.carry_out(&record.id)
}

/// Has files fetched again that went missing before the run was gone on with; tells whether there are any.
fn repair_after(session: &Session<'_>, run: &RunId) -> Result<bool, CommandError> {
    let Session {
        context,
        runtime,
        ledger,
        connection,
        ..
    } = session;
    let record = ledger.run(run)?;
    if exec::damaged(ledger, &record)?.is_empty() {
        return Ok(false);
    }
    let now = connection.clock.now();
    runtime.block_on(ledger.start(run, now))?;
    repair(ledger, runtime, &record, now, context)?;
    Ok(true)
}

/// Finds the run to go on with, if any is left; looks only, and makes no ledger.
fn find(args: &ResumeArgs, context: &Context) -> Result<Option<RunRecord>, CommandError> {
    let Some(ledger) = ledgers::look(context)? else {
        return match args.run {
            Some(_) => Err(ledgers::no_runs()),
            None => Ok(None),
        };
    };
    let found = match &args.run {
        Some(name) => Some(ledgers::pick(&ledger, Some(name))?),
        None if args.retry_failed => Some(ledgers::pick(&ledger, None)?),
        None => ledgers::latest_unfinished(&ledger)?,
    };
    let Some(run) = found else {
        return Ok(None);
    };
    // Whoever names no run may have taken the files of the last one away for good.
    let is_left = run.state != RunState::Finished
        || args.retry_failed
        || (args.run.is_some() && !exec::damaged(&ledger, &run)?.is_empty());
    Ok(is_left.then_some(run))
}

/// Has files fetched again that were saved and are gone or changed.
fn repair(
    ledger: &Ledger,
    runtime: &Runtime,
    record: &RunRecord,
    now: Timestamp,
    context: &Context,
) -> Result<(), CommandError> {
    let damaged = exec::damaged(ledger, record)?;
    for damage in &damaged {
        runtime.block_on(exec::save_again(ledger, record, damage, now))?;
    }
    if !damaged.is_empty() && !context.ui.json() {
        let files = damaged.iter().map(|damage| damage.files.len()).sum();
        context.ui.warn(&format!(
            "{} of {} missing or changed: saved again, free of charge\n",
            counted(files, "file"),
            counted(damaged.len(), "job")
        ));
    }
    Ok(())
}

fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Writes the reports of a run that ended, when its process was cut off between its end and its reports.
fn make_up_reports(args: &ResumeArgs, context: &Context) -> Result<(), CommandError> {
    let Some(ledger) = ledgers::look(context)? else {
        return Ok(());
    };
    let record = match &args.run {
        Some(name) => Some(ledgers::pick(&ledger, Some(name))?),
        None => ledger.runs(1)?.pop(),
    };
    let Some(record) = record else {
        return Ok(());
    };
    let out = Path::new(&record.settings.out);
    if record.state == RunState::Finished && reports::are_behind(&record, out) {
        reports::prepare_folder(out)?;
        reports::write(&ledger, &record, out)?;
    }
    Ok(())
}

fn nothing_to_do(context: &Context) -> Result<Exit, CommandError> {
    if context.ui.json() {
        context
            .ui
            .json_result(&json!({ "run": null, "exit_code": exit::DONE }))?;
    } else {
        context.ui.tell("no run is left to go on with\n");
    }
    Ok(Exit(exit::DONE))
}

/// Takes the settings the run was made with. Flags change its limits for good, and its pace, and when it stops, for this time; the key may
/// have moved since, with the user's configuration.
fn settings(
    args: &ResumeArgs,
    record: &RunRecord,
    context: &Context,
) -> Result<Settings, CommandError> {
    let kept = &record.settings;
    let as_before = Layer {
        provider: Some(kept.provider.clone()),
        base_url: Some(kept.base_url.clone()).filter(|url| !url.is_empty()),
        key: Some(kept.key_env.clone())
            .filter(|name| !name.is_empty())
            .map(KeySource::Variable),
        prices: Some(record.price_list.clone()),
        rate: args.pace.rate.or(Some(kept.rate)),
        concurrency: args.pace.concurrency.or(Some(kept.concurrency)),
        poll: args.wait.poll.or(kept.poll),
        timeout: args.wait.timeout.or(Some(kept.timeout)),
        run_cap: args.spend.max_credits.or(kept.limits.run),
        keep: args.spend.keep.or(Some(kept.limits.keep)),
        period: args.spend.period_budget.or(kept.limits.period),
    };
    // What the ledger keeps was judged when the run was made, so it counts as asked for by a person.
    Settings::resolve(as_before, Layer::default(), context.config()?)
}

/// Tells whether the run is a rehearsal that is to come out the same to the byte.
fn is_repeatable(record: &RunRecord, settings: &Settings) -> bool {
    let simulator = record.settings.simulator.as_object();
    settings.is_in_process() && simulator.is_some_and(repeatable::is_asked_for)
}

/// Connects to the provider the run was made with.
fn connect(
    args: &ResumeArgs,
    record: &RunRecord,
    settings: &Settings,
    ledger: &Ledger,
    runtime: &Runtime,
    context: &Context,
) -> Result<(Connection, Option<Rehearsal>), CommandError> {
    if settings.base_url != record.settings.base_url {
        return Err(CommandError::usage(format!(
            "run {} was made at `{}`, and the configuration says `{}`",
            record.id, record.settings.base_url, settings.base_url
        )));
    }
    if !settings.is_in_process() {
        if args.sim_credits.is_some() {
            return Err(CommandError::usage(
                "--sim-credits is for runs on the simulator in this process",
            ));
        }
        connect::forget_balance(settings, context);
        return Ok((connect::over_network(settings, context)?, None));
    }
    let rehearsal = Rehearsal::take(context)?;
    let start = match is_repeatable(record, settings) {
        true => context.repeatable_start(),
        false => context.now(),
    };
    let earliest = rehearsal.earliest(start)?;
    let start = rehearsal_time(record, ledger, runtime, earliest)?;
    let nothing = Map::new();
    let kept = match &record.settings.simulator {
        Value::Object(kept) => kept,
        _ => &nothing,
    };
    let (connection, simulator) =
        rehearsal.connect(settings, kept, Start::Resume, start, context)?;
    if let Some(credits) = args.sim_credits {
        simulator.top_up(credits, Credits::ZERO)?;
    }
    Ok((connection, Some(rehearsal)))
}

/// Finds a time at which a rehearsal can go on: its clock runs fast, so the run's own past may lie ahead of us.
///
/// A process that died has left a lease until some time of that clock. Nobody else can be at work, since this process
/// has the simulated account to itself, so the lease is waited out by setting the clock later.
fn rehearsal_time(
    record: &RunRecord,
    ledger: &Ledger,
    runtime: &Runtime,
    earliest: Timestamp,
) -> Result<Timestamp, CommandError> {
    let mut time = record
        .finished_at
        .map_or(earliest, |finished| finished.max(earliest));
    let mut step = LEASE;
    loop {
        match runtime.block_on(ledger.start(&record.id, time)) {
            Ok(()) => return Ok(time),
            Err(LedgerError::Leased(_)) if step < LONGEST_REHEARSAL => {
                time = time.saturating_add(step).unwrap_or(Timestamp::MAX);
                step = step.saturating_mul(2);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Puts jobs that failed, were refused or skipped back to the start.
fn retry_failed(
    ledger: &Ledger,
    runtime: &Runtime,
    record: &RunRecord,
    now: Timestamp,
) -> Result<(), CommandError> {
    let mut failed = Vec::new();
    ledger.for_each_job(&record.id, &mut |job| {
        if matches!(
            job.state,
            JobState::Failed | JobState::Refused | JobState::Skipped
        ) {
            failed.push(job.job.ordinal);
        }
    })?;
    for job in failed {
        match runtime.block_on(ledger.record(&record.id, job, vec![JobEvent::Restart], now)) {
            // A skipped job that needs one that is lost stays so, and one that it needed has brought it back already.
            Ok(_) | Err(LedgerError::IllegalStep { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
