//! raft-engine: each thread commits entries of a group of its own, as the regions of a store do.

use std::path::{Path, PathBuf};

use protobuf::well_known_types::BytesValue;
use qx_formats::Result;
use raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize};

use super::peers::{Crashed, Numbers, Peer, theirs};

/// Entries of bytes that begin with their index.
struct Numbered;

impl MessageExt for Numbered {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        entry.value.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b))
    }
}

pub struct Raft {
    engine: Engine,
    synced: bool,
    value: Vec<u8>,
    numbers: Numbers,
}

fn engine(dir: &Path) -> Result<Engine> {
    // Records of equal bytes would shrink to nothing.
    let batch_compression_threshold = ReadableSize(0);
    let dir = dir.to_string_lossy().into_owned();
    Engine::open(Config { dir, batch_compression_threshold, ..Config::default() }).map_err(theirs)
}

impl Raft {
    pub fn open(dir: &Path, synced: bool, value: &[u8]) -> Result<Raft> {
        let mut first = vec![0; 8];
        first.extend_from_slice(value);
        Ok(Raft { engine: engine(dir)?, synced, value: first, numbers: Numbers::default() })
    }
}

impl Peer for Raft {
    fn name(&self) -> &'static str {
        "raft-engine"
    }

    fn commit(&self, thread: usize, records: u64) -> Result<()> {
        let first = self.numbers.take(thread, records);
        let entry = |index: u64| {
            let mut value = self.value.clone();
            if let Some(head) = value.first_chunk_mut::<8>() {
                *head = index.to_le_bytes();
            }
            BytesValue { value, ..BytesValue::default() }
        };
        let entries: Vec<BytesValue> = (first..first + records).map(entry).collect();
        let mut batch = LogBatch::with_capacity(1);
        batch.add_entries::<Numbered>(1 + thread as u64, &entries).map_err(theirs)?;
        self.engine.write(&mut batch, self.synced).map(drop).map_err(theirs)
    }
}

pub struct CrashedRaft(PathBuf);

impl CrashedRaft {
    pub fn make(dir: &Path, value: &[u8], records: u64) -> Result<CrashedRaft> {
        let store = Raft::open(dir, false, value)?;
        for _ in 0..records {
            store.commit(0, 1)?;
        }
        Ok(CrashedRaft(dir.to_path_buf()))
    }
}

impl Crashed for CrashedRaft {
    fn name(&self) -> &'static str {
        "raft-engine"
    }

    fn note(&self) -> &'static str {
        ""
    }

    fn open(&self) -> Result<()> {
        engine(&self.0).map(drop)
    }
}
