//! Tests of the room as a whole: manifests in, drafts or problems out.

mod drafts;
mod includes;
mod matrix;
mod options;
mod problems;
mod rows;
mod same;
mod selected;
mod uploads;

use std::ops::ControlFlow;
use std::path::Path;

use crate::catalog::Catalog;

use super::{Format, Manifest, Problems};

/// A job of an expansion, kept.
#[derive(Clone, Debug, PartialEq)]
struct Job {
    id: String,
    ordinal: u32,
    operation: String,
    inputs: String,
    fingerprint: String,
    needs: Vec<u32>,
    save: Option<String>,
}

fn read(text: &str, format: Format, folder: &Path) -> Result<Manifest, Problems> {
    let label = match format {
        Format::Toml => "batch.toml",
        Format::Yaml => "batch.yaml",
    };
    Manifest::parse(text, format, label, folder, Catalog::builtin())
}

fn expand(manifest: &Manifest) -> Result<Vec<Job>, Problems> {
    let catalog = Catalog::builtin();
    let mut jobs = Vec::new();
    manifest.expand(catalog, &mut |draft| {
        jobs.push(Job {
            id: draft.id().to_string(),
            ordinal: draft.ordinal.0,
            operation: catalog.get(draft.operation).name.to_string(),
            inputs: draft.inputs.to_owned(),
            fingerprint: draft.fingerprint.to_string(),
            needs: draft.needs.iter().map(|need| need.0).collect(),
            save: draft.save.map(str::to_owned),
        });
        ControlFlow::Continue(())
    })?;
    Ok(jobs)
}

/// Expands a TOML manifest that is right.
fn jobs(text: &str) -> Vec<Job> {
    jobs_in(text, Path::new(""))
}

fn jobs_in(text: &str, folder: &Path) -> Vec<Job> {
    let manifest = read(text, Format::Toml, folder).unwrap_or_else(|problems| panic!("{problems}"));
    expand(&manifest).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Renders the problems of a TOML manifest that is wrong.
fn problems(text: &str) -> String {
    let problems = read(text, Format::Toml, Path::new("")).expect_err("there is a problem");
    trimmed(&problems)
}

fn problems_yaml(text: &str) -> String {
    let problems = read(text, Format::Yaml, Path::new("")).expect_err("there is a problem");
    trimmed(&problems)
}

/// Renders the problems that only the rows of files have.
fn row_problems(text: &str, folder: &Path) -> String {
    match read(text, Format::Toml, folder) {
        Err(problems) => trimmed(&problems),
        Ok(manifest) => {
            let problems = manifest.check_rows(Catalog::builtin());
            trimmed(&problems.expect_err("there is a problem"))
        }
    }
}

/// Takes off the blanks that excerpts end with, which editors and people can't see.
fn trimmed(problems: &Problems) -> String {
    let rendered = problems.render(false);
    let lines: Vec<&str> = rendered.lines().map(str::trim_end).collect();
    lines.join("\n")
}
