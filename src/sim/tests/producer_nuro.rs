//! Producer and Nuro: validation, and how their tasks go in either era.

use super::*;

fn producer(bench: &Bench) -> String {
    let body = json!({"task_type": "create_music", "sound": "slow brass", "title": "Night"});
    let answer = bench.done("producer/create", body);
    format!("producer/task/{}", answer["task_id"].as_str().unwrap())
}

#[test]
fn a_producer_task_of_2026_has_a_status_and_no_data_before_the_end() {
    let bench = Bench::new(json!({"era": "2026", "task_time": "100s"}));
    let path = producer(&bench);
    let at = |seconds: u64| {
        bench.clock.pass(Duration::from_secs(seconds));
        let (code, poll) = bench.get(&path);
        (
            code,
            poll["status"].as_str().unwrap().to_owned(),
            poll["data"].as_array().unwrap().len(),
        )
    };
    assert_eq!(at(0), (200, "PENDING".to_owned(), 0));
    assert_eq!(at(50), (200, "RUNNING".to_owned(), 0));
    assert_eq!(at(80), (200, "SUCCESS".to_owned(), 1));
}

#[test]
fn a_producer_task_of_2025_has_a_state_in_its_clip() {
    let bench = Bench::new(json!({"task_time": "100s"}));
    let path = producer(&bench);
    assert_eq!(bench.get(&path).0, 202);
    bench.clock.pass(Duration::from_secs(50));
    let (_, poll) = bench.get(&path);
    assert_eq!(poll.get("status"), None);
    assert_eq!(poll["data"][0]["state"], "running");
    assert_eq!(poll["data"][0].get("audio_url"), None);
    bench.clock.pass(Duration::from_secs(80));
    let (_, poll) = bench.get(&path);
    let clip = &poll["data"][0];
    assert_eq!(
        (&clip["state"], &clip["title"]),
        (&json!("succeeded"), &json!("Night"))
    );
    assert_eq!(clip["duration"], 8.0);
    hound::WavReader::new(bench.file(clip["audio_url"].as_str().unwrap()).as_slice()).unwrap();
}

#[test]
fn producer_requests_are_checked() {
    let bench = Bench::quick(json!({}));
    let good = json!({"task_type": "create_music", "sound": "x"});
    for (fields, words) in [
        (
            json!({"task_type": null}),
            "The 'task_type' field is required.",
        ),
        (
            json!({"sound": null}),
            "One of 'sound' and 'lyrics' is required.",
        ),
        (
            json!({"make_instrumental": "yes"}),
            "The 'make_instrumental' field should be boolean.",
        ),
        (
            json!({"title": "x".repeat(81)}),
            "The title character length should be less than 80.",
        ),
        (
            json!({"sound_strength": 0.1}),
            "The 'sound_strength' field should be between 0.2 and 1.",
        ),
        (
            json!({"starts_at": 9, "ends_at": 3}),
            "The 'ends_at' field should be greater than 'starts_at'.",
        ),
        (
            json!({"task_type": "cover_music"}),
            "The 'clip_id' field is required.",
        ),
        (
            json!({"task_type": "cover_music", "clip_id": bench.song()}),
            "clip not found.",
        ),
    ] {
        bench.refuses("producer/create", with(&good, fields), words);
    }
    let (status, answer) = bench.post("producer/create", with(&good, json!({"mv": "FUZZ-9"})));
    assert_eq!(status, 400);
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .starts_with("The 'mv' field is invalid. The model should be FUZZ-3")
    );
    bench.refuses(
        "producer/download",
        json!({"clip_id": "x"}),
        "The 'format' field is required.",
    );
    bench.refuses(
        "producer/lyrics-create",
        json!({}),
        "The 'prompt' field is required.",
    );
    let url = json!({"task_type": "cover_music", "cover_url": "https://box.example/a.mp3"});
    bench.done("producer/create", url);
}

