//! Random histories of two processes and two runs on one account, told to the model and to SQLite alike.
//!
//! A provider is played beside them: it charges and refunds at moments of its own, and answers for its balance late.
//! After each step both stores agree, their books verify, and no limit is broken, the provider's own balance included.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::contract_tests::*;
use super::file_tests::block_on_inline as wait;
use super::*;
use crate::model::{
    Balance, Credits, Cutoff, JobId, JobRecord, JobState, NewJob, Ordinal, Reuse, RunId,
    SpendLimits,
};

const JOBS: u32 = 8;
const KEEP: u64 = 5;

/// What is allowed, drawn so that each limit is the tight one in some histories.
#[derive(Clone, Debug)]
struct Allowance {
    balance: u64,
    period: u64,
    caps: [u64; 2],
}

fn allowance() -> impl Strategy<Value = Allowance> {
    let tight = || prop_oneof![1 => 8..30_u64, 2 => 500..600_u64];
    (10..40_u64, tight(), [tight(), tight()]).prop_map(|(balance, period, caps)| Allowance {
        balance,
        period,
        caps,
    })
}

#[derive(Clone, Debug)]
enum Op {
    /// By the run's owner, or by somebody.
    Hold {
        by: Option<usize>,
        run: usize,
        want: usize,
        cutoff: Cutoff,
    },
    Record {
        by: usize,
        run: usize,
        job: u32,
        events: Vec<JobEvent>,
    },
    /// The run's owner goes on with one of its jobs, by a step that is legal.
    Advance {
        run: usize,
        job: usize,
        step: usize,
    },
    Charge {
        run: usize,
        job: u32,
    },
    Refund {
        run: usize,
        job: u32,
    },
    Mark,
    /// The answer may lag by so many seconds.
    Ask(i64),
    Observe,
    Start {
        by: usize,
        run: usize,
    },
    Finish {
        by: usize,
        run: usize,
    },
    Wait(i64),
}

/// Each event, the likelier ones more than once.
fn events() -> Vec<JobEvent> {
    vec![
        JobEvent::Send,
        JobEvent::Send,
        JobEvent::Send,
        accept(),
        accept(),
        JobEvent::Retry { error: words() },
        JobEvent::Refuse { error: words() },
        JobEvent::Release { error: None },
        JobEvent::Doubt { error: words() },
        succeed("clip"),
        succeed("clip"),
        fail(true),
        fail(false),
        save(),
        JobEvent::Save {
            files: Vec::new(),
            defect: Some(words()),
        },
        JobEvent::SaveFailed { error: words() },
        JobEvent::Miss { error: words() },
        JobEvent::Lose { error: words() },
        JobEvent::Restart,
    ]
}

fn event() -> impl Strategy<Value = JobEvent> {
    prop::sample::select(events())
}

fn cutoff() -> impl Strategy<Value = Cutoff> {
    prop::sample::select(vec![Cutoff::Soft, Cutoff::Cautious, Cutoff::Hard])
}

fn op() -> impl Strategy<Value = Op> {
    let (by, run, job) = (0..2_usize, 0..2_usize, 0..JOBS);
    prop_oneof![
        8 => (prop::option::weighted(0.2, by.clone()), run.clone(), 1..5_usize, cutoff())
            .prop_map(|(by, run, want, cutoff)| Op::Hold { by, run, want, cutoff }),
        30 => (run.clone(), any::<usize>(), any::<usize>())
            .prop_map(|(run, job, step)| Op::Advance { run, job, step }),
        4 => (by.clone(), run.clone(), job.clone(), prop::collection::vec(event(), 1..3))
            .prop_map(|(by, run, job, events)| Op::Record { by, run, job, events }),
        6 => (run.clone(), job.clone()).prop_map(|(run, job)| Op::Charge { run, job }),
        2 => (run.clone(), job).prop_map(|(run, job)| Op::Refund { run, job }),
        3 => Just(Op::Mark),
        3 => (0..=60_i64).prop_map(Op::Ask),
        3 => Just(Op::Observe),
        1 => (by.clone(), run.clone()).prop_map(|(by, run)| Op::Start { by, run }),
        1 => (by, run).prop_map(|(by, run)| Op::Finish { by, run }),
        1 => (1..90_i64).prop_map(Op::Wait),
    ]
}

