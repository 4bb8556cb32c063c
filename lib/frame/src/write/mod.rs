//! Batches out: Parquet, Arrow IPC, CSV, NDJSON.

mod arrow_file;
mod behind;
mod cell;
mod dictionary;
mod pack;
mod parquet;
mod repeats;
mod text;

use std::io::Write;

use ::parquet::arrow::ArrowWriter;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use qx_formats::{Error, Result};

use crate::read::arrow_error;
use arrow_file::ArrowFile;
pub use arrow_file::DictionariesFull;
pub use behind::Behind;
pub use cell::Cells;
use dictionary::Dictionaries;
pub use pack::Compression;
use pack::Packed;
pub use parquet::unrepeated;
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

    /// How it is compressed unless something else is asked for.
    pub fn default_compression(self) -> Compression {
        match self {
            Format::Parquet => Compression::Zstd(1),
            _ => Compression::None,
        }
    }

    /// Whether it can be compressed so.
    ///
    /// # Errors
    /// `Usage`, with what it can.
    pub fn check_compression(self, compression: Compression) -> Result<()> {
        let (fits, takes) = match self {
            Format::Parquet => (!matches!(compression, Compression::Gzip(_)), "none, snappy or zstd[:LEVEL]"),
            Format::Csv | Format::Ndjson => (compression != Compression::Snappy, "none, zstd[:LEVEL] or gzip[:LEVEL]"),
            // Whoever maps a file reads it in place.
            Format::ArrowFile | Format::ArrowStream => (compression == Compression::None, "none"),
        };
        if fits {
            return Ok(());
        }
        let message = format!("{} is not written with the compression {}", self.name(), compression.name());
        Err(Error::usage(message).expected(takes))
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

/// How batches are written.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// `None`: the format's own ([`Format::default_compression`]).
    pub compression: Option<Compression>,
    /// Encode columns whose values repeat by dictionaries. Text in Arrow is then of a dictionary type.
    pub dictionaries: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        WriteOptions { compression: None, dictionaries: true }
    }
}

/// Writes batches of one schema in one format. Nothing is complete before [`Writer::finish`].
pub struct Writer<W: Write + Send>(Inner<W>);

enum Inner<W: Write + Send> {
    /// The first batch tells which columns repeat.
    Waiting(Box<Waiting<W>>),
    Parquet(Box<ArrowWriter<W>>),
    File(Box<FileWriter<W>>),
    FileByKeys(Box<ArrowFile<W>>),
    Stream(Box<StreamWriter<W>>, Option<Dictionaries>),
    Csv(CsvWriter<Packed<W>>),
    Ndjson(NdjsonWriter<Packed<W>>),
    /// Moved out of, or failed.
    Gone,
}

struct Waiting<W> {
    format: Format,
    out: W,
    schema: SchemaRef,
    options: WriteOptions,
}

impl<W: Write + Send> Waiting<W> {
    /// `first` is nothing when no rows came.
    fn open(self, first: Option<&RecordBatch>) -> Result<Inner<W>> {
        let Waiting { format, out, schema, options } = self;
        let compression = options.compression.unwrap_or_else(|| format.default_compression());
        let dictionaries = || first.filter(|_| options.dictionaries).and_then(Dictionaries::look);
        Ok(match format {
            Format::Parquet => Inner::Parquet(Box::new(parquet::open(out, &schema, compression, &options, first)?)),
            Format::ArrowFile => match dictionaries() {
                Some(dictionaries) => Inner::FileByKeys(Box::new(ArrowFile::new(out, dictionaries)?)),
                None => Inner::File(Box::new(FileWriter::try_new(out, &schema).map_err(arrow_error)?)),
            },
            Format::ArrowStream => {
                let dictionaries = dictionaries();
                let schema = dictionaries.as_ref().map_or(&schema, |d| &d.schema);
                Inner::Stream(Box::new(StreamWriter::try_new(out, schema).map_err(arrow_error)?), dictionaries)
            }
            Format::Csv => Inner::Csv(CsvWriter::new(Packed::new(out, compression)?, &schema)?),
            Format::Ndjson => Inner::Ndjson(NdjsonWriter::new(Packed::new(out, compression)?)),
        })
    }
}

impl<W: Write + Send> Writer<W> {
    /// # Errors
    /// `Io`; `Unsupported` when the format cannot hold the schema.
    pub fn new(format: Format, out: W, schema: &SchemaRef) -> Result<Self> {
        Writer::with(format, out, schema, WriteOptions::default())
    }

    /// # Errors
    /// `Io`; `Usage` for a compression that the format does not have.
    pub fn with(format: Format, out: W, schema: &SchemaRef, options: WriteOptions) -> Result<Self> {
        if let Some(compression) = options.compression {
            format.check_compression(compression)?;
        }
        let waiting = Waiting { format, out, schema: SchemaRef::clone(schema), options };
        Ok(Writer(match format {
            Format::Csv | Format::Ndjson => waiting.open(None)?,
            _ => Inner::Waiting(Box::new(waiting)),
        }))
    }

    /// # Errors
    /// `Io`; `Unsupported` when the format cannot hold the schema; with [`DictionariesFull`] as its source, `Limit`.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Inner::Waiting(_) = &self.0
            && let Inner::Waiting(waiting) = std::mem::replace(&mut self.0, Inner::Gone)
        {
            self.0 = waiting.open(Some(batch))?;
        }
        match &mut self.0 {
            Inner::Parquet(w) => parquet::write(w, batch),
            Inner::File(w) => w.write(batch).map_err(arrow_error),
            Inner::FileByKeys(w) => w.write(batch),
            Inner::Stream(w, None) => w.write(batch).map_err(arrow_error),
            Inner::Stream(w, Some(dictionaries)) => {
                dictionaries.encoded(batch).and_then(|batch| w.write(&batch)).map_err(arrow_error)
            }
            Inner::Csv(w) => w.write(batch),
            Inner::Ndjson(w) => w.write(batch),
            Inner::Waiting(_) | Inner::Gone => Err(Error::usage("nothing can be written after an error")),
        }
    }

    /// Writes what belongs at the end and gives the output back.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(self) -> Result<W> {
        let inner = match self.0 {
            Inner::Waiting(waiting) => waiting.open(None)?,
            inner => inner,
        };
        match inner {
            Inner::Parquet(w) => parquet::finish(*w),
            Inner::File(mut w) => {
                w.finish().map_err(arrow_error)?;
                w.into_inner().map_err(arrow_error)
            }
            Inner::FileByKeys(w) => w.finish(),
            Inner::Stream(mut w, _) => {
                w.finish().map_err(arrow_error)?;
                w.into_inner().map_err(arrow_error)
            }
            Inner::Csv(w) => w.into_inner().finish(),
            Inner::Ndjson(w) => w.into_inner().finish(),
            Inner::Waiting(_) | Inner::Gone => Err(Error::usage("nothing can be written after an error")),
        }
    }
}
