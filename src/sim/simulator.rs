//! The simulator itself: it takes a request to its endpoint, and keeps clock, books and addresses together.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use axum::http::Method;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use jiff::Timestamp;

use crate::catalog::{Catalog, CatalogError};
use crate::model::{Balance, Credits, SharedClock};

use super::audit::Audit;
use super::event::Event;
use super::fault::{Target, strikes};
use super::http::{SimRequest, SimResponse};
use super::journal::Journal;
use super::options::SimOptions;
use super::refusal::Refusal;
use super::route::{Endpoint, NoRoute, Submit, route};
use super::spoil;
use super::state::State;
use super::tariff::Tariff;
use super::task::Millis;
use super::webhook::Hook;

/// Where files are served when no socket is: a name that only the in-process transport knows.
pub const IN_PROCESS_BASE: &str = "http://simulator.localhost";

/// Why there is no simulator.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The settings make no sense.
    #[error("{0}")]
    Options(String),
    /// The price list is not known.
    #[error("simulator setting `charge`: {0}")]
    Prices(#[from] CatalogError),
    /// The state file can't be used.
    #[error("simulator's state file `{}`: {message}", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The address to serve at can be reached from elsewhere.
    #[error("the simulator serves on loopback only, and `{0}` is not: use `127.0.0.1`")]
    NotLoopback(std::net::SocketAddr),
    /// The socket failed.
    #[error("the simulator's socket: {0}")]
    Socket(#[from] std::io::Error),
}

/// What a state file that has seen runs before is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new run: a balance that the settings give is set, tasks stay, faults count from 1 again.
    NewRun,
    /// The run goes on: nothing is changed.
    Resume,
}

/// The provider simulated; share it by [`Arc`].
#[derive(Debug)]
pub struct Simulator {
    pub(super) options: SimOptions,
    pub(super) tariff: Tariff,
    pub(super) catalog: Arc<Catalog>,
    clock: ClockBox,
    /// What is added to the clock, so that time does not run backwards when a state file is opened again.
    shift: Millis,
    base: RwLock<Arc<str>>,
    books: Mutex<Books>,
    polls: AtomicU64,
    files: AtomicU64,
    balances: AtomicU64,
    /// Where requests to be told of a task go, once somebody tells.
    hooks: OnceLock<UnboundedSender<Hook>>,
}

struct ClockBox(SharedClock);

impl std::fmt::Debug for ClockBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// State and state file, which move together.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) state: State,
    journal: Option<Journal>,
}

impl Books {
    /// Writes a fact down, then makes it so.
    ///
    /// # Errors
    /// [`SimError::StateFile`] when it could not be written; nothing has changed then.
    pub(super) fn commit(&mut self, event: Event) -> Result<(), SimError> {
        if let Some(journal) = &mut self.journal {
            journal.append(std::slice::from_ref(&event))?;
        }
        self.state.apply(event);
        Ok(())
    }
}

impl Simulator {
    /// Makes a simulator that lives as long as the process.
    ///
    /// # Errors
    /// [`SimError::Options`] or [`SimError::Prices`] when the settings can't be used.
    pub fn new(options: SimOptions, clock: SharedClock) -> Result<Self, SimError> {
        Self::make(options, clock, Books::default(), Start::NewRun)
    }

    /// Makes a simulator whose state outlives the process in a file, made when there is none.
    ///
    /// # Errors
    /// As [`Simulator::new`], and [`SimError::StateFile`] when the file can't be used.
    pub fn open(
        options: SimOptions,
        clock: SharedClock,
        state_file: &Path,
        start: Start,
    ) -> Result<Self, SimError> {
        let mut state = State::default();
        let journal = Journal::open(state_file, |event| state.apply(event))?;
        let books = Books {
            state,
            journal: Some(journal),
        };
        Self::make(options, clock, books, start)
    }

    /// Returns when the last event in a state file happened; a clock that starts no earlier needs no shift.
    ///
    /// # Errors
    /// [`SimError::StateFile`] when there is a file and it can't be used.
    pub fn last_event(state_file: &Path) -> Result<Option<Timestamp>, SimError> {
        Self::last_of(state_file, Event::at)
    }

