//! Records of which nobody wants a value, or few (`pick.rs`): their grammar is checked and nothing of them is kept. 64 bytes at a time
//! give the first bytes of their tokens, end to end; 64 of those at a time are asked what follows what. Only brackets, and words that
//! are neither whole numbers nor plain fractions, are looked at one by one.
//!
//! What is refused here may still be a record: the general ways tell.

use super::escape::are_escapes;
use super::index::{Escapes, escaped, whole_utf8};
use super::pick::{Checked, place_of};
use super::simd::{Masks, Path};
use super::{check_word, ends_word, skim_simd};

/// Where a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between records that stand one after the other.
    Root,
    /// In an array of records: behind its bracket, behind a comma, behind a record.
    Opened,
    Comma,
    Record,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skimmed {
    pub(crate) records: u64,
    /// Where the last of them ends.
    pub(crate) end: usize,
    /// What follows is not as expected; else the text ends in it.
    pub(crate) odd: bool,
}

/// Room that is used again.
#[derive(Debug, Default)]
pub(crate) struct Skimmer {
    /// The first byte of each token.
    tokens: Vec<u8>,
    /// Numbers and words, each with the byte behind it.
    words: Vec<u8>,
    /// A bit for each token's first byte.
    places: Vec<u64>,
    /// How many tokens there are before each block.
    ranks: Vec<u32>,
    /// A bit for each backslash.
    backslashes: Vec<u64>,
    /// A bit for each token that ends a record.
    ends: Vec<u64>,
    /// Blocks of the text that was looked at last, and whether anything in it stands inside of what stands in a record, or has
    /// a backslash.
    blocks: usize,
    nested: bool,
    escapes: bool,
}

/// Bytes that a vector may write behind the last one.
const SLACK: usize = 64;

impl Skimmer {
    /// Counts the objects that `bytes` begins with, each of at most so many levels.
    pub(crate) fn skim(&mut self, bytes: &[u8], place: Place, depth_max: usize, path: Path) -> Skimmed {
        let blocks = bytes.len().div_ceil(64);
        if self.places.len() < blocks {
            self.tokens.resize(blocks * 64 + SLACK, 0);
            self.words.resize(blocks * 64 + SLACK, 0);
            self.places.resize(blocks, 0);
            self.ranks.resize(blocks, 0);
            self.backslashes.resize(blocks, 0);
            self.ends.resize(blocks, 0);
        }
        let mut lexer = Lexer::default();
        let out = Out {
            tokens: &mut self.tokens,
            words: &mut self.words,
            places: &mut self.places,
            ranks: &mut self.ranks,
            backslashes: &mut self.backslashes,
        };
        let (tokens, mut words) = skim_simd::lex(bytes, out, &mut lexer, path);
        if lexer.scalar.0 != 0 {
            // The end cuts a word off, which is left open.
            let whole = self.words.get(..words).unwrap_or_default();
            words = whole.iter().rposition(|b| ends_word(*b)).map_or(0, |last| last + 1);
        }
        let mut grammar = Grammar::new(place, depth_max);
        skim_simd::check(padded(&mut self.tokens, tokens), &mut self.ends, &mut grammar, path);
        (self.blocks, self.nested, self.escapes) = (lexer.blocks, grammar.is_nested(), lexer.backslash != 0);
        let (places, ranks) = self.tokens_at();
        let end = grammar.taken.checked_sub(1).map_or(0, |last| place_of(last, places, ranks) + 1);
        let good = skim_simd::check_words(padded(&mut self.words, words), path)
            && (lexer.high == 0 || whole_utf8(bytes.get(..end).unwrap_or_default()))
            && (lexer.backslash == 0 || are_escapes(bytes, 0, end, Escapes::of(&self.backslashes)));
        if good {
            return Skimmed { records: grammar.records, end, odd: lexer.odd || grammar.odd };
        }
        // Somewhere in it, and that is for others to say.
        Skimmed { records: 0, end: 0, odd: true }
    }

