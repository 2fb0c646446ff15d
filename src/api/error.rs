//! The one place that judges a fault: was it refused, was it never sent, or may it have been charged?
//!
//! When in doubt the answer is [`FaultKind::Unknown`]: a wrong "unknown" costs a look at the balance, a wrong
//! "refused" pays twice.

use super::address::AddressError;
use super::reply::Reply;
use super::service::{Fault, FaultKind, Refusal};
use super::transport::TransportError;
use super::wire::ErrorBody;

/// The most of the provider's words that a message repeats, in characters.
const MAX_TEXT_CHARS: usize = 300;

/// How the error pages put that credits have run out, in lower case.
const CREDITS_LITERAL: &str = "the remaining credits are not enough";
/// How they put that the subscription has ended.
const SUBSCRIPTION_LITERAL: &str = "do not have an active subscription";
/// How they put that a task timed out.
const REFUNDED_LITERAL: &str = "credits were previously refunded";

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Something that can cost credits.
    Submit,
    /// A poll or the balance.
    Read,
}

/// Judges an answer that is not the one hoped for.
pub(super) fn judge(reply: &Reply, errand: Errand) -> Fault {
    let error = reply.error();
    Fault {
        kind: kind(reply, &error, errand),
        status: Some(reply.status),
        message: message(reply, &error),
        retry_after: reply.retry_after,
    }
}

/// Tells whether a success says with its `code` that it is none: 0 and 2xx are met in good answers.
pub(super) fn is_error_code(code: Option<i64>) -> bool {
    code.is_some_and(|code| code != 0 && !(200..300).contains(&code))
}

/// Tells what the provider says about a refund; nothing when it does not say.
pub(super) fn refund_told(error: &ErrorBody) -> Option<bool> {
    if error.refund_processed.is_some() {
        return error.refund_processed;
    }
    let text = plain_text(error);
    let denied = [
        "not refunded",
        "not been refunded",
        "no refund",
        "not be refunded",
    ];
    if denied.iter().any(|words| text.contains(words)) {
        Some(false)
    } else if text.contains("be refunded") {
        // Announced is not done: only the balance can tell.
        None
    } else {
        text.contains("refunded").then_some(true)
    }
}

fn kind(reply: &Reply, error: &ErrorBody, errand: Errand) -> FaultKind {
    let accepted = error.task_id.as_deref().is_some_and(|id| !id.is_empty());
    if errand == Errand::Submit && accepted {
        // A refusal that names a task contradicts itself.
        return FaultKind::Unknown;
    }
    match reply.status {
        // The status says yes, and the words that say no are harmed.
        200..=299 if reply.is_garbled => FaultKind::Unknown,
        200..=299 => match status_meant(error) {
            Some(status) => by_status(status, error, true),
            None => FaultKind::Unknown,
        },
        // A page of the server in front, which may not find the API itself: no word about the task.
        404 if errand == Errand::Read && reply.object().is_none() => FaultKind::Unknown,
        status => by_status(status, error, reply.object().is_some()),
    }
}

/// The status that an answer of 2xx means instead, by its `code` or its `type`.
fn status_meant(error: &ErrorBody) -> Option<u16> {
    if is_error_code(error.code) {
        let code = error.code.and_then(|code| u16::try_from(code).ok());
        let says_error = error.text().is_some() || error.kind.is_some();
        return match code {
            Some(status @ 400..=599) => Some(status),
            // A code of the provider's own: its error words say that nothing was taken.
            _ => says_error.then_some(400),
        };
    }
    match error.kind.as_deref()? {
        "validation_error" | "bad_request" => Some(400),
        "unauthorized" => Some(401),
        "insufficient_credits" => Some(402),
        "forbidden" => Some(403),
        "not_found" => Some(404),
        "endpoint_retired" => Some(410),
        "rate_limited" => Some(429),
        _ => None,
    }
}