    /// Finds out when the last task of a state file is over.
    ///
    /// # Errors
    /// [`SimError::StateFile`] when there is a file and it can't be used.
    pub fn over_at(state_file: &Path) -> Result<Option<Timestamp>, SimError> {
        Self::last_of(state_file, Event::over_at)
    }

    fn last_of(
        state_file: &Path,
        time: impl Fn(&Event) -> i64,
    ) -> Result<Option<Timestamp>, SimError> {
        if !state_file.exists() {
            return Ok(None);
        }
        let mut last = None;
        Journal::open(state_file, |event| last = last.max(Some(time(&event))))?;
        Ok(last.and_then(|at| Timestamp::from_millisecond(at).ok()))
    }

    fn make(
        options: SimOptions,
        clock: SharedClock,
        mut books: Books,
        start: Start,
    ) -> Result<Self, SimError> {
        options.check().map_err(SimError::Options)?;
        let tariff = Tariff::new(&options.charge)?;
        let started = clock.now().as_millisecond();
        let fresh = !books.state.is_opened();
        let shift = match fresh {
            true => 0,
            false => books.state.last_at().saturating_sub(started).max(0),
        };
        if fresh || start == Start::NewRun {
            let given = options.credits.is_some() || options.extra_credits.is_some();
            let balance = Balance {
                credits: options.credits.unwrap_or(SimOptions::DEFAULT_CREDITS),
                extra_credits: options.extra_credits.unwrap_or(Credits::ZERO),
            };
            books.commit(Event::Opened {
                at: started.saturating_add(shift),
                balance: (fresh || given).then_some(balance),
            })?;
        }
        Ok(Self {
            options,
            tariff,
            catalog: Arc::clone(Catalog::builtin()),
            clock: ClockBox(clock),
            shift,
            base: RwLock::new(Arc::from(IN_PROCESS_BASE)),
            books: Mutex::new(books),
            polls: AtomicU64::new(0),
            files: AtomicU64::new(0),
            balances: AtomicU64::new(0),
            hooks: OnceLock::new(),
        })
    }

    /// Serves the operations, too, that a file added to the catalog, at the prices that came with them.
    #[must_use]
    pub fn serving(mut self, catalog: Arc<Catalog>) -> Self {
        self.catalog = catalog;
        self
    }

    fn is_added_path(&self, request: &SimRequest) -> bool {
        let mut added = { self.catalog.ids() }.filter(|id| self.catalog.is_added(*id));
        request.method == Method::POST && added.any(|id| self.catalog.get(id).path == request.path)
    }

    /// Returns the settings.
    #[must_use]
    pub fn options(&self) -> &SimOptions {
        &self.options
    }

