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
