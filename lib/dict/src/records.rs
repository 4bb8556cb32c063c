//! Byte strings, sorted within a bound on memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::BufReader;

use qx_formats::Result;
use qx_formats::dict_seg::Records;

use crate::room::{FAN_IN, Run, RunWriter, Space, read_whole};
use crate::strings;

/// What a record takes beside its bytes.
const BESIDE: usize = size_of::<strings::Item>();

pub struct SpilledRecords {
    space: Space,
    bytes: Vec<u8>,
    items: Vec<strings::Item>,
    runs: Vec<Run>,
    sorted: bool,
    at: usize,
    merge: Option<Merge>,
    current: Vec<u8>,
}

impl SpilledRecords {
    pub fn new(space: Space) -> Self {
        SpilledRecords {
            space,
            bytes: Vec::new(),
            items: Vec::new(),
            runs: Vec::new(),
            sorted: false,
            at: 0,
            merge: None,
            current: Vec::new(),
        }
    }

    fn spill(&mut self) -> Result<()> {
        strings::sort(&self.bytes, &mut self.items);
        let mut run = RunWriter::new(&self.space)?;
        for item in self.items.drain(..) {
            let text = item.text(&self.bytes);
            run.write(&(text.len() as u32).to_le_bytes())?;
            run.write(text)?;
        }
        self.bytes.clear();
        self.runs.push(run.finish()?);
        if self.runs.len() == FAN_IN {
            let mut merge = Merge::new(&self.runs)?;
            let mut run = RunWriter::new(&self.space)?;
            let mut record = Vec::new();
            while merge.next(&mut record)? {
                run.write(&(record.len() as u32).to_le_bytes())?;
                run.write(&record)?;
            }
            self.runs = vec![run.finish()?];
        }
        Ok(())
    }
}

impl Records for SpilledRecords {
    fn push(&mut self, record: &[u8]) -> Result<()> {
        let used = self.bytes.len() + record.len() + (self.items.len() + 1) * BESIDE;
        if !self.items.is_empty() && used > self.space.each {
            self.spill()?;
        }
        let number = self.items.len() as u64;
        self.items.push(strings::Item::new(self.bytes.len(), record.len(), number));
        self.bytes.extend_from_slice(record);
        Ok(())
    }

    fn sort(&mut self) -> Result<()> {
        if !self.sorted {
            self.sorted = true;
            if self.runs.is_empty() {
                strings::sort(&self.bytes, &mut self.items);
            } else {
                self.spill()?;
                (self.bytes, self.items) = (Vec::new(), Vec::new());
            }
        }
        self.at = 0;
        self.merge = if self.runs.is_empty() { None } else { Some(Merge::new(&self.runs)?) };
        Ok(())
    }

    fn next_record(&mut self) -> Result<Option<&[u8]>> {
        if let Some(merge) = &mut self.merge {
            return Ok(merge.next(&mut self.current)?.then_some(&self.current[..]));
        }
        let item = self.items.get(self.at);
        self.at += 1;
        Ok(item.map(|item| item.text(&self.bytes)))
    }
}

/// Runs, merged.
struct Merge {
    heap: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    readers: Vec<BufReader<File>>,
}

impl Merge {
    fn new(runs: &[Run]) -> Result<Merge> {
        let readers = runs.iter().map(Run::reader).collect::<Result<Vec<_>>>()?;
        let mut merge = Merge { heap: BinaryHeap::with_capacity(readers.len()), readers };
        for i in 0..merge.readers.len() {
            let mut record = Vec::new();
            if merge.read(i, &mut record)? {
                merge.heap.push(Reverse((record, i)));
            }
        }
        Ok(merge)
    }

    fn read(&mut self, i: usize, record: &mut Vec<u8>) -> Result<bool> {
        let mut len = [0; 4];
        let Some(reader) = self.readers.get_mut(i) else { return Ok(false) };
        if !read_whole(reader, &mut len)? {
            return Ok(false);
        }
        record.resize(u32::from_le_bytes(len) as usize, 0);
        read_whole(reader, record)
    }

    /// Puts the next record into `out`.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let Some(Reverse((mut record, i))) = self.heap.pop() else { return Ok(false) };
        std::mem::swap(out, &mut record);
        if self.read(i, &mut record)? {
            self.heap.push(Reverse((record, i)));
        }
        Ok(true)
    }
}
