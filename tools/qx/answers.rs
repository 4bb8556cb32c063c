//! Rows of the engine on stdout, or in any other sink: a table for people, NDJSON, CSV or TSV for programs.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Float32Type, Float64Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::WriterBuilder;
use arrow::json::writer::{
    Encoder as JsonEncoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, make_encoder,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::ValueEnum;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use qx_cli::{Align, Table};
use qx_formats::{Error, Kind, Result};
use qx_sql::Answer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns, for people
    Table,
    /// One JSON object a row
    Ndjson,
    /// One JSON array of objects
    Json,
    /// Comma-separated values with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
    /// Arrow IPC stream
    Arrow,
    /// One Parquet file
    Parquet,
}

fn engine(e: ArrowError) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// The rows as a table: numbers to the right, nulls empty.
pub fn table(answer: &Answer) -> Result<Table> {
    let align = |numeric| if numeric { Align::Right } else { Align::Left };
    let fields = answer.schema.fields().iter();
    let mut table = Table::aligned(fields.map(|f| (f.name().as_str(), align(f.data_type().is_numeric()))));
    each_row(answer, |cells| {
        table.row(cells);
        Ok(())
    })?;
    Ok(table)
}

fn each_row(answer: &Answer, mut f: impl FnMut(Vec<String>) -> Result<()>) -> Result<()> {
    let options = FormatOptions::default().with_display_error(true).with_null("");
    for batch in &answer.batches {
        let formatters = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>().map_err(engine)?;
        for row in 0..batch.num_rows() {
            f(formatters.iter().map(|c| c.value(row).to_string()).collect())?;
        }
    }
    Ok(())
}

/// One JSON object a row, each ended by a newline; nulls are written out.
pub fn ndjson(answer: &Answer) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for batch in &answer.batches {
        lines(batch, &mut out)?;
    }
    Ok(out)
}

/// Writes floats that JSON has no number for as the texts `NaN`, `inf` and `-inf`, which a load reads: as null they would
/// be lost.
#[derive(Debug)]
struct NoNumbers;

impl EncoderFactory for NoNumbers {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        // With the options that the writer begins with, and without this.
        static PLAIN: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);
        let floats = matches!(array.data_type(), DataType::Float32 | DataType::Float64);
        if !floats || (0..array.len()).all(|row| no_number(array, row).is_none()) {
            return Ok(None);
        }
        let numbers = make_encoder(field, array, &PLAIN)?;
        Ok(Some(NullableEncoder::new(Box::new(Floats { array, numbers }), array.nulls().cloned())))
    }
}

struct Floats<'a> {
    array: &'a dyn Array,
    numbers: NullableEncoder<'a>,
}

impl JsonEncoder for Floats<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        match no_number(self.array, row) {
            Some(text) => out.extend_from_slice(text),
            None => self.numbers.encode(row, out),
        }
    }
}

/// The text of a float that is no number.
fn no_number(array: &dyn Array, row: usize) -> Option<&'static [u8]> {
    let value = match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row),
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)),
        _ => return None,
    };
    match value {
        v if v.is_finite() || array.is_null(row) => None,
        v if v.is_nan() => Some(b"\"NaN\""),
        v if v > 0.0 => Some(b"\"inf\""),
        _ => Some(b"\"-inf\""),
    }
}

fn lines(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
    let writer = WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(NoNumbers));
    let mut writer = writer.build::<_, LineDelimited>(out);
    writer.write(batch).map_err(engine)?;
    writer.finish().map_err(engine)
}

