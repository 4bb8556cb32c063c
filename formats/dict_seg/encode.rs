//! Sorted pairs to the bytes of a segment.

use std::io::{Seek, Write};

use uuid::Uuid;

use super::layout::*;
use super::meta::{Meta, width_of};
use super::{block, labels, table};
use crate::container::Writer;
use crate::{Error, Result};

/// One pair, its label as an index into the sorted labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub label: usize,
    pub key: &'a [u8],
    pub id: u64,
}

/// Hash sections under one seed.
struct Tables {
    seed: u64,
    hash: table::Built,
    any: Option<table::Built>,
    ids: Option<table::Built>,
}

/// Seeds that are tried until no search is longer than [`EASY_PROBE`]; keys that were chosen to collide under one
/// do not under the next.
const SEEDS: u64 = 8;
const EASY_PROBE: u64 = 64;

/// Writes the segment of `pairs`, sorted by (label, key), each label in `labels` used, ids distinct.
pub(super) fn encode(
    out: impl Write + Seek,
    labels: &[&[u8]],
    pairs: &[Pair<'_>],
    next_id: u64,
) -> Result<(Meta, Uuid, u64)> {
    let entries = pairs.len() as u64;
    let ref_bytes = table::ref_bytes(entries)?;
    let id_min = pairs.iter().map(|p| p.id).min().unwrap_or(0);
    let id_max = pairs.iter().map(|p| p.id).max().unwrap_or(0);
    let span = if pairs.is_empty() { 0 } else { id_max - id_min + 1 };
    let dense = span <= entries.saturating_mul(DENSE_SPAN);
    let winners = if labels.len() > 1 { Some(lowest_of_each_key(pairs)) } else { None };
    let tables = tables(labels, pairs, winners.as_deref(), dense, ref_bytes)?;

    let io = |e| Error::io("write", e);
    let sections = 6 + usize::from(tables.any.is_some());
    let mut w = Writer::new(out, MAGIC, MAJOR, MINOR, 0, sections).map_err(io)?;
    let offsets = write_keys(&mut w, pairs).map_err(io)?;
    let keys_len = offsets.last().copied().unwrap_or(0);
    let offset_bytes = width_of(keys_len);
    w.begin(KIND_BLOCKS, 0).map_err(io)?;
    for o in &offsets {
        w.write(&o.to_le_bytes()[..offset_bytes]).map_err(io)?;
    }
    let mut firsts = Vec::with_capacity(labels.len());
    for (i, label) in labels.iter().enumerate() {
        firsts.push((*label, pairs.partition_point(|p| p.label < i) as u64));
    }
    let mut whole = |kind, bytes: &[u8]| w.begin(kind, 0).and_then(|()| w.write(bytes)).map_err(io);
    whole(KIND_LABELS, &labels::encode(&firsts, entries))?;
    whole(KIND_HASH, &tables.hash.bytes)?;
    if let Some(any) = &tables.any {
        whole(KIND_ANY, &any.bytes)?;
    }
    match &tables.ids {
        Some(ids) => whole(KIND_IDS_HASHED, &ids.bytes)?,
        None => whole(KIND_IDS_DENSE, &dense_ids(pairs, id_min, span, ref_bytes))?,
    }
    let probe = |t: Option<&table::Built>| t.map_or(0, |t| t.probe as u32);
    let meta = Meta {
        entries,
        labels: labels.len() as u64,
        next_id,
        id_min,
        id_max,
        distinct_keys: winners.map_or(entries, |w| w.len() as u64),
        key_bytes: pairs.iter().map(|p| p.key.len() as u64).sum(),
        hash_seed: tables.seed,
        hash_home: tables.hash.home,
        any_home: tables.any.as_ref().map_or(0, |t| t.home),
        ids_home: tables.ids.as_ref().map_or(0, |t| t.home),
        hash_probe: probe(Some(&tables.hash)),
        any_probe: probe(tables.any.as_ref()),
        ids_probe: probe(tables.ids.as_ref()),
        longest_key: pairs.iter().map(|p| p.key.len() as u32).max().unwrap_or(0),
        ref_bytes: ref_bytes as u8,
        offset_bytes: offset_bytes as u8,
    };
    // Last, since a streaming writer knows it last.
    whole(KIND_META, &meta.encode())?;
    let (mut out, uuid) = w.finish().map_err(io)?;
    let bytes = out.stream_position().map_err(io)?;
    Ok((meta, uuid, bytes))
}

/// Writes the key blocks and returns where each begins, and where the last ends.
fn write_keys<W: Write + Seek>(w: &mut Writer<W>, pairs: &[Pair<'_>]) -> std::io::Result<Vec<u64>> {
    w.begin(KIND_KEYS, 0)?;
    let mut offsets = vec![0];
    let mut buffer = Vec::new();
    for chunk in pairs.chunks(BLOCK_ENTRIES) {
        let entries: Vec<_> = chunk.iter().map(|p| (p.key, p.id)).collect();
        buffer.clear();
        block::encode(&mut buffer, &entries);
        w.write(&buffer)?;
        offsets.push(w.section_len());
    }
    Ok(offsets)
}

/// Ranks of the lowest-id entry of each distinct key.
fn lowest_of_each_key(pairs: &[Pair<'_>]) -> Vec<u64> {
    let mut ranks: Vec<u64> = (0..pairs.len() as u64).collect();
    let at = |r: u64| &pairs[r as usize];
    ranks.sort_unstable_by(|&a, &b| (at(a).key, at(a).id).cmp(&(at(b).key, at(b).id)));
    ranks.dedup_by(|b, a| at(*a).key == at(*b).key);
    ranks
}

fn dense_ids(pairs: &[Pair<'_>], id_min: u64, span: u64, ref_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0xFF; span as usize * ref_bytes];
    for (rank, p) in pairs.iter().enumerate() {
        let at = (p.id - id_min) as usize * ref_bytes;
        bytes[at..at + ref_bytes].copy_from_slice(&(rank as u64).to_le_bytes()[..ref_bytes]);
    }
    bytes
}

fn tables(
    labels: &[&[u8]],
    pairs: &[Pair<'_>],
    winners: Option<&[u64]>,
    dense: bool,
    ref_bytes: usize,
) -> Result<Tables> {
    let ranked = || pairs.iter().zip(0u64..);
    let mut longest = 0;
    for seed in 0..SEEDS {
        let seeds: Vec<u64> = labels.iter().map(|l| table::hash_bytes(l, seed)).collect();
        let pair_hashes = ranked().map(|(p, r)| (table::hash_bytes(p.key, seeds[p.label]), r)).collect();
        let hash = table::build(pair_hashes, ref_bytes);
        let any = winners.map(|w| {
            table::build(w.iter().map(|&r| (table::hash_bytes(pairs[r as usize].key, seed), r)).collect(), ref_bytes)
        });
        let ids =
            (!dense).then(|| table::build(ranked().map(|(p, r)| (table::hash_id(p.id, seed), r)).collect(), ref_bytes));
        longest = [Some(&hash), any.as_ref(), ids.as_ref()].iter().flatten().map(|t| t.probe).max().unwrap_or(0);
        if longest <= EASY_PROBE || (seed == SEEDS - 1 && longest <= MAX_PROBE) {
            return Ok(Tables { seed, hash, any, ids });
        }
    }
    Err(Error::limit("buckets that one lookup visits", MAX_PROBE, longest)
        .hint("the keys were chosen to collide under this hash function"))
}