    /// A bit for each token, and how many there are before each block.
    fn tokens_at(&self) -> (&[u64], &[u32]) {
        let blocks = ..self.blocks;
        (self.places.get(blocks).unwrap_or_default(), self.ranks.get(blocks).unwrap_or_default())
    }

    /// The text that was looked at last, up to the end of its `records`.
    pub(crate) fn checked<'a>(&'a self, bytes: &'a [u8], records: u64) -> Checked<'a> {
        let (places, ranks) = self.tokens_at();
        Checked {
            bytes,
            tokens: &self.tokens,
            places,
            ranks,
            backslashes: if self.escapes { &self.backslashes } else { &[] },
            ends: &self.ends,
            records,
            nested: self.nested,
        }
    }
}

/// The first `length` bytes, filled up with spaces to whole blocks.
fn padded(bytes: &mut [u8], length: usize) -> &[u8] {
    let whole = length.next_multiple_of(64);
    if let Some(rest) = bytes.get_mut(length..whole) {
        rest.fill(b' ');
    }
    bytes.get(..whole).unwrap_or_default()
}

/// What text is taken apart into, each with room for 64 bytes more than there are, or for a word a block.
pub(super) struct Out<'a> {
    pub(super) tokens: &'a mut [u8],
    pub(super) words: &'a mut [u8],
    pub(super) places: &'a mut [u64],
    pub(super) ranks: &'a mut [u32],
    pub(super) backslashes: &'a mut [u64],
}

/// A bit that the last byte of a block hands over to the first one of the next.
#[derive(Debug, Clone, Copy, Default)]
struct Last(u64);

impl Last {
    /// What stands right behind `bits`.
    #[inline(always)]
    fn after(&mut self, bits: u64) -> u64 {
        let after = bits << 1 | self.0;
        self.0 = bits >> 63;
        after
    }

    /// What stands behind `bits` and a run of `gaps`, which an addition carries over it.
    #[inline(always)]
    fn behind(&mut self, bits: u64, gaps: u64) -> u64 {
        let (sum, over) = (bits << 1 | self.0).overflowing_add(gaps);
        self.0 = bits >> 63 | u64::from(over);
        sum & !gaps
    }
}

/// What a block of text leaves to the next one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lexer {
    escaped: u64,
    string: u64,
    scalar: Last,
    backslash: u64,
    high: u64,
    blocks: usize,
    odd: bool,
}

impl Lexer {
    /// Which bytes of a block begin tokens, and which are those of words or right behind one; `None` where something is wrong.
    #[inline(always)]
    pub(super) fn block(&mut self, m: &Masks, prefix_xor: impl Fn(u64) -> u64) -> Option<(u64, u64)> {
        let quote = m.quote & !escaped(m.backslash, &mut self.escaped);
        // From each opening quote up to, not including, its closing one.
        let string = prefix_xor(quote) ^ self.string;
        self.string = ((string as i64) >> 63) as u64;
        let scalar = !(m.operator | m.space | string | quote);
        let after = self.scalar.after(scalar);
        self.backslash |= m.backslash;
        self.high |= m.high;
        if m.control & string != 0 {
            self.odd = true;
            return None;
        }
        self.blocks += 1;
        Some(((m.operator & !string) | (quote & string) | (scalar & !after), scalar | after))
    }
}

/// Bytes of which numbers are made, and what is of no word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    pub(super) digit: u64,
    pub(super) zero: u64,
    pub(super) point: u64,
    pub(super) minus: u64,
}

