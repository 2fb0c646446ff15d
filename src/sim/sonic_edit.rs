//! Sonic tasks with a path of their own: uploads that go straight on, samples, mashups, replaced sections, stems.

use serde_json::json;

use crate::model::Family;

use super::body::Body;
use super::desk::{Desk, Source, Work};
use super::refusal::Refusal;
use super::song::{self, Rules};
use super::sonic_create::{CLIPS, parts};
use super::task::{Clip, Origin, RecordingData, Shows, Task};
use super::tune::{PARTS, PartSet};

/// `POST /sonic/upload-extend`.
pub(crate) fn upload_extend(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let url = body.audio_url("url")?;
    let duration = song::check(body, Rules::SONG)?;
    if body.number("continue_at", 0.0, f64::INFINITY)?.is_none() {
        return Err(Refusal::invalid("The 'continue_at' field is required."));
    }
    let joined = body.flag("auto_concat")?.unwrap_or(false);
    let uploaded = uploaded_clip(desk, url);
    let added = parts(desk.clips(CLIPS, desk.millis(duration), None));
    let added = from_source(added, &uploaded);
    let (shows, clips) = paired(desk, "extended", added, &uploaded, joined);
    let words = song::words(desk, body);
    let task = desk.task(Family::Suno, shows, words, clips);
    Ok(stepped(
        desk,
        "suno.upload-extend",
        "extend",
        uploaded,
        task,
    ))
}

/// `POST /sonic/upload-cover`.
pub(crate) fn upload_cover(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let url = body.audio_url("url")?;
    let duration = song::check(body, Rules::SONG)?;
    let uploaded = uploaded_clip(desk, url);
    let clips = from_source(desk.clips(CLIPS, desk.millis(duration), None), &uploaded);
    let words = song::words(desk, body);
    let task = desk.task(Family::Suno, Shows::Clips, words, clips);
    Ok(stepped(desk, "suno.upload-cover", "cover", uploaded, task))
}

/// Makes the clip that stands for an upload. Nothing is fetched: a file of the simulator's own keeps its tune and
/// length, any other becomes a tune of the usual length.
pub(crate) fn uploaded_clip(desk: &Desk<'_>, url: &str) -> Clip {
    let fresh = Clip {
        id: desk.draw.id("upload", 0),
        ..desk.clip_of(0, desk.millis(None), Origin::Uploaded)
    };
    let own = url
        .strip_prefix(desk.base)
        .and_then(|path| path.strip_prefix("/simulator/files/"))
        .and_then(|file| file.split('.').next()?.parse().ok())
        .and_then(|id| desk.state.clip(id));
    Clip {
        recording: own.map_or(fresh.recording, |(clip, _, _)| clip.recording),
        ..fresh
    }
}

fn from_source(clips: Vec<Clip>, source: &Clip) -> Vec<Clip> {
    let made = |clip| Clip {
        source: Some(source.id),
        ..clip
    };
    clips.into_iter().map(made).collect()
}

/// Adds the joined song after each part, when it is asked for.
fn paired(
    desk: &Desk<'_>,
    name: &str,
    added: Vec<Clip>,
    source: &Clip,
    joined: bool,
) -> (Shows, Vec<Clip>) {
    if !joined {
        return (Shows::Clips, added);
    }
    let longest = desk.options.audio_seconds * 1_000;
    let mut clips = Vec::new();
    for (nth, part) in added.into_iter().enumerate() {
        let sum = match name {
            "extended" => part
                .recording
                .millis
                .saturating_add(source.recording.millis),
            _ => source.recording.millis,
        };
        let full = Clip {
            id: desk.draw.id("full", nth),
            source: Some(part.id),
            ..desk.clip_of(nth, sum.min(longest), Origin::Made)
        };
        clips.extend([part, full]);
    }
    (Shows::Pairs(name.to_owned()), clips)
}

fn stepped(
    desk: &Desk<'_>,
    operation: &'static str,
    step: &str,
    uploaded: Clip,
    task: Task,
) -> Work {
    let upload = json!({"clip_id": uploaded.id, "message": "success"});
    let mut work = Work::task(operation, task);
    work.answer["steps"] = json!({"upload": upload, step: {"task_id": work.task}});
    work.tasks.push(desk.registered(Family::Suno, uploaded));
    work
}

