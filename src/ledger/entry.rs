//! The heart of the ledger: which steps a job may take, and what each does to its credits.
//!
//! ```text
//!              hold           Send          Accept            Succeed            Save
//!    Planned ────────▶ Held ────────▶ Sent ────────▶ Accepted ────────▶ Succeeded ────────▶ Saved
//!      │  ▲            │  ▲            │ │ │           │   │              ▲ │  ▲
//!      │  │    Release │  └── Retry ───┘ │ │      Fail │   │ Lose         │ └──┘ SaveFailed; Miss leads back from Saved
//!      │  │            ▼                 │ │           ▼   ▼              │
//!      │  │        Released ◀── Release ─┤ │        Failed Lost           │
//!      │  │          │  ▲                │ │ Doubt          ▲             │
//!      │  │     hold │  │ Release        │ ▼                │             │
//!      │  │          ▼  └─────────────── InDoubt ── Lose ───┘             │
//!      │  │        Held                  │  └── Accept ──▶ Accepted       │
//!      │  │                       Refuse ▼                                │
//!      │  └── Restart ── Failed, Refused, Skipped                         │
//!      └────────────── Succeed, only for a job that is reused ────────────┘
//!
//!    Planned and Released become Skipped when a job they need ends badly; Planned, Released and Held by Skip, when
//!    their inputs can't be put together or a later run has bought the same.
//! ```
//!
//! Credits are set aside in Held, Sent and InDoubt, and in no other state. They become a charge by Accept, or by
//! Lose out of InDoubt. Everything here is pure: no clock, no store, no I/O. The stores call it for every live
//! step, and check every row they read back against it.

use jiff::Timestamp;

use crate::model::{CreditError, Credits, JobState, PastLoss, TaskId};

use super::command::{JobEvent, LedgerError};

/// A step that the state machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalStep {
    /// Where the job stands.
    pub state: JobState,
    /// What was to happen, as a participle.
    pub event: &'static str,
}

/// Why an event could not be applied to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepError {
    /// There is no such step.
    Illegal(IllegalStep),
    /// The sums would not fit.
    Sum(CreditError),
}

impl From<IllegalStep> for StepError {
    fn from(step: IllegalStep) -> Self {
        Self::Illegal(step)
    }
}

impl From<CreditError> for StepError {
    fn from(error: CreditError) -> Self {
        Self::Sum(error)
    }
}

impl StepError {
    /// Names the job that the step was asked of.
    pub(super) fn of(self, job: &str) -> LedgerError {
        match self {
            Self::Illegal(IllegalStep { state, event }) => LedgerError::IllegalStep {
                job: job.to_owned(),
                state,
                event,
            },
            Self::Sum(error) => LedgerError::Corrupt(format!("job `{job}`: {error}")),
        }
    }
}

/// Returns the state that an event leads to; every legal step is listed here and every other one is refused.
///
/// # Errors
/// [`IllegalStep`] when there is no such step.
pub fn next(state: JobState, event: &JobEvent) -> Result<JobState, IllegalStep> {
    use JobEvent as E;
    use JobState as S;
    Ok(match (state, event) {
        (S::Held, E::Send) => S::Sent,
        (S::Sent | S::InDoubt, E::Accept { .. }) => S::Accepted,
        (S::Sent, E::Retry { .. }) => S::Held,
        (S::Sent, E::Refuse { .. }) => S::Refused,
        (S::Held | S::Sent | S::InDoubt, E::Release { .. }) => S::Released,
        (S::Sent, E::Doubt { .. }) => S::InDoubt,
        (S::Accepted | S::Planned, E::Succeed { .. }) => S::Succeeded,
        (S::Accepted, E::Fail { .. }) => S::Failed,
        (S::Succeeded, E::Save { .. }) => S::Saved,
        (S::Succeeded, E::SaveFailed { .. }) | (S::Saved, E::Miss { .. }) => S::Succeeded,
        (S::InDoubt | S::Accepted, E::Lose { .. }) => S::Lost,
        (S::Planned | S::Released | S::Held, E::Skip { .. }) => S::Skipped,
        (S::Failed | S::Refused | S::Skipped, E::Restart) => S::Planned,
        _ => {
            return Err(IllegalStep {
                state,
                event: event.participle(),
            });
        }
    })
}

