//! What a person says beside a manifest: kept with a saved plan and with a run, so that both mean the same batch.

use serde::{Deserialize, Serialize};

/// Which of its settings a manifest is read with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManifestOptions {
    /// The profile that is laid over its settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Variables with other values, by name, as they were typed; the last of a name holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vars: Vec<(String, String)>,
    /// Names of entries and jobs that are wanted, `*` and `?` allowed; all when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Tags of which a wanted job has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Of each `for_each`, only so many of the first rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<u32>,
}

impl ManifestOptions {
    /// Tells whether the manifest is read as it stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
