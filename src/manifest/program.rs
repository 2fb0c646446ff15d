//! How the canonical inputs of many jobs are written quickly: what never changes is written once.
//!
//! The result is byte for byte what `Input::to_canonical` writes; `row` makes the same inputs the plain way.

use crate::catalog::{Operation, ParamType};
use crate::model::{Input, JobRef};

use super::cell::Cell;
use super::check::{Wrong, check_length, check_text, is_text, text_limits};
use super::entry::{Field, Model, Variant};
use super::matrix::Matrix;
use super::row::{Found, RowCx};
use super::rules::{Given, bit};
use super::shelf::Shelf;

/// A variant made ready for its rows.
pub(super) struct Program<'a> {
    pub(super) variant: &'a Variant,
    pub(super) operation: &'a Operation,
    steps: Vec<Step>,
    /// Whether two takes of a row have different inputs.
    pub(super) uses_take: bool,
}

enum Step {
    /// One or more whole fields.
    Fixed(String),
    /// A field that is made for each row.
    Field { at: usize, key: String, how: How },
}

enum How {
    /// A whole column that becomes text, within a number of characters.
    Text {
        column: usize,
        min: usize,
        max: Option<usize>,
    },
    /// Text put together of parts that are no references.
    Joined,
    /// Anything else.
    Any,
}

/// What is wrong with a row, and with which of the variant's fields.
pub(super) struct RowWrong {
    pub(super) field: Option<usize>,
    pub(super) wrong: Wrong,
}

impl<'a> Program<'a> {
    /// Writes what never changes.
    pub(super) fn new(
        variant: &'a Variant,
        operation: &'a Operation,
        links: &[JobRef],
        date: Option<&str>,
        shelf: &Shelf,
    ) -> Self {
        let cx = RowCx {
            row: super::row::Row::None,
            columns: &[],
            matrix: &Matrix::NONE,
            combination: 0,
            take: 1,
            date,
            item: None,
            links,
            shelf,
        };
        let mut steps = Vec::new();
        let model_varies = matches!(variant.model, Model::Field(..));
        for (at, field) in variant.fields.iter().enumerate() {
            let mut key = String::new();
            push_json(&mut key, &field.name);
            key.push(':');
            let checked = !(model_varies && depends_on_model(field, operation));
            let settled = checked && !field.cell.varies();
            let Some(input) = settled.then(|| cx.input(&field.cell).ok()).flatten() else {
                let how = how(field, operation, variant);
                steps.push(Step::Field { at, key, how });
                continue;
            };
            key.push_str(&input.to_canonical());
            if let Some(Step::Fixed(before)) = steps.last_mut() {
                before.push(',');
                before.push_str(&key);
            } else {
                steps.push(Step::Fixed(key));
            }
        }
        Self {
            variant,
            operation,
            steps,
            uses_take: variant
                .fields
                .iter()
                .any(|field| field.cell.any(&|cell| *cell == Cell::Take)),
        }
    }

    /// Appends the canonical inputs of a row; returns which parameters it gives.
    ///
    /// What `scratch` holds does not matter: it is there to be used again for each row.
    pub(super) fn write(
        &self,
        cx: &RowCx<'_>,
        out: &mut String,
        scratch: &mut String,
    ) -> Result<Given, RowWrong> {
        let mut given = self.variant.always;
        let model = self.model(cx)?;
        let mut mark = '{';
        for step in &self.steps {
            match step {
                Step::Fixed(text) => {
                    out.push(mark);
                    out.push_str(text);
                }
                Step::Field { at, key, how } => {
                    let field = &self.variant.fields[*at];
                    let start = out.len();
                    out.push(mark);
                    out.push_str(key);
                    let written = self.write_field(field, how, cx, model.as_deref(), out, scratch);
                    if !written.map_err(|wrong| RowWrong {
                        field: Some(*at),
                        wrong,
                    })? {
                        out.truncate(start);
                        continue;
                    }
                    given |= field.param.map_or(0, bit);
                }
            }
            mark = ',';
        }
        if mark == '{' {
            out.push('{');
        }
        out.push('}');
        Ok(given)
    }

