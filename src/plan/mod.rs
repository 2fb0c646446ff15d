//! Jobs, prices, balance and what is already paid for, to a plan: a value that can be shown, then carried out.
//!
//! Pure: no I/O, no clock, no printing. What happened before comes in as `model` words, so this room knows
//! no ledger and no provider.

mod advice;
mod budget;
mod build;
mod compare;
mod diff;
mod enroll;
mod entries;
mod firsts;
mod fit;
mod hints;
mod job;
mod join;
mod moved;
mod outlook;
mod paid;
mod planned;
mod pricing;
mod refusal;
mod saved;
mod saves;
mod sums;
mod wishes;
mod workload;

#[cfg(test)]
mod fit_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod remainder_tests;
#[cfg(test)]
mod saved_tests;
#[cfg(test)]
mod tests;

pub use advice::{Advice, CheaperExport, ListComparison, OperationDifference, Warning};
pub use budget::{Limit, LimitRoom, Pace, PeriodStanding, Standing, Verdict};
pub use build::{Builder, PlanError, PlanOptions, Sources};
pub use diff::{EntryDiff, PlanDiff};
pub use enroll::{EnrollError, Enrollee, Enroller};
pub use fit::{Fit, JobSum, LEFT_OUT};
pub use job::{Disposition, JobView};
pub use join::{build, build_watched};
pub use moved::{Moved, moved};
pub use outlook::{Monthly, SpendDown, SpendDownError};
pub use planned::{Chosen, Counts, ListHeader, Plan, PlanHeader, PlannedEntry, Subtotal};
pub use refusal::{Refusal, RefusalCause};
pub use saved::{LoadError, Loader, SavedHead, SavedJob};
pub use workload::Workload;
