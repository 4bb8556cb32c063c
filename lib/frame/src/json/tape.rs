//! One JSON value as a flat list of nodes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Code, Fault, Pull, TokenKind, minify, unescape, write_string};
use crate::options::{BadText, DupKeys};
use crate::path::Step;
use crate::shape::VALUE;

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
    /// Strings and keys: U+FFFD stands for what is no text.
    pub replaced: bool,
    pub start: u32,
    pub end: u32,
    pub next: u32,
}

const NOTHING: Node = Node { kind: Kind::Null, escaped: false, replaced: false, start: 0, end: 0, next: u32::MAX };

/// The nodes of one value; reused from record to record.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    open: Vec<u32>,
    keys: Keys,
    rules: Rules,
    /// The paths of the fields that are asked for, where these are not all.
    asked: Option<Arc<[Vec<Step>]>>,
    /// Keys that stood twice and were dropped: their fields, and where.
    dropped: Vec<(String, u32)>,
    replaced: bool,
}

/// Dropped keys of one record that are named; the rest are counted together.
const DROPPED_NAMED: usize = 100;

/// What a tape lets pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    pub dup_keys: DupKeys,
    pub bad_text: BadText,
}

impl Tape {
    pub fn new(rules: Rules) -> Self {
        Tape { rules, ..Tape::default() }
    }

    /// Only these fields are asked for. A key beside them may stand twice: where whole records are skimmed nobody would
    /// find it, and what is made of the fields is the same.
    pub(crate) fn asking(self, fields: Vec<Vec<Step>>) -> Self {
        Tape { asked: Some(fields.into()), ..self }
    }

    /// Keys that stood twice and were dropped: the paths of their fields, and where they stood.
    pub fn dropped(&self) -> &[(String, u32)] {
        &self.dropped
    }

    /// The bytes of a value are not what it says: keys were dropped, or text replaced.
    pub fn altered(&self) -> bool {
        self.replaced || !self.dropped.is_empty()
    }

    /// How many keys there are in which text was replaced, and where the first of them is.
    pub(crate) fn replaced_keys(&self) -> Option<(u64, usize)> {
        let mut keys = self.nodes.iter().filter(|n| n.kind == Kind::Key && n.replaced);
        let first = keys.next().filter(|_| self.replaced)?;
        Some((1 + keys.count() as u64, first.start as usize))
    }

    /// Whether a text in the value at `index` was replaced.
    pub fn replaced_in(&self, index: usize) -> bool {
        let end = self.node(index).next as usize;
        self.replaced && self.nodes.get(index..end).is_some_and(|nodes| nodes.iter().any(|n| n.replaced))
    }