    /// Returns the clock that all its time comes from.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.clock.0
    }

    /// Says below which address result files are served, without a slash at the end.
    pub fn set_public_base(&self, base: &str) {
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = Arc::from(base);
    }

    pub(super) fn base(&self) -> Arc<str> {
        Arc::clone(&self.base.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the books at the present time; what ended until then is settled.
    pub(super) fn books(&self) -> (MutexGuard<'_, Books>, Millis) {
        // A panic while the books were open is a bug that a test shows; other requests are still served.
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.clock.0.now().as_millisecond();
        let now = told.saturating_add(self.shift).max(books.state.last_at());
        books.state.settle(now);
        (books, now)
    }

    /// Returns the time.
    pub(super) fn now_ms(&self) -> Millis {
        self.books().1
    }

    /// Takes the requests to be told of tasks from here on; only the first who asks gets any.
    pub(super) fn listen_for_hooks(&self) -> UnboundedReceiver<Hook> {
        let (sender, receiver) = unbounded_channel();
        drop(self.hooks.set(sender));
        receiver
    }

    /// Passes on that somebody wants to be told of a task; polls do without.
    pub(super) fn hook(&self, hook: Hook) {
        if let Some(hooks) = self.hooks.get() {
            drop(hooks.send(hook));
        }
    }

    /// Returns the account's history.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let (books, _) = self.books();
        let balance = books.state.account().balance();
        let polls = self.polls.load(Ordering::Relaxed);
        books.state.audit().report(balance, polls)
    }

    /// Adds credits, as a purchase or a renewal would.
    ///
    /// # Errors
    /// [`SimError::Options`] when the account would hold more than can be kept, [`SimError::StateFile`] when it
    /// could not be written down.
    pub fn top_up(&self, credits: Credits, extra_credits: Credits) -> Result<Balance, SimError> {
        let (mut books, now) = self.books();
        let sum = Credits::sum([
            credits,
            extra_credits,
            books.state.account().balance().credits,
            books.state.account().balance().extra_credits,
        ]);
        if sum.map_or(true, |sum| sum.get() > Credits::MAX.get() / 2) {
            return Err(SimError::Options(
                "that many credits can't be kept".to_owned(),
            ));
        }
        books.commit(Event::ToppedUp {
            at: now,
            credits,
            extra_credits,
        })?;
        Ok(books.state.account().balance())
    }

    /// Answers a request; the only way in.
    pub fn handle(&self, request: &SimRequest) -> SimResponse {
        match route(&request.method, &request.path) {
            Ok(endpoint) => self.serve(endpoint, request),
            Err(NoRoute::NotFound) if self.is_added_path(request) => {
                self.serve(Endpoint::Submit(Submit::Added), request)
            }
            // The provider's host answers these with pages of its own (api facts, section 0).
            Err(NoRoute::NotFound) => page(404, "404: This page could not be found."),
            Err(NoRoute::WrongMethod) => page(405, "405: Method not allowed."),
        }
    }

    fn serve(&self, endpoint: Endpoint<'_>, request: &SimRequest) -> SimResponse {
        match endpoint {
            Endpoint::File(name) => self.read(Target::File, || self.file(name, request.range_from)),
            Endpoint::Stream(name) => self.stream(name, request.range_from),
            Endpoint::Audit => SimResponse::json(
                200,
                &serde_json::to_value(self.audit()).unwrap_or(Value::Null),
            ),
            Endpoint::TopUp => self.answer_top_up(&request.body),
            _ => match self.check_key(request.authorization.as_deref()) {
                Err(refusal) => refusal.into(),
                Ok(()) => self.serve_account(endpoint, request),
            },
        }
    }

    fn serve_account(&self, endpoint: Endpoint<'_>, request: &SimRequest) -> SimResponse {
        match endpoint {
            Endpoint::Submit(submit) => self.submit(submit, request),
            Endpoint::Balance => self.read(Target::Balance, || self.answer_balance()),
            Endpoint::Task(family, id) => self.read(Target::Poll, || self.answer_poll(family, id)),
            _ => self.read(Target::Poll, || self.answer_batch(request.query.as_deref())),
        }
    }

    fn check_key(&self, authorization: Option<&str>) -> Result<(), Refusal> {
        let Some(header) = authorization else {
            return Err(Refusal::unauthorized("Authorization header is missing."));
        };
        let key = header.strip_prefix("Bearer ").map(str::trim);
        match key.filter(|key| !key.is_empty() && !key.contains(' ')) {
            None => Err(Refusal::unauthorized("Invalid authorization format.")),
            Some(key) if self.options.key.as_deref().is_some_and(|own| own != key) => {
                Err(Refusal::unauthorized("Invalid API key."))
            }
            Some(_) => Ok(()),
        }
    }

    /// Answers a read, unless a fault strikes it. Reads are counted from the start of the process.
    fn read(&self, target: Target, answer: impl FnOnce() -> SimResponse) -> SimResponse {
        let counter = match target {
            Target::File => &self.files,
            Target::Balance => &self.balances,
            Target::Poll | Target::Submit => &self.polls,
        };
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        match strikes(&self.options.faults, target, number) {
            Some(fault) if !fault.effect.acts() => spoil::instead(fault),
            Some(fault) => spoil::after(fault, answer()),
            None => answer(),
        }
    }
}

fn page(status: u16, text: &str) -> SimResponse {
    let html = format!("<!doctype html><title>{text}</title><h1>{text}</h1>");
    SimResponse::bytes(status, "text/html; charset=utf-8", Bytes::from(html))
}
