//! The catalog of a command: the built-in one, and what a file of the user's own adds to it.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::Catalog;

use super::context::Context;
use super::error::{CommandError, ErrorKind};

/// Reads the catalog; without a file it is the built-in one.
///
/// # Errors
/// A usage error when the file can't be read, or with all that is wrong in it.
pub(crate) fn read(file: Option<&Path>) -> Result<Arc<Catalog>, CommandError> {
    let Some(file) = file else {
        return Ok(Arc::clone(Catalog::builtin()));
    };
    let label = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        CommandError::new(ErrorKind::Usage, error)
            .context(format!("the catalog `{label}` can't be read"))
    })?;
    Ok(Arc::new(Catalog::with_overlay(&text, &label)?))
}

/// Takes the catalog that a saved plan was made with, unless a flag names another: then the plan says that it moved.
///
/// # Errors
/// As [`read`].
pub(crate) fn of_plan(file: Option<&str>, context: &Context) -> Result<(), CommandError> {
    if context.global().catalog.is_none() {
        context.keep_to(read(file.map(Path::new))?);
    }
    Ok(())
}

/// Takes the catalog that a run was made with, out of the ledger.
///
/// # Errors
/// A usage error when a flag names a file with another text: what is left of the run would be other work.
pub(crate) fn of_run(kept: Option<&str>, context: &Context) -> Result<(), CommandError> {
    if let Some(file) = &context.global().catalog {
        let given = read(Some(file))?;
        if { given.added.as_ref() }.map(|added| &*added.text) != kept {
            return Err(CommandError::usage(format!(
                "the run was made with another catalog than `{}`",
                file.display()
            ))
            .hint("leave out --catalog, also as SETLIST_CATALOG: a run keeps the catalog it was made with"));
        }
    }
    let catalog = match kept {
        Some(text) => Arc::new(Catalog::with_overlay(text, "the run's catalog")?),
        None => Arc::clone(Catalog::builtin()),
    };
    context.keep_to(catalog);
    Ok(())
}
