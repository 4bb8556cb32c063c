//! Batches out: Parquet, Arrow IPC, CSV, NDJSON.

mod behind;
mod cell;
mod text;

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use qx_formats::{Error, Kind, Result};

use crate::read::arrow_error;
pub use behind::Behind;
pub use cell::Cells;
pub use text::{CsvWriter, NdjsonWriter};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Parquet,
    /// The Arrow IPC file, with a footer.
    ArrowFile,
    /// The Arrow IPC stream.
    ArrowStream,
    Csv,
    Ndjson,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::ArrowFile => "arrow",
            Format::ArrowStream => "arrows",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }

    /// The format that a file's extension means.
    pub fn from_extension(extension: &str) -> Option<Format> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "parquet" => Format::Parquet,
            "arrow" => Format::ArrowFile,
            "arrows" => Format::ArrowStream,
            "csv" => Format::Csv,
            "ndjson" | "jsonl" => Format::Ndjson,
            _ => return None,
        })
    }
}

/// Row groups end at this size in memory, so that writing stays bounded whatever the rows.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Writes batches of one schema in one format. Nothing is complete before [`Writer::finish`].
pub struct Writer<W: Write + Send>(Inner<W>);

enum Inner<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    File(FileWriter<W>),
    Stream(StreamWriter<W>),
    Csv(CsvWriter<W>),
    Ndjson(NdjsonWriter<W>),
}

fn parquet_error(e: ParquetError) -> Error {
    match e {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => Error::io("write", *io),
            Err(inner) => Error::new(Kind::Engine, inner.to_string()),
        },
        e => Error::new(Kind::Engine, e.to_string()).source(e),
    }
}

/// Parquet as this toolkit writes it: zstd level 1.
///
/// # Errors
/// Only if the Parquet library refuses that level.
pub fn parquet_properties() -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(1).map_err(parquet_error)?;
    Ok(WriterProperties::builder().set_compression(Compression::ZSTD(level)).build())
}

impl<W: Write + Send> Writer<W> {
    /// # Errors
    /// `Io`; `Unsupported` when the format cannot hold the schema.
    pub fn new(format: Format, out: W, schema: &SchemaRef) -> Result<Self> {
        Ok(Writer(match format {
            Format::Parquet => {
                let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(parquet_properties()?));
                Inner::Parquet(Box::new(writer.map_err(parquet_error)?))
            }
            Format::ArrowFile => Inner::File(FileWriter::try_new(out, schema).map_err(arrow_error)?),
            Format::ArrowStream => Inner::Stream(StreamWriter::try_new(out, schema).map_err(arrow_error)?),
            Format::Csv => Inner::Csv(CsvWriter::new(out, schema)?),
            Format::Ndjson => Inner::Ndjson(NdjsonWriter::new(out)),
        }))
    }

    /// # Errors
    /// `Io`.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.0 {
            Inner::Parquet(w) => {
                w.write(batch).map_err(parquet_error)?;
                if w.in_progress_size() >= ROW_GROUP_BYTES {
                    w.flush().map_err(parquet_error)?;
                }
                Ok(())
            }
            Inner::File(w) => w.write(batch).map_err(arrow_error),
            Inner::Stream(w) => w.write(batch).map_err(arrow_error),
            Inner::Csv(w) => w.write(batch),
            Inner::Ndjson(w) => w.write(batch),
        }
    }

    /// Writes what belongs at the end and gives the output back.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(self) -> Result<W> {
        match self.0 {
            Inner::Parquet(w) => w.into_inner().map_err(parquet_error),
            Inner::File(mut w) => {
                w.finish().map_err(arrow_error)?;
                w.into_inner().map_err(arrow_error)
            }
            Inner::Stream(mut w) => {
                w.finish().map_err(arrow_error)?;
                w.into_inner().map_err(arrow_error)
            }
            Inner::Csv(w) => Ok(w.into_inner()),
            Inner::Ndjson(w) => Ok(w.into_inner()),
        }
    }
}
