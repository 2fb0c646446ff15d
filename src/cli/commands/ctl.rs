//! `setlist ctl`: steers a live run from another terminal.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::ledger::Ledger;
use crate::manifest::parse_rate;
use crate::model::{Rate, RunRecord, RunState};

use super::super::context::Context;
use super::super::control_socket::{Answer, Live, Request, ask};
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::{ledgers, values};

/// What to tell a live run.
#[derive(Debug, Args)]
pub(crate) struct CtlArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Send nothing new; what runs is collected. The process lives on: `setlist ctl go` ends the pause
    Pause {
        #[command(flatten)]
        which: Which,
    },
    /// Go on after a pause; a run that stopped or died has no process any more: `setlist resume` takes that up
    Go {
        #[command(flatten)]
        which: Which,
    },
    /// Change the rate of paid requests, until the process ends; a resume goes by --rate again
    Rate {
        /// Paid requests per span, such as 10/1m
        #[arg(value_name = "N/SPAN", value_parser = parse_rate)]
        rate: Rate,
        #[command(flatten)]
        which: Which,
    },
    /// Change how many tasks are in flight, until the process ends; a resume goes by --concurrency again
    Concurrency {
        /// Tasks in flight
        #[arg(value_name = "N", value_parser = values::at_least_one)]
        tasks: u32,
        #[command(flatten)]
        which: Which,
    },
    /// Stop as SIGTERM does: send nothing new, collect what runs, end; `setlist resume` goes on later
    Stop {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Run, by its id, the id's beginning, or its manifest [default: the one live run of the ledger]
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

impl Action {
    fn parts(&self) -> (Request, &Which) {
        match self {
            Self::Pause { which } => (Request::Pause, which),
            Self::Go { which } => (Request::Go, which),
            Self::Rate { rate, which } => {
                let rate = values::rate_text(*rate);
                (Request::Rate { rate }, which)
            }
            Self::Concurrency { tasks, which } => (Request::Concurrency { tasks: *tasks }, which),
            Self::Stop { which } => (Request::Stop, which),
        }
    }
}

/// Tells the run, and says how it stands then.
pub(crate) fn run(args: &CtlArgs, context: &Context) -> Result<Exit, CommandError> {
    let (request, which) = args.action.parts();
    let ledger = ledgers::look(context)?.ok_or_else(ledgers::no_runs)?;
    let run = match &which.run {
        Some(name) => ledgers::pick(&ledger, Some(name))?,
        None => only_live(&ledger, context)?,
    };
    let live = match exchange(&run, &request, context)? {
        Some(Answer::Live(live)) => Some(live),
        Some(Answer::Ending) if request == Request::Stop => None,
        Some(Answer::Ending) => {
            return Err(CommandError::message(
                ErrorKind::Busy,
                format!("run {} is ending and takes no orders any more", run.id),
            ));
        }
        Some(Answer::Refused(why)) => {
            let failure = CommandError::message(ErrorKind::Busy, format!("run {}: {why}", run.id));
            return Err(failure);
        }
        None => return Err(not_live(&run)),
    };
    if context.ui.json() {
        let object = json!({ "run": run.id, "live": live });
        context.ui.json_result(&object)?;
    } else {
        let stands = live.map_or_else(|| "ending".to_owned(), |live| live.to_string());
        context.ui.result(&format!("run {}: {stands}\n", run.id))?;
    }
    Ok(Exit(exit::DONE))
}

/// Asks a run how it stands, if a process carries it out; one that gives no answer is no reason not to show the rest.
pub(crate) fn look(run: &RunRecord, context: &Context) -> Result<Option<Live>, CommandError> {
    if run.state != RunState::Running {
        return Ok(None);
    }
    let folder = context.ledger_folder()?;
    match ask(&folder, &run.id, &Request::Status) {
        Ok(Some(Answer::Live(live))) => Ok(Some(live)),
        Ok(Some(Answer::Refused(why))) => {
            tracing::debug!(run = %run.id, why, "no answer from the run");
            Ok(None)
        }
        Ok(Some(Answer::Ending) | None) => Ok(None),
        Err(error) => {
            tracing::debug!(run = %run.id, %error, "no answer from the run");
            Ok(None)
        }
    }
}

fn exchange(
    run: &RunRecord,
    request: &Request,
    context: &Context,
) -> Result<Option<Answer>, CommandError> {
    let folder = context.ledger_folder()?;
    ask(&folder, &run.id, request).map_err(|error| {
        CommandError::new(ErrorKind::Busy, error)
            .context(format!("run {} gives no answer", run.id))
            .hint(format!("`setlist status {}` shows how it stands", run.id))
    })
}

/// Finds the one run of the ledger that a process carries out.
fn only_live(ledger: &Ledger, context: &Context) -> Result<RunRecord, CommandError> {
    let mut live = Vec::new();
    for run in ledgers::recent(ledger)? {
        // One that does not answer lives all the same.
        let is_live = run.state == RunState::Running
            && !matches!(exchange(&run, &Request::Status, context), Ok(None));
        if is_live {
            live.push(run);
        }
    }
    match live.len() {
        0 => Err(CommandError::usage("no run of this ledger is live").hint(
            "`setlist runs` lists them, and `setlist resume` takes up one that stopped or died",
        )),
        1 => Ok(live.remove(0)),
        count => {
            let failure =
                CommandError::usage(format!("{count} runs of this ledger are live; name one"));
            Err(live.iter().fold(failure, |failure, run| {
                failure.hint(format!("{} ({})", run.id, run.manifest))
            }))
        }
    }
}

fn not_live(run: &RunRecord) -> CommandError {
    let failure = CommandError::usage(format!(
        "run {} ({}) is not live: no process answers for it",
        run.id, run.state
    ));
    match run.state {
        RunState::Stopped | RunState::Running => failure.hint(format!("setlist resume {}", run.id)),
        RunState::Enrolling | RunState::Finished => failure,
    }
}
