//! A durable commit costs one write and one fdatasync; threads that commit at the same time share the sync; a buffered
//! commit costs a write; and a log is read back at the speed of its checksums.

mod bare;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use bare::{Growing, Prepared};
use qx_benches::harness::{Claim, Suite, Work, main as suite_main};
use qx_formats::{Error, Result};
use qx_log::{Log, Op, Options, Reader, SyncPolicy};

/// Bytes of the value in each transaction: a small record.
const VALUE: usize = 100;
const THREADS: usize = 8;

fn main() -> ExitCode {
    suite_main("log", claims)
}

fn claims(suite: &mut Suite) -> Result<()> {
    let dir = suite.folder()?;
    let frames = frame_bytes(&dir.path().join("probe"))?;
    let record = vec![7u8; frames];
    durable(suite, dir.path(), &record)?;
    group(suite, dir.path(), &record)?;
    buffered(suite, dir.path(), &record)?;
    replay(suite, dir.path())
}

fn put(n: u64) -> Op {
    Op::KvPut {
        store: "bench".into(),
        key: format!("key-{n:08}"),
        kind: 1,
        value: vec![b'v'; VALUE],
        expires_at_us: None,
    }
}

fn open(dir: &Path, sync: SyncPolicy) -> Result<Log> {
    Ok(Log::open(dir, Options { sync, ..Options::default() })?.0)
}

/// Bytes that one transaction takes in the log: what the bare files write, too.
fn frame_bytes(dir: &Path) -> Result<usize> {
    let log = open(dir, SyncPolicy::None)?;
    for n in 0..100 {
        log.commit(&[put(n)])?;
    }
    let stats = log.stats();
    log.close()?;
    Ok((stats.bytes / stats.commits.max(1)) as usize)
}

fn synced(file: &mut Prepared, record: &[u8], times: u64) -> Result<Work> {
    for _ in 0..times {
        file.write(record)?;
        file.sync()?;
    }
    Ok(Work::units(times))
}

fn durable(suite: &mut Suite, dir: &Path, record: &[u8]) -> Result<()> {
    const BATCH: u64 = 10;
    if !suite.wants(&["durable"]) {
        return Ok(());
    }
    let mut prepared = Prepared::create(&dir.join("durable.prepared"))?;
    let mut growing = Growing::create(&dir.join("durable.growing"))?;
    let log = open(&dir.join("durable"), SyncPolicy::Always)?;
    let mut n = 0;
    suite.measure(
        Claim::new("durable", "commit")
            .reference("write + fdatasync", || synced(&mut prepared, record, BATCH))
            .note(format!("{} bytes each, prepared file", record.len()))
            .subject("log", || {
                for _ in 0..BATCH {
                    n += 1;
                    log.commit(&[put(n)])?;
                }
                Ok(Work::units(BATCH))
            })
            .peer("append + fdatasync", || {
                for _ in 0..BATCH {
                    growing.append(record)?;
                    growing.sync()?;
                }
                Ok(Work::units(BATCH))
            })
            .note("growing file"),
    )?;
    log.close()
}

fn group(suite: &mut Suite, dir: &Path, record: &[u8]) -> Result<()> {
    const EACH: u64 = 10;
    if !suite.wants(&["group"]) {
        return Ok(());
    }
    let mut prepared = Prepared::create(&dir.join("group.prepared"))?;
    let log = open(&dir.join("group"), SyncPolicy::Always)?;
    suite.measure(
        Claim::new("group", "commit")
            .reference("write + fdatasync", || synced(&mut prepared, record, EACH))
            .note("one thread")
            .subject("log", || {
                std::thread::scope(|scope| {
                    let commit = |t: u64| (0..EACH).try_for_each(|n| log.commit(&[put(t << 32 | n)]).map(drop));
                    let threads: Vec<_> = (0..THREADS as u64).map(|t| scope.spawn(move || commit(t))).collect();
                    threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
                })?;
                Ok(Work::units(EACH * THREADS as u64))
            })
            .note(format!("{THREADS} threads")),
    )?;
    log.close()
}

fn buffered(suite: &mut Suite, dir: &Path, record: &[u8]) -> Result<()> {
    const BATCH: u64 = 1000;
    if !suite.wants(&["buffered"]) {
        return Ok(());
    }
    let mut prepared = Prepared::create(&dir.join("buffered.prepared"))?;
    let log = open(&dir.join("buffered"), SyncPolicy::None)?;
    let mut n = 0;
    suite.measure(
        Claim::new("buffered", "commit")
            .reference("write", || {
                for _ in 0..BATCH {
                    prepared.write(record)?;
                }
                Ok(Work::units(BATCH))
            })
            .note(format!("{} bytes each, prepared file", record.len()))
            .subject("log", || {
                for _ in 0..BATCH {
                    n += 1;
                    log.commit(&[put(n)])?;
                }
                Ok(Work::units(BATCH))
            }),
    )?;
    log.close()
}

fn replay(suite: &mut Suite, dir: &Path) -> Result<()> {
    if !suite.wants(&["replay"]) {
        return Ok(());
    }
    let dir = dir.join("replay");
    let log = open(&dir, SyncPolicy::None)?;
    let transactions = suite.size(300_000, 10_000);
    for n in 0..transactions {
        log.commit(&[put(n)])?;
    }
    log.close()?;
    let paths: Vec<_> = Reader::open(&dir)?.segments().into_iter().map(|s| s.path).collect();
    suite.measure(
        Claim::new("replay", "transaction")
            .reference("read", || {
                for path in &paths {
                    black_box(std::fs::read(path).map_err(|e| Error::io("read", e).path(path))?);
                }
                Ok(Work::units(transactions))
            })
            .note("the same files, from the page cache")
            .subject("log", || {
                let reader = Reader::open(&dir)?;
                let mut operations = 0;
                for transaction in reader.transactions(0) {
                    operations += transaction?.ops.len() as u64;
                }
                if operations != transactions {
                    return Err(Error::usage("the log lost operations").expected(transactions).got(operations));
                }
                Ok(Work::units(transactions))
            }),
    )
}
