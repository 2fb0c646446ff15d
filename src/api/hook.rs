//! An address of the user's own that is told of something: its path is a secret, and no message shows it.

use std::fmt;

use reqwest::{Client, RequestBuilder, Url, header};

use super::address::{AddressError, check_hook, host_name};
use super::http::{CONNECT_TIMEOUT, HttpSetupError, builder, root_cause, tls};

/// An address to be told at; prints as its host only.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    url: Url,
}

/// Why an address could not be told.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The HTTP client can't be set up.
    #[error(transparent)]
    Setup(#[from] HttpSetupError),
    /// No answer came.
    #[error("`{host}` can't be reached: {cause}")]
    Unreachable {
        /// The host.
        host: String,
        /// The innermost cause.
        cause: String,
    },
    /// It answered with something else than a 2xx; no redirect is followed.
    #[error("`{host}` answers with status {status}")]
    Status {
        /// The host.
        host: String,
        /// What it answered.
        status: u16,
    },
}

impl Hook {
    /// Reads an address: `https`, or `http` on loopback.
    ///
    /// # Errors
    /// [`AddressError`], which shows the host at most.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        check_hook(text).map(|url| Self { url })
    }

    /// Returns the address one step further down.
    #[must_use]
    pub fn below(&self, step: &str) -> Self {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .expect("an http address can have path segments")
            .pop_if_empty()
            .push(step);
        Self { url }
    }

    /// Asks for it once and takes a 2xx for heard; the caller limits the time.
    ///
    /// # Errors
    /// [`HookError`].
    pub async fn get(&self) -> Result<(), HookError> {
        self.send(client()?.get(self.url.clone())).await
    }

    /// Posts JSON to it once and takes a 2xx for heard; the caller limits the time.
    ///
    /// # Errors
    /// [`HookError`].
    pub async fn post(&self, json: String) -> Result<(), HookError> {
        let request = client()?
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(json);
        self.send(request).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<(), HookError> {
        let host = host_name(&self.url);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(HookError::Status {
                host,
                status: answer.status().as_u16(),
            }),
            Err(error) => Err(HookError::Unreachable {
                host,
                cause: root_cause(&error.without_url()),
            }),
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hook").field(&host_name(&self.url)).finish()
    }
}

fn client() -> Result<Client, HttpSetupError> {
    builder(tls()?, CONNECT_TIMEOUT)
        .build()
        .map_err(|error| HttpSetupError::Client(root_cause(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_or_local_addresses_are_told() {
        for good in [
            "https://hooks.example/T0/B0/secret",
            "http://127.0.0.1:9/x",
            "http://localhost/x",
        ] {
            assert!(Hook::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example/secret",
            "http://127.0.0.1.evil.example/secret",
            "https://user:secret@hooks.example/",
            "file:///secret",
            "secret",
            "",
        ] {
            let error = Hook::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{bad}: {error}");
        }
    }

    #[test]
    fn an_address_goes_on_below_and_is_not_printed() {
        for (address, below) in [
            ("https://ping.example/u", "https://ping.example/u/start"),
            ("https://ping.example/u/", "https://ping.example/u/start"),
            ("https://ping.example", "https://ping.example/start"),
            (
                "https://ping.example/u?a=b",
                "https://ping.example/u/start?a=b",
            ),
        ] {
            let hook = Hook::parse(address).unwrap();
            assert_eq!(hook.below("start").url.as_str(), below);
            assert_eq!(format!("{hook:?}"), "Hook(\"ping.example\")");
        }
    }
}
