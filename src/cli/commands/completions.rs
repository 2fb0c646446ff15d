//! `setlist completions`: a shell's completions, made from the very same description of the command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::super::args::Cli;
use super::super::context::Context;
use super::super::error::CommandError;
use super::super::exit::{self, Exit};

/// Flags of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions.
pub(crate) fn run(args: &CompletionsArgs, context: &Context) -> Result<Exit, CommandError> {
    // Written to memory first: the generator panics when a pipe closes on it.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "setlist", &mut script);
    context.ui.results(|out| out.write_all(&script))?;
    Ok(Exit(exit::DONE))
}
