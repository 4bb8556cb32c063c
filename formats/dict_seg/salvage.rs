//! What is left of a damaged segment: every pair whose pages are whole, from the key pages alone if need be.

use super::block::{Form, Unpacked};
use super::chunk;
use super::labels;
use super::layout::*;
use super::meta::{Meta, uint};
use crate::container::Section;
use crate::container::layout::*;
use crate::{Error, Result};

/// Takes a pair: label, key, id.
pub type Each<'a> = dyn FnMut(&[u8], &[u8], u64) -> Result<()> + 'a;

/// A stretch of a segment whose pairs could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Bytes of the file that hold it, as far as is known.
    pub offset: u64,
    pub bytes: u64,
    /// Ranks of the pairs that are missing.
    pub first: u64,
    pub pairs: u64,
    /// The last pair that was kept before it, and the first one after it: what is missing lies between them.
    pub after: Option<(Vec<u8>, Vec<u8>)>,
    pub before: Option<(Vec<u8>, Vec<u8>)>,
    pub why: &'static str,
}

/// What a salvage found.
#[derive(Debug, Clone, Default)]
pub struct Salvage {
    /// Pairs that the segment says it holds, if that could be read.
    pub stated: Option<u64>,
    pub kept: u64,
    /// The next free id, if it could be read; otherwise the highest id kept + 1 is all that is known.
    pub next_id: Option<u64>,
    pub lost: Vec<Lost>,
    /// Sections that are damaged, by name.
    pub damaged: Vec<String>,
}

/// A section, and which of its pages are whole.
struct Part {
    section: Section,
    whole: Vec<bool>,
}

impl Part {
    fn all_whole(&self) -> bool {
        self.whole.iter().all(|w| *w)
    }

    /// Bytes `at..at + len`, if every page that holds them is whole.
    fn slice<'a>(&self, bytes: &'a [u8], at: u64, len: u64) -> Option<&'a [u8]> {
        let (at, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
        if end > self.section.len() {
            return None;
        }
        if len > 0 && !self.whole.get(at / PAGE_LEN..=(end - 1) / PAGE_LEN)?.iter().all(|w| *w) {
            return None;
        }
        bytes.get(self.section.range.start + at..self.section.range.start + end)
    }
}

