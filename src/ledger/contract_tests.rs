//! What every store must do, told once and asked of each.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::model::{
    AccountId, Balance, Credits, Cutoff, Family, Fingerprint, JobId, JobRecord, JobResult,
    JobState, ManifestOptions, NewJob, Ordinal, PaidState, Rate, Reuse, RunId, RunSettings,
    RunState, SpendLimits, StopRules, TaskId,
};

use super::*;

/// For how long after a request was sent the balance may not show its charge.
pub(super) const LAG: Duration = Duration::from_secs(120);

pub(super) fn credits(n: u64) -> Credits {
    Credits::new(n)
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(super) fn account() -> AccountId {
    AccountId::new("simulator/default")
}

pub(super) fn new_run(id: &str, limits: SpendLimits) -> NewRun {
    NewRun {
        id: RunId::new(id),
        manifest: "album".to_owned(),
        manifest_path: "manifests/album.toml".to_owned(),
        manifest_digest: "00".repeat(32),
        account: account(),
        price_list: "guide".to_owned(),
        settings: RunSettings {
            provider: "simulator".to_owned(),
            base_url: String::new(),
            key_env: "KEY".to_owned(),
            rate: Rate {
                count: 20,
                per: Duration::from_secs(60),
            },
            concurrency: 10,
            poll: None,
            timeout: Duration::from_secs(60),
            out: "out".to_owned(),
            limits,
            simulator: json!({"credits": 1000}),
            plan: None,
            fresh: false,
            files: std::collections::BTreeMap::new(),
            stop: StopRules::default(),
            options: ManifestOptions::default(),
            catalog: None,
        },
    }
}

pub(super) fn cap(run: u64) -> SpendLimits {
    SpendLimits {
        run: Some(credits(run)),
        ..SpendLimits::default()
    }
}

pub(super) fn new_job(ordinal: u32, price: u64) -> NewJob {
    NewJob {
        ordinal: Ordinal(ordinal),
        id: JobId::new(format!("job{ordinal}")),
        fingerprint: print(ordinal),
        operation: "suno.create".to_owned(),
        family: Family::Suno,
        inputs: r#"{"title":"Neon Rain"}"#.to_owned(),
        price: credits(price),
        priority: 0,
        save: None,
        needs: Vec::new(),
        reuse: None,
    }
}

pub(super) fn print(n: u32) -> Fingerprint {
    Fingerprint(u128::from(n).to_be_bytes())
}

/// Makes jobs that no other run has.
pub(super) fn only_of(run: &str, jobs: impl Iterator<Item = NewJob>) -> Vec<NewJob> {
    let mark = |mut job: NewJob| {
        let name = run.bytes().rev().take(8);
        job.fingerprint
            .0
            .iter_mut()
            .zip(name)
            .for_each(|(byte, letter)| *byte = letter);
        job
    };
    jobs.map(mark).collect()
}

pub(super) fn needing(ordinal: u32, price: u64, needs: &[u32]) -> NewJob {
    NewJob {
        needs: needs.iter().copied().map(Ordinal).collect(),
        ..new_job(ordinal, price)
    }
}

pub(super) fn result(clip: &str) -> JobResult {
    JobResult {
        fields: json!({"clips": [{"clip_id": clip}]}),
        clip_ids: vec![clip.to_owned()],
        downloads: Vec::new(),
    }
}

/// Enrols and starts a run.
pub(super) async fn started(ledger: &Ledger, run: NewRun, jobs: Vec<NewJob>) -> RunId {
    let id = run.id.clone();
    ledger.enroll(run, at(0)).await.unwrap();
    ledger.add_jobs(&id, jobs).await.unwrap();
    ledger.start(&id, at(0)).await.unwrap();
    id
}

pub(super) async fn observe(ledger: &Ledger, balance: u64) {
    let mark = ledger.mark_balance(&account()).await.unwrap();
    let balance = Balance {
        credits: credits(balance),
        extra_credits: Credits::ZERO,
    };
    ledger
        .observe_balance(&account(), mark, balance, at(0), LAG)
        .await
        .unwrap();
}

pub(super) fn job(ledger: &Ledger, run: &RunId, ordinal: u32) -> JobRecord {
    let mut found = None;
    ledger
        .for_each_job(run, &mut |job| {
            if job.job.ordinal == Ordinal(ordinal) {
                found = Some(job);
            }
        })
        .unwrap();
    found.unwrap()
}

pub(super) fn accept() -> JobEvent {
    JobEvent::Accept {
        task: Some(TaskId::new("task")),
    }
}

pub(super) fn succeed(clip: &str) -> JobEvent {
    JobEvent::Succeed {
        result: result(clip),
    }
}

pub(super) fn save() -> JobEvent {
    JobEvent::Save {
        files: vec!["audio/song.mp3".to_owned()],
        defect: None,
    }
}

pub(super) fn fail(refunded: bool) -> JobEvent {
    JobEvent::Fail {
        error: "no".to_owned(),
        refunded,
    }
}

pub(super) fn words() -> String {
    "no".to_owned()
}

/// A folder in memory where there is one: what is tested here is not the disk's sync.
pub(super) fn scratch() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let folder = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
    folder.unwrap()
}

/// A store that is asked, and the folder it lives in.
struct Place {
    ledger: Ledger,
    folder: Option<tempfile::TempDir>,
}

fn in_memory() -> Place {
    Place {
        ledger: Ledger::in_memory(),
        folder: None,
    }
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("ledger.db")
}

fn inline() -> Place {
    let folder = scratch();
    Place {
        ledger: Ledger::open_inline(&file(&folder)).unwrap(),
        folder: Some(folder),
    }
}

fn threaded() -> Place {
    let folder = scratch();
    Place {
        ledger: Ledger::open(&file(&folder)).unwrap(),
        folder: Some(folder),
    }
}

macro_rules! contract {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                let place = super::in_memory();
                super::$name(&place.ledger).await;
                place.ledger.verify().unwrap();
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                for place in [super::inline(), super::threaded()] {
                    super::$name(&place.ledger).await;
                    place.ledger.verify().unwrap();
                    drop(place.ledger);
                    drop(place.folder);
                }
            })*
        }
    };
}

contract! {
    a_job_goes_its_way
    a_defect_stays_with_its_job_and_with_who_uses_it
    a_job_whose_files_are_gone_is_due_again_and_pays_nothing
    holds_stay_below_each_limit
    cheaper_jobs_are_held_when_the_best_does_not_fit
    at_a_hard_cutoff_nothing_overtakes_what_does_not_fit
    a_cautious_cutoff_knows_whether_a_waiting_job_would_fit
    without_a_reading_only_free_jobs_start
    a_reading_loses_what_is_charged_after_its_mark
    a_refund_comes_back_to_the_run_at_once_and_to_the_balance_by_the_next_reading
    a_refund_counts_in_the_period_of_its_charge
    jobs_wait_for_what_they_need
    jobs_are_skipped_and_come_back_with_what_they_need
    a_blocked_job_never_starts
    reused_jobs_are_handed_out_once_and_cost_nothing
    a_run_belongs_to_one_process_at_a_time
    the_lease_of_a_dead_process_can_be_broken
    a_lease_taken_over_stops_requests_but_not_answers
    an_unfinished_enrolment_can_be_discarded
    a_bad_enrolment_adds_nothing
    events_of_one_record_stand_or_fall_together
    a_finished_run_reopens_when_a_job_is_restarted
    doubt_holds_until_it_is_settled
    what_was_paid_for_is_found
    how_long_jobs_took_is_told
    an_account_knows_who_used_and_who_holds
    runs_are_found_by_manifest_and_prefix
    the_run_of_a_saved_plan_is_found
    settings_can_change_and_the_opening_cannot
    what_is_not_there_is_named
    an_alert_is_claimed_once_per_account_and_period
    a_checkpoint_is_kept_only_while_nothing_is_in_flight
    a_rise_that_may_be_lag_is_no_checkpoint
    a_reading_older_than_the_checkpoint_is_compared_with_nothing
    a_checkpoint_that_may_lag_settles_nothing
    payments_in_doubt_are_weighed_against_the_last_checkpoint
    a_refund_may_come_after_the_next_checkpoint
    a_refund_may_come_after_the_job_was_bought_again
    what_was_lost_before_a_restart_keeps_its_task
    whoever_took_credits_may_take_more
    an_upload_that_was_forgotten_is_not_reused
    what_a_job_was_charged_alone_is_kept_with_it
    what_checkpoints_leave_unexplained_is_placed_in_time
    two_runs_that_want_the_same_buy_it_once
    what_another_run_may_have_bought_is_not_bought
    whoever_slept_sends_nothing_that_was_bought_meanwhile
    a_run_that_buys_afresh_looks_nowhere
}

fn save_with(defect: &str) -> JobEvent {
    JobEvent::Save {
        files: vec!["audio/song.mp3".to_owned()],
        defect: Some(defect.to_owned()),
    }
}

/// A job that is bought and saved with a defect.
async fn saved_with(ledger: &Ledger, run: &str, defect: &str) -> RunId {
    let run = started(ledger, new_run(run, cap(100)), vec![new_job(0, 10)]).await;
    observe(ledger, 1_000).await;
    ledger.hold(&run, 1, at(1)).await.unwrap();
    let events = vec![JobEvent::Send, accept(), succeed("c1"), save_with(defect)];
    record(ledger, &run, 0, events).await.unwrap();
    run
}

