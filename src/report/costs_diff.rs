//! `setlist costs --diff A B`: what is new, gone, dearer and cheaper in the second of two price lists.

use std::fmt;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::catalog::{Catalog, Condition, OperationId, PriceEntry, PriceList};
use crate::model::Credits;

use super::csv_cell::{io_error, writer};
use super::table::{Column, Table, to_string};

/// What became of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Dearer,
    Cheaper,
    New,
    Gone,
}

impl Change {
    const ALL: [Self; 4] = [Self::Dearer, Self::Cheaper, Self::New, Self::Gone];
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dearer => "dearer",
            Self::Cheaper => "cheaper",
            Self::New => "new",
            Self::Gone => "gone",
        })
    }
}

/// A price that differs, under a condition that one of the lists makes.
struct Row<'a> {
    operation: &'a str,
    when: String,
    first: Option<Credits>,
    second: Option<Credits>,
    change: Change,
}

impl Row<'_> {
    /// Returns by how much the price moved; nothing when one list has none.
    fn by(&self) -> Option<i128> {
        let (first, second) = (self.first?, self.second?);
        Some(i128::from(second.get()) - i128::from(first.get()))
    }
}

/// Writes the prices that differ.
#[must_use]
pub fn costs_diff_text(catalog: &Catalog, a: &PriceList, b: &PriceList) -> String {
    let rows = rows(catalog, a, b);
    let mut table = Table::new([
        Column::Words("change"),
        Column::Words("operation"),
        Column::Numbers("first"),
        Column::Numbers("second"),
        Column::Words("when"),
    ]);
    let figure =
        |credits: Option<Credits>| credits.map_or_else(|| "-".to_owned(), |it| it.to_string());
    for row in &rows {
        table.row([
            &*row.change.to_string(),
            row.operation,
            &figure(row.first),
            &figure(row.second),
            &row.when,
        ]);
    }
    let counts = Change::ALL.map(|change| {
        let count = rows.iter().filter(|row| row.change == change).count();
        format!("{count} {change}")
    });
    to_string(|out| {
        writeln!(out, "first:  `{}` of {}", a.name, a.dated)?;
        writeln!(out, "second: `{}` of {}\n", b.name, b.dated)?;
        if rows.is_empty() {
            return writeln!(out, "the same prices");
        }
        table.write(out, 0)?;
        writeln!(out, "\n{}", counts.join(", "))
    })
}

/// Gives the prices that differ, for programs.
#[must_use]
pub fn costs_diff_json(catalog: &Catalog, a: &PriceList, b: &PriceList) -> Value {
    let header = |list: &PriceList| json!({ "name": list.name, "dated": list.dated });
    let row = |row: &Row<'_>| {
        json!({
            "operation": row.operation,
            "when": row.when,
            "change": row.change.to_string(),
            "first": row.first,
            "second": row.second,
            "by": row.by().and_then(|by| i64::try_from(by).ok()),
        })
    };
    let rows: Vec<_> = rows(catalog, a, b).iter().map(row).collect();
    json!({ "first": header(a), "second": header(b), "prices": rows })
}

/// Writes the prices that differ as CSV.
///
/// # Errors
/// When the writer fails.
pub fn costs_diff_csv(
    catalog: &Catalog,
    a: &PriceList,
    b: &PriceList,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut csv = writer(out);
    csv.write_record(["change", "operation", "when", "first", "second", "by"])
        .map_err(io_error)?;
    let figure = |credits: Option<Credits>| credits.map(|it| it.to_string()).unwrap_or_default();
    for row in rows(catalog, a, b) {
        csv.write_record([
            &*row.change.to_string(),
            row.operation,
            &row.when,
            &figure(row.first),
            &figure(row.second),
            &row.by().map(|by| by.to_string()).unwrap_or_default(),
        ])
        .map_err(io_error)?;
    }
    csv.flush()
}

