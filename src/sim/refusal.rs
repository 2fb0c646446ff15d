//! The provider's refusals, word for word where its words are known (api facts, section 4).

use std::borrow::Cow;

use serde_json::{Value, json};

/// Too few credits.
pub(crate) const NO_CREDITS: &str =
    "The remaining credits are not enough. You can buy more one-time credit packs or subscribe.";
/// No subscription.
pub(crate) const NO_SUBSCRIPTION: &str =
    "You do not have an active subscription. Please check whether your renewal was successful.";

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    pub kind: &'static str,
    pub error: Cow<'static, str>,
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(
        status: u16,
        kind: &'static str,
        error: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            kind,
            error: error.into(),
            retry_after: None,
        }
    }

    /// A request that is not well formed; free of charge.
    pub(crate) fn invalid(error: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "validation_error", error)
    }

    pub(crate) fn not_found(error: impl Into<Cow<'static, str>>) -> Self {
        Self::new(404, "not_found", error)
    }

    pub(crate) fn forbidden(error: impl Into<Cow<'static, str>>) -> Self {
        Self::new(403, "forbidden", error)
    }

    pub(crate) fn retired(error: impl Into<Cow<'static, str>>) -> Self {
        Self::new(410, "endpoint_retired", error)
    }

    pub(crate) fn unauthorized(error: &'static str) -> Self {
        Self::new(401, "unauthorized", error)
    }

    pub(crate) fn too_many(error: &'static str, retry_after: Option<u64>) -> Self {
        Self {
            retry_after,
            ..Self::new(429, "rate_limited", error)
        }
    }

    /// A fault of the server, as a schedule asks for it.
    pub(crate) fn scheduled(status: u16, retry_after: Option<u64>) -> Self {
        let (kind, error) = match status {
            401 => ("unauthorized", "Invalid API key."),
            402 => ("insufficient_credits", NO_CREDITS),
            404 => ("not_found", "not found"),
            429 => ("rate_limited", "too many requests"),
            502 => ("upstream_error", "upstream failed"),
            503 => (
                "unavailable",
                "The service is at capacity: too many concurrent tasks.",
            ),
            504 => ("timeout", "The request timed out."),
            _ => ("api_error", "Internal Server Error."),
        };
        Self {
            retry_after,
            ..Self::new(status, kind, error)
        }
    }

    /// A fault of the server after it acted: its words may not promise that it did not.
    pub(crate) fn broken(status: u16) -> Self {
        match status {
            503 => Self::new(status, "unavailable", "Service Unavailable."),
            _ => Self::scheduled(status, None),
        }
    }

    pub(crate) fn body(&self) -> Value {
        json!({"type": self.kind, "error": self.error})
    }
}

/// Texts that moderation refuses: a rehearsal puts the mark into any text of a request.
const MODERATED: [(&str, &str); 6] = [
    (
        "[simulate:format]",
        "The lyrics format is invalid. Please check and try again.",
    ),
    (
        "[simulate:copyrighted]",
        "The lyrics contain copyrighted content: 'simulated'. Please use original lyrics.",
    ),
    (
        "[simulate:inappropriate]",
        "The lyrics contain inappropriate content: 'simulated'.",
    ),
    (
        "[simulate:review]",
        "The song description needs moderation review.",
    ),
    (
        "[simulate:artist]",
        "The song description contains artist names: 'simulated' which is not allowed.",
    ),
    (
        "[simulate:producer-tags]",
        "The song description contains producer tags: 'simulated' which is not allowed.",
    ),
];

/// Returns moderation's refusal of a request's text, if it has one.
pub(crate) fn moderation(text: &str) -> Option<Refusal> {
    if !text.contains("[simulate:") {
        return None;
    }
    MODERATED
        .iter()
        .find(|(mark, _)| text.contains(mark))
        .map(|(_, error)| Refusal::forbidden(*error))
}

/// Returns the refusal that a scheduled moderation answers with.
pub(crate) fn scheduled_moderation() -> Refusal {
    Refusal::forbidden(MODERATED[3].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_has_its_literal_and_other_text_passes() {
        assert_eq!(moderation("a quiet [Verse] of [simulate: nothing]"), None);
        for (mark, error) in MODERATED {
            let refusal = moderation(&format!("some {mark} text")).unwrap();
            assert_eq!((refusal.status, refusal.error.as_ref()), (403, error));
        }
    }
}
