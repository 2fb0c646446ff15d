//! What must be true of every operation, so that no other room need ask. Tells, and mends nothing.

use std::collections::BTreeSet;

use super::operation::{Kind, Method, Operation, Param, ParamType, ResultKind};

/// Returns the laws that an operation breaks.
pub(super) fn broken(operation: &Operation) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    let mut fields = BTreeSet::new();
    for param in &operation.params {
        if !names.insert(param.name.as_str()) {
            problems.push(format!("parameter `{}` is there twice", param.name));
        }
        if !fields.insert(param.field.as_str()) {
            problems.push(format!("two parameters become `{}`", param.field));
        }
        if operation.fixed.contains_key(&param.field) {
            problems.push(format!("`{}` becomes a field that is fixed", param.name));
        }
    }
    let given = operation.any_of.iter().flatten();
    let pairs = operation.conflicts.iter().flat_map(|(a, b)| [a, b]);
    for name in given.chain(pairs) {
        if !names.contains(name.as_str()) {
            problems.push(format!("there is no parameter `{name}`"));
        }
    }
    problems.extend(unsettled_implications(operation));
    problems.extend(unknown_models(operation));
    problems.extend(unfilled_path(operation));
    if (operation.result == ResultKind::Clips) != (operation.clips > 0) {
        problems.push("an operation gives clips if, and only if, it says how many".to_owned());
    }
    problems
}

/// Two parameters that can be given together must not imply different values of one field.
fn unsettled_implications(operation: &Operation) -> Vec<String> {
    let exclude = |a: &Param, b: &Param| {
        operation.conflicts.iter().any(|(left, right)| {
            (*left == a.name && *right == b.name) || (*left == b.name && *right == a.name)
        })
    };
    let disagree = |a: &Param, b: &Param| {
        b.field_is_implied_by(a)
            || a.field_is_implied_by(b)
            || a.implies
                .iter()
                .any(|(field, value)| b.implies.get(field).is_some_and(|other| other != value))
    };
    let mut problems = Vec::new();
    for (place, a) in operation.params.iter().enumerate() {
        for b in &operation.params[place + 1..] {
            if disagree(a, b) && !exclude(a, b) {
                problems.push(format!(
                    "`{}` and `{}` can both be given, and want the same field",
                    a.name, b.name
                ));
            }
        }
    }
    problems
}

/// Limits by model are of use only where the parameter `model` takes that model.
fn unknown_models(operation: &Operation) -> Vec<String> {
    let known: BTreeSet<&str> = match operation.param("model").map(|param| &param.kind) {
        Some(ParamType::Word { allowed }) => allowed.iter().map(|(word, _)| &**word).collect(),
        _ => BTreeSet::new(),
    };
    let mut problems = Vec::new();
    for param in &operation.params {
        let of_limits: Vec<&String> = match &param.kind {
            ParamType::Text { max_chars_for, .. } => max_chars_for
                .iter()
                .flat_map(|(models, _)| models)
                .collect(),
            _ => Vec::new(),
        };
        for model in param.models.iter().chain(of_limits) {
            if !known.contains(model.as_str()) {
                problems.push(format!(
                    "`{}` names the unknown model `{model}`",
                    param.name
                ));
            }
        }
    }
    problems
}

/// A GET carries its inputs in the path, a POST has none there.
fn unfilled_path(operation: &Operation) -> Vec<String> {
    let holes: BTreeSet<&str> = operation
        .path
        .split('/')
        .filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}'))
        .collect();
    let (method, status) = (operation.method, matches!(operation.kind, Kind::Status(_)));
    let fillable: BTreeSet<&str> = match method {
        Method::Post => BTreeSet::new(),
        Method::Get => operation.params.iter().map(|param| &*param.field).collect(),
    };
    let mut problems = Vec::new();
    if holes != fillable {
        problems.push("the path's places and the parameters that fill them differ".to_owned());
    }
    if (method == Method::Get) != status {
        problems.push("what reads a task is a GET, and nothing else is".to_owned());
    }
    problems
}

impl Param {
    fn field_is_implied_by(&self, other: &Self) -> bool {
        other.implies.contains_key(&self.field)
    }
}
