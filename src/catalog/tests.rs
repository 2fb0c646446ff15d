//! The built-in data against the facts: the guide's 25 rows, what the API requires of each request, and the limits.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::*;

/// Section, operation, credits, method, path, and the field that tells it from others on its path.
const GUIDE: &str = include_str!("../../tests/data/guide-costs.csv");

fn operation(name: &str) -> &'static Operation {
    let catalog = Catalog::builtin();
    catalog.get(catalog.find(name).unwrap_or_else(|| panic!("no {name}")))
}

fn rows(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes())
        .records()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The fields that tell an operation from others: all that are fixed, but for one that is always the same.
fn discriminator(operation: &Operation) -> String {
    let telling = operation
        .fixed
        .iter()
        .filter(|(field, _)| *field != "use_suno_cdn");
    let pairs: Vec<String> = telling
        .map(|(field, value)| format!("{field}={}", value.as_str().unwrap()))
        .collect();
    pairs.join(",")
}

fn method(operation: &Operation) -> &'static str {
    match operation.method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

#[test]
fn the_guides_25_operations_are_the_guides() {
    let catalog = Catalog::builtin();
    let guide = PriceLists::builtin().find("guide").unwrap();
    let expected = rows(GUIDE);
    assert_eq!(expected.len(), 25);
    let ours: Vec<CostRow> = cost_rows(catalog, guide);
    assert_eq!(ours.len(), 25);
    for (row, ours) in expected.iter().zip(&ours) {
        let operation = catalog.get(ours.operation);
        let facts = [
            &ours.section,
            &ours.name,
            &ours.credits(),
            method(operation),
            &operation.path,
            &discriminator(operation),
        ];
        assert_eq!(row.iter().collect::<Vec<_>>(), facts);
        let flat = guide.flat(ours.operation).unwrap();
        assert_eq!(flat.credits.to_string(), row[2], "{}", operation.name);
        assert_eq!(flat.basis, Basis::Documented);
    }
    let priced = guide.entries.iter().filter(|entries| !entries.is_empty());
    assert_eq!(priced.count(), 25);
}

/// Where the survey of the documentation is at hand, its figures are compared too.
#[test]
fn prices_follow_the_survey_where_it_is_at_hand() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/api/costs.csv");
    let Ok(text) = std::fs::read_to_string(path) else {
        return;
    };
    let catalog = Catalog::builtin();
    let today = PriceLists::builtin().find("aimusicapi-2026-09").unwrap();
    let mut compared = 0;
    for row in rows(&text) {
        let found = catalog.ids().find(|id| {
            let operation = catalog.get(*id);
            let telling = discriminator(operation);
            method(operation) == &row[3]
                && operation.path == row[4]
                && (telling == row[5] || (telling.is_empty() && row[5].starts_with("format=")))
        });
        let Some(id) = found else {
            assert_eq!(&row[0], "", "{row:?}");
            continue;
        };
        if let Some(guide) = &catalog.get(id).guide {
            assert_eq!([&row[0], &row[1]], [&guide.section, &guide.name]);
        }
        let documented = row[6].split(' ').next().unwrap().parse::<u64>().ok();
        let ours = today.price(id, &|_| None).map(|price| price.credits.get());
        assert_eq!(ours, documented, "{row:?}");
        if row[6].contains("10 for sonic-v3-5/sonic-v4") {
            let inputs = json!({"model": "sonic-v4", "lyrics": "la"});
            let legacy = today.price(id, &|name| inputs.get(name)).unwrap();
            assert_eq!(legacy.credits.get(), 10, "{row:?}");
        }
        compared += 1;
    }
    assert_eq!(
        compared, 41,
        "every operation of the catalog is in the survey"
    );
}

#[test]
fn the_guides_page_shows_the_same_tables_where_it_is_at_hand() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/api/credits-guide.md");
    let Ok(page) = std::fs::read_to_string(path) else {
        return;
    };
    let guide = PriceLists::builtin().find("guide").unwrap();
    assert!(page.contains(&render_costs(Catalog::builtin(), guide)));
}

