//! Rows of CSV as RFC 4180 has them, and where each begins: a quoted cell may hold commas and line breaks.

use std::io::{self, BufRead};

use qx_formats::{Error, Result};

use super::BOM;
use super::text::Place;

/// Bytes of a row, at most: a table may have other columns than those that are read.
const LONGEST_ROW: u64 = 64 << 20;

/// The cells of one row.
#[derive(Default)]
pub struct Row {
    text: Vec<u8>,
    /// Where each cell ends in the text.
    ends: Vec<usize>,
}

impl Row {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell; nothing where there is none.
    pub fn cell(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let (Some(from), Some(&to)) = (from, self.ends.get(at)) else { return &[] };
        self.text.get(from..to).unwrap_or(&[])
    }

    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.cell(at))
    }
}

/// What the next byte is to a row.
#[derive(Clone, Copy)]
enum State {
    /// The first of a row.
    Row,
    /// The first of a cell.
    Cell,
    /// In a cell without quotes.
    Plain,
    /// In a quoted cell.
    Quoted,
    /// Behind a quote in a quoted cell, which closes it unless another one follows.
    Quote,
}

/// What is known between two bytes.
struct Scan {
    state: State,
    /// The place of the next byte.
    here: Place,
    /// Where the row begins.
    start: Place,
    /// The byte before was a carriage return: a newline behind it belongs to the same line end.
    returned: bool,
    /// Lines with nothing on them.
    blank: u64,
}

impl Scan {
    /// Takes bytes up to the end of a row: how many those are, and whether it was reached.
    fn take(&mut self, bytes: &[u8], row: &mut Row) -> Result<(usize, bool)> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at..];
            // Bytes that mean nothing are taken at once.
            let run = match self.state {
                State::Plain => rest.iter().position(|b| matches!(b, b',' | b'\n' | b'\r')),
                State::Quoted => rest.iter().position(|b| matches!(b, b'"' | b'\n' | b'\r')),
                State::Row | State::Cell | State::Quote => Some(0),
            };
            let run = run.unwrap_or(rest.len());
            if run > 0 {
                row.text.extend_from_slice(&rest[..run]);
                self.here.offset += run as u64;
                self.returned = false;
                at += run;
                continue;
            }
            at += 1;
            if self.step(byte, row)? {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    /// Takes one byte; whether the row ends with it.
    fn step(&mut self, byte: u8, row: &mut Row) -> Result<bool> {
        let place = self.here;
        let breaks = matches!(byte, b'\n' | b'\r');
        let second = self.returned && byte == b'\n';
        self.here.offset += 1;
        self.here.line += u64::from(breaks && !second);
        self.returned = byte == b'\r';
        if matches!(self.state, State::Row) && !breaks {
            self.start = place;
        }
        self.state = match (self.state, byte) {
            (State::Row, b'\n' | b'\r') => {
                self.blank += u64::from(!second);
                State::Row
            }
            (State::Quoted, b'"') => State::Quote,
            (State::Quoted, _) | (State::Quote, b'"') => {
                row.text.push(byte);
                State::Quoted
            }
            (_, b',') => {
                row.end_cell();
                State::Cell
            }
            (_, b'\n' | b'\r') => {
                row.end_cell();
                self.state = State::Row;
                return Ok(true);
            }
            (State::Row | State::Cell, b'"') => State::Quoted,
            (State::Quote, _) => {
                return Err(place
                    .error("text behind the quote that closes a cell")
                    .expected("a comma or the end of the line")
                    .got(byte.escape_ascii())
                    .hint("a quote inside of a quoted cell is written twice"));
            }
            (State::Row | State::Cell | State::Plain, _) => {
                row.text.push(byte);
                State::Plain
            }
        };
        Ok(false)
    }

    /// The row that the end of the input ends.
    fn end(&mut self, row: &mut Row) -> Result<Option<Place>> {
        match self.state {
            State::Row => return Ok(None),
            State::Quoted => {
                let open = self.start.error("a quoted cell is not closed");
                return Err(open.hint("a quote inside of one is written twice"));
            }
            State::Cell | State::Plain | State::Quote => {}
        }
        row.end_cell();
        self.state = State::Row;
        Ok(Some(self.start))
    }

    /// Refuses a row that goes on and on.
    fn check_length(&self) -> Result<()> {
        let length = self.here.offset - self.start.offset;
        if matches!(self.state, State::Row) || length <= LONGEST_ROW {
            return Ok(());
        }
        let limit = Error::limit("row length", LONGEST_ROW, length);
        Err(self.start.put(limit.hint("a quoted cell that is not closed takes in all that follows")))
    }
}

/// Reads rows, one after the other.
pub struct Rows<R> {
    from: R,
    scan: Scan,
}

impl<R: BufRead> Rows<R> {
    /// Begins behind a byte-order mark, if there is one.
    pub fn new(mut from: R) -> Result<Rows<R>> {
        let start = from.fill_buf().map_err(|e| Error::io("read", e))?;
        let skip = if start.starts_with(BOM) { BOM.len() } else { 0 };
        from.consume(skip);
        let first = Place { line: 1, offset: skip as u64 };
        Ok(Rows { from, scan: Scan { state: State::Row, here: first, start: first, returned: false, blank: 0 } })
    }

    /// Lines with nothing on them, so far.
    pub fn blank(&self) -> u64 {
        self.scan.blank
    }

    /// Reads the next row that is not blank, and tells where it begins; `None` at the end.
    ///
    /// # Errors
    /// `Invalid` and `Limit` with line and offset; `Io`.
    pub fn next(&mut self, row: &mut Row) -> Result<Option<Place>> {
        row.clear();
        loop {
            let bytes = match self.from.fill_buf() {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::io("read", e)),
            };
            if bytes.is_empty() {
                return self.scan.end(row);
            }
            let (used, whole) = self.scan.take(bytes, row)?;
            self.from.consume(used);
            if whole {
                return Ok(Some(self.scan.start));
            }
            self.scan.check_length()?;
        }
    }
}