async fn a_defect_stays_with_its_job_and_with_who_uses_it(ledger: &Ledger) {
    let first = saved_with(ledger, "r1", "is silent").await;
    ledger.finish(&first, "done", None, at(3)).await.unwrap();
    let told = job(ledger, &first, 0);
    assert_eq!(
        (told.state, told.charged),
        (JobState::Saved, credits(10)),
        "it counts as saved, and was paid"
    );
    assert_eq!(told.error.as_deref(), Some("is silent"));
    assert_eq!(ledger.defects(&first), Ok(1));
    assert_eq!(ledger.run(&first).unwrap().totals.bad, 0);

    let reuse = Reuse::Run {
        run: first,
        job: JobId::new("job0"),
        ordinal: Ordinal(0),
    };
    let mut twin = new_job(0, 10);
    twin.reuse = Some(reuse);
    let second = started(ledger, new_run("r2", cap(100)), vec![twin]).await;
    let answer = ledger.hold(&second, 1, at(4)).await.unwrap();
    let reused = answer.jobs[0].reused.clone().unwrap();
    assert_eq!(reused.defect.as_deref(), Some("is silent"));
    assert_eq!(ledger.defects(&second), Ok(0));
}

async fn a_job_whose_files_are_gone_is_due_again_and_pays_nothing(ledger: &Ledger) {
    let run = saved_with(ledger, "r1", "is silent").await;
    ledger.finish(&run, "done", None, at(3)).await.unwrap();
    ledger.start(&run, at(4)).await.unwrap();
    let miss = JobEvent::Miss { error: words() };
    let now = record(ledger, &run, 0, vec![miss.clone()]).await;
    assert_eq!(now, Ok(JobState::Succeeded));
    let again = record(ledger, &run, 0, vec![miss]).await;
    assert!(matches!(again, Err(LedgerError::IllegalStep { .. })));
    assert_eq!(ledger.defects(&run), Ok(0), "no file is known to be bad");
    let told = ledger.run(&run).unwrap().totals;
    assert_eq!((told.ended, told.charged), (0, credits(10)));

    let due = ledger.due(&run).await.unwrap();
    assert_eq!(due[0].result, Some(result("c1")));
    record(ledger, &run, 0, vec![save()]).await.unwrap();
    let told = job(ledger, &run, 0);
    assert_eq!((told.state, told.error), (JobState::Saved, None));
    assert_eq!(told.charged, credits(10));
}

async fn a_job_goes_its_way(ledger: &Ledger) {
    let run = started(ledger, new_run("r1", cap(100)), vec![new_job(0, 10)]).await;
    observe(ledger, 1_000).await;
    let held = ledger.hold(&run, 5, at(1)).await.unwrap();
    assert_eq!(held.jobs.len(), 1);
    assert_eq!((held.shortage, held.waiting), (None, 0));
    assert_eq!(job(ledger, &run, 0).held, credits(10));
    for (events, state) in [
        (vec![JobEvent::Send], JobState::Sent),
        (vec![accept(), succeed("c1")], JobState::Succeeded),
        (vec![save()], JobState::Saved),
    ] {
        let now = ledger.record(&run, Ordinal(0), events, at(2)).await;
        assert_eq!(now, Ok(state));
        ledger.verify().unwrap();
    }
    let told = job(ledger, &run, 0);
    assert_eq!((told.held, told.charged), (Credits::ZERO, credits(10)));
    assert_eq!(told.result, Some(result("c1")));
    assert_eq!(told.files, ["audio/song.mp3"]);
    assert_eq!(told.task_id, Some(TaskId::new("task")));
    ledger
        .finish(&run, "done", Some(credits(990)), at(3))
        .await
        .unwrap();
    let told = ledger.run(&run).unwrap();
    assert_eq!(told.state, RunState::Finished);
    assert_eq!(told.totals.charged, credits(10));
    assert_eq!(told.totals.ended, 1);
}

/// Enrols, starts and reads a balance of 1,000.
async fn ready(ledger: &Ledger, limits: SpendLimits, jobs: Vec<NewJob>) -> RunId {
    observe(ledger, 1_000).await;
    started(ledger, new_run("r1", limits), jobs).await
}

async fn hold(ledger: &Ledger, run: &RunId, want: usize) -> (Vec<u32>, Option<Shortage>, u64) {
    let held = ledger.hold(run, want, at(1)).await.unwrap();
    let places = held.jobs.iter().map(|job| job.ordinal.0).collect();
    (places, held.shortage, held.waiting)
}

async fn record(
    ledger: &Ledger,
    run: &RunId,
    job: u32,
    events: Vec<JobEvent>,
) -> Result<JobState, LedgerError> {
    ledger.record(run, Ordinal(job), events, at(2)).await
}

/// Takes a held job to its result.
async fn buy(ledger: &Ledger, run: &RunId, job: u32) {
    let clip = format!("clip{job}");
    for events in [
        vec![JobEvent::Send],
        vec![accept(), succeed(&clip)],
        vec![save()],
    ] {
        record(ledger, run, job, events).await.unwrap();
    }
}

fn state(ledger: &Ledger, run: &RunId, ordinal: u32) -> JobState {
    job(ledger, run, ordinal).state
}

fn short(limit: LimitKind, left: u64, needed: u64) -> Option<Shortage> {
    Some(Shortage {
        limit,
        left: credits(left),
        needed: credits(needed),
    })
}

async fn holds_stay_below_each_limit(ledger: &Ledger) {
    let jobs = |run| only_of(run, (0..5).map(|n| new_job(n, 10)));
    observe(ledger, 100).await;
    let one = started(ledger, new_run("one", cap(25)), jobs("one")).await;
    let period = SpendLimits {
        period: Some(credits(45)),
        ..SpendLimits::default()
    };
    let two = started(ledger, new_run("two", period), jobs("two")).await;
    let keep = SpendLimits {
        keep: credits(35),
        ..SpendLimits::default()
    };
    let three = started(ledger, new_run("three", keep), jobs("three")).await;

    let held = hold(ledger, &one, 9).await;
    assert_eq!(held, (vec![0, 1], short(LimitKind::Run, 5, 10), 3));
    let held = hold(ledger, &two, 9).await;
    assert_eq!(held, (vec![0, 1], short(LimitKind::Period, 5, 10), 3));
    let held = hold(ledger, &three, 9).await;
    assert_eq!(held, (vec![0, 1], short(LimitKind::Balance, 5, 10), 3));
    assert_eq!(ledger.used_since(&account(), None), Ok(credits(60)));
    assert_eq!(ledger.run(&two).unwrap().totals.held, credits(20));

    // What is given back can be held again, by any run.
    record(ledger, &one, 0, vec![JobEvent::Release { error: None }])
        .await
        .unwrap();
    assert_eq!(hold(ledger, &three, 1).await, (vec![2], None, 2));
    assert_eq!(hold(ledger, &one, 1).await, (vec![0], None, 3));
}

async fn cheaper_jobs_are_held_when_the_best_does_not_fit(ledger: &Ledger) {
    let mut best = new_job(0, 50);
    best.priority = 9;
    let mut second = new_job(1, 20);
    second.priority = 5;
    let jobs = vec![best, second, new_job(2, 5), new_job(3, 0), new_job(4, 7)];
    let run = ready(ledger, cap(27), jobs).await;
    assert_eq!(hold(ledger, &run, 1).await, (vec![1], None, 4));
    let held = hold(ledger, &run, 9).await;
    assert_eq!(held, (vec![2, 3], short(LimitKind::Run, 2, 7), 2));
    let held = hold(ledger, &run, 9).await;
    assert_eq!(held, (vec![], short(LimitKind::Run, 2, 7), 2));
    assert_eq!(hold(ledger, &run, 0).await, (vec![], None, 2));
}

async fn at_a_hard_cutoff_nothing_overtakes_what_does_not_fit(ledger: &Ledger) {
    let mut best = new_job(0, 10);
    best.priority = 9;
    let mut second = new_job(1, 50);
    second.priority = 5;
    let mut third = new_job(2, 60);
    third.priority = 5;
    let jobs = vec![best, second, third, new_job(3, 5), new_job(4, 0)];
    let run = ready(ledger, cap(27), jobs).await;
    for expected in [vec![0], vec![]] {
        let held = ledger.hold_by(&run, 9, Cutoff::Hard, at(1)).await.unwrap();
        let places: Vec<u32> = held.jobs.iter().map(|job| job.ordinal.0).collect();
        assert_eq!(places, expected);
        assert_eq!(held.shortage, short(LimitKind::Run, 17, 50));
    }
    assert_eq!(
        hold(ledger, &run, 9).await,
        (vec![3, 4], short(LimitKind::Run, 12, 50), 2)
    );
}

async fn a_cautious_cutoff_knows_whether_a_waiting_job_would_fit(ledger: &Ledger) {
    let jobs = vec![new_job(0, 10), new_job(1, 50), needing(2, 15, &[0])];
    let run = ready(ledger, cap(27), jobs).await;
    let ask = async |cutoff| ledger.hold_by(&run, 9, cutoff, at(1)).await.unwrap();
    let held = ask(Cutoff::Cautious).await;
    assert_eq!(
        (held.shortage, held.later_fits),
        (short(LimitKind::Run, 17, 50), true)
    );
    assert!(!ask(Cutoff::Soft).await.later_fits, "nobody asked");
    buy(ledger, &run, 0).await;
    let held = ask(Cutoff::Cautious).await;
    assert_eq!(held.jobs.len(), 1);
    assert_eq!(
        (held.shortage, held.later_fits),
        (short(LimitKind::Run, 2, 50), false)
    );
}