/// Returns what makes a job's files unusable: of a saved job, its error says so.
pub(super) fn defect_of(state: JobState, error: Option<String>) -> Option<String> {
    error.filter(|_| state == JobState::Saved)
}

/// Tells whether a job in this state came to an end, well or badly.
pub(super) const fn has_ended(state: JobState) -> bool {
    matches!(state, JobState::Saved) || state.ended_badly()
}

impl JobEvent {
    /// Returns the event's name as it stands in "it can't be …".
    #[must_use]
    pub const fn participle(&self) -> &'static str {
        match self {
            Self::Send => "sent",
            Self::Accept { .. } => "accepted",
            Self::Retry { .. } => "retried",
            Self::Refuse { .. } => "refused",
            Self::Release { .. } => "released",
            Self::Doubt { .. } => "put in doubt",
            Self::Succeed { .. } => "given a result",
            Self::Fail { .. } => "marked as failed",
            Self::Save { .. } => "marked as saved",
            Self::SaveFailed { .. } => "marked as unsaved",
            Self::Miss { .. } => "found without its files",
            Self::Lose { .. } => "declared lost",
            Self::Skip { .. } => "skipped",
            Self::Restart => "restarted",
        }
    }

    /// Tells whether the event lets a request leave, now or later: only the run's owner may record it.
    pub(super) const fn needs_lease(&self) -> bool {
        matches!(self, Self::Send | Self::Retry { .. })
    }
}

/// What a store finds jobs by, whatever their state: most steps do not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Ended without a result.
    Out,
    /// May start, now or once others have.
    Waits,
    /// A process works on it, or must look at it after a crash.
    InHand,
    /// Ended with its result.
    Saved,
}

impl Stage {
    /// Returns its number in the tables.
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Out => 0,
            Self::Waits => 1,
            Self::InHand => 2,
            Self::Saved => 3,
        }
    }
}

/// What the ledger keeps of a job's state and credits: all that a step reads and changes, its result apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it stands.
    pub state: JobState,
    /// What a start sets aside: the price, or nothing when the job is reused.
    pub cost: Credits,
    /// Whether its result comes from another job.
    pub reused: bool,
    /// Whether it was enrolled only to be shown: it may never start.
    pub blocked: bool,
    /// Whether a worker was handed this reused job; it is still Planned.
    pub claimed: bool,
    /// Set aside now.
    pub held: Credits,
    /// Charged by the latest purchase.
    pub charged: Credits,
    /// Given back of the latest purchase.
    pub refunded: Credits,
    /// Charged by purchases before a restart.
    pub past_charged: Credits,
    /// Given back of purchases before a restart.
    pub past_refunded: Credits,
    /// When the last request was sent that cost something before the last restart that was not refunded.
    pub past_sent_at: Option<Timestamp>,
    /// The purchases before a restart that were not refunded.
    pub past_losses: Vec<PastLoss>,
    /// Requests sent.
    pub attempts: u32,
    /// When the request left that was accepted, or may have been.
    pub submitted_at: Option<Timestamp>,
    /// When the job came to its end.
    pub finished_at: Option<Timestamp>,
    /// The provider's task.
    pub task_id: Option<TaskId>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// What a chain of events does to the sums that a run and its account keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Booking {
    /// Newly charged.
    pub charged: Credits,
    /// Newly refunded.
    pub refunded: Credits,
    /// When the request left that this is about; set when either sum is not zero.
    pub submitted_at: Option<Timestamp>,
}

