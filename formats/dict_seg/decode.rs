//! Reading a segment in place.

use std::fmt;

use uuid::Uuid;

use super::block::Block;
use super::iter::{Cursor, Iter};
use super::layout::*;
use super::meta::{Meta, uint};
use super::table::{self, Bucket};
use super::{Entry, labels};
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
    pub(super) labels: Section,
    pub(super) hash: Table,
    pub(super) any: Option<Table>,
    pub(super) ids: Ids,
    checked: bool,
}

impl<B: AsRef<[u8]>> fmt::Debug for DictSeg<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DictSeg").field("uuid", &self.container.uuid).field("meta", &self.meta).finish_non_exhaustive()
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
        let labels = c.section(KIND_LABELS, "LABL")?.clone();
        if labels::rows_len(meta.labels).is_none_or(|len| labels.len() < len) {
            return Err(length_error(&labels, "at least a row per label"));
        }
        let hash = hashed(c.section(KIND_HASH, "HASH")?, meta.hash_home, meta.hash_probe, meta.entries)?;
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
        let absent = [
            (any.is_none(), meta.any_home, meta.any_probe, META_ANY_HOME),
            (matches!(ids, Ids::Dense(_)), meta.ids_home, meta.ids_probe, META_IDS_HOME),
        ];
        for (absent, home, probe, at) in absent {
            if absent && (home, probe) != (0, 0) {
                let at = (section.range.start + at) as u64;
                return Err(Error::corrupt("META describes a hash section that is not there").offset(at));
            }
        }
        Ok(DictSeg { container: c, meta, keys, blocks, labels, hash, any, ids, checked: false, bytes })
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

    /// The labels, sorted.
    pub fn labels(&self) -> impl Iterator<Item = Result<&[u8]>> {
        (0..self.meta.labels).map(|i| self.label(i))
    }

    /// The labels, sorted, each with the number of its entries.
    pub fn label_counts(&self) -> impl Iterator<Item = Result<(&[u8], u64)>> {
        (0..self.meta.labels).map(|i| {
            let ranks = self.label_ranks(i)?;
            Ok((self.label(i)?, ranks.end - ranks.start))
        })
    }

    /// The id of (label, key).
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn get(&self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        if key.len() as u64 > self.longest_key() {
            return Ok(None);
        }
        let Some(at) = self.find_label(label)? else { return Ok(None) };
        let ranks = self.label_ranks(at)?;
        let hash = table::hash_pair(label, key, self.meta.hash_seed);
        let found =
            self.search(
                &self.hash,
                hash,
                |rank| {
                    if ranks.contains(&rank) { self.id_if_key(rank, key) } else { Ok(None) }
                },
            )?;
        Ok(found.map(|(_, id)| id))
    }

    /// The lowest id that `key` has under any label.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn get_any_label(&self, key: &[u8]) -> Result<Option<u64>> {
        if key.len() as u64 > self.longest_key() {
            return Ok(None);
        }
        let Some(any) = &self.any else {
            return if self.is_empty() { Ok(None) } else { self.get(self.label(0)?, key) };
        };
        let hash = table::hash_bytes(key, self.meta.hash_seed);
        Ok(self.search(any, hash, |rank| self.id_if_key(rank, key))?.map(|(_, id)| id))
    }

    /// The pair that has this id.
    ///
    /// # Errors
    /// `Corrupt` where the search meets damage.
    pub fn entry_of(&self, id: u64) -> Result<Option<Entry>> {
        let Some(rank) = self.rank_of_id(id)? else { return Ok(None) };
        let (block, i) = self.block_of(rank)?;
        let (shared, tail) = block.key(i).ok_or_else(|| self.block_error(rank))?;
        if block.id(i) != Some(id) {
            // A hole of the dense form is all ones; another id here means that the two directions disagree.
            return Err(Error::corrupt("the id index leads to an entry with another id")
                .offset(self.block_offset(rank))
                .expected(id)
                .got(block.id(i).map_or_else(|| "none".to_owned(), |v| v.to_string())));
        }
        let label = self.label(self.label_of_rank(rank)?)?.to_vec();
        Ok(Some(Entry { label, key: [shared, tail].concat(), id }))
    }

    /// Every pair, sorted by (label, key). Ends after the first error.
    pub fn iter(&self) -> Iter<'_, B> {
        Iter::new(self.cursor())
    }

    /// As [`DictSeg::iter`], without an allocation per pair.
    pub fn cursor(&self) -> Cursor<'_, B> {
        Cursor::new(self)
    }

    /// Bytes `at..at + len` of a section, their pages verified when that is asked for.
    #[inline]
    pub(super) fn slice(&self, section: &Section, at: usize, len: usize) -> Result<&[u8]> {
        let all = self.bytes.as_ref();
        let part = all.get(section.range.clone()).and_then(|s| s.get(at..at.checked_add(len)?));
        let Some(part) = part else {
            return Err(Error::corrupt(format!("a reference points outside section {}", section.name()))
                .offset(section.range.start as u64)
                .expected(format!("at most {} bytes", section.len()))
                .got(format!("{len} bytes at {at}")));
        };
        if self.checked && len > 0 {
            for page in at / PAGE_LEN..=(at + len - 1) / PAGE_LEN {
                self.container.check_page(all, section, page * PAGE_LEN)?;
            }
        }
        Ok(part)
    }

    /// Visits the entries whose check byte fits `hash`, until `accept` takes one.
    #[inline]
    pub(super) fn search<T>(
        &self,
        table: &Table,
        hash: u64,
        mut accept: impl FnMut(u64) -> Result<Option<T>>,
    ) -> Result<Option<(u64, T)>> {
        let check = table::check(hash);
        let first = table::home(hash, table.home);
        for at in first..(first + table.probe).min(table.buckets()) {
            let bytes = self.slice(&table.section, at as usize * BUCKET_LEN, BUCKET_LEN)?;
            let Some(bytes) = bytes.first_chunk() else { break };
            let bucket = Bucket::new(bytes, self.meta.ref_bytes.into());
            let mut matches = bucket.matches(check);
            while matches != 0 {
                let rank = bucket.rank(matches.trailing_zeros() as usize).unwrap_or(u64::MAX);
                matches &= matches - 1;
                if rank >= self.meta.entries {
                    return Err(Error::corrupt("a hash slot refers to no entry")
                        .offset((table.section.range.start + at as usize * BUCKET_LEN) as u64)
                        .expected(format!("below {}", self.meta.entries))
                        .got(rank));
                }
                if let Some(found) = accept(rank)? {
                    return Ok(Some((rank, found)));
                }
            }
            if bucket.matches(0) != 0 {
                break;
            }
        }
        Ok(None)
    }

    pub(super) fn id_if_key(&self, rank: u64, key: &[u8]) -> Result<Option<u64>> {
        let (block, i) = self.block_of(rank)?;
        match block.is_key(i, key) {
            Some(true) => block.id(i).map(Some).ok_or_else(|| self.block_error(rank)),
            Some(false) => Ok(None),
            None => Err(self.block_error(rank)),
        }
    }

    /// Rank of the entry that the id index names for `id`.
    pub(super) fn rank_of_id(&self, id: u64) -> Result<Option<u64>> {
        if self.is_empty() || id < self.meta.id_min || id > self.meta.id_max {
            return Ok(None);
        }
        let dense = match &self.ids {
            Ids::Dense(section) => section,
            Ids::Hashed(t) => {
                let hash = table::hash_id(id, self.meta.hash_seed);
                let found = self.search(t, hash, |rank| {
                    let (block, i) = self.block_of(rank)?;
                    Ok((block.id(i) == Some(id)).then_some(()))
                })?;
                return Ok(found.map(|(rank, ())| rank));
            }
        };
        let width = usize::from(self.meta.ref_bytes);
        let at = usize::try_from(id - self.meta.id_min).ok().and_then(|i| i.checked_mul(width)).unwrap_or(usize::MAX);
        let rank = uint(self.slice(dense, at, width)?, 0, width).unwrap_or(u64::MAX);
        if rank == u64::MAX >> (64 - 8 * width) {
            return Ok(None);
        }
        if rank >= self.meta.entries {
            return Err(Error::corrupt("the id index refers to no entry")
                .offset((dense.range.start + at) as u64)
                .expected(format!("below {}", self.meta.entries))
                .got(rank));
        }
        Ok(Some(rank))
    }

    /// Where block `block` begins and ends within KEYS.
    pub(super) fn block_range(&self, block: u64) -> Result<(usize, usize)> {
        let width = usize::from(self.meta.offset_bytes);
        let at = usize::try_from(block).ok().and_then(|b| b.checked_mul(width)).unwrap_or(usize::MAX);
        let two = self.slice(&self.blocks, at, 2 * width)?;
        let (from, to) = (uint(two, 0, width), uint(two, width, width));
        match (from, to) {
            (Some(from), Some(to)) if from < to && to <= self.keys.len() as u64 => Ok((from as usize, to as usize)),
            _ => Err(Error::corrupt("a block offset is out of order")
                .offset((self.blocks.range.start + at) as u64)
                .expected(format!("ascending offsets within {}", self.keys.len()))
                .got(format!("{} and {}", from.unwrap_or(0), to.unwrap_or(0)))),
        }
    }

    pub(super) fn block(&self, block: u64) -> Result<Block<'_>> {
        let (from, to) = self.block_range(block)?;
        let bytes = self.slice(&self.keys, from, to - from)?;
        Block::parse(bytes).ok_or_else(|| self.block_error(block.saturating_mul(BLOCK_ENTRIES as u64)))
    }

    #[inline]
    pub(super) fn block_of(&self, rank: u64) -> Result<(Block<'_>, usize)> {
        let block = self.block(rank / BLOCK_ENTRIES as u64)?;
        let i = (rank % BLOCK_ENTRIES as u64) as usize;
        if i >= block.count() { Err(self.block_error(rank)) } else { Ok((block, i)) }
    }

    fn block_offset(&self, rank: u64) -> u64 {
        let from = self.block_range(rank / BLOCK_ENTRIES as u64).map_or(0, |(from, _)| from);
        (self.keys.range.start + from) as u64
    }

    pub(super) fn block_error(&self, rank: u64) -> Error {
        Error::corrupt("a key block is damaged")
            .offset(self.block_offset(rank))
            .hint("run `dictctl verify` for the extent of the damage")
    }

    fn label_row(&self, i: u64) -> Result<(u64, u64)> {
        let at = usize::try_from(i).ok().and_then(|i| i.checked_mul(LABEL_ROW_LEN)).unwrap_or(usize::MAX);
        let row = self.slice(&self.labels, at, LABEL_ROW_LEN)?;
        Ok(labels::row(row).unwrap_or((u64::MAX, u64::MAX)))
    }

    fn label_error(&self, i: u64) -> Error {
        let at = (self.labels.range.start as u64).saturating_add(i.saturating_mul(LABEL_ROW_LEN as u64));
        Error::corrupt("the label table is out of order").offset(at)
    }

    pub(super) fn label(&self, i: u64) -> Result<&[u8]> {
        let (from, to) = (self.label_row(i)?.1, self.label_row(i + 1)?.1);
        let text = labels::rows_len(self.meta.labels).ok_or_else(|| self.label_error(i))?;
        let len = to.checked_sub(from).and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= MAX_LABEL_LEN);
        let at = usize::try_from(from).ok().and_then(|from| text.checked_add(from));
        let (Some(at), Some(len)) = (at, len) else { return Err(self.label_error(i)) };
        self.slice(&self.labels, at, len)
    }

    /// Ranks of the entries under label `i`.
    pub(super) fn label_ranks(&self, i: u64) -> Result<std::ops::Range<u64>> {
        let (from, to) = (self.label_row(i)?.0, self.label_row(i + 1)?.0);
        if from >= to || to > self.meta.entries { Err(self.label_error(i)) } else { Ok(from..to) }
    }

    fn find_label(&self, label: &[u8]) -> Result<Option<u64>> {
        let (mut low, mut high) = (0, self.meta.labels);
        while low < high {
            let mid = low + (high - low) / 2;
            match self.label(mid)?.cmp(label) {
                std::cmp::Ordering::Equal => return Ok(Some(mid)),
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
            }
        }
        Ok(None)
    }

    fn label_of_rank(&self, rank: u64) -> Result<u64> {
        let (mut low, mut high) = (0, self.meta.labels);
        while high - low > 1 {
            let mid = low + (high - low) / 2;
            if self.label_row(mid)?.0 <= rank { low = mid } else { high = mid }
        }
        Ok(low)
    }
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