async fn without_a_reading_only_free_jobs_start(ledger: &Ledger) {
    let jobs = vec![new_job(0, 1), new_job(1, 0)];
    let run = started(ledger, new_run("r1", SpendLimits::default()), jobs).await;
    let held = hold(ledger, &run, 2).await;
    assert_eq!(held, (vec![1], short(LimitKind::Balance, 0, 1), 1));
    observe(ledger, 1).await;
    assert_eq!(hold(ledger, &run, 2).await, (vec![0], None, 0));
}

async fn a_reading_loses_what_is_charged_after_its_mark(ledger: &Ledger) {
    let jobs = (0..9).map(|n| new_job(n, 10)).collect();
    let run = started(ledger, new_run("r1", SpendLimits::default()), jobs).await;
    observe(ledger, 30).await;
    assert_eq!(hold(ledger, &run, 2).await.0, [0, 1]);
    buy(ledger, &run, 0).await;
    // One charged since the mark, one held: a third fits, no fourth.
    let held = hold(ledger, &run, 2).await;
    assert_eq!(held, (vec![2], short(LimitKind::Balance, 0, 10), 6));
    let mark = ledger.mark_balance(&account()).await.unwrap();
    assert_eq!(
        mark,
        BalanceMark {
            charged: credits(10),
            refunded: credits(0)
        }
    );
    // The question leaves; meanwhile a charge is recorded that the answer shows already: it counts twice, not never.
    buy(ledger, &run, 1).await;
    let balance = Balance {
        credits: credits(10),
        extra_credits: credits(20),
    };
    let note = async |now| {
        let account = account();
        let noted = ledger.observe_balance(&account, mark, balance, now, LAG);
        noted.await.unwrap();
    };
    // More than there was, which may only be for lack of what was charged a moment ago.
    note(at(3)).await;
    let asked = ledger.hold_by(&run, 9, Cutoff::Soft, at(3)).await.unwrap();
    assert_eq!((asked.jobs.len(), asked.balance_sure), (0, Some(at(122))));
    note(at(122)).await;
    let held = hold(ledger, &run, 9).await;
    assert_eq!(held, (vec![3], short(LimitKind::Balance, 0, 10), 5));
    // An older reading that arrives late changes nothing.
    let old = BalanceMark::default();
    ledger
        .observe_balance(&account(), old, balance, at(4), LAG)
        .await
        .unwrap();
    assert_eq!(hold(ledger, &run, 9).await.0, [0; 0]);
}

async fn a_refund_comes_back_to_the_run_at_once_and_to_the_balance_by_the_next_reading(
    ledger: &Ledger,
) {
    let jobs = (0..4).map(|n| new_job(n, 10)).collect();
    let run = started(ledger, new_run("r1", cap(10)), jobs).await;
    observe(ledger, 20).await;
    for job in [0, 1] {
        assert_eq!(hold(ledger, &run, 1).await.0, [job]);
        let events = vec![JobEvent::Send, accept(), fail(true)];
        assert_eq!(
            record(ledger, &run, job, events).await,
            Ok(JobState::Failed)
        );
    }
    let held = hold(ledger, &run, 1).await;
    assert_eq!(held, (vec![], short(LimitKind::Balance, 0, 10), 2));
    observe(ledger, 20).await;
    assert_eq!(hold(ledger, &run, 1).await.0, [2]);
    let totals = ledger.run(&run).unwrap().totals;
    assert_eq!(
        (totals.charged, totals.refunded),
        (credits(20), credits(20))
    );
    assert_eq!((totals.ended, totals.bad), (2, 2));
}

async fn a_refund_counts_in_the_period_of_its_charge(ledger: &Ledger) {
    let day = 24 * 3_600;
    let jobs = vec![new_job(0, 10), new_job(1, 10)];
    let run = ready(ledger, SpendLimits::default(), jobs).await;
    let used = |since| {
        ledger
            .used_since(&account(), Some(at(since)))
            .unwrap()
            .get()
    };
    assert_eq!(hold(ledger, &run, 2).await.0, [0, 1]);
    ledger
        .record(&run, Ordinal(0), vec![JobEvent::Send], at(60))
        .await
        .unwrap();
    ledger
        .record(&run, Ordinal(1), vec![JobEvent::Send], at(day))
        .await
        .unwrap();
    // What is not settled counts in every period.
    assert_eq!((used(0), used(day), used(2 * day)), (20, 20, 20));
    for job in [0, 1] {
        ledger
            .record(&run, Ordinal(job), vec![accept()], at(2 * day))
            .await
            .unwrap();
    }
    assert_eq!((used(0), used(day), used(2 * day)), (20, 10, 0));
    ledger
        .record(&run, Ordinal(0), vec![fail(true)], at(2 * day))
        .await
        .unwrap();
    assert_eq!((used(0), used(day), used(2 * day)), (10, 10, 0));
}

async fn jobs_wait_for_what_they_need(ledger: &Ledger) {
    let reference = format!(
        r#"{{"clip":{{"$job":"{}","path":"clips[0].clip_id"}}}}"#,
        print(0)
    );
    let mut stems = needing(2, 5, &[0, 1]);
    stems.inputs.clone_from(&reference);
    let run = ready(
        ledger,
        SpendLimits::default(),
        vec![new_job(0, 10), new_job(1, 10), stems],
    )
    .await;
    assert_eq!(hold(ledger, &run, 9).await, (vec![0, 1], None, 1));
    buy(ledger, &run, 0).await;
    assert_eq!(hold(ledger, &run, 9).await, (vec![], None, 1));
    buy(ledger, &run, 1).await;
    let held = ledger.hold(&run, 9, at(3)).await.unwrap();
    assert_eq!(held.jobs[0].inputs, reference);
    assert_eq!(held.jobs[0].upstream, [(print(0), result("clip0").fields)]);
}

async fn jobs_are_skipped_and_come_back_with_what_they_need(ledger: &Ledger) {
    // 0 ← 2 ← 3, and 1 ← 3.
    let jobs = vec![
        new_job(0, 1),
        new_job(1, 1),
        needing(2, 1, &[0]),
        needing(3, 1, &[1, 2]),
    ];
    let run = ready(ledger, SpendLimits::default(), jobs).await;
    assert_eq!(hold(ledger, &run, 9).await.0, [0, 1]);
    let events = vec![JobEvent::Send, accept(), fail(false)];
    record(ledger, &run, 0, events).await.unwrap();
    for skipped in [2, 3] {
        let told = job(ledger, &run, skipped);
        assert_eq!(told.state, JobState::Skipped);
        assert_eq!(told.error.as_deref(), Some("needs `job0`, which failed"));
        assert_eq!(told.finished_at, Some(at(2)));
    }
    ledger.verify().unwrap();
    let refuse = vec![JobEvent::Send, JobEvent::Refuse { error: words() }];
    record(ledger, &run, 1, refuse).await.unwrap();
    let totals = ledger.run(&run).unwrap().totals;
    assert_eq!((totals.ended, totals.bad), (4, 4));
    // A skipped job does not come back before what it needs.
    assert!(
        record(ledger, &run, 2, vec![JobEvent::Restart])
            .await
            .is_err()
    );
    record(ledger, &run, 0, vec![JobEvent::Restart])
        .await
        .unwrap();
    assert_eq!(state(ledger, &run, 2), JobState::Planned);
    assert_eq!(
        state(ledger, &run, 3),
        JobState::Skipped,
        "job1 is still refused"
    );
    record(ledger, &run, 1, vec![JobEvent::Restart])
        .await
        .unwrap();
    assert_eq!(state(ledger, &run, 3), JobState::Planned);
    ledger.verify().unwrap();
    assert_eq!(hold(ledger, &run, 9).await.0, [0, 1]);
    buy(ledger, &run, 0).await;
    buy(ledger, &run, 1).await;
    assert_eq!(
        job(ledger, &run, 0).charged,
        credits(2),
        "both purchases are told"
    );
    assert_eq!(hold(ledger, &run, 9).await.0, [2]);
}

async fn a_blocked_job_never_starts(ledger: &Ledger) {
    observe(ledger, 100).await;
    let run = RunId::new("r1");
    ledger
        .enroll(new_run("r1", SpendLimits::default()), at(0))
        .await
        .unwrap();
    let blocked = Enrolment {
        job: new_job(1, 5),
        blocked: Some("is on its way in run `r0`".to_owned()),
    };
    let rest = [new_job(0, 5), needing(2, 5, &[1]), needing(3, 5, &[0, 2])];
    let [first, second, third] = rest.map(Enrolment::from);
    ledger
        .enroll_jobs(&run, vec![first, blocked, second, third])
        .await
        .unwrap();
    ledger.start(&run, at(0)).await.unwrap();
    ledger.verify().unwrap();
    assert_eq!(hold(ledger, &run, 9).await, (vec![0], None, 0));
    let told = job(ledger, &run, 1);
    assert_eq!(told.error.as_deref(), Some("is on its way in run `r0`"));
    assert_eq!(
        (told.state, told.finished_at),
        (JobState::Skipped, Some(at(0)))
    );
    let told = job(ledger, &run, 3);
    assert_eq!(told.error.as_deref(), Some("needs `job1`, which failed"));
    for job in [1, 2, 3] {
        assert!(
            record(ledger, &run, job, vec![JobEvent::Restart])
                .await
                .is_err(),
            "{job}"
        );
    }
}

