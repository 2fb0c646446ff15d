//! Uploads that the provider has no more.

use crate::ledger::command::LedgerError;
use crate::model::{Fingerprint, RunId};

use super::books::Books;

impl Books {
    /// Marks the account's uploads of a content as gone, if one of them gave this clip; tells whether one did.
    pub(super) fn forget(
        &mut self,
        run: &RunId,
        print: Fingerprint,
        operations: &[String],
        clip: &str,
    ) -> Result<bool, LedgerError> {
        let account = self.find(run)?.record.account.clone();
        let runs = self.runs.iter_mut();
        let jobs = runs
            .filter(|run| run.record.account == account)
            .flat_map(|run| run.jobs.values_mut());
        let mut is_known = false;
        for job in jobs {
            let gave = |known: &String| known == clip;
            let is_it = job.job.fingerprint == print
                && operations.contains(&job.job.operation)
                && !job.entry.reused
                && !job.is_forgotten
                && job
                    .result
                    .as_ref()
                    .is_some_and(|result| result.clip_ids.iter().any(gave));
            job.is_forgotten |= is_it;
            is_known |= is_it;
        }
        Ok(is_known)
    }
}
