//! The plan as a whole: prices, twins, reuse, blocks, refusals, and the second expansion.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::fixture::{
    Bought, CREATE, LYRICS, PRODUCER_EXTEND, STEMS_BASIC, STEMS_FULL, Spec, Took, UNPRICED,
    catalog, plan, plan_at, spec,
};
use super::*;
use crate::catalog::{Catalog, OperationId, PriceLists};
use crate::manifest::{Format, Manifest};
use crate::model::{Credits, Fingerprint, JobId, Ordinal, PaidJob, PaidState, Reuse, RunId};

pub(super) fn bought(rows: &[(u8, PaidState)]) -> Bought {
    let row = |(print, state): &(u8, PaidState)| {
        let paid = PaidJob {
            run: RunId::new("r1"),
            job: JobId::new(format!("old[{print}]")),
            ordinal: Ordinal(u32::from(*print)),
            state: *state,
        };
        (*print, paid)
    };
    Bought(rows.iter().map(row).collect())
}

/// Words of all jobs: `new`, `reused`, `twin`, `blocked`.
fn words(plan: &Plan) -> Vec<&'static str> {
    plan.iter().map(|job| job.disposition.as_str()).collect()
}

fn enroll(plan: &Plan, specs: &[Spec]) -> Result<Vec<Enrollee>, EnrollError> {
    let catalog = catalog();
    let mut enroller = Enroller::new(plan, &catalog);
    let jobs = (0..)
        .zip(specs)
        .map(|(ordinal, spec)| spec.with(ordinal, |draft| enroller.next(draft)))
        .collect::<Result<_, _>>()?;
    enroller.finish()?;
    Ok(jobs)
}

#[test]
fn jobs_are_priced_and_summed_by_operation_and_by_entry() {
    let specs = [
        spec(("lyrics", 0), 0, LYRICS, 1, &[]),
        spec(("song", 1), 1, CREATE, 2, &[0]),
        spec(("song", 1), 2, CREATE, 3, &[0]),
    ];
    let plan = plan(&specs, &());
    assert_eq!(plan.total(), Credits::new(25));
    let subtotals: Vec<_> = plan
        .subtotals()
        .iter()
        .map(|sub| (&*sub.operation, sub.counts.new, sub.credits.get()))
        .collect();
    assert_eq!(
        subtotals,
        [("suno.create", 2, 20), ("lyrics.generate", 1, 5)]
    );
    let entries: Vec<_> = plan
        .entries()
        .iter()
        .map(|entry| (entry.id.as_str(), entry.counts.jobs(), entry.credits.get()))
        .collect();
    assert_eq!(entries, [("lyrics", 1, 5), ("song", 2, 20)]);
    assert_eq!(plan.job_id(Ordinal(2)).as_str(), "song[2]");
    assert_eq!(
        plan.workload(),
        Workload {
            submits: 3,
            work_s: 302,
            learned: 0,
            longest_chain_s: 152
        }
    );
}

#[test]
fn an_identical_job_is_bought_once() {
    let specs = [
        spec(("a", 0), 0, CREATE, 7, &[]),
        spec(("b", 1), 0, CREATE, 7, &[]),
        spec(("c", 2), 0, CREATE, 7, &[]),
    ];
    let plan = plan(&specs, &());
    assert_eq!(words(&plan), ["new", "twin", "twin"]);
    assert_eq!(plan.total(), Credits::new(10));
    assert!(plan.advice().contains(&Advice::Twins {
        jobs: 2,
        saved: Credits::new(20)
    }));
    let jobs = enroll(&plan, &specs).unwrap();
    assert_eq!(jobs[2].job.needs, [Ordinal(0)]);
    assert_eq!(
        jobs[2].job.reuse,
        Some(Reuse::Twin {
            ordinal: Ordinal(0),
            job: JobId::new("a")
        })
    );
}

#[test]
fn what_was_bought_before_is_reused_unless_asked_for_afresh() {
    let specs = [
        spec(("a", 0), 0, CREATE, 1, &[]),
        spec(("b", 1), 0, CREATE, 1, &[]),
        spec(("c", 2), 0, CREATE, 2, &[0]),
    ];
    let paid = bought(&[(1, PaidState::Usable)]);
    let reusing = plan(&specs, &paid);
    assert_eq!(words(&reusing), ["reused", "reused", "new"]);
    assert_eq!(reusing.total(), Credits::new(10));
    assert_eq!(reusing.saved_by_reuse(), Credits::new(20));
    let jobs = enroll(&reusing, &specs).unwrap();
    for reused in &jobs[..2] {
        assert!(
            matches!(&reused.job.reuse, Some(Reuse::Run { job, .. }) if job.as_str() == "old[1]"),
            "{reused:?}"
        );
    }

    let fresh = plan_at("simulator", 0, &specs, &paid, true).unwrap();
    assert_eq!(words(&fresh), ["new", "twin", "new"]);
}

