//! Writes of pairs, sorted by (label, key, number of the write) within a bound on memory.

use std::cmp::Ordering;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::BufReader;

use qx_formats::dict_seg::same_label;
use qx_formats::{Error, Result};

use crate::arena::{Arena, BESIDE, Kept, Place, TO_SORT, compare};
use crate::resolve::Straight;
use crate::room::{FAN_IN, Run, RunWriter, Space, read_whole};
use crate::strings;

/// What one write says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Op {
    /// Put, keeping the id that the key has, or taking the next free one.
    #[default]
    Put,
    PutId(u64),
    Remove,
}

/// One write.
#[derive(Debug, Clone, Default)]
pub struct Write {
    /// As interned.
    pub label: u32,
    pub key: Vec<u8>,
    /// Number of the write, from 0.
    pub seq: u64,
    pub op: Op,
}

/// Labels by number, in the order in which they were met, the text of each kept once.
#[derive(Debug, Default)]
pub struct Labels {
    texts: Vec<u8>,
    /// Where each text ends.
    ends: Vec<usize>,
    /// Numbers by the hash of their text, at most half of the places being taken.
    slots: Vec<u32>,
    hasher: RandomState,
    last: u32,
}

/// A slot that no label has taken.
const FREE: u32 = u32::MAX;
/// What a label takes beside its text, which is kept here and in the table that a segment ends with: its end and its slots
/// here; place, first pair, count and seed of its hashes while the segment is written; its row of the table.
const BESIDE_LABEL: usize = 160;

impl Labels {
    pub fn intern(&mut self, label: &[u8]) -> Result<u32> {
        if !self.ends.is_empty() && same_label(self.text(self.last), label) {
            return Ok(self.last);
        }
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let at = self.slot(label);
        if self.slots[at] != FREE {
            self.last = self.slots[at];
            return Ok(self.last);
        }
        let n = u32::try_from(self.ends.len()).ok().filter(|n| *n != FREE);
        let n = n.ok_or_else(|| Error::limit("label count", FREE.into(), self.ends.len() as u64))?;
        self.texts.extend_from_slice(label);
        self.ends.push(self.texts.len());
        self.slots[at] = n;
        self.last = n;
        Ok(n)
    }

    /// The slot of a label, or the free one that it would take.
    fn slot(&self, label: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.hasher.hash_one(label) as usize & mask;
        while self.slots[at] != FREE && !same_label(self.text(self.slots[at]), label) {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; (self.slots.len() * 2).max(16)];
        for n in 0..self.ends.len() as u32 {
            let at = self.slot(self.text(n));
            self.slots[at] = n;
        }
    }

    /// The number of a label that was met.
    pub fn find(&self, label: &[u8]) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        Some(self.slots[self.slot(label)]).filter(|n| *n != FREE)
    }

    pub fn text(&self, n: u32) -> &[u8] {
        let n = n as usize;
        let from = n.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let (Some(from), Some(&to)) = (from, self.ends.get(n)) else { return &[] };
        self.texts.get(from..to).unwrap_or(&[])
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes that they take until the segment is written.
    pub fn bytes(&self) -> usize {
        self.texts.len() * 2 + self.ends.len() * BESIDE_LABEL
    }

    /// Refuses more labels than there is memory for: unlike pairs they cannot go to disk.
    pub fn fit(&self, space: &Space) -> Result<()> {
        if self.bytes() <= space.labels {
            return Ok(());
        }
        Err(Error::usage("the labels do not fit the memory that a build may use")
            .expected(format!("at most {} bytes of labels, half of that memory", space.labels))
            .got(format!("{} bytes, for {} labels so far", self.bytes(), self.len()))
            .hint("give --memory more, or make what is another one for each pair a part of its key"))
    }

    /// For each of these labels by number, its place among them once they are sorted.
    pub fn places(&self, of: impl Iterator<Item = u32>) -> Vec<u32> {
        let (mut places, mut met) = (vec![0; self.len()], Vec::new());
        for n in of {
            if std::mem::replace(&mut places[n as usize], 1) == 0 {
                met.push(n);
            }
        }
        met.sort_unstable_by_key(|&n| self.text(n));
        for (place, n) in (0..).zip(met) {
            places[n as usize] = place;
        }
        places
    }

    pub fn compare(&self, a: (u32, &[u8]), b: (u32, &[u8])) -> Ordering {
        let labels = if a.0 == b.0 { Ordering::Equal } else { self.text(a.0).cmp(self.text(b.0)) };
        labels.then_with(|| a.1.cmp(b.1))
    }
}

