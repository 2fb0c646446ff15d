//! Carries a scenario out: processes as their scripts have it, then as many calm ones as it takes to end every job.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use setlist::api::Client;
use setlist::catalog::Catalog;
use setlist::exec::{Ending, Engine, ExecError, RunOptions, carry_out, control};
use setlist::ledger::{JobEvent, Ledger, LedgerError};
use setlist::model::{
    Clock, Credits, JobRecord, JobState, OnDrift, RunId, RunState, SpendLimits, StopCause, TaskId,
};
use setlist::sim::AuditEntry;

use crate::process::{Process, trouble};
use crate::scenario::{Order, Scenario, Script};
use crate::wire::Wire;
use crate::world::World;

/// No process works longer than this.
const LIFETIME: Duration = Duration::from_secs(10 * 86_400);
/// Calm processes after which every job must have ended.
const REPAIRS: usize = 20;

/// Runs a scenario to its end and returns what happened in it.
pub fn play(scenario: Scenario) -> Arc<World> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(scenario);
        tokio::spawn(Arc::clone(&world).strangers());
        world.carry_out().await;
        world
    })
}

/// How a process ended.
enum Outcome {
    Died,
    Ended(Ending),
    /// It could not go on for its store's sake.
    Broke,
}

impl World {
    async fn carry_out(self: &Arc<Self>) {
        let count = self.scenario.batches.len();
        let mut runs = vec![None; count];
        match self.scenario.order {
            Order::Together => {
                let (left, right) = tokio::join!(self.follow_scripts(0), self.follow_scripts(1));
                runs = vec![left, right];
            }
            Order::InTurn { to_the_end } => {
                for (batch, run) in runs.iter_mut().enumerate() {
                    *run = self.follow_scripts(batch).await;
                    if to_the_end {
                        *run = self.bring_to_its_end(batch, run.take()).await;
                    }
                }
                // An earlier run is left as it stands: what it waits for may have been bought by the later ones.
                runs[..count - 1].fill(None);
            }
        }
        for (batch, run) in runs.into_iter().enumerate() {
            if run.is_some() || batch + 1 == count {
                self.bring_to_its_end(batch, run).await;
            }
        }
        self.check_end();
    }

    async fn follow_scripts(self: &Arc<Self>, batch: usize) -> Option<RunId> {
        let mut run = None;
        for (number, script) in self.scenario.batches[batch].scripts.iter().enumerate() {
            self.clock.sleep(script.pause).await;
            let process = Process::new(self, format!("b{batch}p{number}"), script.clone());
            self.live(&process, batch, &mut run, self.scenario.limits.clone())
                .await;
            if let Some(run) = &run
                && self.eyes.run(run).unwrap().state == RunState::Finished
            {
                break;
            }
        }
        run
    }

    /// Starts calm processes, with credits enough and doubts settled, until every job has ended.
    async fn bring_to_its_end(self: &Arc<Self>, batch: usize, run: Option<RunId>) -> Option<RunId> {
        let mut run = run;
        for number in 0..REPAIRS {
            // What is still on the wire arrives.
            self.clock.sleep(Duration::from_secs(300)).await;
            if let Some(run) = &run {
                self.settle_doubts(run).await;
                if self.unfinished(run).is_empty() {
                    return Some(run.clone());
                }
            }
            self.simulator
                .top_up(Credits::new(1_000), Credits::ZERO)
                .unwrap();
            let process = Process::new(self, format!("b{batch}c{number}"), Script::calm());
            self.live(&process, batch, &mut run, self.no_limits()).await;
        }
        let left: Vec<_> = run.iter().flat_map(|run| self.unfinished(run)).collect();
        self.violated(format!(
            "jobs of batch {batch} have come to no end: {left:?}"
        ));
        run
    }

    /// Lets one process work until it ends or dies.
    async fn live(
        self: &Arc<Self>,
        process: &Arc<Process>,
        batch: usize,
        run: &mut Option<RunId>,
        limits: SpendLimits,
    ) {
        let ledger = self.ledger().watched(process.clone());
        // A run whose first process died before it began is made anew.
        run.take_if(|run| ledger.run(run).unwrap().state == RunState::Enrolling);
        let (handle, control) = control();
        let working = async {
            match run {
                None => *run = Some(self.enroll(&ledger, batch).await?),
                Some(run) => self.take_up(&ledger, process, run, limits).await?,
            }
            let run = run.as_ref().unwrap();
            let engine = self.engine(process, &ledger);
            let options = RunOptions {
                max_duration: process.script.max_duration,
                max_failures: process.script.max_failures,
                cutoff: process.script.cutoff,
                settle_doubts: process.script.settles,
                proof: process.script.proof,
                on_drift: OnDrift::Warn,
                pace: None,
                closing: None,
            };
            let (events, _nobody) = tokio::sync::mpsc::unbounded_channel();
            carry_out(&engine, run, options, control, events).await
        };
        let working = tokio::time::timeout(LIFETIME, working);
        let outcome = tokio::select! {
            biased;
            () = process.death.cancelled() => Outcome::Died,
            () = trouble(process.clone(), handle) => unreachable!("trouble never ends"),
            ended = working => self.judge(process, ended),
        };
        // Whatever of it is still on its way does nothing any more.
        process.death.cancel();
        if let Outcome::Ended(ending) = &outcome {
            process.trace(|| format!("ends: {}", ending.describe()));
            self.check_ending(process, run.as_ref().unwrap(), ending);
        }
        if let Some(run) = run {
            self.check_jobs(run);
        }
    }

