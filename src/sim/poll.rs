//! What a poll answers, in the shapes of the three families (api facts, section 2). It changes nothing.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::Family;

use super::desk::Desk;
use super::http::SimResponse;
use super::nuro;
use super::refusal::Refusal;
use super::task::{Clip, Ending, Shows, Stage, Task};

/// Answers a poll.
pub(crate) fn answer(desk: &Desk<'_>, family: Family, id: &str) -> Result<SimResponse, Refusal> {
    if family == Family::Nuro && desk.is_2026() {
        return Err(nuro::retired());
    }
    if id.is_empty() {
        return Err(Refusal::invalid("missing task id."));
    }
    let known = id.parse().ok().and_then(|id| desk.state.task(id));
    let known = known.filter(|task| task.family == family && task.shows != Shows::Registered);
    match (known, family) {
        (None, Family::Nuro) => Err(Refusal::not_found("task not found.")),
        (None, _) => Err(Refusal::invalid("task not found.")),
        (Some(task), Family::Nuro) => Ok(nuro_task(desk, task)),
        (Some(task), Family::Producer) => Ok(producer(desk, task)),
        (Some(task), _) => Ok(sonic(desk, task)),
    }
}

/// Names a task's state in one word, for a batch.
pub(crate) fn state_word(desk: &Desk<'_>, task: &Task) -> &'static str {
    match task.stage(desk.now) {
        Stage::NotReady => "pending",
        Stage::Running(_) => "running",
        Stage::Done => "succeeded",
        Stage::Failed => "failed",
    }
}

fn not_ready() -> SimResponse {
    SimResponse::json(
        202,
        &json!({
            "code": 202, "type": "not_ready",
            "error": "Task is still processing. Please wait a few seconds and try again.",
        }),
    )
}

pub(crate) fn refund_text(task: &Task) -> &'static str {
    if task.refunds {
        "The task failed upstream. Credits have been refunded."
    } else {
        "The task failed upstream. Credits were not refunded."
    }
}

/// The answers that do not look like a task: two of the three ways in which one can fail.
fn failed_outright(task: &Task) -> Option<SimResponse> {
    match task.ending {
        Ending::FailsInPoll => Some(SimResponse::json(
            500,
            &json!({
                "type": "failed", "error": refund_text(task), "refund_processed": task.refunds,
            }),
        )),
        Ending::TimesOut => Some(SimResponse::json(
            504,
            &json!({
                "type": "timeout",
                "error": match task.refunds {
                    true => "Task failed due to timeout. Credits were previously refunded.",
                    false => "Task failed due to timeout.",
                },
            }),
        )),
        _ => None,
    }
}

fn sonic(desk: &Desk<'_>, task: &Task) -> SimResponse {
    let stage = task.stage(desk.now);
    if stage == Stage::NotReady {
        return not_ready();
    }
    if let (Stage::Failed, Some(answer)) = (stage, failed_outright(task)) {
        return answer;
    }
    let data = match &task.shows {
        Shows::Voice { persona, name } => match stage {
            Stage::Done => json!({"persona_id": persona, "name": name}),
            Stage::Failed => {
                let body = json!({"type": "failed", "error": refund_text(task)});
                return SimResponse::json(500, &body);
            }
            _ => return not_ready(),
        },
        Shows::Pairs(name) => pairs(desk, task, name),
        _ => (0..task.clips.len())
            .map(|nth| sonic_clip(desk, task, nth))
            .collect(),
    };
    SimResponse::json(
        200,
        &json!({"code": 200, "data": data, "message": "success"}),
    )
}

/// Pairs of a new part and the song it was joined into; the song is null until it is there.
fn pairs(desk: &Desk<'_>, task: &Task, name: &str) -> Value {
    (0..task.clips.len())
        .step_by(2)
        .map(|nth| {
            let full = match task.clip_is_done(nth + 1, desk.now) {
                true => sonic_clip(desk, task, nth + 1),
                false => Value::Null,
            };
            json!({name: sonic_clip(desk, task, nth), "full": full})
        })
        .collect()
}

