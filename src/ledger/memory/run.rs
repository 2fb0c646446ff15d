//! One run and its jobs: every count and sum is worked out from the jobs when it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::ledger::account::RunShare;
use crate::ledger::command::{Enrolment, HeldJob, JobEvent, LedgerError};
use crate::ledger::entry::{Entry, has_ended};
use crate::ledger::store::{LEASE, Owner, begin_of_slot, requirements, skip_reason};
use crate::model::{
    Credits, Fingerprint, JobRecord, JobResult, JobState, NewJob, Ordinal, RunId, RunRecord,
    RunState, RunTotals,
};

#[derive(Clone)]
pub(super) struct Run {
    /// Its totals are left at zero, and worked out when it is shown.
    pub(super) record: RunRecord,
    pub(super) lease: Option<(Owner, Timestamp)>,
    pub(super) jobs: BTreeMap<Ordinal, Job>,
}

#[derive(Clone)]
pub(super) struct Job {
    pub(super) job: NewJob,
    pub(super) entry: Entry,
    pub(super) result: Option<JobResult>,
    pub(super) files: Vec<String>,
    /// Whether the provider has its upload no more.
    pub(super) is_forgotten: bool,
}

pub(super) fn not_found(what: String) -> LedgerError {
    LedgerError::NotFound { what }
}

impl Run {
    pub(super) fn need(&self, job: Ordinal) -> Result<&Job, LedgerError> {
        self.jobs
            .get(&job)
            .ok_or_else(|| not_found(format!("job {job} in that run")))
    }

    pub(super) fn is_leased_to_another(&self, owner: Owner, now: Timestamp) -> bool {
        self.lease
            .is_some_and(|(other, until)| other != owner && now < until)
    }

    pub(super) fn break_lease(&mut self, now: Timestamp) {
        if self.record.state == RunState::Running
            && let Some((_, until)) = &mut self.lease
        {
            *until = now.min(*until);
        }
    }

    pub(super) fn is_owned_by(&self, owner: Owner) -> bool {
        self.lease.is_some_and(|(other, _)| other == owner)
    }

    pub(super) fn take_lease(&mut self, owner: Owner, now: Timestamp) {
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        self.lease = Some((owner, until));
    }

    pub(super) fn fence(&self, owner: Owner) -> Result<(), LedgerError> {
        if self.record.state != RunState::Running || !self.is_owned_by(owner) {
            return Err(LedgerError::Leased(self.record.id.clone()));
        }
        Ok(())
    }

    /// Keeps the lease for at least half its length; only after a step that was not refused.
    pub(super) fn keep_lease(&mut self, owner: Owner, now: Timestamp) {
        let half = now.saturating_add(LEASE / 2).unwrap_or(Timestamp::MAX);
        if self.lease.is_none_or(|(_, until)| until < half) {
            self.take_lease(owner, now);
        }
    }

    pub(super) fn give_back(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        for job in self.jobs.values_mut() {
            job.entry.claimed = false;
            if job.entry.state == JobState::Held {
                let release = [JobEvent::Release { error: None }];
                let released = job.entry.apply(&release, now);
                released.map_err(|error| error.of(job.job.id.as_str()))?;
            }
        }
        Ok(())
    }

    pub(super) fn unmet(&self, job: &Job) -> usize {
        let needs = requirements(&job.job.needs, job.job.reuse.as_ref());
        let is_unmet = |needed: &&Ordinal| {
            self.jobs
                .get(needed)
                .is_none_or(|job| !job.entry.state.has_result())
        };
        needs.iter().filter(is_unmet).count()
    }

    pub(super) fn needs_bad_job(&self, job: &Job) -> bool {
        requirements(&job.job.needs, job.job.reuse.as_ref())
            .iter()
            .any(|needed| {
                self.jobs
                    .get(needed)
                    .is_some_and(|job| job.entry.state.ended_badly())
            })
    }

    pub(super) fn dependents(&self, of: Ordinal) -> Vec<Ordinal> {
        self.jobs
            .values()
            .filter(|job| requirements(&job.job.needs, job.job.reuse.as_ref()).contains(&of))
            .map(|job| job.job.ordinal)
            .collect()
    }

    pub(super) fn ready(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(|job| {
            job.entry.state.is_startable() && !job.entry.claimed && self.unmet(job) == 0
        })
    }

    pub(super) fn held(&self) -> Result<Credits, LedgerError> {
        Ok(Credits::sum(self.jobs.values().map(|job| job.entry.held))?)
    }

    pub(super) fn totals(&self) -> Result<RunTotals, LedgerError> {
        let count = |applies: fn(JobState) -> bool| {
            let found = self.jobs.values().filter(|job| applies(job.entry.state));
            u64::try_from(found.count()).unwrap_or(u64::MAX)
        };
        let mut totals = RunTotals {
            jobs: count(|_| true),
            ended: count(has_ended),
            in_doubt: count(|state| state == JobState::InDoubt),
            bad: count(JobState::ended_badly),
            held: self.held()?,
            ..RunTotals::default()
        };
        for job in self.jobs.values() {
            let entry = &job.entry;
            let charged = entry.total_charged()?;
            let refunded = entry.total_refunded()?;
            totals.charged = totals.charged.plus(charged)?;
            totals.refunded = totals.refunded.plus(refunded)?;
        }
        Ok(totals)
    }

