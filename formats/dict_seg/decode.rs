//! Opening a segment, and the places in it.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::block::Block;
use super::chunk::{self, Cache};
use super::labels;
use super::layout::*;
use super::meta::{Meta, uint};
use super::table;
use crate::container::layout::PAGE_LEN;
use crate::container::{Container, Section};
use crate::{Error, Result};

/// A hash section and its geometry.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub section: Section,
    pub home: u64,
    pub probe: u64,
}

impl Table {
    pub fn buckets(&self) -> u64 {
        (self.section.len() / BUCKET_LEN) as u64
    }
}

/// The id index, in either form.
#[derive(Debug, Clone)]
pub(super) enum Ids {
    Dense(Section),
    Hashed(Table),
}

/// What `stat` shows of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionInfo {
    pub name: String,
    pub offset: u64,
    pub bytes: u64,
}

/// A dictionary segment over bytes that are borrowed, owned or mapped.
///
/// Opening checks header, section table and META, at a cost that does not grow with the segment. A lookup in a
/// damaged segment may answer wrongly or with `Corrupt`, never unsafely; [`DictSeg::checked`] makes it refuse.
pub struct DictSeg<B: AsRef<[u8]>> {
    bytes: B,
    pub(super) container: Container,
    pub(super) meta: Meta,
    pub(super) keys: Section,
    pub(super) blocks: Section,
    /// The chunk table, where KEYS is compressed.
    pub(super) chunks: Option<Section>,
    pub(super) labels: Section,
    /// Not in the small layout.
    pub(super) hash: Option<Table>,
    pub(super) any: Option<Table>,
    pub(super) ids: Ids,
    pub(super) copy: Section,
    pub(super) checked: bool,
    cache: Cache,
    /// The label of a segment that has one: most have, and need not search for it.
    one: OnceLock<Option<One>>,
}

/// The only label.
#[derive(Debug, Clone)]
pub(super) struct One {
    /// Its text, in the file.
    pub text: Range<usize>,
    /// The seed of the keys under it.
    pub seed: u64,
}

impl<B: AsRef<[u8]>> fmt::Debug for DictSeg<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DictSeg").field("uuid", &self.container.uuid).field("meta", &self.meta).finish_non_exhaustive()
    }
}

/// The bytes of a block: in the file, or of a chunk that was decompressed.
pub(super) enum BlockBytes<'a> {
    Mapped(&'a [u8]),
    Chunk(Arc<Vec<u8>>, Range<usize>),
}

impl Deref for BlockBytes<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            BlockBytes::Mapped(bytes) => bytes,
            BlockBytes::Chunk(blocks, range) => blocks.get(range.clone()).unwrap_or(&[]),
        }
    }
}

