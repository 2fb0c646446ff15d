//! Rows to figures: what a run cost, what it brought, and what went wrong, summed as the records come.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::model::{
    CreditError, Credits, Drift, JobId, JobRecord, JobState, Reuse, RunRecord, TaskId,
};
use crate::plan::{JobSum, LEFT_OUT};

use super::causes::{Cause, Explanation, Facts, Known, explain};
use super::claim::Claim;
use super::late_refund::Unrefunded;
use super::wrong_price::{Charge, Charged};

/// How many jobs in trouble are kept by name.
const TROUBLES: usize = 20;
/// How many reasons for skipping are kept.
const SKIP_REASONS: usize = 5;

/// A sum that could not be formed: the records are absurd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credits of run `{run}` can't be added up at job `{job}`: {source}")]
pub struct SummaryError {
    /// The run.
    pub run: String,
    /// The job at which the sum failed.
    pub job: JobId,
    /// Why.
    #[source]
    pub source: CreditError,
}

/// The jobs of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperationFigures {
    /// How many.
    pub jobs: u64,
    /// Of these, those that have a result.
    pub done: u64,
    /// Credits charged.
    pub charged: Credits,
    /// Credits refunded.
    pub refunded: Credits,
}

/// A job that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The job.
    pub job: JobId,
    /// Its operation.
    pub operation: String,
    /// Where it stands.
    pub state: JobState,
    /// Credits charged for it and not given back.
    pub lost: Credits,
    /// The provider's task, for a claim.
    pub task_id: Option<TaskId>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A reason for which jobs were skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skip {
    /// The reason.
    pub reason: String,
    /// How many jobs.
    pub jobs: u64,
}

/// The figures of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The balance before the first request.
    pub opening: Option<Credits>,
    /// Credits charged.
    pub charged: Credits,
    /// Credits refunded.
    pub refunded: Credits,
    /// What the books can't explain: closing − (opening − charged + refunded).
    pub unexplained: Option<Drift>,
    /// The balance after the last request.
    pub closing: Option<Credits>,
    /// Credits set aside now.
    pub held: Credits,
    /// Jobs.
    pub jobs: u64,
    /// Jobs with a result, reused ones included.
    pub done: u64,
    /// Jobs by state; states without a job are left out.
    #[serde(serialize_with = "by_name")]
    pub states: BTreeMap<JobState, u64>,
    /// Figures by operation.
    pub operations: BTreeMap<String, OperationFigures>,
    /// Jobs whose result another run bought.
    pub reused: u64,
    /// What they would have cost.
    pub saved_by_reuse: Credits,
    /// Jobs whose result an identical job of the run bought.
    pub twins: u64,
    /// What they would have cost.
    pub saved_by_twins: Credits,
    /// Jobs that were charged for something unusable and did not get it all back: those in `claims.csv`.
    pub claims: u64,
    /// Credits charged for them.
    pub claimed: Credits,
    /// Jobs that failed, were refused, are lost or in doubt, could not be saved, or have unusable files; the first few.
    pub troubles: Vec<Trouble>,
    /// Jobs like these that are not listed.
    pub troubles_left_out: u64,
    /// Why jobs were skipped; the first few reasons.
    pub skipped: Vec<Skip>,
    /// Of the jobs skipped, those that were left out when the run was planned, since credits were short.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: JobSum,
    /// Whether the run was to stop for what its books can't explain, and only goes on if somebody accepts that.
    #[serde(skip)]
    pub drifted: bool,
    /// What may lie behind what the books can't explain; set by [`Summary::explain`].
    #[serde(serialize_with = "in_words", skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// Jobs that were charged, by what decides that; empty when the run's books close.
    #[serde(skip)]
    charges: Charged,
    /// Whether the run's books leave anything to be explained.
    #[serde(skip)]
    is_unexplained: bool,
    /// Jobs that failed or got lost, by what was not given back.
    #[serde(skip)]
    unrefunded: BTreeMap<Credits, u64>,
}

