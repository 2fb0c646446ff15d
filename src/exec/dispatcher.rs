//! Owns a run's state: the only place that starts jobs, decides to stop, and knows when it is over.

mod shortage;
mod steering;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::JoinSet;

use crate::ledger::{HoldAnswer, LedgerError, LimitKind, Shortage};
use crate::model::{OnDrift, RunEvent, RunRecord, StopCause};

use super::control::{Control, StopLevel, Told};
use super::failures::Tally;
use super::lull::{self, Lulls};
use super::prove::{Proved, Prover, Verdict, prove};
use super::reconcile::reconcile;
use super::recover::Leftovers;
use super::saver;
use super::worker::{self, Message, RunOptions, Shared};

/// How often the lease of a run is renewed; a third of how long it lasts.
const LEASE_RENEWAL: Duration = Duration::from_secs(20);
/// How often jobs are asked for again that another run is buying just now.
const SAME_ELSEWHERE: Duration = Duration::from_secs(2);
/// Saves under way or waiting at once, per concurrency slot; beyond it no new job starts.
const SAVES_PER_SLOT: usize = 4;

pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    account: crate::model::AccountId,
    options: RunOptions,
    slots: usize,
    /// Jobs that hold a concurrency slot.
    running: usize,
    /// Jobs whose files are being saved.
    saving: usize,
    tally: Tally,
    cause: Option<StopCause>,
    /// Whether something happened since holds were last asked for that could make another succeed.
    stale: bool,
    /// What the last request for holds said.
    answer: HoldAnswer,
    /// Whether credits moved since the balance was last read.
    moved: bool,
    /// Whether it is being read afresh.
    is_reading: bool,
    /// Whether it could not be read the last time: then it is asked for again only once credits moved.
    read_failed: bool,
    /// When a balance can be believed that somebody was told the run waits for.
    told_of: Option<jiff::Timestamp>,
    /// Whether payments in doubt were weighed against the balance since the last request.
    weighed: bool,
    /// Lets jobs go alone.
    prover: Prover,
    /// Decides when the balance is compared with the books.
    lulls: Lulls,
    /// Work left by an earlier process that waits for a slot.
    backlog: VecDeque<BoxFuture<'static, Message>>,
    work: JoinSet<Message>,
}

/// Why and how the loop ended; no cause when there was nothing left to do.
pub(super) struct Stop {
    pub(super) cause: Option<StopCause>,
    pub(super) at_once: bool,
}

/// What the loop does next.
enum Turn {
    Over,
    Wait,
}

impl Dispatcher {
    pub(super) fn new(shared: Arc<Shared>, record: &RunRecord, options: RunOptions) -> Self {
        Self {
            slots: slots(shared.settings.concurrency),
            lulls: Lulls::new(shared.engine.clock.now()),
            shared,
            account: record.account.clone(),
            options,
            running: 0,
            saving: 0,
            tally: Tally::default(),
            cause: None,
            stale: true,
            answer: HoldAnswer::default(),
            moved: false,
            is_reading: false,
            read_failed: false,
            told_of: None,
            weighed: false,
            prover: Prover::new(options.proof),
            backlog: VecDeque::new(),
            work: JoinSet::new(),
        }
    }

    pub(super) fn take_up(&mut self, left: Leftovers) {
        for due in left.tasks {
            self.backlog
                .push_back(Box::pin(worker::resume(self.shared.clone(), due)));
        }
        for due in left.unsaved {
            if let Some(result) = due.result {
                self.spawn_save(saver::save(self.shared.clone(), due.job, result));
            }
        }
    }

