//! From the process's arguments to its exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;

use super::args::{Cli, Command};
use super::context::{Context, Environment};
use super::error::{CommandError, report};
use super::exit::{self, Exit};
use super::ui::{ColorHints, Ui};
use super::{commands, log};

/// Runs the command line and returns the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    // A panic is a bug, and says so with a code of its own; the ledger holds whatever was sent before it.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(ExitCode::from(exit::BUG))
}

fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(stop) => {
            // Help and version come this way too; a reader that went away is no failure.
            drop(stop.print());
            let code = if stop.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            };
            return ExitCode::from(code);
        }
    };
    let early = Ui::new(
        cli.global.color,
        ColorHints::default(),
        cli.global.json,
        cli.global.quiet,
    );
    let context = match Context::new(cli.global, Environment::of_process()) {
        Ok(context) => context,
        Err(failure) => return ExitCode::from(report(&failure, &early)),
    };
    match log::set_up(&context).and_then(|()| dispatch(cli.command, &context)) {
        Ok(exit) => exit.into(),
        Err(failure) => ExitCode::from(report(&failure, &context.ui)),
    }
}

fn dispatch(command: Command, context: &Context) -> Result<Exit, CommandError> {
    match command {
        Command::Init(args) => commands::init::run(&args, context),
        Command::Check(args) => commands::check::run(&args, context),
        Command::Plan(args) => commands::plan::run(&args, context),
        Command::Explain(args) => commands::explain::run(&args, context),
        Command::Run(args) => commands::run::run(&args, context),
        Command::Resume(args) => commands::resume::run(&args, context),
        Command::Status(args) => commands::status::run(&args, context),
        Command::Ctl(args) => commands::ctl::run(&args, context),
        Command::Runs(args) => commands::runs::run(&args, context),
        Command::Report(args) => commands::report::run(&args, context),
        Command::Credits(args) => commands::credits::run(&args, context),
        Command::Budget(args) => commands::budget::run(&args, context),
        Command::Costs(args) => commands::costs::run(&args, context),
        Command::Resolve(args) => commands::resolve::run(&args, context),
        Command::Simulate(args) => commands::simulate::run(&args, context),
        Command::Schema(args) => commands::schema::run(&args, context),
        Command::Completions(args) => commands::completions::run(&args, context),
    }
}