/// A write that is looked at where it stands.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub label: u32,
    pub key: &'a [u8],
    pub seq: u64,
    pub op: Op,
}

pub struct Pairs {
    space: Space,
    arena: Arena,
    /// Number of the first write in memory.
    first: u64,
    runs: Vec<Run>,
    /// Every write so far is above the one before it.
    ascending: bool,
    /// Whether any write had no id.
    pub without_id: bool,
    /// What can be told of writes that ascend, while they do.
    pub straight: Option<Straight>,
    /// The last key of the run that is still growing, while everything ascends.
    open: Option<RunWriter>,
    tail: Option<(u32, Vec<u8>)>,
}

impl Pairs {
    pub fn new(space: Space) -> Self {
        Pairs {
            straight: Some(Straight::new(&space)),
            space,
            arena: Arena::default(),
            first: 0,
            runs: Vec::new(),
            ascending: true,
            without_id: false,
            open: None,
            tail: None,
        }
    }

    /// Whether anything had to go to disk.
    pub fn spilled(&self) -> bool {
        !self.runs.is_empty() || self.open.is_some()
    }

    pub fn len(&self) -> u64 {
        self.first + self.arena.kept.len() as u64
    }

    pub fn push(&mut self, labels: &Labels, label: u32, key: &[u8], op: Op) -> Result<()> {
        // Twice the space of a sorter: pairs are alone while they are read.
        let beside = BESIDE + if self.ascending { 0 } else { TO_SORT };
        let used = self.arena.bytes() + key.len() + (self.arena.kept.len() + 1) * beside;
        if !self.arena.kept.is_empty() && used > self.space.each * 2 {
            self.spill(labels)?;
        }
        let mut shared = 0;
        if self.ascending {
            let below = |before: u32| labels.text(before) < labels.text(label);
            let ascends = match (self.arena.last(), &self.tail) {
                (Some((before, last)), _) if before == label => {
                    let (same, below) = compare(last, key);
                    shared = same;
                    below
                }
                (None, Some((before, last))) if *before == label => compare(last, key).1,
                (Some((before, _)), _) | (None, &Some((before, _))) => below(before),
                (None, None) => true,
            };
            if ascends && op != Op::Remove {
                let number = self.len();
                self.straight.iter_mut().for_each(|s| s.add(number, label, op));
            } else {
                self.straight = None;
            }
            if ascends {
                self.arena.last.clear();
                self.arena.last.extend_from_slice(key);
            } else {
                self.end_of_order(labels)?;
                shared = 0;
            }
        }
        self.without_id |= op == Op::Put;
        self.arena.push(key, shared, Kept::new(label, op));
        Ok(())
    }

    /// From now on writes have to be sorted.
    fn end_of_order(&mut self, labels: &Labels) -> Result<()> {
        if self.arena.whole + self.arena.kept.len() * (BESIDE + TO_SORT) > self.space.each * 2 {
            // Whole, they have no room; they need none, being in order.
            self.spill(labels)?;
        }
        self.ascending = false;
        self.arena.unfold();
        Ok(())
    }

    /// The order of the writes in memory; empty where they are in order.
    fn sort(&self, labels: &Labels) -> Vec<strings::Item> {
        if self.ascending {
            return Vec::new();
        }
        let mut items = self.arena.items();
        let places = labels.places(self.arena.kept.iter().map(|kept| kept.label));
        let place = |item: &strings::Item| places[self.arena.kept[item.number as usize].label as usize];
        if labels.len() > 1 {
            // Stable by construction: numbers decide among equals when the keys are sorted below.
            items.sort_by_key(place);
        }
        let mut start = 0;
        while start < items.len() {
            let label = place(&items[start]);
            let len = items[start..].iter().take_while(|i| place(i) == label).count();
            self.arena.sort(&mut items[start..start + len]);
            start += len;
        }
        items
    }

