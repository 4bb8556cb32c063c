//! A few fields of records whose grammar a skim has checked: each key is looked for as text, and what is found is held against
//! the tokens, which tell keys from other text, and fields of a record from those of what is in it.

use memchr::memmem::Finder;

use super::index::Escapes;

/// Records, and where their tokens stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked<'a> {
    pub(crate) bytes: &'a [u8],
    /// The first byte of each token, which are those of `bytes` and maybe more.
    pub(super) tokens: &'a [u8],
    /// A bit for each token's first byte, and how many tokens there are before each 64 bytes.
    pub(super) places: &'a [u64],
    pub(super) ranks: &'a [u32],
    /// A bit for each backslash, or nothing where there is none.
    pub(super) backslashes: &'a [u64],
    /// A bit for each token that ends a record.
    pub(super) ends: &'a [u64],
    pub(super) records: u64,
    /// Something stands deeper than the fields of records.
    pub(crate) nested: bool,
}

/// Stands for the place of a value that is not there.
pub(crate) const NONE: u32 = u32::MAX;

impl<'a> Checked<'a> {
    pub(crate) fn escapes(&self) -> Escapes<'a> {
        Escapes::of(self.backslashes)
    }

    /// Which tokens end the records, as numbers, up to the first record with an escape in a key: that may be any key.
    pub(crate) fn ends(&self) -> Ends<'a> {
        Ends { words: self.ends, word: 0, bits: 0, left: self.records, before: self.escaped_key() }
    }

    /// Where a token stands.
    pub(crate) fn place(&self, token: usize) -> usize {
        place_of(token, self.places, self.ranks)
    }

    /// How many tokens there are before a byte.
    #[inline]
    fn rank(&self, at: usize) -> usize {
        let before = self.ranks.get(at / 64).copied().unwrap_or_default() as usize;
        let places = self.places.get(at / 64).copied().unwrap_or_default();
        before + (places & !(u64::MAX << (at % 64))).count_ones() as usize
    }

    #[inline]
    fn is_token(&self, at: usize) -> bool {
        self.places.get(at / 64).is_some_and(|places| places >> (at % 64) & 1 == 1)
    }

    /// Where the next token behind a byte stands.
    #[inline]
    fn next(&self, at: usize) -> usize {
        first_set(self.places, at + 1).unwrap_or(self.bytes.len())
    }

    /// Whether a token stands there that is a key, and then the colon behind it.
    #[inline]
    fn key(&self, at: usize) -> Option<usize> {
        let colon = if self.is_token(at) { self.next(at) } else { return None };
        (self.bytes.get(colon) == Some(&b':')).then_some(colon)
    }

    /// Where a value begins, and its closing quote or what is behind its word.
    #[inline]
    fn span(&self, value: usize) -> [u32; 2] {
        let next = self.next(value);
        let text = self.bytes.get(value..next).unwrap_or_default();
        let quote = if text.first() == Some(&b'"') { text.trim_ascii_end().len() - 1 } else { text.len() };
        [value as u32, (value + quote) as u32]
    }

    /// The number of the token behind the first key that has an escape.
    fn escaped_key(&self) -> usize {
        let mut at = 0;
        while let Some(backslash) = first_set(self.backslashes, at).filter(|at| *at < self.bytes.len()) {
            // Only strings have any.
            at = self.next(backslash);
            if self.bytes.get(at) == Some(&b':') {
                return self.rank(backslash);
            }
        }
        usize::MAX
    }
}

/// The first bit that is set, from one on.
#[inline]
fn first_set(words: &[u64], from: usize) -> Option<usize> {
    let mut at = from / 64;
    let mut bits = words.get(at)? & (u64::MAX << (from % 64));
    while bits == 0 {
        at += 1;
        bits = *words.get(at)?;
    }
    Some(at * 64 + bits.trailing_zeros() as usize)
}

