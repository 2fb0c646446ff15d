//! A plan as a person reads it: jobs, subtotals, limits, time, warnings, advice, and last the verdict.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use crate::model::{Credits, Rate};
use crate::plan::{
    Counts, Disposition, Fit, JobView, Limit, LimitRoom, Monthly, Plan, PlannedEntry, SpendDown,
    Standing, Verdict,
};

use super::table::{Column, Table};
use super::words::{Shown, count, percent, span};

/// Up to this many jobs are shown one by one; above, entry by entry.
const JOBS_SHOWN: usize = 40;
/// Entries that are shown when jobs are not.
const ENTRIES_SHOWN: usize = 100;
/// Entries that are named when jobs of them are left out.
const LEFT_OUT_SHOWN: usize = 10;
/// Choices that are explained.
const CHOICES_SHOWN: usize = 8;

/// A plan and what it is set against.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What may be spent.
    pub standing: &'a Standing,
    /// The plan's price judged by that.
    pub verdict: &'a Verdict,
    /// What fits, when that was asked for.
    pub fit: Option<&'a Fit>,
    /// What it takes of a month, when that was asked for.
    pub monthly: Option<Monthly>,
    /// What expires at the renewal, when that was asked for.
    pub spend_down: Option<SpendDown>,
    /// Submits per span.
    pub rate: Rate,
    /// Tasks in flight.
    pub concurrency: u32,
}

impl PlanView<'_> {
    /// Returns how long the plan may take.
    #[must_use]
    pub fn estimate(&self) -> Duration {
        self.plan.workload().estimate(self.rate, self.concurrency)
    }
}

/// Writes the plan as text; jobs one by one, or entry by entry when there are many.
///
/// # Errors
/// When the writer fails.
pub fn plan_text(view: &PlanView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let PlanView { plan, .. } = view;
    let header = plan.header();
    writeln!(
        out,
        "{}: {} on {}, prices of `{}` ({})\n",
        Shown(&header.manifest),
        count(plan.len() as u64, "job"),
        header.provider,
        header.prices.name,
        header.prices.dated
    )?;
    if plan.len() > JOBS_SHOWN {
        entries(plan).write(out, 2)?;
        let more = plan.entries().len().saturating_sub(ENTRIES_SHOWN);
        if more > 0 {
            writeln!(
                out,
                "  and {more} more entries; `--format csv` lists every job"
            )?;
        }
    } else {
        jobs(view).write(out, 2)?;
    }
    writeln!(out)?;
    subtotals(plan).write(out, 2)?;
    writeln!(out)?;
    choices(out, plan)?;
    savings(out, plan)?;
    limits(out, view)?;
    fits(out, view)?;
    outlook(out, view)?;
    time(out, view)?;
    remarks(out, plan)?;
    writeln!(out, "\n{}", conclusion(view.verdict))
}

fn jobs(view: &PlanView<'_>) -> Table {
    let PlanView { plan, fit, .. } = view;
    let mut table = Table::new([
        Column::Words("job"),
        Column::Words("operation"),
        Column::Numbers("credits"),
        Column::Words(""),
    ]);
    for job in plan.iter() {
        table.row([
            job.id().to_string(),
            job.operation.to_owned(),
            job.credits().to_string(),
            match fit {
                Some(fit) if fit.leaves_out(job.ordinal) => "left out".to_owned(),
                _ => remark(plan, &job),
            },
        ]);
    }
    table
}

/// Says why a job is not bought.
fn remark(plan: &Plan, job: &JobView<'_>) -> String {
    match &job.disposition {
        Disposition::New => String::new(),
        Disposition::Reused { from } => format!("reused from {}/{}", from.run, from.job),
        Disposition::Twin { of } => format!("same as {}", plan.job_id(*of)),
        Disposition::Blocked { by } => format!("blocked: {}/{} is buying it", by.run, by.job),
        Disposition::Waits { by } => format!("blocked: needs {}/{}", by.run, by.job),
    }
}

fn entries(plan: &Plan) -> Table {
    let mut table = counted("entry", Some("operation"));
    for entry in plan.entries().iter().take(ENTRIES_SHOWN) {
        let mut cells = vec![entry.id.clone(), operations(entry)];
        cells.extend(count_cells(entry.counts, entry.credits));
        table.row(cells);
    }
    table
}

fn operations(entry: &PlannedEntry) -> String {
    let names: Vec<_> = entry
        .operations
        .iter()
        .map(|chosen| &*chosen.operation)
        .collect();
    names.join(", ")
}

