//! Writes of pairs, sorted by (label, key, number of the write) within a bound on memory.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;

use qx_formats::{Error, Result};

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

/// Labels by number, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Labels {
    texts: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
    last: u32,
}

impl Labels {
    pub fn intern(&mut self, label: &[u8]) -> Result<u32> {
        if self.texts.get(self.last as usize).is_some_and(|l| **l == *label) {
            return Ok(self.last);
        }
        if let Some(&n) = self.numbers.get(label) {
            self.last = n;
            return Ok(n);
        }
        let n = u32::try_from(self.texts.len())
            .map_err(|_| Error::limit("label count", u32::MAX.into(), self.texts.len() as u64))?;
        self.texts.push(label.into());
        self.numbers.insert(label.into(), n);
        self.last = n;
        Ok(n)
    }

    /// The number of a label that was met.
    pub fn find(&self, label: &[u8]) -> Option<u32> {
        self.numbers.get(label).copied()
    }

    pub fn text(&self, n: u32) -> &[u8] {
        self.texts.get(n as usize).map_or(&[], |t| t)
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// For each label by number, its place among the sorted ones.
    pub fn places(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.texts.len() as u32).collect();
        order.sort_unstable_by_key(|&n| self.text(n));
        let mut places = vec![0; order.len()];
        for (place, n) in (0..).zip(order) {
            places[n as usize] = place;
        }
        places
    }

    pub fn compare(&self, a: (u32, &[u8]), b: (u32, &[u8])) -> Ordering {
        let labels = if a.0 == b.0 { Ordering::Equal } else { self.text(a.0).cmp(self.text(b.0)) };
        labels.then_with(|| a.1.cmp(b.1))
    }
}

/// A write in memory; its key and number stand in the item.
#[derive(Clone, Copy)]
pub struct Kept {
    label: u32,
    op: Op,
}

/// Bytes that a write takes beside its key.
const BESIDE: usize = size_of::<strings::Item>() + size_of::<Kept>() + 8;

pub struct Pairs {
    space: Space,
    keys: Vec<u8>,
    /// The number of an item is its place in `kept`.
    items: Vec<strings::Item>,
    kept: Vec<Kept>,
    /// Number of the first write in memory.
    first: u64,
    runs: Vec<Run>,
    /// Every write so far is above the one before it.
    ascending: bool,
    /// Whether any write had no id.
    pub without_id: bool,
    last: Option<(u32, usize, usize)>,
    /// The last key of the run that is still growing, while everything ascends.
    open: Option<RunWriter>,
    tail: Option<(u32, Vec<u8>)>,
}

impl Pairs {
    pub fn new(space: Space) -> Self {
        Pairs {
            space,
            keys: Vec::new(),
            items: Vec::new(),
            kept: Vec::new(),
            first: 0,
            runs: Vec::new(),
            ascending: true,
            without_id: false,
            last: None,
            open: None,
            tail: None,
        }
    }

    /// Whether anything had to go to disk.
    pub fn spilled(&self) -> bool {
        !self.runs.is_empty() || self.open.is_some()
    }

