//! Where a line of text stands, in words that people and programs find it by.

use std::fmt;

use qx_formats::{Error, Kind};

/// Where a line stands in its input.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// Bytes before it.
    pub offset: u64,
}

impl Place {
    /// `Invalid`, with line and offset.
    #[must_use]
    pub fn error(self, what: impl fmt::Display) -> Error {
        Error::invalid(format!("line {}: {what}", self.line)).offset(self.offset)
    }

    /// An error that came from elsewhere, with its place.
    #[must_use]
    pub fn put(self, e: Error) -> Error {
        if matches!(e.kind(), Kind::Cancelled | Kind::Io) {
            return e;
        }
        e.reworded(|message| format!("line {}: {message}", self.line)).offset(self.offset)
    }
}
