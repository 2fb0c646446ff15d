//! What must stand beside what: required parameters, alternatives, conflicts, and what a model allows.

use crate::catalog::Operation;

use super::check::Wrong;
use super::diagnostic::listed;

/// Which parameters of an operation are given: one bit for each, by its place.
pub(super) type Given = u128;

/// An operation's rules as masks, since they are looked at for every row.
#[derive(Debug)]
pub(super) struct Rules {
    required: Given,
    any_of: Vec<Given>,
    conflicts: Vec<Given>,
    /// Parameters that go with certain models only.
    with_models: Given,
}

/// Returns the bit of a parameter.
pub(super) const fn bit(param: usize) -> Given {
    // Far beyond what any operation has; a parameter past it is bound by its own type only.
    if param < 128 { 1 << param } else { 0 }
}

impl Rules {
    /// Reads an operation's rules.
    pub(super) fn of(operation: &Operation) -> Self {
        let place = |name: &str| operation.params.iter().position(|param| param.name == name);
        let mask = |names: &[&str]| {
            let places = names.iter().filter_map(|name| place(name));
            places.fold(0, |mask, at| mask | bit(at))
        };
        let those = |keep: &dyn Fn(&crate::catalog::Param) -> bool| {
            let params = operation.params.iter().enumerate();
            params
                .filter(|(_, param)| keep(param))
                .fold(0, |mask, (at, _)| mask | bit(at))
        };
        Self {
            required: those(&|param| param.required && param.default.is_none()),
            any_of: operation
                .any_of
                .iter()
                .map(|names| mask(&names.iter().map(String::as_str).collect::<Vec<_>>()))
                .collect(),
            conflicts: operation
                .conflicts
                .iter()
                .map(|(one, other)| mask(&[one, other]))
                .collect(),
            with_models: those(&|param| !param.models.is_empty()),
        }
    }

    /// Tells quickly whether anything may be broken; `explain` says what.
    pub(super) fn suspicious(&self, given: Given) -> bool {
        given & self.required != self.required
            || given & self.with_models != 0
            || self.any_of.iter().any(|group| given & group == 0)
            || self.conflicts.iter().any(|pair| given & pair == *pair)
    }
}

/// A rule that is broken.
pub(super) struct Broken {
    /// The parameter it is about, when that one is given.
    pub(super) param: Option<usize>,
    /// What is wrong: the whole sentence, but for the job.
    pub(super) wrong: Wrong,
}

/// Says which rules are broken.
pub(super) fn explain(operation: &Operation, given: Given, model: Option<&str>) -> Vec<Broken> {
    let name = &operation.name;
    let is_given = |at: usize| given & bit(at) != 0;
    let place = |wanted: &str| {
        operation
            .params
            .iter()
            .position(|param| param.name == wanted)
    };
    let mut broken = Vec::new();
    let mut say = |param, wrong| broken.push(Broken { param, wrong });
    for (at, param) in operation.params.iter().enumerate() {
        if param.required && param.default.is_none() && !is_given(at) {
            let wrong = Wrong::new(format!("`{name}` needs `{}`", param.name));
            say(None, wrong.hint(param.doc.as_str()));
        }
        let refused = |model: &&str| !param.models.iter().any(|allowed| allowed == model);
        if let (true, false, Some(model)) = (
            is_given(at),
            param.models.is_empty(),
            model.filter(|model| refused(model)),
        ) {
            let models = listed(param.models.iter().map(String::as_str), " and ");
            let message = format!("`{}` does not go with model `{model}`", param.name);
            say(
                Some(at),
                Wrong::new(message).help(format!("it goes with {models}")),
            );
        }
    }
    for group in &operation.any_of {
        if !group
            .iter()
            .filter_map(|wanted| place(wanted))
            .any(is_given)
        {
            let names = listed(group.iter().map(String::as_str), " or ");
            say(None, Wrong::new(format!("`{name}` needs {names}")));
        }
    }
    for (one, other) in &operation.conflicts {
        if let (Some(left), Some(right)) = (place(one), place(other))
            && is_given(left)
            && is_given(right)
        {
            let message = format!("`{one}` and `{other}` can't both be given to `{name}`");
            say(Some(right), Wrong::new(message));
        }
    }
    broken
}
