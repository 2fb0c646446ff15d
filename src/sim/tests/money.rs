//! The account: pools, refusals, refunds, rate and concurrency.

use super::*;

#[test]
fn extra_credits_are_spent_first_and_refunds_go_back_where_they_came_from() {
    let bench = Bench::new(json!({
        "credits": 100, "extra_credits": 15, "rate": "off", "task_time": "100s", "faults": ["failed-poll@2"],
    }));
    bench.done("sonic/create", song());
    assert_eq!(bench.balance(), (100, 5));
    let task = bench.done("sonic/create", song());
    assert_eq!(bench.balance(), (95, 0));
    bench.clock.pass(Duration::from_secs(150));
    assert_eq!(bench.balance(), (100, 5));
    let (status, poll) = bench.get(&format!("sonic/task/{}", task["task_id"].as_str().unwrap()));
    assert_eq!((status, poll["type"].as_str()), (500, Some("failed")));
    assert_eq!(
        poll["error"],
        "The task failed upstream. Credits have been refunded."
    );
    assert_eq!(bench.sim.audit().refunded.get(), 10);
    books_close(&bench.sim);
}

#[test]
fn too_few_credits_are_refused_as_the_family_does_it() {
    let create = json!({"task_type": "create_music", "sound": "x"});
    for (settings, sonic, producer) in [
        (
            json!({"credits": 9}),
            (403, "forbidden"),
            (402, "insufficient_credits"),
        ),
        (
            json!({"credits": 9, "credit_refusal": "402"}),
            (402, "insufficient_credits"),
            (402, "insufficient_credits"),
        ),
        (
            json!({"credits": 9, "credit_refusal": "403"}),
            (403, "forbidden"),
            (403, "forbidden"),
        ),
    ] {
        let bench = Bench::quick(settings);
        for (path, body, expected) in [
            ("sonic/create", song(), sonic),
            ("producer/create", create.clone(), producer),
        ] {
            let (status, answer) = bench.post(path, body);
            assert_eq!((status, answer["type"].as_str().unwrap()), expected);
            let literal = "The remaining credits are not enough. You can buy more one-time credit packs or subscribe.";
            assert_eq!(answer["error"], literal);
        }
        assert_eq!(bench.balance(), (9, 0));
    }
}

#[test]
fn the_last_credit_can_be_spent() {
    let bench = Bench::quick(json!({"credits": 20}));
    bench.done("sonic/create", song());
    bench.done("sonic/create", song());
    assert_eq!(bench.balance(), (0, 0));
    assert_eq!(bench.post("sonic/create", song()).0, 403);
}