    /// Runs until nothing is left to do or to wait for, or until it is told to leave.
    pub(super) async fn run(&mut self, control: &mut Control) -> Stop {
        let clock = self.shared.engine.clock.clone();
        let mut deadline = self.options.max_duration.map_or_else(
            || -> BoxFuture<'static, ()> { Box::pin(std::future::pending()) },
            |limit| clock.sleep(limit),
        );
        let mut renewal = clock.sleep(LEASE_RENEWAL);
        let mut recheck = clock.sleep(SAME_ELSEWHERE);
        loop {
            if matches!(self.fill().await, Turn::Over) {
                return Stop {
                    cause: self.cause.take(),
                    at_once: false,
                };
            }
            let balance_is_sure = self.until_balance_is_sure();
            tokio::select! {
                biased;
                told = control.told() => match told {
                    Told::Ask(ask) => self.obey(ask),
                    Told::Level(StopLevel::Go) => {}
                    Told::Level(StopLevel::Drain(cause)) => self.stop(cause),
                    Told::Level(StopLevel::Leave(cause)) => {
                        self.stop(cause);
                        self.work.shutdown().await;
                        return Stop { cause: self.cause.take(), at_once: true };
                    }
                },
                Some(done) = self.work.join_next() => {
                    self.settle(done);
                    // Whatever else is through by now is settled before the next hold is asked for.
                    while let Some(done) = self.work.try_join_next() {
                        self.settle(done);
                    }
                }
                () = &mut renewal => {
                    renewal = clock.sleep(LEASE_RENEWAL);
                    let now = clock.now();
                    if let Err(error) = self.shared.engine.ledger.renew_lease(&self.shared.run, now).await {
                        self.stop(StopCause::Storage { message: error.to_string() });
                    }
                }
                () = &mut recheck, if self.waits_for_another() => {
                    recheck = clock.sleep(SAME_ELSEWHERE);
                    self.stale = true;
                }
                Some(()) = balance_is_sure => self.stale = true,
                () = &mut deadline => {
                    deadline = Box::pin(std::future::pending());
                    self.stop(StopCause::TimeLimit);
                }
            }
        }
    }

    /// Starts what may start; tells whether anything is left to wait for.
    async fn fill(&mut self) -> Turn {
        while self.running < self.slots
            && let Some(job) = self.backlog.pop_front()
        {
            self.running += 1;
            self.work.spawn(job);
        }
        let is_going_on = matches!(self.cause, None | Some(StopCause::Limit { .. }));
        if let (true, Some(message)) = (is_going_on, self.shared.trouble.get()) {
            // Workers send nothing any more: jobs held from here on would only come back.
            let message = format!("a payment could not be recorded at once: {message}");
            self.stop(StopCause::Storage { message });
        }
        self.use_lull();
        while self.cause.is_none() && self.stale && self.has_room() {
            self.stale = false;
            let want = if self.prover.is_off() {
                self.slots - self.running
            } else {
                1
            };
            match self.hold(want).await {
                Ok(answer) => self.start(answer),
                Err(error) => self.stop(StopCause::Storage {
                    message: error.to_string(),
                }),
            }
            if self.may_show_more() {
                self.refresh();
            }
        }
        if self.cause.is_none()
            && self.running == 0
            && !self.is_paused()
            && let Some(job) = self.prover.next()
        {
            self.running += 1;
            self.work
                .spawn(prove(self.shared.clone(), self.account.clone(), job));
        }
        self.cut_off();
        let is_busy = self.running + self.saving > 0 || !self.backlog.is_empty();
        if self.waits_for_balance() {
            self.tell_of_wait();
            return Turn::Wait;
        }
        if is_busy || self.waits_for_another() || self.waits_for_go() {
            return Turn::Wait;
        }
        if self.may_settle_doubts() {
            self.weighed = true;
            let reconcile = reconcile(self.shared.clone(), self.account.clone());
            self.spawn_save(reconcile);
            return Turn::Wait;
        }
        if self.cause.is_none()
            && let Some(shortage) = self.answer.shortage
        {
            self.cause = Some(limit_reached(shortage));
            self.announce_stop();
        }
        Turn::Over
    }

    /// Tells whether payments in doubt are all that is left, and were not weighed since the last request.
    fn may_settle_doubts(&self) -> bool {
        let ledger = &self.shared.engine.ledger;
        let has_doubts = || {
            ledger
                .run(&self.shared.run)
                .is_ok_and(|run| run.totals.in_doubt > 0)
        };
        self.cause.is_none() && self.options.settle_doubts && !self.weighed && has_doubts()
    }

    /// Tells whether jobs wait for what another run is buying.
    fn waits_for_another(&self) -> bool {
        self.cause.is_none() && self.answer.deferred > 0
    }

    fn has_room(&self) -> bool {
        !self.is_paused()
            && !self.prover.blocks()
            && !self.lulls.blocks()
            && self.running < self.slots
            && self.saving < self.slots.saturating_mul(SAVES_PER_SLOT)
    }

    async fn hold(&self, want: usize) -> Result<HoldAnswer, LedgerError> {
        let now = self.shared.engine.clock.now();
        self.shared
            .engine
            .ledger
            .hold_by(&self.shared.run, want, self.options.cutoff, now)
            .await
    }