/// What a block of words leaves to the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    bytes: &'a [u8],
    scalar: Last,
    number: u64,
    digit: Last,
    point: Last,
    minus: Last,
    zero: Last,
    fraction: Last,
    /// Where the last word begins.
    word: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let last = Last::default();
        Words {
            bytes,
            scalar: last,
            number: 0,
            digit: last,
            point: last,
            minus: last,
            zero: last,
            fraction: last,
            word: 0,
        }
    }

    /// Whether the block at `at` holds numbers and the three words, and nothing else.
    #[inline(always)]
    pub(super) fn block(&mut self, m: &Masks, n: Numbers, at: usize) -> bool {
        let scalar = !(m.operator | m.space | m.quote);
        let words = scalar & !self.scalar.after(scalar);
        let (digit, point, minus) = (n.digit, n.point, n.minus & words);
        // An addition carries the first bytes of numbers over all of them.
        let (sum, over) = (words & (digit | minus) | self.number).overflowing_add(scalar);
        self.number = u64::from(over);
        let number = scalar & !sum;
        let (after_point, after_minus) = (self.point.after(point), self.minus.after(minus));
        let zero = n.zero & (words | after_minus);
        let wrong = (point & !self.digit.after(digit))
            | ((after_point | after_minus) & !digit)
            | (self.zero.after(zero) & digit)
            | (self.fraction.behind(point, digit) & point);
        if wrong != 0 {
            return false;
        }
        // Exponents, and what is no number.
        let odd = number & !(digit | point | minus);
        let mut left = words & !(digit | minus);
        if odd != 0 {
            if !self.is_word(self.word) {
                return false;
            }
            left = words;
        }
        if words != 0 {
            self.word = at + 63 - words.leading_zeros() as usize;
        }
        while left != 0 {
            if !self.is_word(at + left.trailing_zeros() as usize) {
                return false;
            }
            left &= left - 1;
        }
        true
    }

    /// Whether a number or word begins there, if anything does.
    #[inline(always)]
    fn is_word(&self, start: usize) -> bool {
        let length = match self.bytes.get(start..).and_then(<[u8]>::first_chunk::<4>) {
            Some(b"true" | b"null") => 4,
            Some(b"fals") if self.bytes.get(start + 4) == Some(&b'e') => 5,
            _ => return self.is_number(start),
        };
        self.bytes.get(start + length).is_none_or(|b| ends_word(*b))
    }

    fn is_number(&self, start: usize) -> bool {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|b| ends_word(*b)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        word.first().is_none_or(|b| check_word(*b, word).is_some())
    }
}

/// What is what among 64 tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tokens {
    /// `{ [`
    pub(super) open: u64,
    /// `} ]`
    pub(super) close: u64,
    /// Of those four, `{ }`; of other bytes anything.
    pub(super) curly: u64,
    pub(super) comma: u64,
    pub(super) colon: u64,
    pub(super) quote: u64,
    /// None at all, behind the last one.
    pub(super) space: u64,
}

/// Levels that one word has room for, a bit each.
const LEVELS_MAX: usize = 62;

/// What 64 tokens leave to the next ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grammar {
    /// All ones where commas separate the records.
    array: u64,
    /// How deep records stand, and how deep they may be.
    base: usize,
    depth_max: usize,
    brace: Last,
    comma: Last,
    /// `[` and `:`.
    start: Last,
    key: Last,
    value: Last,
    /// The lowest bit is the innermost container: set for an object.
    levels: u64,
    depth: usize,
    records: u64,
    /// Tokens up to the end of the last record.
    taken: usize,
    /// Brackets that open something.
    opens: u64,
    odd: bool,
}

impl Grammar {
    fn new(place: Place, depth_max: usize) -> Self {
        let base = usize::from(place != Place::Root);
        let last = |wanted| Last(u64::from(place == wanted));
        Grammar {
            array: if base == 0 { 0 } else { u64::MAX },
            base,
            depth_max: base + depth_max.min(LEVELS_MAX),
            brace: Last::default(),
            comma: last(Place::Comma),
            start: last(Place::Opened),
            key: Last::default(),
            value: last(Place::Record),
            levels: 0,
            depth: base,
            records: 0,
            taken: 0,
            opens: 0,
            odd: false,
        }
    }

