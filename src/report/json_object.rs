//! One JSON object written as it comes, so that a list of a million jobs is never held: fields in lines of their
//! own, list items one to a line.

use std::io::{self, Write};

use serde::Serialize;

/// An object being written.
pub(super) struct ObjectWriter<W> {
    out: W,
    is_empty: bool,
}

impl<W: Write> ObjectWriter<W> {
    /// Opens the object.
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self {
            out,
            is_empty: true,
        })
    }

    /// Writes a field.
    pub(super) fn field(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        serde_json::to_writer(&mut self.out, value)?;
        Ok(())
    }

    /// Opens a field that is a list; its items follow with [`ListWriter::item`].
    pub(super) fn list(&mut self, name: &str) -> io::Result<ListWriter> {
        self.name(name)?;
        self.out.write_all(b"[")?;
        Ok(ListWriter { is_empty: true })
    }

    /// Writes an item of the list that is open.
    pub(super) fn item(&mut self, list: &mut ListWriter, value: &impl Serialize) -> io::Result<()> {
        self.out
            .write_all(if list.is_empty { b"\n  " } else { b",\n  " })?;
        list.is_empty = false;
        serde_json::to_writer(&mut self.out, value)?;
        Ok(())
    }

    /// Closes the list that is open.
    pub(super) fn end_list(&mut self, list: ListWriter) -> io::Result<()> {
        self.out
            .write_all(if list.is_empty { b"]" } else { b"\n]" })
    }

    /// Closes the object and returns the writer.
    pub(super) fn end(mut self) -> io::Result<W> {
        self.out.write_all(b"\n}\n")?;
        Ok(self.out)
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        self.out
            .write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        serde_json::to_writer(&mut self.out, name)?;
        self.out.write_all(b": ")
    }
}

/// A list that is open in an [`ObjectWriter`].
pub(super) struct ListWriter {
    is_empty: bool,
}
