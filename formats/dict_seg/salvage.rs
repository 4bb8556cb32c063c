//! What is left of a damaged segment: every pair whose pages are whole, from the key pages alone if need be.

use super::block::Unpacked;
use super::layout::*;
use super::remains::{Part, Remains};
use super::shape::Shape;
use crate::Result;

/// Takes a pair: label, key, id.
pub type Each<'a> = dyn FnMut(&[u8], &[u8], u64) -> Result<()> + 'a;

/// What is kept although something is missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SalvageOptions<'a> {
    /// The label of pairs whose own cannot be told; without it they are lost.
    pub label: Option<&'a [u8]>,
    /// Pairs of pages, too, that no checksum proves nor speaks against, as where the file is cut off before its checksums: if their
    /// block is coded as a writer would, and in order.
    pub unproven: bool,
}

/// A stretch of a segment whose pairs could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Bytes of the file that hold it, as far as is known.
    pub offset: u64,
    pub bytes: u64,
    /// Rank of the first pair that is missing.
    pub first: u64,
    /// How many; `None` where that is not known.
    pub pairs: Option<u64>,
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
    /// Of those, pairs that no checksum proves, and pairs under a label that is not known to be theirs.
    pub unproven: u64,
    pub unlabelled: u64,
    /// The next free id, if it could be read; otherwise the highest id kept + 1 is all that is known.
    pub next_id: Option<u64>,
    pub lost: Vec<Lost>,
    /// Sections that are damaged or cut off, by name.
    pub damaged: Vec<String>,
}

impl Salvage {
    /// Pairs that are lost; `None` where neither META nor labels say how many there were, and not all blocks could be
    /// counted.
    pub fn lost_pairs(&self) -> Option<u64> {
        match self.stated {
            Some(stated) => Some(stated.saturating_sub(self.kept)),
            None => self.lost.iter().map(|lost| lost.pairs).sum(),
        }
    }
}

/// Receives pairs in order, and keeps track of what lies between them.
struct Keeper<'a> {
    out: Salvage,
    options: SalvageOptions<'a>,
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

    /// Nothing is told of no pairs; of an unknown number something is.
    fn lose(&mut self, offset: u64, bytes: u64, first: u64, pairs: Option<u64>, why: &'static str) {
        if pairs == Some(0) {
            return;
        }
        if self.waiting > 0
            && let Some(last) = self.out.lost.last_mut()
            && last.why == why
            && let (Some(before), Some(more)) = (last.pairs, pairs)
            && last.first + before == first
        {
            last.bytes = (offset + bytes).saturating_sub(last.offset).max(last.bytes);
            last.pairs = Some(before + more);
            return;
        }
        let after = self.last.clone();
        self.out.lost.push(Lost { offset, bytes, first, pairs, after, before: None, why });
        self.waiting += 1;
    }
}

/// Hands every pair whose pages are whole to `each`, in order, and says what is missing.
///
/// Header, section table, META, directory, chunk table and labels may be damaged, too: what each of them says is found
/// elsewhere where that is possible (COPY holds META and the labels once more, the label table says how many entries there
/// are, blocks and frames follow one another, and a block shows how it is coded). What is cut off the end of a file is
/// damage like any other. Nothing is kept of a page that no checksum proves.
///
/// # Errors
/// `Corrupt` for bytes that are not a segment at all, or of which no page is proven whole, as of one that was cut off
/// inside its keys: their labels and checksums stood behind them; `Unsupported` for another version; whatever `each` says.
pub fn salvage<'a>(bytes: &[u8], each: &'a mut Each<'a>) -> Result<Salvage> {
    salvage_with(bytes, SalvageOptions::default(), each)
}

