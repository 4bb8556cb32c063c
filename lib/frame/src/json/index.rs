//! The structural index: where in a text its quotes, brackets, colons, commas and bare words stand, found 64 bytes at a
//! time. After Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019), with closing quotes in the index, so
//! that a string's length is known without looking at it.

use super::simd::{self, Masks};

/// Positions of a text, and what was seen on the way.
#[derive(Debug, Default)]
pub(crate) struct Index {
    at: Vec<u32>,
    length: usize,
    /// A bit for each backslash.
    backslashes: Vec<u64>,
    /// There is a backslash somewhere.
    escapes: bool,
    /// A control character stands in a string, or the text is no UTF-8: the slow path will tell.
    pub(crate) suspicious: bool,
}

/// What a block leaves to the next one.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Carry {
    /// The next byte is escaped: 1 or 0.
    escaped: u64,
    /// All ones inside a string.
    string: u64,
    /// The last byte belongs to a bare word: 1 or 0.
    scalar: u64,
    backslash: u64,
    control: u64,
    high: u64,
}

/// Bytes that are indexed between two looks at whether there is room: whole blocks.
const PIECE: usize = 64 << 10;

impl Index {
    /// Positions in ascending order.
    pub(crate) fn positions(&self) -> &[u32] {
        self.at.get(..self.length).unwrap_or_default()
    }

    /// Where the backslashes of the text are.
    pub(crate) fn escapes(&self) -> Escapes<'_> {
        Escapes(if self.escapes { &self.backslashes } else { &[] })
    }

    /// Indexes `bytes`, which begin outside of any string.
    pub(crate) fn build(&mut self, bytes: &[u8], path: simd::Path) {
        let blocks = bytes.len().div_ceil(64);
        if self.backslashes.len() < blocks {
            self.backslashes.resize(blocks, 0);
        }
        let mut carry = Carry::default();
        self.length = 0;
        let pieces = bytes.chunks(PIECE).zip(self.backslashes.chunks_mut(PIECE / 64));
        // A piece after the other, so that room is made for the positions that there are, not for as many as there
        // are bytes.
        for (n, (piece, backslashes)) in pieces.enumerate() {
            // A block writes whole groups of eight, so there is room for one more block than there are bytes.
            let room = self.length + piece.len() + 2 * 64;
            if self.at.len() < room {
                self.at.resize(room, 0);
            }
            let base = (n * PIECE) as u32;
            let at = self.at.get_mut(self.length..).unwrap_or_default();
            self.length += simd::index(piece, base, (at, backslashes), &mut carry, path);
        }
        self.escapes = carry.backslash != 0;
        self.suspicious = carry.control != 0 || (carry.high != 0 && !whole_utf8(bytes));
    }
}

/// A bit for each backslash of a text, or nothing where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Escapes<'a>(&'a [u64]);

impl<'a> Escapes<'a> {
    /// Of a bit for each backslash.
    pub(super) fn of(backslashes: &'a [u64]) -> Self {
        Escapes(backslashes)
    }

    /// Whether one stands in `from..to`.
    #[inline]
    pub(crate) fn any(self, from: usize, to: usize) -> bool {
        if self.0.is_empty() || from >= to {
            return false;
        }
        let (first, last) = (from / 64, (to - 1) / 64);
        let low = u64::MAX << (from % 64);
        let high = u64::MAX >> (63 - (to - 1) % 64);
        let word = |i: usize| self.0.get(i).copied().unwrap_or(u64::MAX);
        if first == last {
            return word(first) & low & high != 0;
        }
        word(first) & low != 0 || word(last) & high != 0 || (first + 1..last).any(|i| word(i) != 0)
    }

    /// Where those in `from..to` stand that begin an escape, one after the other, from one that does.
    #[inline(always)]
    pub(crate) fn starts(self, from: usize, to: usize) -> Starts<'a> {
        let low = u64::MAX << (from % 64);
        let mut starts = Starts { words: self.0, word: from / 64, to, carry: 0, bits: 0 };
        starts.load(low);
        starts
    }
}

/// See [`Escapes::starts`].
pub(crate) struct Starts<'a> {
    words: &'a [u64],
    word: usize,
    to: usize,
    carry: u64,
    /// What backslashes of this word escape.
    bits: u64,
}

impl Starts<'_> {
    #[inline(always)]
    fn load(&mut self, mask: u64) {
        let word = self.words.get(self.word).copied().unwrap_or(0);
        self.bits = escaped(word & mask, &mut self.carry);
    }
}

impl Iterator for Starts<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.word += 1;
            if self.word * 64 > self.to {
                return None;
            }
            self.load(u64::MAX);
        }
        let at = self.word * 64 + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        (at <= self.to).then(|| at - 1)
    }
}

/// Whether text is UTF-8, up to a character that its end cuts off.
pub(super) fn whole_utf8(bytes: &[u8]) -> bool {
    let lead = bytes.iter().rev().take(3).position(|b| *b >= 0xC0).map_or(bytes.len(), |back| bytes.len() - 1 - back);
    let tail = std::str::from_utf8(bytes.get(lead..).unwrap_or_default());
    let end = if tail.is_err_and(|e| e.error_len().is_none()) { lead } else { bytes.len() };
    let text = bytes.get(..end).unwrap_or_default();
    // The library names places behind the end to be brought near, which Miri, rightly, does not let it compute.
    if cfg!(miri) { std::str::from_utf8(text).is_ok() } else { simdutf8::basic::from_utf8(text).is_ok() }
}

