//! One job of a plan explained, for programs: what it is, where each of its values comes from, and why it is bought or not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::catalog::{Basis, Besides, PriceList};
use crate::manifest::{JobOrigins, ParamOrigin, ParamSource, RowOrigin, RowsOf};
use crate::model::{Credits, Input, JobId, JobRecord, JobRef, Ordinal, Part, RunId};
use crate::plan::{Disposition, Fit, JobView, Plan};

use super::origin_words::{Origin, Spot};
use super::words::utc;

/// What an explanation is made of.
#[derive(Clone, Copy, Debug)]
pub struct ExplainedJob<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The job.
    pub job: Ordinal,
    /// Where its values come from.
    pub origins: &'a JobOrigins,
    /// The list that prices the plan.
    pub prices: &'a PriceList,
    /// Whether purchases of runs before do not count.
    pub fresh: bool,
    /// What fits, when credits are short.
    pub fit: Option<&'a Fit>,
    /// The options that do not ask for the job, when they don't.
    pub unasked: Option<&'a str>,
    /// What the ledger knows of purchases that the job, or a job it needs, comes from.
    pub past: &'a BTreeMap<(RunId, Ordinal), JobRecord>,
}

/// A job explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobExplanation {
    /// The job's name.
    pub job: String,
    /// The operation, after any choice.
    pub operation: String,
    /// Where its entry stands.
    pub entry: Spot,
    /// What the entry names, when that is a choice, and what decided it.
    pub choice: Option<ExplainedChoice>,
    /// Why there is such a job, or such an operation.
    pub because: Option<String>,
    /// What it costs this time, in credits.
    pub credits: Credits,
    /// What the price list asks for it.
    pub price: ExplainedPrice,
    /// The row it is made of.
    pub row: Option<ExplainedRow>,
    /// The jobs that must succeed first.
    pub needs: Vec<JobId>,
    /// Where its files go.
    pub save: Option<ExplainedSave>,
    /// Its priority.
    pub priority: i32,
    /// `new`, `reused`, `twin`, `blocked` or `left-out`.
    pub disposition: &'static str,
    /// Why that, as a sentence.
    pub reason: String,
    /// The purchase that it comes from or waits for.
    pub purchase: Option<ExplainedPurchase>,
    /// Its parameters, and the fields that are sent besides.
    pub params: Vec<ExplainedParam>,
}

/// A choice such as `music.create`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedChoice {
    /// Its name.
    pub name: String,
    /// The parameter that decides.
    pub by: String,
    /// The word it has.
    pub word: String,
    /// Where the word comes from; the catalog's default when nothing says it.
    pub origin: Option<Origin>,
}

/// A price, and what made it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedPrice {
    /// The price, in credits.
    pub credits: Credits,
    /// The price list.
    pub list: String,
    /// When it held, `YYYY-MM`.
    pub dated: String,
    /// The condition under which it applies; none for a price that always does, or when the list has no price.
    pub when: Option<String>,
    /// Whether the list has it from our reading, not from a page.
    pub inferred: bool,
    /// The list's remark.
    pub note: String,
}

/// A row or combination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedRow {
    /// Its number, from 1; none for a matrix alone.
    pub number: Option<u32>,
    /// What it is a row of: a file, `for_each`, or `jobs.ID.clips`.
    pub of: Option<String>,
    /// Where it stands.
    pub at: Option<Spot>,
    /// The matrix, key by key.
    pub matrix: serde_json::Map<String, Value>,
}

/// A save path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedSave {
    /// Below the output folder.
    pub path: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// A purchase of another run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedPurchase {
    /// The run.
    pub run: RunId,
    /// The job's name there.
    pub job: JobId,
    /// When it ended, if the ledger knows.
    pub at: Option<String>,
}

/// A parameter, or a field that is sent besides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedParam {
    /// Its name.
    pub name: String,
    /// Its value, with references as `{"$job": NAME, "path": …}`; none when it is not sent.
    pub value: Option<Value>,
    /// `manifest`, `empty` (a cell without a value), `catalog` (a default), `implied` or `operation`.
    pub from: &'static str,
    /// Where the manifest says it.
    pub origin: Option<Origin>,
    /// The parameter that implies it.
    pub implied_by: Option<String>,
    /// The results of other jobs in it.
    pub references: Vec<ExplainedReference>,
}

