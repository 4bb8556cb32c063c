//! One JSON value as a flat list of nodes.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Code, Fault, Pull, TokenKind, unescape};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    Key,
    String,
    /// A number without fraction and exponent.
    Int,
    Float,
    True,
    False,
    Null,
}

/// A value or a key. Its bytes are `start..end` (strings and keys with their quotes); a container's children follow
/// it; `next` is the node after it and everything inside it. A key's value is the node after the key.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    pub kind: Kind,
    /// Strings and keys: there is an escape inside.
    pub escaped: bool,
    pub start: u32,
    pub end: u32,
    pub next: u32,
}

const NOTHING: Node = Node { kind: Kind::Null, escaped: false, start: 0, end: 0, next: u32::MAX };

/// The nodes of one value; reused from record to record.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    open: Vec<u32>,
    keys: Keys,
}

impl Tape {
    /// Reads one value from the start of `bytes`, which may go on after it, and gives the value's length. `last` says
    /// that no more bytes will follow these.
    ///
    /// # Errors
    /// The first broken rule; the tape then holds what came before it.
    pub fn parse(&mut self, bytes: &[u8], last: bool, depth_max: usize) -> Result<usize, Fault> {
        self.nodes.clear();
        self.open.clear();
        if bytes.len() > u32::MAX as usize / 2 {
            return Err(Fault::new(Code::Size, 0, "at most 2 GiB"));
        }
        let mut pull = Pull::new(bytes, last, depth_max);
        while let Some(token) = pull.next()? {
            let kind = match token.kind {
                TokenKind::ObjectBegin => Kind::Object,
                TokenKind::ArrayBegin => Kind::Array,
                TokenKind::ObjectEnd | TokenKind::ArrayEnd => {
                    self.close(bytes, token.end)?;
                    continue;
                }
                TokenKind::Key => Kind::Key,
                TokenKind::String => Kind::String,
                TokenKind::Number if token.flag => Kind::Float,
                TokenKind::Number => Kind::Int,
                TokenKind::True => Kind::True,
                TokenKind::False => Kind::False,
                TokenKind::Null => Kind::Null,
            };
            // Both fit: the slice is below 2 GiB and a node takes at least one byte of it.
            let (index, start, end) = (self.nodes.len() as u32, token.start as u32, token.end as u32);
            if matches!(kind, Kind::Object | Kind::Array) {
                self.open.push(index);
            }
            let escaped = token.flag && kind != Kind::Float;
            self.nodes.push(Node { kind, escaped, start, end, next: index + 1 });
        }
        Ok(pull.position())
    }

    /// Reads a document: one value and nothing but space around it.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn document(&mut self, bytes: &[u8], depth_max: usize) -> Result<(), Fault> {
        let end = self.parse(bytes, true, depth_max)?;
        let rest = bytes.get(end..).unwrap_or_default();
        match rest.iter().position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t')) {
            None => Ok(()),
            Some(i) => Err(Fault::new(Code::Syntax, end + i, "the end")),
        }
    }

    fn close(&mut self, bytes: &[u8], end: usize) -> Result<(), Fault> {
        let next = self.nodes.len() as u32;
        let Some(index) = self.open.pop() else { return Ok(()) };
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.end = end as u32;
            node.next = next;
            if node.kind == Kind::Object
                && let Some(twice) = self.keys.twice(&self.nodes, index as usize, bytes)
            {
                // What is left then ends in that key, so that the fault's pointer names it.
                self.nodes.truncate(twice + 1);
                self.open.push(index);
                return Err(Fault::new(Code::DuplicateKey, self.node(twice).start as usize, "each key once"));
            }
        }
        Ok(())
    }

    pub fn node(&self, index: usize) -> Node {
        self.nodes.get(index).copied().unwrap_or(NOTHING)
    }

    /// The bytes of a node.
    pub fn raw<'a>(&self, bytes: &'a [u8], node: Node) -> &'a [u8] {
        bytes.get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    /// The text of a string or key, decoded.
    pub fn text<'a>(&self, bytes: &'a [u8], node: Node) -> Cow<'a, [u8]> {
        unescape(content(bytes, node), node.escaped)
    }

    /// Elements of an array, or keys of an object, by index.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let parent = self.node(index);
        let mut at = index + 1;
        std::iter::from_fn(move || {
            let child = self.nodes.get(at).filter(|_| at < parent.next as usize)?;
            let here = at;
            at = if child.kind == Kind::Key { self.node(at + 1).next } else { child.next } as usize;
            Some(here)
        })
    }

    /// Where a node is, as a JSON pointer (RFC 6901) from the root of the tape.
    pub fn pointer(&self, bytes: &[u8], target: usize) -> String {
        let mut out = String::new();
        let mut at = 0;
        while at != target {
            let object = self.node(at).kind == Kind::Object;
            let mut step = None;
            for (i, child) in self.children(at).enumerate() {
                let value = if object { child + 1 } else { child };
                if (value..self.node(value).next as usize).contains(&target) || child == target {
                    step = Some((i, child, value));
                    break;
                }
            }
            let Some((i, child, value)) = step else { break };
            self.push_step(bytes, object, i, child, &mut out);
            at = if child == target { target } else { value };
        }
        out
    }

    fn push_step(&self, bytes: &[u8], object: bool, index: usize, child: usize, out: &mut String) {
        out.push('/');
        if object {
            let name = self.text(bytes, self.node(child));
            out.push_str(&String::from_utf8_lossy(&name).replace('~', "~0").replace('/', "~1"));
        } else {
            out.push_str(&index.to_string());
        }
    }

    /// Where reading stopped after a fault, as a JSON pointer to the innermost place known.
    pub fn fault_pointer(&self, bytes: &[u8]) -> String {
        let mut out = String::new();
        for (level, &index) in self.open.iter().enumerate() {
            let end = self.open.get(level + 1).map_or(self.nodes.len(), |i| *i as usize);
            let object = self.node(index as usize).kind == Kind::Object;
            // A container that is still open claims only itself, so its children are walked by hand up to the next
            // open one.
            let (mut at, mut count, mut last) = (index as usize + 1, 0, None);
            while at < end {
                let node = self.node(at);
                last = Some(at);
                count += 1;
                at = if node.kind == Kind::Key {
                    at + 1 + usize::from(at + 1 < end) * self.span(at + 1)
                } else {
                    node.next as usize
                };
            }
            match (object, last) {
                (true, Some(key)) => self.push_step(bytes, true, 0, key, &mut out),
                (true, None) => {}
                (false, _) => self.push_step(bytes, false, count, 0, &mut out),
            }
        }
        out
    }

    fn span(&self, index: usize) -> usize {
        (self.node(index).next as usize).saturating_sub(index)
    }
}

