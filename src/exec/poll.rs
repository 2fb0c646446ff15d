//! Follows a task to its end. Polls are free of charge, so a fault only ever means to ask again.

use std::time::Duration;

use crate::api::{Fault, FaultKind, Progress, Refusal};
use crate::catalog::{Kind, PollShape};
use crate::ledger::{HeldJob, JobEvent, LedgerError};
use crate::model::{JobResult, JobState, RunEvent, StopCause, TaskId};

use super::cadence::TASK_PATIENCE;
use super::worker::{Shared, storage};

/// How long a task may be answered with "no such task" before it counts as lost, which is for good: a provider that
/// restarts or copies its records may not know its tasks for minutes.
const MISSING_PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Faults in a row before the provider counts as unreachable.
const FAULTS_IN_A_ROW: u32 = 30;

/// What became of a task.
pub(super) enum Polled {
    /// Here is its result; it is recorded.
    Done(JobResult),
    /// Nothing more to do in this run.
    Settled(JobState),
    /// The run must stop; the task goes on and is found again by a resume.
    Stop(StopCause),
}

/// Polls a task until it ends.
pub(super) async fn poll(shared: &Shared, job: &HeldJob, task: &TaskId) -> Polled {
    match poll_until_settled(shared, job, task).await {
        Ok(polled) => polled,
        Err(error) => Polled::Stop(storage(&error)),
    }
}

async fn poll_until_settled(
    shared: &Shared,
    job: &HeldJob,
    task: &TaskId,
) -> Result<Polled, LedgerError> {
    let Some((operation, described)) = shared.operation(&job.operation) else {
        let message = format!("operation `{}` is not in the catalog", job.operation);
        return Ok(Polled::Stop(StopCause::Storage { message }));
    };
    let shape = match described.kind {
        Kind::Task(shape) | Kind::Status(shape) => shape,
        Kind::Sync => PollShape::Sonic,
    };
    let clock = &shared.engine.clock;
    let started = clock.elapsed();
    let mut trouble = Trouble::default();
    loop {
        let age = clock.elapsed().saturating_sub(started);
        if age > TASK_PATIENCE {
            let message = format!("task `{task}` of job `{}` still runs after {age:?}", job.id);
            shared.tell(RunEvent::Warning { message });
            return Ok(Polled::Settled(JobState::Accepted));
        }
        clock
            .sleep(shared.cadence.next(&job.operation, shape, age))
            .await;
        let slot = shared.poll_slots.acquire().await;
        let answer = shared.engine.service.poll(operation, task).await;
        drop(slot);
        match answer {
            Ok(Progress::Pending) => trouble = Trouble::default(),
            Ok(Progress::Done(result)) => {
                shared
                    .cadence
                    .learn(&job.operation, clock.elapsed().saturating_sub(started));
                let event = JobEvent::Succeed {
                    result: result.clone(),
                };
                shared.record(job, vec![event]).await?;
                return Ok(Polled::Done(result));
            }
            Ok(Progress::Failed { message, refunded }) => {
                let refunded = refunded.unwrap_or(false);
                let event = JobEvent::Fail {
                    error: message,
                    refunded,
                };
                return Ok(Polled::Settled(shared.record(job, vec![event]).await?));
            }
            Err(fault) => match trouble.judge(&fault, clock.elapsed()) {
                Verdict::AskAgain => {
                    tracing::debug!(job = %job.id, %task, error = %fault.message, "poll failed");
                }
                Verdict::Stop(cause) => return Ok(Polled::Stop(cause)),
                Verdict::Lost => {
                    let error = format!("task `{task}` can't be found: {}", fault.message);
                    let state = shared.record(job, vec![JobEvent::Lose { error }]).await?;
                    return Ok(Polled::Settled(state));
                }
            },
        }
    }
}

/// Faults in a row while a task is polled.
#[derive(Default)]
struct Trouble {
    missing_since: Option<Duration>,
    faults: u32,
}

/// What a fault of a poll means.
enum Verdict {
    AskAgain,
    Stop(StopCause),
    Lost,
}

impl Trouble {
    fn judge(&mut self, fault: &Fault, now: Duration) -> Verdict {
        use Refusal as R;
        self.faults += 1;
        let message = || fault.message.clone();
        match fault.kind {
            FaultKind::Refused(R::Key | R::Subscription) => {
                Verdict::Stop(StopCause::Access { message: message() })
            }
            FaultKind::Refused(R::NotFound | R::Invalid | R::Retired) => {
                let since = *self.missing_since.get_or_insert(now);
                if now.saturating_sub(since) >= MISSING_PATIENCE {
                    Verdict::Lost
                } else {
                    Verdict::AskAgain
                }
            }
            _ if self.faults >= FAULTS_IN_A_ROW => {
                Verdict::Stop(StopCause::Unreachable { message: message() })
            }
            _ => Verdict::AskAgain,
        }
    }
}