/// Where a token stands, by a bit for each token and how many there are before each 64 bytes.
pub(super) fn place_of(token: usize, places: &[u64], ranks: &[u32]) -> usize {
    let block = ranks.partition_point(|before| *before as usize <= token).saturating_sub(1);
    let before = ranks.get(block).copied().unwrap_or_default() as usize;
    let places = places.get(block).copied().unwrap_or_default();
    let rest = (before..token).fold(places, |places, _| places & places.wrapping_sub(1));
    block * 64 + rest.trailing_zeros() as usize
}

/// See [`Checked::ends`].
pub(crate) struct Ends<'a> {
    words: &'a [u64],
    /// The next word; the bits are those of the one before.
    word: usize,
    bits: u64,
    left: u64,
    before: usize,
}

impl Iterator for Ends<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        while self.bits == 0 {
            self.bits = *self.words.get(self.word)?;
            self.word += 1;
        }
        let token = self.word * 64 - 64 + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        (token < self.before).then_some(token)
    }
}

/// What finds a key in a text, if it is one that stands there as it is.
pub(crate) fn finder(key: &str) -> Option<Finder<'static>> {
    let plain = key.bytes().all(|b| b >= b' ' && !matches!(b, b'"' | b'\\'));
    plain.then(|| Finder::new(&format!("\"{key}\"")).into_owned())
}

/// The fields of that name, one after the other.
pub(crate) struct Key<'a> {
    text: &'a Checked<'a>,
    finder: &'a Finder<'static>,
    /// What is not yet searched begins here.
    at: usize,
    /// Tokens whose brackets are counted, and how many of those are open.
    counted: usize,
    open: i64,
    /// The next field: the number of its token and where its value begins.
    token: usize,
    value: usize,
}

impl<'a> Key<'a> {
    pub(crate) fn new(text: &'a Checked<'a>, finder: &'a Finder<'static>) -> Self {
        let mut key = Key { text, finder, at: 0, counted: 0, open: 0, token: 0, value: 0 };
        key.advance();
        key
    }

    /// Where the value stands in the record that token `end` ends, the next one: its first byte, and its closing quote or what is
    /// behind its word. False: there are two.
    #[inline]
    pub(crate) fn value(&mut self, end: usize, span: &mut [u32; 2]) -> bool {
        if self.token > end {
            *span = [NONE; 2];
            return true;
        }
        *span = self.text.span(self.value);
        self.advance();
        self.token > end
    }

    fn advance(&mut self) {
        while let Some(found) = self.text.bytes.get(self.at..).and_then(|rest| self.finder.find(rest)) {
            let open = self.at + found;
            // The quote that ends this may begin the next one.
            self.at = open + self.finder.needle().len() - 1;
            let Some(colon) = self.text.key(open) else { continue };
            self.token = self.text.rank(open);
            if !self.text.nested || self.is_of_record() {
                self.value = self.text.next(colon);
                return;
            }
        }
        self.token = usize::MAX;
    }

    /// Whether nothing but the record is open before the token.
    fn is_of_record(&mut self) -> bool {
        let between = self.text.tokens.get(self.counted..self.token).unwrap_or_default();
        // So few at a time that a byte holds their sum.
        self.open += between.chunks(127).map(|some| i64::from(some.iter().map(|b| opens(*b)).sum::<i8>())).sum::<i64>();
        self.counted = self.token;
        self.open == 1
    }
}

/// By how many levels it leads deeper.
#[inline]
fn opens(token: u8) -> i8 {
    // In this bit alone `{ }` and `[ ]` differ.
    i8::from(token | 0x20 == b'{') - i8::from(token | 0x20 == b'}')
}

#[cfg(test)]
mod tests {
    use super::super::simd::Path;
    use super::super::skim::{Place, Skimmer};
    use super::*;
    use proptest::prelude::*;

