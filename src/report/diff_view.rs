//! What differs between two plans, as a table, CSV and JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::model::Credits;
use crate::plan::{EntryDiff, JobSum, PlanDiff};

use super::csv_cell::{inert, io_error, writer};
use super::table::{Column, Table};

const COLUMNS: [&str; 12] = [
    "entry",
    "before",
    "after",
    "new_jobs",
    "new_credits",
    "gone_jobs",
    "gone_credits",
    "dearer_jobs",
    "dearer_credits",
    "cheaper_jobs",
    "cheaper_credits",
    "same_jobs",
];

/// Writes the entries that differ, and the sum.
///
/// # Errors
/// When the writer fails.
pub fn diff_text(diff: &PlanDiff, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(
        [Column::Words("entry")].into_iter().chain(
            [
                "before", "after", "new", "gone", "dearer", "cheaper", "same",
            ]
            .map(Column::Numbers),
        ),
    );
    let mut row = |name: &str, diff: &EntryDiff| {
        table.row([
            name.to_owned(),
            diff.before.to_string(),
            diff.after.to_string(),
            cell(diff.new, '+'),
            cell(diff.gone, '-'),
            cell(diff.dearer, '+'),
            cell(diff.cheaper, '-'),
            diff.same.to_string(),
        ]);
    };
    for (name, diff) in diff.entries.iter().filter(|(_, diff)| !diff.is_empty()) {
        row(name, diff);
    }
    row("total", &diff.total);
    table.write(out, 2)?;
    writeln!(out, "\n{}", conclusion(&diff.total))
}

/// Writes jobs and by how many credits they change the sum: `2 (+20)`.
fn cell(sum: JobSum, sign: char) -> String {
    match sum.jobs {
        0 => "0".to_owned(),
        jobs => format!("{jobs} ({sign}{})", sum.credits),
    }
}

fn conclusion(total: &EntryDiff) -> String {
    let (before, after) = (total.before, total.after);
    let (more, less) = (before.short_of(after), after.short_of(before));
    match (total.is_empty(), more > Credits::ZERO, less > Credits::ZERO) {
        (true, ..) => "the plans are the same".to_owned(),
        (_, true, _) => format!("the plan costs {after} credits, {more} more than before"),
        (_, _, true) => format!("the plan costs {after} credits, {less} less than before"),
        _ => format!("the plan costs {after} credits, as before"),
    }
}

/// Writes a row per entry, unchanged ones too.
///
/// # Errors
/// When the writer fails.
pub fn diff_csv(diff: &PlanDiff, out: &mut dyn Write) -> io::Result<()> {
    let mut out = writer(out);
    out.write_record(COLUMNS).map_err(io_error)?;
    for (name, diff) in &diff.entries {
        let EntryDiff {
            new,
            gone,
            dearer,
            cheaper,
            ..
        } = diff;
        let mut cells = vec![inert(name)];
        cells.extend([diff.before, diff.after].map(|credits| credits.to_string().into()));
        for sum in [new, gone, dearer, cheaper] {
            cells.extend([sum.jobs.to_string().into(), sum.credits.to_string().into()]);
        }
        cells.push(diff.same.to_string().into());
        out.write_record(cells.iter().map(|cell| cell.as_bytes()))
            .map_err(io_error)?;
    }
    out.flush()
}

/// Lays the difference out for programs.
#[must_use]
pub fn diff_json(diff: &PlanDiff) -> Value {
    let entry = |(id, diff): &(String, EntryDiff)| json!({ "id": id, "diff": diff });
    json!({
        "total": diff.total,
        "entries": diff.entries.iter().map(entry).collect::<Vec<_>>(),
    })
}
