//! What is said beside a manifest, applied to its tree: a profile is laid over it, and variables get other values.

use crate::model::ManifestOptions;

use super::diagnostic::{Problem, ProblemKind, Problems, did_you_mean, listed};
use super::overlay::overlay;
use super::schema::{Key, MANIFEST, PROFILE};
use super::select::Asked;
use super::source::Source;
use super::tree::{Member, Node, Span, Tree};

/// Applies the options, and returns which jobs are asked for.
///
/// What they name and the manifest does not have is a problem, with the option as its place.
pub(super) fn apply(
    root: &mut Node,
    options: &ManifestOptions,
    source: &mut Source,
    problems: &mut Problems,
) -> Asked {
    let mut sample = None;
    if let Some(name) = &options.profile {
        sample = apply_profile(root, name, source, problems);
    }
    for (name, value) in &options.vars {
        if let Err(problem) = set_var(root, name, value, source) {
            problems.push(problem);
        }
    }
    let mut said = |label: &str, names: &[String]| {
        let name = |name: &String| (name.clone(), source.add(label, name).1);
        names.iter().map(name).collect()
    };
    Asked {
        only: said("--only", &options.only),
        tags: said("--tag", &options.tags),
        sample: options.sample.or(sample),
    }
}

/// Lays a profile over the manifest; returns how many rows it asks for.
fn apply_profile(
    root: &mut Node,
    name: &str,
    source: &mut Source,
    problems: &mut Problems,
) -> Option<u32> {
    let profiles = root.get("profile").map(|member| &member.node);
    let found = profiles.and_then(|profiles| profiles.get(name)).cloned();
    if let Some(Member { mut node, .. }) = found {
        // What is wrong with a profile is told where all of them are checked.
        let sample = match node.get("sample").map(|member| &member.node.tree) {
            Some(Tree::Whole(rows)) => u32::try_from(*rows).ok(),
            _ => None,
        };
        if let Tree::Table(members) = &mut node.tree {
            let is_known = |keys: &[Key], name: &str| keys.iter().any(|key| key.name == name);
            members.retain(|it| is_known(PROFILE, &it.key) && is_known(MANIFEST, &it.key));
            node.span = root.span;
            overlay(root, node, MANIFEST);
        }
        return sample;
    }
    let (_, span) = source.add("--profile", name);
    let problem = Problem::new(ProblemKind::Reference, format!("unknown profile `{name}`"));
    let known = profiles.map_or(&[][..], Node::members).iter();
    let known: Vec<&str> = known.map(|member| member.key.as_str()).collect();
    problems.push(unknown(problem.at(source.place(span)), name, &known));
    None
}

/// Says which of the known names was perhaps meant, and which there are.
fn unknown(problem: Problem, name: &str, known: &[&str]) -> Problem {
    let problem = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => problem.label(format!("did you mean `{meant}`?")),
        None => problem,
    };
    match known {
        [] => problem.help("the manifest has none"),
        [only] => problem.help(format!("there is `{only}`")),
        several => {
            let names = listed(several.iter().copied(), " and ");
            problem.help(format!("there are {names}"))
        }
    }
}

fn set_var(root: &mut Node, name: &str, value: &str, source: &mut Source) -> Result<(), Problem> {
    let (start, whole) = source.add("--var", &format!("{name}={value}"));
    let at = |from: usize, length: usize| Span::new(start + from, start + from + length);
    let (named, given) = (at(0, name.len()), at(name.len() + 1, value.len()));
    let vars = vars_of(root);
    let Some(var) = vars.iter_mut().find(|var| var.key == name) else {
        let known: Vec<&str> = vars.iter().map(|var| var.key.as_str()).collect();
        let problem = Problem::new(ProblemKind::Reference, format!("unknown variable `{name}`"));
        return Err(unknown(problem.at(source.place(named)), name, &known));
    };
    match typed(&var.node, value) {
        Ok(tree) => {
            var.node = Node { span: given, tree };
            Ok(())
        }
        Err(message) => {
            let problem = Problem::new(ProblemKind::Value, format!("variable `{name}` {message}"));
            let label = format!("the manifest has {} there", var.node.kind());
            let span = if value.is_empty() { whole } else { given };
            Err(problem.at(source.place(span)).label(label))
        }
    }
}

fn vars_of(root: &mut Node) -> &mut [Member] {
    let Tree::Table(members) = &mut root.tree else {
        return &mut [];
    };
    match members.iter_mut().find(|member| member.key == "vars") {
        Some(Member {
            node: Node {
                tree: Tree::Table(vars),
                ..
            },
            ..
        }) => vars,
        _ => &mut [],
    }
}

/// Reads a value as what the variable was; the error is the end of a sentence.
fn typed(was: &Node, value: &str) -> Result<Tree, &'static str> {
    match &was.tree {
        // What is typed is meant as it is: nothing is filled in.
        Tree::Text(_) | Tree::Null => Ok(Tree::Text(value.replace("${", "$${"))),
        Tree::Whole(_) => value
            .parse()
            .map(Tree::Whole)
            .map_err(|_| "takes a whole number"),
        Tree::Number(_) => match value.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Tree::Number(number)),
            _ => Err("takes a number"),
        },
        Tree::Flag(_) => value
            .parse()
            .map(Tree::Flag)
            .map_err(|_| "takes `true` or `false`"),
        Tree::List(_) | Tree::Table(_) => Err("can't be set from outside: it is no single value"),
    }
}