async fn reused_jobs_are_handed_out_once_and_cost_nothing(ledger: &Ledger) {
    let first = ready(ledger, SpendLimits::default(), vec![new_job(0, 10)]).await;
    hold(ledger, &first, 1).await;
    buy(ledger, &first, 0).await;
    ledger.finish(&first, "done", None, at(3)).await.unwrap();

    let mut earlier = new_job(0, 10);
    earlier.reuse = Some(Reuse::Run {
        run: first.clone(),
        job: JobId::new("job0"),
        ordinal: Ordinal(0),
    });
    let mut twin = new_job(2, 10);
    twin.reuse = Some(Reuse::Twin {
        ordinal: Ordinal(1),
        job: JobId::new("job1"),
    });
    let jobs = vec![earlier, new_job(1, 10), twin];
    let run = started(ledger, new_run("r2", cap(10)), jobs).await;
    let held = ledger.hold(&run, 9, at(4)).await.unwrap();
    assert_eq!((held.jobs.len(), held.shortage, held.waiting), (2, None, 1));
    let files = vec!["audio/song.mp3".to_owned()];
    let reused = held.jobs[0].reused.as_ref().unwrap();
    assert_eq!((&reused.result, &reused.files), (&result("clip0"), &files));
    assert_eq!(reused.out, "out");
    assert_eq!(state(ledger, &run, 0), JobState::Planned);
    ledger.verify().unwrap();
    assert_eq!(hold(ledger, &run, 9).await, (vec![], None, 1));
    // A bought job can't be given a result that nobody paid for; a reused one can.
    assert!(record(ledger, &run, 2, vec![JobEvent::Send]).await.is_err());
    record(ledger, &run, 0, vec![succeed("clip0"), save()])
        .await
        .unwrap();
    buy(ledger, &run, 1).await;
    let held = ledger.hold(&run, 9, at(4)).await.unwrap();
    assert_eq!(
        held.jobs[0].reused.as_ref().unwrap().result,
        result("clip1")
    );

    // The worker that had the twin is gone; the next process gets it again.
    let next = ledger.of_another_process();
    next.start(&run, at(120)).await.unwrap();
    let held = next.hold(&run, 9, at(120)).await.unwrap();
    assert_eq!(held.jobs[0].ordinal, Ordinal(2));
    next.record(&run, Ordinal(2), vec![succeed("clip1"), save()], at(121))
        .await
        .unwrap();
    assert_eq!(next.run(&run).unwrap().totals.charged, credits(10));
}

/// Asks for holds, and tells what was handed out to buy, handed out to use, and passed over.
async fn hold_beside(ledger: &Ledger, run: &RunId, now: i64) -> (Vec<u32>, Vec<u32>, u64) {
    let answer = ledger.hold(run, 9, at(now)).await.unwrap();
    let (used, bought) = answer
        .jobs
        .iter()
        .partition::<Vec<_>, _>(|job| job.reused.is_some());
    let places = |jobs: Vec<&HeldJob>| jobs.iter().map(|job| job.ordinal.0).collect();
    (places(bought), places(used), answer.deferred)
}

async fn two_runs_that_want_the_same_buy_it_once(ledger: &Ledger) {
    observe(ledger, 100).await;
    let jobs = || vec![new_job(0, 10), needing(1, 10, &[0])];
    let first = started(ledger, new_run("one", cap(50)), jobs()).await;
    let second = started(ledger, new_run("two", cap(50)), jobs()).await;

    assert_eq!(hold_beside(ledger, &first, 1).await, (vec![0], vec![], 0));
    assert_eq!(hold_beside(ledger, &second, 1).await, (vec![], vec![], 1));
    let sent = vec![JobEvent::Send, accept()];
    record(ledger, &first, 0, sent).await.unwrap();
    assert_eq!(hold_beside(ledger, &second, 2).await, (vec![], vec![], 1));
    let events = vec![JobEvent::Succeed {
        result: result("c1"),
    }];
    record(ledger, &first, 0, events).await.unwrap();

    let answer = ledger.hold(&second, 9, at(3)).await.unwrap();
    let reused = answer.jobs[0].reused.clone().unwrap();
    assert_eq!(reused.result, result("c1"));
    assert_eq!(ledger.run(&second).unwrap().totals.held, credits(0));
    let events = vec![
        JobEvent::Succeed {
            result: reused.result,
        },
        JobEvent::Save {
            files: vec!["a.wav".to_owned()],
            defect: reused.defect,
        },
    ];
    record(ledger, &second, 0, events).await.unwrap();
    let told = job(ledger, &second, 0);
    assert_eq!((told.state, told.charged), (JobState::Saved, credits(0)));
    let reuse = Reuse::Run {
        run: first.clone(),
        job: JobId::new("job0"),
        ordinal: Ordinal(0),
    };
    assert_eq!(told.job.reuse, Some(reuse));
    // The second run is first at the next job, and a later run finds who bought what.
    assert_eq!(hold_beside(ledger, &second, 4).await, (vec![1], vec![], 0));
    assert_eq!(hold_beside(ledger, &first, 4).await, (vec![], vec![], 1));
    let paid = ledger.paid(&account()).unwrap().find(&print(0)).unwrap();
    assert_eq!(paid.run, first);
    ledger.verify().unwrap();
}

async fn what_another_run_may_have_bought_is_not_bought(ledger: &Ledger) {
    observe(ledger, 100).await;
    let jobs = || {
        vec![
            new_job(0, 10),
            new_job(1, 10),
            new_job(2, 10),
            needing(3, 10, &[0]),
        ]
    };
    let first = started(ledger, new_run("one", cap(50)), jobs()).await;
    let second = started(ledger, new_run("two", cap(50)), jobs()).await;
    assert_eq!(hold(ledger, &first, 3).await.0, vec![0, 1, 2]);
    let doubt = vec![
        JobEvent::Send,
        JobEvent::Doubt {
            error: "lost".to_owned(),
        },
    ];
    record(ledger, &first, 0, doubt).await.unwrap();
    let sent = vec![JobEvent::Send, accept()];
    record(ledger, &first, 1, sent).await.unwrap();

    let one = ledger.hold(&second, 1, at(1)).await.unwrap();
    let counts = (one.jobs.len(), one.skipped, one.deferred);
    assert_eq!(counts, (0, 1, 0), "the one asked for made way for others");
    assert_eq!(hold_beside(ledger, &second, 1).await, (vec![], vec![], 2));
    let told = job(ledger, &second, 0);
    assert_eq!(told.state, JobState::Skipped);
    assert!(told.error.unwrap().contains("setlist resolve one"));
    assert_eq!(state(ledger, &second, 3), JobState::Skipped);

    // Its process is taken for dead: what it only held was never sent, what it sent is somebody's to look up.
    let late = LEASE.as_secs() + 60;
    assert_eq!(
        hold_beside(ledger, &second, late).await,
        (vec![2], vec![], 0)
    );
    assert!(
        job(ledger, &second, 1)
            .error
            .unwrap()
            .contains("setlist resume one")
    );
    // It was only asleep: whichever of the two sends first, the other does not.
    let send = |run: RunId| async move {
        let send = vec![JobEvent::Send];
        ledger.record(&run, Ordinal(2), send, at(late)).await
    };
    assert_eq!(send(first.clone()).await, Ok(JobState::Sent));
    let refused = Err(LedgerError::BoughtElsewhere("job2".to_owned()));
    assert_eq!(send(second).await, refused);
    ledger.verify().unwrap();
}

async fn whoever_slept_sends_nothing_that_was_bought_meanwhile(ledger: &Ledger) {
    observe(ledger, 100).await;
    let jobs = || vec![new_job(0, 10), new_job(1, 10)];
    let first = started(ledger, new_run("one", cap(50)), jobs()).await;
    let second = started(ledger, new_run("two", cap(50)), jobs()).await;
    assert_eq!(hold(ledger, &first, 2).await.0, vec![0, 1]);
    let late = LEASE.as_secs() + 60;
    assert_eq!(
        hold_beside(ledger, &second, late).await,
        (vec![0, 1], vec![], 0)
    );
    let record = |run: &RunId, job, events, second| {
        let run = run.clone();
        async move { ledger.record(&run, Ordinal(job), events, at(second)).await }
    };
    for job in [0, 1] {
        let sent = vec![JobEvent::Send, accept()];
        record(&second, job, sent, late).await.unwrap();
    }
    // Its lease may have been renewed since, or its clock have stood still: that changes nothing.
    ledger.renew_lease(&first, at(late)).await.unwrap();
    for (job, now) in [(0, late), (1, 2)] {
        let refused = record(&first, job, vec![JobEvent::Send], now).await;
        assert!(
            matches!(refused, Err(LedgerError::BoughtElsewhere(_))),
            "{refused:?}"
        );
        let release = vec![JobEvent::Release { error: None }];
        record(&first, job, release, now).await.unwrap();
    }
    // They wait for the other run.
    assert_eq!(hold_beside(ledger, &first, late).await.2, 2);
    ledger.verify().unwrap();
}

async fn a_run_that_buys_afresh_looks_nowhere(ledger: &Ledger) {
    observe(ledger, 100).await;
    let first = started(ledger, new_run("one", cap(50)), vec![new_job(0, 10)]).await;
    assert_eq!(hold(ledger, &first, 1).await.0, vec![0]);
    buy(ledger, &first, 0).await;
    let mut second = new_run("two", cap(50));
    second.settings.fresh = true;
    let second = started(ledger, second, vec![new_job(0, 10)]).await;
    assert_eq!(hold_beside(ledger, &second, 10).await, (vec![0], vec![], 0));
}

