//! Local files that jobs name: found, checked and hashed once each.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::model::FileInput;

use super::check::Wrong;
use super::diagnostic::listed;
use super::tree::{Node, Tree};

/// What a file must end with: nothing but audio is ever handed out.
const AUDIO: [&str; 9] = [
    "aac", "aif", "aiff", "flac", "m4a", "mp3", "ogg", "opus", "wav",
];
/// All jobs of a batch together may name so many files: they are kept with the run.
const MAX_FILES: usize = 10_000;

/// The files of a batch, by the name that the manifest has for them.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    folder: PathBuf,
    known: Mutex<BTreeMap<String, Result<FileInput, Wrong>>>,
}

impl Shelf {
    /// Names are relative to this folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            known: Mutex::default(),
        }
    }

    /// Finds a file, and reads it the first time.
    pub(super) fn find(&self, name: &str) -> Result<FileInput, Wrong> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        if known.len() >= MAX_FILES {
            let message = format!("names a file beyond the {MAX_FILES} that one batch may have");
            return Err(Wrong::new(message).hint("split the batch"));
        }
        let found = read(&self.folder.join(name), name);
        known.insert(name.to_owned(), found.clone());
        found
    }

    /// Returns the files found so far: SHA-256 in hexadecimal, and where each is.
    pub(super) fn files(&self) -> BTreeMap<String, PathBuf> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().filter_map(|(name, found)| {
            let path = self.folder.join(name);
            let path = std::path::absolute(&path).unwrap_or(path);
            Some((found.as_ref().ok()?.sha256.clone(), path))
        });
        found.collect()
    }
}

fn read(path: &Path, name: &str) -> Result<FileInput, Wrong> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let extension = extension.map(str::to_ascii_lowercase).unwrap_or_default();
    if !AUDIO.contains(&extension.as_str()) {
        let known = listed(AUDIO, " or ");
        return Err(Wrong::new("names a file that is no audio")
            .hint(format!("`{name}` ends with none of {known}")));
    }
    let fail = |why: String| Wrong::new(format!("names `{name}`, which can't be read: {why}"));
    let found = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    // A device or a pipe could have no end.
    if !found.is_file() {
        return Err(fail("not a plain file".to_owned()));
    }
    if found.len() == 0 {
        return Err(Wrong::new(format!("names `{name}`, which is empty")));
    }
    let digest = File::open(path).and_then(FileInput::digest);
    Ok(FileInput {
        sha256: digest.map_err(|error| fail(error.to_string()))?,
        extension,
    })
}

/// Returns what a value like `{ file = "track.mp3" }` names.
pub(super) fn named_file(node: &Node) -> Option<&Node> {
    match node.members() {
        [only] if only.key == "file" => Some(&only.node),
        _ => None,
    }
}

/// Makes the names of files in a tree independent of the folder that it stands in.
///
/// A name that begins with a value of a row stays as it is: the rows may hold whole paths.
pub(super) fn anchor(node: &mut Node, folder: &Path) {
    match &mut node.tree {
        Tree::Table(members) => {
            let is_file = members.len() == 1 && members[0].key == "file";
            for member in members {
                match &mut member.node.tree {
                    Tree::Text(name) if is_file && !name.starts_with("${") => {
                        let path = folder.join(&*name);
                        let path = std::path::absolute(&path).unwrap_or(path);
                        *name = path.to_string_lossy().into_owned();
                    }
                    _ => anchor(&mut member.node, folder),
                }
            }
        }
        Tree::List(items) => items.iter_mut().for_each(|item| anchor(item, folder)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_content_and_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        write("a.mp3", b"sound").unwrap();
        write("b.MP3", b"sound").unwrap();
        let shelf = Shelf::new(folder.path());
        let first = shelf.find("a.mp3").unwrap();
        assert_eq!(shelf.find("b.MP3"), Ok(first.clone()));
        assert_eq!(shelf.files().len(), 1);
        // A batch is planned with what was there when it was read.
        write("a.mp3", b"other").unwrap();
        assert_eq!(shelf.find("a.mp3"), Ok(first.clone()));
        assert_ne!(Shelf::new(folder.path()).find("a.mp3"), Ok(first));
    }

    #[test]
    fn only_audio_that_is_there_will_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty.wav"), b"").unwrap();
        std::fs::write(folder.path().join("secret.txt"), b"key").unwrap();
        std::fs::create_dir(folder.path().join("folder.wav")).unwrap();
        let shelf = Shelf::new(folder.path());
        let said = |name| shelf.find(name).unwrap_err().message;
        assert_eq!(said("empty.wav"), "names `empty.wav`, which is empty");
        assert_eq!(said("secret.txt"), "names a file that is no audio");
        assert!(said("folder.wav").ends_with("not a plain file"));
        assert!(said("gone.wav").starts_with("names `gone.wav`, which can't be read: "));
        assert_eq!(shelf.files(), BTreeMap::new());
    }
}
