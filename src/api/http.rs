//! Exchanges over a network, by reqwest. Decides one thing: whether a byte of the request can have left.
//!
//! No proxy is taken from the environment: the key and the money go to the configured origin and nowhere else.
//! Nothing is sent twice and no redirect is followed; whoever asked decides that.
//! (hyper moves a request to a new connection when a pooled one turns out closed before its first byte is written.)

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, Url};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::address::{Origin, host_name, is_public};
use super::transport::{HttpMethod, HttpRequest, HttpResponse, Transport, TransportError};

/// The shortest key that is struck out of results: a shorter one is a toy's, and may be a word of the result itself.
const SECRET_BYTES_MIN: usize = 16;

/// How long a connection may take to be made, TLS included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept.
///
/// A paid request on a connection that the server closes at the same moment is in doubt. Servers keep idle
/// connections for 5 s at the least (Node.js), so they are given up earlier here.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Carries exchanges over a network.
pub struct ReqwestTransport {
    origin: Origin,
    key: SecretString,
    authorization: HeaderValue,
    api: Client,
    files: Files,
}

/// The clients that fetch files, without the key.
struct Files {
    /// For `http`, which is found on loopback only.
    plain: Client,
    /// For `https`. Made when it is first needed: to read the machine's certificates takes longer than all else that a
    /// small run against a simulator does.
    secure: OnceLock<Client>,
    connect: Duration,
    names: Arc<PublicOnly>,
}

/// Why a transport can't be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// The key can't be sent.
    #[error(
        "the key is empty or holds characters that can't stand in a header; check how it was copied"
    )]
    Key,
    /// TLS or the HTTP client can't be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Client(String),
}

impl ReqwestTransport {
    /// Makes a transport that sends the key to one origin.
    ///
    /// # Errors
    /// [`HttpSetupError`] when the key can't stand in a header or TLS can't be set up.
    pub fn new(key: SecretString, origin: Origin) -> Result<Self, HttpSetupError> {
        Self::with_connect_timeout(key, origin, CONNECT_TIMEOUT)
    }

