//! Where results go below the output folder, and how they get there: under a temporary name, checked, made
//! durable, and never over a file that is something else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::ledger::HeldJob;

/// The most versions of one name that are tried before giving up.
const NAME_ATTEMPTS: u32 = 1000;

/// One file of a job.
pub(super) struct Name<'a> {
    /// Its number among the job's files, from 1.
    pub(super) number: usize,
    /// Whether the job has more than one.
    pub(super) many: bool,
    /// What it is, e.g. `vocals`.
    pub(super) label: Option<&'a str>,
    /// Its kind, e.g. `wav`.
    pub(super) extension: &'a str,
}

/// Returns where a file of a job goes, below the output folder.
pub(super) fn target(job: &HeldJob, name: &Name<'_>) -> PathBuf {
    let number = match name.label {
        Some(label) if name.many => plain(label),
        _ => name.number.to_string(),
    };
    let template = match &job.save {
        Some(template) => template.clone(),
        None => format!("audio/{}.{{ext}}", plain(job.id.as_str())),
    };
    let numbered = template.contains("{n}");
    let filled = template
        .replace("{n}", &number)
        .replace("{ext}", name.extension);
    let mut path = PathBuf::from(filled);
    if path.extension().is_none() {
        path.set_extension(name.extension);
    }
    if name.many && !numbered {
        with_suffix(&path, &format!("-{number}"))
    } else {
        path
    }
}

/// Makes a word fit for a file name: job names have `[`, `]` and `#` in them.
fn plain(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            ']' => {}
            c if c.is_alphanumeric() || matches!(c, '_' | '-') => text.push(c),
            _ => text.push('-'),
        }
    }
    if text.is_empty() {
        "result".to_owned()
    } else {
        text
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}{suffix}.{}", extension.to_string_lossy()),
        None => format!("{stem}{suffix}"),
    };
    path.with_file_name(name)
}

/// Returns a temporary name beside a target, so that the rename stays on one file system.
pub(super) fn temporary(target: &Path, job: &HeldJob, number: usize) -> PathBuf {
    target.with_file_name(format!(
        ".{}-{}-{number}.part",
        plain(job.id.as_str()),
        job.ordinal
    ))
}

/// A file that was written and put in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Where it is, below the output folder, with `/` on every system.
    pub(super) file: String,
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub(super) sha256: String,
}

/// Moves a finished temporary file to its place below `out`, or to a free name beside it.
///
/// A file that already stands there is left alone: if it has the same content it is the result of an earlier
/// attempt and serves; if not, the new one gets a number.
pub(super) fn place(out: &Path, temporary: &Path, target: &Path) -> io::Result<Placed> {
    /// Jobs that save at the same time may want one name: a name just reserved would pass for a leftover.
    static PLACING: Mutex<()> = Mutex::new(());
    let (bytes, sha256) = digest(temporary)?;
    let _placing = PLACING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut candidate = target.to_path_buf();
    for attempt in 2..NAME_ATTEMPTS {
        let full = out.join(&candidate);
        // An exclusive create reserves the name against other processes; the rename then fills it.
        match OpenOptions::new().write(true).create_new(true).open(&full) {
            Ok(_) => {
                fs::rename(temporary, &full)?;
                sync_folder(&full)?;
                return Ok(Placed {
                    file: slashed(&candidate),
                    bytes,
                    sha256,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let there = fs::metadata(&full)?;
                // An empty file is a name that an earlier process reserved and did not live to fill.
                if there.len() == 0 || (there.len() == bytes && digest(&full)?.1 == sha256) {
                    fs::rename(temporary, &full)?;
                    sync_folder(&full)?;
                    return Ok(Placed {
                        file: slashed(&candidate),
                        bytes,
                        sha256,
                    });
                }
                candidate = with_suffix(target, &format!("~{attempt}"));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "no free name like `{}`",
        target.display()
    )))
}

/// Writes a small file that is complete or not there.
pub(super) fn write_whole(
    out: &Path,
    temporary: &Path,
    target: &Path,
    text: &[u8],
) -> io::Result<Placed> {
    prepare_folder(out, target)?;
    let mut file = File::create(temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    drop(file);
    place(out, temporary, target)
}

/// Writes the description of a saved file beside it.
pub(super) fn write_sidecar(out: &Path, file: &str, text: &[u8]) -> io::Result<()> {
    let target = out.join(format!("{file}.json"));
    let temporary = out.join(format!("{file}.json.part"));
    fs::write(&temporary, text)?;
    fs::rename(&temporary, &target)
}

/// Makes the folder of a target below `out`, and refuses one that leads out of it through a symbolic link.
pub(super) fn prepare_folder(out: &Path, target: &Path) -> io::Result<()> {
    let folder = out.join(target.parent().unwrap_or(Path::new("")));
    fs::create_dir_all(&folder)?;
    let (root, inside) = (out.canonicalize()?, folder.canonicalize()?);
    if inside.starts_with(&root) {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "`{}` leads out of the output folder",
            folder.display()
        )))
    }
}

