//! Answers to polls in the three shapes, and what they say about the task.

use serde_json::json;

use super::*;
use crate::catalog::Catalog;

fn poll(operation: &str, shape: PollShape, status: u16, body: Value) -> Result<Progress, Fault> {
    let catalog = Catalog::builtin();
    let operation = catalog.get(catalog.find(operation).unwrap());
    let reply = Reply {
        status,
        retry_after: None,
        redirect_host: None,
        is_garbled: false,
        body: Ok(body),
    };
    read(operation, shape, &TaskId::new("t"), &reply)
}

fn sonic(data: Value) -> Result<Progress, Fault> {
    let body = json!({"code": 200, "message": "success", "data": data});
    poll("suno.create", PollShape::Sonic, 200, body)
}

fn done(progress: Result<Progress, Fault>) -> JobResult {
    match progress {
        Ok(Progress::Done(result)) => result,
        other => panic!("{other:?}"),
    }
}

fn clip(id: &str, state: &str) -> Value {
    json!({"clip_id": id, "state": state, "audio_url": format!("https://c.example/{id}"), "duration": "104.88"})
}

#[test]
fn a_sonic_task_is_done_when_every_clip_is() {
    for pending in [
        json!(null),
        json!([]),
        json!({}),
        json!([clip("a", "pending"), clip("b", "pending")]),
        json!([clip("a", "succeeded"), clip("b", "running")]),
        json!([clip("a", "failed"), clip("b", "running")]),
        json!([clip("a", "succeeded"), clip("b", "dreaming")]),
        json!([clip("a", "succeeded"), {"clip_id": "b"}]),
    ] {
        assert_eq!(sonic(pending.clone()), Ok(Progress::Pending), "{pending}");
    }
    let result = done(sonic(json!([
        clip("a", "succeeded"),
        clip("b", "succeeded")
    ])));
    assert_eq!(result.clip_ids, ["a", "b"]);
    assert_eq!(
        result.fields,
        json!({
            "clip_id": "a", "task_id": "t",
            "clips": [
                {"clip_id": "a", "audio_url": "https://c.example/a", "duration": 104.88},
                {"clip_id": "b", "audio_url": "https://c.example/b", "duration": 104.88},
            ],
        })
    );
    assert_eq!(result.downloads[1].url, "https://c.example/b");
    assert_eq!(result.downloads[1].duration_s, Some(104.88));
}

#[test]
fn a_clip_that_failed_is_told_of_and_not_used() {
    let result = done(sonic(json!([clip("a", "failed"), clip("b", "succeeded")])));
    assert_eq!(result.clip_ids, ["b"]);
    assert_eq!(result.fields["clip_id"], "b");
    assert_eq!(result.fields["clips"].as_array().unwrap().len(), 1);
    assert_eq!(result.fields["failed_clips"][0]["clip_id"], "a");
    assert_eq!(result.downloads.len(), 1);
}

#[test]
fn a_task_fails_when_all_its_clips_do() {
    let mut bad = clip("a", "failed");
    bad["error_message"] = json!("bad words");
    assert_eq!(
        sonic(json!([bad, clip("b", "failed")])),
        Ok(Progress::Failed {
            message: "bad words".to_owned(),
            refunded: None
        })
    );
    bad["error_message"] = json!("Upstream failed, credits refunded");
    assert!(matches!(
        sonic(json!([bad])),
        Ok(Progress::Failed {
            refunded: Some(true),
            ..
        })
    ));
}

#[test]
fn a_pair_waits_for_the_whole_song() {
    let pair =
        |part: &str, full: Value| sonic(json!([{"extended": clip("p", part), "full": full}]));
    assert_eq!(pair("succeeded", json!(null)), Ok(Progress::Pending));
    assert_eq!(pair("running", json!(null)), Ok(Progress::Pending));
    assert_eq!(
        pair("succeeded", clip("f", "running")),
        Ok(Progress::Pending)
    );
    assert!(matches!(
        pair("failed", json!(null)),
        Ok(Progress::Failed { .. })
    ));
    let result = done(pair("succeeded", clip("f", "succeeded")));
    assert_eq!(result.fields["clip_id"], "f");
    assert_eq!(result.fields["clips"][0]["label"], "full");
    assert_eq!(result.fields["parts"][0]["clip_id"], "p");
    assert_eq!(result.clip_ids, ["f", "p"]);
    assert_eq!(result.downloads[1].label.as_deref(), Some("extended"));
    let result = done(pair("succeeded", clip("f", "failed")));
    assert_eq!(result.fields["clip_id"], "p");
    let replaced = sonic(json!([{"replaced": clip("p", "succeeded")}]));
    assert_eq!(replaced, Ok(Progress::Pending));
}

