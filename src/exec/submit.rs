//! The one place that sends requests which may cost credits. Read it as a payment is read.
//!
//! Every way through [`submit`] records `Sent` durably before the request leaves and records the answer before
//! anything else happens. A request is sent again only when its fault says that the first was not acted on,
//! or that the provider refused it without charging.

use std::time::Duration;

use crate::api::{Answer, Fault, FaultKind, Refusal};
use crate::catalog::{Kind, ResultKind};
use crate::ledger::{HeldJob, JobEvent, LedgerError};
use crate::model::{JobResult, JobState, RunEvent, StopCause, TaskId};

use super::backoff;
use super::prepare::prepare;
use super::publish::{Files, Unpublished};
use super::worker::{Shared, storage};

/// What became of a held job.
pub(super) enum Submitted {
    /// Accepted; the task runs.
    Task(TaskId),
    /// Accepted, and the result is here and recorded.
    Done(JobResult),
    /// Nothing more to do in this run.
    Settled(JobState),
    /// The run must stop.
    Stop(StopCause),
}

/// How often one job was turned away, by reason; each reason has its own patience.
#[derive(Default)]
struct Patience {
    not_sent: u32,
    busy: u32,
    not_ready: u32,
    failed_free: u32,
}

/// What follows from an answer.
enum Next {
    /// The job is through with submitting.
    End(Submitted),
    /// Send it again after this wait; `Held` is recorded.
    Again(Duration),
}

/// Submits a held job until it is accepted, refused, in doubt, or the run stops.
///
/// `files` gets what the provider must be able to reach until the job is over.
pub(super) async fn submit(shared: &Shared, job: &HeldJob, files: &mut Files) -> Submitted {
    match attempt_until_settled(shared, job, files).await {
        Ok(submitted) => submitted,
        Err(error) => Submitted::Stop(storage(&error)),
    }
}

async fn attempt_until_settled(
    shared: &Shared,
    job: &HeldJob,
    files: &mut Files,
) -> Result<Submitted, LedgerError> {
    let (call, kind) = match prepare(shared, job, files).await {
        Ok(prepared) => prepared,
        Err(Unpublished::File(error)) => {
            let state = shared.record(job, vec![JobEvent::Skip { error }]).await?;
            return Ok(Submitted::Settled(state));
        }
        Err(Unpublished::Way(message)) => {
            shared.halt.cancel();
            release(shared, job, Some(message.clone())).await?;
            return Ok(Submitted::Stop(StopCause::Unreachable { message }));
        }
    };
    let mut patience = Patience::default();
    let mut rng = fastrand::Rng::with_seed(shared.engine.seed ^ u64::from(job.ordinal.0));
    loop {
        if shared.limiter.ready(&shared.halt).await.is_err() {
            return release(shared, job, None).await;
        }
        // From here to the recorded answer nothing may give up halfway except by leaving the process,
        // and then `Sent` is what a resume finds.
        match shared.record(job, vec![JobEvent::Send]).await {
            // The next hold waits for the other run, or uses what it bought.
            Err(LedgerError::BoughtElsewhere(_)) => return release(shared, job, None).await,
            recorded => recorded?,
        };
        // What stopped the run while this was being recorded stops the request too: it has not left.
        if shared.halt.is_cancelled() {
            return release(shared, job, None).await;
        }
        let answer = shared.engine.service.submit(&call).await;
        let next = match answer {
            Ok(answer) => accepted(shared, job, answer, &mut patience).await?,
            Err(fault) => faulted(shared, job, kind, &fault, &mut patience, &mut rng).await?,
        };
        match next {
            Next::End(submitted) => return Ok(submitted),
            Next::Again(wait) => {
                tokio::select! {
                    // In this order, so that a rehearsal comes out the same when both are due at once.
                    biased;
                    () = shared.halt.cancelled() => return release(shared, job, None).await,
                    () = shared.engine.clock.sleep(wait) => {}
                }
            }
        }
    }
}

