//! The read itself: a look at a sample, types, then rows in batches; and what happens when the sample was wrong.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use qx_formats::{Error, Kind as ErrorKind, Result};
use qx_io::Job;

use crate::absent::Watched;
use crate::column::{Misfit, Policy};
use crate::filter::{Filter, Filtered};
use crate::frame::Frame;
use crate::json::{Rules, Tape};
use crate::options::{Drift, Options};
use crate::path::{self, Step};
use crate::record::within;
use crate::records::{Next, Records};
use crate::report::{Reject, Report, Spot};
use crate::select::{Flat, flat_schema};
use crate::shape::Rows;
use crate::source::rereadable;
use crate::types::Type;
use crate::{Inferred, Source};

/// Takes what a read gives.
pub trait Sink {
    /// The schema, before the first batch; called also when there are no rows. A second call means that everything
    /// received so far, rejects included, is void and all of it comes again: only a sink that is [`Sink::restartable`]
    /// sees one.
    ///
    /// # Errors
    /// Whatever stops the read.
    fn begin(&mut self, schema: &SchemaRef) -> Result<()>;

    /// Whether the last column is to hold what was set aside ([`Drift::Rescue`]); told before each [`Sink::begin`].
    fn rescues(&mut self, _: bool) {}

    /// The next rows.
    ///
    /// # Errors
    /// Whatever stops the read.
    fn batch(&mut self, batch: RecordBatch) -> Result<()>;

    /// A record that is not JSON, under [`Options::rejects`].
    ///
    /// # Errors
    /// Whatever stops the read.
    fn reject(&mut self, _: &Reject) -> Result<()> {
        Ok(())
    }

    /// Whether what was received can be forgotten. A sink that cannot makes widening read the whole input for its
    /// types before the first batch.
    fn restartable(&self) -> bool {
        false
    }
}

/// Reads JSON into batches. The schema is settled before the first batch and does not change: under
/// [`Drift::Widen`] the input is read for its types first, unless the sample covers it.
///
/// # Errors
/// `Invalid` for what is not JSON or has no rows, with its place; `Io`; `Limit`; what `sink` says.
pub fn read(
    sources: &[Source],
    opts: &Options,
    job: &Job,
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<Report> {
    struct Plain<'a>(&'a mut dyn FnMut(RecordBatch) -> Result<()>);
    impl Sink for Plain<'_> {
        fn begin(&mut self, _: &SchemaRef) -> Result<()> {
            Ok(())
        }
        fn batch(&mut self, batch: RecordBatch) -> Result<()> {
            (self.0)(batch)
        }
    }
    read_into(sources, opts, job, &mut Plain(sink))
}

/// [`read`] with everything in memory.
///
/// # Errors
/// As [`read`].
pub fn read_all(sources: &[Source], opts: &Options, job: &Job) -> Result<(SchemaRef, Vec<RecordBatch>, Report)> {
    #[derive(Default)]
    struct All(Vec<RecordBatch>);
    impl Sink for All {
        fn begin(&mut self, _: &SchemaRef) -> Result<()> {
            self.0.clear();
            Ok(())
        }
        fn batch(&mut self, batch: RecordBatch) -> Result<()> {
            self.0.push(batch);
            Ok(())
        }
        fn restartable(&self) -> bool {
            true
        }
    }
    let mut all = All::default();
    let report = read_into(sources, opts, job, &mut all)?;
    Ok((Arc::clone(&report.schema), all.0, report))
}

/// [`read`] into a sink that is told the schema, takes rejects, and may be able to start again: then the sample's
/// types are trusted until a value contradicts them, and only then the whole input is read for its types.
///
/// # Errors
/// As [`read`].
pub fn read_into(sources: &[Source], opts: &Options, job: &Job, sink: &mut dyn Sink) -> Result<Report> {
    opts.check(sources)?;
    let opts = opts.with_canonical_paths()?;
    match &opts.flatten {
        None => read_filtered(sources, &opts, job, sink),
        Some(separator) => {
            let mut flat = Flat::new(sink, separator);
            let report = read_filtered(sources, &opts, job, &mut flat)?;
            Ok(Report { schema: flat_schema(&report.schema, separator)?, ..report })
        }
    }
}

