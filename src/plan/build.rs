//! Makes a plan: takes the jobs of the expansion one at a time, prices each, and finds what is already paid for.

use crate::catalog::{Catalog, PriceList, PriceLists};
use crate::manifest::{Draft, Problems};
use crate::model::{CreditError, Credits, Ordinal, PaidJobs, PaidState};

use super::advice::{Advice, ListComparison, Warning};
use super::compare::Comparisons;
use super::entries::Entries;
use super::firsts::Firsts;
use super::hints::{Earlier, Hints};
use super::job::{PlannedJob, Tag, job_id};
use super::paid::PaidTable;
use super::planned::{ListHeader, Plan, PlanHeader};
use super::pricing::{JobPrice, Pricing};
use super::refusal::{Refusal, RefusalCause, Refusals};
use super::saves::Saves;
use super::sums::Sums;
use super::workload::{Chains, Workload};

/// How a plan is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Buys again what runs before have bought. What is still on its way in another run blocks all the same.
    pub fresh: bool,
    /// The account is known to be charged by the list that prices the plan, as the simulator is: other lists are
    /// not compared.
    pub list_is_certain: bool,
}

/// What a plan is made from, besides the jobs.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// The operations.
    pub catalog: &'a Catalog,
    /// The list that prices the jobs.
    pub prices: &'a PriceList,
    /// The built-in lists, for hints and comparisons.
    pub known: &'a PriceLists,
    /// What was bought before.
    pub paid: &'a dyn PaidJobs,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The manifest's rows have problems: each with its place.
    #[error(transparent)]
    Manifest(#[from] Problems),
    /// Jobs can't be bought: each refusal, in the order of the expansion.
    #[error("{}", refused(.0))]
    Refused(Vec<Refusal>),
    /// The prices add up to more than can be kept.
    #[error("the plan's price: {0}")]
    Sum(#[from] CreditError),
}

fn refused(refusals: &[Refusal]) -> String {
    let jobs: u64 = refusals.iter().map(|refusal| refusal.jobs).sum();
    let noun = if jobs == 1 { "job" } else { "jobs" };
    format!("{jobs} {noun} can't be bought as planned")
}

/// Takes jobs, then gives the plan.
pub struct Builder<'a> {
    manifest: &'a str,
    manifest_digest: &'a str,
    sources: Sources<'a>,
    options: PlanOptions,
    pricing: Pricing<'a>,
    comparisons: Comparisons<'a>,
    hints: Hints<'a>,
    refusals: Refusals,
    entries: Entries,
    jobs: Vec<PlannedJob>,
    firsts: Firsts,
    paid: PaidTable,
    has_paid: bool,
    chains: Chains,
    workload: Workload,
    saves: Saves,
    sums: Sums,
}

impl<'a> Builder<'a> {
    /// Starts a plan without jobs, for the manifest of that name and digest.
    #[must_use]
    pub fn new(
        manifest: &'a str,
        manifest_digest: &'a str,
        sources: Sources<'a>,
        options: PlanOptions,
    ) -> Self {
        let Sources {
            catalog,
            prices,
            known,
            ..
        } = sources;
        Self {
            manifest,
            manifest_digest,
            options,
            pricing: Pricing::new(catalog, prices, known, sources.provider, sources.paid),
            comparisons: if options.list_is_certain {
                Comparisons::none(prices)
            } else {
                Comparisons::new(catalog, prices, known)
            },
            hints: Hints::new(catalog, prices, sources.provider),
            refusals: Refusals::default(),
            entries: Entries::default(),
            jobs: Vec::new(),
            firsts: Firsts::new(),
            paid: PaidTable::default(),
            has_paid: !sources.paid.is_empty(),
            chains: Chains::default(),
            workload: Workload::default(),
            saves: Saves::default(),
            sums: Sums::new(catalog),
            sources,
        }
    }

