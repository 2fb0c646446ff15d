//! Runs batches of AI-music operations from a manifest, and can be trusted with the credits they cost.
//!
//! ```text
//!    manifest ──▶ plan ──▶ exec ──▶ report
//!       ▲          ▲       │  ▲
//!    catalog ──────┘    ledger api
//! ```
//!
//! The rooms, in order; a room imports only rooms above it:
//!
//! - [`model`]: words shared by all
//! - [`catalog`]: operations and price lists as data
//! - [`manifest`]: text to checked jobs, every problem with its place
//! - [`plan`]: jobs, prices, balance and what is already paid for, to a plan; pure
//! - [`ledger`]: the durable record of holds, charges and states; the only truth after a crash
//! - [`api`]: the provider's HTTP interface, and whether a request may be sent again
//! - [`exec`]: carries out a run: dispatcher, workers, limiter, recovery
//! - [`report`]: functions from finished records to CSV, JSON and text
//! - [`sim`]: the provider simulated
//! - [`cli`]: flags, environment, terminal; the only room that prints

pub mod api;
pub mod catalog;
pub mod cli;
pub mod exec;
pub mod ledger;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod report;
pub mod sim;
