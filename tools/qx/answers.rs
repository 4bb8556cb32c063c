//! Rows of the engine on stdout, or in any other sink: a table for people, NDJSON, CSV or TSV for programs.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::ValueEnum;
use qx_cli::Table;
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

fn engine(e: arrow::error::ArrowError) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// The rows as a table: numbers to the right, nulls empty.
pub fn table(answer: &Answer) -> Result<Table> {
    let names: Vec<String> = answer
        .schema
        .fields()
        .iter()
        .map(|f| if f.data_type().is_numeric() { format!(">{}", f.name()) } else { f.name().clone() })
        .collect();
    let mut table = Table::new(names.iter().map(String::as_str));
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
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut out);
    for batch in &answer.batches {
        writer.write(batch).map_err(engine)?;
    }
    writer.finish().map_err(engine)?;
    drop(writer);
    Ok(out)
}

/// The rows in a format for programs.
pub fn encode(answer: &Answer, format: Format) -> Result<Vec<u8>> {
    match format {
        Format::Ndjson => ndjson(answer),
        Format::Json => {
            let lines = ndjson(answer)?;
            let lines: Vec<&[u8]> = lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
            let mut out = b"[".to_vec();
            out.extend(lines.join(&b",\n"[..]));
            out.extend(b"]\n");
            Ok(out)
        }
        Format::Csv => separated(answer, b','),
        Format::Tsv => separated(answer, b'\t'),
        Format::Arrow => arrow_stream(answer),
        Format::Parquet => parquet(answer),
        Format::Table => Ok(table(answer)?.plain().into_bytes()),
    }
}

fn arrow_stream(answer: &Answer) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut out, &answer.schema).map_err(engine)?;
    for batch in &answer.batches {
        writer.write(batch).map_err(engine)?;
    }
    writer.finish().map_err(engine)?;
    drop(writer);
    Ok(out)
}

fn parquet(answer: &Answer) -> Result<Vec<u8>> {
    let failed = |e: datafusion::parquet::errors::ParquetError| Error::new(Kind::Engine, e.to_string());
    let mut out = Vec::new();
    let mut writer =
        datafusion::parquet::arrow::ArrowWriter::try_new(&mut out, answer.schema.clone(), None).map_err(failed)?;
    for batch in &answer.batches {
        writer.write(batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(out)
}

/// Nested values are written as JSON text, since a field of these formats is flat.
fn separated(answer: &Answer, delimiter: u8) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    let io = |e: csv::Error| Error::new(Kind::Engine, e.to_string());
    writer.write_record(answer.schema.fields().iter().map(|f| f.name().as_bytes())).map_err(io)?;
    for batch in &answer.batches {
        let columns = batch.columns().iter().map(cells).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            writer.write_record(columns.iter().map(|c| c[row].as_bytes())).map_err(io)?;
        }
    }
    writer.into_inner().map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

fn cells(column: &ArrayRef) -> Result<Vec<String>> {
    if !nested(column.data_type()) {
        let options = FormatOptions::default().with_display_error(true).with_null("");
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(engine)?;
        return Ok((0..column.len()).map(|row| formatter.value(row).to_string()).collect());
    }
    let batch = RecordBatch::try_from_iter_with_nullable([("v", ArrayRef::clone(column), true)]).map_err(engine)?;
    let lines = ndjson(&Answer::batch(batch))?;
    let lines = String::from_utf8_lossy(&lines).into_owned();
    let inner = |line: &str| line.trim_start_matches("{\"v\":").strip_suffix('}').unwrap_or_default().to_owned();
    Ok(lines.lines().map(inner).map(|s| if s == "null" { String::new() } else { s }).collect())
}

fn nested(t: &DataType) -> bool {
    t.is_nested() || matches!(t, DataType::Dictionary(_, v) if v.is_nested())
}
