//! `setlist status`: how a run stands.

use clap::Args;

use crate::report::{status_json, status_text};

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::{ledgers, reports};

/// Flags of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Run, by its id, the id's beginning, or its manifest [default: the latest]
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

/// Shows the run.
pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<Exit, CommandError> {
    let ledger = ledgers::look(context)?.ok_or_else(ledgers::no_runs)?;
    let run = ledgers::pick(&ledger, args.run.as_deref())?;
    let summary = reports::sums(&ledger, &run)?;
    if context.ui.json() {
        context.ui.json_result(&status_json(&run, &summary))?;
    } else {
        context.ui.result(&status_text(&run, &summary))?;
    }
    Ok(Exit(exit::DONE))
}
