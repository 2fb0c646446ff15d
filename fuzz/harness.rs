//! What is done with bytes that nobody vouches for: the fuzz targets do it with made-up ones, `tests/corpus.rs` with the
//! corpus. Nothing here may panic or hang; what must hold of the outcome is asserted.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use setlist::api::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use setlist::api::{Call, Client, FaultKind, Service};
use setlist::catalog::{Catalog, PriceList, PriceLists};
use setlist::manifest::{Format, Manifest, Problems};
use setlist::model::{ManifestOptions, TaskId};
use setlist::plan::{self, Loader, PlanOptions, SavedHead, SavedJob, Sources};
use tokio::runtime::Runtime;

/// Jobs that are looked at; more of the same kind teach nothing.
const JOBS: usize = 2_000;

/// No folder, so that rows come from the manifest alone.
const NOWHERE: &str = "/nonexistent";

/// A manifest, as TOML and as YAML: read, checked, expanded, priced.
pub fn manifest(bytes: &[u8]) {
    for format in [Format::Toml, Format::Yaml] {
        if let Err(problems) = plan_as(bytes, format) {
            told(&problems);
        }
    }
}

fn plan_as(bytes: &[u8], format: Format) -> Result<(), Problems> {
    let catalog = Catalog::builtin();
    let manifest = Manifest::read_from(
        bytes,
        format,
        "fuzz",
        Path::new(NOWHERE),
        &ManifestOptions::default(),
        catalog,
    )?;
    if !manifest.files().is_empty() {
        return Ok(());
    }
    let mut jobs = 0;
    manifest.expand(catalog, &mut |_| {
        jobs += 1;
        if jobs < JOBS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    if jobs == JOBS {
        return Ok(());
    }
    let sources = Sources {
        provider: "simulator",
        catalog,
        prices: PriceList::builtin("guide").expect("the guide's list is built in"),
        known: PriceLists::builtin(),
        paid: &(),
    };
    if let Ok(plan) = plan::build(&manifest, sources, PlanOptions::default()) {
        let sum: u64 = plan.iter().map(|job| job.credits().get()).sum();
        assert_eq!(plan.total().get(), sum, "the plan costs what its jobs cost");
    }
    Ok(())
}

/// Problems can be shown, and there is at least one.
fn told(problems: &Problems) {
    assert!(!problems.render(false).is_empty());
}

/// A price list of a person's own.
pub fn price_list(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let catalog = Catalog::builtin();
    match PriceList::parse(text, "fuzz", catalog) {
        Ok(list) => {
            for operation in catalog.ids() {
                let _price = list.flat(operation);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The lines of a saved plan: its head, then its jobs.
pub fn saved_plan(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let head = lines
        .next()
        .and_then(|line| serde_json::from_slice::<SavedHead>(line).ok());
    let Some(mut loader) = head.and_then(|head| Loader::new(head).ok()) else {
        return;
    };
    for line in lines {
        let Ok(job) = serde_json::from_slice::<SavedJob<'_>>(line) else {
            continue;
        };
        if loader.add(job).is_err() {
            return;
        }
    }
    if let Ok(plan) = loader.finish() {
        for job in plan.iter().take(JOBS) {
            assert!(!job.id().as_str().is_empty());
        }
    }
}

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime needs nothing");
}

/// Answers everything with the same bytes.
struct Parrot {
    status: u16,
    body: Vec<u8>,
    was_asked: AtomicBool,
}

impl Transport for Parrot {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        self.was_asked.store(true, Ordering::Relaxed);
        let answer = HttpResponse::json(self.status, self.body.clone());
        async move { Ok(answer) }.boxed()
    }
}

/// An answer of the provider to a submit, a poll and a question for the balance; three bytes choose status and operation.
pub fn answer(bytes: &[u8]) {
    let [high, low, chosen, body @ ..] = bytes else {
        return;
    };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let catalog = Catalog::builtin();
    let operations: Vec<_> = catalog.ids().collect();
    let operation = operations[usize::from(*chosen) % operations.len()];
    let parrot = Arc::new(Parrot {
        status,
        body: body.to_vec(),
        was_asked: AtomicBool::new(false),
    });
    let timeout = Duration::from_secs(60);
    let client = Client::new(
        catalog.clone(),
        "https://api.example",
        parrot.clone(),
        timeout,
    )
    .expect("the address is right");
    let call = Call {
        operation,
        inputs: Map::new(),
    };
    let submitted = RUNTIME.with(|runtime| runtime.block_on(client.submit(&call)));
    if let Err(fault) = submitted {
        assert!(!fault.message.is_empty());
        // "Refused" means: nothing was charged, it may be sent again. Who said yes in words that we can't read did not
        // say that.
        let said_yes = (200..300).contains(&status) && parrot.was_asked.load(Ordering::Relaxed);
        let text = std::str::from_utf8(body).unwrap_or_default();
        let text = text.trim_start_matches('\u{feff}').trim();
        let is_object = serde_json::from_str::<Map<String, Value>>(text).is_ok();
        if said_yes && !is_object {
            assert_eq!(
                fault.kind,
                FaultKind::Unknown,
                "{status}: {}",
                fault.message
            );
        }
    }
    RUNTIME.with(|runtime| {
        drop(runtime.block_on(client.poll(operation, &TaskId::new("t"))));
        drop(runtime.block_on(client.balance()));
    });
}
