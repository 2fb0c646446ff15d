//! The end of a run as a person reads it: figures, what went wrong, and last the command to type next.

use std::io::{self, Write};
use std::path::Path;

use crate::model::{Credits, JobState, RunRecord, RunState};
use crate::plan::JobSum;

use super::summary::{Summary, Trouble};
use super::table::{Column, Table, to_string};
use super::words::{Shown, count};

/// How many causes are shown of which each could explain the rest.
const CAUSES: usize = 3;

/// Returns the command that goes on from here; nothing when there is nothing to be done.
#[must_use]
pub fn next_command(run: &RunRecord, summary: &Summary) -> Option<String> {
    // An unclear payment comes first: until it is settled its credits stay set aside.
    if summary.in_state(JobState::InDoubt) > 0 {
        return Some(format!("setlist resolve {}", run.id));
    }
    match run.state {
        RunState::Stopped if summary.drifted => {
            Some(format!("setlist resume {} --on-drift warn", run.id))
        }
        RunState::Stopped => Some(format!("setlist resume {}", run.id)),
        // What was left out is no part of what was agreed to be spent: a run of its own buys it.
        RunState::Finished if summary.left_out.jobs > 0 && run.manifest_path != "-" => {
            Some(format!("setlist run {}", Shown(&run.manifest_path)))
        }
        RunState::Enrolling | RunState::Running | RunState::Finished => None,
    }
}

/// Writes the summary; its last line is the next command, if there is one.
#[must_use]
pub fn summary_text(run: &RunRecord, summary: &Summary) -> String {
    to_string(|out| {
        writeln!(out, "{}", headline(run, summary))?;
        if summary.jobs > 0 {
            writeln!(out)?;
            operations(summary).write(out, 2)?;
        }
        writeln!(out)?;
        books(out, summary)?;
        savings(out, summary)?;
        troubles(out, run, summary)?;
        if let Some(command) = next_command(run, summary) {
            writeln!(out, "\n{command}")?;
        }
        Ok(())
    })
}

/// Writes one paragraph when something needs a person, with the next command as the last line, and nothing when
/// all is well.
#[must_use]
pub fn summary_quiet(run: &RunRecord, summary: &Summary) -> String {
    let is_well = run.state == RunState::Finished
        && summary.bad() == 0
        && summary.in_state(JobState::InDoubt) == 0
        && summary.troubles.is_empty()
        && summary.claims == 0
        && summary.unexplained.is_none_or(|drift| drift.get() == 0);
    if is_well {
        return String::new();
    }
    let mut text = format!("{}.", headline(run, summary));
    text.push_str(&format!(
        " {} credits charged, {} refunded",
        summary.charged, summary.refunded
    ));
    if let Some(drift) = summary.unexplained.filter(|drift| drift.get() != 0) {
        text.push_str(&format!(", {drift} unexplained"));
    }
    text.push('.');
    if let Some(explanation) = &summary.explanation {
        let certain = explanation.placed.iter();
        text.extend(certain.map(|cause| format!(" {:+}: {}.", cause.credits, cause.words())));
        if let Some(likely) = explanation.likely.first() {
            text.push_str(&format!(" Likely cause: {}.", likely.words()));
        }
    }
    if let Some(first) = summary.troubles.first() {
        text.push_str(&format!(" First trouble: {}.", in_words(first)));
    }
    if let Some(left_out) = left_out(summary) {
        text.push_str(&format!(" {left_out}."));
    }
    text.push('\n');
    if summary.claims > 0 {
        text.push_str(&claims(run, summary));
        text.push('\n');
    }
    // A line of its own, so that it can be copied, or taken with `tail -1`.
    if let Some(command) = next_command(run, summary) {
        text.push_str(&command);
        text.push('\n');
    }
    text
}

/// Says what was left out when the run was planned.
fn left_out(summary: &Summary) -> Option<String> {
    let JobSum { jobs, credits } = summary.left_out;
    let jobs = (jobs > 0).then(|| count(jobs, "job"))?;
    Some(format!(
        "Credits were short: {jobs} left out, {credits} credits"
    ))
}

fn headline(run: &RunRecord, summary: &Summary) -> String {
    let state = match (&run.state, &run.ending) {
        (RunState::Finished, _) => "finished".to_owned(),
        (state, Some(ending)) => format!("{state}: {}", Shown(ending)),
        (state, None) => state.to_string(),
    };
    let mut text = format!(
        "{} {state}, {} of {} done",
        Shown(&run.manifest),
        summary.done,
        count(summary.jobs, "job")
    );
    for state in JobState::ALL {
        let jobs = summary.in_state(state);
        if jobs > 0 && (state.ended_badly() || state == JobState::InDoubt) {
            let word = match state {
                JobState::InDoubt => "in doubt",
                other => other.as_str(),
            };
            text.push_str(&format!(", {jobs} {word}"));
        }
    }
    text.push_str(&format!(" (run {})", run.id));
    text
}

