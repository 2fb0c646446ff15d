//! What may lie behind a sum that the books can't explain: only causes whose figures add up to it. Pure.
//!
//! A stretch of time in which nothing of ours was charged or refunded explains itself: what went then, somebody else took. What
//! is left after such stretches must be explained whole by one cause; where several can, the likelier come first.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;

use crate::ledger::{Audit, Unexplained};
use crate::model::Credits;

use super::late_refund::{Unrefunded, late_refund};
use super::words::{count, utc};
use super::wrong_price::{Charged, arithmetic, attested, without};

/// How far from a renewal credits may appear that came with it.
const NEAR_RENEWAL: SignedDuration = SignedDuration::from_hours(24);

/// What is known beside a run's own jobs.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Stretches of the run that leave something unexplained.
    pub stretches: Vec<Unexplained>,
    /// What jobs of the run were charged that went alone.
    pub audited: Vec<Audit>,
    /// What jobs of the account were charged that went alone, this run's too, the earliest first.
    pub audits: Vec<Audit>,
    /// When credits are renewed, and how many.
    pub renewals: Renewals,
    /// When the run began and when it ended.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// When credits were or will be renewed, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewals {
    /// When that was due, near what is looked at.
    pub due: Vec<Timestamp>,
    /// What a renewal brings, if that is known: it never brings more.
    pub credits: Option<Credits>,
}

impl Renewals {
    /// Takes the renewals around a billing period that began then.
    #[must_use]
    pub fn around(period_start: Timestamp, credits: Option<Credits>) -> Self {
        let begin = period_start.to_zoned(TimeZone::UTC);
        let next = begin.checked_add(1.month()).ok();
        let next = next.map(|next| next.timestamp());
        Self {
            due: std::iter::once(period_start).chain(next).collect(),
            credits,
        }
    }

    /// Finds the renewal that may have brought so many credits in that time.
    fn find(&self, credits: i64, span: Option<(Timestamp, Timestamp)>) -> Option<CauseKind> {
        let (since, until) = span?;
        // Without rollover it makes up for what was used, so it can bring less than a month's credits.
        let fits =
            |month: Credits| u64::try_from(credits).is_ok_and(|credits| credits <= month.get());
        if !self.credits.is_none_or(fits) {
            return None;
        }
        let is_near = |at: &&Timestamp| {
            at.duration_since(until) <= NEAR_RENEWAL && since.duration_since(**at) <= NEAR_RENEWAL
        };
        let at = *self.due.iter().find(is_near)?;
        Some(CauseKind::Renewal { at })
    }
}

/// Facts of a run.
#[derive(Clone, Debug)]
pub(super) struct Facts<'a> {
    pub(super) unexplained: i64,
    pub(super) charged: &'a Charged,
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
    /// Several operations, or one under several conditions, were not charged their prices.
    OtherPrices {
        /// How many jobs were charged otherwise.
        jobs: u64,
        /// What speaks for it.
        basis: Basis,
    },
    /// Somebody else spends on the same key.
    AnotherClient,
    /// Charges of jobs that failed or were lost were given back late.
    LateRefund {
        /// How many jobs, unless the sum is that of fewer and of more.
        jobs: Option<u64>,
    },
    /// Credits were renewed.
    Renewal {
        /// When that was due.
        at: Timestamp,
    },
    /// Credits were bought.
    TopUp,
}

impl CauseKind {
    /// Tells whether it says the same of the same jobs' price, whatever speaks for it.
    pub(super) fn is_same_price(&self, other: &Self) -> bool {
        let price = |kind: &Self| match kind {
            Self::WrongPrice {
                operation,
                jobs,
                price,
                charged,
                ..
            } => Some((operation.clone(), *jobs, *price, *charged)),
            _ => None,
        };
        price(self).is_some_and(|known| Some(known) == price(other))
    }
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
    let mut unrefunded = facts.unrefunded.to_vec();
    let mut placed: Vec<Cause> = idle
        .map(|stretch| place(stretch, &mut unrefunded, &known.renewals))
        .collect();
    placed.extend(audited(&known.audited));
    let mut charged = without(facts.charged, &known.audited);
    let sum = |causes: &[Cause]| -> i128 {
        let credits = causes.iter().map(|cause| i128::from(cause.credits));
        credits.sum()
    };
    let rest = |placed: &[Cause]| i64::try_from(i128::from(facts.unexplained) - sum(placed)).ok();
    let rest = rest(&placed).unwrap_or_else(|| {
        // Absurd figures explain nothing.
        placed.clear();
        charged.clone_from(facts.charged);
        unrefunded = facts.unrefunded.to_vec();
        facts.unexplained
    });
    Explanation {
        placed,
        rest,
        likely: likely(rest, &charged, &mut unrefunded, known),
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
    unrefunded: &mut [Unrefunded],
    renewals: &Renewals,
) -> Cause {
    let credits = stretch.drift.get();
    let span = Some((stretch.since, stretch.until));
    let kind = if credits < 0 {
        CauseKind::AnotherClient
    } else {
        late_refund(credits, unrefunded)
            .or_else(|| renewals.find(credits, span))
            .unwrap_or(CauseKind::TopUp)
    };
    Cause {
        credits,
        kind,
        between: span,
    }
}

fn likely(
    rest: i64,
    charged: &Charged,
    unrefunded: &mut [Unrefunded],
    known: &Known,
) -> Vec<Cause> {
    if rest == 0 {
        return Vec::new();
    }
    let mut all = attested(rest, charged, &known.audits);
    if rest > 0 {
        all.extend(late_refund(rest, unrefunded));
        all.extend(known.renewals.find(rest, known.span));
    }
    for guess in arithmetic(rest, charged) {
        if !all.iter().any(|known| known.is_same_price(&guess)) {
            all.push(guess);
        }
    }
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

impl Basis {
    fn words(&self) -> String {
        match self {
            Self::Audited => ", as an audit saw".to_owned(),
            Self::Listed(list) => format!(", as the price list `{list}` says"),
            Self::Arithmetic => String::new(),
        }
    }
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
                let basis = basis.words();
                let jobs = count(*jobs, "job");
                format!(
                    "`{operation}` was charged {charged}, not {price}{basis}: {jobs} × {each} = {amount}"
                )
            }
            CauseKind::OtherPrices { jobs, basis } => {
                let (jobs, basis) = (count(*jobs, "job"), basis.words());
                format!(
                    "{jobs} of several operations or kinds were charged otherwise{basis}: {amount} in all"
                )
            }
            CauseKind::AnotherClient => format!("another client of the same key spent {amount}"),
            CauseKind::LateRefund { jobs } => {
                let jobs = jobs.map_or_else(|| "jobs".to_owned(), |jobs| count(jobs, "job"));
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
mod tests;