#[test]
fn stems_are_named() {
    let stem = |extra: Value| {
        let mut clip = clip("a", "succeeded");
        clip.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let body = json!({"data": [clip]});
        let result = done(poll("suno.stems-basic", PollShape::Sonic, 200, body));
        result.downloads[0].label.clone()
    };
    assert_eq!(
        stem(json!({"stem_type": "vocals", "title": "x"})).as_deref(),
        Some("vocals")
    );
    assert_eq!(
        stem(json!({"title": "Neon (Live) (Backing Vocals)"})).as_deref(),
        Some("Backing Vocals")
    );
    assert_eq!(stem(json!({"title": "Drums"})).as_deref(), Some("Drums"));
    assert_eq!(stem(json!({"title": null})), None);
    let song = done(sonic(
        json!([{"clip_id": "a", "state": "succeeded", "title": "Neon (Live)", "audio_url": "https://c.example/a"}]),
    ));
    assert_eq!(song.downloads[0].label, None);
}

#[test]
fn a_voice_is_a_persona() {
    let body = json!({"code": 200, "data": {"persona_id": "p", "name": "n"}});
    let result = done(poll("suno.create-voice", PollShape::Sonic, 200, body));
    assert_eq!(
        result.fields,
        json!({"persona_id": "p", "name": "n", "task_id": "t"})
    );
}

fn producer(body: Value) -> Result<Progress, Fault> {
    poll("producer.create", PollShape::Producer, 200, body)
}

#[test]
fn a_producer_task_speaks_at_the_top() {
    let clip = json!({"clip_id": "a", "audio_url": "https://c.example/a", "wav_url": "https://c.example/w", "sound": "folk", "seed": 7, "duration": 30});
    for pending in [
        json!({"status": "PENDING", "data": []}),
        json!({"status": "RUNNING"}),
        json!({"status": "SUCCESS", "data": []}),
        json!({"status": "SUCCESS", "data": null}),
        json!({"status": "SUCCESS"}),
        json!({"status": "QUEUED", "data": [clip]}),
        json!({"data": [{"clip_id": "a", "state": "running"}]}),
        json!({"data": [clip]}),
    ] {
        assert_eq!(
            producer(pending.clone()),
            Ok(Progress::Pending),
            "{pending}"
        );
    }
    let result = done(producer(json!({"status": "SUCCESS", "data": [clip]})));
    assert_eq!(result.fields["clips"][0]["tags"], "folk");
    assert_eq!(result.fields["clips"][0]["seed"], "7");
    assert_eq!(result.downloads.len(), 1);
    assert_eq!(result.downloads[0].url, "https://c.example/a");
    // As in 2025, without a status at the top.
    let result = done(producer(
        json!({"data": [{"clip_id": "a", "state": "succeeded"}]}),
    ));
    assert_eq!(result.clip_ids, ["a"]);
    for (message, refunded) in [
        ("Timed out. Credits refunded.", Some(true)),
        ("Timed out.", None),
        ("Timed out, credits were not refunded.", Some(false)),
    ] {
        let body = json!({"status": "FAILED", "type": "timeout", "message": message, "data": []});
        let expected = Progress::Failed {
            message: message.to_owned(),
            refunded,
        };
        assert_eq!(producer(body), Ok(expected));
    }
}

