//! What tells a changed file from an unchanged one without reading it again.

use std::fs::Metadata;
use std::time::SystemTime;

/// Which file it is, how long, and when it was last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// The device, the file's number there, and the time of any change, which nobody can set back.
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

impl Stamp {
    /// Returns the stamp of a file; of an open one, or by its path.
    #[must_use]
    pub fn of(file: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            length: file.len(),
            modified: file.modified().ok(),
            #[cfg(unix)]
            inode: (file.dev(), file.ino(), file.ctime(), file.ctime_nsec()),
        }
    }

    /// Returns the file's length, in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }
}