fn in_words<S: Serializer>(explanation: &Option<Explanation>, to: S) -> Result<S::Ok, S::Error> {
    let Some(explanation) = explanation else {
        return to.serialize_none();
    };
    let json = |causes: &[Cause]| causes.iter().map(Cause::json).collect::<Vec<_>>();
    let fields = json!({
        "placed": json(&explanation.placed),
        "rest": explanation.rest,
        "likely": json(&explanation.likely),
    });
    fields.serialize(to)
}

fn is_zero(sum: &JobSum) -> bool {
    sum.jobs == 0
}

fn by_name<S: Serializer>(states: &BTreeMap<JobState, u64>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(states.iter().map(|(state, jobs)| (state.as_str(), jobs)))
}

impl Summary {
    /// Starts with the balances of a run, and no jobs.
    #[must_use]
    pub fn new(run: &RunRecord) -> Self {
        let mut summary = Self {
            opening: run.opening,
            charged: Credits::ZERO,
            refunded: Credits::ZERO,
            unexplained: None,
            closing: run.closing,
            held: Credits::ZERO,
            jobs: 0,
            done: 0,
            states: BTreeMap::new(),
            operations: BTreeMap::new(),
            reused: 0,
            saved_by_reuse: Credits::ZERO,
            twins: 0,
            saved_by_twins: Credits::ZERO,
            claims: 0,
            claimed: Credits::ZERO,
            troubles: Vec::new(),
            troubles_left_out: 0,
            skipped: Vec::new(),
            left_out: JobSum::default(),
            drifted: false,
            explanation: None,
            charges: Charged::new(),
            is_unexplained: run.unexplained().is_some_and(|drift| drift.get() != 0),
            unrefunded: BTreeMap::new(),
        };
        summary.unexplained = summary.drift();
        summary
    }

    /// Adds a job.
    ///
    /// # Errors
    /// When a sum is larger than can be kept.
    pub fn add(&mut self, record: &JobRecord) -> Result<(), SummaryError> {
        self.try_add(record).map_err(|source| SummaryError {
            run: record.run.to_string(),
            job: record.job.id.clone(),
            source,
        })
    }

    /// Looks for what may lie behind what the books can't explain, once all jobs are added.
    pub fn explain(&mut self, known: &Known) {
        let Some(unexplained) = self.unexplained.map(Drift::get).filter(|drift| *drift != 0) else {
            return;
        };
        let unrefunded = self.unrefunded.iter();
        let unrefunded: Vec<_> = unrefunded
            .map(|(charge, jobs)| Unrefunded {
                charge: *charge,
                jobs: *jobs,
            })
            .collect();
        let facts = Facts {
            unexplained,
            charged: &self.charges,
            unrefunded: &unrefunded,
        };
        self.explanation = Some(explain(&facts, known));
    }

    /// Returns how many jobs are in a state.
    #[must_use]
    pub fn in_state(&self, state: JobState) -> u64 {
        self.states.get(&state).copied().unwrap_or(0)
    }

    /// Returns how many jobs ended badly, skipped ones included.
    #[must_use]
    pub fn bad(&self) -> u64 {
        JobState::ALL
            .into_iter()
            .filter(|state| state.ended_badly())
            .map(|state| self.in_state(state))
            .sum()
    }

    /// Tells whether all is well but for the jobs that were left out.
    #[must_use]
    pub fn only_left_out(&self) -> bool {
        let left_out = self.left_out.jobs;
        left_out > 0 && self.troubles.is_empty() && self.done + left_out == self.jobs
    }

