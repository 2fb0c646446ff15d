//! `setlist status`: how a run stands.

use clap::Args;
use serde_json::json;

use crate::report::{status_json, status_text};

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::{ledgers, reports};
use super::ctl;

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
    let live = ctl::look(&run, context)?;
    if context.ui.json() {
        let mut object = status_json(&run, &summary);
        if let Some(object) = object.as_object_mut() {
            object.insert("live".to_owned(), json!(live));
        }
        context.ui.json_result(&object)?;
    } else {
        let live = live.map_or_else(String::new, |live| format!("live      {live}\n"));
        let text = format!("{}{live}", status_text(&run, &summary));
        context.ui.result(&text)?;
    }
    Ok(Exit(exit::DONE))
}
