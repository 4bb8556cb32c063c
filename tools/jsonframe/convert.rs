//! `jsonframe convert`.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use clap::{Args, ValueEnum};
use qx_cli::{Context, Out, OutputArgs, Status, Table, is_dash};
use qx_formats::{Error, Result};
use qx_frame::write::{Behind, Cells, Format, Writer};
use qx_frame::{Drift, Filter, Options, Reject, Report, Sink, Source};
use qx_io::Job;

use crate::args::{Input, Sample, Types, condition, sample};
use crate::summary::Summary;

const EXAMPLES: &str = "\
Examples:
  jsonframe convert events.ndjson -o events.parquet
  jsonframe convert day1.ndjson.zst day2.json.gz -o both.arrow
  jsonframe convert events.json --type id=utf8 --type price='decimal(18,2)' -o events.parquet
  zcat events.gz | jsonframe convert - --drift rescue -o events.arrows
  jsonframe convert api.json --root /data/items --flatten _ -o items.csv
  jsonframe convert 'day-*.ndjson.zst' --select time,user.id --where 'status>=500' -o errors.parquet
  jsonframe convert dirty.ndjson -o clean.parquet --rejects bad.ndjson --max-rejects 100
  jsonframe convert events.ndjson --format csv | head";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    Parquet,
    /// Arrow IPC file
    Arrow,
    /// Arrow IPC stream
    Arrows,
    Csv,
    Ndjson,
    /// The first rows, for people
    Table,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DriftArg {
    /// The column's type becomes one that holds every value (the default, unless an input is a pipe)
    Widen,
    /// The value is kept as JSON in the column `_rescued` (the default for a pipe)
    Rescue,
    /// The value becomes null, and is counted
    Null,
    /// Stop at the first such value
    Error,
}

/// Convert JSON to Parquet, Arrow, CSV or NDJSON
///
/// Without -o the data goes to stdout: as a table of the first rows on a terminal, as NDJSON in a pipe. A summary with
/// every coercion goes to stderr; with --json it is one document, on stdout when the data goes to a file. Null and a
/// missing key are the same in the output.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct Convert {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    types: Types,

    /// Only rows that hold: a=b, a.b>=5, !=, <, a (there is one), !a (there is none); repeat to ask for more at once
    #[arg(long = "where", value_name = "CONDITION", value_parser = condition)]
    filters: Vec<Filter>,

    /// Make the fields of structs columns of their own, their names joined by SEP
    #[arg(long, value_name = "SEP")]
    flatten: Option<String>,

    /// Write here; the extension gives the format (parquet, arrow, arrows, csv, ndjson, jsonl); `-` is stdout
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Write this format, whatever the extension
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<FormatArg>,

    /// How many records of each input fix the types, or `all`
    #[arg(long, value_name = "N|all", default_value = "1024", value_parser = sample)]
    sample: Sample,

    /// What becomes of a later value that does not fit its column's type
    #[arg(long, value_name = "POLICY", value_enum)]
    drift: Option<DriftArg>,

    /// Put records that are not JSON here, as NDJSON with place and reason, and go on after their line. Inside an
    /// array only elements whose brackets and quotes are whole can be set aside
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,

    /// Stop when there are more bad records than this
    #[arg(long, value_name = "N", requires = "rejects")]
    max_rejects: Option<u64>,

    /// Threads: with 2, one decodes while another one encodes and writes a file
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    #[command(flatten)]
    write: OutputArgs,
}

/// Rows of the table that a terminal is shown.
const TABLE_ROWS: usize = 50;
/// Characters of one of its cells.
const CELL_CHARS: usize = 120;