    fn try_add(&mut self, record: &JobRecord) -> Result<(), CreditError> {
        self.charged = self.charged.plus(record.charged)?;
        self.refunded = self.refunded.plus(record.refunded)?;
        self.held = self.held.plus(record.held)?;
        self.unexplained = self.drift();

        let is_done = record.state.has_result();
        self.jobs += 1;
        self.done += u64::from(is_done);
        *self.states.entry(record.state).or_default() += 1;
        let operation = self
            .operations
            .entry(record.job.operation.clone())
            .or_default();
        operation.jobs += 1;
        operation.done += u64::from(is_done);
        operation.charged = operation.charged.plus(record.charged)?;
        operation.refunded = operation.refunded.plus(record.refunded)?;

        self.note_charge(record);
        match &record.job.reuse {
            Some(Reuse::Run { .. }) if is_done => {
                self.reused += 1;
                self.saved_by_reuse = self.saved_by_reuse.plus(record.job.price)?;
            }
            Some(Reuse::Twin { .. }) if is_done => {
                self.twins += 1;
                self.saved_by_twins = self.saved_by_twins.plus(record.job.price)?;
            }
            _ => {}
        }
        self.note_trouble(record)
    }

    /// Keeps what a wrong price or a late refund would be seen by.
    fn note_charge(&mut self, record: &JobRecord) {
        if !self.is_unexplained {
            return;
        }
        let (charged, price) = (record.charged, record.job.price);
        // A job that was tried again was charged more than once.
        if let Some(times) = charged.get().checked_div(price.get()).filter(|n| *n > 0) {
            let charge = Charge::of(&record.job.operation, price, &record.job.inputs);
            *self.charges.entry(charge).or_default() += times;
        }
        // Each purchase would be given back by itself.
        let past = record.past_losses.iter().map(|loss| loss.credits);
        let last = record.past_refunded.short_of(record.refunded);
        let last = last.short_of(record.past_charged.short_of(charged));
        let is_lost = matches!(record.state, JobState::Failed | JobState::Lost);
        let last = Some(last).filter(|last| is_lost && !last.is_zero());
        for lost in past.chain(last) {
            *self.unrefunded.entry(lost).or_default() += 1;
        }
    }

    fn note_trouble(&mut self, record: &JobRecord) -> Result<(), CreditError> {
        let lost = Credits::sum(Claim::all_of(record).map(|claim| claim.credits()))?;
        if !lost.is_zero() {
            self.claims += 1;
            self.claimed = self.claimed.plus(lost)?;
        }
        match record.state {
            JobState::Skipped => self.note_skip(record)?,
            JobState::Failed | JobState::Refused | JobState::Lost | JobState::InDoubt => {
                self.list(record, lost);
            }
            // Paid for, and the file is not there.
            JobState::Succeeded if record.error.is_some() => self.list(record, lost),
            // Paid for, and the file is of no use.
            JobState::Saved if record.error.is_some() => self.list(record, lost),
            _ => {}
        }
        Ok(())
    }

    fn note_skip(&mut self, record: &JobRecord) -> Result<(), CreditError> {
        let reason = record
            .error
            .as_deref()
            .unwrap_or("a job it needs gave no result");
        if let Some(known) = self.skipped.iter_mut().find(|skip| skip.reason == reason) {
            known.jobs += 1;
        } else if self.skipped.len() < SKIP_REASONS {
            self.skipped.push(Skip {
                reason: reason.to_owned(),
                jobs: 1,
            });
        }
        if reason == LEFT_OUT {
            self.left_out.jobs += 1;
            if record.job.reuse.is_none() {
                self.left_out.credits = self.left_out.credits.plus(record.job.price)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, record: &JobRecord, lost: Credits) {
        if self.troubles.len() == TROUBLES {
            self.troubles_left_out += 1;
            return;
        }
        self.troubles.push(Trouble {
            job: record.job.id.clone(),
            operation: record.job.operation.clone(),
            state: record.state,
            lost,
            task_id: record.task_id.clone(),
            error: record.error.clone(),
        });
    }

    /// Both sides get the charges, so that a charge above the opening balance needs no negative number.
    fn drift(&self) -> Option<Drift> {
        let expected = self.opening?.plus(self.refunded).ok()?;
        let found = self.closing?.plus(self.charged).ok()?;
        Some(Drift::between(expected, found))
    }
}
