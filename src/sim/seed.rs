//! Everything that looks random and must not be: ids, failures, melodies.
//!
//! A draw depends on the simulator's seed, the request, and how often the same request was accepted before; never
//! on the order in which different requests arrive, so concurrent rehearsals come out alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// An id of a task, clip, persona or batch; written as a UUID, which every sample of the provider's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u128);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_u128(self.0).as_hyphenated().fmt(f)
    }
}

impl FromStr for Id {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::Uuid::try_parse(text).map(|id| Self(id.as_u128()))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What a request asks for, without the address the simulator happens to be served at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RequestDigest(Id);

impl RequestDigest {
    /// The digest of no request, for draws that nobody makes.
    pub(crate) const NOTHING: Self = Self(Id(0));

    /// Digests a request; `base` is struck out, because a port that changes would change every id.
    pub(crate) fn of(path: &str, body: &[u8], base: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(path.as_bytes());
        hasher.update([0]);
        match std::str::from_utf8(body) {
            Ok(text) if text.contains(base) => hasher.update(text.replace(base, "").as_bytes()),
            _ => hasher.update(body),
        }
        Self(Id(first_half(hasher)))
    }
}

fn first_half(hasher: Sha256) -> u128 {
    let digest: [u8; 32] = hasher.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(half)
}

/// The source of one accepted request's chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    high: u64,
    low: u64,
}

impl Draw {
    /// Starts the draw of the `occurrence`-th accepted request with this digest.
    pub(crate) fn new(seed: u64, request: RequestDigest, occurrence: u32) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_be_bytes());
        hasher.update(request.0.0.to_be_bytes());
        hasher.update(occurrence.to_be_bytes());
        let (high, low) = halves(first_half(hasher));
        Self { high, low }
    }

    /// Returns the number drawn for a purpose.
    pub(crate) fn number(self, purpose: &str, index: usize) -> u64 {
        let label = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
                (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let index = u64::try_from(index).unwrap_or(u64::MAX);
        mix(self.high ^ mix(self.low ^ mix(label ^ mix(index))))
    }

    /// Returns the id drawn for a purpose.
    pub(crate) fn id(self, purpose: &str, index: usize) -> Id {
        let high = u128::from(self.number(purpose, index));
        let low = u128::from(mix(self.number(purpose, index) ^ self.low));
        let random = uuid::Builder::from_random_bytes((high << 64 | low).to_be_bytes());
        Id(random.into_uuid().as_u128())
    }

    /// Returns a fraction from 0 up to, not including, 1.
    pub(crate) fn fraction(self, purpose: &str) -> f64 {
        let top = u32::try_from(self.number(purpose, 0) >> 32).unwrap_or(u32::MAX);
        f64::from(top) / 4_294_967_296.0
    }
}

fn halves(whole: u128) -> (u64, u64) {
    let bytes = whole.to_be_bytes();
    let (mut high, mut low) = ([0; 8], [0; 8]);
    high.copy_from_slice(&bytes[..8]);
    low.copy_from_slice(&bytes[8..]);
    (u64::from_be_bytes(high), u64::from_be_bytes(low))
}

/// Scatters a number over all 64 bits (the finisher of `SplitMix64`); stable for ever, unlike a library's generator.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_uuids_and_survive_their_text() {
        let request = RequestDigest::of("/x", b"{}", "http://h");
        let id = Draw::new(1, request, 0).id("task", 0);
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn seed_request_occurrence_purpose_and_index_each_matter() {
        let (one, two) = (
            RequestDigest::of("/x", b"1", "http://h"),
            RequestDigest::of("/x", b"2", "http://h"),
        );
        let ids = [
            Draw::new(1, one, 0).id("task", 0),
            Draw::new(2, one, 0).id("task", 0),
            Draw::new(1, two, 0).id("task", 0),
            Draw::new(1, one, 1).id("task", 0),
            Draw::new(1, one, 0).id("clip", 0),
            Draw::new(1, one, 0).id("clip", 1),
        ];
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(ids[0], Draw::new(1, one, 0).id("task", 0));
    }

    #[test]
    fn the_port_served_at_does_not_matter() {
        let at = |port: u16| {
            let base = format!("http://127.0.0.1:{port}");
            let body = format!(r#"{{"url":"{base}/simulator/files/x.wav"}}"#);
            RequestDigest::of("/x", body.as_bytes(), &base)
        };
        assert_eq!(at(1000), at(2000));
    }

    #[test]
    fn fractions_are_spread_over_the_unit() {
        let below = (0..1000)
            .filter(|n| {
                Draw::new(*n, RequestDigest::of("/x", b"", "http://h"), 0).fraction("x") < 0.25
            })
            .count();
        assert!((200..300).contains(&below), "{below}");
    }
}
