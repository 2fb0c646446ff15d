//! All that one seed brings to life: a simulated provider, a ledger, and one process after another.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use fastrand::Rng;
use setlist::catalog::{Catalog, PriceList, PriceLists};
use setlist::ledger::{Enrolment, Ledger, LedgerError, NewRun};
use setlist::manifest::{Format, Manifest};
use setlist::model::{
    AccountId, Clock, Credits, Fingerprint, JobRecord, ManifestOptions, Ordinal, RunId,
    RunSettings, SharedClock, SpendLimits, StopRules,
};
use setlist::plan::{self, PlanOptions, Sources};
use setlist::sim::{Audit, Effect, SimRequest, Simulator, Target};
use tempfile::TempDir;

use crate::clock::LoneClock;
use crate::process::Process;
use crate::scenario::Scenario;

/// The price list of plans and simulator.
const PRICES: &str = "guide";
/// The ledger's file.
const LEDGER: &str = "ledger.db";

pub struct World {
    pub scenario: Scenario,
    pub clock: Arc<LoneClock>,
    pub simulator: Arc<Simulator>,
    pub account: AccountId,
    pub folder: TempDir,
    /// A handle that only looks; a ledger in memory is shared through it.
    pub eyes: Ledger,
    notes: Mutex<Notes>,
}

/// What the judges keep in mind.
#[derive(Default)]
pub struct Notes {
    rng: Rng,
    pub trace: Vec<String>,
    pub violations: Vec<String>,
    /// Every request that could cost credits, in the order they left.
    pub posts: Vec<Post>,
    /// Runs that were enrolled in full.
    pub runs: Vec<RunId>,
    pub prints: HashMap<(RunId, Ordinal), Fingerprint>,
    /// Jobs that were enrolled only to be shown.
    pub blocked: HashSet<(RunId, Ordinal)>,
    /// How many requests had left when a job was last restarted by a person's wish.
    pub restarted: HashMap<(RunId, Ordinal), usize>,
    /// The account when a run's opening balance was read.
    pub openings: HashMap<RunId, Option<Audit>>,
    /// Places in the audit of what another client bought.
    pub strangers: Vec<usize>,
    /// What was left below the balance limit, and used of the period, at the last step.
    pub margin: i128,
    pub used: Credits,
}

/// A request that could cost credits.
pub struct Post {
    pub job: (RunId, Ordinal),
    pub print: Fingerprint,
    /// Its place in the simulator's audit, once it arrived.
    pub entry: Option<usize>,
}

impl World {
    pub fn new(scenario: Scenario) -> Arc<Self> {
        let clock = Arc::new(LoneClock::new());
        let shared: SharedClock = clock.clone();
        let simulator = Simulator::new(scenario.sim.clone(), shared).unwrap();
        let folder = folder();
        let eyes = match scenario.on_disk {
            true => Ledger::open_inline(&folder.path().join(LEDGER)).unwrap(),
            false => Ledger::in_memory(),
        };
        let opening = simulator.audit().opening.available().unwrap();
        Arc::new(Self {
            clock,
            simulator: Arc::new(simulator),
            account: AccountId::new("simulator"),
            folder,
            eyes,
            notes: Mutex::new(Notes {
                rng: Rng::with_seed(scenario.seed ^ 0x00c0_ffee),
                margin: i128::from(opening.get()) - i128::from(scenario.limits.keep.get()),
                ..Notes::default()
            }),
            scenario,
        })
    }

    /// Opens the ledger as another process would.
    pub fn ledger(&self) -> Ledger {
        match self.scenario.on_disk {
            true => Ledger::open_inline(&self.folder.path().join(LEDGER)).unwrap(),
            false => self.eyes.clone(),
        }
    }