    /// Whether something may stand deeper than the fields of records: more was opened than these.
    fn is_nested(&self) -> bool {
        self.opens != self.records + u64::from(self.depth != self.base)
    }

    /// Looks at the tokens from the one whose number is `at`. Gives which of them end records; `None`: something is not as
    /// expected, in the record that is open or among these.
    #[inline(always)]
    pub(super) fn block(&mut self, t: &Tokens, at: usize) -> Option<u64> {
        let (text, word) = (t.quote, !(t.open | t.close | t.comma | t.colon | t.quote | t.space));
        let values = text | word | t.open;
        let after_brace = self.brace.after(t.open & t.curly);
        let after_comma = self.comma.after(t.comma);
        let after_start = self.start.after(t.open & !t.curly | t.colon);
        // Texts after commas are keys where a colon follows.
        let keys = text & (after_brace | after_comma);
        let after_key = self.key.after(keys);
        let after_value = self.value.after(text & !keys | word | t.close);
        let wrong = (after_brace & !(text | t.close))
            | (after_comma & !values)
            | (after_start & !(values | t.close & !t.curly))
            | (after_key & !(t.colon | t.comma | t.close))
            | (after_value & !(t.comma | t.close | t.open));
        let found = Found {
            brackets: t.open | t.close,
            open: t.open,
            curly: t.curly,
            colon: t.colon,
            no_key: after_comma & !text | after_key & !t.colon,
            beside: after_value & t.open,
            alien: !(t.space | t.comma & self.array),
        };
        let before = (self.records, self.taken);
        self.opens += u64::from(t.open.count_ones());
        // What is behind the last token is neither here nor there.
        let ends = if wrong & !t.space == 0 { self.brackets(&found, t.space, at) } else { None };
        if ends.is_none() {
            ((self.records, self.taken), self.odd) = (before, true);
        }
        ends
    }

    /// Goes from bracket to bracket, between which the kind of container does not change.
    #[inline(always)]
    fn brackets(&mut self, f: &Found, space: u64, at: usize) -> Option<u64> {
        let (mut brackets, mut left, mut wrong, mut ends) = (f.brackets, !space, 0, 0);
        while brackets != 0 {
            let bit = brackets & brackets.wrapping_neg();
            brackets ^= bit;
            // What stands here belongs to the container that is open before the bracket, which itself ends it.
            let here = left & (bit | (bit - 1));
            left ^= here;
            wrong |= here & self.foreign(f);
            let outside = self.depth == self.base;
            let curly = u64::from(f.curly & bit != 0);
            if f.open & bit != 0 {
                wrong |= if outside { here & f.alien & !bit | bit & f.beside & self.array } else { bit & f.beside };
                if self.depth >= self.depth_max || (outside && curly == 0) {
                    return None;
                }
                self.levels = self.levels << 1 | curly;
                self.depth += 1;
                continue;
            }
            if outside || curly != self.levels & 1 {
                return None;
            }
            self.levels >>= 1;
            self.depth -= 1;
            if self.depth == self.base {
                self.records += 1;
                ends |= bit;
                self.taken = at + bit.trailing_zeros() as usize + 1;
            }
        }
        wrong |= left & self.foreign(f);
        if self.depth == self.base {
            wrong |= left & f.alien;
        }
        (wrong == 0).then_some(ends)
    }

    /// What belongs into the other kind of container than the one that is open.
    #[inline(always)]
    fn foreign(&self, f: &Found) -> u64 {
        let object = (self.levels & 1).wrapping_neg();
        f.no_key & object | f.colon & !object
    }
}

/// What matters between brackets.
struct Found {
    brackets: u64,
    open: u64,
    curly: u64,
    colon: u64,
    /// What follows a comma in an array, and cannot in an object.
    no_key: u64,
    /// What stands beside a value without a comma.
    beside: u64,
    /// What may not stand between records.
    alien: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Pull;
    use proptest::prelude::*;

