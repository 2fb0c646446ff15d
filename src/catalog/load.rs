//! From `operations.toml` to a checked [`Catalog`]: every problem is found in one pass. Prices are read elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::model::Family;

use super::gives::ResultField;
use super::operation::{
    Availability, Catalog, CatalogError, Choice, ChoiceOption, FileProblem, GuideRow, Kind, Method,
    Operation, OperationId, Param, PollShape,
};
use super::param::{self, Lists};
use super::raw::{
    AvailabilityRaw, CatalogRaw, ChoiceRaw, GuideRaw, KindRaw, OperationRaw, SetRaw, StatusRaw,
};

pub(super) const BUILTIN: &str = include_str!("operations.toml");

impl Catalog {
    /// Returns the built-in catalog, parsed once.
    ///
    /// # Panics
    /// Never: that the embedded text is valid is tested.
    #[must_use]
    pub fn builtin() -> &'static Arc<Self> {
        static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
        CATALOG.get_or_init(|| {
            let catalog = Self::parse(BUILTIN, "operations.toml");
            Arc::new(catalog.expect("the built-in operations are valid"))
        })
    }

    /// Reads a catalog; `label` names the file in messages.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] when the text is not TOML of the right shape, [`CatalogError::Problems`] with
    /// everything that is wrong otherwise.
    pub fn parse(text: &str, label: &str) -> Result<Self, CatalogError> {
        let raw: CatalogRaw = toml::from_str(text).map_err(|error| CatalogError::Invalid {
            file: label.to_owned(),
            message: error.to_string(),
        })?;
        let nowhere = |_: &Spanned<String>| None;
        Self::assemble(raw, &nowhere)
            .map(|catalog| Self {
                digest: digest(text),
                ..catalog
            })
            .map_err(|problems| CatalogError::Problems {
                file: label.to_owned(),
                text: text.to_owned(),
                problems,
            })
    }

    /// Checks what was read and puts it together; `place` says where a name stands, as a problem begins.
    pub(super) fn assemble(
        raw: CatalogRaw,
        place: &dyn Fn(&Spanned<String>) -> Option<usize>,
    ) -> Result<Self, Vec<FileProblem>> {
        let mut problems = Vec::new();
        let sets = load_sets(&raw.sets, &raw.lists, place, &mut problems);
        let mut operations = Vec::with_capacity(raw.operations.len());
        let mut names = BTreeSet::new();
        for raw_operation in &raw.operations {
            let (at, name) = (place(&raw_operation.name), raw_operation.name.get_ref());
            if !names.insert(name.as_str()) {
                problems.push(FileProblem::new(
                    at,
                    format!("operation `{name}` is there twice"),
                ));
            }
            match load_operation(raw_operation, &raw, &sets) {
                Ok(operation) => operations.push(operation),
                Err(found) => {
                    problems.extend(found.into_iter().map(|problem| {
                        FileProblem::new(at, format!("operation `{name}`: {problem}"))
                    }))
                }
            }
        }
        if u16::try_from(operations.len()).is_err() {
            problems.push(FileProblem::new(
                None,
                "there are more operations than can be counted",
            ));
        }
        if !problems.is_empty() {
            // Choices are left unread: they point at operations that are perhaps missing only for now.
            return Err(problems);
        }
        let choices = load_choices(&raw.choices, &operations, &names, place)?;
        Ok(Self {
            operations,
            choices,
            source: raw.source,
            dated: raw.dated,
            digest: String::new(),
            added: None,
        })
    }
}

/// Returns the SHA-256 of a text, in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").expect("writing to a string can't fail");
    }
    hex
}

/// A set of parameters, checked.
struct Set<'a> {
    params: Vec<Param>,
    any_of: &'a [Vec<String>],
    conflicts: &'a [(String, String)],
}

fn load_sets<'a>(
    raw: &'a [SetRaw],
    lists: &Lists,
    place: &dyn Fn(&Spanned<String>) -> Option<usize>,
    problems: &mut Vec<FileProblem>,
) -> BTreeMap<&'a str, Set<'a>> {
    let mut sets = BTreeMap::new();
    for set in raw {
        let (at, name) = (place(&set.name), set.name.get_ref());
        let mut params = Vec::with_capacity(set.params.len());
        for raw_param in &set.params {
            match param::check(raw_param, lists) {
                Ok(checked) => params.push(checked),
                Err(problem) => {
                    problems.push(FileProblem::new(at, format!("set `{name}`: {problem}")))
                }
            }
        }
        let checked = Set {
            params,
            any_of: &set.any_of,
            conflicts: &set.conflicts,
        };
        if sets.insert(name.as_str(), checked).is_some() {
            problems.push(FileProblem::new(at, format!("set `{name}` is there twice")));
        }
    }
    sets
}