    pub fn out(&self, batch: usize) -> PathBuf {
        self.folder.path().join(format!("out{batch}"))
    }

    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    pub fn with_rng<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.notes().rng)
    }

    pub fn trace(&self, what: impl FnOnce() -> String) {
        let line = format!("{:>9} {}", self.clock.millis(), what());
        self.notes().trace.push(line);
    }

    pub fn violated(&self, what: String) {
        self.trace(|| format!("VIOLATION {what}"));
        self.notes().violations.push(what);
    }

    /// Returns all jobs of a run.
    pub fn jobs(&self, run: &RunId) -> Vec<JobRecord> {
        let mut jobs = Vec::new();
        self.eyes
            .for_each_job(run, &mut |job| jobs.push(job))
            .unwrap();
        jobs
    }

    // --- the wire tells

    /// Notes that a request for a job leaves.
    pub fn leaves(&self, process: &Process, job: (RunId, Ordinal)) -> usize {
        process.trace(|| format!("sends job {} of {}", job.1, job.0));
        self.check_leaving(&job);
        let mut notes = self.notes();
        let print = notes.prints[&job];
        notes.posts.push(Post {
            job,
            print,
            entry: None,
        });
        notes.posts.len() - 1
    }

    /// Notes that the simulator has just decided on a request.
    pub fn arrived(&self, post: usize) {
        let entries = self.simulator.audit().entries.len();
        self.notes().posts[post].entry = Some(entries - 1);
    }

    /// Notes that a process learns what became of a request: once credits are gone it may send no other.
    pub fn answered(&self, process: &Process, post: usize) {
        let Some(entry) = self.notes().posts[post].entry else {
            return;
        };
        let says_so = self
            .effect(entry)
            .is_none_or(|effect| effect == Effect::Status(402));
        if says_so && self.simulator.audit().entries[entry].status == 402 {
            process.is_told_to_stop();
        }
    }

    /// Notes that a person has a job tried again: what was paid for it before gave nothing.
    pub fn is_wanted_again(&self, run: &RunId, job: Ordinal) {
        let mut notes = self.notes();
        let sent = notes.posts.len();
        notes.restarted.insert((run.clone(), job), sent);
    }

    /// Returns the fault that struck a submit.
    pub fn effect(&self, entry: usize) -> Option<Effect> {
        let number = u64::try_from(entry).unwrap() + 1;
        let strikes = |fault: &&setlist::sim::Fault| {
            fault.target == Target::Submit && (fault.first..=fault.last).contains(&number)
        };
        self.simulator
            .options()
            .faults
            .iter()
            .find(strikes)
            .map(|fault| fault.effect)
    }

    pub fn opened(&self, run: &RunId, balance: Option<Audit>) {
        self.notes().openings.entry(run.clone()).or_insert(balance);
    }

    /// Lets another client of the account buy songs.
    pub async fn strangers(self: Arc<Self>) {
        let mut times = self.scenario.strangers.clone();
        times.sort_unstable();
        for at in times {
            let wait = at.saturating_sub(self.clock.millis());
            self.clock.sleep(Duration::from_millis(wait)).await;
            let body = format!(
                r#"{{"task_type":"create_music","custom_mode":false,"mv":"sonic-v5","gpt_description_prompt":"strange {at}"}}"#
            );
            let answer = self.simulator.handle(&SimRequest {
                method: Method::POST,
                path: "/api/v1/sonic/create".to_owned(),
                query: None,
                authorization: Some("Bearer another".to_owned()),
                body: Bytes::from(body),
                range_from: None,
            });
            let place = self.simulator.audit().entries.len() - 1;
            self.trace(|| format!("a stranger buys a song → {}", answer.status));
            self.notes().strangers.push(place);
        }
    }

    // --- enrolling

    /// Plans a batch and writes it into the ledger, as `setlist run` does.
    pub async fn enroll(&self, ledger: &Ledger, batch: usize) -> Result<RunId, LedgerError> {
        let (manifest, jobs) = self.plan(ledger, batch)?;
        let run = RunId::new(format!("r{batch}-{}", self.clock.millis()));
        let new = NewRun {
            id: run.clone(),
            manifest: manifest.name,
            manifest_path: manifest.path,
            manifest_digest: manifest.digest,
            account: self.account.clone(),
            price_list: PRICES.to_owned(),
            settings: self.settings(batch),
        };
        let facts: Vec<_> = jobs
            .iter()
            .map(|job| (job.job.ordinal, job.job.fingerprint, job.blocked.is_some()))
            .collect();
        ledger.enroll(new, self.clock.now()).await?;
        ledger.enroll_jobs(&run, jobs).await?;
        let mut notes = self.notes();
        for (ordinal, print, is_blocked) in facts {
            notes.prints.insert((run.clone(), ordinal), print);
            if is_blocked {
                notes.blocked.insert((run.clone(), ordinal));
            }
        }
        notes.runs.push(run.clone());
        Ok(run)
    }

    fn plan(
        &self,
        ledger: &Ledger,
        batch: usize,
    ) -> Result<(Manifest, Vec<Enrolment>), LedgerError> {
        let catalog = Catalog::builtin();
        let text = &self.scenario.batches[batch].manifest;
        let manifest = Manifest::parse(text, Format::Toml, "batch.toml", Path::new("."), catalog)
            .unwrap_or_else(|problems| panic!("{text}\n{}", problems.render(false)));
        let paid = ledger.paid(&self.account)?;
        let sources = Sources {
            provider: "simulator",
            catalog,
            prices: PriceList::builtin(PRICES).unwrap(),
            known: PriceLists::builtin(),
            paid: paid.as_ref(),
        };
        let options = PlanOptions {
            list_is_certain: true,
            ..PlanOptions::default()
        };
        let plan = plan::build(&manifest, sources, options).unwrap();
        let mut jobs = Vec::new();
        let mut take = |enrollee: plan::Enrollee| {
            jobs.push(Enrolment {
                job: enrollee.job,
                blocked: enrollee.blocked,
            });
        };
        plan.jobs(&manifest, catalog, &mut take).unwrap();
        Ok((manifest, jobs))
    }

    fn settings(&self, batch: usize) -> RunSettings {
        let plot = &self.scenario.batches[batch];
        let out = self.out(batch);
        std::fs::create_dir_all(&out).unwrap();
        RunSettings {
            provider: "simulator".to_owned(),
            base_url: String::new(),
            key_env: String::new(),
            rate: plot.rate,
            concurrency: plot.concurrency,
            poll: plot.poll,
            timeout: Duration::from_secs(60),
            out: out.display().to_string(),
            limits: self.scenario.limits.clone(),
            simulator: serde_json::Value::Null,
            plan: None,
            fresh: false,
            files: std::collections::BTreeMap::new(),
            stop: StopRules::default(),
            options: ManifestOptions::default(),
            catalog: None,
        }
    }

    /// Returns limits that keep nothing from being bought.
    pub fn no_limits(&self) -> SpendLimits {
        SpendLimits {
            keep: self.scenario.limits.keep,
            ..SpendLimits::default()
        }
    }
}

/// Makes a folder in memory where there is one: every file is synced, and a disk would take its time.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    tempfile::Builder::new()
        .prefix("setlist-simulation-")
        .tempdir_in(place)
        .unwrap()
}