    fn judge(
        &self,
        process: &Process,
        ended: Result<Result<Ending, ExecError>, tokio::time::error::Elapsed>,
    ) -> Outcome {
        match ended {
            Ok(Ok(Ending::Stopped(StopCause::Storage { .. }))) | Ok(Err(_))
                if process.had_full_disk.load(Ordering::SeqCst) =>
            {
                process.trace(|| "gives up for a full disk".to_owned());
                Outcome::Broke
            }
            Ok(Ok(ending)) => Outcome::Ended(ending),
            Ok(Err(error)) => {
                self.violated(format!("{} can't work: {error}", process.name));
                Outcome::Broke
            }
            Err(_) => {
                self.violated(format!("{} never ends", process.name));
                Outcome::Broke
            }
        }
    }

    /// Takes a run over from a process that ended or died, as `setlist resume` does.
    async fn take_up(
        &self,
        ledger: &Ledger,
        process: &Process,
        run: &RunId,
        limits: SpendLimits,
    ) -> Result<(), LedgerError> {
        if process.script.breaks_lease {
            ledger.break_lease(run, self.clock.now()).await?;
        }
        loop {
            match ledger.start(run, self.clock.now()).await {
                Err(LedgerError::Leased(_)) if !process.script.breaks_lease => {
                    self.clock.sleep(Duration::from_secs(7)).await;
                }
                other => break other?,
            }
        }
        ledger.set_limits(run, limits).await?;
        if process.script.retries {
            for job in self.jobs(run) {
                if matches!(job.state, JobState::Failed | JobState::Refused) {
                    let now = self.clock.now();
                    self.is_wanted_again(run, job.job.ordinal);
                    ledger
                        .record(run, job.job.ordinal, vec![JobEvent::Restart], now)
                        .await?;
                }
            }
        }
        Ok(())
    }

    fn engine(&self, process: &Arc<Process>, ledger: &Ledger) -> Engine {
        let catalog = Catalog::builtin().clone();
        let timeout = Duration::from_secs(60);
        let client =
            Client::new(catalog.clone(), "", Arc::new(Wire::of(process)), timeout).unwrap();
        Engine {
            ledger: ledger.clone(),
            service: Arc::new(client),
            catalog,
            clock: self.clock.clone(),
            seed: self.with_rng(|rng| rng.u64(..)),
            files: Arc::new(()),
        }
    }

    /// Settles every payment in doubt as a person does who can see the provider's books.
    async fn settle_doubts(&self, run: &RunId) {
        let ledger = self.ledger();
        let doubts: Vec<JobRecord> = self
            .jobs(run)
            .into_iter()
            .filter(|job| job.state == JobState::InDoubt)
            .collect();
        if doubts.is_empty() {
            return;
        }
        let now = self.clock.now();
        ledger.break_lease(run, now).await.unwrap();
        ledger.start(run, now).await.unwrap();
        for job in doubts {
            let event = self.evidence(&job);
            self.trace(|| format!("a person settles job {}: {event:?}", job.job.ordinal));
            ledger
                .record(run, job.job.ordinal, vec![event], now)
                .await
                .unwrap();
        }
        let closing = ledger.run(run).unwrap().closing;
        ledger
            .finish(run, "settled by hand", closing, now)
            .await
            .unwrap();
    }

    fn evidence(&self, job: &JobRecord) -> JobEvent {
        let audit = self.simulator.audit();
        let charged = {
            let notes = self.notes();
            let of_job =
                |post: &&crate::world::Post| post.job == (job.run.clone(), job.job.ordinal);
            let last = notes.posts.iter().rev().find(of_job);
            let entry = last
                .and_then(|post| post.entry)
                .map(|entry| &audit.entries[entry]);
            // What was paid before it was wanted again is no evidence of the request in doubt, which may never have left.
            let is_of_it = |entry: &&AuditEntry| Some(entry.at) >= job.submitted_at;
            entry
                .filter(|entry| entry.accepted)
                .filter(is_of_it)
                .cloned()
        };
        match charged {
            None => JobEvent::Release { error: None },
            Some(entry) => match entry.task {
                Some(task) if self.with_rng(|rng| rng.u8(..4)) > 0 => JobEvent::Accept {
                    task: Some(TaskId::new(task.as_str())),
                },
                _ => JobEvent::Lose {
                    error: "its task can't be found".to_owned(),
                },
            },
        }
    }
}
