//! Library errors as command errors: what kind each is, and what would help. One `From` each, all of them here.

use crate::api::{AddressError, Fault, FaultKind, HttpSetupError, Refusal};
use crate::catalog::{CatalogError, FileProblem};
use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::manifest::{Place, Problem, ProblemKind, Problems, Span};
use crate::model::CreditError;
use crate::plan::{EnrollError, PlanError, SpendDownError};
use crate::sim::SimError;

use super::error::{CommandError, ErrorKind, Illustration};

impl From<Problems> for CommandError {
    fn from(problems: Problems) -> Self {
        of_problems("manifest", &problems)
    }
}

fn of_problems(what: &str, problems: &Problems) -> CommandError {
    let message = match problems.count() {
        1 => format!("the {what} has a problem"),
        many => format!("the {what} has {many} problems"),
    };
    let shown = Illustration {
        plain: problems.render(false).trim_end().to_owned(),
        coloured: problems.render(true).trim_end().to_owned(),
    };
    CommandError::usage(message)
        .illustrated(shown)
        .detailed("problems", problems.to_json())
}

impl From<CatalogError> for CommandError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Problems {
                file,
                text,
                problems,
            } => of_problems("price list", &placed(&file, &text, &problems)),
            CatalogError::Overlay {
                file,
                text,
                problems,
            } => of_problems("catalog", &placed(&file, &text, &problems)),
            other => Self::new(ErrorKind::Usage, other),
        }
    }
}

/// Shows what is wrong in a file of prices or operations as what is wrong in a manifest is shown.
fn placed(file: &str, text: &str, problems: &[FileProblem]) -> Problems {
    let mut found = Problems::default();
    let lines: Vec<&str> = text.lines().collect();
    for problem in problems {
        let told = Problem::new(ProblemKind::Value, problem.message.clone());
        let line = problem.line.unwrap_or(1);
        let shown = lines.get(line.saturating_sub(1)).copied().unwrap_or("");
        let begin = shown.len() - shown.trim_start().len();
        let end = shown.trim_end().trim_end_matches(',').len();
        found.push(told.at(Place {
            file: file.into(),
            text: shown.into(),
            first_line: u64::try_from(line).unwrap_or(1),
            span: Span::new(begin, end.max(begin)),
        }));
    }
    found
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Refused(refusals) => {
                let shown: Vec<_> = refusals.iter().map(|refusal| refusal.to_string()).collect();
                let mut failure = Self::usage(shown.join("\n       "));
                for refusal in &refusals {
                    let hint = refusal.hint();
                    if !failure.hints.contains(&hint) {
                        failure.hints.push(hint);
                    }
                }
                failure
            }
            PlanError::Manifest(problems) => problems.into(),
            PlanError::Sum(_) => Self::new(ErrorKind::Usage, error),
        }
    }
}

impl From<EnrollError> for CommandError {
    fn from(error: EnrollError) -> Self {
        match error {
            EnrollError::Manifest(problems) => problems.into(),
            changed => Self::new(ErrorKind::Usage, changed),
        }
    }
}

impl From<CreditError> for CommandError {
    fn from(error: CreditError) -> Self {
        Self::new(ErrorKind::Bug, error)
    }
}

impl From<SpendDownError> for CommandError {
    fn from(error: SpendDownError) -> Self {
        let failure = Self::usage(error.to_string());
        match error {
            SpendDownError::NoBalance => {
                failure.hint("name it: --balance N, or leave out --offline")
            }
            SpendDownError::RolloverUnknown => {
                failure.hint("set `rollover` in [account] of your configuration")
            }
            SpendDownError::Sum(_) => failure,
        }
    }
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> Self {
        let kind = match &error {
            LedgerError::Leased(_) => ErrorKind::Busy,
            LedgerError::NotFound { .. } => ErrorKind::Usage,
            LedgerError::IllegalStep { .. } | LedgerError::BoughtElsewhere(_) => ErrorKind::Bug,
            LedgerError::NewerFormat { .. }
            | LedgerError::Corrupt(_)
            | LedgerError::Broken { .. }
            | LedgerError::Storage { .. } => ErrorKind::Storage,
        };
        let failure = Self::new(kind, error);
        match kind {
            ErrorKind::Busy => failure
                .hint("if that process died, its lease runs out within a minute; then try again"),
            _ => failure,
        }
    }
}

impl From<Fault> for CommandError {
    fn from(fault: Fault) -> Self {
        let (kind, hint) = match fault.kind {
            FaultKind::Refused(Refusal::Key) => (
                ErrorKind::Access,
                "check that the key is whole, and is this provider's",
            ),
            FaultKind::Refused(Refusal::Subscription) => (
                ErrorKind::Access,
                "the account needs an active subscription",
            ),
            FaultKind::Refused(Refusal::Credits) => (ErrorKind::Short, "top up the account"),
            _ => (ErrorKind::Unreachable, "the same command may work later"),
        };
        Self::new(kind, fault).hint(hint)
    }
}

impl From<ExecError> for CommandError {
    fn from(error: ExecError) -> Self {
        match error {
            ExecError::Ledger(error) => error.into(),
            ExecError::Balance(fault) => Self::from(fault).context("the balance can't be read"),
            ExecError::UnknownOperation(_) => Self::new(ErrorKind::Usage, error),
        }
    }
}

impl From<SimError> for CommandError {
    fn from(error: SimError) -> Self {
        let kind = match error {
            SimError::Options(_) | SimError::Prices(_) | SimError::NotLoopback(_) => {
                ErrorKind::Usage
            }
            SimError::StateFile { .. } | SimError::Socket(_) => ErrorKind::Storage,
        };
        Self::new(kind, error)
    }
}

impl From<AddressError> for CommandError {
    fn from(error: AddressError) -> Self {
        Self::new(ErrorKind::Usage, error)
    }
}

impl From<HttpSetupError> for CommandError {
    fn from(error: HttpSetupError) -> Self {
        let kind = match error {
            HttpSetupError::Key => ErrorKind::Access,
            HttpSetupError::Client(_) => ErrorKind::Storage,
        };
        Self::new(kind, error)
    }
}