    /// Adds the next job.
    ///
    /// A job that can't be bought is remembered and told by [`Builder::finish`], with all others like it.
    ///
    /// # Errors
    /// When the prices add up to more than can be kept.
    ///
    /// # Panics
    /// When jobs come out of order, or before a job they need.
    pub fn add(&mut self, draft: &Draft<'_>) -> Result<(), PlanError> {
        assert_eq!(
            draft.ordinal.index(),
            self.jobs.len(),
            "the expansion gives jobs in order"
        );
        let (tag, link) = self.decide(draft);
        let price = self.price(draft, tag);
        let credits = Credits::new(price.credits.into());
        let operation = &self.sources.catalog.get(draft.operation).name;
        let entry = self.entries.add(draft, operation, tag, credits)?;
        // A twin of a job that waits saves nothing: neither is bought.
        let is_idle_twin = tag == Tag::Twin && self.jobs[link as usize].tag != Tag::New;
        let counted = if is_idle_twin { Credits::ZERO } else { credits };
        self.sums
            .add(draft.operation, tag, counted, price.inferred)?;
        if tag == Tag::New {
            self.comparisons.add(draft, credits)?;
            self.hints.note(draft, credits, &Earlier(&self.jobs))?;
        }
        self.note_work(draft, tag, link);
        if let (Tag::New | Tag::Waits, Some(path)) = (tag, draft.save) {
            self.saves.note(draft.ordinal.0, path);
        }
        self.jobs.push(PlannedJob {
            fingerprint: draft.fingerprint,
            entry,
            row: draft.row,
            take: draft.take,
            price_credits: price.credits,
            link,
            operation: draft.operation,
            tag,
        });
        Ok(())
    }

    /// Returns the plan.
    ///
    /// # Errors
    /// All jobs that can't be bought, in one pass; or a sum that can't be kept.
    pub fn finish(self) -> Result<Plan, PlanError> {
        let refusals = self.refusals.into_vec();
        if !refusals.is_empty() {
            return Err(PlanError::Refused(refusals));
        }
        let catalog = self.sources.catalog;
        let sums = self.sums;
        let comparisons = self.comparisons.finish(catalog)?;
        let mut warnings = warnings(&sums, &comparisons, &self.sources);
        if let Some((first, second, path)) = self.saves.example {
            let name = |place: u32| {
                let job = &self.jobs[place as usize];
                job_id(self.entries.id(job.entry), job.row, job.take).to_string()
            };
            warnings.push(Warning::SharedPath {
                path,
                names: [name(first), name(second)],
                jobs: self.saves.clashes,
            });
        }
        let advice = advice(&sums, self.hints.finish()?, comparisons);
        let mut jobs = self.jobs;
        jobs.shrink_to_fit();
        Ok(Plan {
            header: header(self.manifest, self.manifest_digest, &self.sources),
            entries: self.entries.into_vec(),
            jobs,
            paid: self.paid,
            names: catalog
                .operations
                .iter()
                .map(|op| op.name.clone())
                .collect(),
            subtotals: sums.subtotals(catalog),
            counts: sums.counts,
            total: sums.total,
            saved_by_reuse: sums.saved_by_reuse,
            saved_by_twins: sums.saved_by_twins,
            workload: Workload {
                longest_chain_s: self.chains.longest_s(),
                ..self.workload
            },
            warnings,
            advice,
        })
    }

    /// Decides what is to happen with a job, and what that refers to.
    fn decide(&mut self, draft: &Draft<'_>) -> (Tag, u32) {
        if let Some(first) = self.first_like(draft) {
            return match self.jobs[first as usize].tag {
                tag @ (Tag::Reused | Tag::Blocked) => (tag, self.same_purchase(first, draft)),
                Tag::New | Tag::Waits => (Tag::Twin, first),
                Tag::Twin => unreachable!("a twin is never the first of its fingerprint"),
            };
        }
        if self.has_paid
            && let Some(paid) = self.sources.paid.find(&draft.fingerprint)
        {
            let tag = match paid.state {
                PaidState::Unsettled => Some(Tag::Blocked),
                PaidState::Usable => (!self.options.fresh).then_some(Tag::Reused),
            };
            if let Some(tag) = tag {
                return (tag, self.paid.push(paid, &draft.id()));
            }
        }
        match self.blocked_need(draft) {
            Some(need) => (Tag::Waits, self.same_purchase(need, draft)),
            None => (Tag::New, 0),
        }
    }

    /// Returns the first job of this plan that is the same; enters this one as the first otherwise.
    fn first_like(&mut self, draft: &Draft<'_>) -> Option<u32> {
        let jobs = &self.jobs;
        let print = draft.fingerprint;
        self.firsts
            .find_or_enter(print, draft.ordinal.0, |earlier| {
                jobs[earlier as usize].fingerprint == print
            })
    }