/// A value that another job gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedReference {
    /// The job.
    pub job: JobId,
    /// What of its result.
    pub path: String,
    /// The value, when that job is already paid for.
    pub value: Option<Value>,
}

impl JobExplanation {
    /// Explains a job.
    #[must_use]
    pub fn of(about: &ExplainedJob<'_>) -> Self {
        let job = about.plan.job(about.job);
        let ExplainedJob { origins, plan, .. } = about;
        let (disposition, reason) = about.verdict(&job);
        let params = origins.params.iter().map(|param| about.param(param));
        let others = origins.besides.iter().map(besides);
        Self {
            job: job.id().to_string(),
            operation: job.operation.to_owned(),
            entry: Spot::of(&origins.place),
            choice: origins.chosen.as_ref().map(|chosen| ExplainedChoice {
                name: chosen.name.clone(),
                by: chosen.by.clone(),
                word: chosen.word.clone(),
                origin: chosen.origin.as_ref().map(Origin::of),
            }),
            because: origins.because.clone(),
            credits: match disposition {
                "left-out" => Credits::ZERO,
                _ => job.credits(),
            },
            price: about.price(&job),
            row: origins.row.as_ref().map(row),
            needs: origins.needs.iter().map(|at| plan.job_id(*at)).collect(),
            save: origins.save.as_ref().map(|(path, origin)| ExplainedSave {
                path: path.clone(),
                origin: Origin::of(origin),
            }),
            priority: origins.entry.priority,
            disposition,
            reason,
            purchase: about.purchase(&job.disposition),
            params: params.chain(others).collect(),
        }
    }
}

