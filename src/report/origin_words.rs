//! Where a value is written and what is filled in, as data for programs and in words.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::manifest::{Ingredient, Layer, Place, Teller, ValueOrigin};

use super::words::shortened;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The file, as the user named it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

impl Spot {
    /// Names the line that a place begins in.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        Self {
            file: place.file.to_string(),
            line: place.line_and_column().0,
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Where the manifest says a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Origin {
    /// `with` or `save` of the entry, or the table of defaults: `defaults.suno.create`, `defaults.*`.
    pub table: String,
    /// Where.
    pub at: Spot,
    /// The profile that says it.
    pub profile: Option<String>,
    /// Whether it stands in a file that the manifest includes.
    pub included: bool,
    /// What is filled in, in the order of the text.
    pub filled_in: Vec<Filling>,
}

/// What stands for one `${…}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Filling {
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
        /// Where that is written; none for `--var`.
        at: Option<Spot>,
        /// The profile that says it.
        profile: Option<String>,
        /// Whether `--var` says it.
        flag: bool,
        /// What it would be otherwise.
        replaces: Option<Value>,
    },
    /// A key of the matrix.
    Matrix {
        /// The key.
        key: String,
        /// Its value.
        value: Value,
        /// Where it stands.
        at: Spot,
    },
    /// The number of the take.
    Take {
        /// The take, from 1.
        take: u32,
    },
    /// The date on which the run starts.
    Date {
        /// `YYYY-MM-DD`.
        date: String,
    },
    /// A column of the row.
    Column {
        /// Its name; none for a row that is a single value.
        name: Option<String>,
        /// Where the row stands.
        at: Spot,
    },
    /// A field of the clip, or of the version of lyrics, that the row is.
    Item {
        /// The field.
        field: String,
    },
    /// A result of another entry.
    Job {
        /// The entry.
        entry: String,
        /// What of its results.
        path: String,
    },
}

impl Origin {
    pub(super) fn of(origin: &ValueOrigin) -> Self {
        Self {
            table: match &origin.layer {
                Layer::With => "with".to_owned(),
                Layer::Save => "save".to_owned(),
                Layer::Defaults(name) => format!("defaults.{name}"),
            },
            at: Spot::of(&origin.place),
            profile: profile(&origin.teller),
            included: origin.teller == Teller::Included,
            filled_in: origin.ingredients.iter().map(filling).collect(),
        }
    }
}

fn profile(teller: &Teller) -> Option<String> {
    match teller {
        Teller::Profile(name) => Some(name.clone()),
        Teller::Manifest | Teller::Included | Teller::Flag => None,
    }
}

fn filling(ingredient: &Ingredient) -> Filling {
    match ingredient.clone() {
        Ingredient::Var {
            name,
            value,
            teller,
            place,
            replaces,
        } => {
            let flag = teller == Teller::Flag;
            Filling::Variable {
                name,
                value,
                at: (!flag).then(|| Spot::of(&place)),
                profile: profile(&teller),
                flag,
                replaces,
            }
        }
        Ingredient::Matrix { key, value, place } => Filling::Matrix {
            key,
            value,
            at: Spot::of(&place),
        },
        Ingredient::Take(take) => Filling::Take { take },
        Ingredient::RunDate(date) => Filling::Date { date },
        Ingredient::Column { name, place } => Filling::Column {
            name,
            at: Spot::of(&place),
        },
        Ingredient::Item { field } => Filling::Item { field },
        Ingredient::Job { id, path } => Filling::Job { entry: id, path },
    }
}

/// Says it in one line: `with (a.toml:9); vars.mood (a.toml:3)`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table.strip_prefix("defaults.") {
            Some(name) => write!(f, "[defaults.\"{name}\"]")?,
            None => f.write_str(&self.table)?,
        }
        if let Some(profile) = &self.profile {
            write!(f, " of profile {profile}")?;
        }
        if self.included {
            f.write_str(", included")?;
        }
        write!(f, " ({})", self.at)?;
        for filling in &self.filled_in {
            write!(f, "; {filling}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable {
                name,
                at,
                profile,
                replaces,
                ..
            } => {
                write!(f, "vars.{name}")?;
                match (at, profile) {
                    (Some(at), Some(profile)) => write!(f, " of profile {profile} ({at})")?,
                    (Some(at), None) => write!(f, " ({at})")?,
                    (None, _) => f.write_str(" by --var")?,
                }
                match replaces {
                    Some(value) => write!(f, " instead of {}", shortened(value)),
                    None => Ok(()),
                }
            }
            Self::Matrix { key, at, .. } => write!(f, "matrix.{key} ({at})"),
            Self::Take { take } => write!(f, "take {take}"),
            Self::Date { date } => write!(f, "the date of the run, {date}"),
            Self::Column { name: None, at } => write!(f, "the row ({at})"),
            Self::Column {
                name: Some(name),
                at,
            } => write!(f, "column {name} ({at})"),
            Self::Item { field } => write!(f, "each.{field}"),
            Self::Job { entry, path } => write!(f, "jobs.{entry}.{path}"),
        }
    }
}
