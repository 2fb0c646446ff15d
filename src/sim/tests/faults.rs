//! Every fault at its place, and whether the account was charged for it.

use super::*;

#[test]
fn each_fault_strikes_its_submit_and_no_other() {
    for (fault, status, charged) in [
        ("401@2", 401, 0),
        ("402@2", 402, 0),
        ("403-credits@2", 403, 0),
        ("403-subscription@2", 403, 0),
        ("moderation@2", 403, 0),
        ("429@2", 429, 0),
        ("500@2", 500, 0),
        ("502@2", 502, 0),
        ("503@2", 503, 0),
        ("500-after@2", 500, 10),
        ("503-after@2", 503, 10),
        ("504-after@2", 504, 10),
        ("html@2", 200, 10),
        ("empty@2", 200, 10),
    ] {
        let bench = Bench::quick(json!({"faults": [fault]}));
        bench.done("sonic/create", song());
        let answer = bench.raw_post("sonic/create", &song());
        assert_eq!(answer.status, status, "{fault}");
        assert_eq!(answer.delivery, Delivery::Normal, "{fault}");
        assert_eq!(bench.balance(), (990 - charged, 0), "{fault}");
        bench.done("sonic/create", song());
        books_close(&bench.sim);
    }
}

#[test]
fn lost_answers_are_charged_or_not() {
    for (fault, delivery, charged) in [
        ("reset-before@1", Delivery::Never, 0),
        ("reset-after@1", Delivery::Never, 10),
        ("slow@1:20s", Delivery::After(Duration::from_secs(20)), 10),
    ] {
        let bench = Bench::quick(json!({"faults": [fault]}));
        assert_eq!(bench.raw_post("sonic/create", &song()).delivery, delivery);
        assert_eq!(bench.balance(), (1000 - charged, 0), "{fault}");
        let audit = bench.sim.audit();
        assert_eq!(audit.entries[0].accepted, charged > 0);
    }
    let bench = Bench::quick(json!({"faults": ["truncate@1"]}));
    let answer = bench.raw_post("sonic/create", &song());
    assert!(matches!(answer.delivery, Delivery::CutAt(bytes) if bytes > 0));
    assert_eq!(bench.balance(), (990, 0));
}

#[test]
fn a_429_by_schedule_can_say_how_long_to_wait() {
    let bench = Bench::quick(json!({"faults": ["429@1", "429@2:5s", "503@3:2s"]}));
    let asked = || {
        let answer = bench.raw_post("sonic/create", &song());
        (answer.status, answer.retry_after)
    };
    assert_eq!(asked(), (429, None));
    assert_eq!(asked(), (429, Some(5)));
    assert_eq!(asked(), (503, Some(2)));
    assert_eq!(asked(), (200, None));
}

#[test]
fn tasks_can_be_made_to_end_badly() {
    let bench = Bench::quick(json!({
        "faults": ["failed-poll@1", "failed-clips@2", "timeout@3", "202-forever@4"],
    }));
    let tasks: Vec<String> = (0..4)
        .map(|_| {
            bench.done("sonic/create", song())["task_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let poll = |nth: usize| bench.get(&format!("sonic/task/{}", tasks[nth]));
    assert_eq!((poll(0).0, &poll(0).1["type"]), (500, &json!("failed")));
    assert_eq!(
        (poll(1).0, &poll(1).1["data"][1]["state"]),
        (200, &json!("failed"))
    );
    assert_eq!(poll(2).0, 504);
    assert_eq!(
        poll(2).1["error"],
        "Task failed due to timeout. Credits were previously refunded."
    );
    bench.clock.pass(Duration::from_secs(1_000_000));
    assert_eq!(poll(3).0, 202);
    assert_eq!(
        bench.balance(),
        (990, 0),
        "three refunds, and one that never ends"
    );
    for (era, expected) in [("2025", None), ("2026", Some("FAILED"))] {
        let bench = Bench::quick(json!({"era": era, "faults": ["failed-clips@1"]}));
        let body = json!({"task_type": "create_music", "sound": "x"});
        let answer = bench.result("producer/create", body);
        assert_eq!(answer["status"].as_str(), expected);
    }
}

#[test]
fn the_balance_can_lag_by_one_charge() {
    let bench = Bench::quick(json!({"faults": ["lag@2", "lag@4:5s"]}));
    bench.done("sonic/create", song());
    assert_eq!(bench.balance(), (990, 0));
    bench.done("sonic/create", song());
    assert_eq!(
        bench.balance(),
        (990, 0),
        "the second charge does not show yet"
    );
    bench.done("sonic/create", song());
    assert_eq!(
        bench.balance(),
        (970, 0),
        "the next charge brings it up to date"
    );
    bench.done("sonic/create", song());
    assert_eq!(bench.balance(), (970, 0));
    bench.clock.pass(Duration::from_secs(5));
    assert_eq!(bench.balance(), (960, 0), "so does time");
    assert_eq!(
        bench.sim.audit().balance.credits.get(),
        960,
        "the audit never lags"
    );
}

#[test]
fn reads_are_struck_by_their_own_count() {
    let bench = Bench::quick(json!({
        "faults": ["poll-500@2", "balance-503@1", "file-404@1", "file-truncate@2", "poll-reset-before@3"],
    }));
    let clip = bench.song();
    let task = bench.done("sonic/create", song())["task_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let poll = |bench: &Bench| bench.get(&format!("sonic/task/{task}"));
    assert_eq!(
        poll(&bench),
        (
            500,
            json!({"type": "api_error", "error": "Internal Server Error."})
        )
    );
    let path = format!("/api/v1/sonic/task/{task}");
    let third = bench.send(Method::GET, &path, Some("Bearer k"), b"");
    assert_eq!(third.delivery, Delivery::Never);
    assert_eq!(poll(&bench).0, 200);
    assert_eq!(bench.get("get-credits").0, 503);
    assert_eq!(bench.get("get-credits").0, 200);
    let file = format!("/simulator/files/{clip}.wav");
    assert_eq!(bench.send(Method::GET, &file, None, b"").status, 404);
    let half = bench.send(Method::GET, &file, None, b"");
    let cut = Delivery::CutAt(half.content_length.unwrap() / 2);
    assert_eq!(half.delivery, cut);
}

#[test]
fn ids_do_not_depend_on_the_order_of_arrival() {
    let other = with(&song(), json!({"title": "Other"}));
    let ids = |bodies: &[&Value]| {
        let bench = Bench::quick(json!({"seed": 4, "faults": ["429@2"]}));
        let mut found: Vec<String> = Vec::new();
        for body in bodies {
            let (status, answer) = bench.post("sonic/create", (*body).clone());
            if status == 200 {
                found.push(answer["task_id"].as_str().unwrap().to_owned());
            }
        }
        found.sort();
        found
    };
    let (one, two) = (&song(), &other);
    // The second submit is refused and sent again: the refusal must leave no trace in what follows.
    assert_eq!(ids(&[one, two, two, one]), ids(&[two, one, one, one]));
    assert_eq!(ids(&[one, two, two, one]).len(), 3);
}