#[test]
fn other_producer_tasks_give_their_own_items() {
    let bench = Bench::quick(json!({}));
    let clip = bench.producer_song();
    let item = |path: &str, body: Value| bench.result(path, body)["data"][0].clone();
    let lyrics = item("producer/lyrics-create", json!({"prompt": "rain"}));
    assert!(lyrics["lyrics"].is_string());
    let file = item(
        "producer/download",
        json!({"clip_id": clip, "format": "mp3"}),
    );
    assert_eq!(file["format"], "mp3");
    bench.file(file["url"].as_str().unwrap());
    let video = item("producer/video-clip", json!({"clip_id": clip}));
    assert!(
        bench
            .file(video["video_url"].as_str().unwrap())
            .starts_with(b"RIFF")
    );
    let upload = item(
        "producer/upload",
        json!({"audio_url": "https://box.example/a.mp3"}),
    );
    let longer = item(
        "producer/create",
        json!({"task_type": "extend_music", "clip_id": upload["clip_id"], "sound": "x"}),
    );
    assert_eq!(longer["duration"], 16.0);
}

#[test]
fn nuro_is_flat_and_tells_its_progress() {
    let bench = Bench::new(json!({"task_time": "100s", "rate": "off"}));
    let body = json!({"type": "bgm", "description": "calm", "duration": 20, "genre": ["ambient"]});
    let task = bench.done("nuro/create", body)["task_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("nuro/task/{task}");
    let (_, pending) = bench.get(&path);
    assert_eq!(
        (&pending["status"], &pending["progress"]),
        (&json!("pending"), &json!(0))
    );
    bench.clock.pass(Duration::from_secs(50));
    let (_, running) = bench.get(&path);
    assert_eq!(running["status"], "running");
    assert!((40..=65).contains(&running["progress"].as_u64().unwrap()));
    bench.clock.pass(Duration::from_secs(90));
    let (_, done) = bench.get(&path);
    assert_eq!(
        (&done["status"], &done["duration"]),
        (&json!("succeeded"), &json!(20.0))
    );
    assert_eq!(done["genre"], json!(["ambient"]));
    bench.file(done["audio_url"].as_str().unwrap());
}

#[test]
fn nuro_requests_are_checked() {
    let bench = Bench::quick(json!({}));
    let vocal = json!({"type": "vocal", "lyrics": "x".repeat(300)});
    let bgm = json!({"type": "bgm", "description": "calm"});
    let length = "The lyrics character length should be between 300 and 2000.";
    for (body, words) in [
        (json!({}), "The 'type' field is required."),
        (with(&vocal, json!({"lyrics": "x".repeat(299)})), length),
        (
            with(&vocal, json!({"duration": 29})),
            "The 'duration' field should be an integer between 30 and 240.",
        ),
        (
            with(&vocal, json!({"gender": "f"})),
            "The 'gender' field is invalid. It should be one of Female, Male.",
        ),
        (
            with(&bgm, json!({"description": null})),
            "description is required.",
        ),
        (
            with(&bgm, json!({"description": "x".repeat(201)})),
            "The description character length should be less than 200.",
        ),
        (
            with(&bgm, json!({"duration": 61})),
            "The 'duration' field should be an integer between 1 and 60.",
        ),
        (
            with(&bgm, json!({"version": "v2.0", "duration": 20})),
            "The 'duration' field should be an integer between 30 and 120.",
        ),
        (
            with(&bgm, json!({"mood": ["a", "b", "c", "d", "e", "f"]})),
            "The 'mood' field should be a list of at most 5 words.",
        ),
        (
            with(
                &bgm,
                json!({"segments": [{"name": "intro", "duration": 10}]}),
            ),
            "The 'segments' field should be a list of {name, duration}, each 5 to 120 seconds, 30 to 120 in all.",
        ),
    ] {
        bench.refuses("nuro/create", body.clone(), words);
        assert_eq!(bench.post("nuro/create", body).1["type"], "bad_request");
    }
    bench.done("nuro/create", with(&vocal, json!({"duration": 240})));
}
