//! What may lie behind a sum that the books can't explain: only causes whose figures add up to it. Pure.
//!
//! A stretch of time in which nothing of ours was charged or refunded explains itself: what went then, somebody else took. What
//! is left after such stretches must be explained whole by one cause; where several can, the likelier come first.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;

use crate::ledger::{Audit, Unexplained};
use crate::model::Credits;

use super::words::{count, utc};

/// How far from a renewal credits may appear that came with it.
const NEAR_RENEWAL: SignedDuration = SignedDuration::from_hours(24);

/// Jobs of one operation that were charged the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Charged {
    pub(super) operation: String,
    pub(super) price: Credits,
    pub(super) jobs: u64,
}

/// Jobs that failed or were lost, with the same charge that was not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unrefunded {
    pub(super) charge: Credits,
    pub(super) jobs: u64,
}

/// What somebody says that an operation is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherPrice {
    /// The operation.
    pub operation: String,
    /// What it is charged.
    pub credits: Credits,
    /// The price list that says so; none for a charge that was audited.
    pub list: Option<String>,
}

/// What is known beside a run's own jobs.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Stretches of the run that leave something unexplained.
    pub stretches: Vec<Unexplained>,
    /// What jobs of the run were charged that went alone.
    pub audited: Vec<Audit>,
    /// Other prices of operations: audited ones first.
    pub other_prices: Vec<OtherPrice>,
    /// When credits were or will be renewed, near the run.
    pub renewals: Vec<Timestamp>,
    /// When the run began and when it ended.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Known {
    /// Takes the renewals around a billing period that began then.
    #[must_use]
    pub fn renewals_of(period_start: Timestamp) -> Vec<Timestamp> {
        let begin = period_start.to_zoned(TimeZone::UTC);
        let next = begin.checked_add(1.month()).ok();
        let next = next.map(|next| next.timestamp());
        std::iter::once(period_start).chain(next).collect()
    }
}

/// Facts of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) unexplained: i64,
    pub(super) charged: &'a [Charged],
    pub(super) unrefunded: &'a [Unrefunded],
}

/// Why a price is taken for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A job that went alone was charged so.
    Audited,
    /// This price list says so.
    Listed(String),
    /// It divides evenly among the jobs.
    Arithmetic,
}

/// What may have moved the balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CauseKind {
    /// An operation was not charged its price.
    WrongPrice {
        /// The operation.
        operation: String,
        /// How many of its jobs were charged.
        jobs: u64,
        /// The price.
        price: Credits,
        /// What must have been charged instead.
        charged: Credits,
        /// What speaks for it.
        basis: Basis,
    },
    /// Somebody else spends on the same key.
    AnotherClient,
    /// Charges of jobs that failed or were lost were given back late.
    LateRefund {
        /// How many jobs.
        jobs: u64,
    },
    /// Credits were renewed.
    Renewal {
        /// When that was due.
        at: Timestamp,
    },
    /// Credits were bought.
    TopUp,
}

/// A cause, and how much of the sum it explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What it did to the balance.
    pub credits: i64,
    /// What it is.
    #[serde(flatten)]
    pub kind: CauseKind,
    /// Between which times, while nothing of ours was charged or refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<(Timestamp, Timestamp)>,
}

/// What explains a sum: all that is `placed`, and any one of the `likely`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What went or came while nothing of ours was charged or refunded.
    pub placed: Vec<Cause>,
    /// What is left of the sum after that.
    pub rest: i64,
    /// Causes of which each explains the rest, the likeliest first.
    pub likely: Vec<Cause>,
}