async fn a_run_belongs_to_one_process_at_a_time(ledger: &Ledger) {
    let run = ready(
        ledger,
        SpendLimits::default(),
        vec![new_job(0, 10), new_job(1, 10)],
    )
    .await;
    let other = ledger.of_another_process();
    let leased = Err(LedgerError::Leased(run.clone()));
    assert_eq!(other.start(&run, at(59)).await, leased);
    assert_eq!(
        other.hold(&run, 1, at(59)).await.unwrap_err(),
        LedgerError::Leased(run.clone())
    );
    assert_eq!(other.finish(&run, "", None, at(59)).await, leased);
    assert_eq!(other.renew_lease(&run, at(59)).await, leased);
    ledger.renew_lease(&run, at(59)).await.unwrap();
    assert_eq!(other.start(&run, at(118)).await, leased);
    // A paid step keeps the lease, even one that ran out while nobody took the run.
    ledger.hold(&run, 1, at(500)).await.unwrap();
    assert_eq!(other.start(&run, at(559)).await, leased);
    ledger.finish(&run, "stopped", None, at(560)).await.unwrap();
    assert_eq!(
        ledger.hold(&run, 1, at(560)).await.unwrap_err(),
        LedgerError::Leased(run.clone())
    );
    other.start(&run, at(561)).await.unwrap();
    assert_eq!(other.hold(&run, 9, at(561)).await.unwrap().jobs.len(), 2);
    assert_eq!(ledger.start(&run, at(562)).await, leased);
}

async fn the_lease_of_a_dead_process_can_be_broken(ledger: &Ledger) {
    let run = ready(ledger, SpendLimits::default(), vec![new_job(0, 10)]).await;
    let next = ledger.of_another_process();
    let leased = Err(LedgerError::Leased(run.clone()));
    assert_eq!(next.start(&run, at(30)).await, leased);
    next.break_lease(&run, at(30)).await.unwrap();
    next.start(&run, at(30)).await.unwrap();
    let held = ledger
        .hold(&run, 1, at(31))
        .await
        .map(|held| held.jobs.len());
    assert_eq!(
        held,
        Err(LedgerError::Leased(run)),
        "whoever lost it sends nothing"
    );
}

async fn a_lease_taken_over_stops_requests_but_not_answers(ledger: &Ledger) {
    let jobs = (0..4).map(|n| new_job(n, 10)).collect();
    let run = ready(ledger, SpendLimits::default(), jobs).await;
    hold(ledger, &run, 4).await;
    for job in [1, 2, 3] {
        record(ledger, &run, job, vec![JobEvent::Send])
            .await
            .unwrap();
    }
    record(ledger, &run, 3, vec![accept()]).await.unwrap();
    let other = ledger.of_another_process();
    other.start(&run, at(100)).await.unwrap();
    assert_eq!(
        state(&other, &run, 0),
        JobState::Released,
        "nothing had left"
    );
    let due = other.due(&run).await.unwrap();
    let states: Vec<_> = due
        .iter()
        .map(|due| (due.job.ordinal.0, due.state))
        .collect();
    assert_eq!(
        states,
        [
            (1, JobState::Sent),
            (2, JobState::Sent),
            (3, JobState::Accepted)
        ]
    );
    assert_eq!(due[2].task, Some(TaskId::new("task")));
    let sent_at = job(&other, &run, 3).submitted_at;
    assert_eq!(due[2].submitted_at, sent_at);
    assert!(sent_at.is_some(), "it was sent");

    let leased = Err(LedgerError::Leased(run.clone()));
    assert_eq!(record(ledger, &run, 0, vec![JobEvent::Send]).await, leased);
    assert_eq!(
        record(ledger, &run, 1, vec![JobEvent::Retry { error: words() }]).await,
        leased
    );
    assert_eq!(state(ledger, &run, 0), JobState::Released);
    other
        .record(
            &run,
            Ordinal(1),
            vec![JobEvent::Doubt { error: words() }],
            at(101),
        )
        .await
        .unwrap();
    // The answer that came to the first process after all is worth keeping.
    assert_eq!(
        record(ledger, &run, 1, vec![accept()]).await,
        Ok(JobState::Accepted)
    );
}

async fn an_unfinished_enrolment_can_be_discarded(ledger: &Ledger) {
    let run = RunId::new("r1");
    ledger.enroll(new_run("r1", cap(9)), at(0)).await.unwrap();
    assert!(ledger.enroll(new_run("r1", cap(9)), at(0)).await.is_err());
    ledger
        .add_jobs(&run, vec![new_job(0, 1), needing(1, 1, &[0])])
        .await
        .unwrap();
    assert!(ledger.paid(&account()).unwrap().is_empty());
    assert_eq!(ledger.latest_run("album"), Ok(None));
    let other = ledger.of_another_process();
    let leased = Err(LedgerError::Leased(run.clone()));
    assert_eq!(other.discard(&run, at(59)).await, leased);
    assert_eq!(other.start(&run, at(59)).await, leased);
    assert_eq!(other.add_jobs(&run, vec![new_job(2, 1)]).await, leased);
    let cut_short = other.start(&run, at(61)).await;
    assert!(
        matches!(cut_short, Err(LedgerError::NotFound { .. })),
        "{cut_short:?}"
    );
    assert!(record(ledger, &run, 0, vec![succeed("c")]).await.is_err());
    other.discard(&run, at(61)).await.unwrap();
    assert!(matches!(
        ledger.run(&run),
        Err(LedgerError::NotFound { .. })
    ));
    let again = started(ledger, new_run("r1", cap(9)), vec![new_job(0, 1)]).await;
    assert_eq!(ledger.run(&again).unwrap().totals.jobs, 1);
    assert_eq!(ledger.discard(&again, at(500)).await, leased);
}

async fn a_bad_enrolment_adds_nothing(ledger: &Ledger) {
    let run = RunId::new("r1");
    ledger.enroll(new_run("r1", cap(9)), at(0)).await.unwrap();
    let mut stale = new_job(1, 1);
    stale.reuse = Some(Reuse::Run {
        run: RunId::new("r0"),
        job: JobId::new("song"),
        ordinal: Ordinal(3),
    });
    for (bad, word) in [
        (needing(1, 1, &[2]), "before `job1`"),
        (needing(1, 1, &[1]), "before `job1`"),
        (new_job(0, 1), "free place 0"),
        (stale, "result of job `song` of run `r0`"),
    ] {
        let refused = ledger.add_jobs(&run, vec![new_job(0, 1), bad]).await;
        let words = refused.unwrap_err().to_string();
        assert!(words.contains(word), "{words}");
        assert_eq!(ledger.run(&run).unwrap().totals.jobs, 0);
        ledger
            .for_each_job(&run, &mut |_| panic!("none was added"))
            .unwrap();
    }
}

async fn events_of_one_record_stand_or_fall_together(ledger: &Ledger) {
    let run = ready(ledger, cap(10), vec![new_job(0, 10)]).await;
    hold(ledger, &run, 1).await;
    let before = job(ledger, &run, 0);
    let refused = record(ledger, &run, 0, vec![JobEvent::Send, accept(), save()]).await;
    assert_eq!(
        refused,
        Err(LedgerError::IllegalStep {
            job: "job0".to_owned(),
            state: JobState::Accepted,
            event: "marked as saved",
        })
    );
    assert_eq!(job(ledger, &run, 0), before);
    assert_eq!(ledger.run(&run).unwrap().totals.charged, Credits::ZERO);
    let events = vec![
        JobEvent::Send,
        JobEvent::Retry { error: words() },
        JobEvent::Send,
    ];
    assert_eq!(record(ledger, &run, 0, events).await, Ok(JobState::Sent));
    assert_eq!(job(ledger, &run, 0).attempts, 2);
    let events = vec![JobEvent::Accept { task: None }, succeed("c"), save()];
    assert_eq!(record(ledger, &run, 0, events).await, Ok(JobState::Saved));
}

async fn a_finished_run_reopens_when_a_job_is_restarted(ledger: &Ledger) {
    let run = ready(ledger, cap(20), vec![new_job(0, 10), new_job(1, 10)]).await;
    hold(ledger, &run, 2).await;
    record(ledger, &run, 0, vec![JobEvent::Send, accept(), fail(true)])
        .await
        .unwrap();
    ledger.finish(&run, "stopped", None, at(3)).await.unwrap();
    let told = ledger.run(&run).unwrap();
    assert_eq!(
        (told.state, told.finished_at),
        (RunState::Stopped, Some(at(3)))
    );
    assert_eq!(told.ending.as_deref(), Some("stopped"));
    assert_eq!(state(ledger, &run, 1), JobState::Released);
    ledger.start(&run, at(4)).await.unwrap();
    assert_eq!(ledger.run(&run).unwrap().ending, None);
    assert_eq!(hold(ledger, &run, 2).await.0, [1]);
    buy(ledger, &run, 1).await;
    ledger.finish(&run, "done", None, at(5)).await.unwrap();
    assert_eq!(ledger.run(&run).unwrap().state, RunState::Finished);
    record(ledger, &run, 0, vec![JobEvent::Restart])
        .await
        .unwrap();
    assert_eq!(ledger.run(&run).unwrap().state, RunState::Stopped);
}