/// The fields that the API requires, by operation: given by a fixed value, or by a required parameter, or by a
/// default, or by every way to satisfy a set of which one must be given.
#[test]
fn every_field_that_the_api_requires_is_sent() {
    for (name, required) in [
        ("suno.create", "mv custom_mode use_suno_cdn"),
        (
            "suno.extend",
            "mv continue_clip_id continue_at custom_mode use_suno_cdn",
        ),
        ("suno.concat", "continue_clip_id use_suno_cdn"),
        ("suno.cover", "mv continue_clip_id custom_mode use_suno_cdn"),
        (
            "suno.persona-music",
            "mv persona_id custom_mode use_suno_cdn",
        ),
        ("suno.remaster", "mv continue_clip_id use_suno_cdn"),
        ("suno.add-vocals", "mv continue_clip_id prompt use_suno_cdn"),
        ("suno.add-instrumental", "mv continue_clip_id use_suno_cdn"),
        ("suno.upload-extend", "url continue_at custom_mode mv"),
        ("suno.upload-cover", "url custom_mode mv"),
        ("suno.sample", "mv"),
        ("suno.mashup", "mashup_clip_ids custom_mode mv"),
        (
            "suno.replace-section",
            "clip_id mv infill_start_s infill_end_s infill_lyrics prompt",
        ),
        ("suno.stems-basic", "clip_id"),
        ("suno.stems-full", "clip_id"),
        ("suno.persona", "name clip_id"),
        ("suno.create-voice", "audio_url"),
        ("suno.upload", "url"),
        ("suno.wav", "clip_id"),
        ("suno.download", "clip_id formats"),
        ("suno.midi", "clip_id"),
        ("suno.bpm", "clip_id"),
        ("suno.vox", "clip_id"),
        ("suno.aligned-lyrics", "clip_id"),
        ("suno.upsample-tags", "tags"),
        ("lyrics.generate", "description"),
        ("producer.create", "task_type"),
        ("producer.lyrics", "prompt"),
        ("producer.video", "clip_id"),
        ("producer.upload", "audio_url"),
        ("producer.download", "clip_id format"),
        ("nuro.vocal", "type lyrics"),
        ("nuro.instrumental", "type description"),
    ] {
        let operation = operation(name);
        for field in required.split(' ') {
            let always = |param: &Param| param.required || param.default.is_some();
            let sent_by = |param: &Param| param.field == field || param.implies.contains_key(field);
            let sent = operation.fixed.contains_key(field)
                || operation
                    .params
                    .iter()
                    .any(|param| always(param) && sent_by(param))
                || operation.any_of.iter().any(|set| {
                    set.iter()
                        .all(|name| operation.param(name).is_some_and(sent_by))
                });
            assert!(sent, "{name} does not always send {field}");
        }
    }
}

#[test]
fn the_guides_words_are_enough() {
    for (name, given) in [
        ("suno.create", &["description"][..]),
        ("suno.create", &["description", "duration"]),
        ("suno.cover", &["clip", "description"]),
        ("suno.stems-basic", &["clip"]),
        ("suno.persona", &["name", "clip"]),
        ("suno.persona-music", &["persona", "lyrics"]),
        ("suno.concat", &["clip"]),
        ("suno.wav", &["clip"]),
        ("suno.midi", &["clip"]),
        ("suno.upload", &["url"]),
        ("suno.status", &["task"]),
        ("producer.create", &["description"]),
        ("producer.extend", &["clip"]),
        ("producer.cover", &["clip"]),
        ("producer.replace", &["clip"]),
        ("producer.variation", &["clip"]),
        ("producer.swap-vocals", &["clip"]),
        ("producer.swap-instrumental", &["clip"]),
        ("producer.upload", &["url"]),
        ("producer.download", &["clip"]),
        ("nuro.vocal", &["lyrics"]),
        ("nuro.instrumental", &["description"]),
        ("nuro.status", &["task"]),
        ("lyrics.generate", &["description"]),
    ] {
        let operation = operation(name);
        let is_given = |name: &str| given.contains(&name);
        for param in &operation.params {
            assert!(
                !param.required || is_given(&param.name),
                "{name} wants {}",
                param.name
            );
        }
        for set in &operation.any_of {
            assert!(
                set.iter().any(|name| is_given(name)),
                "{name} wants one of {set:?}"
            );
        }
        for word in given {
            assert!(operation.param(word).is_some(), "{name} has no {word}");
        }
    }
}

#[test]
fn limits_are_those_of_the_documentation() {
    let chars =
        |name: &str, param: &str, model: &str| match &operation(name).param(param).unwrap().kind {
            ParamType::Text {
                min_chars,
                max_chars,
                max_chars_for,
            } => {
                let of_model = max_chars_for
                    .iter()
                    .find(|(models, _)| models.iter().any(|known| known == model));
                (*min_chars, of_model.map(|(_, max)| *max).or(*max_chars))
            }
            other => panic!("{other:?}"),
        };
    for (name, param, model, limits) in [
        ("suno.create", "lyrics", "sonic-v6", (1, Some(5000))),
        ("suno.create", "lyrics", "chirp-v4", (1, Some(3000))),
        ("suno.create", "tags", "sonic-v5", (1, Some(1000))),
        ("suno.create", "tags", "sonic-v3-5", (1, Some(200))),
        ("suno.create", "description", "sonic-v4", (1, Some(400))),
        ("suno.create", "title", "sonic-v6", (1, Some(80))),
        ("suno.mashup", "lyrics", "sonic-v6", (1, Some(3000))),
        ("suno.mashup", "tags", "sonic-v6", (1, Some(200))),
        ("suno.mashup", "description", "sonic-v6", (1, Some(200))),
        (
            "suno.replace-section",
            "lyrics",
            "sonic-v6",
            (0, Some(3000)),
        ),
        ("suno.replace-section", "tags", "sonic-v6", (0, Some(120))),
        ("suno.persona", "name", "", (1, Some(79))),
        ("nuro.vocal", "lyrics", "", (300, Some(2000))),
        ("nuro.instrumental", "description", "", (1, Some(200))),
        ("lyrics.generate", "description", "", (1, Some(199))),
    ] {
        let found = chars(name, param, model);
        assert_eq!(found.1, limits.1, "{name} {param} {model}");
        assert!(found.0 >= limits.0, "{name} {param} {model}");
    }
    let kind = |name, param: &str| &operation(name).param(param).unwrap().kind;
    assert_eq!(
        *kind("suno.create", "duration"),
        ParamType::Integer { min: 10, max: 360 }
    );
    assert_eq!(
        *kind("nuro.vocal", "duration"),
        ParamType::Integer { min: 30, max: 240 }
    );
    let gender = operation("suno.create").param("vocal_gender").unwrap();
    assert!(gender.models.iter().any(|model| model == "sonic-v4-5"));
    assert!(!gender.models.iter().any(|model| model == "sonic-v4"));
}