impl Entry {
    /// Makes the entry of a job that was just enrolled.
    pub(super) fn planned(price: Credits, reused: bool) -> Self {
        Self {
            state: JobState::Planned,
            cost: if reused { Credits::ZERO } else { price },
            reused,
            blocked: false,
            claimed: false,
            held: Credits::ZERO,
            charged: Credits::ZERO,
            refunded: Credits::ZERO,
            past_charged: Credits::ZERO,
            past_refunded: Credits::ZERO,
            past_sent_at: None,
            past_losses: Vec::new(),
            attempts: 0,
            submitted_at: None,
            finished_at: None,
            task_id: None,
            error: None,
        }
    }

    /// Tells whether a process works on the job, or must look at it after a crash.
    pub(super) const fn is_in_hand(&self) -> bool {
        self.claimed
            || self.state.holds_credits()
            || matches!(self.state, JobState::Accepted | JobState::Succeeded)
    }

    /// Returns which of the ledger's lists it stands on.
    pub(super) const fn stage(&self) -> Stage {
        match self.state {
            _ if self.is_in_hand() => Stage::InHand,
            JobState::Saved => Stage::Saved,
            state if state.is_startable() => Stage::Waits,
            _ => Stage::Out,
        }
    }

    /// Sets its cost aside, or claims it when it is reused. Whether the limits allow it is the caller's question.
    pub(super) fn hold(&mut self) -> Result<(), StepError> {
        if !self.state.is_startable() || self.claimed {
            return Err(StepError::Illegal(IllegalStep {
                state: self.state,
                event: "held",
            }));
        }
        if self.reused {
            self.claimed = true;
        } else {
            self.state = JobState::Held;
            self.held = self.cost;
        }
        Ok(())
    }

    /// Makes it a job that uses the result of another run, which bought the same since this one was planned.
    pub(super) fn use_another(&mut self) {
        self.state = JobState::Planned;
        self.reused = true;
        self.cost = Credits::ZERO;
        self.error = None;
    }

    /// Marks it as skipped for want of a job it needs.
    pub(super) fn skip(&mut self, reason: String, now: Timestamp) {
        self.state = JobState::Skipped;
        self.claimed = false;
        self.error = Some(reason);
        self.finished_at = Some(now);
    }

    /// Applies events in order; an entry that is refused a step must be thrown away.
    pub(super) fn apply(
        &mut self,
        events: &[JobEvent],
        now: Timestamp,
    ) -> Result<Booking, StepError> {
        let mut booking = Booking::default();
        for event in events {
            self.step(event, now, &mut booking)?;
        }
        Ok(booking)
    }

    fn step(
        &mut self,
        event: &JobEvent,
        now: Timestamp,
        booking: &mut Booking,
    ) -> Result<(), StepError> {
        let to = next(self.state, event)?;
        let unpaid_result = self.state == JobState::Planned && !self.reused;
        if self.blocked || (unpaid_result && matches!(event, JobEvent::Succeed { .. })) {
            return Err(StepError::Illegal(IllegalStep {
                state: self.state,
                event: event.participle(),
            }));
        }
        self.move_credits(event, to, booking)?;
        match event {
            JobEvent::Send => {
                self.attempts = self.attempts.saturating_add(1);
                self.submitted_at = Some(now);
            }
            JobEvent::Accept { task } => {
                self.task_id.clone_from(task);
                self.error = None;
            }
            JobEvent::Succeed { .. } => self.error = None,
            JobEvent::Save { defect, .. } => self.error.clone_from(defect),
            JobEvent::Retry { error }
            | JobEvent::Refuse { error }
            | JobEvent::Release { error: Some(error) }
            | JobEvent::Doubt { error }
            | JobEvent::Fail { error, .. }
            | JobEvent::SaveFailed { error }
            | JobEvent::Miss { error }
            | JobEvent::Skip { error }
            | JobEvent::Lose { error } => self.error = Some(error.clone()),
            JobEvent::Release { error: None } => {}
            JobEvent::Restart => {
                self.task_id = None;
                self.error = None;
            }
        }
        if matches!(
            to,
            JobState::Held | JobState::Refused | JobState::Released | JobState::Planned
        ) {
            // No request of this job was accepted, or none counts any more.
            self.submitted_at = None;
        }
        self.claimed = false;
        self.finished_at = has_ended(to).then_some(now);
        self.state = to;
        Ok(())
    }