impl Convert {
    pub fn run(self, cx: &mut Context) -> Result<Status> {
        let sources = self.input.sources()?;
        let target = self.output.clone().filter(|p| !is_dash(p));
        let format = self.format(target.as_deref(), cx)?;
        let drift = match self.drift {
            None => Drift::default_for(&sources),
            Some(DriftArg::Widen) => Drift::Widen,
            Some(DriftArg::Rescue) => Drift::Rescue,
            Some(DriftArg::Null) => Drift::Null,
            Some(DriftArg::Error) => Drift::Error,
        };
        let mut opts = self.input.options();
        self.types.apply(&mut opts)?;
        opts.sample = self.sample.0;
        opts.filters.clone_from(&self.filters);
        opts.flatten.clone_from(&self.flatten);
        opts.drift = drift;
        opts.rejects = self.rejects.is_some();
        opts.rejects_max = self.max_rejects;
        let Some(format) = format else { return self.table(&sources, &opts, cx) };
        let (report, output_bytes) = self.write(&sources, &opts, format, target.as_deref(), cx)?;
        let output = target.as_ref().map_or("-".into(), |p| p.to_string_lossy());
        let summary = Summary {
            report: &report,
            format: format.name(),
            output: &output,
            output_bytes,
            dry_run: self.write.dry_run,
            data_on_stdout: target.is_none() && !self.write.dry_run,
        };
        summary.print(cx)?;
        Ok(Status::Yes)
    }

    /// `None` is the table.
    fn format(&self, target: Option<&Path>, cx: &Context) -> Result<Option<Format>> {
        Ok(Some(match self.format {
            Some(FormatArg::Parquet) => Format::Parquet,
            Some(FormatArg::Arrow) => Format::ArrowFile,
            Some(FormatArg::Arrows) => Format::ArrowStream,
            Some(FormatArg::Csv) => Format::Csv,
            Some(FormatArg::Ndjson) => Format::Ndjson,
            Some(FormatArg::Table) if target.is_some() => {
                return Err(Error::usage("a table is for a terminal, not for a file").hint("try --format csv"));
            }
            Some(FormatArg::Table) => return Ok(None),
            None => match target {
                None if cx.for_people() => return Ok(None),
                None => Format::Ndjson,
                Some(path) => {
                    let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
                    Format::from_extension(&extension).ok_or_else(|| {
                        Error::usage("the extension does not tell the format")
                            .path(path)
                            .expected("parquet, arrow, arrows, csv, ndjson or jsonl")
                            .hint("or say it: --format parquet")
                    })?
                }
            },
        }))
    }

    fn write(
        &self,
        sources: &[Source],
        opts: &Options,
        format: Format,
        target: Option<&Path>,
        cx: &mut Context,
    ) -> Result<(Report, u64)> {
        let job = cx.job();
        if self.write.dry_run {
            target.into_iter().chain(self.rejects.as_deref()).try_for_each(|p| self.write.check_target(p))?;
            let mut sink = Converted::new(format, true, || Ok(std::io::sink()));
            let report = qx_frame::read_into(sources, opts, &job, &mut sink)?;
            return sink.finish().map(|bytes| (report, bytes));
        }
        let Some(target) = target else {
            return self.to_stdout(sources, opts, format, &job, &mut cx.out);
        };
        qx_io::publish(target, self.write.mode(), |file| {
            let regular = file.get_ref().metadata().is_ok_and(|m| m.is_file());
            let made = || emptied(file.get_ref(), regular);
            if self.behind() {
                let mut sink = ConvertedBehind { format, restartable: regular, make: made, writer: None };
                let report = self.with_rejects(&mut sink, |sink| qx_frame::read_into(sources, opts, &job, sink))?;
                return sink.finish().map(|bytes| (report, bytes));
            }
            let mut sink = Converted::new(format, regular, made);
            let report = self.with_rejects(&mut sink, |sink| {
                // What the input gets wrong stands under its own name, not under the target's.
                qx_frame::read_into(sources, opts, &job, sink)
            })?;
            sink.finish().map(|bytes| (report, bytes))
        })
    }

    fn behind(&self) -> bool {
        let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.map_or(available, usize::from) > 1
    }