#[test]
fn failures_come_at_the_rate_asked_for_and_are_refunded_or_not() {
    for (refunds, spent) in [(true, false), (false, true)] {
        let bench = Bench::quick(json!({
            "credits": 10_000, "failure_rate": 0.3, "refunds": refunds, "seed": 7,
        }));
        let tasks: Vec<String> = (0..200)
            .map(|_| {
                bench.done("sonic/create", song())["task_id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let polls: Vec<Said> = tasks
            .iter()
            .map(|id| bench.get(&format!("sonic/task/{id}")))
            .collect();
        let in_poll = polls.iter().filter(|(status, _)| *status == 500).count();
        let in_clips = polls
            .iter()
            .filter(|(_, poll)| poll["data"][0]["state"] == "failed")
            .count();
        let failed = in_poll + in_clips;
        assert!((40..80).contains(&failed), "{failed}");
        assert!(
            in_poll > 10 && in_clips > 10,
            "both styles: {in_poll}, {in_clips}"
        );
        let audit = bench.sim.audit();
        let back = if spent {
            0
        } else {
            u64::try_from(failed).unwrap() * 10
        };
        assert_eq!(audit.refunded.get(), back);
        assert_eq!(audit.charged.get(), 2_000);
        books_close(&bench.sim);
    }
}

#[test]
fn the_rate_is_a_sliding_window_of_submits() {
    let bench = Bench::new(json!({"rate": "3/60s", "retry_after": true, "task_time": 0}));
    for _ in 0..3 {
        bench.done("sonic/create", song());
        bench.clock.pass(Duration::from_secs(10));
    }
    // 0, 10 and 20 s are taken; now it is 30 s, and the first place is free at 60 s.
    let refused = bench.raw_post("sonic/create", &song());
    assert_eq!((refused.status, refused.retry_after), (429, Some(30)));
    for _ in 0..50 {
        assert_eq!(bench.get("get-credits").0, 200, "reads are not limited");
    }
    bench.refuses("sonic/create", json!({}), "The 'mv' field is invalid. The model should be sonic-v6, sonic-v6-wild, sonic-v6-mini, sonic-v5-5, sonic-v5, sonic-v4-5-plus, sonic-v4-5, sonic-v4, sonic-v3-5, chirp-v5-5, chirp-v5, chirp-v4-5-plus, chirp-v4-5, chirp-v4, chirp-v3-5");
    bench.clock.pass(Duration::from_millis(29_999));
    assert_eq!(bench.post("sonic/create", song()).0, 429);
    bench.clock.pass(Duration::from_millis(1));
    bench.done("sonic/create", song());
    assert_eq!(bench.post("sonic/create", song()).0, 429);
    let audit = bench.sim.audit();
    assert_eq!((audit.rate_refusals, audit.charged.get()), (3, 40));
}

#[test]
fn a_429_is_silent_about_the_wait_unless_told_to_speak() {
    let bench = Bench::new(json!({"rate": "1/1m"}));
    bench.done("sonic/create", song());
    let refused = bench.raw_post("sonic/create", &song());
    assert_eq!((refused.status, refused.retry_after), (429, None));
}

#[test]
fn tasks_in_flight_are_capped() {
    let bench = Bench::new(json!({"rate": "off", "concurrency": 2, "task_time": "100s"}));
    bench.done("sonic/create", song());
    bench.done(
        "producer/create",
        json!({"task_type": "create_music", "sound": "x"}),
    );
    let (status, answer) = bench.post("sonic/create", song());
    assert_eq!(
        (status, answer["error"].as_str()),
        (429, Some("too many concurrent tasks"))
    );
    bench.done("sonic/lyrics", json!({"description": "no task"}));
    bench.clock.pass(Duration::from_secs(120));
    bench.done("sonic/create", song());
}

#[test]
fn top_ups_are_counted_and_the_audit_is_served() {
    let bench = Bench::quick(json!({"credits": 5}));
    let post =
        |body: &str| said(bench.send(Method::POST, "/simulator/credits", None, body.as_bytes()));
    assert_eq!(
        post(r#"{"credits": 10, "extra_credits": 20}"#),
        (200, json!({"credits": 15, "extra_credits": 20}))
    );
    for bad in [
        "",
        "[]",
        r#"{"credits": -1}"#,
        r#"{"credits": 9223372036854775807}"#,
    ] {
        assert_eq!(post(bad).0, 400, "{bad}");
    }
    bench.done("sonic/create", song());
    let (status, audit) = said(bench.send(Method::GET, "/simulator/audit", None, b""));
    assert_eq!(status, 200);
    assert_eq!(audit["operations"]["suno.create"]["charged"], 10);
    assert_eq!(audit["entries"][0]["task"].as_str().unwrap().len(), 36);
    let read: Audit = serde_json::from_value(audit).unwrap();
    assert_eq!(read, bench.sim.audit());
    assert_eq!(read.topped_up.get(), 30);
    books_close(&bench.sim);
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is asked, in whatever order, with whatever failures: the books close and no pool goes below zero.
        #[test]
        fn books_close_whatever_happens(
            credits in 0_u64..300, extra in 0_u64..100, failures in 0.0..1.0_f64,
            steps in proptest::collection::vec((0_usize..7, 0_u64..60), 1..60),
        ) {
            let bench = Bench::new(json!({
                "credits": credits, "extra_credits": extra, "failure_rate": failures, "rate": "10/1m",
                "faults": ["reset-after@3", "500-after@5", "402@7", "reset-before@9", "lag@11"],
            }));
            for (what, wait) in steps {
                match what {
                    0 => { bench.post("sonic/create", song()); }
                    1 => { bench.post("producer/create", json!({"task_type": "create_music", "sound": "x"})); }
                    2 => { bench.post("sonic/lyrics", json!({"description": "x"})); }
                    3 => { bench.post("sonic/create", json!({})); }
                    4 => { bench.post("sonic/batch", json!({"items": [song(), song()]})); }
                    5 => { bench.get("get-credits"); }
                    _ => { bench.send(Method::POST, "/simulator/credits", None, b"{\"credits\":7}"); }
                }
                bench.clock.pass(Duration::from_secs(wait));
                books_close(&bench.sim);
            }
        }
    }
}