    /// Returns what this run used since a time, and what it holds.
    pub(super) fn share(&self, since: Option<Timestamp>) -> Result<RunShare, LedgerError> {
        let run = self.show()?;
        let begin = since.map_or(i64::MIN, begin_of_slot);
        let mut used = run.totals.charged.minus(run.totals.refunded)?;
        if run.created_at.as_microsecond() < begin {
            let entries = self.jobs.values().map(|job| &job.entry);
            let recent = entries.filter(|entry| {
                entry
                    .submitted_at
                    .is_some_and(|at| at.as_microsecond() >= begin)
            });
            used = recent
                .map(|entry| entry.charged.minus(entry.refunded))
                .try_fold(Credits::ZERO, |sum, net| sum.plus(net?))?;
        }
        let jobs = self.jobs.values();
        let doubtful = jobs.filter(|job| job.entry.state == JobState::InDoubt);
        let lease = self.lease.filter(|_| run.state == RunState::Running);
        Ok(RunShare {
            used,
            held_in_doubt: Credits::sum(doubtful.map(|job| job.entry.held))?,
            lease_until: lease.map(|(_, until)| until),
            run,
        })
    }

    pub(super) fn show(&self) -> Result<RunRecord, LedgerError> {
        Ok(RunRecord {
            totals: self.totals()?,
            ..self.record.clone()
        })
    }

    pub(super) fn add(&mut self, enrolment: Enrolment) -> Result<(), LedgerError> {
        let Enrolment { job, blocked } = enrolment;
        let mut entry = Entry::planned(job.price, job.reuse.is_some());
        entry.blocked = blocked.is_some();
        let mut reason = blocked;
        for needed in requirements(&job.needs, job.reuse.as_ref()) {
            if needed >= job.ordinal {
                let what = format!("job {needed} before `{}`, which needs it", job.id);
                return Err(not_found(what));
            }
            let found = self.need(needed)?;
            if found.entry.state == JobState::Skipped && reason.is_none() {
                reason = match &found.entry.error {
                    Some(theirs) if !found.entry.blocked => Some(theirs.clone()),
                    _ => Some(skip_reason(found.job.id.as_str())),
                };
            }
        }
        if let Some(reason) = reason {
            entry.skip(reason, self.record.created_at);
        }
        if self.jobs.contains_key(&job.ordinal) {
            return Err(not_found(format!(
                "free place {} for `{}`",
                job.ordinal, job.id
            )));
        }
        let stored = Job {
            entry,
            result: None,
            files: Vec::new(),
            is_forgotten: false,
            job,
        };
        self.jobs.insert(stored.job.ordinal, stored);
        Ok(())
    }

    pub(super) fn skip_dependents(
        &mut self,
        of: Ordinal,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let reason = skip_reason(self.need(of)?.job.id.as_str());
        let mut work = self.dependents(of);
        while let Some(next) = work.pop() {
            let more = self.dependents(next);
            if let Some(job) = self.jobs.get_mut(&next)
                && job.entry.state.is_startable()
            {
                job.entry.skip(reason.clone(), now);
                work.extend(more);
            }
        }
        Ok(())
    }

    pub(super) fn revive_dependents(&mut self, of: Ordinal) -> Result<(), LedgerError> {
        let mut work = BTreeSet::from_iter(self.dependents(of));
        while let Some(next) = work.pop_first() {
            let job = self.need(next)?;
            let stays = job.entry.blocked || self.needs_bad_job(job);
            if job.entry.state != JobState::Skipped || stays {
                continue;
            }
            work.extend(self.dependents(next));
            if let Some(job) = self.jobs.get_mut(&next) {
                let restarted = job.entry.apply(&[JobEvent::Restart], Timestamp::UNIX_EPOCH);
                restarted.map_err(|error| error.of(job.job.id.as_str()))?;
            }
        }
        Ok(())
    }
}

impl Job {
    pub(super) fn keep(&mut self, events: &[JobEvent]) {
        for event in events {
            match event {
                JobEvent::Succeed { result } => self.result = Some(result.clone()),
                JobEvent::Save { files, .. } => self.files.clone_from(files),
                _ => {}
            }
        }
    }
}

pub(super) fn held_job(job: &Job) -> HeldJob {
    HeldJob {
        ordinal: job.job.ordinal,
        id: job.job.id.clone(),
        operation: job.job.operation.clone(),
        family: job.job.family,
        inputs: job.job.inputs.clone(),
        upstream: Vec::new(),
        price: job.job.price,
        save: job.job.save.clone(),
        reused: None,
        attempts: job.entry.attempts,
    }
}

pub(super) fn upstream(
    run: &Run,
    job: &Job,
    mut wanted: BTreeSet<Fingerprint>,
) -> Vec<(Fingerprint, Value)> {
    requirements(&job.job.needs, job.job.reuse.as_ref())
        .iter()
        .filter_map(|needed| run.jobs.get(needed))
        .filter(|needed| wanted.remove(&needed.job.fingerprint))
        .filter_map(|needed| {
            let fields = needed.result.as_ref()?.fields.clone();
            Some((needed.job.fingerprint, fields))
        })
        .collect()
}

pub(super) fn job_record(run: &RunId, job: &Job) -> Result<JobRecord, LedgerError> {
    let entry = &job.entry;
    Ok(JobRecord {
        run: run.clone(),
        job: job.job.clone(),
        state: entry.state,
        held: entry.held,
        charged: entry.total_charged()?,
        refunded: entry.total_refunded()?,
        past_charged: entry.past_charged,
        past_refunded: entry.past_refunded,
        past_losses: entry.past_losses.clone(),
        attempts: entry.attempts,
        task_id: entry.task_id.clone(),
        result: job.result.clone(),
        files: job.files.clone(),
        submitted_at: entry.submitted_at,
        finished_at: entry.finished_at,
        error: entry.error.clone(),
    })
}
