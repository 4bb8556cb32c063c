//! A dictionary segment answers a lookup for the price of a few dependent memory accesses, straight from the mapped
//! file; a scan costs little more than reading the bytes.
//!
//! Names of claims end in the kind and number of keys: `--filter iri-1m` measures the small half in a minute.

mod data;
mod peers;
#[cfg(feature = "rocksdb")]
mod rocks;

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use data::{Kind, Questions, Strings};
use fst::IntoStreamer;
use peers::{Lmdb, Made, Perfect, Redb, theirs};
use qx_benches::harness::{Claim, Suite, Work, main as suite_main};
use qx_benches::references::{Chase, stream};
use qx_formats::dict_seg::{DictSeg, Layout};
use qx_formats::{Error, Result};
use qx_io::Map;

/// Lookups in one batch. The questions go on where the last batch ended, so that no answer is warm from before.
const BATCH: usize = 4096;
/// Lookups that are asked for at once.
const GROUP: usize = 32;

fn main() -> ExitCode {
    suite_main("dict", claims)
}

fn claims(suite: &mut Suite) -> Result<()> {
    let mut chase = Chase::new(suite.size(1 << 30, 64 << 20), 5);
    for (kind, n, name) in [
        (Kind::Iri, suite.size(1_000_000, 20_000), "iri-1m"),
        (Kind::Uuid, suite.size(1_000_000, 20_000), "uuid-1m"),
        (Kind::Iri, suite.size(10_000_000, 100_000), "iri-10m"),
        (Kind::Uuid, suite.size(10_000_000, 100_000), "uuid-10m"),
    ] {
        if suite.wants(&WHATS.map(|what| format!("{what}-{name}")).each_ref().map(String::as_str)) {
            of_keys(suite, kind, n, name, &mut chase)?;
        }
    }
    Ok(())
}

const WHATS: [&str; 9] = ["open", "cold-open", "get", "batch-get", "miss", "batch-miss", "id", "scan", "prefix"];

/// Reads every file of a folder: a system that takes back what nobody asked for in the last minute has begun to do so with
/// those that were built first, and then the first to be asked would wait for the disk.
fn warm(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir).map_err(|e| Error::io("read", e).path(dir))? {
        let path = entry.map_err(|e| Error::io("read", e).path(dir))?.path();
        if path.is_dir() {
            warm(&path)?;
        } else {
            let copied = File::open(&path).and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink()));
            copied.map_err(|e| Error::io("read", e).path(&path))?;
        }
    }
    Ok(())
}

/// Depends on first byte, last byte and length: enough to tell whether a key was really read.
fn digest(key: &[u8]) -> u64 {
    let ends = key.first().zip(key.last()).map_or(0, |(a, b)| u64::from(*a) << 8 | u64::from(*b));
    ends << 16 | key.len() as u64
}

/// The same pairs in everything that they are looked up in.
struct All<'a> {
    name: &'a str,
    /// What each took to build, and how large it is.
    note: String,
    keys: &'a Strings,
    by_id: Vec<u32>,
    path: PathBuf,
    compact: DictSeg<Map>,
    fast: DictSeg<Map>,
    small: DictSeg<Map>,
    map: HashMap<Vec<u8>, u64>,
    perfect: Perfect,
    fst: fst::Map<Map>,
    lmdb: Lmdb,
    redb: Redb,
    #[cfg(feature = "rocksdb")]
    rocks: rocks::Rocks,
}

impl<'a> All<'a> {
    fn build(dir: &Path, name: &'a str, keys: &'a Strings, ids: &[u64]) -> Result<All<'a>> {
        let mut by_id = vec![0u32; ids.len()];
        for (at, id) in (0..).zip(ids) {
            by_id[*id as usize - 1] = at;
        }
        let path = |name: &str| dir.join(name);
        let (compact, made) = peers::segment(&path("compact.seg"), Layout::Compact, keys, ids)?;
        let mut note = format!("{} keys", keys.len());
        let mut tell = |name: &str, made: Made| {
            let (bytes, us) = (made.bytes as f64, made.time.as_secs_f64() * 1e6);
            let (bytes, us) = (bytes / keys.len() as f64, us / keys.len() as f64);
            note.push_str(&format!("; {name} {bytes:.1} B/key, built in {us:.2} us/key"));
        };
        tell("dict.seg", made);
        let (fast, made) = peers::segment(&path("fast.seg"), Layout::Fast, keys, ids)?;
        tell("fast", made);
        let (small, made) = peers::segment(&path("small.seg"), Layout::Small, keys, ids)?;
        tell("small", made);
        let (map, made) = peers::hash_map(keys, ids)?;
        tell("HashMap (one way)", made);
        let (perfect, made) = peers::perfect(keys, ids)?;
        tell("perfect hash (one way)", made);
        let (fst, made) = peers::transducer(&path("map.fst"), keys, ids)?;
        tell("fst (one way)", made);
        let (lmdb, made) = peers::lmdb(&path("lmdb"), keys, ids, &by_id)?;
        tell("LMDB", made);
        let (redb, made) = peers::redb(&path("redb"), keys, ids, &by_id)?;
        tell("redb", made);
        #[cfg(feature = "rocksdb")]
        let (rocks, made) = rocks::rocks(&path("rocksdb"), keys, ids, &by_id)?;
        #[cfg(feature = "rocksdb")]
        tell("RocksDB", made);
        Ok(All {
            name,
            note,
            keys,
            by_id,
            path: dir.to_path_buf(),
            compact,
            fast,
            small,
            map,
            perfect,
            fst,
            lmdb,
            redb,
            #[cfg(feature = "rocksdb")]
            rocks,
        })
    }
}

