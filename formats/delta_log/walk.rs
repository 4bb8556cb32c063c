//! Walking the frames of a segment. Reader, recovery and verifier all come through here.

use super::footer::Touches;
use super::frame::{FrameHead, FrameKind, Reason, frame_len, frame_payload};
use super::lane::Lane;
use super::layout::*;
use super::payload::{CheckpointInfo, CommitInfo};
use super::skim::Known;
use super::stretch::Taker;
use crate::Result;

/// The bytes of a segment, however they are held.
pub trait Source {
    fn len(&self) -> u64;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Exactly `len` bytes from `at` on.
    ///
    /// # Errors
    /// `Io`, or `Corrupt` when the file ends before.
    fn fetch(&mut self, at: u64, len: usize) -> Result<&[u8]>;

    /// Bytes from `at` on that need no reading, as many as there are: perhaps none.
    fn at_hand(&self, _at: u64) -> &[u8] {
        &[]
    }

    /// Told before a segment is read from its front: the checksum of its first `len` bytes will be asked for.
    fn sum_to(&mut self, _len: u64) {}

    /// CRC32C of the first bytes, as many as [`Source::sum_to`] said, if it was taken while they were read.
    fn sum(&self) -> Option<u32> {
        None
    }
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn fetch(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let at = usize::try_from(at).ok();
        at.and_then(|at| self.get(at..at.checked_add(len)?))
            .ok_or_else(|| crate::Error::corrupt("the file ends inside a frame").offset(<[u8]>::len(self) as u64))
    }

    fn at_hand(&self, at: u64) -> &[u8] {
        usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or(&[])
    }
}

/// A frame whose checksums hold.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub offset: u64,
    /// With header, padding and checksum.
    pub len: u64,
    pub head: FrameHead,
    pub payload: &'a [u8],
}

/// Where frames stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Nothing but zeros from here to the end of the file.
    ZeroFill,
    /// The limit that the walker was given.
    Limit,
    /// The footer frame was the last one.
    Footer,
    /// The bytes here are no frame that can stand here.
    Bad(Reason),
}

impl Frame<'_> {
    /// The durable watermark that a Commit or a Checkpoint carries, whatever became of the frames before it.
    pub fn watermark(&self) -> Option<u64> {
        let mut rest = self.payload;
        let (watermark, below) = match self.head.kind {
            FrameKind::Commit => (CommitInfo::decode(&mut rest).ok()?.watermark, self.head.lsn),
            FrameKind::Checkpoint => {
                let info = CheckpointInfo::decode(&mut rest).ok()?;
                (info.watermark, info.next_lsn)
            }
            _ => return None,
        };
        (rest.is_empty() && watermark < below).then_some(watermark)
    }
}

#[derive(Debug)]
pub enum Step<'a> {
    Frame(Frame<'a>),
    Stop(Stop),
}

/// Steps from frame to frame. Holds a position, not bytes: every call takes the same source.
#[derive(Debug, Clone)]
pub struct Walker {
    seed: u32,
    given: bool,
    at: u64,
    next_lsn: u64,
    limit: Option<u64>,
    /// The frame before was lost, so the LSN may have moved on.
    resynced: bool,
    /// The frame here is bad for nothing but those that are missing before it.
    late: bool,
    footer: bool,
    /// Bytes that were looked at in a search because a header asked for them, in vain.
    spent: u64,
}

/// A hostile file may hold many headers that claim long payloads: what is spent on checking them in vain is bounded, for all
/// of the file together.
pub(super) fn most_spent(src: &impl Source) -> u64 {
    src.len().saturating_mul(4).saturating_add(1 << 20)
}

/// Bytes looked at together when searching.
const CHUNK: u64 = 64 << 10;
/// A header begins so far behind the first of [`BLANK`] zeros at least: its kind is none.
const PASSED: usize = BLANK - FRAME_OFF_KIND;
const BLANK: usize = 16;

impl Walker {
    /// From the first frame of a segment. `limit` is where its frames end, where that is known.
    pub fn new(seed: u32, given: bool, base_lsn: u64, limit: Option<u64>) -> Walker {
        Self::from(seed, given, base_lsn, limit, HEADER_LEN as u64)
    }

