//! Sonic tasks: validation in the provider's words, and the life of a task.

use super::*;

#[test]
fn a_song_is_checked_in_the_providers_words() {
    let bench = Bench::quick(json!({}));
    let models = "sonic-v6, sonic-v6-wild, sonic-v6-mini, sonic-v5-5, sonic-v5, sonic-v4-5-plus, sonic-v4-5, \
                  sonic-v4, sonic-v3-5, chirp-v5-5, chirp-v5, chirp-v4-5-plus, chirp-v4-5, chirp-v4, chirp-v3-5";
    let bad_model = format!("The 'mv' field is invalid. The model should be {models}");
    let long = |count: usize| "x".repeat(count);
    for (fields, words) in [
        (json!({"mv": "sonic-v9"}), bad_model.as_str()),
        (json!({"mv": null}), &bad_model),
        (json!({"mv": "sonic-v4-5-all"}), &bad_model),
        (
            json!({"custom_mode": "true"}),
            "The 'custom_mode' field should be boolean.",
        ),
        (
            json!({"custom_mode": null}),
            "The 'custom_mode' field should be boolean.",
        ),
        (
            json!({"make_instrumental": 1}),
            "The 'make_instrumental' field should be boolean.",
        ),
        (
            json!({"use_suno_cdn": "no"}),
            "The 'use_suno_cdn' field should be boolean.",
        ),
        (json!({"prompt": null}), "The 'prompt' field is required."),
        (
            json!({"prompt": long(5001)}),
            "The prompt character length should be less than 5000.",
        ),
        (
            json!({"prompt": long(3001), "mv": "chirp-v4"}),
            "The prompt character length should be less than 3000.",
        ),
        (
            json!({"title": long(81)}),
            "The title character length should be less than 80.",
        ),
        (
            json!({"tags": long(1001)}),
            "The tags character length should be less than 1000.",
        ),
        (
            json!({"tags": long(201), "mv": "sonic-v3-5"}),
            "The tags character length should be less than 200.",
        ),
        (
            json!({"custom_mode": false, "gpt_description_prompt": long(401)}),
            "The 'gpt_description_prompt' character length should be less than 400.",
        ),
        (
            json!({"custom_mode": false}),
            "The 'gpt_description_prompt' field is required.",
        ),
        (
            json!({"custom_mode": false, "gpt_description_prompt": "x", "auto_lyrics": true}),
            "The 'auto_lyrics' field needs custom_mode = true.",
        ),
        (
            json!({"vocal_gender": "x"}),
            "The 'vocal_gender' field is invalid. It should be one of f, m.",
        ),
        (
            json!({"style_weight": 1.1}),
            "The 'style_weight' field should be between 0 and 1.",
        ),
        (
            json!({"weirdness_constraint": "a"}),
            "The 'weirdness_constraint' field should be a number.",
        ),
        (
            json!({"duration": 9}),
            "The 'duration' field should be an integer between 10 and 360.",
        ),
        (
            json!({"duration": 30.5}),
            "The 'duration' field should be an integer between 10 and 360.",
        ),
        (
            json!({"webhook_url": "http://x"}),
            "The 'webhook_url' field should be an https URL of at most 1024 characters.",
        ),
        (
            json!({"task_type": "persona_music"}),
            "The 'persona_id' field is required when task_type = persona_music.",
        ),
        (
            json!({"task_type": "persona_music", "persona_id": "nobody"}),
            "persona not found.",
        ),
        (
            json!({"task_type": "extend_music"}),
            "The 'continue_clip_id' field is required.",
        ),
        (
            json!({"task_type": "cover_music", "continue_clip_id": "x"}),
            "clip not found.",
        ),
        (
            json!({"task_type": "remaster", "duration": 30}),
            "The 'duration' field is not allowed for this task.",
        ),
    ] {
        bench.refuses("sonic/create", with(&song(), fields), words);
    }
    for at_the_limit in [
        json!({"prompt": long(5000)}),
        json!({"title": long(80), "tags": long(1000)}),
        json!({"mv": "sonic-v4", "prompt": long(3000), "tags": long(200)}),
        json!({"prompt": null, "make_instrumental": true}),
        json!({"task_type": null}),
    ] {
        bench.done("sonic/create", with(&song(), at_the_limit));
    }
}

