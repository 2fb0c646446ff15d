//! The `[[job]]` entries of a manifest: their heads, what they are made of, and what they need of one another.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::catalog::Catalog;

use super::batch::EntryInfo;
use super::cell::{Compiler, Results, unknown_job};
use super::diagnostic::{Problem, ProblemKind, Problems};
use super::entry::{Decide, Defaults, Entry, Origin, RowSource, Wanted};
use super::graph;
use super::heads::{Head, Known};
use super::matrix::Matrix;
use super::save::SavePath;
use super::source::{ROWS_HINT, Source};
use super::tree::{Node, Span, Tree};

/// More jobs and rows than this belong in a row file: reading them as TOML or YAML costs seconds and gigabytes.
const MAX_INLINE: usize = 50_000;

/// Orders the entries, or says which need one another.
pub(super) fn order(
    source: &Source,
    entries: &[Entry],
    needs: &[BTreeSet<usize>],
    problems: &mut Problems,
) -> Vec<usize> {
    match graph::order(needs) {
        Ok(order) => order,
        Err(members) => {
            let id = |at: usize| entries[at].info.id.as_str();
            let pairs = members.iter().zip(members.iter().cycle().skip(1));
            let told: Vec<String> = pairs
                .map(|(one, next)| format!("`{}` needs `{}`", id(*one), id(*next)))
                .collect();
            let message = format!("jobs need one another in a circle: {}", told.join(", "));
            let place = source.place(entries[members[0]].span);
            problems.push(Problem::new(ProblemKind::Cycle, message).at(place));
            Vec::new()
        }
    }
}

/// Tells for each entry whether others refer to its results.
pub(super) fn referred(entries: &[Entry]) -> Vec<bool> {
    let mut referred = vec![false; entries.len()];
    for entry in entries {
        for target in &entry.targets {
            referred[target.entry] = true;
        }
        if let RowSource::Items { entry, .. } = entry.rows {
            referred[entry] = true;
        }
    }
    referred
}

/// Reads the entries; problems are collected, and what can be read in spite of them is.
pub(super) struct BatchReader<'a> {
    pub(super) source: &'a Source,
    pub(super) catalog: &'a Catalog,
    pub(super) folder: &'a Path,
    pub(super) vars: Option<&'a Node>,
    pub(super) defaults: Defaults<'a>,
    pub(super) problems: &'a mut Problems,
}

impl<'a> BatchReader<'a> {
    pub(super) fn refuse(
        &mut self,
        kind: ProblemKind,
        span: Span,
        message: String,
        label: Option<String>,
    ) {
        let problem = Problem::new(kind, message).at(self.source.place(span));
        self.problems.push(problem.maybe_label(label));
    }

    pub(super) fn refuse_filling(&mut self, span: Span, what: &str) {
        let message = format!("`${{…}}` has no meaning {what}");
        let label = Some("write `$${` for the characters".to_owned());
        self.refuse(ProblemKind::Reference, span, message, label);
    }

    /// Reads all entries, and which of them each needs.
    pub(super) fn entries(&mut self, node: Option<&'a Node>) -> (Vec<Entry>, Vec<BTreeSet<usize>>) {
        let Some(Node {
            tree: Tree::List(nodes),
            span,
        }) = node
        else {
            return Default::default();
        };
        if nodes.is_empty() {
            let message = "the manifest has no job".to_owned();
            self.refuse(ProblemKind::Key, *span, message, None);
        }
        if inline_count(nodes) > MAX_INLINE {
            let message =
                format!("more than {MAX_INLINE} jobs and rows stand in the manifest itself");
            self.problems
                .push(Problem::new(ProblemKind::TooMuch, message).help(ROWS_HINT));
            return Default::default();
        }
        let heads: Vec<Head<'a>> = nodes.iter().map(|node| self.head(node)).collect();
        let mut places = HashMap::new();
        for (at, head) in heads.iter().enumerate() {
            if head.id.is_empty() {
                continue;
            }
            if let Some(before) = places.get(head.id) {
                let before: &Head<'_> = &heads[*before];
                let message = format!("two jobs are called `{}`", head.id);
                let line = self.source.line(before.id_span);
                let label = Some(format!("the first is in line {line}"));
                self.refuse(ProblemKind::Key, head.id_span, message, label);
            } else {
                places.insert(head.id, at);
            }
        }
        let known = Known {
            catalog: self.catalog,
            heads: &heads,
            places,
        };
        let mut all_needs = Vec::new();
        let mut entries = Vec::new();
        for head in &heads {
            let (entry, needs) = self.entry(head, &known);
            entries.push(entry);
            all_needs.push(needs);
        }
        (entries, all_needs)
    }

