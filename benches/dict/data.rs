//! The pairs that are looked up, and the order in which they are asked for.

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

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

    /// The first string that is not below `key`.
    pub fn at(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle) < key { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// How many sorted strings begin with `prefix`.
    fn begin_with(&self, prefix: &[u8]) -> usize {
        let from = self.at(prefix);
        let mut step = 1;
        let begins = |i: usize| i < self.len() && self.get(i).starts_with(prefix);
        while begins(from + step) {
            step *= 2;
        }
        let (mut low, mut high) = (from, from + step);
        while low < high {
            let middle = low.midpoint(high);
            if begins(middle) { low = middle + 1 } else { high = middle }
        }
        low - from
    }
}

/// What keys look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Names of resources with shared beginnings, 50 to 58 bytes.
    Iri,
    /// 36 bytes of which nothing is shared but by chance.
    Uuid,
}

impl Kind {
    fn key(self, h: u64, g: u64) -> String {
        const CLASSES: [&str; 16] = [
            "person",
            "place",
            "organisation",
            "work",
            "event",
            "species",
            "building",
            "film",
            "album",
            "book",
            "river",
            "mountain",
            "village",
            "station",
            "road",
            "school",
        ];
        match self {
            Kind::Iri => {
                let class = CLASSES[(h & 15) as usize];
                format!("http://data.example.org/resource/{class}/{:x}-{:010x}", h >> 4 & 15, h >> 24)
            }
            Kind::Uuid => {
                let (a, b, c, d) = (h >> 32, h >> 16 & 0xFFFF, h & 0xFFFF, g >> 48);
                format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{:012x}", g & 0xFFFF_FFFF_FFFF)
            }
        }
    }
}

/// About `n` distinct keys in sorted order.
pub fn keys(kind: Kind, n: usize) -> Strings {
    let mut rng = StdRng::seed_from_u64(1);
    let mut keys: Vec<String> = (0..n).map(|_| kind.key(rng.next_u64(), rng.next_u64())).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut strings = Strings::default();
    keys.iter().for_each(|key| strings.push(key.as_bytes()));
    strings
}

/// The id of the `i`th key in sorted order: dense from 1, in an order that is not that of the keys.
pub fn ids(n: usize) -> Vec<u64> {
    let mut ids: Vec<u64> = (1..=n as u64).collect();
    let mut rng = StdRng::seed_from_u64(2);
    for i in (1..ids.len()).rev() {
        ids.swap(i, rng.random_range(0..=i));
    }
    ids
}

/// What is asked, in random order: keys that exist, keys that do not but look alike, ids that exist, and beginnings of
/// keys that lead to some hundreds of them.
pub struct Questions {
    pub hits: Strings,
    pub misses: Strings,
    pub ids: Vec<u64>,
    pub prefixes: Strings,
}

/// Pairs that a prefix leads to, at least.
const MATCHES: usize = 200;

impl Questions {
    pub fn new(keys: &Strings, ids: &[u64], n: usize) -> Questions {
        let mut rng = StdRng::seed_from_u64(3);
        let (hits, misses, prefixes) = (Strings::default(), Strings::default(), Strings::default());
        let mut q = Questions { hits, misses, ids: Vec::with_capacity(n), prefixes };
        for i in 0..n {
            q.hits.push(keys.get(rng.random_range(0..keys.len())));
            let mut miss = keys.get(rng.random_range(0..keys.len())).to_vec();
            // A capital letter at the end occurs in no key.
            if let Some(last) = miss.last_mut() {
                *last = b'Z';
            }
            q.misses.push(&miss);
            q.ids.push(ids[rng.random_range(0..ids.len())]);
            if i % 64 == 0 {
                let mut prefix = keys.get(rng.random_range(0..keys.len()));
                while !prefix.is_empty() && keys.begin_with(prefix) < MATCHES {
                    prefix = &prefix[..prefix.len() - 1];
                }
                q.prefixes.push(prefix);
            }
        }
        q
    }
}
