//! The header of a segment.

use uuid::Uuid;

use super::layout::*;
use crate::{Error, Result};

/// Where a segment's predecessor stops to count: the bytes from `offset` on in segment `segment`, and every segment
/// between that one and the one that says so, are superseded by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutPoint {
    pub segment: u64,
    pub offset: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Of the log; every segment of a log has the same.
    pub uuid: Uuid,
    pub segment: u64,
    /// LSNs and transaction ids come from another log: they grow, but may leave gaps.
    pub given: bool,
    /// Lowest LSN that a frame of this segment may have.
    pub base_lsn: u64,
    pub base_txn: u64,
    pub created_us: u64,
    /// What was durable when the segment was made.
    pub watermark: u64,
    pub cut: Option<CutPoint>,
    /// Feature bits that allow a build that does not know them only to read; this one knows none.
    pub features_ro: u64,
}

#[inline]
pub(crate) fn u16_at(b: &[u8], at: usize) -> u16 {
    b.get(at..at + 2).and_then(|s| s.try_into().ok()).map_or(0, u16::from_le_bytes)
}

#[inline]
pub(crate) fn u32_at(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4).and_then(|s| s.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[inline]
pub(crate) fn u64_at(b: &[u8], at: usize) -> u64 {
    b.get(at..at + 8).and_then(|s| s.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The seed of every checksum in a segment: a frame of another segment or another log does not hold here.
pub fn segment_seed(uuid: Uuid, segment: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(uuid.as_bytes()), &segment.to_le_bytes())
}

/// The version that a header names is damage: it is this one but for one bit, and with that bit mended the header holds.
fn no_version(h: &[u8], major: u16) -> bool {
    let mut mended = [0; OFF_HEADER_CRC];
    mended.copy_from_slice(&h[..OFF_HEADER_CRC]);
    mended[OFF_MAJOR..OFF_MAJOR + 2].copy_from_slice(&MAJOR.to_le_bytes());
    (major ^ MAJOR).is_power_of_two() && crc32c::crc32c(&mended) == u32_at(h, OFF_HEADER_CRC)
}

impl SegmentHeader {
    pub fn seed(&self) -> u32 {
        segment_seed(self.uuid, self.segment)
    }

    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut h = [0; HEADER_LEN];
        let mut put = |at: usize, bytes: &[u8]| h[at..at + bytes.len()].copy_from_slice(bytes);
        put(OFF_MAGIC, &MAGIC);
        put(OFF_MAJOR, &MAJOR.to_le_bytes());
        put(OFF_MINOR, &MINOR.to_le_bytes());
        put(OFF_FLAGS, &(if self.given { FLAG_GIVEN } else { 0 }).to_le_bytes());
        put(OFF_UUID, self.uuid.as_bytes());
        let cut = self.cut.unwrap_or(CutPoint { segment: 0, offset: 0 });
        for (at, v) in [
            (OFF_FEATURES_RO, self.features_ro),
            (OFF_SEGMENT, self.segment),
            (OFF_BASE_LSN, self.base_lsn),
            (OFF_BASE_TXN, self.base_txn),
            (OFF_CREATED, self.created_us),
            (OFF_WATERMARK, self.watermark),
            (OFF_CUT_SEGMENT, cut.segment),
            (OFF_CUT_OFFSET, cut.offset),
        ] {
            put(at, &v.to_le_bytes());
        }
        let crc = crc32c::crc32c(&h[..OFF_HEADER_CRC]);
        h[OFF_HEADER_CRC..].copy_from_slice(&crc.to_le_bytes());
        h
    }

    /// Parses the first [`HEADER_LEN`] bytes of a segment.
    ///
    /// # Errors
    /// `Corrupt` when they are short, of another format or damaged; `Unsupported` for a newer major version or an
    /// unknown incompatible feature.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader> {
        if let Some(found) = bytes.get(..8)
            && found != MAGIC
        {
            return Err(Error::corrupt("not a delta.log segment: wrong magic")
                .offset(0)
                .expected(MAGIC.escape_ascii())
                .got(found.escape_ascii()));
        }
        let Some(h) = bytes.get(..HEADER_LEN) else {
            let what = if bytes.is_empty() { "segment is empty" } else { "segment is too short for its header" };
            return Err(Error::corrupt(what)
                .offset(bytes.len() as u64)
                .expected(format!("at least {HEADER_LEN} bytes"))
                .got(format!("{} bytes", bytes.len())));
        };
        let major = u16_at(h, OFF_MAJOR);
        // The version is looked at before the checksum: a newer layout may keep its checksum elsewhere.
        if major > MAJOR && !no_version(h, major) {
            return Err(Error::unsupported(format!("delta.log version {major} is newer than this build reads"))
                .offset(OFF_MAJOR as u64)
                .expected(format!("version {MAJOR} or older"))
                .got(format!("version {major}"))
                .hint("use a newer release of the tool"));
        }
        let (want, have) = (u32_at(h, OFF_HEADER_CRC), crc32c::crc32c(&h[..OFF_HEADER_CRC]));
        if want != have || major > MAJOR {
            return Err(Error::corrupt("segment header checksum does not match")
                .offset(OFF_HEADER_CRC as u64)
                .expected(format!("{want:#010x}"))
                .got(format!("{have:#010x}")));
        }
        let incompat = u64_at(h, OFF_FEATURES_INCOMPAT);
        if incompat != 0 {
            return Err(Error::unsupported("the log needs features that this build does not have")
                .offset(OFF_FEATURES_INCOMPAT as u64)
                .got(format!("unknown feature bits {incompat:#x}"))
                .hint("use a newer release of the tool"));
        }
        Self::fields(h, major)
    }

    /// What log a segment is of, and whether its numbers are given, as far as a damaged header still says it: the one bit
    /// that is wrong is mended, or what is wrong is something else. A frame whose checksums hold with it proves it.
    pub fn identity(bytes: &[u8]) -> Option<(Uuid, bool)> {
        let mut h = *bytes.first_chunk::<HEADER_LEN>()?;
        for bit in 0..8 * HEADER_LEN {
            h[bit / 8] ^= 1 << (bit % 8);
            if let Ok(mended) = Self::decode(&h) {
                return Some((mended.uuid, mended.given));
            }
            h[bit / 8] ^= 1 << (bit % 8);
        }
        let flags = u32_at(&h, OFF_FLAGS);
        let uuid = Uuid::from_slice(&h[OFF_UUID..OFF_UUID + 16]).ok()?;
        let known = u16_at(&h, OFF_MAJOR) == MAJOR && flags & !FLAG_GIVEN == 0;
        known.then_some((uuid, flags & FLAG_GIVEN != 0))
    }

    fn fields(h: &[u8], major: u16) -> Result<SegmentHeader> {
        let bad = |what: &str, at: usize| Error::corrupt(format!("segment header: {what}")).offset(at as u64);
        let flags = u32_at(h, OFF_FLAGS);
        if major == 0 || flags & !FLAG_GIVEN != 0 || h[OFF_RESERVED..OFF_HEADER_CRC].iter().any(|&b| b != 0) {
            return Err(bad("a zero version, an unknown flag or nonzero reserved bytes", OFF_MAJOR));
        }
        let segment = u64_at(h, OFF_SEGMENT);
        let base_lsn = u64_at(h, OFF_BASE_LSN);
        if segment == 0 || segment > MAX_NUMBER || base_lsn == 0 {
            return Err(bad("segment numbers and LSNs start at 1", OFF_SEGMENT));
        }
        let (base_txn, watermark) = (u64_at(h, OFF_BASE_TXN), u64_at(h, OFF_WATERMARK));
        if base_lsn > MAX_NUMBER || base_txn > MAX_NUMBER || watermark >= base_lsn {
            return Err(bad("an LSN or transaction id is above its limit", OFF_BASE_LSN));
        }
        let cut = match (u64_at(h, OFF_CUT_SEGMENT), u64_at(h, OFF_CUT_OFFSET)) {
            (0, 0) => None,
            (s, o) if s != 0 && s < segment && o >= HEADER_LEN as u64 => Some(CutPoint { segment: s, offset: o }),
            _ => return Err(bad("the cut point is not in an earlier segment", OFF_CUT_SEGMENT)),
        };
        Ok(SegmentHeader {
            uuid: Uuid::from_slice(&h[OFF_UUID..OFF_UUID + 16]).unwrap_or_default(),
            segment,
            given: flags & FLAG_GIVEN != 0,
            base_lsn,
            base_txn,
            created_us: u64_at(h, OFF_CREATED),
            watermark,
            cut,
            features_ro: u64_at(h, OFF_FEATURES_RO),
        })
    }

    /// Refuses to write to a log whose features allow reading only.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn check_writable(&self) -> Result<()> {
        if self.features_ro == 0 {
            return Ok(());
        }
        Err(Error::unsupported("the log has features that allow this build only to read it")
            .offset(OFF_FEATURES_RO as u64)
            .got(format!("unknown feature bits {:#x}", self.features_ro))
            .hint("use a newer release of the tool"))
    }
}