fn subtotals(plan: &Plan) -> Table {
    let mut table = counted("operation", None);
    for subtotal in plan.subtotals() {
        let mut cells = vec![subtotal.operation.to_string()];
        cells.extend(count_cells(subtotal.counts, subtotal.credits));
        table.row(cells);
    }
    let mut cells = vec!["total".to_owned()];
    cells.extend(count_cells(plan.counts(), plan.total()));
    table.row(cells);
    table
}

/// A table of counts by kind and credits.
fn counted(first: &'static str, second: Option<&'static str>) -> Table {
    let words = [Some(first), second].into_iter().flatten();
    let numbers = ["jobs", "new", "reused", "twin", "blocked", "credits"];
    Table::new(words.map(Column::Words).chain(numbers.map(Column::Numbers)))
}

fn count_cells(counts: Counts, credits: Credits) -> [String; 6] {
    [
        counts.jobs(),
        counts.new,
        counts.reused,
        counts.twin,
        counts.blocked,
        credits.get(),
    ]
    .map(|number| number.to_string())
}

fn line(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<10} {value}")
}

fn choices(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    let mut chosen = plan.entries().iter().flat_map(|entry| {
        entry.operations.iter().filter_map(move |chosen| {
            let because = chosen.because.as_deref()?;
            Some((&entry.id, &chosen.operation, because))
        })
    });
    for (entry, operation, because) in chosen.by_ref().take(CHOICES_SHOWN) {
        let value = format!("{operation} for {}: {}", Shown(entry), Shown(because));
        line(out, "chosen", &value)?;
    }
    match chosen.count() {
        0 => Ok(()),
        more => line(out, "chosen", &format!("{more} more, in the JSON form")),
    }
}

fn savings(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    let counts = plan.counts();
    if counts.reused > 0 {
        let jobs = count(counts.reused, "job");
        let value = format!("{} credits by {jobs} paid before", plan.saved_by_reuse());
        line(out, "saved", &value)?;
    }
    if counts.blocked > 0 {
        let runs: BTreeSet<_> = plan
            .iter()
            .filter_map(|job| match job.disposition {
                Disposition::Blocked { by } | Disposition::Waits { by } => Some(by.run),
                _ => None,
            })
            .collect();
        let commands: Vec<_> = runs
            .iter()
            .map(|run| format!("`setlist resume {run}`"))
            .collect();
        let value = format!(
            "{} will be skipped while another run buys the same: {} first",
            count(counts.blocked, "job"),
            commands.join(", ")
        );
        line(out, "blocked", &value)?;
    }
    Ok(())
}

fn limits(out: &mut dyn Write, view: &PlanView<'_>) -> io::Result<()> {
    let PlanView {
        standing, verdict, ..
    } = view;
    match (verdict.balance, verdict.balance_after) {
        (Some(now), Some(after)) => line(out, "balance", &format!("{now} now, {after} after"))?,
        (Some(now), None) => line(out, "balance", &format!("{now} now, not enough"))?,
        (None, _) => line(
            out,
            "balance",
            "not asked for; the other limits alone decide",
        )?,
    }
    for room in &verdict.limits {
        let (name, value) = limit(view, room);
        line(out, name, &value)?;
    }
    if let Some(monthly) = standing.monthly_credits {
        let share = percent(verdict.needed, monthly);
        line(
            out,
            "month",
            &format!("{share} of {monthly} credits a month"),
        )?;
    }
    if let Some(pace) = verdict.pace {
        let days = count(pace.days.into(), "day");
        let value = format!(
            "in {days}: {} credits left until then, {} a day",
            pace.left, pace.per_day
        );
        line(out, "renewal", &value)?;
    }
    Ok(())
}

fn fits(out: &mut dyn Write, view: &PlanView<'_>) -> io::Result<()> {
    let Some(fit) = view.fit else {
        return Ok(());
    };
    let (fits, left_out) = (fit.fits(), fit.left_out());
    let all = count(fits.jobs + left_out.jobs, "job");
    let value = format!(
        "{} of {all} in {} credits: {} credits, leaves {}",
        fits.jobs,
        fit.room(),
        fits.credits,
        fits.credits.short_of(fit.room())
    );
    line(out, "fits", &value)?;
    if left_out.jobs == 0 {
        return Ok(());
    }
    let value = format!(
        "{}, {} credits, of which {} are missing",
        count(left_out.jobs, "job"),
        left_out.credits,
        fit.missing()
    );
    line(out, "left out", &value)?;
    if view.plan.len() <= JOBS_SHOWN {
        return Ok(());
    }
    let entries = fit.entries(view.plan);
    for (entry, sum) in entries.iter().take(LEFT_OUT_SHOWN) {
        let jobs = count(sum.jobs, "job");
        let value = format!("{}: {jobs}, {} credits", Shown(&entry.id), sum.credits);
        line(out, "", &value)?;
    }
    match entries.len().saturating_sub(LEFT_OUT_SHOWN) {
        0 => Ok(()),
        more => line(out, "", &format!("and of {more} more entries")),
    }
}