fn clip_state(desk: &Desk<'_>, task: &Task, nth: usize) -> &'static str {
    if task.clip_is_done(nth, desk.now) {
        "succeeded"
    } else if task.stage(desk.now) == Stage::Failed {
        "failed"
    } else {
        "running"
    }
}

fn created_at(task: &Task) -> String {
    Timestamp::from_millisecond(task.submitted)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

fn sonic_clip(desk: &Desk<'_>, task: &Task, nth: usize) -> Value {
    let clip = &task.clips[nth];
    let state = clip_state(desk, task, nth);
    let echo = |name: &str| task.words.echo.get(name).cloned().unwrap_or(Value::Null);
    let model = match echo("mv") {
        Value::String(name) if desk.options.chirp_names => name.replace("sonic-", "chirp-").into(),
        name => name,
    };
    let (audio, duration) = match state {
        "succeeded" => (json!(desk.file(clip.id, "wav")), json!(clip.seconds_text())),
        // What can be heard while a clip still runs is not the clip: a client that keeps it has half a song.
        "running" => (
            json!(format!("{}/simulator/stream/{}.wav", desk.base, clip.id)),
            Value::Null,
        ),
        _ => (Value::Null, Value::Null),
    };
    let mut fields = json!({
        "clip_id": clip.id, "state": state, "title": title(task, clip), "tags": echo("tags"),
        "lyrics": task.words.lyrics, "image_url": desk.file(clip.id, "svg"), "audio_url": audio,
        "video_url": null, "created_at": created_at(task), "mv": model,
        "gpt_description_prompt": echo("gpt_description_prompt"), "duration": duration,
        "negative_tags": echo("negative_tags"), "style_weight": echo("style_weight"),
        "weirdness_constraint": echo("weirdness_constraint"),
    });
    if let Some(stem) = &clip.label {
        fields["stem_type"] = json!(stem);
    }
    if state == "failed" {
        fields["error_message"] = json!(refund_text(task));
    }
    fields
}

fn title(task: &Task, clip: &Clip) -> String {
    match &clip.label {
        Some(stem) => format!("{} ({stem})", task.words.title),
        None => task.words.title.clone(),
    }
}

/// In 2025 a Producer task had no status of its own; since 2026 it has, and no data before the end.
fn producer(desk: &Desk<'_>, task: &Task) -> SimResponse {
    let stage = task.stage(desk.now);
    if let (Stage::Failed, Some(answer)) = (stage, failed_outright(task)) {
        return answer;
    }
    let data = |state: &str| match desk.is_2026() && state == "running" {
        true => json!([]),
        false => json!([producer_item(desk, task, state)]),
    };
    let (status, state) = match stage {
        Stage::NotReady if !desk.is_2026() => return not_ready(),
        Stage::NotReady => ("PENDING", "running"),
        Stage::Running(_) => ("RUNNING", "running"),
        Stage::Done => ("SUCCESS", "succeeded"),
        Stage::Failed => ("FAILED", "failed"),
    };
    let mut body = json!({"code": 200, "data": data(state), "message": "success"});
    if desk.is_2026() {
        body["status"] = json!(status);
        if stage == Stage::Failed {
            body["type"] = json!("failed");
            body["message"] = json!(refund_text(task));
            body["data"] = json!([]);
        }
    }
    SimResponse::json(200, &body)
}

fn producer_item(desk: &Desk<'_>, task: &Task, state: &str) -> Value {
    let mut fields = match &task.shows {
        Shows::Lyrics => json!({"title": task.words.title, "lyrics": task.words.lyrics}),
        Shows::Video => video_item(desk, task),
        Shows::File { format } => file_item(desk, task, format),
        _ => song_item(desk, task),
    };
    if state != "succeeded" {
        // Before the end there is an item and its state, and nothing that could be taken for a result.
        fields = json!({"clip_id": task.clips.first().map(|clip| clip.id)});
    }
    if state == "failed" {
        fields["error_message"] = json!(refund_text(task));
    }
    fields["state"] = json!(state);
    fields
}

fn song_item(desk: &Desk<'_>, task: &Task) -> Value {
    let Some(clip) = task.clips.first() else {
        return json!({});
    };
    let echo = |name: &str| task.words.echo.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "clip_id": clip.id, "title": task.words.title, "sound": echo("sound"), "lyrics": task.words.lyrics,
        "audio_url": desk.file(clip.id, "wav"), "wav_url": desk.file(clip.id, "wav"),
        "image_url": desk.file(clip.id, "svg"), "video_url": null, "created_at": created_at(task),
        "mv": echo("mv"), "seed": echo("seed"), "duration": clip.seconds(),
    })
}

fn video_item(desk: &Desk<'_>, task: &Task) -> Value {
    task.clips.first().map_or(
        Value::Null,
        |clip| json!({"clip_id": clip.source, "video_url": desk.file(clip.id, "avi")}),
    )
}

fn file_item(desk: &Desk<'_>, task: &Task, format: &str) -> Value {
    task.clips.first().map_or(
        Value::Null,
        |clip| json!({"clip_id": clip.source, "format": format, "url": desk.file(clip.id, "wav")}),
    )
}

fn nuro_task(desk: &Desk<'_>, task: &Task) -> SimResponse {
    let stage = task.stage(desk.now);
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    put("task_id", json!(task.id));
    put("status", json!(state_word(desk, task)));
    match stage {
        Stage::NotReady => put("progress", json!(0)),
        Stage::Running(percent) => put("progress", json!(percent)),
        Stage::Done => {
            put("progress", json!(100));
            if let Some(clip) = task.clips.first() {
                put("audio_url", json!(desk.file(clip.id, "wav")));
                put("duration", json!(clip.seconds()));
            }
            put("lyrics", json!(task.words.lyrics));
            for (name, value) in &task.words.echo {
                put(name, value.clone());
            }
        }
        Stage::Failed if task.ending == Ending::FailsInClips => {
            put("progress", json!(100));
            put("message", json!(refund_text(task)));
            put("refund_processed", json!(task.refunds));
        }
        Stage::Failed => {
            let body = json!({
                "type": "api_error", "message": refund_text(task), "refund_processed": task.refunds,
            });
            return SimResponse::json(500, &body);
        }
    }
    SimResponse::json(200, &Value::Object(body))
}
