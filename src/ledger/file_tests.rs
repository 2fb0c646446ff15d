//! What only a ledger in a file can get wrong: durability, races, rights, formats, damage.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::contract_tests::*;
use super::*;
use crate::model::{Credits, JobState, Ordinal, RunId, SpendLimits};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state").join("ledger.db");
    (folder, path)
}

fn refusal(path: &Path) -> String {
    Ledger::open(path).unwrap_err().to_string()
}

#[tokio::test]
async fn a_reopened_ledger_goes_on_where_the_last_process_was_cut_off() {
    let (_folder, path) = folder();
    let chains: [Vec<JobEvent>; 6] = [
        vec![],
        vec![JobEvent::Send],
        vec![JobEvent::Send, accept()],
        vec![JobEvent::Send, accept(), succeed("c")],
        vec![JobEvent::Send, accept(), succeed("c"), save()],
        vec![JobEvent::Send, JobEvent::Doubt { error: words() }],
    ];
    let jobs = (0..6).map(|n| new_job(n, 10)).collect();
    let run;
    {
        let ledger = Ledger::open(&path).unwrap();
        observe(&ledger, 60).await;
        run = started(&ledger, new_run("r1", cap(60)), jobs).await;
        ledger.hold(&run, 9, at(1)).await.unwrap();
        for (n, chain) in (0..).map(Ordinal).zip(chains) {
            ledger.record(&run, n, chain, at(2)).await.unwrap();
        }
        // Dropped without `finish`, as by a kill.
    }
    let ledger = Ledger::open(&path).unwrap();
    ledger.verify().unwrap();
    assert_eq!(
        ledger.start(&run, at(30)).await,
        Err(LedgerError::Leased(run.clone()))
    );
    ledger.start(&run, at(60)).await.unwrap();
    let mut states = Vec::new();
    ledger
        .for_each_job(&run, &mut |job| states.push(job.state))
        .unwrap();
    use JobState as S;
    assert_eq!(
        states,
        [
            S::Released,
            S::Sent,
            S::Accepted,
            S::Succeeded,
            S::Saved,
            S::InDoubt
        ]
    );
    let due = ledger.due(&run).await.unwrap();
    assert_eq!(
        due.iter().map(|due| due.job.ordinal.0).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(due[2].result, Some(result("c")));
    let totals = ledger.run(&run).unwrap().totals;
    assert_eq!((totals.charged, totals.held), (credits(30), credits(20)));
    // What was set aside for the first job is free again, and only that.
    assert_eq!(ledger.hold(&run, 9, at(61)).await.unwrap().jobs.len(), 1);
}

#[test]
fn many_processes_share_one_budget_without_going_over() {
    let (_folder, path) = folder();
    let limits = SpendLimits {
        period: Some(credits(1_000)),
        ..SpendLimits::default()
    };
    let setup = Ledger::open_inline(&path).unwrap();
    block_on(observe(&setup, 5_000));
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (path, limits) = (&path, limits.clone());
            scope.spawn(move || {
                let ledger = Ledger::open(path).unwrap();
                block_on(spend_all(&ledger, &format!("r{thread}"), limits));
            });
        }
    });
    // 7 credits a job: 142 jobs fit, 994 credits; none that fitted was refused.
    assert_eq!(setup.used_since(&account(), None), Ok(credits(994)));
    setup.verify().unwrap();
    let charged = setup
        .runs(10)
        .unwrap()
        .into_iter()
        .map(|run| run.totals.charged);
    assert_eq!(Credits::sum(charged), Ok(credits(994)));
}

#[tokio::test]
async fn what_another_process_did_to_a_job_is_seen_by_the_next_step() {
    let (_folder, path) = folder();
    let (one, other) = (Ledger::open(&path).unwrap(), Ledger::open(&path).unwrap());
    observe(&one, 100).await;
    let run = started(&one, new_run("r1", cap(100)), vec![new_job(0, 10)]).await;
    one.hold(&run, 1, at(1)).await.unwrap();
    let job = Ordinal(0);
    let send = vec![JobEvent::Send];
    one.record(&run, job, send, at(2)).await.unwrap();
    let lose = vec![
        JobEvent::Doubt { error: words() },
        JobEvent::Lose { error: words() },
    ];
    other.record(&run, job, lose, at(3)).await.unwrap();
    // To the first it may still look like a request under way; its charge would be counted twice.
    let late = one.record(&run, job, vec![accept()], at(4)).await;
    assert!(
        matches!(late, Err(LedgerError::IllegalStep { .. })),
        "{late:?}"
    );
    assert_eq!(one.run(&run).unwrap().totals.charged, credits(10));
    one.verify().unwrap();
}

