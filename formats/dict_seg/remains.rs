//! What can be found of a damaged segment: its sections, which of their pages are whole, labels, how its blocks are coded.

use std::borrow::Cow;
use std::ops::Range;

use super::block::{Form, Unpacked};
use super::chunk;
use super::found::{Found, find_sections};
use super::labels;
use super::layout::*;
use super::meta::{Meta, uint, width_of};
use super::referred;
use super::salvage::SalvageOptions;
use super::shape::Shape;
use crate::Error;
use crate::container::layout::*;
use crate::container::{Section, header_holds};

/// Bytes, at most, from where a block or a frame begins to where it ends: no search for its end goes on behind them.
const FARTHEST: u64 = 2 * MAX_CHUNK_LEN as u64;
/// What a zstd frame begins with (RFC 8878).
const ZSTD_MAGIC: u32 = 0xFD2F_B528;
/// Bytes that are looked through at once for a frame, and places at which one, or a block, is tried, at most: by chance hardly
/// any other place has its magic number, and a forged segment is not to take forever.
const LOOK: u64 = 64 << 10;
const MOST_TRIES: usize = 256;

/// A section, and which of its pages are whole.
pub(super) struct Part {
    pub section: Section,
    whole: Vec<bool>,
    /// Which of those no checksum proves.
    unproven: Vec<bool>,
    /// Bytes that the section table promises, behind the end of the file.
    missing: u64,
    pub name: String,
}

impl Part {
    pub fn all_whole(&self) -> bool {
        self.missing == 0 && self.whole.iter().all(|w| *w)
    }

    /// Whether no checksum proves one of the pages that hold bytes `at..at + len`.
    pub fn is_unproven(&self, at: u64, len: u64) -> bool {
        let page = |at: u64| usize::try_from(at / PAGE_LEN as u64).unwrap_or(usize::MAX);
        let last = page(at.saturating_add(len.saturating_sub(1))).min(self.unproven.len().saturating_sub(1));
        self.unproven.get(page(at)..=last).is_some_and(|pages| pages.contains(&true))
    }

    /// Bytes `at..at + len`, if every page that holds them is whole.
    pub fn slice<'a>(&self, bytes: &'a [u8], at: u64, len: u64) -> Option<&'a [u8]> {
        let (at, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
        if end > self.section.len() {
            return None;
        }
        if len > 0 && !self.whole.get(at / PAGE_LEN..=(end - 1) / PAGE_LEN)?.iter().all(|w| *w) {
            return None;
        }
        bytes.get(self.section.range.start + at..self.section.range.start + end)
    }

    /// From `from` to the end of the whole pages that follow it, `most` bytes at most.
    pub fn longest<'a>(&self, bytes: &'a [u8], from: u64, most: u64) -> Option<&'a [u8]> {
        let stop = usize::try_from(from.checked_add(most)?).ok()?.min(self.section.len());
        let page = usize::try_from(from).ok()? / PAGE_LEN;
        let pages = self.whole.get(page..stop.div_ceil(PAGE_LEN))?.iter().take_while(|w| **w).count();
        let end = ((page + pages) * PAGE_LEN).min(stop) as u64;
        self.slice(bytes, from, end.checked_sub(from)?).filter(|bytes| !bytes.is_empty())
    }

    /// As [`Part::longest`], as far as a block may reach.
    pub fn block<'a>(&self, bytes: &'a [u8], from: u64) -> Option<&'a [u8]> {
        self.longest(bytes, from, FARTHEST)
    }
}

/// The checksum of a page.
fn sum_of(sums: &[u8], page: u64) -> Option<u64> {
    uint(sums, usize::try_from(page.checked_mul(4)?).ok()?, 4)
}

