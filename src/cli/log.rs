//! Log lines to standard error, only when they are asked for: a program that says nothing sets nothing up.

use tracing_subscriber::EnvFilter;

use super::args::LogFormat;
use super::context::Context;
use super::error::CommandError;

/// Sets up logging.
///
/// # Errors
/// A usage error when the filter is none.
pub(crate) fn set_up(context: &Context) -> Result<(), CommandError> {
    let Some(filter) = context.log_filter() else {
        return Ok(());
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        CommandError::usage(format!("`{filter}` is not a log filter: {error}"))
            .hint("such as `SETLIST_LOG=setlist=debug`")
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(context.ui.stderr_colour());
    let outcome = match context.global().log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().with_ansi(false).try_init(),
    };
    outcome.map_err(|error| CommandError::usage(format!("logging can't be set up: {error}")))
}
