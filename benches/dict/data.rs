//! The pairs that are looked up, and the order in which they are asked for.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Byte strings in one piece of memory, so that asking costs no cache miss of its own.
#[derive(Default)]
pub struct Strings {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Strings {
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).expect("under 4 GiB"));
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.bytes[start..self.ends[i] as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }
}

pub const LABEL: &[u8] = b"Symbol";

/// Distinct keys in sorted order: names with shared beginnings and a tail, 16 to 30 bytes, as identifiers have.
pub fn keys(n: usize) -> Strings {
    const PARTS: [&str; 16] = [
        "alloc", "array", "buffer", "cache", "core", "decode", "dict", "graph", "index", "io", "lexer", "parser",
        "plan", "store", "token", "vector",
    ];
    let mut keys: Vec<String> = (0..n)
        .map(|i| {
            // A mix of the number's bits, so that neighbours in the alphabet are no neighbours in id.
            let h = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let part = |shift: u32| PARTS[(h >> shift) as usize % PARTS.len()];
            format!("{}::{}::{:08x}", part(60), part(56), i as u32 ^ 0x5A5A_5A5A)
        })
        .collect();
    keys.sort_unstable();
    let mut strings = Strings::default();
    for key in keys {
        strings.push(key.as_bytes());
    }
    strings
}

/// The id of the `i`th key in sorted order: dense from 1, in an order that is not that of the keys.
pub fn ids(n: usize, seed: u64) -> Vec<u64> {
    let mut ids: Vec<u64> = (1..=n as u64).collect();
    shuffle(&mut ids, seed);
    ids
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    for i in (1..items.len()).rev() {
        items.swap(i, rng.random_range(0..=i));
    }
}

/// What is asked, in random order: keys that exist, keys that do not but look alike, ids that exist.
pub struct Questions {
    pub hits: Strings,
    pub misses: Strings,
    pub ids: Vec<u64>,
}

impl Questions {
    pub fn new(keys: &Strings, ids: &[u64], n: usize) -> Questions {
        let mut rng = StdRng::seed_from_u64(3);
        let mut q = Questions { hits: Strings::default(), misses: Strings::default(), ids: Vec::with_capacity(n) };
        for _ in 0..n {
            q.hits.push(keys.get(rng.random_range(0..keys.len())));
            let mut miss = keys.get(rng.random_range(0..keys.len())).to_vec();
            // A capital letter occurs in no key.
            if let Some(last) = miss.last_mut() {
                *last = b'Z';
            }
            q.misses.push(&miss);
            q.ids.push(ids[rng.random_range(0..ids.len())]);
        }
        q
    }
}