/// One claim after the other about the same keys.
fn of_keys(suite: &mut Suite, kind: Kind, n: usize, name: &str, chase: &mut Chase) -> Result<()> {
    let keys = data::keys(kind, n);
    let ids = data::ids(keys.len());
    let q = Questions::new(&keys, &ids, suite.size(64, 8) * BATCH);
    let dir = suite.folder()?;
    let all = All::build(dir.path(), name, &keys, &ids)?;
    eprintln!("dict: {name}: {}", all.note);
    let mut step = || {
        Ok(Work::units({
            black_box(chase.run(BATCH as u64));
            BATCH as u64
        }))
    };
    by_key(suite, &all, &q, &mut step)?;
    by_id(suite, &all, &q, &mut step)?;
    scan(suite, &all)?;
    prefix(suite, &all, &q, &mut step)?;
    open(suite, &all)?;
    cold_open(suite, &all)
}

fn by_key(suite: &mut Suite, all: &All<'_>, q: &Questions, step: &mut dyn FnMut() -> Result<Work>) -> Result<()> {
    let All { name, compact, fast, small, map, perfect, fst, lmdb, redb, .. } = all;
    let txn = lmdb.env.read_txn().map_err(theirs)?;
    let in_lmdb = |key: &[u8]| {
        let found = lmdb.keys.get(&txn, key).map_err(theirs)?;
        Ok(found.and_then(|v| v.first_chunk()).map(|v| u64::from_le_bytes(*v)))
    };
    let in_redb = |key: &[u8]| Ok(redb.keys.get(key).map_err(theirs)?.map(|v| v.value()));
    for (what, asked) in [("get", &q.hits), ("miss", &q.misses)] {
        warm(&all.path)?;
        let claim = Claim::new(format!("{what}-{name}"), "lookup")
            .reference("chase", &mut *step)
            .subject("dict.seg", lookups(asked, |key| compact.get(b"", key)))
            .note(all.note.as_str())
            .subject("fast", lookups(asked, |key| fast.get(b"", key)))
            .subject("small", lookups(asked, |key| small.get(b"", key)))
            .peer("HashMap", lookups(asked, |key| Ok(map.get(key).copied())))
            .peer("perfect hash", lookups(asked, |key| Ok(perfect.get(all.keys, key))))
            .peer("fst", lookups(asked, |key| Ok(fst.get(key))))
            .peer("LMDB", lookups(asked, in_lmdb))
            .peer("redb", lookups(asked, in_redb));
        #[cfg(feature = "rocksdb")]
        let claim = claim.peer("RocksDB", lookups(asked, |key| all.rocks.keys.get(key, rocks::number)));
        suite.measure(claim)?;
        suite.measure(
            Claim::new(format!("batch-{what}-{name}"), "lookup")
                .reference("chase", &mut *step)
                .subject("dict.seg", batches(asked, compact))
                .subject("fast", batches(asked, fast))
                .peer("HashMap", lookups(asked, |key| Ok(map.get(key).copied()))),
        )?;
    }
    Ok(())
}

