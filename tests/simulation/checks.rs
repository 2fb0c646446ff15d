//! What must hold: never over, never twice, the books close, no job is lost, and report = ledger = audit.

use setlist::exec::Ending;
use setlist::ledger::Change;
use setlist::model::{Credits, JobRecord, JobState, Ordinal, RunId, RunRecord, RunState};
use setlist::report::{SpendCsv, Summary};
use setlist::sim::{Audit, Effect};

use crate::process::Process;
use crate::world::World;

fn signed(credits: Credits) -> i128 {
    i128::from(credits.get())
}

fn sum(credits: impl Iterator<Item = Credits>) -> Credits {
    Credits::sum(credits).unwrap()
}

/// What the simulator took and gave back for one job.
#[derive(Default)]
struct Paid {
    charged: Credits,
    refunded: Credits,
}

impl World {
    /// Checks the sums after a change.
    pub fn check_step(&self, process: &str, change: &Change<'_>) {
        let ledger = &self.eyes;
        let runs: Vec<RunRecord> = self
            .notes()
            .runs
            .iter()
            .map(|run| ledger.run(run).unwrap())
            .collect();
        if let Some(run) = runs.iter().find(|run| run.id == *change.run) {
            self.check_run_cap(process, run);
            self.check_period(process, run);
        }
        self.check_balance(process, &runs);
        // On disk it takes its time, and is asked for when a process is gone.
        if !self.scenario.on_disk {
            self.check_sums();
        }
    }

    fn check_sums(&self) {
        if let Err(error) = self.eyes.verify() {
            self.violated(format!("the ledger does not add up: {error}"));
        }
    }

    fn check_run_cap(&self, process: &str, run: &RunRecord) {
        let totals = &run.totals;
        let used = signed(totals.charged) + signed(totals.held) - signed(totals.refunded);
        if let Some(cap) = run.settings.limits.run
            && used > signed(cap)
        {
            self.violated(format!(
                "over: {process} uses {used} of the run's {cap}: {totals:?}"
            ));
        }
    }

    fn check_period(&self, process: &str, run: &RunRecord) {
        let limits = &run.settings.limits;
        let used = self
            .eyes
            .used_since(&self.account, limits.period_start)
            .unwrap();
        let before = std::mem::replace(&mut self.notes().used, used);
        // What another run used under other limits is not this one's doing.
        if let Some(budget) = limits.period
            && used > budget
            && used > before
        {
            self.violated(format!(
                "over: {process} uses {used} of the period's {budget}"
            ));
        }
    }

    /// Checks that the provider's balance can bear everything that is held, above what is to be kept.
    fn check_balance(&self, process: &str, runs: &[RunRecord]) {
        let audit = self.simulator.audit();
        let strangers: Credits = sum(self.strangers_entries(&audit).map(|entry| entry.charged));
        let held = sum(runs.iter().map(|run| run.totals.held));
        let booked = sum(runs.iter().map(|run| run.totals.charged));
        let taken = audit.charged.minus(strangers).unwrap();
        if booked > taken {
            self.violated(format!(
                "the ledger books {booked} charged, the provider took {taken}"
            ));
        }
        let balance = audit.balance.available().unwrap();
        let still_to_come = signed(held) - (signed(taken) - signed(booked));
        let margin =
            signed(balance) + signed(strangers) - signed(self.scenario.limits.keep) - still_to_come;
        let before = std::mem::replace(&mut self.notes().margin, margin);
        // An account that began below what is to be kept may stay there, and buys nothing.
        if margin < 0 && margin < before {
            self.violated(format!(
                "over: {process} holds {held} with a balance of {balance}, and {} is to be kept",
                self.scenario.limits.keep
            ));
        }
    }

