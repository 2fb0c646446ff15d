//! The durable record of holds, charges and job states: the only source of truth after a crash.
//!
//! The ledger decides nothing about requests; it refuses illegal steps and holds that would break a limit.
//!
//! - `entry`: which steps are legal and what each does to credits; pure
//! - `elsewhere`: what the same job in another run means for one that is to start; pure
//! - `evidence`: what the balance says about payments in doubt; pure
//! - `limits`: how much may be held, and why a balance read once can be trusted later; pure
//! - `store`: what a place to keep it must promise; `memory` and `sqlite` are such places
//! - `writer`: one thread that commits requests in groups; `handle`: what everybody holds
//! - `audit`: what was seen of charges, and what nobody explains
//! - `watch`: where a simulation stands between handle and store

mod account;
mod audit;
mod command;
mod elsewhere;
mod entry;
mod evidence;
mod handle;
mod limits;
mod memory;
mod paid;
mod sqlite;
mod store;
mod task_times;
mod watch;
mod writer;

pub use account::{AccountBooks, BalanceReading, RunShare};
pub use audit::{Audit, Unexplained};
pub use command::{
    Due, Enrolment, HeldJob, HoldAnswer, JobEvent, LedgerError, LimitKind, NewRun, Reused, Shortage,
};
pub use entry::{IllegalStep, next};
pub use evidence::{Checkpoint, Doubt, Finding, Rise, Weighing};
pub use handle::{BalanceMark, Ledger};
pub use store::LEASE;
pub use watch::{Change, Fate, Watch};

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod model_tests;