async fn doubt_holds_until_it_is_settled(ledger: &Ledger) {
    let jobs = (0..3).map(|n| new_job(n, 10)).collect();
    let run = ready(ledger, cap(30), jobs).await;
    hold(ledger, &run, 3).await;
    let doubt = vec![JobEvent::Send, JobEvent::Doubt { error: words() }];
    for job in 0..3 {
        record(ledger, &run, job, doubt.clone()).await.unwrap();
    }
    ledger.finish(&run, "in doubt", None, at(3)).await.unwrap();
    let told = ledger.run(&run).unwrap();
    assert_eq!((told.state, told.totals.in_doubt), (RunState::Stopped, 3));
    assert_eq!(told.totals.held, credits(30));
    // Evidence is recorded without taking the run.
    record(ledger, &run, 0, vec![accept()]).await.unwrap();
    record(ledger, &run, 1, vec![JobEvent::Lose { error: words() }])
        .await
        .unwrap();
    record(ledger, &run, 2, vec![JobEvent::Release { error: None }])
        .await
        .unwrap();
    let totals = ledger.run(&run).unwrap().totals;
    assert_eq!(
        (totals.charged, totals.held, totals.in_doubt),
        (credits(20), Credits::ZERO, 0)
    );
    assert_eq!(totals.bad, 1);
    let told = job(ledger, &run, 2);
    assert_eq!(
        (told.error.as_deref(), told.submitted_at),
        (Some("no"), None)
    );
}

async fn what_was_paid_for_is_found(ledger: &Ledger) {
    let jobs = (0..6).map(|n| new_job(n, 10)).collect();
    let run = ready(ledger, SpendLimits::default(), jobs).await;
    hold(ledger, &run, 5).await;
    buy(ledger, &run, 0).await;
    record(ledger, &run, 1, vec![JobEvent::Send]).await.unwrap();
    let lost = vec![JobEvent::Send, accept(), JobEvent::Lose { error: words() }];
    record(ledger, &run, 2, lost).await.unwrap();
    record(ledger, &run, 3, vec![JobEvent::Send, accept(), fail(false)])
        .await
        .unwrap();
    let paid = ledger.paid(&account()).unwrap();
    let found = paid.find(&print(0)).unwrap();
    assert_eq!(
        (found.run, found.job, found.ordinal),
        (run, JobId::new("job0"), Ordinal(0))
    );
    assert_eq!(found.state, PaidState::Usable);
    assert_eq!(paid.find(&print(1)).unwrap().state, PaidState::Unsettled);
    for never in 2..6 {
        assert_eq!(paid.find(&print(never)), None, "{never}");
    }
    let stranger = ledger.paid(&AccountId::new("someone/else")).unwrap();
    assert!(stranger.is_empty() && stranger.find(&print(0)).is_none());
}

async fn how_long_jobs_took_is_told(ledger: &Ledger) {
    let jobs = (0..4).map(|n| new_job(n, 10)).collect();
    let run = ready(ledger, SpendLimits::default(), jobs).await;
    hold(ledger, &run, 4).await;
    let took = || ledger.paid(&account()).unwrap().took("suno.create");
    for (job, saved) in [(0, 40), (1, 140), (2, 31)] {
        let sent = vec![JobEvent::Send, accept(), succeed("clip")];
        let ledger_job = Ordinal(job);
        ledger.record(&run, ledger_job, sent, at(10)).await.unwrap();
        assert_ne!(took(), Some(Duration::ZERO), "it is not saved yet");
        let saved_at = at(saved);
        let events = vec![save()];
        ledger
            .record(&run, ledger_job, events, saved_at)
            .await
            .unwrap();
    }
    // Sent, and nothing more: it took no time that is known.
    record(ledger, &run, 3, vec![JobEvent::Send]).await.unwrap();
    assert_eq!(took(), Some(Duration::from_secs(30)));
    let paid = ledger.paid(&account()).unwrap();
    assert_eq!(paid.took("lyrics.generate"), None);
    let stranger = ledger.paid(&AccountId::new("someone/else")).unwrap();
    assert_eq!(stranger.took("suno.create"), None);
}

async fn an_account_knows_who_used_and_who_holds(ledger: &Ledger) {
    assert_eq!(
        ledger.account(&account(), None),
        Ok(AccountBooks::default())
    );
    // Made long before the others; one of its jobs goes out as late as theirs.
    let jobs = (0..3).map(|n| new_job(n, 10)).collect();
    let old = ready(ledger, SpendLimits::default(), jobs).await;
    hold(ledger, &old, 3).await;
    let day = 86_400;
    for (place, second) in [(0, 2), (1, 2 * day)] {
        let events = vec![JobEvent::Send, accept()];
        let job = Ordinal(place);
        ledger.record(&old, job, events, at(second)).await.unwrap();
    }
    ledger.start(&old, at(2 * day)).await.unwrap();
    let doubt = vec![
        JobEvent::Send,
        JobEvent::Doubt {
            error: "reset".to_owned(),
        },
    ];
    ledger
        .record(&old, Ordinal(2), doubt, at(2 * day))
        .await
        .unwrap();
    ledger
        .finish(&old, "stopped", None, at(2 * day + 1))
        .await
        .unwrap();
    let new = new_run("r2", SpendLimits::default());
    let now = at(2 * day);
    ledger.enroll(new.clone(), now).await.unwrap();
    let jobs = only_of("r2", std::iter::once(new_job(0, 7)));
    ledger.add_jobs(&new.id, jobs).await.unwrap();
    ledger.start(&new.id, now).await.unwrap();
    ledger.hold(&new.id, 1, now).await.unwrap();
    let idle = new_run("r3", SpendLimits::default());
    started(ledger, idle, vec![new_job(0, 1)]).await;

    let shares = |since| {
        let books = ledger.account(&account(), since).unwrap();
        let runs: Vec<_> = books
            .runs
            .iter()
            .map(|share| {
                let held = share.run.totals.held.get();
                let is_leased = share.lease_until.is_some();
                let doubt = share.held_in_doubt.get();
                (
                    share.run.id.to_string(),
                    share.used.get(),
                    held,
                    doubt,
                    is_leased,
                )
            })
            .collect();
        (books.used.get(), books.held.get(), runs)
    };
    let newer = ("r2".to_owned(), 0, 7, 0, true);
    let older = |used| ("r1".to_owned(), used, 10, 10, false);
    assert_eq!(shares(None), (20, 17, vec![newer.clone(), older(20)]));
    assert_eq!(
        shares(Some(at(day))),
        (10, 17, vec![newer.clone(), older(10)])
    );
    assert_eq!(shares(Some(at(3 * day))), (0, 17, vec![newer, older(0)]));
    let reading = ledger.account(&account(), None).unwrap().reading.unwrap();
    assert_eq!(
        (reading.balance, reading.charged_since),
        (credits(1_000), credits(20))
    );
}

async fn the_run_of_a_saved_plan_is_found(ledger: &Ledger) {
    let mut planned = new_run("r1", cap(1));
    planned.settings.plan = Some("ab12".to_owned());
    ledger.enroll(planned.clone(), at(0)).await.unwrap();
    assert_eq!(ledger.run_of_plan("ab12"), Ok(None), "not in full yet");
    ledger.discard(&planned.id, at(0)).await.unwrap();
    let run = started(ledger, planned, vec![new_job(0, 1)]).await;
    started(ledger, new_run("r2", cap(1)), vec![new_job(0, 1)]).await;
    assert_eq!(ledger.run_of_plan("ab12").unwrap().unwrap().id, run);
    assert_eq!(ledger.run_of_plan("ab1"), Ok(None));
}

async fn runs_are_found_by_manifest_and_prefix(ledger: &Ledger) {
    for id in ["0192a", "0192b", "0300c"] {
        started(ledger, new_run(id, cap(1)), vec![new_job(0, 1)]).await;
    }
    let ids = |limit| -> Vec<String> {
        let runs = ledger.runs(limit).unwrap();
        runs.iter().map(|run| run.id.to_string()).collect()
    };
    assert_eq!(ids(2), ["0300c", "0192b"]);
    assert_eq!(ids(9).len(), 3);
    for name in ["album", "manifests/album.toml"] {
        let latest = ledger.latest_run(name).unwrap().unwrap();
        assert_eq!(latest.id, RunId::new("0300c"));
    }
    assert_eq!(ledger.latest_run("other"), Ok(None));
    assert_eq!(ledger.find_run("0192b").unwrap().id, RunId::new("0192b"));
    assert_eq!(ledger.find_run("03").unwrap().id, RunId::new("0300c"));
    let words = ledger.find_run("0192").unwrap_err().to_string();
    assert!(words.contains("`0192a` and `0192b`"), "{words}");
    assert!(ledger.find_run("4").is_err());
}

async fn settings_can_change_and_the_opening_cannot(ledger: &Ledger) {
    let run = ready(ledger, cap(5), vec![new_job(0, 10)]).await;
    ledger.set_opening(&run, credits(100)).await.unwrap();
    ledger.set_opening(&run, credits(50)).await.unwrap();
    assert_eq!(ledger.run(&run).unwrap().opening, Some(credits(100)));
    assert!(hold(ledger, &run, 1).await.1.is_some());
    ledger.set_limits(&run, cap(10)).await.unwrap();
    assert_eq!(
        ledger.run(&run).unwrap().settings,
        new_run("r1", cap(10)).settings
    );
    assert_eq!(hold(ledger, &run, 1).await.0, [0]);
}

