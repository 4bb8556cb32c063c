//! Rows of CSV as RFC 4180 has them, and where each begins: a quoted cell may hold commas and line breaks.

use std::io::{self, BufRead};

use qx_formats::{Error, Result};

use crate::Place;

/// A byte-order mark.
const BOM: &[u8] = b"\xEF\xBB\xBF";
/// Bytes of a row, at most: a table may have other columns than those that are read.
const LONGEST_ROW: u64 = 64 << 20;
/// Cells of a row, at most: each takes more than the one byte that makes it.
const MOST_CELLS: usize = 1 << 20;
/// Bytes that are taken before the length of a row is looked at: what is in memory as a whole comes in one piece.
const AT_ONCE: usize = 1 << 20;

/// The cells of one row.
#[derive(Debug, Default)]
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

    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Nothing was read into it: a row that was read has a cell at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A cell; nothing where there is none.
    #[must_use]
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
#[derive(Debug, Clone, Copy)]
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
#[derive(Debug)]
struct Scan {
    /// What stands between two cells.
    delimiter: u8,
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
        let (mut at, delimiter) = (0, self.delimiter);
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at..];
            // Bytes that mean nothing are taken at once.
            let run = match self.state {
                State::Plain => rest.iter().position(|b| *b == delimiter || matches!(b, b'\n' | b'\r')),
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
            (_, b) if b == self.delimiter => {
                row.end_cell();
                // Another one follows.
                if row.len() >= MOST_CELLS {
                    let limit = Error::limit("cell count", MOST_CELLS as u64, row.len() as u64 + 1);
                    return Err(self.start.put(limit));
                }
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
                    .expected(match self.delimiter {
                        b',' => "a comma or the end of the line",
                        b'\t' => "a tab or the end of the line",
                        _ => "the end of the cell or of the line",
                    })
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
#[derive(Debug)]
pub struct Rows<R> {
    from: R,
    scan: Scan,
}

impl<R: BufRead> Rows<R> {
    /// Begins behind a byte-order mark, if there is one. `delimiter` is usually a comma or a tab.
    ///
    /// # Errors
    /// `Io`.
    pub fn new(mut from: R, delimiter: u8) -> Result<Rows<R>> {
        let start = from.fill_buf().map_err(|e| Error::io("read", e))?;
        let skip = if start.starts_with(BOM) { BOM.len() } else { 0 };
        from.consume(skip);
        let first = Place { line: 1, offset: skip as u64 };
        let scan = Scan { delimiter, state: State::Row, here: first, start: first, returned: false, blank: 0 };
        Ok(Rows { from, scan })
    }

    /// Lines with nothing on them, so far.
    #[must_use]
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
            let (used, whole) = self.scan.take(&bytes[..bytes.len().min(AT_ONCE)], row)?;
            self.from.consume(used);
            if whole {
                return Ok(Some(self.scan.start));
            }
            self.scan.check_length()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;
    use qx_formats::Kind;

    use super::*;

    #[test]
    fn a_row_that_goes_on_and_on_is_refused_before_all_of_it_is_read() {
        let mut text = vec![b'a'; LONGEST_ROW as usize + 4 * AT_ONCE];
        text[..5].copy_from_slice(b"x\r\n\"a");
        let (mut rows, mut row) = (Rows::new(&text[..], b',').unwrap(), Row::default());
        assert_eq!(rows.next(&mut row).unwrap().map(|place| place.offset), Some(0));
        let e = rows.next(&mut row).unwrap_err();
        assert_eq!((e.kind(), e.get_offset()), (Kind::Limit, Some(3)), "{e}");
        assert!(e.message().starts_with("line 2: ") && row.text.len() <= LONGEST_ROW as usize + AT_ONCE);
    }

    #[test]
    fn a_row_of_more_cells_than_any_table_has_is_refused_before_all_of_it_is_read() {
        let text = [&b"x\n"[..], &vec![b','; 3 * MOST_CELLS]].concat();
        let (mut rows, mut row) = (Rows::new(&text[..], b',').unwrap(), Row::default());
        assert_eq!(rows.next(&mut row).unwrap().map(|place| place.offset), Some(0));
        let e = rows.next(&mut row).unwrap_err();
        assert_eq!((e.kind(), e.get_offset(), row.len()), (Kind::Limit, Some(2), MOST_CELLS), "{e}");
        // As many as that are a row.
        let text = vec![b','; MOST_CELLS - 1];
        assert!(Rows::new(&text[..], b',').unwrap().next(&mut row).unwrap().is_some() && row.len() == MOST_CELLS);
    }

    proptest! {
        #[test]
        fn rows_are_those_that_others_read(text in "[ab,\t\"\r\n]{0,30}", tabs in any::<bool>(), piece in 1usize..9) {
            let delimiter = if tabs { b'\t' } else { b',' };
            let from = BufReader::with_capacity(piece, text.as_bytes());
            let (mut rows, mut row, mut got) = (Rows::new(from, delimiter).unwrap(), Row::default(), Vec::new());
            let refused = loop {
                let place = match rows.next(&mut row) {
                    Ok(Some(place)) => place,
                    Ok(None) => break false,
                    Err(_) => break true,
                };
                let (before, rest) = text.split_at(place.offset as usize);
                let breaks = before.replace("\r\n", "\n").replace('\r', "\n").matches('\n').count() as u64;
                prop_assert!(place.line == breaks + 1 && !rest.starts_with(['\r', '\n']));
                got.push(row.cells().map(<[u8]>::to_vec).collect::<Vec<_>>());
            };
            let mut other = ::csv::ReaderBuilder::new();
            other.delimiter(delimiter).has_headers(false).flexible(true);
            let mut other = other.from_reader(text.as_bytes());
            let want = other.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
            let want: Vec<_> = want.collect();
            // Some of what others take is refused here, and nothing behind it is read.
            let agree = if refused { want.starts_with(&got) } else { got == want };
            prop_assert!(agree, "{got:?} {want:?}");
        }
    }
}
