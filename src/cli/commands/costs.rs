//! `setlist costs`: what operations cost, by one price list or two, or as audits saw it; needs no key and no network.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use crate::catalog::{PriceList, render_costs};
use crate::report::{
    costs_diff_csv, costs_diff_json, costs_diff_text, costs_json, costs_text, learned, lessons,
    lessons_json, lessons_text,
};

use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::settings::{DEFAULT_PRICES, Layer, Settings};
use super::super::{ledgers, prices, provider};

/// Flags of `costs`.
#[derive(Debug, Args)]
pub(crate) struct CostsArgs {
    /// Price list, by name or as a file [default: guide]
    #[arg(long, value_name = "LIST", env = "SETLIST_PRICES", hide_env = true)]
    prices: Option<String>,

    /// Show what is new, gone, dearer and cheaper in list B, beside list A
    #[arg(
        long,
        num_args = 2,
        value_delimiter = ',',
        value_names = ["A", "B"],
        env = "SETLIST_DIFF",
        hide_env = true,
        conflicts_with = "prices"
    )]
    diff: Option<Vec<String>>,

    /// Show what audited charges say of the list: see `run --audit`
    #[arg(long, env = "SETLIST_LEARN", hide_env = true, value_parser = BoolishValueParser::new(), conflicts_with = "diff")]
    learn: bool,

    /// Write the list to a new file as the audits would have it, with what is certain
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "SETLIST_OUTPUT",
        hide_env = true,
        requires = "learn"
    )]
    output: Option<PathBuf>,

    /// Provider whose account was audited [default: that of the account in the configuration, else simulator]
    #[arg(long, value_name = "NAME", env = "SETLIST_PROVIDER", hide_env = true)]
    provider: Option<String>,

    /// Another origin than the provider's own; https, or http on loopback
    #[arg(long, value_name = "URL", env = "SETLIST_BASE_URL", hide_env = true)]
    base_url: Option<String>,

    /// Form of the prices; markdown gives the guide's own tables, csv a difference [default: table; json with --json]
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
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

/// Prints the prices.
pub(crate) fn run(args: &CostsArgs, context: &Context) -> Result<Exit, CommandError> {
    let catalog = context.catalog()?;
    let usual = if context.ui.json() {
        CostsFormat::Json
    } else {
        CostsFormat::Table
    };
    let format = args.format.unwrap_or(usual);
    if let Some([a, b]) = args.diff.as_deref() {
        let (a, b) = (prices::find(a, catalog)?, prices::find(b, catalog)?);
        diff(&a, &b, format, context)?;
        return Ok(Exit(exit::DONE));
    }
    let configured = context.config()?.prices.as_deref();
    let name = args.prices.as_deref().or(configured);
    let list = prices::find(name.unwrap_or(DEFAULT_PRICES), catalog)?;
    if args.learn {
        learn(args, &list, format, context)?;
        return Ok(Exit(exit::DONE));
    }
    let ui = &context.ui;
    match format {
        CostsFormat::Table => ui.result(&costs_text(catalog, &list))?,
        CostsFormat::Json => ui.json_result(&costs_json(catalog, &list))?,
        CostsFormat::Markdown => ui.result(&render_costs(catalog, &list))?,
        CostsFormat::Csv => return Err(no_such_form("a single list is no", "csv")),
    }
    Ok(Exit(exit::DONE))
}

fn no_such_form(what: &str, format: &str) -> CommandError {
    CommandError::usage(format!("{what} `{format}`")).hint("--format table, or json")
}

fn diff(
    a: &PriceList,
    b: &PriceList,
    format: CostsFormat,
    context: &Context,
) -> Result<(), CommandError> {
    let catalog = context.catalog()?;
    let ui = &context.ui;
    match format {
        CostsFormat::Table => ui.result(&costs_diff_text(catalog, a, b)),
        CostsFormat::Json => ui.json_result(&costs_diff_json(catalog, a, b)),
        CostsFormat::Csv => ui.results(|out| costs_diff_csv(catalog, a, b, out)),
        CostsFormat::Markdown => Err(no_such_form("a difference is no", "markdown")),
    }
}

/// Shows what audited charges say of a list, and writes it down.
fn learn(
    args: &CostsArgs,
    list: &PriceList,
    format: CostsFormat,
    context: &Context,
) -> Result<(), CommandError> {
    let flags = Layer {
        provider: args.provider.clone(),
        base_url: args.base_url.clone(),
        ..Layer::default()
    };
    let settings = Settings::resolve(flags, Layer::default(), context.config()?)?;
    let label = settings.account.name.as_deref();
    let account = provider::account(&settings.provider, label, &settings.base_url);
    let audits = match ledgers::look(context)? {
        Some(ledger) => ledger.audits(&account)?,
        None => Vec::new(),
    };
    let catalog = context.catalog()?;
    let found = lessons(catalog, list, &audits);
    let ui = &context.ui;
    match format {
        CostsFormat::Table => ui.result(&lessons_text(catalog, list, &found))?,
        CostsFormat::Json => ui.json_result(&lessons_json(catalog, list, &found))?,
        CostsFormat::Markdown => return Err(no_such_form("lessons are no", "markdown")),
        CostsFormat::Csv => return Err(no_such_form("lessons are no", "csv")),
    }
    let Some(path) = &args.output else {
        return Ok(());
    };
    let month = context.now().to_zoned(TimeZone::UTC).strftime("%Y-%m");
    match learned(list, &found, &month.to_string()) {
        Some(new) => write(path, &new.to_toml(catalog)),
        None => {
            let told = format!("nothing to correct: `{}` is not written\n", path.display());
            context.ui.tell(&told);
            Ok(())
        }
    }
}

/// Writes a new file; one that is there is somebody's own.
fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::AlreadyExists => ErrorKind::Usage,
            _ => ErrorKind::Storage,
        };
        CommandError::new(kind, error).context(format!("`{}` can't be written", path.display()))
    })
}