/// Finds the causes whose figures add up to what is unexplained.
pub(super) fn explain(facts: &Facts<'_>, known: &Known) -> Explanation {
    let idle = known.stretches.iter().filter(|stretch| stretch.is_idle());
    let mut placed: Vec<Cause> = idle
        .map(|stretch| place(stretch, facts.unrefunded, &known.renewals))
        .collect();
    placed.extend(audited(&known.audited));
    let sum = |causes: &[Cause]| -> i128 {
        let credits = causes.iter().map(|cause| i128::from(cause.credits));
        credits.sum()
    };
    let rest = |placed: &[Cause]| i64::try_from(i128::from(facts.unexplained) - sum(placed)).ok();
    let rest = rest(&placed).unwrap_or_else(|| {
        // Absurd figures explain nothing.
        placed.clear();
        facts.unexplained
    });
    Explanation {
        placed,
        rest,
        likely: likely(rest, facts, known),
    }
}

/// Puts together what audits saw: these differences need no guess.
fn audited(audits: &[Audit]) -> Vec<Cause> {
    let mut groups: BTreeMap<(&str, Credits, Credits), u64> = BTreeMap::new();
    for audit in audits.iter().filter(|audit| audit.charged != audit.price) {
        let key = (audit.operation.as_str(), audit.price, audit.charged);
        *groups.entry(key).or_default() += 1;
    }
    let causes = groups
        .into_iter()
        .filter_map(|((operation, price, charged), jobs)| {
            let each = i128::from(price.get()) - i128::from(charged.get());
            Some(Cause {
                credits: i64::try_from(each * i128::from(jobs)).ok()?,
                kind: CauseKind::WrongPrice {
                    operation: operation.to_owned(),
                    jobs,
                    price,
                    charged,
                    basis: Basis::Audited,
                },
                between: None,
            })
        });
    causes.collect()
}

/// Finds what a stretch without anything of ours shows.
pub(super) fn place(
    stretch: &Unexplained,
    unrefunded: &[Unrefunded],
    renewals: &[Timestamp],
) -> Cause {
    let credits = stretch.drift.get();
    let span = Some((stretch.since, stretch.until));
    let kind = if credits < 0 {
        CauseKind::AnotherClient
    } else {
        late_refund(credits, unrefunded)
            .or_else(|| renewal(span, renewals))
            .unwrap_or(CauseKind::TopUp)
    };
    Cause {
        credits,
        kind,
        between: span,
    }
}

fn likely(rest: i64, facts: &Facts<'_>, known: &Known) -> Vec<Cause> {
    if rest == 0 {
        return Vec::new();
    }
    let mut kinds = wrong_prices(rest, facts.charged, &known.other_prices);
    let guesses = kinds.split_off(
        kinds
            .iter()
            .take_while(|(basis, _)| *basis != Basis::Arithmetic)
            .count(),
    );
    let mut all: Vec<CauseKind> = kinds.into_iter().map(|(_, kind)| kind).collect();
    if rest > 0 {
        all.extend(late_refund(rest, facts.unrefunded));
        all.extend(renewal(known.span, &known.renewals));
    }
    all.extend(guesses.into_iter().map(|(_, kind)| kind));
    all.push(if rest > 0 {
        CauseKind::TopUp
    } else {
        CauseKind::AnotherClient
    });
    let alone = |kind| Cause {
        credits: rest,
        kind,
        between: None,
    };
    all.into_iter().map(alone).collect()
}

/// Finds operations of which each job must have been charged so much more or less that it adds up; those first for which
/// more speaks than that.
fn wrong_prices(
    rest: i64,
    charged: &[Charged],
    other_prices: &[OtherPrice],
) -> Vec<(Basis, CauseKind)> {
    let mut found = Vec::new();
    for group in charged {
        let Some(instead) = share(rest, group) else {
            continue;
        };
        let says =
            |other: &&OtherPrice| other.operation == group.operation && other.credits == instead;
        let basis = match other_prices.iter().find(says) {
            Some(OtherPrice { list: None, .. }) => Basis::Audited,
            Some(OtherPrice {
                list: Some(list), ..
            }) => Basis::Listed(list.clone()),
            // Any sum at all divides by one.
            None if group.jobs == 1 => continue,
            None => Basis::Arithmetic,
        };
        let kind = CauseKind::WrongPrice {
            operation: group.operation.clone(),
            jobs: group.jobs,
            price: group.price,
            charged: instead,
            basis: basis.clone(),
        };
        found.push((basis, kind));
    }
    found.sort_by_key(|(basis, _)| match basis {
        Basis::Audited => 0,
        Basis::Listed(_) => 1,
        Basis::Arithmetic => 2,
    });
    found
}

