//! All runs, and what is asked of them: the rules in their plainest form.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::audit::Unexplained;
use crate::ledger::command::{
    Enrolment, HeldJob, HoldAnswer, JobEvent, LedgerError, NewRun, Reused,
};
use crate::ledger::elsewhere::{Other, Verdict, judge};
use crate::ledger::entry::{Booking, defect_of, has_ended};
use crate::ledger::evidence::Checkpoint;
use crate::ledger::handle::BalanceMark;
use crate::ledger::limits::{
    Candidate, Figures, Reading, RecentCharges, Room, choose, choose_in_order, shortage,
};
use crate::ledger::store::{Command, Owner, Reply, Request, slot};
use crate::model::{
    AccountId, Balance, Credits, Cutoff, Input, JobState, Ordinal, Reuse, RunId, RunRecord,
    RunState, RunTotals,
};

use super::run::{Job, Run, held_job, not_found, upstream};

#[derive(Clone, Default)]
pub(super) struct Books {
    /// In the order they were made.
    pub(super) runs: Vec<Run>,
    pub(super) readings: BTreeMap<AccountId, (Reading, Timestamp)>,
    pub(super) checkpoints: BTreeMap<AccountId, Checkpoint>,
    pub(super) audits: Vec<(RunId, Ordinal, Credits, Timestamp)>,
    pub(super) unexplained: Vec<(AccountId, Unexplained)>,
    pub(super) bookings: Vec<(AccountId, Booking)>,
    /// What was told of, of which account, in the period that began when.
    pub(super) alerts: BTreeSet<(AccountId, Timestamp, String)>,
}

impl Books {
    pub(super) fn place(&self, run: &RunId) -> Result<usize, LedgerError> {
        self.runs
            .iter()
            .position(|known| known.record.id == *run)
            .ok_or_else(|| not_found(format!("run `{run}`")))
    }

    pub(super) fn find(&self, run: &RunId) -> Result<&Run, LedgerError> {
        self.place(run).map(|place| &self.runs[place])
    }

    pub(super) fn find_mut(&mut self, run: &RunId) -> Result<&mut Run, LedgerError> {
        self.place(run).map(|place| &mut self.runs[place])
    }

    pub(super) fn apply(&mut self, request: Request) -> Result<Reply, LedgerError> {
        let Request {
            run,
            owner,
            command,
        } = request;
        match command {
            Command::Enroll { run, now } => self.enroll(*run, owner, now)?,
            Command::AddJobs { jobs } => self.add_jobs(&run, owner, jobs)?,
            Command::BreakLease { now } => self.find_mut(&run)?.break_lease(now),
            Command::Start { now } => self.start(&run, owner, now)?,
            Command::RenewLease { now } => {
                let run = self.find_mut(&run)?;
                if !run.is_owned_by(owner) {
                    return Err(LedgerError::Leased(run.record.id.clone()));
                }
                run.take_lease(owner, now);
            }
            Command::SetOpening { opening } => {
                self.find_mut(&run)?.record.opening.get_or_insert(opening);
            }
            Command::SetLimits { limits } => {
                self.find_mut(&run)?.record.settings.limits = limits;
            }
            Command::Finish {
                ending,
                closing,
                now,
            } => self.finish(&run, owner, ending, closing, now)?,
            Command::Discard { now } => {
                let place = self.place(&run)?;
                let known = &self.runs[place];
                if known.record.state != RunState::Enrolling
                    || known.is_leased_to_another(owner, now)
                {
                    return Err(LedgerError::Leased(run));
                }
                self.runs.remove(place);
            }
            Command::ObserveBalance {
                account,
                mark,
                balance,
                asked,
                lag,
            } => self.observe(account, mark, balance, asked, lag)?,
            Command::KeepCheckpoint {
                account,
                mark,
                balance,
                rise,
                now,
            } => {
                return self
                    .keep_checkpoint(account, mark, balance, rise, now)
                    .map(Reply::Kept);
            }
            Command::ClaimAlerts {
                account,
                period_start,
                mut what,
                now: _,
            } => {
                what.retain(|it| {
                    let alert = (account.clone(), period_start, it.clone());
                    self.alerts.insert(alert)
                });
                return Ok(Reply::Claimed(what));
            }
            Command::Forget {
                print,
                operations,
                clip,
            } => {
                let known = self.forget(&run, print, &operations, &clip)?;
                return Ok(Reply::Forgotten(known));
            }
            Command::ReturnAlerts {
                account,
                period_start,
                what,
            } => {
                for it in what {
                    self.alerts.remove(&(account.clone(), period_start, it));
                }
            }
            Command::NoteAudit { job, charged, now } => {
                self.note_audit(run, job, charged, now)?;
            }
            Command::Hold { want, cutoff, now } => {
                return self.hold(&run, owner, want, cutoff, now).map(Reply::Held);
            }
            Command::Record { job, events, now } => {
                return self
                    .record(&run, owner, job, &events, now)
                    .map(Reply::State);
            }
        }
        Ok(Reply::Done)
    }

