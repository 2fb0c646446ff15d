//! A plan for programs: CSV with one row per job, and JSON, both written job by job.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::model::{Credits, Fingerprint, JobId, PaidJob};
use crate::plan::{
    Counts, Disposition, Fit, JobSum, JobView, LimitRoom, Plan, PlannedEntry, Verdict,
};

use super::csv_cell::{inert, io_error, writer};
use super::json_object::ObjectWriter;
use super::plan_view::PlanView;

const COLUMNS: [&str; 9] = [
    "job",
    "operation",
    "disposition",
    "credits",
    "price",
    "entry",
    "line",
    "from",
    "fingerprint",
];

/// A job in the JSON form.
#[derive(Serialize)]
struct PlanJob<'a> {
    id: JobId,
    operation: &'a str,
    /// What it costs this time.
    credits: Credits,
    /// What the price list asks for it.
    price: Credits,
    disposition: &'static str,
    /// The job that buys, or has bought, the same thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    entry: &'a str,
    line: u32,
    fingerprint: Fingerprint,
}

impl<'a> PlanJob<'a> {
    fn new(view: &PlanView<'_>, job: &JobView<'a>) -> Self {
        let mut planned = Self::planned(view.plan, job);
        if view.fit.is_some_and(|fit| fit.leaves_out(job.ordinal)) {
            planned.disposition = "left-out";
            planned.credits = Credits::ZERO;
        }
        planned
    }

    fn planned(plan: &Plan, job: &JobView<'a>) -> Self {
        Self {
            id: job.id(),
            operation: job.operation,
            credits: job.credits(),
            price: job.price,
            disposition: job.disposition.as_str(),
            from: from(plan, &job.disposition),
            entry: &job.entry.id,
            line: job.entry.line,
            fingerprint: job.fingerprint,
        }
    }
}

/// Names the job that buys or has bought: `run/job`, or `job` when it is one of this plan.
fn from(plan: &Plan, disposition: &Disposition) -> Option<String> {
    let elsewhere = |paid: &PaidJob| Some(format!("{}/{}", paid.run, paid.job));
    match disposition {
        Disposition::New => None,
        Disposition::Reused { from } => elsewhere(from),
        Disposition::Twin { of } => Some(plan.job_id(*of).to_string()),
        Disposition::Blocked { by } | Disposition::Waits { by } => elsewhere(by),
    }
}

/// Writes one row per job; CRLF ends a line (RFC 4180), and no cell is a formula.
///
/// # Errors
/// When the writer fails.
pub fn plan_csv(view: &PlanView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = writer(out);
    out.write_record(COLUMNS).map_err(io_error)?;
    for job in view.plan.iter() {
        let job = PlanJob::new(view, &job);
        let cells = [
            inert(job.id.as_str()),
            inert(job.operation),
            job.disposition.into(),
            job.credits.to_string().into(),
            job.price.to_string().into(),
            inert(job.entry),
            job.line.to_string().into(),
            inert(job.from.as_deref().unwrap_or_default()),
            job.fingerprint.to_string().into(),
        ];
        out.write_record(cells.iter().map(|cell| cell.as_bytes()))
            .map_err(io_error)?;
    }
    out.flush()
}