#[test]
fn an_unsettled_purchase_blocks_the_job_and_those_that_need_it_even_afresh() {
    let specs = [
        spec(("a", 0), 0, CREATE, 1, &[]),
        spec(("b", 1), 0, CREATE, 2, &[0]),
        spec(("c", 2), 0, CREATE, 3, &[1]),
        spec(("d", 3), 0, CREATE, 3, &[1]),
        spec(("e", 4), 0, CREATE, 4, &[]),
    ];
    let paid = bought(&[(1, PaidState::Unsettled)]);
    for fresh in [false, true] {
        let plan = plan_at("simulator", 0, &specs, &paid, fresh).unwrap();
        assert_eq!(
            words(&plan),
            ["blocked", "blocked", "blocked", "twin", "new"]
        );
        assert_eq!(plan.total(), Credits::new(10));
        assert_eq!(plan.saved_by_twins(), Credits::ZERO);
        let Disposition::Waits { by } = plan.job(Ordinal(2)).disposition else {
            panic!("a job waits through the job it needs");
        };
        assert_eq!(by.job.as_str(), "old[1]");

        let jobs = enroll(&plan, &specs).unwrap();
        let because = jobs[0].blocked.as_ref().unwrap();
        assert!(because.contains("`setlist resume r1`"), "{because}");
        assert_eq!(jobs[0].job.reuse, None);
        assert_eq!(jobs[1].blocked, None);
        assert_eq!(jobs[1].job.needs, [Ordinal(0)]);
        // The twin is skipped with the job it waits for, and never bought in its place.
        assert_eq!(jobs[3].job.needs, [Ordinal(2)]);
    }
}

#[test]
fn all_refusals_come_in_one_pass_with_what_to_do() {
    let specs = [
        spec(("probe", 0), 1, UNPRICED, 1, &[]),
        spec(("song", 1), 0, CREATE, 9, &[]),
        spec(("probe", 0), 2, UNPRICED, 2, &[]),
        spec(("more", 2), 0, PRODUCER_EXTEND, 3, &[]),
    ];
    let refused = plan_at("aimusicapi", 0, &specs, &(), false).unwrap_err();
    let PlanError::Refused(refusals) = &refused else {
        panic!("{refused}");
    };
    let texts: Vec<_> = refusals
        .iter()
        .map(|refusal| (refusal.to_string(), refusal.hint()))
        .collect();
    assert_eq!(refused.to_string(), "3 jobs can't be bought as planned");
    assert_eq!(
        texts[0].0,
        "`suno.bpm` has no price in `guide`: entry `probe` in line 10, 2 jobs: `probe[1]`, `probe[2]`"
    );
    assert_eq!(
        texts[0].1,
        "`today` has 1: choose a list with `--prices NAME`, or give one of your own"
    );
    assert_eq!(
        texts[1].0,
        "`producer.extend` is retired at `aimusicapi`: entry `more` in line 30"
    );
    assert_eq!(texts[1].1, "use `suno.extend`");
}

#[test]
fn what_is_paid_for_needs_no_price() {
    let specs = [spec(("probe", 0), 0, UNPRICED, 1, &[])];
    let plan = plan(&specs, &bought(&[(1, PaidState::Usable)]));
    assert_eq!(words(&plan), ["reused"]);
}

#[test]
fn conditional_prices_look_at_the_inputs_and_guesses_are_named() {
    let mut old = spec(("old", 0), 0, CREATE, 1, &[]);
    old.inputs = json!({"model": "v4"});
    let new = spec(("new", 1), 0, CREATE, 2, &[]);
    let plan = plan_at("simulator", 1, &[old, new], &(), false).unwrap();
    let prices: Vec<_> = plan.iter().map(|job| job.price.get()).collect();
    assert_eq!(prices, [10, 14]);
    assert_eq!(
        plan.warnings()[0],
        Warning::InferredPrice {
            operation: "suno.create".to_owned(),
            jobs: 1,
            credits: Credits::new(14)
        }
    );
}

#[test]
fn other_lists_are_compared_with_figures() {
    let specs = [
        spec(("song", 0), 0, CREATE, 1, &[]),
        spec(("words", 1), 0, LYRICS, 2, &[]),
        spec(("more", 2), 0, PRODUCER_EXTEND, 3, &[]),
    ];
    let plan = plan(&specs, &());
    let of_lists = |advice: &&Advice| matches!(advice, Advice::OtherList(_));
    let texts: Vec<_> = plan
        .advice()
        .iter()
        .filter(of_lists)
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "by `today` (2026-09) these jobs cost 16, 1 more than by `guide`: `suno.create` 10 → 14 (1 job), \
             `lyrics.generate` 5 → 2 (1 job); without a price there: 1 job"
        ]
    );
}

