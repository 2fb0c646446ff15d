//! The output folder of a run: how files get there, under a temporary name, checked, and never over a file that
//! is something else.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::files::with_suffix;

/// The most versions of one name that are tried before giving up.
const NAME_ATTEMPTS: u32 = 1000;
/// No file of results without media, and no sidecar, is larger; in bytes.
const SMALL_MAX: u64 = 64 << 20;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 of it, in hexadecimal.
    pub(super) sha256: String,
}

/// A file that was written and put in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Where it is, below the output folder, with `/` on every system.
    pub(super) file: String,
    /// What it holds.
    pub(super) content: Content,
}

/// The output folder.
pub(super) struct Output {
    root: PathBuf,
    /// Folders below it that were made and checked.
    known: Mutex<HashSet<PathBuf>>,
    /// Whose turn it is to write a small file.
    small: Mutex<()>,
}

impl Output {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            known: Mutex::default(),
            small: Mutex::default(),
        }
    }

    /// Returns where a file below the folder is.
    pub(super) fn path(&self, file: impl AsRef<Path>) -> PathBuf {
        self.root.join(file)
    }

    /// Tells whether a folder is this one.
    pub(super) fn is(&self, folder: &Path) -> bool {
        matches!((self.root.canonicalize(), folder.canonicalize()), (Ok(a), Ok(b)) if a == b)
    }

    /// Makes the folder of a target, and refuses one that leads out of the output folder through a symbolic link.
    pub(super) fn prepare(&self, target: &Path) -> io::Result<()> {
        let folder = self.path(target.parent().unwrap_or(Path::new("")));
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A folder that was removed since is made again.
        if known().contains(&folder) && folder.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        let (root, inside) = (self.root.canonicalize()?, folder.canonicalize()?);
        if !inside.starts_with(&root) {
            return Err(io::Error::other(format!(
                "`{}` leads out of the output folder",
                folder.display()
            )));
        }
        known().insert(folder);
        Ok(())
    }

    /// Writes a small file.
    ///
    /// It is not synced: the ledger holds what it says, and puts it back should a power cut take it.
    pub(super) fn write(&self, target: &Path, text: &[u8]) -> io::Result<String> {
        self.prepare(target)?;
        self.put_text(target, text, |_| false)
    }

    /// Writes a small file under its name or a free one beside it, in one write and without a temporary file, so that
    /// a kill leaves nothing behind but an empty file; that name is as good as free.
    ///
    /// A file that is `ours` to replace is written over.
    fn put_text(
        &self,
        target: &Path,
        text: &[u8],
        ours: impl Fn(&[u8]) -> bool,
    ) -> io::Result<String> {
        // One at a time: a file that another job has made, and not yet written, looks empty too.
        let _turn = self.small.lock().unwrap_or_else(PoisonError::into_inner);
        let mut candidate = target.to_path_buf();
        for attempt in 2..NAME_ATTEMPTS {
            let full = self.path(&candidate);
            match File::create_new(&full) {
                Ok(file) => return fill(file, &full, text).map(|()| slashed(&candidate)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let there = read_small(&full)?;
            if there.as_deref() == Some(text) {
                return Ok(slashed(&candidate));
            }
            if there.is_some_and(|there| there.is_empty() || ours(&there)) {
                return fill(File::create(&full)?, &full, text).map(|()| slashed(&candidate));
            }
            candidate = with_suffix(target, &format!("~{attempt}"));
        }
        Err(no_free_name(target))
    }

    /// Moves a finished temporary file to its place, or to a free name beside it, and makes the name durable.
    pub(super) fn place(
        &self,
        temporary: &Path,
        target: &Path,
        content: Content,
    ) -> io::Result<Placed> {
        let temporary = TempPath::try_from_path(temporary)?;
        let is_same = |there: &Path| {
            Ok(fs::metadata(there)?.len() == content.bytes && digest(there)? == content)
        };
        let file = self.put(temporary, target, is_same)?;
        if let Some(folder) = self.path(&file).parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Placed { file, content })
    }

    /// Gives a temporary file its name.
    ///
    /// A file that already stands there is left alone, unless it is the same, as the result of an earlier attempt is; if
    /// not, the new one gets a number.
    fn put(
        &self,
        mut temporary: TempPath,
        target: &Path,
        is_same: impl Fn(&Path) -> io::Result<bool>,
    ) -> io::Result<String> {
        let mut candidate = target.to_path_buf();
        for attempt in 2..NAME_ATTEMPTS {
            let full = self.path(&candidate);
            let taken = match temporary.persist_noclobber(&full) {
                Ok(()) => return Ok(slashed(&candidate)),
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => taken,
                Err(other) => return Err(other.error),
            };
            temporary = taken.path;
            // An empty file is a name whose content a power cut took.
            if fs::metadata(&full)?.len() == 0 || is_same(&full)? {
                temporary.persist(&full).map_err(|error| error.error)?;
                return Ok(slashed(&candidate));
            }
            candidate = with_suffix(target, &format!("~{attempt}"));
        }
        Err(no_free_name(target))
    }

    /// Writes the description of a saved file beside it, or under a free name when something else stands there.
    ///
    /// What an earlier attempt of the same job wrote of the same file is replaced.
    pub(super) fn write_sidecar(&self, file: &str, description: &Value) -> io::Result<()> {
        let text = serde_json::to_string_pretty(description)? + "\n";
        self.put_text(
            &PathBuf::from(format!("{file}.json")),
            text.as_bytes(),
            |there| describes_the_same(there, description),
        )?;
        Ok(())
    }
}

