//! Rehearsals that come out the same to the byte: those on the simulator in this process that are given a seed.
//!
//! Their time begins at a fixed instant and passes only while everybody waits, their ledger commits in the thread that
//! asks, and their run's id is drawn from seed and manifest.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::ledger::{Ledger, LedgerError};
use crate::model::RunId;

/// When such a rehearsal begins, unless `SETLIST_NOW` or what its ledger has seen says otherwise: the first second of
/// 2026.
pub(crate) const START: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Tells whether a rehearsal with these settings is to be repeatable.
pub(crate) fn is_asked_for(simulator: &Map<String, Value>) -> bool {
    simulator.contains_key("seed")
}

/// Returns the id of the next run with this seed and manifest: the same in every ledger that has seen the same.
///
/// # Errors
/// As the ledger's.
pub(crate) fn run_id(
    seed: u64,
    manifest_digest: &str,
    start: Timestamp,
    ledger: &Ledger,
) -> Result<RunId, LedgerError> {
    let mut number = 0_u64;
    loop {
        let id = numbered(seed, manifest_digest, start, number);
        match ledger.run(&id) {
            Ok(_) => number += 1,
            Err(LedgerError::NotFound { .. }) => return Ok(id),
            Err(error) => return Err(error),
        }
    }
}

/// Makes an id of the form that other runs have: a time, then what would be chance.
fn numbered(seed: u64, manifest_digest: &str, start: Timestamp, number: u64) -> RunId {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(number.to_be_bytes());
    hasher.update(manifest_digest.as_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let mut chance = [0; 10];
    chance.copy_from_slice(&digest[..10]);
    let millis = u64::try_from(start.as_millisecond()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid();
    RunId::new(id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_the_year() {
        assert_eq!(START.to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn seed_manifest_start_and_number_each_make_another_id() {
        let later = Timestamp::constant(1_767_225_601, 0);
        let ids = [
            numbered(7, "digest", START, 0),
            numbered(8, "digest", START, 0),
            numbered(7, "other", START, 0),
            numbered(7, "digest", later, 0),
            numbered(7, "digest", START, 1),
        ];
        assert_eq!(ids[0], numbered(7, "digest", START, 0));
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id), "{ids:?}");
            assert_eq!(&id.as_str()[14..15], "7", "{id}");
        }
    }
}
