//! The provider simulated: as strict as its documentation, as deterministic as a rehearsal needs.
//!
//! A [`Simulator`] is a state machine in memory: a request in, an answer out, time taken from a clock that is handed
//! in. [`serve`] puts it behind a socket, [`InProcess`] behind the client's transport. It shares with the client only
//! `model`, `catalog` and the values of one HTTP exchange.
//!
//! ```text
//! request ─▶ route ─▶ key ─▶ fault ─▶ body, clips ─▶ rate ─▶ moderation ─▶ credits ─▶ event ─▶ answer ─▶ fault
//!                     401            400, 404, 410   429        403        402, 403     │
//!                                                                       state file ◀────┴────▶ state
//! ```
//!
//! What it is not: audio is a made-up tune in WAV whatever the format asked for, covers are SVG and videos
//! uncompressed AVI, and nothing an address points at is ever fetched. Webhooks are sent by [`deliver_webhooks`] while it
//! is polled, to this machine unless the settings say more; tasks taken before the process began have none.

mod account;
mod added;
mod audio;
mod audit;
mod batch;
mod body;
mod courier;
mod desk;
mod event;
mod fault;
mod fetch;
mod files;
mod http;
mod in_process;
mod journal;
mod nuro;
mod options;
mod picture;
mod poll;
mod producer;
mod reads;
mod refusal;
mod route;
mod score;
mod seed;
mod server;
mod simulator;
mod song;
mod sonic_create;
mod sonic_edit;
mod sonic_tools;
mod span;
mod spoil;
mod state;
mod submit;
mod tariff;
mod task;
mod tune;
mod verse;
mod webhook;

pub use audit::{Audit, AuditEntry, OperationTotals};
pub use courier::deliver_webhooks;
pub use fault::{Effect, Fault, Target};
pub use http::{Delivery, SimBody, SimRequest, SimResponse};
pub use in_process::InProcess;
pub use options::{CreditRefusal, Era, SimOptions};
pub use server::serve;
pub use simulator::{IN_PROCESS_BASE, SimError, Simulator, Start};
pub use span::{RateLimit, Span, parse_span};
pub use webhook::{WebhookSignature, Webhooks};

#[cfg(test)]
mod tests;