#[test]
fn other_producer_tasks_give_what_they_name_and_everything_raw() {
    let other = |operation: &str, item: Value| {
        let body = json!({"status": "SUCCESS", "data": [item]});
        done(poll(operation, PollShape::Producer, 200, body))
    };
    let result = other("producer.lyrics", json!({"title": "T", "lyrics": "L"}));
    assert_eq!(result.fields["results"][0]["lyrics"], "L");
    let result = other(
        "producer.video",
        json!({"video_url": "https://c.example/v"}),
    );
    assert_eq!(result.fields["video_url"], "https://c.example/v");
    assert_eq!(result.downloads[0].extension.as_deref(), Some("mp4"));
    let result = other("producer.upload", json!({"clip_id": "c"}));
    assert_eq!(result.clip_ids, ["c"]);
    let result = other(
        "producer.download",
        json!({"format": "wav", "url": "https://c.example/w"}),
    );
    assert_eq!(result.fields["files"][0]["format"], "wav");
    let result = other(
        "producer.download",
        json!({"format": "../x", "url": "https://c.example/w"}),
    );
    assert_eq!(result.downloads[0].extension, None);
    let result = other("producer.video", json!({"film": "https://c.example/v"}));
    assert_eq!(result.fields["data"][0]["film"], "https://c.example/v");
}

#[test]
fn a_nuro_task_is_flat() {
    let nuro = |body| poll("nuro.vocal", PollShape::Nuro, 200, body);
    let running = json!({"task_id": "t", "status": "running", "progress": 40});
    assert_eq!(nuro(running), Ok(Progress::Pending));
    let body = json!({"task_id": "t", "status": "succeeded", "progress": 100, "audio_url": "https://c.example/n", "lyrics": "L", "duration": 61.5});
    let result = done(nuro(body));
    assert_eq!(result.fields["clips"][0]["duration"], 61.5);
    assert_eq!(result.downloads[0].duration_s, Some(61.5));
    assert!(result.clip_ids.is_empty());
    let body = json!({"status": "running", "progress": 3, "refund_processed": false});
    assert_eq!(nuro(body), Ok(Progress::Pending));
    let body = json!({"status": "failed", "message": "no", "refund_processed": true});
    assert!(matches!(
        nuro(body),
        Ok(Progress::Failed {
            refunded: Some(true),
            ..
        })
    ));
    assert!(nuro(json!({"message": "success"})).is_err());
}

#[test]
fn an_error_ends_a_task_only_if_it_speaks_of_the_task() {
    let at = |status, body| poll("suno.create", PollShape::Sonic, status, body);
    let timeout = "Task failed due to timeout. Credits were previously refunded.";
    for (status, body, refunded) in [
        (500, json!({"type": "failed", "error": "x"}), None),
        (
            500,
            json!({"type": "failed", "error": "credits refunded"}),
            Some(true),
        ),
        (
            504,
            json!({"type": "timeout", "error": timeout}),
            Some(true),
        ),
        (
            400,
            json!({"type": "bad_request", "message": "x", "refund_processed": true}),
            Some(true),
        ),
        (
            403,
            json!({"type": "forbidden", "refund_processed": false}),
            Some(false),
        ),
        (
            200,
            json!({"type": "failed", "message": "x", "data": []}),
            None,
        ),
        (
            200,
            json!({"code": 500, "type": "failed", "error": "x"}),
            None,
        ),
    ] {
        match at(status, body.clone()) {
            Ok(Progress::Failed { refunded: told, .. }) => assert_eq!(told, refunded, "{body}"),
            other => panic!("{status} {body}: {other:?}"),
        }
    }
    for (status, body) in [
        (
            500,
            json!({"type": "api_error", "error": "Internal Server Error."}),
        ),
        (502, json!({"type": "upstream_error"})),
        (503, json!({})),
        (504, json!({})),
        (429, json!({"type": "rate_limited"})),
        (401, json!({"error": "x"})),
        (404, json!({"error": "x"})),
        (200, json!({"code": 500, "message": "x", "data": null})),
        (200, json!({"message": "success"})),
        (200, json!([])),
    ] {
        assert!(at(status, body.clone()).is_err(), "{status} {body}");
    }
    assert_eq!(at(202, json!({})), Ok(Progress::Pending));
    assert_eq!(
        at(200, json!({"code": 202, "type": "not_ready"})),
        Ok(Progress::Pending)
    );
}
