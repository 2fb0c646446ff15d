//! `setlist runs`: one line per run.

use serde_json::{Value, json};

use crate::model::RunRecord;

use super::table::{Column, Table, to_string};
use super::words::utc;

/// Writes the runs as a table, in the order given.
#[must_use]
pub fn runs_text(runs: &[RunRecord]) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let mut table = Table::new([
        Column::Words("run"),
        Column::Words("manifest"),
        Column::Words("state"),
        Column::Numbers("ended"),
        Column::Numbers("jobs"),
        Column::Numbers("in doubt"),
        Column::Numbers("charged"),
        Column::Numbers("refunded"),
        Column::Words("made"),
        Column::Words("ending"),
    ]);
    for run in runs {
        table.row([
            run.id.to_string(),
            run.manifest.clone(),
            run.state.to_string(),
            run.totals.ended.to_string(),
            run.totals.jobs.to_string(),
            run.totals.in_doubt.to_string(),
            run.totals.charged.to_string(),
            run.totals.refunded.to_string(),
            format!("{:.0}", run.created_at),
            run.ending.clone().unwrap_or_default(),
        ]);
    }
    to_string(|out| table.write(out, 0))
}

/// Gives the runs for programs, in the order given.
#[must_use]
pub fn runs_json(runs: &[RunRecord]) -> Value {
    json!({ "runs": runs.iter().map(run_json).collect::<Vec<_>>() })
}

/// Gives one run for programs: its record without the settings.
pub(super) fn run_json(run: &RunRecord) -> Value {
    json!({
        "id": run.id,
        "manifest": run.manifest,
        "manifest_path": run.manifest_path,
        "account": run.account,
        "provider": run.settings.provider,
        "price_list": run.price_list,
        "state": run.state,
        "ending": run.ending,
        "created_at": utc(run.created_at),
        "finished_at": run.finished_at.map(utc),
        "opening": run.opening,
        "closing": run.closing,
        "unexplained": run.unexplained(),
        "totals": run.totals,
    })
}