/// Everything that could be found in the file.
struct Remains<'a> {
    bytes: &'a [u8],
    parts: Vec<Part>,
    meta: Option<Meta>,
    labels: Option<Vec<(&'a [u8], u64)>>,
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

/// The section table, without trust in its checksum: an entry is taken where it fits between its neighbours, and what
/// does not fit is filled from them. Page checksums judge what it leads to.
fn find_sections(bytes: &[u8]) -> Vec<Section> {
    let known = |s: &Section| ORDER.contains(&s.kind);
    let found: Vec<Option<Section>> = (0..section_count(bytes)).map(|i| table_entry(bytes, i).filter(known)).collect();
    let front = HEADER_LEN + found.len() * SECTION_ENTRY_LEN;
    let mut sections: Vec<Section> = Vec::new();
    let mut pages = 0;
    for i in 0..found.len() {
        let start = sections.last().map_or(front, |s| s.range.end).next_multiple_of(SECTION_ALIGN);
        let fits = |s: &Section| {
            let place = |k| ORDER.iter().position(|o| *o == k);
            let later = sections.last().is_none_or(|last| place(last.kind) < place(s.kind));
            s.range.start == start && later
        };
        let section =
            found[i].clone().filter(fits).filter(|_| !next_knows_better(bytes, &found, i)).unwrap_or_else(|| {
                // Up to where the next one that can be read begins; the padding before it is at most 63 bytes too many.
                let next = found[i + 1..].iter().flatten().find(|s| s.range.start >= start);
                let end = next.map_or(bytes.len(), |s| s.range.start).max(start.min(bytes.len()));
                let kind = match (&found[i], sections.last().map(|s| s.kind)) {
                    (Some(s), _) if fits(s) => return Section { range: start.min(end)..end, crc: 0, ..s.clone() },
                    (_, last) => last,
                };
                let kind = match kind {
                    None => KIND_KEYS,
                    Some(KIND_KEYS) => KIND_BLOCKS,
                    Some(KIND_META) => KIND_COPY,
                    Some(KIND_COPY) => KIND_PAGE_SUMS,
                    Some(KIND_IDS_DENSE | KIND_IDS_HASHED) => KIND_META,
                    Some(_) => 0,
                };
                Section { kind, flags: 0, range: start.min(end)..end, crc: 0, first_page: 0 }
            });
        let mut section = section;
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

/// Ends a section whose table entry was lost where its last page's checksum says: the padding behind it is not its own.
fn trim(bytes: &[u8], section: &mut Section, sums: &[u8]) {
    let pages = section.len().div_ceil(PAGE_LEN);
    let Some(last) = pages.checked_sub(1) else { return };
    let want = uint(sums, (section.first_page as usize + last) * 4, 4);
    let start = section.range.start + last * PAGE_LEN;
    let ends = (section.range.end.saturating_sub(SECTION_ALIGN - 1).max(start)..=section.range.end).rev();
    for end in ends {
        let sum = bytes.get(start..end).map(crc32c::crc32c);
        if sum.map(u64::from) == want {
            section.range.end = end;
            return;
        }
    }
}

/// Which pages of a section are whole. Where all pages together match the section's own checksum, they are, whatever
/// the page sums say: then those are what is damaged.
fn judge(bytes: &[u8], mut section: Section, sums: &[u8]) -> Part {
    if section.crc == 0 && section.kind != KIND_PAGE_SUMS {
        trim(bytes, &mut section, sums);
    }
    let data = bytes.get(section.range.clone()).unwrap_or(&[]);
    let have: Vec<u32> = data.chunks(PAGE_LEN).map(crc32c::crc32c).collect();
    let all = have.iter().fold(0, |crc, sum| crc32c::crc32c_append(crc, &sum.to_le_bytes()));
    if all == section.crc && !have.is_empty() {
        let whole = vec![true; have.len()];
        return Part { section, whole };
    }
    if section.kind == KIND_PAGE_SUMS {
        // Its own checksum is that of its bytes; nothing is read from it that another checksum does not confirm.
        let whole = vec![crc32c::crc32c(data) == section.crc; have.len()];
        return Part { section, whole };
    }
    let first = section.first_page as usize;
    let whole = have.iter().enumerate().map(|(i, &sum)| uint(sums, (first + i) * 4, 4) == Some(sum.into())).collect();
    Part { section, whole }
}

impl<'a> Remains<'a> {
    fn find(bytes: &'a [u8]) -> Remains<'a> {
        let sections = find_sections(bytes);
        let sums = sections.iter().find(|s| s.kind == KIND_PAGE_SUMS).and_then(|s| bytes.get(s.range.clone()));
        let parts = sections.into_iter().map(|s| judge(bytes, s, sums.unwrap_or(&[]))).collect();
        let mut r = Remains { bytes, parts, meta: None, labels: None };
        let meta = |kind| {
            let text = r.part(kind)?.slice(bytes, 0, META_LEN as u64)?;
            Meta::parse(text, 0).ok()
        };
        r.meta = meta(KIND_META).or_else(|| meta(KIND_COPY));
        r.labels = r.read_labels();
        r
    }

    fn part(&self, kind: u32) -> Option<&Part> {
        self.parts.iter().find(|p| p.section.kind == kind)
    }

    /// Labels with the rank of their first entry, from LABL or its copy.
    fn read_labels(&self) -> Option<Vec<(&'a [u8], u64)>> {
        let whole = |kind, skip: usize| {
            let part = self.part(kind)?;
            part.slice(self.bytes, skip as u64, (part.section.len() as u64).checked_sub(skip as u64)?)
        };
        let parse = |table: &'a [u8]| {
            // The first row's text begins at 0, behind all rows; the closing row has the length of all texts.
            let count = match &self.meta {
                Some(meta) => meta.labels,
                None => guess_labels(table)?,
            };
            let text = labels::rows_len(count)?;
            let mut found = Vec::new();
            for i in 0..usize::try_from(count).ok()? {
                let row = labels::row(table.get(i * LABEL_ROW_LEN..)?)?;
                let next = labels::row(table.get((i + 1) * LABEL_ROW_LEN..)?)?;
                let text = table.get(text..)?.get(usize::try_from(row.text).ok()?..usize::try_from(next.text).ok()?)?;
                found.push((text, row.rank));
            }
            Some(found)
        };
        whole(KIND_LABELS, 0).and_then(parse).or_else(|| whole(KIND_COPY, META_LEN).and_then(parse))
    }

    fn label_of(&self, rank: u64) -> Option<&'a [u8]> {
        let labels = self.labels.as_ref()?;
        let at = labels.partition_point(|l| l.1 <= rank).checked_sub(1)?;
        labels.get(at).map(|l| l.0)
    }

    /// Where block `b` begins, if the directory's page is whole.
    fn offset(&self, b: u64) -> Option<u64> {
        let meta = self.meta?;
        let width = u64::from(meta.offset_bytes);
        let part = self.part(KIND_BLOCKS)?;
        let units = uint(part.slice(self.bytes, b.checked_mul(width)?, width)?, 0, width as usize)?;
        units.checked_mul(1 << meta.unit)
    }

    /// The number of the block that begins at `from` among the blocks, as far as the directory tells.
    fn block_at(&self, from: u64) -> Option<u64> {
        let blocks = self.meta?.blocks();
        let (mut low, mut high) = (0, blocks);
        while low < high {
            let mid = low + (high - low) / 2;
            if self.offset(mid)? < from { low = mid + 1 } else { high = mid }
        }
        Some(low)
    }

    /// How the blocks are coded; without META, whatever the first block can be read as.
    fn coding(&self, keys: &Part) -> Coding {
        if let Some(meta) = &self.meta {
            return Coding { form: Form::of(meta.form), unit: meta.unit, size: Some(meta.block_entries.into()) };
        }
        let first = longest_slice(self, keys, 0).unwrap_or(&[]);
        let coding = |form: Form| Coding { form, unit: form.unit(), size: None };
        let reads = |form: &Form| {
            let mut entries = Unpacked::default();
            form.unpack(form.unit(), first, BLOCK_ENTRIES, &mut entries).is_some() && is_sorted(&entries)
        };
        let form = [Form::Head, Form::Chain, Form::Plain].into_iter().find(reads).unwrap_or(Form::Head);
        coding(form)
    }
}

/// Without META: the number of labels that makes rows and texts fill the table.
fn guess_labels(table: &[u8]) -> Option<u64> {
    let rows = (table.len() / LABEL_ROW_LEN) as u64;
    (0..rows).find(|&n| {
        let closing = labels::row(table.get(n as usize * LABEL_ROW_LEN..).unwrap_or(&[]));
        closing
            .is_some_and(|c| labels::rows_len(n).and_then(|r| c.text.checked_add(r as u64)) == Some(table.len() as u64))
    })
}

/// Receives pairs in order, and keeps track of what lies between them.
struct Keeper<'a> {
    out: Salvage,
    each: &'a mut Each<'a>,
    last: Option<(Vec<u8>, Vec<u8>)>,
    /// Losses that still wait for the pair behind them.
    waiting: usize,
}

impl Keeper<'_> {
    fn keep(&mut self, label: &[u8], key: &[u8], id: u64) -> Result<()> {
        (self.each)(label, key, id)?;
        self.out.kept += 1;
        let pair = self.last.get_or_insert_default();
        pair.0.clear();
        pair.0.extend_from_slice(label);
        pair.1.clear();
        pair.1.extend_from_slice(key);
        let from = self.out.lost.len() - self.waiting;
        for lost in &mut self.out.lost[from..] {
            lost.before = Some((label.to_vec(), key.to_vec()));
        }
        self.waiting = 0;
        Ok(())
    }

    fn lose(&mut self, offset: u64, bytes: u64, first: u64, pairs: u64, why: &'static str) {
        if pairs == 0 {
            return;
        }
        if self.waiting > 0
            && let Some(last) = self.out.lost.last_mut()
            && last.why == why
            && last.first + last.pairs == first
        {
            last.bytes = (offset + bytes).saturating_sub(last.offset).max(last.bytes);
            last.pairs += pairs;
            return;
        }
        let after = self.last.clone();
        self.out.lost.push(Lost { offset, bytes, first, pairs, after, before: None, why });
        self.waiting += 1;
    }
}

