//! Every kind of answer, and what it means for the money.

use serde_json::{Value, json};

use super::FaultKind::{self, Refused, Unknown};
use super::Refusal::*;
use super::*;
use crate::api::reply::Unreadable;

fn reply(status: u16, body: Result<Value, Unreadable>) -> Reply {
    Reply {
        status,
        retry_after: None,
        redirect_host: None,
        is_garbled: false,
        body,
    }
}

fn kind_of(status: u16, body: Value) -> FaultKind {
    judge(&reply(status, Ok(body)), Errand::Submit).kind
}

const CREDITS: &str =
    "The remaining credits are not enough. You can buy more one-time credit packs or subscribe.";
const SUBSCRIPTION: &str =
    "You do not have an active subscription. Please check whether your renewal was successful.";
const REFUNDED: &str = "Task failed due to timeout. Credits were previously refunded.";

#[test]
fn submits_are_judged_by_status_and_words() {
    let table: &[(u16, Value, FaultKind)] = &[
        (
            400,
            json!({"type": "validation_error", "error": "x"}),
            Refused(Invalid),
        ),
        (400, json!({"error": CREDITS}), Refused(Credits)),
        (400, json!({"error": "task not found."}), Refused(NotFound)),
        (400, json!({"error": "clip not found."}), Refused(NotFound)),
        (
            401,
            json!({"error": "Authorization header is missing."}),
            Refused(Key),
        ),
        (402, json!({}), Refused(Credits)),
        (
            403,
            json!({"type": "forbidden", "error": CREDITS}),
            Refused(Credits),
        ),
        (403, json!({"detail": CREDITS}), Refused(Credits)),
        (403, json!({"message": CREDITS}), Refused(Credits)),
        (
            403,
            json!({"type": "insufficient_credits"}),
            Refused(Credits),
        ),
        (403, json!({"error": SUBSCRIPTION}), Refused(Subscription)),
        (
            403,
            json!({"error": "The song description needs moderation review."}),
            Refused(Moderation),
        ),
        (
            403,
            json!({"error": "The lyrics contain inappropriate content: 'queue'."}),
            Refused(Moderation),
        ),
        (
            403,
            json!({"error": "QPS limit reached"}),
            Refused(Capacity),
        ),
        (404, json!({}), Refused(NotFound)),
        (405, json!({}), Refused(Invalid)),
        (408, json!({}), Unknown),
        (409, json!({}), Unknown),
        (410, json!({"type": "endpoint_retired"}), Refused(Retired)),
        (422, json!({"detail": [{"msg": "x"}]}), Refused(Invalid)),
        (429, json!({"type": "rate_limited"}), Refused(Rate)),
        (
            500,
            json!({"type": "api_error", "error": "Internal Server Error."}),
            Unknown,
        ),
        (
            500,
            json!({"type": "failed", "refund_processed": true}),
            Refused(FailedFree),
        ),
        (
            500,
            json!({"type": "failed", "refund_processed": false, "error": REFUNDED}),
            Unknown,
        ),
        (
            500,
            json!({"error": "your credits will be refunded"}),
            Unknown,
        ),
        (
            502,
            json!({"type": "upstream_error", "retriable": true}),
            Unknown,
        ),
        (503, json!({}), Unknown),
        (503, json!({"retriable": true}), Refused(Capacity)),
        (
            503,
            json!({"retriable": false, "error": "upstream restarts"}),
            Unknown,
        ),
        (
            503,
            json!({"error": "We are at capacity."}),
            Refused(Capacity),
        ),
        (
            503,
            json!({"error": "Too many concurrent tasks"}),
            Refused(Capacity),
        ),
        (503, json!({"type": "rate_limited"}), Refused(Capacity)),
        (
            504,
            json!({"type": "timeout", "error": REFUNDED}),
            Refused(FailedFree),
        ),
        (504, json!({"type": "timeout"}), Unknown),
        (302, json!({}), Unknown),
        (100, json!({}), Unknown),
        (599, json!({}), Unknown),
        // An answer of 200 that is none.
        (
            200,
            json!({"code": 400, "message": "bad"}),
            Refused(Invalid),
        ),
        (
            200,
            json!({"code": 402, "message": "no credits"}),
            Refused(Credits),
        ),
        (
            200,
            json!({"code": "403", "message": CREDITS}),
            Refused(Credits),
        ),
        (200, json!({"code": 429}), Refused(Rate)),
        (200, json!({"code": 500, "message": "oops"}), Unknown),
        (
            200,
            json!({"code": 1001, "message": "bad model"}),
            Refused(Invalid),
        ),
        (200, json!({"code": 1001}), Unknown),
        (
            200,
            json!({"code": -1, "error": "bad model"}),
            Refused(Invalid),
        ),
        (
            200,
            json!({"type": "validation_error", "error": "x"}),
            Refused(Invalid),
        ),
        (200, json!({"type": "api_error", "error": "x"}), Unknown),
        (200, json!({"message": "success"}), Unknown),
        (200, json!({}), Unknown),
        (200, json!([]), Unknown),
        (200, json!(null), Unknown),
        (204, json!(""), Unknown),
        // Contradictions: a task may have been made.
        (400, json!({"error": "x", "task_id": "t"}), Unknown),
        (429, json!({"task_id": "t"}), Unknown),
        (200, json!({"code": 429, "task_id": "t"}), Unknown),
        (429, json!({"task_id": ""}), Refused(Rate)),
    ];
    for (status, body, expected) in table {
        assert_eq!(kind_of(*status, body.clone()), *expected, "{status} {body}");
    }
}