    pub(super) fn enroll(
        &mut self,
        run: NewRun,
        owner: Owner,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        if self.find(&run.id).is_ok() {
            return Err(not_found(format!("place for a second run `{}`", run.id)));
        }
        let mut made = Run {
            record: RunRecord {
                id: run.id,
                manifest: run.manifest,
                manifest_path: run.manifest_path,
                manifest_digest: run.manifest_digest,
                account: run.account,
                price_list: run.price_list,
                settings: run.settings,
                state: RunState::Enrolling,
                ending: None,
                created_at: now,
                finished_at: None,
                opening: None,
                closing: None,
                totals: RunTotals::default(),
            },
            lease: None,
            jobs: BTreeMap::new(),
        };
        made.take_lease(owner, now);
        self.runs.push(made);
        Ok(())
    }

    pub(super) fn add_jobs(
        &mut self,
        run: &RunId,
        owner: Owner,
        jobs: Vec<Enrolment>,
    ) -> Result<(), LedgerError> {
        let place = self.place(run)?;
        // On a copy: of a list with one bad job none is added.
        let mut changed = self.runs[place].clone();
        if changed.record.state != RunState::Enrolling || !changed.is_owned_by(owner) {
            return Err(LedgerError::Leased(run.clone()));
        }
        for enrolment in jobs {
            if let Some(reuse @ Reuse::Run { run, job, .. }) = &enrolment.job.reuse
                && self.source(run, reuse).is_none()
            {
                return Err(not_found(format!(
                    "result of job `{job}` of run `{run}`, which `{}` is to reuse; plan again",
                    enrolment.job.id
                )));
            }
            changed.add(enrolment)?;
        }
        self.runs[place] = changed;
        Ok(())
    }

    pub(super) fn start(
        &mut self,
        run: &RunId,
        owner: Owner,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let run = self.find_mut(run)?;
        let id = run.record.id.clone();
        let is_ours = run.is_owned_by(owner);
        if run.is_leased_to_another(owner, now) {
            return Err(LedgerError::Leased(id));
        }
        if run.record.state == RunState::Enrolling && !is_ours {
            return Err(not_found(format!(
                "run `{id}` in full: its enrolment was cut short; run it anew"
            )));
        }
        if !(run.record.state == RunState::Running && is_ours) {
            run.give_back(now)?;
        }
        run.take_lease(owner, now);
        let record = &mut run.record;
        record.state = RunState::Running;
        (record.ending, record.finished_at, record.closing) = (None, None, None);
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        run: &RunId,
        owner: Owner,
        ending: String,
        closing: Option<Credits>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let run = self.find_mut(run)?;
        run.fence(owner)?;
        run.give_back(now)?;
        let is_done = run.jobs.values().all(|job| has_ended(job.entry.state));
        run.lease = None;
        let record = &mut run.record;
        record.state = if is_done {
            RunState::Finished
        } else {
            RunState::Stopped
        };
        (record.ending, record.closing) = (Some(ending), closing);
        record.finished_at = Some(now);
        Ok(())
    }