/// As [`salvage`], and what `options` say.
///
/// # Errors
/// As [`salvage`]; `Corrupt` only where no page can be kept.
pub fn salvage_with<'a>(bytes: &[u8], options: SalvageOptions<'a>, each: &'a mut Each<'a>) -> Result<Salvage> {
    if let Err(e) = super::decode::open_container(bytes)
        && e.kind() == crate::Kind::Unsupported
        && crate::container::header_holds(bytes)
    {
        return Err(e);
    }
    let remains = Remains::find(bytes, &options);
    let Some(keys) = remains.part(KIND_KEYS).filter(|_| remains.any_whole()) else { return Err(remains.nothing()) };
    let damaged = remains.parts.iter().filter(|p| !p.all_whole()).map(|p| p.name.clone()).collect();
    let stated = remains.entries;
    let next_id = remains.meta.map(|m| m.next_id);
    let out = Salvage { stated, next_id, damaged, ..Salvage::default() };
    let mut keeper = Keeper { out, options, each, last: None, waiting: 0 };
    match (stated, remains.shape(keys)) {
        (Some(entries), Some(shape)) if remains.is_compressed(keys) => {
            walk_frames(&remains, keys, &shape, entries, &mut keeper)?;
        }
        (Some(entries), Some(shape)) => walk_blocks(&remains, keys, &shape, entries, &mut keeper)?,
        (Some(entries), None) => {
            let (start, len) = place(keys);
            keeper.lose(start, len, 0, Some(entries), UNREADABLE);
        }
        (None, shape) => count_blocks(&remains, keys, shape.as_ref(), &mut keeper)?,
    }
    Ok(keeper.out)
}

const DAMAGED: &str = "a page of the keys is damaged, or its checksum is";
const UNLABELLED: &str = "the label table and its copy are damaged";
const UNPLACED: &str = "where its block begins is not known";
const OUT_OF_ORDER: &str = "no checksum proves its page, and its keys are out of order";
const UNREADABLE: &str = "META and its copy are damaged, and no block shows how it is coded";

/// Where the keys begin in the file, and their length.
fn place(keys: &Part) -> (u64, u64) {
    (keys.section.range.start as u64, keys.section.len() as u64)
}

/// Keeps the pairs of a block; those whose label is not known are lost, but for one that was asked for. A block in pages
/// that nothing proves is lost where it is out of order.
fn keep_block(r: &Remains<'_>, entries: &Unpacked, rank: u64, at: (u64, u64), keeper: &mut Keeper<'_>) -> Result<()> {
    let keys = r.part(KIND_KEYS);
    let unproven = keys.is_some_and(|keys| keys.is_unproven(at.0.saturating_sub(place(keys).0), at.1));
    let label = |rank| r.label_of(rank).or(keeper.options.label);
    if unproven {
        // Within the block alone: of two blocks that do not follow each other nobody knows which one is wrong.
        let pairs = (rank..).zip(entries.entries()).filter_map(|(rank, (key, _))| Some((label(rank)?, key)));
        if !pairs.is_sorted_by(|a, b| a < b) {
            keeper.lose(at.0, at.1, rank, Some(entries.count as u64), OUT_OF_ORDER);
            return Ok(());
        }
    }
    for (rank, (key, id)) in (rank..).zip(entries.entries()) {
        let known = r.label_of(rank);
        match known.or(keeper.options.label) {
            Some(label) => keeper.keep(label, key, id)?,
            None => {
                keeper.lose(at.0, at.1, rank, Some(1), UNLABELLED);
                continue;
            }
        }
        keeper.out.unproven += u64::from(unproven);
        keeper.out.unlabelled += u64::from(known.is_none());
    }
    Ok(())
}

fn walk_blocks(r: &Remains<'_>, keys: &Part, shape: &Shape, entries: u64, keeper: &mut Keeper<'_>) -> Result<()> {
    let (start, len) = place(keys);
    let mut unpacked = Unpacked::default();
    let mut follows = Some(0);
    // A block that was found behind a gap, and up to which one there is no other to be found.
    let (mut found, mut searched): (Option<(u64, u64)>, u64) = (None, 0);
    // Every block takes bytes: more of them than that are not looked for.
    let blocks = entries.div_ceil(shape.size).min(len);
    for b in 0..blocks {
        let (rank, count) = (b * shape.size, shape.count(b));
        // The directory says where a block begins, or the end of the one before it does, or those behind it.
        let again = || found.filter(|f| f.0 == b).map(|f| f.1);
        let Some(from) = r.offset(shape, b).or(follows).or_else(again).filter(|&f| f < len) else {
            keeper.lose(start, 0, rank, count, UNPLACED);
            follows = None;
            continue;
        };
        let known = r.offset(shape, b + 1).filter(|&to| to > from);
        let bytes = match known {
            Some(to) => keys.slice(r.bytes, from, to - from),
            None => keys.block(r.bytes, from),
        };
        let read = bytes.and_then(|bytes| shape.unpack(bytes, b, &mut unpacked));
        let read = read.filter(|n| known.is_none_or(|to| to - from == *n));
        let at = (start + from, known.map_or(read.unwrap_or(0), |to| to - from));
        match read {
            Some(_) => keep_block(r, &unpacked, rank, at, keeper)?,
            None => keeper.lose(at.0, at.1, rank, count, DAMAGED),
        }
        follows = known.or(read.map(|n| from + n));
        if follows.is_none() && b >= searched {
            (searched, found) = r.leading(keys, shape, b + 1, blocks);
        }
    }
    let rank = blocks * shape.size;
    keeper.lose(start + len, 0, rank, Some(entries.saturating_sub(rank)), UNPLACED);
    Ok(())
}