async fn what_is_not_there_is_named(ledger: &Ledger) {
    let nobody = RunId::new("r9");
    let missing = || LedgerError::NotFound {
        what: "run `r9`".to_owned(),
    };
    assert_eq!(ledger.start(&nobody, at(0)).await, Err(missing()));
    assert_eq!(ledger.hold(&nobody, 1, at(0)).await, Err(missing()));
    assert_eq!(record(ledger, &nobody, 0, vec![]).await, Err(missing()));
    assert_eq!(
        ledger.set_opening(&nobody, credits(1)).await,
        Err(missing())
    );
    assert_eq!(ledger.run(&nobody), Err(missing()));
    assert_eq!(ledger.due(&nobody).await, Err(missing()));
    assert_eq!(ledger.for_each_job(&nobody, &mut |_| ()), Err(missing()));
    assert_eq!(ledger.used_since(&account(), None), Ok(Credits::ZERO));
    assert_eq!(
        ledger.mark_balance(&account()).await,
        Ok(BalanceMark::default())
    );
    let run = ready(ledger, cap(1), vec![new_job(0, 1)]).await;
    let words = record(ledger, &run, 7, vec![])
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(words, "the ledger has no job 7 in that run");
}

fn available(balance: u64) -> Balance {
    Balance {
        credits: credits(balance),
        extra_credits: credits(0),
    }
}

async fn keep(ledger: &Ledger, balance: u64, now: i64) -> bool {
    let mark = ledger.mark_balance(&account()).await.unwrap();
    ledger
        .keep_checkpoint(&account(), mark, available(balance), Rise::MayPass, at(now))
        .await
        .unwrap()
}

async fn weigh(ledger: &Ledger, balance: u64) -> Weighing {
    let mark = ledger.mark_balance(&account()).await.unwrap();
    ledger.weigh(&account(), mark, available(balance)).unwrap()
}

async fn a_checkpoint_is_kept_only_while_nothing_is_in_flight(ledger: &Ledger) {
    let nothing = Weighing {
        is_quiet: true,
        ..Weighing::default()
    };
    assert_eq!(weigh(ledger, 100).await, nothing);
    let run = ready(ledger, cap(100), vec![new_job(0, 10), new_job(1, 10)]).await;
    assert!(keep(ledger, 100, 1).await);
    assert_eq!(hold(ledger, &run, 2).await.0, vec![0, 1]);
    assert!(
        keep(ledger, 100, 1).await,
        "what is only held is not in flight"
    );

    for events in [vec![JobEvent::Send], vec![accept()]] {
        record(ledger, &run, 0, events).await.unwrap();
        assert!(!keep(ledger, 90, 2).await);
        assert!(!weigh(ledger, 90).await.is_quiet);
    }
    let mark = ledger.mark_balance(&account()).await.unwrap();
    record(ledger, &run, 0, vec![fail(true)]).await.unwrap();
    // Asked for before the refund was recorded: it may show it or not.
    let account = account();
    let asked = ledger.keep_checkpoint(&account, mark, available(100), Rise::IsReal, at(3));
    assert_eq!(asked.await, Ok(false));
    let weighed = weigh(ledger, 100).await;
    assert_eq!(weighed.unexplained.map(crate::model::Drift::get), Some(0));
    assert!(weighed.is_quiet);
    assert_eq!(
        weigh(ledger, 93)
            .await
            .unexplained
            .map(crate::model::Drift::get),
        Some(-7)
    );
    assert!(keep(ledger, 93, 4).await);
    let last = Checkpoint {
        at: at(4),
        balance: credits(93),
        charged: credits(10),
        refunded: credits(10),
        is_unsure: false,
    };
    assert_eq!(weigh(ledger, 93).await.last, Some(last));
}

async fn a_reading_older_than_the_checkpoint_is_compared_with_nothing(ledger: &Ledger) {
    let run = ready(ledger, cap(100), vec![new_job(0, 10)]).await;
    assert!(keep(ledger, 100, 0).await);
    let mark = ledger.mark_balance(&account()).await.unwrap();
    assert_eq!(hold(ledger, &run, 1).await.0, vec![0]);
    buy(ledger, &run, 0).await;
    assert!(keep(ledger, 90, 1).await, "by another process");
    let account = account();
    let weighed = ledger.weigh(&account, mark, available(100)).unwrap();
    assert!(!weighed.is_quiet);
    assert_eq!(weighed.unexplained, None);
    let kept = ledger.keep_checkpoint(&account, mark, available(100), Rise::MayPass, at(2));
    assert_eq!(kept.await, Ok(false));
}

async fn a_checkpoint_that_may_lag_settles_nothing(ledger: &Ledger) {
    let run = ready(ledger, cap(100), vec![new_job(0, 10), new_job(1, 10)]).await;
    let read = async |balance, now| {
        let mark = ledger.mark_balance(&account()).await.unwrap();
        let (account, balance) = (account(), available(balance));
        let noted = ledger.observe_balance(&account, mark, balance, at(now), LAG);
        noted.await.unwrap();
        let kept = ledger.keep_checkpoint(&account, mark, balance, Rise::IsReal, at(now));
        assert!(kept.await.unwrap());
    };
    let doubt = async |job| {
        let error = "no answer".to_owned();
        let events = vec![JobEvent::Send, JobEvent::Doubt { error }];
        record(ledger, &run, job, events).await.unwrap();
    };
    read(100, 0).await;
    assert_eq!(hold(ledger, &run, 2).await.0, vec![0, 1]);
    buy(ledger, &run, 0).await;
    // An audit takes the price for 0; the charge shows later, and looks like that of the next.
    read(100, 1).await;
    doubt(1).await;
    let weighed = weigh(ledger, 90).await;
    assert_eq!(weighed.doubts.len(), 1);
    assert!(weighed.judge().unwrap_err().contains("a moment earlier"));
}

async fn a_rise_that_may_be_lag_is_no_checkpoint(ledger: &Ledger) {
    let run = ready(ledger, cap(100), vec![new_job(0, 10)]).await;
    let read = async |balance, rise, now| {
        let mark = ledger.mark_balance(&account()).await.unwrap();
        let (account, balance) = (account(), available(balance));
        let noted = ledger.observe_balance(&account, mark, balance, at(now), LAG);
        noted.await.unwrap();
        let kept = ledger.keep_checkpoint(&account, mark, balance, rise, at(now));
        kept.await.unwrap()
    };
    assert!(read(100, Rise::MayPass, 1).await);
    assert_eq!(hold(ledger, &run, 2).await.0, vec![0]);
    buy(ledger, &run, 0).await;
    let last = async || weigh(ledger, 90).await.last.unwrap().balance;
    assert!(
        !read(100, Rise::MayPass, 3).await,
        "the charge may be missing"
    );
    assert!(!read(500, Rise::MayPass, 3).await, "part of it may");
    assert_eq!(last().await, credits(100));
    assert!(read(99, Rise::IsReal, 4).await, "the price was wrong");
    assert_eq!(last().await, credits(99));
    // Once the charge is old, the balance shows it.
    assert!(read(500, Rise::MayPass, 300).await);
    assert_eq!(last().await, credits(500));
    assert!(read(490, Rise::MayPass, 301).await, "less is no rise");
}

async fn payments_in_doubt_are_weighed_against_the_last_checkpoint(ledger: &Ledger) {
    let jobs = vec![new_job(0, 10), new_job(1, 15), new_job(2, 20)];
    let run = ready(ledger, cap(100), jobs).await;
    assert!(keep(ledger, 100, 0).await);
    assert_eq!(hold(ledger, &run, 3).await.0, vec![0, 1, 2]);
    for job in [0, 1] {
        let lost = JobEvent::Doubt {
            error: "reset".to_owned(),
        };
        record(ledger, &run, job, vec![JobEvent::Send, lost])
            .await
            .unwrap();
    }
    buy(ledger, &run, 2).await;
    let weighed = weigh(ledger, 65).await;
    let names: Vec<_> = weighed
        .doubts
        .iter()
        .map(|doubt| doubt.job.as_str())
        .collect();
    assert_eq!(names, ["job0", "job1"]);
    assert_eq!(
        weighed.judge(),
        Ok(vec![Finding::NotCharged, Finding::Charged])
    );
    let lost = JobEvent::Lose {
        error: "charged".to_owned(),
    };
    record(ledger, &run, 1, vec![lost]).await.unwrap();
    // What was lost may be given back, and that would look as if the other had not been charged.
    let weighed = weigh(ledger, 65).await;
    assert!(weighed.awaits_refund && weighed.judge().is_err());
    // A doubt that is older than the checkpoint has no evidence any more.
    assert!(keep(ledger, 65, 9).await);
    assert_eq!(weigh(ledger, 65).await.doubts, vec![]);
    ledger.verify().unwrap();
}

async fn a_refund_may_come_after_the_next_checkpoint(ledger: &Ledger) {
    let jobs = vec![new_job(0, 10), new_job(1, 10)];
    let run = ready(ledger, cap(100), jobs).await;
    assert_eq!(hold(ledger, &run, 2).await.0, vec![0, 1]);
    let failed = vec![JobEvent::Send, accept(), fail(false)];
    record(ledger, &run, 0, failed).await.unwrap();
    for (later, awaits) in [(60, true), (86_400, true), (86_401, false)] {
        let checkpoint = at(2) + SignedDuration::from_secs(later);
        let mark = ledger.mark_balance(&account()).await.unwrap();
        let account = account();
        let kept = ledger.keep_checkpoint(&account, mark, available(90), Rise::MayPass, checkpoint);
        assert_eq!(kept.await, Ok(true));
        if later == 60 {
            let lost = JobEvent::Doubt {
                error: "reset".to_owned(),
            };
            let sent = checkpoint + SignedDuration::from_hours(48);
            let events = vec![JobEvent::Send, lost];
            ledger.record(&run, Ordinal(1), events, sent).await.unwrap();
        }
        // The refund of the first would hide the charge of the second.
        let weighed = weigh(ledger, 90).await;
        assert_eq!(weighed.awaits_refund, awaits, "{later} s later");
        assert_eq!(weighed.judge().is_err(), awaits);
    }
}

