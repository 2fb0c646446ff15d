//! What was seen of charges: those of jobs that went alone, and credits that went without an explanation.

use jiff::Timestamp;

use crate::model::{Credits, Drift, Ordinal, RunId};

/// What the balance says that a job was charged which went alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Its run.
    pub run: RunId,
    /// Its place in the run.
    pub ordinal: Ordinal,
    /// Its operation's catalog name.
    pub operation: String,
    /// Its inputs in canonical form.
    pub inputs: String,
    /// The price it was planned with.
    pub price: Credits,
    /// What it was charged.
    pub charged: Credits,
    /// When that was seen.
    pub at: Timestamp,
}

/// A stretch of time between two readings of the balance with nothing in flight, in which it moved otherwise than charges
/// and refunds say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// When the earlier reading was noted.
    pub since: Timestamp,
    /// When the later reading was noted.
    pub until: Timestamp,
    /// What was charged between them.
    pub charged: Credits,
    /// What was refunded between them.
    pub refunded: Credits,
    /// What is left: negative when credits are missing, never zero.
    pub drift: Drift,
}

impl Unexplained {
    /// Tells whether nothing of ours was charged or refunded meanwhile.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.charged.is_zero() && self.refunded.is_zero()
    }
}
