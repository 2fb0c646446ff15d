//! Compiles an entry's parameters: the operation is chosen, and what is the same in every row is checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::catalog::{Catalog, Choice, Operation, OperationId, Param, ParamType};

use super::batch::SAMPLE_DATE;
use super::cell::{Cell, Compiler};
use super::check::{self, check_value, depends_on_model};
use super::diagnostic::{Problem, ProblemKind, did_you_mean, listed};
use super::entry::{
    Decide, Defaults, EXTRA, Field, LISTS, Model, Named, Variant, Wanted, given_per_call,
};
use super::rules::{Broken, Rules, bit, explain};
use super::shelf::named_file;
use super::tree::{Member, Tree};

impl Compiler<'_> {
    /// Compiles the parameters for each operation that an entry's rows may take.
    pub(super) fn variants(
        &mut self,
        catalog: &Catalog,
        defaults: &Defaults<'_>,
        wanted: &Wanted<'_>,
    ) -> (Vec<Variant>, Decide) {
        let choice = match wanted.named {
            Named::Operation(id) => {
                let known = |name: &str| knows(catalog.get(id), name);
                let inputs = defaults.merge(&[wanted.operation], wanted.with, &known);
                let variant = self.variant(catalog, id, &inputs, wanted);
                return (vec![variant], Decide::Always);
            }
            Named::Choice(choice) => choice,
        };
        let by = |name: &str| name == choice.by;
        let decider = defaults
            .merge(&[&choice.name], wanted.with, &by)
            .get(&*choice.by)
            .copied();
        let (options, decide) = self.decide(choice, decider);
        let mut variants = Vec::new();
        for at in options {
            let option = &choice.options[at];
            let operation = catalog.get(option.operation);
            let known = |name: &str| knows(operation, name);
            let names = [&*operation.name, &*choice.name];
            let mut inputs = defaults.merge(&names, wanted.with, &known);
            // It has done its work: two ways to the same operation are the same job.
            if operation.param(&choice.by).is_none() {
                inputs.remove(&*choice.by);
            }
            let mut variant = self.variant(catalog, option.operation, &inputs, wanted);
            variant.word.clone_from(&option.word);
            variant.chosen_because = Some(option.why.clone());
            variants.push(variant);
        }
        (variants, decide)
    }

    /// Finds which options of a choice an entry's rows may take.
    fn decide(&mut self, choice: &Choice, decider: Option<&Member>) -> (Vec<usize>, Decide) {
        let words = || choice.options.iter().map(|option| option.word.as_str());
        let place = |word: &str| words().position(|known| known == word);
        let default = place(&choice.default).unwrap_or(0);
        let Some(decider) = decider else {
            return (vec![default], Decide::Always);
        };
        let problem = match self.value(&decider.node) {
            None => return (Vec::new(), Decide::Always),
            Some(Cell::Fixed(Value::String(word))) => match place(&word) {
                Some(at) => return (vec![at], Decide::Always),
                None => {
                    let message = format!("`{}` takes {}", choice.by, listed(words(), " or "));
                    let problem = Problem::new(ProblemKind::Value, message);
                    let meant = did_you_mean(&word, words());
                    problem.maybe_label(meant.map(|word| format!("did you mean `{word}`?")))
                }
            },
            Some(cell @ (Cell::Column(_) | Cell::Matrix(_))) => {
                if let Cell::Matrix(axis) = cell {
                    self.check_words(choice, axis);
                }
                let decide = Decide::By {
                    cell,
                    default,
                    param: choice.by.clone(),
                    span: decider.node.span,
                };
                return ((0..choice.options.len()).collect(), decide);
            }
            Some(cell) if cell.refers() => unknown_yet(&choice.by),
            Some(_) => {
                let message = format!("`{}` takes {}", choice.by, listed(words(), " or "));
                Problem::new(ProblemKind::Value, message)
            }
        };
        self.problems
            .push(problem.at(self.source.place(decider.node.span)));
        (Vec::new(), Decide::Always)
    }

    /// Checks that each value of the matrix chooses something.
    fn check_words(&mut self, choice: &Choice, axis: usize) {
        let words = || choice.options.iter().map(|option| option.word.as_str());
        for (value, span) in &self.matrix.axes[axis].values {
            let known = value.as_str();
            if known.is_some_and(|word| words().any(|known| known == word)) {
                continue;
            }
            let message = format!("`{}` takes {}", choice.by, listed(words(), " or "));
            let meant = known.and_then(|word| did_you_mean(word, words()));
            let problem = Problem::new(ProblemKind::Value, message).at(self.source.place(*span));
            let label = meant.map(|word| format!("did you mean `{word}`?"));
            self.problems.push(problem.maybe_label(label));
        }
    }

    fn variant(
        &mut self,
        catalog: &Catalog,
        id: OperationId,
        inputs: &BTreeMap<&str, &Member>,
        wanted: &Wanted<'_>,
    ) -> Variant {
        let operation = catalog.get(id);
        let mut fields = Vec::new();
        for (name, member) in inputs {
            fields.extend(self.field(operation, name, member, wanted));
        }
        let model = self.model(operation, &mut fields);
        for field in &mut fields {
            self.check_fixed(operation, field, &model);
        }
        let rules = Rules::of(operation);
        let given = |keep: &dyn Fn(&Field) -> bool| {
            let kept = fields.iter().filter(|field| keep(field));
            kept.filter_map(|field| field.param)
                .fold(0, |mask, at| mask | bit(at))
        };
        let always = given(&|field| !field.may_be_absent());
        let everything = given(&|_| true);
        let complete = fields.len() == inputs.len();
        // Where rows decide, only what no row can mend is said here.
        let settled = always == everything && matches!(model, Model::Fixed(_));
        let model_name = match &model {
            Model::Fixed(model) => model.as_deref(),
            Model::Field(..) => None,
        };
        for Broken { param, wrong } in explain(operation, everything, model_name) {
            if !complete || (param.is_some() && !settled) {
                continue;
            }
            let field = fields
                .iter()
                .find(|field| param.is_some() && field.param == param);
            let span = field.map_or(wanted.span, |field| field.span);
            let message = format!("{} in job `{}`", wrong.message, wanted.id);
            let problem = Problem::new(ProblemKind::Value, message);
            self.problems
                .push(problem.at(self.source.place(span)).because(wrong));
        }
        Variant {
            operation: id,
            name: Arc::clone(&operation.name),
            word: String::new(),
            chosen_because: None,
            fields,
            rules,
            always,
            model,
            gives: LISTS.map(|list| given_per_call(operation, list)),
        }
    }

    fn field(
        &mut self,
        operation: &Operation,
        name: &str,
        member: &Member,
        wanted: &Wanted<'_>,
    ) -> Option<Field> {
        let own = wanted.with.is_some_and(|with| with.get(name).is_some());
        // A default is one mistake, however many jobs it comes into.
        let stands = match own {
            true => format!("in job `{}`", wanted.id),
            false => "in `defaults`".to_owned(),
        };
        let param = operation.params.iter().position(|param| param.name == name);
        if param.is_none() && name != EXTRA {
            let message = format!(
                "unknown parameter `{name}` of `{}` {stands}",
                operation.name
            );
            let problem =
                Problem::new(ProblemKind::Key, message).at(self.source.place(member.key_span));
            let names = || operation.params.iter().map(|param| param.name.as_str());
            self.problems.push(match did_you_mean(name, names()) {
                Some(meant) => problem.label(format!("did you mean `{meant}`?")),
                None => problem.help(format!("it takes {}", listed(names(), " and "))),
            });
            return None;
        }
        if param.is_none() && !matches!(member.node.tree, Tree::Table(_)) {
            let message = format!("`{EXTRA}` {stands} takes a table of fields");
            let problem = Problem::new(ProblemKind::Value, message);
            self.problems.push(
                problem
                    .at(self.source.place(member.node.span))
                    .label(format!("this is {}", member.node.kind())),
            );
            return None;
        }
        if let (None, Tree::Table(members)) = (param, &member.node.tree) {
            self.raw_fields(operation, members, &stands);
        }
        Some(Field {
            name: name.to_owned(),
            param,
            cell: self.parameter(operation, param, member, &stands)?,
            span: member.node.span,
            stands,
        })
    }

    /// Compiles the value of a parameter, which may be a local file.
    fn parameter(
        &mut self,
        operation: &Operation,
        param: Option<usize>,
        member: &Member,
        stands: &str,
    ) -> Option<Cell> {
        let kind = param.map(|at| &operation.params[at].kind);
        let Some(file) = named_file(&member.node) else {
            return self.value(&member.node);
        };
        let problem = match kind {
            Some(ParamType::Url) => match self.value(file)? {
                cell @ (Cell::Fixed(Value::String(_)) | Cell::Column(_) | Cell::Matrix(_)) => {
                    return Some(Cell::File(Box::new(cell)));
                }
                cell @ Cell::Join(_) if !cell.refers() => return Some(Cell::File(Box::new(cell))),
                _ => Problem::new(
                    ProblemKind::Value,
                    format!(
                        "`file` of `{}` {stands} takes the name of a file",
                        member.key
                    ),
                ),
            },
            Some(ParamType::Clip) => {
                let message = format!(
                    "`{}` {stands} takes a file by its name alone, in a job of one family",
                    member.key
                );
                Problem::new(ProblemKind::Value, message).help(
                    "upload in a job of its own, with `url = { file = \"${each.…}\" }`, and go over its `clips`",
                )
            }
            _ => return self.value(&member.node),
        };
        self.problems.push(problem.at(self.source.place(file.span)));
        None
    }

    /// Refuses raw fields that a parameter sets: prices and checks go by the parameters alone.
    fn raw_fields(&mut self, operation: &Operation, members: &[Member], stands: &str) {
        for member in members {
            let key = &member.key;
            let (message, label) = if Operation::is_decided_by(key) {
                let message =
                    format!("`{EXTRA}` {stands} can't set `{key}`, which decides the price");
                (message, "the operation sets it".to_owned())
            } else if let Some(param) = operation.param_of_field(key) {
                let name = &param.name;
                let message = format!("`{EXTRA}` {stands} can't set `{key}`, which `{name}` sets");
                (message, format!("give `{name}` instead"))
            } else {
                continue;
            };
            let problem = Problem::new(ProblemKind::Value, message);
            self.problems
                .push(problem.at(self.source.place(member.key_span)).label(label));
        }
    }

    /// Finds the model, checking it before anything that depends on it.
    fn model(&mut self, operation: &Operation, fields: &mut [Field]) -> Model {
        let default = operation
            .param("model")
            .and_then(|param| param.default.clone());
        let default = default.and_then(|model| model.as_str().map(str::to_owned));
        let Some(at) = fields.iter().position(|field| field.name == "model") else {
            return Model::Fixed(default);
        };
        let known = self.check_fixed(operation, &mut fields[at], &Model::Fixed(None));
        match &fields[at].cell {
            Cell::Fixed(Value::String(model)) if known => Model::Fixed(Some(model.clone())),
            Cell::Fixed(_) => Model::Fixed(None),
            _ => Model::Field(at, default),
        }
    }

    /// Checks what is the same in every row; tells whether it is right.
    fn check_fixed(&mut self, operation: &Operation, field: &mut Field, model: &Model) -> bool {
        let Some(param) = field.param.map(|at| &operation.params[at]) else {
            return true;
        };
        let wrong = match &field.cell {
            Cell::Fixed(value) => match model {
                Model::Field(..) if depends_on_model(&param.kind) => return true,
                Model::Field(..) => check_value(param, value.clone(), None),
                Model::Fixed(model) => check_value(param, value.clone(), model.as_deref()),
            },
            Cell::Matrix(axis) => return self.check_axis(*axis, param, field, model),
            Cell::Take => check_value(param, Value::from(1), None),
            Cell::RunDate => check_value(param, Value::from(SAMPLE_DATE), None),
            cell if cell.refers() && settles_price(&param.kind) => {
                let problem = unknown_yet(&param.name);
                self.problems
                    .push(problem.at(self.source.place(field.span)));
                return false;
            }
            Cell::Join(_) if !check::is_text(&param.kind) => {
                check_value(param, Value::from(""), None)
            }
            Cell::List(_) if !takes_list(&param.kind) => check_value(param, Value::from([0]), None),
            Cell::Table(_) => check_value(param, Value::Object(serde_json::Map::new()), None),
            _ => return true,
        };
        match wrong {
            Ok(value) => {
                if let Cell::Fixed(fixed) = &mut field.cell {
                    *fixed = value;
                }
                true
            }
            Err(wrong) => {
                let message = format!("`{}` {} {}", param.name, field.stands, wrong.message);
                let problem = Problem::new(ProblemKind::Value, message);
                let problem = problem.at(self.source.place(field.span));
                self.problems.push(problem.because(wrong));
                false
            }
        }
    }
}

