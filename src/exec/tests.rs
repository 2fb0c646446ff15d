//! The run as a whole, against a scripted provider and the ledger in memory, under paused time.

mod lulls;
mod steered;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::api::{Answer, Call, Fault, FaultKind, FileBody, Progress, Refusal, Service};
use crate::catalog::{Catalog, OperationId};
use crate::ledger::{Change, Fate, JobEvent, Ledger, LedgerError, NewRun, Rise, Watch};
use crate::model::{
    AccountId, Balance, Credits, Cutoff, Download, FailureLimit, Family, Fingerprint, JobId,
    JobRecord, JobResult, JobState, ManifestOptions, NewJob, Ordinal, Rate, RunEvent, RunId,
    RunSettings, SpendLimits, StopCause, StopRules, SystemClock, TaskId,
};

use super::{ControlHandle, Ending, Engine, RunOptions, carry_out, control, damaged, save_again};

const PRICE: u64 = 10;

/// What the provider does with the next submits, in turn; `Accept` once the script is used up.
#[derive(Clone, Debug)]
enum Act {
    Accept,
    Fault(FaultKind),
    /// Accepted and charged, but the answer is lost.
    AcceptAndLose,
}

/// Whether what a failed task cost is given back.
#[derive(Clone, Copy)]
struct Refunded(bool);

#[derive(Default)]
struct Provider {
    balance: AtomicU64,
    script: Mutex<Vec<Act>>,
    /// Every request that arrived, by title, in order.
    arrived: Mutex<Vec<String>>,
    /// How often each title was accepted.
    accepted: Mutex<HashMap<String, u32>>,
    polls_until_done: u64,
    polls: Mutex<HashMap<String, u64>>,
    /// Whether its tasks fail, and if so, whether it gives back what they cost.
    fails: Option<Refunded>,
    /// What it takes above the price.
    surcharge: u64,
    /// Tasks that run, and the most that ran at once.
    at_once: AtomicU64,
    most_at_once: AtomicU64,
    /// Whether the balance can't be read.
    is_silent: AtomicBool,
    /// Whether its songs hold no sound.
    is_mute: bool,
}

fn fault(kind: FaultKind) -> Fault {
    Fault {
        kind,
        status: None,
        message: format!("{kind:?}"),
        retry_after: None,
    }
}

impl Provider {
    fn with(balance: u64, script: Vec<Act>) -> Self {
        Self {
            balance: AtomicU64::new(balance),
            script: Mutex::new(script),
            polls_until_done: 1,
            ..Self::default()
        }
    }

    fn accept(&self, title: &str) -> Result<(), Fault> {
        let short = self
            .balance
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |have| {
                have.checked_sub(PRICE + self.surcharge)
            })
            .is_err();
        if short {
            return Err(fault(FaultKind::Refused(Refusal::Credits)));
        }
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        *self
            .accepted
            .lock()
            .unwrap()
            .entry(title.to_owned())
            .or_default() += 1;
        Ok(())
    }

    fn accepted_total(&self) -> u32 {
        self.accepted.lock().unwrap().values().sum()
    }

    fn arrived(&self) -> Vec<String> {
        self.arrived.lock().unwrap().clone()
    }
}

impl Service for Provider {
    fn balance(&self) -> BoxFuture<'_, Result<Balance, Fault>> {
        let credits = Credits::new(self.balance.load(Ordering::SeqCst));
        let is_silent = self.is_silent.load(Ordering::SeqCst);
        Box::pin(async move {
            if is_silent {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return Err(fault(FaultKind::Unknown));
            }
            Ok(Balance {
                credits,
                extra_credits: Credits::ZERO,
            })
        })
    }

    fn submit<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Answer, Fault>> {
        Box::pin(async move {
            let title = call.inputs["title"].as_str().unwrap().to_owned();
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.arrived.lock().unwrap().push(title.clone());
            let act = {
                let mut script = self.script.lock().unwrap();
                if script.is_empty() {
                    Act::Accept
                } else {
                    script.remove(0)
                }
            };
            match act {
                Act::Fault(kind) => Err(fault(kind)),
                Act::AcceptAndLose => {
                    self.accept(&title)?;
                    Err(fault(FaultKind::Unknown))
                }
                Act::Accept => {
                    self.accept(&title)?;
                    Ok(Answer::Task(TaskId::new(title)))
                }
            }
        })
    }

    fn poll<'a>(
        &'a self,
        _: OperationId,
        task: &'a TaskId,
    ) -> BoxFuture<'a, Result<Progress, Fault>> {
        Box::pin(async move {
            if !self.accepted.lock().unwrap().contains_key(task.as_str()) {
                return Err(fault(FaultKind::Refused(Refusal::NotFound)));
            }
            let mut polls = self.polls.lock().unwrap();
            let asked = polls.entry(task.as_str().to_owned()).or_default();
            *asked += 1;
            if *asked < self.polls_until_done {
                return Ok(Progress::Pending);
            }
            if let Some(Refunded(is_refunded)) = self.fails {
                if is_refunded {
                    self.balance.fetch_add(PRICE, Ordering::SeqCst);
                }
                return Ok(Progress::Failed {
                    message: "no".to_owned(),
                    refunded: Some(is_refunded),
                });
            }
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            Ok(Progress::Done(JobResult {
                fields: json!({"clips": [{"clip_id": task.as_str()}]}),
                clip_ids: vec![task.as_str().to_owned()],
                downloads: vec![Download {
                    url: format!("https://cdn.example/{}.wav", task.as_str()),
                    extension: None,
                    label: None,
                    duration_s: None,
                }],
            }))
        })
    }

    fn download<'a>(&'a self, url: &'a str, _: u64) -> BoxFuture<'a, Result<FileBody, Fault>> {
        let body = Bytes::from(tone(url, if self.is_mute { 0 } else { 100 }));
        Box::pin(async move {
            Ok(FileBody {
                status: 200,
                content_type: Some("audio/wav".to_owned()),
                content_length: u64::try_from(body.len()).ok(),
                body: Box::pin(futures::stream::iter([Ok(body)])),
            })
        })
    }
}

