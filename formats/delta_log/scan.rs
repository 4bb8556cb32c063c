//! Reading every byte of a segment: what is whole, what is damaged, and what lies behind the damage.

use super::assemble::{Assembler, Transaction, TxHead};
use super::footer::{Counts, Footer, IndexEntry};
use super::frame::{FrameKind, Reason};
use super::header::SegmentHeader;
use super::layout::{FRAME_ALIGN, HEADER_LEN, INDEX_STRIDE};
use super::payload::CheckpointInfo;
use super::skim::{Known, skim_whole};
use super::stretch::{Stretch, Taker};
use super::tally::Tally;
use super::walk::{Frame, Source, Step, Stop, Walker};
use crate::Result;

/// A place where frames do not follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub offset: u64,
    /// Where the next whole frame stands, or the file ends.
    pub end: u64,
    pub reason: Reason,
    /// The LSN that was due at `offset`.
    pub lsn: u64,
    /// LSN of the next whole frame, when there is one.
    pub resumed_lsn: Option<u64>,
    pub message: String,
}

/// What a scan found.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Of every whole transaction.
    pub tally: Tally,
    /// Of the whole transactions before the first damage.
    pub clean: Tally,
    /// Offset behind the last whole transaction or marker before the first damage.
    pub clean_end: u64,
    pub damage: Vec<Damage>,
    /// Highest durable watermark in any whole frame.
    pub watermark: u64,
    /// Frames whose checksums hold behind `clean_end`.
    pub later_frames: u64,
    /// Offset and id of a transaction without its end, at the end of the segment.
    pub unfinished: Option<(u64, u64)>,
    /// Ids of transactions of which only a part is there.
    pub partial: Vec<u64>,
    pub stop: Stop,
    /// Offset where frames stop.
    pub end: u64,
    /// The footer frame: its offset, its length, and what it says.
    pub footer: Option<(u64, u64, Footer)>,
}

/// Where a whole transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub offset: u64,
    pub end: u64,
    pub frames: u64,
    /// It stands before any damage.
    pub clean: bool,
}

impl Scan {
    /// The scan of a segment from the scan of its front and that of the rest, which began at `from` with the LSN `lsn`;
    /// `None` where the front does not end just there, whole. For the sparse index, which only sealed segments keep, the
    /// pieces are counted apart.
    pub fn join(self, rest: Scan, (from, lsn): (u64, u64), given: bool) -> Option<Scan> {
        let due = self.tally.counts.next_lsn;
        let follows = self.end == from && (due == lsn || (given && due < lsn));
        if !follows || self.stop != Stop::Limit || !self.damage.is_empty() || self.unfinished.is_some() {
            return None;
        }
        let watermark = self.watermark.max(rest.watermark);
        let clean = self.tally.clone().join(rest.clean);
        Some(Scan { tally: self.tally.join(rest.tally), clean, watermark, ..rest })
    }
}

/// The first place at `near` or behind it, and before `end`, where a transaction seems to begin, with its LSN. Whether it
/// is one is known once the frames before it were found to end there.
///
/// # Errors
/// `Io` from the source.
pub fn find_start(src: &mut impl Source, header: &SegmentHeader, near: u64, end: u64) -> Result<Option<(u64, u64)>> {
    let before = near.saturating_sub(FRAME_ALIGN as u64).max(HEADER_LEN as u64);
    let mut walker = Walker::from(header.seed(), header.given, 1, Some(end.min(src.len())), before);
    if !walker.resync_in_place(src)? {
        return Ok(None);
    }
    while let Step::Frame(frame) = walker.step(src)? {
        if frame.head.whole || frame.head.kind == FrameKind::Begin {
            return Ok(Some((frame.offset, frame.head.lsn)));
        }
    }
    Ok(None)
}

struct Scanner<'a, F> {
    out: Scan,
    asm: Assembler,
    /// Offset and frames of the transaction that is being put together.
    begin: u64,
    frames: u64,
    /// Operations are kept for `each`.
    keep: bool,
    /// Bytes of a stretch, at most, unless one transaction alone is longer.
    most: u64,
    known: Known,
    each: &'a mut F,
}

/// Scans the frames of a segment up to `limit` (its end, when that is known) and hands each whole transaction to `each`.
///
/// # Errors
/// `Io` from the source; what `each` says. Damage is not an error here.
pub fn scan<S: Source, F: FnMut(&Transaction, Span) -> Result<()>>(
    src: &mut S,
    header: &SegmentHeader,
    limit: Option<u64>,
    mut each: F,
) -> Result<Scan> {
    let walker = Walker::new(header.seed(), header.given, header.base_lsn, limit);
    run(src, header, walker, (true, 0), |s, tx| {
        let span = Span { offset: s.offset, end: s.end, frames: s.frames, clean: s.clean };
        tx.map_or(Ok(()), |tx| each(tx, span))
    })
}