    /// Moves the credits of one step: the only place where held, charged and refunded change.
    fn move_credits(
        &mut self,
        event: &JobEvent,
        to: JobState,
        booking: &mut Booking,
    ) -> Result<(), CreditError> {
        match event {
            // Accepted, or lost out of doubt: what was set aside is the charge.
            JobEvent::Accept { .. } | JobEvent::Lose { .. } if self.state.holds_credits() => {
                self.charged = std::mem::take(&mut self.held);
                booking.charged = booking.charged.plus(self.charged)?;
                booking.submitted_at = self.submitted_at;
            }
            JobEvent::Fail { refunded: true, .. } => {
                self.refunded = self.charged;
                booking.refunded = booking.refunded.plus(self.refunded)?;
                booking.submitted_at = self.submitted_at;
            }
            JobEvent::Restart => {
                let credits = self.refunded.short_of(self.charged);
                if !credits.is_zero() {
                    self.past_sent_at = self.submitted_at;
                    self.past_losses.push(PastLoss {
                        task_id: self.task_id.clone(),
                        credits,
                        sent_at: self.submitted_at,
                        error: self.error.clone(),
                    });
                }
                self.past_charged = self.past_charged.plus(std::mem::take(&mut self.charged))?;
                self.past_refunded = self
                    .past_refunded
                    .plus(std::mem::take(&mut self.refunded))?;
            }
            _ if !to.holds_credits() => self.held = Credits::ZERO,
            _ => {}
        }
        Ok(())
    }

    /// Returns all that was ever charged for the job.
    pub(super) fn total_charged(&self) -> Result<Credits, CreditError> {
        self.past_charged.plus(self.charged)
    }

    /// Returns all that was ever refunded for the job.
    pub(super) fn total_refunded(&self) -> Result<Credits, CreditError> {
        self.past_refunded.plus(self.refunded)
    }

    /// Checks what was read back: could legal steps have led here?
    ///
    /// # Errors
    /// What makes no sense, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        use JobState as S;
        let state = self.state;
        let has_own_result = state.has_result() && !self.reused;
        let is_bought = matches!(state, S::Accepted | S::Failed | S::Lost) || has_own_result;
        let was_sent = is_bought || matches!(state, S::Sent | S::InDoubt);
        let is_whole_refund = state == S::Failed && self.refunded == self.charged;
        let lost = Credits::sum(self.past_losses.iter().map(|loss| loss.credits));
        let amount = |applies: bool| if applies { self.cost } else { Credits::ZERO };
        let laws = [
            (self.held == amount(state.holds_credits()), "held"),
            (self.charged == amount(is_bought), "charged"),
            (self.refunded.is_zero() || is_whole_refund, "refunded"),
            (self.past_refunded <= self.past_charged, "refunded before"),
            (self.attempts > 0 || !was_sent, "attempts"),
            (
                self.attempts > 0 || self.past_charged.is_zero(),
                "charged before",
            ),
            (
                lost == self.past_charged.minus(self.past_refunded),
                "lost before",
            ),
            (
                self.past_sent_at.is_some() == (self.past_refunded < self.past_charged),
                "sent before",
            ),
            (self.submitted_at.is_some() == was_sent, "submitted"),
            (self.finished_at.is_some() == has_ended(state), "finished"),
            (!self.blocked || state == S::Skipped, "blocked"),
            (
                !self.claimed || (self.reused && state == S::Planned),
                "claimed",
            ),
            (!self.reused || self.is_possible_reuse(), "reused"),
        ];
        match laws.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, field)) => Err(format!(
                "is {state} with a value of `{field}` that no legal step leads to"
            )),
        }
    }

    fn is_possible_reuse(&self) -> bool {
        use JobState as S;
        let state = matches!(
            self.state,
            S::Planned | S::Succeeded | S::Saved | S::Skipped
        );
        state && self.cost.is_zero()
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