fn by_id(suite: &mut Suite, all: &All<'_>, q: &Questions, step: &mut dyn FnMut() -> Result<Work>) -> Result<()> {
    let All { keys, by_id, lmdb, redb, .. } = all;
    warm(&all.path)?;
    let txn = lmdb.env.read_txn().map_err(theirs)?;
    let claim = Claim::new(format!("id-{}", all.name), "lookup")
        .reference("chase", step)
        .subject("dict.seg", reverse(&q.ids, by_segment(&all.compact)))
        .subject("fast", reverse(&q.ids, by_segment(&all.fast)))
        .subject("small", reverse(&q.ids, by_segment(&all.small)))
        .peer("array", reverse(&q.ids, |id| Ok(digest(keys.get(by_id[id as usize - 1] as usize)))))
        .peer("LMDB", reverse(&q.ids, |id| Ok(lmdb.ids.get(&txn, &id).map_err(theirs)?.map_or(0, digest))))
        .peer("redb", reverse(&q.ids, |id| Ok(redb.ids.get(id).map_err(theirs)?.map_or(0, |k| digest(k.value())))));
    #[cfg(feature = "rocksdb")]
    let claim = {
        let get = |id: u64| Ok(all.rocks.ids.get(&id.to_be_bytes(), digest)?.unwrap_or(0));
        claim.peer("RocksDB", reverse(&q.ids, get))
    };
    suite.measure(claim)
}

/// What is made of one pair of a scan.
fn of(key: &[u8], id: u64) -> u64 {
    digest(key) ^ id
}

fn in_lmdb<'t>(pairs: impl Iterator<Item = heed::Result<(&'t [u8], &'t [u8])>>) -> Result<u64> {
    let mut sum = 0u64;
    for pair in pairs {
        let (key, id) = pair.map_err(theirs)?;
        sum = sum.wrapping_add(of(key, id.first_chunk().map_or(0, |id| u64::from_le_bytes(*id))));
    }
    Ok(sum)
}

fn scan(suite: &mut Suite, all: &All<'_>) -> Result<()> {
    let n = all.keys.len() as u64;
    warm(&all.path)?;
    let txn = all.lmdb.env.read_txn().map_err(theirs)?;
    let pairs = |sum: u64| Work::units(n).answer(sum);
    let claim = Claim::new(format!("scan-{}", all.name), "pair")
        .reference("stream", || {
            black_box(stream(all.compact.bytes()));
            Ok(Work::units(n))
        })
        .subject("dict.seg", || walk(all.compact.cursor()).map(pairs))
        .subject("fast", || walk(all.fast.cursor()).map(pairs))
        .subject("small", || walk(all.small.cursor()).map(pairs))
        .peer("fst", || Ok(pairs(peers::walk(all.fst.stream(), of))))
        .peer("LMDB", || in_lmdb(all.lmdb.keys.iter(&txn).map_err(theirs)?).map(pairs));
    #[cfg(feature = "rocksdb")]
    let claim = claim.peer("RocksDB", || Ok(pairs(all.rocks.keys.walk(b"", of))));
    suite.measure(claim)
}

/// Prefixes that are asked for in one batch.
const FEW: usize = 16;

fn prefix(suite: &mut Suite, all: &All<'_>, q: &Questions, step: &mut dyn FnMut() -> Result<Work>) -> Result<()> {
    let txn = all.lmdb.env.read_txn().map_err(theirs)?;
    let asked = &q.prefixes;
    let in_fst = |prefix: &[u8]| {
        // No key has the byte behind the prefix.
        let end = [prefix, &[0xFF]].concat();
        Ok(peers::walk(all.fst.range().ge(prefix).lt(end).into_stream(), of))
    };
    let of_lmdb = |prefix: &[u8]| in_lmdb(all.lmdb.keys.prefix_iter(&txn, prefix).map_err(theirs)?);
    let claim = Claim::new(format!("prefix-{}", all.name), "prefix")
        .reference("chase", step)
        .subject("dict.seg", lookups_of(asked, FEW, |prefix| walk(all.compact.prefix(b"", prefix)?)))
        .subject("fast", lookups_of(asked, FEW, |prefix| walk(all.fast.prefix(b"", prefix)?)))
        .peer("fst", lookups_of(asked, FEW, in_fst))
        .peer("LMDB", lookups_of(asked, FEW, of_lmdb));
    #[cfg(feature = "rocksdb")]
    let claim = claim.peer("RocksDB", lookups_of(asked, FEW, |prefix| Ok(all.rocks.keys.walk(prefix, of))));
    suite.measure(claim)
}

fn open(suite: &mut Suite, all: &All<'_>) -> Result<()> {
    let (file, other) = (all.path.join("compact.seg"), all.path.join("map.fst"));
    let once = |len: u64| {
        black_box(len);
        Ok(Work::units(1))
    };
    suite.measure(
        Claim::new(format!("open-{}", all.name), "open")
            .reference("map", || once(Map::open(&file)?.len() as u64))
            .subject("dict.seg", || once(DictSeg::open(Map::open(&file)?)?.len()))
            .peer("fst", || once(fst::Map::new(Map::open(&other)?).map_err(theirs)?.len() as u64)),
    )
}

