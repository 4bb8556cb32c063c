//! What the checksums of a segment begin with, from its frames alone: for a segment whose header is lost, and with it what
//! log it is of. The checksum of a frame's header and the bytes that it is of leave one seed only.

use uuid::Uuid;

use super::frame::{FrameHead, frame_len, frame_payload};
use super::header::u32_at;
use super::layout::*;
use super::walk::{Source, find_header, most_spent};
use crate::Result;

/// CRC32C of what stands before `bytes`, where `crc` is that of both.
fn undo(crc: u32, bytes: &[u8]) -> u32 {
    let mut state = !crc;
    for byte in bytes.iter().rev() {
        for _ in 0..8 {
            let out = state >> 31;
            state = ((state ^ (out * 0x82F6_3B78)) << 1) | out;
        }
        state ^= u32::from(*byte);
    }
    !state
}

/// The seed of the first frame whose payload holds and behind which another one stands that has the same, or nothing.
///
/// # Errors
/// `Io` from the source.
pub fn find_seed(src: &mut impl Source) -> Result<Option<u32>> {
    let (mut pos, end, mut left) = (0, src.len(), most_spent(src));
    let decode = |h: &[u8]| FrameHead::decode_by(h, 0, |_, _| u32_at(h, FRAME_OFF_CRC));
    while let Some((at, _, len, crc)) = find_header(src, (pos, end), 1, decode)? {
        let total = frame_len(len) as u64;
        pos = at + 1;
        if at + total > end || total > left {
            continue;
        }
        left -= total;
        let frame = src.fetch(at, total as usize)?;
        if frame_payload(frame, len, crc).is_err() {
            continue;
        }
        let seed = undo(crc, frame.get(..FRAME_OFF_CRC).unwrap_or_default());
        let behind = (end - at - total).min(FRAME_HEADER_LEN as u64) as usize;
        let behind = src.fetch(at + total, behind)?;
        if behind.iter().all(|b| *b == 0) || FrameHead::decode(behind, seed).is_ok() {
            return Ok(Some(seed));
        }
    }
    Ok(None)
}

/// A UUID with which a segment of this number has this seed: it stands in for that of the log, in all of its segments. It is
/// of the version that leaves its bytes to whoever makes it.
pub fn stand_in(seed: u32, segment: u64) -> Uuid {
    let of_log = undo(seed, &segment.to_le_bytes());
    let mut bytes = [0; 16];
    (bytes[6], bytes[8]) = (0x80, 0x80);
    let (front, last) = bytes.split_at_mut(12);
    last.copy_from_slice(&(crc32c::crc32c(front) ^ undo(of_log, &[0; 4])).to_le_bytes());
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Op, Place, segment_seed};
    use super::*;

    #[test]
    fn what_stands_before_is_taken_back() {
        for (front, rest) in [(&b""[..], &b"abc"[..]), (b"x", b""), (b"0123456789", b"a longer piece")] {
            let all = [front, rest].concat();
            assert_eq!(undo(crc32c::crc32c(&all), rest), crc32c::crc32c(front));
        }
    }

    /// SPEC R13
    #[test]
    fn a_stand_in_serves_every_segment_of_the_log() {
        let log = Uuid::from_u128(0x6f2f_8a4e_17f5_4b0a_9e59_0d6f_b3ad_55a1);
        for number in [1, 7, 1 << 40] {
            let stand_in = stand_in(segment_seed(log, number), number);
            assert_ne!(stand_in, log);
            for other in [1, 2, 300] {
                assert_eq!(segment_seed(stand_in, other), segment_seed(log, other));
            }
        }
    }

    /// SPEC R13
    #[test]
    fn the_seed_is_found_in_what_is_left_of_a_segment() {
        let (seed, edge) = (0xDEAD_BEEF, Op::EdgeUpsert { part: 0, src: 1, dst: 2, etype: 3, props: vec![9; 40] });
        let mut bytes = vec![0xA5; 77];
        for lsn in [5, 7, 9] {
            let place = Place { base_lsn: lsn, commit_lsn: lsn + 1, txn: lsn, time_us: 1, watermark: 0 };
            Batch::new([(0, &edge)]).unwrap().put(&mut bytes, seed, &place);
        }
        assert_eq!(find_seed(&mut bytes.as_slice()).unwrap(), Some(seed));
        bytes.resize(4096, 0);
        assert_eq!(find_seed(&mut bytes.as_slice()).unwrap(), Some(seed));
        // The first two frames are damaged, and one is left.
        (bytes[77 + 40], bytes[77 + 140]) = (0, 0);
        assert_eq!(find_seed(&mut bytes.as_slice()).unwrap(), Some(seed));
        let noise: Vec<u8> = (0..60_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for nothing in [&noise[..], &[0; 5000], &[1; 5000], &[], &[1; 27]] {
            assert_eq!(find_seed(&mut &*nothing).unwrap(), None);
        }
    }
}
