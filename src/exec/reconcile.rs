//! Settles payments in doubt by what the balance says, while nothing else is in flight.
//!
//! A request whose answer was lost may still be worked on, and a balance may lag behind. So the balance is read twice:
//! first when no request can be on its way any more, and once more after that. Both readings must leave one and
//! the same explanation. A payment that was charged is lost, for there is no task to ask for; one that was not is sent
//! again; one that the figures don't tell stays in doubt with its credits held.

use std::sync::Arc;
use std::time::Duration;

use crate::ledger::{Doubt, Finding, JobEvent, LedgerError, Rise, Weighing};
use crate::model::{AccountId, Drift, JobState, RunEvent};

use super::observe::{ObserveError, Observed, observe};
use super::worker::{Message, Shared, storage};

/// How many time-outs must have passed since a request left before the balance is asked.
const PATIENCE: u32 = 2;

/// Why nothing could be settled.
enum Unsettled {
    /// The figures don't tell.
    Unclear(String),
    /// The run stops meanwhile.
    Halted,
    /// The ledger failed.
    Ledger(LedgerError),
}

impl From<LedgerError> for Unsettled {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Settles what can be settled of a run's payments in doubt.
pub(super) async fn reconcile(shared: Arc<Shared>, account: AccountId) -> Message {
    match settle(&shared, &account).await {
        Ok(()) | Err(Unsettled::Halted) => {}
        Err(Unsettled::Unclear(why)) => {
            let message = format!(
                "the balance does not tell whether payments in doubt were charged: {why}; \
                 see `setlist resolve`"
            );
            shared.tell(RunEvent::Warning { message });
        }
        Err(Unsettled::Ledger(error)) => return Message::SaveStop(storage(&error)),
    }
    Message::Reconciled
}

async fn settle(shared: &Shared, account: &AccountId) -> Result<(), Unsettled> {
    let (seen, reading) = weigh(shared, account).await?;
    let Some(latest) = seen.doubts.iter().map(|doubt| doubt.sent_at).max() else {
        // They are older than the last checkpoint: whatever they took, it has taken already.
        let why = "they are older than the last reading taken while nothing was in flight";
        return Err(Unsettled::Unclear(why.to_owned()));
    };
    let timeout = shared.settings.timeout;
    let age = match &seen.last {
        Some(last) if last.has_sums(reading.mark) => {
            let age = shared.engine.clock.now().duration_since(latest);
            Duration::try_from(age).unwrap_or(Duration::ZERO)
        }
        // Something was charged since, perhaps just now: not shown yet, it would make up for what a payment in doubt took.
        _ => Duration::ZERO,
    };
    wait(shared, timeout.saturating_mul(PATIENCE).saturating_sub(age)).await?;
    let known = reading.mark;
    let (first, reading) = weigh(shared, account).await?;
    if reading.mark != known {
        let why = "something else was charged or given back meanwhile".to_owned();
        return Err(Unsettled::Unclear(why));
    }
    let findings = first.judge().map_err(Unsettled::Unclear)?;
    wait(shared, timeout).await?;
    let (second, reading) = weigh(shared, account).await?;
    if reading.mark != known
        || (second.judge().ok().as_ref(), &second.doubts) != (Some(&findings), &first.doubts)
    {
        let why = "two readings of it, one after the other, differ".to_owned();
        return Err(Unsettled::Unclear(why));
    }
    for (doubt, finding) in second.doubts.iter().zip(findings) {
        if doubt.run == shared.run {
            record(shared, doubt, finding, &second).await?;
        }
    }
    let now = shared.engine.clock.now();
    let Observed { mark, balance, .. } = reading;
    let ledger = &shared.engine.ledger;
    if second.doubts.iter().all(|doubt| doubt.run == shared.run) {
        // Kept only if nothing was charged just now: the next reading shows it.
        ledger
            .keep_checkpoint(account, mark, balance, Rise::MayPass, now)
            .await?;
    }
    Ok(())
}

async fn weigh(shared: &Shared, account: &AccountId) -> Result<(Weighing, Observed), Unsettled> {
    let observed = observe(shared, account)
        .await
        .map_err(|error| match error {
            ObserveError::Ledger(error) => Unsettled::Ledger(error),
            ObserveError::Provider(fault) => {
                Unsettled::Unclear(format!("it can't be read ({})", fault.message))
            }
        })?;
    let weighing = shared
        .engine
        .ledger
        .weigh(account, observed.mark, observed.balance)?;
    Ok((weighing, observed))
}

async fn wait(shared: &Shared, span: Duration) -> Result<(), Unsettled> {
    tokio::select! {
        biased;
        () = shared.halt.cancelled() => Err(Unsettled::Halted),
        () = shared.engine.clock.sleep(span) => Ok(()),
    }
}

async fn record(
    shared: &Shared,
    doubt: &Doubt,
    finding: Finding,
    weighing: &Weighing,
) -> Result<(), LedgerError> {
    let since = weighing.last.map(|last| last.at.to_string());
    let since = since.unwrap_or_default();
    let missing = weighing.unexplained.map_or(0, Drift::get).unsigned_abs();
    let (event, state) = match finding {
        Finding::Charged => {
            let error = format!(
                "charged, and its answer was lost: of the balance {missing} credits are missing since {since}"
            );
            (JobEvent::Lose { error }, JobState::Lost)
        }
        Finding::NotCharged => {
            let error = format!(
                "not charged: two readings of the balance show no charge for it since {since}"
            );
            (JobEvent::Release { error: Some(error) }, JobState::Released)
        }
    };
    let message = format!("payment in doubt settled: job `{}` is {state}", doubt.job);
    let now = shared.engine.clock.now();
    let ledger = &shared.engine.ledger;
    ledger
        .record(&shared.run, doubt.ordinal, vec![event], now)
        .await?;
    shared.tell(RunEvent::Warning { message });
    Ok(())
}