async fn a_refund_may_come_after_the_job_was_bought_again(ledger: &Ledger) {
    let lost = || JobEvent::Doubt {
        error: "reset".to_owned(),
    };
    let again = async |run: &RunId, events: Vec<JobEvent>| {
        record(ledger, run, 0, vec![JobEvent::Restart])
            .await
            .unwrap();
        assert_eq!(hold(ledger, run, 1).await.0, vec![0]);
        record(ledger, run, 0, events).await.unwrap();
    };
    let run = ready(ledger, cap(100), vec![new_job(0, 10), new_job(1, 15)]).await;
    assert_eq!(hold(ledger, &run, 2).await.0, vec![0, 1]);
    let failed = |refunded| vec![JobEvent::Send, accept(), fail(refunded)];
    record(ledger, &run, 0, failed(true)).await.unwrap();
    assert!(keep(ledger, 100, 1).await);
    record(ledger, &run, 1, vec![JobEvent::Send, lost()])
        .await
        .unwrap();
    again(&run, failed(false)).await;
    again(&run, vec![]).await;
    let weighed = weigh(ledger, 90).await;
    assert!(weighed.awaits_refund && weighed.judge().is_err());
    record(ledger, &run, 0, vec![JobEvent::Send, lost()])
        .await
        .unwrap();
    // Charged for the one in doubt, and the refund of what it replaces came late: it looks as if nothing was charged.
    let weighed = weigh(ledger, 90).await;
    assert!(weighed.awaits_refund && weighed.judge().is_err());
}

async fn what_was_lost_before_a_restart_keeps_its_task(ledger: &Ledger) {
    let run = ready(ledger, cap(100), vec![new_job(0, 10)]).await;
    let task = |name: &str| JobEvent::Accept {
        task: Some(TaskId::new(name)),
    };
    for (name, refunded) in [("first", false), ("second", true), ("third", false)] {
        assert_eq!(hold(ledger, &run, 1).await.0, vec![0]);
        let failed = vec![JobEvent::Send, task(name), fail(refunded)];
        record(ledger, &run, 0, failed).await.unwrap();
        record(ledger, &run, 0, vec![JobEvent::Restart])
            .await
            .unwrap();
    }
    assert_eq!(hold(ledger, &run, 1).await.0, vec![0]);
    buy(ledger, &run, 0).await;
    let told = job(ledger, &run, 0);
    let losses: Vec<_> = told.past_losses.iter().collect();
    let tasks = losses.iter().map(|loss| loss.task_id.clone().unwrap());
    assert_eq!(
        tasks.collect::<Vec<_>>(),
        [TaskId::new("first"), TaskId::new("third")]
    );
    assert!(losses.iter().all(|loss| {
        loss.credits == credits(10) && loss.sent_at.is_some() && loss.error == Some(words())
    }));
    assert_eq!(
        (told.charged, told.refunded, told.task_id.is_some()),
        (credits(40), credits(10), true)
    );
    assert_eq!(
        (told.past_charged, told.past_refunded),
        (credits(30), credits(10))
    );
    ledger.verify().unwrap();
}

async fn whoever_took_credits_may_take_more(ledger: &Ledger) {
    let day = 86_400;
    let run = ready(ledger, cap(100), vec![new_job(0, 10)]).await;
    assert!(keep(ledger, 100, 0).await);
    // More than expected is no loss: a top-up.
    assert!(keep(ledger, 150, 10).await);
    assert_eq!(hold(ledger, &run, 1).await.0, vec![0]);
    let doubt = async |now| {
        let events = vec![
            JobEvent::Send,
            JobEvent::Doubt {
                error: "reset".to_owned(),
            },
        ];
        ledger.record(&run, Ordinal(0), events, at(now)).await
    };
    doubt(3 * day).await.unwrap();
    assert_eq!(weigh(ledger, 150).await.leak, None);
    for (now, leaks) in [(20, true), (20 + day, true), (21 + day, false)] {
        assert!(keep(ledger, 143, now).await);
        let weighed = weigh(ledger, 143).await;
        assert_eq!(weighed.leak.is_some(), leaks, "at {now}");
        assert_eq!(weighed.judge().is_err(), leaks, "at {now}");
    }
}

async fn an_upload_that_was_forgotten_is_not_reused(ledger: &Ledger) {
    let upload = || NewJob {
        operation: "suno.upload".to_owned(),
        ..new_job(0, 2)
    };
    let uploads = || vec!["suno.upload".to_owned()];
    let run = ready(ledger, cap(100), vec![upload(), new_job(1, 10)]).await;
    for job in [0, 1] {
        hold(ledger, &run, 1).await;
        buy(ledger, &run, job).await;
    }
    let is_paid = |job: NewJob| {
        let paid = ledger.paid(&account()).unwrap();
        paid.find(&job.fingerprint).is_some()
    };
    let print = upload().fingerprint;
    let clip = "clip0";
    let forget = async |print, clip: &str| ledger.forget(&run, print, uploads(), clip).await;
    assert_eq!(forget(print, "another").await, Ok(false));
    let song = new_job(1, 10).fingerprint;
    assert_eq!(forget(song, "clip1").await, Ok(false), "songs are kept");
    assert!(is_paid(upload()) && is_paid(new_job(1, 10)));
    assert_eq!(forget(print, clip).await, Ok(true));
    assert_eq!(forget(print, clip).await, Ok(false));
    assert!(!is_paid(upload()) && is_paid(new_job(1, 10)));

    // Another run buys it again, and what that gives is reused.
    let second = started(ledger, new_run("r2", cap(100)), vec![upload()]).await;
    assert_eq!(hold(ledger, &second, 1).await.0, vec![0]);
    buy(ledger, &second, 0).await;
    assert!(is_paid(upload()));
    ledger.verify().unwrap();
}

async fn an_alert_is_claimed_once_per_account_and_period(ledger: &Ledger) {
    let other = ledger.of_another_process();
    let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let claim = async |ledger: &Ledger, account: &AccountId, period, what: &[&str]| {
        let claimed = ledger.claim_alerts(account, at(period), names(what), at(period + 1));
        claimed.await.unwrap()
    };
    let ours = account();
    assert_eq!(claim(ledger, &ours, 0, &["low"]).await, names(&["low"]));
    assert_eq!(
        claim(&other, &ours, 0, &["lower", "low", "lowest"]).await,
        names(&["lower", "lowest"]),
        "another process claims what is left"
    );
    assert_eq!(claim(ledger, &ours, 0, &["low", "lower"]).await, names(&[]));
    assert_eq!(claim(ledger, &ours, 100, &["low"]).await, names(&["low"]));
    let theirs = AccountId::new("simulator/other");
    assert_eq!(claim(ledger, &theirs, 0, &["low"]).await, names(&["low"]));

    let returned = ledger.return_alerts(&ours, at(0), names(&["low", "never"]));
    returned.await.unwrap();
    assert_eq!(
        claim(&other, &ours, 0, &["low", "lower"]).await,
        names(&["low"]),
        "only what was given back"
    );
    assert_eq!(claim(&other, &ours, 100, &["low"]).await, names(&[]));
}

async fn what_a_job_was_charged_alone_is_kept_with_it(ledger: &Ledger) {
    assert_eq!(ledger.audits(&account()), Ok(vec![]));
    let run = ready(ledger, cap(100), vec![new_job(0, 10), new_job(1, 15)]).await;
    let note = |job, charged, now| ledger.note_audit(&run, Ordinal(job), credits(charged), at(now));
    note(1, 15, 6).await.unwrap();
    note(0, 14, 5).await.unwrap();
    let missing = note(7, 1, 7).await.unwrap_err();
    assert!(matches!(missing, LedgerError::NotFound { .. }), "{missing}");
    let seen = ledger.audits(&account()).unwrap();
    let first = Audit {
        run: run.clone(),
        ordinal: Ordinal(0),
        operation: "suno.create".to_owned(),
        inputs: r#"{"title":"Neon Rain"}"#.to_owned(),
        price: credits(10),
        charged: credits(14),
        at: at(5),
    };
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], first);
    assert_eq!((seen[1].charged, seen[1].at), (credits(15), at(6)));
    assert_eq!(ledger.audits(&AccountId::new("another")), Ok(vec![]));
}

async fn what_checkpoints_leave_unexplained_is_placed_in_time(ledger: &Ledger) {
    let run = ready(ledger, cap(100), vec![new_job(0, 10)]).await;
    assert!(keep(ledger, 100, 0).await);
    assert!(keep(ledger, 100, 10).await);
    assert!(keep(ledger, 93, 20).await);
    assert_eq!(hold(ledger, &run, 1).await.0, vec![0]);
    buy(ledger, &run, 0).await;
    assert!(keep(ledger, 93, 30).await);
    let drift = |from, to| crate::model::Drift::between(credits(from), credits(to));
    let idle = Unexplained {
        since: at(10),
        until: at(20),
        charged: credits(0),
        refunded: credits(0),
        drift: drift(7, 0),
    };
    let busy = Unexplained {
        since: at(20),
        until: at(30),
        charged: credits(10),
        refunded: credits(0),
        drift: drift(0, 10),
    };
    let since = |time| ledger.unexplained(&account(), at(time));
    assert_eq!(since(0), Ok(vec![idle, busy]));
    assert_eq!(since(11), Ok(vec![busy]));
    assert!(idle.is_idle() && !busy.is_idle());
    let another = AccountId::new("another");
    assert_eq!(ledger.unexplained(&another, at(0)), Ok(vec![]));
}
