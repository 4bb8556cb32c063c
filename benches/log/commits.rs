//! What a commit costs: synced, by one thread and by several, and not synced.

use std::path::Path;

use qx_benches::harness::{Claim, Suite, Work};
use qx_formats::Result;
use qx_log::{Op, SyncPolicy};

use super::bare::{Growing, Prepared};
use super::peers;
use super::{RECORD, open, put, value};

/// Synced commits of a thread in one batch.
const EACH: u64 = 20;
/// The same where several share syncs: so many that it does not count how they begin and end.
const EACH_OF_SEVERAL: u64 = 100;
/// Commits that nobody waits for, in one batch.
const MANY: u64 = 1000;

/// One thread commits record after record.
pub fn alone(suite: &mut Suite, dir: &Path) -> Result<()> {
    if !suite.wants(&["synced"]) {
        return Ok(());
    }
    let dir = dir.join("synced");
    let peers = peers::open(&dir, true, &value(RECORD))?;
    let mut prepared = Prepared::create(&dir.join("prepared"))?;
    let mut growing = Growing::create(&dir.join("growing"))?;
    let log = open(&dir.join("log"), SyncPolicy::Always)?;
    let (record, ops) = (vec![7; RECORD], [put(1, RECORD)]);
    let mut claim = Claim::new("synced", "commit")
        .reference("append + fdatasync", || times(EACH, || growing.append_synced(&record)))
        .note(format!("{RECORD} bytes"))
        .peer("write + fdatasync", || times(EACH, || prepared.write_synced(&record)))
        .note("into zeros")
        .subject("log", || times(EACH, || log.commit(&ops).map(drop)));
    for peer in &peers {
        claim = claim.peer(peer.name(), || times(EACH, || peer.commit(0, 1)));
    }
    suite.measure(claim)?;
    log.close()
}

/// Several threads commit at the same time.
pub fn together(suite: &mut Suite, dir: &Path, threads: usize) -> Result<()> {
    let name = format!("synced-{threads}");
    if !suite.wants(&[&name]) {
        return Ok(());
    }
    let dir = dir.join(&name);
    let peers = peers::open(&dir, true, &value(RECORD))?;
    let mut growing = Growing::create(&dir.join("growing"))?;
    let log = open(&dir.join("log"), SyncPolicy::Always)?;
    let (record, ops) = (vec![7; RECORD], [put(1, RECORD)]);
    let mut claim = Claim::new(name, "commit")
        .reference("append + fdatasync", || times(EACH, || growing.append_synced(&record)))
        .note("one thread")
        .subject("log", || group(threads, &|_| log.commit(&ops).map(drop)))
        .note(format!("{threads} threads, as all below"));
    for peer in &peers {
        claim = claim.peer(peer.name(), || group(threads, &|thread| peer.commit(thread, 1)));
    }
    suite.measure(claim)?;
    log.close()
}

/// Nobody syncs; every commit is written when it is acknowledged.
pub fn unsynced(suite: &mut Suite, dir: &Path, records: u64) -> Result<()> {
    let name = if records == 1 { "unsynced".to_owned() } else { format!("unsynced-{records}") };
    if !suite.wants(&[&name]) {
        return Ok(());
    }
    let dir = dir.join(&name);
    let peers = peers::open(&dir, false, &value(RECORD))?;
    let mut growing = Growing::create(&dir.join("growing"))?;
    let mut framed = Growing::create(&dir.join("framed"))?;
    let log = open(&dir.join("log"), SyncPolicy::None)?;
    let frame = vec![7; frame_bytes(&dir.join("probe"))?];
    let record = vec![7; RECORD];
    let ops: Vec<Op> = (0..records).map(|n| put(n, RECORD)).collect();
    let batches = MANY / records;
    let mut claim = Claim::new(name, "record")
        .reference("write()", || times(MANY, || growing.append(&record)))
        .note(format!("{RECORD} bytes, each"))
        .peer("write() of a frame", || times(MANY, || framed.append(&frame)))
        .note(format!("{} bytes, each", frame.len()))
        .subject("log", || units(batches, records, || log.commit(&ops).map(drop)))
        .note(if records == 1 { String::new() } else { format!("{records} a transaction, as all below") });
    for peer in &peers {
        claim = claim.peer(peer.name(), || units(batches, records, || peer.commit(0, records)));
    }
    suite.measure(claim)?;
    log.close()
}

/// Bytes that a transaction of one record takes in the log.
fn frame_bytes(dir: &Path) -> Result<usize> {
    let log = open(dir, SyncPolicy::None)?;
    let ops = [put(1, RECORD)];
    times(100, || log.commit(&ops).map(drop))?;
    let stats = log.stats();
    log.close()?;
    Ok((stats.bytes / stats.commits.max(1)) as usize)
}

fn times(n: u64, mut run: impl FnMut() -> Result<()>) -> Result<Work> {
    (0..n).try_for_each(|_| run())?;
    Ok(Work::units(n))
}

fn units(batches: u64, records: u64, run: impl FnMut() -> Result<()>) -> Result<Work> {
    times(batches, run)?;
    Ok(Work::units(batches * records))
}

/// Each thread commits so often; they begin and end together.
fn group(threads: usize, commit: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<Work> {
    std::thread::scope(|scope| {
        let run = |thread: usize| (0..EACH_OF_SEVERAL).try_for_each(|_| commit(thread));
        let all: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        all.into_iter().try_for_each(|t| t.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
    })?;
    Ok(Work::units(EACH_OF_SEVERAL * threads as u64))
}
