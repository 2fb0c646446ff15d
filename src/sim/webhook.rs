//! What a webhook is: where it may go, which events a task has and when, what is said, and how it is signed.
//!
//! Headers, payloads and the signature are the provider's (api facts, section 5). The provider does not say how often it
//! tries again, and clients saw its own secret never: those are choices of the simulator's, named as such below.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::model::Family;

use super::body::Body;
use super::fault::{Effect, Fault};
use super::refusal::Refusal;
use super::seed::{Draw, Id, RequestDigest};
use super::task::{Millis, Shows, Task};

/// The longest address that is taken, in characters.
const URL_CHARS: usize = 1024;
/// From which share of its time on a song can be streamed: when its clips begin to show.
const STREAMED_PERCENT: Millis = 20;
/// Models before 4.5; "newer models" in the provider's words are those after them.
const OLDER_MODELS: [&str; 4] = ["sonic-v3-5", "sonic-v4", "chirp-v3-5", "chirp-v4"];

/// Where webhooks are sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Webhooks {
    /// To this machine only: a request must not make the simulator knock at other doors of a network.
    #[default]
    Loopback,
    /// To any address.
    Any,
    /// Nowhere.
    Off,
}

/// How webhooks are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookSignature {
    /// `X-Webhook-Signature` over timestamp, full stop and body.
    #[default]
    Timestamped,
    /// As pages of October 2025 say: `X-Signature` over the body alone.
    Body,
}

/// What happens to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Streaming,
    Completed,
    Failed,
}

impl Happening {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Streaming => "song.streaming",
            Self::Completed => "song.completed",
            Self::Failed => "song.failed",
        }
    }
}

/// A request to be told of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hook {
    pub(crate) task: Id,
    pub(crate) url: Url,
    secret: Option<String>,
    /// The fault that strikes it, if one does.
    pub(crate) fault: Option<Fault>,
}

impl Hook {
    /// Reads who wants to be told of the task that a request has started.
    pub(crate) fn of(task: Id, body: Body<'_>, fault: Option<&Fault>) -> Option<Self> {
        let text = |name| body.value(name).and_then(Value::as_str);
        let url = text("webhook_url").or_else(|| text("callback_url"))?;
        let is_ours = |fault: &&Fault| {
            matches!(
                fault.effect,
                Effect::WebhookLate | Effect::WebhookTwice | Effect::WebhookLost
            )
        };
        Some(Self {
            task,
            url: Url::parse(url).ok()?,
            secret: text("webhook_secret").map(str::to_owned),
            fault: fault.filter(is_ours).cloned(),
        })
    }

    /// Tells whether it may be sent at all.
    pub(crate) fn is_allowed(&self, webhooks: Webhooks) -> bool {
        match webhooks {
            Webhooks::Off => false,
            Webhooks::Loopback => is_loopback(&self.url),
            Webhooks::Any => true,
        }
    }

