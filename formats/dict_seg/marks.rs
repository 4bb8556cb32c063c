//! What searches by order have seen: six bytes of the first key of each block that halving led to, at the place where
//! it can differ from its neighbours. A later search that is told enough by them need not touch the block, so that it reads
//! from the file where the key is, and nowhere else.
//!
//! Nothing is read for it beforehand: an open costs what it did, and a search leaves behind what it met.

use std::cmp::Ordering;
use std::hint::select_unpredictable;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::DictSeg;
use super::block::common;
use super::fetch::fetch_item;

/// Steps of halving that are remembered: 4 MiB, of which a page is taken when something is put into it.
const MOST: usize = 1 << 19;

/// Words of a line of the processor's cache: a step and the next two are in one, and so are those behind them.
const LINE: usize = 8;

/// Bits of the bytes of a key in a word; those above say where in the key they begin, plus one.
const KEY_BITS: u32 = 48;
const KEY: u64 = (1 << KEY_BITS) - 1;

/// Blocks between which there are three or four steps more.
const FEW: u64 = 16;

/// Bytes of a key that has a copy.
const COPIED: usize = 128;

/// A key with zeros behind it, so that six bytes of it can be had wherever they begin.
pub(super) struct Copied([u8; COPIED + 8]);

impl Copied {
    /// `None` for a key that is too long.
    #[inline]
    pub fn new(key: &[u8]) -> Option<Copied> {
        if key.len() > COPIED {
            return None;
        }
        let mut copy = [0; COPIED + 8];
        copy.get_mut(..key.len())?.copy_from_slice(key);
        Some(Copied(copy))
    }

    /// As [`six`], of a place within or just behind what is copied.
    #[inline(always)]
    fn six(&self, at: usize) -> Option<u64> {
        Some(u64::from_be_bytes(*self.0.get(at..)?.first_chunk()?) >> (64 - KEY_BITS))
    }
}

/// The steps, as a tree: 1 is the first, and behind step `i` follow `2 * i`, where the key lies before, and `2 * i + 1`.
pub(super) struct Marks {
    /// What all keys begin with.
    prefix: Box<[u8]>,
    /// A word of each step, zero where it is not known; it is the same whoever finds it.
    words: Box<[AtomicU64]>,
    /// Words that are left out for step 0 to begin a line.
    skip: usize,
}

/// Where halving has come to: blocks, and the step between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Halved {
    pub low: u64,
    pub high: u64,
    pub step: usize,
}

impl Halved {
    #[inline(always)]
    pub fn middle(&self) -> u64 {
        self.low + (self.high - self.low) / 2
    }

    /// Goes on in the half that begins with the middle, if that lies before the key, or in the other one.
    #[inline(always)]
    pub fn go(&mut self, before: bool) {
        let middle = self.middle();
        self.low = select_unpredictable(before, middle, self.low);
        self.high = select_unpredictable(before, self.high, middle);
        self.step = 2 * self.step + usize::from(before);
    }
}

/// The six bytes at `at`, the first one the most significant, zeros where the key has ended.
#[inline]
fn six(key: &[u8], at: usize) -> u64 {
    let rest = key.get(at..).unwrap_or(&[]);
    let word = match rest.first_chunk::<8>() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(eight)
        }
    };
    word >> (64 - KEY_BITS)
}

impl Marks {
    fn new(blocks: u64, first: &[u8], last: &[u8]) -> Marks {
        let prefix = first.get(..common(first, last)).unwrap_or(&[]).into();
        let steps = usize::try_from(blocks).unwrap_or(MOST).next_power_of_two().min(MOST);
        let zeros = Box::<[AtomicU64]>::new_zeroed_slice(steps + LINE);
        // SAFETY: an atomic integer of zeros is one that holds zero.
        let words = unsafe { zeros.assume_init() };
        let skip = words.as_ptr().align_offset(LINE * size_of::<u64>()).min(LINE);
        Marks { prefix, words, skip }
    }

    #[inline(always)]
    fn word(&self, step: usize) -> u64 {
        self.words.get(self.skip + step).map_or(0, |word| word.load(Relaxed))
    }

    /// Where the bytes of a word begin in the key; wraps around where it is not known.
    #[inline(always)]
    fn place(word: u64) -> u64 {
        (word >> KEY_BITS).wrapping_sub(1)
    }

    /// How the first key of the block at a step compares with `key`, where that was seen and tells.
    #[inline]
    pub fn order(&self, step: usize, key: &[u8]) -> Option<Ordering> {
        let word = self.word(step);
        let at = usize::try_from(Self::place(word)).ok()?;
        // The first key of the block and `key` lie between two keys that agree before this place, so they do as well.
        Some((word & KEY).cmp(&six(key, at))).filter(|order| order.is_ne())
    }

    /// Halves as long as what was seen tells the way, without a branch that depends on it; calls `few` when there are only
    /// some blocks left, from one up to another.
    #[inline(always)]
    pub fn halve(&self, key: &Copied, mut at: Halved, few: impl Fn(u64, u64)) -> Halved {
        while at.high - at.low > 1 {
            if let Some(later) = self.words.get(self.skip + LINE * at.step) {
                fetch_item(later);
            }
            if at.high - at.low <= FEW && at.high - at.low > FEW / 2 {
                few(at.low, at.high);
            }
            let word = self.word(at.step);
            let Some(own) = usize::try_from(Self::place(word)).ok().and_then(|place| key.six(place)) else { break };
            let first = word & KEY;
            if first == own {
                break;
            }
            at.go(first < own);
        }
        at
    }