#[test]
fn clips_must_be_there_ready_and_of_the_right_kind() {
    let bench = Bench::new(json!({"rate": "off"}));
    let accepted = bench.done("sonic/create", song());
    bench.clock.pass(Duration::from_secs(200));
    let (_, poll) = bench.get(&format!(
        "sonic/task/{}",
        accepted["task_id"].as_str().unwrap()
    ));
    let clip = &poll["data"][0]["clip_id"];
    let on = |task_type: &str, more: Value| {
        with(
            &with(
                &song(),
                json!({"task_type": task_type, "continue_clip_id": clip}),
            ),
            more,
        )
    };
    bench.refuses(
        "sonic/create",
        on("extend_music", json!({})),
        "The 'continue_at' field is required.",
    );
    bench.refuses(
        "sonic/create",
        on("extend_music", json!({"continue_at": 361})),
        "The 'continue_at' field is beyond the end of the clip.",
    );
    bench.refuses(
        "sonic/create",
        on("concat_music", json!({})),
        "The clip is not an extension of another clip.",
    );
    for task_type in ["add_vocals", "cover_upload_music"] {
        bench.refuses(
            "sonic/create",
            on(task_type, json!({"prompt": "la"})),
            &format!("The clip of task_type = {task_type} should be an uploaded clip."),
        );
    }
    let running = bench.done("sonic/create", on("cover_music", json!({})));
    bench.clock.pass(Duration::from_secs(60));
    let (_, poll) = bench.get(&format!(
        "sonic/task/{}",
        running["task_id"].as_str().unwrap()
    ));
    let unready = &poll["data"][0]["clip_id"];
    bench.refuses(
        "sonic/stems/basic",
        json!({"clip_id": unready}),
        "The clip is not ready.",
    );
    bench.clock.pass(Duration::from_secs(86_400));
    bench.refuses(
        "sonic/create",
        on("remaster", json!({})),
        "The clip is older than 24 hours.",
    );
    bench.refuses(
        "sonic/bpm",
        json!({"clip_id": clip}),
        "The clip is older than 24 hours.",
    );
}

#[test]
fn a_task_is_not_ready_then_running_then_done_clip_by_clip() {
    let bench = Bench::new(json!({"task_time": "100s"}));
    let accepted = bench.done("sonic/create", song());
    assert_eq!(accepted["message"], "success");
    assert_eq!(accepted.get("code"), None, "live answers have no code");
    let path = format!("sonic/task/{}", accepted["task_id"].as_str().unwrap());
    let mut path_taken = Vec::new();
    for _ in 0..130 {
        let (status, poll) = bench.get(&path);
        let states: Vec<String> = poll["data"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|clip| clip["state"].as_str().unwrap().to_owned())
            .collect();
        let seen = (status, states.join(" "));
        if path_taken.last() != Some(&seen) {
            path_taken.push(seen);
        }
        bench.clock.pass(Duration::from_secs(1));
    }
    let expected = [
        (202, ""),
        (200, "running running"),
        (200, "succeeded running"),
        (200, "succeeded succeeded"),
    ];
    let taken: Vec<(u16, &str)> = path_taken.iter().map(|(s, t)| (*s, t.as_str())).collect();
    assert_eq!(taken, expected);
}

#[test]
fn a_clip_tells_the_truth_about_its_audio() {
    let bench = Bench::quick(json!({}));
    let poll = bench.result("sonic/create", with(&song(), json!({"duration": 12})));
    assert_eq!(
        (&poll["code"], &poll["message"]),
        (&json!(200), &json!("success"))
    );
    let clips = poll["data"].as_array().unwrap();
    assert_eq!(clips.len(), 2);
    assert_ne!(clips[0]["clip_id"], clips[1]["clip_id"]);
    for clip in clips {
        assert_eq!(clip["duration"], "12.00");
        assert_eq!(clip["video_url"], Value::Null);
        assert_eq!(clip["title"], "Paper Kites");
        assert_eq!(clip["lyrics"], "[Verse]\nfirst line");
        let wav = bench.file(clip["audio_url"].as_str().unwrap());
        let reader = hound::WavReader::new(wav.as_slice()).unwrap();
        assert_eq!(reader.duration(), 12 * reader.spec().sample_rate);
    }
    let long = bench.result("sonic/create", with(&song(), json!({"duration": 360})));
    assert_eq!(
        long["data"][0]["duration"], "30.00",
        "audio is capped, and says so"
    );
    let described = bench.result(
        "sonic/create",
        with(&song(), json!({
            "custom_mode": false, "prompt": null, "gpt_description_prompt": "slow piano for rain",
            "make_instrumental": true,
        })),
    );
    assert_eq!(described["data"][0]["lyrics"], "[Instrumental]");
    assert_eq!(
        described["data"][0]["title"], "Slow Piano For",
        "description mode rewrites titles"
    );
}