    /// Reads one value from the start of `bytes`, which may go on after it, and gives the value's length. `last` says
    /// that no more bytes will follow these.
    ///
    /// # Errors
    /// The first broken rule; the tape then holds what came before it.
    pub fn parse(&mut self, bytes: &[u8], last: bool, depth_max: usize) -> Result<usize, Fault> {
        self.nodes.clear();
        self.open.clear();
        self.dropped.clear();
        self.replaced = false;
        if bytes.len() > u32::MAX as usize / 2 {
            return Err(Fault::new(Code::Size, 0, "at most 2 GiB"));
        }
        let mut pull = Pull::new(bytes, last, depth_max).lenient(self.rules.bad_text == BadText::Replace);
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
            let replaced = token.replaced;
            self.replaced |= replaced;
            self.nodes.push(Node { kind, escaped, replaced, start, end, next: index + 1 });
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
        let Some(index) = self.open.pop() else { return Ok(()) };
        if self.node(index as usize).kind == Kind::Object
            && let Some(twice) = self.keys.twice(&self.nodes, index as usize, bytes)
        {
            let twice = if self.asked.is_none() { Some(twice) } else { self.asked_twice(bytes, index as usize) };
            if let Some(twice) = twice.filter(|_| self.rules.dup_keys == DupKeys::Error) {
                let at = self.node(twice).start;
                // What is left then ends in that key, so that the fault's pointer names it.
                self.nodes.truncate(twice + 1);
                self.open.push(index);
                return Err(Fault::new(Code::DuplicateKey, at as usize, "each key once"));
            }
            self.drop_keys(bytes, index as usize);
        }
        let next = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.end = end as u32;
            node.next = next;
        }
        Ok(())
    }

    /// The later of two equal keys that are asked for, in the object that ends here.
    fn asked_twice(&self, bytes: &[u8], object: usize) -> Option<usize> {
        let mut seen = HashSet::new();
        let keys = self.keys.list.iter().map(|i| *i as usize);
        let mut twice = keys.filter(|key| !seen.insert(text_of(bytes, self.node(*key))));
        twice.find(|key| self.is_asked(bytes, object, *key))
    }

    /// Whether a key of the object that ends here leads to a field that is asked for, or into one.
    fn is_asked(&self, bytes: &[u8], object: usize, key: usize) -> bool {
        let Some(asked) = &self.asked else { return true };
        // The value of a key is the node after it; an element of an array has none.
        let inner = self.open.iter().skip(1).map(|i| *i as usize).chain([object]);
        let inside = self.open.iter().zip(inner).map(|(outer, inner)| match self.node(*outer as usize).kind {
            Kind::Object => Some(text_of(bytes, self.node(inner.saturating_sub(1)))),
            _ => None,
        });
        let no_object = self.node(0).kind != Kind::Object;
        let way = no_object.then_some(Some(Cow::Borrowed(VALUE.as_bytes()))).into_iter().chain(inside);
        let way = way.chain([Some(text_of(bytes, self.node(key)))]);
        let leads = |(step, name): (&Step, Option<Cow<'_, [u8]>>)| match (step, name) {
            // Of a list or of a map.
            (Step::Item, _) => true,
            (Step::Key(want), Some(name)) => want.as_bytes() == &*name,
            (Step::Key(_), None) => false,
        };
        asked.iter().any(|path| path.iter().zip(way.clone()).all(leads))
    }

    /// Leaves one member of each key in the object that ends here.
    fn drop_keys(&mut self, bytes: &[u8], object: usize) {
        let mut parent = None;
        let mut by_name: HashMap<Cow<'_, [u8]>, usize> = HashMap::new();
        let mut gone = vec![];
        for key in self.keys.list.iter().map(|i| *i as usize) {
            let name = text_of(bytes, self.node(key));
            let Some(first) = by_name.get(&name).copied() else {
                by_name.insert(name, key);
                continue;
            };
            if self.is_asked(bytes, object, key) {
                let mut path = "(other keys)".to_owned();
                if self.dropped.len() < DROPPED_NAMED {
                    path.clone_from(parent.get_or_insert_with(|| self.open_path(bytes, object, true)));
                    crate::path::push_name(&mut path, &String::from_utf8_lossy(&name));
                }
                self.dropped.push((path, self.node(key).start));
            }
            if self.rules.dup_keys == DupKeys::First {
                gone.push(key);
            } else {
                gone.push(first);
                by_name.insert(name, key);
            }
        }
        gone.sort_unstable();
        let (mut to, mut at, mut gone) = (object + 1, object + 1, gone.into_iter().peekable());
        while at < self.nodes.len() {
            if gone.next_if_eq(&at).is_some() {
                at = (self.node(at + 1).next as usize).max(at + 1);
                continue;
            }
            let mut node = self.node(at);
            node.next -= (at - to) as u32;
            if let Some(slot) = self.nodes.get_mut(to) {
                *slot = node;
            }
            to += 1;
            at += 1;
        }
        self.nodes.truncate(to);
    }

    /// Writes a value as JSON on one line, without what was dropped and with what was replaced.
    pub fn write(&self, bytes: &[u8], index: usize, out: &mut Vec<u8>) {
        let node = self.node(index);
        if !self.altered() {
            minify(self.raw(bytes, node), out);
            return;
        }
        // Ends of the containers that are open, and what closes them.
        let mut open: Vec<(usize, u8)> = Vec::new();
        let (mut at, end) = (index, node.next as usize);
        let mut fresh = true;
        loop {
            while let Some(&(_, close)) = open.last().filter(|(end, _)| *end == at) {
                out.push(close);
                open.pop();
                fresh = false;
            }
            if at >= end {
                return;
            }
            let node = self.node(at);
            if !std::mem::replace(&mut fresh, false) {
                out.push(b',');
            }
            match node.kind {
                Kind::Object | Kind::Array => {
                    let object = node.kind == Kind::Object;
                    out.push(if object { b'{' } else { b'[' });
                    open.push((node.next as usize, if object { b'}' } else { b']' }));
                    fresh = true;
                }
                Kind::String | Kind::Key if node.replaced => {
                    write_string(&String::from_utf8_lossy(&self.text(bytes, node)), out);
                }
                _ => out.extend_from_slice(self.raw(bytes, node)),
            }
            if node.kind == Kind::Key {
                out.push(b':');
                fresh = true;
            }
            at += 1;
        }
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
        text_of(bytes, node)
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

    /// Where nodes are that hold values, as JSON pointers from the root of the tape. The nodes ascend, and what was passed
    /// over for one is not walked again for the next: there may be as many as the tape has.
    pub(crate) fn pointers(&self, bytes: &[u8], targets: &[usize], mut each: impl FnMut(&str, usize)) {
        // Each container on the way, the child that was reached in it and how many are before that, and what leads there.
        let mut open: Vec<(usize, usize, usize, usize)> = Vec::new();
        let mut out = String::new();
        for &target in targets {
            while open.pop_if(|(container, ..)| self.node(*container).next as usize <= target).is_some() {}
            if open.is_empty() {
                out.clear();
                if target > 0 {
                    open.push((0, 1, 0, 0));
                }
            }
            while let Some((container, child, count, length)) = open.last_mut() {
                out.truncate(*length);
                let object = self.node(*container).kind == Kind::Object;
                let value = loop {
                    let value = *child + usize::from(object);
                    let next = self.node(value).next as usize;
                    if target < next {
                        break value;
                    }
                    (*child, *count) = (next, *count + 1);
                };
                self.push_step(bytes, object, *count, *child, &mut out);
                if value >= target {
                    break;
                }
                open.push((value, value + 1, 0, out.len()));
            }
            each(&out, target);
        }
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
        self.open_path(bytes, self.nodes.len(), false)
    }

    /// The way to what was read last before node `end`: as a JSON pointer, or as the path of a field.
    fn open_path(&self, bytes: &[u8], end: usize, field: bool) -> String {
        let mut out = String::new();
        for (level, &index) in self.open.iter().enumerate() {
            let end = self.open.get(level + 1).map_or(end, |i| *i as usize);
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
                (true, Some(key)) if field => {
                    let name = self.text(bytes, self.node(key));
                    crate::path::push_name(&mut out, &String::from_utf8_lossy(&name));
                }
                (true, Some(key)) => self.push_step(bytes, true, 0, key, &mut out),
                (true, None) => {}
                (false, _) if field => out.push_str("[]"),
                (false, _) => self.push_step(bytes, false, count, 0, &mut out),
            }
        }
        out
    }

    fn span(&self, index: usize) -> usize {
        (self.node(index).next as usize).saturating_sub(index)
    }
}