impl ExplainedJob<'_> {
    fn price(&self, job: &JobView<'_>) -> ExplainedPrice {
        let input = |name: &str| self.origins.priced.get(name);
        let entry = self.prices.entry(self.origins.operation, &input);
        let when = entry.map(|entry| entry.when.to_string());
        ExplainedPrice {
            credits: job.price,
            list: self.prices.name.clone(),
            dated: self.prices.dated.clone(),
            when: when.filter(|when| !when.is_empty()),
            inferred: entry.is_some_and(|entry| entry.basis == Basis::Inferred),
            note: entry.map(|entry| entry.note.clone()).unwrap_or_default(),
        }
    }

    /// Says what the plan does with the job, and why.
    fn verdict(&self, job: &JobView<'_>) -> (&'static str, String) {
        if let Some(flags) = self.unasked {
            return ("left-out", format!("`{flags}` does not ask for it"));
        }
        if let Some(fit) = self.fit.filter(|fit| fit.leaves_out(self.job)) {
            let room = fit.room();
            let reason =
                format!("it does not fit into {room} credits beside jobs that come before it");
            return ("left-out", reason);
        }
        let reason = match &job.disposition {
            Disposition::New if self.fresh => {
                "it is bought; `--fresh` leaves purchases of runs before aside".to_owned()
            }
            Disposition::New => "it is bought; no run of the account has paid for it".to_owned(),
            Disposition::Reused { from } => {
                let at = self.ended(&from.run, from.ordinal);
                let at = at.map_or_else(String::new, |at| format!(" at {}", utc(at)));
                format!("run {} paid for it as `{}`{at}", from.run, from.job)
            }
            Disposition::Twin { of } => {
                let first = self.plan.job_id(*of);
                format!("it is the very same as `{first}`, which is bought once for both")
            }
            Disposition::Blocked { by } => {
                let (run, job) = (&by.run, &by.job);
                format!("run {run} is buying it as `{job}`: `setlist resume {run}` first")
            }
            Disposition::Waits { by } => {
                let (run, job) = (&by.run, &by.job);
                format!(
                    "it needs what run {run} is buying as `{job}`: `setlist resume {run}` first"
                )
            }
        };
        (job.disposition.as_str(), reason)
    }

    fn purchase(&self, disposition: &Disposition) -> Option<ExplainedPurchase> {
        let (Disposition::Reused { from: paid }
        | Disposition::Blocked { by: paid }
        | Disposition::Waits { by: paid }) = disposition
        else {
            return None;
        };
        Some(ExplainedPurchase {
            run: paid.run.clone(),
            job: paid.job.clone(),
            at: self.ended(&paid.run, paid.ordinal).map(utc),
        })
    }

    fn ended(&self, run: &RunId, ordinal: Ordinal) -> Option<Timestamp> {
        self.past.get(&(run.clone(), ordinal))?.finished_at
    }

    fn param(&self, param: &ParamOrigin) -> ExplainedParam {
        let (from, origin) = match &param.source {
            ParamSource::Manifest(origin) => ("manifest", Some(origin)),
            ParamSource::Empty(origin) => ("empty", Some(origin)),
            ParamSource::Catalog => ("catalog", None),
        };
        let mut references = Vec::new();
        if let Some(input) = &param.value {
            input.for_each_ref(&mut |link| references.extend(self.reference(link)));
        }
        ExplainedParam {
            name: param.name.clone(),
            value: param.value.as_ref().map(|input| self.shown(input)),
            from,
            origin: origin.map(Origin::of),
            implied_by: None,
            references,
        }
    }

    /// Finds the job that a reference leads to, among those that the job needs.
    fn target(&self, link: &JobRef) -> Option<Ordinal> {
        let mut needs = self.origins.needs.iter().copied();
        needs.find(|need| self.plan.fingerprint(*need) == link.job)
    }

    fn reference(&self, link: &JobRef) -> Option<ExplainedReference> {
        let target = self.target(link)?;
        let value = match self.plan.job(target).disposition {
            Disposition::Reused { from } => {
                let record = self.past.get(&(from.run, from.ordinal));
                let result = record.and_then(|record| record.result.as_ref());
                result.and_then(|result| link.path.find(&result.fields).ok().cloned())
            }
            _ => None,
        };
        Some(ExplainedReference {
            job: self.plan.job_id(target),
            path: link.path.to_string(),
            value,
        })
    }

    /// Writes an input with the names of jobs in the place of what they are.
    fn shown(&self, input: &Input) -> Value {
        let link = |link: &JobRef| {
            let target = self.target(link);
            let name = target.map_or_else(
                || link.job.to_string(),
                |target| self.plan.job_id(target).to_string(),
            );
            json!({"$job": name, "path": link.path.to_string()})
        };
        match input {
            Input::Value(value) => value.clone(),
            Input::Ref(reference) => link(reference),
            Input::File(file) => {
                let name = self.origins.files.get(&file.sha256);
                json!({"$file": file.sha256, "type": file.extension, "name": name})
            }
            Input::Join(parts) => {
                let parts = parts.iter().map(|part| match part {
                    Part::Text(text) => Value::from(text.as_str()),
                    Part::Ref(reference) => link(reference),
                });
                json!({"$join": parts.collect::<Vec<_>>()})
            }
            Input::List(items) => items.iter().map(|item| self.shown(item)).collect(),
            Input::Table(map) => {
                let pairs = map.iter();
                let pairs = pairs.map(|(key, item)| (key.clone(), self.shown(item)));
                Value::Object(pairs.collect())
            }
        }
    }
}

fn besides(besides: &Besides) -> ExplainedParam {
    ExplainedParam {
        name: besides.field.clone(),
        value: Some(besides.value.clone()),
        from: match besides.by {
            Some(_) => "implied",
            None => "operation",
        },
        origin: None,
        implied_by: besides.by.clone(),
        references: Vec::new(),
    }
}

fn row(row: &RowOrigin) -> ExplainedRow {
    let of = match &row.of {
        RowsOf::Matrix => None,
        RowsOf::File(name) | RowsOf::Results(name) => Some(name.clone()),
        RowsOf::Manifest => Some("for_each".to_owned()),
    };
    ExplainedRow {
        number: of.is_some().then_some(row.number),
        of,
        at: row.place.as_ref().map(Spot::of),
        matrix: row.matrix.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests;