/// Says what the plan takes of a month, and what expires.
fn outlook(out: &mut dyn Write, view: &PlanView<'_>) -> io::Result<()> {
    if let Some(month) = &view.monthly {
        let runs = count(month.runs.into(), "run");
        let mut text = format!("{runs} like this one: {} credits", month.credits);
        match (month.monthly_credits, month.paid_runs) {
            (Some(monthly), Some(paid)) if !month.short.is_zero() => text.push_str(&format!(
                ", short {} of {monthly} a month, which pays for {}",
                month.short,
                count(paid, "run")
            )),
            (Some(monthly), _) => {
                let share = percent(month.credits, monthly);
                text.push_str(&format!(", {share} of {monthly} a month"));
            }
            _ => text.push_str("; `monthly_credits` is not set in the configuration"),
        }
        line(out, "per month", &text)?;
    }
    let Some(down) = &view.spend_down else {
        return Ok(());
    };
    let when = match down.days {
        Some(days) => format!("in {}", count(days.into(), "day")),
        None => "at the renewal".to_owned(),
    };
    if down.expires.is_zero() {
        return line(out, "spend down", &format!("nothing expires {when}"));
    }
    let mut text = format!("{} credits expire {when}", down.expires);
    if down.spendable < down.expires {
        text.push_str(&format!(", of which {} may be spent", down.spendable));
    }
    text.push_str(&format!(
        ": {} of all jobs ({} credits each), {} expire all the same",
        count(down.more_takes, "more take"),
        down.take,
        down.rest
    ));
    line(out, "spend down", &text)
}

/// Describes one limit: `run cap: 300, needs 460, short 160`.
fn limit(view: &PlanView<'_>, room: &LimitRoom) -> (&'static str, String) {
    let needed = view.verdict.needed;
    let standing = view.standing;
    let (name, mut text) = match room.limit {
        Limit::Run => ("run cap", room.of.to_string()),
        Limit::Period => {
            let used = standing.period.map_or(Credits::ZERO, |period| period.used);
            let share = percent(used, room.of);
            ("period", format!("{}, {used} used ({share})", room.of))
        }
        Limit::Balance => {
            let mut text = format!("{} can be spent", room.room);
            if !standing.keep.is_zero() {
                text.push_str(&format!(", {} kept", standing.keep));
            }
            if !standing.held.is_zero() {
                text.push_str(&format!(", {} held by other runs", standing.held));
            }
            ("spendable", text)
        }
    };
    text.push_str(&format!(", needs {needed}"));
    if room.short.is_zero() {
        text.push_str(&format!(", leaves {}", needed.short_of(room.room)));
    } else {
        text.push_str(&format!(", short {}", room.short));
    }
    if view.verdict.binding == Some(room.limit) && view.verdict.limits.len() > 1 {
        text.push_str(" (the tightest)");
    }
    (name, text)
}

fn time(out: &mut dyn Write, view: &PlanView<'_>) -> io::Result<()> {
    if view.plan.workload().submits == 0 {
        return Ok(());
    }
    let work = view.plan.workload();
    let learned = match work.learned {
        0 => String::new(),
        all if all == work.submits => "; tasks as long as lately".to_owned(),
        some => format!("; {some} of {} tasks as long as lately", work.submits),
    };
    let value = format!(
        "about {} ({} per {}, {} at once{learned})",
        span(view.estimate()),
        count(view.rate.count.into(), "request"),
        span(view.rate.per),
        count(view.concurrency.into(), "task"),
    );
    line(out, "time", &value)
}

fn remarks(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    if !plan.warnings().is_empty() || !plan.advice().is_empty() {
        writeln!(out)?;
    }
    for warning in plan.warnings() {
        writeln!(out, "warning: {}", Shown(&warning.to_string()))?;
    }
    for advice in plan.advice() {
        writeln!(out, "advice: {}", Shown(&advice.to_string()))?;
    }
    Ok(())
}

fn conclusion(verdict: &Verdict) -> String {
    let needed = verdict.needed;
    if needed.is_zero() {
        return "nothing to buy".to_owned();
    }
    if let (false, Some(limit)) = (verdict.affordable, verdict.binding) {
        let by = match limit {
            Limit::Run => "the run cap",
            Limit::Period => "the budget of the period",
            Limit::Balance => "the balance",
        };
        return format!(
            "short by {} credits: the plan costs {needed}, and {by} has no room for it",
            verdict.shortfall
        );
    }
    let checked = if verdict.knows_balance() {
        "within every limit"
    } else {
        "the balance was not checked"
    };
    format!("the plan costs {needed} credits, {checked}")
}
