//! What files of results are called below the output folder, and whether they can be results at all.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::ledger::HeldJob;

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

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
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

/// Returns the name of a download that is not complete.
///
/// A later attempt finds it by the job and the address, whose query may be another signature by then. The address is
/// in it so that what is left of another file is never taken for the beginning of this one.
pub(super) fn partial(target: &Path, job: &HeldJob, number: usize, url: &str) -> PathBuf {
    let address = url.split(['?', '#']).next().unwrap_or(url);
    let digest = Sha256::digest(address);
    let mark: String = digest[..6].iter().map(|b| format!("{b:02x}")).collect();
    with_suffix(&temporary(target, job, number), &format!("-{mark}"))
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
            std::fs::write(&path, content).unwrap();
            assert_eq!(implausible(&path).unwrap().is_some(), bad, "{content:?}");
        }
    }
}
