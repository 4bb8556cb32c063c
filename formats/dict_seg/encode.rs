//! Sorted pairs to the bytes of a segment, streamed: what has to be sorted in between goes through a [`Room`].

use std::io::{Seek, Write};

use uuid::Uuid;

use super::block::Form;
use super::chunk::ChunkWriter;
use super::layout::*;
use super::meta::{Meta, width_of};
use super::refs::Refs;
use super::room::{Numbers, Records, Room, each};
use super::table::Placer;
use super::{dense, labels, plain, table};
use crate::container::Writer;
use crate::{Error, Result};

/// One pair of a [`Source`], its label as an index into the sorted labels.
#[derive(Debug, Clone, Copy)]
pub struct SourcePair<'a> {
    pub label: usize,
    pub key: &'a [u8],
    pub id: u64,
}

/// Pairs in strictly ascending order of (label, key), ids distinct. They are asked for once, and again from the start
/// in the rare case that their hashes collide too often.
pub trait Source {
    /// # Errors
    /// Whatever stands in the way of reading from the start.
    fn rewind(&mut self) -> Result<()>;
    /// # Errors
    /// Whatever stands in the way of reading on.
    fn next_pair(&mut self) -> Result<Option<SourcePair<'_>>>;
}

/// What a segment is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// A hash leads to the block of a key, which is coded against the block's first one.
    #[default]
    Compact,
    /// No hash for (label, key), larger blocks, each key coded against the one before it: found by halving. For cold
    /// copies.
    Small,
    /// A hash leads to the key itself, which stands there whole: the fastest, and the largest.
    Fast,
}

impl Layout {
    fn form(self) -> Form {
        match self {
            Layout::Compact => Form::Head,
            Layout::Small => Form::Chain,
            Layout::Fast => Form::Plain,
        }
    }

    fn block_entries(self) -> usize {
        if self == Layout::Small { MAX_BLOCK_ENTRIES } else { BLOCK_ENTRIES }
    }
}

/// How a segment is laid out. The same pairs under the same options are the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    pub layout: Layout,
    /// Compress the key blocks with zstd at this level.
    pub zstd: Option<i32>,
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    pub entries: u64,
    pub labels: u64,
    pub next_id: u64,
    pub uuid: Uuid,
    pub bytes: u64,
}

/// Seeds that are tried until no search is longer than [`EASY_PROBE`]; keys that were chosen to collide under one
/// do not under the next.
const SEEDS: u64 = 8;
const EASY_PROBE: u64 = 64;

/// What the walk over the pairs leaves for the sections behind the keys.
struct Walked {
    meta: Meta,
    /// First rank of each label, and the reference to its first entry.
    firsts: Vec<(u64, u64)>,
    /// Lengths of the blocks, uncompressed.
    blocks: Vec<u32>,
    chunks: Vec<(u64, u64)>,
    /// (id, reference).
    ids: Box<dyn Numbers>,
    hashes: Hashes,
}

/// Gives entries their references, in order.
struct Assign {
    refs: Refs,
    /// The block that is being filled: its number, where it begins, the next place in it and where that one begins.
    number: u64,
    from: u64,
    place: usize,
    own: usize,
}

impl Assign {
    fn new(layout: Layout) -> Assign {
        let refs = Refs::writing(layout.form(), layout.block_entries());
        Assign { refs, number: 0, from: 0, place: 0, own: 0 }
    }

    fn next(&mut self, key: &[u8], id: u64) -> u64 {
        let reference = self.refs.of(self.number, self.from, self.place, self.own);
        if self.refs.form == Form::Plain {
            self.own += plain::entry_len(key.len(), id, self.refs.unit);
        }
        self.place += 1;
        reference
    }

    fn close(&mut self, len: u32) {
        self.number += 1;
        self.from += u64::from(len);
        (self.place, self.own) = (0, 0);
    }
}

/// Hashes with their references, under one seed.
struct Hashes {
    pairs: Option<Box<dyn Numbers>>,
    any: Option<Box<dyn Records>>,
}

