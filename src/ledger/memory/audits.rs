//! Audited charges, and stretches of time that leave something unexplained.

use jiff::Timestamp;

use crate::ledger::audit::{Audit, Unexplained};
use crate::ledger::command::LedgerError;
use crate::model::{AccountId, Credits, Ordinal, RunId};

use super::books::Books;

impl Books {
    pub(super) fn note_audit(
        &mut self,
        run: RunId,
        job: Ordinal,
        charged: Credits,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        self.find(&run)?.need(job)?;
        self.audits.push((run, job, charged, now));
        Ok(())
    }

    pub(super) fn audits_of(&self, account: &AccountId) -> Result<Vec<Audit>, LedgerError> {
        let mut found = Vec::new();
        for (id, ordinal, charged, at) in &self.audits {
            let run = self.find(id)?;
            if run.record.account != *account {
                continue;
            }
            let job = &run.need(*ordinal)?.job;
            found.push(Audit {
                run: id.clone(),
                ordinal: *ordinal,
                operation: job.operation.clone(),
                inputs: job.inputs.clone(),
                price: job.price,
                charged: *charged,
                at: *at,
            });
        }
        found.sort_by_key(|audit| audit.at);
        Ok(found)
    }

    pub(super) fn unexplained_since(
        &self,
        account: &AccountId,
        since: Timestamp,
    ) -> Vec<Unexplained> {
        let of_account = self
            .unexplained
            .iter()
            .filter(|(owner, _)| owner == account);
        let stretches = of_account.map(|(_, stretch)| *stretch);
        stretches.filter(|stretch| stretch.since >= since).collect()
    }
}
