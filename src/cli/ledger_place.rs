//! Where a ledger is: from what a person writes to the one path that all processes know it by.
//!
//! Locks stand beside the ledger. Two names of one ledger must never lead to two sets of them.

use std::io::{Error, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};

use super::error::{CommandError, ErrorKind};

/// How many links may lead from one to the next: more are a circle.
const MAX_LINKS: usize = 40;

/// Returns the real path of what names a ledger: a path, or `sqlite:` and a path.
///
/// # Errors
/// A usage error when it is no place of ours, otherwise as [`real`].
pub(super) fn of(place: &str) -> Result<PathBuf, CommandError> {
    let path = place.strip_prefix("sqlite:").unwrap_or(place);
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some(scheme) => Err(CommandError::usage(format!(
            "ledgers at `{scheme}://` are not supported; give a path, or `sqlite:` and a path"
        ))),
        None if path.is_empty() => Err(CommandError::usage("the ledger's path is empty")),
        None => real(Path::new(path)),
    }
}

/// Returns a ledger's path with all links followed, those included that lead to a file which is yet to be made.
///
/// # Errors
/// A storage error when the path can't be followed.
pub(super) fn real(path: &Path) -> Result<PathBuf, CommandError> {
    follow(path, MAX_LINKS).map_err(|error| {
        CommandError::new(ErrorKind::Storage, error)
            .context(format!(
                "the ledger `{}` can't be looked at",
                path.display()
            ))
            .hint("name another ledger: --ledger PATH")
    })
}

fn follow(path: &Path, links: usize) -> Result<PathBuf, Error> {
    match path.canonicalize() {
        Err(error) if error.kind() == IoErrorKind::NotFound => {}
        known => return known,
    }
    // It is not there, or not yet: what leads to it may be.
    let folder = match path.parent() {
        Some(folder) if folder == Path::new("") => Path::new("."),
        Some(folder) => folder,
        None => return std::path::absolute(path),
    };
    if let Ok(target) = path.read_link() {
        let left = links.checked_sub(1);
        let left = left.ok_or_else(|| Error::other("too many links lead to it"))?;
        return follow(&folder.join(target), left);
    }
    match path.file_name() {
        Some(name) => Ok(follow(folder, links)?.join(name)),
        None => Err(Error::new(
            IoErrorKind::NotFound,
            "`..` follows a folder that is not there",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_name_of_a_ledger_leads_to_one_path() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("folder")).unwrap();
        symlink("folder", root.join("way")).unwrap();
        symlink("way/ledger.db", root.join("link.db")).unwrap();
        symlink(root.join("link.db"), root.join("folder/far.db")).unwrap();
        let one = root.join("folder/ledger.db");
        let names = [
            "folder/ledger.db",
            "way/ledger.db",
            "link.db",
            "way/far.db",
            "way/../folder/./ledger.db",
        ];
        let check = || {
            for name in names {
                assert_eq!(real(&root.join(name)).unwrap(), one, "{name}");
            }
        };
        check();
        std::fs::write(&one, "").unwrap();
        check();
        assert_eq!(
            real(&root.join("way/new/deep/ledger.db")).unwrap(),
            root.join("folder/new/deep/ledger.db")
        );
    }

    #[test]
    fn a_path_that_leads_nowhere_is_told() {
        let root = tempfile::tempdir().unwrap();
        symlink("round.db", root.path().join("round.db")).unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        for name in ["round.db", "file/ledger.db", "gone/../ledger.db"] {
            let failure = real(&root.path().join(name)).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Storage, "{name}");
            assert!(failure.error.to_string().contains(name));
        }
    }
}
