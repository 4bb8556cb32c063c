//! The forms in which pairs are read, each as a stream.

mod columns;
mod csv;
mod detect;
mod document;
#[cfg(test)]
mod tests;
mod text;

use qx_formats::dict_seg::DictSeg;
use qx_formats::{Error, Result};
use qx_io::Place;

use crate::Builder;
use crate::record::{Line, Pair};
pub use detect::{Form, detect, refuse_by_name};
pub use text::Input;
use text::each_line;

/// A byte-order mark.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Columns of tables, by name.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    pub key: Option<String>,
    pub label: Option<String>,
    pub id: Option<String>,
}

impl Columns {
    fn any(&self) -> bool {
        self.key.is_some() || self.label.is_some() || self.id.is_some()
    }
}

/// Where the column of this name is; which of two of one name is meant cannot be told.
fn find_column(names: &[impl AsRef<str>], name: &str) -> Result<Option<usize>> {
    let mut places = (0..names.len()).filter(|&i| names[i].as_ref() == name);
    let first = places.next();
    if places.next().is_none() {
        return Ok(first);
    }
    let all: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    Err(Error::invalid(format!("two columns are named {name}")).got(all.join(", ")).hint("rename one of them"))
}

/// What to do about an input whose form cannot be told.
fn say_the_form(look: &[u8]) -> &'static str {
    let first = look.split(|&b| b == b'\n').next().unwrap_or_default();
    if first.contains(&b'\t') {
        "say --input tsv if it holds columns in some other encoding"
    } else {
        "say --input lines if it holds one key a line in some other encoding, --input csv if it holds columns"
    }
}

/// Reads inputs, one after the other, into one builder.
pub struct Reader<'a> {
    builder: &'a mut Builder,
    /// Label of pairs that name none.
    label: &'a [u8],
    columns: Columns,
    /// Lines of plain keys remove them.
    removes: bool,
    /// Pairs read.
    pub pairs: u64,
    /// Blank lines, which are skipped.
    pub blank: u64,
    /// Lines that end in a carriage return, which stays part of the key.
    pub returns: u64,
    /// Inputs that begin with a byte-order mark, which stays part of what stands first.
    pub marks: u64,
}

fn json_message(e: &serde_json::Error) -> String {
    let text = e.to_string();
    // The place is told in our own words.
    text.rfind(" at line ").map_or(text.clone(), |at| text[..at].to_owned())
}

/// An id in a cell; an empty one is the next free one.
fn parse_id(cell: &[u8], place: Place) -> Result<Option<u64>> {
    if cell.is_empty() {
        return Ok(None);
    }
    let number = std::str::from_utf8(cell).ok().and_then(|t| t.parse().ok());
    let bad = || place.error("not an id").expected("a number from 0 on").got(cell.escape_ascii());
    number.map(Some).ok_or_else(bad)
}

impl<'a> Reader<'a> {
    pub fn new(builder: &'a mut Builder, label: &'a [u8], columns: Columns) -> Self {
        Reader { builder, label, columns, removes: false, pairs: 0, blank: 0, returns: 0, marks: 0 }
    }

    /// Names the columns of what is read from now on.
    pub fn name_columns(&mut self, columns: Columns) {
        self.columns = columns;
    }

    /// What is read from now on is removed rather than written.
    pub fn removing(&mut self, removes: bool) {
        self.removes = removes;
    }

    /// Refuses names of columns for an input that has none: they would say nothing, and a whole row might become a key.
    /// A segment or what is to be removed, beside tables, is let pass.
    fn check_columns(&self, form: Form) -> Result<()> {
        let name = match form {
            Form::Ndjson => "ndjson",
            Form::Json => "json",
            Form::Tsv => "tsv",
            Form::Lines => "lines",
            Form::Csv | Form::Parquet | Form::Arrow | Form::Seg => return Ok(()),
        };
        if self.removes || !self.columns.any() {
            return Ok(());
        }
        Err(Error::usage(format!("columns are named, but this input is read as {name}, whose columns have no names"))
            .expected("CSV, Parquet or Arrow")
            .hint("leave --key-column, --label-column and --id-column out, or say --input csv"))
    }