    /// Remembers the first key of the block at a step, which lies between two others.
    pub fn put(&self, step: usize, first: &[u8], between: Option<(&[u8], &[u8])>) {
        let Some(word) = self.words.get(self.skip + step) else { return };
        let place = between.map_or(0, |(low, high)| common(low, high)).max(self.prefix.len());
        // Farther in a key nothing is remembered.
        if (place as u64) < u64::MAX >> KEY_BITS {
            word.store((place as u64 + 1) << KEY_BITS | six(first, place), Relaxed);
        }
    }

    /// Whether something was put into a step.
    pub fn knows(&self, step: usize) -> bool {
        self.word(step) != 0
    }

    /// Whether a step has a place here and nothing was put into it.
    pub fn wants(&self, step: usize) -> bool {
        self.words.get(self.skip + step).is_some_and(|word| word.load(Relaxed) == 0)
    }
}

impl<B: AsRef<[u8]>> DictSeg<B> {
    /// What is remembered of searches among all entries, where `key` begins as they all do.
    pub(super) fn marks_for(&self, key: &[u8]) -> Option<&Marks> {
        // A checked search is to verify each page that it relies on.
        if self.checked || self.meta.labels != 1 {
            return None;
        }
        let make = || {
            let blocks = self.meta.blocks();
            let (first, last) = (self.block_bytes(0).ok()?, self.block_bytes(blocks.checked_sub(1)?).ok()?);
            let form = self.refs.form;
            Some(Marks::new(blocks, form.first(&first)?, form.first(&last)?))
        };
        self.marks.get_or_init(make).as_ref().filter(|marks| key.starts_with(&marks.prefix))
    }

    /// Remembers the first key of block `block`, at a step between two other blocks, or one of the ends.
    #[cold]
    pub(super) fn mark(&self, marks: &Marks, step: usize, block: u64, between: (Option<u64>, Option<u64>)) {
        let form = self.refs.form;
        let bytes = |block: Option<u64>| self.block_bytes(block?).ok();
        let (low, high) = (bytes(between.0), bytes(between.1));
        let key = |bytes: &Option<super::decode::BlockBytes<'_>>| form.first(bytes.as_ref()?).map(<[u8]>::to_vec);
        let (low, high) = (key(&low), key(&high));
        if let Some(first) = key(&bytes(Some(block))) {
            marks.put(step, &first, low.as_deref().zip(high.as_deref()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_bytes_order_as_the_keys_do_or_do_not_tell() {
        let keys: Vec<Vec<u8>> = ["", "a", "a\0", "a\0\0", "a\0b", "abcdefgh", "abcdefghi", "abcdefgi", "b"]
            .map(|k| [b"xy", k.as_bytes()].concat())
            .into();
        let marks = Marks::new(4, b"xy", b"xyz");
        for first in &keys {
            marks.put(3, first, None);
            for key in &keys {
                if let Some(order) = marks.order(3, key) {
                    assert_eq!(order, first.cmp(key));
                }
            }
        }
        assert!(marks.wants(2) && !marks.wants(3) && !marks.wants(64) && marks.order(2, b"xy").is_none());
        marks.put(2, b"xyabcdefghzz", Some((b"xyabcdefgha", b"xyabcdefghzzz")));
        assert_eq!(marks.order(2, b"xyabcdefghzy"), Some(Ordering::Greater));
    }

    #[test]
    fn halving_at_once_goes_the_way_of_single_steps_and_stops_where_they_do_not_tell() {
        let keys: Vec<Vec<u8>> =
            (0..200u32).map(|i| format!("x/{:0>1$}", i * i, 7 + i as usize % 3).into_bytes()).collect();
        let mut sorted = keys.clone();
        sorted.sort();
        let end = sorted.len() as u64;
        let marks = Marks::new(end, &sorted[0], &sorted[199]);
        let more = ["", "1", "9999999999", &"0".repeat(2 * COPIED)].map(|end| [&marks.prefix, end.as_bytes()].concat());
        // Each search puts what it meets, as searches do.
        for key in keys.iter().chain(&more).cycle().take(600) {
            let all = Halved { low: 0, high: end, step: 1 };
            let mut at = all;
            while at.high - at.low > 1 {
                let Some(order) = marks.order(at.step, key) else { break };
                assert_eq!(order, sorted[at.middle() as usize].cmp(key));
                at.go(order.is_lt());
            }
            assert_eq!(Copied::new(key).map_or(at, |copy| marks.halve(&copy, all, |_, _| ())), at);
            let mut rest = at;
            while rest.high - rest.low > 1 {
                let first = &sorted[rest.middle() as usize];
                let bounds = (rest.low > 0 && rest.high < end).then_some((rest.low as usize, rest.high as usize));
                marks.put(rest.step, first, bounds.map(|(low, high)| (&sorted[low][..], &sorted[high][..])));
                rest.go(first < key);
            }
        }
        // By then all keys have been asked for twice.
        for key in &sorted {
            let copy = Copied::new(key).unwrap();
            let halved =
                marks.halve(&copy, Halved { low: 0, high: end, step: 1 }, |low, high| assert!(low + 16 >= high));
            assert!(halved.high - halved.low == 1 || sorted[halved.middle() as usize] == *key);
        }
    }

    #[test]
    fn what_differs_too_far_in_a_key_is_not_remembered() {
        let far = vec![b'k'; usize::from(u16::MAX)];
        let marks = Marks::new(4, &far, &far);
        marks.put(1, &far, Some((&far, &far)));
        assert!(marks.wants(1) && marks.order(1, &far).is_none());
    }
}
