//! All that the simulator knows: balance, tasks, clips. It changes by events alone, so a replay ends where it began.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use crate::model::{Balance, Credits};

use super::account::{Account, Charge};
use super::audit::{AuditLog, Entry};
use super::event::{Acceptance, Event, Note};
use super::seed::{Id, RequestDigest};
use super::task::{Clip, Millis, Shows, Stage, Task};

/// The state.
#[derive(Debug, Default)]
pub(crate) struct State {
    account: Account,
    tasks: Vec<Task>,
    task_places: HashMap<Id, usize>,
    clip_places: HashMap<Id, (usize, usize)>,
    /// Personas, with the place of the task that makes one; made at once without.
    personas: HashMap<Id, Option<usize>>,
    batches: HashMap<Id, Vec<Option<Id>>>,
    rendering: HashSet<Id>,
    aligned: HashSet<Id>,
    /// How often a request was accepted.
    seen: HashMap<RequestDigest, u32>,
    /// Tasks that have not ended: (when they do, place).
    running: BinaryHeap<Reverse<(Millis, usize)>>,
    /// When submits passed the rate limit, oldest first.
    passed: VecDeque<Millis>,
    submits: u64,
    lag: Option<(Charge, Millis)>,
    audit: AuditLog,
    last_at: Millis,
    opened: bool,
}

impl State {
    /// Returns the submits of this run so far.
    pub(crate) fn submits(&self) -> u64 {
        self.submits
    }

    /// Tells whether an account was ever opened.
    pub(crate) fn is_opened(&self) -> bool {
        self.opened
    }