    /// From a frame that starts at `at` (an entry of the sparse index).
    pub fn from(seed: u32, given: bool, next_lsn: u64, limit: Option<u64>, at: u64) -> Walker {
        Walker { seed, given, at, next_lsn, limit, resynced: false, late: false, footer: false, spent: 0 }
    }

    /// Offset of the next frame.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// LSN that the next operation or commit must have (at least, in a log whose LSNs are given).
    pub fn next_lsn(&self) -> u64 {
        self.next_lsn
    }

    /// Takes the frames that are at hand and plain, and hands the transactions to `taker`.
    ///
    /// # Errors
    /// What `taker` says.
    #[inline(always)]
    pub(super) fn plain(
        &mut self,
        src: &impl Source,
        touches: &mut Touches,
        known: &mut Known,
        taker: &mut impl Taker,
    ) -> Result<()> {
        if self.resynced || self.footer {
            return Ok(());
        }
        let left = self.limit.unwrap_or(u64::MAX).min(src.len()).saturating_sub(self.at);
        let bytes = src.at_hand(self.at);
        let bytes = usize::try_from(left).ok().and_then(|left| bytes.get(..left)).unwrap_or(bytes);
        let mut lane = Lane { seed: self.seed, given: self.given, at: self.at, next_lsn: self.next_lsn };
        let done = lane.run(bytes, touches, known, taker);
        (self.at, self.next_lsn) = (lane.at, lane.next_lsn);
        done
    }

    /// The next frame, or where and why there is none. At a bad frame the walker stays; [`Walker::resync`] moves on.
    ///
    /// # Errors
    /// `Io` from the source.
    // Where it is called for every frame of a log, copying what it returns costs as much as the checksums.
    #[inline(always)]
    pub fn step<'s>(&mut self, src: &'s mut impl Source) -> Result<Step<'s>> {
        let stop = |s| Ok(Step::Stop(s));
        if self.footer {
            return stop(Stop::Footer);
        }
        let end = self.limit.unwrap_or(u64::MAX).min(src.len());
        let left = end.saturating_sub(self.at);
        if left == 0 && self.limit.is_some_and(|l| l <= src.len()) {
            return stop(Stop::Limit);
        }
        if left < FRAME_HEADER_LEN as u64 {
            let zero = left > 0 && self.limit.is_none() && src.fetch(self.at, left as usize)?.iter().all(|&b| b == 0);
            let why = if left == 0 { Reason::NoZeroFill } else { Reason::Short };
            return stop(if zero { Stop::ZeroFill } else { Stop::Bad(why) });
        }
        let header = src.fetch(self.at, FRAME_HEADER_LEN)?;
        if header.iter().all(|&b| b == 0) {
            let data = find_nonzero(src, self.at, src.len())?.is_some() || self.limit.is_some();
            return stop(if data { Stop::Bad(Reason::ZeroGap) } else { Stop::ZeroFill });
        }
        let (head, len, crc) = match FrameHead::decode(header, self.seed) {
            Ok(parts) => parts,
            Err(reason) => return stop(Stop::Bad(reason)),
        };
        let total = frame_len(len) as u64;
        if total > left {
            return stop(Stop::Bad(Reason::Short));
        }
        let in_order = head.lsn == self.next_lsn || ((self.given || self.resynced) && head.lsn > self.next_lsn);
        if !in_order {
            self.late = head.lsn > self.next_lsn;
            return stop(Stop::Bad(Reason::LsnOrder));
        }
        let payload = match frame_payload(src.fetch(self.at, total as usize)?, len, crc) {
            Ok(payload) => payload,
            Err(reason) => return stop(Stop::Bad(reason)),
        };
        let mut next_lsn = head.next_lsn();
        if head.kind == FrameKind::Checkpoint {
            let mut rest = payload;
            match CheckpointInfo::decode(&mut rest) {
                Ok(info) if rest.is_empty() && info.next_lsn >= next_lsn && info.in_bounds() => {
                    next_lsn = info.next_lsn
                }
                _ => return stop(Stop::Bad(Reason::Content)),
            }
        }
        let frame = Frame { offset: self.at, len: total, head, payload };
        self.at += total;
        self.next_lsn = next_lsn;
        (self.resynced, self.late) = (false, false);
        self.footer = head.kind == FrameKind::Footer;
        Ok(Step::Frame(frame))
    }

    /// Moves to the next place behind a bad frame where a frame stands whose checksums hold and whose LSN is not
    /// lower than the one due: to the bad one itself, where others are missing before it and that is all. Bytes that were
    /// added or lost move what is behind them, so it may stand anywhere. False when there is none; the walker then
    /// stays where it was.
    ///
    /// # Errors
    /// `Io` from the source.
    pub fn resync(&mut self, src: &mut impl Source) -> Result<bool> {
        let late = std::mem::take(&mut self.late);
        self.search(src, if late { self.at } else { self.at + 1 }, 1)
    }

    /// [`Walker::resync`] where only whole frames in their places are of use.
    ///
    /// # Errors
    /// As [`Walker::resync`].
    pub(super) fn resync_in_place(&mut self, src: &mut impl Source) -> Result<bool> {
        self.search(src, (self.at + 1).next_multiple_of(FRAME_ALIGN as u64), FRAME_ALIGN)
    }

    fn search(&mut self, src: &mut impl Source, mut pos: u64, step: usize) -> Result<bool> {
        let end = self.limit.unwrap_or(u64::MAX).min(src.len());
        let most = most_spent(src);
        let (seed, due) = (self.seed, self.next_lsn);
        while let Some((offset, head, len, crc)) = find_header(src, (pos, end), step, |h| FrameHead::decode(h, seed))? {
            let total = frame_len(len) as u64;
            if offset + total <= end && total <= most.saturating_sub(self.spent) {
                if frame_payload(src.fetch(offset, total as usize)?, len, crc).is_ok() && head.lsn >= due {
                    self.at = offset;
                    self.resynced = true;
                    return Ok(true);
                }
                self.spent += total;
            }
            pos = offset + step as u64;
        }
        Ok(false)
    }
}