async fn accepted(
    shared: &Shared,
    job: &HeldJob,
    answer: Answer,
    patience: &mut Patience,
) -> Result<Next, LedgerError> {
    shared.limiter.accepted();
    Ok(match answer {
        Answer::Task(task) => {
            record_payment(
                shared,
                job,
                vec![JobEvent::Accept {
                    task: Some(task.clone()),
                }],
            )
            .await?;
            Next::End(Submitted::Task(task))
        }
        Answer::Done(result) => {
            let events = vec![
                JobEvent::Accept { task: None },
                JobEvent::Succeed {
                    result: result.clone(),
                },
            ];
            record_payment(shared, job, events).await?;
            Next::End(Submitted::Done(result))
        }
        Answer::NotReady => {
            patience.not_ready += 1;
            let error = "still rendering at the provider".to_owned();
            if patience.not_ready >= backoff::NOT_READY_ATTEMPTS {
                Next::End(refuse(shared, job, error).await?)
            } else {
                shared.record(job, vec![JobEvent::Retry { error }]).await?;
                Next::Again(backoff::NOT_READY_WAIT)
            }
        }
    })
}

/// Records an answer that was paid for. The one record that must not be lost for a full disk: it is tried
/// again until it is durable or a person leaves, and the task is told so that it can be looked up by hand.
async fn record_payment(
    shared: &Shared,
    job: &HeldJob,
    events: Vec<JobEvent>,
) -> Result<JobState, LedgerError> {
    let mut attempt = 0;
    let mut rng = fastrand::Rng::with_seed(shared.engine.seed);
    loop {
        match shared.record(job, events.clone()).await {
            Err(error @ LedgerError::Broken { .. }) => {
                let message = format!("{} ({error})", unrecorded(job, &events));
                shared.tell(RunEvent::Warning { message });
                return Err(error);
            }
            Err(LedgerError::Storage { message, .. }) => {
                attempt += 1;
                // Only the first trouble is told; the dispatcher must know it before it sees jobs come back.
                drop(shared.trouble.set(message.clone()));
                shared.halt.cancel();
                let message = format!("{} ({message}); trying again", unrecorded(job, &events));
                shared.tell(RunEvent::Warning { message });
                shared
                    .engine
                    .clock
                    .sleep(backoff::wait(attempt, &mut rng))
                    .await;
            }
            other => return other,
        }
    }
}

/// Says what a person needs to look a payment up by hand.
fn unrecorded(job: &HeldJob, events: &[JobEvent]) -> String {
    let task = events.iter().find_map(|event| match event {
        JobEvent::Accept { task } => task.as_ref().map(|task| format!(" as task `{task}`")),
        _ => None,
    });
    let task = task.unwrap_or_default();
    format!(
        "job `{}` was accepted{task}, but the ledger can't record it",
        job.id
    )
}

async fn faulted(
    shared: &Shared,
    job: &HeldJob,
    kind: Kind,
    fault: &Fault,
    patience: &mut Patience,
    rng: &mut fastrand::Rng,
) -> Result<Next, LedgerError> {
    let error = fault.message.clone();
    // A status operation only reads: asking again can't pay again.
    let only_reads = matches!(kind, Kind::Status(_));
    Ok(match fault.kind {
        FaultKind::NotSent => not_sent(shared, job, error, &mut patience.not_sent, rng).await?,
        FaultKind::Unknown if only_reads => {
            not_sent(shared, job, error, &mut patience.not_sent, rng).await?
        }
        FaultKind::Unknown => {
            let state = shared.record(job, vec![JobEvent::Doubt { error }]).await?;
            Next::End(Submitted::Settled(state))
        }
        FaultKind::Refused(refusal) => refused(shared, job, refusal, fault, patience, rng).await?,
    })
}

async fn not_sent(
    shared: &Shared,
    job: &HeldJob,
    error: String,
    attempts: &mut u32,
    rng: &mut fastrand::Rng,
) -> Result<Next, LedgerError> {
    *attempts += 1;
    if *attempts >= backoff::NOT_SENT_ATTEMPTS {
        shared
            .record(
                job,
                vec![JobEvent::Release {
                    error: Some(error.clone()),
                }],
            )
            .await?;
        return Ok(Next::End(Submitted::Stop(StopCause::Unreachable {
            message: error,
        })));
    }
    again(shared, job, error, backoff::wait(*attempts, rng)).await
}