fn walk_frames(r: &Remains<'_>, keys: &Part, shape: &Shape, entries: u64, keeper: &mut Keeper<'_>) -> Result<()> {
    let (start, len) = place(keys);
    let size = shape.size;
    let lose = |keeper: &mut Keeper<'_>, (from, to): (u64, u64), (b, next): (u64, u64), why| {
        let first = b.saturating_mul(size);
        let pairs = next.saturating_mul(size).min(entries).saturating_sub(first);
        keeper.lose(start + from, to.saturating_sub(from), first, Some(pairs), why);
    };
    let mut unpacked = Unpacked::default();
    // The block that comes next; where there is a gap, the first one in it.
    let mut b = 0;
    let mut gap: Option<(u64, &'static str)> = None;
    for frame in r.frames(keys) {
        if let Some((from, why)) = gap
            && let Some(next) = frame.first.and_then(|first| r.block_at(shape, first)).filter(|next| *next >= b)
        {
            lose(keeper, (from, frame.at), (b, next), why);
            (b, gap) = (next, None);
        }
        if gap.is_some() {
            // Which labels its pairs have is told by their ranks, and those are not known.
            continue;
        }
        let blocks = frame.blocks(r.bytes, keys);
        let mut rest = blocks.as_deref().unwrap_or(&[]);
        while !rest.is_empty() {
            let Some(n) = shape.unpack(rest, b, &mut unpacked) else { break };
            keep_block(r, &unpacked, b * size, (start + frame.at, frame.end - frame.at), keeper)?;
            rest = usize::try_from(n).ok().and_then(|n| rest.get(n..)).unwrap_or(&[]);
            b += 1;
        }
        if blocks.is_none() {
            gap = Some((frame.at, DAMAGED));
        } else if !rest.is_empty() {
            gap = Some((frame.at, "its frame does not hold its blocks"));
        }
    }
    let (from, why) = gap.unwrap_or((len, UNPLACED));
    lose(keeper, (from, len), (b, u64::MAX), why);
    Ok(())
}

/// Without META and labels no pair is known whole. How many there were is told as far as blocks follow one another; so far they
/// are kept under a label that was asked for.
fn count_blocks(r: &Remains<'_>, keys: &Part, shape: Option<&Shape>, keeper: &mut Keeper<'_>) -> Result<()> {
    let (start, len) = place(keys);
    let mut unpacked = Unpacked::default();
    let (mut at, mut pairs, mut b) = (0, 0, 0);
    let mut count = |bytes: &[u8], at: (u64, Option<u64>)| {
        let Some(n) = shape.and_then(|shape| shape.unpack(bytes, b, &mut unpacked)) else { return Ok(None) };
        if keeper.options.label.is_some() {
            keep_block(r, &unpacked, pairs, (start + at.0, at.1.unwrap_or(n)), keeper)?;
        }
        (b, pairs) = (b + 1, pairs + unpacked.count as u64);
        Ok(Some(n))
    };
    if r.is_compressed(keys) {
        for frame in r.frames(keys) {
            let Some(blocks) = frame.blocks(r.bytes, keys) else { break };
            let mut rest = &blocks[..];
            while let Some(n) = count(rest, (frame.at, Some(frame.end - frame.at)))? {
                rest = usize::try_from(n).ok().and_then(|n| rest.get(n..)).unwrap_or(&[]);
            }
            if !rest.is_empty() {
                break;
            }
            at = frame.end;
        }
    } else {
        while let Some(bytes) = keys.block(r.bytes, at)
            && let Some(n) = count(bytes, (at, None))?
        {
            at += n;
        }
    }
    if keeper.options.label.is_none() {
        keeper.lose(start, at, 0, Some(pairs), UNLABELLED);
    }
    if at < len || len == 0 {
        let why = if shape.is_none() { UNREADABLE } else { DAMAGED };
        keeper.lose(start + at, len - at, pairs, None, why);
    }
    Ok(())
}