    pub(super) fn observe(
        &mut self,
        account: AccountId,
        mark: BalanceMark,
        balance: Balance,
        asked: Timestamp,
        lag: Duration,
    ) -> Result<(), LedgerError> {
        let read = Reading {
            balance: balance.available()?,
            mark: mark.charged,
            unsure: None,
        };
        let believed = match self.readings.get(&account) {
            Some((known, _)) if known.mark > read.mark => return Ok(()),
            Some((known, _)) => read.beside(*known, lag, || {
                self.recent_charges(&account, RecentCharges::since(asked, lag))
            })?,
            None => read,
        };
        self.readings.insert(account, (believed, asked));
        Ok(())
    }

    pub(super) fn settled_since(
        &self,
        account: &AccountId,
        since: Option<Timestamp>,
    ) -> Result<(Credits, Credits), LedgerError> {
        let mut settled = (Credits::ZERO, Credits::ZERO);
        for (_, booking) in self.bookings.iter().filter(|(whose, booking)| {
            let at = booking.submitted_at.map(slot);
            whose == account && since.is_none_or(|since| at >= Some(slot(since)))
        }) {
            settled.0 = settled.0.plus(booking.charged)?;
            settled.1 = settled.1.plus(booking.refunded)?;
        }
        Ok(settled)
    }

    pub(super) fn held_by(&self, account: &AccountId) -> Result<Credits, LedgerError> {
        self.runs
            .iter()
            .filter(|run| run.record.account == *account)
            .try_fold(Credits::ZERO, |sum, run| Ok(sum.plus(run.held()?)?))
    }

    pub(super) fn hold(
        &mut self,
        run: &RunId,
        owner: Owner,
        want: usize,
        cutoff: Cutoff,
        now: Timestamp,
    ) -> Result<HoldAnswer, LedgerError> {
        let place = self.place(run)?;
        self.runs[place].fence(owner)?;
        let mut room = self.room(&self.runs[place])?;
        let mut answer = HoldAnswer::default();
        let found = candidates(&self.runs[place], want, room.tightest().1, cutoff);
        let candidates = self.sift(place, owner, found, now, &mut answer)?;
        let (chosen, first_unfit) = match cutoff {
            Cutoff::Hard => choose_in_order(candidates, want, &mut room),
            Cutoff::Soft | Cutoff::Cautious => (choose(candidates, want, &mut room), None),
        };
        for chosen in chosen {
            if let Some(job) = self.runs[place].jobs.get_mut(&chosen.ordinal) {
                let held = job.entry.hold();
                held.map_err(|error| error.of(job.job.id.as_str()))?;
            }
            let run = &self.runs[place];
            answer
                .jobs
                .push(self.hand_out(run, run.need(chosen.ordinal)?)?);
        }
        self.runs[place].keep_lease(owner, now);
        let run = &self.runs[place];
        if answer.jobs.len() < want && answer.deferred == 0 {
            let cheapest = || run.ready().map(|job| job.entry.cost).min();
            let needed = match cutoff {
                Cutoff::Hard => first_unfit,
                Cutoff::Soft | Cutoff::Cautious => cheapest(),
            };
            answer.shortage = shortage(&room, needed);
            answer.balance_sure = answer.shortage.and_then(|short| room.sure_from(&short));
        }
        let waits = |job: &&Job| job.entry.state.is_startable() && !job.entry.claimed;
        if cutoff == Cutoff::Cautious && answer.shortage.is_some() {
            let left = room.tightest().1;
            let mut waiting = run.jobs.values().filter(waits);
            answer.later_fits = waiting.any(|job| run.unmet(job) > 0 && job.entry.cost <= left);
        }
        let waiting = run.jobs.values().filter(waits).count();
        answer.waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        Ok(answer)
    }

