//! What a person says beside a manifest: kept with a saved plan and with a run, so that both mean the same batch.

use std::fmt;

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

/// Writes them as the flags that say the same.
impl fmt::Display for ManifestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = self.profile.iter().map(|name| format!("--profile {name}"));
        let vars = self.vars.iter();
        let vars = vars.map(|(name, value)| format!("--var {name}={value}"));
        let only = self.only.iter().map(|job| format!("--only {job}"));
        let tags = self.tags.iter().map(|tag| format!("--tag {tag}"));
        let sample = self.sample.iter().map(|rows| format!("--sample {rows}"));
        let flags = profile.chain(vars).chain(only).chain(tags).chain(sample);
        f.write_str(&flags.collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_shown_as_flags_and_kept_as_they_are() {
        let all = ManifestOptions {
            profile: Some("dev".to_owned()),
            vars: vec![("mood".to_owned(), "a b".to_owned())],
            only: vec!["cue[1]".to_owned(), "wav".to_owned()],
            tags: vec!["fine".to_owned()],
            sample: Some(2),
        };
        let shown = "--profile dev --var mood=a b --only cue[1] --only wav --tag fine --sample 2";
        assert_eq!(all.to_string(), shown);
        for options in [all, ManifestOptions::default()] {
            let kept = serde_json::to_string(&options).unwrap();
            assert_eq!(
                serde_json::from_str::<ManifestOptions>(&kept).unwrap(),
                options
            );
        }
    }
}
