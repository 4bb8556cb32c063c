//! CRC32C of short pieces. The crate's own loop pays for its three lanes only on long ones, and takes what is not
//! aligned byte by byte; frames are short and stand anywhere.

/// Below this the plain loop is faster.
#[cfg(target_arch = "x86_64")]
const SHORT: usize = 1024;

/// CRC32C of `bytes`.
#[inline]
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// CRC32C of what `crc` is of, and then `bytes`.
#[inline]
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() < SHORT && std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { short(crc, bytes) };
    }
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn short(crc: u32, bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};
    let mut state = u64::from(!crc);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = _mm_crc32_u64(state, u64::from_le_bytes(*word));
    }
    // The upper half is always zero.
    let mut state = state as u32;
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        state = _mm_crc32_u32(state, u32::from_le_bytes(*word));
    }
    for byte in rest {
        state = _mm_crc32_u8(state, *byte);
    }
    !state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_pieces_have_the_checksum_of_the_crate() {
        let bytes: Vec<u8> = (0..2000u32).map(|i| ((i * 31) >> 3) as u8).collect();
        for len in (0..70).chain([1000, 1023, 1024, 1025, 1990]) {
            for start in 0..9 {
                let piece = &bytes[start..start + len];
                assert_eq!(crc32c(piece), ::crc32c::crc32c(piece));
                assert_eq!(crc32c_append(77, piece), ::crc32c::crc32c_append(77, piece));
            }
        }
    }
}
