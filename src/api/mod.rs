//! The provider's HTTP interface: requests out of inputs, results out of answers, and of every fault
//! whether the request may be sent again.
//!
//! This room decides nothing about money and waits for nobody: it sends one request when told to.

mod address;
mod client;
mod error;
mod hook;
mod http;
mod progress;
mod reply;
mod request;
mod result;
mod service;
pub mod transport;
pub mod wire;

pub use address::{AddressError, IN_PROCESS_ORIGIN, Origin};
pub use client::Client;
pub use hook::{Hook, HookError};
pub(crate) use http::tls;
pub use http::{HttpSetupError, ReqwestTransport};
pub use service::{Answer, Call, Fault, FaultKind, FileBody, Progress, Refusal, Service};
