//! Words shared by every room: credits, ids, jobs, results, events and time.
//!
//! Nothing here does I/O, and nothing here imports another room.

mod clock;
mod credits;
mod cutoff;
mod event;
mod ids;
mod input;
mod job;
mod manifest_options;
mod plan_input;
mod result;
mod run;
mod share;
mod stop;

pub use clock::{Clock, SharedClock, SystemClock};
pub use credits::{Balance, CreditError, Credits, Drift};
pub use cutoff::Cutoff;
pub use event::{RunEvent, StopCause};
pub use ids::{AccountId, Fingerprint, JobId, Ordinal, RunId, TaskId};
pub use input::{FileInput, Input, InputError, JobRef, Part};
pub use job::{Family, JobRecord, JobState, NewJob, PastLoss, Reuse};
pub use manifest_options::ManifestOptions;
pub use plan_input::{PaidJob, PaidJobs, PaidState};
pub use result::{Download, JobResult, PathError, ResultPath, Step};
pub use run::{Rate, RunRecord, RunSettings, RunState, RunTotals, SpendLimits};
pub use share::Share;
pub use stop::{FailureLimit, OnDrift, Proof, StopRules};
