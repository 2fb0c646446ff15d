//! `matrix`: lists of values, and the combinations that an entry makes of them.

use std::collections::HashSet;

use serde_json::Value;

use super::cell::literal;
use super::diagnostic::{Problem, ProblemKind};
use super::entries::BatchReader;
use super::heads::Head;
use super::tree::{Member, Node, Span, Tree};

/// More combinations than this are a slip of the pen.
const MAX_COMBINATIONS: u32 = 100_000;

/// One key of a matrix.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) span: Span,
    /// Its values and where they stand; at least one.
    pub(super) values: Vec<(Value, Span)>,
}

/// The keys of an entry's matrix in the manifest's order; an entry without one has no keys, and one combination.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) axes: Vec<Axis>,
    /// How many combinations there are; at least 1.
    pub(super) combinations: u32,
}

impl Matrix {
    /// No matrix.
    pub(super) const NONE: Self = Self {
        axes: Vec::new(),
        combinations: 1,
    };

    /// Returns a key's value in a combination, counted from 0; the first key changes slowest.
    pub(super) fn value(&self, axis: usize, combination: u32) -> &Value {
        &self.item(axis, combination).0
    }

    /// Returns a key's value in a combination, and where it stands.
    pub(super) fn item(&self, axis: usize, combination: u32) -> &(Value, Span) {
        let later = self.axes[axis + 1..].iter().map(|axis| axis.values.len());
        let stride: usize = later.product();
        let values = &self.axes[axis].values;
        let combination = usize::try_from(combination).unwrap_or(usize::MAX);
        &values[combination / stride % values.len()]
    }
}

impl<'a> BatchReader<'a> {
    /// Reads an entry's matrix; nothing when a problem was found.
    pub(super) fn matrix(&mut self, head: &Head<'a>) -> Option<Matrix> {
        let Some(member) = head.section.member("matrix") else {
            return Some(Matrix::NONE);
        };
        let members = member.node.members();
        if members.is_empty() {
            let message = format!("`matrix` in job `{}` has no key", head.id);
            let label = Some("give it lists, e.g. `style = [\"jazz\", \"dub\"]`".to_owned());
            self.refuse(ProblemKind::Value, member.node.span, message, label);
            return None;
        }
        let axes: Vec<Option<Axis>> = members.iter().map(|key| self.axis(head, key)).collect();
        let axes: Vec<Axis> = axes.into_iter().collect::<Option<_>>()?;
        let combinations = axes.iter().try_fold(1u32, |product, axis| {
            let product = product.checked_mul(u32::try_from(axis.values.len()).ok()?)?;
            (product <= MAX_COMBINATIONS).then_some(product)
        });
        let Some(combinations) = combinations else {
            let message = format!(
                "`matrix` in job `{}` makes more than {MAX_COMBINATIONS} combinations",
                head.id
            );
            let problem = Problem::new(ProblemKind::TooMuch, message);
            let problem = problem.at(self.source.place(member.key_span));
            self.problems
                .push(problem.help("write the rows that are wanted to a CSV file, for `for_each`"));
            return None;
        };
        Some(Matrix { axes, combinations })
    }

    fn axis(&mut self, head: &Head<'a>, key: &Member) -> Option<Axis> {
        let of = format!("`{}` in the `matrix` of job `{}`", key.key, head.id);
        let span = key.node.span;
        let Tree::List(items) = &key.node.tree else {
            let label = Some(format!("this is {}", key.node.kind()));
            self.refuse(
                ProblemKind::Value,
                span,
                format!("{of} takes a list"),
                label,
            );
            return None;
        };
        if items.is_empty() {
            let label = Some("without a value there is no job".to_owned());
            self.refuse(ProblemKind::Value, span, format!("{of} is empty"), label);
            return None;
        }
        let mut seen = HashSet::new();
        let values: Vec<Option<(Value, Span)>> = items
            .iter()
            .map(|item| self.axis_value(&of, item, &mut seen))
            .collect();
        Some(Axis {
            name: key.key.clone(),
            span: key.key_span,
            values: values.into_iter().collect::<Option<_>>()?,
        })
    }

    fn axis_value(
        &mut self,
        of: &str,
        item: &Node,
        seen: &mut HashSet<String>,
    ) -> Option<(Value, Span)> {
        if matches!(item.tree, Tree::Null | Tree::List(_) | Tree::Table(_)) {
            let message = format!("{of} takes text, numbers, `true` and `false`");
            let label = Some(format!("this is {}", item.kind()));
            self.refuse(ProblemKind::Value, item.span, message, label);
            return None;
        }
        let value = match literal(item) {
            Ok(value) => value,
            Err(span) => {
                self.refuse_filling(span, "in a `matrix`");
                return None;
            }
        };
        if !seen.insert(value.to_string()) {
            let label = Some("`takes` asks for several results of the same input".to_owned());
            let message = format!("{of} has this value twice");
            self.refuse(ProblemKind::Value, item.span, message, label);
            return None;
        }
        Some((value, item.span))
    }

    /// Refuses a key that makes more jobs, and no difference to any.
    pub(super) fn refuse_unused(&mut self, id: &str, matrix: &Matrix, used: &[usize]) {
        // Where something else is wrong, the text that uses it may not have been looked at.
        if !self.problems.is_empty() {
            return;
        }
        for (at, axis) in matrix.axes.iter().enumerate() {
            if !used.contains(&at) {
                let name = &axis.name;
                let message = format!("`{name}` in the `matrix` of job `{id}` is used nowhere");
                let problem = Problem::new(ProblemKind::Reference, message);
                let problem = problem.at(self.source.place(axis.span));
                self.problems
                    .push(problem.label(format!("its value is `${{matrix.{name}}}`")));
            }
        }
    }
}
