//! Logs that do the same work.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use qx_formats::delta_log::layout::{MAX_PAYLOAD_LEN, VALUE_BYTES};
use qx_formats::{Error, Result};

use super::bare::MOST;
use super::{BenchOptions, Turn};
use crate::{Log, Mode, Op, Options, Reader, RecoverOptions, SyncPolicy, recover};

/// Records of a transaction where records are gathered.
pub const TOGETHER: usize = 64;
/// Bytes of a record beside its value, at most.
const AROUND: usize = 64;
/// Bytes of the log that is scanned.
const SCANNED: u64 = 128 << 20;

/// # Errors
/// A usage error for records that are too small to be one, or larger than a frame; and for too many writers.
pub fn check(options: &BenchOptions) -> Result<()> {
    let (record, most) = (options.record, MAX_PAYLOAD_LEN / (2 * TOGETHER));
    if record < AROUND || record > most {
        let e = Error::usage("records of this size cannot be measured");
        return Err(e.expected(format!("{AROUND} to {most} bytes")).got(format!("{record} bytes")));
    }
    match options.writers.iter().find(|n| **n == 0 || **n > 1024) {
        Some(n) => Err(Error::usage("so many writers cannot be measured").expected("1 to 1024").got(n)),
        None => Ok(()),
    }
}

/// An operation whose encoded form is `record` bytes long.
fn put(record: usize, n: u64) -> Result<Op> {
    let with = |value| Op::KvPut {
        store: "bench".to_owned(),
        key: format!("{n:012}"),
        kind: VALUE_BYTES,
        value: vec![b'v'; value],
        expires_at_us: None,
    };
    let mut bytes = Vec::new();
    with(record).encode(0, &mut bytes);
    let op = with(2 * record - bytes.len());
    op.check()?;
    Ok(op)
}

fn open(dir: &Path, sync: SyncPolicy, rotate_size: u64) -> Result<Log> {
    Ok(Log::open(dir, Options { sync, rotate_size, ..Options::default() })?.0)
}

/// A log that is not synced, for one turn.
fn unsynced(dir: &Path, run: impl FnOnce(&Log) -> Result<Turn>) -> Result<Turn> {
    let dir = dir.join("unsynced");
    let log = open(&dir, SyncPolicy::None, 8 * MOST)?;
    let done = run(&log);
    drop(log);
    fs::remove_dir_all(&dir).map_err(|e| Error::io("remove", e).path(&dir))?;
    done
}

/// Transactions of several records, written when there are enough.
pub fn buffered(dir: &Path, record: usize, slice: Duration) -> Result<Turn> {
    let ops: Vec<Op> = (0..TOGETHER as u64).map(|n| put(record, n)).collect::<Result<_>>()?;
    unsynced(dir, |log| {
        let (start, mut units) = (Instant::now(), 0);
        let mut last = 0;
        while start.elapsed() < slice && units * (record as u64) < MOST {
            last = log.submit(&ops)?.lsn;
            units += TOGETHER as u64;
        }
        log.settle(last)?;
        Ok(Turn { units, took: start.elapsed() })
    })
}

/// Transactions of one record, each written when it is acknowledged.
pub fn each(dir: &Path, record: usize, slice: Duration) -> Result<Turn> {
    let ops = [put(record, 1)?];
    unsynced(dir, |log| {
        let (start, mut units) = (Instant::now(), 0);
        while start.elapsed() < slice && units * (record as u64) < MOST {
            for _ in 0..64 {
                log.commit(&ops)?;
            }
            units += 64;
        }
        Ok(Turn { units, took: start.elapsed() })
    })
}

/// A log whose commits are on disk when they are acknowledged.
pub fn durable(dir: &Path) -> Result<Log> {
    open(&dir.join("durable"), SyncPolicy::Always, Options::default().rotate_size)
}

/// One thread.
pub fn single(log: &Log, record: usize, slice: Duration, latencies: &mut Vec<f64>) -> Result<Turn> {
    let ops = [put(record, 1)?];
    let (start, mut units) = (Instant::now(), 0);
    let mut before = Duration::ZERO;
    while before < slice {
        log.commit(&ops)?;
        units += 1;
        let now = start.elapsed();
        latencies.push((now - before).as_secs_f64());
        before = now;
    }
    Ok(Turn { units, took: start.elapsed() })
}

/// So many threads at the same time.
pub fn group(log: &Log, threads: usize, record: usize, slice: Duration) -> Result<Turn> {
    let ready = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let commit = |n: u64| {
            let ops = put(record, n).map(|op| [op]);
            ready.wait();
            let (start, mut units) = (Instant::now(), 0);
            let ops = ops?;
            while start.elapsed() < slice {
                log.commit(&ops)?;
                units += 1;
            }
            Ok(units)
        };
        let threads: Vec<_> = (0..threads as u64).map(|n| scope.spawn(move || commit(n))).collect();
        ready.wait();
        let start = Instant::now();
        let mut units = 0;
        for thread in threads {
            let done: Result<u64> = thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
            units += done?;
        }
        Ok(Turn { units, took: start.elapsed() })
    })
}

/// A log to be scanned: its last segment is left as a crash leaves it.
pub struct Logged {
    dir: PathBuf,
    transactions: u64,
}

impl Logged {
    /// Transactions of one record each.
    pub fn create(dir: &Path, record: usize) -> Result<Logged> {
        let dir = dir.join(format!("scanned-{record}"));
        let log = open(&dir, SyncPolicy::None, Options::default().rotate_size)?;
        let ops = [put(record, 1)?];
        let transactions = SCANNED / record as u64;
        let mut last = 0;
        for _ in 0..transactions {
            last = log.submit(&ops)?.lsn;
        }
        log.settle(last)?;
        drop(log);
        Ok(Logged { dir, transactions })
    }

    pub fn paths(&self) -> Result<Vec<PathBuf>> {
        Ok(Reader::open(&self.dir)?.segments().into_iter().map(|s| s.path).collect())
    }

    /// What recovery reads and checks before it changes anything.
    pub fn scan(&self, slice: Duration) -> Result<Turn> {
        let options = RecoverOptions { mode: Mode::Tail, dry_run: true, wait: Duration::ZERO };
        let bytes: u64 = Reader::open(&self.dir)?.segments().iter().map(|s| s.bytes).sum();
        let (start, mut units) = (Instant::now(), 0);
        while units == 0 || start.elapsed() < slice {
            let report = recover(&self.dir, &options)?;
            if report.kept_transactions != self.transactions {
                let e = Error::corrupt("the log lost transactions").path(&self.dir);
                return Err(e.expected(self.transactions).got(report.kept_transactions));
            }
            units += bytes;
        }
        Ok(Turn { units, took: start.elapsed() })
    }
}