fn read_filtered(sources: &[Source], opts: &Options, job: &Job, sink: &mut dyn Sink) -> Result<Report> {
    if opts.filters.is_empty() {
        return read_unfiltered(sources, opts, job, sink);
    }
    // What only the conditions need is read as well, behind what was selected, and not passed on.
    let mut wider = opts.clone();
    let covered = |path: &str| (opts.select.is_empty() && !opts.nothing) || opts.select.iter().any(|s| within(path, s));
    wider.select.extend(opts.filters.iter().map(|f| f.path().to_owned()).filter(|p| !covered(p)));
    wider.as_json.extend(typeless(opts).filter(|path| !covered(path)));
    let (asked, read) = (top_level(&opts.select)?, top_level(&wider.select)?);
    if top_level(wider.select.get(opts.select.len()..).unwrap_or_default())? + asked != read {
        return Err(Error::usage("a condition is on a field inside a selected one").hint("select that field as well"));
    }
    let hidden = asked..read;
    let mut filtered =
        Filtered { sink, filters: &opts.filters, hidden, kept: 0, unordered: 0, refused: false, rescues: false };
    let report = match read_unfiltered(sources, &wider, job, &mut filtered) {
        // The sample's type may not be the one that the field has in the end.
        Err(_) if filtered.refused && opts.drift == Drift::Widen && opts.sample.is_some() => {
            wider.sample = None;
            read_unfiltered(sources, &wider, job, &mut filtered)
        }
        result => result,
    }?;
    let schema = filtered.schema(&report.schema);
    let (rows, unordered) = (filtered.kept, filtered.unordered);
    Ok(Report { schema, rows, filtered: report.rows - rows, unordered, ..report })
}

/// The fields of which only the presence is asked, where a value that does not fit its column is set aside or becomes null: as
/// JSON every value fits, and none is taken for missing.
fn typeless(opts: &Options) -> impl Iterator<Item = String> {
    let given = !opts.hints.is_empty() || !opts.maps.is_empty() || !opts.as_json.is_empty() || opts.schema.is_some();
    let drops = matches!(opts.drift, Drift::Rescue | Drift::Null) && !given;
    let beside = |path: &str, other: &str| !within(path, other) && !within(other, path);
    let alone = move |path: &str| {
        let compared = |f: &Filter| if f.path() == path { !f.asks_for_presence() } else { !beside(path, f.path()) };
        !opts.filters.iter().any(compared) && opts.select.iter().all(|s| beside(path, s))
    };
    let present = opts.filters.iter().filter(move |f| drops && f.asks_for_presence() && alone(f.path()));
    present.map(|f| f.path().to_owned())
}

/// How many columns the paths lead into.
fn top_level(paths: &[String]) -> Result<usize> {
    let mut names: Vec<Option<Step>> = Vec::new();
    for path in paths {
        let first = path::steps(path)?.into_iter().next();
        if !names.contains(&first) {
            names.push(first);
        }
    }
    Ok(names.len())
}

fn read_unfiltered(sources: &[Source], opts: &Options, job: &Job, sink: &mut dyn Sink) -> Result<Report> {
    let names: Vec<Arc<str>> = sources.iter().map(|s| s.name().into()).collect();
    let read = Read { sources, opts, job, names };
    job.progress.phase("sample", None, "bytes");
    // Given columns stand for the sample.
    let limit = if opts.schema.is_some() { Some(0) } else { opts.sample };
    let mut sample = read.look(limit, true)?;
    let mut watched = Watched::new(sink, opts)?;
    let report = read_as_sampled(&read, &mut sample, &mut watched)?;
    let absent = if report.rows == 0 { Vec::new() } else { watched.absent(&sample.rows, &report.coercions) };
    Ok(Report { absent, ..report })
}

/// The rows, by the types of a sample; and by those of everything, where the sample's do not hold and `sink` or the policy
/// does not take that.
fn read_as_sampled(read: &Read<'_>, sample: &mut Sample, sink: &mut dyn Sink) -> Result<Report> {
    let job = read.job;
    let policy = match read.opts.drift {
        Drift::Widen => Policy::Widen,
        Drift::Rescue => Policy::Rescue,
        Drift::Null => Policy::Null,
        Drift::Error => Policy::Error,
    };
    // Where no column is asked for, nothing can fail to fit one.
    let typed = !read.opts.nothing || !read.opts.select.is_empty();
    if policy == Policy::Widen && typed && !sample.complete && !sink.restartable() {
        // Nothing can be taken back, so the types are tried on everything before the first batch. That is quicker than
        // to find them from everything, which is left for when they do not hold.
        job.progress.phase("types", None, "bytes");
        match read.rows(sample, policy, &mut Trial)? {
            Ok(_) => sample.complete = true,
            Err(misfit) if misfit.hinted => return Err(read.misfit_error(&misfit, false)),
            Err(_) => *sample = read.look(None, true)?,
        }
    }
    let complete = sample.complete;
    match read.rows(sample, policy, sink)? {
        Ok(report) => Ok(report),
        Err(misfit) if policy != Policy::Widen || misfit.hinted || complete => {
            Err(read.misfit_error(&misfit, policy == Policy::Widen && !misfit.hinted))
        }
        Err(misfit) => {
            tracing::info!(target: "qx::frame", field = misfit.field, from = misfit.from.name(), "widening");
            job.progress.phase("types", None, "bytes");
            *sample = read.look(None, true)?;
            match read.rows(sample, policy, sink)? {
                Ok(report) => Ok(Report { widened: true, ..report }),
                Err(misfit) => Err(read.misfit_error(&misfit, !misfit.hinted)),
            }
        }
    }
}

