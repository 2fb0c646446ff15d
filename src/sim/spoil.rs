//! What a fault makes of an answer.

use std::time::Duration;

use bytes::Bytes;

use super::fault::{Effect, Fault};
use super::http::{Delivery, SimBody, SimResponse};
use super::refusal::{NO_CREDITS, NO_SUBSCRIPTION, Refusal, scheduled_moderation};

/// How much filler a huge answer holds.
const HUGE_BYTES: usize = 50 * 1024 * 1024;
const FILLER_BYTES: usize = 64 * 1024;

/// Makes the answer to a request that was not acted on.
pub(crate) fn instead(fault: &Fault) -> SimResponse {
    match fault.effect {
        Effect::Status(status) => Refusal::scheduled(status, retry_after(fault.span)).into(),
        Effect::NoCredits403 => Refusal::forbidden(NO_CREDITS).into(),
        Effect::NoSubscription => Refusal::forbidden(NO_SUBSCRIPTION).into(),
        Effect::Moderation => scheduled_moderation().into(),
        _ => SimResponse::lost(),
    }
}

/// Spoils the answer to a request that was acted on.
pub(crate) fn after(fault: &Fault, answer: SimResponse) -> SimResponse {
    match fault.effect {
        Effect::StatusAfter(status) => Refusal::broken(status).into(),
        Effect::ResetAfter => SimResponse::lost(),
        Effect::Truncate => SimResponse {
            delivery: Delivery::CutAt(answer.content_length.unwrap_or(0) / 2),
            ..answer
        },
        Effect::Html => SimResponse::bytes(
            200,
            "text/html; charset=utf-8",
            Bytes::from_static(b"<!doctype html><title>Just a moment...</title>"),
        ),
        Effect::Empty => SimResponse::bytes(200, "application/json", Bytes::new()),
        Effect::Huge => huge(answer),
        Effect::Slow => SimResponse {
            delivery: Delivery::After(fault.span),
            ..answer
        },
        _ => answer,
    }
}

fn retry_after(span: Duration) -> Option<u64> {
    (!span.is_zero()).then(|| span.as_secs().max(1))
}

/// Blows a JSON object up with a field nobody asked for. No length is announced: a client must count.
fn huge(answer: SimResponse) -> SimResponse {
    let whole: Vec<u8> = answer.body.into_pieces().flatten().collect();
    let open = whole.strip_suffix(b"}").unwrap_or(b"{\"data\":null");
    let head = Bytes::from([open, b",\"filler\":\""].concat());
    let filler = Bytes::from(vec![b'a'; FILLER_BYTES]);
    let pieces = std::iter::once(head)
        .chain(std::iter::repeat_n(filler, HUGE_BYTES / FILLER_BYTES))
        .chain(std::iter::once(Bytes::from_static(b"\"}")));
    SimResponse {
        content_length: None,
        body: SimBody::Pieces(Box::new(pieces)),
        ..answer_head(answer.status)
    }
}

fn answer_head(status: u16) -> SimResponse {
    SimResponse::bytes(status, "application/json", Bytes::new())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spoilt(fault: &str) -> SimResponse {
        let fault = Fault::try_from(fault.to_owned()).unwrap();
        after(&fault, SimResponse::json(200, &json!({"task_id": "t"})))
    }

    #[test]
    fn a_huge_answer_is_still_json() {
        let answer = spoilt("huge@1");
        assert_eq!(answer.content_length, None);
        let pieces: Vec<Bytes> = answer.body.into_pieces().collect();
        assert!(pieces.iter().map(Bytes::len).sum::<usize>() > HUGE_BYTES);
        // The filler between the ends is one long run of letters: reading it would only take time.
        let (first, last) = (&pieces[0], &pieces[pieces.len() - 1]);
        let value: Value = serde_json::from_slice(&[&**first, &**last].concat()).unwrap();
        assert_eq!(value["task_id"], "t");
    }

    #[test]
    fn a_truncated_answer_promises_more_than_comes() {
        let answer = spoilt("truncate@1");
        let Delivery::CutAt(cut) = answer.delivery else {
            panic!("{answer:?}")
        };
        assert!(cut > 0 && cut < answer.content_length.unwrap());
    }
}
