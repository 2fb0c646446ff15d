//! The entries that this connection wrote last, so that the next step of a job need not read them back.
//!
//! They are what the tables say for as long as no other connection commits, which SQLite counts, and nothing is undone.

use hashbrown::HashMap;
use rusqlite::Connection;

use crate::ledger::entry::{Entry, Stage};
use crate::model::Ordinal;

/// Entries of jobs in hand, by the run's key and the job's place.
#[derive(Default)]
pub(super) struct Recent {
    /// What `PRAGMA data_version` said when they were written.
    version: i64,
    entries: HashMap<(i64, Ordinal), Entry>,
}

impl Recent {
    /// Forgets everything if another connection committed since; asked in the transaction that is to use it.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if version != self.version {
            self.forget();
            self.version = version;
        }
        Ok(())
    }

    /// Forgets everything: something was undone, or written past it.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
    }

    /// Takes an entry out, to be kept again as what a step makes of it.
    pub(super) fn take(&mut self, run: i64, job: Ordinal) -> Option<Entry> {
        self.entries.remove(&(run, job))
    }

    /// Keeps what was written, as long as the job is in hand.
    pub(super) fn keep(&mut self, run: i64, job: Ordinal, entry: Entry) {
        if entry.stage() == Stage::InHand {
            self.entries.insert((run, job), entry);
        }
    }
}
