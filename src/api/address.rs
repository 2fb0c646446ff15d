//! Addresses: where the key may go, and what may be downloaded. Opens no connection itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// The origin that stands for the simulator when it answers in-process.
pub const IN_PROCESS_ORIGIN: &str = "http://simulator.localhost";

/// The longest address that is followed, in bytes; signed addresses of object stores stay well below.
const MAX_URL_BYTES: usize = 8 * 1024;

/// Why an address is not used. No message repeats a path or query, which may hold a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no address at all.
    #[error("the address is malformed: {0}")]
    Malformed(String),
    /// The scheme would send data in the clear, or is none of HTTP's.
    #[error("the address at `{host}` is `{scheme}`, only `https` is used")]
    Insecure {
        /// The scheme found.
        scheme: String,
        /// The host.
        host: String,
    },
    /// It holds a user name or a password.
    #[error("the address at `{0}` holds a user name or a password")]
    Userinfo(String),
    /// It leads into a network that is nobody's business.
    #[error("the address at `{0}` leads to a private or reserved network")]
    Private(String),
    /// It names a port that no file server has.
    #[error("the address at `{host}` names port {port}")]
    Port {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// It is far too long.
    #[error("the address is {0} bytes long, {MAX_URL_BYTES} are allowed")]
    TooLong(usize),
    /// A base address holds more than an origin.
    #[error("the base address at `{0}` holds a path, query or fragment; only an origin is allowed")]
    NotAnOrigin(String),
}

/// The scheme, host and port that requests and the key go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    url: Url,
}

impl Origin {
    /// Reads a base address; an empty one means the simulator in-process.
    ///
    /// # Errors
    /// [`AddressError`] when it is no bare origin, or neither `https` nor on loopback.
    pub fn parse(base_url: &str) -> Result<Self, AddressError> {
        let text = if base_url.is_empty() {
            IN_PROCESS_ORIGIN
        } else {
            base_url
        };
        let url = parse(text)?;
        let name = host_name(&url);
        let bare =
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !bare {
            return Err(AddressError::NotAnOrigin(name));
        }
        match url.scheme() {
            "https" => Ok(Self { url }),
            "http" if is_loopback(&url) => Ok(Self { url }),
            scheme => Err(AddressError::Insecure {
                scheme: scheme.to_owned(),
                host: name,
            }),
        }
    }

    /// Tells whether it is this machine, so that result files may lie on loopback too.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Tells whether it is reached over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Tells whether an address is of this origin.
    #[must_use]
    pub fn owns(&self, url: &Url) -> bool {
        url.origin() == self.url.origin() && !has_userinfo(url)
    }

    /// Returns the address of a path, given as segments; each is percent-encoded.
    #[must_use]
    pub fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .expect("an http address can have path segments")
            .clear()
            .extend(segments);
        url
    }
}

/// Checks an address that a person gave to be told at: `https`, or `http` on loopback, without a user name.
///
/// # Errors
/// [`AddressError`] that says what is wrong with it.
pub(super) fn check_hook(text: &str) -> Result<Url, AddressError> {
    let url = parse(text)?;
    if url.scheme() == "https" || is_loopback(&url) {
        return Ok(url);
    }
    Err(AddressError::Insecure {
        scheme: url.scheme().to_owned(),
        host: host_name(&url),
    })
}

/// Checks the address of a result file, or of a redirect on the way to it.
///
/// A literal address is judged here, a name when it is resolved ([`is_public`]), so that a name can't
/// be pointed at a private network between check and use.
///
/// # Errors
/// [`AddressError`] that says what is wrong with it.
pub fn check_file_url(text: &str, origin: &Origin) -> Result<Url, AddressError> {
    let url = parse(text)?;
    let name = host_name(&url);
    if is_loopback(&url) {
        return if origin.is_loopback() {
            Ok(url)
        } else {
            Err(AddressError::Private(name))
        };
    }
    if url.scheme() != "https" {
        return Err(AddressError::Insecure {
            scheme: url.scheme().to_owned(),
            host: name,
        });
    }
    if let Some(Host::Address(address)) = host(&url) {
        if !is_public(address) {
            return Err(AddressError::Private(name));
        }
        // A file server without even a name that also hides on an odd port is not a store of results.
        if let Some(port) = url.port() {
            return Err(AddressError::Port { host: name, port });
        }
    }
    if url.port() == Some(0) {
        return Err(AddressError::Port {
            host: name,
            port: 0,
        });
    }
    Ok(url)
}

/// Tells whether an address belongs to the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b); // carrier-grade NAT, RFC 6598
    let benchmark = a == 198 && (b == 18 || b == 19); // RFC 2544
    let protocol = a == 192 && b == 0 && c == 0; // RFC 6890
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || benchmark
        || protocol
        || a == 0
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Forms that carry an IPv4 address inside are as public as that one.
    let segments = address.segments();
    let [.., a, b] = segments;
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => inner(a, b), // NAT64, RFC 6052
        [0x2002, high, low, ..] => inner(high, low),   // 6to4, RFC 3056
        [0x2001, 0, ..] => false,                      // Teredo
        [0x2001, 0x0db8, ..] => false,                 // documentation
        // Only 2000::/3 is handed out as global unicast; that leaves out ::/8, ULA, link-local and multicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Returns the host of an address for a message.
#[must_use]
pub fn host_name(url: &Url) -> String {
    url.host_str().unwrap_or("?").to_owned()
}

