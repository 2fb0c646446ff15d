//! Runs that are paused, paced and asked while they go.

use super::super::{Deaf, Order};
use super::*;
use crate::model::Proof;

/// Carries the stage's run out while somebody steers it.
async fn steered<T>(
    stage: &Stage,
    options: RunOptions,
    steer: impl AsyncFnOnce(ControlHandle) -> T,
) -> (Ending, T) {
    let (handle, control) = control();
    tokio::join!(stage.go_with(options, control), steer(handle))
}

async fn pass(span_s: u64) {
    tokio::time::sleep(Duration::from_secs(span_s)).await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_sends_nothing_until_it_is_told_to_go_on() {
    let proofs = [Proof::Off, Proof::Canary, Proof::Audit];
    for proof in proofs {
        let provider = Provider::with(1000, vec![]);
        let stage = stage(provider, SpendLimits::default(), independent(12)).await;
        let options = RunOptions {
            proof,
            ..RunOptions::default()
        };
        let (ending, ()) = steered(&stage, options, async |handle| {
            tokio::time::sleep(Duration::from_millis(350)).await;
            let paused = handle.order(Order::Pause).await.unwrap();
            assert!(paused.is_paused);
            // What had left its gate by then arrives.
            pass(1).await;
            let arrived = stage.provider.arrived();
            assert!(!arrived.is_empty() && arrived.len() < 12, "{arrived:?}");
            pass(3600).await;
            assert_eq!(stage.provider.arrived(), arrived, "{proof:?}");
            let saved = |state| state == JobState::Saved;
            let through = stage.states().into_iter().filter(|state| saved(*state));
            assert_eq!(through.count(), arrived.len(), "what ran is collected");
            let held = handle.order(Order::Look).await.unwrap();
            assert_eq!(held.saving, 0);
            let on = handle.order(Order::GoOn).await.unwrap();
            assert!(!on.is_paused);
        })
        .await;
        assert_eq!(ending, Ending::Done, "{proof:?}");
        assert_eq!(stage.provider.accepted_total(), 12);
        stage.check_books(1000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_keeps_back_a_job_that_was_refused_for_now() {
    let script = vec![Act::Fault(FaultKind::Refused(Refusal::Capacity))];
    let provider = Provider::with(100, script);
    let stage = stage(provider, SpendLimits::default(), independent(1)).await;
    let (ending, ()) = steered(&stage, RunOptions::default(), async |handle| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        handle.order(Order::Pause).await.unwrap();
        pass(3600).await;
        assert_eq!(stage.provider.arrived().len(), 1);
        handle.order(Order::GoOn).await.unwrap();
    })
    .await;
    assert_eq!(ending, Ending::Done);
    assert_eq!(stage.provider.arrived().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_can_be_stopped_and_gives_back_what_it_held() {
    let provider = Provider::with(1000, vec![]);
    let stage = stage(provider, SpendLimits::default(), independent(12)).await;
    let (ending, ()) = steered(&stage, RunOptions::default(), async |handle| {
        tokio::time::sleep(Duration::from_millis(350)).await;
        handle.order(Order::Pause).await.unwrap();
        pass(60).await;
        handle.drain(StopCause::Signal(15));
        handle.drain(StopCause::Signal(15));
    })
    .await;
    assert_eq!(ending, Ending::Stopped(StopCause::Signal(15)));
    let totals = stage.engine.ledger.run(&stage.run).unwrap().totals;
    assert_eq!(totals.held, Credits::ZERO);
    stage.check_books(1000);
    assert_eq!(stage.go().await, Ending::Done, "a resume is not paused");
    assert_eq!(stage.provider.accepted_total(), 12);
    stage.check_books(1000);
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_with_nothing_left_to_send_ends() {
    let provider = Provider::with(1000, vec![]);
    let stage = stage(provider, SpendLimits::default(), independent(2)).await;
    let began = tokio::time::Instant::now();
    let (ending, late) = steered(&stage, RunOptions::default(), async |handle| {
        pass(2).await;
        handle.order(Order::Pause).await.unwrap();
        pass(600).await;
        handle.order(Order::Look).await
    })
    .await;
    assert_eq!(ending, Ending::Done);
    assert_eq!(late, Err(Deaf), "nobody answers once it is over");
    assert!(began.elapsed() < Duration::from_secs(603));
}

#[tokio::test(start_paused = true)]
async fn more_concurrency_fills_at_once_and_less_waits_for_ends() {
    for (orders, most) in [(vec![8], 8), (vec![1], 4), (vec![1, 9], 9)] {
        let provider = Provider {
            polls_until_done: 6,
            ..Provider::with(1000, vec![])
        };
        let stage = stage(provider, SpendLimits::default(), independent(30)).await;
        let (ending, ()) = steered(&stage, RunOptions::default(), async |handle| {
            pass(3).await;
            for order in &orders {
                let now = handle.order(Order::Concurrency(*order)).await.unwrap();
                assert_eq!(now.concurrency, *order);
                assert_eq!(now.in_flight, 4, "the others are not cut off");
            }
            pass(60).await;
            let last = *orders.last().unwrap();
            let running = handle.order(Order::Look).await.unwrap().in_flight;
            assert_eq!(running, u64::from(last));
        })
        .await;
        assert_eq!(ending, Ending::Done);
        assert_eq!(stage.provider.most_at_once.load(Ordering::SeqCst), most);
        stage.check_books(1000);
    }
}

#[tokio::test(start_paused = true)]
async fn more_concurrency_buys_no_more_than_the_limit() {
    let limits = SpendLimits {
        run: Some(Credits::new(5 * PRICE)),
        ..SpendLimits::default()
    };
    let stage = stage(Provider::with(1000, vec![]), limits, independent(30)).await;
    let (ending, ()) = steered(&stage, RunOptions::default(), async |handle| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        handle.order(Order::Concurrency(30)).await.unwrap();
    })
    .await;
    assert!(matches!(ending, Ending::Stopped(StopCause::Limit { .. })));
    assert_eq!(stage.provider.accepted_total(), 5);
}

#[tokio::test(start_paused = true)]
async fn another_rate_is_kept_from_the_next_submit_on() {
    let provider = Provider::with(1000, vec![]);
    let stage = stage(provider, SpendLimits::default(), independent(30)).await;
    let slow = Rate {
        count: 6,
        per: Duration::from_secs(60),
    };
    let (ending, ()) = steered(&stage, RunOptions::default(), async |handle| {
        let now = handle.order(Order::Rate(slow)).await.unwrap();
        assert_eq!(now.rate, slow);
        let before = stage.provider.arrived().len();
        pass(61).await;
        let sent = stage.provider.arrived().len() - before;
        assert!((6..=8).contains(&sent), "{sent} submits in a minute");
        let swift = Rate { count: 60, ..slow };
        handle.order(Order::Rate(swift)).await.unwrap();
        pass(59).await;
    })
    .await;
    assert_eq!(ending, Ending::Done);
    stage.check_books(1000);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_stays_within_the_books_however_a_run_is_steered() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let script = vec![Act::Fault(FaultKind::Refused(Refusal::Rate)), Act::Accept];
        let provider = Provider::with(1000, script);
        let limits = SpendLimits {
            run: Some(Credits::new(20 * PRICE)),
            ..SpendLimits::default()
        };
        let stage = stage(provider, limits, independent(40)).await;
        let (ending, ()) = steered(&stage, RunOptions::default(), async |handle| {
            for _ in 0..rng.u64(1..40) {
                tokio::time::sleep(Duration::from_millis(rng.u64(0..900))).await;
                let order = match rng.u8(0..5) {
                    0 => Order::Pause,
                    1 => Order::GoOn,
                    2 => Order::Look,
                    3 => Order::Concurrency(rng.u32(0..12)),
                    _ => Order::Rate(Rate {
                        count: rng.u32(1..20),
                        per: Duration::from_secs(rng.u64(1..5)),
                    }),
                };
                if handle.order(order).await == Err(Deaf) {
                    return;
                }
            }
            drop(handle.order(Order::GoOn).await);
        })
        .await;
        assert!(
            matches!(ending, Ending::Stopped(StopCause::Limit { .. })),
            "{seed}: {ending:?}"
        );
        assert_eq!(stage.provider.accepted_total(), 20, "{seed}");
        stage.check_books(1000);
    }
}