impl Compiler<'_> {
    /// Checks each value of the matrix where it stands; tells whether all are right.
    fn check_axis(&mut self, axis: usize, param: &Param, field: &Field, model: &Model) -> bool {
        let model = match model {
            Model::Field(..) if depends_on_model(&param.kind) => return true,
            Model::Field(..) => None,
            Model::Fixed(model) => model.as_deref(),
        };
        let mut right = true;
        for (value, span) in &self.matrix.axes[axis].values {
            if let Err(wrong) = check_value(param, value.clone(), model) {
                right = false;
                let message = format!("`{}` {} {}", param.name, field.stands, wrong.message);
                let problem = Problem::new(ProblemKind::Value, message);
                let problem = problem.at(self.source.place(*span));
                self.problems.push(problem.because(wrong));
            }
        }
        right
    }
}

fn knows(operation: &Operation, name: &str) -> bool {
    name == EXTRA || operation.param(name).is_some()
}

/// Words and flags can decide what a job costs, so they must be known before it is bought.
const fn settles_price(kind: &ParamType) -> bool {
    matches!(kind, ParamType::Word { .. } | ParamType::Flag)
}

const fn takes_list(kind: &ParamType) -> bool {
    matches!(kind, ParamType::TextList { .. } | ParamType::Objects)
}

fn unknown_yet(name: &str) -> Problem {
    let message =
        format!("`{name}` can't come from another job's result: the price may depend on it");
    Problem::new(ProblemKind::Reference, message).label("known only after that job has run")
}
