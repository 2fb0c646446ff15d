//! The provider as the settings say: over the network, or simulated in this process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::transport::Transport;
use crate::api::{Client, FaultKind, Origin, Refusal, ReqwestTransport, Service};
use crate::model::{Balance, Credits, SharedClock};
use crate::sim::{InProcess, SimOptions, Simulator, Start, deliver_webhooks};

use super::balance_cache::BalanceCache;
use super::config::KeySource;
use super::context::{Context, make_private_folder};
use super::error::CommandError;
use super::lock::{self, Lock};
use super::provider::{self, SIMULATOR};
use super::repeatable;
use super::settings::Settings;

/// How many times as fast as real time a rehearsal runs, when the manifest does not say.
pub(crate) const DEFAULT_SPEED: f64 = 60.0;
/// The key that the simulator behind a socket is given, when none is named: it takes any.
///
/// Keys are struck out wherever an answer repeats them, so this one is no word that an answer could hold by chance.
const SIMULATOR_KEY: &str = "sk_rehearsal_2f6b1c";
/// How long to wait before the balance is asked for again.
const BALANCE_WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// What the lock of the simulated account is called.
const SIMULATOR_LOCK: &str = "the simulated account";

/// A provider that can be asked, and the time it lives in.
pub(crate) struct Connection {
    /// The provider.
    pub(crate) service: Arc<dyn Service>,
    /// Its time: the machine's own, or a rehearsal's.
    pub(crate) clock: SharedClock,
    /// Seeds the spread of waits.
    pub(crate) seed: u64,
}

impl Connection {
    /// Reads the balance, and asks again a few times when the provider is in trouble: it is free of charge.
    ///
    /// # Errors
    /// What the provider answered last.
    pub(crate) async fn balance(&self) -> Result<Balance, CommandError> {
        let mut waits = BALANCE_WAITS.into_iter();
        loop {
            let fault = match self.service.balance().await {
                Ok(balance) => return Ok(balance),
                Err(fault) => fault,
            };
            let is_final = matches!(
                fault.kind,
                FaultKind::Refused(Refusal::Key | Refusal::Subscription)
            );
            match waits.next() {
                Some(wait) if !is_final => self.clock.sleep(wait).await,
                _ => {
                    return Err(CommandError::from(fault).context("the balance can't be read"));
                }
            }
        }
    }
}

/// Connects to a provider over the network; sends nothing yet.
///
/// # Errors
/// An access error without a key.
pub(crate) fn over_network(
    settings: &Settings,
    context: &Context,
) -> Result<Connection, CommandError> {
    let is_rehearsal =
        settings.provider.name == SIMULATOR && provider::is_local(&settings.base_url);
    let key = match settings.key() {
        KeySource::Variable(name) if is_rehearsal && !context.is_set(&name) => SIMULATOR_KEY.into(),
        source => context.key(&source)?,
    };
    let transport = ReqwestTransport::new(key, Origin::parse(&settings.base_url)?)?;
    let clock = context.clock(context.now(), 1.0);
    let seed = context.random();
    connect(settings, Arc::new(transport), clock, seed, context)
}

fn connect(
    settings: &Settings,
    transport: Arc<dyn Transport>,
    clock: SharedClock,
    seed: u64,
    context: &Context,
) -> Result<Connection, CommandError> {
    let catalog = Arc::clone(context.catalog()?);
    let client = Client::new(catalog, &settings.base_url, transport, settings.timeout())?;
    Ok(Connection {
        service: Arc::new(client),
        clock,
        seed,
    })
}

/// The account that is simulated in this process, which one process at a time can have.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    state_file: PathBuf,
    _lock: Lock,
}

impl Rehearsal {
    /// Takes the account.
    ///
    /// # Errors
    /// `Busy` while another process has it.
    pub(crate) fn take(context: &Context) -> Result<Self, CommandError> {
        let folder = context.ledger_folder()?;
        make_private_folder(&folder)?;
        let state_file = folder.join("simulator.jsonl");
        let name = state_file.to_string_lossy().into_owned();
        let lock = lock::take(&folder, &name, SIMULATOR_LOCK)?;
        Ok(Self {
            state_file,
            _lock: lock,
        })
    }

