//! Results out of answers, in one shape for all families. Asks nobody, and judges no failure.
//!
//! A field that the provider leaves out or null is left out here too: a reference to it then fails by name, where a
//! null would go unnoticed into the next paid request.

use serde_json::{Map, Value, json};

use crate::catalog::{Operation, ResultKind};
use crate::model::{Download, JobResult};

use super::wire::{
    DownloadData, LyricsResult, MidiData, NuroTaskResult, ProducerClip, SonicClip, SonicVoiceData,
    WavData,
};

/// One clip in the uniform shape.
#[derive(Clone, Debug, Default)]
pub(super) struct Clip {
    id: Option<String>,
    fields: Map<String, Value>,
    download: Option<Download>,
}

/// Reads the answer of a synchronous operation; nothing when what was paid for is not in it.
pub(super) fn immediate(operation: &Operation, body: &Value) -> Option<JobResult> {
    let data = || body.get("data").filter(|data| data.is_object());
    match operation.result {
        ResultKind::Lyrics => lyrics(body),
        ResultKind::Upload => upload(text(body, "clip_id")?),
        ResultKind::Persona => persona(&read(data().unwrap_or(body))?),
        ResultKind::Wav => wav(&read(data()?)?),
        ResultKind::Files => files(&read(data()?)?),
        ResultKind::Midi => midi(data()?),
        ResultKind::Video => video(text(data().unwrap_or(body), "video_url")?),
        ResultKind::Data => plain(data()?),
        // No synchronous operation gives clips.
        ResultKind::Clips => None,
    }
}

/// Makes the result of a task that gave clips: those that succeeded, what they are made of, those that failed.
///
/// `clips` holds only what can be used, so that a job for each clip pays for none that failed.
pub(super) fn clips(good: Vec<Clip>, parts: Vec<Clip>, bad: Vec<Clip>) -> JobResult {
    let mut result = JobResult::default();
    let mut fields = Map::new();
    if let Some(id) = good.first().and_then(|clip| clip.id.as_ref()) {
        fields.insert("clip_id".to_owned(), json!(id));
    }
    for (name, clips) in [("clips", good), ("parts", parts)] {
        let mut list = Vec::new();
        for clip in clips {
            result.clip_ids.extend(clip.id);
            result.downloads.extend(clip.download);
            list.push(Value::Object(clip.fields));
        }
        if name == "clips" || !list.is_empty() {
            fields.insert(name.to_owned(), Value::Array(list));
        }
    }
    if !bad.is_empty() {
        let list = bad.into_iter().map(|clip| Value::Object(clip.fields));
        fields.insert("failed_clips".to_owned(), list.collect());
    }
    result.fields = Value::Object(fields);
    result
}

/// Brings a Sonic clip into the uniform shape.
pub(super) fn sonic_clip(clip: &SonicClip, label: Option<&str>) -> Clip {
    let duration = clip.duration.map(|seconds| seconds.0);
    let mut fields = Map::new();
    put(&mut fields, "clip_id", &clip.clip_id);
    put(&mut fields, "title", &clip.title);
    put(&mut fields, "tags", &clip.tags);
    put(&mut fields, "lyrics", &clip.lyrics);
    put(&mut fields, "audio_url", &clip.audio_url);
    put(&mut fields, "image_url", &clip.image_url);
    put(&mut fields, "video_url", &clip.video_url);
    put(&mut fields, "duration", &duration);
    put(&mut fields, "model", &clip.mv);
    put(&mut fields, "created_at", &clip.created_at);
    put(&mut fields, "label", &label);
    put(&mut fields, "error", &clip.error_message);
    Clip {
        id: clip.clip_id.clone(),
        fields,
        download: download(clip.audio_url.as_deref(), label, duration),
    }
}

/// Brings a Producer clip into the uniform shape.
pub(super) fn producer_clip(clip: &ProducerClip) -> Clip {
    let mut fields = Map::new();
    put(&mut fields, "clip_id", &clip.clip_id);
    put(&mut fields, "title", &clip.title);
    put(&mut fields, "tags", &clip.sound);
    put(&mut fields, "lyrics", &clip.lyrics);
    put(&mut fields, "audio_url", &clip.audio_url);
    put(&mut fields, "wav_url", &clip.wav_url);
    put(&mut fields, "image_url", &clip.image_url);
    put(&mut fields, "video_url", &clip.video_url);
    put(&mut fields, "duration", &clip.duration);
    put(&mut fields, "model", &clip.mv);
    put(&mut fields, "seed", &clip.seed);
    put(&mut fields, "created_at", &clip.created_at);
    put(&mut fields, "error", &clip.error_message);
    let url = clip.audio_url.as_deref().or(clip.wav_url.as_deref());
    Clip {
        id: clip.clip_id.clone(),
        fields,
        download: download(url, None, clip.duration),
    }
}

/// Brings the one clip of a Nuro task into the uniform shape; it has no id of its own.
pub(super) fn nuro_clip(task: &NuroTaskResult) -> Clip {
    let tags: Vec<&str> = [&task.genre, &task.mood, &task.timbre]
        .into_iter()
        .filter_map(|tag| tag.as_deref())
        .collect();
    let tags = (!tags.is_empty()).then(|| tags.join(", "));
    let mut fields = Map::new();
    put(&mut fields, "title", &task.title);
    put(&mut fields, "tags", &tags);
    put(&mut fields, "lyrics", &task.lyrics);
    put(&mut fields, "audio_url", &task.audio_url);
    put(&mut fields, "duration", &task.duration);
    Clip {
        id: None,
        fields,
        download: download(task.audio_url.as_deref(), None, task.duration),
    }
}

