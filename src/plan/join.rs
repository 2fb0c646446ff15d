//! Joins plan and manifest: one expansion to plan, a second one to enrol.

use std::ops::ControlFlow;

use crate::catalog::Catalog;
use crate::manifest::{Draft, Manifest, Problems};
use crate::model::Credits;

use super::build::{Builder, PlanError, PlanOptions, Sources};
use super::enroll::{EnrollError, Enrollee, Enroller};
use super::fit::Fit;
use super::planned::Plan;
use super::wishes::Needs;

/// How many jobs are planned between two words on how many there are.
const WATCHED_EVERY: u64 = 4096;

/// Expands a manifest and plans its jobs.
///
/// # Errors
/// All problems of the manifest's rows; else all jobs that can't be bought; or a sum that can't be kept.
pub fn build(
    manifest: &Manifest,
    sources: Sources<'_>,
    options: PlanOptions,
) -> Result<Plan, PlanError> {
    build_watched(manifest, sources, options, &mut |_| ())
}

/// Does the same, and tells now and then how many jobs there are so far.
///
/// # Errors
/// As [`build`].
pub fn build_watched(
    manifest: &Manifest,
    sources: Sources<'_>,
    options: PlanOptions,
    watch: &mut dyn FnMut(u64),
) -> Result<Plan, PlanError> {
    let mut builder = Builder::new(&manifest.name, &manifest.digest, sources, options);
    let mut jobs = 0_u64;
    expand(manifest, sources.catalog, &mut |draft| {
        jobs += 1;
        if jobs.is_multiple_of(WATCHED_EVERY) {
            watch(jobs);
        }
        builder.add(draft)
    })?;
    builder.finish()
}

impl Plan {
    /// Expands the manifest again and hands each job to `sink`, as the ledger is to keep it.
    ///
    /// # Errors
    /// When a job is not what was planned in its place, as after a row file changed. Jobs before it were handed
    /// over by then: their run must not be started.
    pub fn jobs(
        &self,
        manifest: &Manifest,
        catalog: &Catalog,
        sink: &mut dyn FnMut(Enrollee),
    ) -> Result<(), EnrollError> {
        let mut enroller = Enroller::new(self, catalog);
        expand(manifest, catalog, &mut |draft| {
            enroller.next(draft).map(&mut *sink)
        })?;
        enroller.finish()
    }
}

impl Plan {
    /// Chooses the jobs that fit into so many credits; the manifest is expanded again, for what each job needs.
    ///
    /// # Errors
    /// When a job is not what was planned in its place, as after a row file changed.
    pub fn fit(
        &self,
        manifest: &Manifest,
        catalog: &Catalog,
        room: Credits,
    ) -> Result<Fit, EnrollError> {
        let mut enroller = Enroller::new(self, catalog);
        let mut needs = Needs::default();
        expand(manifest, catalog, &mut |draft| {
            needs.push_for(&enroller.check(draft)?.disposition, draft.needs);
            Ok::<_, EnrollError>(())
        })?;
        enroller.finish()?;
        Ok(Fit::choose(self, needs, room)?)
    }
}

/// Expands until a job is refused, or to the end.
fn expand<E: From<Problems>>(
    manifest: &Manifest,
    catalog: &Catalog,
    take: &mut dyn FnMut(&Draft<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut refused = None;
    manifest.expand(catalog, &mut |draft| match take(draft) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            refused = Some(error);
            ControlFlow::Break(())
        }
    })?;
    refused.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::catalog::PriceLists;
    use crate::manifest::Format;
    use crate::model::Ordinal;

    use super::*;

    const MANIFEST: &str = r#"
name = "cues"

[[job]]
id = "song"
operation = "suno.create"
with = { description = "neon rain" }

[[job]]
id = "stems"
for_each = "jobs.song.clips"
operation = "suno.stems"
with = { clip = "${each.clip_id}", detail = "basic" }

[[job]]
id = "cue"
for_each = "cues.csv"
operation = "producer.create"
with = { description = "${each.brief}" }
"#;

    fn planned(folder: &Path) -> (Manifest, Plan) {
        let catalog = Catalog::builtin();
        let known = PriceLists::builtin();
        let manifest =
            Manifest::parse(MANIFEST, Format::Toml, "cues.toml", folder, catalog).unwrap();
        let sources = Sources {
            provider: "simulator",
            catalog,
            prices: &known.lists[0],
            known,
            paid: &(),
        };
        let plan = build(&manifest, sources, PlanOptions::default()).unwrap();
        (manifest, plan)
    }

    #[test]
    fn a_manifest_is_planned_and_enrolled() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cues.csv"), "brief\nrain\nsun\nrain\n").unwrap();
        let (manifest, plan) = planned(folder.path());
        // A song, stems of its two clips, and three cues of which two are the same.
        assert_eq!(plan.total(), Credits::new(10 + 2 * 20 + 2 * 10));
        let stems = plan.job(Ordinal(1));
        assert_eq!(stems.id().as_str(), "stems[1]");
        assert!(stems.entry.operations[0].because.is_some());
        assert_eq!(plan.counts().twin, 1);

        let mut jobs = Vec::new();
        plan.jobs(&manifest, Catalog::builtin(), &mut |enrollee| {
            jobs.push(enrollee.job);
        })
        .unwrap();
        assert_eq!(jobs.len(), plan.len());
        assert_eq!(jobs[1].needs, [Ordinal(0)]);
        assert_eq!(jobs[1].price, Credits::new(20));
    }

    #[test]
    fn a_row_file_that_changes_after_the_plan_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let cues = folder.path().join("cues.csv");
        fs::write(&cues, "brief\nrain\nsun\n").unwrap();
        let (manifest, plan) = planned(folder.path());
        let enroll = |rows: &str| {
            fs::write(&cues, rows).unwrap();
            plan.jobs(&manifest, Catalog::builtin(), &mut drop)
                .map_err(|error| error.to_string())
        };
        assert_eq!(enroll("brief\nrain\nsun\n"), Ok(()));
        for (rows, message) in [
            (
                "brief\nrain\nsnow\n",
                "job `cue[2]` of entry `cue` (line 15)",
            ),
            ("brief\nrain\n", "entry `cue` (line 15) gives fewer jobs"),
            (
                "brief\nrain\nsun\nsnow\n",
                "entry `cue` (line 15) gives more jobs",
            ),
        ] {
            let error = enroll(rows).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn every_manifest_of_the_repository_has_a_price() {
        let catalog = Catalog::builtin();
        let known = PriceLists::builtin();
        for file in fs::read_dir("manifests").unwrap() {
            let path = file.unwrap().path();
            if Format::of(&path).is_none() {
                continue;
            }
            let manifest = Manifest::read(&path, catalog).unwrap();
            let sources = Sources {
                provider: "simulator",
                catalog,
                prices: &known.lists[0],
                known,
                paid: &(),
            };
            let plan = build(&manifest, sources, PlanOptions::default()).unwrap();
            assert!(!plan.total().is_zero(), "{}", path.display());
        }
    }
}
