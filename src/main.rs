//! The program `setlist`: it runs the command line and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    setlist::cli::main()
}