    /// Enters the purchase that an earlier job refers to for this one too.
    fn same_purchase(&mut self, earlier: u32, draft: &Draft<'_>) -> u32 {
        let job = &self.jobs[earlier as usize];
        let entry = self.entries.id(job.entry);
        let paid = self.paid.get(job.link, || job_id(entry, job.row, job.take));
        self.paid.push(paid, &draft.id())
    }

    /// Returns a job that this one needs and that another run blocks.
    fn blocked_need(&self, draft: &Draft<'_>) -> Option<u32> {
        if self.sums.counts.blocked == 0 {
            return None;
        }
        draft.needs.iter().find_map(|need| {
            let buyer = self.buyer(*need);
            matches!(self.jobs[buyer.index()].tag, Tag::Blocked | Tag::Waits).then_some(buyer.0)
        })
    }

    /// Returns the job that buys what a job gives: itself, or the one it is a twin of.
    fn buyer(&self, job: Ordinal) -> Ordinal {
        match self.jobs[job.index()] {
            PlannedJob {
                tag: Tag::Twin,
                link,
                ..
            } => Ordinal(link),
            _ => job,
        }
    }

    /// Prices a job; one that might have to be bought and has no price is refused.
    fn price(&mut self, draft: &Draft<'_>, tag: Tag) -> JobPrice {
        let cause = match self.pricing.price(draft) {
            Ok(price) => return price,
            Err(cause) => cause,
        };
        // What is already paid for needs no price, and may outlive its operation.
        if tag != Tag::Reused {
            self.refuse(draft, cause);
        }
        JobPrice {
            credits: 0,
            inferred: false,
        }
    }

    fn refuse(&mut self, draft: &Draft<'_>, cause: RefusalCause) {
        self.refusals.add(Refusal {
            entry: draft.entry.id.clone(),
            line: draft.entry.line,
            operation: self.sources.catalog.get(draft.operation).name.to_string(),
            cause,
            jobs: 1,
            samples: vec![draft.id()],
        });
    }

    fn note_work(&mut self, draft: &Draft<'_>, tag: Tag, link: u32) {
        let typical_s = self.pricing.typical_s(draft.operation);
        let twin = [Ordinal(link)];
        let (own_s, needs) = match tag {
            Tag::New => (typical_s, draft.needs),
            Tag::Twin => (0, &twin[..]),
            Tag::Reused | Tag::Blocked | Tag::Waits => (0, &[][..]),
        };
        if tag == Tag::New {
            self.workload.submits += 1;
            self.workload.learned += u64::from(self.pricing.is_learned(draft.operation));
            self.workload.work_s += u64::from(typical_s);
        }
        let (jobs, pricing) = (&self.jobs, &self.pricing);
        self.chains.add(own_s, needs, || {
            let own_s = |job: &PlannedJob| match job.tag {
                Tag::New | Tag::Twin => pricing.typical_s(job.operation),
                Tag::Reused | Tag::Blocked | Tag::Waits => 0,
            };
            jobs.iter().map(own_s).collect()
        });
    }
}

fn warnings(sums: &Sums, lists: &[ListComparison], sources: &Sources<'_>) -> Vec<Warning> {
    let mut warnings = sums.inferred(sources.catalog);
    if !lists.is_empty() {
        warnings.push(Warning::ListsDiffer {
            used: sources.prices.name.clone(),
            others: lists.iter().map(|list| list.other.clone()).collect(),
        });
    }
    warnings
}

fn advice(sums: &Sums, hints: Vec<Advice>, lists: Vec<ListComparison>) -> Vec<Advice> {
    let twins = (sums.counts.twin > 0).then_some(Advice::Twins {
        jobs: sums.counts.twin,
        saved: sums.saved_by_twins,
    });
    let lists = lists.into_iter().map(Advice::OtherList);
    twins.into_iter().chain(hints).chain(lists).collect()
}

fn header(manifest: &str, manifest_digest: &str, sources: &Sources<'_>) -> PlanHeader {
    let prices = sources.prices;
    PlanHeader {
        manifest: manifest.to_owned(),
        manifest_digest: manifest_digest.to_owned(),
        provider: sources.provider.to_owned(),
        prices: ListHeader {
            name: prices.name.clone(),
            digest: prices.digest.clone(),
            dated: prices.dated.clone(),
            source: prices.source.clone(),
        },
        catalog_digest: sources.catalog.digest.clone(),
    }
}
