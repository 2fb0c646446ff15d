//! What the account is asked for beside submits: its balance, its tasks and batches, and the simulator's own top-up.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::model::{Credits, Family};

use super::desk::Desk;
use super::http::SimResponse;
use super::poll;
use super::refusal::Refusal;
use super::seed::{Draw, Id, RequestDigest};
use super::simulator::{SimError, Simulator};
use super::state::State;
use super::task::Millis;
use super::webhook::{Happening, happenings, payload};

impl Simulator {
    pub(super) fn answer_balance(&self) -> SimResponse {
        let (books, now) = self.books();
        let told = books.state.told_balance(now);
        SimResponse::json(
            200,
            &json!({"credits": told.credits, "extra_credits": told.extra_credits}),
        )
    }

    pub(super) fn answer_poll(&self, family: Family, id: &str) -> SimResponse {
        let base = self.base();
        let (books, now) = self.books();
        let desk = self.reading_desk(&books.state, &base, now);
        poll::answer(&desk, family, id).unwrap_or_else(SimResponse::from)
    }

    pub(super) fn answer_batch(&self, query: Option<&str>) -> SimResponse {
        let base = self.base();
        let (books, now) = self.books();
        let desk = self.reading_desk(&books.state, &base, now);
        let id = query
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("batch_id="));
        let found = id.and_then(|id| id.parse().ok());
        let Some(tasks) = found.and_then(|id| books.state.batch(id)) else {
            return Refusal::not_found("batch not found.").into();
        };
        let items: Vec<Value> = tasks
            .iter()
            .map(|task| match task.and_then(|id| books.state.task(id)) {
                Some(task) => json!({"task_id": task.id, "state": poll::state_word(&desk, task)}),
                None => json!({"task_id": null, "state": "refused"}),
            })
            .collect();
        SimResponse::json(
            200,
            &json!({"message": "success", "batch_id": id, "tasks": items}),
        )
    }

    /// Tells when what happens to a task, as far as webhooks tell of it.
    pub(super) fn happenings(&self, task: Id) -> Vec<(Millis, Happening)> {
        let (books, _) = self.books();
        books.state.task(task).map_or_else(Vec::new, happenings)
    }

    /// Says what a webhook says of a task now.
    pub(super) fn webhook_body(&self, task: Id, happening: Happening) -> Option<Value> {
        let base = self.base();
        let (books, now) = self.books();
        let desk = self.reading_desk(&books.state, &base, now);
        let task = books.state.task(task)?;
        let polled = poll::answer(&desk, task.family, &task.id.to_string()).ok()?;
        let bytes: Vec<u8> = polled.body.into_pieces().flatten().collect();
        let polled = serde_json::from_slice(&bytes).ok()?;
        Some(payload(task, happening, polled, poll::refund_text(task)))
    }

    /// A desk for endpoints that draw nothing.
    fn reading_desk<'a>(&'a self, state: &'a State, base: &'a str, now: Millis) -> Desk<'a> {
        Desk {
            state,
            options: &self.options,
            base,
            now,
            draw: Draw::new(self.options.seed, RequestDigest::NOTHING, 0),
            fate: None,
        }
    }

    pub(super) fn answer_top_up(&self, body: &Bytes) -> SimResponse {
        let wrong = || {
            Refusal::invalid("The body should be {credits, extra_credits}, whole numbers to add.")
                .into()
        };
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return wrong();
        };
        let amount = |name: &str| match fields.get(name) {
            None => Some(Credits::ZERO),
            Some(value) => value.as_u64().map(Credits::new),
        };
        let (Some(credits), Some(extra)) = (amount("credits"), amount("extra_credits")) else {
            return wrong();
        };
        match self.top_up(credits, extra) {
            Ok(balance) => SimResponse::json(
                200,
                &json!({"credits": balance.credits, "extra_credits": balance.extra_credits}),
            ),
            Err(SimError::Options(message)) => Refusal::invalid(message).into(),
            Err(error) => Refusal::new(500, "api_error", error.to_string()).into(),
        }
    }
}
