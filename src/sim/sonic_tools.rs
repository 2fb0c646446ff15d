//! Sonic and lyrics endpoints that answer at once: files, figures and words about clips, uploads, personas.

use serde_json::{Value, json};

use crate::model::Family;

use super::body::Body;
use super::desk::{Desk, Source, Work};
use super::event::Note;
use super::refusal::Refusal;
use super::score;
use super::sonic_edit::uploaded_clip;
use super::task::{Shows, Words};
use super::tune::Tune;
use super::verse;

const FORMATS: [&str; 3] = ["mp3", "m4a", "wav"];

fn clip<'a>(desk: &Desk<'a>, body: Body<'_>) -> Result<Source<'a>, Refusal> {
    desk.source(body, "clip_id", Family::Suno)
}

/// Finds the clip where the contract knows an answer for one that is gone.
fn clip_or_404<'a>(desk: &Desk<'a>, body: Body<'_>) -> Result<Source<'a>, Refusal> {
    clip(desk, body).map_err(|refusal| match refusal.error.as_ref() {
        "clip not found." => Refusal::not_found(refusal.error),
        _ => refusal,
    })
}

fn success(data: &Value) -> Value {
    json!({"code": 200, "data": data, "message": "success"})
}

/// `POST /sonic/wav`.
pub(crate) fn wav(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let source = clip_or_404(desk, body)?;
    let url = desk.file(source.clip.id, "wav");
    let answer = json!({"message": "success", "data": {"wav_url": url}});
    Ok(Work::answer("suno.wav", answer))
}

/// `POST /sonic/download`: the first call for a clip starts the rendering and is free. Whatever the format asked
/// for, the file is a WAV: the simulator encodes nothing else.
pub(crate) fn download(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let wrong = || {
        Refusal::invalid(format!(
            "The 'formats' field should be a list of {}.",
            FORMATS.join(", ")
        ))
    };
    let formats = body.value("formats").and_then(Value::as_array);
    let formats: Vec<&str> = formats
        .into_iter()
        .flatten()
        .map(|format| {
            format
                .as_str()
                .filter(|f| FORMATS.contains(f))
                .ok_or_else(wrong)
        })
        .collect::<Result<_, _>>()?;
    let repeated = (1..formats.len()).any(|nth| formats[..nth].contains(&formats[nth]));
    if formats.is_empty() || repeated {
        return Err(wrong());
    }
    let id = clip_or_404(desk, body)?.clip.id;
    if !desk.state.is_rendered(id) {
        let waiting = json!({
            "code": 202, "type": "not_ready",
            "error": "The files are still rendering. Please wait a few seconds and try again.",
        });
        return Ok(Work {
            status: 202,
            free: true,
            note: Some(Note::Rendering(id)),
            ..Work::answer("suno.download", waiting)
        });
    }
    let file = |format: &&str| json!({"format": format, "url": desk.file(id, "wav")});
    let files: Vec<Value> = formats.iter().map(file).collect();
    let answer = json!({"message": "success", "data": {"files": files}});
    Ok(Work::answer("suno.download", answer))
}

/// `POST /sonic/midi`.
pub(crate) fn midi(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let source = clip_or_404(desk, body)?;
    let data = json!({
        "midi_url": desk.file(source.clip.id, "mid"),
        "instruments": score::instruments(source.clip.recording()),
    });
    Ok(Work::answer("suno.midi", success(&data)))
}

/// `POST /sonic/bpm`.
pub(crate) fn bpm(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let source = clip(desk, body)?;
    desk.must_be_young(source)?;
    let tempo = Tune::new(source.clip.recording.seed).bpm();
    let data = json!({"avg_bpm": tempo, "max_bpm": tempo + 1, "min_bpm": tempo - 1});
    Ok(Work::answer("suno.bpm", success(&data)))
}

/// `POST /sonic/vox`.
pub(crate) fn vox(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let range = body.range("vocal_start_s", "vocal_end_s")?;
    let source = clip(desk, body)?;
    let start = body
        .number("vocal_start_s", 0.0, f64::INFINITY)?
        .unwrap_or(0.0);
    let end = range.map_or_else(|| source.clip.seconds().min(start + 30.0), |(_, end)| end);
    if end - start > 30.0 {
        return Err(Refusal::invalid(
            "The vocal range should be at most 30 seconds.",
        ));
    }
    let data = json!({
        "vox_audio_id": desk.draw.id("vox", 0), "status": "complete", "source_clip_id": source.clip.id,
        "vocal_start_s": start, "vocal_end_s": end, "wave_response": {},
    });
    Ok(Work::answer("suno.vox", success(&data)))
}

