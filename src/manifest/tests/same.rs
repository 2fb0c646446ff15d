//! One model, two forms: what is said in TOML and in YAML is the same batch, down to what each job is.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::manifest::{Format, part_text, yaml_text};

use super::{expand, read};

/// A text that a person might write, and some that are awkward in one form or the other.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zé \"'\\\\#:{\\[,|>&*!%@`~-]{1,14}",
        "(yes|no|null|~|1e3|0x10|1_000|2026-11-23|true|\\.inf|- a|a: b|\t)",
        Just("of ${each} in ${vars.mood}".to_owned()),
        Just("${take} of ${matrix.style}".to_owned()),
        Just("${run.date}\nand ${vars.mood}".to_owned()),
    ]
}

prop_compose! {
    fn any_manifest()(
        mood in any_text().prop_filter("a variable refers to nothing", |text| !text.contains("${")),
        styles in prop::collection::vec("[a-z'\"\\\\ü ]{1,6}", 1..3),
        rows in prop::collection::vec(any_text().prop_filter("rows are plain", |text| !text.contains("${")), 1..4),
        texts in prop::collection::vec(any_text(), 4),
        numbers in (0.0..=1.0, 10..360_i64, -5..5_i32, 1..3_u32),
        flags in (any::<bool>(), any::<bool>()),
    ) -> Value {
        let (weirdness, duration, priority, takes) = numbers;
        let mut with = json!({
            "description": "rain", "tags": texts[0], "title": texts[1], "duration": duration, "weirdness": weirdness,
            "extra": {"a b": [texts[2], flags.0, 1.5, []], "": {"deep": texts[3]}},
        });
        if flags.1 {
            with["instrumental"] = true.into();
        }
        json!({
            "name": "same",
            "vars": {"mood": mood},
            "limits": {"rate": "5/1m", "timeout": "30s"},
            "budget": {"run": 500, "when_short": "fit"},
            "defaults": {"suno.create": {"model": "sonic-v5"}, "*": {"negative_tags": "noise"}},
            "profile": {"dev": {"limits": {"concurrency": 1}}},
            "job": [{
                "id": "song", "operation": "suno.create", "for_each": rows, "matrix": {"style": styles},
                "takes": takes, "priority": priority, "tags": ["x"], "save": "a/${each}-${take}.{ext}", "with": with,
            }, {
                "id": "wav", "operation": "suno.wav", "for_each": "jobs.song.clips", "with": {"clip": "${each.clip_id}"},
            }],
        })
    }
}

proptest! {
    #[test]
    fn toml_and_yaml_of_one_model_are_one_batch(model in any_manifest()) {
        // JSON is YAML; the TOML is what a remainder is written with.
        let yaml = model.to_string();
        let toml = part_text::write(&yaml_text::read(&yaml).unwrap(), "same");
        let parsed = |text: &str, format| read(text, format, Path::new(""));
        let (toml, yaml) = (parsed(&toml, Format::Toml), parsed(&yaml, Format::Yaml));
        let (toml, yaml) = match (toml, yaml) {
            (Ok(toml), Ok(yaml)) => (toml, yaml),
            (toml, yaml) => {
                prop_assert_eq!(toml.is_err(), yaml.is_err(), "one form takes what the other refuses");
                return Err(TestCaseError::reject("not a manifest that is right"));
            }
        };
        prop_assert_eq!(&toml.limits, &yaml.limits);
        prop_assert_eq!(&toml.budget, &yaml.budget);
        match (expand(&toml), expand(&yaml)) {
            (Ok(toml), Ok(yaml)) => prop_assert_eq!(toml, yaml),
            (toml, yaml) => prop_assert_eq!(toml.is_err(), yaml.is_err()),
        }
    }
}
