//! What texts look like, as patterns that JavaScript reads too.

use serde_json::{Value, json};

/// Any text with a reference in it: what it becomes is not known to an editor.
pub(super) const REFERENCE: &str = r"\$\{";
/// A text that is one reference, and so keeps the type of what it refers to.
pub(super) const WHOLE_REFERENCE: &str = r"^\$\{[^{}]*\}$";
/// A reference to another job's result.
pub(super) const RESULT: &str = r"\$\{\s*jobs\.";
/// What a name is made of.
pub(super) const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";
/// The id of a clip or a task.
pub(super) const ID: &str = "^[A-Za-z0-9_-]{1,200}$";
/// Where something is, at a provider or anywhere.
pub(super) const ADDRESS: &str = r"^https?://[^/\s]\S*$";
/// An origin that a key may go to.
pub(super) const ORIGIN: &str =
    r"^(https://[^/?#@\s]+|http://([Ll]ocalhost|127\.[0-9.]+|\[[0-9:]+\])(:[0-9]+)?)(/[^?#\s]*)?$";
/// Such as `20s`.
pub(super) const DURATION: &str = "^0*[1-9][0-9]*(ms|s|m|h)$";
/// Such as `20/1m`.
pub(super) const RATE: &str = r"^\s*0*[1-9][0-9]*\s*/\s*(0*[1-9][0-9]*)?(ms|s|m|h)\s*$";
/// A file with settings.
pub(super) const MANIFEST_FILE: &str = r"\.([Tt][Oo][Mm][Ll]|[Yy][Aa]?[Mm][Ll])$";
/// The definition of a value in which nothing is filled in.
pub(super) const LITERAL: &str = "literal";

/// Returns the schema of texts that look like this.
pub(super) fn like(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

/// A value of any type without a reference anywhere; `$${` is no reference.
pub(super) fn literal() -> Value {
    let itself = super::reference(LITERAL);
    json!({
        "not": like(r"(^|[^$])\$\{"),
        "items": itself,
        "additionalProperties": itself,
    })
}

/// A relative path below the output folder.
pub(super) fn save_path() -> Value {
    json!({
        "type": "string",
        "pattern": r"^([^{}\\:]|\{ext\}|\{n\}|\$\{[^{}]*\})+$",
        "not": {"anyOf": [
            {"pattern": r"^/|//|/$"},
            {"pattern": r"(^|/)\.\.?(/|$)"},
            {"pattern": RESULT},
        ]},
    })
}

/// A file with rows, or the results of a job.
pub(super) fn rows() -> Value {
    let file = r"\.([Cc][Ss][Vv]|[Jj][Ss][Oo][Nn][Ll]|[Nn][Dd][Jj][Ss][Oo][Nn])$";
    json!({
        "type": "string",
        "if": {"pattern": r"^jobs\."},
        "then": {"pattern": r"^jobs\.[A-Za-z0-9_-]+\.(clips|results)$"},
        "else": {"pattern": file},
    })
}
