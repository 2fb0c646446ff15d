//! The keys of each entry, and what references to entries may name.

use std::collections::HashMap;

use crate::catalog::{Catalog, ReferenceError};
use crate::model::ResultPath;

use super::cell::Results;
use super::diagnostic::{Problem, ProblemKind, listed};
use super::entries::BatchReader;
use super::entry::Named;
use super::made::indexed;
use super::schema::{MANIFEST, Shape};
use super::section::Section;
use super::tree::{Node, Span};

/// An entry whose keys are known to be right, apart from its parameters.
pub(super) struct Head<'a> {
    pub(super) id: &'a str,
    pub(super) id_span: Span,
    pub(super) span: Span,
    pub(super) operation: Option<(&'a str, Named<'a>)>,
    pub(super) section: Section<'a>,
}

/// What the entries give, for references to them.
pub(super) struct Known<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) heads: &'a [Head<'a>],
    pub(super) places: HashMap<&'a str, usize>,
}

impl Results for Known<'_> {
    fn entry(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    fn ids(&self) -> Vec<&str> {
        self.heads.iter().map(|head| head.id).collect()
    }

    fn refuse(&self, entry: usize, path: &ResultPath) -> Option<(String, Option<String>)> {
        let head = &self.heads[entry];
        let (_, named) = head.operation?;
        let mut first = path.clone();
        if let (Some(_), Some(step)) = (indexed(path), first.0.get_mut(1)) {
            // The index counts over all jobs of the entry; how many those are is known later.
            *step = crate::model::Step::Index(0);
        }
        let id = head.id;
        named.operations().into_iter().find_map(|operation| {
            let error = self.catalog.get(operation).check_reference(&first).err()?;
            Some(match error {
                ReferenceError::Unknown {
                    operation,
                    nearest,
                    known,
                    ..
                } => {
                    let hint = match nearest {
                        Some(nearest) => format!("did you mean `{nearest}`?"),
                        None if known.is_empty() => {
                            format!("`{operation}` gives nothing to refer to")
                        }
                        None => {
                            let known = listed(known.iter().map(String::as_str), " and ");
                            format!("`{operation}` gives {known}")
                        }
                    };
                    (format!("job `{id}` gives no `{path}`"), Some(hint))
                }
                beyond @ ReferenceError::BeyondEnd { .. } => (
                    format!("job `{id}` gives no `{path}`"),
                    Some(beyond.to_string()),
                ),
            })
        })
    }
}

impl<'a> BatchReader<'a> {
    /// Reads the keys of an entry.
    pub(super) fn head(&mut self, node: &'a Node) -> Head<'a> {
        let Some(Shape::Sections(keys)) = MANIFEST
            .iter()
            .find(|key| key.name == "job")
            .map(|key| &key.shape)
        else {
            unreachable!("the schema has jobs");
        };
        let id = node.get("id").and_then(|member| member.node.as_text());
        let of = id.map_or_else(|| " in a job".to_owned(), |id| format!(" in job `{id}`"));
        let section = Section::read(self.source, node, keys, &of, self.problems);
        let id_span = section.node("id").map_or(node.span, |node| node.span);
        let operation = section.node("operation").and_then(|node| {
            let name = node.as_text()?;
            let Some(named) = Named::find(self.catalog, name) else {
                let meant = self.catalog.nearest(name);
                let problem = Problem::new(
                    ProblemKind::Reference,
                    format!("unknown operation `{name}`{of}"),
                )
                .at(self.source.place(node.span));
                self.problems.push(match meant {
                    Some(meant) => problem.label(format!("did you mean `{meant}`?")),
                    None => problem.help("`setlist costs` lists the operations"),
                });
                return None;
            };
            Some((name, named))
        });
        Head {
            id: section.text("id").unwrap_or_default(),
            id_span,
            span: node.span,
            operation,
            section,
        }
    }
}