/// Header and section table of a segment.
pub(super) fn open_container(bytes: &[u8]) -> Result<Container> {
    Container::open(bytes, "dict.seg", MAGIC, MAJOR, 0)
}

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// Whether these bytes begin as a segment does.
    pub fn is_segment(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Checks header, section table, META and the lengths of the sections.
    ///
    /// # Errors
    /// `Corrupt` where something does not hold; `Unsupported` for a newer version.
    pub fn open(bytes: B) -> Result<Self> {
        let all = bytes.as_ref();
        let c = open_container(all)?;
        let section = c.section(KIND_META, "META")?;
        if !section.is_empty() {
            c.check_page(all, section, 0)?;
        }
        let meta = Meta::decode(all, section)?;
        let keys = c.section(KIND_KEYS, "KEYS")?.clone();
        let blocks = sized(c.section(KIND_BLOCKS, "BLKS")?, meta.blocks().checked_add(1), meta.offset_bytes)?;
        let chunks = chunk_table(&c, &keys)?;
        let labels = c.section(KIND_LABELS, "LABL")?.clone();
        if labels::rows_len(meta.labels).is_none_or(|len| labels.len() < len) {
            return Err(length_error(&labels, "at least a row per label"));
        }
        let hash = match c.find(KIND_HASH) {
            Some(s) => Some(hashed(s, meta.hash_home, meta.hash_probe, meta.entries)?),
            None => None,
        };
        let any = match c.find(KIND_ANY) {
            Some(s) => Some(hashed(s, meta.any_home, meta.any_probe, meta.distinct_keys)?),
            None if meta.labels > 1 => {
                return Err(Error::corrupt("section ANYH is missing").offset(0).hint("more than one label needs it"));
            }
            None => None,
        };
        let ids = match c.find(KIND_IDS_HASHED) {
            Some(s) => Ids::Hashed(hashed(s, meta.ids_home, meta.ids_probe, meta.entries)?),
            None => {
                let span = if meta.entries == 0 { Some(0) } else { (meta.id_max - meta.id_min).checked_add(1) };
                Ids::Dense(sized(c.section(KIND_IDS_DENSE, "RIDS")?, span, meta.ref_bytes)?)
            }
        };
        let copy = c.section(KIND_COPY, "COPY")?.clone();
        let absent = [
            (hash.is_none(), meta.hash_home, meta.hash_probe, META_HASH_HOME),
            (any.is_none(), meta.any_home, meta.any_probe, META_ANY_HOME),
            (matches!(ids, Ids::Dense(_)), meta.ids_home, meta.ids_probe, META_IDS_HOME),
        ];
        for (absent, home, probe, at) in absent {
            if absent && (home, probe) != (0, 0) {
                let at = (section.range.start + at) as u64;
                return Err(Error::corrupt("META describes a hash section that is not there").offset(at));
            }
        }
        let cache = Cache::default();
        Ok(DictSeg {
            container: c,
            meta,
            keys,
            blocks,
            chunks,
            labels,
            hash,
            any,
            ids,
            copy,
            checked: false,
            bytes,
            cache,
            one: OnceLock::new(),
        })
    }

    /// Verifies the checksum of every page that a call touches, from now on.
    #[must_use]
    pub fn checked(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }

    pub fn len(&self) -> u64 {
        self.meta.entries
    }

    pub fn is_empty(&self) -> bool {
        self.meta.entries == 0
    }

    /// The highest id ever issued + 1.
    pub fn next_id(&self) -> u64 {
        self.meta.next_id
    }

    /// Lowest and highest id in use.
    pub fn id_range(&self) -> Option<(u64, u64)> {
        (!self.is_empty()).then_some((self.meta.id_min, self.meta.id_max))
    }

    /// The content hash that names this segment.
    pub fn uuid(&self) -> Uuid {
        self.container.uuid
    }

    pub fn version(&self) -> (u16, u16) {
        (self.container.major, self.container.minor)
    }

    pub fn label_count(&self) -> u64 {
        self.meta.labels
    }

    /// Keys, each counted once however many labels have it.
    pub fn distinct_keys(&self) -> u64 {
        self.meta.distinct_keys
    }

    /// Sum of the lengths of all keys.
    pub fn key_bytes(&self) -> u64 {
        self.meta.key_bytes
    }

    pub fn longest_key(&self) -> u64 {
        self.meta.longest_key.into()
    }

    /// Whether ids are an array (dense) or a hash (sparse).
    pub fn ids_dense(&self) -> bool {
        matches!(self.ids, Ids::Dense(_))
    }

    /// Whether a hash finds keys; without it (the small layout) they are found by halving.
    pub fn has_hash(&self) -> bool {
        self.hash.is_some()
    }

    /// Whether the key blocks are compressed.
    pub fn is_compressed(&self) -> bool {
        self.chunks.is_some()
    }

    pub fn sections(&self) -> impl Iterator<Item = SectionInfo> {
        self.container.sections.iter().map(|s| SectionInfo {
            name: s.name(),
            offset: s.range.start as u64,
            bytes: s.len() as u64,
        })
    }

    /// The bytes of the whole segment.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Bytes `at..at + len` of a section, their pages verified when that is asked for.
    #[inline]
    pub(super) fn slice(&self, section: &Section, at: usize, len: usize) -> Result<&[u8]> {
        let all = self.bytes.as_ref();
        let end = at.checked_add(len).filter(|&end| end <= section.len());
        let part = end.and_then(|end| all.get(section.range.start + at..section.range.start + end));
        let Some(part) = part else { return Err(outside(section, at, len)) };
        if self.checked && len > 0 {
            for page in at / PAGE_LEN..=(at + len - 1) / PAGE_LEN {
                self.container.check_page(all, section, page * PAGE_LEN)?;
            }
        }
        Ok(part)
    }

    /// The label, where there is one alone and its row holds.
    #[inline]
    pub(super) fn one_label(&self) -> Option<&One> {
        let find = || {
            let text = if self.meta.labels == 1 { self.label(0).ok()? } else { return None };
            self.label_ranks(0).ok().filter(|ranks| *ranks == (0..self.len()))?;
            let start = text.as_ptr() as usize - self.bytes().as_ptr() as usize;
            Some(One { text: start..start + text.len(), seed: table::hash_bytes(text, self.meta.hash_seed) })
        };
        // A checked lookup reads, and so verifies, the label's page each time.
        if self.checked { None } else { self.one.get_or_init(find).as_ref() }
    }

    /// Bytes of the blocks of KEYS, before compression; `None` where they are not compressed.
    #[inline]
    fn keys_len(&self) -> u64 {
        if self.chunks.is_some() { u64::MAX } else { self.keys.len() as u64 }
    }

    #[inline]
    fn offset_place(&self, block: u64) -> usize {
        let width = usize::from(self.meta.offset_bytes);
        usize::try_from(block).ok().and_then(|b| b.checked_mul(width)).unwrap_or(usize::MAX)
    }

    /// Where block `block` begins and ends among the blocks.
    #[inline]
    pub(super) fn block_range(&self, block: u64) -> Result<(u64, u64)> {
        let width = usize::from(self.meta.offset_bytes);
        let at = self.offset_place(block);
        let two = self.slice(&self.blocks, at, 2 * width)?;
        match (uint(two, 0, width), uint(two, width, width)) {
            (Some(from), Some(to)) if from < to && to <= self.keys_len() => Ok((from, to)),
            (from, to) => Err(Error::corrupt("a block offset is out of order")
                .offset((self.blocks.range.start + at) as u64)
                .expected(format!("ascending offsets within {}", self.keys.len()))
                .got(format!("{} and {}", from.unwrap_or(0), to.unwrap_or(0)))),
        }
    }

    /// The bytes of a block.
    #[inline]
    pub(super) fn block_bytes(&self, block: u64) -> Result<BlockBytes<'_>> {
        let (from, to) = self.block_range(block)?;
        match &self.chunks {
            None => Ok(BlockBytes::Mapped(self.slice(&self.keys, from as usize, (to - from) as usize)?)),
            Some(chunks) => self.chunk_bytes(chunks, block, from, to),
        }
    }

    #[inline]
    pub(super) fn parse<'a>(&self, bytes: &'a BlockBytes<'_>, block: u64) -> Result<Block<'a>> {
        Block::parse(bytes).ok_or_else(|| self.block_error(block.saturating_mul(self.meta.block_entries.into())))
    }

    pub(super) fn chunk_row(&self, chunks: &Section, i: u64) -> Result<(u64, u64)> {
        let at = usize::try_from(i).ok().and_then(|i| i.checked_mul(CHUNK_ROW_LEN)).unwrap_or(usize::MAX);
        Ok(chunk::row(self.slice(chunks, at, CHUNK_ROW_LEN)?).unwrap_or((u64::MAX, u64::MAX)))
    }

    /// The chunk that holds a block: its number, first block, and the block after its last.
    fn chunk_of(&self, chunks: &Section, block: u64) -> Result<u64> {
        let (mut low, mut high) = (0, (chunks.len() / CHUNK_ROW_LEN) as u64 - 1);
        while high - low > 1 {
            let mid = low + (high - low) / 2;
            if self.chunk_row(chunks, mid)?.0 <= block { low = mid } else { high = mid }
        }
        Ok(low)
    }

    #[cold]
    fn chunk_bytes(&self, chunks: &Section, block: u64, from: u64, to: u64) -> Result<BlockBytes<'_>> {
        let chunk = self.chunk_of(chunks, block)?;
        let ((first, at), (after, end)) = (self.chunk_row(chunks, chunk)?, self.chunk_row(chunks, chunk + 1)?);
        let bad = |what: &str| {
            Error::corrupt(format!("chunk {chunk}: {what}"))
                .offset((self.keys.range.start as u64).saturating_add(at))
                .hint("run `dictctl verify` for the extent of the damage")
        };
        if block < first || block >= after || after > self.meta.blocks() || at >= end || end > self.keys.len() as u64 {
            return Err(bad("the chunk table is out of order"));
        }
        let start = self.block_range(first)?.0;
        let len = self.block_range(after - 1)?.1.checked_sub(start).filter(|&len| len <= MAX_CHUNK_LEN as u64);
        let len = len.ok_or_else(|| bad("its blocks take more than a chunk may hold"))? as usize;
        let range = from.checked_sub(start).zip(to.checked_sub(start)).filter(|&(_, to)| to <= len as u64);
        let (from, to) = range.ok_or_else(|| bad("a block lies outside"))?;
        let frame = || Ok(chunk::decompress(self.slice(&self.keys, at as usize, (end - at) as usize)?, len));
        let blocks = self.cache.get(chunk, len, frame)?.ok_or_else(|| bad("its frame does not hold its blocks"))?;
        Ok(BlockBytes::Chunk(blocks, from as usize..to as usize))
    }

    /// Where the block of an entry stands in the file; of a compressed one, where KEYS begins.
    pub(super) fn block_offset(&self, rank: u64) -> u64 {
        let block = rank / u64::from(self.meta.block_entries);
        let from = match &self.chunks {
            None => self.block_range(block).map_or(0, |(from, _)| from),
            Some(chunks) => self.chunk_of(chunks, block).and_then(|c| self.chunk_row(chunks, c)).map_or(0, |c| c.1),
        };
        (self.keys.range.start as u64).saturating_add(from)
    }

    #[cold]
    pub(super) fn block_error(&self, rank: u64) -> Error {
        Error::corrupt("a key block is damaged")
            .offset(self.block_offset(rank))
            .hint("run `dictctl verify` for the extent of the damage")
    }
}