/// Takes everything and keeps nothing.
struct Trial;

impl Sink for Trial {
    fn begin(&mut self, _: &SchemaRef) -> Result<()> {
        Ok(())
    }

    fn batch(&mut self, _: RecordBatch) -> Result<()> {
        Ok(())
    }
}

/// Looks at an input and gives its schema, with counts per field. [`Options::sample`] bounds the look.
///
/// # Errors
/// As [`read`].
pub fn infer(sources: &[Source], opts: &Options, job: &Job) -> Result<Inferred> {
    // Each source is read once, so that a pipe serves whatever the policy.
    let opts = Options { drift: Drift::Rescue, ..opts.with_canonical_paths()? };
    opts.check(sources)?;
    let names: Vec<Arc<str>> = sources.iter().map(|s| s.name().into()).collect();
    job.progress.phase("types", None, "bytes");
    let read = Read { sources, opts: &opts, job, names };
    let sample = read.look(opts.sample, false)?;
    let columns = read.columns(&sample)?;
    Ok(Inferred {
        schema: Arc::new(Schema::new(columns.iter().map(|(name, t)| t.field(name)).collect::<Vec<_>>())),
        fields: crate::stats::fields(&sample.rows, &columns),
        sql: columns.iter().map(|(name, t)| (name.clone(), t.sql())).collect(),
        rows: sample.rows.rows,
        bytes: sample.bytes,
        arrays: sample.arrays,
        rootless: sample.rootless,
        rejected: sample.rejected,
        absent: crate::absent::absent_from(&sample.rows, &opts)?,
        complete: sample.complete,
    })
}

/// What the first look gave.
struct Sample {
    rows: Rows,
    complete: bool,
    bytes: u64,
    arrays: u64,
    rootless: u64,
    rejected: u64,
    /// Sources that can be read only once, with what was already read of them.
    once: Vec<Option<Once>>,
}

/// A pipe, and what the sample took from it.
struct Once {
    records: Records,
    kept: Vec<Kept>,
    bytes: Vec<u8>,
}

enum Kept {
    Record { start: usize, end: usize, spot: Spot },
    Bad(Box<Reject>),
}

struct Read<'a> {
    sources: &'a [Source],
    opts: &'a Options,
    job: &'a Job,
    names: Vec<Arc<str>>,
}

