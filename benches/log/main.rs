//! A durable commit costs one write and one fdatasync; threads that commit at the same time share the sync; a commit that
//! nobody syncs costs a write; and a log is read back at the speed of its checksums.
//!
//! raft-engine and SQLite are measured with the feature `peers`, RocksDB with `rocksdb`.

mod bare;
mod commits;
mod peers;
#[cfg(feature = "peers")]
mod raft;
mod reads;
#[cfg(feature = "rocksdb")]
mod rocks;
#[cfg(feature = "peers")]
mod sqlite;

use std::path::Path;
use std::process::ExitCode;

use qx_benches::harness::{Suite, main as suite_main};
use qx_formats::Result;
use qx_log::{Log, Op, Options, SyncPolicy};

/// Bytes of a record.
const RECORD: usize = 128;
/// Bytes of a record beside its value.
const AROUND: usize = 28;

fn main() -> ExitCode {
    suite_main("log", claims)
}

fn claims(suite: &mut Suite) -> Result<()> {
    let dir = suite.folder()?;
    let dir = dir.path();
    commits::alone(suite, dir)?;
    commits::together(suite, dir, 8)?;
    commits::together(suite, dir, peers::MOST_THREADS)?;
    commits::unsynced(suite, dir, 1)?;
    commits::unsynced(suite, dir, 64)?;
    reads::recovery(suite, dir, RECORD)?;
    reads::recovery(suite, dir, 1024)?;
    reads::decode(suite, dir)
}

/// An operation whose encoded form is `record` bytes long.
fn put(n: u64, record: usize) -> Op {
    let (store, key) = ("bench".to_owned(), format!("{n:016}"));
    Op::KvPut { store, key, kind: 0, value: vec![b'v'; record - AROUND], expires_at_us: None }
}

/// What a peer stores under a number of eight bytes.
fn value(record: usize) -> Vec<u8> {
    vec![b'v'; record - 8]
}

fn open(dir: &Path, sync: SyncPolicy) -> Result<Log> {
    Ok(Log::open(dir, Options { sync, rotate_size: 1 << 30, ..Options::default() })?.0)
}
