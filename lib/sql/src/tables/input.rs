//! Rows from files and stdin, in every format that the tools read.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use qx_formats::{Error, Result};
use qx_store::table_def::{Column, TableDef};

use super::csv::Csv;
use super::json::{fitted, nearest};

/// How the rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    Csv,
    Tsv,
    /// JSON in any of the forms that `jsonframe` takes; compressed or not.
    Json,
    Parquet,
    /// Arrow IPC, file or stream.
    Arrow,
}

impl InputFormat {
    /// By the end of a file's name.
    pub fn of(path: &Path) -> Option<InputFormat> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let name = name.trim_end_matches(".gz").trim_end_matches(".zst").to_owned();
        Some(match name.rsplit_once('.')?.1 {
            "csv" => InputFormat::Csv,
            "tsv" | "tab" => InputFormat::Tsv,
            "json" | "ndjson" | "jsonl" => InputFormat::Json,
            "parquet" => InputFormat::Parquet,
            "arrow" | "arrows" | "ipc" | "feather" => InputFormat::Arrow,
            _ => return None,
        })
    }

    /// # Errors
    /// `Usage` for any other name.
    pub fn parse(name: &str) -> Result<InputFormat> {
        Ok(match name.to_lowercase().as_str() {
            "csv" => InputFormat::Csv,
            "tsv" => InputFormat::Tsv,
            "json" | "ndjson" | "jsonl" => InputFormat::Json,
            "parquet" => InputFormat::Parquet,
            "arrow" => InputFormat::Arrow,
            _ => {
                return Err(Error::usage("there is no such input format")
                    .expected("csv, tsv, ndjson, json, parquet or arrow")
                    .got(name));
            }
        })
    }
}

/// Where the rows come from.
#[derive(Debug, Clone)]
pub enum Input {
    Path(PathBuf),
    Stdin,
}

/// What is to be known of an input beside its format.
#[derive(Debug, Clone)]
pub struct InputOptions {
    /// The first line names the columns (CSV, TSV).
    pub header: bool,
    pub delimiter: Option<u8>,
    /// Rows at once.
    pub batch_rows: usize,
}