impl Read<'_> {
    fn tape(&self) -> Result<Tape> {
        let tape = Tape::new(Rules { dup_keys: self.opts.dup_keys, bad_text: self.opts.bad_text });
        if self.opts.select.is_empty() && !self.opts.nothing {
            return Ok(tape);
        }
        Ok(tape.asking(self.opts.select.iter().map(|path| path::steps(path)).collect::<Result<_>>()?))
    }

    /// Looks at the first records of each source. `keep`: what comes from a pipe is kept for the rows.
    fn look(&self, limit: Option<usize>, keep: bool) -> Result<Sample> {
        let mut sample = Sample {
            rows: Rows::default(),
            complete: true,
            bytes: 0,
            arrays: 0,
            rootless: 0,
            rejected: 0,
            once: Vec::new(),
        };
        for (index, source) in self.sources.iter().enumerate() {
            let mut records = Records::open(source, index, self.opts)?;
            let pipe = keep && !rereadable(source);
            let (mut kept, mut bytes) = (Vec::new(), Vec::new());
            let (mut count, mut length) = (0, 0);
            let mut tape = self.tape()?;
            loop {
                if limit.is_some_and(|n| count >= n || length >= self.opts.limits.sample_bytes) {
                    sample.complete &= records.finished(self.job)?;
                    break;
                }
                match records.next(&mut tape, self.job)? {
                    Next::Record { raw, spot } => {
                        count += 1;
                        length += raw.len();
                        let observed = sample.rows.observe(&tape, raw, self.opts);
                        observed.map_err(|e| e.path(&*source.name()).offset(spot.offset))?;
                        if pipe {
                            kept.push(Kept::Record { start: bytes.len(), end: bytes.len() + raw.len(), spot });
                            bytes.extend_from_slice(raw);
                        }
                    }
                    Next::Bad(reject) => {
                        sample.rejected += 1;
                        self.too_many(sample.rejected, &reject)?;
                        if pipe {
                            kept.push(Kept::Bad(reject));
                        }
                    }
                    Next::End => break,
                }
            }
            sample.bytes += records.bytes();
            sample.arrays += records.arrays;
            sample.rootless += records.rootless();
            sample.once.push(pipe.then_some(Once { records, kept, bytes }));
        }
        Ok(sample)
    }

    fn columns(&self, sample: &Sample) -> Result<Vec<(String, Type)>> {
        // Of several inputs the first stands for all; a path keeps the error from being taken for the output's.
        let name = self.names.first().cloned().unwrap_or_default();
        sample.rows.resolve(self.opts).map_err(|e| e.path(&*name))
    }

    fn too_many(&self, rejected: u64, reject: &Reject) -> Result<()> {
        match self.opts.rejects_max {
            Some(max) if rejected > max => Err(Error::limit("the number of bad records", max, rejected)
                .path(&reject.source)
                .offset(reject.offset)
                .hint(format!("the last one: {}", reject.message))),
            _ => Ok(()),
        }
    }

    /// Builds the rows. The inner error is the misfit that ended it.
    fn rows(&self, sample: &mut Sample, policy: Policy, sink: &mut dyn Sink) -> Result<Result<Report, Box<Misfit>>> {
        let columns = self.columns(sample)?;
        // A type that was given may fail any value, whether the sample saw it or not.
        let given = !self.opts.hints.is_empty() || !self.opts.maps.is_empty();
        let rescue = policy == Policy::Rescue && (given || !sample.complete);
        let mut frame = Frame::new(&columns, policy, rescue, self.opts);
        sink.rescues(rescue);
        sink.begin(&frame.schema)?;
        self.job.progress.phase("rows", self.sources.iter().map(plain_size).sum::<Option<u64>>(), "bytes");
        let (mut bytes, mut arrays, mut rootless, mut rejected) = (0, 0, 0, 0);
        let mut tape = self.tape()?;
        for (index, source) in self.sources.iter().enumerate() {
            let mut records = match sample.once.get_mut(index).and_then(Option::take) {
                None => Records::open(source, index, self.opts)?,
                Some(once) => {
                    for kept in once.kept {
                        match kept {
                            Kept::Bad(reject) => {
                                rejected += 1;
                                sink.reject(&reject)?;
                            }
                            Kept::Record { start, end, spot } => {
                                let raw = once.bytes.get(start..end).unwrap_or_default();
                                // It was parsed before, so it is whole.
                                let _ = tape.parse(raw, true, self.opts.limits.depth);
                                if let Err(misfit) = frame.append(&tape, raw, spot) {
                                    return Ok(Err(misfit));
                                }
                                frame.flush_if_full(sink)?;
                            }
                        }
                    }
                    once.records
                }
            };
            loop {
                records.take(&mut frame, sink, self.job)?;
                match records.next(&mut tape, self.job)? {
                    Next::Record { raw, spot } => {
                        if let Err(misfit) = frame.append(&tape, raw, spot) {
                            return Ok(Err(misfit));
                        }
                        frame.flush_if_full(sink)?;
                    }
                    Next::Bad(reject) => {
                        rejected += 1;
                        self.too_many(rejected, &reject)?;
                        sink.reject(&reject)?;
                    }
                    Next::End => break,
                }
            }
            bytes += records.bytes();
            arrays += records.arrays;
            rootless += records.rootless();
            frame.add_dropped(records.root_dropped());
        }
        frame.flush(sink)?;
        Ok(Ok(Report { bytes, arrays, rootless, rejected, ..frame.report(&self.names) }))
    }

    fn misfit_error(&self, misfit: &Misfit, changed: bool) -> Error {
        let name = self.names.get(misfit.spot.source).cloned().unwrap_or_default();
        let (line, field) = (misfit.spot.line, &misfit.field);
        let error = match &misfit.to {
            Some(t) => Error::invalid(format!("line {line}: a value of `{field}` does not fit its column")).expected(t),
            None => Error::invalid(format!("line {line}: `{field}` has no column")).expected("a known key"),
        };
        let error = error.path(&*name).offset(misfit.spot.offset).got(misfit.from.name());
        if changed {
            return error.hint("the input changed while it was read");
        }
        error.hint(if misfit.hinted {
            "the column's type was given: choose another, or --drift rescue or null"
        } else {
            "--drift widen, rescue or null take it; --sample all looks at everything first"
        })
    }
}

/// The size of a source whose bytes are the JSON itself, as far as its name tells.
fn plain_size(source: &Source) -> Option<u64> {
    match source {
        Source::Path(path) => {
            let packed = path.extension().is_some_and(|e| e == "gz" || e == "zst");
            std::fs::metadata(path).ok().filter(|m| m.is_file() && !packed).map(|m| m.len())
        }
        Source::Bytes { bytes, .. } => Some(bytes.len() as u64),
        Source::Stdin => None,
    }
}

pub(crate) fn arrow_error(e: ArrowError) -> Error {
    match e {
        ArrowError::IoError(_, e) => Error::io("write", e),
        e => Error::new(ErrorKind::Engine, e.to_string()).source(e),
    }
}
