//! The same pairs in everything that they are looked up in.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fst::Streamer;
use heed::types::{Bytes, U64};
use heed::{Env, EnvFlags, EnvOpenOptions, PutFlags, WithTls};
use ph::fmph;
use qx_dict::{Builder, Options};
use qx_formats::dict_seg::{DictSeg, Layout};
use qx_formats::{Error, Result};
use qx_io::{Ahead, Job, Map, Publish};
use redb::{ReadOnlyTable, ReadableDatabase, TableDefinition};

use crate::data::Strings;

/// An error of a peer, in its own words.
pub fn theirs(e: impl std::fmt::Display) -> Error {
    Error::new(qx_formats::Kind::Engine, e.to_string())
}

/// What a thing took to make, and how large it is.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    pub time: Duration,
    pub bytes: u64,
}

pub fn timed<T>(make: impl FnOnce() -> Result<(T, u64)>) -> Result<(T, Made)> {
    let start = Instant::now();
    let (made, bytes) = make()?;
    Ok((made, Made { time: start.elapsed(), bytes }))
}

/// A segment of ours, built from sorted pairs.
pub fn segment(path: &Path, layout: Layout, keys: &Strings, ids: &[u64]) -> Result<(DictSeg<Map>, Made)> {
    timed(|| {
        let temp_dir = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let options = Options { memory: 4 << 30, temp_dir, layout, zstd: None };
        let mut builder = Builder::new(options, Job::default());
        keys.iter().zip(ids).try_for_each(|(key, id)| builder.insert(b"", key, Some(*id)))?;
        let summary = qx_io::publish(path, Publish::New, |out| builder.finish(Ahead::new(out)))?;
        Ok((DictSeg::open(Map::open(path)?)?, summary.bytes))
    })
}

/// A finite-state transducer, mapped; one direction only.
pub fn transducer(path: &Path, keys: &Strings, ids: &[u64]) -> Result<(fst::Map<Map>, Made)> {
    timed(|| {
        let file = File::create(path).map_err(|e| Error::io("create", e))?;
        let mut builder = fst::MapBuilder::new(BufWriter::new(file)).map_err(theirs)?;
        keys.iter().zip(ids).try_for_each(|(key, id)| builder.insert(key, *id)).map_err(theirs)?;
        builder.finish().map_err(theirs)?;
        let map = Map::open(path)?;
        let bytes = map.len() as u64;
        Ok((fst::Map::new(map).map_err(theirs)?, bytes))
    })
}

pub type Table = heed::Database<Bytes, Bytes>;
type Numbers = heed::Database<U64<heed::byteorder::BE>, Bytes>;

/// LMDB, both directions.
pub struct Lmdb {
    pub env: Env<WithTls>,
    pub keys: Table,
    pub ids: Numbers,
}

pub fn lmdb(dir: &Path, keys: &Strings, ids: &[u64], by_id: &[u32]) -> Result<(Lmdb, Made)> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create", e))?;
    timed(|| {
        let mut options = EnvOpenOptions::new();
        options.map_size(16 << 30).max_dbs(2);
        // SAFETY: the files are ours alone, and nothing is promised about a crash while they are built.
        let env = unsafe {
            options.flags(EnvFlags::NO_SYNC | EnvFlags::NO_META_SYNC | EnvFlags::NO_READ_AHEAD);
            options.open(dir).map_err(theirs)?
        };
        let mut txn = env.write_txn().map_err(theirs)?;
        let table: Table = env.create_database(&mut txn, Some("keys")).map_err(theirs)?;
        let numbers: Numbers = env.create_database(&mut txn, Some("ids")).map_err(theirs)?;
        for (key, id) in keys.iter().zip(ids) {
            table.put_with_flags(&mut txn, PutFlags::APPEND, key, &id.to_le_bytes()).map_err(theirs)?;
        }
        for (id, at) in (1u64..).zip(by_id) {
            numbers.put_with_flags(&mut txn, PutFlags::APPEND, &id, keys.get(*at as usize)).map_err(theirs)?;
        }
        txn.commit().map_err(theirs)?;
        let bytes = std::fs::metadata(dir.join("data.mdb")).map_err(|e| Error::io("stat", e))?.len();
        Ok((Lmdb { env, keys: table, ids: numbers }, bytes))
    })
}

