//! Fetches the balance and tells the ledger, in the order that keeps the ledger's arithmetic safe.

use jiff::Timestamp;

use crate::api::Fault;
use crate::ledger::{BalanceMark, LedgerError, Rise};
use crate::model::{AccountId, Balance, Drift};

use super::backoff;
use super::worker::{Engine, Shared};

/// For how many time-outs after a request was sent the balance may not show its charge: one for its answer, and one more;
/// nobody states it.
const LAG: u32 = 2;

/// Why the balance could not be brought up to date.
#[derive(Debug)]
pub(super) enum ObserveError {
    Ledger(LedgerError),
    Provider(Fault),
}

/// A balance, with the time and the mark that were taken before it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) mark: BalanceMark,
    pub(super) asked: Timestamp,
    pub(super) balance: Balance,
}

/// Keeps a reading that was noted as the account's checkpoint, unless something is in flight or a payment that came into
/// doubt since the last one is still to be weighed against that; returns what credits are missing since the last one.
pub(super) async fn keep(
    engine: &Engine,
    account: &AccountId,
    observed: Observed,
    rise: Rise,
) -> Result<Option<Drift>, LedgerError> {
    let Observed { mark, balance, .. } = observed;
    let weighing = engine.ledger.weigh(account, mark, balance)?;
    if !weighing.is_quiet || !weighing.doubts.is_empty() {
        return Ok(None);
    }
    let now = engine.clock.now();
    engine
        .ledger
        .keep_checkpoint(account, mark, balance, rise, now)
        .await?;
    Ok(weighing.unexplained.filter(|drift| drift.get() < 0))
}

/// Reads the balance, a few times if need be, and records it.
pub(super) async fn observe(
    shared: &Shared,
    account: &AccountId,
) -> Result<Observed, ObserveError> {
    let observed = read(&shared.engine, account).await?;
    let noted = note(shared, account, observed).await;
    noted.map_err(ObserveError::Ledger)?;
    Ok(observed)
}

/// Records a reading.
pub(super) async fn note(
    shared: &Shared,
    account: &AccountId,
    observed: Observed,
) -> Result<(), LedgerError> {
    let Observed {
        mark,
        asked,
        balance,
    } = observed;
    let lag = shared.settings.timeout.saturating_mul(LAG);
    let ledger = &shared.engine.ledger;
    ledger
        .observe_balance(account, mark, balance, asked, lag)
        .await
}

/// Reads the balance, a few times if need be.
///
/// The mark is taken before the request leaves: charges recorded after it may or may not be in the answer, and
/// the ledger counts them against us either way.
pub(super) async fn read(engine: &Engine, account: &AccountId) -> Result<Observed, ObserveError> {
    let mut rng = fastrand::Rng::with_seed(engine.seed);
    let mut attempt = 1;
    loop {
        let mark = engine
            .ledger
            .mark_balance(account)
            .await
            .map_err(ObserveError::Ledger)?;
        let asked = engine.clock.now();
        match engine.service.balance().await {
            Ok(balance) => {
                return Ok(Observed {
                    mark,
                    asked,
                    balance,
                });
            }
            Err(fault)
                if super::ending::is_final(&fault) || attempt >= backoff::NOT_SENT_ATTEMPTS =>
            {
                return Err(ObserveError::Provider(fault));
            }
            Err(_) => engine.clock.sleep(backoff::wait(attempt, &mut rng)).await,
        }
        attempt += 1;
    }
}
