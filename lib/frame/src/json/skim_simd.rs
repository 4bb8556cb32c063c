//! The loops of a skim by the vector instructions that the processor has. As in `simd.rs`, `unsafe` is calls of functions that
//! need an instruction set, after it was found to be there, and loads and stores of arrays of that size.

use super::index::prefix_xor;
use super::simd::{Path, classify_scalar, each_set};
use super::skim::{Grammar, Lexer, Numbers, Out, Tokens, Words};

/// Takes text apart, up to the block that `lexer` finds wrong. Gives how many bytes of tokens and of words there are before it.
pub(super) fn lex(bytes: &[u8], out: Out<'_>, lexer: &mut Lexer, path: Path) -> (usize, usize) {
    match path {
        Path::Scalar => lex_scalar(bytes, out, lexer),
        // SAFETY: a path is only ever made where `Path::all` found its instructions.
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => unsafe { x86::lex_avx2(bytes, out, lexer) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx512 => unsafe { x86::lex_avx512(bytes, out, lexer) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: NEON belongs to the architecture.
        Path::Neon => unsafe { neon::lex_neon(bytes, out, lexer) },
    }
}

/// Whether words, whole blocks of them, are numbers or one of the three words each.
pub(super) fn check_words(words: &[u8], path: Path) -> bool {
    match path {
        Path::Scalar => words_scalar(words),
        // SAFETY: a path is only ever made where `Path::all` found its instructions.
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => unsafe { x86::words_avx2(words) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx512 => unsafe { x86::words_avx512(words) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: NEON belongs to the architecture.
        Path::Neon => unsafe { neon::words_neon(words) },
    }
}

/// Shows tokens, whole blocks of them, to `grammar`, up to the block that it finds wrong, and notes in `ends` which end records.
pub(super) fn check(tokens: &[u8], ends: &mut [u64], grammar: &mut Grammar, path: Path) {
    match path {
        Path::Scalar => check_scalar(tokens, ends, grammar),
        // SAFETY: a path is only ever made where `Path::all` found its instructions.
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => unsafe { x86::check_avx2(tokens, ends, grammar) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx512 => unsafe { x86::check_avx512(tokens, ends, grammar) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: NEON belongs to the architecture.
        Path::Neon => unsafe { neon::check_neon(tokens, ends, grammar) },
    }
}

/// The loop over text: the last block is filled up with spaces, which are no tokens.
macro_rules! lex_blocks {
    ($bytes:ident, $out:ident, $lexer:ident, $classify:expr, $xor:expr, $pack:expr) => {{
        let (blocks, rest) = $bytes.as_chunks::<64>();
        let mut last = [b' '; 64];
        if let Some(head) = last.get_mut(..rest.len()) {
            head.copy_from_slice(rest);
        }
        let Out { tokens, words, places, ranks, backslashes } = $out;
        // A copy, which stays in registers.
        let mut lexer = *$lexer;
        let mut lengths = (0usize, 0usize);
        let blocks = blocks.iter().chain((!rest.is_empty()).then_some(&last));
        let out = places.iter_mut().zip(ranks.iter_mut()).zip(backslashes.iter_mut());
        for (block, ((place, rank), backslash)) in blocks.zip(out) {
            let masks = $classify(block);
            *backslash = masks.backslash;
            let Some((token, word)) = lexer.block(&masks, $xor) else { break };
            (*place, *rank) = (token, lengths.0 as u32);
            lengths.0 += $pack(token, block, &mut *tokens, lengths.0);
            if word != 0 {
                lengths.1 += $pack(word, block, &mut *words, lengths.1);
            }
        }
        *$lexer = lexer;
        lengths
    }};
}

/// The loop over tokens.
macro_rules! check_blocks {
    ($tokens:ident, $ends:ident, $grammar:ident, $classify:expr) => {{
        let mut grammar = *$grammar;
        for ((n, block), ends) in $tokens.as_chunks::<64>().0.iter().enumerate().zip($ends.iter_mut()) {
            let Some(here) = grammar.block(&$classify(block), n * 64) else { break };
            *ends = here;
        }
        *$grammar = grammar;
    }};
}

/// The loop over words.
macro_rules! words_blocks {
    ($bytes:ident, $classify:expr, $numbers:expr) => {{
        let mut words = Words::new($bytes);
        let mut blocks = $bytes.as_chunks::<64>().0.iter().enumerate();
        blocks.all(|(n, block)| words.block(&$classify(block), $numbers(block), n * 64))
    }};
}

/// Writes the bytes whose bits are set.
#[inline(always)]
fn pack(bits: u64, block: &[u8; 64], out: &mut [u8], length: usize) -> usize {
    each_set(bits, out, length, |at| block.get((at & 63) as usize).copied().unwrap_or_default())
}

fn lex_scalar(bytes: &[u8], out: Out<'_>, lexer: &mut Lexer) -> (usize, usize) {
    lex_blocks!(bytes, out, lexer, classify_scalar, prefix_xor, pack)
}

fn words_scalar(words: &[u8]) -> bool {
    words_blocks!(words, classify_scalar, numbers_scalar)
}

fn check_scalar(tokens: &[u8], ends: &mut [u64], grammar: &mut Grammar) {
    check_blocks!(tokens, ends, grammar, tokens_scalar);
}

/// A bit for each byte that is one of some.
fn bits_of(block: &[u8; 64], is: impl Fn(u8) -> bool) -> u64 {
    block.iter().rev().fold(0, |bits, b| bits << 1 | u64::from(is(*b)))
}

fn numbers_scalar(block: &[u8; 64]) -> Numbers {
    Numbers {
        digit: bits_of(block, |b| b.is_ascii_digit()),
        zero: bits_of(block, |b| b == b'0'),
        point: bits_of(block, |b| b == b'.'),
        minus: bits_of(block, |b| b == b'-'),
    }
}

fn tokens_scalar(block: &[u8; 64]) -> Tokens {
    Tokens {
        open: bits_of(block, |b| matches!(b, b'{' | b'[')),
        close: bits_of(block, |b| matches!(b, b'}' | b']')),
        curly: bits_of(block, |b| matches!(b, b'{' | b'}')),
        comma: bits_of(block, |b| b == b','),
        colon: bits_of(block, |b| b == b':'),
        quote: bits_of(block, |b| b == b'"'),
        space: bits_of(block, |b| b == b' '),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::simd::x86::{classify_avx2, classify_avx512, xor_clmul};
    use super::{Grammar, Lexer, Numbers, Out, Tokens, Words, pack};

    /// A bit for each byte that is equal to some, of both halves of a block.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn equal(low: __m256i, high: __m256i, b: u8) -> u64 {
        let bits = |x: __m256i| _mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_set1_epi8(b as i8))) as u32;
        u64::from(bits(low)) | u64::from(bits(high)) << 32
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves(block: &[u8; 64]) -> (__m256i, __m256i) {
        // SAFETY: both halves lie inside the array; the loads need no alignment.
        unsafe { (_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn numbers_avx2(block: &[u8; 64]) -> Numbers {
        let (low, high) = halves(block);
        let digits = |x: __m256i| {
            let x = _mm256_sub_epi8(x, _mm256_set1_epi8(b'0' as i8));
            let nine = _mm256_set1_epi8(9);
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(x, nine), nine)) as u32
        };
        Numbers {
            digit: u64::from(digits(low)) | u64::from(digits(high)) << 32,
            zero: equal(low, high, b'0'),
            point: equal(low, high, b'.'),
            minus: equal(low, high, b'-'),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn tokens_avx2(block: &[u8; 64]) -> Tokens {
        let (low, high) = halves(block);
        // In this bit alone `{ }` and `[ ]` differ.
        let bit = _mm256_set1_epi8(0x20);
        let (small_low, small_high) = (_mm256_or_si256(low, bit), _mm256_or_si256(high, bit));
        let curly = |x: __m256i| _mm256_movemask_epi8(_mm256_slli_epi16::<2>(x)) as u32;
        Tokens {
            open: equal(small_low, small_high, b'{'),
            close: equal(small_low, small_high, b'}'),
            curly: u64::from(curly(low)) | u64::from(curly(high)) << 32,
            comma: equal(low, high, b','),
            colon: equal(low, high, b':'),
            quote: equal(low, high, b'"'),
            space: equal(low, high, b' '),
        }
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn lex_avx2(bytes: &[u8], out: Out<'_>, lexer: &mut Lexer) -> (usize, usize) {
        lex_blocks!(bytes, out, lexer, |b: &[u8; 64]| classify_avx2(b), |x| xor_clmul(x), pack)
    }

    #[target_feature(enable = "avx2,bmi1")]
    pub(super) fn words_avx2(words: &[u8]) -> bool {
        words_blocks!(words, |b: &[u8; 64]| classify_avx2(b), |b: &[u8; 64]| numbers_avx2(b))
    }

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) fn check_avx2(tokens: &[u8], ends: &mut [u64], grammar: &mut Grammar) {
        check_blocks!(tokens, ends, grammar, |b: &[u8; 64]| tokens_avx2(b));
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn whole(block: &[u8; 64]) -> __m512i {
        // SAFETY: the array is as long as the load, which needs no alignment.
        unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn all(b: u8) -> __m512i {
        _mm512_set1_epi8(b as i8)
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn numbers_avx512(block: &[u8; 64]) -> Numbers {
        let x = whole(block);
        Numbers {
            digit: _mm512_cmplt_epu8_mask(_mm512_sub_epi8(x, all(b'0')), all(10)),
            zero: _mm512_cmpeq_epi8_mask(x, all(b'0')),
            point: _mm512_cmpeq_epi8_mask(x, all(b'.')),
            minus: _mm512_cmpeq_epi8_mask(x, all(b'-')),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn tokens_avx512(block: &[u8; 64]) -> Tokens {
        let x = whole(block);
        let small = _mm512_or_si512(x, all(0x20));
        Tokens {
            open: _mm512_cmpeq_epi8_mask(small, all(b'{')),
            close: _mm512_cmpeq_epi8_mask(small, all(b'}')),
            curly: _mm512_test_epi8_mask(x, all(0x20)),
            comma: _mm512_cmpeq_epi8_mask(x, all(b',')),
            colon: _mm512_cmpeq_epi8_mask(x, all(b':')),
            quote: _mm512_cmpeq_epi8_mask(x, all(b'"')),
            space: _mm512_cmpeq_epi8_mask(x, all(b' ')),
        }
    }

    /// By one instruction.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
    #[inline]
    fn pack_avx512(bits: u64, block: &[u8; 64], out: &mut [u8], length: usize) -> usize {
        let Some(out) = out.get_mut(length..).and_then(|o| o.first_chunk_mut::<64>()) else { return 0 };
        let dense = _mm512_maskz_compress_epi8(bits, whole(block));
        // SAFETY: the array is as long as the store.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), dense) };
        bits.count_ones() as usize
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn lex_avx512(bytes: &[u8], out: Out<'_>, lexer: &mut Lexer) -> (usize, usize) {
        lex_blocks!(
            bytes,
            out,
            lexer,
            |b: &[u8; 64]| classify_avx512(b),
            |x| xor_clmul(x),
            |bits, block: &[u8; 64], out: &mut [u8], n| pack_avx512(bits, block, out, n)
        )
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi1")]
    pub(super) fn words_avx512(words: &[u8]) -> bool {
        words_blocks!(words, |b: &[u8; 64]| classify_avx512(b), |b: &[u8; 64]| numbers_avx512(b))
    }

    #[target_feature(enable = "avx512f,avx512bw,bmi1,popcnt")]
    pub(super) fn check_avx512(tokens: &[u8], ends: &mut [u64], grammar: &mut Grammar) {
        check_blocks!(tokens, ends, grammar, |b: &[u8; 64]| tokens_avx512(b));
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::super::simd::neon::{bits, classify_neon};
    use super::{Grammar, Lexer, Numbers, Out, Tokens, Words, pack, prefix_xor};

    #[target_feature(enable = "neon")]
    #[inline]
    fn quarters(block: &[u8; 64]) -> [uint8x16_t; 4] {
        // SAFETY: the four loads together are as long as the array.
        unsafe {
            let p = block.as_ptr();
            [vld1q_u8(p), vld1q_u8(p.add(16)), vld1q_u8(p.add(32)), vld1q_u8(p.add(48))]
        }
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn equal(x: [uint8x16_t; 4], b: u8) -> u64 {
        bits(x.map(|x| vceqq_u8(x, vdupq_n_u8(b))))
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn numbers_neon(block: &[u8; 64]) -> Numbers {
        let x = quarters(block);
        Numbers {
            digit: bits(x.map(|x| vcltq_u8(vsubq_u8(x, vdupq_n_u8(b'0')), vdupq_n_u8(10)))),
            zero: equal(x, b'0'),
            point: equal(x, b'.'),
            minus: equal(x, b'-'),
        }
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn tokens_neon(block: &[u8; 64]) -> Tokens {
        let x = quarters(block);
        // In this bit alone `{ }` and `[ ]` differ.
        let small = x.map(|x| vorrq_u8(x, vdupq_n_u8(0x20)));
        Tokens {
            open: equal(small, b'{'),
            close: equal(small, b'}'),
            curly: bits(x.map(|x| vtstq_u8(x, vdupq_n_u8(0x20)))),
            comma: equal(x, b','),
            colon: equal(x, b':'),
            quote: equal(x, b'"'),
            space: equal(x, b' '),
        }
    }

    #[target_feature(enable = "neon")]
    pub(super) fn lex_neon(bytes: &[u8], out: Out<'_>, lexer: &mut Lexer) -> (usize, usize) {
        lex_blocks!(bytes, out, lexer, |b: &[u8; 64]| classify_neon(b), prefix_xor, pack)
    }

    #[target_feature(enable = "neon")]
    pub(super) fn words_neon(words: &[u8]) -> bool {
        words_blocks!(words, |b: &[u8; 64]| classify_neon(b), |b: &[u8; 64]| numbers_neon(b))
    }

    #[target_feature(enable = "neon")]
    pub(super) fn check_neon(tokens: &[u8], ends: &mut [u64], grammar: &mut Grammar) {
        check_blocks!(tokens, ends, grammar, |b: &[u8; 64]| tokens_neon(b));
    }
}