async fn refused(
    shared: &Shared,
    job: &HeldJob,
    refusal: Refusal,
    fault: &Fault,
    patience: &mut Patience,
    rng: &mut fastrand::Rng,
) -> Result<Next, LedgerError> {
    let error = fault.message.clone();
    let release = || {
        vec![JobEvent::Release {
            error: Some(error.clone()),
        }]
    };
    Ok(match refusal {
        Refusal::Credits => {
            shared.halt.cancel();
            shared.record(job, release()).await?;
            Next::End(Submitted::Stop(StopCause::ProviderCredits))
        }
        Refusal::Key | Refusal::Subscription => {
            shared.halt.cancel();
            shared.record(job, release()).await?;
            Next::End(Submitted::Stop(StopCause::Access { message: error }))
        }
        Refusal::Rate | Refusal::Capacity => {
            patience.busy += 1;
            let wait = shared.limiter.refused(fault.retry_after);
            shared.tell(RunEvent::Throttled { wait });
            if patience.busy >= backoff::BUSY_ATTEMPTS {
                shared.record(job, release()).await?;
                return Ok(Next::End(Submitted::Stop(StopCause::Unreachable {
                    message: error,
                })));
            }
            // The gate does the waiting, for this job as for all others.
            again(shared, job, error, Duration::ZERO).await?
        }
        Refusal::FailedFree => {
            patience.failed_free += 1;
            if patience.failed_free >= backoff::FAILED_FREE_ATTEMPTS {
                Next::End(refuse(shared, job, error).await?)
            } else {
                again(shared, job, error, backoff::wait(patience.failed_free, rng)).await?
            }
        }
        Refusal::NotFound => {
            let error = forget_uploads(shared, job, error).await?;
            Next::End(refuse(shared, job, error).await?)
        }
        Refusal::Moderation | Refusal::Invalid | Refusal::Retired => {
            Next::End(refuse(shared, job, error).await?)
        }
    })
}

/// Sees that uploads which the provider has no more are not reused; returns what there is to say.
async fn forget_uploads(
    shared: &Shared,
    job: &HeldJob,
    error: String,
) -> Result<String, LedgerError> {
    let catalog = &shared.engine.catalog;
    let uploads = catalog.ids().map(|id| catalog.get(id));
    let uploads = uploads.filter(|operation| operation.result == ResultKind::Upload);
    let uploads: Vec<_> = uploads
        .map(|operation| operation.name.to_string())
        .collect();
    let mut is_forgotten = false;
    for (print, given) in &job.upstream {
        if let Some(clip) = given["clip_id"].as_str() {
            let ledger = &shared.engine.ledger;
            let gone = ledger.forget(&shared.run, *print, uploads.clone(), clip);
            is_forgotten |= gone.await?;
        }
    }
    if !is_forgotten {
        return Ok(error);
    }
    Ok(format!(
        "{error}: the provider has forgotten an upload that this job uses; `setlist run` uploads it again"
    ))
}

async fn again(
    shared: &Shared,
    job: &HeldJob,
    error: String,
    wait: Duration,
) -> Result<Next, LedgerError> {
    let reason = error.clone();
    shared.record(job, vec![JobEvent::Retry { error }]).await?;
    shared.tell(RunEvent::Retrying {
        job: job.id.clone(),
        wait,
        reason,
    });
    Ok(Next::Again(wait))
}

async fn refuse(shared: &Shared, job: &HeldJob, error: String) -> Result<Submitted, LedgerError> {
    Ok(Submitted::Settled(
        shared.record(job, vec![JobEvent::Refuse { error }]).await?,
    ))
}

async fn release(
    shared: &Shared,
    job: &HeldJob,
    error: Option<String>,
) -> Result<Submitted, LedgerError> {
    Ok(Submitted::Settled(
        shared
            .record(job, vec![JobEvent::Release { error }])
            .await?,
    ))
}
