//! How a task is doing, read out of a poll's answer in the shapes of the three families.
//!
//! ```text
//! sonic     202 not_ready ▶ state per clip ▶ done when every clip succeeded or failed
//! producer  status at the top: PENDING, RUNNING ▶ SUCCESS with data │ FAILED
//! nuro      status at the top: pending, running ▶ succeeded │ failed
//! ```

use serde_json::Value;

use crate::catalog::{Operation, PollShape, ResultKind};
use crate::model::{JobResult, TaskId};

use super::error::{Errand, is_error_code, judge, refund_told, tidy};
use super::reply::Reply;
use super::result::{self, Clip};
use super::service::{Fault, Progress};
use super::wire::{
    ErrorBody, NuroTaskResult, ProducerClip, ProducerTaskResult, SonicClip, SonicData, SonicItem,
    SonicPairedClip, SonicTaskResult,
};

/// Reads the answer of a poll.
///
/// # Errors
/// A [`Fault`] when it says nothing about the task; a poll may always be repeated.
pub(super) fn read(
    operation: &Operation,
    shape: PollShape,
    task: &TaskId,
    reply: &Reply,
) -> Result<Progress, Fault> {
    let error = reply.error();
    if is_pending(reply, &error) {
        return Ok(Progress::Pending);
    }
    if is_failed(reply, &error) {
        return Ok(failed(&error, None));
    }
    let good = reply.is_success() && !is_error_code(error.code);
    let body = reply.object().filter(|_| good);
    let progress = body.and_then(|body| match shape {
        PollShape::Sonic => sonic(operation, body, &error),
        PollShape::Producer => producer(operation, body, &error),
        PollShape::Nuro => nuro(body, &error),
    });
    let mut progress = progress.ok_or_else(|| judge(reply, Errand::Read))?;
    if let Progress::Done(JobResult {
        fields: Value::Object(fields),
        ..
    }) = &mut progress
    {
        fields.insert("task_id".to_owned(), task.as_str().into());
    }
    Ok(progress)
}

/// How far a clip or task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Succeeded,
    Failed,
}

impl Stage {
    fn of(state: Option<&str>) -> Self {
        match state.unwrap_or_default().to_ascii_lowercase().as_str() {
            "succeeded" | "success" => Self::Succeeded,
            "failed" => Self::Failed,
            // A state that is not known yet is not the end.
            _ => Self::Running,
        }
    }
}

fn is_pending(reply: &Reply, error: &ErrorBody) -> bool {
    reply.status == 202
        || (reply.is_success()
            && (error.code == Some(202) || error.kind.as_deref() == Some("not_ready")))
}

/// Tells whether an error speaks of the task and not of the request: a fault of the server must not end a paid task.
fn is_failed(reply: &Reply, error: &ErrorBody) -> bool {
    if reply.is_success() && reply.object().is_some_and(tells_state) {
        return false;
    }
    let timed_out = || {
        let text = error.text().unwrap_or_default().to_lowercase();
        reply.status == 504 && (text.contains("task failed") || refund_told(error) == Some(true))
    };
    // Nuro tells of failed tasks by any status, always with the refund beside it.
    error.kind.as_deref() == Some("failed") || error.refund_processed.is_some() || timed_out()
}

/// Tells whether an answer holds a state of its own, at the top or in its items.
fn tells_state(body: &Value) -> bool {
    let filled = |data: &Value| match data {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    };
    body.get("status").is_some_and(Value::is_string) || body.get("data").is_some_and(filled)
}

fn failed(error: &ErrorBody, clip_text: Option<&str>) -> Progress {
    let text = clip_text.or(error.text()).or(error.kind.as_deref());
    let said = ErrorBody {
        error: clip_text.map(str::to_owned),
        ..ErrorBody::default()
    };
    Progress::Failed {
        message: text.map_or_else(|| "the task failed, no reason is given".to_owned(), tidy),
        refunded: refund_told(error).or_else(|| refund_told(&said)),
    }
}

/// The clips of a task, sorted by what became of them.
#[derive(Default)]
struct Sorted {
    good: Vec<Clip>,
    parts: Vec<Clip>,
    bad: Vec<Clip>,
    running: bool,
    error: Option<String>,
}

impl Sorted {
    fn add(&mut self, stage: Stage, clip: Clip, error: Option<&String>) {
        match stage {
            Stage::Running => self.running = true,
            Stage::Succeeded => self.good.push(clip),
            Stage::Failed => {
                self.error = self.error.take().or_else(|| error.cloned());
                self.bad.push(clip);
            }
        }
    }

    fn conclude(self, error: &ErrorBody) -> Progress {
        if self.running || (self.good.is_empty() && self.bad.is_empty()) {
            Progress::Pending
        } else if self.good.is_empty() {
            failed(&without_message(error), self.error.as_deref())
        } else {
            Progress::Done(result::clips(self.good, self.parts, self.bad))
        }
    }
}

