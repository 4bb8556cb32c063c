//! What searches by order have seen: eight bytes of the first key of each block that halving led to, at the place where
//! it can differ from its neighbours. A later search that is told enough by them need not touch the block, so that only
//! the last step of halving reads from the file.
//!
//! Nothing is read for it beforehand: an open costs what it did, and a search leaves behind what it met.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::DictSeg;
use super::block::common;

/// Steps of halving that are remembered: 4 MiB, of which a page is taken when something is put into it.
const MOST: usize = 1 << 18;

/// The steps, as a tree: 1 is the first, and behind step `i` follow `2 * i`, where the key lies before, and `2 * i + 1`.
pub(super) struct Marks {
    /// What all keys begin with.
    prefix: Box<[u8]>,
    /// Of each step, where its eight bytes begin in the key, plus one; and the bytes. Both are the same whoever finds them.
    steps: Box<[AtomicU64]>,
}

/// The eight bytes at `at`, the first one the most significant, zeros where the key has ended.
#[inline]
fn eight(key: &[u8], at: usize) -> u64 {
    let rest = key.get(at..).unwrap_or(&[]);
    match rest.first_chunk::<8>() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let word = rest.iter().fold(0, |word, &b| word << 8 | u64::from(b));
            if rest.is_empty() { 0 } else { word << (8 * (8 - rest.len())) }
        }
    }
}

impl Marks {
    fn new(blocks: u64, first: &[u8], last: &[u8]) -> Marks {
        let prefix = first.get(..common(first, last)).unwrap_or(&[]).into();
        let steps = usize::try_from(blocks).unwrap_or(MOST).next_power_of_two().min(MOST);
        let zeros = Box::<[AtomicU64]>::new_zeroed_slice(2 * steps);
        // SAFETY: an atomic integer of zeros is one that holds zero.
        let steps = unsafe { zeros.assume_init() };
        Marks { prefix, steps }
    }

    /// How the first key of the block at a step compares with `key`, where that was seen and tells.
    #[inline]
    pub fn order(&self, step: usize, key: &[u8]) -> Option<Ordering> {
        let [at, word] = self.steps.get(2 * step..)?.first_chunk::<2>()?;
        let at = at.load(Acquire).checked_sub(1)?;
        // The first key of the block and `key` lie between two keys that agree before this place, so they do as well.
        Some(word.load(Relaxed).cmp(&eight(key, at as usize))).filter(|order| order.is_ne())
    }

    /// Remembers the first key of the block at a step, which lies between two others.
    pub fn put(&self, step: usize, first: &[u8], between: Option<(&[u8], &[u8])>) {
        let Some([at, word]) = self.steps.get(2 * step..).and_then(<[_]>::first_chunk::<2>) else { return };
        let place = between.map_or(0, |(low, high)| common(low, high)).max(self.prefix.len());
        word.store(eight(first, place), Relaxed);
        at.store(place as u64 + 1, Release);
    }

    /// Whether a step has a place here and nothing was put into it.
    pub fn wants(&self, step: usize) -> bool {
        self.steps.get(2 * step).is_some_and(|at| at.load(Relaxed) == 0)
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
    fn eight_bytes_order_as_the_keys_do_or_do_not_tell() {
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
        assert!(marks.wants(2) && !marks.wants(3) && !marks.wants(4) && marks.order(2, b"xy").is_none());
        marks.put(2, b"xyabcdefghzz", Some((b"xyabcdefgha", b"xyabcdefghzzz")));
        assert_eq!(marks.order(2, b"xyabcdefghzy"), Some(Ordering::Greater));
    }
}
