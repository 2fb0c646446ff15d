//! What a plan decides about a job, in words; the values are explained in `tests/cli/explain.rs`.

use std::path::Path;

use crate::catalog::{Catalog, PriceLists};
use crate::manifest::{Format, Manifest};
use crate::model::{Fingerprint, JobState, PaidJobs, PaidState};
use crate::plan::{PlanOptions, Sources, build};
use crate::report::fixture;

use super::*;

const MANIFEST: &str = r#"
[[job]]
id = "song"
operation = "suno.create"
with = { description = "rain" }

[[job]]
id = "twin"
operation = "suno.create"
with = { description = "rain" }

[[job]]
id = "wav"
operation = "suno.wav"
with = { clip = "${jobs.song.clips[0].clip_id}" }
"#;

/// One thing was bought, by the first job of run `r7`.
struct Bought(Fingerprint, PaidState);

impl PaidJobs for Bought {
    fn is_empty(&self) -> bool {
        false
    }

    fn find(&self, fingerprint: &Fingerprint) -> Option<crate::model::PaidJob> {
        (*fingerprint == self.0).then(|| crate::model::PaidJob {
            run: RunId::new("r7"),
            job: JobId::new("song"),
            ordinal: Ordinal(0),
            state: self.1,
        })
    }
}

/// Explains every job, with what was paid for.
fn explained(paid: Option<PaidState>, records: &[JobRecord]) -> Vec<JobExplanation> {
    let catalog = Catalog::builtin();
    let known = PriceLists::builtin();
    let manifest =
        Manifest::parse(MANIFEST, Format::Toml, "a.toml", Path::new(""), catalog).unwrap();
    let plan = |paid: &dyn PaidJobs| {
        let sources = Sources {
            provider: "simulator",
            catalog,
            prices: &known.lists[0],
            known,
            paid,
        };
        build(&manifest, sources, PlanOptions::default()).unwrap()
    };
    let mut made = plan(&());
    if let Some(state) = paid {
        made = plan(&Bought(made.fingerprint(Ordinal(0)), state));
    }
    let keyed = |record: &JobRecord| ((record.run.clone(), record.job.ordinal), record.clone());
    let past = records.iter().map(keyed).collect();
    let explain = |at| {
        let origins = manifest.origins(catalog, Ordinal(at)).unwrap().unwrap();
        JobExplanation::of(&ExplainedJob {
            plan: &made,
            job: Ordinal(at),
            origins: &origins,
            prices: &known.lists[0],
            fresh: false,
            fit: None,
            unasked: None,
            past: &past,
        })
    };
    (0..3).map(explain).collect()
}

fn reasons(jobs: &[JobExplanation]) -> Vec<String> {
    let said =
        |job: &JobExplanation| format!("{} {}: {}", job.disposition, job.credits, job.reason);
    jobs.iter().map(said).collect()
}

#[test]
fn a_twin_costs_nothing_and_names_the_job_that_buys() {
    let jobs = explained(None, &[]);
    assert_eq!(
        reasons(&jobs[1..2]),
        ["twin 0: it is the very same as `song`, which is bought once for both"]
    );
    assert_eq!(jobs[1].purchase, None);
}

#[test]
fn what_is_on_its_way_elsewhere_blocks_and_says_what_to_do() {
    let jobs = explained(Some(PaidState::Unsettled), &[]);
    assert_eq!(
        reasons(&jobs),
        [
            "blocked 0: run r7 is buying it as `song`: `setlist resume r7` first",
            "blocked 0: run r7 is buying it as `song`: `setlist resume r7` first",
            "blocked 0: it needs what run r7 is buying as `song`: `setlist resume r7` first",
        ]
    );
    assert_eq!(jobs[2].params[0].references[0].value, None);
}

#[test]
fn a_purchase_that_the_ledger_forgot_has_no_time_and_no_values() {
    let jobs = explained(Some(PaidState::Usable), &[]);
    assert_eq!(
        reasons(&jobs[..1]),
        ["reused 0: run r7 paid for it as `song`"]
    );
    assert_eq!(jobs[2].params[0].references[0].value, None);

    let records = &fixture::mixed()[..1];
    assert_eq!(records[0].state, JobState::Saved);
    let jobs = explained(Some(PaidState::Usable), records);
    assert_eq!(
        reasons(&jobs[..1]),
        ["reused 0: run r7 paid for it as `song` at 2026-11-22T10:02:31.500Z"]
    );
    assert_eq!(jobs[2].params[0].references[0].value, Some(json!("c-1")));
}
