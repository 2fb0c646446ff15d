//! `setlist costs`: the guide's price tables under one list, or what two lists price differently.

use serde_json::{Map, Value, json};

use crate::catalog::{Basis, Catalog, CostRow, PriceEntry, PriceList, cost_rows};

use super::table::{Column, Table, to_string};

/// Writes the tables under their headings.
#[must_use]
pub fn costs_text(catalog: &Catalog, list: &PriceList) -> String {
    let rows = cost_rows(catalog, list);
    to_string(|out| {
        let (name, dated, source) = (&list.name, &list.dated, &list.source);
        writeln!(out, "prices `{name}` of {dated}, from {source}")?;
        for section in rows.chunk_by(|a, b| a.section == b.section) {
            let mut table = Table::new([
                Column::Words("name"),
                Column::Numbers("credits"),
                Column::Words("operation"),
                Column::Words("notes"),
            ]);
            for row in section {
                let operation = &catalog.get(row.operation).name;
                table.row([&row.name, &row.credits(), &**operation, &row.notes]);
            }
            writeln!(out, "\n{}", section[0].section)?;
            table.write(out, 2)?;
        }
        Ok(())
    })
}

/// Gives the tables for programs.
#[must_use]
pub fn costs_json(catalog: &Catalog, list: &PriceList) -> Value {
    let row = |row: &CostRow| {
        let operation = catalog.get(row.operation);
        json!({
            "operation": operation.name,
            "family": operation.family,
            "section": row.section,
            "name": row.name,
            "notes": row.notes,
            "prices": prices(row),
        })
    };
    json!({
        "price_list": list.name,
        "source": list.source,
        "dated": list.dated,
        "operations": cost_rows(catalog, list).iter().map(row).collect::<Vec<_>>(),
    })
}

/// Writes the operations that two lists price differently.
#[must_use]
pub fn costs_diff_text(catalog: &Catalog, a: &PriceList, b: &PriceList) -> String {
    let mut table = Table::new([
        Column::Words("operation"),
        Column::Words("first"),
        Column::Words("second"),
    ]);
    for (first, second) in differing(catalog, a, b) {
        let operation = &catalog.get(first.operation).name;
        table.row([&**operation, &first.credits(), &second.credits()]);
    }
    to_string(|out| {
        writeln!(out, "first:  `{}` of {}", a.name, a.dated)?;
        writeln!(out, "second: `{}` of {}\n", b.name, b.dated)?;
        if table.is_empty() {
            writeln!(out, "the same prices")
        } else {
            table.write(out, 0)
        }
    })
}

/// Gives the operations that two lists price differently, for programs.
#[must_use]
pub fn costs_diff_json(catalog: &Catalog, a: &PriceList, b: &PriceList) -> Value {
    let operations: Vec<_> = differing(catalog, a, b)
        .iter()
        .map(|(first, second)| {
            json!({
                "operation": catalog.get(first.operation).name,
                "first": prices(first),
                "second": prices(second),
            })
        })
        .collect();
    let header = |list: &PriceList| json!({ "name": list.name, "dated": list.dated });
    json!({ "first": header(a), "second": header(b), "operations": operations })
}

/// Pairs the rows of two lists that are not charged alike; remarks and how sure a price is are no difference.
fn differing(catalog: &Catalog, a: &PriceList, b: &PriceList) -> Vec<(CostRow, CostRow)> {
    let charged = |row: &CostRow| -> Vec<_> {
        let entries = row.prices.iter();
        entries
            .map(|entry| (entry.credits, entry.when.clone()))
            .collect()
    };
    let second = cost_rows(catalog, b);
    let mut pairs = Vec::new();
    for first in cost_rows(catalog, a) {
        let other = second.iter().find(|row| row.operation == first.operation);
        let other = other.cloned().unwrap_or_else(|| unpriced(&first));
        pairs.push((first, other));
    }
    // Rows beyond the guide are there only where the list prices them.
    for other in second {
        if pairs
            .iter()
            .all(|(first, _)| first.operation != other.operation)
        {
            pairs.push((unpriced(&other), other));
        }
    }
    pairs.retain(|(first, second)| charged(first) != charged(second));
    pairs
}

fn unpriced(row: &CostRow) -> CostRow {
    CostRow {
        prices: Vec::new(),
        ..row.clone()
    }
}

fn prices(row: &CostRow) -> Vec<Value> {
    row.prices.iter().map(entry_json).collect()
}

fn entry_json(entry: &PriceEntry) -> Value {
    let is: Map<_, _> = entry
        .when
        .is
        .iter()
        .map(|(name, values)| (name.clone(), json!(values)))
        .collect();
    json!({
        "credits": entry.credits,
        "when": { "is": is, "given": entry.when.given },
        "basis": match entry.basis {
            Basis::Documented => "documented",
            Basis::Inferred => "inferred",
        },
        "note": entry.note,
    })
}