fn load_operation(
    raw: &OperationRaw,
    file: &CatalogRaw,
    sets: &BTreeMap<&str, Set<'_>>,
) -> Result<Operation, Vec<String>> {
    let mut problems = Vec::new();
    let mut params = Vec::new();
    for raw_param in &raw.params {
        match param::check(raw_param, &file.lists) {
            Ok(checked) => params.push(checked),
            Err(problem) => problems.push(problem),
        }
    }
    let (mut any_of, mut conflicts) = (raw.any_of.clone(), raw.conflicts.clone());
    for name in &raw.sets {
        let Some(set) = sets.get(name.as_str()) else {
            problems.push(format!("there is no set `{name}`"));
            continue;
        };
        for shared in &set.params {
            if !raw.params.iter().any(|own| own.name == shared.name) {
                params.push(shared.clone());
            }
        }
        any_of.extend_from_slice(set.any_of);
        conflicts.extend_from_slice(set.conflicts);
    }
    let (method, path) = request(&raw.request).unwrap_or_else(|problem| {
        problems.push(problem);
        (Method::Post, String::new())
    });
    let family = family(raw.name.get_ref()).unwrap_or_else(|problem| {
        problems.push(problem);
        Family::Suno
    });
    let kind = kind(raw.kind);
    let operation = Operation {
        name: Arc::from(raw.name.get_ref().as_str()),
        title: raw.title.clone(),
        family,
        method,
        path,
        fixed: raw.fixed.clone(),
        kind,
        result: raw.result,
        clips: raw.clips,
        params,
        any_of,
        conflicts,
        guide: raw.guide.as_ref().map(guide),
        availability: raw.at.iter().map(availability).collect(),
        gives: result_fields(raw, file, family, kind, &mut problems),
        when_unnamed: raw.when_unnamed,
    };
    problems.extend(super::laws::broken(&operation));
    if problems.is_empty() {
        Ok(operation)
    } else {
        Err(problems)
    }
}

fn request(text: &str) -> Result<(Method, String), String> {
    let (method, path) = match text.split_once(' ') {
        Some(("GET", path)) => (Method::Get, path),
        Some(("POST", path)) => (Method::Post, path),
        _ => return Err(format!("`{text}` is not a request such as `POST /path`")),
    };
    if !path.starts_with('/') {
        return Err(format!("the path of `{text}` does not begin with `/`"));
    }
    Ok((method, path.to_owned()))
}

fn family(name: &str) -> Result<Family, String> {
    Family::ALL
        .into_iter()
        .find(|family| {
            name.strip_prefix(family.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
        })
        .ok_or_else(|| "the name does not begin with a family".to_owned())
}

const fn kind(raw: KindRaw) -> Kind {
    match raw {
        KindRaw::Sync => Kind::Sync,
        KindRaw::SonicTask => Kind::Task(PollShape::Sonic),
        KindRaw::ProducerTask => Kind::Task(PollShape::Producer),
        KindRaw::NuroTask => Kind::Task(PollShape::Nuro),
        KindRaw::SonicStatus => Kind::Status(PollShape::Sonic),
        KindRaw::ProducerStatus => Kind::Status(PollShape::Producer),
        KindRaw::NuroStatus => Kind::Status(PollShape::Nuro),
    }
}

fn guide(raw: &GuideRaw) -> GuideRow {
    GuideRow {
        section: raw.section.clone(),
        name: raw.name.clone(),
        note: raw.note.clone(),
    }
}

fn availability(raw: &AvailabilityRaw) -> (String, Availability) {
    let instead = raw.instead.clone();
    let status = match raw.status {
        StatusRaw::Retired => Availability::Retired { instead },
        StatusRaw::Unavailable => Availability::Unavailable { instead },
    };
    (raw.provider.clone(), status)
}

fn result_fields(
    raw: &OperationRaw,
    file: &CatalogRaw,
    family: Family,
    kind: Kind,
    problems: &mut Vec<String>,
) -> Vec<ResultField> {
    let of_kind = raw.result.as_str();
    let of_family = format!("{}-{of_kind}", family.as_str());
    let own = raw.gives.as_ref();
    let shared = || file.gives.get(&of_family).or(file.gives.get(of_kind));
    let Some(texts) = own.or_else(shared) else {
        problems.push(format!("nothing is said about results of kind `{of_kind}`"));
        return Vec::new();
    };
    let of_task = matches!(kind, Kind::Task(_)).then_some("task_id");
    let texts = texts.iter().map(String::as_str).chain(of_task);
    texts
        .filter_map(|text| {
            ResultField::parse(text, raw.clips)
                .map_err(|problem| problems.push(problem))
                .ok()
        })
        .collect()
}

fn load_choices(
    raw: &[ChoiceRaw],
    operations: &[Operation],
    names: &BTreeSet<&str>,
    place: &dyn Fn(&Spanned<String>) -> Option<usize>,
) -> Result<Vec<Choice>, Vec<FileProblem>> {
    let mut problems = Vec::new();
    let mut choices = Vec::with_capacity(raw.len());
    for choice in raw {
        let name = choice.name.get_ref();
        let at = |problem: String| {
            FileProblem::new(place(&choice.name), format!("choice `{name}`: {problem}"))
        };
        if names.contains(name.as_str()) {
            problems.push(at("an operation has that name".to_owned()));
        }
        if !choice.options.iter().any(|o| o.word == choice.default) {
            problems.push(at(format!("`{}` is not among the options", choice.default)));
        }
        let mut options = Vec::with_capacity(choice.options.len());
        for option in &choice.options {
            let index = operations
                .iter()
                .position(|operation| *operation.name == *option.operation)
                .and_then(|index| u16::try_from(index).ok());
            let Some(index) = index else {
                problems.push(at(format!("there is no operation `{}`", option.operation)));
                continue;
            };
            if operations[usize::from(index)].param(&choice.by).is_some() {
                problems.push(at(format!("`{}` takes `{}`", option.operation, choice.by)));
            }
            options.push(ChoiceOption {
                word: option.word.clone(),
                operation: OperationId(index),
                why: option.why.clone(),
            });
        }
        choices.push(Choice {
            name: name.clone(),
            by: choice.by.clone(),
            default: choice.default.clone(),
            options,
        });
    }
    if problems.is_empty() {
        Ok(choices)
    } else {
        Err(problems)
    }
}
