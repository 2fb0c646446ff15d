//! A saved plan as a file: JSON Lines, a head, a line per job, and last the digest of all lines above it.
//!
//! The digest finds a file that was cut off or edited by hand; it is no signature. Both ways go line by line, so a
//! plan of a million jobs is never in memory as text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{AccountId, Credits, ManifestOptions, Rate};
use crate::plan::{Loader, Plan, SavedHead, SavedJob, Standing};

use super::error::{CommandError, ErrorKind};
use super::reports::Replacement;

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;
/// What every saved plan begins with.
const MARK: &[u8] = b"{\"setlist_plan\":";
/// The head may be this long: it has a line of its own for all entries.
const MAX_HEAD_BYTES: u64 = 64 * 1024 * 1024;
/// A job's line may be this long.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Files are read through a buffer of this size.
const BUFFER_BYTES: usize = 256 * 1024;

/// All that a saved plan is pinned to, and the plan without its jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlanHead {
    setlist_plan: u32,
    /// When it was made.
    pub(crate) made_at: Timestamp,
    /// The version that made it.
    made_by: String,
    /// The manifest.
    pub(crate) manifest_path: String,
    /// The files that the manifest reads: those it includes, and those of its rows.
    pub(crate) files: Vec<PinnedFile>,
    /// Whose credits it is to spend.
    pub(crate) account: AccountId,
    /// The provider's name.
    pub(crate) provider: String,
    /// Its origin; empty for the simulator in this process.
    pub(crate) base_url: String,
    /// The price list's name, or its file.
    pub(crate) prices: String,
    /// The file that adds to the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) catalog: Option<String>,
    /// Paid requests per span.
    pub(crate) rate: Rate,
    /// Tasks in flight.
    pub(crate) concurrency: u32,
    /// The run's cap.
    pub(crate) run_cap: Option<Credits>,
    /// The budget of the period.
    pub(crate) period: Option<Credits>,
    /// What of the balance is kept.
    pub(crate) keep: Credits,
    /// Whether it buys again what runs before have bought.
    pub(crate) fresh: bool,
    /// What was said beside the manifest.
    #[serde(default, skip_serializing_if = "ManifestOptions::is_empty")]
    pub(crate) options: ManifestOptions,
    /// What it was set against.
    pub(crate) standing: Standing,
    plan: SavedHead,
}

/// A file's name and what was in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PinnedFile {
    /// As the manifest names it.
    pub(crate) name: String,
    /// How many bytes.
    pub(crate) bytes: u64,
    /// SHA-256 of them, in hexadecimal.
    pub(crate) sha256: String,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Foot {
    sha256: String,
}

impl PlanHead {
    /// Fills in what is the same for every plan of this version.
    pub(crate) fn new(plan: &Plan, made_at: Timestamp, standing: Standing) -> Self {
        Self {
            setlist_plan: FORMAT,
            made_at,
            made_by: format!("setlist {}", env!("CARGO_PKG_VERSION")),
            manifest_path: String::new(),
            files: Vec::new(),
            account: AccountId::new(""),
            provider: plan.header().provider.clone(),
            base_url: String::new(),
            prices: String::new(),
            catalog: None,
            rate: Rate {
                count: 1,
                per: std::time::Duration::from_secs(1),
            },
            concurrency: 1,
            run_cap: None,
            period: None,
            keep: Credits::ZERO,
            fresh: false,
            options: ManifestOptions::default(),
            standing,
            plan: plan.to_saved(),
        }
    }
}

/// A plan that was read back.
#[derive(Debug)]
pub(crate) struct SavedPlan {
    /// What it is pinned to.
    pub(crate) head: PlanHead,
    /// The plan.
    pub(crate) plan: Plan,
    /// SHA-256 of the file up to its last line: what tells this plan from all others.
    pub(crate) digest: String,
}

/// Tells whether a file is meant as a saved plan: by its name, or by how it begins.
pub(crate) fn is_plan(path: &Path) -> bool {
    path.extension().is_some_and(|name| name == "plan") || begins_as_plan(path).unwrap_or(false)
}

fn begins_as_plan(path: &Path) -> io::Result<bool> {
    // A pipe or a device may wait for ever, and gives what it gives only once.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    let length = u64::try_from(MARK.len()).unwrap_or(u64::MAX);
    File::open(path)?.take(length).read_to_end(&mut start)?;
    Ok(start == MARK)
}

/// Writes a plan; the file is there whole or not at all.
///
/// # Errors
/// A usage error when something else is there, a storage error when it can't be written.
pub(crate) fn write(path: &Path, head: &PlanHead, plan: &Plan) -> Result<(), CommandError> {
    let shown = path.display();
    let is_free = match begins_as_plan(path) {
        Ok(is_plan) => is_plan,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(CommandError::usage(format!(
            "`{shown}` is there and is no saved plan: it is not overwritten"
        )));
    }
    write_lines(path, head, plan).map_err(|error| {
        CommandError::new(ErrorKind::Storage, error)
            .context(format!("the plan `{shown}` can't be written"))
    })
}

