//! A run: one carrying-out of a plan, as the ledger keeps it and reports show it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::credits::{Credits, Drift};
use super::ids::{AccountId, RunId};
use super::manifest_options::ManifestOptions;
use super::stop::StopRules;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Its jobs are being written; a run found like this after a crash never sent anything.
    Enrolling,
    /// A process works on it, or did when it died.
    Running,
    /// It stopped before its end; `setlist resume` goes on.
    Stopped,
    /// Every job came to an end.
    Finished,
}

impl RunState {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Enrolling,
        Self::Running,
        Self::Stopped,
        Self::Finished,
    ];

    /// Returns the name used in ledger and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrolling => "enrolling",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// At most `count` requests in any span of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Requests; at least 1.
    pub count: u32,
    /// The span; longer than zero.
    pub per: Duration,
}

/// What a run may take, as asked for; `None` means no such limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendLimits {
    /// This run may spend at most this.
    pub run: Option<Credits>,
    /// All runs of the account together, since `period_start`, may spend at most this.
    pub period: Option<Credits>,
    /// When the billing period began.
    pub period_start: Option<Timestamp>,
    /// What the subscription brings per period: no limit, but it tells a renewal by its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Credits>,
    /// The balance is never taken below this.
    pub keep: Credits,
}

/// How a run is carried out; kept with it, so that a resume does the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The provider's name: `simulator`, `aimusicapi` or `musicapi`.
    pub provider: String,
    /// The origin that requests and the key go to; empty for the in-process simulator.
    pub base_url: String,
    /// The environment variable that holds the key.
    pub key_env: String,
    /// Submits per span.
    pub rate: Rate,
    /// Tasks in flight.
    pub concurrency: u32,
    /// How often a task is asked for; by family when not given.
    pub poll: Option<Duration>,
    /// How long one request may take.
    pub timeout: Duration,
    /// The folder that files are saved below.
    pub out: String,
    /// What the run may take.
    pub limits: SpendLimits,
    /// The in-process simulator's settings, as `sim` reads them; null otherwise.
    pub simulator: serde_json::Value,
    /// The digest of the saved plan that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Whether it buys again what was bought before.
    #[serde(default)]
    pub fresh: bool,
    /// The local files that the provider is to fetch: SHA-256, and where each is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// When it stops by itself.
    #[serde(default, skip_serializing_if = "StopRules::is_usual")]
    pub stop: StopRules,
    /// What was said beside the manifest that it was made of.
    #[serde(default, skip_serializing_if = "ManifestOptions::is_empty")]
    pub options: ManifestOptions,
    /// The text of the file that added operations to the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
}

/// A run's sums, derived from its jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTotals {
    /// Jobs of the run.
    pub jobs: u64,
    /// Jobs that came to an end, well or badly.
    pub ended: u64,
    /// Jobs in doubt.
    pub in_doubt: u64,
    /// Jobs that ended badly, skipped ones included.
    pub bad: u64,
    /// Credits set aside now.
    pub held: Credits,
    /// Credits charged.
    pub charged: Credits,
    /// Credits refunded.
    pub refunded: Credits,
}

/// A run as the ledger tells of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The manifest's name.
    pub manifest: String,
    /// The manifest's path as it was given; `-` for standard input.
    pub manifest_path: String,
    /// SHA-256 of the manifest's text, in hexadecimal.
    pub manifest_digest: String,
    /// Whose credits it spends.
    pub account: AccountId,
    /// The price list's name.
    pub price_list: String,
    /// How it is carried out.
    pub settings: RunSettings,
    /// How it stands.
    pub state: RunState,
    /// Why it stopped, in words, when it did.
    pub ending: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last process ended.
    pub finished_at: Option<Timestamp>,
    /// The balance before its first request.
    pub opening: Option<Credits>,
    /// The balance after its last.
    pub closing: Option<Credits>,
    /// Its sums.
    pub totals: RunTotals,
}

impl RunRecord {
    /// Returns what the books can't explain: closing − (opening − charged + refunded).
    #[must_use]
    pub fn unexplained(&self) -> Option<Drift> {
        let expected = self
            .opening?
            .get()
            .checked_add(self.totals.refunded.get())?;
        let (closing, charged) = (self.closing?, self.totals.charged);
        // A charge above the opening balance leaves the expectation below zero; move it to the other side.
        Some(Drift::between(
            Credits::new(expected),
            closing.plus(charged).ok()?,
        ))
    }
}
