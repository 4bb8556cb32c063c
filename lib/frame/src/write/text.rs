//! The text formats.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use qx_formats::{Error, Result};

use super::cell::Cells;

/// One object a line. A null column is left out, as a missing key reads back the same; inside a list it is written.
pub struct NdjsonWriter<W: Write> {
    out: W,
    line: Vec<u8>,
}

/// Text gathered before it is handed on.
const GATHERED: usize = 64 << 10;

impl<W: Write> NdjsonWriter<W> {
    pub fn new(out: W) -> Self {
        NdjsonWriter { out, line: Vec::new() }
    }

    /// # Errors
    /// `Io`.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = Cells::of_batch(batch)?;
        for row in 0..batch.num_rows() {
            columns.json(row, &mut self.line);
            self.line.push(b'\n');
            if self.line.len() >= GATHERED {
                self.hand_on()?;
            }
        }
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<()> {
        self.out.write_all(&self.line).map_err(|e| Error::io("write", e))?;
        self.line.clear();
        Ok(())
    }

    pub fn into_inner(self) -> W {
        self.out
    }
}

/// CSV (RFC 4180) with a header and `\n` line ends. Null is an empty field and an empty string is `""`; nested values
/// are JSON text. Where there is one column alone, null is `""` as well: most readers pass over an empty line, and the
/// row would be gone.
pub struct CsvWriter<W: Write> {
    out: W,
    lines: Vec<u8>,
    cell: Vec<u8>,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// `Io`.
    pub fn new(out: W, schema: &SchemaRef) -> Result<Self> {
        let mut writer = CsvWriter { out, lines: Vec::new(), cell: Vec::new() };
        for (i, field) in schema.fields().iter().enumerate() {
            if i > 0 {
                writer.lines.push(b',');
            }
            quote(field.name().as_bytes(), &mut writer.lines);
        }
        if !schema.fields().is_empty() {
            writer.lines.push(b'\n');
        }
        writer.hand_on()?;
        Ok(writer)
    }

    /// # Errors
    /// `Io`.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let schema: &Schema = batch.schema_ref();
        let columns = batch
            .columns()
            .iter()
            .zip(schema.fields().iter())
            .map(|(array, field)| Cells::new(array.as_ref(), field))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    self.lines.push(b',');
                }
                if !column.is_null(row) {
                    self.cell.clear();
                    column.text(row, &mut self.cell);
                    quote(&self.cell, &mut self.lines);
                } else if columns.len() == 1 {
                    quote(b"", &mut self.lines);
                }
            }
            self.lines.push(b'\n');
            if self.lines.len() >= GATHERED {
                self.hand_on()?;
            }
        }
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<()> {
        self.out.write_all(&self.lines).map_err(|e| Error::io("write", e))?;
        self.lines.clear();
        Ok(())
    }

    pub fn into_inner(self) -> W {
        self.out
    }
}

fn quote(cell: &[u8], out: &mut Vec<u8>) {
    if !cell.is_empty() && !cell.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(cell);
        return;
    }
    out.push(b'"');
    for piece in cell.split_inclusive(|b| *b == b'"') {
        out.extend_from_slice(piece);
        if piece.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}
