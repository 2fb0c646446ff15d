//! Endpoints that answer at once, and the files they point at.

use super::*;

#[test]
fn lyrics_come_in_two_versions() {
    let bench = Bench::quick(json!({}));
    let answer = bench.done("sonic/lyrics", json!({"description": "rain on tin"}));
    assert_eq!(bench.last_charge(), 5);
    let versions = answer["results"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_ne!(versions[0]["lyrics"], versions[1]["lyrics"]);
    assert_eq!(versions[0]["title"], "Rain On Tin");
    bench.refuses("sonic/lyrics", json!({}), "description is required.");
    let too_long = "The description character length should be less than 200.";
    bench.refuses(
        "sonic/lyrics",
        json!({"description": "x".repeat(200)}),
        too_long,
    );
    bench.done("sonic/lyrics", json!({"description": "x".repeat(199)}));
}

#[test]
fn a_download_is_charged_when_it_is_there() {
    let bench = Bench::quick(json!({}));
    let clip = bench.song();
    let body = json!({"clip_id": clip, "formats": ["mp3", "wav"]});
    let (status, waiting) = bench.post("sonic/download", body.clone());
    assert_eq!((status, waiting["type"].as_str()), (202, Some("not_ready")));
    assert_eq!(bench.last_charge(), 0);
    let answer = bench.done("sonic/download", body.clone());
    assert_eq!(bench.last_charge(), 2);
    let files = answer["data"]["files"].as_array().unwrap();
    assert_eq!(
        (&files[0]["format"], &files[1]["format"]),
        (&json!("mp3"), &json!("wav"))
    );
    bench.file(files[0]["url"].as_str().unwrap());
    let words = "The 'formats' field should be a list of mp3, m4a, wav.";
    for formats in [
        json!([]),
        json!(["ogg"]),
        json!("mp3"),
        json!(["mp3", "mp3"]),
        Value::Null,
    ] {
        bench.refuses(
            "sonic/download",
            with(&body, json!({"formats": formats})),
            words,
        );
    }
    for path in ["sonic/download", "sonic/wav", "sonic/midi"] {
        let (status, answer) = bench.post(path, with(&body, json!({"clip_id": "gone"})));
        assert_eq!(
            (status, answer["type"].as_str()),
            (404, Some("not_found")),
            "{path}"
        );
    }
}

#[test]
fn wav_and_midi_files_open() {
    let bench = Bench::quick(json!({}));
    let clip = bench.song();
    let wav = bench.done("sonic/wav", json!({"clip_id": clip}));
    let bytes = bench.file(wav["data"]["wav_url"].as_str().unwrap());
    hound::WavReader::new(bytes.as_slice()).unwrap();
    let midi = bench.done("sonic/midi", json!({"clip_id": clip}));
    let bytes = bench.file(midi["data"]["midi_url"].as_str().unwrap());
    assert_eq!(midly::Smf::parse(&bytes).unwrap().tracks.len(), 13);
    assert!(
        !midi["data"]["instruments"][0]["notes"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let (_, poll) = {
        let task = bench.done("sonic/create", song());
        bench.get(&format!("sonic/task/{}", task["task_id"].as_str().unwrap()))
    };
    let cover = bench.file(poll["data"][0]["image_url"].as_str().unwrap());
    assert!(cover.starts_with(b"<svg"));
}

#[test]
fn figures_and_words_about_a_clip() {
    let bench = Bench::quick(json!({}));
    let clip = bench.song();
    let bpm = bench.done("sonic/bpm", json!({"clip_id": clip}));
    assert!((84..=147).contains(&bpm["data"]["avg_bpm"].as_u64().unwrap()));
    let aligned = bench.done("sonic/aligned-lyrics", json!({"clip_id": clip}));
    assert_eq!(bench.last_charge(), 1);
    let words = aligned["data"]["alignment"].as_array().unwrap();
    assert_eq!(words.len(), 3);
    assert_eq!(
        (&words[0]["start_s"], &words[2]["end_s"]),
        (&json!(0.0), &json!(8.0))
    );
    bench.done("sonic/aligned-lyrics", json!({"clip_id": clip}));
    assert_eq!(
        bench.last_charge(),
        0,
        "only the first call for a clip is charged"
    );
    let vox = bench.done(
        "sonic/vox",
        json!({"clip_id": clip, "vocal_start_s": 2, "vocal_end_s": 6}),
    );
    assert_eq!(vox["data"]["source_clip_id"], clip.as_str());
    bench.refuses(
        "sonic/vox",
        json!({"clip_id": clip, "vocal_start_s": 0, "vocal_end_s": 31}),
        "The vocal range should be at most 30 seconds.",
    );
    let tags = bench.done("sonic/upsample-tags", json!({"tags": "indie"}));
    assert!(
        tags["data"]["upsampled_tags"]
            .as_str()
            .unwrap()
            .starts_with("indie, ")
    );
    bench.refuses(
        "sonic/upsample-tags",
        json!({}),
        "The 'tags' field is required.",
    );
}

#[test]
fn personas_are_named_and_made_of_clips_of_this_account() {
    let bench = Bench::quick(json!({}));
    let clip = bench.song();
    let required = "name and continue_clip_id are required fields.";
    bench.refuses("sonic/persona", json!({"clip_id": clip}), required);
    bench.refuses("sonic/persona", json!({"name": "Ada"}), required);
    bench.refuses(
        "sonic/persona",
        json!({"name": "x".repeat(80), "clip_id": clip}),
        "The name character length should be less than 80.",
    );
    bench.refuses(
        "sonic/persona",
        json!({"name": "Ada", "clip_id": "no"}),
        "clip not found.",
    );
    bench.done(
        "sonic/persona",
        json!({"name": "Ada", "continue_clip_id": clip}),
    );
    assert_eq!(bench.last_charge(), 50);
}

#[test]
fn an_upload_is_a_clip_at_once_or_a_task() {
    let bench = Bench::quick(json!({}));
    let body = json!({"url": "https://box.example/a.mp3"});
    let now = bench.done("sonic/upload", body.clone());
    assert!(now["clip_id"].is_string() && now.get("task_id").is_none());
    let later = bench.result(
        "sonic/upload",
        with(&body, json!({"callback_url": "https://me.example/hook"})),
    );
    let clip = &later["data"][0]["clip_id"];
    bench.done("sonic/stems/basic", json!({"clip_id": clip}));
    let own = format!("{IN_PROCESS_BASE}/simulator/files/{}.wav", bench.song());
    let again = bench.done("sonic/upload", json!({"url": own}));
    let file = format!(
        "{IN_PROCESS_BASE}/simulator/files/{}.wav",
        again["clip_id"].as_str().unwrap()
    );
    assert_eq!(
        bench.file(&file),
        bench.file(&own),
        "an own file keeps its tune"
    );
}

#[test]
fn a_file_can_be_read_from_the_middle() {
    let bench = Bench::quick(json!({}));
    let path = format!("/simulator/files/{}.wav", bench.song());
    let ask = |range_from| {
        bench.sim.handle(&SimRequest {
            method: Method::GET,
            path: path.clone(),
            query: None,
            authorization: None,
            body: Bytes::new(),
            range_from,
        })
    };
    let whole = ask(None);
    assert_eq!((whole.status, whole.content_type), (200, "audio/wav"));
    let length = whole.content_length.unwrap();
    let bytes: Vec<u8> = whole.body.into_pieces().flatten().collect();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), length);
    let rest = ask(Some(1_001));
    assert_eq!(
        (rest.status, rest.content_length),
        (206, Some(length - 1_001))
    );
    assert_eq!(
        rest.content_range,
        Some(format!("bytes 1001-{}/{length}", length - 1))
    );
    let rest: Vec<u8> = rest.body.into_pieces().flatten().collect();
    assert_eq!(rest, bytes[1_001..]);
    assert_eq!(ask(Some(length)).status, 416);
}

#[test]
fn moderation_refuses_by_the_marks_in_a_text() {
    let bench = Bench::quick(json!({}));
    for (body, words) in [
        (
            json!({"prompt": "la [simulate:copyrighted]"}),
            "The lyrics contain copyrighted content: 'simulated'. Please use original lyrics.",
        ),
        (
            json!({"tags": "[simulate:review]"}),
            "The song description needs moderation review.",
        ),
    ] {
        let (status, answer) = bench.post("sonic/create", with(&song(), body));
        assert_eq!((status, answer["error"].as_str()), (403, Some(words)));
        assert_eq!(bench.last_charge(), 0);
    }
    assert_eq!(bench.balance(), (1000, 0));
}