#[test]
fn full_stems_are_too_much_when_two_tracks_are_used() {
    let stems = |print| spec(("stems", 0), 0, STEMS_FULL, print, &[]);
    let user = |entry: &'static str, index, print, tracks: &[usize]| {
        let mut user = spec((entry, index), 0, CREATE, print, &[0]);
        let reference = |track: &usize| json!({"$job": Fingerprint([1; 16]), "path": format!("clips[{track}].clip_id")});
        user.inputs = json!({"clips": tracks.iter().map(reference).collect::<Vec<_>>()});
        user
    };
    let advice = |specs: &[Spec]| {
        let plan = plan(specs, &());
        plan.advice()
            .iter()
            .any(|advice| matches!(advice, Advice::BasicStems { jobs: 1, saving, .. } if saving.get() == 30))
    };
    assert!(advice(&[
        stems(1),
        user("u", 1, 2, &[0]),
        user("v", 2, 3, &[1, 0])
    ]));
    assert!(!advice(&[
        stems(1),
        user("u", 1, 2, &[0, 1]),
        user("v", 2, 3, &[2])
    ]));
    assert!(
        !advice(&[stems(1)]),
        "nobody knows which files a person wants"
    );
    assert!(!advice(&[
        spec(("stems", 0), 0, STEMS_BASIC, 1, &[]),
        user("u", 1, 2, &[0])
    ]));
}

#[test]
fn times_known_from_runs_before_count_instead_of_typical_ones() {
    let specs = [
        spec(("song", 0), 0, CREATE, 1, &[]),
        spec(("words", 1), 0, LYRICS, 2, &[0]),
    ];
    let load = plan(&specs, &()).workload();
    assert_eq!((load.work_s, load.learned), (150 + 2, 0));
    let took = Took(std::time::Duration::from_millis(42_100));
    let load = plan(&specs, &took).workload();
    assert_eq!((load.work_s, load.longest_chain_s), (43 + 2, 43 + 2));
    assert_eq!((load.submits, load.learned), (2, 1));
}

#[test]
fn a_changed_expansion_is_refused_by_name() {
    let specs = [
        spec(("cue", 0), 1, CREATE, 1, &[]),
        spec(("cue", 0), 2, CREATE, 2, &[]),
    ];
    let plan = plan(&specs, &());
    let mut changed = specs.clone();
    changed[1].print = 9;
    assert_eq!(
        enroll(&plan, &changed).unwrap_err().to_string(),
        "job `cue[2]` of entry `cue` (line 10) is not what was planned: \
         a file that the entry reads has changed, plan again"
    );
    assert!(matches!(
        enroll(&plan, &specs[..1]),
        Err(EnrollError::Fewer { .. })
    ));
    let more = [
        specs[0].clone(),
        specs[1].clone(),
        spec(("cue", 0), 3, CREATE, 3, &[]),
    ];
    assert!(matches!(
        enroll(&plan, &more),
        Err(EnrollError::More { .. })
    ));
    // The same job under another name is another file on disk.
    changed[1].print = 2;
    changed[1].row = 7;
    assert!(matches!(
        enroll(&plan, &changed),
        Err(EnrollError::Changed { .. })
    ));
}

/// Random batches: a few entries, identical jobs now and then, needs only of earlier jobs.
pub(super) fn any_batch() -> impl Strategy<Value = Vec<Spec>> {
    let job = (
        0..4_u16,
        0..24_u8,
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    );
    prop::collection::vec(job, 0..60).prop_map(|jobs| {
        (0_u32..)
            .zip(jobs)
            .map(|(ordinal, (operation, print, needs))| {
                let mut needs: Vec<u32> = needs
                    .into_iter()
                    .filter(|_| ordinal > 0)
                    .map(|need| u32::try_from(need.index(ordinal as usize)).unwrap())
                    .collect();
                needs.sort_unstable();
                needs.dedup();
                // The operation is part of what a fingerprint stands for.
                let print = print * 4 + u8::try_from(operation).unwrap();
                let entry = (
                    ["a", "b", "c", "d"][usize::from(operation)],
                    operation.into(),
                );
                spec(entry, ordinal + 1, OperationId(operation), print, &needs)
            })
            .collect()
    })
}

pub(super) fn any_past() -> impl Strategy<Value = BTreeMap<u8, bool>> {
    prop::collection::btree_map(0..96_u8, any::<bool>(), 0..20)
}

