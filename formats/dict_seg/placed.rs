//! The sections of a segment whose header or table is gone: META and its copy stand side by side and say how long the others
//! are, so each is found from the end of the file on, and page checksums confirm it.

use std::ops::Range;

use super::bits::packed_len;
use super::labels;
use super::layout::*;
use super::meta::{Meta, uint};
use crate::container::Section;
use crate::container::layout::*;

fn pages(len: usize) -> usize {
    len.div_ceil(PAGE_LEN)
}

/// What was found, from the end of the file on.
struct Back<'a> {
    bytes: &'a [u8],
    sums: &'a [u8],
    /// Where it begins, and how many pages lie before it.
    start: usize,
    pages: usize,
    found: Vec<(u32, Range<usize>)>,
}

impl Back<'_> {
    /// Where the section before it begins, if that has `len` bytes, and the number of its first page.
    fn before(&self, len: usize) -> Option<(usize, usize)> {
        let start = self.start.checked_sub(len.checked_next_multiple_of(SECTION_ALIGN)?)?;
        Some((start, self.pages.checked_sub(pages(len))?))
    }

    /// Whether the checksum of its first page says that it has `len` bytes.
    fn holds(&self, len: usize) -> bool {
        let Some((start, page)) = self.before(len) else { return false };
        let first = self.bytes.get(start..start + len.min(PAGE_LEN)).map(crc32c::crc32c);
        first.is_some() && first.map(u64::from) == uint(self.sums, page * 4, 4)
    }

    fn push(&mut self, kind: u32, len: usize) -> Option<()> {
        (self.start, self.pages) = self.before(len)?;
        self.found.push((kind, self.start..self.start + len));
        Some(())
    }

    /// A hash, if there is one. What overflowed stands behind its home buckets, in no more than a lookup visits.
    fn push_hash(&mut self, kind: u32, home: u64, probe: u32) -> Option<()> {
        if home == 0 {
            return Some(());
        }
        let lens = (home..=home.checked_add(probe.into())?).filter_map(|n| n.checked_mul(BUCKET_LEN as u64));
        let len = lens.filter_map(|len| usize::try_from(len).ok()).find(|&len| self.holds(len))?;
        self.push(kind, len)
    }

    /// Bytes of the chunk table, which nothing states: its first row is zero, and no chunk is without a block.
    fn chunks(&self, blocks: usize) -> Option<usize> {
        let most = blocks.checked_add(1)?.checked_mul(CHUNK_ROW_LEN)?.min(self.start);
        (2 * CHUNK_ROW_LEN..=most).step_by(CHUNK_ROW_LEN).find(|&len| {
            let first = self.before(len).and_then(|(start, _)| self.bytes.get(start..start + CHUNK_ROW_LEN));
            first.is_some_and(|row| row.iter().all(|b| *b == 0)) && self.holds(len)
        })
    }
}

/// META, and where it stands: its copy follows it.
fn find_meta(bytes: &[u8]) -> Option<(usize, Meta)> {
    let last = bytes.len().checked_sub(2 * META_LEN)? / SECTION_ALIGN;
    (0..=last).rev().map(|i| i * SECTION_ALIGN).find_map(|at| {
        let (meta, copy) = bytes.get(at..at + 2 * META_LEN)?.split_at(META_LEN);
        // Zeros are no META; there may be gigabytes of them.
        if meta != copy || uint(meta, META_REF_BITS, 1)? == 0 {
            return None;
        }
        Some((at, Meta::parse(meta, at as u64).ok()?))
    })
}

/// The sections in the order of the file, without checksums of their own. `None` where META or its copy is damaged as well,
/// or something else that tells where one begins. The end of KEYS is that of the padding behind it.
pub(super) fn place_sections(bytes: &[u8]) -> Option<Vec<Section>> {
    let (at, meta) = find_meta(bytes).filter(|(_, meta)| meta.entries > 0)?;
    let rows = labels::rows_len(meta.labels)?;
    let copy = at + META_LEN;
    let closing = (copy + META_LEN).checked_add(rows)?.checked_sub(LABEL_ROW_LEN)?;
    let table = rows.checked_add(usize::try_from(labels::row(bytes.get(closing..)?)?.text).ok()?)?;
    let copied = META_LEN.checked_add(table)?;
    let end = copy.checked_add(copied)?.checked_next_multiple_of(SECTION_ALIGN)?;
    let sums = bytes.get(end..).filter(|sums| !sums.is_empty() && sums.len().is_multiple_of(4))?;
    let mut back = Back { bytes, sums, start: end, pages: sums.len() / 4, found: Vec::new() };
    back.push(KIND_COPY, copied)?;
    back.push(KIND_META, META_LEN)?;
    if meta.ids_home > 0 {
        back.push_hash(KIND_IDS_HASHED, meta.ids_home, meta.ids_probe)?;
    } else {
        let len = packed_len(meta.id_max - meta.id_min + 1, meta.ref_bits.into())?;
        back.push(KIND_IDS_DENSE, usize::try_from(len).ok()?)?;
    }
    back.push_hash(KIND_ANY, meta.any_home, meta.any_probe)?;
    back.push_hash(KIND_HASH, meta.hash_home, meta.hash_probe)?;
    back.push(KIND_LABELS, table)?;
    let blocks = usize::try_from(meta.blocks()).ok()?;
    let directory = blocks.checked_add(1)?.checked_mul(meta.offset_bytes.into())?;
    if !back.holds(directory) {
        let len = back.chunks(blocks)?;
        back.push(KIND_CHUNKS, len)?;
    }
    back.push(KIND_BLOCKS, directory)?;
    // KEYS and the page sums have entries in the table, too.
    let front = HEADER_LEN + (back.found.len() + 2) * SECTION_ENTRY_LEN;
    let keys = back.start.checked_sub(front).filter(|&len| pages(len) == back.pages)?;
    back.push(KIND_KEYS, keys)?;
    let mut first_page = 0;
    let section = |(kind, range): (u32, Range<usize>)| {
        let page = first_page;
        first_page += pages(range.len()) as u64;
        Section { kind, flags: 0, range, crc: 0, first_page: page }
    };
    let mut sections: Vec<Section> = back.found.into_iter().rev().map(section).collect();
    sections.push(Section { kind: KIND_PAGE_SUMS, flags: 0, range: end..bytes.len(), crc: 0, first_page: 0 });
    Some(sections)
}