    /// Sorts out the jobs that another run buys, has bought, or may have bought.
    fn sift(
        &mut self,
        place: usize,
        owner: Owner,
        found: Vec<Candidate>,
        now: Timestamp,
        answer: &mut HoldAnswer,
    ) -> Result<Vec<Candidate>, LedgerError> {
        let id = self.runs[place].record.id.clone();
        let mut candidates = Vec::with_capacity(found.len());
        for mut candidate in found {
            match self.verdict(place, candidate.ordinal, now)? {
                Verdict::Buy => candidates.push(candidate),
                Verdict::Use(reuse) => {
                    if let Some(job) = self.runs[place].jobs.get_mut(&candidate.ordinal) {
                        job.entry.use_another();
                        job.job.reuse = Some(reuse);
                    }
                    candidate.cost = Credits::ZERO;
                    candidates.push(candidate);
                }
                Verdict::Wait => answer.deferred += 1,
                Verdict::Block(error) => {
                    let skip = [JobEvent::Skip { error }];
                    self.record(&id, owner, candidate.ordinal, &skip, now)?;
                    answer.skipped += 1;
                }
            }
        }
        Ok(candidates)
    }

    fn verdict(&self, place: usize, job: Ordinal, now: Timestamp) -> Result<Verdict, LedgerError> {
        Ok(judge(&self.others(place, job, now)?))
    }

    /// Tells whether another run sent a request for what a held job is about to be sent for.
    fn is_bought(&self, place: usize, job: Ordinal, now: Timestamp) -> Result<bool, LedgerError> {
        let others = self.others(place, job, now)?;
        Ok(others.iter().any(|other| other.state != JobState::Held))
    }

    /// Finds the jobs of other runs with a job's content that are in hand or were bought.
    fn others(
        &self,
        place: usize,
        job: Ordinal,
        now: Timestamp,
    ) -> Result<Vec<Other>, LedgerError> {
        let run = &self.runs[place];
        let wanted = run.need(job)?;
        if wanted.entry.reused || run.record.settings.fresh {
            return Ok(Vec::new());
        }
        let mut others = Vec::new();
        for (at, other) in self.runs.iter().enumerate() {
            if at == place || other.record.account != run.record.account {
                continue;
            }
            let is_alive = other.record.state == RunState::Running
                && other.lease.is_some_and(|(_, until)| now < until);
            let same = other.jobs.values().filter(|job| {
                let is_bought = job.entry.is_in_hand() || job.entry.state == JobState::Saved;
                job.job.fingerprint == wanted.job.fingerprint
                    && !job.entry.reused
                    && !job.is_forgotten
                    && is_bought
            });
            others.extend(same.map(|job| Other {
                run: other.record.id.clone(),
                job: job.job.id.clone(),
                ordinal: job.job.ordinal,
                state: job.entry.state,
                is_alive,
            }));
        }
        Ok(others)
    }

    pub(super) fn room(&self, run: &Run) -> Result<Room, LedgerError> {
        let account = &run.record.account;
        let limits = &run.record.settings.limits;
        let totals = run.totals()?;
        let period = self.settled_since(account, limits.period_start)?;
        let net = |charged: Credits, refunded| charged.minus(refunded);
        let figures = Figures {
            run_used: net(totals.charged.plus(totals.held)?, totals.refunded)?,
            period_settled: net(period.0, period.1)?,
            account_held: self.held_by(account)?,
            account_charged: self.settled_since(account, None)?.0,
            reading: self.readings.get(account).map(|known| known.0),
        };
        Ok(Room::new(limits, &figures)?)
    }

