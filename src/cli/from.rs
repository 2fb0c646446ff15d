//! Library errors as command errors: what kind each is, and what would help. One `From` each, all of them here.

use crate::api::{AddressError, Fault, FaultKind, HttpSetupError, Refusal};
use crate::catalog::CatalogError;
use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::manifest::Problems;
use crate::model::CreditError;
use crate::plan::{EnrollError, PlanError, SpendDownError};
use crate::sim::SimError;

use super::error::{CommandError, ErrorKind, Illustration};

impl From<Problems> for CommandError {
    fn from(problems: Problems) -> Self {
        let message = match problems.count() {
            1 => "the manifest has a problem".to_owned(),
            many => format!("the manifest has {many} problems"),
        };
        let shown = Illustration {
            plain: problems.render(false).trim_end().to_owned(),
            coloured: problems.render(true).trim_end().to_owned(),
        };
        Self::usage(message)
            .illustrated(shown)
            .detailed("problems", problems.to_json())
    }
}

impl From<CatalogError> for CommandError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Problems { file, problems } => {
                let shown = problems.join("\n  ");
                Self::usage(format!("the price list `{file}` is wrong:\n  {shown}"))
                    .detailed("problems", problems.into())
            }
            CatalogError::Overlay { file, problems } => {
                let shown = problems.join("\n  ");
                Self::usage(format!("the catalog `{file}` is wrong:\n  {shown}"))
                    .detailed("problems", problems.into())
            }
            other => Self::new(ErrorKind::Usage, other),
        }
    }
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
