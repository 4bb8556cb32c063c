//! The fast way from text to columns: a walk over the structural index, under the types that the columns already have.
//! It takes a record only when everything about it is as expected; for anything else it says so, the columns forget
//! what it appended, and the slow path - which defines what a record means - reads the record again.

use std::sync::Arc;

use memchr::memmem::Finder;

use crate::build::Data;
use crate::column::Column;
use crate::json::index::Escapes;
use crate::json::pick::{NONE, finder};
use crate::json::{Kind, Tape, are_escapes, check_word, decode_into, scalar_end};
use crate::number;
use crate::record::Record;
use crate::report::Became;
use crate::shape::Seen;
use crate::time;
use crate::types::Type;

/// `None`: not as expected.
pub(crate) type Taken = Option<()>;

/// A place in an indexed text.
pub(crate) struct Walk<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where structure stands in it.
    pub(crate) positions: &'a [u32],
    /// The next of them.
    pub(crate) next: usize,
    /// Where backslashes stand.
    pub(crate) escapes: Escapes<'a>,
    /// The index ended inside a value: more text decides.
    pub(crate) ran_out: bool,
    pub(crate) depth_max: usize,
    /// Numbers the records, so that counts of one that is given up can be taken back.
    pub(crate) record: u64,
    pub(crate) tape: &'a mut Tape,
}

impl<'a> Walk<'a> {
    /// The next position and its byte.
    #[inline]
    pub(crate) fn step(&mut self) -> Option<(usize, u8)> {
        let Some(&at) = self.positions.get(self.next) else {
            self.ran_out = true;
            return None;
        };
        self.next += 1;
        let at = at as usize;
        self.bytes.get(at).map(|b| (at, *b))
    }

    #[inline]
    fn peek(&mut self) -> Option<(usize, u8)> {
        let found = self.step()?;
        self.next -= 1;
        Some(found)
    }

    /// What stands between the quote at `open` and the next position, which is its closing one.
    #[inline]
    fn text(&mut self, open: usize) -> Option<&'a [u8]> {
        let Some(&close) = self.positions.get(self.next) else {
            self.ran_out = true;
            return None;
        };
        self.next += 1;
        self.bytes.get(open + 1..close as usize)
    }

    /// What stands from `start` to the next position, which ends a bare word, without the space before it.
    #[inline]
    fn word(&mut self, start: usize) -> Option<&'a [u8]> {
        let Some(&end) = self.positions.get(self.next) else {
            self.ran_out = true;
            return None;
        };
        word_of(self.bytes, start, end as usize)
    }

    /// Passes over the key whose quote is at `open`, and the colon after it. Gives the key, escapes and all.
    #[inline]
    fn key(&mut self, open: usize) -> Option<&'a [u8]> {
        let Some(&[close, colon]) = self.positions.get(self.next..).and_then(<[u32]>::first_chunk::<2>) else {
            self.ran_out = true;
            return None;
        };
        if self.bytes.get(colon as usize) != Some(&b':') {
            return None;
        }
        self.next += 2;
        self.bytes.get(open + 1..close as usize)
    }

    /// Whether there is an escape in the text after the quote at `open`.
    #[inline]
    fn escaped(&self, open: usize, text: &[u8]) -> bool {
        self.escapes.any(open + 1, open + 1 + text.len())
    }

    /// A position and its byte.
    #[inline]
    fn place(&mut self, index: usize) -> Option<(usize, u8)> {
        let Some(&at) = self.positions.get(index) else {
            self.ran_out = true;
            return None;
        };
        self.bytes.get(at as usize).map(|b| (at as usize, *b))
    }

    /// Checks a value and passes over it.
    fn skip(&mut self) -> Taken {
        let (at, b) = self.step()?;
        if matches!(b, b'{' | b'[') { self.skip_inside(b == b'{') } else { self.skip_scalar(at, b) }
    }

    /// Checks the object or array that was just entered and passes over it. The place is kept in a register meanwhile,
    /// since nothing else is done here for most of a count.
    ///
    /// Escapes are looked at once for all: where strings end is settled, and outside of them a backslash is no word.
    fn skip_inside(&mut self, object: bool) -> Taken {
        let first = self.next;
        let (bytes, positions, mut next) = (self.bytes, self.positions, self.next);
        // One bit a level: set in objects. How deep the value itself stands is not known here, so that the slow path
        // is left half of the levels.
        let depth_max = (self.depth_max / 2).min(64 * LEVEL_WORDS);
        let mut objects = [0u64; LEVEL_WORDS];
        let (mut depth, mut object, mut fresh) = (1usize, object, true);
        *objects.first_mut()? = u64::from(object);
        loop {
            let (mut at, mut b) = self.place(next)?;
            next += 1;
            if b == if object { b'}' } else { b']' } {
                depth -= 1;
                let Some(outer) = depth.checked_sub(1) else {
                    self.next = next;
                    return self.check_escapes(*positions.get(first)? as usize, at);
                };
                object = objects.get(outer / 64)? >> (outer % 64) & 1 == 1;
                fresh = false;
                continue;
            }
            if !fresh {
                if b != b',' {
                    return None;
                }
                (at, b) = self.place(next)?;
                next += 1;
            }
            if object {
                let Some(&[_, colon, value]) = positions.get(next..).and_then(<[u32]>::first_chunk::<3>) else {
                    self.ran_out = true;
                    return None;
                };
                if b != b'"' || bytes.get(colon as usize) != Some(&b':') {
                    return None;
                }
                (at, b) = (value as usize, *bytes.get(value as usize)?);
                next += 3;
            }
            fresh = matches!(b, b'{' | b'[');
            if !fresh {
                let (end, _) = self.place(next)?;
                if b == b'"' {
                    next += 1;
                } else {
                    check_word(b, word_of(bytes, at, end)?)?;
                }
                continue;
            }
            if depth >= depth_max {
                return None;
            }
            object = b == b'{';
            let (word, bit) = (objects.get_mut(depth / 64)?, 1u64 << (depth % 64));
            *word = if object { *word | bit } else { *word & !bit };
            depth += 1;
        }
    }

    /// Every backslash in `from..to`, which no escape reaches across, begins an escape or belongs to one.
    #[inline]
    fn check_escapes(&self, from: usize, to: usize) -> Taken {
        if !self.escapes.any(from, to) {
            return Some(());
        }
        are_escapes(self.bytes, from, to, self.escapes).then_some(())
    }

    #[inline]
    fn skip_scalar(&mut self, at: usize, b: u8) -> Taken {
        if b == b'"' {
            let text = self.text(at)?;
            return self.check_escapes(at + 1, at + 1 + text.len());
        }
        check_word(b, self.word(at)?)
    }
}

