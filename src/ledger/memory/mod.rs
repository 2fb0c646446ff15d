//! The ledger in memory: the plainest reading of the rules, for tests and as a model that other stores must match.
//!
//! Nothing is kept twice here: every sum is added up from the jobs when it is asked for, so there is none that could
//! go wrong. That makes it slow for large runs, which is no fault in a model. It survives no crash.

mod audits;
mod books;
mod checkpoint;
mod forget;
mod run;
mod store;

pub(super) use store::MemoryStore;
