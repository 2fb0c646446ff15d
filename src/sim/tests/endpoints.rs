//! Every operation once, through its endpoint, at the guide's price.

use std::collections::BTreeMap;

use super::*;
use crate::catalog::{Catalog, Method as CatalogMethod, PriceLists};

/// A bench and one good request for every operation of the catalog.
fn requests(bench: &Bench) -> Vec<(&'static str, Value)> {
    let clip = bench.song();
    let other = bench.song();
    let upload = bench.uploaded();
    let part = {
        let body = with(
            &song(),
            json!({"task_type": "extend_music", "continue_clip_id": clip, "continue_at": 4}),
        );
        let poll = bench.result("sonic/create", body);
        poll["data"][0]["clip_id"].clone()
    };
    let producer = bench.producer_song();
    let persona =
        bench.done("sonic/persona", json!({"name": "Ada", "clip_id": clip}))["persona_id"].clone();
    bench.post(
        "sonic/download",
        json!({"clip_id": clip, "formats": ["wav"]}),
    );
    let on_clip = |task_type: &str, more: Value| {
        with(
            &with(
                &song(),
                json!({"task_type": task_type, "continue_clip_id": clip}),
            ),
            more,
        )
    };
    let bare = |task_type: &str, clip: &Value| json!({"task_type": task_type, "mv": "sonic-v6", "use_suno_cdn": false, "continue_clip_id": clip});
    let producer_on =
        |task_type: &str| json!({"task_type": task_type, "clip_id": producer, "sound": "x"});
    let lyrics = "la la la la ".repeat(30);
    vec![
        ("sonic/create", song()),
        (
            "sonic/create",
            on_clip("extend_music", json!({"continue_at": 4})),
        ),
        (
            "sonic/create",
            json!({"task_type": "concat_music", "continue_clip_id": part, "use_suno_cdn": false}),
        ),
        ("sonic/create", on_clip("cover_music", json!({}))),
        (
            "sonic/create",
            with(
                &song(),
                json!({"task_type": "persona_music", "persona_id": persona}),
            ),
        ),
        ("sonic/create", bare("remaster", &json!(clip))),
        (
            "sonic/create",
            with(&bare("add_vocals", &json!(upload)), json!({"prompt": "la"})),
        ),
        ("sonic/create", bare("add_instrumental", &json!(upload))),
        ("sonic/stems/basic", json!({"clip_id": clip})),
        ("sonic/stems/full", json!({"clip_id": clip})),
        ("sonic/persona", json!({"clip_id": clip, "name": "Bea"})),
        ("sonic/wav", json!({"clip_id": clip})),
        ("sonic/midi", json!({"clip_id": clip})),
        ("sonic/upload", json!({"url": "https://box.example/b.mp3"})),
        ("sonic/lyrics", json!({"description": "rain"})),
        (
            "sonic/sample",
            with(&song(), json!({"task_type": null, "sample_clip_id": clip})),
        ),
        (
            "sonic/mashup",
            with(
                &song(),
                json!({"task_type": null, "mashup_clip_ids": [clip, other]}),
            ),
        ),
        (
            "sonic/replace-section",
            json!({"clip_id": clip, "mv": "sonic-v6", "infill_start_s": 1, "infill_end_s": 3,
                   "infill_lyrics": "new", "prompt": "all"}),
        ),
        (
            "sonic/upload-extend",
            with(
                &song(),
                json!({"task_type": null, "url": "https://box.example/c.mp3", "continue_at": 3}),
            ),
        ),
        (
            "sonic/upload-cover",
            with(
                &song(),
                json!({"task_type": null, "url": "https://box.example/d.mp3"}),
            ),
        ),
        (
            "sonic/create-voice",
            json!({"audio_url": "https://box.example/voice.wav"}),
        ),
        (
            "sonic/download",
            json!({"clip_id": clip, "formats": ["mp3", "wav"]}),
        ),
        ("sonic/bpm", json!({"clip_id": clip})),
        ("sonic/vox", json!({"clip_id": clip})),
        ("sonic/aligned-lyrics", json!({"clip_id": clip})),
        ("sonic/upsample-tags", json!({"tags": "indie"})),
        (
            "producer/create",
            json!({"task_type": "create_music", "sound": "x"}),
        ),
        ("producer/create", producer_on("extend_music")),
        ("producer/create", producer_on("cover_music")),
        ("producer/create", producer_on("replace_music")),
        ("producer/create", producer_on("music_variation")),
        ("producer/create", producer_on("swap_music_vocals")),
        ("producer/create", producer_on("swap_music_sound")),
        ("producer/lyrics-create", json!({"prompt": "rain"})),
        ("producer/video-clip", json!({"clip_id": producer})),
        (
            "producer/upload",
            json!({"audio_url": "https://box.example/e.mp3"}),
        ),
        (
            "producer/download",
            json!({"clip_id": producer, "format": "mp3"}),
        ),
        ("nuro/create", json!({"type": "vocal", "lyrics": lyrics})),
        ("nuro/create", json!({"type": "bgm", "description": "calm"})),
    ]
}

fn rich() -> Bench {
    Bench::quick(json!({"credits": 100_000}))
}