/// A job: its price, its priority, which jobs before it it needs, and whether it is a twin of the last of them.
fn jobs() -> impl Strategy<Value = Vec<NewJob>> {
    let one = (0..10_u64, -1..2_i32, any::<u8>(), 0..5_u8);
    prop::collection::vec(one, JOBS as usize).prop_map(|rows| {
        (0..JOBS)
            .zip(rows)
            .map(|(ordinal, (price, priority, mask, twin))| {
                // Few needs, so that most jobs can start.
                let needs: Vec<u32> = (0..ordinal)
                    .filter(|n| mask & 0x11 << n == 0x11 << n && n % 2 == 0)
                    .collect();
                let mut job = needing(ordinal, price, &needs);
                job.priority = priority;
                if twin == 0 && ordinal > 0 {
                    let of = ordinal / 2;
                    job.reuse = Some(Reuse::Twin {
                        ordinal: Ordinal(of),
                        job: JobId::new(format!("job{of}")),
                    });
                }
                job
            })
            .collect()
    })
}

/// What the provider knows of the latest request of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Truth {
    Arrived,
    Charged,
    Refunded,
}

struct World {
    memory: [Ledger; 2],
    file: [Ledger; 2],
    runs: [RunId; 2],
    truth: BTreeMap<(usize, u32), Truth>,
    /// When the latest request of a job left.
    sent_at: BTreeMap<(usize, u32), i64>,
    /// When it was charged.
    charged_at: BTreeMap<(usize, u32), i64>,
    balance: u64,
    /// Who started each run last.
    owners: [usize; 2],
    mark: Option<BalanceMark>,
    /// What the provider was asked last: after which mark, when, and what it answered.
    answer: Option<(BalanceMark, i64, u64)>,
    now: i64,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(jobs: &[NewJob], allowed: &Allowance) -> Self {
        let folder = scratch();
        let path = folder.path().join("ledger.db");
        let memory = Ledger::in_memory();
        let open = || Ledger::open_inline(&path).unwrap();
        let world = Self {
            memory: [memory.clone(), memory.of_another_process()],
            file: [open(), open()],
            runs: ["r0", "r1"].map(RunId::new),
            truth: BTreeMap::new(),
            sent_at: BTreeMap::new(),
            charged_at: BTreeMap::new(),
            balance: allowed.balance,
            owners: [0; 2],
            mark: None,
            answer: None,
            now: 0,
            _folder: folder,
        };
        for ledger in [&world.memory[0], &world.file[0]] {
            wait(observe(ledger, allowed.balance));
            for (run, cap) in world.runs.iter().zip(allowed.caps) {
                let limits = SpendLimits {
                    run: Some(credits(cap)),
                    period: Some(credits(allowed.period)),
                    period_start: Some(at(0)),
                    month: None,
                    keep: credits(KEEP),
                };
                wait(started(
                    ledger,
                    new_run(run.as_str(), limits),
                    jobs.to_vec(),
                ));
            }
        }
        world
    }

    /// Asks both stores, and requires that they answer alike.
    fn both<T: PartialEq + std::fmt::Debug>(&self, by: usize, ask: impl Fn(&Ledger) -> T) -> T {
        let (model, file) = (ask(&self.memory[by]), ask(&self.file[by]));
        assert_eq!(model, file, "the model, then the file");
        model
    }

    fn jobs(&self, run: usize) -> Vec<JobRecord> {
        self.both(0, |ledger| {
            let mut all = Vec::new();
            ledger
                .for_each_job(&self.runs[run], &mut |job| all.push(job))
                .unwrap();
            all
        })
    }

