//! `POST /sonic/create`: ten kinds of task behind one path, told apart by `task_type`.

use crate::model::Family;

use super::body::Body;
use super::desk::{Desk, Source, Work};
use super::refusal::Refusal;
use super::song::{self, Rules};
use super::task::{Clip, Origin, Shows};

/// Clips per generation (api facts, section 2).
pub(crate) const CLIPS: usize = 2;

const TASK_TYPES: [&str; 10] = [
    "create_music",
    "extend_music",
    "cover_music",
    "concat_music",
    "persona_music",
    "remaster",
    "add_vocals",
    "add_instrumental",
    "extend_upload_music",
    "cover_upload_music",
];

/// Starts a task of the type that the body names.
pub(crate) fn create(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let task_type = body
        .word("task_type", &TASK_TYPES)?
        .unwrap_or("create_music");
    // One client of 2026 reports that its calls are refused without this flag; calls of 2025 passed.
    if body.flag("use_suno_cdn")?.is_none() && desk.is_2026() {
        return Err(Refusal::invalid(
            "The 'use_suno_cdn' field should be boolean.",
        ));
    }
    match task_type {
        "extend_music" | "extend_upload_music" => extend(desk, body, task_type),
        "cover_music" | "cover_upload_music" => cover(desk, body, task_type),
        "concat_music" => concat(desk, body),
        "persona_music" => persona_music(desk, body),
        "remaster" => remaster(desk, body),
        "add_vocals" | "add_instrumental" => overpaint(desk, body, task_type),
        _ => {
            let duration = song::check(body, Rules::SONG)?;
            let clips = desk.clips(CLIPS, desk.millis(duration), None);
            Ok(start(desk, body, "suno.create", clips))
        }
    }
}

fn start(desk: &Desk<'_>, body: Body<'_>, operation: &'static str, clips: Vec<Clip>) -> Work {
    let words = song::words(desk, body);
    Work::task(
        operation,
        desk.task(Family::Suno, Shows::Clips, words, clips),
    )
}

fn continued<'a>(desk: &Desk<'a>, body: Body<'_>) -> Result<Source<'a>, Refusal> {
    desk.source(body, "continue_clip_id", Family::Suno)
}

/// The `_upload_` forms take uploaded clips only.
fn must_suit(source: Source<'_>, task_type: &str) -> Result<(), Refusal> {
    let uploaded_only = task_type.contains("_upload_") || task_type.starts_with("add_");
    if uploaded_only && source.clip.origin != Origin::Uploaded {
        Err(Refusal::invalid(format!(
            "The clip of task_type = {task_type} should be an uploaded clip."
        )))
    } else {
        Ok(())
    }
}

/// The longest song that can be asked for, in seconds. Audio made here is shorter than the provider's, and a manifest
/// that is rehearsed names places in songs of real length.
const LONGEST_SONG_S: f64 = 360.0;

fn extend(desk: &Desk<'_>, body: Body<'_>, task_type: &str) -> Result<Work, Refusal> {
    let duration = song::check(body, Rules::SONG)?;
    let at = body.number("continue_at", 0.0, f64::INFINITY)?;
    let source = continued(desk, body)?;
    must_suit(source, task_type)?;
    match at {
        None => return Err(Refusal::invalid("The 'continue_at' field is required.")),
        Some(at) if at > source.clip.seconds().max(LONGEST_SONG_S) => {
            return Err(Refusal::invalid(
                "The 'continue_at' field is beyond the end of the clip.",
            ));
        }
        Some(_) => {}
    }
    let clips = parts(desk.clips(CLIPS, desk.millis(duration), Some(source)));
    Ok(start(desk, body, "suno.extend", clips))
}

/// Marks clips as parts that `concat_music` can join to their source.
pub(crate) fn parts(clips: Vec<Clip>) -> Vec<Clip> {
    let part = |clip| Clip {
        origin: Origin::Part,
        ..clip
    };
    clips.into_iter().map(part).collect()
}

fn cover(desk: &Desk<'_>, body: Body<'_>, task_type: &str) -> Result<Work, Refusal> {
    let duration = song::check(body, Rules::SONG)?;
    let source = continued(desk, body)?;
    must_suit(source, task_type)?;
    let millis = match duration {
        Some(_) => desk.millis(duration),
        None => source.clip.recording.millis,
    };
    let clips = desk.clips(CLIPS, millis, Some(source));
    Ok(start(desk, body, "suno.cover", clips))
}

fn concat(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    body.webhook("webhook_url")?;
    let part = continued(desk, body)?;
    let whole = part.clip.source.and_then(|id| desk.state.clip(id));
    let Some((before, _, _)) = whole.filter(|_| part.clip.origin == Origin::Part) else {
        return Err(Refusal::invalid(
            "The clip is not an extension of another clip.",
        ));
    };
    let sum = before
        .recording
        .millis
        .saturating_add(part.clip.recording.millis);
    let millis = sum.min(desk.options.audio_seconds * 1_000);
    let clips = desk.clips(1, millis, Some(part));
    let words = part.task.words.clone();
    let task = desk.task(Family::Suno, Shows::Clips, words, clips);
    Ok(Work::task("suno.concat", task))
}

fn persona_music(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let Some(persona) = body.text("persona_id")? else {
        return Err(Refusal::invalid(
            "The 'persona_id' field is required when task_type = persona_music.",
        ));
    };
    let duration = song::check(body, Rules::SONG)?;
    let known = persona.parse();
    if !known.is_ok_and(|id| desk.state.has_persona(id, desk.now)) {
        return Err(Refusal::invalid("persona not found."));
    }
    let clips = desk.clips(CLIPS, desk.millis(duration), None);
    Ok(start(desk, body, "suno.persona-music", clips))
}

fn remaster(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    song::check(body, Rules::EDIT)?;
    body.word("variation_category", &["subtle", "normal", "high"])?;
    let source = continued(desk, body)?;
    desk.must_be_young(source)?;
    let clips = desk.clips(CLIPS, source.clip.recording.millis, Some(source));
    let words = source.task.words.clone();
    let task = desk.task(Family::Suno, Shows::Clips, words, clips);
    Ok(Work::task("suno.remaster", task))
}

fn overpaint(desk: &Desk<'_>, body: Body<'_>, task_type: &str) -> Result<Work, Refusal> {
    song::check(body, Rules::EDIT)?;
    body.range("overpainting_start_s", "overpainting_end_s")?;
    let operation = if task_type == "add_vocals" {
        body.required("prompt")?;
        "suno.add-vocals"
    } else {
        "suno.add-instrumental"
    };
    let source = continued(desk, body)?;
    must_suit(source, task_type)?;
    desk.must_be_young(source)?;
    let clips = desk.clips(CLIPS, source.clip.recording.millis, Some(source));
    Ok(start(desk, body, operation, clips))
}