fn parse(text: &str) -> Result<Url, AddressError> {
    if text.len() > MAX_URL_BYTES {
        return Err(AddressError::TooLong(text.len()));
    }
    let url = Url::parse(text).map_err(|error| AddressError::Malformed(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(AddressError::Insecure {
            scheme: url.scheme().to_owned(),
            host: host_name(&url),
        });
    }
    if has_userinfo(&url) {
        return Err(AddressError::Userinfo(host_name(&url)));
    }
    Ok(url)
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    match host(url) {
        Some(Host::Address(IpAddr::V4(address))) => address.is_loopback(),
        Some(Host::Address(IpAddr::V6(address))) => {
            address.is_loopback()
                || address
                    .to_ipv4_mapped()
                    .is_some_and(|inner| inner.is_loopback())
        }
        // RFC 6761 keeps `localhost` and everything below it for loopback.
        Some(Host::Name(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// A host: an address written out, or a name.
enum Host<'a> {
    Address(IpAddr),
    Name(&'a str),
}

/// Returns the host; the parser has already turned odd spellings of IPv4 (`0x7f.1`) into the usual one.
fn host(url: &Url) -> Option<Host<'_>> {
    let text = url.host_str()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    Some(match bare.parse() {
        Ok(address) => Host::Address(address),
        Err(_) => Host::Name(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_or_this_machine() {
        for good in [
            "https://api.aimusicapi.ai",
            "https://api.aimusicapi.ai/",
            "https://proxy.example:8443",
            "http://127.0.0.1:8080",
            "http://[::1]:9",
            "http://localhost:80",
            "",
        ] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.aimusicapi.ai",
            "https://api.aimusicapi.ai/api/v1",
            "https://a.example/?x",
            "https://user@a.example",
            "https://:secret@a.example",
            "ftp://a.example",
            "file:///etc/passwd",
            "api.aimusicapi.ai",
            "http://localhost.evil.example",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_key_goes_to_its_origin_only() {
        let origin = Origin::parse("https://api.example").unwrap();
        let owns = |text: &str| origin.owns(&Url::parse(text).unwrap());
        assert!(owns("https://api.example/api/v1/get-credits"));
        assert!(owns("https://api.example:443/x"));
        for other in [
            "http://api.example/x",
            "https://api.example:444/x",
            "https://api.example.evil.example/x",
            "https://cdn.example/x",
            "https://api.example@evil.example/x",
            "https://x@api.example/x",
        ] {
            assert!(!owns(other), "{other}");
        }
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        let origin = Origin::parse("https://api.example").unwrap();
        let url = origin.join(["api", "v1", "a/../b?c#d%2e"]);
        assert_eq!(
            url.as_str(),
            "https://api.example/api/v1/a%2F..%2Fb%3Fc%23d%252e"
        );
    }

    #[test]
    fn result_files_come_from_the_public_internet() {
        let far = Origin::parse("https://api.example").unwrap();
        for good in [
            "https://cdn.example/a.mp3?sig=1",
            "https://cdn.example:8443/a.mp3",
            "https://8.8.8.8/a.mp3",
            "https://[2606:4700::1]/a.mp3",
        ] {
            assert!(check_file_url(good, &far).is_ok(), "{good}");
        }
        for bad in [
            "http://cdn.example/a.mp3",
            "ftp://cdn.example/a.mp3",
            "file:///etc/passwd",
            "data:audio/mpeg;base64,AAAA",
            "https://user:pass@cdn.example/a.mp3",
            "https://8.8.8.8:22/a.mp3",
            "https://cdn.example:0/a.mp3",
            "https://127.0.0.1/a",
            "https://localhost/a",
            "https://2130706433/a",
            "https://0x7f.1/a",
            "https://0177.0.0.1/a",
            "https://10.0.0.1/a",
            "https://172.16.3.4/a",
            "https://192.168.1.1/a",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/a",
            "https://0.0.0.0/a",
            "https://255.255.255.255/a",
            "https://198.18.0.1/a",
            "https://[::1]/a",
            "https://[::]/a",
            "https://[fe80::1]/a",
            "https://[fd00::1]/a",
            "https://[::ffff:10.0.0.1]/a",
            "https://[64:ff9b::a00:1]/a",
            "https://[2002:7f00:1::]/a",
            "nonsense",
            "",
        ] {
            assert!(check_file_url(bad, &far).is_err(), "{bad}");
        }
        let long = format!("https://cdn.example/{}", "a".repeat(MAX_URL_BYTES));
        assert_eq!(
            check_file_url(&long, &far),
            Err(AddressError::TooLong(long.len()))
        );
    }

    #[test]
    fn loopback_serves_files_only_to_a_loopback_origin() {
        let near = Origin::parse("http://127.0.0.1:4000").unwrap();
        for good in [
            "http://127.0.0.1:4000/a.wav",
            "http://localhost:1/a",
            "http://x.localhost/a",
        ] {
            assert!(check_file_url(good, &near).is_ok(), "{good}");
        }
        assert!(check_file_url("http://10.0.0.1/a", &near).is_err());
        let inside = Origin::parse("").unwrap();
        assert!(check_file_url("http://simulator.localhost/a", &inside).is_ok());
    }

    #[test]
    fn messages_hold_no_signature() {
        let far = Origin::parse("https://api.example").unwrap();
        let error = check_file_url("http://cdn.example/a?sig=SECRET", &far).unwrap_err();
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}
