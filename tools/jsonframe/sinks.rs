//! Where a conversion's rows go: a writer, one on a thread of its own, a file of rejects beside it, the first rows.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use qx_formats::{Error, Result};
use qx_frame::write::{Behind, Cells, Format, WriteOptions, Writer};
use qx_frame::{Reject, Sink};

/// Rows of the table that a terminal is shown.
const TABLE_ROWS: usize = 50;
/// Characters of one of its cells.
const CELL_CHARS: usize = 120;

/// What is written, and how.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub format: Format,
    pub options: WriteOptions,
}

/// The target from its start, with nothing in it.
pub fn emptied(file: &File, regular: bool) -> Result<BufWriter<File>> {
    let again = || {
        let mut file = file.try_clone()?;
        if regular {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
        }
        Ok(BufWriter::with_capacity(256 << 10, file))
    };
    again().map_err(|e| Error::io("write", e))
}

/// Counts what goes through.
pub struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Writes batches to what `make` opens, and starts again when asked to.
pub struct Converted<W: Write + Send, M: FnMut() -> Result<W>> {
    wanted: Wanted,
    restartable: bool,
    make: M,
    writer: Option<Writer<Counted<W>>>,
}

impl<W: Write + Send, M: FnMut() -> Result<W>> Converted<W, M> {
    pub fn new(wanted: Wanted, restartable: bool, make: M) -> Self {
        Converted { wanted, restartable, make, writer: None }
    }

    pub fn finish(&mut self) -> Result<u64> {
        let Some(writer) = self.writer.take() else { return Ok(0) };
        let mut out = writer.finish()?;
        out.flush().map_err(|e| Error::io("write", e))?;
        Ok(out.bytes)
    }
}

impl<W: Write + Send, M: FnMut() -> Result<W>> Sink for Converted<W, M> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        // The writer before this one may still write as it goes.
        self.writer = None;
        let out = Counted { inner: (self.make)()?, bytes: 0 };
        self.writer = Some(Writer::with(self.wanted.format, out, schema, self.wanted.options)?);
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.write(&batch),
            None => Ok(()),
        }
    }

    fn restartable(&self) -> bool {
        self.restartable
    }
}

/// The same on a thread of its own.
pub struct ConvertedBehind<W: Write + Send + 'static, M: FnMut() -> Result<W>> {
    wanted: Wanted,
    restartable: bool,
    make: M,
    writer: Option<Behind<Counted<W>>>,
}

impl<W: Write + Send + 'static, M: FnMut() -> Result<W>> ConvertedBehind<W, M> {
    pub fn new(wanted: Wanted, restartable: bool, make: M) -> Self {
        ConvertedBehind { wanted, restartable, make, writer: None }
    }

    pub fn finish(&mut self) -> Result<u64> {
        let Some(writer) = self.writer.take() else { return Ok(0) };
        let mut out = writer.finish()?;
        out.flush().map_err(|e| Error::io("write", e))?;
        Ok(out.bytes)
    }
}

impl<W: Write + Send + 'static, M: FnMut() -> Result<W>> Sink for ConvertedBehind<W, M> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        // The writer before this one may still write as it goes.
        self.writer = None;
        let out = Counted { inner: (self.make)()?, bytes: 0 };
        self.writer = Some(Behind::new(Writer::with(self.wanted.format, out, schema, self.wanted.options)?)?);
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        match &mut self.writer {
            Some(writer) => writer.write(batch),
            None => Ok(()),
        }
    }

    fn restartable(&self) -> bool {
        self.restartable
    }
}

/// A sink whose rejects go to a file.
pub struct WithRejects<'a, S> {
    pub sink: &'a mut S,
    pub rejects: &'a mut BufWriter<File>,
    pub path: &'a Path,
}

impl<S: Sink> Sink for WithRejects<'_, S> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let io = |e| Error::io("write rejects", e).path(self.path);
        self.rejects.flush().map_err(io)?;
        if self.rejects.get_ref().metadata().is_ok_and(|m| m.is_file()) {
            self.rejects.seek(SeekFrom::Start(0)).map_err(io)?;
            self.rejects.get_ref().set_len(0).map_err(io)?;
        }
        self.sink.begin(schema)
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.sink.batch(batch)
    }

    fn reject(&mut self, reject: &Reject) -> Result<()> {
        let io = |e| Error::io("write rejects", e).path(self.path);
        let line = serde_json::to_vec(reject).map_err(|e| io(e.into()))?;
        let written = self.rejects.write_all(&line).and_then(|()| self.rejects.write_all(b"\n"));
        written.map_err(io)
    }

    fn restartable(&self) -> bool {
        self.sink.restartable() && self.rejects.get_ref().metadata().is_ok_and(|m| m.is_file())
    }
}

/// Keeps the first rows as text.
#[derive(Default)]
pub struct Shown {
    pub rows: Vec<Vec<String>>,
}

impl Sink for Shown {
    fn begin(&mut self, _: &SchemaRef) -> Result<()> {
        self.rows.clear();
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        let schema = batch.schema();
        let columns = batch.columns().iter().zip(schema.fields().iter());
        let columns = columns.map(|(a, f)| Cells::new(a.as_ref(), f)).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows().min(TABLE_ROWS - self.rows.len()) {
            let mut text = Vec::new();
            let cell = |column: &Cells<'_>| {
                text.clear();
                column.text(row, &mut text);
                let whole = String::from_utf8_lossy(&text);
                match whole.char_indices().nth(CELL_CHARS) {
                    Some((at, _)) => format!("{}…", whole.get(..at).unwrap_or_default()),
                    None => whole.into_owned(),
                }
            };
            self.rows.push(columns.iter().map(cell).collect());
        }
        Ok(())
    }

    fn restartable(&self) -> bool {
        true
    }
}
