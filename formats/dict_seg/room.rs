//! Where an encoder sorts.

use crate::Result;

/// Sorts numbers, in memory or on disk.
pub trait Numbers: Send {
    /// # Errors
    /// Those of the place where numbers are kept.
    fn push(&mut self, n: u128) -> Result<()>;
    /// Ends the pushing, and begins (again) at the lowest.
    ///
    /// # Errors
    /// Those of the place where numbers are kept.
    fn sort(&mut self) -> Result<()>;
    /// # Errors
    /// Those of the place where numbers are kept.
    fn next_number(&mut self) -> Result<Option<u128>>;
    /// All numbers in pieces, where none had to leave memory; one after the other they are in order once they are sorted.
    fn in_memory(&self) -> Option<Vec<&[u128]>> {
        None
    }
}

/// Hands out sorted numbers, from the lowest on.
pub(super) fn each(numbers: &mut dyn Numbers, mut with: impl FnMut(u128) -> Result<()>) -> Result<()> {
    if let Some(pieces) = numbers.in_memory() {
        return pieces.into_iter().flatten().try_for_each(|&n| with(n));
    }
    while let Some(n) = numbers.next_number()? {
        with(n)?;
    }
    Ok(())
}

/// Sorts byte strings, in memory or on disk.
pub trait Records: Send {
    /// # Errors
    /// Those of the place where records are kept.
    fn push(&mut self, record: &[u8]) -> Result<()>;
    /// Ends the pushing.
    ///
    /// # Errors
    /// Those of the place where records are kept.
    fn sort(&mut self) -> Result<()>;
    /// # Errors
    /// Those of the place where records are kept.
    fn next_record(&mut self) -> Result<Option<&[u8]>>;
}

/// Where an encoder sorts.
pub trait Room {
    /// # Errors
    /// Those of the place where numbers are kept.
    fn numbers(&mut self) -> Result<Box<dyn Numbers>>;
    /// As [`Room::numbers`], for those that begin with a hash, and so are spread evenly over all there are.
    ///
    /// # Errors
    /// As [`Room::numbers`].
    fn hashes(&mut self) -> Result<Box<dyn Numbers>> {
        self.numbers()
    }
    /// # Errors
    /// Those of the place where records are kept.
    fn records(&mut self) -> Result<Box<dyn Records>>;
}

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