#[tokio::test]
async fn a_step_that_was_undone_is_not_built_upon() {
    let (_folder, path) = folder();
    let ledger = Ledger::open(&path).unwrap();
    observe(&ledger, 100).await;
    let jobs = vec![new_job(0, 10), needing(1, 5, &[0])];
    let run = started(&ledger, new_run("r1", cap(100)), jobs).await;
    ledger.hold(&run, 2, at(1)).await.unwrap();
    let job = Ordinal(0);
    // One request of the group writes and is refused afterwards, so that all of it is undone and done again.
    let good = ledger.record(&run, job, vec![JobEvent::Send], at(2));
    let bad = ledger.add_jobs(&run, vec![new_job(2, 1)]);
    let again = ledger.record(&run, job, vec![JobEvent::Send], at(2));
    let (good, bad, again) = tokio::join!(good, bad, again);
    assert_eq!(good, Ok(JobState::Sent));
    assert!(bad.is_err());
    assert!(matches!(again, Err(LedgerError::IllegalStep { .. })));
    ledger
        .record(&run, job, vec![accept()], at(3))
        .await
        .unwrap();
    ledger.verify().unwrap();
}

#[test]
fn many_processes_may_make_the_file_at_once() {
    for _ in 0..5 {
        let (_folder, path) = folder();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let ledger = Ledger::open_inline(&path).unwrap();
                    ledger.verify().unwrap();
                });
            }
        });
    }
}

