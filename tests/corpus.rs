//! Does with every file of the fuzzers' corpus what they do: what once broke something stays mended.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use setlist::catalog::{Catalog, PriceList, PriceLists};
use setlist::manifest::Manifest;
use setlist::plan::{self, PlanOptions, SavedJob, Sources};

#[path = "../fuzz/harness.rs"]
mod harness;

fn each(folders: &[&str], check: fn(&[u8])) {
    for folder in folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files: Vec<_> = { std::fs::read_dir(&folder).unwrap() }
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(files.len() >= 3, "{folder:?} has too few files");
        for file in files {
            check(&std::fs::read(file).unwrap());
        }
    }
}

#[test]
fn manifests() {
    each(&["fuzz/corpus/manifest", "manifests"], harness::manifest);
}

#[test]
fn price_lists() {
    each(
        &["fuzz/corpus/price_list", "src/catalog/prices"],
        harness::price_list,
    );
}

/// The lines of a plan as the loader takes them; with `SETLIST_CORPUS=update` they become the fuzzer's corpus.
#[test]
fn saved_plans() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalog = Catalog::builtin();
    for name in ["first-song", "album", "tour"] {
        let path = root.join("manifests").join(format!("{name}.toml"));
        let manifest = Manifest::read(&path, catalog).unwrap();
        let sources = Sources {
            provider: "simulator",
            catalog,
            prices: PriceList::builtin("guide").unwrap(),
            known: PriceLists::builtin(),
            paid: &(),
        };
        let plan = plan::build(&manifest, sources, PlanOptions::default()).unwrap();
        let mut lines = serde_json::to_string(&plan.to_saved()).unwrap();
        for job in plan.iter() {
            lines.push('\n');
            lines.push_str(&serde_json::to_string(&SavedJob::of(&job)).unwrap());
        }
        harness::saved_plan(lines.as_bytes());
        if std::env::var("SETLIST_CORPUS").is_ok_and(|word| word == "update") {
            let file = root
                .join("fuzz/corpus/saved_plan")
                .join(format!("{name}.jsonl"));
            std::fs::write(file, lines).unwrap();
        }
    }
    each(&["fuzz/corpus/saved_plan"], harness::saved_plan);
}

#[test]
fn answers() {
    each(&["fuzz/corpus/answer"], harness::answer);
}
