//! Whether the file that is open is still the one of that name.
//!
//! A file that was deleted or moved can be written to as long as it is open, and is gone with the process: what is paid
//! for then would be paid for again.

use std::path::{Path, PathBuf};

use crate::ledger::command::LedgerError;

const GONE: &str = "is gone, deleted or moved while it was in use; put it back, or restore it from a backup, before \
                    anything is sent";

const TWO_NAMES: &str = "has a second name, a hard link; each name would have a log of its own, and none the other's payments: \
                         remove one name, or make it a copy";

/// Refuses a file that goes by two names.
///
/// # Errors
/// [`LedgerError::Storage`].
pub(super) fn check_name(path: &Path) -> Result<(), LedgerError> {
    if names(path) < 2 {
        return Ok(());
    }
    Err(LedgerError::Storage {
        path: path.display().to_string(),
        message: TWO_NAMES.to_owned(),
    })
}

#[cfg(unix)]
fn names(file: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).map_or(0, |found| found.nlink())
}

#[cfg(not(unix))]
fn names(_: &Path) -> u64 {
    1
}

/// The file and the log beside it, as they were when they were opened.
pub(super) struct Place {
    path: PathBuf,
    files: Vec<(PathBuf, Identity)>,
}

impl Place {
    /// Remembers the files of a ledger that was opened just now.
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let files = [path.to_owned(), PathBuf::from(log)];
        let found = files.map(|file| identity(&file).map(|known| (file, known)));
        Self {
            path: path.to_owned(),
            files: found.into_iter().flatten().collect(),
        }
    }

    /// Sees that they are still there, and no others in their place.
    ///
    /// # Errors
    /// [`LedgerError::Broken`].
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        let is_kept = |(file, known): &(PathBuf, Identity)| identity(file).as_ref() == Some(known);
        if self.files.iter().all(is_kept) {
            return Ok(());
        }
        Err(LedgerError::Broken {
            path: self.path.display().to_string(),
            message: GONE.to_owned(),
        })
    }
}

/// What two files can't share: device and number.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(file: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(file).ok()?;
    Some((found.dev(), found.ino()))
}

/// Where an open file can't be deleted, being there is enough.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(file: &Path) -> Option<Identity> {
    file.exists().then_some(())
}
