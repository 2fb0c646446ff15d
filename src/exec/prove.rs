//! Sends a job while nothing else is in flight, and compares what it was charged with its price.
//!
//! A price list can be out of date, and a balance that only the end of a run is compared with tells it too late. A canary
//! lets the first job of each operation go alone; an audit lets every job.

use std::collections::HashSet;
use std::sync::Arc;

use crate::ledger::{HeldJob, LedgerError, Rise, Weighing};
use crate::model::{AccountId, Credits, Drift, Proof, RunEvent};

use super::observe::{self, ObserveError, Observed};
use super::worker::{Message, Shared, begin, storage};

/// What came of a job that went alone.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) operation: String,
    /// What the job's own worker said.
    pub(super) message: Message,
    /// What the balance says of its charge.
    pub(super) verdict: Verdict,
}

/// What the balance says of a charge, in words unless it agrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Agrees,
    Differs(String),
    Unclear(String),
}

/// What the balance says of the books since the last checkpoint.
enum Books {
    Agree,
    Differ(Drift),
    Unclear(String),
}

/// Decides which jobs go alone, and whose turn it is.
#[derive(Default)]
pub(super) struct Prover {
    proof: Proof,
    proven: HashSet<String>,
    /// A job that goes once nothing else is in flight.
    waiting: Option<HeldJob>,
    is_at_work: bool,
}

impl Prover {
    pub(super) fn new(proof: Proof) -> Self {
        Self {
            proof,
            ..Self::default()
        }
    }

    pub(super) fn is_off(&self) -> bool {
        self.proof == Proof::Off
    }

    /// Tells whether a job must go alone.
    pub(super) fn wants(&self, job: &HeldJob) -> bool {
        match self.proof {
            Proof::Off => false,
            Proof::Canary => !self.proven.contains(&job.operation),
            Proof::Audit => true,
        }
    }

    /// Puts a job off until nothing else is in flight.
    pub(super) fn put_off(&mut self, job: HeldJob) {
        self.waiting = Some(job);
    }

    /// Tells whether nothing else may start just now.
    pub(super) fn blocks(&self) -> bool {
        self.is_at_work || self.waiting.is_some()
    }

    /// Hands out the job whose turn it is, now that nothing is in flight.
    pub(super) fn next(&mut self) -> Option<HeldJob> {
        let job = self.waiting.take()?;
        self.is_at_work = true;
        Some(job)
    }

    /// Notes that a job of this operation is through.
    pub(super) fn is_through(&mut self, operation: String) {
        self.is_at_work = false;
        if self.proof == Proof::Canary {
            self.proven.insert(operation);
        }
    }
}

/// Sends a job alone, with the balance read before and after it.
pub(super) async fn prove(shared: Arc<Shared>, account: AccountId, job: HeldJob) -> Message {
    let (operation, price, ordinal) = (job.operation.clone(), job.price, job.ordinal);
    let before = match compare(&shared, &account).await {
        Ok(before) => before,
        Err(error) => return Message::Stop(storage(&error)),
    };
    let message = begin(shared.clone(), job).await;
    let after = match compare(&shared, &account).await {
        Ok(after) => after,
        Err(error) => return Message::Stop(storage(&error)),
    };
    if let (Message::Succeeded(_), Some(charged)) = (&message, charge(price, &before, &after)) {
        let now = shared.engine.clock.now();
        let noted = shared
            .engine
            .ledger
            .note_audit(&shared.run, ordinal, charged, now);
        if let Err(error) = noted.await {
            // A lesson that is lost is no reason to stop, and a ledger that fails is told by the next step.
            let message = format!("what a job of `{operation}` was charged can't be kept: {error}");
            shared.tell(RunEvent::Warning { message });
        }
    }
    Message::Proved(Box::new(Proved {
        verdict: judge(&operation, price, before, after),
        operation,
        message,
    }))
}

/// Returns what a job was charged that went alone and has its result, when the balance tells.
fn charge(price: Credits, before: &Books, after: &Books) -> Option<Credits> {
    match (before, after) {
        (Books::Unclear(_), _) | (_, Books::Unclear(_)) => None,
        (_, Books::Agree) => Some(price),
        (_, Books::Differ(drift)) => {
            let charged = i128::from(price.get()) - i128::from(drift.get());
            u64::try_from(charged).ok().map(Credits::new)
        }
    }
}

fn judge(operation: &str, price: Credits, before: Books, after: Books) -> Verdict {
    match (before, after) {
        (Books::Unclear(why), _) | (_, Books::Unclear(why)) => Verdict::Unclear(format!(
            "what a job of `{operation}` is charged can't be told: {why}"
        )),
        (_, Books::Agree) => Verdict::Agrees,
        // What differed before was told then, and is no fault of this job.
        (_, Books::Differ(drift)) => {
            let charged = i128::from(price.get()) - i128::from(drift.get());
            Verdict::Differs(format!(
                "a job of `{operation}` has the price {price}, and the balance says that {charged} were charged: the \
                 price list is wrong, or somebody else uses the account"
            ))
        }
    }
}

/// Compares the balance with the books since the last checkpoint, and makes it the next.
async fn compare(shared: &Shared, account: &AccountId) -> Result<Books, LedgerError> {
    let engine = &shared.engine;
    let observed = match observe::observe(shared, account).await {
        Ok(observed) => observed,
        Err(ObserveError::Ledger(error)) => return Err(error),
        Err(ObserveError::Provider(fault)) => {
            return Ok(Books::Unclear(format!(
                "the balance can't be read ({})",
                fault.message
            )));
        }
    };
    let Observed { mark, balance, .. } = observed;
    let weighing = engine.ledger.weigh(account, mark, balance)?;
    observe::keep(engine, account, observed, Rise::IsReal).await?;
    Ok(match weighing {
        Weighing { doubts, .. } if !doubts.is_empty() => {
            Books::Unclear("a payment is in doubt".to_owned())
        }
        Weighing {
            is_quiet: false, ..
        } => Books::Unclear("other requests of the account are under way".to_owned()),
        Weighing {
            unexplained: Some(drift),
            ..
        } if drift.get() != 0 => Books::Differ(drift),
        _ => Books::Agree,
    })
}