    fn entry(&mut self, head: &Head<'a>, known: &Known<'_>) -> (Entry, BTreeSet<usize>) {
        let (rows, each) = self.row_source(head, known);
        let read = self.matrix(head);
        let matrix = read.unwrap_or(Matrix::NONE);
        let mut compiler = Compiler {
            source: self.source,
            vars: self.vars,
            each: &each,
            matrix: &matrix,
            results: known,
            columns: Vec::new(),
            axes: Vec::new(),
            targets: Vec::new(),
            problems: self.problems,
        };
        let (variants, decide) = match head.operation {
            None => (Vec::new(), Decide::Always),
            Some((operation, named)) => {
                let wanted = Wanted {
                    id: if head.id.is_empty() { "?" } else { head.id },
                    operation,
                    named,
                    with: head.section.node("with"),
                    span: head
                        .section
                        .member("operation")
                        .map_or(head.span, |m| m.node.span),
                };
                compiler.variants(self.catalog, &self.defaults, &wanted)
            }
        };
        let save = compile_save(&mut compiler, head);
        let Compiler {
            columns,
            axes,
            targets,
            ..
        } = compiler;
        self.refuse_unused(head.id, &matrix, &axes);
        let needs = self.needs(head, known);
        let mut all_needs: BTreeSet<usize> = needs.iter().copied().collect();
        all_needs.extend(targets.iter().map(|target| target.entry));
        if let RowSource::Items { entry, .. } = &rows {
            all_needs.insert(*entry);
        }
        let entry = Entry {
            info: EntryInfo {
                id: head.id.to_owned(),
                line: self.source.line(head.span),
                priority: head.section.whole("priority").unwrap_or(0),
            },
            span: head.id_span,
            origin: Origin::Written,
            tags: tags(head),
            takes: head.section.whole("takes").unwrap_or(1),
            rows,
            matrix,
            columns,
            targets,
            needs,
            variants,
            decide,
            save,
        };
        (entry, all_needs)
    }

    fn needs(&mut self, head: &Head<'a>, known: &Known<'_>) -> Vec<usize> {
        let mut needs = Vec::new();
        let Some(Tree::List(items)) = head.section.node("needs").map(|node| &node.tree) else {
            return needs;
        };
        for item in items {
            let id = item.as_text().unwrap_or_default();
            match known.entry(id) {
                Some(entry) if !needs.contains(&entry) => needs.push(entry),
                Some(_) => {}
                None => {
                    let message = format!("unknown job `{id}` in `needs` of job `{}`", head.id);
                    let label = unknown_job(known, id);
                    self.refuse(ProblemKind::Reference, item.span, message, label);
                }
            }
        }
        needs
    }
}

fn tags(head: &Head<'_>) -> Vec<String> {
    let items = match head.section.node("tags").map(|node| &node.tree) {
        Some(Tree::List(items)) => items.as_slice(),
        _ => &[],
    };
    let texts = items.iter().filter_map(Node::as_text);
    texts.map(str::to_owned).collect()
}

fn compile_save(compiler: &mut Compiler<'_>, head: &Head<'_>) -> Option<(SavePath, Span)> {
    let node = head.section.node("save")?;
    let cell = compiler.value(node)?;
    match SavePath::compile(&cell) {
        Ok(path) => Some((path, node.span)),
        Err(message) => {
            let message = format!("`save` in job `{}` {message}", head.id);
            let problem = Problem::new(ProblemKind::Value, message);
            let place = compiler.source.place(node.span);
            compiler.problems.push(problem.at(place));
            None
        }
    }
}

fn inline_count(nodes: &[Node]) -> usize {
    let rows = |node: &Node| match node.get("for_each").map(|member| &member.node.tree) {
        Some(Tree::List(rows)) => rows.len(),
        _ => 1,
    };
    nodes.iter().map(rows).sum()
}