proptest! {
    #[test]
    fn the_price_is_the_sum_of_its_jobs_and_each_thing_is_paid_once(
        specs in any_batch(), past in any_past(), fresh in any::<bool>(),
    ) {
        let rows: Vec<_> = past
            .iter()
            .map(|(print, usable)| (*print, if *usable { PaidState::Usable } else { PaidState::Unsettled }))
            .collect();
        let plan = plan_at("simulator", 0, &specs, &bought(&rows), fresh).unwrap();

        let sum = |credits: Vec<Credits>| Credits::sum(credits).unwrap();
        prop_assert_eq!(plan.total(), sum(plan.iter().map(|job| job.credits()).collect()));
        prop_assert_eq!(plan.total(), sum(plan.subtotals().iter().map(|sub| sub.credits).collect()));
        prop_assert_eq!(plan.total(), sum(plan.entries().iter().map(|entry| entry.credits).collect()));
        prop_assert_eq!(plan.counts().jobs(), specs.len() as u64);

        let mut paid_for = HashSet::new();
        for job in plan.iter() {
            match &job.disposition {
                Disposition::New => {
                    prop_assert!(paid_for.insert(job.fingerprint), "bought twice");
                    let unsettled = past.get(&job.fingerprint.0[0]) == Some(&false);
                    prop_assert!(!unsettled, "bought although it is on its way");
                }
                Disposition::Twin { of } => {
                    prop_assert!(*of < job.ordinal);
                    prop_assert_eq!(plan.fingerprint(*of), job.fingerprint);
                    prop_assert_eq!(job.credits(), Credits::ZERO);
                }
                Disposition::Reused { from } => {
                    prop_assert!(!fresh);
                    prop_assert_eq!(from.state, PaidState::Usable);
                    prop_assert_eq!(job.credits(), Credits::ZERO);
                }
                Disposition::Blocked { by } | Disposition::Waits { by } => {
                    prop_assert_eq!(by.state, PaidState::Unsettled);
                    prop_assert_eq!(job.credits(), Credits::ZERO);
                }
            }
        }
    }

    #[test]
    fn enrolled_jobs_need_only_earlier_ones_and_carry_the_planned_price(
        specs in any_batch(), past in any_past(),
    ) {
        let rows: Vec<_> = past.keys().map(|print| (*print, PaidState::Usable)).collect();
        let plan = plan_at("simulator", 0, &specs, &bought(&rows), false).unwrap();
        let jobs = enroll(&plan, &specs).unwrap();
        for (Enrollee { job, blocked }, view) in jobs.iter().zip(plan.iter()) {
            prop_assert_eq!(blocked, &None);
            prop_assert!(job.needs.iter().all(|need| *need < job.ordinal));
            prop_assert_eq!(&job.id, &view.id());
            prop_assert_eq!(job.price, view.price);
            prop_assert_eq!(job.reuse.is_none(), view.disposition == Disposition::New);
        }
    }

    #[test]
    fn the_estimate_is_no_shorter_than_the_longest_chain(specs in any_batch()) {
        let plan = plan(&specs, &());
        let mut ends_s = Vec::new();
        for (job, spec) in plan.iter().zip(&specs) {
            let own_s = match (&job.disposition, job.operation) {
                (Disposition::New, "lyrics.generate") => 2,
                (Disposition::New, _) => 150,
                _ => 0,
            };
            let start_s = match job.disposition {
                Disposition::Twin { of } => ends_s[of.index()],
                _ => spec.needs.iter().map(|need| ends_s[*need as usize]).max().unwrap_or(0),
            };
            ends_s.push(start_s + own_s);
        }
        prop_assert_eq!(plan.workload().longest_chain_s, ends_s.into_iter().max().unwrap_or(0));
    }
}

#[test]
fn jobs_that_save_to_the_same_path_are_told_of() {
    let plan = |save: &str| {
        let text = format!(
            "[[job]]\nid = 'cue'\ntakes = 3\noperation = 'suno.create'\nwith = {{ description = 'x' }}\nsave = '{save}'\n"
        );
        let (catalog, lists) = (Catalog::builtin(), PriceLists::builtin());
        let manifest =
            Manifest::parse(&text, Format::Toml, "m.toml", Path::new(""), catalog).unwrap();
        let sources = Sources {
            provider: "simulator",
            catalog,
            prices: &lists.lists[0],
            known: lists,
            paid: &(),
        };
        let options = PlanOptions {
            list_is_certain: true,
            ..PlanOptions::default()
        };
        let mut builder = Builder::new("m", "d", sources, options);
        manifest
            .expand(catalog, &mut |draft| {
                builder.add(draft).unwrap();
                ControlFlow::Continue(())
            })
            .unwrap();
        let told = builder.finish().unwrap().warnings;
        told.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        plan("cue.{ext}"),
        [
            "`cue#1` and `cue#2` save to the same path `cue.{ext}`, where the later file becomes `…~2`; 2 jobs share a \
             path with an earlier one"
        ]
    );
    assert_eq!(plan("cue-${take}.{ext}"), [""; 0]);
}