    /// Returns the time of the last event.
    pub(crate) fn last_at(&self) -> Millis {
        self.last_at
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Returns how often a request with this digest was accepted.
    pub(crate) fn occurrences(&self, digest: RequestDigest) -> u32 {
        self.seen.get(&digest).copied().unwrap_or(0)
    }

    /// Returns the balance as it is told, which may lag behind.
    pub(crate) fn told_balance(&self, now: Millis) -> Balance {
        let mut told = self.account;
        if let Some((charge, until)) = self.lag
            && now < until
            && told.give(charge).is_err()
        {
            return self.account.balance();
        }
        told.balance()
    }

    /// Returns the tasks that have not ended; call [`State::settle`] first.
    pub(crate) fn in_flight(&self) -> usize {
        self.running.len()
    }

    /// Returns how many submits passed the rate limit after `since`, and when the first of them did.
    pub(crate) fn passed_after(&self, since: Millis) -> (usize, Option<Millis>) {
        let first = self.passed.partition_point(|at| *at <= since);
        (self.passed.len() - first, self.passed.get(first).copied())
    }

    pub(crate) fn task(&self, id: Id) -> Option<&Task> {
        Some(&self.tasks[*self.task_places.get(&id)?])
    }

    /// Finds a clip, its place in its task, and its task.
    pub(crate) fn clip(&self, id: Id) -> Option<(&Clip, usize, &Task)> {
        let (task, place) = *self.clip_places.get(&id)?;
        let task = &self.tasks[task];
        Some((&task.clips[place], place, task))
    }

    /// Tells whether a persona can sing: made at once, or by a task that is done.
    pub(crate) fn has_persona(&self, id: Id, now: Millis) -> bool {
        match self.personas.get(&id) {
            Some(Some(place)) => self.tasks[*place].stage(now) == Stage::Done,
            Some(None) => true,
            None => false,
        }
    }

    /// Returns how many tasks there are.
    pub(crate) fn tasks_made(&self) -> usize {
        self.tasks.len()
    }

    /// Returns the first task made since there were so many.
    pub(crate) fn task_made_since(&self, count: usize) -> Option<Id> {
        self.tasks.get(count).map(|task| task.id)
    }

    pub(crate) fn batch(&self, id: Id) -> Option<&[Option<Id>]> {
        self.batches.get(&id).map(Vec::as_slice)
    }

    pub(crate) fn is_rendered(&self, clip: Id) -> bool {
        self.rendering.contains(&clip)
    }

    pub(crate) fn is_aligned(&self, clip: Id) -> bool {
        self.aligned.contains(&clip)
    }

    /// Ends the tasks whose time has come, and refunds those that failed.
    pub(crate) fn settle(&mut self, now: Millis) {
        while let Some(Reverse((ends, place))) = self.running.peek().copied()
            && ends <= now
        {
            self.running.pop();
            let task = &self.tasks[place];
            if task.fails() && task.refunds {
                self.refund(task.charge, task.entry);
            }
        }
    }

    fn refund(&mut self, charge: Charge, entry: usize) {
        // A pool that is full to the brim is the one case in which nothing is given, and nothing is said to be.
        if self.account.give(charge).is_ok()
            && let Some(entry) = self.audit.entries.get_mut(entry)
        {
            entry.refunded = charge.total();
        }
    }

    /// Makes a fact part of the state.
    pub(crate) fn apply(&mut self, event: Event) {
        self.last_at = self.last_at.max(event.at());
        self.settle(event.at());
        match event {
            Event::Opened { balance, .. } => self.open(balance),
            Event::ToppedUp {
                credits,
                extra_credits,
                ..
            } => self.top_up(Charge {
                credits,
                extra: extra_credits,
            }),
            Event::Refused {
                at,
                operation,
                status,
                passed,
            } => {
                self.submits += 1;
                self.audit.rate_refusals += u64::from(status == 429);
                if passed {
                    self.passed.push_back(at);
                }
                self.audit.entries.push(Entry {
                    at,
                    operation,
                    accepted: false,
                    status,
                    charged: Credits::ZERO,
                    refunded: Credits::ZERO,
                    task: None,
                });
            }
            Event::Accepted(acceptance) => self.accept(*acceptance),
        }
    }

    fn open(&mut self, balance: Option<Balance>) {
        self.opened = true;
        self.submits = 0;
        self.passed.clear();
        self.lag = None;
        let Some(balance) = balance else { return };
        self.account = Account::new(balance.credits, balance.extra_credits);
        self.audit = AuditLog::start(balance);
        // What an account before this one paid is not given back to this one.
        for Reverse((_, place)) in &self.running {
            self.tasks[*place].refunds = false;
        }
    }

    fn top_up(&mut self, credits: Charge) {
        if self.account.give(credits).is_ok() {
            let sum = self.audit.topped_up.plus(credits.total());
            self.audit.topped_up = sum.unwrap_or(Credits::MAX);
        }
    }

    fn accept(&mut self, acceptance: Acceptance) {
        if acceptance.counts {
            self.submits += 1;
            self.passed.push_back(acceptance.at);
        }
        let total = acceptance.charge.total();
        // Whoever made the event split the price over what the pools held; a replay finds them as they were.
        if self.account.take(acceptance.charge).is_ok() && !total.is_zero() {
            self.lag = None;
        }
        if let Some(until) = acceptance.lag_until {
            self.lag = Some((acceptance.charge, until));
        }
        *self.seen.entry(acceptance.digest).or_default() += 1;
        let entry = self.audit.entries.len();
        for task in acceptance.tasks {
            self.add_task(Task { entry, ..task }, acceptance.at);
        }
        match acceptance.note {
            Some(Note::Persona(id)) => drop(self.personas.insert(id, None)),
            Some(Note::Rendering(id)) => drop(self.rendering.insert(id)),
            Some(Note::Aligned(id)) => drop(self.aligned.insert(id)),
            Some(Note::Batch { id, tasks }) => drop(self.batches.insert(id, tasks)),
            None => {}
        }
        self.audit.entries.push(Entry {
            at: acceptance.at,
            operation: acceptance.operation,
            accepted: true,
            status: acceptance.status,
            charged: total,
            refunded: Credits::ZERO,
            task: acceptance.task,
        });
    }

    fn add_task(&mut self, task: Task, now: Millis) {
        let place = self.tasks.len();
        self.task_places.insert(task.id, place);
        if let Shows::Voice { persona, .. } = &task.shows {
            self.personas.insert(*persona, Some(place));
        }
        for (nth, clip) in task.clips.iter().enumerate() {
            self.clip_places.insert(clip.id, (place, nth));
        }
        // One that failed at once is settled like any other, so that its refund has its place in the audit.
        if task.ends() > now || task.fails() {
            self.running.push(Reverse((task.ends(), place)));
        }
        self.tasks.push(task);
    }

    /// Forgets submits that no window of this span can hold any more.
    pub(crate) fn forget_passed(&mut self, until: Millis) {
        while self.passed.front().is_some_and(|at| *at <= until) {
            self.passed.pop_front();
        }
    }
}
