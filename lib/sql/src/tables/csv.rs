//! Separated text, as RFC 4180 has it and as PostgreSQL reads it: a field without anything is null, one that is quoted
//! is text even when it is empty.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use qx_formats::{Error, Kind, Result};

const BUFFER_BYTES: usize = 1 << 20;
/// A record, with the line ends in its quoted fields. What is longer is a quote that nobody closed.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// The fields of one record, end to end; `None` is null.
#[derive(Debug, Default)]
struct Record {
    bytes: Vec<u8>,
    /// End of each field, and whether it is null.
    ends: Vec<(usize, bool)>,
}

impl Record {
    fn fields(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut start = 0;
        self.ends.iter().map(move |(end, null)| {
            let field = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            (!null).then_some(field)
        })
    }
}

/// Records of an input, as batches of text columns.
pub(super) struct Csv {
    reader: BufReader<Box<dyn Read + Send>>,
    path: PathBuf,
    delimiter: u8,
    batch_rows: usize,
    schema: SchemaRef,
    /// Lines that were read.
    line: u64,
    text: Vec<u8>,
    done: bool,
}

impl Csv {
    /// Reads `input`, whose columns have these names, or those that its first line says.
    ///
    /// # Errors
    /// `Invalid` with the path when the header is missing; `Io`.
    pub fn open(
        input: Box<dyn Read + Send>,
        path: &Path,
        delimiter: u8,
        batch_rows: usize,
        names: Option<&[String]>,
    ) -> Result<Csv> {
        let reader = BufReader::with_capacity(BUFFER_BYTES, input);
        let schema = Arc::new(Schema::empty());
        let (text, path) = (Vec::new(), path.to_path_buf());
        let mut csv = Csv { reader, path, delimiter, batch_rows, schema, line: 0, text, done: false };
        let names = match names {
            Some(names) => names.to_vec(),
            None => csv.header()?,
        };
        let fields: Vec<Field> = names.iter().map(|n| Field::new(n, DataType::Utf8, true)).collect();
        csv.schema = Arc::new(Schema::new(fields));
        Ok(csv)
    }

    fn header(&mut self) -> Result<Vec<String>> {
        let missing =
            |path: &Path| Error::invalid("the header is missing").path(path).hint("an input without one: HEADER false");
        let mut record = Record::default();
        if !self.record(&mut record)? || self.text.iter().all(u8::is_ascii_whitespace) {
            return Err(missing(&self.path));
        }
        let text = |field: Option<&[u8]>| String::from_utf8_lossy(field.unwrap_or_default()).into_owned();
        let mut names: Vec<String> = record.fields().map(text).collect();
        if let Some(first) = names.first_mut() {
            *first = first.trim_start_matches('\u{feff}').to_owned();
        }
        Ok(names)
    }

    fn wrong(&self, line: u64, what: &str) -> Error {
        Error::invalid(format!("line {line}: {what}")).path(&self.path)
    }

    /// One more line behind what is there; false at the end of the input.
    fn more(&mut self) -> Result<bool> {
        let room = (MAX_RECORD_BYTES - self.text.len().min(MAX_RECORD_BYTES)) as u64;
        let mut limited = (&mut self.reader).take(room);
        let n = limited.read_until(b'\n', &mut self.text).map_err(|e| Error::io("read", e).path(&self.path))?;
        self.line += u64::from(n > 0);
        if self.text.len() >= MAX_RECORD_BYTES {
            return Err(Error::limit("bytes of a record", MAX_RECORD_BYTES as u64, self.text.len() as u64)
                .path(&self.path)
                .hint(format!("a quote before line {} may not be closed", self.line)));
        }
        Ok(n > 0)
    }

    /// Reads one record; false at the end of the input.
    fn record(&mut self, record: &mut Record) -> Result<bool> {
        record.bytes.clear();
        record.ends.clear();
        self.text.clear();
        if !self.more()? {
            return Ok(false);
        }
        let begin = self.line;
        let mut at = 0;
        loop {
            let quoted = self.text.get(at) == Some(&b'"');
            if quoted {
                at = self.quoted(at + 1, record, begin)?;
            } else {
                let rest = self.text.get(at..).unwrap_or_default();
                let len = rest.iter().position(|b| *b == self.delimiter || *b == b'\n').unwrap_or(rest.len());
                let field = rest.get(..len).unwrap_or_default();
                let ends_line = rest.get(len) != Some(&self.delimiter);
                let field = if ends_line { field.strip_suffix(b"\r").unwrap_or(field) } else { field };
                record.bytes.extend_from_slice(field);
                at += len;
            }
            let start = record.ends.last().map_or(0, |(end, _)| *end);
            record.ends.push((record.bytes.len(), !quoted && record.bytes.len() == start));
            match self.text.get(at) {
                Some(b) if *b == self.delimiter => at += 1,
                Some(b'\r') if self.text.get(at + 1) == Some(&b'\n') => return Ok(true),
                None | Some(b'\n') => return Ok(true),
                Some(_) => return Err(self.wrong(self.line, "text behind the closing quote of a field")),
            }
        }
    }

