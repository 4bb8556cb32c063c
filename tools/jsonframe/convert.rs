//! `jsonframe convert`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use qx_cli::{Align, Context, Out, OutputArgs, Status, Table, is_dash, keep_freed_memory};
use qx_formats::{Error, Kind, Result};
use qx_frame::write::{Compression, DictionariesFull, Format, WriteOptions};
use qx_frame::{Drift, Filter, Options, Report, Sink, Source};
use qx_io::Job;

use crate::args::{Input, Sample, Types, condition, sample};
use crate::sinks::{Converted, ConvertedBehind, Shown, Wanted, WithRejects, emptied};
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
pub enum DictionariesArg {
    /// Columns whose first values repeat; text in Arrow then has a dictionary type
    Auto,
    None,
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

    /// Make the fields of structs columns of their own, their names joined by SEP. An object without a value is then the
    /// same as null, and is counted
    #[arg(long, value_name = "SEP")]
    flatten: Option<String>,

    /// Write here; the extension gives the format (parquet, arrow, arrows, csv, ndjson, jsonl; csv.zst, ndjson.gz, ...);
    /// `-` is stdout
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Write this format, whatever the extension
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<FormatArg>,

    /// Compress with none, snappy, zstd[:LEVEL] or gzip[:LEVEL]. Parquet is written with zstd:1 unless something else is
    /// said; CSV and NDJSON as plain text unless the extension says zst or gz; Arrow is never compressed
    #[arg(long, value_name = "CODEC")]
    compression: Option<Compression>,

    /// Which columns of Parquet and Arrow are encoded by dictionaries. An Arrow file that is not written to a new file,
    /// or whose input is a pipe, has none
    #[arg(long, value_name = "WHICH", value_enum, default_value = "auto")]
    dictionaries: DictionariesArg,

    /// How many records of each input fix the types, or `all`
    #[arg(long, value_name = "N|all", default_value = "1024", value_parser = sample)]
    sample: Sample,

    /// What becomes of a later value that does not fit its column's type
    #[arg(long, value_name = "POLICY", value_enum)]
    drift: Option<DriftArg>,