fn write_lines(path: &Path, head: &PlanHead, plan: &Plan) -> io::Result<()> {
    let mut replacement = Replacement::begin(path)?;
    let mut out = Digesting {
        to: &mut replacement.file,
        digest: Sha256::new(),
    };
    out.line(head)?;
    for job in plan.iter() {
        out.line(&SavedJob::of(&job))?;
    }
    let sha256 = hex(out.digest);
    serde_json::to_writer(&mut replacement.file, &Foot { sha256 })?;
    replacement.file.write_all(b"\n")?;
    replacement.commit()
}

/// Passes on what is written, and digests it.
struct Digesting<W> {
    to: W,
    digest: Sha256,
}

impl<W: Write> Digesting<W> {
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self, value)?;
        self.write_all(b"\n")
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn hex(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digests a file.
///
/// # Errors
/// The system's own.
pub(crate) fn pin(name: &str, path: &Path) -> io::Result<PinnedFile> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        digest.update(chunk);
        let length = chunk.len();
        bytes += u64::try_from(length).unwrap_or(u64::MAX);
        reader.consume(length);
    }
    Ok(PinnedFile {
        name: name.to_owned(),
        bytes,
        sha256: hex(digest),
    })
}

/// Reads a saved plan.
///
/// # Errors
/// A usage error that says what is wrong with the file.
pub(crate) fn read(path: &Path) -> Result<SavedPlan, CommandError> {
    let shown = path.display();
    let file = std::fs::metadata(path).and_then(|found| match found.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("not a plain file")),
    });
    let file = file.map_err(|error| {
        CommandError::new(ErrorKind::Usage, error)
            .context(format!("the plan `{shown}` can't be read"))
    })?;
    let lines = Lines {
        from: BufReader::with_capacity(BUFFER_BYTES, file),
        line: Vec::new(),
        number: 0,
        digest: Sha256::new(),
    };
    lines.read().map_err(|wrong| {
        let failure = CommandError::usage(format!("the plan `{shown}` {wrong}"));
        failure.hint("make it anew: setlist plan MANIFEST -o FILE.plan")
    })
}

/// Reads line by line, and digests what was read.
struct Lines {
    from: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    digest: Sha256,
}

impl Lines {
    fn read(mut self) -> Result<SavedPlan, String> {
        let head = self.head()?;
        self.digest.update(&self.line);
        let mut loader = Loader::new(head.plan.clone()).map_err(|error| error.to_string())?;
        let sha256 = loop {
            self.next(MAX_LINE_BYTES)?;
            let text = self.text()?;
            if text.starts_with("{\"sha256\"") {
                let foot: Foot = serde_json::from_str(text).map_err(|error| self.wrong(&error))?;
                break foot.sha256;
            }
            let job: SavedJob<'_> =
                serde_json::from_str(text).map_err(|error| self.wrong(&error))?;
            loader.add(job).map_err(|error| self.wrong(&error))?;
            self.digest.update(&self.line);
        };
        if !self.from.fill_buf().map_err(unreadable)?.is_empty() {
            return Err("goes on after its last line".to_owned());
        }
        if hex(self.digest) != sha256 {
            return Err(
                "was changed after it was written: it is not what its digest says".to_owned(),
            );
        }
        let plan = loader
            .finish()
            .map_err(|error| format!("makes no sense: {error}"))?;
        Ok(SavedPlan {
            head,
            plan,
            digest: sha256,
        })
    }

    fn head(&mut self) -> Result<PlanHead, String> {
        #[derive(Deserialize)]
        struct Version {
            setlist_plan: u32,
        }
        let start = self.from.fill_buf().map_err(unreadable)?;
        if !start.starts_with(MARK) {
            return Err("is no saved plan".to_owned());
        }
        self.next(MAX_HEAD_BYTES)?;
        let text = self.text()?;
        let version: Version = serde_json::from_str(text).map_err(|error| self.wrong(&error))?;
        match version.setlist_plan {
            FORMAT => serde_json::from_str(text).map_err(|error| self.wrong(&error)),
            0 => Err("has format 0, which never was".to_owned()),
            newer => Err(format!(
                "has format {newer}; this version of setlist reads up to {FORMAT}"
            )),
        }
    }

    /// Reads the next line; a line is never longer than this in memory.
    fn next(&mut self, most: u64) -> Result<(), String> {
        self.line.clear();
        self.number += 1;
        let mut from = (&mut self.from).take(most);
        from.read_until(b'\n', &mut self.line).map_err(unreadable)?;
        let number = self.number;
        if self.line.last() != Some(&b'\n') {
            return Err(if from.limit() == 0 {
                format!("has a line {number} that is longer than any of a plan")
            } else {
                "is cut off: its last line is missing".to_owned()
            });
        }
        Ok(())
    }

    fn text(&self) -> Result<&str, String> {
        let number = self.number;
        std::str::from_utf8(&self.line).map_err(|_| format!("is no UTF-8 in line {number}"))
    }

    fn wrong(&self, error: &impl std::fmt::Display) -> String {
        format!("makes no sense in line {}: {error}", self.number)
    }
}

fn unreadable(error: io::Error) -> String {
    format!("can't be read: {error}")
}

#[cfg(test)]
mod tests;
