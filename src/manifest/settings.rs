//! A checked manifest, as the rooms below see it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::{Credits, ManifestOptions, Rate};

use super::batch::Batch;
use super::entry::RowSource;

/// A checked manifest: every entry is known to expand, apart from the rows of its files.
#[derive(Debug)]
pub struct Manifest {
    /// Its name; the file's stem when it gives none.
    pub name: String,
    /// Its path as it was given; `-` for standard input.
    pub path: String,
    /// The folder that row files are relative to.
    pub folder: PathBuf,
    /// SHA-256 of its text, and of the options it was read with, in hexadecimal.
    pub digest: String,
    /// What it was read with.
    pub options: ManifestOptions,
    /// The names of its profiles.
    pub profiles: Vec<String>,
    /// Which provider.
    pub provider: ProviderSettings,
    /// How fast.
    pub limits: LimitSettings,
    /// How much.
    pub budget: BudgetSettings,
    /// The price list's name, or a file's path.
    pub prices: Option<String>,
    /// The jobs, compiled; `expand` brings them out.
    pub(super) batch: Batch,
}

/// `[provider]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderSettings {
    /// `simulator`, `aimusicapi` or `musicapi`.
    pub name: Option<String>,
    /// Another origin.
    pub base_url: Option<String>,
    /// The environment variable that holds the key.
    pub key_env: Option<String>,
    /// `[provider.simulator]`: settings of the in-process simulator, checked by name and type.
    pub simulator: Map<String, Value>,
}

/// `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// Submits per span.
    pub rate: Option<Rate>,
    /// Tasks in flight.
    pub concurrency: Option<u32>,
    /// How often a task is asked for.
    pub poll: Option<Duration>,
    /// How long one request may take.
    pub timeout: Option<Duration>,
}

/// What to do when credits are short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenShort {
    /// Start nothing.
    #[default]
    Refuse,
    /// Run what fits.
    Fit,
}

/// `[budget]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetSettings {
    /// This run may spend at most this.
    pub run: Option<Credits>,
    /// All runs of the account together, per billing period.
    pub period: Option<Credits>,
    /// Never take the balance below this.
    pub keep: Option<Credits>,
    /// What to do when credits are short.
    pub when_short: WhenShort,
}

impl Manifest {
    /// Returns the files it reads, each once, those it includes before those of its rows: as they are named, and where
    /// they are.
    #[must_use]
    pub fn files(&self) -> Vec<(&str, &Path)> {
        let included = self.batch.included.iter();
        let mut files: Vec<(&str, &Path)> = included
            .map(|file| (file.name.as_str(), file.path.as_path()))
            .collect();
        for entry in &self.batch.entries {
            if let RowSource::File(file, _) = &entry.rows
                && files.iter().all(|(_, known)| *known != file.path)
            {
                files.push((&file.label, &file.path));
            }
        }
        files
    }
}