    /// Put records that are not JSON here, as NDJSON with place and reason, and go on after their line. Inside an
    /// array only elements with a wrong number, word or string, or a key that stands twice, can be set aside
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

impl Convert {
    pub fn run(self, cx: &mut Context) -> Result<Status> {
        keep_freed_memory();
        let sources = self.input.sources()?;
        let target = self.output.clone().filter(|p| !is_dash(p));
        let (format, packed) = self.format(target.as_deref(), cx)?;
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
        self.check_rejects(&sources, target.as_deref())?;
        let Some(format) = format else {
            if self.compression.is_some() {
                return Err(Error::usage("a table is not compressed").hint("give -o FILE or --format"));
            }
            return self.table(&sources, &opts, cx).map_err(|e| self.with_hint(e));
        };
        if target.is_none() && !matches!(format, Format::Csv | Format::Ndjson) && cx.for_people() {
            return Err(Error::usage(format!("{} is not for a terminal", format.name())).hint("give -o FILE"));
        }
        let compression = self.compression.or(packed);
        if let Some(compression) = compression {
            format.check_compression(compression)?;
        }
        let dictionaries = self.dictionaries == DictionariesArg::Auto;
        let wanted = Wanted { format, options: WriteOptions { compression, dictionaries } };
        let written = self.write(&sources, &opts, wanted, target.as_deref(), cx);
        let (report, output_bytes) = written.map_err(|e| self.with_hint(e))?;
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

    fn check_rejects(&self, sources: &[Source], target: Option<&Path>) -> Result<()> {
        let Some(rejects) = &self.rejects else { return Ok(()) };
        if is_dash(rejects) {
            return Err(Error::usage("rejects go to a file").hint("--rejects /dev/stderr shows them"));
        }
        // Neither needs to be there yet.
        let whole = |path: &Path| {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let named = folder.canonicalize().map(|folder| folder.join(path.file_name().unwrap_or_default()));
            path.canonicalize().or(named).unwrap_or_else(|_| path.to_owned())
        };
        if target.is_some_and(|target| whole(target) == whole(rejects)) {
            return Err(Error::usage("the data and the rejects are to go to the same file").path(rejects));
        }
        let read = |source: &Source| matches!(source, Source::Path(path) if whole(path) == whole(rejects));
        if sources.iter().any(read) {
            return Err(Error::usage("the rejects are to replace an input").path(rejects));
        }
        Ok(())
    }

    /// A bad record is not the end.
    fn with_hint(&self, e: Error) -> Error {
        let record = e.kind() == Kind::Invalid && e.message().starts_with("line ") && e.get_hint().is_none();
        if record && self.rejects.is_none() {
            return e.hint("--rejects FILE sets bad records aside and goes on");
        }
        e
    }

    /// The format, and the compression that the extension asks for. `None` is the table.
    fn format(&self, target: Option<&Path>, cx: &Context) -> Result<(Option<Format>, Option<Compression>)> {
        let extension = |path: &Path| path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
        let packed = target.and_then(|path| Compression::from_extension(&extension(path)));
        let format = match self.format {
            Some(FormatArg::Parquet) => Format::Parquet,
            Some(FormatArg::Arrow) => Format::ArrowFile,
            Some(FormatArg::Arrows) => Format::ArrowStream,
            Some(FormatArg::Csv) => Format::Csv,
            Some(FormatArg::Ndjson) => Format::Ndjson,
            Some(FormatArg::Table) if target.is_some() => {
                return Err(Error::usage("a table is for a terminal, not for a file").hint("try --format csv"));
            }
            Some(FormatArg::Table) => return Ok((None, None)),
            None => match target {
                None if cx.for_people() => return Ok((None, None)),
                None => Format::Ndjson,
                Some(path) => {
                    let inner = if packed.is_some() { path.with_extension("") } else { path.to_owned() };
                    Format::from_extension(&extension(&inner)).ok_or_else(|| {
                        Error::usage("the extension does not tell the format")
                            .path(path)
                            .expected("parquet, arrow, arrows, csv, ndjson or jsonl; csv.zst, csv.gz and so on")
                            .hint("or say it: --format parquet")
                    })?
                }
            },
        };
        let text = matches!(format, Format::Csv | Format::Ndjson);
        if packed.is_some() && !text && self.format.is_none() {
            return Err(Error::usage(format!("{} is not compressed as a whole", format.name()))
                .hint("leave out the last extension; --compression says how Parquet compresses its pages"));
        }
        Ok((Some(format), packed.filter(|_| text)))
    }

    fn write(
        &self,
        sources: &[Source],
        opts: &Options,
        wanted: Wanted,
        target: Option<&Path>,
        cx: &mut Context,
    ) -> Result<(Report, u64)> {
        let job = cx.job();
        let convert = |wanted: Wanted, out: &mut qx_cli::Out| {
            if self.write.dry_run {
                target.into_iter().chain(self.rejects.as_deref()).try_for_each(|p| self.write.check_target(p))?;
                let mut sink = Converted::new(wanted, true, || Ok(std::io::sink()));
                let report = qx_frame::read_into(sources, opts, &job, &mut sink)?;
                return sink.finish().map(|bytes| (report, bytes));
            }
            match target {
                None => self.to_stdout(sources, opts, wanted, &job, out),
                Some(target) => self.to_file(sources, opts, wanted, target, &job),
            }
        };
        let plain = Wanted { options: WriteOptions { dictionaries: false, ..wanted.options }, ..wanted };
        if wanted.format != Format::ArrowFile {
            return convert(wanted, &mut cx.out);
        }
        // A file has one dictionary a column, which can turn out too large. Then everything is written again.
        let again = Drift::default_for(sources) == Drift::Widen
            && target.is_some_and(|path| std::fs::metadata(path).map_or(true, |m| m.is_file()));
        match convert(if again { wanted } else { plain }, &mut cx.out) {
            Err(e) if again && DictionariesFull::is(&e) => convert(plain, &mut cx.out),
            result => result,
        }
    }

    fn to_file(
        &self,
        sources: &[Source],
        opts: &Options,
        wanted: Wanted,
        target: &Path,
        job: &Job,
    ) -> Result<(Report, u64)> {
        qx_io::publish(target, self.write.mode(), |file| {
            let regular = file.get_ref().metadata().is_ok_and(|m| m.is_file());
            let made = || emptied(file.get_ref(), regular);
            // What the input gets wrong stands under its own name, not under the target's.
            let read = |sink: &mut dyn Sink| qx_frame::read_into(sources, opts, job, sink);
            if self.behind() {
                let mut sink = ConvertedBehind::new(wanted, regular, made);
                return self.with_rejects(&mut sink, read, |sink| sink.finish());
            }
            let mut sink = Converted::new(wanted, regular, made);
            self.with_rejects(&mut sink, read, |sink| sink.finish())
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
        wanted: Wanted,
        job: &Job,
        out: &mut Out,
    ) -> Result<(Report, u64)> {
        let mut out = Some(out);
        let made = || out.take().ok_or_else(|| Error::usage("stdout cannot be written twice"));
        let mut sink = Converted::new(wanted, false, made);
        self.with_rejects(&mut sink, |sink| qx_frame::read_into(sources, opts, job, sink), |sink| sink.finish())
    }

    /// Publishes the rejects before the data, so that data never stands there without them, and only once the data is
    /// whole: what fails at its end can be tried again.
    fn with_rejects<S: Sink, T>(
        &self,
        sink: &mut S,
        read: impl FnOnce(&mut dyn Sink) -> Result<Report>,
        finish: impl FnOnce(&mut S) -> Result<T>,
    ) -> Result<(Report, T)> {
        let Some(path) = &self.rejects else {
            let report = read(&mut *sink)?;
            return Ok((report, finish(sink)?));
        };
        // Kept aside, or it would stand under the name of the rejects.
        let mut failed = None;
        let done = qx_io::publish(path, self.write.mode(), |rejects| {
            let report = read(&mut WithRejects { sink: &mut *sink, rejects, path });
            let whole = report.and_then(|report| Ok((report, finish(&mut *sink)?)));
            whole.map_err(|e| {
                failed = Some(e);
                Error::usage("the data is not whole")
            })
        });
        match failed {
            Some(e) => Err(e),
            None => done,
        }
    }

    fn table(&self, sources: &[Source], opts: &Options, cx: &mut Context) -> Result<Status> {
        let job = cx.job();
        let mut shown = Shown::default();
        let read = |sink: &mut dyn Sink| qx_frame::read_into(sources, opts, &job, sink);
        let (report, ()) = self.with_rejects(&mut shown, read, |_| Ok(()))?;
        drop(job);
        let names = report.schema.fields().iter().map(|f| (f.name().as_str(), Align::Left));
        let mut table = Table::aligned(names);
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