fn by_status(status: u16, error: &ErrorBody, json: bool) -> FaultKind {
    let text = plain_text(error);
    let says = |words| {
        let text = error.text().unwrap_or_default();
        text.to_lowercase().contains(words)
    };
    let no_credits = error.kind.as_deref() == Some("insufficient_credits") || says(CREDITS_LITERAL);
    let refusal = match status {
        400..=499 if no_credits => Refusal::Credits,
        400 | 422
            if ["task not found", "clip not found"]
                .iter()
                .any(|it| text.contains(it)) =>
        {
            Refusal::NotFound
        }
        // 405, 413 to 415 and 431 come from the server in front, before any operation begins.
        400 | 405 | 413..=415 | 422 | 431 => Refusal::Invalid,
        401 => Refusal::Key,
        402 => Refusal::Credits,
        403 if says(SUBSCRIPTION_LITERAL) => Refusal::Subscription,
        403 => forbidden(&text, json),
        404 => Refusal::NotFound,
        410 => Refusal::Retired,
        429 => Refusal::Rate,
        500..=599 if promises_refund(error, &text) => Refusal::FailedFree,
        503 if speaks_of_capacity(error, &text) => Refusal::Capacity,
        // Among them 408, 409, 5xx and every redirect: the request may have done its work.
        _ => return FaultKind::Unknown,
    };
    FaultKind::Refused(refusal)
}

fn forbidden(text: &str, json: bool) -> Refusal {
    if !json {
        // Not the API's words but a wall in front of it: it keeps out every request, not this job alone.
        Refusal::Key
    } else if ["qps", "concurren", "queue"]
        .iter()
        .any(|word| text.contains(word))
    {
        Refusal::Capacity
    } else {
        Refusal::Moderation
    }
}

fn promises_refund(error: &ErrorBody, text: &str) -> bool {
    error
        .refund_processed
        .unwrap_or_else(|| text.contains(REFUNDED_LITERAL))
}

fn speaks_of_capacity(error: &ErrorBody, text: &str) -> bool {
    let kind = error.kind.as_deref().unwrap_or_default();
    error.retriable == Some(true)
        || ["capacity", "concurren"]
            .iter()
            .any(|word| text.contains(word))
        || ["rate_limit", "capacity", "overload", "too_many"]
            .iter()
            .any(|word| kind.contains(word))
}

/// The provider's words in lower case, without what it quotes: a word of somebody's lyrics decides nothing.
fn plain_text(error: &ErrorBody) -> String {
    let text = error.text().unwrap_or_default().to_lowercase();
    text.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

fn message(reply: &Reply, error: &ErrorBody) -> String {
    let status = match error.code {
        Some(code) if reply.is_success() && is_error_code(error.code) => {
            format!("{} with code {code}", reply.status)
        }
        _ => reply.status.to_string(),
    };
    // The word `success` beside nothing else is no reason.
    let reason = |text: &&str| !(reply.is_success() && text.eq_ignore_ascii_case("success"));
    if let Some(text) = error.text().or(error.kind.as_deref()).filter(reason) {
        return format!("the provider answers {status}: {}", tidy(text));
    }
    if let Some(host) = &reply.redirect_host {
        return format!(
            "the provider answers {status}, a redirect to `{}` that is not followed",
            tidy(host)
        );
    }
    match &reply.body {
        Err(unreadable) => format!("the provider answers {status} with {unreadable}"),
        Ok(_) if reply.is_success() => {
            format!("the provider answers {status} without the task or result that belongs there")
        }
        Ok(_) => format!("the provider answers {status} and does not say why"),
    }
}

/// Makes foreign text fit for one line of a terminal: no control characters, and not too long.
pub(super) fn tidy(text: &str) -> String {
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A request that can't be made out of its inputs: nothing was sent, and it would be no better a second time.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault {
        kind: FaultKind::Refused(Refusal::Invalid),
        status: None,
        message: message.into(),
        retry_after: None,
    }
}

impl From<TransportError> for Fault {
    fn from(error: TransportError) -> Self {
        let (kind, message) = match error {
            TransportError::NotSent(message) => (FaultKind::NotSent, message),
            TransportError::Lost(message) => (FaultKind::Unknown, message),
        };
        Self {
            kind,
            status: None,
            message: tidy(&message),
            retry_after: None,
        }
    }
}

impl From<AddressError> for Fault {
    fn from(error: AddressError) -> Self {
        invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests;
