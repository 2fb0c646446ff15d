//! Compares the balance with the books in a lull: while nothing is in flight, though the run has more to do.
//!
//! The end of a long run is late to learn that prices moved or that somebody else spends. A lull costs nobody a place, so
//! it is used, once in a while, for a reading; nothing starts until it is there.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::{LedgerError, Rise};
use crate::model::{AccountId, Drift};

use super::observe::{self, ObserveError};
use super::worker::{Message, Shared, storage};

/// How long after a reading another lull is used.
const LULL_EVERY: Duration = Duration::from_secs(60);
/// What is missing must still be missing after this time: a refund may show later in the balance than in its task.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// Decides which lull is used.
pub(super) struct Lulls {
    last: Timestamp,
    has_charged: bool,
    is_at_work: bool,
}

impl Lulls {
    /// The balance was read just now.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            last: now,
            has_charged: false,
            is_at_work: false,
        }
    }

    /// Notes that a job left its slot: credits may have moved.
    pub(super) fn note_move(&mut self) {
        self.has_charged = true;
    }

    /// Tells whether nothing may start just now.
    pub(super) fn blocks(&self) -> bool {
        self.is_at_work
    }

    /// Tells whether a lull at this time is to be used.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let age = Duration::try_from(now.duration_since(self.last)).unwrap_or(Duration::ZERO);
        self.has_charged && !self.is_at_work && age >= LULL_EVERY
    }

    pub(super) fn begin(&mut self) {
        self.is_at_work = true;
        self.has_charged = false;
    }

    pub(super) fn end(&mut self, now: Timestamp) {
        self.is_at_work = false;
        self.last = now;
    }
}

/// Compares the balance with the books, and tells in words what is missing.
pub(super) async fn look(shared: Arc<Shared>, account: AccountId) -> Message {
    let looking = tokio::select! {
        biased;
        () = shared.halt.cancelled() => Ok(None),
        missing = missing(&shared, &account) => missing,
    };
    let missing = match looking {
        Ok(None) => return Message::Looked(None),
        Ok(Some(drift)) => drift,
        Err(error) => return Message::SaveStop(storage(&error)),
    };
    Message::Looked(Some(format!(
        "{} credits are missing from the balance that no charge of ours explains: a price is wrong, or somebody else \
         uses the account",
        missing.get().unsigned_abs()
    )))
}

/// Returns what is missing in two readings, one a while after the other; none when the balance can't be read.
async fn missing(shared: &Shared, account: &AccountId) -> Result<Option<Drift>, LedgerError> {
    let Some(first) = compare(shared, account, false).await? else {
        return Ok(None);
    };
    shared.engine.clock.sleep(SECOND_LOOK).await;
    // More may have gone meanwhile; what is missing in both is the smaller loss.
    let second = compare(shared, account, true).await?;
    Ok(second.map(|second| first.max(second)))
}

/// Reads the balance and makes it the account's checkpoint, unless credits are missing and may yet turn up.
async fn compare(
    shared: &Shared,
    account: &AccountId,
    is_last: bool,
) -> Result<Option<Drift>, LedgerError> {
    let engine = &shared.engine;
    let observed = match observe::observe(shared, account).await {
        Ok(observed) => observed,
        Err(ObserveError::Ledger(error)) => return Err(error),
        // The next lull, or the end of the run, asks again.
        Err(ObserveError::Provider(_)) => return Ok(None),
    };
    let weighing = engine
        .ledger
        .weigh(account, observed.mark, observed.balance)?;
    let missing = weighing.unexplained.filter(|drift| drift.get() < 0);
    if missing.is_some() && !is_last {
        return Ok(missing.filter(|_| weighing.is_quiet && weighing.doubts.is_empty()));
    }
    observe::keep(engine, account, observed, Rise::MayPass).await
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    #[test]
    fn a_lull_is_used_once_a_minute_and_only_if_credits_may_have_moved() {
        let start = Timestamp::UNIX_EPOCH;
        let mut lulls = Lulls::new(start);
        assert!(!lulls.is_due(start + 2.minutes()), "nothing was charged");
        lulls.note_move();
        assert!(!lulls.is_due(start + 59.seconds()));
        assert!(lulls.is_due(start + 60.seconds()));
        lulls.begin();
        assert!(lulls.blocks() && !lulls.is_due(start + 2.minutes()));
        lulls.end(start + 61.seconds());
        assert!(!lulls.blocks() && !lulls.is_due(start + 5.minutes()));
        lulls.note_move();
        assert!(lulls.is_due(start + 5.minutes()));
        // A clock that was set back is no reason for one.
        assert!(!lulls.is_due(start));
    }
}
