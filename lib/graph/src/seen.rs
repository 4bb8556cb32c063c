//! Which nodes a search has met: a bitmap where ids are dense enough, a set beside it for the rest.

use std::collections::HashSet;

/// A set of node ids.
#[derive(Debug)]
pub(crate) struct Seen {
    base: u64,
    words: Vec<u64>,
    outside: HashSet<u64>,
}

impl Seen {
    /// A set that keeps ids of `range` (both ends included) in a bitmap, as long as it has at most 64 bits for each
    /// of the `expected` nodes: more would cost more to clear than a set costs to fill.
    pub fn new(range: Option<(u64, u64)>, expected: u64) -> Seen {
        let (base, last) = range.unwrap_or((1, 0));
        let words = last.checked_sub(base).map_or(0, |span| span / 64 + 1);
        let words = if words <= expected.saturating_add(1024) { words } else { 0 };
        Seen { base, words: vec![0; words as usize], outside: HashSet::new() }
    }

    /// Whether `id` is new.
    #[inline]
    pub fn insert(&mut self, id: u64) -> bool {
        let offset = id.wrapping_sub(self.base);
        // An id below the base wraps to far above it.
        match usize::try_from(offset / 64).ok().and_then(|word| self.words.get_mut(word)) {
            Some(word) => {
                let bit = 1 << (offset % 64);
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
            None => self.outside.insert(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_set_inside_and_outside_its_range() {
        for (range, expected) in [(None, 0), (Some((10, 200)), 3), (Some((0, u64::MAX)), 9), (Some((5, 5)), 1)] {
            let mut seen = Seen::new(range, expected);
            for id in [0, 5, 9, 10, 11, 73, 74, 200, 201, 255, u64::MAX] {
                assert!(seen.insert(id), "{id} of {range:?}");
                assert!(!seen.insert(id));
            }
        }
    }

    #[test]
    fn a_wide_range_takes_no_bitmap() {
        assert!(Seen::new(Some((0, u64::MAX)), 1000).words.is_empty());
        assert_eq!(Seen::new(Some((0, 63_999)), 10).words.len(), 1000);
    }
}