#[test]
fn what_streams_before_the_end_is_not_the_clip() {
    let bench = Bench::new(json!({"task_time": "100s"}));
    let task = bench.done("sonic/create", song())["task_id"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.clock.pass(Duration::from_secs(60));
    let (_, poll) = bench.get(&format!("sonic/task/{task}"));
    let stream = poll["data"][0]["audio_url"].as_str().unwrap();
    assert!(stream.contains("/simulator/stream/"));
    let half = hound::WavReader::new(bench.file(stream).as_slice())
        .unwrap()
        .duration();
    assert_eq!(half, 4 * 22_050);
    let id = poll["data"][0]["clip_id"].as_str().unwrap();
    let early = bench.send(
        Method::GET,
        &format!("/simulator/files/{id}.wav"),
        None,
        b"",
    );
    assert_eq!(early.status, 404);
}

#[test]
fn stems_are_named_and_add_up() {
    let bench = Bench::quick(json!({}));
    let clip = bench.song();
    let basic = bench.result("sonic/stems/basic", json!({"clip_id": clip}));
    let names: Vec<&str> = basic["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stem| stem["stem_type"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Vocals", "Instrumental"]);
    let samples = |url: &Value| -> Vec<i16> {
        let wav = bench.file(url.as_str().unwrap());
        let mut reader = hound::WavReader::new(wav.as_slice()).unwrap();
        reader.samples::<i16>().map(Result::unwrap).collect()
    };
    let whole = samples(&json!(format!(
        "{IN_PROCESS_BASE}/simulator/files/{clip}.wav"
    )));
    let (vocals, rest) = (
        samples(&basic["data"][0]["audio_url"]),
        samples(&basic["data"][1]["audio_url"]),
    );
    let sum: Vec<i16> = vocals.iter().zip(&rest).map(|(a, b)| a + b).collect();
    assert_eq!(sum, whole);
    let full = bench.result("sonic/stems/full", json!({"clip_id": clip}));
    assert_eq!(full["data"].as_array().unwrap().len(), 12);
    assert_eq!(full["data"][3]["title"], "Paper Kites (Bass)");
}

#[test]
fn an_extension_is_joined_to_its_source() {
    let bench = Bench::quick(json!({}));
    let clip = bench.song();
    let extend = with(
        &song(),
        json!({"task_type": "extend_music", "continue_clip_id": clip, "continue_at": 6, "duration": 10}),
    );
    let part = bench.result("sonic/create", extend)["data"][0]["clip_id"].clone();
    let concat = json!({"task_type": "concat_music", "continue_clip_id": part});
    let joined = bench.result("sonic/create", concat);
    assert_eq!(joined["data"].as_array().unwrap().len(), 1);
    assert_eq!(joined["data"][0]["duration"], "18.00");
}

#[test]
fn uploads_that_go_straight_on_tell_of_their_steps() {
    let bench = Bench::new(json!({"task_time": "100s", "rate": "off"}));
    let body = with(
        &song(),
        json!({"task_type": null, "url": "https://box.example/a.mp3", "continue_at": 3, "auto_concat": true}),
    );
    let answer = bench.done("sonic/upload-extend", body);
    let uploaded = answer["steps"]["upload"]["clip_id"].as_str().unwrap();
    bench.done("sonic/stems/basic", json!({"clip_id": uploaded}));
    let path = format!("sonic/task/{}", answer["task_id"].as_str().unwrap());
    bench.clock.pass(Duration::from_secs(60));
    let (_, poll) = bench.get(&path);
    assert_eq!(poll["data"][0]["full"], Value::Null);
    bench.clock.pass(Duration::from_secs(90));
    let (_, poll) = bench.get(&path);
    assert_eq!(poll["data"].as_array().unwrap().len(), 2);
    assert_eq!(poll["data"][0]["extended"]["duration"], "8.00");
    assert_eq!(poll["data"][0]["full"]["duration"], "16.00");
    let cover = with(
        &song(),
        json!({"task_type": null, "url": "https://box.example/a.mp3"}),
    );
    assert!(bench.done("sonic/upload-cover", cover)["steps"]["upload"]["clip_id"].is_string());
}