/// Ends a section whose table entry was lost where its last page's checksum says: the padding behind it is not its own.
fn trim(bytes: &[u8], section: &mut Section, sums: &[u8]) {
    let pages = section.len().div_ceil(PAGE_LEN);
    let Some(last) = pages.checked_sub(1) else { return };
    let want = sum_of(sums, section.first_page.saturating_add(last as u64));
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
/// the page sums say: then those are what is damaged. Where `unproven`, pages of keys count as whole that no checksum speaks
/// against: those that page sums are missing for, and all if the page sums are damaged themselves.
fn judge(bytes: &[u8], found: Found, sums: &[u8], unproven: Option<bool>) -> Part {
    let Found { mut section, missing, name } = found;
    if section.crc == 0 && section.kind != KIND_PAGE_SUMS {
        trim(bytes, &mut section, sums);
    }
    let data = bytes.get(section.range.clone()).unwrap_or(&[]);
    let have: Vec<u32> = data.chunks(PAGE_LEN).map(crc32c::crc32c).collect();
    let all = have.iter().fold(0, |crc, sum| crc32c::crc32c_append(crc, &sum.to_le_bytes()));
    let whole = if all == section.crc && missing == 0 && !have.is_empty() {
        vec![true; have.len()]
    } else if section.kind == KIND_PAGE_SUMS {
        // Its own checksum is that of its bytes; nothing is read from it that another checksum does not confirm.
        vec![crc32c::crc32c(data) == section.crc; have.len()]
    } else {
        let pages = (section.first_page..).zip(&have);
        pages.map(|(page, &sum)| sum_of(sums, page) == Some(sum.into())).collect()
    };
    let mut part = Part { section, whole, unproven: vec![false; have.len()], missing, name };
    if let Some(sums_hold) = unproven.filter(|_| part.section.kind == KIND_KEYS) {
        for (page, (whole, unproven)) in (part.section.first_page..).zip(part.whole.iter_mut().zip(&mut part.unproven))
        {
            *unproven = !*whole && (!sums_hold || sum_of(sums, page).is_none());
            *whole |= *unproven;
        }
    }
    part
}

/// Bytes of the label table that are known or not as one: pages of it and of COPY, where META stands before it, are whole
/// numbers of them.
const LABEL_UNIT: usize = META_LEN;

/// The bytes of the label table, or what is known of them.
struct LabelTable<'a> {
    bytes: Cow<'a, [u8]>,
    /// Which units are known; all of them where there is none.
    known: Option<Vec<bool>>,
}

impl LabelTable<'_> {
    fn knows(&self, at: usize, len: usize) -> bool {
        let Some(units) = self.known.as_ref().filter(|_| len > 0) else { return true };
        let units = units.get(at / LABEL_UNIT..=(at + len - 1) / LABEL_UNIT);
        units.is_some_and(|units| units.iter().all(|known| *known))
    }

    fn row(&self, i: usize) -> Option<labels::Row> {
        let at = i.checked_mul(LABEL_ROW_LEN)?;
        labels::row(self.bytes.get(at..)?.get(..LABEL_ROW_LEN)?).filter(|_| self.knows(at, LABEL_ROW_LEN))
    }

    /// Where the text between two rows stands, `texts` being where all of them begin.
    fn text(&self, texts: usize, this: &labels::Row, next: &labels::Row) -> Option<Range<usize>> {
        let at = |text: u64| texts.checked_add(usize::try_from(text).ok()?);
        let range = at(this.text)?..at(next.text)?;
        let len = self.bytes.get(range.clone())?.len();
        self.knows(range.start, len).then_some(range)
    }

    /// Without META: the number of labels that makes rows and texts fill the table.
    fn guess_labels(&self) -> Option<u64> {
        let len = self.bytes.len() as u64;
        (0..self.bytes.len() / LABEL_ROW_LEN).map(|n| n as u64).find(|&n| {
            let closing = usize::try_from(n).ok().and_then(|n| self.row(n));
            closing.is_some_and(|c| labels::rows_len(n).and_then(|r| c.text.checked_add(r as u64)) == Some(len))
        })
    }
}

/// The labels whose rows and texts are known.
pub(super) struct Labels<'a> {
    table: Cow<'a, [u8]>,
    /// Where the text stands, ranks of the entries.
    rows: Vec<(Range<usize>, Range<u64>)>,
    /// Entries of the segment, as the closing row says.
    pub entries: Option<u64>,
}

