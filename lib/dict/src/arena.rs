//! Writes in memory.

use qx_io::{make_room, prefer_huge_pages};

use crate::pairs::{Op, View};
use crate::strings;

/// A write in memory, without its key.
#[derive(Clone, Copy)]
pub struct Kept {
    pub id: u64,
    pub label: u32,
    pub kind: u8,
}

impl Kept {
    pub fn new(label: u32, op: Op) -> Kept {
        let (kind, id) = match op {
            Op::Put => (0, 0),
            Op::PutId(id) => (1, id),
            Op::Remove => (2, 0),
        };
        Kept { id, label, kind }
    }

    pub fn op(self) -> Op {
        match self.kind {
            0 => Op::Put,
            1 => Op::PutId(self.id),
            _ => Op::Remove,
        }
    }
}

/// Bytes that a write takes beside its key, and those that it takes more where writes have to be sorted.
pub const BESIDE: usize = size_of::<Kept>() + size_of::<Part>();
pub const TO_SORT: usize = size_of::<strings::Item>();

/// How many bytes a key takes from the one before it, and how many are its own.
#[derive(Clone, Copy)]
struct Part {
    shared: u32,
    own: u32,
}

/// Writes in memory, in the order in which they came. While they ascend, what a key shares with the one before it is kept once:
/// a page of memory that is not touched is not cleared, and most of the time that a build takes is the system's for pages.
#[derive(Default)]
pub struct Arena {
    texts: Vec<u8>,
    parts: Vec<Part>,
    pub kept: Vec<Kept>,
    /// Bytes of all keys, each of them whole.
    pub whole: usize,
    /// The last key, while writes ascend.
    pub last: Vec<u8>,
}

/// A place among writes in memory, and the key before it.
#[derive(Default)]
pub struct Place {
    i: usize,
    from: usize,
    key: Vec<u8>,
}

impl Arena {
    #[inline]
    pub fn push(&mut self, key: &[u8], shared: usize, kept: Kept) {
        let own = &key[shared..];
        make_room(&mut self.texts, own.len(), usize::MAX);
        make_room(&mut self.parts, 1, usize::MAX);
        make_room(&mut self.kept, 1, usize::MAX);
        self.texts.extend_from_slice(own);
        self.parts.push(Part { shared: shared as u32, own: own.len() as u32 });
        self.kept.push(kept);
        self.whole += key.len();
    }

    pub fn last(&self) -> Option<(u32, &[u8])> {
        Some((self.kept.last()?.label, &self.last))
    }

    /// Bytes of keys that it holds.
    pub fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Sorts items of whole keys.
    pub fn sort(&self, items: &mut [strings::Item]) {
        strings::sort(&self.texts, items);
    }

    /// Makes each key whole, so that they can be sorted.
    pub fn unfold(&mut self) {
        let mut texts = Vec::with_capacity(self.whole);
        prefer_huge_pages(&texts);
        let (mut from, mut before) = (0, 0);
        for part in &mut self.parts {
            let (shared, own) = (part.shared as usize, part.own as usize);
            let start = texts.len();
            texts.extend_from_within(before..before + shared);
            texts.extend_from_slice(&self.texts[from..from + own]);
            (from, before) = (from + own, start);
            *part = Part { shared: 0, own: part.shared + part.own };
        }
        (self.texts, self.last) = (texts, Vec::new());
    }

    /// What is to be sorted, all keys being whole; the number of an item is its place.
    pub fn items(&self) -> Vec<strings::Item> {
        let mut from = 0;
        let item = |(i, part): (usize, &Part)| {
            let item = strings::Item::new(from, part.own as usize, i as u64);
            from += part.own as usize;
            item
        };
        self.parts.iter().enumerate().map(item).collect()
    }

    /// The next write in the order of these items; of all writes as they came, where there are none.
    #[inline]
    pub fn next<'a>(&'a self, items: &[strings::Item], at: &'a mut Place) -> Option<View<'a>> {
        let i = at.i;
        at.i += 1;
        if let Some(item) = items.get(i) {
            let kept = self.kept[item.number as usize];
            return Some(View { label: kept.label, key: item.text(&self.texts), seq: item.number, op: kept.op() });
        }
        let (part, kept) = (self.parts.get(i)?, self.kept.get(i)?);
        let end = at.from + part.own as usize;
        at.key.truncate(part.shared as usize);
        at.key.extend_from_slice(&self.texts[at.from..end]);
        at.from = end;
        Some(View { label: kept.label, key: &at.key, seq: i as u64, op: kept.op() })
    }

    pub fn clear(&mut self) {
        self.texts.clear();
        self.parts.clear();
        self.kept.clear();
        self.last.clear();
        self.whole = 0;
    }
}

/// How many bytes two texts share at their beginning, and whether `a` stands before `b`. Eight bytes are looked at at once:
/// those of the last key are still on their way to the cache, in pieces for which a wider load would have to wait.
#[inline]
pub fn compare(a: &[u8], b: &[u8]) -> (usize, bool) {
    let differ = |a: &[u8; 8], b: &[u8; 8]| {
        let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        let below = u64::from_be_bytes(*a) < u64::from_be_bytes(*b);
        (differs != 0).then_some((differs.trailing_zeros() as usize / 8, below))
    };
    let mut same = 0;
    for (a, b) in a.as_chunks().0.iter().zip(b.as_chunks().0) {
        if let Some((at, below)) = differ(a, b) {
            return (same + at, below);
        }
        same += 8;
    }
    // What is left of the shorter one: its last eight bytes, some of which are known to agree.
    let both = a.len().min(b.len());
    if let (Some(x), Some(y)) = (a[..both].last_chunk(), b[..both].last_chunk()) {
        return match differ(x, y) {
            Some((at, below)) => (both - 8 + at, below),
            None => (both, a.len() < b.len()),
        };
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (same, a.get(same) < b.get(same))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_compare_as_bytes_do_and_share_what_they_share() {
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        for len in [1, 2, 7, 8, 9, 15, 16, 17, 30] {
            for at in [0, len / 2, len - 1] {
                for byte in [0, b'a', b'b', 0xFF] {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    texts.push(text);
                }
            }
        }
        for a in &texts {
            for b in &texts {
                let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
                assert_eq!(compare(a, b), (same, a < b), "{a:?} {b:?}");
            }
        }
    }
}