/// Returns what each job of a group was charged, if it took the whole rest in equal parts.
fn share(rest: i64, group: &Charged) -> Option<Credits> {
    let jobs = i128::from(group.jobs);
    let rest = i128::from(rest);
    if jobs == 0 || rest % jobs != 0 {
        return None;
    }
    let instead = u64::try_from(i128::from(group.price.get()) - rest / jobs).ok()?;
    (instead <= Credits::MAX.get()).then_some(Credits::new(instead))
}

/// Finds jobs whose charges add up to credits that appeared: all of them, or some with the same charge.
fn late_refund(credits: i64, unrefunded: &[Unrefunded]) -> Option<CauseKind> {
    let credits = u128::try_from(credits)
        .ok()
        .filter(|credits| *credits > 0)?;
    let total = |group: &Unrefunded| u128::from(group.charge.get()) * u128::from(group.jobs);
    if unrefunded.iter().map(total).sum::<u128>() == credits {
        let jobs = unrefunded.iter().map(|group| group.jobs).sum();
        return Some(CauseKind::LateRefund { jobs });
    }
    unrefunded.iter().find_map(|group| {
        let charge = u128::from(group.charge.get());
        let jobs = credits.checked_div(charge)?;
        let fits = jobs * charge == credits && jobs <= u128::from(group.jobs);
        let jobs = u64::try_from(jobs).ok().filter(|_| fits)?;
        Some(CauseKind::LateRefund { jobs })
    })
}

fn renewal(span: Option<(Timestamp, Timestamp)>, renewals: &[Timestamp]) -> Option<CauseKind> {
    let (since, until) = span?;
    let is_near = |at: &&Timestamp| {
        at.duration_since(until) <= NEAR_RENEWAL && since.duration_since(**at) <= NEAR_RENEWAL
    };
    let at = *renewals.iter().find(is_near)?;
    Some(CauseKind::Renewal { at })
}

impl Cause {
    /// Says it in words.
    #[must_use]
    pub fn words(&self) -> String {
        let amount = self.credits.unsigned_abs();
        let mut words = match &self.kind {
            CauseKind::WrongPrice {
                operation,
                jobs,
                price,
                charged,
                basis,
            } => {
                let each = price.get().abs_diff(charged.get());
                let basis = match basis {
                    Basis::Audited => ", as an audit saw".to_owned(),
                    Basis::Listed(list) => format!(", as the price list `{list}` says"),
                    Basis::Arithmetic => String::new(),
                };
                let jobs = count(*jobs, "job");
                format!(
                    "`{operation}` was charged {charged}, not {price}{basis}: {jobs} × {each} = {amount}"
                )
            }
            CauseKind::AnotherClient => format!("another client of the same key spent {amount}"),
            CauseKind::LateRefund { jobs } => {
                let jobs = count(*jobs, "job");
                format!("a late refund of {jobs} that failed or got lost: {amount}")
            }
            CauseKind::Renewal { at } => {
                format!("credits were renewed, which was due at {at:.0}: {amount}")
            }
            CauseKind::TopUp => match amount {
                1 => "1 credit was bought".to_owned(),
                more => format!("{more} credits were bought"),
            },
        };
        if let Some((since, until)) = self.between {
            words.push_str(&format!(
                ", between {since:.0} and {until:.0}, while nothing of ours was charged"
            ));
        }
        words
    }