/// [`scan`] that checks the operations as well, and keeps none of them: the transactions come by stretches of about
/// [`INDEX_STRIDE`] bytes.
///
/// # Errors
/// As [`scan`].
pub fn skim<S: Source, F: FnMut(&Stretch) -> Result<()>>(
    src: &mut S,
    header: &SegmentHeader,
    limit: Option<u64>,
    each: F,
) -> Result<Scan> {
    skim_from(src, header, (HEADER_LEN as u64, header.base_lsn), limit, INDEX_STRIDE, each)
}

/// [`skim`] from a frame on that begins at `from` with the LSN `next_lsn`, outside any transaction; a stretch has `most`
/// bytes unless one transaction alone is longer, and is one transaction where that is 0.
///
/// # Errors
/// As [`scan`].
pub fn skim_from<S: Source, F: FnMut(&Stretch) -> Result<()>>(
    src: &mut S,
    header: &SegmentHeader,
    (from, next_lsn): (u64, u64),
    limit: Option<u64>,
    most: u64,
    mut each: F,
) -> Result<Scan> {
    let walker = Walker::from(header.seed(), header.given, next_lsn, limit, from);
    run(src, header, walker, (false, most), |stretch, _| each(stretch))
}

fn run<S: Source, F: FnMut(&Stretch, Option<&Transaction>) -> Result<()>>(
    src: &mut S,
    header: &SegmentHeader,
    mut walker: Walker,
    (keep, most): (bool, u64),
    mut each: F,
) -> Result<Scan> {
    let mut s = Scanner::new(header, &walker, (keep, most), &mut each);
    loop {
        s.plain(&mut walker, src)?;
        let (from, due) = (walker.at(), walker.next_lsn());
        match walker.step(src)? {
            Step::Frame(frame) => {
                let plain = !keep && frame.head.whole && s.asm.open_at().is_none();
                match plain.then(|| skim_whole(&frame, header.given, &mut s.out.tally.touches, &mut s.known)).flatten()
                {
                    Some(head) => s.whole(&frame, &head)?,
                    None => s.frame(&frame, due)?,
                }
            }
            Step::Stop(Stop::Bad(reason)) => {
                s.lose_open();
                let found = walker.resync(src)?;
                let end = if found { walker.at() } else { src.len().max(from) };
                s.damaged(from, end, reason, due, None);
                if !found {
                    s.out.stop = Stop::Bad(reason);
                    break;
                }
            }
            Step::Stop(stop) => {
                s.out.stop = stop;
                break;
            }
        }
    }
    s.out.end = walker.at();
    s.out.unfinished = s.asm.open_at().zip(s.asm.open_txn());
    if s.out.damage.is_empty() {
        s.out.clean = s.out.tally.clone();
    }
    Ok(s.out)
}

/// What stretches are counted in.
struct Counter<'a, F> {
    counts: &'a mut Counts,
    index: &'a mut Vec<IndexEntry>,
    watermark: &'a mut u64,
    clean_end: &'a mut u64,
    most: u64,
    each: &'a mut F,
}

impl<F: FnMut(&Stretch, Option<&Transaction>) -> Result<()>> Taker for Counter<'_, F> {
    fn bound(&self, offset: u64) -> u64 {
        let entry = Tally::next_entry(self.index, offset);
        // The transaction at `offset` has a place in the index itself where it reaches that.
        let entry = if offset >= entry { offset.saturating_add(INDEX_STRIDE) } else { entry };
        entry.min(offset.saturating_add(self.most))
    }

    fn take(&mut self, stretch: &Stretch) -> Result<()> {
        Tally::count_in(self.counts, self.index, stretch);
        *self.watermark = (*self.watermark).max(stretch.watermark);
        *self.clean_end = stretch.end;
        (self.each)(stretch, None)
    }
}