#[test]
fn a_body_that_cannot_be_read_leaves_the_status_to_speak() {
    let bodies = [
        Unreadable::Empty,
        Unreadable::Html,
        Unreadable::NotJson("eof".to_owned()),
        Unreadable::TooLarge,
        Unreadable::Broken("reset".to_owned()),
    ];
    for body in bodies {
        for (status, expected) in [
            (200, Unknown),
            (302, Unknown),
            (401, Refused(Key)),
            (403, Refused(Key)),
            (404, Refused(NotFound)),
            (429, Refused(Rate)),
            (500, Unknown),
            (502, Unknown),
            (503, Unknown),
            (504, Unknown),
        ] {
            let fault = judge(&reply(status, Err(body.clone())), Errand::Submit);
            assert_eq!(fault.kind, expected, "{status} {body:?}");
            assert_eq!(fault.status, Some(status));
        }
    }
}

#[test]
fn only_a_status_below_500_or_plain_words_can_refuse() {
    // Over all statuses and empty bodies: nothing that may have been acted on is called refused.
    for status in 100..600 {
        let kind = kind_of(status, json!({}));
        if !(400..500).contains(&status) {
            assert_eq!(kind, Unknown, "{status}");
        }
        assert_ne!(kind, FaultKind::NotSent, "{status}");
    }
}

#[test]
fn reads_may_name_their_task() {
    let body = json!({"error": "task not found.", "task_id": "t"});
    let fault = judge(&reply(400, Ok(body)), Errand::Read);
    assert_eq!(fault.kind, Refused(NotFound));
}

#[test]
fn a_refund_is_what_the_provider_says_it_is() {
    for (body, expected) in [
        (json!({"refund_processed": true}), Some(true)),
        (
            json!({"refund_processed": false, "message": REFUNDED}),
            Some(false),
        ),
        (
            json!({"message": "Generation failed, credits refunded."}),
            Some(true),
        ),
        (json!({"error": REFUNDED}), Some(true)),
        (json!({"error": "Credits were not refunded."}), Some(false)),
        (json!({"error": "Credits will be refunded soon."}), None),
        (json!({"error": "It failed."}), None),
        (json!({"error": "lyrics 'refunded' are bad"}), None),
    ] {
        let error = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(refund_told(&error), expected, "{body}");
    }
}

#[test]
fn messages_say_what_came_in_one_clean_line() {
    let told = |status, body| judge(&reply(status, body), Errand::Submit).message;
    assert_eq!(
        told(400, Ok(json!({"error": "bad\n\u{1b}[31m title"}))),
        "the provider answers 400: bad [31m title"
    );
    assert_eq!(
        told(200, Ok(json!({"code": 1001, "message": "no"}))),
        "the provider answers 200 with code 1001: no"
    );
    assert_eq!(
        told(502, Err(Unreadable::Html)),
        "the provider answers 502 with HTML instead of JSON"
    );
    let long = told(400, Ok(json!({"error": "é".repeat(5000)})));
    assert!(long.chars().count() < MAX_TEXT_CHARS + 40, "{long}");
    let redirect = Reply {
        redirect_host: Some("login.example".to_owned()),
        ..reply(302, Err(Unreadable::Empty))
    };
    assert!(
        judge(&redirect, Errand::Submit)
            .message
            .contains("`login.example`")
    );
}

#[test]
fn harmed_words_do_not_turn_a_yes_into_a_no() {
    let said = json!({"code": 403, "error": "no"});
    let mut reply = reply(200, Ok(said));
    assert_eq!(judge(&reply, Errand::Submit).kind, Refused(Moderation));
    reply.is_garbled = true;
    assert_eq!(judge(&reply, Errand::Submit).kind, Unknown);
    // A status of its own says it all.
    reply.status = 403;
    assert_eq!(judge(&reply, Errand::Submit).kind, Refused(Moderation));
}