#[test]
fn other_generations_are_checked_too() {
    let bench = Bench::quick(json!({"credits": 10_000}));
    let clip = bench.song();
    let base = with(&song(), json!({"task_type": null, "mv": "sonic-v4-5-all"}));
    bench.refuses(
        "sonic/sample",
        base.clone(),
        "One of 'url' and 'sample_clip_id' is required.",
    );
    bench.refuses(
        "sonic/sample",
        with(&base, json!({"sample_clip_id": clip, "duration": 30})),
        "The 'duration' field is not allowed for this task.",
    );
    bench.done("sonic/sample", with(&base, json!({"sample_clip_id": clip})));
    for clips in [
        json!([clip]),
        json!([clip, clip, clip]),
        json!("x"),
        json!([1, 2]),
    ] {
        bench.refuses(
            "sonic/mashup",
            with(&base, json!({"mashup_clip_ids": clips})),
            "The 'mashup_clip_ids' field should be a list of exactly 2 clips.",
        );
    }
    bench.refuses(
        "sonic/mashup",
        with(
            &base,
            json!({"mashup_clip_ids": [clip, clip], "prompt": "x".repeat(3001)}),
        ),
        "The prompt character length should be less than 3000.",
    );
    let section = json!({
        "clip_id": clip, "mv": "sonic-v6", "infill_start_s": 2, "infill_end_s": 4, "infill_lyrics": "",
        "prompt": "all", "auto_concat": true,
    });
    let replaced = bench.result("sonic/replace-section", section.clone());
    assert_eq!(replaced["data"][0]["full"]["duration"], "8.00");
    bench.refuses(
        "sonic/replace-section",
        with(&section, json!({"infill_end_s": 1})),
        "The 'infill_end_s' field should be greater than 'infill_start_s'.",
    );
    bench.refuses(
        "sonic/replace-section",
        with(&section, json!({"infill_lyrics": null})),
        "The 'infill_lyrics' field is required.",
    );
    bench.refuses(
        "sonic/upload-cover",
        with(
            &base,
            json!({"mv": "sonic-v6", "url": "https://nowhere.invalid/x.mp3"}),
        ),
        "Audio URL is not accessible. Please provide a public direct audio file URL.",
    );
}

#[test]
fn a_voice_becomes_a_persona_that_can_sing() {
    let bench = Bench::quick(json!({}));
    let voice = bench.result(
        "sonic/create-voice",
        json!({"audio_url": "https://box.example/v.wav"}),
    );
    let persona = &voice["data"]["persona_id"];
    assert!(voice["data"]["name"].is_string());
    let sung = with(
        &song(),
        json!({"task_type": "persona_music", "persona_id": persona}),
    );
    bench.done("sonic/create", sung);
}

#[test]
fn a_batch_is_refused_and_charged_item_by_item() {
    let bench = Bench::quick(json!({"credits": 25}));
    let items = json!([song(), with(&song(), json!({"mv": "no"})), song(), song()]);
    let answer = bench.done("sonic/batch", json!({"items": items}));
    assert_eq!(answer["submitted"], 2);
    let tasks = answer["tasks"].as_array().unwrap();
    assert_eq!(tasks[1]["type"], "validation_error");
    assert_eq!(tasks[3]["type"], "forbidden");
    assert_ne!(
        tasks[0]["task_id"], tasks[2]["task_id"],
        "the same item twice is two tasks"
    );
    assert_eq!(bench.balance(), (5, 0));
    let (_, poll) = bench.get(&format!(
        "sonic/batch?batch_id={}",
        answer["batch_id"].as_str().unwrap()
    ));
    assert_eq!(poll["tasks"][0]["state"], "succeeded");
    assert_eq!(poll["tasks"][1]["state"], "refused");
    assert_eq!(bench.get("sonic/batch?batch_id=no").0, 404);
    let words = "The 'items' field should be a list of 1 to 10 requests.";
    for wrong in [json!([]), json!("x"), Value::Array(vec![song(); 11])] {
        bench.refuses("sonic/batch", json!({"items": wrong}), words);
    }
    books_close(&bench.sim);
}

#[test]
fn unknown_tasks_are_told_apart_from_missing_ids() {
    let bench = Bench::quick(json!({}));
    let producer_task = bench.done(
        "producer/create",
        json!({"task_type": "create_music", "sound": "x"}),
    );
    let producer_id = producer_task["task_id"].as_str().unwrap();
    let error = |path: &str| {
        let (status, answer) = bench.get(path);
        (status, answer["error"].as_str().unwrap().to_owned())
    };
    assert_eq!(error("sonic/task/"), (400, "missing task id.".to_owned()));
    assert_eq!(
        error("sonic/task/nope"),
        (400, "task not found.".to_owned())
    );
    assert_eq!(
        error(&format!("sonic/task/{producer_id}")),
        (400, "task not found.".to_owned())
    );
    assert_eq!(error("nuro/task/nope"), (404, "task not found.".to_owned()));
}
