//! Why jobs can't be bought: no price, or gone at the provider.

use std::fmt;

use crate::model::{Credits, JobId};

/// How many job names a refusal keeps as examples.
const SAMPLES: usize = 3;

/// Jobs of one entry that can't be bought, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The entry's id.
    pub entry: String,
    /// Its line in the manifest, from 1.
    pub line: u32,
    /// The operation's catalog name.
    pub operation: String,
    /// Why.
    pub cause: RefusalCause,
    /// How many jobs.
    pub jobs: u64,
    /// The names of the first few.
    pub samples: Vec<JobId>,
}

/// Why a job can't be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalCause {
    /// The price list has no price that applies.
    NoPrice {
        /// The price list's name.
        list: String,
        /// The built-in lists that have one, and what the first of the jobs costs there.
        others: Vec<(String, Credits)>,
    },
    /// The price is larger than a plan can hold.
    PriceTooLarge {
        /// The price list's name.
        list: String,
        /// The price.
        credits: Credits,
    },
    /// The provider answers 410.
    Retired {
        /// The provider's name.
        provider: String,
        /// What to use instead, as a sentence.
        instead: String,
    },
    /// The provider documents that it is not available.
    Unavailable {
        /// The provider's name.
        provider: String,
        /// What to use instead, as a sentence.
        instead: String,
    },
}

impl RefusalCause {
    /// Tells whether this is the same reason, whatever the first job's figures are.
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Refusal {
    /// Returns what to do about it, as a sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.cause {
            RefusalCause::NoPrice { others, .. } if others.is_empty() => format!(
                "no built-in price list has one either: give `{}` a price in a list of your own with `--prices FILE`",
                self.operation
            ),
            RefusalCause::NoPrice { others, .. } => {
                let known: Vec<_> = others
                    .iter()
                    .map(|(list, credits)| format!("`{list}` has {credits}"))
                    .collect();
                format!(
                    "{}: choose a list with `--prices NAME`, or give one of your own",
                    known.join(", ")
                )
            }
            RefusalCause::PriceTooLarge { .. } => "correct the price in the list".to_owned(),
            RefusalCause::Retired { instead, .. } | RefusalCause::Unavailable { instead, .. } => {
                instead.clone()
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = &self.operation;
        match &self.cause {
            RefusalCause::NoPrice { list, .. } => {
                write!(f, "`{operation}` has no price in `{list}`")?;
            }
            RefusalCause::PriceTooLarge { list, credits } => {
                write!(
                    f,
                    "`{operation}` costs {credits} in `{list}`; the most is {}",
                    u32::MAX
                )?;
            }
            RefusalCause::Retired { provider, .. } => {
                write!(f, "`{operation}` is retired at `{provider}`")?;
            }
            RefusalCause::Unavailable { provider, .. } => {
                write!(f, "`{operation}` is not available at `{provider}`")?;
            }
        }
        write!(f, ": entry `{}` in line {}", self.entry, self.line)?;
        match &self.samples[..] {
            [only] if self.jobs == 1 && only.as_str() == self.entry => Ok(()),
            samples => {
                let names: Vec<_> = samples.iter().map(|id| format!("`{id}`")).collect();
                let more = if self.jobs > samples.len() as u64 {
                    ", …"
                } else {
                    ""
                };
                let jobs = if self.jobs == 1 { "job" } else { "jobs" };
                write!(f, ", {} {jobs}: {}{more}", self.jobs, names.join(", "))
            }
        }
    }
}

/// The refusals met so far, one per entry, operation and reason.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    found: Vec<Refusal>,
}

impl Refusals {
    /// Adds a job to the refusal it belongs to.
    pub(super) fn add(&mut self, refusal: Refusal) {
        let like = |known: &&mut Refusal| {
            known.entry == refusal.entry
                && known.operation == refusal.operation
                && known.cause.is_like(&refusal.cause)
        };
        // The last ones first: a million jobs of one entry come one after the other.
        match self.found.iter_mut().rev().find(like) {
            Some(known) => {
                known.jobs += refusal.jobs;
                if known.samples.len() < SAMPLES {
                    known.samples.extend(refusal.samples);
                }
            }
            None => self.found.push(refusal),
        }
    }

    /// Returns them in the order they were met.
    pub(super) fn into_vec(self) -> Vec<Refusal> {
        self.found
    }
}