    fn step(&mut self, op: Op) {
        let now = at(self.now);
        match op {
            Op::Hold {
                by,
                run,
                want,
                cutoff,
            } => {
                let by = by.unwrap_or(self.owners[run]);
                let run = &self.runs[run];
                let _answer = self.both(by, |ledger| wait(ledger.hold_by(run, want, cutoff, now)));
            }
            Op::Record {
                by,
                run,
                job,
                events,
            } => self.record(by, run, job, events),
            Op::Advance { run, job, step } => self.advance(run, job, step),
            Op::Charge { run, job } => {
                let state = self.jobs(run)[job as usize].state;
                let is_open = matches!(state, JobState::Sent | JobState::InDoubt);
                if is_open && self.truth.get(&(run, job)) == Some(&Truth::Arrived) {
                    self.charge(run, job);
                }
            }
            Op::Refund { run, job } => {
                let is_accepted = self.jobs(run)[job as usize].state == JobState::Accepted;
                if is_accepted && self.truth[&(run, job)] == Truth::Charged {
                    self.refund(run, job);
                }
            }
            Op::Mark => {
                self.mark = Some(
                    self.both(0, |ledger| wait(ledger.mark_balance(&account())))
                        .unwrap(),
                );
            }
            Op::Ask(lag) => self.answer = self.mark.map(|mark| (mark, self.now, self.shown(lag))),
            Op::Observe => {
                if let Some((mark, asked, balance)) = self.answer {
                    let balance = Balance {
                        credits: credits(balance),
                        extra_credits: Credits::ZERO,
                    };
                    let note = |ledger: &Ledger| {
                        wait(ledger.observe_balance(&account(), mark, balance, at(asked), LAG))
                    };
                    self.both(0, note).unwrap();
                }
            }
            Op::Start { by, run } => {
                let id = &self.runs[run];
                let outcome = self.both(by, |ledger| wait(ledger.start(id, now)));
                if outcome.is_ok() {
                    self.owners[run] = by;
                }
            }
            Op::Finish { by, run } => {
                let run = &self.runs[run];
                let _outcome = self.both(by, |ledger| wait(ledger.finish(run, "end", None, now)));
            }
            Op::Wait(seconds) => self.now += seconds,
        }
    }

    fn advance(&mut self, run: usize, job: usize, step: usize) {
        let can = |state| {
            events()
                .into_iter()
                .filter(move |event| next(state, event).is_ok())
        };
        let is_movable = |job: &JobRecord| {
            let waits = job.state == JobState::Planned && job.job.reuse.is_none();
            !waits && can(job.state).next().is_some()
        };
        let movable = self.jobs(run).into_iter().filter(is_movable);
        let movable: Vec<JobRecord> = movable.collect();
        if let Some(job) = movable.get(job % movable.len().max(1)) {
            let steps: Vec<JobEvent> = can(job.state).collect();
            let event = steps[step % steps.len()].clone();
            self.record(self.owners[run], run, job.job.ordinal.0, vec![event]);
        }
    }

    fn price(&self, run: usize, job: u32) -> u64 {
        self.jobs(run)[job as usize].job.price.get()
    }

    fn charge(&mut self, run: usize, job: u32) {
        self.balance -= self.price(run, job);
        self.truth.insert((run, job), Truth::Charged);
        self.charged_at.insert((run, job), self.now);
    }

    /// Returns the balance as it looks without the charges of the last seconds. What was sent more than two minutes ago
    /// is in it however late it was charged.
    fn shown(&self, lag: i64) -> u64 {
        let hidden = |run: usize| {
            let jobs = self.jobs(run).into_iter();
            let jobs = jobs.filter(move |job| {
                let key = (run, job.job.ordinal.0);
                let is_charged = self.truth.get(&key) == Some(&Truth::Charged);
                let charged_at = self.charged_at.get(&key);
                let is_late = charged_at.is_some_and(|charged| *charged > self.now - lag);
                let is_recent = self.sent_at.get(&key) > Some(&(self.now - 120));
                is_charged && is_late && is_recent
            });
            jobs.map(|job| job.job.price.get()).sum::<u64>()
        };
        self.balance + hidden(0) + hidden(1)
    }

    fn refund(&mut self, run: usize, job: u32) {
        self.balance += self.price(run, job);
        self.truth.insert((run, job), Truth::Refunded);
    }

