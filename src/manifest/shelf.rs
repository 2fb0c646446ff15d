//! Local files that jobs name: found, checked and hashed once each.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::model::FileInput;

use super::check::Wrong;
use super::diagnostic::listed;
use super::sound_file::{FIRST_BYTES, is_sound};
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
    known: Mutex<BTreeMap<String, Result<Found, Wrong>>>,
}

/// A file that can be sent.
#[derive(Clone, Debug)]
struct Found {
    file: FileInput,
    /// Where it is, all links followed: one that is turned elsewhere later leads nobody there.
    path: PathBuf,
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
            return found.clone().map(|found| found.file);
        }
        if known.len() >= MAX_FILES {
            let message = format!("names a file beyond the {MAX_FILES} that one batch may have");
            return Err(Wrong::new(message).hint("split the batch"));
        }
        let found = read(&self.folder, name);
        known.insert(name.to_owned(), found.clone());
        found.map(|found| found.file)
    }

    /// Returns the files found so far: SHA-256 in hexadecimal, and where each is.
    pub(super) fn files(&self) -> BTreeMap<String, PathBuf> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.values().filter_map(|found| found.as_ref().ok());
        found
            .map(|found| (found.file.sha256.clone(), found.path.clone()))
            .collect()
    }

    /// Returns the names of the files found so far, by SHA-256 in hexadecimal.
    pub(super) fn names(&self) -> BTreeMap<String, String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().filter_map(|(name, found)| {
            Some((found.as_ref().ok()?.file.sha256.clone(), name.clone()))
        });
        found.collect()
    }
}

fn read(folder: &Path, name: &str) -> Result<Found, Wrong> {
    let path = folder.join(name);
    let extension = path.extension().and_then(|extension| extension.to_str());
    let extension = extension.map(str::to_ascii_lowercase).unwrap_or_default();
    if !AUDIO.contains(&extension.as_str()) {
        let known = listed(AUDIO, " or ");
        return Err(Wrong::new("names a file that is no audio")
            .hint(format!("`{name}` ends with none of {known}")));
    }
    let unread = |error: io::Error| unreadable(name, &error.to_string());
    let real = path.canonicalize().map_err(unread)?;
    // Opening a pipe could wait without end.
    check(&std::fs::metadata(&real).map_err(unread)?, name)?;
    if !real.starts_with(home_of(folder, name).map_err(unread)?) {
        return Err(Wrong::new(format!(
            "names `{name}`, a link that leads out of its folder"
        ))
        .hint("name the file that it leads to, or copy that file here"));
    }
    let file = File::open(&real).map_err(unread)?;
    check(&file.metadata().map_err(unread)?, name)?;
    let sha256 = digest_sound(file).map_err(unread)?.ok_or_else(|| {
        let message = format!("names `{name}`, which is no audio by its content");
        Wrong::new(message).hint(
            "a file is uploaded only if it begins as WAV, AIFF, MP3, AAC, M4A, FLAC or Ogg does: convert it, or name another",
        )
    })?;
    Ok(Found {
        file: FileInput { sha256, extension },
        path: real,
    })
}

/// Returns the SHA-256 of a file's content; nothing when that is no sound.
fn digest_sound(mut file: File) -> io::Result<Option<String>> {
    let mut first = Vec::new();
    let mut start = Read::by_ref(&mut file).take(FIRST_BYTES);
    start.read_to_end(&mut first)?;
    if !is_sound(&first) {
        return Ok(None);
    }
    FileInput::digest(first.as_slice().chain(file)).map(Some)
}

/// Refuses what has no end, as a device may, or no content.
fn check(found: &Metadata, name: &str) -> Result<(), Wrong> {
    if !found.is_file() {
        return Err(unreadable(name, "not a plain file"));
    }
    if found.len() == 0 {
        return Err(Wrong::new(format!("names `{name}`, which is empty")));
    }
    Ok(())
}

fn unreadable(name: &str, why: &str) -> Wrong {
    Wrong::new(format!("names `{name}`, which can't be read: {why}"))
}