fn operations(summary: &Summary) -> Table {
    let mut table = Table::new([
        Column::Words("operation"),
        Column::Numbers("jobs"),
        Column::Numbers("done"),
        Column::Numbers("charged"),
        Column::Numbers("refunded"),
    ]);
    let row = |name: &str, jobs: u64, done: u64, charged: Credits, refunded: Credits| {
        [
            name.to_owned(),
            jobs.to_string(),
            done.to_string(),
            charged.to_string(),
            refunded.to_string(),
        ]
    };
    for (name, op) in &summary.operations {
        table.row(row(name, op.jobs, op.done, op.charged, op.refunded));
    }
    let (charged, refunded) = (summary.charged, summary.refunded);
    table.row(row("total", summary.jobs, summary.done, charged, refunded));
    table
}

/// The books: they close, or show by how much they don't.
fn books(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let known = |credits: Option<Credits>| {
        credits.map_or_else(|| "not known".to_owned(), |credits| credits.to_string())
    };
    let mut rows = vec![
        ("opening balance", known(summary.opening)),
        ("charged", format!("-{}", summary.charged)),
        ("refunded", format!("+{}", summary.refunded)),
    ];
    if let Some(drift) = summary.unexplained {
        rows.push(("unexplained", drift.to_string()));
    }
    rows.push(("closing balance", known(summary.closing)));
    if !summary.held.is_zero() {
        rows.push(("still set aside", summary.held.to_string()));
    }
    let width = rows.iter().map(|(_, value)| value.len()).max().unwrap_or(0);
    for (name, value) in rows {
        writeln!(out, "{name:<16} {value:>width$}")?;
    }
    if let Some(explanation) = &summary.explanation {
        for cause in &explanation.placed {
            writeln!(out, "  {:+}: {}", cause.credits, cause.words())?;
        }
        for cause in explanation.likely.iter().take(CAUSES) {
            writeln!(out, "  {:+}, perhaps: {}", cause.credits, cause.words())?;
        }
    }
    Ok(())
}

fn savings(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let lines = [
        (summary.reused, summary.saved_by_reuse, "reused job"),
        (summary.twins, summary.saved_by_twins, "identical job"),
    ];
    for (jobs, credits, noun) in lines {
        if jobs > 0 {
            writeln!(
                out,
                "{:<16} {credits} by {}",
                "credits saved",
                count(jobs, noun)
            )?;
        }
    }
    Ok(())
}

fn troubles(out: &mut dyn Write, run: &RunRecord, summary: &Summary) -> io::Result<()> {
    if !summary.troubles.is_empty() {
        writeln!(out)?;
        let mut table = Table::new([
            Column::Words("job"),
            Column::Words("operation"),
            Column::Words("state"),
            Column::Words("why"),
        ]);
        for trouble in &summary.troubles {
            let why = trouble.error.as_deref().unwrap_or_default();
            let job = trouble.job.as_str();
            table.row([job, &trouble.operation, state_word(trouble), why]);
        }
        table.write(out, 2)?;
        if summary.troubles_left_out > 0 {
            writeln!(
                out,
                "  and {} more, in spend.csv",
                summary.troubles_left_out
            )?;
        }
    }
    if summary.claims > 0 {
        writeln!(out, "\n{}", claims(run, summary))?;
    }
    skipped(out, summary)
}

/// Says what there is to ask back, and where it is listed.
fn claims(run: &RunRecord, summary: &Summary) -> String {
    let file = Path::new(&run.settings.out).join("claims.csv");
    format!(
        "charged without a usable result: {}, {} credits, in {}",
        count(summary.claims, "job"),
        summary.claimed,
        Shown(&file.display().to_string())
    )
}

fn skipped(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let listed: u64 = summary.skipped.iter().map(|skip| skip.jobs).sum();
    let skipped = summary.in_state(JobState::Skipped);
    if skipped > 0 {
        writeln!(out, "\nskipped")?;
        for skip in &summary.skipped {
            writeln!(
                out,
                "  {}: {}",
                count(skip.jobs, "job"),
                Shown(&skip.reason)
            )?;
        }
        if skipped > listed {
            writeln!(
                out,
                "  {} for other reasons, in spend.csv",
                count(skipped - listed, "job")
            )?;
        }
    }
    Ok(())
}

fn state_word(trouble: &Trouble) -> &'static str {
    match trouble.state {
        JobState::Succeeded => "not saved",
        JobState::Saved => "unusable",
        state => state.as_str(),
    }
}

fn in_words(trouble: &Trouble) -> String {
    // The provider's words may end in a full stop; the sentence they stand in has its own.
    let why = trouble
        .error
        .as_deref()
        .unwrap_or("no reason given")
        .trim_end_matches('.');
    format!(
        "`{}` is {}: {}",
        Shown(trouble.job.as_str()),
        state_word(trouble),
        Shown(why)
    )
}
