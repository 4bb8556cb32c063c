//! What share of the raw limit of a disk a log reaches: each figure stands beside a file that is written, synced or
//! read without any format, measured in turns with it.

mod bare;
mod logs;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qx_formats::{Error, Result};
use qx_io::Job;
use serde::Serialize;

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// How long it takes, about.
    pub time: Duration,
    /// Bytes of an operation.
    pub record: usize,
    /// Threads that commit at the same time.
    pub writers: Vec<usize>,
    pub job: Job,
}

impl Default for BenchOptions {
    fn default() -> Self {
        BenchOptions { time: Duration::from_secs(20), record: 128, writers: vec![8, 32], job: Job::default() }
    }
}

/// One figure and its limit.
#[derive(Debug, Clone, Serialize)]
pub struct BenchLine {
    pub name: String,
    /// What is compared with.
    pub limit: &'static str,
    /// `records/s` or `bytes/s`.
    pub unit: &'static str,
    /// Medians of the rounds.
    pub rate: f64,
    pub limit_rate: f64,
    /// Median, lowest and highest of the rounds' ratios.
    pub share: f64,
    pub share_low: f64,
    pub share_high: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<BenchLatency>,
}

/// How long one commit takes, and one synced write of the bare file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BenchLatency {
    pub p50_us: f64,
    pub p99_us: f64,
    pub limit_p50_us: f64,
    pub limit_p99_us: f64,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Bytes of an operation.
    pub record: usize,
    pub rounds: usize,
    pub seconds: f64,
    pub lines: Vec<BenchLine>,
}

/// Every contender has so many turns.
const ROUNDS: usize = 7;

/// Work done in a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub units: u64,
    pub took: Duration,
}

type Contender<'a> = &'a mut dyn FnMut(Duration) -> Result<Turn>;

/// Measures in a folder of its own below `dir`, which is removed at the end, whatever the end is.
///
/// # Errors
/// `Io`; a usage error for a record that is too small or too large; `Cancelled`.
pub fn bench(dir: &Path, options: &BenchOptions) -> Result<BenchReport> {
    logs::check(options)?;
    let start = Instant::now();
    let scratch = Scratch::create(dir)?;
    let job = &options.job;
    job.progress.phase("bench", None, "turns");
    let slice = |share: f64, contenders: usize| options.time.mul_f64(share / (ROUNDS * contenders) as f64);
    let mut lines = buffered(&scratch.0, options, slice(0.2, 4))?;
    lines.extend(synced(&scratch.0, options, slice(0.5, 2 + options.writers.len()))?);
    for record in [options.record, 1024] {
        lines.extend(scan(&scratch.0, record, slice(0.1, 2), job)?);
        if options.record >= 1024 {
            break;
        }
    }
    scratch.remove()?;
    Ok(BenchReport { record: options.record, rounds: ROUNDS, seconds: start.elapsed().as_secs_f64(), lines })
}

