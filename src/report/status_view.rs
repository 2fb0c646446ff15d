//! `setlist status`: where one run stands, while it goes or after.

use serde_json::{Value, json};

use crate::model::{Credits, JobState, RunRecord};

use super::runs_view::run_json;
use super::summary::Summary;
use super::table::to_string;
use super::terminal::next_command;
use super::words::{Shown, count, percent};

/// Writes where a run stands; its last line is the next command, if there is one.
#[must_use]
pub fn status_text(run: &RunRecord, summary: &Summary) -> String {
    to_string(|out| {
        let ended = summary.done + summary.bad();
        let share = percent(Credits::new(ended), Credits::new(summary.jobs));
        let rows = [
            ("run", run.id.to_string()),
            ("manifest", Shown(&run.manifest).to_string()),
            (
                "options",
                Shown(&run.settings.options.to_string()).to_string(),
            ),
            ("provider", run.settings.provider.clone()),
            (
                "state",
                match &run.ending {
                    Some(ending) => format!("{} ({})", run.state, Shown(ending)),
                    None => run.state.to_string(),
                },
            ),
            (
                "jobs",
                format!("{ended} of {} ended, {share}", count(summary.jobs, "job")),
            ),
            ("", states(summary)),
            ("credits", credits(run, summary)),
            ("made", format!("{:.0}", run.created_at)),
            (
                "finished",
                run.finished_at
                    .map_or_else(String::new, |at| format!("{at:.0}")),
            ),
        ];
        for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(out, "{name:<9} {value}")?;
        }
        if let Some(command) = next_command(run, summary) {
            writeln!(out, "\n{command}")?;
        }
        Ok(())
    })
}

/// Gives where a run stands for programs.
#[must_use]
pub fn status_json(run: &RunRecord, summary: &Summary) -> Value {
    json!({
        "run": run_json(run),
        "summary": summary,
        "next": next_command(run, summary),
    })
}

fn states(summary: &Summary) -> String {
    let jobs = JobState::ALL
        .into_iter()
        .map(|state| (state, summary.in_state(state)))
        .filter(|(_, jobs)| *jobs > 0)
        .map(|(state, jobs)| format!("{jobs} {state}"));
    jobs.collect::<Vec<_>>().join(", ")
}

fn credits(run: &RunRecord, summary: &Summary) -> String {
    let mut text = format!(
        "{} charged, {} refunded, {} set aside",
        summary.charged, summary.refunded, summary.held
    );
    if let Some(cap) = run.settings.limits.run {
        text.push_str(&format!(" (run cap {cap})"));
    }
    text
}