/// Turns rows into bytes of a format, a batch at a time, so that an answer of any size takes the memory of a batch (of a
/// row group, for Parquet).
pub enum Encoder {
    Ndjson,
    /// Whether a row was written.
    Json(bool),
    Separated {
        delimiter: u8,
        header: Vec<String>,
    },
    Arrow(Box<StreamWriter<Vec<u8>>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    /// Columns are as wide as their widest value, so that nothing is known before the last row.
    Table(Box<Answer>),
}

fn parquet_error(e: datafusion::parquet::errors::ParquetError) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

impl Encoder {
    /// # Errors
    /// `Engine`: a type that the format does not have.
    pub fn new(format: Format, schema: &SchemaRef) -> Result<Encoder> {
        let header = || schema.fields().iter().map(|f| f.name().clone()).collect();
        Ok(match format {
            Format::Ndjson => Encoder::Ndjson,
            Format::Json => Encoder::Json(false),
            Format::Csv => Encoder::Separated { delimiter: b',', header: header() },
            Format::Tsv => Encoder::Separated { delimiter: b'\t', header: header() },
            Format::Arrow => {
                Encoder::Arrow(Box::new(StreamWriter::try_new(Vec::new(), schema.as_ref()).map_err(engine)?))
            }
            Format::Parquet => {
                let level = ZstdLevel::try_new(1).map_err(parquet_error)?;
                let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
                let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties));
                Encoder::Parquet(Box::new(writer.map_err(parquet_error)?))
            }
            Format::Table => Encoder::Table(Box::new(Answer::new(schema.clone(), Vec::new()))),
        })
    }

    /// The bytes that these rows add.
    ///
    /// # Errors
    /// `Engine`.
    pub fn rows(&mut self, batch: RecordBatch) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Encoder::Ndjson => lines(&batch, &mut out)?,
            Encoder::Json(begun) => {
                let mut text = Vec::new();
                lines(&batch, &mut text)?;
                for line in text.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                    out.extend_from_slice(if std::mem::replace(begun, true) { b",\n" } else { b"[" });
                    out.extend_from_slice(line);
                }
            }
            Encoder::Separated { delimiter, header } => {
                out = separated(*delimiter, std::mem::take(header), Some(&batch))?;
            }
            Encoder::Arrow(writer) => {
                writer.write(&batch).map_err(engine)?;
                out = std::mem::take(writer.get_mut());
            }
            Encoder::Parquet(writer) => {
                writer.write(&batch).map_err(parquet_error)?;
                out = std::mem::take(writer.inner_mut());
            }
            Encoder::Table(answer) => answer.batches.push(batch),
        }
        Ok(out)
    }

    /// The bytes that end the answer.
    ///
    /// # Errors
    /// `Engine`.
    pub fn finish(self) -> Result<Vec<u8>> {
        Ok(match self {
            Encoder::Ndjson => Vec::new(),
            Encoder::Json(begun) => if begun { &b"]\n"[..] } else { b"[]\n" }.to_vec(),
            Encoder::Separated { delimiter, header } => separated(delimiter, header, None)?,
            Encoder::Arrow(mut writer) => {
                writer.finish().map_err(engine)?;
                std::mem::take(writer.get_mut())
            }
            Encoder::Parquet(writer) => writer.into_inner().map_err(parquet_error)?,
            Encoder::Table(answer) => table(&answer)?.plain().into_bytes(),
        })
    }
}

/// Nested values are written as JSON text, since a field of these formats is flat. The header comes first, if there is
/// one left to write.
fn separated(delimiter: u8, header: Vec<String>, batch: Option<&RecordBatch>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    if !header.is_empty() {
        record(&mut out, delimiter, header.iter().map(|name| Some(name.as_str())));
    }
    if let Some(batch) = batch {
        let columns = batch.columns().iter().map(cells).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            record(&mut out, delimiter, columns.iter().map(|c| c[row].as_deref()));
        }
    }
    Ok(out)
}

/// One line. Null is a field without anything, an empty text one in quotes, so that both are read as what they are.
fn record<'a>(out: &mut Vec<u8>, delimiter: u8, fields: impl Iterator<Item = Option<&'a str>>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.push(delimiter);
        }
        let Some(text) = field else { continue };
        if !text.is_empty() && !text.bytes().any(|b| b == delimiter || matches!(b, b'"' | b'\n' | b'\r')) {
            out.extend_from_slice(text.as_bytes());
            continue;
        }
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    }
    out.push(b'\n');
}

/// The texts of a column; `None` for null.
fn cells(column: &ArrayRef) -> Result<Vec<Option<String>>> {
    if !nested(column.data_type()) {
        let options = FormatOptions::default().with_display_error(true).with_null("");
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(engine)?;
        let nulls = column.logical_nulls();
        let text = |row| match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            true => None,
            false => Some(formatter.value(row).to_string()),
        };
        return Ok((0..column.len()).map(text).collect());
    }
    let batch = RecordBatch::try_from_iter_with_nullable([("v", ArrayRef::clone(column), true)]).map_err(engine)?;
    let lines = ndjson(&Answer::batch(batch))?;
    let lines = String::from_utf8_lossy(&lines).into_owned();
    let inner = |line: &str| {
        let value = line.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}'));
        value.unwrap_or_default().to_owned()
    };
    Ok(lines.lines().map(inner).map(|s| (s != "null").then_some(s)).collect())
}

fn nested(t: &DataType) -> bool {
    t.is_nested() || matches!(t, DataType::Dictionary(_, v) if v.is_nested())
}