    pub fn len(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    pub fn push(&mut self, labels: &Labels, label: u32, key: &[u8], op: Op) -> Result<()> {
        // Twice the space of a sorter: pairs are alone while they are read.
        let used = self.keys.len() + key.len() + (self.items.len() + 1) * BESIDE;
        if !self.items.is_empty() && used > self.space.each * 2 {
            self.spill(labels)?;
        }
        if self.ascending {
            let before = match (self.last, &self.tail) {
                (Some((label, from, to)), _) => Some((label, &self.keys[from..to])),
                (None, Some((label, key))) => Some((*label, &key[..])),
                (None, None) => None,
            };
            if before.is_some_and(|before| labels.compare(before, (label, key)) != Ordering::Less) {
                self.ascending = false;
            }
        }
        self.without_id |= op == Op::Put;
        let from = self.keys.len();
        self.keys.extend_from_slice(key);
        self.items.push(strings::Item::new(from, key.len(), self.kept.len() as u64));
        self.kept.push(Kept { label, op });
        self.last = Some((label, from, self.keys.len()));
        Ok(())
    }

    fn sort(&mut self, labels: &Labels) {
        if self.ascending {
            return;
        }
        let places = labels.places();
        let place = |item: &strings::Item| places[self.kept[item.number as usize].label as usize];
        if labels.len() > 1 {
            // Stable by construction: numbers decide among equals when the keys are sorted below.
            self.items.sort_by_key(place);
        }
        let mut start = 0;
        while start < self.items.len() {
            let label = place(&self.items[start]);
            let len = self.items[start..].iter().take_while(|i| place(i) == label).count();
            strings::sort(&self.keys, &mut self.items[start..start + len]);
            start += len;
        }
    }

    fn spill(&mut self, labels: &Labels) -> Result<()> {
        self.sort(labels);
        let mut run = match self.open.take() {
            Some(run) if self.ascending => run,
            Some(run) => {
                self.runs.push(run.finish()?);
                RunWriter::new(&self.space)?
            }
            None => RunWriter::new(&self.space)?,
        };
        for item in &self.items {
            let kept = self.kept[item.number as usize];
            put(&mut run, kept.label, item.text(&self.keys), self.first + item.number, kept.op)?;
        }
        if self.ascending {
            let last = self.items.last().map(|i| (self.kept[i.number as usize].label, i.text(&self.keys).to_vec()));
            self.tail = last.or(self.tail.take());
            self.open = Some(run);
        } else {
            self.tail = None;
            self.runs.push(run.finish()?);
        }
        self.first += self.items.len() as u64;
        self.last = None;
        self.keys.clear();
        self.items.clear();
        self.kept.clear();
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
            self.sort(labels);
            return Ok(Sorted::Memory { keys: self.keys, items: self.items, kept: self.kept, at: 0 });
        }
        self.spill(labels)?;
        self.runs.extend(self.open.take().map(RunWriter::finish).transpose()?);
        let merge = Merge::new(&self.runs)?;
        Ok(Sorted::Disk { runs: self.runs, merge: Box::new(merge) })
    }
}

fn put(run: &mut RunWriter, label: u32, key: &[u8], seq: u64, op: Op) -> Result<()> {
    let (kind, id) = match op {
        Op::Put => (0u8, 0),
        Op::PutId(id) => (1, id),
        Op::Remove => (2, 0),
    };
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
    w.op = match head[24] {
        0 => Op::Put,
        1 => Op::PutId(long(16)),
        _ => Op::Remove,
    };
    w.key.resize(int(0) as usize, 0);
    read_whole(from, &mut w.key)
}

/// Writes in order of (label, key, number).
pub trait Writes {
    /// Begins (again) at the first.
    fn rewind(&mut self, labels: &Labels) -> Result<()>;
    /// Puts the next write into `w`; `false` at the end.
    fn next(&mut self, labels: &Labels, w: &mut Write) -> Result<bool>;
}

/// Writes that were pushed, sorted.
pub enum Sorted {
    Memory { keys: Vec<u8>, items: Vec<strings::Item>, kept: Vec<Kept>, at: usize },
    Disk { runs: Vec<Run>, merge: Box<Merge> },
}

impl Writes for Sorted {
    fn next(&mut self, labels: &Labels, w: &mut Write) -> Result<bool> {
        match self {
            Sorted::Memory { keys, items, kept, at } => {
                let Some(item) = items.get(*at) else { return Ok(false) };
                let k = kept[item.number as usize];
                (w.label, w.op, w.seq) = (k.label, k.op, item.number);
                w.key.clear();
                w.key.extend_from_slice(item.text(keys));
                *at += 1;
                Ok(true)
            }
            Sorted::Disk { merge, .. } => merge.next(labels, w),
        }
    }

    fn rewind(&mut self, _: &Labels) -> Result<()> {
        match self {
            Sorted::Memory { at, .. } => *at = 0,
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