/// Makes the result of a Producer task that gave something else than clips.
///
/// The field names of these items are not published. They are also passed on as they are, in `data`, so that
/// nothing that was paid for is lost over a name.
pub(super) fn producer_items(kind: ResultKind, items: &[ProducerClip], raw: &Value) -> JobResult {
    let first = items.first();
    let video_url = |item: &ProducerClip| item.video_url.clone().or_else(|| item.url.clone());
    let known = match kind {
        ResultKind::Lyrics => lyrics(&json!({"results": raw})),
        ResultKind::Upload => first.and_then(|item| upload(item.clip_id.clone()?)),
        ResultKind::Video => first.and_then(|item| video(video_url(item)?)),
        ResultKind::Files => file_list(items.iter().filter_map(producer_file)),
        _ => None,
    };
    let mut result = known.unwrap_or_else(|| without_files(json!({})));
    if let Value::Object(fields) = &mut result.fields {
        fields.insert("data".to_owned(), raw.clone());
    }
    result
}

/// Makes the result of a task that made a voice.
pub(super) fn persona(voice: &SonicVoiceData) -> Option<JobResult> {
    let mut fields = Map::new();
    put(&mut fields, "persona_id", &Some(voice.persona_id.clone()?));
    put(&mut fields, "name", &voice.name);
    Some(without_files(Value::Object(fields)))
}

fn producer_file(item: &ProducerClip) -> Option<(Option<String>, String)> {
    if let Some(url) = &item.url {
        return Some((item.format.clone(), url.clone()));
    }
    if let Some(url) = &item.wav_url
        && item.format.as_deref() != Some("mp3")
    {
        return Some((Some("wav".to_owned()), url.clone()));
    }
    Some((item.format.clone(), item.audio_url.clone()?))
}

fn lyrics(body: &Value) -> Option<JobResult> {
    let answer: LyricsResult = read(body)?;
    let versions: Vec<Value> = answer
        .results
        .into_iter()
        .filter(|version| version.lyrics.is_some())
        .map(|version| {
            let mut fields = Map::new();
            put(&mut fields, "title", &version.title);
            put(&mut fields, "lyrics", &version.lyrics);
            Value::Object(fields)
        })
        .collect();
    (!versions.is_empty()).then(|| without_files(json!({"results": versions})))
}

fn upload(clip_id: String) -> Option<JobResult> {
    (!clip_id.is_empty()).then(|| JobResult {
        fields: json!({"clip_id": clip_id, "clips": [{"clip_id": clip_id}]}),
        clip_ids: vec![clip_id],
        downloads: Vec::new(),
    })
}

fn wav(data: &WavData) -> Option<JobResult> {
    let url = data.wav_url.clone()?;
    Some(one_file(json!({"wav_url": url}), url, "wav"))
}

fn video(url: String) -> Option<JobResult> {
    (!url.is_empty()).then(|| one_file(json!({"video_url": url}), url, "mp4"))
}

fn midi(data: &Value) -> Option<JobResult> {
    let url = read::<MidiData>(data)?.midi_url?;
    // The notes are passed on as they came: whoever refers to them wants the provider's figures.
    let instruments = data.get("instruments").cloned().unwrap_or(json!([]));
    let fields = json!({"midi_url": url, "instruments": instruments});
    Some(one_file(fields, url, "mid"))
}

fn files(data: &DownloadData) -> Option<JobResult> {
    let wav = data
        .wav_url
        .clone()
        .map(|url| (Some("wav".to_owned()), url));
    let listed = data
        .files
        .iter()
        .filter_map(|file| Some((file.format.clone(), file.url.clone()?)));
    let mut files: Vec<(Option<String>, String)> = listed.collect();
    if files.is_empty() {
        files.extend(wav);
    }
    file_list(files.into_iter())
}

fn plain(data: &Value) -> Option<JobResult> {
    let object = data.as_object()?;
    (!object.is_empty()).then(|| without_files(data.clone()))
}

/// Makes `files[i].{format, url}`, each to be downloaded; nothing when there are none.
fn file_list(files: impl Iterator<Item = (Option<String>, String)>) -> Option<JobResult> {
    let mut list = Vec::new();
    let mut downloads = Vec::new();
    for (format, url) in files {
        let mut entry = Map::new();
        put(&mut entry, "format", &format);
        put(&mut entry, "url", &Some(&url));
        list.push(Value::Object(entry));
        downloads.push(Download {
            url,
            extension: format.filter(|format| is_extension(format)),
            label: None,
            duration_s: None,
        });
    }
    (!list.is_empty()).then(|| JobResult {
        fields: json!({"files": list}),
        clip_ids: Vec::new(),
        downloads,
    })
}

fn one_file(fields: Value, url: String, extension: &str) -> JobResult {
    JobResult {
        downloads: vec![Download {
            url,
            extension: Some(extension.to_owned()),
            label: None,
            duration_s: None,
        }],
        ..without_files(fields)
    }
}

fn without_files(fields: Value) -> JobResult {
    JobResult {
        fields,
        clip_ids: Vec::new(),
        downloads: Vec::new(),
    }
}

fn download(url: Option<&str>, label: Option<&str>, duration_s: Option<f64>) -> Option<Download> {
    let url = url.filter(|url| !url.is_empty())?;
    Some(Download {
        url: url.to_owned(),
        extension: None,
        label: label.map(str::to_owned),
        duration_s,
    })
}

/// Tells whether a format can end a file's name.
fn is_extension(format: &str) -> bool {
    (1..=8).contains(&format.len()) && format.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn put(fields: &mut Map<String, Value>, name: &str, value: &Option<impl serde::Serialize>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), json!(value));
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}
