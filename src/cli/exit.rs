//! Exit codes: what a script may branch on. The README carries the same table.
//!
//! Nothing here decides which code a run earns; `error` and `commands::run` do.

use std::process::ExitCode;

/// Everything is done, or there was nothing to do.
pub const DONE: u8 = 0;
/// The run finished and some jobs failed.
pub const SOME_FAILED: u8 = 1;
/// Usage, manifest or configuration is wrong: nothing was sent.
pub const USAGE: u8 = 2;
/// `plan --detailed-exitcode`: there is something to buy, and it can be afforded.
pub const AFFORDABLE: u8 = 2;
/// The key is missing or refused, or there is no subscription.
pub const ACCESS: u8 = 3;
/// There are not enough credits or budget: nothing was started.
pub const SHORT: u8 = 4;
/// A payment is in doubt: `setlist resolve`; or the balance does not move as the books say, and `--on-drift` says stop.
pub const IN_DOUBT: u8 = 5;
/// Stopped at a credit limit; `setlist resume` goes on.
pub const CREDIT_LIMIT: u8 = 8;
/// Stopped at a time limit; `setlist resume` goes on.
pub const TIME_LIMIT: u8 = 10;
/// Another run holds this manifest: skipped; or `ctl` met a run that is ending or gives no answer.
pub const BUSY: u8 = 11;
/// A bug (sysexits `EX_SOFTWARE`).
pub const BUG: u8 = 70;
/// The ledger, a folder or a file failed (sysexits `EX_IOERR`).
pub const STORAGE: u8 = 74;
/// The provider is unreachable: the same command may work later (sysexits `EX_TEMPFAIL`).
pub const UNREACHABLE: u8 = 75;
/// Added to a signal's number: 130 after SIGINT, 143 after SIGTERM.
pub const SIGNAL_BASE: u8 = 128;

/// What a command came to, when it did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// Returns the code for a signal.
#[must_use]
pub fn of_signal(number: i32) -> u8 {
    u8::try_from(number).map_or(BUG, |number| SIGNAL_BASE.saturating_add(number))
}
