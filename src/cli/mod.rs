//! The command line: flags, configuration, environment, terminal. The only room that prints.
//!
//! It decides nothing about money: it reads what a person asked for, hands finished values to the rooms above,
//! and shows what they answer.

mod alerts;
mod approval;
mod args;
mod balance_cache;
mod batch;
mod catalogs;
mod commands;
mod config;
mod connect;
mod context;
mod control_socket;
mod counter;
mod drift;
mod entry;
mod error;
pub mod exit;
mod from;
mod interview;
mod key;
mod ledger_place;
mod ledgers;
mod lock;
mod log;
mod period;
mod plan_file;
mod prices;
mod progress;
mod provider;
mod publish;
mod remainder;
mod repeatable;
mod reports;
mod saved;
mod session;
mod settings;
mod starter;
mod ui;
mod values;

pub use entry::main;
