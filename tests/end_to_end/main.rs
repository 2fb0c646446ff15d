//! The real binary over HTTP, against `setlist simulate`: what it promises about money, checked by the simulator's own books.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation
)]

mod added_operation;
mod alerts;
mod bad_input;
mod bad_server;
mod books;
mod budget;
mod crash;
mod crowd;
mod disk;
mod downloads;
mod dry;
mod fit;
mod kills;
mod ledger_file;
mod limits;
mod options;
mod output;
mod saved_plan;
mod set_back;
mod shared_ledger;
mod signals;
mod steer;
mod tls;
mod uploads;
mod world;
