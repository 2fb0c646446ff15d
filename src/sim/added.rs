//! Operations that a file added to the catalog: what the simulator knows of them is what the catalog says.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::catalog::{Catalog, Kind, Operation, OperationId, ParamType, PollShape, ResultKind};
use crate::model::{Credits, Family};

use super::body::Body;
use super::desk::{Desk, Work};
use super::refusal::Refusal;
use super::song;
use super::task::Shows;

/// The longest audio that can be asked for, in seconds.
const LONGEST_S: u32 = 3_600;

/// Starts a task that gives as many clips as the catalog says.
pub(crate) fn perform(
    desk: &Desk<'_>,
    body: Body<'_>,
    operation: &Operation,
) -> Result<Work, Refusal> {
    let family = match (operation.kind, operation.result) {
        (Kind::Task(PollShape::Sonic), ResultKind::Clips) => Family::Suno,
        (Kind::Task(PollShape::Producer), ResultKind::Clips) => Family::Producer,
        (Kind::Task(PollShape::Nuro), ResultKind::Clips) => Family::Nuro,
        _ => {
            return Err(Refusal::invalid(format!(
                "The simulator can't make what {} gives: of added operations it knows tasks that give clips.",
                operation.name
            )));
        }
    };
    for param in operation.params.iter().filter(|param| param.required) {
        if body.value(&param.field).is_none() {
            let field = &param.field;
            return Err(Refusal::invalid(format!(
                "The '{field}' field is required."
            )));
        }
    }
    body.webhook("webhook_url")?;
    let duration = body.integer("duration", 1, LONGEST_S)?;
    let mut clips = operation
        .params
        .iter()
        .filter(|param| param.kind == ParamType::Clip && body.value(&param.field).is_some());
    let source = clips
        .next()
        .map(|param| desk.source(body, &param.field, family))
        .transpose()?;
    let count = usize::try_from(operation.clips).unwrap_or(usize::MAX);
    let clips = desk.clips(count, desk.millis(duration), source);
    let words = song::words(desk, body);
    let task = desk.task(family, Shows::Clips, words, clips);
    Ok(Work {
        operation: Cow::Owned(operation.name.to_string()),
        ..Work::task("", task)
    })
}

/// Returns the price that came with an added operation.
pub(crate) fn price(
    catalog: &Catalog,
    id: OperationId,
    body: &Map<String, Value>,
) -> Option<Credits> {
    let params = &catalog.get(id).params;
    catalog.added_price(id, &|name| {
        let param = params.iter().find(|param| param.name == name)?;
        let sent = body.get(&param.field).filter(|value| !value.is_null());
        sent.or(param.default.as_ref())
    })
}