/// Returns the folder that links must not lead out of: the manifest's, or the file's own where the name itself says
/// that it is elsewhere.
fn home_of(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let name = Path::new(name);
    let mut depth = 0_i32;
    let stays = name.components().all(|part| {
        depth += match part {
            Component::Normal(_) => 1,
            Component::ParentDir => -1,
            _ => 0,
        };
        depth >= 0 && !matches!(part, Component::RootDir | Component::Prefix(_))
    });
    let home = match (stays, name.parent()) {
        (false, Some(parent)) => folder.join(parent),
        _ => folder.to_owned(),
    };
    match home.as_os_str().is_empty() {
        true => Path::new(".").canonicalize(),
        false => home.canonicalize(),
    }
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
                        let path = anchored(&folder.join(&*name));
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

/// Returns where a file is: past a link, which may lead through a folder that the name does not tell of, unless the kind
/// of the file is told by the link's name only.
fn anchored(path: &Path) -> PathBuf {
    let real = path.canonicalize().ok();
    let real = real.filter(|real| real.extension() == path.extension());
    let absolute = || std::path::absolute(path).ok();
    real.or_else(absolute).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const SOUND: &[u8] = b"ID3\x04\0\0sound";

    #[test]
    fn a_file_is_its_content_and_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        write("a.mp3", SOUND).unwrap();
        write("b.MP3", SOUND).unwrap();
        let shelf = Shelf::new(folder.path());
        let first = shelf.find("a.mp3").unwrap();
        assert_eq!(shelf.find("b.MP3"), Ok(first.clone()));
        assert_eq!(shelf.files().len(), 1);
        // A batch is planned with what was there when it was read.
        write("a.mp3", b"ID3\x04\0\0other").unwrap();
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

    #[test]
    fn what_is_called_audio_must_be_audio() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret.txt"), b"key").unwrap();
        std::fs::write(folder.path().join("renamed.mp3"), b"key = sk_1").unwrap();
        symlink("secret.txt", folder.path().join("song.mp3")).unwrap();
        let shelf = Shelf::new(folder.path());
        for name in ["song.mp3", "renamed.mp3"] {
            let wrong = shelf.find(name).unwrap_err();
            let said = format!("names `{name}`, which is no audio by its content");
            assert_eq!(wrong.message, said);
        }
        assert_eq!(shelf.files(), BTreeMap::new());
    }

    #[test]
    fn a_link_must_not_lead_out_of_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().canonicalize().unwrap();
        for folder in ["batch/deep", "other"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let write = |name: &str| std::fs::write(root.path().join(name), SOUND).unwrap();
        let link = |to: &str, at: &str| symlink(to, root.path().join(at)).unwrap();
        write("batch/in.mp3");
        write("other/out.mp3");
        link("../in.mp3", "batch/deep/inner.mp3");
        link("../other/out.mp3", "batch/outer.mp3");
        link("../other", "batch/way");
        link("../batch/in.mp3", "other/back.mp3");
        link("batch", "alias");
        let shelf = Shelf::new(&root.path().join("alias"));
        for name in ["outer.mp3", "way/out.mp3", "../other/back.mp3"] {
            let wrong = shelf.find(name).unwrap_err();
            let said = format!("names `{name}`, a link that leads out of its folder");
            assert_eq!(wrong.message, said);
        }
        assert_eq!(shelf.files(), BTreeMap::new());
        for name in ["deep/inner.mp3", "../other/out.mp3"] {
            shelf.find(name).unwrap();
        }
        let whole = real.join("other/out.mp3");
        shelf.find(&whole.to_string_lossy()).unwrap();
        let files: Vec<PathBuf> = Shelf::files(&shelf).into_values().collect();
        assert_eq!(files.len(), 1, "one content");
    }

    #[test]
    fn a_part_elsewhere_names_linked_files_by_where_they_are() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(real.join("batch/deep")).unwrap();
        std::fs::write(real.join("batch/in.mp3"), SOUND).unwrap();
        std::fs::write(real.join("batch/plain"), SOUND).unwrap();
        symlink("../in.mp3", real.join("batch/deep/inner.mp3")).unwrap();
        symlink("plain", real.join("batch/named.mp3")).unwrap();
        let elsewhere = Shelf::new(Path::new("/"));
        for (name, is_at) in [
            ("batch/deep/inner.mp3", "batch/in.mp3"),
            ("batch/named.mp3", "batch/named.mp3"),
            ("batch/gone.mp3", "batch/gone.mp3"),
        ] {
            assert_eq!(anchored(&real.join(name)), real.join(is_at));
            let found = elsewhere.find(&anchored(&real.join(name)).to_string_lossy());
            assert_eq!(found.is_ok(), !name.contains("gone"), "{found:?}");
        }
    }
}
