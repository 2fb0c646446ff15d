//! The choice of jobs that fit, as a search over prices, priorities and needs.
//!
//! From the highest priority down, the cheapest job first, each with all it needs that is not in yet. Where no job needs
//! another that gives the most jobs there can be. Where some do, the exact answer is out of reach for a large batch, so
//! each priority is tried twice, the second time with the price of a job shared among those that need it, and the
//! better is kept: more jobs, then fewer credits.
//!
//! A job that did not fit once never fits later: whatever makes it cheaper takes as much of the room. So each is tried once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Ordinal;

use super::job::{Disposition, PlannedJob, Tag};
use super::planned::Plan;

/// Steps per job and need that may be spent on jobs that turn out not to fit; a batch of a few levels never comes near.
const PATIENCE: usize = 32;
/// Shared prices are kept in parts of a credit.
const PARTS: u64 = 1 << 20;

/// What each job waits for, packed.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    ends: Vec<u32>,
    list: Vec<u32>,
}

impl Needs {
    /// Adds what the next job waits for: a twin for the job that buys, and one that is not bought for nothing.
    pub(super) fn push_for(&mut self, what: &Disposition, needs: &[Ordinal]) {
        match what {
            Disposition::New => self.push(needs.iter().map(|need| need.0)),
            Disposition::Twin { of } => self.push([of.0]),
            _ => self.push([]),
        }
    }

    /// Adds the needs of the next job.
    pub(super) fn push(&mut self, needs: impl IntoIterator<Item = u32>) {
        self.list.extend(needs);
        self.ends.push(
            u32::try_from(self.list.len()).expect("an expansion has at most 5 million needs"),
        );
    }

    fn of(&self, job: usize) -> &[u32] {
        let start = job.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.list[start as usize..self.ends[job] as usize]
    }

    /// Turns them round: which jobs wait for each.
    fn dependents(&self) -> Self {
        let mut counts = vec![0u32; self.ends.len()];
        for need in &self.list {
            counts[*need as usize] += 1;
        }
        let mut end = 0;
        let ends: Vec<u32> = { counts.iter() }
            .map(|count| {
                end += count;
                end
            })
            .collect();
        let mut next: Vec<u32> = ends
            .iter()
            .zip(&counts)
            .map(|(end, count)| end - count)
            .collect();
        let mut list = vec![0; self.list.len()];
        for (job, at) in (0..self.ends.len()).zip(0u32..) {
            for need in self.of(job) {
                let place = &mut next[*need as usize];
                list[*place as usize] = at;
                *place += 1;
            }
        }
        Self { ends, list }
    }
}

/// How a job stands in the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Open,
    In,
    /// It does not fit, now or later.
    Out,
    /// No credits would help.
    Never,
}

/// How jobs are weighed against one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weighing {
    /// By what they cost.
    Price,
    /// By what they cost when each pays a part of what it shares.
    Share,
}

impl Weighing {
    const fn place(self) -> usize {
        match self {
            Self::Price => 0,
            Self::Share => 1,
        }
    }
}

/// What a pass over one priority brought, to be compared and undone.
#[derive(Debug, Default)]
struct Pass {
    taken: Vec<u32>,
    refused: Vec<u32>,
    /// Of the jobs taken, those of the priority itself.
    jobs: u64,
    credits: u64,
}

/// The jobs and what was decided so far.
pub(super) struct Wishes<'a> {
    jobs: &'a [PlannedJob],
    needs: Needs,
    dependents: Needs,
    /// The priority of each entry.
    priorities: Vec<i32>,
    choices: Vec<Choice>,
    /// How many needs of each job are not in yet.
    waits_for: Vec<u32>,
    /// What each job costs with all it needs, roughly; by [`Weighing`].
    weights: [Vec<u64>; 2],
    patience: usize,
    /// Where the jobs of a chain are walked through.
    stack: Vec<u32>,
    chain: Vec<u32>,
}

