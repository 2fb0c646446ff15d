//! What is different between a plan that was saved and the same manifest planned today, and by how much.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::model::Credits;

use super::job::JobView;
use super::planned::{ListHeader, Plan, ordinal};

/// One thing that moved since a plan was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The catalog is another version's.
    Catalog,
    /// The price list is another, or its text is.
    List {
        /// The list's name in the plan.
        from: String,
        /// Its name today.
        to: String,
    },
    /// An operation's price.
    Price {
        /// The operation's name.
        operation: String,
        /// In the plan.
        from: Credits,
        /// Today.
        to: Credits,
        /// Jobs that are bought at it.
        jobs: u64,
    },
    /// What is to happen with jobs: another run has bought them since, say.
    Disposition {
        /// In the plan.
        from: &'static str,
        /// Today.
        to: &'static str,
        /// How many jobs.
        jobs: u64,
        /// By how much that changes the total.
        change: Change,
    },
    /// The jobs of an entry.
    Jobs {
        /// The entry's id.
        entry: String,
        /// Jobs that the plan does not have.
        added: u64,
        /// Jobs that are not there any more.
        removed: u64,
        /// Jobs with other inputs.
        changed: u64,
        /// By how much that changes the total.
        change: Change,
    },
    /// What all of it costs.
    Total {
        /// In the plan.
        from: Credits,
        /// Today.
        to: Credits,
    },
}

/// Credits added less credits taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change(i128);

impl Change {
    fn between(from: Credits, to: Credits) -> Self {
        Self(i128::from(to.get()) - i128::from(from.get()))
    }

    fn add(&mut self, from: Credits, to: Credits) {
        self.0 += Self::between(from, to).0;
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+} credits", self.0)
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog => write!(f, "catalog: operations are another version's"),
            Self::List { from, to } if from == to => {
                write!(f, "price list `{from}`: its text changed")
            }
            Self::List { from, to } => write!(f, "price list: `{from}` → `{to}`"),
            Self::Price {
                operation,
                from,
                to,
                jobs,
            } => {
                let each = Change::between(*from, *to).0;
                let change = Change(each * i128::from(*jobs));
                write!(
                    f,
                    "price of `{operation}`: {from} → {to}, {}, {change}",
                    count(*jobs)
                )
            }
            Self::Disposition {
                from,
                to,
                jobs,
                change,
            } => write!(f, "{}: {from} → {to}, {change}", count(*jobs)),
            Self::Jobs {
                entry,
                added,
                removed,
                changed,
                change,
            } => {
                write!(f, "jobs of `{entry}`:")?;
                let parts = [(added, "added"), (removed, "removed"), (changed, "changed")];
                for (jobs, word) in parts.into_iter().filter(|(jobs, _)| **jobs > 0) {
                    write!(f, " {jobs} {word},")?;
                }
                write!(f, " {change}")
            }
            Self::Total { from, to } => {
                write!(f, "total: {from} → {to}, {}", Change::between(*from, *to))
            }
        }
    }
}

fn count(jobs: u64) -> String {
    format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" })
}

/// The jobs of one entry that differ.
#[derive(Default)]
struct JobsMoved {
    added: u64,
    removed: u64,
    changed: u64,
    change: Change,
}

/// What was found so far, by what it is about.
#[derive(Default)]
struct Found<'a> {
    prices: BTreeMap<(&'a str, Credits, Credits), u64>,
    dispositions: BTreeMap<(&'static str, &'static str), (u64, Change)>,
    jobs: BTreeMap<&'a str, JobsMoved>,
}

/// Lists what moved between a saved plan and the one made today; nothing, when both buy the same at the same prices.
#[must_use]
pub fn moved(saved: &Plan, now: &Plan) -> Vec<Moved> {
    let mut all = Vec::new();
    if saved.header.catalog_digest != now.header.catalog_digest {
        all.push(Moved::Catalog);
    }
    let (from, to) = (&saved.header.prices, &now.header.prices);
    let is_same = |a: &ListHeader, b: &ListHeader| (&a.name, &a.digest) == (&b.name, &b.digest);
    if !is_same(from, to) {
        all.push(Moved::List {
            from: from.name.clone(),
            to: to.name.clone(),
        });
    }
    let found = compare(saved, now);
    all.extend(
        found
            .prices
            .into_iter()
            .map(|((operation, from, to), jobs)| {
                let operation = operation.to_owned();
                Moved::Price {
                    operation,
                    from,
                    to,
                    jobs,
                }
            }),
    );
    let words = found.dispositions.into_iter();
    all.extend(
        words.map(|((from, to), (jobs, change))| Moved::Disposition {
            from,
            to,
            jobs,
            change,
        }),
    );
    all.extend(found.jobs.into_iter().map(|(entry, jobs)| Moved::Jobs {
        entry: entry.to_owned(),
        added: jobs.added,
        removed: jobs.removed,
        changed: jobs.changed,
        change: jobs.change,
    }));
    if saved.total != now.total {
        all.push(Moved::Total {
            from: saved.total,
            to: now.total,
        });
    }
    all
}

fn compare<'a>(saved: &'a Plan, now: &'a Plan) -> Found<'a> {
    let mut found = Found::default();
    let pairs = || saved.iter().zip(now.iter());
    if saved.len() == now.len() && pairs().all(|(a, b)| key(&a) == key(&b)) {
        pairs().for_each(|(a, b)| found.pair(&a, &b));
        return found;
    }
    // Only where jobs came or went: a map of the saved ones, by name.
    let mut places: HashMap<_, _> = (0..saved.len())
        .map(|at| (key(&saved.job(ordinal(at))), at))
        .collect();
    for job in now.iter() {
        match places.remove(&key(&job)) {
            Some(at) => found.pair(&saved.job(ordinal(at)), &job),
            None => {
                let moved = found.jobs.entry(&job.entry.id).or_default();
                moved.added += 1;
                moved.change.add(Credits::ZERO, job.credits());
            }
        }
    }
    for at in places.into_values() {
        let job = saved.job(ordinal(at));
        let moved = found.jobs.entry(&job.entry.id).or_default();
        moved.removed += 1;
        moved.change.add(job.credits(), Credits::ZERO);
    }
    found
}

/// What makes two jobs the same one, whatever it is to do.
fn key<'a>(job: &JobView<'a>) -> (&'a str, u32, u32) {
    (&job.entry.id, job.row, job.take)
}

impl<'a> Found<'a> {
    fn pair(&mut self, saved: &JobView<'a>, now: &JobView<'a>) {
        let is_same = |a: &JobView<'_>, b: &JobView<'_>| {
            a.fingerprint == b.fingerprint && a.operation == b.operation
        };
        if !is_same(saved, now) {
            let moved = self.jobs.entry(&saved.entry.id).or_default();
            moved.changed += 1;
            moved.change.add(saved.credits(), now.credits());
        } else if saved.disposition != now.disposition {
            let words = (saved.disposition.as_str(), now.disposition.as_str());
            if words == ("twin", "twin") {
                // The job it is a twin of has another place now: told with the jobs that came or went.
                return;
            }
            let (jobs, change) = self.dispositions.entry(words).or_default();
            *jobs += 1;
            change.add(saved.credits(), now.credits());
        } else if saved.credits() != now.credits() {
            let key = (saved.operation, saved.price, now.price);
            *self.prices.entry(key).or_default() += 1;
        }
    }
}