/// A number whose order is that of (high, low).
fn two(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

pub(super) fn halves(n: u128) -> (u64, u64) {
    ((n >> 64) as u64, n as u64)
}

pub(super) fn io(e: std::io::Error) -> Error {
    Error::io("write", e)
}

/// Writes the segment of `source` from the beginning of `out` on. `labels` are sorted, and each has a pair.
///
/// # Errors
/// `Io` from `out`, those of `source` and `room`, `Limit` for more entries than a segment holds.
pub fn encode(
    out: impl Write + Seek,
    labels: &[&[u8]],
    source: &mut dyn Source,
    next_id: u64,
    options: Options,
    room: &mut dyn Room,
) -> Result<Written> {
    let with_any = labels.len() > 1;
    let with_hash = options.layout != Layout::Small;
    let sections = 6 + [with_any, with_hash, options.zstd.is_some()].iter().filter(|b| **b).count();
    let mut w = Writer::new(out, MAGIC, MAJOR, MINOR, 0, sections).map_err(io)?;
    let mut walked = write_keys(&mut w, labels, source, options, room)?;
    write_blocks(&mut w, &walked.blocks, &walked.meta).map_err(io)?;
    if options.zstd.is_some() {
        w.begin(KIND_CHUNKS, 0).map_err(io)?;
        for (block, offset) in &walked.chunks {
            w.write(&block.to_le_bytes()).map_err(io)?;
            w.write(&offset.to_le_bytes()).map_err(io)?;
        }
    }
    walked.meta.next_id = next_id;
    let blocks_len = walked.blocks.iter().map(|&n| u64::from(n)).sum();
    let refs = Refs::new(&walked.meta, blocks_len).ok_or_else(|| too_large(&walked.meta))?;
    let rows = labels.iter().zip(&walked.firsts).map(|(label, &(rank, reference))| (*label, rank, reference));
    let table = labels::encode(&rows.collect::<Vec<_>>(), (walked.meta.entries, refs.end));
    w.begin(KIND_LABELS, 0).and_then(|()| w.write(&table)).map_err(io)?;
    write_indexes(&mut w, &mut walked, labels, source, options.layout, room)?;
    let meta = &walked.meta;
    // Last, since a streaming writer knows it last.
    let bytes = meta.encode();
    w.begin(KIND_META, 0).and_then(|()| w.write(&bytes)).map_err(io)?;
    w.begin(KIND_COPY, 0).and_then(|()| w.write(&bytes)).and_then(|()| w.write(&table)).map_err(io)?;
    let (mut out, uuid) = w.finish().map_err(io)?;
    let bytes = out.stream_position().map_err(io)?;
    Ok(Written { entries: meta.entries, labels: meta.labels, next_id, uuid, bytes })
}

#[cold]
fn too_large(meta: &Meta) -> Error {
    let limit = Error::limit("entry count", MAX_ENTRIES, meta.entries);
    if meta.entries > MAX_ENTRIES { limit } else { Error::limit("bits of a reference", MAX_REF_BITS as u64, 64) }
}

/// Entries from which on a second thread is worth its start.
const MANY: u64 = 1 << 16;

/// Sorts both at the same time; the bytes do not depend on it.
fn sort_side_by_side(hashes: &mut dyn Numbers, ids: &mut dyn Numbers) -> Result<()> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| ids.sort());
        let first = hashes.sort();
        first.and(joined(other))
    })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Writes `HASH`, `ANYH` and the index of ids, and what META says of them.
