//! What a run does once a job does not fit below a limit. Whatever it is, no limit is ever passed.

use serde::{Deserialize, Serialize};

/// How a run treats the jobs that wait when credits get short at a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cutoff {
    /// As `Cautious`, but waits for the jobs that run before it stops: what they refund makes room, and is used.
    Soft,
    /// A job that does not fit makes way for cheaper ones that do; stops once no job that waits fits.
    #[default]
    Cautious,
    /// Stops at the first job, in order of priority, that does not fit: nothing cheaper overtakes it.
    Hard,
}
