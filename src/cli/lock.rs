//! One run per manifest at a time: an advisory lock that dies with the process that holds it.
//!
//! The operating system releases it, so no crash leaves a lock behind that a person would have to remove.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::context::make_private_folder;
use super::error::{CommandError, ErrorKind};

/// A lock that is held as long as this value lives.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock of a thing, named by a path or a word; `what` is what a person calls it.
///
/// # Errors
/// `Busy` when another process holds it, `Storage` when the lock's file can't be made.
pub(crate) fn take(state_folder: &Path, name: &str, what: &str) -> Result<Lock, CommandError> {
    let folder = state_folder.join("locks");
    make_private_folder(&folder)?;
    let path = folder.join(file_name(name));
    let storage = |error: std::io::Error| {
        CommandError::new(ErrorKind::Storage, error)
            .context(format!("the lock `{}` can't be taken", path.display()))
            .hint("make its folder writable, or choose another ledger: --ledger sqlite:FILE")
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(storage)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(CommandError::message(
            ErrorKind::Busy,
            format!("another run holds {what}: skipped"),
        )
        .hint("`setlist status` shows how it stands")),
        Err(TryLockError::Error(error)) => Err(storage(error)),
    }
}

/// Names the lock's file by a digest: any path makes a valid name, and no two paths the same.
fn file_name(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let hex: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{hex}.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_of_the_same_manifest_is_skipped() {
        let state = tempfile::tempdir().unwrap();
        let first = take(state.path(), "/a.toml", "`a.toml`").unwrap();
        let second = take(state.path(), "/a.toml", "`a.toml`").unwrap_err();
        assert_eq!(second.kind, ErrorKind::Busy);
        let other = take(state.path(), "/b.toml", "`b.toml`").unwrap();
        drop((first, other));
        drop(take(state.path(), "/a.toml", "`a.toml`").unwrap());
    }
}
