//! Which jobs fit when credits are short: the best by priority, then by number, each with all that it needs.

use serde::Serialize;

use crate::model::{CreditError, Credits, Ordinal};

use super::job::Tag;
use super::planned::{Plan, PlannedEntry};
use super::wishes::{Needs, Wishes};

/// Why a job that was left out is not bought: what ledger and reports say of it.
pub const LEFT_OUT: &str = "left out: credits were short when the run was planned";

/// How many jobs, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobSum {
    /// Jobs.
    pub jobs: u64,
    /// What they cost this time.
    pub credits: Credits,
}

/// The jobs of a plan that fit into so many credits, and those that are left out.
///
/// Jobs that another run blocks are neither: they are skipped whatever there is to spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    room: Credits,
    /// By ordinal.
    left_out: Vec<bool>,
    fits: JobSum,
    leaves: JobSum,
    buys: u64,
}

impl Fit {
    /// Chooses among the jobs of a plan, of which `needs` says what each waits for.
    ///
    /// # Errors
    /// When the prices add up to more than can be kept.
    pub(super) fn choose(plan: &Plan, needs: Needs, room: Credits) -> Result<Self, CreditError> {
        let mut wishes = Wishes::new(plan, needs);
        wishes.choose(room.get());
        let mut fit = Self {
            room,
            left_out: Vec::with_capacity(plan.jobs.len()),
            fits: JobSum::default(),
            leaves: JobSum::default(),
            buys: 0,
        };
        for (at, job) in plan.jobs.iter().enumerate() {
            let is_in = wishes.is_in(at);
            let left_out = !is_in && wishes.can_be_had(at);
            let credits = match job.tag {
                Tag::New => Credits::new(job.price_credits.into()),
                _ => Credits::ZERO,
            };
            fit.buys += u64::from(is_in && job.tag == Tag::New);
            let sum = match (is_in, left_out) {
                (true, _) => Some(&mut fit.fits),
                (_, true) => Some(&mut fit.leaves),
                _ => None,
            };
            if let Some(sum) = sum {
                sum.jobs += 1;
                sum.credits = sum.credits.plus(credits)?;
            }
            fit.left_out.push(left_out);
        }
        Ok(fit)
    }

    /// Returns the credits that the jobs were to fit into.
    #[must_use]
    pub const fn room(&self) -> Credits {
        self.room
    }

    /// Returns the jobs that fit, reused ones included.
    #[must_use]
    pub const fn fits(&self) -> JobSum {
        self.fits
    }

    /// Returns how many of the jobs that fit are bought.
    #[must_use]
    pub const fn buys(&self) -> u64 {
        self.buys
    }

    /// Returns the jobs that are left out.
    #[must_use]
    pub const fn left_out(&self) -> JobSum {
        self.leaves
    }

    /// Returns what is missing for all jobs to fit.
    #[must_use]
    pub fn missing(&self) -> Credits {
        // The chosen ones fit, so what is left of the room makes up for a part.
        let unused = self.fits.credits.short_of(self.room);
        unused.short_of(self.leaves.credits)
    }

    /// Tells whether a job is left out.
    #[must_use]
    pub fn leaves_out(&self, job: Ordinal) -> bool {
        self.left_out.get(job.index()).copied().unwrap_or(false)
    }

    /// Returns the entries of which jobs are left out, in the plan's order.
    #[must_use]
    pub fn entries<'p>(&self, plan: &'p Plan) -> Vec<(&'p PlannedEntry, JobSum)> {
        let mut sums = vec![JobSum::default(); plan.entries.len()];
        for (job, _) in plan
            .jobs
            .iter()
            .zip(&self.left_out)
            .filter(|(_, out)| **out)
        {
            let sum = &mut sums[job.entry as usize];
            sum.jobs += 1;
            let credits = match job.tag {
                Tag::New => Credits::new(job.price_credits.into()),
                _ => Credits::ZERO,
            };
            // A part of a sum that was kept can be kept.
            sum.credits = sum.credits.plus(credits).unwrap_or(Credits::MAX);
        }
        let sums = plan.entries.iter().zip(sums);
        sums.filter(|(_, sum)| sum.jobs > 0).collect()
    }
}
