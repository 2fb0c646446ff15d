//! What is worth writing beside a job's files and is past when they are saved: its task, and when it was sent.
//!
//! The ledger has it all; this saves a read of it for each file.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::ledger::{Due, JobEvent};
use crate::model::{Ordinal, TaskId};

/// The past of one job.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Track {
    pub(super) task: Option<TaskId>,
    pub(super) submitted_at: Option<Timestamp>,
}

/// What of a step belongs to a job's past.
#[derive(Debug, Default)]
pub(super) struct Mark {
    is_sent: bool,
    task: Option<TaskId>,
    is_over: bool,
}

impl Mark {
    pub(super) fn of(events: &[JobEvent]) -> Self {
        let mut mark = Self::default();
        for event in events {
            match event {
                JobEvent::Send => mark.is_sent = true,
                JobEvent::Accept { task } => mark.task.clone_from(task),
                JobEvent::Succeed { .. } => {}
                _ => mark.is_over = true,
            }
        }
        mark
    }
}

/// The past of the jobs that are on their way.
#[derive(Debug, Default)]
pub(super) struct Tracks(Mutex<HashMap<Ordinal, Track>>);

impl Tracks {
    /// Takes over what an earlier process has recorded of a job that is still on its way.
    pub(super) fn recall(&self, due: &Due) {
        let track = Track {
            task: due.task.clone(),
            submitted_at: due.submitted_at,
        };
        self.lock().insert(due.job.ordinal, track);
    }

    /// Notes what was recorded of a job.
    pub(super) fn note(&self, job: Ordinal, mark: Mark, now: Timestamp) {
        let mut tracks = self.lock();
        if mark.is_over {
            tracks.remove(&job);
            return;
        }
        if mark.is_sent {
            tracks.entry(job).or_default().submitted_at = Some(now);
        }
        if mark.task.is_some() {
            tracks.entry(job).or_default().task = mark.task;
        }
    }

    /// Returns what is known of a job.
    pub(super) fn of(&self, job: Ordinal) -> Track {
        self.lock().get(&job).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Ordinal, Track>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
