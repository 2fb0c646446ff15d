//! `setlist costs`: what operations cost, by one price list or two; needs no key and no network.

use clap::{Args, ValueEnum};

use crate::catalog::{Catalog, render_costs};
use crate::report::{costs_diff_json, costs_diff_text, costs_json, costs_text};

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::prices;
use super::super::settings::DEFAULT_PRICES;

/// Flags of `costs`.
#[derive(Debug, Args)]
pub(crate) struct CostsArgs {
    /// Price list, by name or as a file [default: guide]
    #[arg(long, value_name = "LIST", env = "SETLIST_PRICES", hide_env = true)]
    prices: Option<String>,

    /// Show where this list differs from that of --prices
    #[arg(long, value_name = "LIST", env = "SETLIST_DIFF", hide_env = true)]
    diff: Option<String>,

    /// Form of the prices; markdown gives the guide's own tables [default: table; json with --json]
    #[arg(
        long,
        value_name = "FORMAT",
        env = "SETLIST_FORMAT",
        hide_env = true,
        value_enum
    )]
    format: Option<CostsFormat>,
}

/// The form of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CostsFormat {
    /// For people, by operation.
    Table,
    /// The guide's tables.
    Markdown,
    /// For programs.
    Json,
}

/// Prints the prices.
pub(crate) fn run(args: &CostsArgs, context: &Context) -> Result<Exit, CommandError> {
    let catalog = Catalog::builtin();
    let configured = context.config()?.prices.as_deref();
    let name = args.prices.as_deref().or(configured);
    let list = prices::find(name.unwrap_or(DEFAULT_PRICES))?;
    let other = args.diff.as_deref().map(prices::find).transpose()?;
    let usual = if context.ui.json() {
        CostsFormat::Json
    } else {
        CostsFormat::Table
    };
    let ui = &context.ui;
    match (args.format.unwrap_or(usual), other) {
        (CostsFormat::Table, None) => ui.result(&costs_text(catalog, &list))?,
        (CostsFormat::Table, Some(other)) => ui.result(&costs_diff_text(catalog, &list, &other))?,
        (CostsFormat::Json, None) => ui.json_result(&costs_json(catalog, &list))?,
        (CostsFormat::Json, Some(other)) => {
            ui.json_result(&costs_diff_json(catalog, &list, &other))?
        }
        (CostsFormat::Markdown, None) => ui.result(&render_costs(catalog, &list))?,
        (CostsFormat::Markdown, Some(_)) => {
            return Err(
                CommandError::usage("a difference has no tables in the guide")
                    .hint("leave out --diff, or --format markdown"),
            );
        }
    }
    Ok(Exit(exit::DONE))
}