    /// Reads one input, its form told by name and content unless it is given.
    ///
    /// # Errors
    /// `Usage` where columns are named and the input has no names of columns; `Invalid` with line and offset for what is no
    /// pair; `Corrupt` for a damaged segment; `Io`; those of a [`Builder`].
    pub fn input(&mut self, input: Input, form: Option<Form>) -> Result<()> {
        let form = match form {
            Some(form) => form,
            None if input.file().is_some_and(|path| path.extension().is_some_and(|e| e == "csv")) => Form::Csv,
            None => detect(&input.look, input.more)?.ok_or_else(|| {
                Error::invalid("cannot tell the form of this input: it is neither text nor a segment")
                    .offset(0)
                    .hint(say_the_form(&input.look))
            })?,
        };
        self.check_columns(form)?;
        match form {
            Form::Seg => self.segment(&input.whole()?),
            Form::Json => self.document(input.reader()),
            Form::Ndjson => self.ndjson(input.reader()),
            Form::Tsv => self.tsv(input.reader()),
            Form::Csv => self.csv(input.reader()),
            Form::Lines => self.lines(input.reader(), |r, line, _| r.pair(None, line, None)),
            Form::Parquet => self.parquet(input.whole()?),
            Form::Arrow => self.arrow(input),
        }
    }

    fn pair(&mut self, label: Option<&[u8]>, key: &[u8], id: Option<u64>) -> Result<()> {
        let label = label.unwrap_or(self.label);
        self.pairs += 1;
        if self.removes { self.builder.remove(label, key) } else { self.builder.insert(label, key, id) }
    }

    fn segment(&mut self, bytes: &[u8]) -> Result<()> {
        // An input is believed only when its checksums hold.
        let seg = DictSeg::open(bytes)?.checked(true);
        let mut cursor = seg.cursor();
        while let Some(e) = cursor.next_entry()? {
            self.pair(Some(e.label), e.key, Some(e.id))?;
        }
        self.issued(seg.next_id());
        Ok(())
    }

    /// Takes the next free id of an input; one that names what is to be removed issued nothing here.
    fn issued(&mut self, next_id: u64) {
        if !self.removes {
            self.builder.reserve_ids_up_to(next_id);
        }
    }

    fn lines(
        &mut self,
        from: impl std::io::BufRead,
        mut each: impl FnMut(&mut Self, &[u8], Place) -> Result<()>,
    ) -> Result<()> {
        each_line(from, |line, place| {
            if line.is_empty() || line == b"\r" {
                self.blank += 1;
                return Ok(());
            }
            self.returns += u64::from(line.ends_with(b"\r"));
            self.marks += u64::from(place.line == 1 && line.starts_with(BOM));
            each(self, line, place).map_err(|e| if e.get_offset().is_some() { e } else { place.put(e) })
        })
    }

    fn tsv(&mut self, from: impl std::io::BufRead) -> Result<()> {
        let mut columns = None;
        self.lines(from, |r, line, place| {
            let mut cells = [&b""[..]; 3];
            let mut count = 0;
            for cell in line.split(|&b| b == b'\t') {
                if let Some(slot) = cells.get_mut(count) {
                    *slot = cell;
                }
                count += 1;
            }
            let first = *columns.get_or_insert(count);
            if count != first || first > 3 {
                return Err(place
                    .error("wrong number of columns")
                    .expected(if first > 3 { "at most 3".to_owned() } else { format!("{first}, as on the first line") })
                    .got(count)
                    .hint("a key or label that holds a tab needs --input ndjson"));
            }
            // An id has no carriage return: behind one, it is the end of a line as other systems write it.
            if let Some(id) = count.checked_sub(1).filter(|at| *at > 0).and_then(|at| cells.get_mut(at))
                && let Some(bare) = id.strip_suffix(b"\r")
            {
                *id = bare;
                r.returns -= 1;
            }
            match (count, cells) {
                (1, [key, ..]) => r.pair(None, key, None),
                (2, [key, id, _]) => r.pair(None, key, parse_id(id, place)?),
                (_, [label, key, id]) => r.pair(Some(label), key, parse_id(id, place)?),
            }
        })
    }

    fn ndjson(&mut self, from: impl std::io::BufRead) -> Result<()> {
        let before = (self.returns, self.marks);
        self.lines(from, |r, line, place| {
            let skip = if place.line == 1 && line.starts_with(BOM) { BOM.len() } else { 0 };
            let line = &line[skip..];
            if line.iter().all(u8::is_ascii_whitespace) {
                r.blank += 1;
                return Ok(());
            }
            let read: Line = serde_json::from_slice(line).map_err(|e| {
                let column = e.column().saturating_sub(1) as u64;
                Place { offset: place.offset + skip as u64 + column, ..place }.error(json_message(&e))
            })?;
            match read {
                Line::Pair(p) => r.pair(p.label.as_deref(), &p.key, p.id),
                Line::Remove(p) => {
                    r.pairs += 1;
                    r.builder.remove(p.label.as_deref().unwrap_or(r.label), &p.key)
                }
                Line::Summary { next_id } => {
                    r.issued(next_id.unwrap_or(0));
                    Ok(())
                }
            }
        })?;
        // White space around JSON means nothing, and neither does a mark in front of it.
        (self.returns, self.marks) = before;
        Ok(())
    }
}