fn write_indexes<W: Write + Seek>(
    w: &mut Writer<W>,
    walked: &mut Walked,
    labels: &[&[u8]],
    source: &mut dyn Source,
    layout: Layout,
    room: &mut dyn Room,
) -> Result<()> {
    let Walked { meta, hashes, ids, blocks, .. } = walked;
    let span = if meta.entries == 0 { 0 } else { meta.id_max - meta.id_min + 1 };
    let pairs = Pairs { labels, source, layout, blocks };
    if span > meta.entries.saturating_mul(DENSE_SPAN) {
        if meta.entries >= MANY
            && let Some(hashes) = &mut hashes.pairs
        {
            sort_side_by_side(hashes.as_mut(), ids.as_mut())?;
        }
        let tables = choose_seed(meta, hashes, Some(ids.as_mut()), pairs, room)?;
        let by_id = write_hashes(w, meta, hashes, tables)?;
        if let Some(mut by_id) = by_id {
            (meta.ids_home, meta.ids_probe) =
                write_table(w, KIND_IDS_HASHED, by_id.as_mut(), meta.entries, meta.ref_bits)?;
        }
        return Ok(());
    }
    // The place of an id is known without sorting, so that another thread can go through the memory of the one section while
    // this one is at the other. Where keys are sorted under any label, too, there is no memory for it.
    if let Some(numbers) = ids.in_memory().filter(|_| meta.entries >= MANY && hashes.any.is_none()) {
        let known = *meta;
        return std::thread::scope(|scope| {
            let placing = scope.spawn(|| dense::placed(&numbers, &known));
            let tables = choose_seed(meta, hashes, None, pairs, room)?;
            write_hashes(w, meta, hashes, tables)?;
            dense::write_placed(w, &joined(placing))
        });
    }
    let tables = choose_seed(meta, hashes, None, pairs, room)?;
    write_hashes(w, meta, hashes, tables)?;
    dense::write(w, ids.as_mut(), meta)
}

/// Writes `HASH` and `ANYH`; hands back what is left of the tables.
fn write_hashes<W: Write + Seek>(
    w: &mut Writer<W>,
    meta: &mut Meta,
    hashes: &mut Hashes,
    tables: Tables,
) -> Result<Option<Box<dyn Numbers>>> {
    // The index of ids may want the memory.
    if let Some(mut pairs) = hashes.pairs.take() {
        pairs.sort()?;
        (meta.hash_home, meta.hash_probe) = write_table(w, KIND_HASH, pairs.as_mut(), meta.entries, meta.ref_bits)?;
    }
    if let Some(mut any) = tables.any {
        any.sort()?;
        (meta.any_home, meta.any_probe) = write_table(w, KIND_ANY, any.as_mut(), meta.distinct_keys, meta.ref_bits)?;
    }
    let mut ids = tables.ids;
    if let Some(ids) = &mut ids {
        ids.sort()?;
    }
    Ok(ids)
}

/// Entries of the block that is being filled, their keys in one piece of memory.
struct Open {
    keys: Vec<u8>,
    entries: Vec<(std::ops::Range<usize>, u64)>,
    bytes: Vec<u8>,
}

impl Open {
    fn close<W: Write + Seek>(&mut self, form: Form, to: &mut ChunkWriter, w: &mut Writer<W>) -> Result<u32> {
        let entries: Vec<(&[u8], u64)> = self.entries.iter().map(|(r, id)| (&self.keys[r.clone()], *id)).collect();
        self.bytes.clear();
        form.encode(form.unit(), &mut self.bytes, &entries);
        to.push(&self.bytes, w)?;
        self.keys.clear();
        self.entries.clear();
        Ok(self.bytes.len() as u32)
    }
}

/// Writes KEYS, and collects what the other sections are made of.
fn write_keys<W: Write + Seek>(
    w: &mut Writer<W>,
    labels: &[&[u8]],
    source: &mut dyn Source,
    options: Options,
    room: &mut dyn Room,
) -> Result<Walked> {
    let (form, block_entries) = (options.layout.form(), options.layout.block_entries());
    let meta = Meta {
        labels: labels.len() as u64,
        id_min: u64::MAX,
        block_entries: block_entries as u8,
        form: form.byte(),
        unit: form.unit(),
        ..Meta::default()
    };
    let mut all = Walked {
        meta,
        firsts: Vec::with_capacity(labels.len()),
        blocks: Vec::new(),
        chunks: Vec::new(),
        ids: room.numbers()?,
        hashes: Hashes::new(labels, options.layout != Layout::Small, room)?,
    };
    let seeds = label_seeds(labels, 0);
    w.begin(KIND_KEYS, if options.zstd.is_some() { KEYS_ZSTD } else { 0 }).map_err(io)?;
    let mut chunks = ChunkWriter::new(options.zstd)?;
    let mut open = Open { keys: Vec::new(), entries: Vec::new(), bytes: Vec::new() };
    let mut assign = Assign::new(options.layout);
    source.rewind()?;
    while let Some(p) = source.next_pair()? {
        if open.entries.len() == block_entries {
            let len = open.close(form, &mut chunks, w)?;
            assign.close(len);
            all.blocks.push(len);
        }
        let reference = assign.next(p.key, p.id);
        let m = &mut all.meta;
        while all.firsts.len() <= p.label {
            all.firsts.push((m.entries, reference));
        }
        let start = open.keys.len();
        open.keys.extend_from_slice(p.key);
        open.entries.push((start..open.keys.len(), p.id));
        all.ids.push(two(p.id, reference))?;
        all.hashes.push(seeds[p.label], 0, p.key, p.id, reference)?;
        m.entries += 1;
        m.key_bytes += p.key.len() as u64;
        m.longest_key = m.longest_key.max(p.key.len() as u32);
        (m.id_min, m.id_max) = (m.id_min.min(p.id), m.id_max.max(p.id));
    }
    if !open.entries.is_empty() {
        all.blocks.push(open.close(form, &mut chunks, w)?);
    }
    all.chunks = chunks.finish(w)?;
    set_widths(&mut all)?;
    Ok(all)
}

