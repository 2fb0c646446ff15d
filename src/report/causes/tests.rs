//! The causes, on runs made by hand.

use proptest::prelude::*;

use super::super::wrong_price::Charge;
use super::*;
use crate::model::{Drift, Ordinal, RunId};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn charged(jobs: &[(&str, u64, u64)]) -> Charged {
    let one = |(operation, price, jobs): &(&str, u64, u64)| {
        (Charge::of(operation, Credits::new(*price), "{}"), *jobs)
    };
    jobs.iter().map(one).collect()
}

fn drift(credits: i64) -> Drift {
    let size = Credits::new(credits.unsigned_abs());
    if credits < 0 {
        Drift::between(size, Credits::ZERO)
    } else {
        Drift::between(Credits::ZERO, size)
    }
}

fn stretch(minute: i64, credits: i64, booked: u64) -> Unexplained {
    Unexplained {
        since: at(minute),
        until: at(minute + 5),
        charged: Credits::new(booked),
        refunded: Credits::ZERO,
        drift: drift(credits),
    }
}

fn words(
    unexplained: i64,
    jobs: &[(&str, u64, u64)],
    failed: &[(u64, u64)],
    known: &Known,
) -> Vec<String> {
    let unrefunded: Vec<_> = failed
        .iter()
        .map(|(charge, jobs)| Unrefunded {
            charge: Credits::new(*charge),
            jobs: *jobs,
        })
        .collect();
    let facts = Facts {
        unexplained,
        charged: &charged(jobs),
        unrefunded: &unrefunded,
    };
    let found = explain(&facts, known);
    let all = found.placed.iter().chain(&found.likely);
    all.map(Cause::words).collect()
}

#[test]
fn a_price_that_adds_up_is_named_and_one_that_does_not_is_not() {
    let jobs = [("producer.create", 10, 3), ("suno.wav", 10, 5)];
    let known = Known::default();
    let client = "another client of the same key spent 12";
    assert_eq!(
        words(-12, &jobs, &[], &known),
        [
            "`producer.create` was charged 14, not 10: 3 jobs × 4 = 12",
            client
        ]
    );
    assert_eq!(words(-12, &[("a", 10, 5)], &[], &known), [client]);
    assert_eq!(words(-12, &[("a", 10, 1)], &[], &known), [client]);
    assert_eq!(words(0, &jobs, &[(10, 1)], &known), [""; 0]);
}

fn of(operation: &str, inputs: &str, jobs: u64) -> (Charge, u64) {
    (Charge::of(operation, Credits::new(10), inputs), jobs)
}

fn first(unexplained: i64, charged: &[(Charge, u64)], known: &Known) -> String {
    let facts = Facts {
        unexplained,
        charged: &charged.iter().cloned().collect(),
        unrefunded: &[],
    };
    explain(&facts, known).likely[0].words()
}

#[test]
fn a_list_speaks_only_of_jobs_that_meet_its_conditions() {
    let new = r#"{"description":"x","model":"sonic-v5"}"#;
    let old = r#"{"lyrics":"la","model":"sonic-v4"}"#;
    let none = Known::default();
    let jobs = [of("suno.create", new, 3), of("suno.create", old, 2)];
    assert_eq!(
        first(-12, &jobs, &none),
        "`suno.create` was charged 14, not 10, as the price list `aimusicapi-2026-09` says: 3 jobs × 4 = 12"
    );
    let stranger = "another client of the same key spent 4";
    assert_eq!(first(-4, &[of("suno.create", old, 1)], &none), stranger);
    let all = [of("suno.create", new, 3), of("suno.wav", "{}", 1)];
    assert_eq!(
        first(-3, &all, &none),
        "4 jobs of several operations or kinds were charged otherwise, as the price list `aimusicapi-2026-09` says: \
         3 in all"
    );
}