impl<'a> Wishes<'a> {
    pub(super) fn new(plan: &'a Plan, needs: Needs) -> Self {
        let jobs = &plan.jobs[..];
        let mut choices: Vec<Choice> = Vec::with_capacity(jobs.len());
        for job in jobs {
            choices.push(match job.tag {
                Tag::Reused => Choice::In,
                Tag::Blocked | Tag::Waits => Choice::Never,
                Tag::Twin if choices[job.link as usize] == Choice::Never => Choice::Never,
                Tag::New | Tag::Twin => Choice::Open,
            });
        }
        let mut wishes = Self {
            jobs,
            dependents: needs.dependents(),
            patience: PATIENCE.saturating_mul(jobs.len() + needs.list.len()),
            priorities: plan.entries.iter().map(|entry| entry.priority).collect(),
            waits_for: vec![0; jobs.len()],
            weights: [Vec::new(), Vec::new()],
            needs,
            choices,
            stack: Vec::new(),
            chain: Vec::new(),
        };
        for job in 0..jobs.len() {
            let waits =
                { wishes.needs.of(job).iter() }.filter(|need| !wishes.is_in(**need as usize));
            wishes.waits_for[job] = u32::try_from(waits.count()).unwrap_or(u32::MAX);
        }
        wishes.weights = [Weighing::Price, Weighing::Share].map(|by| wishes.weigh(by));
        wishes
    }

    pub(super) fn is_in(&self, job: usize) -> bool {
        self.choices[job] == Choice::In
    }

    /// Tells whether credits could buy a job at all.
    pub(super) fn can_be_had(&self, job: usize) -> bool {
        self.choices[job] != Choice::Never
    }

    /// Chooses what fits into `room` credits.
    pub(super) fn choose(&mut self, mut room: u64) {
        let is_open = |job: &u32| self.choices[*job as usize] == Choice::Open;
        let mut open: Vec<u32> = (0u32..).take(self.jobs.len()).filter(is_open).collect();
        // Stable, so that the jobs of a priority stay in their order.
        open.sort_by_key(|job| Reverse(self.priority(*job)));
        let priorities = &self.priorities;
        let jobs = self.jobs;
        let priority = |job: u32| priorities[jobs[job as usize].entry as usize];
        let classes: Vec<&[u32]> = open
            .chunk_by(|one, other| priority(*one) == priority(*other))
            .collect();
        for class in classes {
            room -= self.choose_class(class, room);
        }
    }

    /// Chooses among the jobs of one priority; returns what they cost.
    fn choose_class(&mut self, class: &[u32], room: u64) -> u64 {
        let plain = self.pass(class, room, Weighing::Price);
        let has_chains = class.iter().any(|job| {
            let job = *job as usize;
            !self.needs.of(job).is_empty() || !self.dependents.of(job).is_empty()
        });
        if plain.refused.is_empty() || !has_chains {
            return plain.credits;
        }
        self.undo(&plain);
        let shared = self.pass(class, room, Weighing::Share);
        let rank = |pass: &Pass| (pass.jobs, Reverse(pass.credits));
        if rank(&shared) > rank(&plain) {
            return shared.credits;
        }
        self.undo(&shared);
        self.redo(&plain);
        plain.credits
    }

    /// Takes what fits, the least weight first.
    fn pass(&mut self, class: &[u32], room: u64, by: Weighing) -> Pass {
        let mut pass = Pass::default();
        let first = |job: &u32| Reverse((self.weight(*job, by), *job));
        let mut queue: BinaryHeap<_> = class.iter().map(first).collect();
        let priority = class.first().map(|job| self.priority(*job));
        while let Some(Reverse((_, job))) = queue.pop() {
            if self.choices[job as usize] != Choice::Open {
                continue;
            }
            let Some(cost) = self.chain_of(job, room - pass.credits) else {
                self.choices[job as usize] = Choice::Out;
                pass.refused.push(job);
                continue;
            };
            pass.credits += cost;
            let chain = std::mem::take(&mut self.chain);
            for taken in &chain {
                pass.jobs += u64::from(Some(self.priority(*taken)) == priority);
                for ready in self.take(*taken) {
                    if Some(self.priority(ready)) == priority {
                        queue.push(Reverse((self.weight(ready, by), ready)));
                    }
                }
            }
            pass.taken.extend_from_slice(&chain);
            self.chain = chain;
        }
        pass
    }

