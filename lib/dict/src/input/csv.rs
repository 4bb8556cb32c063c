//! CSV: as TSV, with quotes; a first row that names its columns orders them.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use qx_formats::{Error, Kind, Result};

use super::detect::is_header;
use super::text::Place;
use super::{Reader, find_column, parse_id};

/// Places of the columns in a row.
#[derive(Clone, Copy)]
struct Layout {
    label: Option<usize>,
    key: usize,
    id: Option<usize>,
    columns: usize,
}

/// Bytes of a row, at most: a table may have other columns than those that are read.
const LONGEST_ROW: u64 = 64 << 20;
/// A row that is put behind the input: a quoted cell that is not closed takes it in, as it does all rows before it.
const END: &[u8] = b"the end of the input";

/// An input that knows how much of it was read, and where the row begins that is being read.
struct Watched<R> {
    inner: R,
    read: Rc<Cell<u64>>,
    row: Rc<Cell<u64>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.read.get().saturating_sub(self.row.get()) > LONGEST_ROW {
            return Err(io::Error::other("a row without an end"));
        }
        let n = self.inner.read(buf)?;
        self.read.set(self.read.get() + n as u64);
        Ok(n)
    }
}

/// Why no row could be read at this place, so much having been read.
fn failed(e: ::csv::Error, place: Place, read: u64) -> Error {
    let length = read.saturating_sub(place.offset);
    if length > LONGEST_ROW {
        let limit = Error::limit("row length", LONGEST_ROW, length);
        return place.put(limit.hint("a quoted cell that is not closed takes in all that follows"));
    }
    if e.is_io_error() { Error::io("read", e.into()) } else { place.error(e) }
}

impl Reader<'_> {
    pub(super) fn csv(&mut self, from: impl BufRead) -> Result<()> {
        let (read, start) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let watched = Watched { inner: from, read: Rc::clone(&read), row: Rc::clone(&start) };
        let end = io::Cursor::new([&b"\n"[..], END, b"\n"].concat());
        let from = watched.chain(end);
        let mut csv = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(from);
        let mut row = ::csv::ByteRecord::new();
        let mut layout = None;
        loop {
            let at = csv.position().clone();
            let mut place = Place { line: at.line(), offset: at.byte() };
            start.set(place.offset);
            if !csv.read_byte_record(&mut row).map_err(|e| failed(e, place, read.get()))? {
                return Ok(());
            }
            if let Some(at) = row.position() {
                place = Place { line: at.line(), offset: at.byte() };
            }
            if csv.position().byte() > read.get() + 1 {
                // The row goes on behind the input.
                let ended = row.len() == 1 && row.get(0) == Some(END);
                let open = || place.error("a quoted cell is not closed").hint("a quote inside of one is written twice");
                return if ended { Ok(()) } else { Err(open()) };
            }
            let layout = match layout {
                Some(layout) => layout,
                None => {
                    let (found, names) = self.csv_layout(&row, place)?;
                    layout = Some(found);
                    if names {
                        continue;
                    }
                    found
                }
            };
            if row.len() != layout.columns {
                return Err(place
                    .error("wrong number of columns")
                    .expected(format!("{}, as in the first row", layout.columns))
                    .got(row.len()));
            }
            let cell = |at: usize| row.get(at).unwrap_or_default();
            let id = layout.id.map_or(Ok(None), |at| parse_id(cell(at), place))?;
            self.pair(layout.label.map(cell), cell(layout.key), id).map_err(|e| place.put(e))?;
        }
    }

    /// What the first row says, and whether it names the columns rather than being a pair.
    fn csv_layout(&self, row: &::csv::ByteRecord, place: Place) -> Result<(Layout, bool)> {
        let names: Vec<&str> = row.iter().map(|c| std::str::from_utf8(c).unwrap_or_default().trim()).collect();
        let bom = |name: &&str| name.trim_start_matches('\u{FEFF}').to_owned();
        let names: Vec<String> = names.iter().map(bom).collect();
        let find = |name: &str| find_column(&names, name).map_err(|e| place.put(e));
        let asked = &self.columns;
        if asked.key.is_some() || asked.label.is_some() || asked.id.is_some() || is_header(names.iter().map(|n| &n[..]))
        {
            let named = |asked: &Option<String>, usual: &str| match asked {
                None => find(usual),
                Some(name) => find(name)?.map(Some).ok_or_else(|| {
                    Error::new(Kind::NotFound, format!("no column {name}"))
                        .expected("one of the first row")
                        .got(names.join(", "))
                }),
            };
            let key = named(&asked.key, "key")?.ok_or_else(|| place.error("the first row names no column `key`"))?;
            let (label, id) = (named(&asked.label, "label")?, named(&asked.id, "id")?);
            return Ok((Layout { label, key, id, columns: names.len() }, true));
        }
        let layout = |label, key, id| Layout { label, key, id, columns: names.len() };
        match names.len() {
            1 => Ok((layout(None, 0, None), false)),
            2 => Ok((layout(None, 0, Some(1)), false)),
            3 => Ok((layout(Some(0), 1, Some(2)), false)),
            n => Err(place
                .error("wrong number of columns")
                .expected("at most 3, or a first row that names them")
                .got(n)
                .hint("name them with --key-column, --label-column, --id-column")),
        }
    }
}
