//! One frame: header, payload, padding, checksums. No meaning here, only bytes.

use super::crc::crc32c_append;
use super::header::{u16_at, u32_at, u64_at};
use super::layout::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    Begin,
    Data,
    Commit,
    Abort,
    Checkpoint,
    Footer,
}

impl FrameKind {
    #[inline]
    pub fn from_byte(b: u8) -> Option<FrameKind> {
        Some(match b {
            KIND_BEGIN => FrameKind::Begin,
            KIND_DATA => FrameKind::Data,
            KIND_COMMIT => FrameKind::Commit,
            KIND_ABORT => FrameKind::Abort,
            KIND_CHECKPOINT => FrameKind::Checkpoint,
            KIND_FOOTER => FrameKind::Footer,
            _ => return None,
        })
    }

    pub fn byte(self) -> u8 {
        match self {
            FrameKind::Begin => KIND_BEGIN,
            FrameKind::Data => KIND_DATA,
            FrameKind::Commit => KIND_COMMIT,
            FrameKind::Abort => KIND_ABORT,
            FrameKind::Checkpoint => KIND_CHECKPOINT,
            FrameKind::Footer => KIND_FOOTER,
        }
    }
}

/// The fields of a frame header. `len` and the checksum follow from the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    pub kind: FrameKind,
    /// The frame is a whole transaction (Data only).
    pub whole: bool,
    /// LSNs that the frame takes: its operations, and its commit.
    pub lsn_count: u16,
    /// The first of them; for a frame that takes none, the next one to be given.
    pub lsn: u64,
    pub txn: u64,
}

/// What is wrong with the bytes where a frame should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The bytes of the frame, or of its header, end with the file.
    Short,
    /// Zeros stand where a frame should, and data follows them.
    ZeroGap,
    HeaderChecksum,
    /// The header holds, but a field breaks a rule.
    HeaderField,
    PayloadChecksum,
    /// The LSN is not the one that follows.
    LsnOrder,
    /// The file ends without the zero fill that a live segment has.
    NoZeroFill,
    /// The payload holds, but cannot be decoded, or breaks the order of a transaction.
    Content,
    /// The frames end before what was recorded as durable or sealed.
    Missing,
}

impl Reason {
    /// Stable name, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Short => "short_file",
            Reason::ZeroGap => "zero_gap",
            Reason::HeaderChecksum => "frame_header_checksum",
            Reason::HeaderField => "frame_header_field",
            Reason::PayloadChecksum => "payload_checksum",
            Reason::LsnOrder => "lsn_order",
            Reason::NoZeroFill => "no_zero_fill",
            Reason::Content => "content",
            Reason::Missing => "missing",
        }
    }
}

/// Bytes that a payload of this length takes with header, padding and checksum.
#[inline]
pub fn frame_len(payload_len: usize) -> usize {
    (FRAME_HEADER_LEN + payload_len + FRAME_CRC_LEN).next_multiple_of(FRAME_ALIGN)
}

impl FrameHead {
    /// The header's bytes and its checksum.
    fn encode(&self, seed: u32, payload_len: usize) -> ([u8; FRAME_HEADER_LEN], u32) {
        let mut h = [0; FRAME_HEADER_LEN];
        h[FRAME_OFF_LEN..FRAME_OFF_LEN + 4].copy_from_slice(&(payload_len as u32).to_le_bytes());
        h[FRAME_OFF_KIND] = self.kind.byte();
        h[FRAME_OFF_FLAGS] = if self.whole { FRAME_WHOLE } else { 0 };
        h[FRAME_OFF_LSN_COUNT..FRAME_OFF_LSN_COUNT + 2].copy_from_slice(&self.lsn_count.to_le_bytes());
        h[FRAME_OFF_LSN..FRAME_OFF_LSN + 8].copy_from_slice(&self.lsn.to_le_bytes());
        h[FRAME_OFF_TXN..FRAME_OFF_TXN + 8].copy_from_slice(&self.txn.to_le_bytes());
        let crc = crc32c_append(seed, &h[..FRAME_OFF_CRC]);
        h[FRAME_OFF_CRC..].copy_from_slice(&crc.to_le_bytes());
        (h, crc)
    }

    /// Checks and parses a header; also gives the payload's length and the header's checksum.
    ///
    /// # Errors
    /// The reason why these bytes are not a frame's header.
    #[inline(always)]
    pub fn decode(h: &[u8], seed: u32) -> Result<(FrameHead, usize, u32), Reason> {
        Self::decode_by(h, seed, crc32c_append)
    }