    /// Ends of the objects that a text begins with.
    fn plain(bytes: &[u8], array: bool) -> Vec<usize> {
        let (mut at, mut ends) = (0, Vec::new());
        let space = |at: usize| at + bytes[at..].iter().take_while(|b| b" \n\r\t".contains(b)).count();
        loop {
            at = space(at);
            if array && !ends.is_empty() {
                if bytes.get(at) != Some(&b',') {
                    return ends;
                }
                at = space(at + 1);
            }
            if bytes.get(at) != Some(&b'{') {
                return ends;
            }
            let mut pull = Pull::new(&bytes[at..], false, 1024);
            loop {
                match pull.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return ends,
                }
            }
            at += pull.position();
            ends.push(at);
        }
    }

    fn check(bytes: &[u8], array: bool) {
        let ends = plain(bytes, array);
        let mut skimmer = Skimmer::default();
        let place = if array { Place::Opened } else { Place::Root };
        let all: Vec<_> = Path::all().into_iter().map(|path| skimmer.skim(bytes, place, 1024, path)).collect();
        let text = String::from_utf8_lossy(bytes);
        for got in &all {
            assert_eq!(*got, all[0], "{text}");
            let found = usize::try_from(got.records).unwrap();
            let last = found.checked_sub(1).map_or(Some(0), |last| ends.get(last).copied());
            assert_eq!(last, Some(got.end), "{text}");
            // It may give up early, but not pass anything over.
            assert!(got.odd || found == ends.len(), "{text} {got:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 2000 }))]
        #[test]
        fn what_is_counted_is_what_the_parser_takes(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a\"", "\"a\":1,", "\"b\":[1,2]", "{\"a\":", "{\"k\":[{},\"x\"]}", "1", "-0.5", "true",
                "null", "1e5", "01", "1.", ".", "-", "\"\\n\\u0041\"", "\"\\\\\"", "\\", "\"", " ", "\n", "\u{1}", "é", "\"é\"", "e", "+",
                "{\"id\":12,\"name\":\"some text\",\"ok\":false,\"x\":{\"y\":[1.25,\"z\",null]}}", "{}", "{ }", "[]",
            ]), 0..40),
            whole in prop::collection::vec(prop::sample::select(vec![
                "{\"id\":12,\"name\":\"some text\",\"ok\":false,\"x\":{\"y\":[1.25,\"z\",null]}}", "{}", "{\"a\":[[[{\"b\":\"\\\"\"}]]]}",
                "{\"n\":[0,-1,1e5,-0.25E+3,123456789012345678901234567890]}", " ", "\n",
            ]), 0..20),
            comma in any::<bool>(),
        ) {
            let array = comma;
            let good = whole.join(if comma { "," } else { "" });
            check(parts.concat().as_bytes(), array);
            check(format!("{good}{}{good}", parts.concat()).as_bytes(), array);
            check(good.as_bytes(), array);
        }

        #[test]
        fn nothing_is_odd_about_records(
            whole in prop::collection::vec(prop::sample::select(vec![
                "{\"id\":12,\"name\":\"some text\",\"ok\":false,\"x\":{\"y\":[1.25,\"z\",null]}}", "{}\n", "{\"a\":[[[{\"b\":\"\\\"\"}]]]} ",
                "{\"n\":[0,-1,1e5,-0.25E+3,123456789012345678901234567890]}", "{\"é\":\"\\ud83d\\ude00\"}",
            ]), 1..40),
            cut in 0usize..60,
            array in any::<bool>(),
        ) {
            let text = whole.join(if array { "," } else { "" });
            let place = if array { Place::Opened } else { Place::Root };
            let mut skimmer = Skimmer::default();
            for path in Path::all() {
                let got = skimmer.skim(text.as_bytes(), place, 1024, path);
                prop_assert_eq!((got.records, got.odd), (whole.len() as u64, false));
            }
            let bytes = text.as_bytes();
            check(&bytes[..bytes.len().saturating_sub(cut)], array);
        }
    }
}
