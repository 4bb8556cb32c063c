//! The section table of a damaged segment.

use super::layout::*;
use super::meta::uint;
use super::placed::place_sections;
use crate::container::layout::*;
use crate::container::{Section, header_holds};

/// A section that was found.
pub(super) struct Found {
    /// What of it lies in the file.
    pub section: Section,
    /// Bytes that the table promises, behind the end of the file.
    pub missing: u64,
    pub name: String,
}

fn table_entry(bytes: &[u8], i: usize) -> Option<Section> {
    let entry = bytes.get(HEADER_LEN + i * SECTION_ENTRY_LEN..)?.get(..SECTION_ENTRY_LEN)?;
    let int = |at| uint(entry, at, 4).map(|v| v as u32);
    let (offset, len) = (uint(entry, ENT_OFFSET, 8)?, uint(entry, ENT_LEN, 8)?);
    let end = offset.checked_add(len).filter(|&end| end <= bytes.len() as u64)?;
    let range = usize::try_from(offset).ok()?..usize::try_from(end).ok()?;
    let aligned = offset.is_multiple_of(SECTION_ALIGN as u64);
    let (kind, flags, crc) = (int(ENT_KIND)?, int(ENT_FLAGS)?, int(ENT_CRC)?);
    aligned.then_some(Section { kind, flags, range, crc, first_page: uint(entry, ENT_FIRST_PAGE, 8)? })
}

/// Kinds in the order in which they are written.
const ORDER: [u32; 11] = [
    KIND_KEYS,
    KIND_BLOCKS,
    KIND_CHUNKS,
    KIND_LABELS,
    KIND_HASH,
    KIND_ANY,
    KIND_IDS_DENSE,
    KIND_IDS_HASHED,
    KIND_META,
    KIND_COPY,
    KIND_PAGE_SUMS,
];

/// How many sections there are: what two of three places agree on - the header, where KEYS begins behind the table, and
/// which entry is that of the page sums - or the first that says anything sensible.
fn section_count(bytes: &[u8]) -> usize {
    let sensible = |n: &usize| (6..=ORDER.len()).contains(n);
    let header = uint(bytes, OFF_SECTION_COUNT, 4).map(|n| n as usize).filter(sensible);
    let behind = table_entry(bytes, 0).filter(|s| s.kind == KIND_KEYS);
    let behind = behind.and_then(|s| Some(s.range.start.checked_sub(HEADER_LEN)? / SECTION_ENTRY_LEN)).filter(sensible);
    let last = (0..ORDER.len()).find(|&i| table_entry(bytes, i).is_some_and(|s| s.kind == KIND_PAGE_SUMS));
    let all = [header, behind, last.map(|i| i + 1)];
    let twice = all.iter().flatten().find(|n| all.iter().flatten().filter(|m| m == n).count() > 1);
    twice.or_else(|| all.iter().flatten().next()).copied().unwrap_or(ORDER.len())
}

/// The kind that entry `i` names, wherever it says that the section lies.
fn kind_of(bytes: &[u8], i: usize) -> Option<u32> {
    let kind = uint(bytes, HEADER_LEN + i * SECTION_ENTRY_LEN + ENT_KIND, 4)? as u32;
    ORDER.contains(&kind).then_some(kind)
}

/// Whether sections of one kind stand behind those of another.
fn is_later(kind: u32, last: Option<u32>) -> bool {
    let place = |kind| ORDER.iter().position(|o| *o == kind);
    last.is_none_or(|last| place(last) < place(kind))
}

/// The section table as it stands, where its checksum holds. What it says of a file that was cut off still holds, too.
fn stated(bytes: &[u8]) -> Option<Vec<Found>> {
    let count = usize::try_from(uint(bytes, OFF_SECTION_COUNT, 4)?).ok().filter(|n| (1..=MAX_SECTIONS).contains(n))?;
    let table = bytes.get(HEADER_LEN..HEADER_LEN + count * SECTION_ENTRY_LEN)?;
    if !header_holds(bytes) || uint(bytes, OFF_TABLE_CRC, 4)? != u64::from(crc32c::crc32c(table)) {
        return None;
    }
    let mut pages = 0;
    let mut found = Vec::new();
    for entry in table.chunks_exact(SECTION_ENTRY_LEN) {
        let int = |at| uint(entry, at, 4).map(|v| v as u32);
        let (offset, len) = (uint(entry, ENT_OFFSET, 8)?, uint(entry, ENT_LEN, 8)?);
        let size = bytes.len() as u64;
        let (from, to) = (offset.min(size), offset.checked_add(len)?.min(size));
        let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
        let section =
            Section { kind: int(ENT_KIND)?, flags: int(ENT_FLAGS)?, range, crc: int(ENT_CRC)?, first_page: pages };
        if section.kind != KIND_PAGE_SUMS {
            pages += len.div_ceil(PAGE_LEN as u64);
        }
        found.push(Found { missing: len - (to - from), name: section.name(), section });
    }
    Some(found)
}

