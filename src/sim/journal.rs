//! The state file: one JSON object per line, appended before an answer leaves, replayed at the start.
//!
//! It survives the death of the process, not of the machine: a rehearsal is not worth a disk flush per request.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::event::Event;
use super::simulator::SimError;

/// An open state file.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens or makes a state file and hands over every event in it; a torn last line is cut off.
    ///
    /// # Errors
    /// [`SimError::StateFile`] when it can't be read or written, another process has it open, or a line before the
    /// last is no event.
    pub(crate) fn open(path: &Path, mut each: impl FnMut(Event)) -> Result<Self, SimError> {
        let fault = |message: String| SimError::StateFile {
            path: path.to_owned(),
            message,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| fault(error.to_string()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(fault("another process has it open".to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(fault(error.to_string())),
        }
        let good = replay(&file, &mut each).map_err(fault)?;
        file.set_len(good)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|error| fault(error.to_string()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Appends events in one write.
    ///
    /// # Errors
    /// [`SimError::StateFile`] when they could not be written; the state must not move then.
    pub(crate) fn append(&mut self, events: &[Event]) -> Result<(), SimError> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event).expect("events have text keys only");
            lines.push(b'\n');
        }
        self.file
            .write_all(&lines)
            .map_err(|error| SimError::StateFile {
                path: self.path.clone(),
                message: error.to_string(),
            })
    }
}

/// Reads events and returns how many bytes of whole lines there are.
fn replay(file: &File, each: &mut impl FnMut(Event)) -> Result<u64, String> {
    let mut reader = BufReader::new(file);
    let mut good = 0;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        let length = read.map_err(|error| error.to_string())?;
        if line.last() != Some(&b'\n') {
            break;
        }
        let event = serde_json::from_slice(&line)
            .map_err(|error| format!("line {number} is no event of a simulator: {error}"))?;
        each(event);
        good += u64::try_from(length).unwrap_or(0);
    }
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Credits;

    fn event(at: i64) -> Event {
        Event::ToppedUp {
            at,
            credits: Credits::new(5),
            extra_credits: Credits::ZERO,
        }
    }

    fn read(path: &Path) -> Result<Vec<i64>, String> {
        let mut found = Vec::new();
        Journal::open(path, |event| found.push(event.at()))
            .map(|_| found)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn events_come_back_and_a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        let mut journal = Journal::open(&path, |_| unreachable!()).unwrap();
        journal.append(&[event(1), event(2)]).unwrap();
        drop(journal);
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"event\":\"topped-u");
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path), Ok(vec![1, 2]));
        let mut journal = Journal::open(&path, |_| {}).unwrap();
        journal.append(&[event(3)]).unwrap();
        drop(journal);
        assert_eq!(read(&path), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn a_file_of_something_else_and_a_file_in_use_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "dear diary\n").unwrap();
        assert!(read(&path).unwrap_err().contains("line 1"));
        let other = folder.path().join("state.jsonl");
        let _held = Journal::open(&other, |_| {}).unwrap();
        assert!(read(&other).unwrap_err().contains("another process"));
    }
}