    fn start(&mut self, mut answer: HoldAnswer) {
        let jobs = std::mem::take(&mut answer.jobs);
        // A full answer may have left more behind, and so may one whose jobs were all skipped; ask again as soon as there
        // is room.
        self.stale = !jobs.is_empty() || answer.skipped > 0;
        self.weighed &= jobs.is_empty();
        self.answer = answer;
        for job in jobs {
            if job.reused.is_some() {
                self.spawn_save(saver::reuse(self.shared.clone(), job));
            } else if self.prover.wants(&job) {
                self.prover.put_off(job);
            } else {
                self.running += 1;
                self.work.spawn(worker::begin(self.shared.clone(), job));
            }
        }
    }

    /// Compares the balance with the books, if this is a lull to be used and there is more to do.
    fn use_lull(&mut self) {
        let is_lull = self.cause.is_none()
            && self.running == 0
            && self.backlog.is_empty()
            && !self.prover.blocks();
        if !is_lull || !self.lulls.is_due(self.shared.engine.clock.now()) {
            return;
        }
        let run = self.shared.engine.ledger.run(&self.shared.run);
        if run.is_ok_and(|run| run.totals.ended < run.totals.jobs) {
            self.lulls.begin();
            let look = lull::look(self.shared.clone(), self.account.clone());
            self.spawn_save(look);
        }
    }

    fn spawn_save(&mut self, save: impl Future<Output = Message> + Send + 'static) {
        self.saving += 1;
        self.work.spawn(save);
    }

    fn settle(&mut self, done: Result<Message, tokio::task::JoinError>) {
        self.stale = true;
        let message = match done {
            Ok(message) => message,
            Err(error) if error.is_cancelled() => return,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.settle_message(message);
    }

    fn settle_message(&mut self, message: Message) {
        match message {
            Message::Proved(proved) => self.heed_proof(*proved),
            Message::Succeeded(job_and_result) => {
                self.leave_slot();
                self.tally.succeeded();
                let (job, result) = *job_and_result;
                self.spawn_save(saver::save(self.shared.clone(), job, result));
            }
            Message::Settled(state) => {
                self.leave_slot();
                self.tally.ended(state);
                self.heed_failures();
            }
            Message::Saved | Message::Reconciled => self.saving -= 1,
            Message::Read(is_read) => {
                self.saving -= 1;
                self.is_reading = false;
                self.read_failed = !is_read;
            }
            Message::Looked(missing) => {
                self.saving -= 1;
                self.lulls.end(self.shared.engine.clock.now());
                if let Some(message) = missing {
                    self.heed_drift(message);
                }
            }
            Message::Stop(cause) => {
                self.leave_slot();
                self.stop(cause);
            }
            Message::SaveStop(cause) => {
                self.saving -= 1;
                self.stop(cause);
            }
        }
    }

    fn heed_proof(&mut self, proved: Proved) {
        self.prover.is_through(proved.operation);
        self.settle_message(proved.message);
        match proved.verdict {
            Verdict::Agrees => {}
            Verdict::Differs(message) => self.heed_drift(message),
            Verdict::Unclear(message) => self.shared.tell(RunEvent::Warning { message }),
        }
    }

    fn heed_drift(&mut self, message: String) {
        match self.options.on_drift {
            OnDrift::Stop => self.stop(StopCause::Drift { message }),
            OnDrift::Warn => self.shared.tell(RunEvent::Warning { message }),
        }
    }

    fn heed_failures(&mut self) {
        let limit = self.options.max_failures;
        if limit.is_some_and(|limit| self.tally.reaches(limit)) {
            self.stop(StopCause::Failures);
        }
    }

    fn leave_slot(&mut self) {
        self.running -= 1;
        self.moved = true;
        self.lulls.note_move();
    }

    /// Sends nothing new from here on. The first cause stands, unless a worse one follows.
    fn stop(&mut self, cause: StopCause) {
        self.shared.halt.cancel();
        let worse = matches!(cause, StopCause::Storage { .. } | StopCause::Access { .. });
        if self.cause.is_none() || worse {
            self.cause = Some(cause);
            self.announce_stop();
        }
    }

    fn announce_stop(&self) {
        if let Some(cause) = &self.cause {
            let running = u64::try_from(self.running).unwrap_or(u64::MAX);
            self.shared.tell(RunEvent::Stopping {
                cause: cause.clone(),
                running,
            });
        }
    }
}

fn slots(concurrency: u32) -> usize {
    usize::try_from(concurrency).unwrap_or(usize::MAX).max(1)
}

fn limit_reached(shortage: Shortage) -> StopCause {
    let limit = match shortage.limit {
        LimitKind::Run => "run",
        LimitKind::Period => "period",
        LimitKind::Balance => "balance",
    };
    StopCause::Limit {
        limit: limit.to_owned(),
        left: shortage.left,
        needed: shortage.needed,
    }
}
