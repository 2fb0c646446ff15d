//! All judgement about trying again: how often, and how long to wait before it.
//!
//! Whether a request *may* be sent again is decided by its fault's kind (`api::FaultKind`); here it is only
//! decided when.

use std::time::Duration;

/// Attempts of one request that never left, before the provider counts as unreachable.
pub(super) const NOT_SENT_ATTEMPTS: u32 = 6;
/// Refusals for rate or capacity in a row, before a job is given up for this run.
pub(super) const BUSY_ATTEMPTS: u32 = 30;
/// Answers of "still rendering" in a row (`sonic/download`, every [`NOT_READY_WAIT`]).
pub(super) const NOT_READY_ATTEMPTS: u32 = 200;
/// How long a rendering is waited for between two requests (api facts, 1.3: about 3 s).
pub(super) const NOT_READY_WAIT: Duration = Duration::from_secs(3);
/// Requests that the provider says failed free of charge.
pub(super) const FAILED_FREE_ATTEMPTS: u32 = 3;
/// Attempts at one download.
pub(super) const DOWNLOAD_ATTEMPTS: u32 = 4;
/// The longest wait a server may ask for.
pub(super) const RETRY_AFTER_CAP: Duration = Duration::from_secs(300);

const BASE: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_secs(60);

/// Returns the wait before attempt `attempt` (from 1): exponential, capped, and spread over its upper half so
/// that many jobs that failed together don't come back together.
pub(super) fn wait(attempt: u32, rng: &mut fastrand::Rng) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let full = BASE.saturating_mul(1 << doublings).min(CAP);
    full.mul_f64(0.5 + rng.f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_cap() {
        let mut rng = fastrand::Rng::with_seed(1);
        for attempt in 1..200 {
            let full = Duration::from_secs(1u64 << (attempt - 1).min(16)).min(CAP);
            let wait = wait(attempt, &mut rng);
            assert!(
                wait >= full / 2 && wait <= full,
                "attempt {attempt}: {wait:?}"
            );
        }
    }
}