/// Returns a file's size and SHA-256.
pub(super) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += u64::try_from(read).expect("a read is at most the buffer");
    }
    let text = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((bytes, text))
}

fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Tells a file's kind from what the provider said, or else from its address or type.
pub(super) fn extension(said: Option<&str>, url: &str, content_type: Option<&str>) -> String {
    let from_type = match content_type.map(|kind| kind.split(';').next().unwrap_or(kind).trim()) {
        Some("audio/mpeg" | "audio/mp3") => Some("mp3"),
        Some("audio/wav" | "audio/x-wav" | "audio/wave") => Some("wav"),
        Some("audio/mp4" | "audio/x-m4a" | "audio/m4a" | "audio/aac") => Some("m4a"),
        Some("audio/midi" | "audio/x-midi") => Some("mid"),
        Some("video/mp4") => Some("mp4"),
        Some("video/x-msvideo" | "video/avi") => Some("avi"),
        _ => None,
    };
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let from_url = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, end)| end);
    let known = |end: &&str| {
        !end.is_empty() && end.len() <= 5 && end.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    // What the server sends is what the file is, whatever was asked for.
    from_type
        .or(from_url.filter(known))
        .or(said.filter(known))
        .unwrap_or("bin")
        .to_ascii_lowercase()
}

/// Tells why a file can't be a result: nothing in it, or a page or message instead of media.
pub(super) fn implausible(path: &Path) -> io::Result<Option<&'static str>> {
    let mut head = [0; 16];
    let read = File::open(path)?.read(&mut head)?;
    let start = head[..read].trim_ascii_start();
    Ok(if read == 0 {
        Some("is empty")
    } else if start.starts_with(b"<") {
        Some("is a web page, not media")
    } else if start.starts_with(b"{") {
        Some("is a JSON message, not media")
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use crate::model::{Credits, Family, JobId, Ordinal};

    use super::*;

    fn job(id: &str, save: Option<&str>) -> HeldJob {
        HeldJob {
            ordinal: Ordinal(3),
            id: JobId::new(id),
            operation: "suno.create".to_owned(),
            family: Family::Suno,
            inputs: "{}".to_owned(),
            upstream: Vec::new(),
            price: Credits::new(10),
            save: save.map(str::to_owned),
            reused: None,
            attempts: 0,
        }
    }

    #[test]
    fn names_are_plain_and_numbered_where_there_are_many() {
        let table = [
            ("song", None, false, None, "audio/song.wav"),
            ("song#2", None, true, None, "audio/song-2-1.wav"),
            ("cue[17]#2", None, true, None, "audio/cue-17-2-1.wav"),
            (
                "stems",
                None,
                true,
                Some("Vocals & co"),
                "audio/stems-Vocals---co.wav",
            ),
            (
                "cue",
                Some("cues/Neon Rain.{ext}"),
                false,
                None,
                "cues/Neon Rain.wav",
            ),
            (
                "cue",
                Some("cues/Neon Rain.{ext}"),
                true,
                None,
                "cues/Neon Rain-1.wav",
            ),
            (
                "cue",
                Some("cues/{n} of it.{ext}"),
                true,
                None,
                "cues/1 of it.wav",
            ),
            ("cue", Some("cues/plain"), false, None, "cues/plain.wav"),
        ];
        for (id, save, many, label, want) in table {
            let name = Name {
                number: 1,
                many,
                label,
                extension: "wav",
            };
            assert_eq!(
                target(&job(id, save), &name),
                PathBuf::from(want),
                "{id} {save:?}"
            );
        }
    }

    #[test]
    fn a_file_is_never_written_over_another_but_its_twin_serves() {
        let out = tempfile::tempdir().unwrap();
        let put = |text: &str| {
            let temporary = out.path().join(".t.part");
            write_whole(
                out.path(),
                &temporary,
                Path::new("a/b.txt"),
                text.as_bytes(),
            )
            .unwrap()
            .file
        };
        assert_eq!(put("one"), "a/b.txt");
        assert_eq!(put("one"), "a/b.txt");
        assert_eq!(put("two"), "a/b~2.txt");
        assert_eq!(put("one"), "a/b.txt");
        assert_eq!(put("six"), "a/b~3.txt");
        assert_eq!(
            fs::read_to_string(out.path().join("a/b.txt")).unwrap(),
            "one"
        );
        fs::write(out.path().join("a/b.txt"), "").unwrap();
        assert_eq!(
            put("new"),
            "a/b.txt",
            "an empty file is only a reserved name"
        );
        assert!(!out.path().join(".t.part").exists());
    }

    #[test]
    fn jobs_that_want_one_name_at_the_same_time_each_keep_their_file() {
        for _ in 0..50 {
            let out = tempfile::tempdir().unwrap();
            let placed: Vec<(String, String)> = std::thread::scope(|scope| {
                let put = |number: usize| {
                    let out = out.path();
                    scope.spawn(move || {
                        let text = format!("song {number}");
                        let temporary = out.join(format!(".{number}.part"));
                        let target = Path::new("a.txt");
                        let placed = write_whole(out, &temporary, target, text.as_bytes());
                        (placed.unwrap().file, text)
                    })
                };
                let all: Vec<_> = (0..4).map(put).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            for (file, text) in placed {
                assert_eq!(fs::read_to_string(out.path().join(file)).unwrap(), text);
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_out_of_the_folder_is_refused() {
        let (out, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path(), out.path().join("audio")).unwrap();
        let error = prepare_folder(out.path(), Path::new("audio/x.wav")).unwrap_err();
        assert!(
            error.to_string().contains("leads out of the output folder"),
            "{error}"
        );
    }

    #[test]
    fn the_kind_is_what_the_server_sends() {
        let url = "https://cdn.example/x/a.mp3?token=1.zip";
        assert_eq!(extension(Some("mp3"), url, Some("audio/wav")), "wav");
        assert_eq!(
            extension(Some("wav"), url, Some("application/octet-stream")),
            "mp3"
        );
        assert_eq!(extension(Some("m4a"), "https://cdn.example/x", None), "m4a");
        assert_eq!(extension(None, "https://cdn.example/x.", None), "bin");
        assert_eq!(
            extension(None, "https://cdn.example/a.b/../x.sh;rm", None),
            "bin"
        );
    }

    #[test]
    fn pages_and_messages_are_not_media() {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("x");
        for (content, bad) in [
            (&b""[..], true),
            (b"  <!doctype html>", true),
            (b"{\"error\":1}", true),
            (b"RIFF....WAVE", false),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(implausible(&path).unwrap().is_some(), bad, "{content:?}");
        }
    }
}
