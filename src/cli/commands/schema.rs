//! `setlist schema`: the JSON Schema of manifests, made from the catalog, for editors.

use clap::Args;

use crate::manifest::json_schema;

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};

/// Flags of `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {}

/// Prints the schema.
pub(crate) fn run(_: &SchemaArgs, context: &Context) -> Result<Exit, CommandError> {
    let text = text(context)?;
    context.ui.results(|out| out.write_all(&text))?;
    Ok(Exit(exit::DONE))
}

/// Returns the schema as it is printed.
///
/// # Errors
/// As [`Context::catalog`].
pub(crate) fn text(context: &Context) -> Result<Vec<u8>, CommandError> {
    let schema = json_schema(context.catalog()?);
    Ok(format!("{schema:#}\n").into_bytes())
}
