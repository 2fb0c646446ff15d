//! Jobs, a run and an engine for benches that drive the ledger or the dispatcher in their own process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use setlist::api::{Client, Service};
use setlist::catalog::Catalog;
use setlist::exec::Engine;
use setlist::ledger::{Ledger, NewRun};
use setlist::model::{
    AccountId, Balance, Credits, Family, Fingerprint, JobId, NewJob, Ordinal, Rate, RunId,
    RunSettings, SharedClock, SpendLimits,
};
use setlist::sim::{IN_PROCESS_BASE, InProcess, SimOptions, Simulator};

/// Whose credits the benches spend.
pub fn account() -> AccountId {
    AccountId::new("bench")
}

/// Makes jobs that are answered at once, each with its own content.
pub fn one_request_jobs(count: usize, price: u64) -> Vec<NewJob> {
    let job = |number: usize| {
        let number = u32::try_from(number).expect("a bench is small");
        NewJob {
            ordinal: Ordinal(number),
            id: JobId::new(format!("j{number}")),
            fingerprint: Fingerprint(u128::from(number).to_be_bytes()),
            operation: "suno.upsample-tags".to_owned(),
            family: Family::Suno,
            inputs: r#"{"tags":"synthwave, night"}"#.to_owned(),
            price: Credits::new(price),
            priority: 0,
            save: None,
            needs: Vec::new(),
            reuse: None,
        }
    };
    (0..count).map(job).collect()
}

/// Returns settings without a rate; what is not named here is as in a record that does not name it.
pub fn settings(in_flight: usize, out: &Path, limits: &SpendLimits) -> RunSettings {
    let rate = Rate {
        count: u32::MAX,
        per: Duration::from_secs(1),
    };
    let settings = json!({
        "provider": "simulator", "base_url": "", "key_env": "", "rate": rate, "concurrency": in_flight,
        "poll": Duration::from_micros(1), "timeout": Duration::from_secs(60), "out": out,
        "limits": limits, "simulator": Value::Null,
    });
    serde_json::from_value(settings).expect("a record of settings")
}

/// Enrols a run with its jobs.
pub async fn enroll(
    ledger: &Ledger,
    settings: RunSettings,
    jobs: &[NewJob],
    now: Timestamp,
) -> RunId {
    let run = RunId::new(format!("bench-{:x}", fastrand::u64(..)));
    let new = NewRun {
        id: run.clone(),
        manifest: "bench".to_owned(),
        manifest_path: "bench".to_owned(),
        manifest_digest: String::new(),
        account: account(),
        price_list: "aimusicapi-2026-09".to_owned(),
        settings,
    };
    ledger.enroll(new, now).await.expect("a run");
    for chunk in jobs.chunks(1000) {
        let added = ledger.add_jobs(&run, chunk.to_vec()).await;
        added.expect("its jobs");
    }
    run
}

/// Tells the ledger a balance: without one it sets nothing aside.
pub async fn observe(ledger: &Ledger, credits: u64) {
    let account = account();
    let mark = ledger.mark_balance(&account).await.expect("a mark");
    let balance = Balance {
        credits: Credits::new(credits),
        extra_credits: Credits::ZERO,
    };
    let noted = ledger.observe_balance(
        &account,
        mark,
        balance,
        Timestamp::now(),
        Duration::from_secs(120),
    );
    noted.await.expect("a balance");
}

/// Makes a simulator from its settings.
pub fn simulator(settings: &Value, clock: SharedClock) -> Arc<Simulator> {
    let settings = settings.as_object().expect("an object");
    let options = SimOptions::from_settings(settings).expect("the settings are right");
    Arc::new(Simulator::new(options, clock).expect("a simulator"))
}

/// Connects a client to a simulator in this process.
pub fn in_process(simulator: Arc<Simulator>) -> Arc<dyn Service> {
    let transport = Arc::new(InProcess::new(simulator));
    let timeout = Duration::from_secs(60);
    let client = Client::new(
        Catalog::builtin().clone(),
        IN_PROCESS_BASE,
        transport,
        timeout,
    );
    Arc::new(client.expect("a client"))
}

/// Puts an engine together.
pub fn engine(ledger: Ledger, service: Arc<dyn Service>, clock: SharedClock, seed: u64) -> Engine {
    Engine {
        ledger,
        service,
        catalog: Catalog::builtin().clone(),
        clock,
        seed,
        files: Arc::new(()),
    }
}