/// Hands every pair whose pages are whole to `each`, in order, and says what is missing.
///
/// Header, section table, META, directory and labels may be damaged, too: what each of them says is found elsewhere
/// where that is possible (COPY holds META and the labels once more, blocks follow one another).
///
/// # Errors
/// `Corrupt` for bytes that are not a segment at all, or of which no key page can be found; `Unsupported` for another
/// version; whatever `each` says.
pub fn salvage<'a>(bytes: &[u8], each: &'a mut Each<'a>) -> Result<Salvage> {
    if let Err(e) = super::decode::open_container(bytes)
        && e.kind() == crate::Kind::Unsupported
        && crate::container::header_holds(bytes)
    {
        return Err(e);
    }
    let remains = Remains::find(bytes);
    let keys = remains.part(KIND_KEYS).filter(|_| remains.parts.iter().any(|p| p.whole.iter().any(|w| *w)));
    let Some(keys) = keys else {
        return Err(Error::corrupt("no page of this file is that of a dictionary segment")
            .offset(0)
            .hint("check that the path names the file that you meant"));
    };
    let damaged = remains.parts.iter().filter(|p| !p.all_whole()).map(|p| p.section.name()).collect();
    let stated = remains.meta.map(|m| m.entries);
    let next_id = remains.meta.map(|m| m.next_id);
    let out = Salvage { stated, next_id, damaged, ..Salvage::default() };
    let mut keeper = Keeper { out, each, last: None, waiting: 0 };
    if remains.part(KIND_CHUNKS).is_some() {
        walk_chunks(&remains, keys, &mut keeper)?;
    } else {
        walk_blocks(&remains, keys, &mut keeper)?;
    }
    Ok(keeper.out)
}

