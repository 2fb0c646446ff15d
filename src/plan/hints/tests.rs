//! Advice by example: manifests as a person writes them, by the built-in catalog and lists.

use std::path::Path;

use crate::catalog::{Catalog, PriceLists};
use crate::manifest::{Format, Manifest};

use super::super::{PlanOptions, Sources, build};

/// Plans a manifest by a list and returns its advice, without what is said of other lists.
fn advice_at(provider: &str, list: &str, manifest: &str) -> Vec<String> {
    let catalog = Catalog::builtin();
    let known = PriceLists::builtin();
    let manifest =
        Manifest::parse(manifest, Format::Toml, "m.toml", Path::new("."), catalog).unwrap();
    let sources = Sources {
        provider,
        catalog,
        prices: known.find(list).unwrap(),
        known,
        paid: &(),
    };
    let options = PlanOptions {
        fresh: false,
        list_is_certain: true,
    };
    let plan = build(&manifest, sources, options).unwrap();
    plan.advice().iter().map(ToString::to_string).collect()
}

fn advice(manifest: &str) -> Vec<String> {
    advice_at("simulator", "guide", manifest)
}

const SONG: &str = r#"
[[job]]
id = "song"
operation = "suno.create"
with = { description = "rain" }
"#;

const MORE: &str = r#"
[[job]]
id = "more"
operation = "suno.extend"
with = { clip = "${jobs.song.clips[0].clip_id}", at = 120, description = "rain" }

[[job]]
id = "whole"
operation = "suno.concat"
with = { clip = "${jobs.more.clips[0].clip_id}" }
"#;

#[test]
fn a_song_that_is_extended_could_be_longer_at_once() {
    assert_eq!(
        advice(&format!("{SONG}{MORE}")),
        [
            "`suno.extend` (1 job) and joining it to the song cost 15 credits: a `duration` of up to 360 s in the song's own \
             job makes it as long at no extra cost, where one text serves the whole"
        ]
    );
}

#[test]
fn a_song_of_full_length_must_be_extended() {
    let song = SONG.replace("\"rain\"", "\"rain\", duration = 360");
    assert_eq!(advice(&format!("{song}{MORE}")), [""; 0]);
    let unknown = MORE.replace("${jobs.song.clips[0].clip_id}", "0123456789");
    assert_eq!(
        advice(&unknown),
        [""; 0],
        "nobody knows how long that clip is"
    );
}

#[test]
fn a_job_that_is_another_but_shorter_is_named() {
    let twin = |id: &str, length: u32| {
        SONG.replace("\"song\"", &format!("\"{id}\""))
            .replace("\"rain\"", &format!("\"rain\", duration = {length}"))
    };
    let both = format!("{}{}{}", twin("a", 90), twin("b", 180), twin("c", 120));
    assert_eq!(
        advice(&both),
        [
            "`a` is `b` but shorter, at the same price: without what is only shorter (2 jobs) the plan costs 20 credits less"
        ]
    );
    let other = twin("b", 180).replace("rain", "snow");
    assert_eq!(advice(&format!("{}{other}", twin("a", 90))), [""; 0]);
}

#[test]
fn short_tests_save_nothing() {
    let takes = SONG.replace(
        "with = { description = \"rain\"",
        "takes = 3\nwith = { description = \"rain\", duration = 30",
    );
    assert_eq!(
        advice(&takes),
        [
            "short pieces save nothing: 3 jobs of up to 30 s cost 30 credits, as at full length; `--sample N` tries fewer \
             jobs, and the simulator costs nothing"
        ]
    );
    let long = takes.replace("duration = 30", "duration = 61");
    assert_eq!(advice(&long), [""; 0]);
}

#[test]
fn exports_that_give_what_is_had_for_less() {
    let today = |manifest: &str| advice_at("aimusicapi", "aimusicapi-2026-09", manifest);
    let export = |id: &str, operation: &str, rest: &str| {
        format!(
            "[[job]]\nid = \"{id}\"\noperation = \"{operation}\"\nwith = {{ clip = \"${{jobs.song.clip_id}}\"{rest} }}\n"
        )
    };
    let mp3 = export("mp3", "suno.download", "");
    assert_eq!(
        today(&format!("{SONG}{mp3}")),
        [
            "the run saves each clip it makes as MP3: without downloads of that the plan costs 2 credits less (1 job)"
        ]
    );
    let wav = export("wav", "suno.download", ", formats = [\"wav\"]");
    assert_eq!(
        today(&format!("{SONG}{wav}")),
        [
            "`suno.wav` gives a WAV for less than `suno.download`: with it the plan costs 1 credit less (1 job)"
        ]
    );
    let both = format!(
        "{SONG}{}{}",
        export("wav", "suno.wav", ""),
        export("m4a", "suno.download", ", formats = [\"m4a\"]")
    );
    assert_eq!(
        today(&both),
        [
            "one `suno.download` gives several formats: with `wav` among its `formats`, and no `suno.wav` for that clip, the \
             plan costs 1 credit less (1 job)"
        ]
    );
    let foreign = mp3.replace("${jobs.song.clip_id}", "0123456789");
    assert_eq!(
        today(&foreign),
        [""; 0],
        "that clip is not saved by the run"
    );
}

#[test]
fn what_a_provider_has_retired_is_said_in_a_rehearsal() {
    let extend =
        "[[job]]\nid = \"a\"\noperation = \"producer.extend\"\nwith = { clip = \"0123456789\" }\n";
    assert_eq!(
        advice(extend),
        [
            "`producer.extend` (1 job, 10 credits) is retired at `aimusicapi`, where this plan is refused; there, extend a \
             Suno clip with `suno.extend`"
        ]
    );
    let elsewhere = extend
        .replace("producer.extend", "nuro.status")
        .replace("clip", "task");
    assert_eq!(advice(&elsewhere), [""; 0], "it costs nothing");
    let nuro = "[[job]]\nid = \"a\"\noperation = \"nuro.instrumental\"\nwith = { description = \"rain\" }\n";
    assert_eq!(advice_at("musicapi", "guide", nuro), [""; 0]);
}
