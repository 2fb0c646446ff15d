//! Whether the write-ahead log was damaged after it was written.
//!
//! `SQLite` takes a log up to its first frame that does not check out, and drops the rest without a word: that is
//! right for a power cut, which can only harm the commit being written. But commits that were synced lie beyond a frame that
//! a disk or a person harmed, and dropping them would forget payments. Two whole commits in a row after a bad frame can't
//! come from a power cut, for each was synced before the next began.
//!
//! The layout is that of <https://www.sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::ledger::command::LedgerError;

const MAGIC: u32 = 0x377f_0682;
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE_MAX: u32 = 65_536;

/// A running checksum, as a frame keeps it for the next.
type Sum = (u32, u32);

/// What the log's first bytes say.
#[derive(PartialEq, Eq)]
struct Header {
    is_big_endian: bool,
    page: usize,
    salts: [u8; 8],
    sum: Sum,
}

/// Sees that the log beside a ledger was not damaged, before it is opened.
///
/// # Errors
/// [`LedgerError::Broken`] when whole commits lie beyond a damaged one.
pub(super) fn check(ledger: &Path) -> Result<(), LedgerError> {
    let mut path = ledger.as_os_str().to_owned();
    path.push("-wal");
    let path = Path::new(&path);
    // What can't be read says so when it is opened.
    let (Ok(file), true) = (File::open(path), ledger.exists()) else {
        return Ok(());
    };
    if !is_damaged(file).unwrap_or(false) {
        return Ok(());
    }
    Err(LedgerError::Broken {
        path: path.display().to_string(),
        message: "is damaged: payments were recorded in it beyond a part that can't be read; restore it together with \
                  the ledger from a backup, before anything is sent"
            .to_owned(),
    })
}

fn is_damaged(mut file: File) -> io::Result<bool> {
    let Some(header) = read_header(&mut file)? else {
        return Ok(false);
    };
    let is_found = commits_beyond_damage(&header, BufReader::new(&mut file))?;
    // Another process may have begun the log anew meanwhile, over what was being read.
    file.seek(SeekFrom::Start(0))?;
    Ok(is_found && read_header(&mut file)?.as_ref() == Some(&header))
}

/// Reads the header; none if it is not whole, for then `SQLite` has no use for what follows.
fn read_header(file: &mut File) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    if !fill(file, &mut bytes)? {
        return Ok(None);
    }
    let magic = word(&bytes, 0, true);
    let page = word(&bytes, 8, true);
    let is_big_endian = magic & 1 == 1;
    let sum = (word(&bytes, 24, true), word(&bytes, 28, true));
    let is_whole = add((0, 0), &bytes[..24], is_big_endian) == sum;
    if magic & !1 != MAGIC || !is_whole || page > PAGE_MAX || !page.is_power_of_two() {
        return Ok(None);
    }
    let mut salts = [0; 8];
    salts.copy_from_slice(&bytes[16..24]);
    Ok(usize::try_from(page).ok().map(|page| Header {
        is_big_endian,
        page,
        salts,
        sum,
    }))
}

/// Tells whether two whole commits in a row follow a frame that does not check out.
fn commits_beyond_damage(header: &Header, mut frames: impl Read) -> io::Result<bool> {
    let mut frame = vec![0; FRAME_HEADER + header.page];
    let mut before = header.sum;
    let mut is_beyond = false;
    let mut commits_in_a_row = 0;
    while fill(&mut frames, &mut frame)? {
        let (head, page) = frame.split_at(FRAME_HEADER);
        let told = (word(head, 16, true), word(head, 20, true));
        let sum = add(before, &head[..8], header.is_big_endian);
        let sum = add(sum, page, header.is_big_endian);
        let is_whole = sum == told && head[8..16] == header.salts;
        // A frame that goes with the one before it shows that it, too, was written as it stands in the chain.
        before = told;
        if !is_whole {
            is_beyond = true;
            commits_in_a_row = 0;
        } else if is_beyond && word(head, 4, true) != 0 {
            commits_in_a_row += 1;
            if commits_in_a_row == 2 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Fills the buffer; tells whether there was enough.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize, is_big_endian: bool) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    if is_big_endian {
        u32::from_be_bytes(four)
    } else {
        u32::from_le_bytes(four)
    }
}

/// Goes on with a checksum over bytes whose number is a multiple of eight.
fn add(sum: Sum, bytes: &[u8], is_big_endian: bool) -> Sum {
    bytes.chunks_exact(8).fold(sum, |(first, second), eight| {
        let first = first
            .wrapping_add(word(eight, 0, is_big_endian))
            .wrapping_add(second);
        let second = second
            .wrapping_add(word(eight, 4, is_big_endian))
            .wrapping_add(first);
        (first, second)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;

    /// A database whose log holds many commits, as a killed process leaves it.
    fn left_behind() -> (TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join("live.db");
        let connection = Connection::open(&live).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x);",
            )
            .unwrap();
        for _ in 0..20 {
            connection
                .execute("INSERT INTO t VALUES (randomblob(1000))", [])
                .unwrap();
        }
        let copy = folder.path().join("ledger.db");
        std::fs::copy(&live, &copy).unwrap();
        let log = std::fs::read(folder.path().join("live.db-wal")).unwrap();
        assert!(log.len() > 20 * 4096);
        (folder, copy, log)
    }

    fn told(ledger: &Path, log: &[u8]) -> Result<(), LedgerError> {
        let mut path = ledger.as_os_str().to_owned();
        path.push("-wal");
        std::fs::write(path, log).unwrap();
        check(ledger)
    }

    #[test]
    fn what_a_kill_or_a_power_cut_leaves_is_no_damage() {
        let (_folder, ledger, log) = left_behind();
        assert_eq!(check(&ledger), Ok(()), "no log at all");
        assert_eq!(told(&ledger, &log), Ok(()));
        for cut in (0..log.len()).step_by(1021) {
            assert_eq!(told(&ledger, &log[..cut]), Ok(()), "cut at {cut}");
        }
        // The last commit may be there in part.
        for place in (log.len() - 4120..log.len()).step_by(37) {
            let mut torn = log.clone();
            torn[place] ^= 0x55;
            assert_eq!(told(&ledger, &torn), Ok(()), "byte {place}");
        }
        // The log was begun anew, over older frames.
        let (_other, _, older) = left_behind();
        let mut anew = older;
        anew[..8 * 4120 + 32].copy_from_slice(&log[..8 * 4120 + 32]);
        assert_eq!(told(&ledger, &anew), Ok(()));
    }

    #[test]
    fn a_byte_that_changed_before_later_commits_is_damage() {
        let (_folder, ledger, log) = left_behind();
        for place in (32..10 * 4120).step_by(97) {
            let mut bad = log.clone();
            bad[place] ^= 0x01;
            let Err(LedgerError::Broken { path, message }) = told(&ledger, &bad) else {
                panic!("byte {place} is not noticed");
            };
            assert!(path.ends_with("ledger.db-wal") && message.starts_with("is damaged"));
        }
    }
}