    fn to_stdout(
        &self,
        sources: &[Source],
        opts: &Options,
        format: Format,
        job: &Job,
        out: &mut Out,
    ) -> Result<(Report, u64)> {
        let mut out = Some(out);
        let made = || out.take().ok_or_else(|| Error::usage("stdout cannot be written twice"));
        let mut sink = Converted::new(format, false, made);
        let report = self.with_rejects(&mut sink, |sink| qx_frame::read_into(sources, opts, job, sink))?;
        sink.finish().map(|bytes| (report, bytes))
    }

    /// Publishes the rejects before the data, so that data never stands there without them.
    fn with_rejects<S: Sink>(
        &self,
        sink: &mut S,
        read: impl FnOnce(&mut dyn Sink) -> Result<Report>,
    ) -> Result<Report> {
        match &self.rejects {
            None => read(sink),
            Some(path) => qx_io::publish(path, self.write.mode(), |rejects| read(&mut WithRejects { sink, rejects })),
        }
    }

    fn table(&self, sources: &[Source], opts: &Options, cx: &mut Context) -> Result<Status> {
        let job = cx.job();
        let mut shown = Shown::default();
        let report = self.with_rejects(&mut shown, |sink| qx_frame::read_into(sources, opts, &job, sink))?;
        drop(job);
        let names = report.schema.fields().iter().map(|f| f.name().as_str());
        let mut table = Table::new(names);
        for row in &shown.rows {
            table.row(row.clone());
        }
        if !report.schema.fields().is_empty() {
            cx.out.table(&table)?;
        }
        cx.out.flush()?;
        if (shown.rows.len() as u64) < report.rows {
            cx.say(format!("the first {} of {} rows; -o FILE or --format gives all", shown.rows.len(), report.rows));
        }
        let summary = Summary {
            report: &report,
            format: "table",
            output: "-",
            output_bytes: 0,
            dry_run: false,
            data_on_stdout: true,
        };
        summary.print(cx)?;
        Ok(Status::Yes)
    }
}

/// The target from its start, with nothing in it.
fn emptied(file: &File, regular: bool) -> Result<BufWriter<File>> {
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
struct Counted<W> {
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
struct Converted<W: Write + Send, M: FnMut() -> Result<W>> {
    format: Format,
    restartable: bool,
    make: M,
    writer: Option<Writer<Counted<W>>>,
}

impl<W: Write + Send, M: FnMut() -> Result<W>> Converted<W, M> {
    fn new(format: Format, restartable: bool, make: M) -> Self {
        Converted { format, restartable, make, writer: None }
    }

    fn finish(&mut self) -> Result<u64> {
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
        self.writer = Some(Writer::new(self.format, out, schema)?);
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
struct ConvertedBehind<W, M> {
    format: Format,
    restartable: bool,
    make: M,
    writer: Option<Behind<Counted<W>>>,
}

impl<W: Write + Send + 'static, M: FnMut() -> Result<W>> ConvertedBehind<W, M> {
    fn finish(&mut self) -> Result<u64> {
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
        self.writer = Some(Behind::new(Writer::new(self.format, out, schema)?)?);
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
struct WithRejects<'a, S> {
    sink: &'a mut S,
    rejects: &'a mut BufWriter<File>,
}

impl<S: Sink> Sink for WithRejects<'_, S> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let io = |e| Error::io("write rejects", e);
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
        let line = serde_json::to_vec(reject).map_err(|e| Error::io("write rejects", e.into()))?;
        let written = self.rejects.write_all(&line).and_then(|()| self.rejects.write_all(b"\n"));
        written.map_err(|e| Error::io("write rejects", e))
    }

    fn restartable(&self) -> bool {
        self.sink.restartable() && self.rejects.get_ref().metadata().is_ok_and(|m| m.is_file())
    }
}

/// Keeps the first rows as text.
#[derive(Default)]
struct Shown {
    rows: Vec<Vec<String>>,
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
