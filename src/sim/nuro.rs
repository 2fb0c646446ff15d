//! `POST /nuro/create`: songs and background music, as they worked until the endpoint was retired.

use serde_json::Value;

use crate::model::Family;

use super::body::Body;
use super::desk::{Desk, Work, echo};
use super::refusal::Refusal;
use super::task::{Shows, Words};
use super::verse;

const SECTIONS: [&str; 6] = ["intro", "verse", "chorus", "inst", "bridge", "outro"];

/// Starts a task.
pub(crate) fn create(desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    // "Every call answers 410": whatever the body says.
    if desk.is_2026() {
        return Err(retired());
    }
    let (operation, duration) = check(body).map_err(|refusal| Refusal {
        kind: "bad_request",
        ..refusal
    })?;
    let seed = desk.draw.number("words", 0);
    let text = |name| body.value(name).and_then(Value::as_str);
    let words = Words {
        title: verse::title(seed, text("description").unwrap_or_default()),
        lyrics: text("lyrics").unwrap_or("[Instrumental]").to_owned(),
        echo: echo(body, &["genre", "mood", "gender", "timbre"]),
    };
    let clips = desk.clips(1, desk.millis(duration), None);
    let task = desk.task(Family::Nuro, Shows::Clips, words, clips);
    Ok(Work::task(operation, task))
}

/// What every call of Nuro answers since its end.
pub(crate) fn retired() -> Refusal {
    Refusal::retired("Nuro is retired.")
}

/// Checks the body, and returns the operation and the length asked for.
fn check(body: Body<'_>) -> Result<(&'static str, Option<u32>), Refusal> {
    body.webhook("webhook_url")?;
    match body.word("type", &["vocal", "bgm"])? {
        Some("vocal") => Ok(("nuro.vocal", check_vocal(body)?)),
        Some(_) => Ok(("nuro.instrumental", check_bgm(body)?)),
        None => Err(Refusal::invalid("The 'type' field is required.")),
    }
}

fn check_vocal(body: Body<'_>) -> Result<Option<u32>, Refusal> {
    let lyrics = body.required("lyrics")?;
    if !(300..=2000).contains(&lyrics.chars().count()) {
        return Err(Refusal::invalid(
            "The lyrics character length should be between 300 and 2000.",
        ));
    }
    for field in ["genre", "mood", "timbre"] {
        body.text(field)?;
    }
    body.word("gender", &["Female", "Male"])?;
    body.integer("duration", 30, 240)
}

fn check_bgm(body: Body<'_>) -> Result<Option<u32>, Refusal> {
    if body.text("description")?.is_none() {
        return Err(Refusal::invalid("description is required."));
    }
    body.at_most("description", "description", 200)?;
    for field in ["genre", "mood", "instrument", "theme"] {
        let Some(value) = body.value(field) else {
            continue;
        };
        let items = value.as_array();
        if !items.is_some_and(|items| items.len() <= 5 && items.iter().all(Value::is_string)) {
            return Err(Refusal::invalid(format!(
                "The '{field}' field should be a list of at most 5 words."
            )));
        }
    }
    let newer = body.word("version", &["v1.0", "v2.0"])? == Some("v2.0");
    let duration = match newer {
        true => body.integer("duration", 30, 120)?,
        false => body.integer("duration", 1, 60)?,
    };
    Ok(check_segments(body)?.or(duration))
}

/// Checks the parts of a piece, and returns their sum.
fn check_segments(body: Body<'_>) -> Result<Option<u32>, Refusal> {
    let Some(segments) = body.value("segments") else {
        return Ok(None);
    };
    let wrong = || {
        Refusal::invalid(
            "The 'segments' field should be a list of {name, duration}, each 5 to 120 seconds, 30 to 120 in all.",
        )
    };
    let mut total = 0;
    for segment in segments.as_array().ok_or_else(wrong)? {
        let segment = Body(segment.as_object().ok_or_else(wrong)?);
        segment.word("name", &SECTIONS)?.ok_or_else(wrong)?;
        total += segment.integer("duration", 5, 120)?.ok_or_else(wrong)?;
        if total > 120 {
            return Err(wrong());
        }
    }
    if total < 30 {
        return Err(wrong());
    }
    Ok(Some(total))
}