    /// Takes a quoted field from behind its first quote, over as many lines as it has; returns where it ends.
    fn quoted(&mut self, mut at: usize, record: &mut Record, begin: u64) -> Result<usize> {
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            match rest.iter().position(|b| *b == b'"') {
                None => {
                    record.bytes.extend_from_slice(rest);
                    at = self.text.len();
                    if !self.more()? {
                        return Err(self.wrong(begin, "a quoted field is not closed"));
                    }
                }
                Some(len) => {
                    record.bytes.extend_from_slice(rest.get(..len).unwrap_or_default());
                    at += len + 1;
                    if self.text.get(at) != Some(&b'"') {
                        return Ok(at);
                    }
                    record.bytes.push(b'"');
                    at += 1;
                }
            }
        }
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let width = self.schema.fields().len();
        let mut columns: Vec<StringBuilder> = (0..width).map(|_| StringBuilder::new()).collect();
        let (mut rows, mut record) = (0, Record::default());
        while rows < self.batch_rows {
            let line = self.line + 1;
            if !self.record(&mut record)? {
                self.done = true;
                break;
            }
            // A line without anything is no record, unless a record is one field.
            if width > 1 && record.ends == [(0, true)] {
                continue;
            }
            if record.ends.len() != width {
                let got = record.ends.len();
                return Err(self.wrong(line, "a record of another width").expected(format!("{width} fields")).got(got));
            }
            for (column, field) in columns.iter_mut().zip(record.fields()) {
                match field {
                    None => column.append_null(),
                    Some(bytes) => match std::str::from_utf8(bytes) {
                        Ok(text) => column.append_value(text),
                        Err(_) => return Err(self.wrong(line, "a field is not UTF-8")),
                    },
                }
            }
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = columns.into_iter().map(|mut c| Arc::new(c.finish()) as ArrayRef).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        batch.map(Some).map_err(|e| Error::new(Kind::Engine, e.to_string()))
    }
}

impl Iterator for Csv {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.batch();
        self.done |= batch.is_err();
        batch.transpose()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, AsArray};

    use super::*;

    fn read(text: &'static str, names: Option<&[&str]>) -> Result<Vec<Vec<Option<String>>>> {
        let names: Option<Vec<String>> = names.map(|n| n.iter().map(|n| (*n).to_owned()).collect());
        let csv = Csv::open(Box::new(text.as_bytes()), Path::new("x.csv"), b',', 2, names.as_deref())?;
        let mut rows = Vec::new();
        for batch in csv {
            let batch = batch?;
            for at in 0..batch.num_rows() {
                let cell = |c: &ArrayRef| (!c.is_null(at)).then(|| c.as_string::<i32>().value(at).to_owned());
                rows.push(batch.columns().iter().map(cell).collect());
            }
        }
        Ok(rows)
    }

    #[test]
    fn an_empty_field_is_null_unless_it_is_quoted() {
        let some = |s: &str| Some(s.to_owned());
        let rows = read("\u{feff}a,b,c\n1,,\"\"\r\n\n\"x,\n\"\"y\"\"\", z ,\r\n,,", None).unwrap();
        assert_eq!(rows, [[some("1"), None, some("")], [some("x,\n\"y\""), some(" z "), None], [None, None, None],]);
        assert_eq!(read("1\n\n\"\"\n", Some(&["a"])).unwrap(), [[some("1")], [None], [some("")]]);
        assert_eq!(read("a\"b,c\n", Some(&["a", "b"])).unwrap(), [[some("a\"b"), some("c")]]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, what) in [
            ("a,b\n1,2\n3\n", "line 3: a record of another width"),
            ("a,b\n1,\"x\n\n", "line 2: a quoted field is not closed"),
            ("a,b\n1,\"x\"y\n", "line 2: text behind the closing quote of a field"),
            ("\n1,2\n", "the header is missing"),
            ("", "the header is missing"),
        ] {
            assert_eq!(read(text, None).unwrap_err().message(), what, "{text:?}");
        }
    }
}
