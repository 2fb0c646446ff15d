//! `setlist check`: every problem of a manifest, each with its place; needs no key and no network.

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Map, json};

use crate::catalog::Catalog;

use super::super::args::ManifestArgs;
use super::super::batch;
use super::super::context::Context;
use super::super::counter::Counter;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};
use super::super::ui::Ui;

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    manifest: ManifestArgs,
}

/// Checks the manifest and the rows of its files.
pub(crate) fn run(args: &CheckArgs, context: &Context) -> Result<Exit, CommandError> {
    let catalog = context.catalog()?;
    let checked = batch::read_manifest(&args.manifest, catalog).and_then(|mut manifest| {
        // Which day it is makes no difference to whether a manifest is right.
        manifest.set_run_date(TimeZone::UTC.to_datetime(context.now()).date());
        let jobs = count_jobs(&manifest, catalog, &context.ui)?;
        manifest.check_profiles(catalog)?;
        Ok((jobs, manifest))
    });
    match checked {
        Ok((jobs, manifest)) if context.ui.json() => {
            context.ui.json_result(&json!({
                "manifest": manifest.name,
                "jobs": jobs,
                "profiles": manifest.profiles,
                "problems": [],
            }))?;
        }
        Ok((jobs, manifest)) => {
            let noun = if jobs == 1 { "job" } else { "jobs" };
            let profiles = match manifest.profiles.len() {
                0 => String::new(),
                1 => ", 1 profile".to_owned(),
                several => format!(", {several} profiles"),
            };
            context.ui.result(&format!(
                "{}: {jobs} {noun}{profiles}, no problems\n",
                manifest.name
            ))?;
        }
        // For a program the problems are the result.
        Err(failure) if context.ui.json() && !failure.details.is_empty() => {
            let details: Map<_, _> = failure.details.into_iter().collect();
            context.ui.json_result(&details)?;
            return Ok(Exit(failure.kind.exit_code()));
        }
        Err(failure) => return Err(failure),
    }
    Ok(Exit(exit::DONE))
}

/// Expands every job, which is what finds the problems of rows.
fn count_jobs(
    manifest: &crate::manifest::Manifest,
    catalog: &Catalog,
    ui: &Ui,
) -> Result<u64, CommandError> {
    let mut jobs = 0_u64;
    let mut counter = Counter::new(ui, "checking");
    manifest.expand(catalog, &mut |_| {
        jobs += 1;
        counter.show(jobs);
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(jobs)
}
