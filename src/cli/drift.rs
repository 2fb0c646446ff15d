//! A run that was to stop when credits move otherwise than its books say does not go on as if nothing had been.

use crate::ledger::Ledger;
use crate::model::{OnDrift, RunRecord, RunState, StopRules};

use super::error::{CommandError, ErrorKind};

/// Returns what the ledger saw of a charge that was not its price, or of credits that went, since the run was made; only
/// where that was to stop the run.
///
/// # Errors
/// The ledger's own.
pub(super) fn seen(ledger: &Ledger, run: &RunRecord) -> Result<Option<String>, CommandError> {
    match run.settings.stop.on_drift() {
        OnDrift::Stop => found(ledger, run),
        OnDrift::Warn => Ok(None),
    }
}

/// Refuses to go on with a run after that, unless somebody accepts it.
///
/// # Errors
/// What was seen, and how to go on; or the ledger's own.
pub(super) fn refuse(
    ledger: &Ledger,
    run: &RunRecord,
    rules: StopRules,
) -> Result<(), CommandError> {
    if rules.on_drift() == OnDrift::Warn || run.state == RunState::Finished {
        return Ok(());
    }
    let Some(drift) = found(ledger, run)? else {
        return Ok(());
    };
    let message = format!(
        "run {} was to stop for this, and nothing was started: {drift}",
        run.id
    );
    Err(CommandError::message(ErrorKind::Drift, message)
        .hint(format!("if that is all right: setlist resume {} --on-drift warn", run.id))
        .hint("by other prices: `setlist costs --learn` proposes some, and `setlist run --prices FILE` buys what is left"))
}

fn found(ledger: &Ledger, run: &RunRecord) -> Result<Option<String>, CommandError> {
    let audits = ledger.audits(&run.account)?;
    let mut audits = audits.into_iter().rev();
    if let Some(audit) = audits.find(|audit| audit.run == run.id && audit.charged != audit.price) {
        let (operation, price, charged) = (audit.operation, audit.price, audit.charged);
        return Ok(Some(format!(
            "a job of `{operation}` has the price {price}, and was charged {charged}"
        )));
    }
    let stretches = ledger.unexplained(&run.account, run.created_at)?;
    let leak = stretches
        .iter()
        .rev()
        .find(|stretch| stretch.drift.get() < 0);
    Ok(leak.map(|leak| {
        format!(
            "{} credits went between {:.0} and {:.0} that no charge of ours explains",
            leak.drift.get().unsigned_abs(),
            leak.since,
            leak.until
        )
    }))
}