#[test]
fn a_target_length_is_taken_only_where_the_api_takes_one() {
    let takers: Vec<&str> = Catalog::builtin()
        .operations
        .iter()
        .filter(|operation| operation.param("duration").is_some())
        .map(|operation| &*operation.name)
        .collect();
    assert_eq!(
        takers,
        [
            "suno.create",
            "suno.extend",
            "suno.cover",
            "suno.persona-music",
            "nuro.vocal",
            "nuro.instrumental",
            "suno.upload-extend",
            "suno.upload-cover"
        ]
    );
}

#[test]
fn choices_follow_the_guide() {
    let catalog = Catalog::builtin();
    for (choice, word, name) in [
        ("music.create", "highest", "suno.create"),
        ("music.create", "medium", "producer.create"),
        ("music.create", "fast", "producer.create"),
        ("suno.stems", "basic", "suno.stems-basic"),
        ("suno.stems", "full", "suno.stems-full"),
    ] {
        let choice = catalog.find_choice(choice).unwrap();
        let option = choice
            .options
            .iter()
            .find(|option| option.word == word)
            .unwrap();
        assert_eq!(&*catalog.get(option.operation).name, name);
        assert!(!option.why.is_empty());
    }
    assert_eq!(
        catalog.find_choice("music.create").unwrap().default,
        "medium"
    );
    assert_eq!(catalog.find_choice("suno.stems").unwrap().default, "basic");
}

#[test]
fn lyrics_and_description_decide_the_mode() {
    for name in ["suno.create", "suno.mashup", "suno.upload-cover"] {
        let implied = |param: &str| operation(name).param(param).unwrap().implies.clone();
        let mode = |custom: bool| Map::from_iter([("custom_mode".to_owned(), Value::Bool(custom))]);
        assert_eq!(implied("lyrics"), mode(true), "{name}");
        assert_eq!(implied("description"), mode(false), "{name}");
    }
}

#[test]
fn everything_wrong_with_a_catalog_is_told_at_once() {
    let text = r#"
source = "s"
dated = "d"
[gives]
wav = ["wav_url"]
[[set]]
name = "s"
params = [
  { name = "a", field = "fa", type = "flag", max = 3, doc = "" },
  { name = "b", field = "fb", type = "word", words_of = "nowhere", doc = "" },
]
[[operation]]
name = "opera.sing"
title = ""
request = "PUT /x"
kind = "sync"
result = "wav"
sets = ["t"]
[[operation]]
name = "suno.x"
title = ""
request = "POST /x/{id}"
fixed = { f = 1 }
kind = "sync"
result = "wav"
clips = 1
any_of = [["nobody"]]
params = [
  { name = "p", field = "f", type = "flag", implies = { mode = true }, doc = "" },
  { name = "q", field = "g", type = "flag", implies = { mode = false }, doc = "" },
  { name = "r", field = "g", type = "integer", doc = "" },
]
"#;
    let error = Catalog::parse(text, "mine.toml").unwrap_err();
    let CatalogError::Problems { problems, .. } = error else {
        panic!("{error}");
    };
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "set `s`: parameter `a`: `max` means nothing for this type",
            "set `s`: parameter `b`: there is no list `nowhere`",
            "operation `opera.sing`: there is no set `t`",
            "operation `opera.sing`: `PUT /x` is not a request such as `POST /path`",
            "operation `opera.sing`: the name does not begin with a family",
            "operation `suno.x`: parameter `r`: an integer needs whole `min` and `max`",
            "operation `suno.x`: `p` becomes a field that is fixed",
            "operation `suno.x`: there is no parameter `nobody`",
            "operation `suno.x`: `p` and `q` can both be given, and want the same field",
            "operation `suno.x`: the path's places and the parameters that fill them differ",
            "operation `suno.x`: an operation gives clips if, and only if, it says how many",
        ]
    );
    let shape = Catalog::parse("source = 1", "mine.toml").unwrap_err();
    assert!(matches!(shape, CatalogError::Invalid { .. }));
}