    fn spill(&mut self, labels: &Labels) -> Result<()> {
        let items = self.sort(labels);
        let mut run = match self.open.take() {
            Some(run) if self.ascending => run,
            Some(run) => {
                self.runs.push(run.finish()?);
                RunWriter::new(&self.space)?
            }
            None => RunWriter::new(&self.space)?,
        };
        let mut at = Place::default();
        while let Some(w) = self.arena.next(&items, &mut at) {
            put(&mut run, w.label, w.key, self.first + w.seq, w.op)?;
        }
        if self.ascending {
            let last = self.arena.last().map(|(label, key)| (label, key.to_vec()));
            self.tail = last.or(self.tail.take());
            self.open = Some(run);
        } else {
            self.tail = None;
            self.runs.push(run.finish()?);
        }
        self.first += self.arena.kept.len() as u64;
        self.arena.clear();
        if self.runs.len() >= FAN_IN {
            let mut merge = Merge::new(&self.runs)?;
            let mut run = RunWriter::new(&self.space)?;
            let mut w = Write::default();
            while merge.next(labels, &mut w)? {
                put(&mut run, w.label, &w.key, w.seq, w.op)?;
            }
            self.runs = vec![run.finish()?];
        }
        Ok(())
    }

    /// Ends the pushing. What comes next is read with [`Pairs::next`].
    pub fn finish(mut self, labels: &Labels) -> Result<Sorted> {
        if !self.spilled() {
            let items = self.sort(labels);
            return Ok(Sorted::Memory { arena: self.arena, items, at: Place::default() });
        }
        self.spill(labels)?;
        self.runs.extend(self.open.take().map(RunWriter::finish).transpose()?);
        let merge = Merge::new(&self.runs)?;
        Ok(Sorted::Disk { runs: self.runs, merge: Box::new(merge) })
    }
}

fn put(run: &mut RunWriter, label: u32, key: &[u8], seq: u64, op: Op) -> Result<()> {
    let Kept { id, kind, .. } = Kept::new(label, op);
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
    head[4..8].copy_from_slice(&label.to_le_bytes());
    head[8..16].copy_from_slice(&seq.to_le_bytes());
    head[16..24].copy_from_slice(&id.to_le_bytes());
    head[24] = kind;
    run.write(&head)?;
    run.write(key)
}

const HEAD: usize = 25;

