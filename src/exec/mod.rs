//! Carries out a run: the one room that joins ledger and provider.
//!
//! ```text
//!             hold                       spawn
//!   ledger ◀──────── dispatcher ────────────────────▶ worker (submit, poll) ──▶ saver (download, check)
//!                      ▲   ▲ ▲                           │                         │
//!      steering, timers┘   │ └──────── messages ─────────┴─────────────────────────┘
//! ```
//!
//! The dispatcher alone owns the run's state and decides what starts; a worker owns one job and talks by
//! channel. A paid request goes through one place, `submit`, in one order: held → concurrency slot → gate → rate
//! limiter → `Sent` recorded → sent → answer recorded.
//!
//! What is absent: nothing here prints, reads the environment or knows a manifest.

mod backoff;
mod cadence;
mod carry_out;
mod control;
mod dispatcher;
mod ending;
mod failures;
mod fetch;
mod files;
mod limiter;
mod lull;
mod observe;
mod output;
mod poll;
mod prepare;
mod prove;
mod publish;
mod reconcile;
mod recover;
mod repair;
mod saver;
mod sound;
mod stamp;
mod submit;
#[cfg(test)]
mod tests;
mod track;
mod worker;

pub use carry_out::carry_out;
pub use control::{Control, ControlHandle, Deaf, Order, Snapshot, control};
pub use ending::{Ending, ExecError};
pub use failures::SHARE_JUDGED_FROM;
pub use publish::{CheckedFile, Publish, Published, Unpublished};
pub use repair::{Damage, damaged, save_again};
pub use stamp::Stamp;
pub use worker::{Engine, Pace, RunOptions};
