//! `setlist runs`: the runs in the ledger, the latest first.

use clap::Args;

use crate::report::{runs_json, runs_text};

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::ledgers;

/// Flags of `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// How many at most
    #[arg(
        long,
        value_name = "N",
        env = "SETLIST_LIMIT",
        hide_env = true,
        default_value_t = 20
    )]
    limit: usize,
}

/// Lists the runs.
pub(crate) fn run(args: &RunsArgs, context: &Context) -> Result<Exit, CommandError> {
    let runs = match ledgers::look(context)? {
        Some(ledger) => ledger.runs(args.limit)?,
        None => Vec::new(),
    };
    if context.ui.json() {
        context.ui.json_result(&runs_json(&runs))?;
    } else {
        context.ui.result(&runs_text(&runs))?;
    }
    Ok(Exit(exit::DONE))
}
