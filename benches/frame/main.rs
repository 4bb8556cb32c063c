//! JSON becomes typed Arrow at a price near that of only checking it, with types that fit every record.

mod inputs;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, Seek};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::json::reader::infer_json_schema_from_seekable;
use qx_benches::harness::{Claim, Suite, Work, main as suite_main};
use qx_formats::{Error, Kind, Result};
use qx_frame::{Drift, Options, Source, read};
use qx_io::Job;
use serde::de::IgnoredAny;
use sonic_rs::LazyValue;

fn main() -> ExitCode {
    suite_main("frame", claims)
}

fn claims(suite: &mut Suite) -> Result<()> {
    let dir = suite.folder()?;
    let least = suite.size(64 << 20, 4 << 20);
    if suite.wants(&["text"]) {
        measure(suite, "text", &inputs::packages(&dir.path().join("packages.ndjson"), least)?)?;
    }
    if suite.wants(&["numbers"]) {
        measure(suite, "numbers", &inputs::numbers(&dir.path().join("numbers.ndjson"), least)?)?;
    }
    if suite.wants(&["flat"]) {
        measure(suite, "flat", &inputs::flat(&dir.path().join("flat.ndjson"), least)?)?;
    }
    if suite.wants(&["nested"]) {
        measure(suite, "nested", &inputs::nested(&dir.path().join("nested.ndjson"), least)?)?;
    }
    Ok(())
}

/// Everyone reads the same file, from the page cache, and finds the same number of records.
fn measure(suite: &mut Suite, name: &str, path: &Path) -> Result<()> {
    let bytes = std::fs::metadata(path).map_err(|e| Error::io("look at", e).path(path))?.len();
    suite.measure(
        Claim::new(name, "byte")
            .reference("sonic-rs, skipped", || skip(path, bytes))
            .note(format!("{} MiB, each record validated and passed over", bytes >> 20))
            .subject("frame, widen", || frame(path, bytes, Drift::Widen))
            .note("types from every record")
            .subject("frame, rescue", || frame(path, bytes, Drift::Rescue))
            .note("types from the first 1024 records")
            .subject("frame, counted", || count(path, bytes))
            .note("no column is asked for")
            .peer("serde_json, ignored", || check(path, bytes))
            .note("each record checked and dropped")
            .peer("arrow-json", || arrow_json(path, bytes, None))
            .note("types from every record")
            .peer("arrow-json, sampled", || arrow_json(path, bytes, Some(1024)))
            .note("types from the first 1024 records, later fields dropped"),
    )
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|e| Error::io("read", e).path(path))?;
    Ok(BufReader::with_capacity(256 << 10, file))
}

/// Validates each line and builds nothing of it: what finding the records costs at least.
fn skip(path: &Path, bytes: u64) -> Result<Work> {
    let text = std::fs::read(path).map_err(|e| Error::io("read", e).path(path))?;
    let (mut records, mut at) = (0, 0);
    for end in memchr::memchr_iter(b'\n', &text) {
        let line = text.get(at..end).unwrap_or_default();
        let value: LazyValue<'_> = sonic_rs::from_slice(line).map_err(|e| Error::invalid(e.to_string()).path(path))?;
        black_box(value);
        records += 1;
        at = end + 1;
    }
    Ok(Work::units(bytes).answer(records))
}

fn check(path: &Path, bytes: u64) -> Result<Work> {
    let text = std::fs::read(path).map_err(|e| Error::io("read", e).path(path))?;
    let mut records = 0;
    for record in serde_json::Deserializer::from_slice(&text).into_iter::<IgnoredAny>() {
        record.map_err(|e| Error::invalid(e.to_string()).path(path))?;
        records += 1;
    }
    Ok(Work::units(bytes).answer(records))
}

fn frame(path: &Path, bytes: u64, drift: Drift) -> Result<Work> {
    let mut rows = 0;
    read(&[Source::Path(path.to_owned())], &Options { drift, ..Options::default() }, &Job::default(), &mut |batch| {
        rows += black_box(batch).num_rows() as u64;
        Ok(())
    })?;
    Ok(Work::units(bytes).answer(rows))
}

fn count(path: &Path, bytes: u64) -> Result<Work> {
    let opts = Options { nothing: true, ..Options::default() };
    let report = read(&[Source::Path(path.to_owned())], &opts, &Job::default(), &mut |_| Ok(()))?;
    Ok(Work::units(bytes).answer(report.rows))
}

fn arrow_json(path: &Path, bytes: u64, sample: Option<usize>) -> Result<Work> {
    let failed = |e: ArrowError| Error::new(Kind::Engine, e.to_string()).path(path);
    let mut input = open(path)?;
    let (schema, _) = infer_json_schema_from_seekable(&mut input, sample).map_err(failed)?;
    input.rewind().map_err(|e| Error::io("read", e).path(path))?;
    let reader = ReaderBuilder::new(Arc::new(schema)).with_batch_size(8192).build(input).map_err(failed)?;
    let mut rows = 0;
    for batch in reader {
        rows += black_box(batch.map_err(failed)?).num_rows() as u64;
    }
    Ok(Work::units(bytes).answer(rows))
}