    /// A key, its value, and the space around them.
    type Member = (&'static str, &'static str, &'static str);

    /// The value in each record, up to the first that has two or an escape in a key.
    fn plain(records: &[Vec<Member>], key: &str) -> Vec<Option<String>> {
        let values = |record: &Vec<Member>| {
            let found: Vec<_> = record.iter().filter(|m| m.0 == key).map(|m| shown(m.1)).collect();
            (found.len() < 2 && record.iter().all(|m| !m.0.contains('\\'))).then(|| found.into_iter().next())
        };
        records.iter().map_while(values).collect()
    }

    /// Of an object or array, which is for others, only where it begins.
    fn shown(value: &str) -> String {
        let value = value.trim();
        if value.starts_with(['{', '[']) { value[..1].to_owned() } else { value.to_owned() }
    }

    fn picked(text: &str, records: usize, place: Place, key: &str, path: Path) -> Vec<Option<String>> {
        let mut skimmer = Skimmer::default();
        let found = skimmer.skim(text.as_bytes(), place, 1024, path);
        assert_eq!((found.records, found.odd), (records as u64, false), "{text}");
        let checked = skimmer.checked(&text.as_bytes()[..found.end], found.records);
        let finder = finder(key).unwrap();
        let (mut key, mut span, mut out) = (Key::new(&checked, &finder), [0; 2], Vec::new());
        for end in checked.ends() {
            assert_eq!(text.as_bytes()[checked.place(end)], b'}', "{text}");
            if !key.value(end, &mut span) {
                break;
            }
            let [from, to] = span.map(|at| at as usize);
            out.push((span[0] != NONE).then(|| {
                let quote = usize::from(text[from..].starts_with('"'));
                shown(&text[from..to + quote])
            }));
        }
        out
    }

    fn records() -> impl Strategy<Value = Vec<Vec<Member>>> {
        let key = prop::sample::select(vec![
            "a",
            "a",
            "ab",
            "b",
            "aa",
            ",",
            ":1,",
            "",
            "é",
            "k",
            "a\\\"",
            "\\\"a\\\"",
            "\\n",
        ]);
        let value = prop::sample::select(vec![
            "1",
            "-0.5 ",
            "null",
            "true",
            "\"\"",
            "\"a\"",
            " \"ab\" ",
            "\",\"",
            "\":1,\"",
            "\"\\\"a\\\":1\"",
            "\"\\\\\"",
            "\"x\\\\\\\"\"",
            "{}",
            "[ ]",
            "{\"a\":1}",
            "{\"c\":{\"a\":1,\"ab\":[\"a\",\"b\"]},\"a\":2}",
            "[{\"a\":\"b\"},\"a\",[[\"ab\"]]]",
            "\"a text that is rather longer than sixty-four bytes, so that whole blocks lie inside of it\"",
        ]);
        let member = (key, value, prop::sample::select(vec!["", "", " ", "\n"]));
        prop::collection::vec(prop::collection::vec(member, 0..5), 0..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 2000 }))]
        #[test]
        fn what_is_picked_is_what_stands_there(
            records in records(),
            array in any::<bool>(),
            space in prop::sample::select(vec!["", "\n", "  "]),
        ) {
            let member = |(key, value, space): &Member| format!("{space}\"{key}\"{space}:{space}{value}{space}");
            let text = |record: &Vec<Member>| format!("{{{}}}", record.iter().map(member).collect::<Vec<_>>().join(","));
            let texts: Vec<_> = records.iter().map(text).collect();
            let text = texts.join(&if array { format!("{space},{space}") } else { space.to_owned() });
            let place = if array { Place::Opened } else { Place::Root };
            for key in ["a", "ab", "b", ",", ":1,", "", "é", "nope"] {
                let want = plain(&records, key);
                for path in Path::all() {
                    prop_assert_eq!(&picked(&text, records.len(), place, key, path), &want, "{} {}", text, key);
                }
            }
        }
    }

    #[test]
    fn keys_that_never_stand_as_they_are_have_no_finder() {
        assert!(["a\"b", "a\\b", "a\nb"].iter().all(|key| finder(key).is_none()));
    }
}
