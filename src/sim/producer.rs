//! The Producer endpoints that take a POST. All of them start tasks.

use crate::model::Family;

use super::body::Body;
use super::desk::{Desk, Work, echo};
use super::refusal::Refusal;
use super::sonic_edit::uploaded_clip;
use super::task::{Clip, Origin, Shows, Words};
use super::verse;

const TASK_TYPES: [(&str, &str); 7] = [
    ("create_music", "producer.create"),
    ("extend_music", "producer.extend"),
    ("cover_music", "producer.cover"),
    ("replace_music", "producer.replace"),
    ("music_variation", "producer.variation"),
    ("swap_music_vocals", "producer.swap-vocals"),
    ("swap_music_sound", "producer.swap-instrumental"),
];

const MODELS: [&str; 10] = [
    "FUZZ-3-Demo",
    "FUZZ-2.0 Pro",
    "FUZZ-2.0",
    "FUZZ-2.0 Raw",
    "FUZZ-1.1 Pro",
    "FUZZ-1.1",
    "FUZZ-1.0 Pro",
    "FUZZ-1.0",
    "FUZZ-0.8",
    "Lyria 3 preview",
];

/// `POST /producer/create`.
pub(crate) fn create(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let named = body.required("task_type")?;
    let Some((task_type, operation)) = TASK_TYPES.iter().find(|(name, _)| *name == named) else {
        let names: Vec<&str> = TASK_TYPES.iter().map(|(name, _)| *name).collect();
        return Err(Refusal::invalid(format!(
            "The 'task_type' field is invalid. It should be one of {}.",
            names.join(", ")
        )));
    };
    if desk.is_2026() && *task_type != "create_music" {
        return Err(Refusal::retired(format!(
            "The task type {task_type} is retired."
        )));
    }
    check(body)?;
    let source = if *task_type == "create_music" {
        if body.text("sound")?.is_none() && body.text("lyrics")?.is_none() {
            return Err(Refusal::invalid("One of 'sound' and 'lyrics' is required."));
        }
        None
    } else if *task_type == "cover_music" && body.value("cover_url").is_some() {
        body.audio_url("cover_url").map(|_| None)?
    } else {
        Some(desk.source(body, "clip_id", Family::Producer)?)
    };
    let millis = match source {
        Some(source) if *task_type == "extend_music" => {
            let longer = source
                .clip
                .recording
                .millis
                .saturating_add(desk.millis(None));
            longer.min(desk.options.audio_seconds * 1_000)
        }
        Some(source) => source.clip.recording.millis,
        None => desk.millis(None),
    };
    let clips = desk.clips(1, millis, source);
    let task = desk.task(Family::Producer, Shows::Clips, words(desk, body), clips);
    Ok(Work::task(operation, task))
}

fn check(body: Body<'_>) -> Result<(), Refusal> {
    if body.text("mv")?.is_some_and(|mv| !MODELS.contains(&mv)) {
        return Err(Refusal::invalid(format!(
            "The 'mv' field is invalid. The model should be {}",
            MODELS.join(", ")
        )));
    }
    body.flag("make_instrumental")?;
    body.at_most("title", "title", 80)?;
    for field in ["sound", "lyrics", "seed"] {
        body.text(field)?;
    }
    for strength in ["cover_strength", "lyrics_strength", "weirdness"] {
        body.number(strength, 0.0, 1.0)?;
    }
    body.number("sound_strength", 0.2, 1.0)?;
    body.range("starts_at", "ends_at")?;
    body.webhook("webhook_url")
}

fn words(desk: &Desk<'_>, body: Body<'_>) -> Words {
    let text = |name| body.text(name).ok().flatten();
    let seed = desk.draw.number("words", 0);
    let lyrics = if body.flag("make_instrumental") == Ok(Some(true)) {
        "[Instrumental]".to_owned()
    } else {
        text("lyrics").map_or_else(|| verse::lyrics(seed), str::to_owned)
    };
    let mut fields = echo(body, &["sound", "mv", "seed"]);
    fields.entry("mv").or_insert_with(|| "FUZZ-2.0".into());
    fields
        .entry("seed")
        .or_insert_with(|| (seed % 1_000_000).to_string().into());
    Words {
        title: text("title").map_or_else(
            || verse::title(seed, text("sound").unwrap_or_default()),
            str::to_owned,
        ),
        lyrics,
        echo: fields,
    }
}

/// `POST /producer/lyrics-create`.
pub(crate) fn lyrics(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let prompt = body.required("prompt")?;
    body.webhook("webhook_url")?;
    let seed = desk.draw.number("words", 0);
    let words = Words {
        title: verse::title(seed, prompt),
        lyrics: verse::lyrics(seed),
        ..Words::default()
    };
    let task = desk.task(Family::Producer, Shows::Lyrics, words, Vec::new());
    Ok(Work::task("producer.lyrics", task))
}

/// `POST /producer/video-clip`.
pub(crate) fn video(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    body.webhook("webhook_url")?;
    about_a_clip(desk, body, "producer.video", Shows::Video)
}

/// `POST /producer/download`: whatever the format asked for, the file is a WAV.
pub(crate) fn download(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    body.webhook("webhook_url")?;
    let Some(format) = body.word("format", &["mp3", "wav"])? else {
        return Err(Refusal::invalid("The 'format' field is required."));
    };
    let shows = Shows::File {
        format: format.to_owned(),
    };
    about_a_clip(desk, body, "producer.download", shows)
}

/// Starts a task that shows something of a clip; it carries the clip's recording under an id of its own.
fn about_a_clip(
    desk: &Desk<'_>,
    body: Body<'_>,
    operation: &'static str,
    shows: Shows,
) -> Result<Work, Refusal> {
    let source = desk.source(body, "clip_id", Family::Producer)?;
    let copy = Clip {
        id: desk.draw.id("clip", 0),
        source: Some(source.clip.id),
        ..source.clip.clone()
    };
    let words = source.task.words.clone();
    let task = desk.task(Family::Producer, shows, words, vec![copy]);
    Ok(Work::task(operation, task))
}

/// `POST /producer/upload`.
pub(crate) fn upload(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let url = body.audio_url("audio_url")?;
    body.webhook("webhook_url")?;
    let clip = Clip {
        origin: Origin::Uploaded,
        ..uploaded_clip(desk, url)
    };
    let words = Words {
        title: "Upload".to_owned(),
        ..Words::default()
    };
    let task = desk.task(Family::Producer, Shows::Clips, words, vec![clip]);
    Ok(Work::task("producer.upload", task))
}