#[test]
fn an_audit_speaks_only_of_jobs_that_are_priced_alike() {
    let new = r#"{"description":"x","model":"sonic-v5"}"#;
    let old = r#"{"lyrics":"la","model":"sonic-v4"}"#;
    let audit = |inputs: &str| Known {
        audits: vec![Audit {
            run: RunId::new("r"),
            ordinal: Ordinal(0),
            operation: "suno.create".to_owned(),
            inputs: inputs.to_owned(),
            price: Credits::new(10),
            charged: Credits::new(13),
            at: at(0),
        }],
        ..Known::default()
    };
    let jobs = [of("suno.create", new, 1)];
    assert_eq!(
        first(
            -3,
            &jobs,
            &audit(r#"{"description":"y","model":"sonic-v6"}"#)
        ),
        "`suno.create` was charged 13, not 10, as an audit saw: 1 job × 3 = 3"
    );
    assert_eq!(
        first(-3, &jobs, &audit(old)),
        "another client of the same key spent 3"
    );
}

#[test]
fn what_an_audit_saw_of_one_job_is_looked_for_among_the_others() {
    let seen = Audit {
        run: RunId::new("r"),
        ordinal: Ordinal(0),
        operation: "suno.wav".to_owned(),
        inputs: "{}".to_owned(),
        price: Credits::new(10),
        charged: Credits::new(12),
        at: at(0),
    };
    let known = Known {
        audited: vec![seen.clone()],
        audits: vec![seen],
        ..Known::default()
    };
    assert_eq!(
        words(-8, &[("suno.wav", 10, 4)], &[], &known)[..2],
        [
            "`suno.wav` was charged 12, not 10, as an audit saw: 1 job × 2 = 2",
            "`suno.wav` was charged 12, not 10, as an audit saw: 3 jobs × 2 = 6",
        ]
    );
}

#[test]
fn one_refund_is_not_told_twice() {
    let known = Known {
        stretches: vec![stretch(0, 10, 0), stretch(5, 10, 0)],
        ..Known::default()
    };
    let found = words(20, &[], &[(10, 1)], &known);
    assert!(found[0].starts_with("a late refund of 1 job "), "{found:?}");
    assert!(
        found[1].starts_with("10 credits were bought, "),
        "{found:?}"
    );
}

#[test]
fn what_moved_while_nothing_of_ours_ran_is_placed_in_time() {
    let known = Known {
        stretches: vec![stretch(0, -10, 0), stretch(5, -6, 30)],
        ..Known::default()
    };
    assert_eq!(
        words(-16, &[("a", 10, 3)], &[], &known),
        [
            "another client of the same key spent 10, between 2027-01-15T08:00:00Z and 2027-01-15T08:05:00Z, while \
             nothing of ours was charged",
            "`a` was charged 12, not 10: 3 jobs × 2 = 6",
            "another client of the same key spent 6"
        ]
    );
}

#[test]
fn what_audits_saw_is_no_guess() {
    let audit = |operation: &str, price, charged| Audit {
        run: RunId::new("r"),
        ordinal: Ordinal(0),
        operation: operation.to_owned(),
        inputs: "{}".to_owned(),
        price: Credits::new(price),
        charged: Credits::new(charged),
        at: at(0),
    };
    let known = Known {
        audited: vec![
            audit("a", 10, 14),
            audit("a", 10, 14),
            audit("b", 10, 1),
            audit("c", 5, 5),
        ],
        ..Known::default()
    };
    assert_eq!(
        words(1, &[("a", 10, 2), ("b", 10, 1)], &[], &known),
        [
            "`a` was charged 14, not 10, as an audit saw: 2 jobs × 4 = 8",
            "`b` was charged 1, not 10, as an audit saw: 1 job × 9 = 9",
        ]
    );
}

#[test]
fn credits_that_appear_are_a_refund_a_renewal_or_bought() {
    let none = Known::default();
    let bought = "20 credits were bought";
    assert_eq!(
        words(20, &[], &[(10, 3)], &none),
        [
            "a late refund of 2 jobs that failed or got lost: 20",
            bought
        ]
    );
    assert_eq!(
        words(20, &[], &[(15, 1), (5, 1)], &none)[0],
        "a late refund of 2 jobs that failed or got lost: 20"
    );
    assert_eq!(words(20, &[], &[(10, 1)], &none), [bought]);
    let known = |renewal| Known {
        renewals: Renewals {
            due: vec![at(renewal)],
            credits: Some(Credits::new(20)),
        },
        span: Some((at(0), at(10))),
        ..Known::default()
    };
    assert_eq!(
        words(20, &[], &[], &known(60)),
        [
            "credits were renewed, which was due at 2027-01-15T09:00:00Z: 20",
            bought
        ]
    );
    assert_eq!(words(20, &[], &[], &known(60 * 25)), [bought]);
    assert_eq!(words(20, &[], &[], &known(-60 * 25)), [bought]);
    assert_eq!(words(21, &[], &[], &known(60)), ["21 credits were bought"]);
}

proptest! {
    #[test]
    fn no_cause_is_claimed_whose_figure_does_not_add_up(
        unexplained in -200_i64..200,
        jobs in prop::collection::vec(("(producer|suno)\\.create", 0_u64..30, 0_u64..6), 0..4),
        failed in prop::collection::vec((1_u64..30, 1_u64..4), 0..3),
        drifts in prop::collection::vec((-50_i64..50, 0_u64..2), 0..4),
    ) {
        let jobs: Vec<_> =
            jobs.iter().map(|(name, price, jobs)| (name.as_str(), *price, *jobs)).collect();
        let charged = charged(&jobs);
        let unrefunded: Vec<_> = failed
            .iter()
            .map(|(charge, jobs)| Unrefunded { charge: Credits::new(*charge), jobs: *jobs })
            .collect();
        let known = Known {
            audited: Vec::new(),
            stretches: drifts
                .iter()
                .filter(|(credits, _)| *credits != 0)
                .map(|(credits, booked)| stretch(0, *credits, *booked))
                .collect(),
            audits: Vec::new(),
            renewals: Renewals { due: vec![at(0)], credits: None },
            span: Some((at(0), at(1))),
        };
        let facts = Facts { unexplained, charged: &charged, unrefunded: &unrefunded };
        let found = explain(&facts, &known);
        let placed: i64 = found.placed.iter().map(|cause| cause.credits).sum();
        prop_assert_eq!(placed + found.rest, unexplained);
        prop_assert_eq!(found.likely.is_empty(), found.rest == 0);
        for cause in &found.likely {
            prop_assert_eq!(cause.credits, found.rest);
        }
        for cause in found.placed.iter().chain(&found.likely) {
            match &cause.kind {
                CauseKind::WrongPrice { operation, jobs, price, charged: instead, .. } => {
                    let n = i64::try_from(*jobs).unwrap();
                    let each = i64::try_from(price.get()).unwrap()
                        - i64::try_from(instead.get()).unwrap();
                    prop_assert_eq!(n * each, cause.credits);
                    let is_there = charged.keys().any(|group| {
                        (&group.operation, group.price) == (operation, *price)
                    });
                    prop_assert!(is_there);
                }
                CauseKind::LateRefund { jobs } => {
                    let most: u64 = unrefunded.iter().map(|group| group.jobs).sum();
                    prop_assert!(jobs.is_none_or(|jobs| jobs <= most));
                    let mut all = unrefunded.clone();
                    prop_assert!(late_refund(cause.credits, &mut all).is_some());
                }
                CauseKind::OtherPrices { jobs, .. } => {
                    prop_assert!(*jobs <= charged.values().sum::<u64>());
                }
                CauseKind::AnotherClient => prop_assert!(cause.credits < 0),
                CauseKind::Renewal { .. } | CauseKind::TopUp => prop_assert!(cause.credits > 0),
            }
        }
    }
}