/// What stands between the quotes of a string or key.
pub(crate) fn content(bytes: &[u8], node: Node) -> &[u8] {
    bytes.get(node.start as usize + 1..(node.end as usize).saturating_sub(1)).unwrap_or_default()
}

/// Finds a key that stands twice. Few keys are compared pair by pair; many go through a small hash table.
#[derive(Debug, Default)]
struct Keys {
    list: Vec<u32>,
    table: Vec<u32>,
    seed: std::hash::RandomState,
}

const PAIRWISE_MAX: usize = 16;

impl Keys {
    /// The later of two equal keys of an object.
    fn twice(&mut self, nodes: &[Node], object: usize, bytes: &[u8]) -> Option<usize> {
        self.list.clear();
        let mut any_escaped = false;
        let mut at = object + 1;
        while let (Some(key), Some(value)) = (nodes.get(at), nodes.get(at + 1)) {
            any_escaped |= key.escaped;
            self.list.push(at as u32);
            at = value.next as usize;
        }
        let name = |i: u32| nodes.get(i as usize).map_or(&b""[..], |n| content(bytes, *n));
        let twice = if any_escaped {
            self.twice_decoded(nodes, bytes)
        } else if self.list.len() <= PAIRWISE_MAX {
            let mut rest = self.list.as_slice();
            let mut found = None;
            while let Some((last, before)) = rest.split_last() {
                let text = name(*last);
                if before.iter().any(|i| name(*i) == text) {
                    found = Some(*last);
                }
                rest = before;
            }
            found
        } else {
            self.twice_hashed(name)
        };
        twice.map(|i| i as usize)
    }

    fn twice_decoded(&self, nodes: &[Node], bytes: &[u8]) -> Option<u32> {
        let mut seen = HashSet::with_capacity(self.list.len());
        self.list.iter().copied().find(|i| {
            let decoded = nodes.get(*i as usize).map(|n| unescape(content(bytes, *n), n.escaped));
            !seen.insert(decoded)
        })
    }

    /// Open addressing over positions in `list`, seeded so that no input can aim at one slot.
    fn twice_hashed<'a>(&mut self, name: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let size = (self.list.len() * 2).next_power_of_two();
        self.table.clear();
        self.table.resize(size, u32::MAX);
        let seed = std::hash::BuildHasher::hash_one(&self.seed, 0u8) | 1;
        for &key in &self.list {
            let text = name(key);
            let mut slot = hash(text, seed) as usize;
            loop {
                slot &= size - 1;
                match self.table.get_mut(slot) {
                    Some(free) if *free == u32::MAX => {
                        *free = key;
                        break;
                    }
                    Some(other) if name(*other) == text => return Some(key),
                    Some(_) => slot += 1,
                    None => break,
                }
            }
        }
        None
    }
}

fn hash(text: &[u8], seed: u64) -> u64 {
    let mix = |h: u64, x: u64| {
        let wide = u128::from(h ^ x ^ 0x9E37_79B9_7F4A_7C15) * u128::from(seed ^ 0xA076_1D64_78BD_642F);
        (wide >> 64) as u64 ^ wide as u64
    };
    let mut chunks = text.chunks_exact(8);
    let mut h = mix(seed, text.len() as u64);
    for chunk in chunks.by_ref() {
        h = mix(h, chunk.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)));
    }
    mix(h, chunks.remainder().iter().fold(0, |v, b| v << 8 | u64::from(*b)))
}