/// Opens of a file of which nothing is in the page cache of this system, beside reading four bytes of it from the disk.
fn cold_open(suite: &mut Suite, all: &All<'_>) -> Result<()> {
    let (name, path) = (format!("cold-open-{}", all.name), all.path.join("cold.seg"));
    if !suite.wants(&[&name]) {
        return Ok(());
    }
    let io = |e| Error::io("make a cold file", e);
    // What is mapped stays in the cache: this one is only ever mapped while it is measured.
    std::fs::copy(all.path.join("compact.seg"), &path).map_err(io)?;
    let file = File::open(&path).map_err(io)?;
    file.sync_all().map_err(io)?;
    let cold = |open: &dyn Fn() -> Result<u64>| {
        let start = Instant::now();
        forget(&file)?;
        let untimed = start.elapsed();
        black_box(open()?);
        Ok(Work::units(1).untimed(untimed))
    };
    let read = || {
        let mut magic = [0; 4];
        File::open(&path).and_then(|mut file| file.read_exact(&mut magic)).map_err(io)?;
        Ok(u64::from(magic[0]))
    };
    // As `dictctl` opens for lookups: a kernel may read megabytes around a page, and does not where it is told not to.
    let of_tools = || {
        let map = Map::open(&path)?;
        map.advise_random();
        Ok(DictSeg::open(map)?.len())
    };
    suite.measure(Claim::new(name, "open").reference("read", || cold(&read)).subject("dict.seg", || cold(&of_tools)))
}

/// Drops a file that is on the disk from the page cache.
fn forget(file: &File) -> Result<()> {
    // SAFETY: the descriptor is that of an open file, and the call neither reads nor writes memory of this process.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) } {
        0 => Ok(()),
        error => Err(Error::io("drop from the page cache", std::io::Error::from_raw_os_error(error))),
    }
}

fn walk(mut cursor: qx_formats::dict_seg::Cursor<'_, Map>) -> Result<u64> {
    let mut sum = 0u64;
    while let Some(e) = cursor.next_entry()? {
        sum = sum.wrapping_add(digest(e.key) ^ e.id);
    }
    Ok(sum)
}

/// Batches of lookups by key, over the questions again and again; the answer is the sum of the ids.
fn lookups<'a>(
    asked: &'a Strings,
    get: impl Fn(&[u8]) -> Result<Option<u64>> + 'a,
) -> impl FnMut() -> Result<Work> + 'a {
    lookups_of(asked, BATCH, move |key| Ok(get(key)?.unwrap_or(0)))
}

fn lookups_of<'a>(
    asked: &'a Strings,
    batch: usize,
    get: impl Fn(&[u8]) -> Result<u64> + 'a,
) -> impl FnMut() -> Result<Work> + 'a {
    let mut at = 0;
    move || {
        let mut sum = 0u64;
        for _ in 0..batch {
            sum = sum.wrapping_add(get(asked.get(at))?);
            at = (at + 1) % asked.len();
        }
        Ok(Work::units(batch as u64).answer(sum))
    }
}

/// As [`lookups`], [`GROUP`] at a time.
fn batches<'a>(asked: &'a Strings, seg: &'a DictSeg<Map>) -> impl FnMut() -> Result<Work> + 'a {
    let mut at = 0;
    let mut ids = Vec::with_capacity(GROUP);
    move || {
        let mut sum = 0u64;
        for _ in 0..BATCH / GROUP {
            let mut group = [&b""[..]; GROUP];
            for key in &mut group {
                *key = asked.get(at);
                at = (at + 1) % asked.len();
            }
            ids.clear();
            seg.get_batch(Some(b""), &group, &mut ids)?;
            sum = ids.iter().flatten().fold(sum, |sum, id| sum.wrapping_add(*id));
        }
        Ok(Work::units(BATCH as u64).answer(sum))
    }
}

fn by_segment(seg: &DictSeg<Map>) -> impl FnMut(u64) -> Result<u64> {
    let mut key = Vec::new();
    move |id| {
        seg.key_of(id, &mut key)?;
        Ok(digest(&key))
    }
}

fn reverse<'a>(asked: &'a [u64], mut get: impl FnMut(u64) -> Result<u64> + 'a) -> impl FnMut() -> Result<Work> + 'a {
    let mut at = 0;
    move || {
        let mut sum = 0u64;
        for _ in 0..BATCH {
            sum = sum.wrapping_add(get(asked[at])?);
            at = (at + 1) % asked.len();
        }
        Ok(Work::units(BATCH as u64).answer(sum))
    }
}
