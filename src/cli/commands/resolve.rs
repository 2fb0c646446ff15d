//! `setlist resolve`: payments in doubt, the evidence, and a person's decision on one of them.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use crate::ledger::{JobEvent, Ledger};
use crate::model::{JobRecord, JobState, RunRecord, RunState, TaskId};
use crate::report::{Column, Table};

use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::ledgers;

/// What the ledger keeps as the reason of a decision.
const BY_HAND: &str = "a payment in doubt was settled by hand";

/// Flags of `resolve`.
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// Run, by its id, the id's beginning, or its manifest [default: all that have payments in doubt]
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Take this job as charged: its credits are spent and its result is lost, unless --task names it
    #[arg(long, value_name = "JOB", conflicts_with = "not_charged")]
    charged: Option<String>,

    /// Take this job as not charged: its credits are free again, and a resume sends it once more
    #[arg(long, value_name = "JOB")]
    not_charged: Option<String>,

    /// With --charged: the provider's task, when you found it; a resume fetches its result
    #[arg(long, value_name = "TASK", requires = "charged")]
    task: Option<String>,
}

/// A job in doubt with its run.
struct Doubt {
    run: RunRecord,
    job: JobRecord,
}

/// Lists doubts, or settles one.
pub(crate) fn run(args: &ResolveArgs, context: &Context) -> Result<Exit, CommandError> {
    let ledger = ledgers::look(context)?.ok_or_else(ledgers::no_runs)?;
    let doubts = find(&ledger, args.run.as_deref())?;
    let (name, event) = match (&args.charged, &args.not_charged) {
        (Some(name), _) => (name, charged(args.task.as_deref())),
        (None, Some(name)) => (name, not_charged()),
        (None, None) => return list(&doubts, context),
    };
    let doubt = single(&doubts, name)?;
    settle(&ledger, doubt, event, context)?;
    let run = ledger.run(&doubt.run.id)?;
    let rest = doubts.len() - 1;
    if context.ui.json() {
        let settled = json!({ "run": run.id, "job": name, "state": run.state, "in_doubt": rest });
        context.ui.json_result(&settled)?;
    } else {
        context
            .ui
            .tell(&format!("`{name}` is settled, {rest} still in doubt\n"));
        if run.state == RunState::Stopped && run.totals.in_doubt == 0 {
            context.ui.tell(&format!("setlist resume {}\n", run.id));
        }
    }
    Ok(Exit(if rest == 0 {
        exit::DONE
    } else {
        exit::IN_DOUBT
    }))
}

fn charged(task: Option<&str>) -> JobEvent {
    match task {
        Some(task) => JobEvent::Accept {
            task: Some(TaskId::new(task)),
        },
        None => JobEvent::Lose {
            error: BY_HAND.to_owned(),
        },
    }
}

fn not_charged() -> JobEvent {
    JobEvent::Release {
        error: Some(BY_HAND.to_owned()),
    }
}

fn find(ledger: &Ledger, named: Option<&str>) -> Result<Vec<Doubt>, CommandError> {
    let runs = match named {
        Some(_) => vec![ledgers::pick(ledger, named)?],
        None => ledgers::recent(ledger)?,
    };
    let mut doubts = Vec::new();
    for run in runs.into_iter().filter(|run| run.totals.in_doubt > 0) {
        ledger.for_each_job(&run.id, &mut |job| {
            if job.state == JobState::InDoubt {
                let run = run.clone();
                doubts.push(Doubt { run, job });
            }
        })?;
    }
    Ok(doubts)
}

fn list(doubts: &[Doubt], context: &Context) -> Result<Exit, CommandError> {
    if context.ui.json() {
        let jobs: Vec<_> = doubts.iter().map(as_json).collect();
        context.ui.json_result(&json!({ "in_doubt": jobs }))?;
    } else if doubts.is_empty() {
        context.ui.result("no payment is in doubt\n")?;
    } else {
        context.ui.results(|out| write_text(doubts, out))?;
    }
    Ok(Exit(if doubts.is_empty() {
        exit::DONE
    } else {
        exit::IN_DOUBT
    }))
}