    /// Records events one by one where the provider has a word in it, so that the ledger is told only what is true.
    fn record(&mut self, by: usize, run: usize, job: u32, events: Vec<JobEvent>) {
        let state = self.jobs(run)[job as usize].state;
        let legal = match &events[..] {
            [only] => next(state, only).is_ok() && self.make_true(run, job, state, only),
            // Of a chain the provider would have to agree to each step: those that are legal are left out.
            [first, second] => match next(state, first) {
                Ok(between) => next(between, second).is_err(),
                Err(_) => true,
            },
            _ => false,
        };
        if !legal && events.iter().try_fold(state, next).is_ok() {
            return;
        }
        let (id, now) = (&self.runs[run], at(self.now));
        let outcome = self.both(by, |ledger| {
            wait(ledger.record(id, Ordinal(job), events.clone(), now))
        });
        if outcome == Ok(JobState::Sent) {
            self.truth.insert((run, job), Truth::Arrived);
            self.sent_at.insert((run, job), self.now);
        }
    }

    /// Tells whether the event can be true; lets the provider act first where that makes it so.
    fn make_true(&mut self, run: usize, job: u32, state: JobState, event: &JobEvent) -> bool {
        let truth = self.truth.get(&(run, job)).copied();
        match event {
            JobEvent::Accept { .. } | JobEvent::Lose { .. } if truth == Some(Truth::Arrived) => {
                self.charge(run, job);
                true
            }
            JobEvent::Retry { .. } | JobEvent::Refuse { .. } | JobEvent::Release { .. } => {
                state == JobState::Held || truth != Some(Truth::Charged)
            }
            JobEvent::Fail { refunded: true, .. } if truth == Some(Truth::Charged) => {
                self.refund(run, job);
                true
            }
            JobEvent::Fail {
                refunded: false, ..
            }
            | JobEvent::Lose { .. }
            | JobEvent::Succeed { .. } => truth != Some(Truth::Refunded),
            _ => true,
        }
    }

    fn check(&self, allowed: &Allowance) {
        self.both(0, Ledger::verify).unwrap();
        let used = self
            .both(1, |ledger| ledger.used_since(&account(), Some(at(0))))
            .unwrap();
        assert!(
            used.get() <= allowed.period,
            "{used} of the period's {}",
            allowed.period
        );
        let mut uncharged = 0;
        for (place, cap) in allowed.caps.into_iter().enumerate() {
            let told = self
                .both(1, |ledger| ledger.run(&self.runs[place]))
                .unwrap();
            let totals = told.totals;
            let used = totals.charged.get() - totals.refunded.get() + totals.held.get();
            assert!(used <= cap, "{used} of the run's {cap}");
            for job in self.jobs(place) {
                let truth = self.truth.get(&(place, job.job.ordinal.0));
                let is_on_its_way = matches!(job.state, JobState::Sent | JobState::InDoubt);
                if !(is_on_its_way && truth == Some(&Truth::Charged)) {
                    uncharged += job.held.get();
                }
            }
            let _due = self.both(0, |ledger| wait(ledger.due(&self.runs[place])));
        }
        assert!(
            self.balance >= KEEP + uncharged,
            "balance {} with {uncharged} set aside and {KEEP} to be kept",
            self.balance
        );
    }

    /// What one run has bought or may have bought, no other buys.
    fn check_once(&self) {
        let is_buyer = |job: &JobRecord| {
            let is_out = matches!(
                job.state,
                JobState::Sent | JobState::InDoubt | JobState::Accepted
            );
            (is_out || job.state.has_result()) && job.job.reuse.is_none()
        };
        let (one, other) = (self.jobs(0), self.jobs(1));
        for (a, b) in one.iter().zip(&other) {
            assert!(!(is_buyer(a) && is_buyer(b)), "bought twice: {a:?}\n{b:?}");
        }
    }

    /// Both stores tell the same of what was paid for.
    fn check_past(&self) {
        let paid = |ledger: &Ledger| {
            let paid = ledger.paid(&account()).unwrap();
            (0..JOBS)
                .map(|job| paid.find(&print(job)))
                .collect::<Vec<_>>()
        };
        self.both(1, paid);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_history_keeps_every_limit_in_every_store(
        jobs in jobs(),
        allowed in allowance(),
        history in prop::collection::vec(op(), 40..160),
    ) {
        let mut world = World::new(&jobs, &allowed);
        for op in history {
            world.step(op);
            world.check(&allowed);
            world.check_once();
        }
        world.check_past();
    }
}
