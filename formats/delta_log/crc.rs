//! CRC32C. The crate's own loop pays for its three lanes only on long pieces, and takes what is not aligned byte by
//! byte; frames are short and stand anywhere. Here three lanes of equal length, whatever that is, are put together by a
//! multiplication each, with factors from a table.

/// CRC32C of `bytes`.
#[inline]
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// CRC32C of what `crc` is of, and then `bytes`.
#[inline]
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if hardware() {
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { lanes(crc, bytes) };
    }
    crc32c::crc32c_append(crc, bytes)
}

/// The processor has what [`lanes`] is compiled for.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn hardware() -> bool {
    std::arch::is_x86_feature_detected!("sse4.2") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

/// Words of eight bytes in a lane, at most.
#[cfg(target_arch = "x86_64")]
const MOST: usize = 128;
/// Words in three of them.
#[cfg(target_arch = "x86_64")]
const MOST_AT_ONCE: usize = 3 * MOST;
/// Below this many words one lane is faster.
#[cfg(target_arch = "x86_64")]
const LEAST: usize = 12;

/// Factors that move a checksum over `n` words, and over twice as many.
#[cfg(target_arch = "x86_64")]
static FACTORS: [[u64; 2]; MOST + 1] = factors();

/// x^(64 n - 33) modulo the polynomial, reflected, for each number of words: the product of a checksum and it, reduced
/// by the checksum of eight bytes, is the checksum behind `n` words of zeros.
#[cfg(target_arch = "x86_64")]
const fn factors() -> [[u64; 2]; MOST + 1] {
    // x^0, then multiplied by x as often as asked.
    let mut power: u32 = 1 << 31;
    let mut at = 0;
    let mut out = [[0; 2]; MOST + 1];
    let mut n = 1;
    while n <= 2 * MOST {
        while at < 64 * n - 33 {
            power = (power >> 1) ^ if power & 1 == 1 { 0x82F6_3B78 } else { 0 };
            at += 1;
        }
        if n <= MOST {
            out[n][0] = power as u64;
        }
        if n % 2 == 0 {
            out[n / 2][1] = power as u64;
        }
        n += 1;
    }
    out
}

/// [`crc32c_append`], where [`hardware`] says so.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,pclmulqdq")]
#[inline]
pub(super) fn lanes(crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    match words.len() {
        0..LEAST => one(crc, words, rest),
        // What a frame mostly has: no loop around the lanes.
        LEAST..=MOST_AT_ONCE => {
            let (front, behind) = words.split_at(words.len() / 3 * 3);
            one(!(three(u64::from(!crc), front) as u32), behind, rest)
        }
        _ => many(crc, words, rest),
    }
}

/// [`lanes`] of so few bytes that one lane is enough: inlined, where their number is known.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,pclmulqdq")]
#[inline]
pub(super) fn few(crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    one(crc, words, rest)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn many(crc: u32, mut words: &[[u8; 8]], rest: &[u8]) -> u32 {
    let mut state = u64::from(!crc);
    while words.len() >= LEAST {
        let (front, behind) = words.split_at(words.len().min(MOST_AT_ONCE) / 3 * 3);
        words = behind;
        state = three(state, front);
    }
    one(!(state as u32), words, rest)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,pclmulqdq")]
#[inline]
fn one(crc: u32, words: &[[u8; 8]], rest: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};
    let mut state = u64::from(!crc);
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

/// Three lanes of equal length side by side.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2,pclmulqdq")]
#[inline]
fn three(state: u64, words: &[[u8; 8]]) -> u64 {
    use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_crc32_u64, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_xor_si128};
    let n = words.len() / 3;
    let (a, rest) = words.split_at(n);
    let (b, c) = rest.split_at(n);
    let (Some((last, c)), Some(&[one, two])) = (c.split_last(), FACTORS.get(n)) else { return state };
    let (mut x, mut y, mut z) = (state, 0, 0);
    // The last word of the third lane waits for the other two.
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        x = _mm_crc32_u64(x, u64::from_le_bytes(*a));
        y = _mm_crc32_u64(y, u64::from_le_bytes(*b));
        z = _mm_crc32_u64(z, u64::from_le_bytes(*c));
    }
    if let (Some(a), Some(b)) = (a.last(), b.last()) {
        x = _mm_crc32_u64(x, u64::from_le_bytes(*a));
        y = _mm_crc32_u64(y, u64::from_le_bytes(*b));
    }
    let times = |crc: u64, factor: u64| {
        _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(crc as i64), _mm_cvtsi64_si128(factor as i64))
    };
    let moved = _mm_cvtsi128_si64(_mm_xor_si128(times(x, two), times(y, one))) as u64;
    _mm_crc32_u64(z, u64::from_le_bytes(*last) ^ moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_have_the_checksum_of_the_crate() {
        let bytes: Vec<u8> = (0..9000u32).map(|i| ((i * 31) >> 3) as u8).collect();
        // An interpreter takes its time: some of each kind.
        let step = if cfg!(miri) { 97 } else { 1 };
        for len in (0..1300).step_by(step).chain([3071, 3072, 3073, 6150, 8990]) {
            for start in [0, 1, 5, 8] {
                let piece = &bytes[start..start + len];
                assert_eq!(crc32c(piece), ::crc32c::crc32c(piece), "{len}");
                assert_eq!(crc32c_append(77, piece), ::crc32c::crc32c_append(77, piece), "{len}");
            }
        }
    }
}
