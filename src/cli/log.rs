//! Log lines to standard error, only when they are asked for: a program that says nothing sets nothing up.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

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
    // Filters of spans and fields would bring a regex engine along.
    let targets: Targets = filter.parse().map_err(|error| {
        CommandError::usage(format!("`{filter}` is not a log filter: {error}"))
            .hint("such as `SETLIST_LOG=setlist=debug`")
    })?;
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(context.ui.stderr_colour());
    let lines = match context.global().log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().with_ansi(false).boxed(),
    };
    registry()
        .with(lines.with_filter(targets))
        .try_init()
        .map_err(|error| CommandError::usage(format!("logging can't be set up: {error}")))
}
