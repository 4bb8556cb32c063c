//! Comparisons by instructions that newer processors have: a tenth of the work, so that more lookups wait for memory at the
//! same time.

use std::arch::x86_64::{_mm256_cmpeq_epi16_mask, _mm256_loadu_si256, _mm256_set1_epi16};

use super::block::WINDOW_LEN;
use super::layout::BUCKET_LEN;

/// Whether the processor has them.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
}

/// As [`super::table::equal_words`].
#[inline]
#[target_feature(enable = "avx512bw,avx512vl")]
pub(super) fn equal_words(bytes: &[u8; BUCKET_LEN], word: u16) -> u32 {
    // SAFETY: the load, which needs no alignment, reads the first 32 bytes of 64.
    let words = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
    u32::from(_mm256_cmpeq_epi16_mask(words, _mm256_set1_epi16(word.cast_signed())))
}

/// Bytes that are compared at once.
pub(super) const LONGEST: usize = 64;

/// [`super::block::parts_in`] for a key of at most [`LONGEST`] bytes, where avx512bw and bmi2 are at hand. No function, since
/// compilers call those that need these instructions, and that costs as much as the comparison does.
macro_rules! parts_are {
    ($window:expr, $place:expr, $key:expr) => {{
        use std::arch::x86_64::{_bzhi_u64, _mm512_cmpeq_epi8_mask, _mm512_mask_loadu_epi8, _mm512_maskz_loadu_epi8};
        let (window, place, key): (&$crate::dict_seg::block::Window, &$crate::dict_seg::head::Place, &[u8]) =
            ($window, &$place, $key);
        let shared = place.shared.min($crate::dict_seg::wide::LONGEST);
        let (head, own) = (place.head & 1023, (place.from & 1023).wrapping_sub(shared));
        let inside = _bzhi_u64(u64::MAX, key.len() as u32);
        let ours = _bzhi_u64(u64::MAX, shared as u32);
        // SAFETY: a load under a mask reads the bytes alone whose bits are set. Of the key those are bytes that it has; of the
        // head, at most 64 from below 1024 on; of the own text, which would begin at `own` if all of the key were its own,
        // those from `shared` on: at most 64 from below 1024 on, too. A window ends 64 bytes behind that.
        let same = unsafe {
            let key = _mm512_maskz_loadu_epi8(inside, key.as_ptr().cast());
            let first = _mm512_maskz_loadu_epi8(inside & ours, window.as_ptr().add(head).cast());
            let text = window.as_ptr().wrapping_add(own).cast();
            _mm512_cmpeq_epi8_mask(key, _mm512_mask_loadu_epi8(first, inside & !ours, text))
        };
        (same == u64::MAX) & (place.shared + (place.to - place.from) == key.len())
    }};
}
pub(super) use parts_are;

// A window ends this much behind the last place where a part may begin.
const _: () = assert!(WINDOW_LEN == 1024 + LONGEST);

#[cfg(test)]
mod tests {
    use super::super::block::{Window, parts_in};
    use super::super::head::Place;
    use super::super::table;
    use super::*;

    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    fn parts_are(window: &Window, place: &Place, key: &[u8]) -> bool {
        parts_are!(window, *place, key)
    }

    #[test]
    fn what_is_compared_at_once_is_what_is_compared_piece_by_piece() {
        if !is_there() {
            return;
        }
        for len in 0..=LONGEST {
            let key: Vec<u8> = (0..len).map(|i| i as u8 + 1).collect();
            for shared in 0..=len {
                for (head, gap) in [(0, 0), (5, 7), (1024 - len.min(1024), 0)] {
                    // The head goes on in its own way behind what is shared.
                    let mut window = [0xEE; WINDOW_LEN];
                    window[head..head + shared].copy_from_slice(&key[..shared]);
                    let from = (head + shared + gap).min(1024 - (len - shared));
                    window[from..from + len - shared].copy_from_slice(&key[shared..]);
                    let place = Place { head, shared, from, to: from + len - shared, id: 0 };
                    let both = |key: &[u8]| {
                        // SAFETY: the processor has the instructions.
                        let is = unsafe { parts_are(&window, &place, key) };
                        assert_eq!(Some(is), parts_in(&window, &place, key), "{len} {shared} {head}");
                        is
                    };
                    assert!(both(&key), "{len} {shared} {head}");
                    for wrong in 0..len {
                        let mut other = key.clone();
                        other[wrong] ^= 0x40;
                        assert!(!both(&other));
                        both(&key[..wrong]);
                    }
                }
            }
        }
    }

    #[test]
    fn no_place_whatever_it_says_leads_outside() {
        if !is_there() {
            return;
        }
        let (window, key) = ([7; WINDOW_LEN], [7; LONGEST]);
        for at in [0, 1, 63, 64, 1000, 1023, 1024] {
            for shared in [0, 1, 63, 64, 65, 255, 256, 300, 70_000] {
                for len in [0, 1, 63, 64] {
                    let place = Place { head: at, shared, from: at, to: at + len, id: 0 };
                    // SAFETY: the processor has the instructions.
                    let is = unsafe { parts_are(&window, &place, &key[..len]) };
                    assert_eq!(is, shared == 0, "{at} {shared} {len}");
                }
            }
        }
    }

    #[test]
    fn words_are_compared_one_by_one() {
        if !is_there() {
            return;
        }
        for at in 0..32 {
            let mut bytes = [0u8; BUCKET_LEN];
            bytes[2 * at..2 * at + 2].copy_from_slice(&0x8001u16.to_le_bytes());
            for word in [0, 1, 0x8001] {
                // SAFETY: the processor has the instructions.
                assert_eq!(unsafe { equal_words(&bytes, word) }, table::equal_words(&bytes, word));
            }
        }
    }
}
