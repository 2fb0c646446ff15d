//! What an endpoint works with: the state as it is, the time, and the draw of its request. It decides on no money.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::model::Family;

use super::audio::Flaw;
use super::body::Body;
use super::event::Note;
use super::fault::Effect;
use super::options::{Era, SimOptions};
use super::refusal::Refusal;
use super::seed::{Draw, Id};
use super::state::State;
use super::task::{Clip, Ending, Millis, Origin, RecordingData, Shows, Task, Words};
use super::tune::PartSet;

/// How long audio is when a request does not say, in seconds. Short, so that a rehearsal's files stay small.
const USUAL_SECONDS: u32 = 8;
const DAY_MS: Millis = 86_400_000;

/// An endpoint's surroundings.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub state: &'a State,
    pub options: &'a SimOptions,
    /// The address that result files are served below.
    pub base: &'a str,
    pub now: Millis,
    pub draw: Draw,
    /// The fault that strikes this request, if one does.
    pub fate: Option<Effect>,
}

/// What an endpoint would do, if it is let through and paid for.
#[derive(Debug)]
pub(crate) struct Work {
    /// The operation's catalog name.
    pub operation: Cow<'static, str>,
    pub status: u16,
    /// Whether this call costs anything.
    pub free: bool,
    /// The task that is paid for.
    pub task: Option<Id>,
    pub tasks: Vec<Task>,
    pub note: Option<Note>,
    pub answer: Value,
}

impl Work {
    /// Answers at once.
    pub(crate) fn answer(operation: &'static str, answer: Value) -> Self {
        Self {
            operation: Cow::Borrowed(operation),
            status: 200,
            free: false,
            task: None,
            tasks: Vec::new(),
            note: None,
            answer,
        }
    }

    /// Starts a task; the live answer has no `code` (api facts, section 1.2).
    pub(crate) fn task(operation: &'static str, task: Task) -> Self {
        Self {
            task: Some(task.id),
            answer: json!({"message": "success", "task_id": task.id}),
            tasks: vec![task],
            ..Self::answer(operation, Value::Null)
        }
    }
}

/// A clip that a request refers to.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub clip: &'a Clip,
    pub task: &'a Task,
}

impl<'a> Desk<'a> {
    /// Tells whether the API of 2026 is simulated.
    pub(crate) fn is_2026(&self) -> bool {
        self.options.era == Era::Y2026
    }

    /// Finds a clip of this account that is done.
    pub(crate) fn clip(&self, id: &str, family: Family) -> Result<Source<'a>, Refusal> {
        let found = id.parse().ok().and_then(|id| self.state.clip(id));
        let Some((clip, nth, task)) = found.filter(|(_, _, task)| task.family == family) else {
            return Err(Refusal::invalid("clip not found."));
        };
        if task.clip_is_done(nth, self.now) {
            Ok(Source { clip, task })
        } else {
            Err(Refusal::invalid("The clip is not ready."))
        }
    }

    /// Finds the clip that a required field names.
    pub(crate) fn source(
        &self,
        body: Body<'_>,
        field: &str,
        family: Family,
    ) -> Result<Source<'a>, Refusal> {
        self.clip(body.required(field)?, family)
    }

    /// Refuses a clip of more than 24 hours.
    pub(crate) fn must_be_young(&self, source: Source<'_>) -> Result<(), Refusal> {
        if self.now.saturating_sub(source.task.submitted) > DAY_MS {
            Err(Refusal::invalid("The clip is older than 24 hours."))
        } else {
            Ok(())
        }
    }

    /// Returns how long audio becomes, in milliseconds.
    pub(crate) fn millis(&self, asked_seconds: Option<u32>) -> u32 {
        let seconds = asked_seconds.unwrap_or(USUAL_SECONDS);
        seconds.min(self.options.audio_seconds) * 1_000
    }

    /// Returns a result file's address.
    pub(crate) fn file(&self, id: Id, extension: &str) -> String {
        format!("{}/simulator/files/{id}.{extension}", self.base)
    }

    /// Makes a whole new recording.
    pub(crate) fn clip_of(&self, nth: usize, millis: u32, origin: Origin) -> Clip {
        Clip {
            id: self.draw.id("clip", nth),
            recording: RecordingData {
                seed: self.draw.number("tune", nth),
                parts: PartSet::ALL,
                millis,
                flaw: self.flaw(),
            },
            origin,
            label: None,
            source: None,
        }
    }

    /// Makes the recordings of a generation.
    pub(crate) fn clips(&self, count: usize, millis: u32, source: Option<Source<'_>>) -> Vec<Clip> {
        (0..count)
            .map(|nth| Clip {
                source: source.map(|source| source.clip.id),
                ..self.clip_of(nth, millis, Origin::Made)
            })
            .collect()
    }

    /// Makes a task that ends as chance or schedule will have it.
    pub(crate) fn task(
        &self,
        family: Family,
        shows: Shows,
        words: Words,
        clips: Vec<Clip>,
    ) -> Task {
        let usual = match family {
            Family::Suno | Family::Lyrics => 150_000,
            Family::Producer => 30_000,
            Family::Nuro => 45_000,
        };
        let nominal = self.options.task_time.map_or(usual, |span| {
            Millis::try_from(span.0.as_millis()).unwrap_or(usual)
        });
        // From four to six fifths of the nominal time.
        let share = 80 + Millis::try_from(self.draw.number("time", 0) % 41).unwrap_or(20);
        Task {
            id: self.draw.id("task", 0),
            family,
            shows,
            submitted: self.now,
            takes: nominal.saturating_mul(share) / 100,
            ending: self.ending(),
            refunds: self.options.refunds,
            charge: super::account::Charge::default(),
            words,
            clips,
            entry: 0,
        }
    }

    /// Makes the record of a clip that is registered without a task of its own.
    pub(crate) fn registered(&self, family: Family, clip: Clip) -> Task {
        Task {
            id: self.draw.id("registered", 0),
            takes: 0,
            ending: Ending::Succeeds,
            ..self.task(family, Shows::Registered, Words::default(), vec![clip])
        }
    }

    /// Returns what the schedule makes wrong with the files of this request's clips.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        match self.fate? {
            Effect::Silent => Some(Flaw::Silent),
            Effect::Garbled => Some(Flaw::Garbled),
            Effect::Short => Some(Flaw::Short),
            _ => None,
        }
    }

    fn ending(&self) -> Ending {
        match self.fate {
            Some(Effect::FailedPoll) => return Ending::FailsInPoll,
            Some(Effect::FailedClips) => return Ending::FailsInClips,
            Some(Effect::Timeout) => return Ending::TimesOut,
            Some(Effect::Forever) => return Ending::Never,
            _ => {}
        }
        if self.draw.fraction("failure") >= self.options.failure_rate {
            Ending::Succeeds
        } else if self.draw.number("style", 0).is_multiple_of(2) {
            Ending::FailsInPoll
        } else {
            Ending::FailsInClips
        }
    }
}

/// Copies fields of a request that the answer repeats.
pub(crate) fn echo(body: Body<'_>, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), body.value(name)?.clone())))
        .collect()
}