/// How blocks are coded, and how many entries each but the last has, if that is known.
#[derive(Clone, Copy)]
struct Coding {
    form: Form,
    unit: u8,
    size: Option<u64>,
}

impl Coding {
    /// Unpacks the block that these bytes begin with; its length, with what fills its last unit.
    fn unpack(&self, bytes: &[u8], count: u64, into: &mut Unpacked) -> Option<u64> {
        let len = self.form.unpack(self.unit, bytes, count as usize, into)?;
        (len <= bytes.len()).then_some(len.next_multiple_of(1 << self.unit) as u64)
    }
}

fn is_sorted(entries: &Unpacked) -> bool {
    entries.entries().map(|(key, _)| key).is_sorted_by(|a, b| a < b)
}

/// Keeps the pairs of a block; those whose label is not known are lost.
fn keep_block(r: &Remains<'_>, entries: &Unpacked, rank: u64, at: (u64, u64), keeper: &mut Keeper<'_>) -> Result<()> {
    for (rank, (key, id)) in (rank..).zip(entries.entries()) {
        match r.label_of(rank) {
            Some(label) => keeper.keep(label, key, id)?,
            None => keeper.lose(at.0, at.1, rank, 1, "the label table and its copy are damaged"),
        }
    }
    Ok(())
}

const DAMAGED: &str = "a page of the keys is damaged";