impl<F: FnMut(&Stretch, Option<&Transaction>) -> Result<()>> Scanner<'_, F> {
    fn new<'e>(header: &SegmentHeader, walker: &Walker, (keep, most): (bool, u64), each: &'e mut F) -> Scanner<'e, F> {
        let tally = Tally::new(walker.next_lsn(), header.base_txn);
        let out = Scan {
            clean: tally.clone(),
            tally,
            clean_end: walker.at(),
            damage: Vec::new(),
            watermark: header.watermark,
            later_frames: 0,
            unfinished: None,
            partial: Vec::new(),
            stop: Stop::ZeroFill,
            end: walker.at(),
            footer: None,
        };
        let (asm, known) = (Assembler::new(header.given), Known::default());
        Scanner { out, asm, begin: 0, frames: 0, keep, most, known, each }
    }

    /// Takes what is at hand the short way, before any damage.
    fn plain(&mut self, walker: &mut Walker, src: &impl Source) -> Result<()> {
        if self.keep || !self.out.damage.is_empty() || self.asm.open_at().is_some() {
            return Ok(());
        }
        let Scan { tally, watermark, clean_end, later_frames, .. } = &mut self.out;
        let Tally { counts, touches, index } = tally;
        let mut counter = Counter { counts, index, watermark, clean_end, most: self.most, each: &mut *self.each };
        let before = walker.at();
        walker.plain(src, touches, &mut self.known, &mut counter)?;
        if walker.at() > before {
            *later_frames = 0;
        }
        Ok(())
    }

    fn lose_open(&mut self) {
        if let Some(txn) = self.asm.open_txn() {
            self.out.partial.push(txn);
            self.asm.reset();
        }
    }

    fn damaged(&mut self, offset: u64, end: u64, reason: Reason, lsn: u64, message: Option<String>) {
        if self.out.damage.is_empty() {
            self.out.clean = self.out.tally.clone();
        }
        let message = message.unwrap_or_else(|| describe(reason).to_owned());
        self.out.damage.push(Damage { offset, end, reason, lsn, resumed_lsn: None, message });
    }

    fn resumed(&mut self, frame: &Frame<'_>) {
        if let Some(last) = self.out.damage.last_mut() {
            last.resumed_lsn.get_or_insert(frame.head.lsn);
        }
    }

    /// A transaction of one frame, whose touches are added.
    #[inline]
    fn whole(&mut self, frame: &Frame<'_>, head: &TxHead) -> Result<()> {
        self.resumed(frame);
        let (offset, end) = (frame.offset, frame.offset + frame.len);
        let stretch = Stretch::of(head, (offset, end), 1, self.out.damage.is_empty());
        self.count(&stretch, None)
    }

    fn count(&mut self, stretch: &Stretch, tx: Option<&Transaction>) -> Result<()> {
        self.out.tally.count_all(stretch);
        self.out.watermark = self.out.watermark.max(stretch.watermark);
        self.settle(stretch.clean, stretch.end);
        (self.each)(stretch, tx)
    }

    fn frame(&mut self, frame: &Frame<'_>, due: u64) -> Result<()> {
        self.resumed(frame);
        let was_open = self.asm.open_at().is_some();
        if !was_open {
            self.begin = frame.offset;
            self.frames = 0;
        }
        self.frames += 1;
        let end = frame.offset + frame.len;
        let pushed = if self.keep {
            self.asm.push(frame).map(|tx| tx.map(|tx| (tx.head(), Some(tx))))
        } else {
            self.asm.skim(frame, &mut self.out.tally.touches).map(|head| head.map(|head| (head, None)))
        };
        match pushed {
            Ok(Some((head, tx))) => {
                for (_, _, op) in tx.iter().flat_map(|tx| &tx.ops) {
                    self.out.tally.touches.add(op);
                }
                let clean = self.out.damage.is_empty();
                self.count(&Stretch::of(&head, (self.begin, end), self.frames, clean), tx.as_ref())
            }
            Ok(None) => {
                self.marker(frame, end, due);
                Ok(())
            }
            Err(e) => {
                self.lose_open();
                self.damaged(frame.offset, end, Reason::Content, due, Some(e.to_string()));
                self.out.later_frames += 1;
                // The end of a transaction whose beginning is lost.
                self.out.watermark = self.out.watermark.max(frame.watermark().unwrap_or(0));
                Ok(())
            }
        }
    }

    /// What was counted as loose before belongs to something whole now.
    fn settle(&mut self, clean: bool, end: u64) {
        if clean {
            self.out.clean_end = end;
            self.out.later_frames = 0;
        } else {
            self.out.later_frames += 1;
        }
    }

    fn marker(&mut self, frame: &Frame<'_>, end: u64, due: u64) {
        let clean = self.out.damage.is_empty();
        let next_lsn = frame.head.next_lsn();
        match frame.head.kind {
            FrameKind::Checkpoint => match CheckpointInfo::decode(&mut &*frame.payload) {
                Ok(info) => {
                    self.out.watermark = self.out.watermark.max(info.watermark);
                    self.out.tally.marker(info.next_lsn, info.next_txn);
                    self.settle(clean, end);
                }
                Err(e) => self.damaged(frame.offset, end, Reason::Content, due, Some(e.to_string())),
            },
            FrameKind::Abort => {
                self.out.tally.marker(next_lsn, frame.head.txn.saturating_add(1));
                self.settle(clean, end);
            }
            FrameKind::Footer => match Footer::decode(frame.payload) {
                Ok(footer) => self.out.footer = Some((frame.offset, frame.len, footer)),
                Err(e) => self.damaged(frame.offset, end, Reason::Content, due, Some(e.to_string())),
            },
            FrameKind::Begin | FrameKind::Data | FrameKind::Commit => self.out.later_frames += 1,
        }
    }
}

/// One sentence for people.
pub fn describe(reason: Reason) -> &'static str {
    match reason {
        Reason::Short => "the file ends inside a frame",
        Reason::ZeroGap => "zeros stand where a frame should, and data follows",
        Reason::HeaderChecksum => "frame header checksum does not match",
        Reason::HeaderField => "a field of the frame header breaks a rule",
        Reason::PayloadChecksum => "frame payload checksum does not match",
        Reason::LsnOrder => "the LSN is not the one that follows",
        Reason::NoZeroFill => "the file ends without its zero fill: it was shortened",
        Reason::Content => "frame content breaks a rule",
        Reason::Missing => "frames that were recorded as durable are missing",
    }
}