/// The sections: as the table says or, where its checksum does not hold, as META and its copy say; where those are damaged
/// as well, by each entry that fits between its neighbours, what does not fit being filled from them. Page checksums judge
/// what it leads to.
pub(super) fn find_sections(bytes: &[u8]) -> Vec<Found> {
    if let Some(found) = stated(bytes) {
        return found;
    }
    let named = |(i, section): (usize, Section)| {
        let name = if section.kind == 0 { format!("section {i}") } else { section.name() };
        Found { section, missing: 0, name }
    };
    let sections = place_sections(bytes).map(|sections| with_sums(bytes, sections));
    sections.unwrap_or_else(|| guessed(bytes)).into_iter().enumerate().map(named).collect()
}

/// Sections whose places are known, each with the checksum that its entry in the table has for it. The end of KEYS is only
/// told by page sums.
fn with_sums(bytes: &[u8], mut sections: Vec<Section>) -> Vec<Section> {
    for (i, section) in sections.iter_mut().enumerate().filter(|(_, s)| s.kind != KIND_KEYS) {
        let same = |s: &Section| s.kind == section.kind && s.range == section.range;
        section.crc = table_entry(bytes, i).filter(same).map_or(0, |s| s.crc);
    }
    sections
}

fn guessed(bytes: &[u8]) -> Vec<Section> {
    let known = |s: &Section| ORDER.contains(&s.kind);
    let found: Vec<Option<Section>> = (0..section_count(bytes)).map(|i| table_entry(bytes, i).filter(known)).collect();
    let front = HEADER_LEN + found.len() * SECTION_ENTRY_LEN;
    let mut sections: Vec<Section> = Vec::new();
    let mut pages = 0;
    for i in 0..found.len() {
        let start = sections.last().map_or(front, |s| s.range.end).next_multiple_of(SECTION_ALIGN);
        let last = sections.last().map(|s| s.kind);
        let fits = |s: &Section| s.range.start == start && is_later(s.kind, last);
        let mut section =
            found[i].clone().filter(fits).filter(|_| !next_knows_better(bytes, &found, i)).unwrap_or_else(|| {
                // Up to where the next one that can be read begins; the padding before it is at most 63 bytes too many.
                let next = found[i + 1..].iter().flatten().find(|s| s.range.start >= start);
                let end = next.map_or(bytes.len(), |s| s.range.start).max(start.min(bytes.len()));
                let range = start.min(end)..end;
                if let Some(s) = &found[i]
                    && fits(s)
                {
                    return Section { range, crc: 0, ..s.clone() };
                }
                let named = kind_of(bytes, i).filter(|&kind| is_later(kind, last));
                let kind = named.unwrap_or(match last {
                    None => KIND_KEYS,
                    Some(KIND_KEYS) => KIND_BLOCKS,
                    Some(KIND_BLOCKS) if kind_of(bytes, i + 1) == Some(KIND_LABELS) => KIND_CHUNKS,
                    Some(KIND_BLOCKS | KIND_CHUNKS) => KIND_LABELS,
                    Some(KIND_META) => KIND_COPY,
                    Some(KIND_COPY) => KIND_PAGE_SUMS,
                    Some(KIND_IDS_DENSE | KIND_IDS_HASHED) => KIND_META,
                    Some(_) => 0,
                });
                Section { kind, flags: 0, range, crc: 0, first_page: 0 }
            });
        // Flags may be what is damaged; whether KEYS is compressed is told by CHNK.
        section.flags = 0;
        section.first_page = pages;
        if section.kind != KIND_PAGE_SUMS {
            pages += section.len().div_ceil(PAGE_LEN) as u64;
        }
        sections.push(section);
    }
    sections
}

/// Whether entry `i` does not end where the next one begins, and that one is borne out by the one behind it.
fn next_knows_better(bytes: &[u8], found: &[Option<Section>], i: usize) -> bool {
    let meets = |end: usize, i: usize| match found.get(i) {
        Some(Some(s)) => end.next_multiple_of(SECTION_ALIGN) == s.range.start,
        Some(None) => true,
        None => end == bytes.len(),
    };
    let (Some(Some(this)), Some(Some(next))) = (found.get(i), found.get(i + 1)) else { return false };
    !meets(this.range.end, i + 1) && meets(next.range.end, i + 2)
}
