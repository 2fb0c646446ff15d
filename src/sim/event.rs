//! What happened, as facts: the only things that change the state, live and on replay.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{Balance, Credits};

use super::account::Charge;
use super::seed::{Id, RequestDigest};
use super::task::{Ending, Millis, Task};

/// A fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A run began; with a balance, the account began anew.
    Opened {
        at: Millis,
        balance: Option<Balance>,
    },
    /// Credits were added.
    ToppedUp {
        at: Millis,
        credits: Credits,
        extra_credits: Credits,
    },
    /// A submit was not acted on.
    Refused {
        at: Millis,
        operation: Cow<'static, str>,
        status: u16,
        /// Whether it had passed the rate limit, and so counts against it.
        passed: bool,
    },
    /// A submit, or an item of a batch, was acted on.
    Accepted(Box<Acceptance>),
}

impl Event {
    pub(crate) fn at(&self) -> Millis {
        match self {
            Self::Opened { at, .. } | Self::ToppedUp { at, .. } | Self::Refused { at, .. } => *at,
            Self::Accepted(acceptance) => acceptance.at,
        }
    }

    /// Returns when all that it began is over; a task that never ends does not count.
    pub(crate) fn over_at(&self) -> Millis {
        let tasks = match self {
            Self::Accepted(acceptance) => acceptance.tasks.as_slice(),
            _ => &[],
        };
        let ends = tasks
            .iter()
            .filter(|task| task.ending != Ending::Never)
            .map(|task| task.submitted.saturating_add(task.takes));
        ends.fold(self.at(), Millis::max)
    }
}

/// What acting on a request made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Acceptance {
    pub at: Millis,
    pub operation: Cow<'static, str>,
    pub status: u16,
    pub charge: Charge,
    pub digest: RequestDigest,
    /// Whether it is a request of its own; an item of a batch is not.
    pub counts: bool,
    /// The task that is paid for.
    pub task: Option<Id>,
    /// All tasks made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Anything else to be remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Until when the balance does not show the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_until: Option<Millis>,
}

/// Something to be remembered beside tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Note {
    /// A persona was made at once.
    Persona(Id),
    /// A clip's files were asked for the first time and begin to render.
    Rendering(Id),
    /// A clip's lyrics were aligned and paid for.
    Aligned(Id),
    /// A batch was taken, with the tasks of its items in order.
    Batch { id: Id, tasks: Vec<Option<Id>> },
}
