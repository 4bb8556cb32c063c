//! A [`Room`] in memory.

use super::encode::{Numbers, Records, Room};
use crate::Result;

/// Sorts in memory, whatever it takes.
#[derive(Debug, Default, Clone, Copy)]
pub struct Memory;

impl Room for Memory {
    fn numbers(&mut self) -> Result<Box<dyn Numbers>> {
        Ok(Box::new(InMemory::default()))
    }

    fn records(&mut self) -> Result<Box<dyn Records>> {
        Ok(Box::new(Arena::default()))
    }
}

#[derive(Default)]
struct InMemory {
    numbers: Vec<u128>,
    sorted: bool,
    at: usize,
}

impl Numbers for InMemory {
    fn push(&mut self, n: u128) -> Result<()> {
        self.numbers.push(n);
        Ok(())
    }

    fn sort(&mut self) -> Result<()> {
        if !self.sorted {
            self.numbers.sort_unstable();
        }
        (self.sorted, self.at) = (true, 0);
        Ok(())
    }

    fn next_number(&mut self) -> Result<Option<u128>> {
        let n = self.numbers.get(self.at).copied();
        self.at += 1;
        Ok(n)
    }

    fn in_memory(&self) -> Option<Vec<&[u128]>> {
        Some(vec![&self.numbers])
    }
}

/// Records in one piece of memory.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    ranges: Vec<(usize, usize)>,
    at: usize,
}

impl Records for Arena {
    fn push(&mut self, record: &[u8]) -> Result<()> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(record);
        self.ranges.push((from, self.bytes.len()));
        Ok(())
    }

    fn sort(&mut self) -> Result<()> {
        let bytes = &self.bytes;
        self.ranges.sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
        self.at = 0;
        Ok(())
    }

    fn next_record(&mut self) -> Result<Option<&[u8]>> {
        let range = self.ranges.get(self.at).copied();
        self.at += 1;
        Ok(range.map(|(from, to)| &self.bytes[from..to]))
    }
}