fn take(from: &mut BufReader<File>, w: &mut Write) -> Result<bool> {
    let mut head = [0; HEAD];
    if !read_whole(from, &mut head)? {
        return Ok(false);
    }
    let int = |at: usize| head[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
    let long = |at: usize| head[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    w.label = int(4);
    w.seq = long(8);
    w.op = Kept { id: long(16), label: w.label, kind: head[24] }.op();
    w.key.resize(int(0) as usize, 0);
    read_whole(from, &mut w.key)
}

/// Writes in order of (label, key, number).
pub trait Writes {
    /// Begins (again) at the first.
    fn rewind(&mut self, labels: &Labels) -> Result<()>;
    /// Puts the next write into `w`; `false` at the end.
    fn next(&mut self, labels: &Labels, w: &mut Write) -> Result<bool>;
    /// The next write, where it stands or in `spare`.
    fn next_view<'a>(&'a mut self, labels: &Labels, spare: &'a mut Write) -> Result<Option<View<'a>>> {
        let found = self.next(labels, spare)?;
        Ok(found.then_some(View { label: spare.label, key: &spare.key, seq: spare.seq, op: spare.op }))
    }
}

/// Writes that were pushed, sorted.
pub enum Sorted {
    /// In the order of the items; as they came where there are none.
    Memory {
        arena: Arena,
        items: Vec<strings::Item>,
        at: Place,
    },
    Disk {
        runs: Vec<Run>,
        merge: Box<Merge>,
    },
}

impl Writes for Sorted {
    fn next(&mut self, labels: &Labels, w: &mut Write) -> Result<bool> {
        match self {
            Sorted::Memory { arena, items, at } => {
                let Some(view) = arena.next(items, at) else { return Ok(false) };
                (w.label, w.op, w.seq) = (view.label, view.op, view.seq);
                w.key.clear();
                w.key.extend_from_slice(view.key);
                Ok(true)
            }
            Sorted::Disk { merge, .. } => merge.next(labels, w),
        }
    }

    fn next_view<'a>(&'a mut self, labels: &Labels, spare: &'a mut Write) -> Result<Option<View<'a>>> {
        match self {
            Sorted::Memory { arena, items, at } => Ok(arena.next(items, at)),
            Sorted::Disk { merge, .. } => {
                let found = merge.next(labels, spare)?;
                Ok(found.then_some(View { label: spare.label, key: &spare.key, seq: spare.seq, op: spare.op }))
            }
        }
    }

    fn rewind(&mut self, _: &Labels) -> Result<()> {
        match self {
            Sorted::Memory { at, .. } => *at = Place::default(),
            Sorted::Disk { runs, merge } => **merge = Merge::new(runs)?,
        }
        Ok(())
    }
}

/// Runs, merged: few of them, so the least is found by looking at each.
pub struct Merge {
    heads: Vec<(Write, BufReader<File>)>,
}

impl Merge {
    fn new(runs: &[Run]) -> Result<Merge> {
        let mut heads = Vec::with_capacity(runs.len());
        for run in runs {
            let (mut w, mut reader) = (Write::default(), run.reader()?);
            if take(&mut reader, &mut w)? {
                heads.push((w, reader));
            }
        }
        Ok(Merge { heads })
    }

    fn next(&mut self, labels: &Labels, out: &mut Write) -> Result<bool> {
        let order = |a: &Write, b: &Write| {
            labels.compare((a.label, &a.key), (b.label, &b.key)).then(a.seq.cmp(&b.seq)) == Ordering::Less
        };
        let mut least = 0;
        for i in 1..self.heads.len() {
            if order(&self.heads[i].0, &self.heads[least].0) {
                least = i;
            }
        }
        let Some((w, reader)) = self.heads.get_mut(least) else { return Ok(false) };
        std::mem::swap(w, out);
        if !take(reader, w)? {
            self.heads.swap_remove(least);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that ascend for a while under two labels, and one that does not, as they come out again.
    fn through(each: usize, ascending: u64, after: &[(u32, &str)]) -> Vec<(u32, Vec<u8>, u64)> {
        let mut space = Space::new(0, &std::env::temp_dir());
        space.each = each;
        let (mut labels, mut pairs) = (Labels::default(), Pairs::new(space));
        labels.intern(b"A").unwrap();
        labels.intern(b"B").unwrap();
        for i in 0..ascending {
            let (label, key) = (u32::from(i >= ascending / 2), format!("a key that begins as others do {i:05}"));
            pairs.push(&labels, label, key.as_bytes(), Op::PutId(i)).unwrap();
        }
        for (label, key) in after {
            pairs.push(&labels, *label, key.as_bytes(), Op::Put).unwrap();
        }
        let mut sorted = pairs.finish(&labels).unwrap();
        let (mut twice, mut w) = ([Vec::new(), Vec::new()], Write::default());
        for all in &mut twice {
            sorted.rewind(&labels).unwrap();
            while sorted.next(&labels, &mut w).unwrap() {
                all.push((w.label, w.key.clone(), w.seq));
            }
        }
        let [first, second] = twice;
        assert!(first == second);
        first
    }

    #[test]
    fn a_label_is_met_once_and_sorted_among_those_that_are_asked_for() {
        let mut labels = Labels::default();
        assert_eq!((labels.find(b""), labels.text(0)), (None, &b""[..]));
        let text = |i: u32| if i == 7 { String::new() } else { format!("label {}", i.wrapping_mul(0x9E37_79B1)) };
        for _ in 0..2 {
            for i in 0..5000 {
                assert_eq!(labels.intern(text(i).as_bytes()).unwrap(), i);
            }
        }
        assert_eq!(labels.len(), 5000);
        for i in 0..5000 {
            assert_eq!((labels.text(i), labels.find(text(i).as_bytes())), (text(i).as_bytes(), Some(i)));
        }
        assert_eq!((labels.find(b"no"), labels.text(5000)), (None, &b""[..]));
        let mut asked: Vec<u32> = (0..5000).step_by(7).collect();
        let places = labels.places(asked.iter().chain(&asked).copied());
        asked.sort_by_key(|&n| text(n));
        assert!((0..).zip(&asked).all(|(place, &n)| places[n as usize] == place));
    }

    #[test]
    fn what_keys_share_is_there_again_whenever_they_cease_to_ascend() {
        for after in [&[][..], &[(1, "b"), (0, "a key"), (1, "b"), (0, "")]] {
            let all = through(1 << 20, 2000, after);
            assert_eq!(all.len(), 2000 + after.len());
            assert!(all.is_sorted());
            // Where all or some of them go to disk, and where only whole keys would have to.
            for each in [1, 3000, 30_000, 60_000, 70_000] {
                assert!(through(each, 2000, after) == all, "{each}");
            }
        }
    }
}
