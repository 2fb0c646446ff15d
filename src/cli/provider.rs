//! Providers by name: their origin, the variable their key is in, and whose credits a run spends.
//!
//! This file also judges whether a key may go to an origin at all; it opens no connection.

use crate::api::Origin;
use crate::model::AccountId;

use super::error::CommandError;

pub(crate) use crate::catalog::SIMULATOR;

/// What is known of a provider without asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Its name in manifests and flags.
    pub(crate) name: &'static str,
    /// Its origin; none for the simulator, which runs in this process unless an origin is given.
    pub(crate) origin: Option<&'static str>,
    /// The environment variable its key is looked for in.
    pub(crate) key_env: &'static str,
}

/// The providers there are; origins as the provider's own pages give them.
pub(crate) const PROVIDERS: [Provider; 3] = [
    Provider {
        name: SIMULATOR,
        origin: None,
        key_env: "SETLIST_SIMULATOR_KEY",
    },
    Provider {
        name: "aimusicapi",
        origin: Some("https://api.aimusicapi.ai"),
        key_env: "AIMUSIC_API_KEY",
    },
    Provider {
        name: "musicapi",
        origin: Some("https://api.musicapi.ai"),
        key_env: "MUSICAPI_API_KEY",
    },
];

impl Provider {
    /// Finds a provider by name.
    ///
    /// # Errors
    /// A usage error that lists the names there are.
    pub(crate) fn find(name: &str) -> Result<Self, CommandError> {
        PROVIDERS
            .into_iter()
            .find(|provider| provider.name == name)
            .ok_or_else(|| {
                let known: Vec<_> = PROVIDERS
                    .iter()
                    .map(|provider| format!("`{}`", provider.name))
                    .collect();
                CommandError::usage(format!(
                    "no provider is called `{name}`; there are {}",
                    known.join(", ")
                ))
            })
    }
}

/// Returns whose credits a run spends: the provider, the account's label, and the origin where it is not the usual one.
///
/// The origin counts, so that nothing bought from a rehearsal server is ever taken for something bought in earnest.
pub(crate) fn account(provider: &Provider, label: Option<&str>, base_url: &str) -> AccountId {
    let mut name = provider.name.to_owned();
    if provider.origin != Some(base_url) && !base_url.is_empty() {
        name.push('@');
        name.push_str(
            base_url
                .split_once("://")
                .map_or(base_url, |(_, host)| host),
        );
    }
    if let Some(label) = label {
        name.push('/');
        name.push_str(label);
    }
    AccountId::new(name)
}

/// Reads an origin that requests and the key may go to: `https`, or `http` on loopback; returns its one written form.
///
/// # Errors
/// A sentence, when the address is not a bare origin or a network could read the key.
pub(crate) fn check_origin(address: &str) -> Result<String, String> {
    if address.is_empty() {
        return Err("an empty address is no origin".to_owned());
    }
    let origin = Origin::parse(address).map_err(|error| error.to_string())?;
    let written = origin.join([]);
    Ok(written.as_str().trim_end_matches('/').to_owned())
}

/// Tells whether an origin is on this machine.
pub(crate) fn is_local(origin: &str) -> bool {
    Origin::parse(origin).is_ok_and(|origin| origin.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_travel_encrypted_or_not_at_all() {
        for (good, origin) in [
            ("https://api.aimusicapi.ai", "https://api.aimusicapi.ai"),
            (
                "https://API.aimusicapi.ai:443/",
                "https://api.aimusicapi.ai",
            ),
            ("http://127.0.0.1:8788", "http://127.0.0.1:8788"),
            ("http://LOCALHOST:80", "http://localhost"),
            ("http://[::1]:8788", "http://[::1]:8788"),
        ] {
            assert_eq!(check_origin(good).as_deref(), Ok(origin), "{good}");
        }
        for bad in [
            "",
            "api.aimusicapi.ai",
            "ftp://127.0.0.1",
            "http://api.aimusicapi.ai",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1:x@evil.example",
            "http://localhost:8788@evil.example",
            "http://[::1].evil.example",
            "https://user@host.example",
            "https://host.example/path",
            "https://",
        ] {
            assert!(check_origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accounts_at_different_origins_are_different() {
        let aimusic = Provider::find("aimusicapi").unwrap();
        let usual = "https://api.aimusicapi.ai";
        let name = |label, url| account(&aimusic, label, url).as_str().to_owned();
        assert_eq!(name(None, usual), "aimusicapi");
        assert_eq!(name(Some("studio"), usual), "aimusicapi/studio");
        assert_eq!(
            name(None, "http://127.0.0.1:8788"),
            "aimusicapi@127.0.0.1:8788"
        );
        let simulator = Provider::find(SIMULATOR).unwrap();
        assert_eq!(account(&simulator, None, "").as_str(), "simulator");
    }

    #[test]
    fn an_unknown_provider_is_told_the_known_ones() {
        let failure = Provider::find("sunoapi").unwrap_err();
        assert_eq!(
            failure.error.to_string(),
            "no provider is called `sunoapi`; there are `simulator`, `aimusicapi`, `musicapi`"
        );
    }
}
