//! The ledger as commands meet it: opened where the settings say, and runs found by what a person types.

use std::path::{Path, PathBuf};

use crate::ledger::{Ledger, LedgerError};
use crate::model::{RunRecord, RunState};

use super::context::{Context, make_private_folder};
use super::error::{CommandError, ErrorKind};

/// How many runs are looked through for the latest of a kind.
const RECENT_RUNS: usize = 1000;

/// Opens the ledger, and makes it with its folder if there is none.
///
/// # Errors
/// A storage error that names the file.
pub(crate) fn open(context: &Context) -> Result<Ledger, CommandError> {
    Ok(Ledger::open(&prepare(context)?)?)
}

/// Opens the ledger for a repeatable rehearsal: a commit by another thread would be ready at a time of its own.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_repeatable(context: &Context) -> Result<Ledger, CommandError> {
    Ok(Ledger::open_inline(&prepare(context)?)?)
}

/// Makes the ledger's folder, and returns the ledger's path.
fn prepare(context: &Context) -> Result<PathBuf, CommandError> {
    let path = context.ledger_path()?;
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        make_private_folder(folder)?;
    }
    Ok(path)
}

/// Opens the ledger for a look, if there is one; a command that only looks makes none.
///
/// # Errors
/// A storage error that names the file.
pub(crate) fn look(context: &Context) -> Result<Option<Ledger>, CommandError> {
    let path = context.ledger_path()?;
    let is_there = path.try_exists().map_err(|error| {
        CommandError::new(ErrorKind::Storage, error).context(format!(
            "the ledger `{}` can't be looked at",
            path.display()
        ))
    })?;
    Ok(if is_there {
        Some(Ledger::open_inline(&path)?)
    } else {
        None
    })
}

/// Finds a run by the beginning of its id, or by its manifest's name or path; without either, the latest.
///
/// # Errors
/// A usage error when there is no such run.
pub(crate) fn pick(ledger: &Ledger, named: Option<&str>) -> Result<RunRecord, CommandError> {
    let Some(name) = named else {
        return ledger.runs(1)?.pop().ok_or_else(no_runs);
    };
    match ledger.find_run(name) {
        Ok(run) => Ok(run),
        Err(LedgerError::NotFound { what }) => ledger.latest_run(name)?.ok_or_else(|| {
            CommandError::usage(format!("the ledger has no {what}"))
                .hint("`setlist runs` lists them; a run is named by its id, the id's beginning, or its manifest")
        }),
        Err(error) => Err(error.into()),
    }
}

/// Finds the latest run that stopped before its end or died, if there is one.
///
/// # Errors
/// As the ledger's.
pub(crate) fn latest_unfinished(ledger: &Ledger) -> Result<Option<RunRecord>, CommandError> {
    let is_open = |run: &RunRecord| matches!(run.state, RunState::Stopped | RunState::Running);
    Ok(recent(ledger)?.into_iter().find(is_open))
}

/// Lists runs, the latest first.
///
/// # Errors
/// As the ledger's.
pub(crate) fn recent(ledger: &Ledger) -> Result<Vec<RunRecord>, CommandError> {
    Ok(ledger.runs(RECENT_RUNS)?)
}

/// Says that nothing was ever run.
pub(crate) fn no_runs() -> CommandError {
    CommandError::usage("there are no runs yet").hint("setlist run MANIFEST")
}
