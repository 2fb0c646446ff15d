//! `setlist report`: a run's report, made again out of the ledger; one row per job.

use std::io::Write as _;

use clap::{Args, ValueEnum};

use crate::report::{ClaimsCsv, RunJson, SpendCsv};

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::{ledgers, reports, ui};

/// Flags of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Run, by its id, the id's beginning, or its manifest [default: the latest]
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// Form of the report [default: csv; json with --json]
    #[arg(
        long,
        value_name = "FORMAT",
        env = "SETLIST_FORMAT",
        hide_env = true,
        value_enum
    )]
    format: Option<ReportFormat>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// A table for spreadsheets (RFC 4180).
    Csv,
    /// The same for programs.
    Json,
    /// A table of the jobs that were charged without a usable result.
    Claims,
}

/// Prints the report.
pub(crate) fn run(args: &ReportArgs, context: &Context) -> Result<Exit, CommandError> {
    let ledger = ledgers::look(context)?.ok_or_else(ledgers::no_runs)?;
    let run = ledgers::pick(&ledger, args.run.as_deref())?;
    let usual = if context.ui.json() {
        ReportFormat::Json
    } else {
        ReportFormat::Csv
    };
    let mut out = ui::stdout();
    match args.format.unwrap_or(usual) {
        ReportFormat::Csv => {
            let mut spend = SpendCsv::new(&run, &mut out).map_err(ui::unwritten)?;
            reports::visit(&ledger, &run, |job| spend.add(job))?.map_err(ui::unwritten)?;
            spend.finish().map_err(ui::unwritten)?;
        }
        ReportFormat::Claims => {
            let mut claims = ClaimsCsv::new(&run, &mut out).map_err(ui::unwritten)?;
            reports::visit(&ledger, &run, |job| claims.add(job))?.map_err(ui::unwritten)?;
            claims.finish().map_err(ui::unwritten)?;
        }
        ReportFormat::Json => {
            let mut json = RunJson::new(&run, &mut out).map_err(ui::unwritten)?;
            let summary = reports::visit(&ledger, &run, |job| json.add(job))?;
            let summary = summary.map_err(ui::unwritten)?;
            json.finish(&summary).map_err(ui::unwritten)?;
        }
    }
    out.flush().map_err(ui::unwritten)?;
    Ok(Exit(exit::DONE))
}
