//! What can go wrong with the file, in words that say what to do.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ledger::command::LedgerError;
use crate::model::CreditError;

/// Why a request was not carried out.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The request is refused; others of its group stand.
    Refused(LedgerError),
    /// The database failed, and with it the whole group.
    Database(rusqlite::Error),
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // The schema's own last guard; it stops one request, the file is well.
            Some(ErrorCode::ConstraintViolation) => Self::Refused(corrupt(error)),
            _ => Self::Database(error),
        }
    }
}

impl From<CreditError> for Trouble {
    fn from(error: CreditError) -> Self {
        Self::Refused(error.into())
    }
}

impl Trouble {
    /// Makes an error of it that names the file.
    pub(super) fn at(self, path: &Path) -> LedgerError {
        match self {
            Self::Refused(error) => error,
            Self::Database(error) => storage(path, &error),
        }
    }
}

/// Reports something stored that makes no sense.
pub(super) fn corrupt(what: impl std::fmt::Display) -> LedgerError {
    LedgerError::Corrupt(what.to_string())
}

const DAMAGED: &str =
    "is damaged; keep a copy, and restore it from a backup before anything is sent";

/// Tells whether a value is none that was ever written there.
fn is_garbled(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        error,
        E::Utf8Error(..)
            | E::FromSqlConversionFailure(..)
            | E::InvalidColumnType(..)
            | E::IntegralValueOutOfRange(..)
    )
}

/// Explains a failure of the database.
pub(super) fn storage(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "is not a ledger, or its beginning is damaged: if it was one, keep a copy, and restore it from a backup before \
             anything is sent; if not, choose another place"
        }
        Some(ErrorCode::DatabaseCorrupt) => DAMAGED,
        None if is_garbled(error) => DAMAGED,
        Some(ErrorCode::DiskFull) => "the disk is full; free some space, then go on with `resume`",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "can't be opened for writing; check the rights of the file and its folder"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process keeps it locked; try again when that has ended"
        }
        Some(ErrorCode::SystemIoFailure) => "the disk fails; check it before anything is sent",
        _ => "the database refuses",
    };
    let (path, message) = (path.display().to_string(), format!("{advice} ({error})"));
    if is_beyond_waiting(error) {
        LedgerError::Broken { path, message }
    } else {
        LedgerError::Storage { path, message }
    }
}

/// Tells whether the file itself is wrong, and not what is around it.
fn is_beyond_waiting(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    ) || is_garbled(error)
}
