//! What `for_each` names: a file, the results of an entry, or rows in the manifest.

use super::cell::{Each, Results, literal, unknown_job};
use super::diagnostic::ProblemKind;
use super::entries::BatchReader;
use super::entry::{InlineRow, LISTS, RowSource, given_per_call};
use super::heads::{Head, Known};
use super::rows::{Reader, RowFile};
use super::tree::{Node, Span, Tree};

impl<'a> BatchReader<'a> {
    /// Finds what an entry's jobs are made of.
    pub(super) fn row_source(&mut self, head: &Head<'a>, known: &Known<'_>) -> (RowSource, Each) {
        let Some(node) = head.section.node("for_each") else {
            return (RowSource::One, Each::None);
        };
        match &node.tree {
            Tree::List(items) => (self.inline_rows(items), Each::Inline),
            Tree::Text(text) => match text.strip_prefix("jobs.") {
                Some(path) => self.item_rows(path, node.span, known),
                None => self.file_rows(text, node.span),
            },
            _ => (RowSource::One, Each::Unknown),
        }
    }

    fn inline_rows(&mut self, items: &[Node]) -> RowSource {
        let mut rows = Vec::new();
        for item in items {
            match literal(item) {
                Ok(value) => rows.push(InlineRow {
                    value,
                    span: item.span,
                    fields: item
                        .members()
                        .iter()
                        .map(|member| (member.key.clone(), member.node.span))
                        .collect(),
                }),
                Err(span) => self.refuse_filling(span, "in the rows of `for_each`"),
            }
        }
        RowSource::Inline(rows)
    }

    fn item_rows(&mut self, path: &str, span: Span, known: &Known<'_>) -> (RowSource, Each) {
        let nothing = (RowSource::One, Each::Unknown);
        let (id, list) = path.split_once('.').unwrap_or((path, ""));
        let Some(entry) = known.entry(id) else {
            let message = format!("unknown job `{id}` in `for_each`");
            self.refuse(
                ProblemKind::Reference,
                span,
                message,
                unknown_job(known, id),
            );
            return nothing;
        };
        let Some(list) = LISTS.into_iter().find(|known| *known == list) else {
            let message = format!("`for_each` can't go over `{list}` of job `{id}`");
            let label = Some(format!("`jobs.{id}.clips` or `jobs.{id}.results`"));
            self.refuse(ProblemKind::Reference, span, message, label);
            return nothing;
        };
        let Some((name, named)) = known.heads[entry].operation else {
            return nothing;
        };
        let mut operations = named.operations().into_iter();
        if operations.any(|id| given_per_call(self.catalog.get(id), list) == 0) {
            let message = format!("job `{id}` gives no `{list}`");
            let label = Some(format!("its operation is `{name}`"));
            self.refuse(ProblemKind::Reference, span, message, label);
            return nothing;
        }
        (
            RowSource::Items { entry, list },
            Each::Items { entry, list },
        )
    }

    fn file_rows(&mut self, text: &str, span: Span) -> (RowSource, Each) {
        let nothing = (RowSource::One, Each::Unknown);
        let file = match RowFile::new(text, self.folder) {
            Ok(file) => file,
            Err(message) => {
                self.refuse(
                    ProblemKind::Value,
                    span,
                    format!("`for_each` {message}"),
                    None,
                );
                return nothing;
            }
        };
        let each = match file.open() {
            Ok(Reader::Csv(rows)) => Each::Csv(rows.header().to_vec()),
            Ok(Reader::Json(_)) => Each::Json,
            Err(problem) => {
                let place = self.source.place(span);
                self.problems.push(match problem.place {
                    None => problem.at(place),
                    Some(_) => problem,
                });
                Each::Unknown
            }
        };
        (RowSource::File(file, span), each)
    }
}