    fn write_field(
        &self,
        field: &Field,
        how: &How,
        cx: &RowCx<'_>,
        model: Option<&str>,
        out: &mut String,
        scratch: &mut String,
    ) -> Result<bool, Wrong> {
        if let How::Text { column, min, max } = how
            && let Found::Text(text) = cx.column(*column)?
        {
            if text.is_empty() {
                return Ok(false);
            }
            check_length(text, *min, *max)?;
            push_json(out, text);
            return Ok(true);
        }
        let param = field.param.map(|at| &self.operation.params[at]);
        if let (How::Joined, Cell::Join(cells), Some(param)) = (how, &field.cell, param) {
            scratch.clear();
            for cell in cells {
                cx.push_text(cell, scratch)?;
            }
            check_text(param, scratch, model)?;
            push_json(out, scratch);
            return Ok(true);
        }
        match cx.evaluate(field, param, model)? {
            Some(input) => {
                out.push_str(&input.to_canonical());
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Finds the model of a row, for limits that depend on it.
    fn model<'r>(&'r self, cx: &RowCx<'r>) -> Result<Option<std::borrow::Cow<'r, str>>, RowWrong> {
        let (at, default) = match &self.variant.model {
            Model::Fixed(model) => return Ok(model.as_deref().map(Into::into)),
            Model::Field(at, default) => (*at, default),
        };
        let field = &self.variant.fields[at];
        let param = field.param.map(|at| &self.operation.params[at]);
        match cx.evaluate(field, param, None) {
            Ok(Some(Input::Value(serde_json::Value::String(model)))) => Ok(Some(model.into())),
            Ok(_) => Ok(default.as_deref().map(Into::into)),
            Err(wrong) => Err(RowWrong {
                field: Some(at),
                wrong,
            }),
        }
    }

    /// Says which rules a row breaks.
    pub(super) fn broken_rules(&self, cx: &RowCx<'_>, given: Given) -> Vec<RowWrong> {
        let model = match self.model(cx) {
            Ok(model) => model,
            Err(wrong) => return vec![wrong],
        };
        let broken = super::rules::explain(self.operation, given, model.as_deref());
        // The message names the parameters itself.
        let wrongs = broken.into_iter().map(|broken| RowWrong {
            field: None,
            wrong: broken.wrong,
        });
        wrongs.collect()
    }
}

fn depends_on_model(field: &Field, operation: &Operation) -> bool {
    let param = field.param.map(|at| &operation.params[at]);
    param.is_some_and(|param| super::check::depends_on_model(&param.kind))
}

fn how(field: &Field, operation: &Operation, variant: &Variant) -> How {
    let kind = field.param.map(|at| &operation.params[at].kind);
    let model = match &variant.model {
        Model::Fixed(model) => model.as_deref(),
        Model::Field(..) => None,
    };
    match (&field.cell, kind) {
        (Cell::Column(column), Some(kind @ ParamType::Text { .. })) if is_text(kind) => {
            let settled = matches!(variant.model, Model::Fixed(_));
            if !settled && super::check::depends_on_model(kind) {
                return How::Any;
            }
            let (min, max) = text_limits(kind, model);
            How::Text {
                column: *column,
                min,
                max,
            }
        }
        (cell @ Cell::Join(_), Some(_)) if !cell.refers() => How::Joined,
        _ => How::Any,
    }
}

/// Appends a text as JSON, exactly as serde_json does.
pub(super) fn push_json(out: &mut String, text: &str) {
    if is_plain(text.as_bytes()) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Tells whether JSON takes a text as it stands: no quote, no backslash, no control character. Eight bytes at a time,
/// since every text of every row comes through here.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The high bit of some byte is set if, and only if, some byte of the word is below `limit`, which is at most 0x80.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let is_plain = |word: u64| {
        let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
        quotes | backslashes | below(word, 0x20) == 0
    };
    let (words, rest) = text.as_chunks();
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    words
        .iter()
        .chain([&last])
        .all(|word| is_plain(u64::from_ne_bytes(*word)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_written_as_serde_json_does(text in any::<String>()) {
            let mut out = String::new();
            push_json(&mut out, &text);
            prop_assert_eq!(out, serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn one_byte_that_is_not_plain_is_found_wherever_it_stands(
            before in "[ -!#-~é]{0,20}",
            byte in prop_oneof![0_u8..0x20, Just(b'"'), Just(b'\\')],
            after in "[ -!#-~é]{0,20}",
        ) {
            let (before, after) = (before.replace('\\', "/"), after.replace('\\', "/"));
            prop_assert!(is_plain(before.as_bytes()) && is_plain(after.as_bytes()));
            let text = format!("{before}{}{after}", char::from(byte));
            prop_assert!(!is_plain(text.as_bytes()));
        }
    }
}
