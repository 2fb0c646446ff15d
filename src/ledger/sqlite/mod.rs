//! The ledger in a SQLite file: write-ahead log, every commit synced, one writer, readers beside it.
//!
//! SQL is kept portable: time and ids are parameters, upserts are `ON CONFLICT`, partial indexes are plain.

mod account;
mod alerts;
mod audits;
mod checkpoint;
mod elsewhere;
mod enrol;
mod error;
mod forget;
mod group;
mod hold;
mod log;
mod open;
mod place;
mod read;
mod recent;
mod record;
mod rows;
mod runs;
mod verify;
mod write;

#[cfg(test)]
pub(super) use elsewhere::OTHERS;
pub(super) use write::SqliteStore;