    fn strangers_entries<'a>(
        &self,
        audit: &'a Audit,
    ) -> impl Iterator<Item = &'a setlist::sim::AuditEntry> {
        let places = self.notes().strangers.clone();
        places.into_iter().map(|place| &audit.entries[place])
    }

    /// Checks that nothing is paid for twice: a request leaves only if every earlier one for the same thing was not
    /// charged, was given back, or gave nothing and a person wants it again.
    pub fn check_leaving(&self, job: &(RunId, Ordinal)) {
        let audit = self.simulator.audit();
        let mut twice = Vec::new();
        {
            let notes = self.notes();
            let print = notes.prints[job];
            let restarted = notes.restarted.get(job).copied().unwrap_or(0);
            for (place, post) in notes
                .posts
                .iter()
                .enumerate()
                .filter(|(_, post)| post.print == print)
            {
                let Some(entry) = post.entry.map(|entry| &audit.entries[entry]) else {
                    continue;
                };
                let is_given_back = entry.refunded == entry.charged;
                let is_wanted_again = post.job == *job && place < restarted;
                if !is_given_back && !is_wanted_again {
                    twice.push((post.job.clone(), entry.clone()));
                }
            }
        }
        for (earlier, entry) in twice {
            let state = self.jobs(&earlier.0)[earlier.1.index()].state;
            // What ended badly in an earlier run gave nothing that a later one could use.
            let gave_nothing = matches!(state, JobState::Failed | JobState::Lost);
            if earlier.0 == job.0 || !gave_nothing {
                self.violated(format!(
                    "twice: job {} of {} is sent though {entry:?} paid for it as job {} of {}, which is {state}",
                    job.1, job.0, earlier.1, earlier.0
                ));
            }
        }
    }

    fn paid(&self, job: &JobRecord, audit: &Audit) -> Paid {
        let notes = self.notes();
        let of_job = |post: &&crate::world::Post| post.job == (job.run.clone(), job.job.ordinal);
        let mut paid = Paid::default();
        for post in notes.posts.iter().filter(of_job) {
            if let Some(entry) = post.entry.map(|entry| &audit.entries[entry]) {
                paid.charged = paid.charged.plus(entry.charged).unwrap();
                paid.refunded = paid.refunded.plus(entry.refunded).unwrap();
            }
        }
        paid
    }

    /// Checks each job of a run against what the simulator took for it.
    pub fn check_jobs(&self, run: &RunId) {
        self.check_sums();
        let audit = self.simulator.audit();
        for job in self.jobs(run) {
            let paid = self.paid(&job, &audit);
            let is_open = matches!(job.state, JobState::Sent | JobState::InDoubt);
            // What was charged and given back while nobody knew of it took nothing.
            let given_back = paid.refunded.minus(job.refunded).unwrap_or_default();
            let booked = job.charged.plus(given_back).unwrap();
            let most = if is_open {
                booked.plus(job.held).unwrap()
            } else {
                booked
            };
            if paid.charged < job.charged || paid.charged > most {
                self.violated(format!(
                    "job {} of {run} is {} with {} charged, and the provider took {}",
                    job.job.ordinal, job.state, job.charged, paid.charged
                ));
            }
            if job.refunded > paid.refunded {
                self.violated(format!(
                    "job {} of {run} has {} refunded, and the provider gave {}",
                    job.job.ordinal, job.refunded, paid.refunded
                ));
            }
            for file in &job.files {
                let out = &self.eyes.run(run).unwrap().settings.out;
                if !std::path::Path::new(out).join(file).exists() {
                    self.violated(format!(
                        "file `{file}` of job {} is not there",
                        job.job.ordinal
                    ));
                }
            }
        }
    }

    /// Checks a run whose process ended by itself.
    pub fn check_ending(&self, process: &Process, run: &RunId, ending: &Ending) {
        let record = self.eyes.run(run).unwrap();
        let jobs = self.jobs(run);
        let states: Vec<JobState> = jobs.iter().map(|job| job.state).collect();
        if *ending == Ending::Done && states.iter().any(|state| *state != JobState::Saved) {
            self.violated(format!(
                "{} says everything is done: {states:?}",
                process.name
            ));
        }
        let is_in_doubt = states.contains(&JobState::InDoubt);
        let says_doubt = *ending == Ending::InDoubt;
        if says_doubt && !is_in_doubt
            || is_in_doubt && matches!(ending, Ending::Done | Ending::SomeFailed)
        {
            self.violated(format!("{} ends as {ending:?}: {states:?}", process.name));
        }
        let no_process = |state: &JobState| matches!(state, JobState::Held | JobState::Sent);
        if states.iter().any(no_process) || record.state == RunState::Running {
            self.violated(format!(
                "{} leaves a run {:?}: {states:?}",
                process.name, record.state
            ));
        }
        self.check_books(process, &record, &jobs);
        self.check_report(&record, &jobs);
    }

    /// Checks that the gap in a run's books is exactly what its jobs in doubt and top-ups make it.
    fn check_books(&self, process: &Process, record: &RunRecord, jobs: &[JobRecord]) {
        let lags = self
            .scenario
            .sim
            .faults
            .iter()
            .any(|fault| fault.effect == Effect::Lag);
        let is_alone = self.scenario.batches.len() == 1 && self.scenario.strangers.is_empty();
        let opening = self.notes().openings.get(&record.id).cloned().flatten();
        let closing = process.balance.lock().unwrap().clone();
        let (Some(gap), Some(opening), Some(closing)) = (record.unexplained(), opening, closing)
        else {
            return;
        };
        if lags || !is_alone {
            return;
        }
        let mut expected = signed(closing.topped_up) - signed(opening.topped_up);
        for job in jobs {
            let paid = self.paid(job, &closing);
            expected += signed(job.charged) - signed(paid.charged);
            expected += signed(paid.refunded) - signed(job.refunded);
        }
        if i128::from(gap.get()) != expected {
            self.violated(format!(
                "the books of {} have a gap of {}, and {expected} was to be expected",
                record.id,
                gap.get()
            ));
        }
    }

    /// Checks that the reports say what the ledger says.
    fn check_report(&self, record: &RunRecord, jobs: &[JobRecord]) {
        let mut csv = SpendCsv::new(record, Vec::new()).unwrap();
        let mut summary = Summary::new(record);
        for job in jobs {
            csv.add(job).unwrap();
            summary.add(job).unwrap();
        }
        let text = csv.finish().unwrap();
        let mut rows = csv::Reader::from_reader(text.as_slice());
        let columns = rows.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        let column = |name: &str| {
            let place = columns.iter().position(|column| column == name).unwrap();
            sum(rows
                .iter()
                .map(|row| Credits::new(row[place].parse().unwrap())))
        };
        let totals = &record.totals;
        let of_ledger = [totals.charged, totals.refunded, totals.held];
        let of_summary = [summary.charged, summary.refunded, summary.held];
        if ["charged", "refunded", "held"].map(column) != of_ledger
            || of_summary != of_ledger
            || summary.unexplained != record.unexplained()
            || rows.len() != jobs.len()
        {
            self.violated(format!(
                "the report of {} is not what the ledger says",
                record.id
            ));
        }
    }

    /// Returns the jobs that a calm process can still bring further.
    pub fn unfinished(&self, run: &RunId) -> Vec<(Ordinal, JobState)> {
        let jobs = self.jobs(run);
        let mut stuck = vec![false; jobs.len()];
        let mut left = Vec::new();
        for job in &jobs {
            let place = job.job.ordinal.index();
            let waits_for_stuck = job.job.needs.iter().any(|needed| stuck[needed.index()])
                || matches!(&job.job.reuse, Some(setlist::model::Reuse::Twin { ordinal, .. }) if stuck[ordinal.index()]);
            let is_stuck = match job.state {
                JobState::Lost => true,
                JobState::Skipped => waits_for_stuck || self.is_blocked(job),
                // The provider never comes to an end with it.
                JobState::Accepted => self.is_forever(job),
                state => state.is_startable() && waits_for_stuck,
            };
            stuck[place] = is_stuck;
            if !is_stuck && job.state != JobState::Saved {
                left.push((job.job.ordinal, job.state));
            }
        }
        left
    }

    /// Tells whether a job was enrolled only to be shown, since another run has the same on its way.
    fn is_blocked(&self, job: &JobRecord) -> bool {
        let place = (job.run.clone(), job.job.ordinal);
        self.notes().blocked.contains(&place)
    }

    fn is_forever(&self, job: &JobRecord) -> bool {
        let notes = self.notes();
        let of_job = |post: &&crate::world::Post| post.job == (job.run.clone(), job.job.ordinal);
        let last = notes
            .posts
            .iter()
            .rev()
            .find(of_job)
            .and_then(|post| post.entry);
        last.is_some_and(|entry| self.effect(entry) == Some(Effect::Forever))
    }

    /// Checks everything once nothing is left to do.
    pub fn check_end(&self) {
        let audit = self.simulator.audit();
        let expected = signed(audit.opening.available().unwrap()) + signed(audit.topped_up)
            - signed(audit.charged)
            + signed(audit.refunded);
        if expected != signed(audit.balance.available().unwrap()) {
            self.violated("the simulator's own books do not close".to_owned());
        }
        let mut explained: Vec<usize> = self
            .notes()
            .posts
            .iter()
            .filter_map(|post| post.entry)
            .collect();
        explained.extend(&self.notes().strangers);
        explained.sort_unstable();
        if explained != (0..audit.entries.len()).collect::<Vec<_>>() {
            self.violated("the provider got a request that nobody sent".to_owned());
        }
        let runs = self.notes().runs.clone();
        runs.iter().for_each(|run| self.check_jobs(run));
    }
}