#[cold]
fn outside(section: &Section, at: usize, len: usize) -> Error {
    Error::corrupt(format!("a reference points outside section {}", section.name()))
        .offset(section.range.start as u64)
        .expected(format!("at most {} bytes", section.len()))
        .got(format!("{len} bytes at {at}"))
}

fn length_error(section: &Section, expected: impl fmt::Display) -> Error {
    Error::corrupt(format!("section {} has the wrong length", section.name()))
        .offset(section.range.start as u64)
        .expected(expected)
        .got(format!("{} bytes", section.len()))
}

/// The section, if it holds exactly `count` values of `width` bytes.
fn sized(section: &Section, count: Option<u64>, width: u8) -> Result<Section> {
    let want = count.and_then(|c| c.checked_mul(width.into()));
    if want != Some(section.len() as u64) {
        let want = want.map_or_else(|| "less than 2^64".to_owned(), |w| w.to_string());
        return Err(length_error(section, format!("{want} bytes")));
    }
    Ok(section.clone())
}

/// A hash section of whole buckets, with at least its home buckets, and at least one when there are entries.
fn hashed(section: &Section, home: u64, probe: u32, entries: u64) -> Result<Table> {
    let table = Table { section: section.clone(), home, probe: probe.into() };
    if !section.len().is_multiple_of(BUCKET_LEN) || table.buckets() < home || (home == 0) != (entries == 0) {
        return Err(length_error(section, format!("whole buckets of {BUCKET_LEN} bytes, at least {home}")));
    }
    Ok(table)
}

/// The chunk table, there exactly when KEYS is compressed.
fn chunk_table(c: &Container, keys: &Section) -> Result<Option<Section>> {
    match (keys.flags, c.find(KIND_CHUNKS)) {
        (0, None) => Ok(None),
        (KEYS_ZSTD, Some(s)) if s.len().is_multiple_of(CHUNK_ROW_LEN) && s.len() >= CHUNK_ROW_LEN => {
            Ok(Some(s.clone()))
        }
        (KEYS_ZSTD, Some(s)) => Err(length_error(s, "whole rows, at least one")),
        (KEYS_ZSTD, None) => Err(Error::corrupt("section CHNK is missing").offset(0)),
        (0, Some(s)) => Err(Error::corrupt("section CHNK without compressed keys").offset(s.range.start as u64)),
        (flags, _) => Err(Error::unsupported("section KEYS is coded in a way that this build does not have")
            .expected(format!("flags within {KEYS_ZSTD:#x}"))
            .got(format!("{flags:#x}"))),
    }
}
