//! Text with `${…}` in it, taken apart. What a name leads to is not looked at here.

use std::ops::Range;

use crate::model::ResultPath;

use super::diagnostic::did_you_mean;

/// A stretch of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Text as it stands.
    Text(String),
    /// A reference, and where in the text it stands, `${` and `}` included.
    Name(Name, Range<usize>),
}

/// What a reference names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Name {
    /// `${each}`.
    Each,
    /// `${each.FIELD}`.
    EachField(String),
    /// `${vars.NAME}`.
    Var(Vec<String>),
    /// `${matrix.KEY}`.
    Matrix(String),
    /// `${take}`.
    Take,
    /// `${run.date}`.
    RunDate,
    /// `${jobs.ID.PATH}`.
    Job(String, ResultPath),
}

/// A template that can't be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Malformed {
    /// Which part of the text.
    pub(super) at: Range<usize>,
    /// What is wrong.
    pub(super) message: String,
    /// What was perhaps meant.
    pub(super) hint: Option<String>,
}

const ROOTS: [&str; 6] = ["each", "matrix", "vars", "take", "run", "jobs"];

/// Takes a text apart.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, Malformed> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${").map(|found| at + found) {
        if found > at && text.as_bytes()[found - 1] == b'$' {
            // `$${` is a literal `${`.
            plain.push_str(&text[at..found - 1]);
            plain.push_str("${");
            at = found + 2;
            continue;
        }
        plain.push_str(&text[at..found]);
        let inside = found + 2;
        let close = text[inside..].find(['}', '\n']).map(|close| inside + close);
        let Some(close) = close.filter(|close| text.as_bytes()[*close] == b'}') else {
            return Err(Malformed {
                at: found..inside,
                message: "`${` is never closed".to_owned(),
                hint: Some("close it with `}`, or write `$${` for the characters".to_owned()),
            });
        };
        let range = found..close + 1;
        let name = parse_name(text[inside..close].trim(), &range)?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Name(name, range));
        at = close + 1;
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn parse_name(name: &str, range: &Range<usize>) -> Result<Name, Malformed> {
    let malformed = |message: String, hint: Option<String>| Malformed {
        at: range.clone(),
        message,
        hint,
    };
    let (root, rest) = match name.split_once('.') {
        Some((root, rest)) => (root, Some(rest)),
        None => (name, None),
    };
    match (root, rest) {
        ("each", None) => Ok(Name::Each),
        ("each", Some(field)) if !field.is_empty() => Ok(Name::EachField(field.to_owned())),
        ("vars", Some(path)) if !path.split('.').any(str::is_empty) => {
            Ok(Name::Var(path.split('.').map(str::to_owned).collect()))
        }
        ("matrix", Some(key)) if !key.is_empty() => Ok(Name::Matrix(key.to_owned())),
        ("take", None) => Ok(Name::Take),
        ("run", Some("date")) => Ok(Name::RunDate),
        ("jobs", Some(path)) => {
            let (id, path) = path.split_once('.').ok_or_else(|| {
                let message = format!("`${{{name}}}` names a job, but nothing that it gives");
                malformed(
                    message,
                    Some("e.g. `${jobs.ID.clips[0].clip_id}`".to_owned()),
                )
            })?;
            match path.parse() {
                Ok(path) => Ok(Name::Job(id.to_owned(), path)),
                Err(error) => Err(malformed(error.to_string(), None)),
            }
        }
        ("run", _) => Err(malformed(
            format!("`${{{name}}}` is not known when the batch is planned"),
            Some("of a run there is `${run.date}`".to_owned()),
        )),
        _ => Err(malformed(
            format!("unknown name `{name}` in `${{…}}`"),
            Some(match did_you_mean(root, ROOTS) {
                Some(meant) if meant != root => format!("did you mean `{meant}`?"),
                Some("each") => "name a field: `${each.FIELD}`".to_owned(),
                Some("matrix") => "name a key: `${matrix.KEY}`".to_owned(),
                Some("vars") => "name a variable: `${vars.NAME}`".to_owned(),
                Some("jobs") => "name a job: `${jobs.ID.FIELD}`".to_owned(),
                Some("take") => "`${take}` has no fields".to_owned(),
                _ => "there are `each`, `matrix`, `vars`, `take`, `run.date` and `jobs`".to_owned(),
            }),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Result<Vec<String>, String> {
        parse(text)
            .map(|pieces| {
                let show = |piece: &Piece| match piece {
                    Piece::Text(text) => format!("'{text}'"),
                    Piece::Name(Name::Each, at) => format!("each@{at:?}"),
                    Piece::Name(Name::EachField(field), _) => format!("each.{field}"),
                    Piece::Name(Name::Var(path), _) => format!("vars.{}", path.join(".")),
                    Piece::Name(Name::Matrix(key), _) => format!("matrix.{key}"),
                    Piece::Name(Name::Take, _) => "take".to_owned(),
                    Piece::Name(Name::RunDate, _) => "run.date".to_owned(),
                    Piece::Name(Name::Job(id, path), _) => format!("{id}:{path}"),
                };
                pieces.iter().map(show).collect()
            })
            .map_err(|error| format!("{:?} {}", error.at, error.message))
    }

    #[test]
    fn templates_are_taken_apart() {
        for (text, pieces) in [
            ("", vec!["''"]),
            ("plain $ {x} $5", vec!["'plain $ {x} $5'"]),
            ("${each}", vec!["each@0..7"]),
            ("é${each}", vec!["'é'", "each@2..9"]),
            ("${ each.Song Title }", vec!["each.Song Title"]),
            ("${each.a.b}", vec!["each.a.b"]),
            ("${ matrix.a b }", vec!["matrix.a b"]),
            (
                "a ${vars.x.y}${take}!",
                vec!["'a '", "vars.x.y", "take", "'!'"],
            ),
            ("${jobs.a-1.clips[0].clip_id}", vec!["a-1:clips[0].clip_id"]),
            ("$${each} and $${", vec!["'${each} and ${'"]),
            ("$$${take}", vec!["'$${take}'"]),
        ] {
            let pieces: Vec<String> = pieces.into_iter().map(str::to_owned).collect();
            assert_eq!(shape(text), Ok(pieces), "{text}");
        }
    }

    #[test]
    fn malformed_templates_say_where() {
        for (text, error) in [
            ("a ${each", "2..4 `${` is never closed"),
            ("${each.x\n}", "0..2 `${` is never closed"),
            ("${}", "0..3 unknown name `` in `${…}`"),
            ("x${eech.a}", "1..10 unknown name `eech.a` in `${…}`"),
            ("${matrix}", "0..9 unknown name `matrix` in `${…}`"),
            ("${take.x}", "0..9 unknown name `take.x` in `${…}`"),
            (
                "${jobs.a}",
                "0..9 `${jobs.a}` names a job, but nothing that it gives",
            ),
            (
                "${jobs.a.b[x]}",
                "0..14 `b[x]` is not a path such as `clips[0].clip_id`",
            ),
            (
                "${run.id}",
                "0..9 `${run.id}` is not known when the batch is planned",
            ),
        ] {
            assert_eq!(shape(text), Err(error.to_owned()), "{text}");
        }
    }
}
