//! One job of a plan: packed, since a plan may hold a million, and as others see it.

use crate::catalog::OperationId;
use crate::model::{Credits, Fingerprint, JobId, Ordinal, PaidJob};

use super::planned::PlannedEntry;

/// What is to happen with a job; the packed form of [`Disposition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// It is bought.
    New,
    /// `link` is the place of its purchase in the table of paid jobs.
    Reused,
    /// `link` is the ordinal of the job that buys it.
    Twin,
    /// `link` is the place of the purchase that must end first in the table of paid jobs.
    Blocked,
    /// `link` is the place of the purchase that a job it needs waits for.
    Waits,
}

/// A job as the plan keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlannedJob {
    pub(super) fingerprint: Fingerprint,
    /// The place of the entry in the plan's entries.
    pub(super) entry: u32,
    pub(super) row: u32,
    pub(super) take: u32,
    /// By the price list, whatever is to happen with the job.
    pub(super) price_credits: u32,
    /// What `tag` says it is.
    pub(super) link: u32,
    pub(super) operation: OperationId,
    pub(super) tag: Tag,
}

// A plan of a million jobs is to stay near 40 MB.
const _: () = assert!(size_of::<PlannedJob>() <= 40);

/// What is to happen with a job, and what it costs this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is bought at its price.
    New,
    /// A run before bought it: its result is used again, at no cost.
    Reused {
        /// That purchase.
        from: PaidJob,
    },
    /// An earlier job of this plan buys the very same thing: no cost.
    Twin {
        /// That job.
        of: Ordinal,
    },
    /// It is on its way in another run, so buying it now would pay twice: it is skipped.
    Blocked {
        /// The purchase that must end first.
        by: PaidJob,
    },
    /// A job it needs is blocked: it is skipped too.
    Waits {
        /// The purchase that must end first.
        by: PaidJob,
    },
}

impl Disposition {
    /// Returns the word used in reports: `new`, `reused`, `twin` or `blocked`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reused { .. } => "reused",
            Self::Twin { .. } => "twin",
            Self::Blocked { .. } | Self::Waits { .. } => "blocked",
        }
    }
}

/// A job of a plan, unpacked.
#[derive(Clone, Debug)]
pub struct JobView<'a> {
    /// Its place.
    pub ordinal: Ordinal,
    /// The entry it was made of.
    pub entry: &'a PlannedEntry,
    /// The row of `for_each`, from 1; 0 when the entry has none.
    pub row: u32,
    /// The take, from 1; 0 when the entry asks for one only.
    pub take: u32,
    /// The operation's catalog name.
    pub operation: &'a str,
    /// What it is, apart from its name.
    pub fingerprint: Fingerprint,
    /// What the price list asks for it.
    pub price: Credits,
    /// What is to happen with it.
    pub disposition: Disposition,
}

impl JobView<'_> {
    /// Returns the job's name.
    #[must_use]
    pub fn id(&self) -> JobId {
        job_id(&self.entry.id, self.row, self.take)
    }

    /// Returns what it costs this time: its price when it is bought, else nothing.
    #[must_use]
    pub fn credits(&self) -> Credits {
        match self.disposition {
            Disposition::New => self.price,
            _ => Credits::ZERO,
        }
    }
}

/// Forms a job's name as `Draft::id` does: `song`, `song#2`, `cue[17]`, `cue[17]#2`.
pub(super) fn job_id(entry: &str, row: u32, take: u32) -> JobId {
    JobId::new(match (row, take) {
        (0, 0) => entry.to_owned(),
        (0, take) => format!("{entry}#{take}"),
        (row, 0) => format!("{entry}[{row}]"),
        (row, take) => format!("{entry}[{row}]#{take}"),
    })
}