impl<'a> Labels<'a> {
    /// Reads a table; `count` labels, if that is known. `None` where one that is known as a whole does not hold.
    fn parse(table: LabelTable<'a>, count: Option<u64>) -> Option<Labels<'a>> {
        // The first row's text begins at 0, behind all rows; the closing row has the length of all texts.
        let count = count.or_else(|| table.guess_labels())?;
        let texts = labels::rows_len(count).filter(|&len| len <= table.bytes.len())?;
        let count = usize::try_from(count).ok()?;
        let mut rows = Vec::new();
        for i in 0..count {
            let row = table.row(i).zip(table.row(i + 1));
            let row = row.and_then(|(this, next)| Some((table.text(texts, &this, &next)?, this.rank..next.rank)));
            let row = row.filter(|(_, ranks)| !ranks.is_empty());
            if row.is_none() && table.known.is_none() {
                return None;
            }
            rows.extend(row);
        }
        let entries = table.row(count).map(|closing| closing.rank);
        if entries.is_some_and(|n| n > MAX_ENTRIES) {
            return None;
        }
        Some(Labels { table: table.bytes, rows, entries })
    }

    fn of(&self, rank: u64) -> Option<&[u8]> {
        let at = self.rows.partition_point(|row| row.1.start <= rank).checked_sub(1)?;
        let (text, _) = self.rows.get(at).filter(|row| row.1.contains(&rank))?;
        self.table.get(text.clone())
    }
}

/// A frame of the compressed keys, or a stretch in which none can be told from the next.
pub(super) struct Frame {
    pub at: u64,
    pub end: u64,
    /// Where its blocks begin among all blocks, if the chunk table says so.
    pub first: Option<u64>,
    whole: bool,
}

impl Frame {
    /// Its blocks.
    pub fn blocks(&self, bytes: &[u8], keys: &Part) -> Option<Vec<u8>> {
        let frame = keys.slice(bytes, self.at, self.end - self.at).filter(|_| self.whole)?;
        zstd::bulk::decompress(frame, MAX_CHUNK_LEN).ok()
    }
}

/// Everything that could be found in the file.
pub(super) struct Remains<'a> {
    pub bytes: &'a [u8],
    pub parts: Vec<Part>,
    pub meta: Option<Meta>,
    pub labels: Option<Labels<'a>>,
    /// Entries that the segment held, if META, labels or a copy of them tell, or, where it will do, the directory.
    pub entries: Option<u64>,
    /// Where each block begins, found without the directory; empty where it was not needed, or could not be found.
    starts: Vec<u64>,
}

