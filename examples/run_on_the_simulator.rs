//! Carries a manifest out against the simulator, from the library: plan, enrol, run, report.
//! `cargo run --example run_on_the_simulator -- manifests/first-song.toml OUT_FOLDER`.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use setlist::api::Client;
use setlist::catalog::{Catalog, PriceList, PriceLists};
use setlist::exec::{Engine, RunOptions, carry_out, control};
use setlist::ledger::{Enrolment, Ledger, NewRun};
use setlist::manifest::Manifest;
use setlist::model::{
    AccountId, ManifestOptions, Rate, RunId, RunSettings, SharedClock, SpendLimits, StopRules,
    SystemClock,
};
use setlist::plan::{self, PlanOptions, Sources};
use setlist::report::SpendCsv;
use setlist::sim::{InProcess, SimOptions, Simulator};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("give a manifest")?);
    let out = arguments.next().ok_or("give a folder for the results")?;

    let catalog = Catalog::builtin();
    let prices = PriceList::builtin("guide")?;
    let manifest = Manifest::read(&path, catalog).map_err(|problems| problems.render(false))?;
    let sources = Sources {
        provider: "simulator",
        catalog,
        prices,
        known: PriceLists::builtin(),
        paid: &(),
    };
    let plan = plan::build(&manifest, sources, PlanOptions::default())?;

    // Time runs a thousand times as fast here, for the simulator and for us alike.
    let clock: SharedClock = Arc::new(SystemClock::new(Timestamp::now(), 1000.0));
    let simulator = Arc::new(Simulator::new(SimOptions::default(), clock.clone())?);
    let timeout = Duration::from_secs(60);
    let client = Client::new(
        catalog.clone(),
        "",
        Arc::new(InProcess::new(simulator)),
        timeout,
    )?;
    let engine = Engine {
        ledger: Ledger::in_memory(),
        service: Arc::new(client),
        catalog: catalog.clone(),
        clock: clock.clone(),
        seed: 1,
        files: Arc::new(()),
    };

    let run = RunId::new("example");
    let new = NewRun {
        id: run.clone(),
        manifest: manifest.name.clone(),
        manifest_path: manifest.path.clone(),
        manifest_digest: manifest.digest.clone(),
        account: AccountId::new("simulator"),
        price_list: prices.name.clone(),
        settings: RunSettings {
            provider: "simulator".to_owned(),
            base_url: String::new(),
            key_env: String::new(),
            rate: Rate {
                count: 20,
                per: Duration::from_secs(60),
            },
            concurrency: 4,
            poll: None,
            timeout,
            out,
            limits: SpendLimits::default(),
            simulator: serde_json::Value::Null,
            plan: None,
            fresh: false,
            files: std::collections::BTreeMap::new(),
            stop: StopRules::default(),
            options: ManifestOptions::default(),
            catalog: None,
        },
    };
    engine.ledger.enroll(new, clock.now()).await?;
    let mut jobs = Vec::new();
    plan.jobs(&manifest, catalog, &mut |enrollee| {
        jobs.push(Enrolment {
            job: enrollee.job,
            blocked: enrollee.blocked,
        });
    })?;
    engine.ledger.enroll_jobs(&run, jobs).await?;

    let (_handle, control) = control();
    let (events, _watcher) = tokio::sync::mpsc::unbounded_channel();
    let ending = carry_out(&engine, &run, RunOptions::default(), control, events).await?;

    let record = engine.ledger.run(&run)?;
    let mut csv = SpendCsv::new(&record, io::stdout().lock())?;
    let mut written = Ok(());
    engine.ledger.for_each_job(&run, &mut |job| {
        if written.is_ok() {
            written = csv.add(&job);
        }
    })?;
    written?;
    drop(csv.finish()?);
    let charged = record.totals.charged;
    writeln!(
        io::stderr(),
        "{}: {charged} credits charged",
        ending.describe()
    )?;
    Ok(())
}
