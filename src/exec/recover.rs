//! Takes up what an interrupted process left: nothing is sent here, and nothing is bought again.

use crate::ledger::{Due, JobEvent, LedgerError};
use crate::model::JobState;

use super::worker::Shared;

/// What a run goes on with.
#[derive(Default)]
pub(super) struct Leftovers {
    /// Jobs whose task may still run.
    pub(super) tasks: Vec<Due>,
    /// Jobs whose result is known and not on disk.
    pub(super) unsaved: Vec<Due>,
}

/// Sorts what is left over.
///
/// A job found `Sent` was on the wire when its process died: whether it was accepted is not known, so it is in
/// doubt from here on. A job found `Held` was never sent: its hold is given back and it starts anew.
pub(super) async fn recover(shared: &Shared) -> Result<Leftovers, LedgerError> {
    let mut left = Leftovers::default();
    for due in shared.engine.ledger.due(&shared.run).await? {
        match due.state {
            JobState::Accepted => left.tasks.push(due),
            JobState::Succeeded => left.unsaved.push(due),
            JobState::Sent => {
                let error = "the process ended between the request and its answer".to_owned();
                shared
                    .record(&due.job, vec![JobEvent::Doubt { error }])
                    .await?;
            }
            JobState::Held => {
                shared
                    .record(&due.job, vec![JobEvent::Release { error: None }])
                    .await?;
            }
            _ => {}
        }
    }
    for due in left.tasks.iter().chain(&left.unsaved) {
        shared.tracks.recall(due);
    }
    Ok(left)
}
