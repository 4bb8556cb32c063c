//! Which bytes of a block are what, by the vector instructions that the processor has. Its `unsafe` is
//! calls of functions that need an instruction set, after it was found to be there, and loads from arrays of that size.

use std::sync::OnceLock;

use super::index::{Carry, prefix_xor, structure};

/// A bit for each byte of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// `{ } [ ] : ,`
    pub(super) operator: u64,
    pub(super) space: u64,
    /// Below 0x20.
    pub(super) control: u64,
    /// Above ASCII.
    pub(super) high: u64,
}

/// An implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Path {
    /// Every one that this processor can run, the slowest first.
    pub(crate) fn all() -> Vec<Path> {
        let mut all = vec![Path::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            let vector = is_x86_feature_detected!("pclmulqdq") && is_x86_feature_detected!("bmi1");
            if vector && is_x86_feature_detected!("avx2") {
                all.push(Path::Avx2);
            }
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vbmi2");
            if vector && wide {
                all.push(Path::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Path::Neon);
        all
    }

    pub(crate) fn best() -> Path {
        static BEST: OnceLock<Path> = OnceLock::new();
        *BEST.get_or_init(|| Path::all().last().copied().unwrap_or(Path::Scalar))
    }
}

/// Positions, with room for 128 more than there are bytes, and a word of backslashes a block.
pub(super) type Out<'a> = (&'a mut [u32], &'a mut [u64]);

/// Writes the positions of `bytes`, the first of which has the number `base`, and where backslashes are to `out`, and
/// gives how many positions there are.
pub(super) fn index(bytes: &[u8], base: u32, out: Out<'_>, carry: &mut Carry, path: Path) -> usize {
    match path {
        Path::Scalar => index_scalar(bytes, base, out, carry),
        // SAFETY: a path is only ever made where `Path::all` found its instructions.
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => unsafe { x86::index_avx2(bytes, base, out, carry) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx512 => unsafe { x86::index_avx512(bytes, base, out, carry) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: NEON belongs to the architecture.
        Path::Neon => unsafe { neon::index_neon(bytes, base, out, carry) },
    }
}

/// The loop over blocks: the last one is filled up with spaces, which index nothing.
macro_rules! blocks {
    ($bytes:ident, $base:ident, $out:ident, $carry:ident, $classify:expr, $xor:expr, $flatten:expr) => {{
        let (blocks, rest) = $bytes.as_chunks::<64>();
        let (positions, backslashes) = $out;
        let mut backslashes = backslashes.iter_mut();
        let (mut base, mut length) = ($base, 0usize);
        // A copy, which stays in registers.
        let mut carry = *$carry;
        let mut last = [b' '; 64];
        if let Some(head) = last.get_mut(..rest.len()) {
            head.copy_from_slice(rest);
        }
        for block in blocks.iter().chain((!rest.is_empty()).then_some(&last)) {
            let masks = $classify(block);
            if let Some(word) = backslashes.next() {
                *word = masks.backslash;
            }
            let bits = structure(&masks, &mut carry, $xor);
            length += $flatten(bits, base, &mut *positions, length);
            base += 64;
        }
        *$carry = carry;
        length
    }};
}

/// Writes what stands at the places of set bits, as `of` says, eight at a time whether there are as many or not, so that the
/// processor need not guess their number. Returns how many count.
#[inline(always)]
pub(super) fn each_set<T>(bits: u64, out: &mut [T], length: usize, of: impl Fn(u32) -> T) -> usize {
    let count = bits.count_ones() as usize;
    let Some(out) = out.get_mut(length..).and_then(|o| o.first_chunk_mut::<64>()) else { return 0 };
    let mut left = bits;
    for group in out.as_chunks_mut::<8>().0.iter_mut() {
        for slot in group {
            *slot = of(left.trailing_zeros());
            left &= left.wrapping_sub(1);
        }
        if left == 0 {
            break;
        }
    }
    count
}

/// Writes the places themselves.
#[inline(always)]
fn flatten(bits: u64, base: u32, out: &mut [u32], length: usize) -> usize {
    each_set(bits, out, length, |at| base + at)
}

fn index_scalar(bytes: &[u8], base: u32, out: Out<'_>, carry: &mut Carry) -> usize {
    blocks!(bytes, base, out, carry, classify_scalar, prefix_xor, flatten)
}

const QUOTE: u8 = 1;
const BACKSLASH: u8 = 2;
const OPERATOR: u8 = 4;
const SPACE: u8 = 8;
const CONTROL: u8 = 16;
const HIGH: u8 = 32;

/// What each byte is.
const CLASSES: [u8; 256] = {
    let mut classes = [0u8; 256];
    let mut b = 0usize;
    while b < 256 {
        classes[b] = match b as u8 {
            b'"' => QUOTE,
            b'\\' => BACKSLASH,
            b'{' | b'}' | b'[' | b']' | b':' | b',' => OPERATOR,
            b' ' => SPACE,
            b'\n' | b'\r' | b'\t' => SPACE | CONTROL,
            0..0x20 => CONTROL,
            0x80.. => HIGH,
            _ => 0,
        };
        b += 1;
    }
    classes
};

pub(super) fn classify_scalar(block: &[u8; 64]) -> Masks {
    let mut masks = Masks::default();
    for (i, b) in block.iter().enumerate() {
        let class = CLASSES.get(usize::from(*b)).copied().unwrap_or(0);
        let bit = |which: u8| u64::from(class & which != 0) << i;
        masks.quote |= bit(QUOTE);
        masks.backslash |= bit(BACKSLASH);
        masks.operator |= bit(OPERATOR);
        masks.space |= bit(SPACE);
        masks.control |= bit(CONTROL);
        masks.high |= bit(HIGH);
    }
    masks
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::*;

    use super::{Carry, Masks, Out, flatten, structure};

    /// By the lower half of a byte: the one byte of `set` that ends so, or one that ends otherwise. What is compared with
    /// its entry is so compared with the whole set; a byte above ASCII is given 0, which it is not.
    const fn table(set: [u8; 4]) -> [u8; 64] {
        let mut table = [0u8; 64];
        let mut i = 0;
        while i < 64 {
            let half = (i % 16) as u8;
            table[i] = half ^ 1;
            let mut k = 0;
            while k < 4 {
                if set[k] & 0xF == half {
                    table[i] = set[k];
                }
                k += 1;
            }
            i += 1;
        }
        table
    }

    /// Of a byte with the bit of small letters set, in which alone `{ }` and `[ ]` differ. It makes operators of two control
    /// characters.
    static OPERATORS: [u8; 64] = table([b'{', b'}', b':', b',']);
    static SPACES: [u8; 64] = table([b' ', b'\t', b'\n', b'\r']);

    /// Carry-less multiplication by all ones is a prefix sum without carries.
    #[target_feature(enable = "pclmulqdq")]
    #[inline]
    pub(in super::super) fn xor_clmul(bits: u64) -> u64 {
        let ones = _mm_set1_epi8(-1);
        _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), ones)) as u64
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(in super::super) fn classify_avx2(block: &[u8; 64]) -> Masks {
        // SAFETY: both halves lie inside the array; the loads need no alignment.
        let (low, high) =
            unsafe { (_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())) };
        let join = |a: __m256i, b: __m256i| {
            u64::from(_mm256_movemask_epi8(a) as u32) | u64::from(_mm256_movemask_epi8(b) as u32) << 32
        };
        let eq = |x: __m256i, b: u8| _mm256_cmpeq_epi8(x, _mm256_set1_epi8(b as i8));
        let both = |b: u8| join(eq(low, b), eq(high, b));
        // SAFETY: the first half of each table is as long as the load.
        let (operators, spaces) =
            unsafe { (_mm256_loadu_si256(OPERATORS.as_ptr().cast()), _mm256_loadu_si256(SPACES.as_ptr().cast())) };
        let small = |x: __m256i| _mm256_or_si256(x, _mm256_set1_epi8(0x20));
        let operators = |x: __m256i| _mm256_cmpeq_epi8(small(x), _mm256_shuffle_epi8(operators, x));
        let spaces = |x: __m256i| _mm256_cmpeq_epi8(x, _mm256_shuffle_epi8(spaces, x));
        let below = _mm256_set1_epi8(0x1F);
        let controls = |x: __m256i| _mm256_cmpeq_epi8(_mm256_max_epu8(x, below), below);
        let control = join(controls(low), controls(high));
        Masks {
            quote: both(b'"'),
            backslash: both(b'\\'),
            operator: join(operators(low), operators(high)) & !control,
            space: join(spaces(low), spaces(high)),
            control,
            high: join(low, high),
        }
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn index_avx2(bytes: &[u8], base: u32, out: Out<'_>, carry: &mut Carry) -> usize {
        blocks!(bytes, base, out, carry, |b: &[u8; 64]| classify_avx2(b), |x| xor_clmul(x), flatten)
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    pub(in super::super) fn classify_avx512(block: &[u8; 64]) -> Masks {
        // SAFETY: the array is as long as the load, which needs no alignment.
        let x = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        let eq = |x: __m512i, y: __m512i| _mm512_cmpeq_epi8_mask(x, y);
        let all = |b: u8| _mm512_set1_epi8(b as i8);
        // SAFETY: both tables are as long as the loads.
        let (operators, spaces) =
            unsafe { (_mm512_loadu_si512(OPERATORS.as_ptr().cast()), _mm512_loadu_si512(SPACES.as_ptr().cast())) };
        let control = _mm512_cmplt_epu8_mask(x, all(0x20));
        Masks {
            quote: eq(x, all(b'"')),
            backslash: eq(x, all(b'\\')),
            operator: eq(_mm512_or_si512(x, all(0x20)), _mm512_shuffle_epi8(operators, x)) & !control,
            space: eq(x, _mm512_shuffle_epi8(spaces, x)),
            control,
            high: _mm512_movepi8_mask(x),
        }
    }

    /// The places of set bits by compression of the numbers 0 to 63.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
    #[inline]
    fn flatten_avx512(bits: u64, base: u32, out: &mut [u32], length: usize) -> usize {
        const PLACES: [u8; 64] = {
            let mut places = [0u8; 64];
            let mut i = 0;
            while i < 64 {
                places[i] = i as u8;
                i += 1;
            }
            places
        };
        let count = bits.count_ones() as usize;
        let Some(out) = out.get_mut(length..).and_then(|o| o.first_chunk_mut::<64>()) else { return 0 };
        // SAFETY: the array is as long as the load.
        let places = unsafe { _mm512_loadu_si512(PLACES.as_ptr().cast()) };
        let dense = _mm512_maskz_compress_epi8(bits, places);
        let base = _mm512_set1_epi32(base as i32);
        let store = |to: &mut [u32; 16], bytes: __m128i| {
            let wide = _mm512_add_epi32(_mm512_cvtepu8_epi32(bytes), base);
            // SAFETY: sixteen numbers are as long as the store.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), wide) };
        };
        let (groups, _) = out.as_chunks_mut::<16>();
        if let [a, b, c, d] = groups {
            store(a, _mm512_castsi512_si128(dense));
            if count > 16 {
                store(b, _mm512_extracti32x4_epi32::<1>(dense));
            }
            if count > 32 {
                store(c, _mm512_extracti32x4_epi32::<2>(dense));
                store(d, _mm512_extracti32x4_epi32::<3>(dense));
            }
        }
        count
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn index_avx512(bytes: &[u8], base: u32, out: Out<'_>, carry: &mut Carry) -> usize {
        blocks!(
            bytes,
            base,
            out,
            carry,
            |b: &[u8; 64]| classify_avx512(b),
            |x| xor_clmul(x),
            |bits, base, out: &mut [u32], n| { flatten_avx512(bits, base, out, n) }
        )
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) mod neon {
    use std::arch::aarch64::*;

    use super::{Carry, Masks, Out, flatten, prefix_xor, structure};

    /// One bit a byte, from four vectors of all-ones or nothing.
    #[target_feature(enable = "neon")]
    #[inline]
    pub(in super::super) fn bits(v: [uint8x16_t; 4]) -> u64 {
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: the array is as long as the load.
        let place = unsafe { vld1q_u8(BITS.as_ptr()) };
        let [a, b, c, d] = v.map(|x| vandq_u8(x, place));
        let sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)))
    }

    #[target_feature(enable = "neon")]
    #[inline]
    pub(in super::super) fn classify_neon(block: &[u8; 64]) -> Masks {
        // SAFETY: the four loads together are as long as the array.
        let x = unsafe {
            let p = block.as_ptr();
            [vld1q_u8(p), vld1q_u8(p.add(16)), vld1q_u8(p.add(32)), vld1q_u8(p.add(48))]
        };
        let eq = |x: uint8x16_t, b: u8| vceqq_u8(x, vdupq_n_u8(b));
        Masks {
            quote: bits(x.map(|x| eq(x, b'"'))),
            backslash: bits(x.map(|x| eq(x, b'\\'))),
            operator: bits(x.map(|x| {
                let small = vorrq_u8(x, vdupq_n_u8(0x20));
                vorrq_u8(vorrq_u8(eq(small, b'{'), eq(small, b'}')), vorrq_u8(eq(x, b':'), eq(x, b',')))
            })),
            space: bits(x.map(|x| vorrq_u8(vorrq_u8(eq(x, b' '), eq(x, b'\n')), vorrq_u8(eq(x, b'\r'), eq(x, b'\t'))))),
            control: bits(x.map(|x| vcltq_u8(x, vdupq_n_u8(0x20)))),
            high: bits(x.map(|x| vcgeq_u8(x, vdupq_n_u8(0x80)))),
        }
    }

    #[target_feature(enable = "neon")]
    pub(super) fn index_neon(bytes: &[u8], base: u32, out: Out<'_>, carry: &mut Carry) -> usize {
        blocks!(bytes, base, out, carry, |b: &[u8; 64]| classify_neon(b), prefix_xor, flatten)
    }
}