/// The widths of offsets and references, once all blocks are there.
fn set_widths(all: &mut Walked) -> Result<()> {
    let m = &mut all.meta;
    if m.entries == 0 {
        m.id_min = 0;
    }
    let len: u64 = all.blocks.iter().map(|&n| u64::from(n)).sum();
    m.offset_bytes = width_of(len >> m.unit) as u8;
    let bits = if m.entries > MAX_ENTRIES { MAX_REF_BITS + 1 } else { Refs::bits_needed(m, len) };
    if bits > MAX_REF_BITS {
        return Err(too_large(m));
    }
    m.ref_bits = bits as u8;
    Ok(())
}

fn label_seeds(labels: &[&[u8]], seed: u64) -> Vec<u64> {
    labels.iter().map(|l| table::hash_bytes(l, seed)).collect()
}

impl Hashes {
    fn new(labels: &[&[u8]], with_hash: bool, room: &mut dyn Room) -> Result<Hashes> {
        let pairs = if with_hash { Some(room.hashes()?) } else { None };
        let any = if labels.len() > 1 { Some(room.records()?) } else { None };
        Ok(Hashes { pairs, any })
    }

    fn push(&mut self, label_seed: u64, seed: u64, key: &[u8], id: u64, reference: u64) -> Result<()> {
        if let Some(pairs) = &mut self.pairs {
            pairs.push(two(table::hash_bytes(key, label_seed), reference))?;
        }
        let Some(any) = &mut self.any else { return Ok(()) };
        // Equal keys stand together, the one with the lowest id first.
        let mut record = Vec::with_capacity(28 + key.len());
        record.extend(table::hash_bytes(key, seed).to_be_bytes());
        record.extend((key.len() as u32).to_be_bytes());
        record.extend(key);
        record.extend(id.to_be_bytes());
        record.extend(reference.to_be_bytes());
        any.push(&record)
    }
}

/// Sorted numbers (hash, reference), ready for their section.
struct Tables {
    any: Option<Box<dyn Numbers>>,
    ids: Option<Box<dyn Numbers>>,
}

/// The pairs once more, for the rare case that another seed is needed.
struct Pairs<'a> {
    labels: &'a [&'a [u8]],
    source: &'a mut dyn Source,
    layout: Layout,
    /// Lengths of the blocks, uncompressed.
    blocks: &'a [u32],
}

impl Pairs<'_> {
    fn hashes(&mut self, seed: u64, with_hash: bool, room: &mut dyn Room) -> Result<Hashes> {
        let mut hashes = Hashes::new(self.labels, with_hash, room)?;
        let seeds = label_seeds(self.labels, seed);
        let (mut assign, mut lens) = (Assign::new(self.layout), self.blocks.iter());
        self.source.rewind()?;
        while let Some(p) = self.source.next_pair()? {
            if assign.place == self.layout.block_entries() {
                assign.close(lens.next().copied().unwrap_or(0));
            }
            let reference = assign.next(p.key, p.id);
            hashes.push(seeds[p.label], seed, p.key, p.id, reference)?;
        }
        Ok(hashes)
    }
}

