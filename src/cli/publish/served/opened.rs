//! A local file that is open, and is handed out only as long as it is what was hashed.

use std::io::{Error, Result};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::exec::{CheckedFile, Stamp};

/// How much is read at once, in bytes.
const PIECE: usize = 128 * 1024;

pub(super) struct Opened {
    file: File,
    stamp: Stamp,
    /// How many bytes are still to be read.
    left: u64,
}

impl Opened {
    /// Opens a file.
    ///
    /// # Errors
    /// When it can't be opened, or is not the one that was checked.
    pub(super) async fn open(found: &CheckedFile) -> Result<Self> {
        // By its path first: opening a pipe could wait without end.
        let there = tokio::fs::metadata(&found.path).await?;
        if Stamp::of(&there) != found.stamp {
            return Err(changed());
        }
        let opened = Self {
            file: File::open(&found.path).await?,
            stamp: found.stamp.clone(),
            left: found.stamp.length(),
        };
        opened.check().await?;
        Ok(opened)
    }

    /// Fails once the file is not as it was: the path may lead elsewhere now, or somebody wrote to it.
    async fn check(&self) -> Result<()> {
        match Stamp::of(&self.file.metadata().await?) == self.stamp {
            true => Ok(()),
            false => Err(changed()),
        }
    }

    /// Returns the content, which breaks off where the file changes while it is read.
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(stream::try_unfold(self, Self::next))
    }

    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; PIECE];
        let count = self.file.read(&mut piece).await?;
        piece.truncate(count);
        self.check().await?;
        let count = u64::try_from(count).map_err(Error::other)?;
        self.left = match count {
            0 => return Err(changed()),
            _ => self.left.checked_sub(count).ok_or_else(changed)?,
        };
        Ok(Some((piece.into(), self)))
    }
}

fn changed() -> Error {
    Error::other("it was changed since it was hashed")
}
