//! What a plan leaves out, written as a manifest: it is read back before anybody relies on it.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::manifest::{Format, Manifest, Part};
use crate::model::Fingerprint;
use crate::plan::Fit;

use super::batch::{Batch, Judged};
use super::context::Context;
use super::error::{CommandError, ErrorKind};
use super::reports::Replacement;

/// Writes what was left out as a manifest, with its row files beside it.
///
/// What the jobs left out refer to or need is in it too: it is paid for by then, and is used again.
///
/// # Errors
/// A usage error when a file is in the way, or the part can't be written down; a storage error.
pub(crate) fn write(
    path: &Path,
    batch: &Batch,
    judged: &Judged,
    fit: &Fit,
    context: &Context,
) -> Result<(), CommandError> {
    if Format::of(path) != Some(Format::Toml) {
        return Err(CommandError::usage(format!(
            "the remainder is written as TOML: `{}` does not end with `.toml`",
            path.display()
        )));
    }
    if fit.left_out().jobs == 0 {
        let told = format!("nothing is left out: `{}` is not written\n", path.display());
        context.ui.tell(&told);
        return Ok(());
    }
    let catalog = &batch.catalog;
    let part = batch.manifest.part(catalog, &|job| fit.leaves_out(job))?;
    let written = write_files(path, &part)?;
    let checked = read_back(path, batch, judged, fit, context);
    if checked.is_err() {
        for file in written {
            // What can't be relied on is not left lying about; why it can't is the failure to tell.
            drop(std::fs::remove_file(file));
        }
    }
    checked
}

/// Names the row file of an entry, beside the manifest.
fn rows_name(path: &Path, entry: usize, id: &str, extension: &str) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match id.chars().all(is_plain) {
        true => format!("{stem}.{id}.{extension}"),
        false => format!("{stem}.{}.{extension}", entry + 1),
    }
}

fn write_files(path: &Path, part: &Part<'_>) -> Result<Vec<PathBuf>, CommandError> {
    let rows: Vec<(usize, String)> = { part.row_files().into_iter() }
        .map(|(entry, id, extension)| (entry, rows_name(path, entry, id, extension)))
        .collect();
    let paths = rows.iter().map(|(_, name)| path.with_file_name(name));
    let files: Vec<PathBuf> = paths.chain([path.to_owned()]).collect();
    if let Some(taken) = files.iter().find(|file| file.exists()) {
        return Err(CommandError::usage(format!(
            "`{}` is there: it is not overwritten",
            taken.display()
        ))
        .hint("name another file, or remove it"));
    }
    let rows_at = |entry: usize| {
        let known = rows.iter().find(|(at, _)| *at == entry);
        known.map_or_else(String::new, |(_, name)| name.clone())
    };
    let text = part.text(&rows_at)?;
    let unwritable = |file: &Path| {
        let shown = file.display().to_string();
        move |error: io::Error| {
            CommandError::new(ErrorKind::Storage, error)
                .context(format!("`{shown}` can't be written"))
        }
    };
    for ((entry, _), file) in rows.iter().zip(&files) {
        let wrong = unwritable(file);
        let mut to = Replacement::begin(file).map_err(&wrong)?;
        part.copy_rows(*entry, &mut to.file).map_err(&wrong)?;
        to.commit().map_err(&wrong)?;
    }
    let wrong = unwritable(path);
    let mut to = Replacement::begin(path).map_err(&wrong)?;
    io::Write::write_all(&mut to.file, text.as_bytes()).map_err(&wrong)?;
    to.commit().map_err(&wrong)?;
    Ok(files)
}

/// Holds what was written to the plan: every job left out is in it, and none that the plan does not have.
fn read_back(
    path: &Path,
    batch: &Batch,
    judged: &Judged,
    fit: &Fit,
    context: &Context,
) -> Result<(), CommandError> {
    let catalog = &batch.catalog;
    let mut manifest = Manifest::read(path, catalog)?;
    manifest.set_run_date(batch.date(context)?);
    let mut found = HashSet::new();
    manifest.expand(catalog, &mut |draft| {
        found.insert(draft.fingerprint);
        ControlFlow::Continue(())
    })?;
    let planned: HashSet<Fingerprint> = judged.plan.iter().map(|job| job.fingerprint).collect();
    let mut left_out = judged.plan.iter().filter(|job| fit.leaves_out(job.ordinal));
    let is_whole = left_out.all(|job| found.contains(&job.fingerprint));
    if is_whole && found.is_subset(&planned) {
        return Ok(());
    }
    Err(CommandError::usage(
        "the remainder of this manifest can't be written down: read back, its jobs are others",
    )
    .hint("run the manifest again instead: what is paid for is used again"))
}