/// The bare word between two positions, without the space after it.
#[inline]
fn word_of(bytes: &[u8], start: usize, end: usize) -> Option<&[u8]> {
    let word = bytes.get(start..end)?;
    match word.last() {
        Some(b' ' | b'\n' | b'\r' | b'\t') => Some(word.trim_ascii_end()),
        _ => Some(word),
    }
}

/// Words of one bit a level.
const LEVEL_WORDS: usize = 8;
/// Keys of a map that are compared pair by pair.
const MAP_PAIRWISE: i32 = 16;

/// The first bytes of a name in one word, compared before anything else.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    head: u64,
    mask: u64,
    /// Not found by its bytes: it would be escaped in the text.
    odd: bool,
}

impl Name {
    pub(crate) fn new(name: &str) -> Name {
        let mut head = [0u8; 8];
        let length = name.len().min(8);
        if let (Some(to), Some(from)) = (head.get_mut(..length), name.as_bytes().get(..length)) {
            to.copy_from_slice(from);
        }
        let mask = if length == 8 { u64::MAX } else { (1 << (length * 8)) - 1 };
        Name { head: u64::from_le_bytes(head), mask, odd: name.contains('\\') }
    }
}

/// The first eight bytes of a text from `at`, whatever follows it; nothing near the end of the buffer.
#[inline]
fn head(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// Fields after the expected one that are tried before the hash table.
const NEAR: usize = 6;
/// Keys that are looked for one by one, rather than all that there are.
const KEYS_MAX: usize = 3;

impl Record {
    /// Whether field `at` has this name.
    #[inline]
    fn is_named(&self, at: usize, key: &[u8], head: u64) -> bool {
        let (Some(fast), Some(name)) = (self.fast.get(at), self.names.get(at)) else { return false };
        (head ^ fast.head) & fast.mask == 0
            && name.len() == key.len()
            && !fast.odd
            && (key.len() <= 8 || name.as_bytes() == key)
    }

    #[inline]
    fn find(&self, key: &[u8], head: u64, guess: usize) -> Option<usize> {
        if self.is_named(guess, key, head) {
            return Some(guess);
        }
        let near = (guess + 1..(guess + NEAR).min(self.names.len())).chain(0..guess.min(2));
        for at in near {
            if self.is_named(at, key, head) {
                return Some(at);
            }
        }
        if self.names.len() <= NEAR {
            // A list that short was looked through, but for what stands between.
            return (0..self.names.len()).find(|at| self.is_named(*at, key, head));
        }
        let found = self.position(key, usize::MAX)?;
        self.is_named(found, key, head).then_some(found)
    }

    /// What finds the keys of the columns, where these are all that is asked for, few, and scalars.
    pub(crate) fn keys(&self) -> Option<Arc<[Finder<'static>]>> {
        let scalar = |column: &Column| {
            !matches!(column.kind, Type::Struct(_) | Type::List(_) | Type::Map(_) | Type::Json | Type::EmptyObject)
        };
        let few = self.partial && (1..=KEYS_MAX).contains(&self.columns.len());
        (few && self.columns.iter().all(scalar)).then(|| self.names.iter().map(|name| finder(name)).collect()).flatten()
    }

    /// Appends an object whose values stand at pairs of positions, one for each column.
    pub(crate) fn take_values(&mut self, w: &mut Walk<'_>) -> Taken {
        let before = self.begin();
        for (n, column) in self.columns.iter_mut().enumerate() {
            w.next = 2 * n;
            if w.positions.get(w.next) != Some(&NONE) {
                column.catch_up(before);
                column.take(w)?;
            }
        }
        Some(())
    }

    /// Appends the object whose `{` was just passed.
    pub(crate) fn take(&mut self, w: &mut Walk<'_>) -> Taken {
        let before = self.begin();
        if self.partial && self.columns.is_empty() {
            return w.skip_inside(true);
        }
        let mut guess = 0;
        let (mut at, mut b) = w.step()?;
        if b != b'}' {
            loop {
                if b != b'"' {
                    return None;
                }
                let key = w.key(at)?;
                match self.find(key, head_of(w.bytes, at, key), guess) {
                    Some(field) => {
                        let column = self.columns.get_mut(field)?;
                        column.catch_up(before);
                        // A key that stands twice.
                        if column.valid.len() > before {
                            return None;
                        }
                        column.take(w)?;
                        guess = field + 1;
                    }
                    None if self.partial && !w.escaped(at, key) => w.skip()?,
                    None => return None,
                }
                match w.step()?.1 {
                    b',' => (at, b) = w.step()?,
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        Some(())
    }
}

#[inline]
fn head_of(bytes: &[u8], open: usize, key: &[u8]) -> u64 {
    if open + 9 <= bytes.len() {
        return head(bytes, open + 1);
    }
    let mut chunk = [0u8; 8];
    let length = key.len().min(8);
    if let (Some(to), Some(from)) = (chunk.get_mut(..length), key.get(..length)) {
        to.copy_from_slice(from);
    }
    u64::from_le_bytes(chunk)
}

impl Column {
    /// Appends the value at the next position.
    pub(crate) fn take(&mut self, w: &mut Walk<'_>) -> Taken {
        let (at, b) = w.step()?;
        if b == b'n' {
            if w.word(at)? != b"null" {
                return None;
            }
            self.append_null();
            return Some(());
        }
        match (&mut self.data, b) {
            (Data::Text(text), _) if matches!(self.kind, Type::Utf8) => {
                if b != b'"' {
                    return None;
                }
                let content = w.text(at)?;
                if w.escaped(at, content) {
                    decode_into(content, &mut text.bytes)?;
                    text.end();
                } else {
                    text.push(w.bytes, at + 1, content);
                }
            }
            (Data::Text(_), _) => return self.take_json(w, at),
            (Data::Int64(values), b'-' | b'0'..=b'9') => values.push(number::short_int(w.word(at)?)?),
            (Data::UInt64(values), b'0'..=b'9') => {
                values.push(number::short_uint(w.word(at)?)?);
            }
            (Data::Float64(_), b'-' | b'0'..=b'9') => {
                let word = w.word(at)?;
                return self.take_float(word, w.record);
            }
            (Data::Bool(bits), b't' | b'f') => {
                let value = match w.word(at)? {
                    b"true" => true,
                    b"false" => false,
                    _ => return None,
                };
                bits.append(value);
            }
            (Data::Date(values), b'"') => values.push(time::date(w.text(at)?)?),
            (Data::Time(values), b'"') => values.push(time::time_of_day(w.text(at)?)?),
            (Data::Uuid(values), b'"') => values.extend_from_slice(&time::uuid(w.text(at)?)?),
            (Data::Timestamp(values), b'"') => {
                let t = time::timestamp(w.text(at)?)?;
                values.push(t.micros);
                if t.offset {
                    self.count(Seen::Timestamp, w.record)?;
                }
            }
            (Data::Struct(record), b'{') => {
                record.take(w)?;
                if self.flattens && record.is_without_value() {
                    self.count(Seen::Object, w.record)?;
                }
            }
            (Data::List { ends, item }, b'[') => {
                let mut count = ends.last();
                if w.peek()?.1 == b']' {
                    w.next += 1;
                } else {
                    loop {
                        item.take(w)?;
                        count += 1;
                        match w.step()?.1 {
                            b',' => {}
                            b']' => break,
                            _ => return None,
                        }
                    }
                }
                ends.push(count);
            }
            (Data::Map { .. }, b'{') => return self.take_map(w),
            (Data::Decimal128(_) | Data::Decimal256(_), b'-' | b'0'..=b'9') if !self.hinted => {
                let word = w.word(at)?;
                return self.take_decimal(word);
            }
            _ => return None,
        }
        self.valid.push(true);
        Some(())
    }

    fn take_float(&mut self, word: &[u8], record: u64) -> Taken {
        let Data::Float64(values) = &mut self.data else { return None };
        let (value, whole) = number::short_float(word)?;
        values.push(value);
        self.valid.push(true);
        if whole { self.count(Seen::Int64, record) } else { Some(()) }
    }

    /// One more value of a kind that is already being counted; the first one is the slow path's, which notes its place.
    fn count(&mut self, from: Seen, record: u64) -> Taken {
        let tally = self.tallies.iter_mut().find(|t| t.from == from && t.became == Became::Type)?;
        tally.count += 1;
        if tally.undo.0 != record {
            tally.undo = (record, 0);
        }
        tally.undo.1 += 1;
        Some(())
    }

    /// A value kept as JSON text.
    fn take_json(&mut self, w: &mut Walk<'_>, at: usize) -> Taken {
        if !matches!(self.kind, Type::Json) {
            return None;
        }
        let raw = whole_value(w, at)?;
        let seen = if self.hinted { None } else { Some(Seen::of(w.tape, raw, 0)) };
        let Data::Text(text) = &mut self.data else { return None };
        w.tape.write(raw, 0, &mut text.bytes);
        text.end();
        self.valid.push(true);
        match seen {
            Some(seen) => self.count(seen, w.record),
            None => Some(()),
        }
    }

    fn take_decimal(&mut self, word: &[u8]) -> Taken {
        let Type::Decimal { precision, scale } = self.kind else { return None };
        let digits = word.strip_prefix(b"-").unwrap_or(word);
        if !digits.iter().all(u8::is_ascii_digit) || scalar_end(word)? != word.len() {
            return None;
        }
        match &mut self.data {
            Data::Decimal128(values) => values.push(number::decimal128(word, precision, scale)?),
            Data::Decimal256(values) => values.push(number::decimal256(word, precision, scale)?),
            _ => return None,
        }
        self.valid.push(true);
        Some(())
    }

    /// Appends the map whose `{` was just passed. Whether a key stands twice is found out pair by pair, so there are few.
    fn take_map(&mut self, w: &mut Walk<'_>) -> Taken {
        let Data::Map { ends, keys, values } = &mut self.data else { return None };
        let begin = ends.last();
        let mut count = begin;
        if w.peek()?.1 == b'}' {
            w.next += 1;
        } else {
            loop {
                let (at, b) = w.step()?;
                if b != b'"' || count - begin >= MAP_PAIRWISE {
                    return None;
                }
                let key = w.text(at)?;
                if w.escaped(at, key) || (begin..count).any(|i| keys.get(i as usize) == key) {
                    return None;
                }
                keys.push(w.bytes, at + 1, key);
                if w.step()?.1 != b':' {
                    return None;
                }
                values.take(w)?;
                count += 1;
                match w.step()?.1 {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        ends.push(count);
        self.valid.push(true);
        Some(())
    }
}

/// Parses the value at `at` and passes over it.
fn whole_value<'a>(w: &mut Walk<'a>, at: usize) -> Option<&'a [u8]> {
    let rest = w.bytes.get(at..)?;
    let length = match w.tape.parse(rest, false, w.depth_max) {
        Ok(length) => length,
        Err(fault) => {
            w.ran_out |= fault.is_truncated();
            return None;
        }
    };
    if w.tape.altered() || matches!(w.tape.node(0).kind, Kind::Null) {
        return None;
    }
    while w.positions.get(w.next).is_some_and(|p| (*p as usize) < at + length) {
        w.next += 1;
    }
    // A number ends before a byte that no number has; the index took what follows for the rest of one word.
    let Some(&next) = w.positions.get(w.next) else {
        w.ran_out = true;
        return None;
    };
    let gap = w.bytes.get(at + length..next as usize)?;
    gap.iter().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).then(|| rest.get(..length)).flatten()
}