const KEYS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("keys");
const IDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("ids");

/// redb, both directions.
pub struct Redb {
    _db: redb::Database,
    pub keys: ReadOnlyTable<&'static [u8], u64>,
    pub ids: ReadOnlyTable<u64, &'static [u8]>,
}

pub fn redb(path: &Path, keys: &Strings, ids: &[u64], by_id: &[u32]) -> Result<(Redb, Made)> {
    timed(|| {
        let db = redb::Database::builder().set_cache_size(8 << 30).create(path).map_err(theirs)?;
        let mut txn = db.begin_write().map_err(theirs)?;
        txn.set_durability(redb::Durability::None).map_err(theirs)?;
        {
            let mut table = txn.open_table(KEYS).map_err(theirs)?;
            keys.iter().zip(ids).try_for_each(|(key, id)| table.insert(key, id).map(drop)).map_err(theirs)?;
            let mut table = txn.open_table(IDS).map_err(theirs)?;
            for (id, at) in (1u64..).zip(by_id) {
                table.insert(id, keys.get(*at as usize)).map_err(theirs)?;
            }
        }
        txn.commit().map_err(theirs)?;
        let txn = db.begin_read().map_err(theirs)?;
        let (keys, ids) = (txn.open_table(KEYS).map_err(theirs)?, txn.open_table(IDS).map_err(theirs)?);
        let bytes = std::fs::metadata(path).map_err(|e| Error::io("stat", e))?.len();
        Ok((Redb { _db: db, keys, ids }, bytes))
    })
}

/// The bound: a hash table in memory.
pub fn hash_map(keys: &Strings, ids: &[u64]) -> Result<(HashMap<Vec<u8>, u64>, Made)> {
    timed(|| {
        let map: HashMap<Vec<u8>, u64> = keys.iter().map(<[u8]>::to_vec).zip(ids.iter().copied()).collect();
        // A slot, its control byte, the key's own allocation.
        let each =
            map.capacity() as u64 * 33 + keys.iter().map(|k| k.len().next_multiple_of(16) as u64 + 16).sum::<u64>();
        Ok((map, each))
    })
}

/// The limit: a minimal perfect hash, and the keys in an array in its order.
pub struct Perfect {
    hash: fmph::GOFunction,
    /// Where each key stands in `keys`, and its id.
    slots: Vec<(u32, u64)>,
}

impl Perfect {
    pub fn get(&self, keys: &Strings, key: &[u8]) -> Option<u64> {
        let (at, id) = *self.slots.get(self.hash.get(key)? as usize)?;
        (keys.get(at as usize) == key).then_some(id)
    }
}

pub fn perfect(keys: &Strings, ids: &[u64]) -> Result<(Perfect, Made)> {
    timed(|| {
        let all: Vec<&[u8]> = keys.iter().collect();
        let hash = fmph::GOFunction::from_slice(&all);
        let mut slots = vec![(0, 0); all.len()];
        for ((at, key), id) in (0..).zip(&all).zip(ids) {
            if let Some(slot) = hash.get(*key).and_then(|i| slots.get_mut(i as usize)) {
                *slot = (at, *id);
            }
        }
        let bytes = hash.write_bytes() + slots.len() * 16 + keys.iter().map(|k| k.len() + 4).sum::<usize>();
        Ok((Perfect { hash, slots }, bytes as u64))
    })
}

/// Sums what a transducer's stream gives.
pub fn walk<'f>(
    mut stream: impl for<'a> Streamer<'a, Item = (&'a [u8], u64)> + 'f,
    each: impl Fn(&[u8], u64) -> u64,
) -> u64 {
    let mut sum = 0u64;
    while let Some((key, id)) = stream.next() {
        sum = sum.wrapping_add(each(key, id));
    }
    sum
}