fn walk_blocks(r: &Remains<'_>, keys: &Part, keeper: &mut Keeper<'_>) -> Result<()> {
    let start = keys.section.range.start as u64;
    let coding = r.coding(keys);
    let blocks = r.meta.map_or(u64::MAX, |m| m.blocks());
    let mut entries = Unpacked::default();
    let (mut rank, mut follows) = (0, Some(0));
    for b in 0..blocks {
        rank = coding.size.map_or(rank, |size| b * size);
        // Without META, the plain form's last block cannot be told from a full one: fewer entries end the walk.
        let count = r.meta.map_or(BLOCK_ENTRIES as u64, |m| m.entries.saturating_sub(rank).min(m.block_entries.into()));
        // The directory says where a block begins, or the end of the one before it does.
        let from = r.offset(b).or(follows);
        let Some(from) = from.filter(|&f| f < keys.section.len() as u64) else {
            if r.meta.is_none() {
                break;
            }
            keeper.lose(start, 0, rank, count, "where its block begins is not known");
            follows = None;
            continue;
        };
        let known = r.offset(b + 1).filter(|&to| to > from);
        let bytes = match known {
            Some(to) => keys.slice(r.bytes, from, to - from),
            None => longest_slice(r, keys, from),
        };
        let len = bytes.and_then(|bytes| coding.unpack(bytes, count, &mut entries));
        let at = (start + from, known.map_or(len.unwrap_or(0), |to| to - from));
        match len {
            Some(_) => keep_block(r, &entries, rank, at, keeper)?,
            None if r.meta.is_none() => break,
            None => keeper.lose(at.0, at.1, rank, count, DAMAGED),
        }
        follows = known.or(len.map(|n| from + n));
        rank += len.map_or(0, |_| entries.count as u64);
    }
    Ok(())
}

/// From `from` to the end of the whole pages that follow it.
fn longest_slice<'a>(r: &Remains<'a>, keys: &Part, from: u64) -> Option<&'a [u8]> {
    let page = usize::try_from(from).ok()? / PAGE_LEN;
    let pages = keys.whole.get(page..)?.iter().take_while(|w| **w).count();
    let end = ((page + pages) * PAGE_LEN).min(keys.section.len()) as u64;
    keys.slice(r.bytes, from, end.checked_sub(from)?)
}

fn walk_chunks(r: &Remains<'_>, keys: &Part, keeper: &mut Keeper<'_>) -> Result<()> {
    let Some((table, meta)) = r.part(KIND_CHUNKS).zip(r.meta) else {
        return Err(Error::corrupt("META and its copy are damaged, and the keys are compressed"));
    };
    let size = u64::from(meta.block_entries);
    let coding = r.coding(keys);
    let row = |i: u64| chunk::row(table.slice(r.bytes, i * CHUNK_ROW_LEN as u64, CHUNK_ROW_LEN as u64)?);
    let rows = (table.section.len() / CHUNK_ROW_LEN) as u64;
    let mut entries = Unpacked::default();
    // Where the blocks that come next begin, and the number of the first of them, as far as that is known.
    let (mut next, mut b) = (0, 0);
    for i in 0..rows.saturating_sub(1) {
        let (Some((first, at)), Some((after, end))) = (row(i), row(i + 1)) else { continue };
        let start = keys.section.range.start as u64 + at;
        let bytes = end.saturating_sub(at);
        let lose = |keeper: &mut Keeper<'_>, from: u64, to: u64, why| {
            let pairs = (to.saturating_mul(size)).min(meta.entries).saturating_sub(from * size);
            keeper.lose(start, bytes, from * size, pairs, why);
        };
        if first != next {
            let to = r.block_at(first).unwrap_or(b);
            lose(keeper, b, to, "a page of the chunk table is damaged");
            b = to;
        }
        next = after;
        let frame = end.checked_sub(at).and_then(|len| keys.slice(r.bytes, at, len));
        let blocks = frame.and_then(|f| zstd::bulk::decompress(f, MAX_CHUNK_LEN).ok());
        let mut rest = blocks.as_deref().unwrap_or(&[]);
        while !rest.is_empty() {
            let count = meta.entries.saturating_sub(b.saturating_mul(size)).min(size);
            let Some(len) = coding.unpack(rest, count, &mut entries) else { break };
            keep_block(r, &entries, b * size, (start, bytes), keeper)?;
            rest = usize::try_from(len).ok().and_then(|len| rest.get(len..)).unwrap_or(&[]);
            b += 1;
        }
        if blocks.is_none() || !rest.is_empty() {
            let to = r.block_at(after).unwrap_or(b);
            let why = if blocks.is_none() { DAMAGED } else { "its frame does not hold its blocks" };
            lose(keeper, b, to, why);
            b = to;
        }
    }
    let pairs = meta.entries.saturating_sub(b.saturating_mul(size));
    let start = keys.section.range.start as u64;
    keeper.lose(start, 0, b.saturating_mul(size), pairs, "a page of the chunk table is damaged");
    Ok(())
}