/// A short recording, another one for each address.
fn tone(url: &str, volume: i16) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for byte in url.bytes() {
        writer.write_sample(i16::from(byte) * volume).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// A run on a ledger in memory, with its provider.
struct Stage {
    provider: Arc<Provider>,
    engine: Engine,
    run: RunId,
    out: TempDir,
    jobs: u32,
}

fn print_of(ordinal: u32) -> Fingerprint {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&ordinal.to_be_bytes());
    Fingerprint(bytes)
}

/// A job `jN` that needs the jobs in `needs` and says so in its title.
fn job(ordinal: u32, needs: &[u32]) -> NewJob {
    NewJob {
        ordinal: Ordinal(ordinal),
        id: JobId::new(format!("j{ordinal}")),
        fingerprint: print_of(ordinal),
        operation: "suno.create".to_owned(),
        family: Family::Suno,
        inputs: match needs.first() {
            None => format!(r#"{{"title":"j{ordinal}"}}"#),
            Some(first) => format!(
                r#"{{"clip":{{"$job":"{}","path":"clips[0].clip_id"}},"title":"j{ordinal}"}}"#,
                print_of(*first)
            ),
        },
        price: Credits::new(PRICE),
        priority: 0,
        save: None,
        needs: needs.iter().copied().map(Ordinal).collect(),
        reuse: None,
    }
}

async fn stage(provider: Provider, limits: SpendLimits, jobs: Vec<NewJob>) -> Stage {
    stage_on(Ledger::in_memory(), provider, limits, jobs).await
}

async fn stage_on(
    ledger: Ledger,
    provider: Provider,
    limits: SpendLimits,
    jobs: Vec<NewJob>,
) -> Stage {
    let clock = Arc::new(SystemClock::new(Timestamp::UNIX_EPOCH, 1.0));
    let out = tempfile::tempdir().unwrap();
    let provider = Arc::new(provider);
    let engine = Engine {
        ledger,
        service: provider.clone(),
        catalog: Catalog::builtin().clone(),
        clock,
        seed: 11,
        files: Arc::new(()),
    };
    let jobs_count = u32::try_from(jobs.len()).unwrap();
    let run = enrol(&engine, "r1", out.path(), limits, jobs).await;
    Stage {
        provider,
        engine,
        run,
        out,
        jobs: jobs_count,
    }
}

async fn enrol(
    engine: &Engine,
    id: &str,
    out: &Path,
    limits: SpendLimits,
    jobs: Vec<NewJob>,
) -> RunId {
    let settings = RunSettings {
        provider: "simulator".to_owned(),
        base_url: String::new(),
        key_env: String::new(),
        rate: Rate {
            count: 10,
            per: Duration::from_secs(1),
        },
        concurrency: 4,
        poll: Some(Duration::from_secs(5)),
        timeout: Duration::from_secs(60),
        out: out.display().to_string(),
        limits,
        simulator: json!(null),
        plan: None,
        fresh: false,
        files: std::collections::BTreeMap::new(),
        stop: StopRules::default(),
        options: ManifestOptions::default(),
        catalog: None,
    };
    let run = RunId::new(id);
    let new = NewRun {
        id: run.clone(),
        manifest: "m".to_owned(),
        manifest_path: "m.toml".to_owned(),
        manifest_digest: "d".to_owned(),
        account: AccountId::new("a"),
        price_list: "guide".to_owned(),
        settings,
    };
    let now = Timestamp::UNIX_EPOCH;
    engine.ledger.enroll(new, now).await.unwrap();
    engine.ledger.add_jobs(&run, jobs).await.unwrap();
    run
}

impl Stage {
    async fn go(&self) -> Ending {
        let (_handle, control) = control();
        self.go_with(RunOptions::default(), control).await
    }

    async fn go_with(&self, options: RunOptions, control: super::Control) -> Ending {
        let (events, _) = mpsc::unbounded_channel();
        carry_out(&self.engine, &self.run, options, control, events)
            .await
            .unwrap()
    }

    fn records(&self) -> Vec<JobRecord> {
        let mut all = Vec::new();
        self.engine
            .ledger
            .for_each_job(&self.run, &mut |record| all.push(record))
            .unwrap();
        all
    }

    fn states(&self) -> Vec<JobState> {
        self.records().iter().map(|record| record.state).collect()
    }

    /// What must hold after every end: nothing accepted twice, and the ledger agrees with the provider.
    fn check_books(&self, opening: u64) {
        for (title, times) in self.provider.accepted.lock().unwrap().iter() {
            assert_eq!(*times, 1, "`{title}` was paid {times} times");
        }
        let totals = self.engine.ledger.run(&self.run).unwrap().totals;
        let balance = self.provider.balance.load(Ordering::SeqCst);
        let explained = opening + totals.refunded.get() - totals.charged.get();
        let in_doubt = totals.in_doubt * PRICE;
        assert!(
            balance <= explained && explained <= balance + in_doubt,
            "{totals:?} {balance}"
        );
    }
}

fn independent(count: u32) -> Vec<NewJob> {
    (0..count).map(|ordinal| job(ordinal, &[])).collect()
}

#[tokio::test(start_paused = true)]
async fn a_silent_song_is_kept_and_the_run_is_not_well() {
    let mut provider = Provider::with(100, vec![]);
    provider.is_mute = true;
    let jobs = vec![job(0, &[]), job(1, &[0])];
    let stage = stage(provider, SpendLimits::default(), jobs).await;
    assert_eq!(stage.go().await, Ending::SomeFailed);
    stage.check_books(100);
    let records = stage.records();
    assert_eq!(records.len(), 2, "what needs it goes on");
    for record in records {
        assert_eq!(record.state, JobState::Saved);
        let file = &record.files[0];
        assert_eq!(record.error, Some(format!("`{file}` is silent")));
        assert!(stage.out.path().join(file).exists());
    }
}

#[tokio::test(start_paused = true)]
async fn files_that_are_gone_or_changed_are_saved_again_for_nothing() {
    let stage = stage(
        Provider::with(100, vec![]),
        SpendLimits::default(),
        independent(4),
    )
    .await;
    assert_eq!(stage.go().await, Ending::Done);
    let ledger = &stage.engine.ledger;
    let run = || ledger.run(&stage.run).unwrap();
    assert_eq!(damaged(ledger, &run()), Ok(vec![]));

    let path = |job: &str| stage.out.path().join(format!("audio/{job}.wav"));
    std::fs::remove_file(path("j0")).unwrap();
    std::fs::write(path("j2"), "cut").unwrap();
    // Without its description a file that is there is taken for what it was.
    std::fs::remove_file(stage.out.path().join("audio/j3.wav.json")).unwrap();
    let found = damaged(ledger, &run()).unwrap();
    let jobs: Vec<u32> = found.iter().map(|damage| damage.job.0).collect();
    assert_eq!(jobs, [0, 2]);
    let now = stage.engine.clock.now();
    ledger.start(&stage.run, now).await.unwrap();
    for damage in &found {
        save_again(ledger, &run(), damage, now).await.unwrap();
    }

    assert_eq!(stage.go().await, Ending::Done);
    stage.check_books(100);
    assert_eq!(stage.provider.arrived().len(), 4, "nothing is sent again");
    let url = |job: &str| format!("https://cdn.example/{job}.wav");
    assert_eq!(std::fs::read(path("j0")).unwrap(), tone(&url("j0"), 100));
    assert_eq!(
        std::fs::read(path("j2")).unwrap(),
        b"cut",
        "a file of somebody"
    );
    assert_eq!(std::fs::read(path("j2~2")).unwrap(), tone(&url("j2"), 100));
    assert_eq!(stage.records()[2].files, ["audio/j2~2.wav"]);
    assert_eq!(damaged(ledger, &run()), Ok(vec![]), "all is well again");
}

/// Checks that each saved file has its job's past beside it, as the ledger has it.
fn check_past(stage: &Stage) {
    let records = stage.records();
    for record in records
        .iter()
        .filter(|record| record.state == JobState::Saved)
    {
        assert!(stage.out.path().join(&record.files[0]).exists());
        let sidecar = stage.out.path().join(format!("{}.json", record.files[0]));
        let told: Value = serde_json::from_slice(&std::fs::read(sidecar).unwrap()).unwrap();
        let submitted_at = format!("{:.3}", record.submitted_at.unwrap());
        assert_eq!(told["task_id"], json!(record.task_id));
        assert_ne!(told["task_id"], Value::Null);
        assert_eq!(told["submitted_at"], json!(submitted_at));
        assert_eq!(told["run"], json!(stage.run));
        assert!(told["saved_at"].as_str() >= Some(&*submitted_at), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_pays_for_each_job_once_and_saves_it() {
    let stage = stage(
        Provider::with(100, vec![]),
        SpendLimits::default(),
        independent(6),
    )
    .await;
    assert_eq!(stage.go().await, Ending::Done);
    stage.check_books(100);
    for record in stage.records() {
        assert_eq!(record.state, JobState::Saved);
        assert_eq!(record.charged, Credits::new(PRICE));
    }
    check_past(&stage);
    let run = stage.engine.ledger.run(&stage.run).unwrap();
    assert_eq!(
        (run.opening, run.closing),
        (Some(Credits::new(100)), Some(Credits::new(40)))
    );
    assert_eq!(run.unexplained().map(crate::model::Drift::get), Some(0));
}

#[tokio::test(start_paused = true)]
async fn credits_that_run_out_at_any_job_stop_cleanly_and_a_resume_pays_the_rest_once() {
    for affordable in 0..6 {
        // The ledger saw enough when the run began: somebody else spends the rest meanwhile.
        let stage = stage(
            Provider::with(60, vec![]),
            SpendLimits::default(),
            independent(6),
        )
        .await;
        let provider = stage.provider.clone();
        let thief = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            provider.balance.store(affordable * PRICE, Ordering::SeqCst);
        });
        let ending = stage.go().await;
        thief.await.unwrap();
        assert_eq!(
            ending,
            Ending::Stopped(StopCause::ProviderCredits),
            "{affordable}"
        );
        assert_eq!(u64::from(stage.provider.accepted_total()), affordable);
        let saved = stage
            .states()
            .iter()
            .filter(|state| **state == JobState::Saved)
            .count();
        assert_eq!(
            u64::try_from(saved).unwrap(),
            affordable,
            "what ran was collected"
        );
        stage.provider.balance.store(1000, Ordering::SeqCst);
        assert_eq!(stage.go().await, Ending::Done);
        assert_eq!(stage.provider.accepted_total(), stage.jobs);
        for times in stage.provider.accepted.lock().unwrap().values() {
            assert_eq!(*times, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cap_is_never_passed_and_names_itself() {
    let limits = SpendLimits {
        run: Some(Credits::new(35)),
        ..SpendLimits::default()
    };
    let stage = stage(Provider::with(1000, vec![]), limits, independent(6)).await;
    let ending = stage.go().await;
    let expected = StopCause::Limit {
        limit: "run".to_owned(),
        left: Credits::new(5),
        needed: Credits::new(PRICE),
    };
    assert_eq!(ending, Ending::Stopped(expected));
    assert_eq!(stage.provider.accepted_total(), 3);
    stage.check_books(1000);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_kept_is_kept() {
    let limits = SpendLimits {
        keep: Credits::new(25),
        ..SpendLimits::default()
    };
    let stage = stage(Provider::with(60, vec![]), limits, independent(6)).await;
    assert!(matches!(
        stage.go().await,
        Ending::Stopped(StopCause::Limit { .. })
    ));
    assert_eq!(stage.provider.balance.load(Ordering::SeqCst), 30);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_in_doubt_and_never_sent_again() {
    let script = vec![Act::AcceptAndLose];
    let stage = stage(
        Provider::with(100, script),
        SpendLimits::default(),
        independent(3),
    )
    .await;
    assert_eq!(stage.go().await, Ending::InDoubt);
    assert_eq!(stage.go().await, Ending::InDoubt);
    assert_eq!(stage.provider.arrived().len(), 3);
    let doubtful: Vec<_> = stage
        .records()
        .into_iter()
        .filter(|record| record.state == JobState::InDoubt)
        .collect();
    assert_eq!(doubtful.len(), 1);
    assert_eq!(
        doubtful[0].held,
        Credits::new(PRICE),
        "its credits stay set aside"
    );
    stage.check_books(100);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_another_run_may_have_paid_for_keep_no_others_back() {
    let provider = Provider::with(100, vec![Act::AcceptAndLose; 4]);
    let stage = stage(provider, SpendLimits::default(), independent(4)).await;
    assert_eq!(stage.go().await, Ending::InDoubt);
    let out = stage.out.path().join("second");
    let limits = SpendLimits::default();
    let run = enrol(&stage.engine, "r2", &out, limits, independent(6)).await;
    let (_handle, control) = control();
    let (events, _) = mpsc::unbounded_channel();
    let options = RunOptions::default();
    let ending = carry_out(&stage.engine, &run, options, control, events);
    assert_eq!(ending.await.unwrap(), Ending::SomeFailed);
    // As many as there are slots may have been paid for by the first run; those behind them are bought.
    assert_eq!(stage.provider.arrived()[4..], ["j4", "j5"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_sent_again_and_a_dead_provider_ends_the_run() {
    let script = vec![Act::Fault(FaultKind::NotSent); 3];
    let stage1 = stage(
        Provider::with(100, script),
        SpendLimits::default(),
        independent(2),
    )
    .await;
    assert_eq!(stage1.go().await, Ending::Done);
    stage1.check_books(100);
    let script = vec![Act::Fault(FaultKind::NotSent); 50];
    let stage2 = stage(
        Provider::with(100, script),
        SpendLimits::default(),
        independent(2),
    )
    .await;
    assert!(matches!(
        stage2.go().await,
        Ending::Stopped(StopCause::Unreachable { .. })
    ));
    assert!(
        stage2
            .states()
            .iter()
            .all(|state| *state == JobState::Released)
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_for_rate_wait_and_refusals_of_content_fail_that_job_alone() {
    let script = vec![
        Act::Fault(FaultKind::Refused(Refusal::Rate)),
        Act::Fault(FaultKind::Refused(Refusal::Moderation)),
        Act::Fault(FaultKind::Refused(Refusal::Invalid)),
    ];
    let stage = stage(
        Provider::with(100, script),
        SpendLimits::default(),
        independent(5),
    )
    .await;
    assert_eq!(stage.go().await, Ending::SomeFailed);
    let states = stage.states();
    assert_eq!(
        states
            .iter()
            .filter(|state| **state == JobState::Refused)
            .count(),
        2
    );
    assert_eq!(
        states
            .iter()
            .filter(|state| **state == JobState::Saved)
            .count(),
        3
    );
    stage.check_books(100);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_stops_everything() {
    let script = vec![Act::Fault(FaultKind::Refused(Refusal::Key))];
    let stage = stage(
        Provider::with(100, script),
        SpendLimits::default(),
        independent(8),
    )
    .await;
    assert!(matches!(
        stage.go().await,
        Ending::Stopped(StopCause::Access { .. })
    ));
    assert!(
        stage.provider.arrived().len() <= 4,
        "only what was on the wire"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_tasks_are_refunded_and_skip_what_needs_them() {
    let provider = Provider {
        fails: Some(Refunded(true)),
        ..Provider::with(100, vec![])
    };
    let jobs = vec![job(0, &[]), job(1, &[0]), job(2, &[1])];
    let stage = stage(provider, SpendLimits::default(), jobs).await;
    assert_eq!(stage.go().await, Ending::SomeFailed);
    assert_eq!(
        stage.states(),
        [JobState::Failed, JobState::Skipped, JobState::Skipped]
    );
    assert_eq!(stage.records()[0].refunded, Credits::new(PRICE));
    stage.check_books(100);
}

/// Runs until `arrivals` requests have arrived, then tells the run to stop `times` times.
async fn stop_after(stage: &Stage, arrivals: usize, times: usize) -> Ending {
    let (handle, control) = control();
    let watch = |handle: ControlHandle| async move {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if stage.provider.arrived().len() >= arrivals {
                break;
            }
        }
        (0..times).for_each(|_| handle.stop(StopCause::Signal(2)));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ending = stage.go_with(RunOptions::default(), control) => ending,
        () = watch(handle.clone()) => unreachable!("the watch never ends"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_collects_and_the_second_leaves_and_a_resume_pays_nothing_twice() {
    for (times, arrivals) in [(1, 1), (1, 3), (2, 1), (2, 2), (2, 5)] {
        let provider = Provider {
            polls_until_done: 3,
            ..Provider::with(1000, vec![])
        };
        let stage = stage(provider, SpendLimits::default(), independent(8)).await;
        let ending = stop_after(&stage, arrivals, times).await;
        assert_eq!(ending, Ending::Stopped(StopCause::Signal(2)));
        let accepted = stage.provider.accepted_total();
        assert!(accepted < 8, "something was left to do");
        assert!(
            !stage.states().contains(&JobState::Sent),
            "what nobody waits for any more is in doubt, and a person sees it"
        );
        if times == 1 {
            let saved = stage
                .states()
                .iter()
                .filter(|state| **state == JobState::Saved)
                .count();
            assert_eq!(
                u32::try_from(saved).unwrap(),
                accepted,
                "what ran was collected"
            );
        }
        let ending = stage.go().await;
        let doubt = stage.engine.ledger.run(&stage.run).unwrap().totals.in_doubt;
        assert_eq!(ending == Ending::Done, doubt == 0, "{ending:?}");
        stage.check_books(1000);
        check_past(&stage);
    }
}

/// A disk that has no room for the first few payments.
struct FullDisk {
    refusals: AtomicU64,
}

impl Watch for FullDisk {
    fn before(&self, change: &Change<'_>) -> Fate {
        let is_payment = |event: &JobEvent| matches!(event, JobEvent::Accept { .. });
        let left = self.refusals.load(Ordering::SeqCst);
        if left > 0 && change.events.iter().any(is_payment) {
            self.refusals.store(left - 1, Ordering::SeqCst);
            return Fate::Fail;
        }
        Fate::Live
    }

    fn after(&self, _: &Change<'_>, _: Option<&LedgerError>) -> Fate {
        Fate::Live
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_the_disk_refuses_at_first_is_recorded_and_the_run_stops() {
    let ledger = Ledger::in_memory().watched(Arc::new(FullDisk {
        refusals: AtomicU64::new(2),
    }));
    let provider = Provider::with(1000, vec![]);
    let stage = stage_on(ledger, provider, SpendLimits::default(), independent(30)).await;
    assert!(matches!(
        stage.go().await,
        Ending::Stopped(StopCause::Storage { .. })
    ));
    let accepted = stage.provider.accepted_total();
    assert!(accepted < 30, "something was left to do");
    let saved = stage
        .states()
        .iter()
        .filter(|state| **state == JobState::Saved)
        .count();
    assert_eq!(u32::try_from(saved).unwrap(), accepted);
    assert_eq!(stage.go().await, Ending::Done);
    stage.check_books(1000);
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_heeded_while_the_balance_is_waited_for() {
    let at_start = stage(
        Provider::with(1000, vec![]),
        SpendLimits::default(),
        independent(2),
    )
    .await;
    at_start.provider.is_silent.store(true, Ordering::SeqCst);
    let began = tokio::time::Instant::now();
    let ending = signalled_after(&at_start, Duration::from_secs(1)).await;
    assert_eq!(ending, Ending::Stopped(StopCause::Signal(2)));
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(at_start.provider.arrived().len(), 0);

    let at_end = stage(
        Provider::with(1000, vec![]),
        SpendLimits::default(),
        independent(1),
    )
    .await;
    let provider = at_end.provider.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        provider.is_silent.store(true, Ordering::SeqCst);
    });
    let began = tokio::time::Instant::now();
    let ending = signalled_after(&at_end, Duration::from_secs(20)).await;
    assert_eq!(ending, Ending::Done);
    assert!(began.elapsed() < Duration::from_secs(21));
    let run = at_end.engine.ledger.run(&at_end.run).unwrap();
    assert_eq!(run.closing, None);
}

#[tokio::test(start_paused = true)]
async fn signals_are_heeded_while_a_short_run_reads_the_balance_afresh() {
    let short = stage(
        Provider::with(15, vec![]),
        SpendLimits::default(),
        independent(2),
    )
    .await;
    let (handle, control) = control();
    let provider = short.provider.clone();
    let signals = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        provider.is_silent.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(provider.arrived().len(), 1, "there is none for the second");
        handle.stop(StopCause::Signal(2));
        tokio::time::sleep(Duration::from_secs(1)).await;
        handle.stop(StopCause::Signal(2));
    };
    let began = tokio::time::Instant::now();
    let going = short.go_with(RunOptions::default(), control);
    let (ending, ()) = tokio::join!(going, signals);
    assert_eq!(ending, Ending::Stopped(StopCause::Signal(2)));
    assert!(began.elapsed() < Duration::from_secs(23));
    assert_eq!(short.states(), [JobState::Saved, JobState::Planned]);
    short.check_books(15);
}

async fn signalled_after(stage: &Stage, span: Duration) -> Ending {
    let (handle, control) = control();
    let signal = async {
        tokio::time::sleep(span).await;
        handle.stop(StopCause::Signal(2));
    };
    let (ending, ()) = tokio::join!(stage.go_with(RunOptions::default(), control), signal);
    ending
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_and_a_failure_limit_stop_new_submits() {
    let provider = Provider {
        polls_until_done: 3,
        ..Provider::with(1000, vec![])
    };
    let stage1 = stage(provider, SpendLimits::default(), independent(30)).await;
    let options = RunOptions {
        max_duration: Some(Duration::from_secs(20)),
        ..RunOptions::default()
    };
    let ending = stage1.go_with(options, control().1).await;
    assert_eq!(ending, Ending::Stopped(StopCause::TimeLimit));
    stage1.check_books(1000);
    let provider = Provider {
        fails: Some(Refunded(true)),
        ..Provider::with(1000, vec![])
    };
    let stage2 = stage(provider, SpendLimits::default(), independent(30)).await;
    let options = RunOptions {
        max_failures: Some(FailureLimit::Jobs(2)),
        ..RunOptions::default()
    };
    let ending = stage2.go_with(options, control().1).await;
    assert_eq!(ending, Ending::Stopped(StopCause::Failures));
    assert!(stage2.provider.arrived().len() <= 8);
}

/// A job of a priority and a price of its own, which the provider need not know.
fn weighed(ordinal: u32, priority: i32, price: u64, needs: &[u32]) -> NewJob {
    NewJob {
        priority,
        price: Credits::new(price),
        ..job(ordinal, needs)
    }
}

async fn cut_off(
    cutoff: Cutoff,
    cap: u64,
    fail_tasks: bool,
    jobs: &[NewJob],
) -> (Ending, Vec<String>) {
    let provider = Provider {
        fails: fail_tasks.then_some(Refunded(true)),
        polls_until_done: 3,
        ..Provider::with(1000, vec![])
    };
    let limits = SpendLimits {
        run: Some(Credits::new(cap)),
        ..SpendLimits::default()
    };
    let stage = stage(provider, limits, jobs.to_vec()).await;
    let options = RunOptions {
        cutoff,
        ..RunOptions::default()
    };
    let ending = stage.go_with(options, control().1).await;
    let totals = stage.engine.ledger.run(&stage.run).unwrap().totals;
    assert!(totals.charged.get() - totals.refunded.get() <= cap);
    let mut arrived = stage.provider.arrived();
    arrived.sort();
    (ending, arrived)
}

fn run_limit(left: u64, needed: u64) -> Ending {
    Ending::Stopped(StopCause::Limit {
        limit: "run".to_owned(),
        left: Credits::new(left),
        needed: Credits::new(needed),
    })
}

#[tokio::test(start_paused = true)]
async fn only_a_hard_cutoff_keeps_cheaper_jobs_from_going_first() {
    let jobs = [
        weighed(0, 9, 10, &[]),
        weighed(1, 5, 50, &[]),
        weighed(2, 0, 10, &[]),
        weighed(3, 0, 10, &[]),
    ];
    for (cutoff, left, sent) in [
        (Cutoff::Hard, 25, vec!["j0"]),
        (Cutoff::Cautious, 5, vec!["j0", "j2", "j3"]),
        (Cutoff::Soft, 5, vec!["j0", "j2", "j3"]),
    ] {
        let (ending, arrived) = cut_off(cutoff, 35, false, &jobs).await;
        assert_eq!(ending, run_limit(left, 50), "{cutoff:?}");
        assert_eq!(arrived, sent, "{cutoff:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_soft_cutoff_waits_for_refunds() {
    let jobs = independent(3);
    for (cutoff, ending, requests) in [
        (Cutoff::Hard, run_limit(0, PRICE), 2),
        (Cutoff::Cautious, run_limit(0, PRICE), 2),
        (Cutoff::Soft, Ending::SomeFailed, 3),
    ] {
        let (found, arrived) = cut_off(cutoff, 20, true, &jobs).await;
        assert_eq!(found, ending, "{cutoff:?}");
        assert_eq!(arrived.len(), requests, "{cutoff:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cautious_cutoff_takes_what_fits_once_it_may_start() {
    let jobs = [
        weighed(0, 9, 10, &[]),
        weighed(1, 5, 20, &[]),
        weighed(2, 0, 10, &[0]),
    ];
    for (cutoff, left, sent) in [
        (Cutoff::Hard, 15, vec!["j0"]),
        (Cutoff::Cautious, 5, vec!["j0", "j2"]),
    ] {
        let (ending, arrived) = cut_off(cutoff, 25, false, &jobs).await;
        assert_eq!(ending, run_limit(left, 20), "{cutoff:?}");
        assert_eq!(arrived, sent, "{cutoff:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_is_judged_once_enough_jobs_are_settled() {
    let provider = Provider {
        fails: Some(Refunded(true)),
        ..Provider::with(1000, vec![])
    };
    let stage = stage(provider, SpendLimits::default(), independent(40)).await;
    let options = RunOptions {
        max_failures: Some(FailureLimit::Percent(1)),
        ..RunOptions::default()
    };
    let ending = stage.go_with(options, control().1).await;
    assert_eq!(ending, Ending::Stopped(StopCause::Failures));
    let arrived = stage.provider.arrived().len();
    assert!((20..=28).contains(&arrived), "{arrived}");
    stage.check_books(1000);
}

#[tokio::test(start_paused = true)]
async fn watchers_are_told_of_every_step() {
    let stage = stage(
        Provider::with(100, vec![]),
        SpendLimits::default(),
        independent(1),
    )
    .await;
    let (events, mut seen) = mpsc::unbounded_channel();
    let (_handle, control) = control();
    carry_out(
        &stage.engine,
        &stage.run,
        RunOptions::default(),
        control,
        events,
    )
    .await
    .unwrap();
    let mut states = Vec::new();
    while let Ok(event) = seen.try_recv() {
        if let RunEvent::Job { state, .. } = event {
            states.push(state);
        }
    }
    use JobState::{Accepted, Saved, Sent, Succeeded};
    assert_eq!(states, [Sent, Accepted, Succeeded, Saved]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any DAG, any place where answers are lost or refused: edges are respected and nothing is paid twice.
    #[test]
    fn any_dag_respects_its_edges(
        edges in prop::collection::vec((0u32..12, 0u32..12), 0..20),
        script in prop::collection::vec(prop_oneof![
            6 => Just(Act::Accept),
            1 => Just(Act::AcceptAndLose),
            1 => Just(Act::Fault(FaultKind::Unknown)),
            1 => Just(Act::Fault(FaultKind::NotSent)),
            1 => Just(Act::Fault(FaultKind::Refused(Refusal::Rate))),
            1 => Just(Act::Fault(FaultKind::Refused(Refusal::Invalid))),
        ], 0..12),
    ) {
        let needs = |ordinal: u32| {
            let mut list: Vec<u32> = edges
                .iter()
                .filter_map(|(a, b)| (a.max(b) == &ordinal && a != b).then_some(*a.min(b)))
                .collect();
            list.sort_unstable();
            list.dedup();
            list
        };
        let jobs: Vec<NewJob> = (0..12).map(|ordinal| job(ordinal, &needs(ordinal))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let stage =
                stage(Provider::with(1000, script), SpendLimits::default(), jobs).await;
            stage.go().await;
            stage.check_books(1000);
            let arrived = stage.provider.arrived();
            let records = stage.records();
            for record in &records {
                for need in &record.job.needs {
                    let upstream = &records[need.index()];
                    let started = arrived.contains(&record.job.id.to_string());
                    prop_assert!(!started || upstream.state.has_result(), "{:?}", record.job.id);
                }
            }
            let again = stage.provider.accepted_total();
            stage.go().await;
            stage.check_books(1000);
            prop_assert!(stage.provider.accepted_total() >= again);
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_process_sent_is_in_doubt_though_the_provider_cannot_be_reached() {
    let provider = Provider::with(100, vec![]);
    let stage = stage(provider, SpendLimits::default(), independent(1)).await;
    let (ledger, now) = (&stage.engine.ledger, Timestamp::UNIX_EPOCH);
    let account = AccountId::new("a");
    let mark = ledger.mark_balance(&account).await.unwrap();
    let balance = stage.provider.balance().await.unwrap();
    let observed = ledger.observe_balance(&account, mark, balance, now, Duration::from_secs(120));
    observed.await.unwrap();
    ledger.start(&stage.run, now).await.unwrap();
    ledger.hold(&stage.run, 1, now).await.unwrap();
    let sent = ledger.record(&stage.run, Ordinal(0), vec![JobEvent::Send], now);
    sent.await.unwrap();

    stage.provider.is_silent.store(true, Ordering::SeqCst);
    assert!(matches!(
        stage.go().await,
        Ending::Stopped(StopCause::Unreachable { .. })
    ));
    assert_eq!(stage.states(), [JobState::InDoubt]);
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_that_want_the_same_pay_for_it_once() {
    let limits = SpendLimits::default;
    let mut stage = stage(Provider::with(100, vec![]), limits(), independent(6)).await;
    let ledger = stage.engine.ledger.clone();
    let first = stage.run.clone();
    let other_process = Engine {
        ledger: ledger.of_another_process(),
        ..stage.engine.clone()
    };
    let second_out = tempfile::tempdir().unwrap();
    let (out, jobs) = (second_out.path(), independent(8));
    let second = enrol(&other_process, "r2", out, limits(), jobs).await;
    let go = async |engine: &Engine, run: &RunId| {
        let (_handle, control) = control();
        let (events, _) = mpsc::unbounded_channel();
        carry_out(engine, run, RunOptions::default(), control, events).await
    };
    let endings = tokio::join!(go(&stage.engine, &first), go(&other_process, &second));
    let endings = (endings.0.unwrap(), endings.1.unwrap());
    assert_eq!(endings, (Ending::Done, Ending::Done));
    assert_eq!(stage.provider.accepted_total(), 8);
    let charged = |run| ledger.run(run).unwrap().totals.charged.get();
    assert_eq!(charged(&first) + charged(&second), 8 * PRICE);
    for run in [first, second] {
        stage.run = run;
        let states = stage.states();
        assert!(
            states.iter().all(|state| *state == JobState::Saved),
            "{states:?}"
        );
        for record in stage.records() {
            let out = &ledger.run(&stage.run).unwrap().settings.out;
            assert!(Path::new(out).join(&record.files[0]).exists());
        }
    }
}

/// A run whose first checkpoint is there, with answers that get lost; two jobs have prices of their own.
async fn doubtful(script: Vec<Act>) -> Stage {
    let mut stage = stage(
        Provider::with(100, script),
        SpendLimits::default(),
        independent(3),
    )
    .await;
    stage.engine.seed = 5;
    stage
}

const SETTLING: RunOptions = RunOptions {
    max_duration: None,
    max_failures: None,
    cutoff: Cutoff::Cautious,
    settle_doubts: true,
    proof: crate::model::Proof::Off,
    on_drift: crate::model::OnDrift::Warn,
    pace: None,
    closing: None,
};

#[tokio::test(start_paused = true)]
async fn a_balance_that_rose_is_waited_for_until_it_can_not_lag() {
    for cutoff in [Cutoff::Cautious, Cutoff::Soft, Cutoff::Hard] {
        let provider = Provider::with(10, vec![]);
        let stage = stage(provider, SpendLimits::default(), independent(2)).await;
        let clock = stage.engine.clock.clone();
        let options = RunOptions { cutoff, ..SETTLING };
        let go = async || {
            let begin = clock.now();
            let (_handle, control) = control();
            let ending = stage.go_with(options, control).await;
            (ending, clock.now().duration_since(begin).as_secs())
        };
        let (ending, seconds) = go().await;
        assert!(matches!(ending, Ending::Stopped(StopCause::Limit { .. })));
        assert!(seconds < 30, "nothing rose: {seconds} s");
        // As much as was charged a moment ago: it may be that charge, not shown yet.
        stage.provider.balance.fetch_add(10, Ordering::SeqCst);
        let (ending, seconds) = go().await;
        assert_eq!(ending, Ending::Done);
        assert!((60..150).contains(&seconds), "{seconds} s");
        stage.check_books(20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_by_what_the_balance_says() {
    // Charged: its job is lost, for good, and not bought again.
    let stage = doubtful(vec![Act::Accept, Act::AcceptAndLose]).await;
    let (_handle, control) = control();
    assert_eq!(stage.go_with(SETTLING, control).await, Ending::SomeFailed);
    let mut states = stage.states();
    states.sort_unstable();
    assert_eq!(states, [JobState::Saved, JobState::Saved, JobState::Lost]);
    assert_eq!(stage.provider.arrived().len(), 3);
    stage.check_books(100);
    let run = stage.engine.ledger.run(&stage.run).unwrap();
    assert_eq!(run.unexplained().map(crate::model::Drift::get), Some(0));
    assert_eq!(run.totals.charged, Credits::new(30));

    // Not charged: sent again.
    let stage = doubtful(vec![Act::Accept, Act::Fault(FaultKind::Unknown)]).await;
    let (_handle, control) = super::control();
    assert_eq!(stage.go_with(SETTLING, control).await, Ending::Done);
    assert_eq!(stage.provider.arrived().len(), 4);
    stage.check_books(100);
}

#[tokio::test(start_paused = true)]
async fn a_balance_that_lags_at_the_start_settles_nothing_wrongly() {
    let mut stage = doubtful(vec![]).await;
    assert_eq!(stage.go().await, Ending::Done);
    // A moment later the balance does not show the last charge yet, and then it does.
    stage.provider.balance.fetch_add(PRICE, Ordering::SeqCst);
    let other = NewJob {
        fingerprint: print_of(7),
        ..job(0, &[])
    };
    let (engine, out) = (&stage.engine, stage.out.path().join("r2"));
    stage.run = enrol(engine, "r2", &out, SpendLimits::default(), vec![other]).await;
    *stage.provider.script.lock().unwrap() = vec![Act::Fault(FaultKind::Unknown)];
    tokio::spawn({
        let provider = stage.provider.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            provider.balance.fetch_sub(PRICE, Ordering::SeqCst);
        }
    });
    // What seems to be missing since the start is no charge of the request whose answer was lost: it is sent again.
    let (_handle, control) = control();
    assert_eq!(stage.go_with(SETTLING, control).await, Ending::Done);
    assert_eq!(stage.states(), [JobState::Saved]);
}

#[tokio::test(start_paused = true)]
async fn a_charge_that_shows_late_does_not_make_up_for_a_payment_in_doubt() {
    let provider = Provider {
        polls_until_done: 12,
        ..Provider::with(100, vec![Act::AcceptAndLose])
    };
    let jobs = vec![job(0, &[]), job(1, &[]), job(2, &[1])];
    let stage = stage(provider, SpendLimits::default(), jobs).await;
    let provider = stage.provider.clone();
    let lag = async {
        let began = tokio::time::Instant::now();
        while provider.arrived().len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let late = began.elapsed();
        assert!(
            late > Duration::from_secs(45),
            "{late:?}: so that the first is weighed while this lags"
        );
        provider.balance.fetch_add(PRICE, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(118)).await;
        provider.balance.fetch_sub(PRICE, Ordering::SeqCst);
    };
    let (_handle, control) = control();
    let (ending, ()) = tokio::join!(stage.go_with(SETTLING, control), lag);
    assert_eq!(ending, Ending::SomeFailed);
    let states = [JobState::Lost, JobState::Saved, JobState::Saved];
    assert_eq!(stage.states(), states);
    assert_eq!(stage.provider.accepted_total(), 3, "nothing is paid twice");
}

#[tokio::test(start_paused = true)]
async fn a_late_refund_of_what_was_bought_again_settles_nothing() {
    let provider = Provider {
        fails: Some(Refunded(false)),
        ..Provider::with(100, vec![Act::Accept, Act::AcceptAndLose])
    };
    let stage = stage(provider, SpendLimits::default(), independent(1)).await;
    let (_handle, control) = control();
    assert_eq!(stage.go_with(SETTLING, control).await, Ending::SomeFailed);
    let (ledger, run) = (&stage.engine.ledger, &stage.run);
    let now = stage.engine.clock.now();
    let restart = vec![JobEvent::Restart];
    ledger.record(run, Ordinal(0), restart, now).await.unwrap();
    ledger.start(run, now).await.unwrap();
    // Charged, and the provider gives back what the first try cost: the balance is as if nothing had been sent.
    let refund = tokio::spawn({
        let provider = stage.provider.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            provider.balance.fetch_add(PRICE, Ordering::SeqCst);
        }
    });
    let (_handle, control) = super::control();
    assert_eq!(stage.go_with(SETTLING, control).await, Ending::InDoubt);
    refund.await.unwrap();
    assert_eq!(stage.provider.arrived().len(), 2, "never a third time");
}

#[tokio::test(start_paused = true)]
async fn on_a_shared_account_the_balance_settles_nothing() {
    let stage = doubtful(vec![Act::AcceptAndLose]).await;
    let (ledger, account) = (&stage.engine.ledger, AccountId::new("a"));
    // An hour ago, before another run, seven credits went.
    for (credits, minutes) in [(107, -70), (100, -60)] {
        let at = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(minutes);
        let mark = ledger.mark_balance(&account).await.unwrap();
        let balance = Balance {
            credits: Credits::new(credits),
            extra_credits: Credits::ZERO,
        };
        let kept = ledger.keep_checkpoint(&account, mark, balance, Rise::MayPass, at);
        assert!(kept.await.unwrap());
    }
    let (_handle, control) = control();
    assert_eq!(stage.go_with(SETTLING, control).await, Ending::InDoubt);
}

#[tokio::test(start_paused = true)]
async fn figures_that_do_not_tell_leave_a_payment_in_doubt() {
    // Two alike, one charged: nobody can say which. And somebody else who spends explains nothing.
    for (script, thief) in [
        (vec![Act::AcceptAndLose, Act::Fault(FaultKind::Unknown)], 0),
        (vec![Act::AcceptAndLose], 3),
    ] {
        let stage = doubtful(script).await;
        let provider = stage.provider.clone();
        let meanwhile = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            provider.balance.fetch_sub(thief, Ordering::SeqCst);
        });
        let (_handle, control) = control();
        assert_eq!(stage.go_with(SETTLING, control).await, Ending::InDoubt);
        meanwhile.await.unwrap();
        assert_eq!(stage.provider.arrived().len(), 3, "nothing is sent blindly");
        let held = stage.engine.ledger.run(&stage.run).unwrap().totals.held;
        assert!(held >= Credits::new(PRICE), "its credits stay held");
    }
}

#[tokio::test(start_paused = true)]
async fn the_balance_is_asked_only_when_no_request_can_be_under_way_and_a_stop_ends_the_wait() {
    let stage = doubtful(vec![Act::Fault(FaultKind::Unknown)]).await;
    let (handle, control) = control();
    let started = tokio::time::Instant::now();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        handle.stop(StopCause::Signal(2));
    };
    let (ending, ()) = tokio::join!(stage.go_with(SETTLING, control), stop);
    assert_eq!(ending, Ending::Stopped(StopCause::Signal(2)));
    assert!(started.elapsed() < Duration::from_secs(61));
    assert_eq!(stage.provider.arrived().len(), 3);
    // The request left long ago by now; the resume still reads twice.
    tokio::time::sleep(Duration::from_secs(600)).await;
    let again = tokio::time::Instant::now();
    let (_handle, control) = super::control();
    assert_eq!(stage.go_with(SETTLING, control).await, Ending::Done);
    assert!(again.elapsed() >= Duration::from_secs(60));
    stage.check_books(100);
}

/// A provider that takes more than the price for each job.
fn dearer(balance: u64, surcharge: u64) -> Provider {
    Provider {
        surcharge,
        ..Provider::with(balance, vec![])
    }
}

fn proving(proof: crate::model::Proof, on_drift: crate::model::OnDrift) -> RunOptions {
    RunOptions {
        proof,
        on_drift,
        ..SETTLING
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_goes_alone_and_stops_the_run_when_its_charge_is_not_its_price() {
    use crate::model::{OnDrift, Proof};
    let stage1 = stage(dearer(100, 3), SpendLimits::default(), independent(4)).await;
    let (_handle, control) = control();
    let ending = stage1
        .go_with(proving(Proof::Canary, OnDrift::Stop), control)
        .await;
    let Ending::Stopped(StopCause::Drift { message }) = ending else {
        panic!("{ending:?}")
    };
    assert!(
        message.contains("price 10") && message.contains("13 were charged"),
        "{message}"
    );
    assert_eq!(stage1.provider.arrived().len(), 1, "only the canary went");
    let saved = stage1
        .states()
        .iter()
        .filter(|state| **state == JobState::Saved)
        .count();
    assert_eq!(saved, 1, "what it gave is kept");

    // Right prices: the canary goes first, then all others at once.
    let stage2 = stage(dearer(100, 0), SpendLimits::default(), independent(4)).await;
    let (_handle, control) = super::control();
    let ending = stage2
        .go_with(proving(Proof::Canary, OnDrift::Stop), control)
        .await;
    assert_eq!(ending, Ending::Done);
    assert_eq!(stage2.provider.most_at_once.load(Ordering::SeqCst), 3);
    stage2.check_books(100);
}

#[tokio::test(start_paused = true)]
async fn an_audit_lets_every_job_go_alone_and_tells_each_difference() {
    use crate::model::{OnDrift, Proof};
    let stage = stage(dearer(100, 2), SpendLimits::default(), independent(3)).await;
    let (_handle, control) = control();
    let (events, mut seen) = mpsc::unbounded_channel();
    let options = proving(Proof::Audit, OnDrift::Warn);
    let ending = carry_out(&stage.engine, &stage.run, options, control, events)
        .await
        .unwrap();
    assert_eq!(ending, Ending::Done);
    assert_eq!(stage.provider.most_at_once.load(Ordering::SeqCst), 1);
    let mut told = 0;
    while let Ok(event) = seen.try_recv() {
        let is_difference =
            matches!(&event, RunEvent::Warning { message } if message.contains("12 were charged"));
        told += usize::from(is_difference);
    }
    assert_eq!(told, 3);
    let audits = stage.engine.ledger.audits(&AccountId::new("a")).unwrap();
    let charged: Vec<u64> = audits.iter().map(|audit| audit.charged.get()).collect();
    assert_eq!(charged, [12, 12, 12], "what was seen is kept");
}
