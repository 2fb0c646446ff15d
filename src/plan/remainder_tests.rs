//! What is left out, written as a manifest, plans to exactly that once the rest is paid for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::catalog::{Catalog, PriceLists};
use crate::manifest::{Format, Manifest};
use crate::model::{Credits, Fingerprint, JobId, Ordinal, PaidJob, PaidJobs, PaidState, RunId};

use super::{Disposition, Plan, PlanOptions, Sources, build};

/// What was bought, by content.
#[derive(Default)]
struct Bought(BTreeMap<[u8; 16], Ordinal>);

impl PaidJobs for Bought {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, print: &Fingerprint) -> Option<PaidJob> {
        Some(PaidJob {
            run: RunId::new("r1"),
            job: JobId::new("j"),
            ordinal: *self.0.get(&print.0)?,
            state: PaidState::Usable,
        })
    }
}

/// A batch with every kind of entry: rows of both kinds of files and of the manifest, clips of others, references by
/// number, takes, twins and needs.
fn manifest(priorities: &[i32], takes: u32, clip: u32) -> String {
    let mut priorities = priorities.iter();
    let mut next = || format!("priority = {}", priorities.next().unwrap());
    format!(
        r#"
[vars]
mood = "a \"dark\" mood"

[defaults."suno.create"]
model = "sonic-v4"

[[job]]
id = "words"
{}
operation = "lyrics.generate"
with = {{ description = "neon, ${{vars.mood}}" }}

[[job]]
id = "song"
{}
for_each = "songs.csv"
takes = {takes}
operation = "suno.create"
with = {{ title = "${{each.title}}", tags = "t", lyrics = "${{jobs.words.results[0].lyrics}}" }}
save = "${{each.title}}-{{n}}.{{ext}}"

[[job]]
id = "stems"
{}
for_each = "jobs.song.clips"
operation = "suno.stems"
with = {{ clip = "${{each.clip_id}}", detail = "basic" }}

[[job]]
id = "cue"
{}
for_each = "cues.jsonl"
operation = "producer.create"
with = {{ description = "${{each.brief}}" }}

[[job]]
id = "note"
{}
for_each = [{{ n = "1" }}, {{ n = "2" }}, {{ n = "1" }}]
needs = ["cue"]
operation = "producer.create"
with = {{ description = "note ${{each.n}}" }}

[[job]]
id = "midi"
{}
operation = "suno.midi"
with = {{ clip = "${{jobs.song.clips[{clip}].clip_id}}" }}
"#,
        next(),
        next(),
        next(),
        next(),
        next(),
        next(),
    )
}

fn planned(path: &Path, paid: &dyn PaidJobs) -> (Manifest, Plan) {
    let manifest = Manifest::read(path, Catalog::builtin()).unwrap();
    let known = PriceLists::builtin();
    let sources = Sources {
        provider: "simulator",
        catalog: Catalog::builtin(),
        prices: &known.lists[0],
        known,
        paid,
    };
    let plan = build(&manifest, sources, PlanOptions::default()).unwrap();
    (manifest, plan)
}

/// The jobs to be bought, by entry and content, with their prices.
fn bought(plan: &Plan, is_in: impl Fn(Ordinal) -> bool) -> Vec<(String, Fingerprint, Credits)> {
    let new = plan
        .iter()
        .filter(|job| job.disposition == Disposition::New);
    let mut jobs: Vec<_> = { new.filter(|job| is_in(job.ordinal)) }
        .map(|job| (job.entry.id.clone(), job.fingerprint, job.price))
        .collect();
    jobs.sort();
    jobs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_remainder_plans_to_what_was_left_out(
        songs in prop::collection::vec("[a-c,\" ]{0,3}x", 2..5),
        cues in prop::collection::vec("[a-c\"\n]{0,2}y", 1..5),
        priorities in prop::collection::vec(0..3i32, 6),
        takes in 1..3u32,
        clip in 0..4u32,
        room in 0..150u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut rows = csv::Writer::from_path(path("songs.csv")).unwrap();
        rows.write_record(["title", "unused"]).unwrap();
        songs.iter().for_each(|title| rows.write_record([title, "ü"]).unwrap());
        rows.flush().unwrap();
        let lines: Vec<_> = { cues.iter() }
            .map(|brief| serde_json::json!({ "brief": brief }).to_string() + "\n\n")
            .collect();
        fs::write(path("cues.jsonl"), lines.concat()).unwrap();
        fs::write(path("all.toml"), manifest(&priorities, takes, clip)).unwrap();
        prop_assert_eq!(Format::of(&path("all.toml")), Some(Format::Toml));

        let (manifest, plan) = planned(&path("all.toml"), &());
        let fit = plan.fit(&manifest, Catalog::builtin(), Credits::new(room)).unwrap();
        prop_assume!(fit.left_out().jobs > 0);
        let left_out = |job: Ordinal| fit.leaves_out(job);
        let part = manifest.part(Catalog::builtin(), &left_out).unwrap();
        let name = |entry: usize| format!("rest-{entry}");
        for (entry, _, extension) in part.row_files() {
            let file = path(&format!("{}.{extension}", name(entry)));
            part.copy_rows(entry, &mut fs::File::create(file).unwrap()).unwrap();
        }
        let extensions: BTreeMap<_, _> =
            part.row_files().into_iter().map(|(entry, _, ext)| (entry, ext)).collect();
        let rows_at = |entry: usize| format!("{}.{}", name(entry), extensions[&entry]);
        fs::write(path("rest.toml"), part.text(&rows_at).unwrap()).unwrap();

        let paid = Bought(
            { plan.iter() }
                .filter(|job| !left_out(job.ordinal))
                .map(|job| (job.fingerprint.0, job.ordinal))
                .collect(),
        );
        let (_, rest) = planned(&path("rest.toml"), &paid);
        prop_assert_eq!(bought(&rest, |_| true), bought(&plan, left_out));
        prop_assert_eq!(rest.total(), fit.left_out().credits);
        let kept = rest.iter().filter(|job| !matches!(job.disposition, Disposition::Reused { .. }));
        prop_assert_eq!(kept.count() as u64, fit.left_out().jobs);
    }
}
