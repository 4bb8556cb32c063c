//! A durable INSERT of one row costs what the disk takes to write and sync as many bytes.

use std::cell::Cell;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use qx_benches::harness::{Claim, Suite, Work};
use qx_formats::{Error, Result};
use qx_sql::Session;

/// Statements of a batch.
const BATCH: u64 = 64;
/// Bytes that a row of these tables takes in the log, its frame included.
const RECORD: usize = 256;

fn open(dir: &Path, options: &str) -> Result<(tokio::runtime::Runtime, Session)> {
    let runtime = crate::runtime()?;
    let session = crate::database(&runtime, dir, &format!("CREATE TABLE t ({options}"))?;
    Ok((runtime, session))
}

fn statement(id: u64) -> String {
    format!("INSERT INTO t VALUES ({id}, 'libpng16-16-{id}', '1.6.39-2', 371, 281088)")
}

const COLUMNS: &str = "package VARCHAR, version VARCHAR, installed INT, size BIGINT)";

pub fn claims(suite: &mut Suite) -> Result<()> {
    if suite.wants(&["insert, durable"]) {
        durable(suite)?;
    }
    if suite.wants(&["insert, not synced"]) {
        unsynced(suite)?;
    }
    Ok(())
}

fn durable(suite: &mut Suite) -> Result<()> {
    let dir = suite.folder()?;
    let path = dir.path().join("bare");
    let mut bare = std::fs::File::create(&path).map_err(|e| Error::io("create", e).path(&path))?;
    let write = move || {
        for _ in 0..BATCH {
            let done = bare.write_all(&[7; RECORD]).and_then(|()| bare.sync_data());
            done.map_err(|e| Error::io("write", e))?;
        }
        Ok(Work::units(BATCH))
    };
    let keyless = open(&dir.path().join("keyless"), &format!("id BIGINT, {COLUMNS}"))?;
    let keyed = open(&dir.path().join("keyed"), &format!("id BIGINT PRIMARY KEY, {COLUMNS}"))?;
    let next = Cell::new(0u64);
    let inserts = |(runtime, session): &(tokio::runtime::Runtime, Session)| {
        for _ in 0..BATCH {
            next.set(next.get() + 1);
            runtime.block_on(session.script(&statement(next.get())))?;
        }
        Ok(Work::units(BATCH))
    };
    suite.measure(
        Claim::new("insert, durable", "row")
            .reference("write + fdatasync", write)
            .subject("keyless table", || inserts(&keyless))
            .subject("keyed table", || inserts(&keyed)),
    )
}

/// The slowest of a hundred, which a claim's medians would hide, stands in the note.
fn unsynced(suite: &mut Suite) -> Result<()> {
    let dir = suite.folder()?;
    let (runtime, session) =
        open(&dir.path().join("db"), &format!("id BIGINT, {COLUMNS} WITH (sync = 'none', flush = 'rows:100000000')"))?;
    let next = Cell::new(0u64);
    let insert = || -> Result<Duration> {
        next.set(next.get() + 1);
        let text = statement(next.get());
        let start = Instant::now();
        runtime.block_on(session.script(&text))?;
        Ok(start.elapsed())
    };
    let mut times = (0..suite.size(10_000, 500)).map(|_| insert()).collect::<Result<Vec<_>>>()?;
    times.sort();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    let path = dir.path().join("bare");
    let mut bare = std::fs::File::create(&path).map_err(|e| Error::io("create", e).path(&path))?;
    suite.measure(
        Claim::new("insert, not synced", "row")
            .reference("write", move || {
                for _ in 0..BATCH {
                    bare.write_all(&[7; RECORD]).map_err(|e| Error::io("write", e))?;
                }
                Ok(Work::units(BATCH))
            })
            .subject("keyless table", || {
                for _ in 0..BATCH {
                    insert()?;
                }
                Ok(Work::units(BATCH))
            })
            .note(format!("p99 {p99:.1?}")),
    )
}