fn no_free_name(target: &Path) -> io::Error {
    io::Error::other(format!("no free name like `{}`", target.display()))
}

/// Writes all of a new file; one that can't be written whole is taken away again.
fn fill(mut file: File, full: &Path, text: &[u8]) -> io::Result<()> {
    let written = file.write_all(text);
    if written.is_err() {
        // The first failure is the one to tell.
        drop(fs::remove_file(full));
    }
    written
}

/// Reads a file, unless it is a link, a folder, or larger than any that is written here.
fn read_small(full: &Path) -> io::Result<Option<Vec<u8>>> {
    let data = fs::symlink_metadata(full)?;
    let is_small = data.is_file() && data.len() <= SMALL_MAX;
    is_small.then(|| fs::read(full)).transpose()
}

/// Tells whether a text is a description of the same file, by the same job of the same run.
fn describes_the_same(text: &[u8], description: &Value) -> bool {
    let Ok(there) = serde_json::from_slice::<Value>(text) else {
        return false;
    };
    ["run", "job", "file"]
        .iter()
        .all(|key| there.get(key).is_some() && there.get(key) == description.get(key))
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Adds up what passes by.
#[derive(Default)]
pub(super) struct Sum {
    bytes: u64,
    hasher: Sha256,
}

impl Sum {
    /// Adds up what a file holds.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut sum = Self::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(sum),
                read => sum.add(&buffer[..read]),
            }
        }
    }

    pub(super) fn add(&mut self, chunk: &[u8]) {
        self.bytes = self.bytes.saturating_add(length(chunk.len()));
        self.hasher.update(chunk);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn content(self) -> Content {
        let digest = self.hasher.finalize();
        Content {
            bytes: self.bytes,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// Reads a file's size and SHA-256.
pub(super) fn digest(path: &Path) -> io::Result<Content> {
    Sum::of(path).map(Sum::content)
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_never_written_over_another_but_its_twin_serves() {
        let folder = tempfile::tempdir().unwrap();
        let out = Output::new(folder.path().to_owned());
        let put = |text: &str| out.write(Path::new("a/b.txt"), text.as_bytes()).unwrap();
        assert_eq!(put("one"), "a/b.txt");
        assert_eq!(put("one"), "a/b.txt");
        assert_eq!(put("two"), "a/b~2.txt");
        assert_eq!(put("one"), "a/b.txt");
        assert_eq!(put("six"), "a/b~3.txt");
        assert_eq!(fs::read_to_string(out.path("a/b.txt")).unwrap(), "one");
        fs::write(out.path("a/b.txt"), "").unwrap();
        assert_eq!(put("new"), "a/b.txt", "an empty file is a lost one");
        let left: Vec<_> = fs::read_dir(out.path("a")).unwrap().collect();
        assert_eq!(left.len(), 3, "no temporary file stays: {left:?}");
    }

    #[test]
    fn jobs_that_want_one_name_at_the_same_time_each_keep_their_file() {
        for _ in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            let out = Output::new(folder.path().to_owned());
            let placed: Vec<(String, String)> = std::thread::scope(|scope| {
                let put = |number: usize| {
                    let out = &out;
                    scope.spawn(move || {
                        let text = format!("song {number}");
                        let file = out.write(Path::new("a.txt"), text.as_bytes());
                        (file.unwrap(), text)
                    })
                };
                let all: Vec<_> = (0..4).map(put).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            for (file, text) in placed {
                assert_eq!(fs::read_to_string(out.path(file)).unwrap(), text);
            }
        }
    }

    #[test]
    fn a_finished_file_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let out = Output::new(folder.path().to_owned());
        let place = |text: &str| {
            let temporary = out.path(".x.part");
            fs::write(&temporary, text).unwrap();
            let content = digest(&temporary).unwrap();
            out.place(&temporary, Path::new("x.wav"), content).unwrap()
        };
        let placed = place("abc");
        assert_eq!((placed.file.as_str(), placed.content.bytes), ("x.wav", 3));
        assert!(placed.content.sha256.starts_with("ba7816bf8f01cfea"));
        assert_eq!(place("abd").file, "x~2.wav");
        assert_eq!(place("abc").file, "x.wav");
        assert!(!out.path(".x.part").exists());
    }

    #[test]
    fn a_description_is_written_over_nothing_but_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let out = Output::new(folder.path().to_owned());
        let read = |name: &str| fs::read_to_string(out.path(name)).unwrap();
        let describe = |run: &str, job: &str, at: u32| {
            let description = json!({"file": "a.wav", "run": run, "job": job, "at": at});
            out.write_sidecar("a.wav", &description).unwrap();
        };
        fs::write(out.path("a.wav.json"), "mine").unwrap();
        describe("r1", "song", 1);
        assert_eq!(read("a.wav.json"), "mine");
        assert!(read("a.wav~2.json").contains("\"at\": 1"));
        describe("r1", "song", 2);
        assert!(read("a.wav~2.json").contains("\"at\": 2"));
        describe("r1", "other", 3);
        describe("r2", "song", 4);
        assert!(read("a.wav~2.json").contains("\"at\": 2"));
        assert!(read("a.wav~3.json").contains("\"at\": 3"));
        assert!(read("a.wav~4.json").contains("\"at\": 4"));
        fs::write(out.path("a.wav.json"), "").unwrap();
        describe("r3", "song", 5);
        assert!(
            read("a.wav.json").contains("\"at\": 5"),
            "a lost one is replaced"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_small_file_is_not_written_through_a_link() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let aim = other.path().join("aim.txt");
        fs::write(&aim, "").unwrap();
        std::os::unix::fs::symlink(&aim, folder.path().join("x.txt")).unwrap();
        let out = Output::new(folder.path().to_owned());
        assert_eq!(out.write(Path::new("x.txt"), b"x").unwrap(), "x~2.txt");
        assert_eq!(fs::read_to_string(aim).unwrap(), "");
    }

    #[test]
    #[cfg(unix)]
    fn files_have_the_rights_of_ordinary_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let out = Output::new(folder.path().to_owned());
        let ours = out.path(out.write(Path::new("a.txt"), b"x").unwrap());
        let plain = out.path("b.txt");
        fs::write(&plain, "x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    #[cfg(unix)]
    fn a_link_out_of_the_folder_is_refused() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path(), folder.path().join("audio")).unwrap();
        let out = Output::new(folder.path().to_owned());
        let error = out.prepare(Path::new("audio/x.wav")).unwrap_err();
        assert!(
            error.to_string().contains("leads out of the output folder"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_went_away_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let out = Output::new(folder.path().join("out"));
        out.write(Path::new("a/b.txt"), b"x").unwrap();
        fs::remove_dir_all(folder.path().join("out")).unwrap();
        out.write(Path::new("a/b.txt"), b"x").unwrap();
    }
}