    pub(super) fn source(&self, own: &RunId, reuse: &Reuse) -> Option<Reused> {
        let (run, ordinal) = match reuse {
            Reuse::Run { run, ordinal, .. } => (run, ordinal),
            Reuse::Twin { ordinal, .. } => (own, ordinal),
        };
        let run = self.find(run).ok()?;
        let job = run.jobs.get(ordinal)?;
        let result = job.result.clone()?;
        let state = job.entry.state;
        state.has_result().then(|| Reused {
            result,
            files: job.files.clone(),
            out: run.record.settings.out.clone(),
            defect: defect_of(state, job.entry.error.clone()),
        })
    }

    pub(super) fn hand_out(&self, run: &Run, job: &Job) -> Result<HeldJob, LedgerError> {
        let mut held = held_job(job);
        if let Some(reuse) = &job.job.reuse {
            let found = self.source(&run.record.id, reuse);
            held.reused = Some(found.ok_or_else(|| {
                LedgerError::Corrupt(format!("job `{}` reuses no result", job.job.id))
            })?);
        }
        let inputs = Input::from_canonical(&job.job.inputs)
            .map_err(|error| LedgerError::Corrupt(format!("job `{}`: {error}", job.job.id)))?;
        let mut wanted = BTreeSet::new();
        inputs.for_each_ref(&mut |reference| {
            wanted.insert(reference.job);
        });
        held.upstream = upstream(run, job, wanted);
        Ok(held)
    }

    pub(super) fn record(
        &mut self,
        run: &RunId,
        owner: Owner,
        job: Ordinal,
        events: &[JobEvent],
        now: Timestamp,
    ) -> Result<JobState, LedgerError> {
        let place = self.place(run)?;
        let run = &mut self.runs[place];
        let needs_lease = events.iter().any(JobEvent::needs_lease);
        if needs_lease || run.record.state == RunState::Enrolling {
            run.fence(owner)?;
        }
        if events.contains(&JobEvent::Send) && self.is_bought(place, job, now)? {
            let job = self.runs[place].need(job)?.job.id.as_str().to_owned();
            return Err(LedgerError::BoughtElsewhere(job));
        }
        let run = &mut self.runs[place];
        let known = run.need(job)?;
        let before = known.entry.state;
        let mut after = known.entry.clone();
        let booking = after
            .apply(events, now)
            .map_err(|error| error.of(known.job.id.as_str()))?;
        let is_restarted = before.ended_badly() && !after.state.ended_badly();
        if is_restarted && before == JobState::Skipped && run.needs_bad_job(known) {
            return Err(LedgerError::IllegalStep {
                job: known.job.id.to_string(),
                state: before,
                event: JobEvent::Restart.participle(),
            });
        }
        if needs_lease {
            run.keep_lease(owner, now);
        }
        let state = after.state;
        if let Some(known) = run.jobs.get_mut(&job) {
            known.entry = after;
            known.keep(events);
        }
        if !before.ended_badly() && state.ended_badly() {
            run.skip_dependents(job, now)?;
        }
        if is_restarted {
            run.revive_dependents(job)?;
        }
        if has_ended(before) && !has_ended(state) && run.record.state == RunState::Finished {
            run.record.state = RunState::Stopped;
        }
        if booking.submitted_at.is_some() {
            let account = run.record.account.clone();
            self.bookings.push((account, booking));
        }
        Ok(state)
    }
}

/// For each cost that fits, the best `want` jobs that may start; with a hard cutoff also the best that does not fit.
fn candidates(run: &Run, want: usize, left: Credits, cutoff: Cutoff) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = run
        .ready()
        .map(|job| Candidate {
            priority: job.job.priority,
            ordinal: job.job.ordinal,
            cost: job.entry.cost,
        })
        .collect();
    found.sort_unstable_by_key(|job| (job.cost, Reverse(job.priority), job.ordinal));
    let count = |cost: Credits| match cutoff {
        _ if cost <= left => want,
        Cutoff::Hard => 1,
        Cutoff::Soft | Cutoff::Cautious => 0,
    };
    found
        .chunk_by(|a, b| a.cost == b.cost)
        .flat_map(|same| same.iter().take(count(same[0].cost)).copied())
        .collect()
}