    /// Takes a job in; returns the jobs that wait for no other any more.
    fn take(&mut self, job: u32) -> Vec<u32> {
        self.choices[job as usize] = Choice::In;
        let mut ready = Vec::new();
        for dependent in self.dependents.of(job as usize) {
            let waits = &mut self.waits_for[*dependent as usize];
            *waits -= 1;
            if *waits == 0 {
                ready.push(*dependent);
            }
        }
        ready
    }

    /// Finds a job with all it needs that is not in yet, in `chain`; returns what that costs if it fits.
    fn chain_of(&mut self, job: u32, room: u64) -> Option<u64> {
        if self.patience == 0 && self.waits_for[job as usize] > 0 {
            return None;
        }
        self.chain.clear();
        self.stack.clear();
        self.stack.push(job);
        let mut cost = 0;
        let mut fits = true;
        while let Some(next) = self.stack.pop() {
            // Jobs of the chain are marked, so that one that is needed twice is paid once.
            match self.choices[next as usize] {
                Choice::In => continue,
                Choice::Out | Choice::Never => fits = false,
                Choice::Open => {}
            }
            cost += self.price(next);
            fits &= cost <= room;
            if !fits {
                break;
            }
            self.choices[next as usize] = Choice::In;
            self.chain.push(next);
            if self.waits_for[next as usize] > 0 {
                self.stack.extend_from_slice(self.needs.of(next as usize));
            }
        }
        for marked in &self.chain {
            self.choices[*marked as usize] = Choice::Open;
        }
        if fits {
            return Some(cost);
        }
        self.patience = self
            .patience
            .saturating_sub(self.chain.len() + self.stack.len());
        None
    }

    fn undo(&mut self, pass: &Pass) {
        for job in pass.taken.iter().chain(&pass.refused) {
            self.choices[*job as usize] = Choice::Open;
        }
        for job in &pass.taken {
            for dependent in self.dependents.of(*job as usize) {
                self.waits_for[*dependent as usize] += 1;
            }
        }
    }

    fn redo(&mut self, pass: &Pass) {
        for job in &pass.refused {
            self.choices[*job as usize] = Choice::Out;
        }
        for job in &pass.taken {
            // Nothing is queued any more, so nobody asks what became ready.
            drop(self.take(*job));
        }
    }

    /// Returns what a job weighs now: on its own once all it needs is in.
    fn weight(&self, job: u32, by: Weighing) -> u64 {
        let at = job as usize;
        match by {
            _ if self.waits_for[at] > 0 => self.weights[by.place()][at],
            Weighing::Price => self.price(job),
            Weighing::Share => self.share(job),
        }
    }

    /// Adds up what each job costs with all it needs; what two of its needs share is counted twice.
    fn weigh(&self, by: Weighing) -> Vec<u64> {
        let mut weights: Vec<u64> = Vec::with_capacity(self.jobs.len());
        for job in (0u32..).take(self.jobs.len()) {
            let own = match by {
                Weighing::Price => self.price(job),
                Weighing::Share => self.share(job),
            };
            let needs = self.needs.of(job as usize).iter();
            let open = needs.filter(|need| !self.is_in(**need as usize));
            let needed = open.map(|need| weights[*need as usize]);
            weights.push(needed.fold(own, u64::saturating_add));
        }
        weights
    }

    /// What a job costs each of those that need it, and itself.
    fn share(&self, job: u32) -> u64 {
        let sharers = 1 + self.dependents.of(job as usize).len();
        // A price is a u32, so it has room for the parts.
        self.price(job) * PARTS / u64::try_from(sharers).unwrap_or(u64::MAX)
    }

    fn priority(&self, job: u32) -> i32 {
        self.priorities[self.jobs[job as usize].entry as usize]
    }

    fn price(&self, job: u32) -> u64 {
        let job = &self.jobs[job as usize];
        match job.tag {
            Tag::New => job.price_credits.into(),
            _ => 0,
        }
    }
}
