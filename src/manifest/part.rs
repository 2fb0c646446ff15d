//! A part of a batch as a manifest of its own: the jobs that are wanted, and those that they refer to or need.

use std::io::{self, Write};
use std::ops::ControlFlow;

use crate::catalog::Catalog;
use crate::model::Ordinal;

use super::diagnostic::{Problem, ProblemKind, Problems};
use super::entry::RowSource;
use super::part_text::write;
use super::rows::{Reader, RowFile};
use super::settings::Manifest;
use super::shelf::anchor;
use super::source::Format;
use super::tree::{Node, Tree};

/// Which rows of each entry are kept.
#[derive(Debug)]
pub struct Part<'m> {
    manifest: &'m Manifest,
    /// By entry; by row and combination counted through, from 1, with the place 0 for an entry without either. Empty when
    /// nothing of the entry is kept.
    kept: Vec<Vec<bool>>,
}

/// The jobs of a batch, in order, as far as a part of it must know them.
#[derive(Default)]
struct Jobs {
    entries: Vec<u32>,
    rows: Vec<u32>,
    need_ends: Vec<usize>,
    needs: Vec<Ordinal>,
}

impl Manifest {
    /// Finds the part of the batch that makes the jobs of which `is_wanted` says so.
    ///
    /// The jobs of an entry that a kept one refers to by `${jobs.…}` are all kept, since the reference counts them.
    ///
    /// # Errors
    /// All problems of the rows.
    pub fn part(
        &self,
        catalog: &Catalog,
        is_wanted: &dyn Fn(Ordinal) -> bool,
    ) -> Result<Part<'_>, Problems> {
        let mut jobs = Jobs::default();
        self.expand(catalog, &mut |draft| {
            jobs.entries.push(draft.entry_index);
            jobs.rows.push(draft.row);
            jobs.needs.extend_from_slice(draft.needs);
            jobs.need_ends.push(jobs.needs.len());
            ControlFlow::Continue(())
        })?;
        let entries = &self.batch.entries;
        let mut kept = vec![Vec::new(); entries.len()];
        let mut is_whole = vec![false; entries.len()];
        let mut is_needed = vec![false; jobs.entries.len()];
        // Whatever refers to a job comes behind it.
        for at in (0..jobs.entries.len()).rev() {
            let entry = jobs.entries[at] as usize;
            let ordinal = Ordinal(u32::try_from(at).unwrap_or(u32::MAX));
            if !(is_whole[entry] || is_needed[at] || is_wanted(ordinal)) {
                continue;
            }
            let rows: &mut Vec<bool> = &mut kept[entry];
            let row = jobs.rows[at] as usize;
            if rows.len() <= row {
                rows.resize(row + 1, false);
            }
            rows[row] = true;
            for target in &entries[entry].targets {
                is_whole[target.entry] = true;
            }
            let start = at.checked_sub(1).map_or(0, |before| jobs.need_ends[before]);
            for need in &jobs.needs[start..jobs.need_ends[at]] {
                is_needed[need.index()] = true;
            }
        }
        Ok(Part {
            manifest: self,
            kept,
        })
    }
}

impl Part<'_> {
    /// Returns the row files that the part needs: the place of the entry, its id, and the extension.
    #[must_use]
    pub fn row_files(&self) -> Vec<(usize, &str, &'static str)> {
        let entries = self.manifest.batch.entries.iter().enumerate();
        let files = entries.filter_map(|(at, entry)| match &entry.rows {
            RowSource::File(file, _) if !self.kept[at].is_empty() => {
                Some((at, entry.info.id.as_str(), file.extension()))
            }
            _ => None,
        });
        files.collect()
    }

    /// Writes the part's manifest as TOML; `rows_at` names the row file of an entry, by its place.
    ///
    /// # Errors
    /// When the manifest came from standard input, whose language is not known any more.
    pub fn text(&self, rows_at: &dyn Fn(usize) -> String) -> Result<String, Problems> {
        let source = &self.manifest.batch.source;
        let format = Format::of(self.manifest.path.as_ref()).ok_or_else(|| {
            let message = "a part of a manifest from standard input can't be written down";
            Problem::new(ProblemKind::File, message.to_owned()).help("write the manifest to a file")
        })?;
        let mut root = source.parse(format)?;
        if let Tree::Table(members) = &mut root.tree {
            members.retain(|member| member.key == "job");
            members.extend(self.manifest.batch.shared.iter().cloned());
            for member in members.iter_mut().filter(|member| member.key == "job") {
                self.cut(&mut member.node, rows_at);
            }
        }
        anchor(&mut root, &self.manifest.folder);
        Ok(write(&root, &self.manifest.name))
    }

    fn cut(&self, jobs: &mut Node, rows_at: &dyn Fn(usize) -> String) {
        let Tree::List(entries) = &mut jobs.tree else {
            return;
        };
        let places = std::mem::take(entries).into_iter().enumerate();
        for (at, mut entry) in places.filter(|(at, _)| !self.kept[*at].is_empty()) {
            if let Tree::Table(members) = &mut entry.tree {
                for member in members.iter_mut().filter(|member| member.key == "for_each") {
                    self.cut_rows(at, &mut member.node, rows_at);
                }
            }
            entries.push(entry);
        }
    }

    fn cut_rows(&self, entry: usize, for_each: &mut Node, rows_at: &dyn Fn(usize) -> String) {
        match (&self.manifest.batch.entries[entry].rows, &mut for_each.tree) {
            (RowSource::File(..), tree) => *tree = Tree::Text(rows_at(entry)),
            (RowSource::Inline(_), Tree::List(rows)) => {
                let mut row = 0;
                rows.retain(|_| {
                    row += 1;
                    self.keeps(entry, row)
                });
            }
            _ => {}
        }
    }

    /// Tells whether a row, from 1, makes a job that is kept, in any combination of the entry's matrix.
    fn keeps(&self, entry: usize, row: usize) -> bool {
        let combinations = self.manifest.batch.entries[entry].matrix.combinations as usize;
        let first = (row - 1) * combinations + 1;
        let kept = self.kept[entry].iter().skip(first).take(combinations);
        kept.copied().any(|is_kept| is_kept)
    }

    /// Copies the kept rows of an entry's file.
    ///
    /// # Errors
    /// When the file can't be read any more, or the copy can't be written.
    pub fn copy_rows(&self, entry: usize, out: &mut dyn Write) -> io::Result<()> {
        let RowSource::File(file, _) = &self.manifest.batch.entries[entry].rows else {
            return Ok(());
        };
        let unreadable = |problem: Problem| io::Error::other(problem.message);
        let mut row = 0;
        match file.open().map_err(unreadable)? {
            Reader::Csv(mut rows) => {
                let mut to = csv::Writer::from_writer(out);
                to.write_record(rows.header())?;
                while rows.next().map_err(unreadable)? {
                    row += 1;
                    if self.keeps(entry, row) {
                        to.write_byte_record(rows.record())?;
                    }
                }
                to.flush()
            }
            Reader::Json(mut rows) => {
                while rows.next().map_err(unreadable)? {
                    row += 1;
                    if self.keeps(entry, row) {
                        rows.parse().map_err(unreadable)?;
                        serde_json::to_writer(&mut *out, rows.row())?;
                        out.write_all(b"\n")?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl RowFile {
    /// Returns how a file of this format ends.
    const fn extension(&self) -> &'static str {
        match self.format {
            super::rows::RowFormat::Csv => "csv",
            super::rows::RowFormat::JsonLines => "jsonl",
        }
    }
}