    /// [`FrameHead::decode`] with another way to take the checksum.
    #[inline(always)]
    pub(super) fn decode_by(
        h: &[u8],
        seed: u32,
        sum: impl Fn(u32, &[u8]) -> u32,
    ) -> Result<(FrameHead, usize, u32), Reason> {
        let Some(h) = h.get(..FRAME_HEADER_LEN) else { return Err(Reason::Short) };
        let crc = u32_at(h, FRAME_OFF_CRC);
        if sum(seed, &h[..FRAME_OFF_CRC]) != crc {
            return Err(Reason::HeaderChecksum);
        }
        let kind = FrameKind::from_byte(h[FRAME_OFF_KIND]).ok_or(Reason::HeaderField)?;
        let flags = h[FRAME_OFF_FLAGS];
        let whole = flags == FRAME_WHOLE;
        let len = u32_at(h, FRAME_OFF_LEN) as usize;
        let head = FrameHead {
            kind,
            whole,
            lsn_count: u16_at(h, FRAME_OFF_LSN_COUNT),
            lsn: u64_at(h, FRAME_OFF_LSN),
            txn: u64_at(h, FRAME_OFF_TXN),
        };
        let takes = match kind {
            FrameKind::Data => head.lsn_count >= 1,
            FrameKind::Commit => head.lsn_count == 1,
            _ => head.lsn_count == 0,
        };
        let flags_ok = flags == 0 || (whole && kind == FrameKind::Data);
        let lsn_ok = head.lsn != 0 && head.next_lsn() <= MAX_NUMBER && head.txn <= MAX_NUMBER;
        if !takes || !flags_ok || !lsn_ok || len > MAX_PAYLOAD_LEN {
            return Err(Reason::HeaderField);
        }
        Ok((head, len, crc))
    }

    /// The LSN after the last one that the frame takes.
    #[inline]
    pub fn next_lsn(&self) -> u64 {
        self.lsn.saturating_add(u64::from(self.lsn_count))
    }
}

/// Appends a frame. `payload_crc` is the plain CRC32C of the payload, so that it can be taken before the LSN is known.
pub fn put_frame(out: &mut Vec<u8>, seed: u32, head: &FrameHead, payload: &[u8], payload_crc: u32) {
    put_frame_around(out, seed, head, |out| {
        out.extend_from_slice(payload);
        payload_crc
    });
}

/// [`put_frame`] around a payload that `put` appends; it gives the payload's CRC32C.
pub(super) fn put_frame_around(out: &mut Vec<u8>, seed: u32, head: &FrameHead, put: impl FnOnce(&mut Vec<u8>) -> u32) {
    let at = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER_LEN]);
    let payload_crc = put(out);
    let len = out.len() - at - FRAME_HEADER_LEN;
    let (h, header_crc) = head.encode(seed, len);
    out[at..at + FRAME_HEADER_LEN].copy_from_slice(&h);
    let pad = &[0u8; FRAME_ALIGN][..frame_len(len) - FRAME_HEADER_LEN - len - FRAME_CRC_LEN];
    out.extend_from_slice(pad);
    let crc = crc32c_append(payload_crc, pad) ^ header_crc;
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The payload of a whole frame's bytes, once its checksum holds.
///
/// # Errors
/// `Short`, `PayloadChecksum`, or `HeaderField` for padding that is not zero.
#[inline(always)]
pub fn frame_payload(frame: &[u8], len: usize, header_crc: u32) -> Result<&[u8], Reason> {
    payload_by(frame, len, header_crc, crc32c_append)
}

/// [`frame_payload`] with another way to take the checksum.
#[inline(always)]
pub(super) fn payload_by(
    frame: &[u8],
    len: usize,
    header_crc: u32,
    sum: impl Fn(u32, &[u8]) -> u32,
) -> Result<&[u8], Reason> {
    let total = frame_len(len);
    let frame = frame.get(..total).ok_or(Reason::Short)?;
    let body = frame.get(FRAME_HEADER_LEN..total - FRAME_CRC_LEN).ok_or(Reason::Short)?;
    if sum(0, body) ^ header_crc != u32_at(frame, total - FRAME_CRC_LEN) {
        return Err(Reason::PayloadChecksum);
    }
    // The body is whole words, and its padding less than one.
    let pad = 8 * (body.len() - len) as u32;
    let last = body.last_chunk::<FRAME_ALIGN>().map_or(0, |w| u64::from_le_bytes(*w));
    if pad > 0 && last >> (u64::BITS - pad) != 0 {
        return Err(Reason::HeaderField);
    }
    body.get(..len).ok_or(Reason::Short)
}