/// `POST /sonic/sample`.
pub(crate) fn sample(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let rules = Rules {
        duration: false,
        mixing_model: true,
        ..Rules::SONG
    };
    song::check(body, rules)?;
    body.range("chop_sample_start_s", "chop_sample_end_s")?;
    let source = match body.text("sample_clip_id")? {
        Some(id) => Some(desk.clip(id, Family::Suno)?),
        None if body.value("url").is_some() => body.audio_url("url").map(|_| None)?,
        None => {
            return Err(Refusal::invalid(
                "One of 'url' and 'sample_clip_id' is required.",
            ));
        }
    };
    let clips = desk.clips(CLIPS, desk.millis(None), source);
    let task = desk.task(Family::Suno, Shows::Clips, song::words(desk, body), clips);
    Ok(Work::task("suno.sample", task))
}

/// `POST /sonic/mashup`.
pub(crate) fn mashup(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let rules = Rules {
        duration: false,
        mixing_model: true,
        caps: Some((3000, 200)),
        description: 200,
        ..Rules::SONG
    };
    song::check(body, rules)?;
    let ids = body.value("mashup_clip_ids").and_then(|ids| ids.as_array());
    let ids: Option<Vec<&str>> = ids.and_then(|ids| ids.iter().map(|id| id.as_str()).collect());
    let Some([first, second]) = ids.as_deref() else {
        return Err(Refusal::invalid(
            "The 'mashup_clip_ids' field should be a list of exactly 2 clips.",
        ));
    };
    let source = desk.clip(first, Family::Suno)?;
    desk.clip(second, Family::Suno)?;
    let clips = desk.clips(CLIPS, desk.millis(None), Some(source));
    let task = desk.task(Family::Suno, Shows::Clips, song::words(desk, body), clips);
    Ok(Work::task("suno.mashup", task))
}

/// `POST /sonic/replace-section`.
pub(crate) fn replace_section(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let rules = Rules {
        caps: Some((5000, 120)),
        title: 200,
        ..Rules::EDIT
    };
    song::check(body, rules)?;
    for field in ["infill_start_s", "infill_end_s"] {
        if body.number(field, 0.0, f64::INFINITY)?.is_none() {
            return Err(Refusal::invalid(format!(
                "The '{field}' field is required."
            )));
        }
    }
    body.range("infill_start_s", "infill_end_s")?;
    // An instrumental section has no words: the field must be there, but it may be empty.
    for field in ["infill_lyrics", "prompt"] {
        if body.value(field).is_none() {
            return Err(Refusal::invalid(format!(
                "The '{field}' field is required."
            )));
        }
        body.text(field)?;
    }
    body.at_most("infill_lyrics", "infill_lyrics", 3000)?;
    let joined = body.flag("auto_concat")?.unwrap_or(false);
    let source = desk.source(body, "clip_id", Family::Suno)?;
    let replaced = parts(desk.clips(CLIPS, source.clip.recording.millis, Some(source)));
    let (shows, clips) = paired(desk, "replaced", replaced, source.clip, joined);
    let task = desk.task(Family::Suno, shows, song::words(desk, body), clips);
    Ok(Work::task("suno.replace-section", task))
}

/// `POST /sonic/stems/basic`: the voices, and the rest.
pub(crate) fn stems_basic(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let source = desk.source(body, "clip_id", Family::Suno)?;
    let stems = [
        ("Vocals", PartSet::VOCALS),
        ("Instrumental", PartSet::INSTRUMENTAL),
    ];
    Ok(stems_of(desk, "suno.stems-basic", source, &stems))
}

/// `POST /sonic/stems/full`: twelve stems, as the API page says; the credits page speaks of 24.
pub(crate) fn stems_full(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let source = desk.source(body, "clip_id", Family::Suno)?;
    let stems: Vec<(&str, PartSet)> = PARTS
        .iter()
        .enumerate()
        .map(|(part, name)| (*name, PartSet::one(part)))
        .collect();
    Ok(stems_of(desk, "suno.stems-full", source, &stems))
}

fn stems_of(
    desk: &Desk<'_>,
    operation: &'static str,
    source: Source<'_>,
    stems: &[(&str, PartSet)],
) -> Work {
    let stem = |(nth, (name, parts)): (usize, &(&str, PartSet))| Clip {
        id: desk.draw.id("clip", nth),
        recording: RecordingData {
            parts: *parts,
            flaw: desk.flaw().or(source.clip.recording.flaw),
            ..source.clip.recording
        },
        origin: Origin::Stem,
        label: Some((*name).to_owned()),
        source: Some(source.clip.id),
    };
    let clips = stems.iter().enumerate().map(stem).collect();
    let words = source.task.words.clone();
    Work::task(
        operation,
        desk.task(Family::Suno, Shows::Clips, words, clips),
    )
}