/// `POST /sonic/aligned-lyrics`: only the first call for a clip is charged.
pub(crate) fn aligned_lyrics(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let source = clip(desk, body)?;
    let words: Vec<&str> = source.task.words.lyrics.split_whitespace().collect();
    let count = f64::from(u32::try_from(words.len()).unwrap_or(u32::MAX)).max(1.0);
    let seconds_each = source.clip.seconds() / count;
    let place = |nth: usize| {
        let seconds = f64::from(u32::try_from(nth).unwrap_or(u32::MAX)) * seconds_each;
        (seconds * 1000.0).round() / 1000.0
    };
    let alignment: Vec<Value> = words
        .iter()
        .enumerate()
        .map(|(nth, word)| {
            json!({
                "word": word, "start_s": place(nth), "end_s": place(nth + 1), "p_align": 0.98, "success": true,
            })
        })
        .collect();
    let id = source.clip.id;
    Ok(Work {
        free: desk.state.is_aligned(id),
        note: Some(Note::Aligned(id)),
        ..Work::answer(
            "suno.aligned-lyrics",
            success(&json!({"alignment": alignment})),
        )
    })
}

/// `POST /sonic/upsample-tags`.
pub(crate) fn upsample_tags(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let tags = verse::longer_tags(desk.draw.number("tags", 0), body.required("tags")?);
    let data = json!({"upsampled_tags": tags});
    Ok(Work::answer("suno.upsample-tags", success(&data)))
}

/// `POST /sonic/lyrics`: two versions.
pub(crate) fn lyrics(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let Some(description) = body.text("description")? else {
        return Err(Refusal::invalid("description is required."));
    };
    if description.chars().count() >= 200 {
        return Err(Refusal::invalid(
            "The description character length should be less than 200.",
        ));
    }
    let version = |nth| {
        let seed = desk.draw.number("lyrics", nth);
        json!({"title": verse::title(seed, description), "lyrics": verse::lyrics(seed)})
    };
    let answer = json!({"code": 200, "message": "success", "results": [version(0), version(1)]});
    Ok(Work::answer("lyrics.generate", answer))
}

/// `POST /sonic/persona`, in the newer form (`clip_id`) and the older one (`continue_clip_id`).
pub(crate) fn persona(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    // Marked unavailable in 2026; a status that nobody tries again.
    if desk.is_2026() {
        return Err(Refusal::retired("The persona endpoint is unavailable."));
    }
    let clip_id = body.text("clip_id")?.or(body.text("continue_clip_id")?);
    let (Some(name), Some(clip_id)) = (body.text("name")?, clip_id) else {
        return Err(Refusal::invalid(
            "name and continue_clip_id are required fields.",
        ));
    };
    if name.chars().count() >= 80 {
        return Err(Refusal::invalid(
            "The name character length should be less than 80.",
        ));
    }
    body.range("vocal_start_s", "vocal_end_s")?;
    for field in ["describe", "description", "styles", "vox_audio_id"] {
        body.text(field)?;
    }
    desk.must_be_young(desk.clip(clip_id, Family::Suno)?)?;
    let id = desk.draw.id("persona", 0);
    let answer = json!({"code": 200, "persona_id": id, "message": "success"});
    Ok(Work {
        note: Some(Note::Persona(id)),
        ..Work::answer("suno.persona", answer)
    })
}

/// `POST /sonic/create-voice`: a task whose result is a persona.
pub(crate) fn create_voice(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    body.audio_url("audio_url")?;
    body.webhook("webhook_url")?;
    let shows = Shows::Voice {
        persona: desk.draw.id("persona", 0),
        name: format!("Voice {}", desk.draw.number("name", 0) % 1_000),
    };
    let task = desk.task(Family::Suno, shows, Words::default(), Vec::new());
    Ok(Work::task("suno.create-voice", task))
}

/// `POST /sonic/upload`: at once, or as a task when an address to call back is given.
pub(crate) fn upload(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    let url = body.audio_url("url")?;
    body.webhook("callback_url")?;
    let clip = uploaded_clip(desk, url);
    if body.text("callback_url")?.is_some() {
        let words = Words {
            title: "Upload".to_owned(),
            ..Words::default()
        };
        let task = desk.task(Family::Suno, Shows::Clips, words, vec![clip]);
        return Ok(Work::task("suno.upload", task));
    }
    let answer = json!({"code": 200, "clip_id": clip.id, "message": "success"});
    Ok(Work {
        tasks: vec![desk.registered(Family::Suno, clip)],
        ..Work::answer("suno.upload", answer)
    })
}
