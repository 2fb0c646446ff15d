//! The price tables as the guide prints them, under any price list. Gives text; prints nothing.

use super::operation::{Catalog, Operation, OperationId};
use super::price::{Basis, Condition, PriceEntry, PriceList};

/// The heading of operations that the guide does not price.
pub const BEYOND_GUIDE: &str = "Beyond the guide";

/// One row of the price tables.
#[derive(Clone, Debug, PartialEq)]
pub struct CostRow {
    /// The heading of its table.
    pub section: String,
    /// The operation as the table calls it.
    pub name: String,
    /// The operation.
    pub operation: OperationId,
    /// Its prices, the one that applies in general first; none when the list does not price it.
    pub prices: Vec<PriceEntry>,
    /// Remarks.
    pub notes: String,
}

impl CostRow {
    /// Writes its credits: `10`, `14 or 10`, or `no price`.
    #[must_use]
    pub fn credits(&self) -> String {
        let mut figures: Vec<String> = Vec::new();
        for entry in &self.prices {
            let figure = entry.credits.to_string();
            if !figures.contains(&figure) {
                figures.push(figure);
            }
        }
        if figures.is_empty() {
            "no price".to_owned()
        } else {
            figures.join(" or ")
        }
    }
}

/// Returns the rows of the guide's tables in its order, then those beyond it that the list prices.
#[must_use]
pub fn cost_rows(catalog: &Catalog, list: &PriceList) -> Vec<CostRow> {
    let mut rows: Vec<CostRow> = catalog
        .ids()
        .map(|id| row(catalog.get(id), id, list))
        .filter(|row| row.section != BEYOND_GUIDE || !row.prices.is_empty())
        .collect();
    // A stable sort: the catalog's order within each part stays.
    rows.sort_by_key(|row| row.section == BEYOND_GUIDE);
    rows
}

/// Writes the tables as Markdown; with the list `guide` they are the guide's, letter by letter.
#[must_use]
pub fn render_costs(catalog: &Catalog, list: &PriceList) -> String {
    let rows = cost_rows(catalog, list);
    let mut text = String::new();
    for table in rows.chunk_by(|a, b| a.section == b.section) {
        if !text.is_empty() {
            text.push('\n');
        }
        render_table(&mut text, table);
    }
    text
}

fn render_table(text: &mut String, rows: &[CostRow]) {
    let Some(first) = rows.first() else { return };
    let noted = rows.iter().any(|row| !row.notes.is_empty());
    text.push_str(&format!("### {}\n\n", first.section));
    text.push_str(if noted {
        "| Operation | Credits | Notes |\n|-----------|---------|-------|\n"
    } else {
        "| Operation | Credits |\n|-----------|---------|\n"
    });
    for row in rows {
        text.push_str(&format!("| {} | {} |", row.name, row.credits()));
        if noted {
            // A bar inside a note would end its cell.
            text.push_str(&format!(" {} |", row.notes.replace('|', "\\|")));
        }
        text.push('\n');
    }
}

fn row(operation: &Operation, id: OperationId, list: &PriceList) -> CostRow {
    let mut prices = list
        .entries
        .get(usize::from(id.0))
        .cloned()
        .unwrap_or_default();
    // The general price last in the list, because the first match wins, and first in the table.
    prices.sort_by_key(|entry| entry.when != Condition::default());
    let (section, name) = match &operation.guide {
        Some(guide) => (guide.section.clone(), guide.name.clone()),
        None => (BEYOND_GUIDE.to_owned(), operation.name.to_string()),
    };
    CostRow {
        section,
        name,
        operation: id,
        notes: notes(operation, &prices),
        prices,
    }
}

/// Joins the list's remarks and conditions; the guide's own remark stands where the list has none.
fn notes(operation: &Operation, prices: &[PriceEntry]) -> String {
    let mut notes: Vec<String> = Vec::new();
    let mut add = |note: String| {
        if !note.is_empty() && !notes.contains(&note) {
            notes.push(note);
        }
    };
    for entry in prices {
        add(entry.note.clone());
        if entry.when != Condition::default() {
            add(format!("{} when {}", entry.credits, entry.when));
        }
    }
    if let Some(guide) = &operation.guide {
        let free = prices.iter().all(|entry| entry.credits.is_zero());
        if notes.is_empty() && (free || !guide.note.starts_with("Free")) {
            notes.push(guide.note.clone());
        }
    }
    if prices.iter().any(|entry| entry.basis == Basis::Inferred) {
        notes.push("inferred".to_owned());
    }
    notes.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::PriceLists;

    fn rendered(list: &str) -> String {
        let list = PriceLists::builtin().find(list).unwrap();
        render_costs(Catalog::builtin(), list)
    }

    #[test]
    fn the_guides_tables_are_the_guides() {
        let text = rendered("guide");
        assert!(text.starts_with(
            "### Suno V4\n\n\
             | Operation | Credits | Notes |\n\
             |-----------|---------|-------|\n\
             | Create music | 10 | Per generation |\n\
             | Extend music | 10 | Per extension |\n"
        ));
        assert!(text.contains(
            "\n| Get music status | 0 | Free polling |\n\n### Producer\n\n\
             | Operation | Credits | Notes |\n"
        ));
        assert!(text.ends_with(
            "\n\n### Lyrics Generation\n\n\
             | Operation | Credits |\n\
             |-----------|---------|\n\
             | Generate lyrics | 5 |\n"
        ));
    }

    #[test]
    fn other_lists_say_what_is_special() {
        let text = rendered("aimusicapi-2026-09");
        for line in [
            "| Create music | 14 or 10 | 10 when `model` is sonic-v3-5, sonic-v4, chirp-v3-5 or chirp-v4 and \
             `lyrics` is given; 10 when `custom_mode` is true and `model` is sonic-v3-5, sonic-v4, chirp-v3-5 \
             or chirp-v4 |",
            "| Extend | no price | Add duration |",
            "| Upload music | 2 |  |",
            "### Beyond the guide",
            "| suno.aligned-lyrics | 1 | First call per clip; then free |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("suno.upload-extend"), "it has no price");
    }
}
