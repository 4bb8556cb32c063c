//! Parquet, as this toolkit writes it.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression as Codec, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnDescPtr;
use qx_formats::{Error, Kind, Result};

use super::repeats::{Look, leaves};
use super::{Compression, WriteOptions};

/// Row groups end at this size in memory, so that writing stays bounded whatever the rows.
const ROW_GROUP_BYTES: usize = 32 << 20;

fn failed(e: ParquetError) -> Error {
    match e {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => Error::io("write", *io),
            Err(inner) => Error::new(Kind::Engine, inner.to_string()),
        },
        e => Error::new(Kind::Engine, e.to_string()).source(e),
    }
}

/// Opens a file. A column whose first values do not repeat is written without the attempt at a dictionary, which would
/// be given up at its limit in every row group.
pub(super) fn open<W: Write + Send>(
    out: W,
    schema: &SchemaRef,
    compression: Compression,
    options: &WriteOptions,
    first: Option<&RecordBatch>,
) -> Result<ArrowWriter<W>> {
    let codec = match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(failed)?),
        Compression::Gzip(_) => return Err(Error::unsupported("Parquet with gzip is not written")),
    };
    let mut properties = WriterProperties::builder().set_compression(codec);
    let columns = ArrowSchemaConverter::new().convert(schema).map_err(failed)?;
    for column in columns.columns().iter().filter(|c| c.max_rep_level() > 0) {
        // Nobody passes over rows by what the least item of their lists is.
        properties = properties.set_column_statistics_enabled(column.path().clone(), EnabledStatistics::None);
    }
    if !options.dictionaries {
        properties = properties.set_dictionary_enabled(false);
    } else if let Some(first) = first {
        for column in chosen(first, |look| !look.repeats())? {
            properties = properties.set_column_dictionary_enabled(column.path().clone(), false);
            if let Some(encoding) = delta(column.physical_type()) {
                properties = properties.set_column_encoding(column.path().clone(), encoding);
            }
        }
    }
    ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties.build())).map_err(failed)
}

/// How values that do not repeat are written: integers as differences, packed to as many bits as they need, and texts end
/// to end, their lengths before them. The codec has less to do then, and does it better, than with eight bytes of each
/// number, and lengths between texts.
fn delta(values: Type) -> Option<Encoding> {
    match values {
        Type::INT32 | Type::INT64 => Some(Encoding::DELTA_BINARY_PACKED),
        Type::BYTE_ARRAY => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        _ => None,
    }
}

/// Dictionaries are given up at this size, which is the default of the crate.
const DICTIONARY_BYTES: usize = 1 << 20;

/// The columns whose values hardly ever occur again, as far as these first rows tell: a dictionary of them costs more than
/// all the rest of writing them, and is given up at its limit.
///
/// # Errors
/// `Engine` for types that Parquet does not have.
pub fn unrepeated(first: &RecordBatch) -> Result<Vec<ColumnDescPtr>> {
    chosen(first, |look| look.outgrows(DICTIONARY_BYTES))
}

fn chosen(first: &RecordBatch, wanted: impl Fn(Look) -> bool) -> Result<Vec<ColumnDescPtr>> {
    let columns = ArrowSchemaConverter::new().convert(first.schema_ref()).map_err(failed)?;
    let told = columns.columns().iter().zip(leaves(first));
    Ok(told.filter(|(_, look)| look.is_some_and(&wanted)).map(|(column, _)| Arc::clone(column)).collect())
}

pub(super) fn write<W: Write + Send>(writer: &mut ArrowWriter<W>, batch: &RecordBatch) -> Result<()> {
    writer.write(batch).map_err(failed)?;
    if writer.in_progress_size() >= ROW_GROUP_BYTES {
        writer.flush().map_err(failed)?;
    }
    Ok(())
}

pub(super) fn finish<W: Write + Send>(writer: ArrowWriter<W>) -> Result<W> {
    writer.into_inner().map_err(failed)
}