fn text_of(bytes: &[u8], node: Node) -> Cow<'_, [u8]> {
    let text = unescape(content(bytes, node), node.escaped);
    if node.replaced
        && let Err(_) = std::str::from_utf8(&text)
    {
        return Cow::Owned(String::from_utf8_lossy(&text).into_owned().into_bytes());
    }
    text
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
            let again = |(i, key): (usize, &u32)| {
                let text = name(*key);
                self.list.iter().take(i).any(|k| name(*k) == text).then_some(*key)
            };
            self.list.iter().enumerate().find_map(again)
        } else {
            self.twice_hashed(name)
        };
        twice.map(|i| i as usize)
    }

    fn twice_decoded(&self, nodes: &[Node], bytes: &[u8]) -> Option<u32> {
        let mut seen = HashSet::with_capacity(self.list.len());
        self.list.iter().copied().find(|i| {
            let decoded = nodes.get(*i as usize).map(|n| text_of(bytes, *n));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_to_many_values_are_those_to_each() {
        let text = br#"{"a":[1,[2,{"b/c":[],"d":{"e":3}}],{}],"f":{"~":[[[4]],5]},"g":6}"#;
        let mut tape = Tape::default();
        tape.document(text, 100).unwrap();
        let values: Vec<usize> = (0..).take_while(|i| tape.node(*i).next != u32::MAX).collect();
        let values: Vec<usize> = values.into_iter().filter(|i| tape.node(*i).kind != Kind::Key).collect();
        for step in 1..values.len() {
            for skip in 0..step {
                let some: Vec<usize> = values.iter().copied().skip(skip).step_by(step).collect();
                let (mut got, want) = (Vec::new(), some.iter().map(|i| (tape.pointer(text, *i), *i)));
                tape.pointers(text, &some, |pointer, at| got.push((pointer.to_owned(), at)));
                assert_eq!(got, want.collect::<Vec<_>>());
            }
        }
        // As many as a record may have take no longer each.
        let long = format!("[{}0]", "0,".repeat(300_000));
        tape.document(long.as_bytes(), 100).unwrap();
        let (all, mut count) = ((1..=300_001).collect::<Vec<usize>>(), 0);
        tape.pointers(long.as_bytes(), &all, |pointer, at| count += usize::from(pointer == format!("/{}", at - 1)));
        assert_eq!(count, all.len());
    }
}
