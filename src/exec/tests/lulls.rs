//! The balance beside the books while a run goes on.

use super::*;
use crate::model::OnDrift;

/// Three jobs, one after the other, each of more than a minute.
async fn slow_chain() -> Stage {
    let provider = Provider {
        polls_until_done: 20,
        ..Provider::with(100, vec![])
    };
    let jobs = vec![job(0, &[]), job(1, &[0]), job(2, &[1])];
    stage(provider, SpendLimits::default(), jobs).await
}

/// Carries the run out while somebody does something to the account, and returns its ending and its warnings.
async fn go_beside(
    stage: &Stage,
    on_drift: OnDrift,
    somebody: impl Future<Output = ()> + Send + 'static,
) -> (Ending, Vec<String>) {
    let somebody = tokio::spawn(somebody);
    let (_handle, control) = control();
    let (events, mut seen) = mpsc::unbounded_channel();
    let options = RunOptions {
        on_drift,
        ..SETTLING
    };
    let ending = carry_out(&stage.engine, &stage.run, options, control, events);
    let ending = ending.await.unwrap();
    somebody.abort();
    let mut warnings = Vec::new();
    while let Ok(event) = seen.try_recv() {
        if let RunEvent::Warning { message } = event {
            warnings.push(message);
        }
    }
    (ending, warnings)
}

async fn takes_seven(provider: Arc<Provider>) {
    tokio::time::sleep(Duration::from_secs(30)).await;
    provider.balance.fetch_sub(7, Ordering::SeqCst);
}

#[tokio::test(start_paused = true)]
async fn what_goes_missing_is_told_in_the_next_lull() {
    let stage = slow_chain().await;
    let thief = takes_seven(stage.provider.clone());
    let (ending, warnings) = go_beside(&stage, OnDrift::Warn, thief).await;
    assert_eq!(ending, Ending::Done);
    assert_eq!(warnings.len(), 1, "told once: {warnings:?}");
    assert!(warnings[0].starts_with("7 credits are missing"));

    let stage = slow_chain().await;
    let thief = takes_seven(stage.provider.clone());
    let (ending, _) = go_beside(&stage, OnDrift::Stop, thief).await;
    assert!(
        matches!(&ending, Ending::Stopped(StopCause::Drift { message }) if message.contains("7 credits")),
        "{ending:?}"
    );
    assert_eq!(stage.provider.arrived(), ["j0"], "nothing more was sent");
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_going_missing_is_told_too() {
    let stage = slow_chain().await;
    let provider = stage.provider.clone();
    // Another amount at each reading.
    let leak = async move {
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            provider.balance.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let (ending, _) = go_beside(&stage, OnDrift::Stop, leak).await;
    assert!(
        matches!(ending, Ending::Stopped(StopCause::Drift { .. })),
        "{ending:?}"
    );
    assert_eq!(stage.provider.arrived(), ["j0"], "nothing more was sent");
}

#[tokio::test(start_paused = true)]
async fn what_turns_up_again_and_what_is_bought_is_no_drift() {
    let stage = slow_chain().await;
    let provider = stage.provider.clone();
    // No two readings, five seconds apart, meet the low.
    let waves = async move {
        loop {
            tokio::time::sleep(Duration::from_secs(6)).await;
            provider.balance.fetch_sub(7, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(4)).await;
            provider.balance.fetch_add(7, Ordering::SeqCst);
        }
    };
    let (ending, warnings) = go_beside(&stage, OnDrift::Stop, waves).await;
    assert_eq!((ending, warnings), (Ending::Done, vec![]));

    let stage = slow_chain().await;
    let provider = stage.provider.clone();
    let top_up = async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        provider.balance.fetch_add(500, Ordering::SeqCst);
    };
    let (ending, warnings) = go_beside(&stage, OnDrift::Stop, top_up).await;
    assert_eq!((ending, warnings), (Ending::Done, vec![]));
}