/// Bits that are set where an odd number of bits at or below is set.
#[inline(always)]
pub(super) fn prefix_xor(mut x: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        x ^= x << shift;
    }
    x
}

/// The bytes that a backslash escapes.
#[inline(always)]
pub(super) fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    if backslash == 0 {
        return std::mem::take(carry);
    }
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslash = backslash & !*carry;
    let follows = backslash << 1 | *carry;
    // Runs that begin at an odd place: adding carries to the bit after the run.
    let odd = backslash & !EVEN & !follows;
    let (sum, over) = odd.overflowing_add(backslash);
    *carry = u64::from(over);
    (EVEN ^ (sum << 1)) & follows
}

/// The positions of one block as bits.
#[inline(always)]
pub(super) fn structure(m: &Masks, carry: &mut Carry, prefix_xor: impl Fn(u64) -> u64) -> u64 {
    let escaped = escaped(m.backslash, &mut carry.escaped);
    let quote = m.quote & !escaped;
    // From each opening quote up to, not including, its closing one.
    let string = prefix_xor(quote) ^ carry.string;
    carry.string = ((string as i64) >> 63) as u64;
    let scalar = !(m.operator | m.space | string | quote);
    let begins = scalar & !(scalar << 1 | carry.scalar);
    carry.scalar = scalar >> 63;
    carry.backslash |= m.backslash;
    carry.control |= m.control & string;
    carry.high |= m.high;
    (m.operator & !string) | quote | begins
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, a byte at a time.
    fn plain(bytes: &[u8]) -> (Vec<u32>, bool) {
        let (mut out, mut string, mut escape, mut scalar, mut control) = (Vec::new(), false, false, false, false);
        for (i, &b) in bytes.iter().enumerate() {
            let (was_escape, was_scalar) = (std::mem::take(&mut escape), std::mem::take(&mut scalar));
            if string {
                control |= b < 0x20;
                escape = b == b'\\' && !was_escape;
                if b == b'"' && !was_escape {
                    string = false;
                    out.push(i as u32);
                }
                continue;
            }
            match b {
                b'"' if !was_escape => {
                    string = true;
                    out.push(i as u32);
                }
                b'{' | b'}' | b'[' | b']' | b':' | b',' => out.push(i as u32),
                b' ' | b'\n' | b'\r' | b'\t' => {}
                _ => {
                    escape = b == b'\\' && !was_escape;
                    scalar = true;
                    if !was_scalar {
                        out.push(i as u32);
                    }
                }
            }
        }
        (out, control)
    }

    fn check(bytes: &[u8]) {
        let (want, control) = plain(bytes);
        for path in simd::Path::all() {
            let mut index = Index::default();
            index.build(bytes, path);
            assert_eq!(index.positions(), want, "{path:?} {:?}", String::from_utf8_lossy(bytes));
            let utf8 = match std::str::from_utf8(bytes) {
                Ok(_) => true,
                Err(e) => e.error_len().is_none(),
            };
            for (i, b) in bytes.iter().enumerate() {
                assert_eq!(index.escapes().any(i, i + 1), *b == b'\\');
            }
            assert_eq!(index.escapes().any(0, bytes.len()), bytes.contains(&b'\\'));
            assert_eq!(index.suspicious, control || !utf8, "{path:?}");
        }
    }

    #[test]
    fn edges_of_blocks_are_no_edges_of_values() {
        let text = r#"{"a":[1,-2.5e+3,true,null,"x\n\"\\"],"bé":{},"c\\":"\\\\\""} "#;
        for pad in 0..130 {
            check(format!("{}{text}{text}", " ".repeat(pad)).as_bytes());
        }
        let long = format!("{{\"k\":\"{}\",\"l\":[{}0]}}", "a\\\\\"".repeat(PIECE / 3), "1,".repeat(PIECE));
        // More than one piece, which would take Miri minutes.
        if !cfg!(miri) {
            check(long.as_bytes());
        }
        for run in 0..140 {
            check(format!("\"{}\"{{", "\\".repeat(run)).as_bytes());
        }
        check(b"");
        check("\"é".as_bytes());
        check(&[b'"', 0xC3]);
        check(&[b'"', 0xE2, 0x82]);
        check(&[b'"', 0xC3, b'"']);
        check(&[b'"', 0x80]);
        // A whole string, in which something else than the end cuts a character off.
        for text in [&b"\xE2\""[..], b"\xE2\x82\"", b"\xF0\"}", b"\xF0\x9F\"", b"\xFF\"}", b"\xC3\"}", b"\xE2a"] {
            check(&[b"{\"k\":\"", text].concat());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 400 }))]
        #[test]
        fn every_path_finds_the_same(bytes in prop::collection::vec(prop::sample::select(b"{}[]:,\"\\\\\" 01.e-truen\n\t\x01\x0c\x1a\x1f\x20\x80\xc3\xa9\xe2\xf0".to_vec()), 0..300)) {
            // Outside of strings an escaped quote is no JSON anyway.
            check(&bytes);
        }
    }
}