/// The next place of those that are `step` bytes apart from `pos` on, and before `end`, whose bytes `decode` takes for a
/// frame header.
pub(super) fn find_header(
    src: &mut impl Source,
    (mut pos, end): (u64, u64),
    step: usize,
    decode: impl Fn(&[u8]) -> std::result::Result<(FrameHead, usize, u32), Reason>,
) -> Result<Option<(u64, FrameHead, usize, u32)>> {
    while pos.saturating_add(FRAME_HEADER_LEN as u64) <= end {
        let len = (end - pos).min(CHUNK + FRAME_HEADER_LEN as u64) as usize;
        let bytes = src.fetch(pos, len)?;
        let mut off = 0;
        while let Some(h) = bytes.get(off..off + FRAME_HEADER_LEN) {
            let kind = h[FRAME_OFF_KIND];
            // A live segment has many zeros behind its frames.
            if kind == 0 && h.first_chunk::<BLANK>().is_some_and(|b| u128::from_ne_bytes(*b) == 0) {
                off += PASSED / step * step;
                continue;
            }
            if FrameKind::from_byte(kind).is_some()
                && h[FRAME_OFF_FLAGS] <= FRAME_WHOLE
                && let Ok((head, len, crc)) = decode(h)
            {
                return Ok(Some((pos + off as u64, head, len, crc)));
            }
            off += step;
        }
        // Where the next one would begin that was not looked at.
        pos += off as u64;
    }
    Ok(None)
}

/// Offset of the first byte in `from..to` that is not zero.
///
/// # Errors
/// `Io` from the source.
pub fn find_nonzero(src: &mut impl Source, from: u64, to: u64) -> Result<Option<u64>> {
    let mut pos = from;
    while pos < to {
        let bytes = src.fetch(pos, (to - pos).min(CHUNK) as usize)?;
        if let Some(i) = bytes.iter().position(|&b| b != 0) {
            return Ok(Some(pos + i as u64));
        }
        pos += bytes.len() as u64;
    }
    Ok(None)
}