async fn spend_all(ledger: &Ledger, run: &str, limits: SpendLimits) {
    let jobs = (0..60).map(|n| new_job(n, 7));
    let jobs = only_of(run, jobs);
    let run = started(ledger, new_run(run, limits), jobs).await;
    loop {
        let held = ledger.hold(&run, 3, at(1)).await.unwrap().jobs;
        if held.is_empty() {
            break;
        }
        assert!(ledger.used_since(&account(), None).unwrap() <= credits(1_000));
        let steps = held.iter().map(|job| {
            let events = vec![JobEvent::Send, accept()];
            ledger.record(&run, job.ordinal, events, at(2))
        });
        for step in futures::future::join_all(steps).await {
            step.unwrap();
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    { runtime }.build().unwrap().block_on(work)
}

#[tokio::test]
async fn one_refused_request_leaves_the_others_of_its_group_alone() {
    let (_folder, path) = folder();
    let ledger = Ledger::open(&path).unwrap();
    observe(&ledger, 1_000).await;
    let jobs = (0..40).map(|n| new_job(n, 10)).collect();
    let run = started(&ledger, new_run("r1", SpendLimits::default()), jobs).await;
    ledger.hold(&run, 40, at(1)).await.unwrap();
    // All are asked before any is answered, so they share commits; every other one is illegal.
    let steps = (0..40).map(|n| {
        let event = if n % 2 == 0 { JobEvent::Send } else { save() };
        ledger.record(&run, Ordinal(n), vec![event], at(2))
    });
    for (n, outcome) in futures::future::join_all(steps)
        .await
        .into_iter()
        .enumerate()
    {
        assert_eq!(outcome.is_ok(), n % 2 == 0, "{n}: {outcome:?}");
    }
    ledger.verify().unwrap();
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = folder();
    let ledger = Ledger::open(&path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let log = path.with_file_name("ledger.db-wal");
    assert_eq!(mode(&log), 0o600);
    drop(ledger);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_deleted_or_moved_takes_nothing_more() {
    for name in ["ledger.db", "ledger.db-wal"] {
        let (_folder, path) = folder();
        let ledger = Ledger::open(&path).unwrap();
        observe(&ledger, 60).await;
        let jobs = vec![new_job(0, 10)];
        let run = started(&ledger, new_run("r1", cap(60)), jobs).await;
        ledger.hold(&run, 1, at(1)).await.unwrap();
        let (file, away) = (path.with_file_name(name), path.with_file_name("away"));
        std::fs::rename(&file, &away).unwrap();
        let send = || ledger.record(&run, Ordinal(0), vec![JobEvent::Send], at(2));
        let is_gone = |error: LedgerError| matches!(&error, LedgerError::Broken { message, .. } if message.contains("is gone"));
        assert!(send().await.is_err_and(is_gone), "{name}");
        // Another in its place is not it.
        std::fs::copy(&away, &file).unwrap();
        assert!(send().await.is_err_and(is_gone), "{name}");
        std::fs::rename(&away, &file).unwrap();
        assert_eq!(send().await, Ok(JobState::Sent), "{name}");
    }
}

#[test]
fn a_file_that_is_no_ledger_of_ours_is_left_alone() {
    let (_folder, path) = folder();
    drop(Ledger::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    assert_eq!(
        Ledger::open(&path).unwrap_err(),
        LedgerError::NewerFormat {
            path: path.display().to_string(),
            found: 99,
            known: 1,
        }
    );

    let text = path.with_file_name("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to be looked at. ".repeat(40),
    )
    .unwrap();
    let words = refusal(&text);
    assert!(
        words.contains("notes.txt") && words.contains("is not a ledger"),
        "{words}"
    );

    let other = path.with_file_name("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(refusal(&other).contains("another program's database"));
    let tables: i64 = Connection::open(&other)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);

    let below_a_file = text.join("ledger.db");
    assert!(refusal(&below_a_file).contains("check the rights of its folder"));
}

#[cfg(unix)]
#[test]
fn a_folder_without_the_right_to_write_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    let is_root = std::fs::write(locked.join("probe"), "").is_ok();
    if !is_root {
        let words = refusal(&locked.join("ledger.db"));
        assert!(
            words.contains("locked/ledger.db") && words.contains("rights"),
            "{words}"
        );
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_reported_and_not_used() {
    for (tamper, word) in [
        ("UPDATE jobs SET state = 'sent'", "no legal step"),
        ("UPDATE jobs SET state = 'paid'", "state `paid`"),
        ("UPDATE jobs SET held = 10", "`held`"),
        ("UPDATE jobs SET stage = 2", "`stage`"),
    ] {
        let (_folder, path) = folder();
        let ledger = Ledger::open_inline(&path).unwrap();
        observe(&ledger, 100).await;
        let run = started(&ledger, new_run("r1", cap(10)), vec![new_job(0, 10)]).await;
        ledger.hold(&run, 1, at(1)).await.unwrap();
        let events = vec![JobEvent::Send, accept(), fail(false)];
        ledger
            .record(&run, Ordinal(0), events, at(1))
            .await
            .unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch(tamper)
            .unwrap();
        let outcomes = [
            ledger.verify(),
            ledger.for_each_job(&run, &mut |_| ()),
            ledger
                .record(&run, Ordinal(0), vec![JobEvent::Restart], at(2))
                .await
                .map(|_| ()),
        ];
        for outcome in outcomes {
            let Err(LedgerError::Corrupt(words)) = outcome else {
                panic!("{tamper}: {outcome:?}");
            };
            assert!(words.contains(word), "{tamper}: {words}");
        }
    }
}

#[tokio::test]
async fn sums_that_differ_from_their_jobs_are_found() {
    for tamper in [
        "UPDATE runs SET charged = 20",
        "UPDATE runs SET ended = 2",
        "UPDATE accounts SET charged = 20",
        "UPDATE charges SET charged = 20",
        "UPDATE charges SET slot = slot + 1",
        "UPDATE jobs SET pending = 1",
        "UPDATE runs SET owner = NULL",
    ] {
        let (_folder, path) = folder();
        let ledger = Ledger::open_inline(&path).unwrap();
        observe(&ledger, 100).await;
        let run = started(&ledger, new_run("r1", cap(10)), vec![new_job(0, 10)]).await;
        ledger.hold(&run, 1, at(1)).await.unwrap();
        ledger
            .record(&run, Ordinal(0), vec![JobEvent::Send, accept()], at(1))
            .await
            .unwrap();
        ledger.verify().unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch(tamper)
            .unwrap();
        let found = ledger.verify();
        assert!(
            matches!(found, Err(LedgerError::Corrupt(_))),
            "{tamper}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_visitor_may_read_and_write_while_it_visits() {
    let (_folder, path) = folder();
    let ledger = Ledger::open_inline(&path).unwrap();
    observe(&ledger, 100).await;
    let jobs = vec![new_job(0, 10), new_job(1, 10)];
    let run = started(&ledger, new_run("r1", cap(20)), jobs).await;
    let mut seen = Vec::new();
    ledger
        .for_each_job(&run, &mut |job| {
            block_on_inline(ledger.hold(&run, 1, at(1))).unwrap();
            seen.push((job.state, ledger.run(&run).unwrap().totals.held.get()));
        })
        .unwrap();
    // The visit is of one moment; what happens meanwhile is seen by other reads.
    assert_eq!(seen, [(JobState::Planned, 10), (JobState::Planned, 20)]);
}

/// An inline ledger is ready at the first poll.
pub(super) fn block_on_inline<T>(work: impl Future<Output = T>) -> T {
    futures::FutureExt::now_or_never(work).expect("an inline ledger does not wait")
}

#[test]
fn the_queue_and_the_holds_are_read_by_their_indexes() {
    let (_folder, path) = folder();
    let ledger = Ledger::open_inline(&path).unwrap();
    block_on_inline(async {
        started(&ledger, new_run("r1", cap(1)), vec![new_job(0, 1)]).await;
    });
    let connection = Connection::open(&path).unwrap();
    let ready = "stage = 1 AND pending = 0";
    for (query, index) in [
        (
            format!("SELECT MIN(cost) FROM jobs WHERE run = 1 AND cost > 0 AND {ready}"),
            "USING COVERING INDEX jobs_ready (run=? AND cost>?)",
        ),
        (
            format!(
                "SELECT priority, ordinal, cost FROM jobs WHERE run = 1 AND cost = 1 AND {ready} \
                 ORDER BY priority DESC, ordinal LIMIT 9"
            ),
            "USING COVERING INDEX jobs_ready (run=? AND cost=?)",
        ),
        (
            "SELECT SUM(j.held) FROM jobs j CROSS JOIN runs r \
             WHERE j.stage = 2 AND r.key = j.run AND r.account = 1"
                .to_owned(),
            "SCAN j USING COVERING INDEX jobs_in_hand",
        ),
        (
            sqlite::OTHERS.to_owned(),
            "USING INDEX jobs_content (fingerprint=?)",
        ),
    ] {
        let mut plan = Vec::new();
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
            .unwrap();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>(3).unwrap());
        }
        let plan = plan.join("; ");
        assert!(
            plan.contains(index) && !plan.contains("TEMP B-TREE"),
            "{query}\n{plan}"
        );
    }
}

#[test]
fn a_request_refused_half_way_is_undone_by_itself() {
    let (_folder, path) = folder();
    let (mut store, reader) = sqlite::SqliteStore::open(&path).unwrap();
    let run = || RunId::new("r1");
    let request = |command| store::Request {
        run: run(),
        owner: store::Owner(1),
        command,
    };
    let add = |jobs: Vec<crate::model::NewJob>| {
        let jobs = jobs.into_iter().map(Enrolment::from).collect();
        request(store::Command::AddJobs { jobs })
    };
    let enroll = request(store::Command::Enroll {
        run: Box::new(new_run("r1", cap(1))),
        now: at(0),
    });
    let group = vec![
        enroll,
        add(vec![new_job(0, 1)]),
        add(vec![new_job(1, 1), needing(2, 1, &[5])]),
        add(vec![new_job(3, 1)]),
    ];
    let answers = store::Write::commit(&mut store, group);
    let is_ok: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, true, false, true]);
    let mut places = Vec::new();
    let visit = &mut |job: crate::model::JobRecord| places.push(job.job.ordinal.0);
    store::Read::for_each_job(&reader, &run(), visit).unwrap();
    assert_eq!(places, [0, 3]);
    store::Read::verify(&reader).unwrap();
}

#[tokio::test]
async fn a_commit_that_fails_is_durable_for_nobody() {
    let (_folder, path) = folder();
    let (mut store, reader) = sqlite::SqliteStore::open(&path).unwrap();
    let request = |command| store::Request {
        run: RunId::new("r1"),
        owner: store::Owner(1),
        command,
    };
    let enroll = request(store::Command::Enroll {
        run: Box::new(new_run("r1", cap(1))),
        now: at(0),
    });
    assert_eq!(
        store::Write::commit(&mut store, vec![enroll]),
        [Ok(store::Reply::Done)]
    );
    store.fill_disk();
    let mut big = new_job(0, 1);
    big.inputs = format!(r#"{{"lyrics":"{}"}}"#, "la".repeat(100_000));
    let group = vec![
        request(store::Command::SetOpening {
            opening: credits(5),
        }),
        request(store::Command::AddJobs {
            jobs: vec![big.into()],
        }),
    ];
    for answer in store::Write::commit(&mut store, group) {
        let words = answer.unwrap_err().to_string();
        assert!(
            words.contains("the disk is full") && words.contains("ledger.db"),
            "{words}"
        );
    }
    let run = store::Read::run(&reader, &RunId::new("r1")).unwrap();
    assert_eq!((run.opening, run.totals.jobs), (None, 0));
}
