//! One job of a plan explained, for people.

use std::io::{self, Write};

use serde_json::Value;

use super::explanation::{ExplainedParam, ExplainedReference, ExplainedRow, JobExplanation};
use super::table::{Column, Table};
use super::words::{Shown, count, shortened};

/// Needed jobs that are named; the JSON form names all.
const NEEDS_SHOWN: usize = 8;

/// Writes an explanation as text.
///
/// # Errors
/// When the writer fails.
pub fn explanation_text(job: &JobExplanation, out: &mut dyn Write) -> io::Result<()> {
    let disposition = match job.disposition {
        "left-out" => "left out",
        other => other,
    };
    writeln!(
        out,
        "{}: {}, {disposition}, {} credits\n",
        Shown(&job.job),
        job.operation,
        job.credits
    )?;
    line(out, disposition, &job.reason)?;
    line(out, "entry", &job.entry.to_string())?;
    if let Some(row) = &job.row {
        line(out, "row", &row_text(row))?;
    }
    choice(out, job)?;
    line(out, "price", &price(job))?;
    if !job.needs.is_empty() {
        line(out, "needs", &needs(job))?;
    }
    if let Some(save) = &job.save {
        line(out, "saved to", &format!("{}: {}", save.path, save.origin))?;
    }
    line(out, "priority", &job.priority.to_string())?;
    writeln!(out)?;
    params(job).write(out, 2)
}

fn line(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<10} {}", Shown(value))
}

fn row_text(row: &ExplainedRow) -> String {
    let number = match (row.number, &row.of) {
        (Some(number), Some(of)) => match &row.at {
            Some(at) => Some(format!("{number} of {of} ({at})")),
            None => Some(format!("{number} of {of}")),
        },
        _ => None,
    };
    let matrix = row.matrix.iter();
    let matrix = matrix.map(|(key, value)| format!("matrix.{key} = {}", shortened(value)));
    let matrix = matrix.collect::<Vec<_>>().join(", ");
    let matrix = Some(matrix).filter(|text| !text.is_empty());
    let words: Vec<_> = [number, matrix].into_iter().flatten().collect();
    words.join(", ")
}

fn choice(out: &mut dyn Write, job: &JobExplanation) -> io::Result<()> {
    let because = job.because.as_deref().unwrap_or_default();
    let Some(choice) = &job.choice else {
        return match because {
            "" => Ok(()),
            because => line(out, "made", because),
        };
    };
    let origin = match &choice.origin {
        Some(origin) => format!("{origin}"),
        None => "the catalog's default".to_owned(),
    };
    let told = format!(
        "{} for {}: {because}; {} = \"{}\": {origin}",
        job.operation, choice.name, choice.by, choice.word
    );
    line(out, "chosen", &told)
}

fn price(job: &JobExplanation) -> String {
    let price = &job.price;
    let mut text = format!(
        "{} credits by `{}` ({})",
        price.credits, price.list, price.dated
    );
    if let Some(when) = &price.when {
        text.push_str(&format!(", when {when}"));
    }
    if price.inferred {
        text.push_str(", inferred");
    }
    if !price.note.is_empty() {
        text.push_str(&format!(": {}", price.note));
    }
    text
}

fn needs(job: &JobExplanation) -> String {
    let named = job.needs.iter().take(NEEDS_SHOWN);
    let mut names: Vec<String> = named.map(ToString::to_string).collect();
    let more = job.needs.len() - names.len();
    if more > 0 {
        names.push(format!("and {}", count(more as u64, "more job")));
    }
    names.join(", ")
}

fn params(job: &JobExplanation) -> Table {
    let mut table = Table::new([
        Column::Words("parameter"),
        Column::Words("value"),
        Column::Words("from"),
    ]);
    for param in &job.params {
        table.row([param.name.clone(), value(param), from(param)]);
    }
    table
}

/// Writes a value in short.
fn value(param: &ExplainedParam) -> String {
    let Some(value) = &param.value else {
        return "-".to_owned();
    };
    if let Some(name) = value.get("$file").and(value["name"].as_str()) {
        return format!("file {name}");
    }
    match value.get("$join").and_then(Value::as_array) {
        Some(parts) => {
            let parts = parts.iter().map(|part| piece(part, param));
            parts.collect::<Vec<_>>().join(" + ")
        }
        None => piece(value, param),
    }
}

/// Writes a value that another job gives as what it is, once that is known.
fn piece(value: &Value, param: &ExplainedParam) -> String {
    let is_meant = |reference: &&ExplainedReference| {
        value["$job"] == reference.job.as_str() && value["path"] == reference.path.as_str()
    };
    match param.references.iter().find(is_meant) {
        Some(ExplainedReference {
            value: Some(known), ..
        }) => shortened(known),
        Some(ExplainedReference { job, path, .. }) => format!("{path} of {job}"),
        None => shortened(value),
    }
}

fn from(param: &ExplainedParam) -> String {
    let mut text = match (&param.origin, &param.implied_by, param.from) {
        (Some(origin), _, "empty") => match param.value {
            Some(_) => format!("the catalog's default; empty: {origin}"),
            None => format!("not sent; empty: {origin}"),
        },
        (Some(origin), ..) => origin.to_string(),
        (None, Some(by), _) => format!("implied by {by}"),
        (None, None, "operation") => "always sent with the operation".to_owned(),
        (None, None, _) => "the catalog's default".to_owned(),
    };
    for reference in &param.references {
        text.push_str(&told(reference));
    }
    text
}

fn told(reference: &ExplainedReference) -> String {
    let ExplainedReference { job, path, value } = reference;
    match value {
        Some(_) => format!("; {path} of {job}, paid for before"),
        None => format!("; known once {job} is done"),
    }
}