    fn with_connect_timeout(
        key: SecretString,
        origin: Origin,
        connect: Duration,
    ) -> Result<Self, HttpSetupError> {
        if key.expose_secret().trim().is_empty() {
            return Err(HttpSetupError::Key);
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
            .map_err(|_| HttpSetupError::Key)?;
        authorization.set_sensitive(true);
        let tls = if origin.is_secure() {
            tls()?
        } else {
            no_tls()?
        };
        Ok(Self {
            api: made(builder(tls, connect))?,
            files: Files::new(connect, origin.is_loopback())?,
            origin,
            key,
            authorization,
        })
    }

    fn prepare(&self, request: &HttpRequest) -> Result<(Url, HeaderMap), TransportError> {
        let url = Url::parse(&request.url).map_err(|error| {
            TransportError::NotSent(format!("the address is malformed: {error}"))
        })?;
        let mut headers = HeaderMap::new();
        if request.with_key {
            if !self.origin.owns(&url) {
                return Err(TransportError::NotSent(format!(
                    "the key is not sent to `{}`, which is not the configured origin",
                    host_name(&url)
                )));
            }
            headers.insert(header::AUTHORIZATION, self.authorization.clone());
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        }
        if request.body.is_some() {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        if let Some(from) = request.range_from {
            headers.insert(
                header::RANGE,
                HeaderValue::from_str(&format!("bytes={from}-"))
                    .expect("digits can stand in a header"),
            );
        }
        Ok((url, headers))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let (url, headers) = self.prepare(&request)?;
        let host = host_name(&url);
        let client = match (request.with_key, url.scheme()) {
            (true, _) => &self.api,
            (false, "https") => self.files.secure()?,
            (false, _) => &self.files.plain,
        };
        let outgoing = match request.method {
            HttpMethod::Get => client.get(url),
            HttpMethod::Post => client.post(url),
        }
        .headers(headers);
        let outgoing = match request.body {
            Some(body) => outgoing.body(body),
            None => outgoing,
        };
        match tokio::time::timeout(request.timeout, outgoing.send()).await {
            Ok(Ok(response)) => Ok(taken(response, host, request.timeout)),
            Ok(Err(error)) => Err(sorted(error, &host)),
            // The clock may have run out while connecting; but that can't be told, so the careful answer is given.
            Err(_) => Err(TransportError::Lost(format!(
                "`{host}` gives no answer within {:?}",
                request.timeout
            ))),
        }
    }
}

impl Files {
    fn new(connect: Duration, loopback: bool) -> Result<Self, HttpSetupError> {
        let names = Arc::new(PublicOnly { loopback });
        Ok(Self {
            plain: made(builder(no_tls()?, connect).dns_resolver(Arc::clone(&names)))?,
            secure: OnceLock::new(),
            connect,
            names,
        })
    }

    fn secure(&self) -> Result<&Client, TransportError> {
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let names = Arc::clone(&self.names);
        let client = tls()
            .and_then(|tls| made(builder(tls, self.connect).dns_resolver(names)))
            .map_err(|error| TransportError::NotSent(error.to_string()))?;
        Ok(self.secure.get_or_init(|| client))
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(self.exchange(request))
    }

    fn redact(&self, text: &str) -> String {
        text.replace(self.key.expose_secret(), "[key]")
    }

    fn redact_data(&self, text: &str) -> String {
        if self.key.expose_secret().len() < SECRET_BYTES_MIN {
            text.to_owned()
        } else {
            self.redact(text)
        }
    }
}

impl std::fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReqwestTransport")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// TLS by ring and the machine's own roots, without a provider installed for the whole process.
pub(crate) fn tls() -> Result<ClientConfig, HttpSetupError> {
    let mut config = versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| HttpSetupError::Client(error.to_string()))?
        .with_no_client_auth();
    // HTTP/2 must not be offered: the program is built without it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// TLS that trusts nobody, for a client that is asked for `http` only.
fn no_tls() -> Result<ClientConfig, HttpSetupError> {
    let versions = versions().map_err(|error| HttpSetupError::Client(error.to_string()))?;
    let config = versions.with_root_certificates(RootCertStore::empty());
    Ok(config.with_no_client_auth())
}

fn versions() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn made(builder: ClientBuilder) -> Result<Client, HttpSetupError> {
    let setup = |error: reqwest::Error| HttpSetupError::Client(root_cause(&error));
    builder.build().map_err(setup)
}

pub(super) fn builder(tls: ClientConfig, connect: Duration) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("setlist/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(connect)
        .pool_idle_timeout(POOL_IDLE)
}

fn taken(response: Response, host: String, stall: Duration) -> HttpResponse {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(value.to_str().ok()?.to_owned())
    };
    HttpResponse {
        status: response.status().as_u16(),
        content_type: text(header::CONTENT_TYPE),
        content_length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        content_range: text(header::CONTENT_RANGE),
        retry_after: text(header::RETRY_AFTER),
        date: text(header::DATE),
        location: text(header::LOCATION),
        body: body(response.bytes_stream().boxed(), host, stall),
    }
}

/// The body, given up when no byte comes for `stall`; ends after its first error.
fn body(
    bytes: impl Stream<Item = reqwest::Result<Bytes>> + Send + Unpin + 'static,
    host: String,
    stall: Duration,
) -> BoxStream<'static, Result<Bytes, TransportError>> {
    stream::unfold(Some((bytes, host)), move |state| async move {
        let (mut bytes, host) = state?;
        match tokio::time::timeout(stall, bytes.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some((bytes, host)))),
            Ok(Some(Err(error))) => {
                let cause = root_cause(&error.without_url());
                let message = format!("the answer of `{host}` is cut short: {cause}");
                Some((Err(TransportError::Lost(message)), None))
            }
            Err(_) => {
                let message = format!("`{host}` sends nothing more for {stall:?}");
                Some((Err(TransportError::Lost(message)), None))
            }
        }
    })
    .boxed()
}

/// Sorts an error by whether a byte of the request can have left.
fn sorted(error: reqwest::Error, host: &str) -> TransportError {
    // Without the address: its query may hold a signature.
    let error = error.without_url();
    let cause = root_cause(&error);
    if error.is_builder() {
        TransportError::NotSent(format!("the request can't be made: {cause}"))
    } else if error.is_connect() {
        TransportError::NotSent(format!("no connection to `{host}`: {cause}"))
    } else {
        TransportError::Lost(format!(
            "the connection to `{host}` breaks before an answer: {cause}"
        ))
    }
}

/// The innermost cause: the outer ones only say that a request or a connection failed.
pub(super) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}

/// Resolves names, and keeps of what they stand for only what is public.
///
/// The connection goes to exactly these addresses, so a name can't mean one thing when it is checked and
/// another when it is used.
struct PublicOnly {
    /// Whether loopback will do too, as it does for a simulator on this machine.
    loopback: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = |address: &SocketAddr| {
                let ip = address.ip();
                is_public(ip) || (loopback && ip.is_loopback())
            };
            let kept: Vec<SocketAddr> = found.filter(allowed).collect();
            if kept.is_empty() {
                return Err("the name leads only to private or reserved networks".into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