impl Default for InputOptions {
    fn default() -> Self {
        InputOptions { header: true, delimiter: None, batch_rows: 8192 }
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The rows of an input, batch by batch. Columns have the names of the input, or, for text without a header, those of the
/// table in their order.
///
/// # Errors
/// `Io`, `Invalid`, with the path.
pub(crate) fn read(
    input: &Input,
    format: InputFormat,
    options: &InputOptions,
    columns: &[String],
    def: &TableDef,
) -> Result<Batches> {
    match format {
        InputFormat::Csv | InputFormat::Tsv => csv(input, format, options, columns),
        InputFormat::Json => json(input, options, def),
        InputFormat::Parquet => parquet(input, options),
        InputFormat::Arrow => arrow(input),
    }
}

fn name(input: &Input) -> PathBuf {
    match input {
        Input::Path(path) => path.clone(),
        Input::Stdin => PathBuf::from("stdin"),
    }
}

fn open(input: &Input) -> Result<Box<dyn Read + Send>> {
    match input {
        Input::Path(path) => {
            let file = File::open(path).map_err(|e| Error::io("open", e).path(path))?;
            Ok(Box::new(file))
        }
        Input::Stdin => Ok(Box::new(std::io::stdin())),
    }
}

fn wrong(path: &Path, what: &str, e: impl std::fmt::Display) -> Error {
    Error::invalid(format!("not {what}: {e}")).path(path)
}

fn csv(input: &Input, format: InputFormat, options: &InputOptions, columns: &[String]) -> Result<Batches> {
    let delimiter = options.delimiter.unwrap_or(if format == InputFormat::Tsv { b'\t' } else { b',' });
    let names = (!options.header).then_some(columns);
    Ok(Box::new(Csv::open(open(input)?, &name(input), delimiter, options.batch_rows, names)?))
}

fn json(input: &Input, options: &InputOptions, def: &TableDef) -> Result<Batches> {
    let source = match input {
        Input::Path(path) => qx_frame::Source::Path(path.clone()),
        Input::Stdin => qx_frame::Source::Stdin,
    };
    // The table's types are known, so nothing has to be guessed and nothing may drift.
    let columns = def.columns.clone();
    let hint = |c: &Column| -> Result<_> { Ok((qx_frame::path_of(&c.name), nearest(&c.arrow_type()?))) };
    let opts = qx_frame::Options {
        hints: columns.iter().map(hint).collect::<Result<_>>()?,
        drift: qx_frame::Drift::Error,
        batch_rows: options.batch_rows,
        ..qx_frame::Options::default()
    };
    let (send, receive) = sync_channel::<Result<RecordBatch>>(4);
    let path = name(input);
    let work = move || {
        let rows = |batch: RecordBatch| {
            let batch = fitted(&batch, &columns).map_err(|e| e.path(&path))?;
            send.send(Ok(batch)).map_err(|_| Error::new(qx_formats::Kind::Cancelled, "stopped"))
        };
        if let Err(e) = qx_frame::read(&[source], &opts, &qx_io::Job::default(), &mut { rows }) {
            // Nobody listens any more when this fails.
            let _ = send.send(Err(of_table(e)));
        }
    };
    std::thread::Builder::new().name("json".to_owned()).spawn(work).map_err(|e| Error::io("start a thread", e))?;
    Ok(Box::new(receive.into_iter()))
}

/// An error of reading JSON with the hint that holds here, where the table says the types.
fn of_table(e: Error) -> Error {
    match e.get_hint().is_some_and(|hint| hint.contains("--drift")) {
        true => e.hint("the table says the type of the column: ALTER TABLE changes it"),
        false => e,
    }
}

fn parquet(input: &Input, options: &InputOptions) -> Result<Batches> {
    let path = name(input);
    let Input::Path(file) = input else { return whole(input, |bytes| parquet_bytes(bytes, &path)) };
    let file = File::open(file).map_err(|e| Error::io("open", e).path(file))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| wrong(&path, "Parquet", e))?;
    let reader = reader.with_batch_size(options.batch_rows).build().map_err(|e| wrong(&path, "Parquet", e))?;
    Ok(Box::new(reader.map(move |b| b.map_err(|e| wrong(&path, "Parquet", e)))))
}

fn parquet_bytes(bytes: Vec<u8>, path: &Path) -> Result<Batches> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(|e| wrong(path, "Parquet", e))?;
    let reader = reader.build().map_err(|e| wrong(path, "Parquet", e))?;
    let path = path.to_path_buf();
    Ok(Box::new(reader.map(move |b| b.map_err(|e| wrong(&path, "Parquet", e)))))
}

fn whole(input: &Input, f: impl FnOnce(Vec<u8>) -> Result<Batches>) -> Result<Batches> {
    let mut bytes = Vec::new();
    open(input)?.read_to_end(&mut bytes).map_err(|e| Error::io("read", e).path(name(input)))?;
    f(bytes)
}

fn arrow(input: &Input) -> Result<Batches> {
    let path = name(input);
    let mut reader = BufReader::with_capacity(1 << 20, open(input)?);
    let head = reader.fill_buf().map_err(|e| Error::io("read", e).path(&path))?;
    if !head.starts_with(b"ARROW1") {
        let reader = StreamReader::try_new(reader, None).map_err(|e| wrong(&path, "Arrow IPC", e))?;
        return Ok(Box::new(reader.map(move |b| b.map_err(|e| wrong(&path, "Arrow IPC", e)))));
    }
    let Input::Path(file) = input else {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|e| Error::io("read", e).path(&path))?;
        let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(|e| wrong(&path, "Arrow IPC", e))?;
        return Ok(Box::new(reader.map(move |b| b.map_err(|e| wrong(&path, "Arrow IPC", e)))));
    };
    let file = File::open(file).map_err(|e| Error::io("open", e).path(file))?;
    let reader = FileReader::try_new(file, None).map_err(|e| wrong(&path, "Arrow IPC", e))?;
    Ok(Box::new(reader.map(move |b| b.map_err(|e| wrong(&path, "Arrow IPC", e)))))
}
