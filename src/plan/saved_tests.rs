//! Plans written down and read back, and what is said when they moved.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture::{Bought, CREATE, LYRICS, Spec, plan, plan_at, spec};
use super::tests::{any_batch, any_past, bought};
use super::*;
use crate::model::PaidState;

/// Writes a plan down: its head, and a line per job.
fn written(plan: &Plan) -> (String, Vec<String>) {
    let line = |job| serde_json::to_string(&SavedJob::of(&job)).unwrap();
    let head = serde_json::to_string(&plan.to_saved()).unwrap();
    (head, plan.iter().map(line).collect())
}

fn load(head: &str, jobs: &[String]) -> Result<Plan, String> {
    let words = |error: LoadError| error.to_string();
    let head: SavedHead = serde_json::from_str(head).map_err(|error| error.to_string())?;
    let mut loader = Loader::new(head).map_err(words)?;
    for job in jobs {
        let job = serde_json::from_str(job).map_err(|error| error.to_string())?;
        loader.add(job).map_err(words)?;
    }
    loader.finish().map_err(words)
}

fn two_songs() -> Vec<Spec> {
    vec![
        spec(("lyrics", 0), 0, LYRICS, 1, &[]),
        spec(("song", 1), 1, CREATE, 2, &[0]),
        spec(("song", 1), 2, CREATE, 3, &[0]),
    ]
}

proptest! {
    #[test]
    fn a_plan_survives_being_written_down(
        specs in any_batch(), past in any_past(), fresh in any::<bool>(),
    ) {
        let state = |usable| if usable { PaidState::Usable } else { PaidState::Unsettled };
        let rows: Vec<_> = past.iter().map(|(print, usable)| (*print, state(*usable))).collect();
        let plan = plan_at("simulator", 0, &specs, &bought(&rows), fresh).unwrap();
        let (head, jobs) = written(&plan);
        prop_assert_eq!(load(&head, &jobs), Ok(plan.clone()));
        prop_assert_eq!(moved(&plan, &plan), []);
    }
}

#[test]
fn a_line_can_be_read_by_a_person() {
    let (_, jobs) = written(&plan(&two_songs(), &()));
    assert_eq!(
        jobs[2],
        r#"{"entry":"song","row":2,"operation":"suno.create","price":10,"do":"new","fingerprint":"03030303030303030303030303030303"}"#
    );
}

#[test]
fn what_refers_to_nothing_is_refused() {
    let (head, jobs) = written(&plan(&two_songs(), &()));
    let with = |field: &str, value: Value| {
        let mut jobs = jobs.clone();
        let mut job: Value = serde_json::from_str(&jobs[1]).unwrap();
        job[field] = value;
        jobs[1] = job.to_string();
        load(&head, &jobs).unwrap_err()
    };
    for (field, value, message) in [
        ("entry", json!("nope"), "no entry `nope`"),
        ("operation", json!("suno.nope"), "no operation `suno.nope`"),
        ("do", json!({ "twin": 1 }), "no earlier job `1`"),
        ("do", json!({ "twin": 4_000_000_000_u32 }), "no earlier job"),
        ("do", json!({ "twin": 0 }), "its sums are not"),
        ("price", json!(11), "its sums are not"),
        ("price", json!(4_294_967_296_u64), "expected u32"),
        ("fingerprint", json!("03"), "not a fingerprint"),
    ] {
        let error = with(field, value.clone());
        assert!(error.contains(message), "{field} {value}: {error}");
    }
    assert_eq!(
        load(&head, &jobs[..2]).unwrap_err(),
        "it has 2 jobs, and says 3"
    );
}

fn words(saved: &Plan, now: &Plan) -> Vec<String> {
    moved(saved, now).iter().map(ToString::to_string).collect()
}

#[test]
fn prices_that_moved_are_told_with_what_they_add() {
    let specs = two_songs();
    let saved = plan(&specs, &());
    let now = plan_at("simulator", 1, &specs, &(), false).unwrap();
    assert_eq!(
        words(&saved, &now),
        [
            "price list: `guide` → `today`",
            "price of `lyrics.generate`: 5 → 2, 1 job, -3 credits",
            "price of `suno.create`: 10 → 14, 2 jobs, +8 credits",
            "total: 25 → 30, +5 credits",
        ]
    );
}

#[test]
fn what_others_bought_meanwhile_is_told() {
    let specs = two_songs();
    let saved = plan(&specs, &());
    let now = plan(&specs, &bought(&[(2, PaidState::Usable)]));
    assert_eq!(
        words(&saved, &now),
        [
            "1 job: new → reused, -10 credits",
            "total: 25 → 15, -10 credits",
        ]
    );
}

#[test]
fn jobs_that_came_went_and_changed_are_told() {
    let before = two_songs();
    let mut after = two_songs();
    after[1].print = 9;
    after.remove(2);
    after.push(spec(("song", 1), 3, CREATE, 4, &[0]));
    after.push(spec(("song", 1), 4, CREATE, 5, &[0]));
    let past = Bought::default();
    assert_eq!(
        words(&plan(&before, &past), &plan(&after, &past)),
        [
            "jobs of `song`: 2 added, 1 removed, 1 changed, +10 credits",
            "total: 25 → 35, +10 credits",
        ]
    );
}