fn write_text(doubts: &[Doubt], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([
        Column::Words("run"),
        Column::Words("job"),
        Column::Words("operation"),
        Column::Numbers("credits"),
        Column::Words("what happened"),
    ]);
    for Doubt { run, job } in doubts {
        table.row([
            run.id.to_string(),
            job.job.id.to_string(),
            job.job.operation.clone(),
            job.held.to_string(),
            job.error.clone().unwrap_or_default(),
        ]);
    }
    table.write(out, 0)?;
    writeln!(out)?;
    for group in doubts.chunk_by(|a, b| a.run.id == b.run.id) {
        writeln!(out, "{}", evidence(&group[0].run))?;
    }
    if let Some(Doubt { run, job }) = doubts.first() {
        let (run, job) = (&run.id, &job.job.id);
        writeln!(
            out,
            "\ncompare with the provider's own list of tasks, then say which it was, such as"
        )?;
        writeln!(out, "  setlist resolve {run} --not-charged '{job}'")?;
        writeln!(
            out,
            "  setlist resolve {run} --charged '{job}' [--task TASK]"
        )?;
    }
    Ok(())
}

/// Says what the balance tells: a gap of the books as large as a price speaks for a charge.
fn evidence(run: &RunRecord) -> String {
    let id = &run.id;
    match run.unexplained() {
        Some(gap) if gap.get() < 0 => format!(
            "run {id}: the balance fell by {} more than the books explain",
            gap.get().unsigned_abs()
        ),
        Some(gap) if gap.get() > 0 => format!(
            "run {id}: the balance is {} above what the books explain",
            gap.get()
        ),
        Some(_) => format!("run {id}: the balance is what the books say without these payments"),
        None => format!("run {id}: the balance after it is not known"),
    }
}

fn as_json(doubt: &Doubt) -> serde_json::Value {
    let Doubt { run, job } = doubt;
    json!({
        "run": run.id,
        "job": job.job.id,
        "operation": job.job.operation,
        "credits_held": job.held,
        "attempts": job.attempts,
        "error": job.error,
        "credits_unexplained": run.unexplained(),
    })
}

fn single<'a>(doubts: &'a [Doubt], name: &str) -> Result<&'a Doubt, CommandError> {
    let mut found = doubts
        .iter()
        .filter(|doubt| doubt.job.job.id.as_str() == name);
    match (found.next(), found.next()) {
        (Some(doubt), None) => Ok(doubt),
        (None, _) => Err(CommandError::usage(format!("no job `{name}` is in doubt"))
            .hint("`setlist resolve` lists those that are")),
        (Some(_), Some(_)) => Err(CommandError::usage(format!(
            "more than one run has a job `{name}` in doubt"
        ))
        .hint(format!("say which: setlist resolve RUN --charged {name}"))),
    }
}

/// Takes the run for a moment, so that no other process works on it, and gives it back as it stood.
fn settle(
    ledger: &Ledger,
    doubt: &Doubt,
    event: JobEvent,
    context: &Context,
) -> Result<(), CommandError> {
    let Doubt { run, job } = doubt;
    let ending = match &run.ending {
        Some(ending) if run.totals.in_doubt > 1 => ending,
        _ => BY_HAND,
    };
    // A rehearsal's clock runs fast: its past may lie ahead of us.
    let now = run
        .finished_at
        .map_or(context.now(), |finished| finished.max(context.now()));
    context
        .runtime()?
        .block_on(async {
            ledger.start(&run.id, now).await?;
            let outcome = ledger
                .record(&run.id, job.job.ordinal, vec![event], now)
                .await;
            ledger.finish(&run.id, ending, run.closing, now).await?;
            outcome
        })
        .map(|_| ())
        .map_err(|error| {
            let failure = CommandError::from(error);
            match failure.kind {
                ErrorKind::Busy => failure.hint("stop that run first"),
                _ => failure,
            }
        })
}
