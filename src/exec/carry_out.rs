//! A run from its opening balance to its closing one; what lies between is the dispatcher's.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::api::Fault;
use crate::ledger::Rise;
use crate::model::{Credits, RunEvent, RunId, RunRecord, RunTotals, StopCause};

use super::control::Control;
use super::dispatcher::{Dispatcher, Stop};
use super::ending::{self, Ending, ExecError};
use super::observe::{self, ObserveError, Observed};
use super::recover::recover;
use super::worker::{Engine, RunOptions, Shared};

/// Carries a run out, or goes on with it, until it is over or stopped.
///
/// # Errors
/// When the ledger can't be used or the balance can't be read: then nothing was sent.
pub async fn carry_out(
    engine: &Engine,
    run: &RunId,
    options: RunOptions,
    mut control: Control,
    events: mpsc::UnboundedSender<RunEvent>,
) -> Result<Ending, ExecError> {
    let account = engine.ledger.run(run)?.account;
    let reading = async {
        tokio::select! {
            biased;
            cause = control.stopped() => Ok(Err(cause)),
            read = observe::read(engine, &account) => match read {
                Ok(observed) => Ok(Ok(observed)),
                Err(ObserveError::Ledger(error)) => Err(error),
                Err(ObserveError::Provider(fault)) => Ok(Err(unreadable(&fault))),
            },
        }
    };
    // A balance is asked for freely: this need not wait until the run is ours, and nobody waits for it if it is not.
    let ((), read) = tokio::try_join!(engine.ledger.start(run, engine.clock.now()), reading)?;
    let mut record = engine.ledger.run(run)?;
    if let Some(pace) = options.pace {
        let settings = &mut record.settings;
        settings.rate = pace.rate;
        settings.concurrency = pace.concurrency;
        settings.poll = pace.poll;
    }
    let shared = Arc::new(Shared::new(
        engine.clone(),
        run.clone(),
        record.settings.clone(),
        events,
    ));
    let observed = match read {
        Ok(observed) => observed,
        Err(cause) => return give_back(&shared, cause).await,
    };
    let opening = observed.balance.available().unwrap_or(Credits::MAX);
    // Asked for together, they are one commit.
    let (noted, kept, opened) = tokio::join!(
        observe::note(&shared, &record.account, observed),
        observe::keep(engine, &record.account, observed, Rise::MayPass),
        engine.ledger.set_opening(run, opening),
    );
    noted?;
    opened?;
    kept?;
    shared.tell(RunEvent::Started {
        jobs: record.totals.jobs,
        done: record.totals.ended,
        balance: opening,
    });
    let leftovers = recover(&shared).await?;
    let known_closing = options.closing;
    let mut dispatcher = Dispatcher::new(shared.clone(), &record, options);
    dispatcher.take_up(leftovers);
    let stop = dispatcher.run(&mut control).await;
    control.close();
    close(&shared, &record, known_closing, stop, &mut control).await
}

fn unreadable(fault: &Fault) -> StopCause {
    let message = fault.message.clone();
    if ending::is_final(fault) {
        StopCause::Access { message }
    } else {
        StopCause::Unreachable { message }
    }
}

/// Ends a run that could not even read the balance, or was stopped while it did.
async fn give_back(shared: &Shared, cause: StopCause) -> Result<Ending, ExecError> {
    // What a dead process sent is in doubt whether or not the provider can be reached: a person must see it.
    recover(shared).await?;
    let engine = &shared.engine;
    let ending = Ending::Stopped(cause);
    let now = engine.clock.now();
    engine
        .ledger
        .finish(&shared.run, &ending.describe(), None, now)
        .await?;
    Ok(ending)
}

/// Reads the closing balance and writes the run's end.
async fn close(
    shared: &Shared,
    record: &RunRecord,
    known_closing: Option<Credits>,
    stop: Stop,
    control: &mut Control,
) -> Result<Ending, ExecError> {
    let engine = &shared.engine;
    if stop.at_once {
        // Changes are written in turn: after this one all that the workers asked for is there to be read.
        engine
            .ledger
            .renew_lease(&shared.run, engine.clock.now())
            .await?;
        // Nobody waits any more for the answers to what is on the wire, so these payments are in doubt from now on.
        recover(shared).await?;
    }
    let read = async {
        match (&stop.cause, stop.at_once) {
            // Whoever leaves at once waits for nobody; and what can't be recorded need not be asked.
            (_, true) | (Some(StopCause::Storage { .. }), _) => None,
            // Worth one question, not a minute of waiting for a provider that is gone.
            (Some(StopCause::Unreachable { .. }), _) => {
                let mark = engine.ledger.mark_balance(&record.account).await.ok()?;
                let asked = engine.clock.now();
                let balance = engine.service.balance().await.ok()?;
                Some(Observed {
                    mark,
                    asked,
                    balance,
                })
            }
            _ => observe::read(engine, &record.account).await.ok(),
        }
    };
    let observed = tokio::select! {
        biased;
        _ = control.stopped() => None,
        observed = read => observed,
    };
    let closing = observed.and_then(|observed| observed.balance.available().ok());
    let totals = engine.ledger.run(&shared.run)?.totals;
    let sums = |totals: RunTotals| (totals.charged, totals.refunded);
    let known = known_closing.filter(|_| sums(totals) == sums(record.totals));
    let closing = known.or(closing);
    let defects = engine.ledger.defects(&shared.run)?;
    let ending = Ending::judge(&totals, defects, stop.cause);
    let now = engine.clock.now();
    let note = async {
        if let Some(observed) = observed {
            // What is not noted now is noted by the next run.
            let note = observe::note(shared, &record.account, observed);
            let keep = observe::keep(engine, &record.account, observed, Rise::MayPass);
            drop(tokio::join!(note, keep));
        }
    };
    let words = ending.describe();
    let finish = engine.ledger.finish(&shared.run, &words, closing, now);
    // Asked for together, they are one commit.
    let ((), finished) = tokio::join!(note, finish);
    match finished {
        Ok(()) => Ok(ending),
        // The run already stops for the ledger's sake; that it can't write its end either is no news.
        Err(_) if matches!(ending, Ending::Stopped(StopCause::Storage { .. })) => Ok(ending),
        Err(error) => Err(error.into()),
    }
}
