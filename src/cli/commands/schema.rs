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
    let schema = json_schema(context.catalog()?);
    context.ui.results(|out| {
        serde_json::to_writer_pretty(&mut *out, &schema)?;
        out.write_all(b"\n")
    })?;
    Ok(Exit(exit::DONE))
}