/// Takes the first seed under which no search is long. The hashes of seed 0 are there already; for another one the
/// pairs are read again. `ids` where their index is a table of hashes, too.
fn choose_seed(
    meta: &mut Meta,
    hashes: &mut Hashes,
    mut ids: Option<&mut dyn Numbers>,
    mut pairs: Pairs<'_>,
    room: &mut dyn Room,
) -> Result<Tables> {
    let mut seed = 0;
    loop {
        if let Some(pairs) = &mut hashes.pairs {
            pairs.sort()?;
        }
        let (any, distinct) = lowest_of_each_key(hashes.any.as_mut(), room)?;
        meta.distinct_keys = if any.is_some() { distinct } else { meta.entries };
        let by_id = ids.as_mut().map(|ids| hash_ids(*ids, seed, room)).transpose()?;
        let mut tables = Tables { any, ids: by_id };
        let limit = if seed == SEEDS - 1 { MAX_PROBE } else { EASY_PROBE };
        let all = [
            (hashes.pairs.as_mut(), meta.entries),
            (tables.any.as_mut(), meta.distinct_keys),
            (tables.ids.as_mut(), meta.entries),
        ];
        let mut longest = 0;
        for (numbers, entries) in all {
            if let Some(numbers) = numbers {
                longest = longest.max(table::longest_probe(numbers.as_mut(), entries, meta.ref_bits.into())?);
            }
        }
        if longest <= limit {
            meta.hash_seed = seed;
            return Ok(tables);
        }
        seed += 1;
        if seed == SEEDS {
            return Err(Error::limit("buckets that one lookup visits", MAX_PROBE, longest)
                .hint("the keys were chosen to collide under this hash function"));
        }
        *hashes = pairs.hashes(seed, hashes.pairs.is_some(), room)?;
    }
}

/// (hash, reference) of the lowest-id entry of each distinct key, and how many keys there are.
fn lowest_of_each_key(
    records: Option<&mut Box<dyn Records>>,
    room: &mut dyn Room,
) -> Result<(Option<Box<dyn Numbers>>, u64)> {
    let Some(records) = records else { return Ok((None, 0)) };
    let mut numbers = room.hashes()?;
    let mut distinct = 0;
    let mut last: Option<Vec<u8>> = None;
    records.sort()?;
    while let Some(record) = records.next_record()? {
        let (key, place) = record.split_at(record.len() - 16);
        if last.as_deref() == Some(key) {
            continue;
        }
        let long = |b: &[u8]| b.first_chunk().map_or(0, |b| u64::from_be_bytes(*b));
        numbers.push(two(long(key), long(&place[8..])))?;
        distinct += 1;
        let last = last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
    }
    numbers.sort()?;
    Ok((Some(numbers), distinct))
}

fn hash_ids(ids: &mut dyn Numbers, seed: u64, room: &mut dyn Room) -> Result<Box<dyn Numbers>> {
    let mut hashed = room.hashes()?;
    ids.sort()?;
    while let Some(n) = ids.next_number()? {
        let (id, reference) = halves(n);
        hashed.push(two(table::hash_id(id, seed), reference))?;
    }
    hashed.sort()?;
    Ok(hashed)
}

fn write_blocks<W: Write + Seek>(w: &mut Writer<W>, lengths: &[u32], meta: &Meta) -> std::io::Result<()> {
    w.begin(KIND_BLOCKS, 0)?;
    let width = usize::from(meta.offset_bytes);
    let mut at = 0u64;
    w.write(&at.to_le_bytes()[..width])?;
    for &len in lengths {
        at += u64::from(len);
        w.write(&(at >> meta.unit).to_le_bytes()[..width])?;
    }
    Ok(())
}

/// Writes a hash section; returns home buckets and longest probe.
fn write_table<W: Write + Seek>(
    w: &mut Writer<W>,
    kind: u32,
    numbers: &mut dyn Numbers,
    entries: u64,
    ref_bits: u8,
) -> Result<(u64, u32)> {
    w.begin(kind, 0).map_err(io)?;
    let mut placer = Placer::new(entries, ref_bits.into());
    each(numbers, |n| {
        let (hash, reference) = halves(n);
        placer.place(hash, reference, &mut |bucket| w.write(bucket).map_err(io))
    })?;
    placer.finish(&mut |bucket| w.write(bucket).map_err(io))?;
    Ok((placer.home(), placer.probe as u32))
}
