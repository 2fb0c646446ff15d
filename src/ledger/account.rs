//! What an account's credits are spoken for: the words of the ledger's answer, and how a share of it is found.

use jiff::Timestamp;

use crate::model::{Credits, RunRecord};

/// An account's credits as the ledger has them at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountBooks {
    /// Charged − refunded since the time asked for.
    pub used: Credits,
    /// Held now, by all runs.
    pub held: Credits,
    /// The balance as it was read last.
    pub reading: Option<BalanceReading>,
    /// The runs that used credits since the time asked for, or hold some; the latest first.
    pub runs: Vec<RunShare>,
}

/// A balance that was read, and what is known of its use since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceReading {
    /// What the provider answered.
    pub balance: Credits,
    /// When that was noted.
    pub read_at: Timestamp,
    /// Charged since the question was sent; the balance may show it already.
    pub charged_since: Credits,
}

/// A run's share in what its account used and holds.
#[derive(Clone, Debug, PartialEq)]
pub struct RunShare {
    /// The run; what it holds is among its totals.
    pub run: RunRecord,
    /// Charged − refunded since the time asked for.
    pub used: Credits,
    /// What of its holds is for payments in doubt.
    pub held_in_doubt: Credits,
    /// Until when a process has it, when one said so.
    pub lease_until: Option<Timestamp>,
}
