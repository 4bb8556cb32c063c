//! stdout: buffered, checked, quiet when the reader has gone.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use qx_formats::{Error, Kind, Result};
use serde::Serialize;

use crate::Table;

/// The data side of a tool. Every write is checked; the last flush is too.
pub struct Out {
    sink: BufWriter<Stdout>,
    /// stdout is a terminal.
    pub terminal: bool,
    /// Colour is wanted on stdout.
    pub color: bool,
    /// `--json` was given.
    pub json: bool,
}

/// Marks an error as "the reader of our output has gone", which ends a tool quietly.
pub(crate) const CLOSED: &str = "stdout is closed";

pub(crate) fn write_error(e: io::Error) -> Error {
    if e.kind() == io::ErrorKind::BrokenPipe {
        return Error::new(Kind::Cancelled, CLOSED).source(e);
    }
    Error::io("write to stdout", e)
}

impl Out {
    pub(crate) fn new(json: bool, color: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Out { sink: BufWriter::with_capacity(64 << 10, stdout), terminal, color, json }
    }

    /// Writes raw bytes.
    ///
    /// # Errors
    /// `Io`; `Cancelled` when the reader has gone.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.write_all(bytes).map_err(write_error)
    }

    /// Writes one line.
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn line(&mut self, line: impl AsRef<[u8]>) -> Result<()> {
        self.bytes(line.as_ref())?;
        self.bytes(b"\n")
    }

    /// Writes one JSON value on a line of its own.
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn record(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.sink, value).map_err(|e| write_error(e.into()))?;
        self.bytes(b"\n")
    }

    /// Prints a table, in the width of the terminal when there is one.
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn table(&mut self, table: &Table) -> Result<()> {
        let text = table.render(self.terminal, self.color);
        self.bytes(text.as_bytes())
    }

    /// Makes what was written so far visible to the reader (for `--ack` and `follow`).
    ///
    /// # Errors
    /// As [`Out::bytes`].
    pub fn flush(&mut self) -> Result<()> {
        self.sink.flush().map_err(write_error)
    }

    pub(crate) fn finish(&mut self) -> Result<()> {
        self.flush()
    }
}

impl Write for Out {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.sink.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