/// Compares each operation under each condition that a list makes; by change, then in the catalog's order.
fn rows<'a>(catalog: &'a Catalog, a: &PriceList, b: &PriceList) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for id in catalog.ids() {
        let (first, second) = (entries(a, id), entries(b, id));
        let mut conditions: Vec<&Condition> = Vec::new();
        for entry in first.iter().chain(second) {
            if !conditions.contains(&&entry.when) {
                conditions.push(&entry.when);
            }
        }
        for when in conditions {
            let (first, second) = (under(first, when), under(second, when));
            let change = match (first, second) {
                (None, None) => continue,
                (None, Some(_)) => Change::New,
                (Some(_), None) => Change::Gone,
                (Some(first), Some(second)) if first == second => continue,
                (Some(first), Some(second)) if first < second => Change::Dearer,
                (Some(_), Some(_)) => Change::Cheaper,
            };
            rows.push(Row {
                operation: &catalog.get(id).name,
                when: when.to_string(),
                first,
                second,
                change,
            });
        }
    }
    rows.sort_by_key(|row| row.change);
    rows
}

fn entries(list: &PriceList, id: OperationId) -> &[PriceEntry] {
    let entries = list.entries.get(usize::from(id.0));
    entries.map_or(&[], Vec::as_slice)
}

/// Finds what a list charges where a condition, and nothing more, is known to hold.
fn under(entries: &[PriceEntry], when: &Condition) -> Option<Credits> {
    let follows = |other: &Condition| {
        let given = other.given.iter().all(|name| when.given.contains(name));
        given
            && other.is.iter().all(|(name, values)| {
                let known = when.is.iter().find(|(known, _)| known == name);
                known.is_some_and(|(_, known)| known.iter().all(|value| values.contains(value)))
            })
    };
    let entry = entries.iter().find(|entry| follows(&entry.when))?;
    Some(entry.credits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str, prices: &str) -> PriceList {
        let text = format!("name = \"{name}\"\ndated = \"2026-01\"\nprices = [{prices}]\n");
        PriceList::parse(&text, name, Catalog::builtin()).unwrap()
    }

    #[test]
    fn each_condition_is_compared_with_what_the_other_list_charges_then() {
        let a = list(
            "a",
            r#"{ operation = "suno.create", credits = 10 },
               { operation = "suno.wav", credits = 10 },
               { operation = "suno.midi", credits = 5 },
               { operation = "suno.concat", credits = 5 }"#,
        );
        let b = list(
            "b",
            r#"{ operation = "suno.create", credits = 10, when = { is = { model = ["sonic-v4"] } } },
               { operation = "suno.create", credits = 14 },
               { operation = "suno.wav", credits = 1 },
               { operation = "suno.concat", credits = 5 },
               { operation = "suno.bpm", credits = 1 }"#,
        );
        let catalog = Catalog::builtin();
        insta::assert_snapshot!(costs_diff_text(catalog, &a, &b), @r"
        first:  `a` of 2026-01
        second: `b` of 2026-01

        change   operation    first  second  when
        dearer   suno.create     10      14
        cheaper  suno.wav        10       1
        new      suno.bpm         -       1
        gone     suno.midi        5       -

        1 dearer, 1 cheaper, 1 new, 1 gone
        ");
        let mut csv = Vec::new();
        costs_diff_csv(catalog, &b, &a, &mut csv).unwrap();
        insta::assert_snapshot!(String::from_utf8(csv).unwrap(), @r"
        change,operation,when,first,second,by
        dearer,suno.wav,,1,10,9
        cheaper,suno.create,,14,10,-4
        new,suno.midi,,,5,
        gone,suno.bpm,,1,,
        ");
        assert_eq!(costs_diff_json(catalog, &a, &b)["prices"][0]["by"], 4);
        assert!(costs_diff_text(catalog, &a, &a).ends_with("\nthe same prices\n"));
    }

    #[test]
    fn a_price_under_a_condition_alone_is_shown_with_it() {
        let flat = list("flat", r#"{ operation = "suno.create", credits = 12 }"#);
        let split = list(
            "split",
            r#"{ operation = "suno.create", credits = 10, when = { given = ["lyrics"] } },
               { operation = "suno.create", credits = 14 }"#,
        );
        let rows = rows(Catalog::builtin(), &flat, &split);
        let told: Vec<_> = rows.iter().map(|row| (row.change, &*row.when)).collect();
        assert_eq!(
            told,
            [(Change::Dearer, ""), (Change::Cheaper, "`lyrics` is given")]
        );
    }
}