#[test]
fn every_operation_is_known_by_the_name_the_catalog_gives_its_request() {
    let bench = rich();
    let catalog = Catalog::builtin();
    let mut seen = Vec::new();
    for (path, body) in requests(&bench) {
        bench.done(path, body.clone());
        let named = bench.sim.audit().entries.last().unwrap().operation.clone();
        let full = format!("/api/v1/{path}");
        let (id, _) = catalog
            .match_request(CatalogMethod::Post, &full, &body)
            .unwrap();
        assert_eq!(named, *catalog.get(id).name, "{path} {body}");
        seen.push(named);
    }
    for operation in &catalog.operations {
        let paid = operation.method == CatalogMethod::Post;
        assert!(
            !paid || seen.contains(&operation.name.to_string()),
            "{}",
            operation.name
        );
    }
}

#[test]
fn the_guides_operations_cost_what_the_guide_says_and_reading_is_free() {
    let bench = rich();
    let mut charged = BTreeMap::new();
    for (path, body) in requests(&bench) {
        let before = bench.balance();
        bench.done(path, body);
        let entry = bench.sim.audit().entries.pop().unwrap();
        let now = bench.balance();
        assert_eq!(before.0 - now.0, entry.charged.get());
        charged.insert(entry.operation, entry.charged.get());
    }
    let guide = PriceLists::builtin().find("guide").unwrap();
    let mut rows = 0;
    for id in Catalog::builtin().ids() {
        let operation = Catalog::builtin().get(id);
        if operation.guide.is_none() {
            continue;
        }
        rows += 1;
        let price = guide.flat(id).unwrap().credits.get();
        let found = match operation.method {
            CatalogMethod::Post => charged[&*operation.name],
            CatalogMethod::Get => 0,
        };
        assert_eq!(found, price, "{}", operation.name);
    }
    assert_eq!(rows, 25);
    books_close(&bench.sim);
}

#[test]
fn what_the_guide_does_not_price_costs_what_the_provider_publishes() {
    let bench = rich();
    let mut charged = BTreeMap::new();
    for (path, body) in requests(&bench) {
        bench.done(path, body);
        let entry = bench.sim.audit().entries.pop().unwrap();
        charged.insert(entry.operation, entry.charged.get());
    }
    for (operation, credits) in [
        ("suno.remaster", 10),
        ("suno.sample", 14),
        ("suno.mashup", 14),
        ("suno.upload-cover", 14),
        ("suno.upload-extend", 10),
        ("suno.create-voice", 4),
        ("suno.download", 2),
        ("suno.bpm", 1),
        ("suno.aligned-lyrics", 1),
        ("producer.lyrics", 1),
        ("producer.video", 5),
    ] {
        assert_eq!(charged[operation], credits, "{operation}");
    }
}

#[test]
fn todays_list_charges_by_model_and_mode() {
    let bench = Bench::quick(json!({"charge": "aimusicapi-2026-09"}));
    for (fields, credits) in [
        (json!({"mv": "sonic-v4"}), 10),
        (json!({"mv": "sonic-v6"}), 14),
        (
            json!({"mv": "sonic-v4", "custom_mode": false, "prompt": null, "gpt_description_prompt": "x"}),
            14,
        ),
    ] {
        bench.done("sonic/create", with(&song(), fields));
        assert_eq!(bench.last_charge(), credits);
    }
}

#[test]
fn the_key_comes_first_and_unknown_paths_before_it() {
    let bench = Bench::quick(json!({"key": "right"}));
    let ask = |key: Option<&str>| said(bench.send(Method::GET, "/api/v1/get-credits", key, b""));
    let refused = |words: &str| (401, json!({"type": "unauthorized", "error": words}));
    assert_eq!(ask(None), refused("Authorization header is missing."));
    for malformed in ["right", "Bearer", "Bearer ", "Basic right", "Bearer a b"] {
        assert_eq!(
            ask(Some(malformed)),
            refused("Invalid authorization format."),
            "{malformed}"
        );
    }
    assert_eq!(ask(Some("Bearer wrong")), refused("Invalid API key."));
    assert_eq!(ask(Some("Bearer right")).0, 200);
    let wild = bench.send(Method::POST, "/api/v1/sonic/create", None, b"not json");
    assert_eq!(wild.status, 401);
    for (method, path, status) in [
        (Method::GET, "/api/v1/sonic/feed", 404),
        (Method::GET, "/api/v1/sonic/create", 405),
        (Method::DELETE, "/api/v1/get-credits", 405),
    ] {
        let answer = bench.send(method, path, None, b"");
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.content_type.starts_with("text/html"));
    }
}

#[test]
fn the_era_decides_what_still_works() {
    let now = Bench::quick(json!({"era": "2026", "credits": 100_000}));
    let clip = now.song();
    let retired = |path: &str, body: Value| {
        let (status, answer) = now.post(path, body);
        assert_eq!(
            (status, answer["type"].as_str()),
            (410, Some("endpoint_retired")),
            "{path}"
        );
        assert_eq!(now.last_charge(), 0);
    };
    for task_type in [
        "extend_music",
        "cover_music",
        "replace_music",
        "music_variation",
        "swap_music_vocals",
        "swap_music_sound",
    ] {
        retired(
            "producer/create",
            json!({"task_type": task_type, "clip_id": clip}),
        );
    }
    retired("nuro/create", json!({}));
    retired("sonic/persona", json!({"name": "Ada", "clip_id": clip}));
    assert_eq!(now.get("nuro/task/any").0, 410);
    now.refuses(
        "sonic/create",
        with(&song(), json!({"use_suno_cdn": null})),
        "The 'use_suno_cdn' field should be boolean.",
    );
    let then = Bench::quick(json!({}));
    then.done("sonic/create", with(&song(), json!({"use_suno_cdn": null})));
}
