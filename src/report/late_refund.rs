//! Which charges of jobs that failed add up to credits that appeared. Each is given back once only.

use super::causes::CauseKind;
use crate::model::Credits;

/// Steps after which the search gives up: some milliseconds.
const STEPS_MAX: u64 = 1_000_000;

/// Jobs that failed or were lost, with the same charge that was not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unrefunded {
    pub(super) charge: Credits,
    pub(super) jobs: u64,
}

/// A way to come to a sum: with how few and how many jobs, and how many the last group gives in the one with the fewest.
#[derive(Clone, Copy)]
struct Way {
    fewest: u64,
    most: u64,
    taken: u64,
}

/// Finds jobs whose charges add up to the credits, and takes them out: what was given back once does not come again.
///
/// It gives up on sums so large that the search would take long.
pub(super) fn late_refund(credits: i64, unrefunded: &mut [Unrefunded]) -> Option<CauseKind> {
    let wanted = u64::try_from(credits).ok().filter(|sum| *sum > 0)?;
    let unit = unrefunded
        .iter()
        .fold(0, |unit, group| gcd(unit, group.charge.get()));
    if unit == 0 || wanted % unit != 0 {
        return None;
    }
    let sum = wanted / unit;
    let parts: Vec<(u64, u64)> = unrefunded
        .iter()
        .map(|group| (group.charge.get() / unit, group.jobs))
        .collect();
    let layers = layers(sum, &parts)?;
    let mut at = usize::try_from(sum).ok()?;
    let Way { fewest, most, .. } = (*layers.last()?.get(at)?)?;
    for ((layer, (charge, _)), group) in layers.iter().zip(&parts).zip(unrefunded).rev() {
        let taken = (*layer.get(at)?)?.taken;
        group.jobs -= taken;
        at -= usize::try_from(taken * charge).ok()?;
    }
    Some(CauseKind::LateRefund {
        jobs: (fewest == most).then_some(fewest),
    })
}

/// Finds for each sum up to the one wanted how the groups so far come to it; nothing when that takes too many steps.
fn layers(sum: u64, parts: &[(u64, u64)]) -> Option<Vec<Vec<Option<Way>>>> {
    let most = |charge: u64, jobs: u64| sum.checked_div(charge).map_or(0, |fit| fit.min(jobs));
    let mut steps = 0_u64;
    for (charge, jobs) in parts {
        let here = sum.checked_add(1)?.checked_mul(most(*charge, *jobs) + 1)?;
        steps = steps
            .checked_add(here)
            .filter(|steps| *steps <= STEPS_MAX)?;
    }
    let nothing = Way {
        fewest: 0,
        most: 0,
        taken: 0,
    };
    let mut before = vec![None; usize::try_from(sum).ok()? + 1];
    before[0] = Some(nothing);
    let mut layers = Vec::with_capacity(parts.len());
    for (charge, jobs) in parts {
        let mut layer: Vec<Option<Way>> = vec![None; before.len()];
        for taken in 0..=most(*charge, *jobs) {
            let shift = usize::try_from(taken * charge).ok()?;
            for (way, to) in before.iter().zip(&mut layer[shift..]) {
                if let Some(way) = way {
                    *to = Some(better(*to, way, taken));
                }
            }
        }
        before.clone_from(&layer);
        layers.push(layer);
    }
    Some(layers)
}

/// Adds jobs to a way, and keeps of two ways what the one with the fewest jobs takes.
fn better(known: Option<Way>, before: &Way, taken: u64) -> Way {
    let new = Way {
        fewest: before.fewest + taken,
        most: before.most + taken,
        taken,
    };
    match known {
        None => new,
        Some(known) => Way {
            fewest: known.fewest.min(new.fewest),
            most: known.most.max(new.most),
            taken: if new.fewest < known.fewest {
                taken
            } else {
                known.taken
            },
        },
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn groups(groups: &[(u64, u64)]) -> Vec<Unrefunded> {
        let group = |(charge, jobs): &(u64, u64)| Unrefunded {
            charge: Credits::new(*charge),
            jobs: *jobs,
        };
        groups.iter().map(group).collect()
    }

    fn found(credits: i64, jobs: &[(u64, u64)]) -> Option<Option<u64>> {
        late_refund(credits, &mut groups(jobs)).map(|kind| match kind {
            CauseKind::LateRefund { jobs } => jobs,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn charges_of_different_sizes_add_up() {
        for (credits, jobs, want) in [
            (20, &[(10, 3)][..], Some(Some(2))),
            (20, &[(15, 1), (5, 1)], Some(Some(2))),
            (35, &[(10, 2), (15, 3), (50, 1)], Some(Some(3))),
            // Two of 15, or one of 10 and four of 5.
            (30, &[(5, 4), (10, 1), (15, 2)], Some(None)),
            (40, &[(10, 3)], None),
            (7, &[(5, 3), (10, 1)], None),
            (0, &[(10, 1)], None),
            (-10, &[(10, 1)], None),
            (10, &[], None),
            (10, &[(0, 3)], None),
        ] {
            assert_eq!(found(credits, jobs), want, "{credits} {jobs:?}");
        }
    }

    #[test]
    fn what_came_back_does_not_come_again() {
        let mut jobs = groups(&[(10, 1), (15, 1)]);
        assert!(late_refund(10, &mut jobs).is_some());
        assert_eq!(jobs, groups(&[(10, 0), (15, 1)]));
        assert_eq!(late_refund(10, &mut jobs), None);
        assert_eq!(late_refund(25, &mut jobs), None);
        assert!(late_refund(15, &mut jobs).is_some());
    }

    #[test]
    fn a_search_that_would_take_long_is_not_begun() {
        assert_eq!(found(i64::MAX, &[(1, u64::MAX), (2, 5)]), None);
        assert_eq!(found(999_983, &[(1, 999_983), (2, 1), (7, 99_999)]), None);
        // Prices have a common measure, so that large sums are small.
        assert_eq!(found(10_000_000, &[(100_000, 200)]), Some(Some(100)));
    }

    proptest! {
        #[test]
        fn it_finds_what_trying_all_finds(
            credits in 1_i64..60,
            jobs in prop::collection::vec((1_u64..20, 0_u64..4), 0..4),
        ) {
            let mut ways = vec![(0_u64, 0_u64)];
            for (charge, count) in &jobs {
                ways = ways
                    .iter()
                    .flat_map(|(sum, n)| (0..=*count).map(move |k| (sum + k * charge, n + k)))
                    .collect();
            }
            let fitting = || ways.iter().filter(|(sum, _)| i64::try_from(*sum) == Ok(credits)).map(|way| way.1);
            let want = fitting().min().map(|fewest| (fitting().max() == Some(fewest)).then_some(fewest));
            prop_assert_eq!(found(credits, &jobs), want);

            let mut left = groups(&jobs);
            prop_assert_eq!(late_refund(credits, &mut left).is_some(), want.is_some());
            let taken: u64 = left.iter().zip(&jobs).map(|(left, (charge, count))| (count - left.jobs) * charge).sum();
            prop_assert_eq!(taken, want.map_or(0, |_| u64::try_from(credits).unwrap()));
        }
    }
}
