//! Plain tables: columns as wide as what is in them, and no wider.

use std::io::{self, Write};

use super::words::Shown;

/// A column: its heading, and on which side its cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Words, on the left.
    Words(&'static str),
    /// Numbers, on the right.
    Numbers(&'static str),
}

impl Column {
    const fn heading(self) -> &'static str {
        match self {
            Self::Words(heading) | Self::Numbers(heading) => heading,
        }
    }
}

/// Rows below headings. Control characters in cells are shown, not obeyed; no line ends in spaces.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table without rows.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells beyond the last column are left out.
    pub fn row<C: ToString>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().take(self.columns.len());
        self.rows.push(
            cells
                .map(|cell| Shown(&cell.to_string()).to_string())
                .collect(),
        );
    }

    /// Tells whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the headings and the rows, each line set in by `indent` spaces.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write(&self, out: &mut dyn Write, indent: usize) -> io::Result<()> {
        let widths: Vec<_> = (0..self.columns.len()).map(|at| self.width(at)).collect();
        let headings: Vec<_> = self
            .columns
            .iter()
            .map(|column| column.heading().to_owned())
            .collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                match column {
                    Column::Words(_) => line.push_str(&format!("{cell:<width$}  ")),
                    Column::Numbers(_) => line.push_str(&format!("{cell:>width$}  ")),
                }
            }
            writeln!(out, "{:indent$}{}", "", line.trim_end())?;
        }
        Ok(())
    }

    fn width(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        let heading = self.columns[at].heading();
        cells
            .map(String::as_str)
            .chain([heading])
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    }
}

/// Collects what a report writes; only for reports that are short.
pub(super) fn to_string(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory takes all that is written");
    String::from_utf8(bytes).expect("reports write text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_lines_end_clean() {
        let mut table = Table::new([
            Column::Words("job"),
            Column::Numbers("credits"),
            Column::Words("note"),
        ]);
        table.row(["a", "10", ""]);
        table.row(["longer", "5", "é\u{1b}"]);
        insta::assert_snapshot!(to_string(|out| table.write(out, 2)), @r"
        job     credits  note
        a            10
        longer        5  é\u{1b}
        ");
    }
}
