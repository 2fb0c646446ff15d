//! Works out anew from the jobs whatever is kept as a sum or counter, and reports the first difference.

use rusqlite::Connection;

use super::error::{Trouble, corrupt};
use super::rows::{ENTRY_COLUMNS, entry};

/// Each finds rows that should not be there: a name for the row, and what is wrong.
const CHECKS: [(&str, &str); 6] = [
    (
        "sums and counters of run",
        "SELECT r.id FROM runs r LEFT JOIN (SELECT run, COUNT(*) AS jobs, \
         SUM(state IN ('saved', 'failed', 'refused', 'lost', 'skipped')) AS ended, \
         SUM(state = 'in-doubt') AS in_doubt, \
         SUM(state IN ('failed', 'refused', 'lost', 'skipped')) AS bad, \
         SUM(charged + past_charged) AS charged, SUM(refunded + past_refunded) AS refunded \
         FROM jobs GROUP BY run) j ON j.run = r.key \
         WHERE r.jobs <> COALESCE(j.jobs, 0) OR r.ended <> COALESCE(j.ended, 0) \
         OR r.in_doubt <> COALESCE(j.in_doubt, 0) OR r.bad <> COALESCE(j.bad, 0) \
         OR r.charged <> COALESCE(j.charged, 0) OR r.refunded <> COALESCE(j.refunded, 0)",
    ),
    (
        "sums of account",
        "SELECT a.id FROM accounts a WHERE a.charged <> \
         (SELECT COALESCE(SUM(charged), 0) FROM runs WHERE account = a.key) OR a.refunded <> \
         (SELECT COALESCE(SUM(refunded), 0) FROM runs WHERE account = a.key)",
    ),
    (
        "charges by time of account",
        "SELECT a.id FROM accounts a WHERE a.charged <> \
         (SELECT COALESCE(SUM(charged), 0) FROM charges WHERE account = a.key) OR a.refunded <> \
         (SELECT COALESCE(SUM(refunded), 0) FROM charges WHERE account = a.key)",
    ),
    (
        // Purchases before a restart are in the slots too, so a slot may hold more than its jobs tell.
        "charges of one quarter of an hour of account",
        "SELECT a.id FROM (SELECT r.account AS account, \
         (j.submitted_at - (j.submitted_at % 900000000 + 900000000) % 900000000) / 900000000 AS slot, \
         SUM(j.charged) AS charged FROM jobs j JOIN runs r ON r.key = j.run \
         WHERE j.charged > 0 GROUP BY 1, 2) s JOIN accounts a ON a.key = s.account \
         LEFT JOIN charges c ON c.account = s.account AND c.slot = s.slot \
         WHERE COALESCE(c.charged, 0) < s.charged",
    ),
    (
        "count of unmet needs of a job in run",
        "SELECT r.id FROM jobs j JOIN runs r ON r.key = j.run \
         LEFT JOIN (SELECT e.run AS run, e.dependent AS job, COUNT(*) AS unmet FROM edges e \
         JOIN jobs n ON n.run = e.run AND n.ordinal = e.needed \
         WHERE n.state NOT IN ('succeeded', 'saved') GROUP BY e.run, e.dependent) u \
         ON u.run = j.run AND u.job = j.ordinal WHERE j.pending <> COALESCE(u.unmet, 0)",
    ),
    (
        "order of state and lease of run",
        "SELECT id FROM runs WHERE (owner IS NULL) <> (state IN ('stopped', 'finished')) \
         OR (owner IS NULL) <> (lease_until IS NULL) OR (state = 'finished' AND ended <> jobs)",
    ),
];

pub(super) fn verify(connection: &Connection) -> Result<(), Trouble> {
    let mut statement = connection.prepare(&format!("SELECT {ENTRY_COLUMNS} FROM jobs j"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        entry(row)?;
    }
    for (what, query) in CHECKS {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            return Err(corrupt(format!("{what} `{name}` differ from its jobs")).into());
        }
    }
    Ok(())
}