/// The rates of each contender, round by round. Each round begins with the next one, so that what changes meanwhile
/// falls on all of them.
fn rounds(contenders: &mut [Contender<'_>], slice: Duration, job: &Job) -> Result<Vec<Vec<f64>>> {
    let mut rates = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for round in 0..ROUNDS {
        for turn in 0..contenders.len() {
            let i = (round + turn) % contenders.len();
            job.step(1)?;
            let Some(run) = contenders.get_mut(i) else { continue };
            let done = run(slice)?;
            if let Some(list) = rates.get_mut(i) {
                list.push(done.units as f64 / done.took.as_secs_f64().max(1e-9));
            }
        }
    }
    Ok(rates)
}

fn line(name: impl Into<String>, limit: &'static str, unit: &'static str, of: &[f64], limits: &[f64]) -> BenchLine {
    let shares: Vec<f64> = of.iter().zip(limits).map(|(a, b)| a / b).collect();
    BenchLine {
        name: name.into(),
        limit,
        unit,
        rate: median(of),
        limit_rate: median(limits),
        share: median(&shares),
        share_low: shares.iter().copied().fold(f64::INFINITY, f64::min),
        share_high: shares.iter().copied().fold(0.0, f64::max),
        latency: None,
    }
}

fn buffered(dir: &Path, options: &BenchOptions, slice: Duration) -> Result<Vec<BenchLine>> {
    let record = vec![7u8; options.record];
    let mut bare = |slice| bare::buffered(dir, &record, slice);
    let mut together = |slice| logs::buffered(dir, options.record, slice);
    let mut bare_each = |slice| bare::each(dir, &record, slice);
    let mut each = |slice| logs::each(dir, options.record, slice);
    let rates = rounds(&mut [&mut bare, &mut together, &mut bare_each, &mut each], slice, &options.job)?;
    let [bare, together, bare_each, each] = rates.as_slice() else { return Ok(Vec::new()) };
    Ok(vec![
        line(format!("buffered, {} a transaction", logs::TOGETHER), "buffered append", RECORDS, together, bare),
        line("one write each, not synced", "write()", RECORDS, each, bare_each),
    ])
}

const RECORDS: &str = "records/s";

fn synced(dir: &Path, options: &BenchOptions, slice: Duration) -> Result<Vec<BenchLine>> {
    const LIMIT: &str = "append + fdatasync";
    let record = vec![7u8; options.record];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let growing = bare::Growing::create(dir)?;
    let log = logs::durable(dir)?;
    let mut bare = |slice| growing.synced(&record, slice, &mut theirs);
    let mut single = |slice| logs::single(&log, options.record, slice, &mut ours);
    let mut groups: Vec<Box<dyn FnMut(Duration) -> Result<Turn> + '_>> = Vec::new();
    for &n in &options.writers {
        let log = &log;
        groups.push(Box::new(move |slice| logs::group(log, n, options.record, slice)));
    }
    let mut all: Vec<Contender<'_>> = vec![&mut bare, &mut single];
    all.extend(groups.iter_mut().map(|g| g as Contender<'_>));
    let rates = rounds(&mut all, slice, &options.job)?;
    drop(all);
    drop(groups);
    let Some((bare, rest)) = rates.split_first() else { return Ok(Vec::new()) };
    let names = std::iter::once("synced, one at a time".to_owned());
    let names = names.chain(options.writers.iter().map(|n| format!("synced, {n} writers")));
    let mut lines: Vec<_> = names.zip(rest).map(|(name, rates)| line(name, LIMIT, RECORDS, rates, bare)).collect();
    if let Some(first) = lines.first_mut() {
        let us = |all: &mut Vec<f64>, q: f64| quantile(all, q) * 1e6;
        first.latency = Some(BenchLatency {
            p50_us: us(&mut ours, 0.5),
            p99_us: us(&mut ours, 0.99),
            limit_p50_us: us(&mut theirs, 0.5),
            limit_p99_us: us(&mut theirs, 0.99),
        });
    }
    Ok(lines)
}

fn scan(dir: &Path, record: usize, slice: Duration, job: &Job) -> Result<Option<BenchLine>> {
    let logged = logs::Logged::create(dir, record)?;
    let paths = logged.paths()?;
    let mut bare = |slice| bare::read_and_sum(&paths, slice);
    let mut scan = |slice| logged.scan(slice);
    let rates = rounds(&mut [&mut bare, &mut scan], slice, job)?;
    let [bare, scan] = rates.as_slice() else { return Ok(None) };
    Ok(Some(line(format!("recovery scan, {record} bytes each"), "read + CRC32C", "bytes/s", scan, bare)))
}

fn median(all: &[f64]) -> f64 {
    quantile(&mut all.to_vec(), 0.5)
}

/// The value below which so large a part of all lies.
fn quantile(all: &mut [f64], q: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    let at = (all.len() as f64 * q) as usize;
    all.get(at.min(all.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// A folder that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn create(dir: &Path) -> Result<Scratch> {
        for n in 1..1000 {
            let path = dir.join(format!("deltalog-bench-{}-{n}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch(path)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("create folder", e).path(path)),
            }
        }
        Err(Error::usage("too many benchmarks are left in the folder").path(dir))
    }

    fn remove(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.0).map_err(|e| Error::io("remove", e).path(&self.0))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // After an error; that one matters more.
        let _ = self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_measured_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let options =
            BenchOptions { time: Duration::from_millis(300), writers: vec![2], record: 100, ..BenchOptions::default() };
        let report = bench(dir.path(), &options).unwrap();
        let names: Vec<_> = report.lines.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names.len(), 6, "{names:?}");
        for l in &report.lines {
            assert!(l.rate > 0.0 && l.limit_rate > 0.0 && l.share > 0.0, "{l:?}");
            assert!(l.share_low <= l.share && l.share <= l.share_high, "{l:?}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_that_is_stopped_leaves_nothing_either() {
        let dir = tempfile::tempdir().unwrap();
        let options = BenchOptions::default();
        options.job.cancel.set();
        assert_eq!(bench(dir.path(), &options).unwrap_err().kind(), qx_formats::Kind::Cancelled);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let options = BenchOptions { record: 10, ..BenchOptions::default() };
        assert_eq!(bench(dir.path(), &options).unwrap_err().kind(), qx_formats::Kind::Usage);
    }

    #[test]
    fn quantiles_of_few_and_many() {
        assert_eq!(quantile(&mut [], 0.5), 0.0);
        assert_eq!(quantile(&mut [3.0], 0.99), 3.0);
        let mut all: Vec<f64> = (0..1000).rev().map(f64::from).collect();
        assert_eq!((quantile(&mut all, 0.5), quantile(&mut all, 0.99)), (500.0, 990.0));
    }
}
