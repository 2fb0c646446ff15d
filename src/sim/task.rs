//! A task and its clips. How far a task has come is a function of its age alone: nothing runs in the background.
//!
//! ```text
//! age      0 %      20 %                 80 %        100 %
//! Sonic    202 ──▶ all clips running ──▶ one by one ──▶ all succeeded | failed
//! Producer 202 or PENDING ──▶ running ───────────────▶ SUCCESS | FAILED
//! Nuro     pending ──▶ running, progress grows ──────▶ succeeded | failed
//! ```

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::Family;

use super::account::Charge;
use super::audio::{Flaw, Recording};
use super::seed::Id;
use super::tune::PartSet;

/// A point in time: milliseconds since the epoch, by the simulator's clock.
pub(crate) type Millis = i64;

/// What a poll shows of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shows {
    /// Its clips.
    Clips,
    /// Pairs of clips: under this name the new part, under `full` the part joined to its source.
    Pairs(String),
    /// A persona made from a recording.
    Voice { persona: Id, name: String },
    /// Lyrics (Producer).
    Lyrics,
    /// A video of its source clip.
    Video,
    /// A file of its source clip in a format.
    File { format: String },
    /// Nothing: it only keeps a clip that was registered at once.
    Registered,
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    Succeeds,
    /// Its clips end as failed; Producer says `FAILED`.
    FailsInClips,
    /// The poll answers 500 with type `failed`.
    FailsInPoll,
    /// The poll answers 504.
    TimesOut,
    /// It never becomes ready.
    Never,
}

/// What a clip is made of, as far as later requests ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// Generated.
    Made,
    /// Uploaded.
    Uploaded,
    /// The added part of an extension or a replaced section: can be joined to its source.
    Part,
    /// A stem.
    Stem,
}

/// What all clips of a task share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Words {
    pub title: String,
    pub lyrics: String,
    /// Fields of the request that the answer repeats under their own names.
    pub echo: Map<String, Value>,
}

/// A clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Clip {
    pub id: Id,
    pub recording: RecordingData,
    pub origin: Origin,
    /// The stem's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The clip it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Id>,
}

/// A recording in a form that can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordingData {
    pub seed: u64,
    pub parts: PartSet,
    pub millis: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Flaw>,
}

impl Clip {
    pub(crate) fn recording(&self) -> Recording {
        Recording {
            seed: self.recording.seed,
            parts: self.recording.parts,
            millis: self.recording.millis,
            flaw: self.recording.flaw,
        }
    }

    /// Returns the length in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        f64::from(self.recording.millis) / 1_000.0
    }

    /// Returns the length as the provider writes it on Sonic: a decimal string.
    pub(crate) fn seconds_text(&self) -> String {
        format!("{:.2}", self.seconds())
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub id: Id,
    pub family: Family,
    pub shows: Shows,
    pub submitted: Millis,
    /// How long it takes, in milliseconds.
    pub takes: Millis,
    pub ending: Ending,
    /// Whether its charge is given back when it fails.
    pub refunds: bool,
    pub charge: Charge,
    pub words: Words,
    pub clips: Vec<Clip>,
    /// Its place in the audit.
    #[serde(skip)]
    pub entry: usize,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    NotReady,
    /// Under way, with the share done in percent.
    Running(u8),
    Done,
    Failed,
}

impl Task {
    /// Returns when the task ends; never for one that never does.
    pub(crate) fn ends(&self) -> Millis {
        match self.ending {
            Ending::Never => Millis::MAX,
            _ => self.submitted.saturating_add(self.takes),
        }
    }

    /// Tells whether the task fails in the end.
    pub(crate) fn fails(&self) -> bool {
        matches!(
            self.ending,
            Ending::FailsInClips | Ending::FailsInPoll | Ending::TimesOut
        )
    }

    /// Returns how far the task has come.
    pub(crate) fn stage(&self, now: Millis) -> Stage {
        if self.ending == Ending::Never {
            return Stage::NotReady;
        }
        if now >= self.ends() {
            return if self.fails() {
                Stage::Failed
            } else {
                Stage::Done
            };
        }
        match self.percent(now) {
            0..20 => Stage::NotReady,
            percent => Stage::Running(percent),
        }
    }

    /// Tells whether a clip of it can be listened to: the last at the end, those before it a little earlier.
    pub(crate) fn clip_is_done(&self, index: usize, now: Millis) -> bool {
        match self.stage(now) {
            Stage::Done => true,
            Stage::Running(percent) if !self.fails() => {
                let (nth, of) = (index + 1, self.clips.len().max(1));
                usize::from(percent) >= 80 + 20 * nth / of
            }
            _ => false,
        }
    }

    fn percent(&self, now: Millis) -> u8 {
        let age = now.saturating_sub(self.submitted).max(0);
        let percent = age.saturating_mul(100) / self.takes.max(1);
        u8::try_from(percent.min(99)).unwrap_or(99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::seed::{Draw, RequestDigest};

    fn task(takes: Millis, ending: Ending, clips: usize) -> Task {
        let draw = Draw::new(0, RequestDigest::of("/x", b"", "http://h"), 0);
        Task {
            id: draw.id("task", 0),
            family: Family::Suno,
            shows: Shows::Clips,
            submitted: 1_000,
            takes,
            ending,
            refunds: true,
            charge: Charge::default(),
            words: Words::default(),
            clips: (0..clips)
                .map(|n| Clip {
                    id: draw.id("clip", n),
                    recording: RecordingData {
                        seed: 1,
                        parts: PartSet::ALL,
                        millis: 8_000,
                        flaw: None,
                    },
                    origin: Origin::Made,
                    label: None,
                    source: None,
                })
                .collect(),
            entry: 0,
        }
    }

    #[test]
    fn a_task_goes_through_its_stages_by_age_alone() {
        let two = task(1_000, Ending::Succeeds, 2);
        let stages: Vec<(Stage, bool, bool)> = [0, 1_199, 1_200, 1_899, 1_900, 1_999, 2_000, 9_999]
            .into_iter()
            .map(|now| {
                (
                    two.stage(now),
                    two.clip_is_done(0, now),
                    two.clip_is_done(1, now),
                )
            })
            .collect();
        assert_eq!(
            stages,
            [
                (Stage::NotReady, false, false),
                (Stage::NotReady, false, false),
                (Stage::Running(20), false, false),
                (Stage::Running(89), false, false),
                (Stage::Running(90), true, false),
                (Stage::Running(99), true, false),
                (Stage::Done, true, true),
                (Stage::Done, true, true),
            ]
        );
    }

    #[test]
    fn a_task_without_duration_is_done_at_once_and_some_end_badly_or_never() {
        assert_eq!(task(0, Ending::Succeeds, 1).stage(1_000), Stage::Done);
        let failing = task(100, Ending::FailsInClips, 2);
        assert_eq!(failing.stage(1_099), Stage::Running(99));
        assert!(!failing.clip_is_done(0, 1_099));
        assert_eq!(failing.stage(1_100), Stage::Failed);
        assert_eq!(
            task(0, Ending::Never, 1).stage(Millis::MAX),
            Stage::NotReady
        );
    }
}