fn sonic(operation: &Operation, body: &Value, error: &ErrorBody) -> Option<Progress> {
    let answer: SonicTaskResult = serde_json::from_value(body.clone()).ok()?;
    let items = match answer.data {
        // Without the key `data` this is no answer about a task.
        None => return body.get("data").map(|_| Progress::Pending),
        Some(SonicData::Voice(voice)) => {
            return Some(result::persona(&voice).map_or(Progress::Pending, Progress::Done));
        }
        Some(SonicData::Items(items)) => items,
    };
    let mut sorted = Sorted::default();
    for item in &items {
        match item {
            SonicItem::Clip(clip) => {
                let label = stem_label(operation, clip);
                let shaped = result::sonic_clip(clip, label.as_deref());
                sorted.add(stage(clip), shaped, clip.error_message.as_ref());
            }
            SonicItem::Pair(pair) => sort_pair(pair, &mut sorted),
        }
    }
    Some(sorted.conclude(error))
}

/// Sorts a pair: the whole song is what was asked for, the part it was made of comes beside it.
fn sort_pair(pair: &SonicPairedClip, sorted: &mut Sorted) {
    let part = match (&pair.extended, &pair.replaced) {
        (Some(clip), _) => Some((clip, "extended")),
        (None, Some(clip)) => Some((clip, "replaced")),
        (None, None) => None,
    };
    let part_stage = part.map_or(Stage::Running, |(clip, _)| stage(clip));
    let shape_part = || part.map(|(clip, label)| result::sonic_clip(clip, Some(label)));
    match &pair.full {
        Some(full) => {
            let shaped = result::sonic_clip(full, Some("full"));
            let full_stage = stage(full);
            sorted.add(full_stage, shaped, full.error_message.as_ref());
            match (full_stage, part_stage) {
                (Stage::Succeeded, Stage::Succeeded) => sorted.parts.extend(shape_part()),
                // The join failed, the part can still be used.
                (Stage::Failed, Stage::Succeeded) => sorted.good.extend(shape_part()),
                _ => {}
            }
        }
        // Nothing will be joined to a part that failed; everything else is still to come.
        None if part_stage == Stage::Failed => {
            let error = part.and_then(|(clip, _)| clip.error_message.as_ref());
            sorted.add(Stage::Failed, shape_part().unwrap_or_default(), error);
        }
        None => sorted.running = true,
    }
}

fn stage(clip: &SonicClip) -> Stage {
    Stage::of(clip.state.as_deref())
}

/// Names a stem: by `stem_type`, else by the title, of which a name in brackets at the end says more.
fn stem_label(operation: &Operation, clip: &SonicClip) -> Option<String> {
    if clip.stem_type.is_some() {
        return clip.stem_type.clone();
    }
    if !operation.name.contains("stems") {
        return None;
    }
    let title = clip.title.as_deref()?.trim();
    let inner = title
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('))
        .map_or(title, |(_, inner)| inner.trim());
    (!inner.is_empty()).then(|| inner.to_owned())
}

fn producer(operation: &Operation, body: &Value, error: &ErrorBody) -> Option<Progress> {
    let answer: ProducerTaskResult = serde_json::from_value(body.clone()).ok()?;
    if answer.status.is_none() && body.get("data").is_none() {
        return None;
    }
    let stage = answer
        .status
        .as_deref()
        .map(|status| Stage::of(Some(status)));
    match stage {
        Some(Stage::Running) => return Some(Progress::Pending),
        Some(Stage::Failed) => return Some(failed(error, None)),
        Some(Stage::Succeeded) | None => {}
    }
    if answer.data.is_empty() {
        return Some(Progress::Pending);
    }
    let stage_of = |clip: &ProducerClip| match (&clip.state, stage) {
        // Beside SUCCESS a clip need not repeat its state; in 2025 its state was all there was.
        (None, Some(stage)) => stage,
        (state, _) => Stage::of(state.as_deref()),
    };
    if operation.result != ResultKind::Clips {
        let stages: Vec<Stage> = answer.data.iter().map(stage_of).collect();
        return Some(if stages.contains(&Stage::Failed) {
            let text = answer
                .data
                .iter()
                .find_map(|item| item.error_message.as_deref());
            failed(&without_message(error), text)
        } else if stages.contains(&Stage::Running) {
            Progress::Pending
        } else {
            let raw = body.get("data").unwrap_or(&Value::Null);
            Progress::Done(result::producer_items(operation.result, &answer.data, raw))
        });
    }
    let mut sorted = Sorted::default();
    for clip in &answer.data {
        let shaped = result::producer_clip(clip);
        sorted.add(stage_of(clip), shaped, clip.error_message.as_ref());
    }
    Some(sorted.conclude(error))
}

fn nuro(body: &Value, error: &ErrorBody) -> Option<Progress> {
    let answer: NuroTaskResult = serde_json::from_value(body.clone()).ok()?;
    Some(match Stage::of(Some(answer.status.as_deref()?)) {
        Stage::Running => Progress::Pending,
        Stage::Failed => failed(error, None),
        Stage::Succeeded => {
            let clip = result::nuro_clip(&answer);
            Progress::Done(result::clips(vec![clip], Vec::new(), Vec::new()))
        }
    })
}

/// Beside failed items the envelope still says `success`.
fn without_message(error: &ErrorBody) -> ErrorBody {
    ErrorBody {
        message: None,
        ..error.clone()
    }
}

#[cfg(test)]
mod tests;