impl<'a> Remains<'a> {
    pub fn find(bytes: &'a [u8], options: &SalvageOptions<'_>) -> Remains<'a> {
        let found = find_sections(bytes);
        let sums_part = found.iter().find(|f| f.section.kind == KIND_PAGE_SUMS);
        let sums = sums_part.and_then(|f| bytes.get(f.section.range.clone())).unwrap_or(&[]);
        let hold = sums_part.is_some_and(|f| f.missing == 0 && crc32c::crc32c(sums) == f.section.crc);
        let unproven = options.unproven.then_some(hold);
        let parts = found.into_iter().map(|f| judge(bytes, f, sums, unproven)).collect();
        let mut r = Remains { bytes, parts, meta: None, labels: None, entries: None, starts: Vec::new() };
        let meta = |kind| {
            let text = r.part(kind)?.slice(bytes, 0, META_LEN as u64)?;
            Meta::parse(text, 0).ok()
        };
        r.meta = meta(KIND_META).or_else(|| meta(KIND_COPY));
        let count = r.meta.map(|m| m.labels);
        r.labels = [(KIND_LABELS, 0), (KIND_COPY, META_LEN)]
            .into_iter()
            .find_map(|(kind, skip)| Labels::parse(r.whole_table(kind, skip)?, count))
            .or_else(|| Labels::parse(r.pieced_table()?, Some(count?)));
        r.entries = r.meta.map(|m| m.entries).or(r.labels.as_ref().and_then(|l| l.entries));
        if r.entries.is_none() && options.label.is_some() {
            r.entries = r.part(KIND_KEYS).and_then(|keys| r.counted(keys));
        }
        // Blocks of whole pages follow one another: only behind a gap in both has something else to say where they are.
        let gap = |kind| r.part(kind).is_none_or(|p| !p.all_whole());
        if let Some(meta) = r.meta.filter(|_| gap(KIND_KEYS) && gap(KIND_BLOCKS)) {
            r.starts = referred::starts(bytes, &r.parts, &meta);
        }
        r
    }

    /// The label table where all pages of a section that holds it are whole.
    fn whole_table(&self, kind: u32, skip: usize) -> Option<LabelTable<'a>> {
        let part = self.part(kind).filter(|p| p.missing == 0)?;
        let len = part.section.len().checked_sub(skip)?;
        let bytes = Cow::Borrowed(part.slice(self.bytes, skip as u64, len as u64)?);
        Some(LabelTable { bytes, known: None })
    }

    /// The label table, put together of what is whole of it and of its copy.
    fn pieced_table(&self) -> Option<LabelTable<'a>> {
        let of = |kind, skip: usize| {
            let part = self.part(kind).filter(|p| p.missing == 0)?;
            Some((part, skip, part.section.len().checked_sub(skip)?))
        };
        let places = [of(KIND_LABELS, 0), of(KIND_COPY, META_LEN)];
        // Where the end of one was guessed, it is behind its own.
        let len = places.iter().flatten().map(|place| place.2).min()?;
        let (mut bytes, mut known) = (vec![0; len], Vec::with_capacity(len.div_ceil(LABEL_UNIT)));
        for (unit, to) in bytes.chunks_mut(LABEL_UNIT).enumerate() {
            let at = unit * LABEL_UNIT;
            let whole = |place: &(&Part, usize, usize)| {
                let (part, skip, _) = *place;
                part.slice(self.bytes, (at + skip) as u64, to.len() as u64)
            };
            let from = places.iter().flatten().find_map(whole);
            if let Some(from) = from {
                to.copy_from_slice(from);
            }
            known.push(from.is_some());
        }
        Some(LabelTable { bytes: Cow::Owned(bytes), known: Some(known) })
    }

    pub fn part(&self, kind: u32) -> Option<&Part> {
        self.parts.iter().find(|p| p.section.kind == kind)
    }

    pub fn any_whole(&self) -> bool {
        self.parts.iter().any(|p| p.whole.iter().any(|w| *w))
    }

    /// What is to be said of a file in which no page is proven whole.
    pub fn nothing(&self) -> Error {
        let size = self.bytes.len() as u64;
        let stated = uint(self.bytes, OFF_FILE_LEN, 8).filter(|&n| n > size && header_holds(self.bytes));
        if let Some(stated) = stated {
            let keys = self.part(KIND_KEYS).map_or(0, |k| k.section.len());
            return Error::corrupt(format!(
                "truncated at {size} of {stated} bytes, before labels and page checksums: {keys} bytes of keys are \
                 left that cannot be proven, and whose labels are gone"
            ))
            .offset(size)
            .expected(format!("{stated} bytes"))
            .got(format!("{size} bytes"))
            .hint(
                "restore a copy of the file, or build it again; `dictctl salvage --unproven --label LABEL` keeps pairs \
                 that nothing proves",
            );
        }
        if self.bytes.starts_with(&MAGIC) {
            return Error::corrupt("no page of this segment matches its checksum")
                .offset(0)
                .hint("restore a copy of the file, or build it again");
        }
        Error::corrupt("no page of this file is that of a dictionary segment")
            .offset(0)
            .hint("check that the path names the file that you meant")
    }

    /// Entries of the segment, as the number of its blocks and the last one of them say.
    fn counted(&self, keys: &Part) -> Option<u64> {
        let shape = self.shape(keys).filter(|_| !self.is_compressed(keys))?;
        let directory = self.part(KIND_BLOCKS).filter(|part| part.all_whole())?;
        let last = (directory.section.len() as u64 / shape.offset_bytes?).checked_sub(2)?;
        let (from, to) = (self.offset(&shape, last)?, self.offset(&shape, last + 1)?);
        let mut rest = keys.slice(self.bytes, from, to.checked_sub(from)?)?;
        let (mut unpacked, mut count) = (Unpacked::default(), 0);
        while !rest.is_empty() {
            let n = shape.unpack(rest, 0, &mut unpacked)?;
            (rest, count) = (rest.get(usize::try_from(n).ok()?..)?, count + unpacked.count as u64);
        }
        let size = if shape.form == Form::Chain { MAX_BLOCK_ENTRIES } else { BLOCK_ENTRIES } as u64;
        last.checked_mul(size)?.checked_add(count).filter(|_| count <= size)
    }

    pub fn label_of(&self, rank: u64) -> Option<&[u8]> {
        self.labels.as_ref()?.of(rank)
    }

    /// Where block `b` begins, if the directory's page is whole, or references tell it.
    pub fn offset(&self, shape: &Shape, b: u64) -> Option<u64> {
        let units = || {
            let (width, part) = (shape.offset_bytes?, self.part(KIND_BLOCKS)?);
            uint(part.slice(self.bytes, b.checked_mul(width)?, width)?, 0, width as usize)
        };
        match units() {
            Some(units) => units.checked_mul(1 << shape.unit),
            None => self.starts.get(usize::try_from(b).ok()?).copied(),
        }
    }

    /// The number of the block that begins at `from` among the blocks, as far as the directory tells.
    pub fn block_at(&self, shape: &Shape, from: u64) -> Option<u64> {
        if from == 0 {
            return Some(0);
        }
        let (mut low, mut high) = (0, shape.entries?.div_ceil(shape.size));
        while low < high {
            let mid = low + (high - low) / 2;
            if self.offset(shape, mid)? < from { low = mid + 1 } else { high = mid }
        }
        (self.offset(shape, low)? == from).then_some(low)
    }

    /// From block `b` on, behind a gap: the number of the next block whose place the directory tells (of all blocks where there
    /// is none), and the first of those that lead up to it in whole pages: its number and where it begins.
    pub fn leading(&self, keys: &Part, shape: &Shape, b: u64, blocks: u64) -> (u64, Option<(u64, u64)>) {
        // Of the other forms references tell where blocks begin, and their blocks show less of what they are.
        if shape.form != Form::Chain {
            return (blocks, None);
        }
        let told = (b..blocks).find_map(|n| Some((n, self.offset(shape, n)?)));
        if told.is_none() && keys.missing > 0 {
            return (blocks, None);
        }
        let (next, stop) = told.unwrap_or((blocks, keys.section.len() as u64));
        (next, self.blocks_before(keys, shape, (next, stop)).filter(|found| found.0 >= b))
    }

    /// The first of the blocks that end one behind the other, the last of them at `stop`, where block `next` begins: how many
    /// they are tells which ones. Nothing else says where one begins, so each has to be coded as a writer codes it.
    fn blocks_before(&self, keys: &Part, shape: &Shape, (next, stop): (u64, u64)) -> Option<(u64, u64)> {
        let counts = [Some(shape.size), shape.count(next.checked_sub(1)?)];
        let shape = Shape { entries: None, guessed: true, ..*shape };
        let pages = usize::try_from(stop).ok()?.div_ceil(PAGE_LEN);
        let whole = keys.whole.get(..pages)?.iter().rev().take_while(|w| **w).count();
        let from = ((pages - whole) * PAGE_LEN) as u64;
        let bytes = keys.slice(self.bytes, from, stop.checked_sub(from)?)?;
        let mut unpacked = Unpacked::default();
        let (mut at, mut tries) = (0, 0);
        while at < bytes.len().min(FARTHEST as usize) && tries < MOST_TRIES {
            if !bytes.get(at + 1).is_some_and(|&count| counts.contains(&Some(count.into()))) {
                at += 1 << shape.unit;
                continue;
            }
            let (mut to, mut count) = (at, 0);
            while let Some(n) = bytes.get(to..).and_then(|rest| shape.unpack(rest, 0, &mut unpacked)) {
                (to, count) = (to + n as usize, count + 1);
                if (unpacked.count as u64) < shape.size {
                    break;
                }
            }
            if count > 0 && to == bytes.len() {
                return Some((next.checked_sub(count)?, from + at as u64));
            }
            // What led nowhere is not walked again; what is no block hardly ever looks like the beginning of one.
            tries += usize::from(unpacked.count > 0);
            at = to.max(at + (1 << shape.unit));
        }
        None
    }

    pub fn is_compressed(&self, keys: &Part) -> bool {
        keys.section.flags & KEYS_ZSTD != 0 || self.part(KIND_CHUNKS).is_some()
    }

    /// A row of the chunk table, or nothing where its page is damaged.
    fn chunk_row(&self, i: u64) -> Option<(u64, u64)> {
        let table = self.part(KIND_CHUNKS)?;
        chunk::row(table.slice(self.bytes, i.checked_mul(CHUNK_ROW_LEN as u64)?, CHUNK_ROW_LEN as u64)?)
    }

    fn chunk_rows(&self) -> u64 {
        self.part(KIND_CHUNKS).map_or(0, |table| (table.section.len() / CHUNK_ROW_LEN) as u64)
    }

    /// Bytes of all blocks, as the directory says.
    fn blocks_len(&self) -> Option<u64> {
        let (meta, part) = (self.meta.as_ref()?, self.part(KIND_BLOCKS)?);
        let width = u64::from(meta.offset_bytes);
        let last = part.slice(self.bytes, (part.section.len() as u64).checked_sub(width)?, width)?;
        uint(last, 0, usize::from(meta.offset_bytes))?.checked_mul(1 << meta.unit)
    }

    /// The frame that begins at `at` and ends before `stop`: its bytes.
    fn frame(&self, keys: &Part, at: u64, stop: u64) -> Option<&'a [u8]> {
        let bytes = keys.longest(self.bytes, at, stop.checked_sub(at)?.min(FARTHEST))?;
        let n = zstd::zstd_safe::find_frame_compressed_size(bytes).ok().filter(|n| *n > 0)?;
        bytes.get(..n)
    }

    /// The frames of compressed keys. Where the chunk table is damaged they follow one another, and say how long they are.
    pub fn frames(&self, keys: &Part) -> Vec<Frame> {
        let len = keys.section.len() as u64;
        let rows = (0..self.chunk_rows()).filter_map(|i| self.chunk_row(i)).map(|(first, at)| (Some(first), at));
        let all_rows = self.part(KIND_CHUNKS).is_some_and(Part::all_whole);
        let mut out = Vec::new();
        let (mut at, mut first) = (0, Some(0));
        for (next, stop) in rows.chain([(self.blocks_len(), len)]) {
            let stop = stop.min(len);
            while at < stop {
                if let Some(frame) = self.frame(keys, at, stop) {
                    let end = at + frame.len() as u64;
                    out.push(Frame { at, end, first: first.take(), whole: true });
                    at = end;
                    continue;
                }
                let found = next.filter(|_| !all_rows).map(|next| self.frames_before(keys, (at + 1, stop), next));
                let found = found.unwrap_or_default();
                out.push(Frame { at, end: found.first().map_or(stop, |f| f.at), first: first.take(), whole: false });
                out.extend(found);
                at = stop;
            }
            if at == stop {
                first = next;
            }
        }
        out
    }

    /// Frames behind a damaged one that lead to where the next ones are known to begin: their blocks end at `blocks`, so it is
    /// known which ones they are.
    fn frames_before(&self, keys: &Part, (mut from, stop): (u64, u64), blocks: u64) -> Vec<Frame> {
        for _ in 0..MOST_TRIES {
            let Some(start) = self.magic(keys, from, stop) else { break };
            let (mut at, mut len, mut out) = (start, Some(0u64), Vec::new());
            while let Some(frame) = self.frame(keys, at, stop) {
                let holds = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
                len = len.and_then(|len| len.checked_add(holds?));
                let end = at + frame.len() as u64;
                out.push(Frame { at, end, first: None, whole: true });
                at = end;
            }
            if at == stop
                && let Some(frame) = out.first_mut()
            {
                frame.first = len.and_then(|len| blocks.checked_sub(len));
                return out;
            }
            from = at + 1;
        }
        Vec::new()
    }

    /// The next place from `at` on where a frame may begin.
    fn magic(&self, keys: &Part, mut at: u64, stop: u64) -> Option<u64> {
        let magic = ZSTD_MAGIC.to_le_bytes();
        while at < stop {
            match keys.longest(self.bytes, at, (stop - at).min(LOOK)) {
                Some(bytes) => {
                    if let Some(i) = bytes.windows(magic.len()).position(|w| w == magic) {
                        return Some(at + i as u64);
                    }
                    // One may stand across the end of what was looked at.
                    at += bytes.len().saturating_sub(magic.len() - 1).max(1) as u64;
                }
                None => at = (at / PAGE_LEN as u64 + 1) * PAGE_LEN as u64,
            }
        }
        None
    }

    /// How the blocks are coded: what META says or, without it, the form in which the first block that can be read is
    /// coded again as it stands, with the sizes that writers choose. `None` where there is no such block.
    pub fn shape(&self, keys: &Part) -> Option<Shape> {
        if let Some(m) = &self.meta {
            return Some(Shape {
                form: Form::of(m.form),
                unit: m.unit,
                size: m.block_entries.into(),
                offset_bytes: Some(m.offset_bytes.into()),
                entries: Some(m.entries),
                guessed: keys.unproven.contains(&true),
            });
        }
        let entries = self.entries;
        let frames = self.is_compressed(keys).then(|| self.frames(keys));
        let len = match frames {
            Some(_) => self.chunk_rows().checked_sub(1).and_then(|i| self.chunk_row(i)).map(|row| row.0),
            None => Some(keys.section.len() as u64 + keys.missing),
        };
        let of = |form: Form| {
            let size = match form {
                Form::Chain => MAX_BLOCK_ENTRIES as u64,
                // Its entries stand for themselves: where a block ends need not be known.
                Form::Plain if entries.is_none() => 1,
                _ => BLOCK_ENTRIES as u64,
            };
            let offset_bytes = len.map(|len| width_of(len >> form.unit()) as u64);
            Shape { form, unit: form.unit(), size, offset_bytes, entries, guessed: true }
        };
        let reads = |shape: &Shape| {
            let stretch = self.stretch(keys, shape, frames.as_deref());
            stretch.is_some_and(|(b, bytes)| shape.unpack(&bytes, b, &mut Unpacked::default()).is_some())
        };
        [Form::Head, Form::Chain, Form::Plain].map(of).into_iter().find(reads)
    }

    /// The first blocks that can be read, and the number of the first of them.
    fn stretch(&self, keys: &Part, shape: &Shape, frames: Option<&[Frame]>) -> Option<(u64, Cow<'a, [u8]>)> {
        if let Some(frames) = frames {
            return frames.iter().find_map(|frame| {
                let b = self.block_at(shape, frame.first?)?;
                Some((b, Cow::Owned(frame.blocks(self.bytes, keys)?)))
            });
        }
        let blocks = shape.entries.map_or(1, |n| n.div_ceil(shape.size)).min(keys.section.len() as u64);
        (0..blocks).find_map(|b| {
            let from = if b == 0 { 0 } else { self.offset(shape, b)? };
            Some((b, Cow::Borrowed(keys.block(self.bytes, from)?)))
        })
    }
}
