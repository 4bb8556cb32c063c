//! Opening a segment, and the places in it.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::bits;
use super::block::Form;
use super::chunk::{self, Cache};
use super::hot::Hot;
use super::labels;
use super::layout::*;
use super::marks::Marks;
use super::meta::{Meta, uint};
use super::refs::Refs;
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
    pub(super) refs: Refs,
    pub(super) checked: bool,
    /// Blocks are read where they stand: neither compressed nor to be checked.
    pub(super) in_place: bool,
    cache: Cache,
    /// The label of a segment that has one: most have, and need not search for it.
    one: OnceLock<Option<One>>,
    hot: OnceLock<Option<Hot>>,
    pub(super) marks: OnceLock<Option<Marks>>,
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

/// Bytes from the start of a block on: in the file, or of a chunk that was decompressed.
pub(super) enum BlockBytes<'a> {
    Mapped(&'a [u8]),
    Chunk(Arc<Vec<u8>>, usize),
}

impl Deref for BlockBytes<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            BlockBytes::Mapped(bytes) => bytes,
            BlockBytes::Chunk(blocks, from) => blocks.get(*from..).unwrap_or(&[]),
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
        let width = usize::from(meta.offset_bytes) * 8;
        let blocks = sized(c.section(KIND_BLOCKS, "BLKS")?, meta.blocks().checked_add(1), width)?;
        let chunks = chunk_table(&c, &keys)?;
        let blocks_len = if chunks.is_some() { last_offset(all, &c, &blocks, &meta)? } else { keys.len() as u64 };
        let refs = Refs::new(&meta, blocks_len).ok_or_else(|| {
            Error::corrupt("META: references do not reach all blocks")
                .offset(section.range.start as u64 + META_REF_BITS as u64)
        })?;
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
        let ids = id_index(&c, &meta, refs.bits)?;
        let copy = c.section(KIND_COPY, "COPY")?.clone();
        no_leftovers(&meta, section, hash.is_none(), any.is_none(), matches!(ids, Ids::Dense(_)))?;
        let in_place = chunks.is_none();
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
            refs,
            checked: false,
            in_place,
            bytes,
            cache: Cache::default(),
            one: OnceLock::new(),
            hot: OnceLock::new(),
            marks: OnceLock::new(),
        })
    }

    /// Verifies the checksum of every page that a call touches, from now on.
    #[must_use]
    pub fn checked(mut self, checked: bool) -> Self {
        self.checked = checked;
        self.in_place = self.chunks.is_none() && !checked;
        self.hot = OnceLock::new();
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

    /// How the segment is laid out: `compact`, `small` or `fast`.
    pub fn layout_name(&self) -> &'static str {
        match self.refs.form {
            Form::Head => "compact",
            Form::Chain => "small",
            Form::Plain => "fast",
        }
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

    /// What the segment was opened over.
    pub fn source(&self) -> &B {
        &self.bytes
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

    #[inline(always)]
    pub(super) fn hot_way(&self) -> Option<&Hot> {
        self.hot.get_or_init(|| self.hot()).as_ref()
    }

    /// Where block `block` begins and ends among the blocks.
    #[inline]
    pub(super) fn block_range(&self, block: u64) -> Result<(u64, u64)> {
        let width = usize::from(self.meta.offset_bytes);
        let at = usize::try_from(block).ok().and_then(|b| b.checked_mul(width)).unwrap_or(usize::MAX);
        let two = self.slice(&self.blocks, at, 2 * width)?;
        let most = self.refs.blocks_len >> self.refs.unit;
        match (uint(two, 0, width), uint(two, width, width)) {
            (Some(from), Some(to)) if from < to && to <= most => Ok((from << self.refs.unit, to << self.refs.unit)),
            (from, to) => Err(Error::corrupt("a block offset is out of order")
                .offset((self.blocks.range.start + at) as u64)
                .expected(format!("ascending offsets within {most}"))
                .got(format!("{} and {}", from.unwrap_or(0), to.unwrap_or(0)))),
        }
    }

    /// The bytes of KEYS from `from` on.
    #[inline(always)]
    pub(super) fn keys_from(&self, from: u64) -> Result<&[u8]> {
        // What stands behind KEYS may be loaded with its end, as long as nobody looks at it.
        let at = if from < self.keys.len() as u64 { self.keys.range.start + from as usize } else { usize::MAX };
        self.bytes.as_ref().get(at..).ok_or_else(|| outside(&self.keys, from as usize, 1))
    }

    /// What `read` says of the bytes from the start of a block, or of a plain entry, on. That they are in the right
    /// place is for `read` to find out.
    #[inline(always)]
    pub(super) fn with_block<T>(&self, from: u64, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        if self.in_place { Ok(read(self.keys_from(from)?)) } else { Ok(read(&self.block_from(from)?)) }
    }

    /// The bytes from the start of a block on, or from that of a plain entry.
    #[cold]
    pub(super) fn block_from(&self, from: u64) -> Result<BlockBytes<'_>> {
        if let Some(chunks) = &self.chunks {
            return self.chunk_bytes(chunks, from);
        }
        let rest = self.keys_from(from)?;
        if self.checked {
            // How long it is stands in what is checked with it.
            let len = self.refs.form.extent(rest).unwrap_or(1).min(rest.len());
            self.slice(&self.keys, from as usize, len.max(1))?;
        }
        Ok(BlockBytes::Mapped(rest))
    }

    /// The bytes of KEYS from the start of block `block` on, the whole block checked where that is asked for.
    #[inline]
    pub(super) fn block_bytes(&self, block: u64) -> Result<BlockBytes<'_>> {
        let (from, to) = self.block_range(block)?;
        match &self.chunks {
            Some(chunks) => self.chunk_bytes(chunks, from),
            None => {
                self.slice(&self.keys, from as usize, (to - from) as usize)?;
                Ok(BlockBytes::Mapped(self.keys_from(from)?))
            }
        }
    }

    /// Entries of block `block`.
    #[inline]
    pub(super) fn block_count(&self, block: u64) -> usize {
        let size = u64::from(self.meta.block_entries);
        self.meta.entries.saturating_sub(block.saturating_mul(size)).min(size) as usize
    }

    pub(super) fn chunk_row(&self, chunks: &Section, i: u64) -> Result<(u64, u64)> {
        let at = usize::try_from(i).ok().and_then(|i| i.checked_mul(CHUNK_ROW_LEN)).unwrap_or(usize::MAX);
        Ok(chunk::row(self.slice(chunks, at, CHUNK_ROW_LEN)?).unwrap_or((u64::MAX, u64::MAX)))
    }

    /// The number of the chunk that holds what stands at `from` among the blocks.
    pub(super) fn chunk_of(&self, chunks: &Section, from: u64) -> Result<u64> {
        let (mut low, mut high) = (0, (chunks.len() / CHUNK_ROW_LEN) as u64 - 1);
        while high - low > 1 {
            let mid = low + (high - low) / 2;
            if self.chunk_row(chunks, mid)?.0 <= from { low = mid } else { high = mid }
        }
        Ok(low)
    }

    #[cold]
    fn chunk_bytes(&self, chunks: &Section, from: u64) -> Result<BlockBytes<'_>> {
        let chunk = self.chunk_of(chunks, from)?;
        let rows = (chunks.len() / CHUNK_ROW_LEN) as u64;
        let bad = |what: &str| {
            Error::corrupt(format!("chunk {chunk}: {what}"))
                .offset((chunks.range.start as u64).saturating_add(chunk.saturating_mul(CHUNK_ROW_LEN as u64)))
                .hint("run `dictctl verify` for the extent of the damage")
        };
        if chunk + 1 >= rows {
            return Err(bad("a reference points behind the last one"));
        }
        let ((start, at), (after, end)) = (self.chunk_row(chunks, chunk)?, self.chunk_row(chunks, chunk + 1)?);
        if from < start || from >= after || at >= end || end > self.keys.len() as u64 {
            return Err(bad("the chunk table is out of order"));
        }
        let len = Some(after - start).filter(|&len| len <= MAX_CHUNK_LEN as u64);
        let len = len.ok_or_else(|| bad("its blocks take more than a chunk may hold"))? as usize;
        let frame = || Ok(chunk::decompress(self.slice(&self.keys, at as usize, (end - at) as usize)?, len));
        let blocks = self.cache.get(chunk, len, frame)?.ok_or_else(|| bad("its frame does not hold its blocks"))?;
        Ok(BlockBytes::Chunk(blocks, (from - start) as usize))
    }

    /// Where in the file stands what is at `from` among the blocks; compressed, where its frame begins.
    pub(super) fn offset_of(&self, from: u64) -> u64 {
        let at = match &self.chunks {
            None => from,
            Some(chunks) => self.chunk_of(chunks, from).and_then(|c| self.chunk_row(chunks, c)).map_or(0, |c| c.1),
        };
        (self.keys.range.start as u64).saturating_add(at)
    }

    #[cold]
    pub(super) fn block_error(&self, block: u64) -> Error {
        self.damaged(self.block_range(block).map_or(0, |range| range.0))
    }

    /// An error that names the block or entry which a reference leads to.
    #[cold]
    pub(super) fn reference_error(&self, reference: u64) -> Error {
        match self.refs.form {
            Form::Chain => self.block_error(self.refs.split(reference).0),
            _ => self.damaged(self.refs.split(reference).0),
        }
    }

    fn damaged(&self, from: u64) -> Error {
        Error::corrupt("a key block is damaged")
            .offset(self.offset_of(from))
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

/// The section, if it holds exactly `count` values of `width` bits.
fn sized(section: &Section, count: Option<u64>, width: usize) -> Result<Section> {
    let want = count.and_then(|c| bits::packed_len(c, width));
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

/// The id index, in the form that is there.
fn id_index(c: &Container, meta: &Meta, ref_bits: usize) -> Result<Ids> {
    if let Some(s) = c.find(KIND_IDS_HASHED) {
        return hashed(s, meta.ids_home, meta.ids_probe, meta.entries).map(Ids::Hashed);
    }
    let span = if meta.entries == 0 { Some(0) } else { (meta.id_max - meta.id_min).checked_add(1) };
    sized(c.section(KIND_IDS_DENSE, "RIDS")?, span, ref_bits).map(Ids::Dense)
}

/// META describes no hash section that is not there.
fn no_leftovers(meta: &Meta, section: &Section, no_hash: bool, no_any: bool, dense: bool) -> Result<()> {
    let absent = [
        (no_hash, meta.hash_home, meta.hash_probe, META_HASH_HOME),
        (no_any, meta.any_home, meta.any_probe, META_ANY_HOME),
        (dense, meta.ids_home, meta.ids_probe, META_IDS_HOME),
    ];
    for (absent, home, probe, at) in absent {
        if absent && (home, probe) != (0, 0) {
            let at = (section.range.start + at) as u64;
            return Err(Error::corrupt("META describes a hash section that is not there").offset(at));
        }
    }
    Ok(())
}

/// The length of all blocks, where KEYS does not tell because it is compressed.
fn last_offset(all: &[u8], c: &Container, blocks: &Section, meta: &Meta) -> Result<u64> {
    let width = usize::from(meta.offset_bytes);
    let at = blocks.len() - width;
    c.check_page(all, blocks, at)?;
    c.check_page(all, blocks, blocks.len() - 1)?;
    let units = all.get(blocks.range.clone()).and_then(|b| uint(b, at, width)).unwrap_or(u64::MAX);
    units.checked_mul(1 << meta.unit).ok_or_else(|| {
        Error::corrupt("the blocks are longer than anything").offset((blocks.range.start + at) as u64).got(units)
    })
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