    /// Returns the earliest time that a rehearsal can start at: what earlier ones have seen may lie ahead of us, since
    /// their clocks ran fast.
    ///
    /// # Errors
    /// A storage error for the state file.
    pub(crate) fn earliest(&self, now: Timestamp) -> Result<Timestamp, CommandError> {
        Ok(Simulator::last_event(&self.state_file)?.map_or(now, |last| last.max(now)))
    }

    /// Returns the earliest time that a rehearsal of a new run can start at: what earlier ones have made is ready by
    /// then, so that it can be used again.
    ///
    /// # Errors
    /// A storage error for the state file.
    pub(crate) fn earliest_anew(&self, now: Timestamp) -> Result<Timestamp, CommandError> {
        Ok(Simulator::over_at(&self.state_file)?.map_or(now, |over| over.max(now)))
    }

    /// Starts the simulator, with a clock that starts at `now`, and connects to it; in a runtime, whose time it takes.
    ///
    /// # Errors
    /// A usage error for settings it does not take, a storage error for its state file.
    pub(crate) fn connect(
        &self,
        settings: &Settings,
        simulator: &Map<String, Value>,
        start: Start,
        now: Timestamp,
        context: &Context,
    ) -> Result<(Connection, Arc<Simulator>), CommandError> {
        let options = options(simulator)?;
        let speed = match repeatable::is_asked_for(simulator) {
            // Its time is not the machine's, and takes no time.
            true => 1.0,
            false => options.speed,
        };
        let clock = context.clock(now, speed);
        let seed = options.seed;
        let simulator = Simulator::open(options, clock.clone(), &self.state_file, start)?;
        let simulator = Arc::new(simulator.serving(Arc::clone(context.catalog()?)));
        // Ends with the runtime: what is not told by then is not told.
        drop(tokio::spawn(deliver_webhooks(Arc::clone(&simulator))));
        let transport = InProcess::new(Arc::clone(&simulator));
        let connection = connect(settings, Arc::new(transport), clock, seed, context)?;
        Ok((connection, simulator))
    }
}

/// Reads the simulator's settings, with what a rehearsal has for defaults put in.
///
/// A run begins with the credits that its settings give, whatever a run before has left: so it can be rehearsed again.
///
/// # Errors
/// A usage error that names the setting.
pub(crate) fn options(settings: &Map<String, Value>) -> Result<SimOptions, CommandError> {
    let mut settings = settings.clone();
    settings
        .entry("speed")
        .or_insert_with(|| json!(DEFAULT_SPEED));
    settings
        .entry("credits")
        .or_insert_with(|| json!(SimOptions::DEFAULT_CREDITS));
    settings.entry("extra_credits").or_insert_with(|| json!(0));
    SimOptions::from_settings(&settings).map_err(CommandError::usage)
}

/// Reads the balance for a plan; free of charge. A rehearsal's is what it will begin with.
///
/// # Errors
/// An access error without a key, and whatever the provider answers.
pub(crate) fn balance(
    settings: &Settings,
    simulator: &Map<String, Value>,
    context: &Context,
) -> Result<Balance, CommandError> {
    if settings.is_in_process() {
        let options = options(simulator)?;
        return Ok(Balance {
            credits: options.credits.unwrap_or(SimOptions::DEFAULT_CREDITS),
            extra_credits: options.extra_credits.unwrap_or(Credits::ZERO),
        });
    }
    let connection = over_network(settings, context)?;
    context.runtime()?.block_on(connection.balance())
}

/// Forgets the balance that is kept for showing: a run is about to change it.
pub(crate) fn forget_balance(settings: &Settings, context: &Context) {
    if let Some(folder) = context.cache_folder() {
        BalanceCache::of(settings, &folder).forget();
    }
}

/// Reads what the simulated account holds now.
///
/// # Errors
/// `Busy` while a rehearsal runs.
pub(crate) fn simulated_balance(context: &Context) -> Result<Balance, CommandError> {
    let rehearsal = Rehearsal::take(context)?;
    let options = options(&Map::new())?;
    let clock = context.clock(context.now(), 1.0);
    let simulator = Simulator::open(options, clock, &rehearsal.state_file, Start::Resume)?;
    Ok(simulator.audit().balance)
}
