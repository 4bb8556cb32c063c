//! Which rows may be answered: sets of row ids, and what they select in one file.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use crate::index::Index;
use crate::packed::Packed;

/// Bits of the sieve for each id of a set: most ids that are not in it are told by one look.
const SIEVE_BITS: usize = 16;
/// Filters that let fewer rows through than one in this many also keep them as a list.
const LIST_BELOW: u64 = 8;

/// A set of row ids. Looking one up costs little when it is not there.
#[derive(Debug, Clone, Default)]
pub struct IdSet {
    /// Ascending, each once.
    sorted: Vec<u64>,
    /// A power of two of bits.
    sieve: Vec<u64>,
}

fn mix(v: u64) -> u64 {
    let v = (v ^ (v >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    v ^ (v >> 29)
}

impl FromIterator<u64> for IdSet {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        let mut sorted: Vec<u64> = ids.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let words = (sorted.len() * SIEVE_BITS / 64).next_power_of_two();
        let mut set = IdSet { sorted, sieve: vec![0; words] };
        for i in 0..set.sorted.len() {
            let (word, bit) = set.place(set.sorted[i]);
            set.sieve[word] |= bit;
        }
        set
    }
}

impl IdSet {
    fn place(&self, id: u64) -> (usize, u64) {
        let h = mix(id);
        ((h >> 6) as usize & (self.sieve.len().max(1) - 1), 1 << (h & 63))
    }

    pub fn contains(&self, id: u64) -> bool {
        let (word, bit) = self.place(id);
        self.sieve.get(word).is_some_and(|w| w & bit != 0) && self.sorted.binary_search(&id).is_ok()
    }

    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Ascending as unsigned numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.sorted.iter().copied()
    }
}

/// The rows of one file that may be answered: a bit a row, counted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    words: Vec<u64>,
    count: u64,
    /// The rows themselves where they are few.
    list: Option<List>,
}

/// Few rows, and their codes side by side once they have been asked for again.
#[derive(Debug, Default)]
struct List {
    rows: Vec<u32>,
    /// Whether a scan read them before.
    read: AtomicBool,
    /// Of the file with this id.
    packed: OnceLock<(Uuid, Packed)>,
}

impl Clone for List {
    fn clone(&self) -> Self {
        List { rows: self.rows.clone(), ..List::default() }
    }
}

impl Filter {
    /// The rows below `rows` that `allow` lets through.
    pub fn new(rows: usize, allow: impl Fn(u32) -> bool) -> Self {
        let mut words = vec![0u64; rows.div_ceil(64)];
        for (w, word) in words.iter_mut().enumerate() {
            let start = w * 64;
            for bit in 0..64.min(rows - start) {
                // Rows are counted in u32 by the format.
                *word |= u64::from(allow((start + bit) as u32)) << bit;
            }
        }
        Self::from_words(words)
    }

    /// One bit a row, the lowest of the first word first; bits beyond the last row must be zero.
    pub fn from_words(words: Vec<u64>) -> Self {
        let count = words.iter().map(|w| u64::from(w.count_ones())).sum();
        let mut filter = Filter { words, count, list: None };
        if count.saturating_mul(LIST_BELOW) < filter.words.len() as u64 * 64 {
            filter.list = Some(List { rows: filter.ones().collect(), ..List::default() });
        }
        filter
    }

    /// The rows of `index` whose id is in `ids` (`keep`), or is not.
    pub fn of_ids<B: AsRef<[u8]>>(index: &Index<B>, ids: &IdSet, keep: bool) -> Self {
        Self::new(index.len(), |row| index.row_id(row).is_some_and(|id| ids.contains(id)) == keep)
    }

    /// What both let through.
    #[must_use]
    pub fn and(&self, other: &Filter) -> Self {
        Self::from_words(self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect())
    }

    #[inline(always)]
    pub fn allows(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|w| w >> (row % 64) & 1 == 1)
    }

    /// The bits of 64 rows, from 64 times `word` on.
    pub(crate) fn word(&self, word: usize) -> u64 {
        self.words.get(word).copied().unwrap_or(0)
    }

    /// The rows that it lets through, ascending, where they are few.
    pub(crate) fn list(&self) -> Option<&[u32]> {
        self.list.as_ref().map(|list| list.rows.as_slice())
    }

    /// The codes of [`Filter::list`], by their place in it, from the second scan of this file on: the first one costs
    /// less than to copy them. `pack` is `None` where there are too many.
    pub(crate) fn packed(&self, file: Uuid, pack: impl FnOnce(&[u32]) -> Option<Packed>) -> Option<&Packed> {
        let list = self.list.as_ref()?;
        if list.packed.get().is_none() && list.read.swap(true, Ordering::Relaxed) {
            let packed = pack(&list.rows)?;
            // Another thread may have been first.
            let _ = list.packed.set((file, packed));
        }
        list.packed.get().filter(|(of, _)| *of == file).map(|(_, packed)| packed)
    }

    /// Calls `each` with rows that it lets through, the first ones behind `parts` places that are as far from one another.
    pub(crate) fn spread(&self, parts: u32, mut each: impl FnMut(u32)) {
        let rows = self.words.len() as u64 * 64;
        (0..u64::from(parts)).filter_map(|part| self.from((rows * part / u64::from(parts)) as u32)).for_each(&mut each);
    }

    /// The first row from this one on that it lets through.
    fn from(&self, row: u32) -> Option<u32> {
        let (first, bit) = (row as usize / 64, row % 64);
        let mut words = self.words.iter().zip(0..).skip(first);
        let here = words.next().map(|(&word, at)| (word & (u64::MAX << bit), at));
        let rest = words.map(|(&word, at)| (word, at));
        let (word, at) = here.into_iter().chain(rest).find(|&(word, _)| word != 0)?;
        Some(at * 64 + word.trailing_zeros())
    }

    /// Rows that it lets through.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn ones(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(w, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(w as u32 * 64 + bit)
            })
        })
    }

    /// Calls `each` with the rows that it lets through, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32)) {
        match &self.list {
            Some(list) => list.rows.iter().for_each(|&row| each(row)),
            None => self.ones().for_each(each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_given() {
        let set: IdSet = (0..1000u64).map(|i| i * i).chain([0, u64::MAX]).collect();
        assert_eq!(set.len(), 1001);
        assert!((0..1000u64).all(|i| set.contains(i * i)) && set.contains(u64::MAX));
        assert!(!set.contains(2) && !set.contains(u64::MAX - 1));
        assert!(!IdSet::default().contains(0) && IdSet::default().is_empty());
    }

    #[test]
    fn filters_count_and_list_their_rows() {
        for every in [1, 2, 7, 64, 500] {
            let f = Filter::new(1001, |r| r % every == 0);
            let mut rows = Vec::new();
            f.for_each(|r| rows.push(r));
            let want: Vec<u32> = (0..1001).filter(|r| r % every == 0).collect();
            assert_eq!((f.count(), rows), (want.len() as u64, want));
            assert!(f.allows(0) && !f.allows(1001) && !f.allows(u32::MAX));
        }
        let both = Filter::new(100, |r| r % 2 == 0).and(&Filter::new(100, |r| r % 3 == 0));
        assert_eq!(both.count(), 17);
    }
}
