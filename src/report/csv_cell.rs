//! CSV as RFC 4180 has it, and cells that a spreadsheet can't run.

use std::borrow::Cow;
use std::io::Write;

/// Makes a writer that ends lines with CRLF, as RFC 4180 does, and quotes what must be quoted.
pub(super) fn writer<W: Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out)
}

/// Puts an apostrophe before text that a spreadsheet would run as a formula: `=`, `+`, `-`, `@`, tab or CR first.
pub(super) fn inert(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Turns a writer's error back into one of I/O, as the other reports have it.
pub(super) fn io_error(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_taken_for_text() {
        for formula in ["=1+1", "+1", "-1", "@A1", "\tx", "\rx"] {
            assert_eq!(inert(formula), format!("'{formula}"));
        }
        for plain in ["", "a=1", "song#2", "'=1"] {
            assert_eq!(inert(plain), plain);
        }
    }
}
