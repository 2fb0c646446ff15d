//! `POST /sonic/batch`, which only the sister product has: up to ten `sonic/create` requests in one.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::account::Charge;
use super::event::{Acceptance, Event, Note};
use super::http::SimResponse;
use super::refusal::Refusal;
use super::route::Submit;
use super::seed::{Draw, Id, RequestDigest};
use super::simulator::{Books, Simulator};
use super::submit::{No, Turn, broken};

/// The most items of a batch.
const BATCH_ITEMS: usize = 10;

impl Simulator {
    /// Acts on each item of a batch by itself; refusals are told by item, charges are made by item.
    pub(super) fn act_batch(
        &self,
        turn: &Turn<'_>,
        books: &mut Books,
        digest: RequestDigest,
        body: &Map<String, Value>,
    ) -> Result<SimResponse, No> {
        let items = body.get("items").and_then(Value::as_array);
        let Some(items) = items.filter(|items| (1..=BATCH_ITEMS).contains(&items.len())) else {
            return Err(turn.no(Refusal::invalid(
                "The 'items' field should be a list of 1 to 10 requests.",
            )));
        };
        self.check_rate(&books.state, turn.now)
            .map_err(|r| turn.no(r))?;
        let outcomes: Vec<Result<Option<Id>, Refusal>> = items
            .iter()
            .map(|item| self.act_item(turn, books, item))
            .collect();
        let tasks: Vec<Option<Id>> = outcomes.iter().map(|o| o.clone().ok().flatten()).collect();
        let told: Vec<Value> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Ok(task) => json!({"task_id": task}),
                Err(refusal) => refusal.body(),
            })
            .collect();
        let draw = Draw::new(self.options.seed, digest, books.state.occurrences(digest));
        let id = draw.id("batch", 0);
        let submitted = tasks.iter().flatten().count();
        let event = Event::Accepted(Box::new(Acceptance {
            at: turn.now,
            operation: Cow::Borrowed("sonic/batch"),
            status: 200,
            charge: Charge::default(),
            digest,
            counts: true,
            task: None,
            tasks: Vec::new(),
            note: Some(Note::Batch { id, tasks }),
            lag_until: None,
        }));
        let answer = json!({
            "message": "success", "batch_id": id, "submitted": submitted, "tasks": told,
        });
        Ok(match books.commit(event) {
            Ok(()) => SimResponse::json(200, &answer),
            Err(error) => broken(&error),
        })
    }

    /// Acts on one item, and returns the task it started.
    fn act_item(
        &self,
        turn: &Turn<'_>,
        books: &mut Books,
        item: &Value,
    ) -> Result<Option<Id>, Refusal> {
        let Some(fields) = item.as_object() else {
            return Err(Refusal::invalid("Each item should be an object."));
        };
        let item_turn = Turn {
            submit: Submit::SonicCreate,
            ..*turn
        };
        let digest = RequestDigest::of("sonic/create", item.to_string().as_bytes(), turn.base);
        let made = books.state.tasks_made();
        self.act(&item_turn, books, digest, fields, false)
            .map_err(|no| no.refusal)?;
        Ok(books.state.task_made_since(made))
    }
}
