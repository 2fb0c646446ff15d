//! What has a wrong shape in a file of prices or operations: everything at once, where serde stops at the first.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::operation::FileProblem;
use super::price_file::line_of;

/// Says what is wrong with one table of an array.
type Check = fn(Spanned<DeValue<'_>>) -> Option<Error>;

/// Returns the check of tables that are read as `T`.
pub(super) fn tables_of<T: DeserializeOwned>() -> Check {
    |table| T::deserialize(ValueDeserializer::from(table)).err()
}

/// Reads a file; `arrays` names its arrays of tables, and how each of their tables is read.
///
/// # Errors
/// All places in which the text is not TOML; or else each table that has a wrong shape, with what is wrong in it first.
pub(super) fn read<T: DeserializeOwned>(
    text: &str,
    arrays: &[(&str, Check)],
) -> Result<T, Vec<FileProblem>> {
    let first = match toml::from_str(text) {
        Ok(read) => return Ok(read),
        Err(error) => problem(text, &error),
    };
    let (root, syntax) = DeTable::parse_recoverable(text);
    let mut problems: Vec<_> = syntax.iter().map(|error| problem(text, error)).collect();
    if problems.is_empty() {
        for (name, check) in arrays {
            for table in tables(&root, name) {
                problems.extend(check(table.clone()).map(|error| problem(text, &error)));
            }
        }
    }
    // What is wrong outside the tables.
    if !problems.iter().any(|found| found.message == first.message) {
        problems.push(first);
    }
    problems.sort_by_key(|problem| problem.line);
    problems.dedup();
    Err(problems)
}

/// Reads the tables of an array that have the right shape.
pub(super) fn sound_tables<T: DeserializeOwned>(text: &str, name: &str) -> Vec<T> {
    let (root, _) = DeTable::parse_recoverable(text);
    let read =
        tables(&root, name).map(|table| T::deserialize(ValueDeserializer::from(table.clone())));
    read.filter_map(Result::ok).collect()
}

fn tables<'t, 'i>(
    root: &'t Spanned<DeTable<'i>>,
    name: &str,
) -> impl Iterator<Item = &'t Spanned<DeValue<'i>>> {
    let array = root.get_ref().get(name).map(Spanned::get_ref);
    let tables = array.and_then(DeValue::as_array);
    tables.into_iter().flat_map(|tables| tables.iter())
}

fn problem(text: &str, error: &Error) -> FileProblem {
    let line = error.span().map(|span| line_of(text, span.start));
    FileProblem::new(line, error.message().trim_end())
}