    /// Returns the headers of one delivery, with the signature made at a time in Unix seconds.
    pub(crate) fn headers(
        &self,
        happening: Happening,
        body: &str,
        seconds: i64,
        how: WebhookSignature,
        seed: u64,
    ) -> [(&'static str, String); 5] {
        let digest = RequestDigest::of(happening.name(), self.task.to_string().as_bytes(), "://");
        let draw = Draw::new(seed, digest, 0);
        let id = draw.id("webhook", 0).to_string();
        // Without a secret the provider signs with one of its own, which nobody can check.
        let secret = match &self.secret {
            Some(secret) => secret.clone(),
            None => draw.id("secret", 0).to_string(),
        };
        let timestamp = seconds.to_string();
        let signature = match how {
            WebhookSignature::Timestamped => (
                "X-Webhook-Signature",
                signature(&secret, &format!("{timestamp}.{body}")),
            ),
            WebhookSignature::Body => ("X-Signature", signature(&secret, body)),
        };
        [
            ("X-Webhook-Id", id.clone()),
            ("X-Webhook-Event", happening.name().to_owned()),
            ("X-Webhook-Timestamp", timestamp),
            signature,
            ("Idempotency-Key", id),
        ]
    }
}

fn signature(secret: &str, signed: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(signed.as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// Checks where a webhook would go: `https`, as the provider wants it, or plain `http` on this machine, which only the
/// simulator takes.
pub(crate) fn check_url(name: &str, text: &str) -> Result<(), Refusal> {
    let fits = Url::parse(text).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    });
    if fits && text.chars().count() <= URL_CHARS {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "The '{name}' field should be an https URL of at most {URL_CHARS} characters."
        )))
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Tells when what happens to a task: a song of a newer Sonic model can be streamed before it is done.
pub(crate) fn happenings(task: &Task) -> Vec<(Millis, Happening)> {
    let mut all = Vec::new();
    let model = task.words.echo.get("mv").and_then(Value::as_str);
    let is_newer = model.is_some_and(|model| !OLDER_MODELS.contains(&model));
    let is_song = task.family == Family::Suno && task.shows == Shows::Clips;
    if is_song && is_newer && !task.fails() && task.takes > 0 {
        let at = task.takes.saturating_mul(STREAMED_PERCENT) / 100;
        // A millisecond on, so that the share is not rounded down to one before it.
        let at = task.submitted.saturating_add(at).saturating_add(1);
        all.push((at, Happening::Streaming));
    }
    if task.ends() < Millis::MAX {
        let last = match task.fails() {
            true => Happening::Failed,
            false => Happening::Completed,
        };
        all.push((task.ends(), last));
    }
    all
}

/// Says what happened: what a poll would say now, or that the task failed, and whose task it is.
pub(crate) fn payload(
    task: &Task,
    happening: Happening,
    polled: Map<String, Value>,
    failure: &str,
) -> Value {
    let mut said = match happening {
        Happening::Completed => polled,
        Happening::Streaming => {
            let mut said = polled;
            said.insert("message".to_owned(), json!("streaming"));
            said
        }
        Happening::Failed => Map::from_iter([
            ("type".to_owned(), json!("failed")),
            ("message".to_owned(), json!(failure)),
            ("refund_processed".to_owned(), json!(task.refunds)),
        ]),
    };
    let platform = match task.family {
        Family::Suno | Family::Lyrics => "suno",
        Family::Producer => "producer",
        Family::Nuro => "nuro",
    };
    said.insert("task_id".to_owned(), json!(task.id));
    said.insert("platform".to_owned(), json!(platform));
    said.insert("event".to_owned(), json!(happening.name()));
    Value::Object(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn webhooks_go_to_https_or_to_this_machine() {
        for good in [
            "https://me.example/hook",
            "http://127.0.0.1:9/hook",
            "http://localhost:9/hook",
            "http://[::1]:9/hook",
        ] {
            assert_eq!(check_url("webhook_url", good), Ok(()), "{good}");
        }
        let long = format!("https://me.example/{}", "x".repeat(1024));
        for bad in [
            "http://me.example/hook",
            "http://127.0.0.1.me.example/",
            "ftp://127.0.0.1/",
            "hook",
            &long,
        ] {
            assert!(check_url("webhook_url", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_told_unless_the_settings_say_more() {
        let hook = |url: &str| {
            let fields = json!({ "webhook_url": url });
            let task = "00000000-0000-4000-8000-000000000000".parse().unwrap();
            Hook::of(task, Body(fields.as_object().unwrap()), None).unwrap()
        };
        let (near, far) = (hook("http://127.0.0.1:9/"), hook("https://10.0.0.1/"));
        let allowed = |mode| (near.is_allowed(mode), far.is_allowed(mode));
        assert_eq!(allowed(Webhooks::Loopback), (true, false));
        assert_eq!(allowed(Webhooks::Any), (true, true));
        assert_eq!(allowed(Webhooks::Off), (false, false));
    }
}