    /// Gives it for programs, with its words.
    pub(super) fn json(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            if let Some((since, until)) = self.between {
                fields.insert("between".to_owned(), [utc(since), utc(until)].into());
            }
            fields.insert("words".to_owned(), self.words().into());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Drift;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn charged(operation: &str, price: u64, jobs: u64) -> Charged {
        Charged {
            operation: operation.to_owned(),
            price: Credits::new(price),
            jobs,
        }
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
        jobs: &[Charged],
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
            charged: jobs,
            unrefunded: &unrefunded,
        };
        let found = explain(&facts, known);
        let all = found.placed.iter().chain(&found.likely);
        all.map(Cause::words).collect()
    }

    #[test]
    fn a_price_that_adds_up_is_named_and_one_that_does_not_is_not() {
        let jobs = [charged("suno.create", 10, 3), charged("suno.wav", 10, 5)];
        let known = Known::default();
        let client = "another client of the same key spent 12";
        assert_eq!(
            words(-12, &jobs, &[], &known),
            [
                "`suno.create` was charged 14, not 10: 3 jobs × 4 = 12",
                client
            ]
        );
        assert_eq!(words(-12, &[charged("a", 10, 5)], &[], &known), [client]);
        assert_eq!(words(-12, &[charged("a", 10, 1)], &[], &known), [client]);
        assert_eq!(words(0, &jobs, &[(10, 1)], &known), [""; 0]);
        let listed = Known {
            other_prices: vec![OtherPrice {
                operation: "a".to_owned(),
                credits: Credits::new(22),
                list: Some("today".to_owned()),
            }],
            ..Known::default()
        };
        assert_eq!(
            words(-12, &[charged("a", 10, 1)], &[], &listed)[0],
            "`a` was charged 22, not 10, as the price list `today` says: 1 job × 12 = 12"
        );
    }

    #[test]
    fn what_moved_while_nothing_of_ours_ran_is_placed_in_time() {
        let known = Known {
            stretches: vec![stretch(0, -10, 0), stretch(5, -6, 30)],
            ..Known::default()
        };
        assert_eq!(
            words(-16, &[charged("a", 10, 3)], &[], &known),
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
            run: crate::model::RunId::new("r"),
            ordinal: crate::model::Ordinal(0),
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
            words(1, &[charged("a", 10, 2), charged("b", 10, 1)], &[], &known),
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
            renewals: vec![at(renewal)],
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
    }

    proptest! {
        #[test]
        fn no_cause_is_claimed_whose_figure_does_not_add_up(
            unexplained in -200_i64..200,
            jobs in prop::collection::vec(("[ab]", 0_u64..30, 0_u64..6), 0..4),
            failed in prop::collection::vec((1_u64..30, 1_u64..4), 0..3),
            drifts in prop::collection::vec((-50_i64..50, 0_u64..2), 0..4),
            other in prop::collection::vec(("[ab]", 0_u64..40), 0..3),
        ) {
            let charged: Vec<_> =
                jobs.iter().map(|(name, price, jobs)| charged(name, *price, *jobs)).collect();
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
                other_prices: other
                    .iter()
                    .map(|(operation, credits)| OtherPrice {
                        operation: operation.clone(),
                        credits: Credits::new(*credits),
                        list: None,
                    })
                    .collect(),
                renewals: vec![at(0)],
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
                        let is_there = charged.iter().any(|group| {
                            (&group.operation, group.jobs, group.price) == (operation, *jobs, *price)
                        });
                        prop_assert!(is_there);
                    }
                    CauseKind::LateRefund { jobs } => {
                        let all: u64 = unrefunded.iter().map(|g| g.charge.get() * g.jobs).sum();
                        let fits = u64::try_from(cause.credits).unwrap() == all
                            || unrefunded.iter().any(|group| {
                                *jobs <= group.jobs
                                    && i64::try_from(group.charge.get() * jobs) == Ok(cause.credits)
                            });
                        prop_assert!(fits);
                    }
                    CauseKind::AnotherClient => prop_assert!(cause.credits < 0),
                    CauseKind::Renewal { .. } | CauseKind::TopUp => prop_assert!(cause.credits > 0),
                }
            }
        }
    }
}
