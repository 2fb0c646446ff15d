//! Answers as they were met, and answers as nobody would send them.

use serde_json::{Value, json};

use super::*;

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[test]
fn odd_types_cost_a_field_and_not_the_answer() {
    let clip: SonicClip = read(json!({
        "clip_id": 7, "state": "succeeded", "title": null, "tags": ["a", "b"],
        "duration": "104.88", "style_weight": "0.5", "audio_url": {"no": "text"}, "brand_new": [1],
    }));
    assert_eq!(clip.clip_id.as_deref(), Some("7"));
    assert_eq!(clip.title, None);
    assert_eq!(clip.tags.as_deref(), Some("a; b"));
    assert_eq!(clip.duration, Some(Seconds(104.88)));
    assert_eq!(clip.style_weight, Some(0.5));
    assert_eq!(clip.audio_url, None);
}

#[test]
fn a_duration_is_read_in_every_spelling() {
    for (value, expected) in [
        (json!("104.88"), Some(104.88)),
        (json!(104.88), Some(104.88)),
        (json!(104), Some(104.0)),
        (json!(" 7 "), Some(7.0)),
        (json!(null), None),
        (json!(""), None),
        (json!("NaN"), None),
        (json!("inf"), None),
        (json!({}), None),
    ] {
        let clip: SonicClip = read(json!({"duration": value}));
        assert_eq!(clip.duration.map(|seconds| seconds.0), expected, "{value}");
        let clip: ProducerClip = read(json!({"duration": value}));
        assert_eq!(clip.duration, expected, "{value}");
    }
}

#[test]
fn the_shape_of_sonic_data_is_told_by_its_keys() {
    let data = |value: Value| read::<SonicTaskResult>(json!({"data": value})).data;
    assert_eq!(data(json!(null)), None);
    assert_eq!(data(json!([])), Some(SonicData::Items(vec![])));
    assert!(matches!(
        data(json!([{"clip_id": "a", "state": "running"}])),
        Some(SonicData::Items(items)) if matches!(items[..], [SonicItem::Clip(_)])
    ));
    assert!(matches!(
        data(json!([{"extended": {"clip_id": "a"}, "full": null}])),
        Some(SonicData::Items(items)) if matches!(&items[..], [SonicItem::Pair(pair)] if pair.full.is_none())
    ));
    assert!(matches!(
        data(json!({"persona_id": "p", "name": "n"})),
        Some(SonicData::Voice(voice)) if voice.persona_id.as_deref() == Some("p")
    ));
}

#[test]
fn what_is_written_is_what_the_api_writes() {
    let pair = SonicPairedClip {
        extended: Some(SonicClip {
            clip_id: Some("a".to_owned()),
            duration: Some(Seconds(30.5)),
            ..SonicClip::default()
        }),
        ..SonicPairedClip::default()
    };
    let answer = SonicTaskResult {
        code: Some(200),
        data: Some(SonicData::Items(vec![SonicItem::Pair(Box::new(pair))])),
        ..SonicTaskResult::default()
    };
    let written = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        written,
        json!({"code": 200, "data": [{"extended": {"clip_id": "a", "duration": "30.5"}, "full": null}]})
    );
    assert_eq!(read::<SonicTaskResult>(written), answer);
    let accepted = TaskAccepted {
        message: Some("success".to_owned()),
        task_id: Some("t".to_owned()),
        ..TaskAccepted::default()
    };
    assert_eq!(
        serde_json::to_value(accepted).unwrap(),
        json!({"message": "success", "task_id": "t"})
    );
}

#[test]
fn an_error_speaks_through_any_of_its_fields() {
    for (body, expected) in [
        (
            json!({"detail": "d", "error": "e", "message": "m"}),
            Some("d"),
        ),
        (json!({"error": "e", "message": "m"}), Some("e")),
        (json!({"error": "", "message": "m"}), Some("m")),
        (
            json!({"error": {"message": "inner", "code": 3}}),
            Some("inner"),
        ),
        (
            json!({"detail": [{"loc": ["x"], "msg": "one"}, {"msg": "two"}]}),
            Some("one; two"),
        ),
        (
            json!({"steps": {"upload": {"error": "not accessible"}}}),
            Some("not accessible"),
        ),
        (json!({"error": true}), None),
        (json!({}), None),
    ] {
        let error: ErrorBody = read(body.clone());
        assert_eq!(error.text(), expected, "{body}");
    }
}