/// Writes the plan as one JSON object, one job to a line.
///
/// # Errors
/// When the writer fails.
pub fn plan_json(view: &PlanView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let PlanView { plan, verdict, .. } = view;
    let header = plan.header();
    let mut object = ObjectWriter::new(out)?;
    object.field("manifest", &header.manifest)?;
    object.field("manifest_digest", &header.manifest_digest)?;
    object.field("provider", &header.provider)?;
    object.field(
        "price_list",
        &json!({
            "name": header.prices.name,
            "dated": header.prices.dated,
            "source": header.prices.source,
            "digest": header.prices.digest,
        }),
    )?;
    object.field("catalog_digest", &header.catalog_digest)?;
    object.field("job_count", &plan.len())?;
    object.field("counts", &counts(plan.counts()))?;
    object.field("total_credits", &plan.total())?;
    object.field("saved_by_reuse", &plan.saved_by_reuse())?;
    object.field("saved_by_twins", &plan.saved_by_twins())?;
    judgement(&mut object, verdict)?;
    if let Some(fit) = view.fit {
        object.field("fit", &fitted(plan, fit))?;
    }
    if let Some(month) = &view.monthly {
        object.field("per_month", month)?;
    }
    if let Some(down) = &view.spend_down {
        object.field("spend_down", down)?;
    }
    object.field("estimate_s", &view.estimate().as_secs())?;
    object.field("learned_times", &plan.workload().learned)?;
    object.field("operations", &operations(plan))?;
    object.field(
        "entries",
        &plan.entries().iter().map(entry).collect::<Vec<_>>(),
    )?;
    object.field(
        "warnings",
        &plan.warnings().iter().map(remark).collect::<Vec<_>>(),
    )?;
    object.field(
        "advice",
        &plan.advice().iter().map(remark).collect::<Vec<_>>(),
    )?;
    let mut jobs = object.list("jobs")?;
    for job in plan.iter() {
        object.item(&mut jobs, &PlanJob::new(view, &job))?;
    }
    object.end_list(jobs)?;
    object.end()?.flush()
}

fn judgement<W: Write>(object: &mut ObjectWriter<W>, verdict: &Verdict) -> io::Result<()> {
    object.field("affordable", &verdict.affordable)?;
    object.field("shortfall_credits", &verdict.shortfall)?;
    object.field("binding", &verdict.binding.map(|limit| limit.as_str()))?;
    object.field(
        "limits",
        &verdict.limits.iter().map(limit).collect::<Vec<_>>(),
    )?;
    object.field("balance", &verdict.balance)?;
    object.field("balance_after", &verdict.balance_after)?;
    object.field(
        "pace",
        &verdict
            .pace
            .map(|pace| json!({ "days": pace.days, "left": pace.left, "per_day": pace.per_day })),
    )
}

fn fitted(plan: &Plan, fit: &Fit) -> Value {
    let entry = |(entry, sum): &(&PlannedEntry, JobSum)| json!({ "id": entry.id, "jobs": sum.jobs, "credits": sum.credits });
    json!({
        "room": fit.room(),
        "fits": fit.fits(),
        "left_out": fit.left_out(),
        "missing_credits": fit.missing(),
        "left_out_entries": fit.entries(plan).iter().map(entry).collect::<Vec<_>>(),
    })
}

fn limit(room: &LimitRoom) -> Value {
    json!({
        "limit": room.limit.as_str(),
        "of": room.of,
        "room": room.room,
        "short": room.short,
    })
}

fn counts(counts: Counts) -> Value {
    json!({
        "new": counts.new,
        "reused": counts.reused,
        "twin": counts.twin,
        "blocked": counts.blocked,
    })
}

fn operations(plan: &Plan) -> Vec<Value> {
    plan.subtotals()
        .iter()
        .map(|subtotal| {
            json!({
                "operation": subtotal.operation,
                "family": subtotal.family,
                "jobs": subtotal.counts.jobs(),
                "counts": counts(subtotal.counts),
                "credits": subtotal.credits,
            })
        })
        .collect()
}

fn entry(entry: &PlannedEntry) -> Value {
    let chosen = |chosen: &crate::plan::Chosen| {
        json!({
            "operation": chosen.operation,
            "because": chosen.because,
            "jobs": chosen.jobs,
        })
    };
    json!({
        "id": entry.id,
        "line": entry.line,
        "priority": entry.priority,
        "operations": entry.operations.iter().map(chosen).collect::<Vec<_>>(),
        "jobs": entry.counts.jobs(),
        "counts": counts(entry.counts),
        "credits": entry.credits,
    })
}

/// Writes a warning or advice: its kind, its words, and the figures they are made of.
fn remark(remark: &(impl Serialize + ToString)) -> Value {
    let mut object = Map::new();
    if let Ok(Value::Object(tagged)) = serde_json::to_value(remark) {
        for (kind, figures) in tagged {
            object.insert("kind".to_owned(), Value::String(kind));
            object.insert("message".to_owned(), Value::String(remark.to_string()));
            if let Value::Object(figures) = figures {
                object.extend(figures);
            }
        }
    }
    Value::Object(object)
}
