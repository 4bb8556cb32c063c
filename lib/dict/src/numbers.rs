//! Numbers, sorted within a bound on memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::BufReader;

use qx_formats::Result;
use qx_formats::dict_seg::Numbers;
use qx_io::make_room;

use crate::room::{FAN_IN, Run, RunWriter, Space, read_whole};
use crate::spread::Spread;

const LEN: usize = size_of::<u128>();

/// Hashes from which on they are kept by buckets, which are not full.
const SPREAD: usize = 1 << 17;

/// Numbers in memory, and sorted runs of those that did not fit.
pub struct SpilledNumbers {
    space: Space,
    numbers: Vec<u128>,
    /// Whether they are hashes, and where they are then, once they are many.
    hashes: bool,
    spread: Option<Spread>,
    runs: Vec<Run>,
    sorted: bool,
    at: usize,
    merge: Option<Merge>,
}

impl SpilledNumbers {
    pub fn new(space: Space) -> Self {
        let (numbers, runs) = (Vec::new(), Vec::new());
        SpilledNumbers { space, numbers, hashes: false, spread: None, runs, sorted: false, at: 0, merge: None }
    }

    pub fn of_hashes(space: Space) -> Self {
        SpilledNumbers { hashes: true, ..Self::new(space) }
    }

    fn sort_here(&mut self) {
        match &mut self.spread {
            Some(spread) => spread.sort(),
            None => sort(&mut self.numbers),
        }
    }

    /// Those in memory, which are in order once they are sorted.
    fn here(&self) -> Vec<&[u128]> {
        self.spread.as_ref().map_or_else(|| vec![&self.numbers[..]], |spread| spread.pieces().collect())
    }

    fn spill(&mut self) -> Result<()> {
        self.sort_here();
        let mut run = RunWriter::new(&self.space)?;
        for n in self.here().into_iter().flatten() {
            run.write(&n.to_le_bytes())?;
        }
        self.numbers.clear();
        self.spread.iter_mut().for_each(Spread::clear);
        self.runs.push(run.finish()?);
        if self.runs.len() == FAN_IN {
            let mut merge = Merge::new(&self.runs)?;
            let mut run = RunWriter::new(&self.space)?;
            while let Some(n) = merge.next()? {
                run.write(&n.to_le_bytes())?;
            }
            self.runs = vec![run.finish()?];
        }
        Ok(())
    }
}

impl Numbers for SpilledNumbers {
    fn push(&mut self, n: u128) -> Result<()> {
        let at_most = self.space.each / LEN;
        if self.spread.as_ref().map_or(self.numbers.len(), Spread::taken) >= at_most {
            self.spill()?;
        }
        if let Some(spread) = &mut self.spread {
            spread.push(n, at_most);
            return Ok(());
        }
        make_room(&mut self.numbers, 1, at_most);
        self.numbers.push(n);
        if self.hashes && self.numbers.len() == SPREAD {
            let spread = self.spread.get_or_insert_default();
            std::mem::take(&mut self.numbers).into_iter().for_each(|n| spread.push(n, at_most));
        }
        Ok(())
    }

    fn sort(&mut self) -> Result<()> {
        if !self.sorted {
            self.sorted = true;
            if self.runs.is_empty() {
                self.sort_here();
            } else {
                self.spill()?;
                (self.numbers, self.spread) = (Vec::new(), None);
            }
        }
        self.at = 0;
        self.merge = if self.runs.is_empty() { None } else { Some(Merge::new(&self.runs)?) };
        Ok(())
    }

    fn next_number(&mut self) -> Result<Option<u128>> {
        if let Some(merge) = &mut self.merge {
            return merge.next();
        }
        let n = match &self.spread {
            Some(spread) => spread.get(self.at),
            None => self.numbers.get(self.at).copied(),
        };
        self.at += 1;
        Ok(n)
    }

    fn in_memory(&self) -> Option<Vec<&[u128]>> {
        (self.runs.is_empty() && (self.sorted || self.spread.is_none())).then(|| self.here())
    }
}

/// Runs, merged.
struct Merge {
    heap: BinaryHeap<Reverse<(u128, usize)>>,
    readers: Vec<BufReader<File>>,
}

impl Merge {
    fn new(runs: &[Run]) -> Result<Merge> {
        let readers = runs.iter().map(Run::reader).collect::<Result<Vec<_>>>()?;
        let mut merge = Merge { heap: BinaryHeap::with_capacity(readers.len()), readers };
        for i in 0..merge.readers.len() {
            if let Some(n) = merge.read(i)? {
                merge.heap.push(Reverse((n, i)));
            }
        }
        Ok(merge)
    }

    fn read(&mut self, i: usize) -> Result<Option<u128>> {
        let mut bytes = [0; LEN];
        let Some(reader) = self.readers.get_mut(i) else { return Ok(None) };
        Ok(read_whole(reader, &mut bytes)?.then(|| u128::from_le_bytes(bytes)))
    }

    fn next(&mut self) -> Result<Option<u128>> {
        let Some(&Reverse((n, i))) = self.heap.peek() else { return Ok(None) };
        let next = self.read(i)?;
        if let Some(mut top) = self.heap.peek_mut() {
            match next {
                Some(next) => *top = Reverse((next, i)),
                None => drop(std::collections::binary_heap::PeekMut::pop(top)),
            }
        }
        Ok(Some(n))
    }
}

/// Bits of the number of a bucket of [`sort`]: few enough that the ends of all are in the processor's first cache, and enough
/// for a bucket to have room in its second.
const BUCKETS: u32 = 9;
/// Numbers from which on another thread is worth its start.
pub const MANY: usize = 1 << 18;
/// Numbers of one place of a bucket, at most, that are put in order one by one.
const FEW: u32 = 32;

/// Sorts numbers whose upper halves are spread evenly over their range (hashes, ids) faster than comparing them all:
/// first by the uppermost bits that differ, then each bucket by itself.
pub fn sort(numbers: &mut [u128]) {
    let (Some(low), Some(high)) = (numbers.iter().min().copied(), numbers.iter().max().copied()) else { return };
    if numbers.len() < 1 << 14 || numbers.is_sorted() {
        numbers.sort_unstable();
        return;
    }
    let shift = (u128::BITS - (high - low).leading_zeros()).saturating_sub(BUCKETS);
    let bucket = |n: u128| ((n - low) >> shift) as usize;
    let mut ends = [0usize; (1 << BUCKETS) + 1];
    for &n in numbers.iter() {
        ends[bucket(n) + 1] += 1;
    }
    for i in 1..ends.len() {
        ends[i] += ends[i - 1];
    }
    let starts = ends;
    // In place: each number goes to the next free place of its bucket, and the one found there goes on from there.
    let mut free = starts;
    for b in 0..1 << BUCKETS {
        while free[b] < starts[b + 1] {
            let mut n = numbers[free[b]];
            loop {
                let to = bucket(n);
                if to == b {
                    numbers[free[b]] = n;
                    free[b] += 1;
                    break;
                }
                std::mem::swap(&mut n, &mut numbers[free[to]]);
                free[to] += 1;
            }
        }
    }
    let threads = if numbers.len() < MANY { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    sort_buckets(numbers, &starts, low, shift, threads);
}

/// Sorts each bucket by itself, on so many threads; they begin at `starts`, the last of which is the end.
fn sort_buckets(numbers: &mut [u128], starts: &[usize], low: u128, shift: u32, threads: usize) {
    let (Some(&first), buckets) = (starts.first(), starts.len() - 1) else { return };
    if threads > 1 && buckets > 1 {
        let middle = buckets / 2;
        let (left, right) = numbers.split_at_mut(starts[middle] - first);
        std::thread::scope(|scope| {
            scope.spawn(|| sort_buckets(left, &starts[..=middle], low, shift, threads / 2));
            sort_buckets(right, &starts[middle..], low, shift, threads - threads / 2);
        });
        return;
    }
    let (mut spare, mut places) = (Vec::new(), Vec::new());
    for ends in starts.windows(2) {
        sort_bucket(&mut numbers[ends[0] - first..ends[1] - first], low, shift, &mut spare, &mut places);
    }
}

/// Sorts numbers which, less `low`, agree above their lowest `shift` bits: by as many of those as there are numbers, and then
/// the few that agree in them, too.
pub fn sort_bucket(numbers: &mut [u128], low: u128, shift: u32, spare: &mut Vec<u128>, places: &mut Vec<u32>) {
    let bits = numbers.len().max(1).ilog2().min(shift);
    if bits < 6 || u32::try_from(numbers.len()).is_err() {
        numbers.sort_unstable();
        return;
    }
    let place = |n: u128| ((n - low) >> (shift - bits)) as usize & ((1 << bits) - 1);
    places.clear();
    places.resize((1 << bits) + 1, 0);
    numbers.iter().for_each(|&n| places[place(n) + 1] += 1);
    if places.iter().any(|&count| count > FEW) {
        numbers.sort_unstable();
        return;
    }
    for i in 1..places.len() {
        places[i] += places[i - 1];
    }
    spare.clear();
    spare.extend_from_slice(numbers);
    for &n in spare.iter() {
        let at = &mut places[place(n)];
        numbers[*at as usize] = n;
        *at += 1;
    }
    // None is far from where it belongs.
    for i in 1..numbers.len() {
        let (n, mut at) = (numbers[i], i);
        while at > 0 && numbers[at - 1] > n {
            numbers[at] = numbers[at - 1];
            at -= 1;
        }
        numbers[at] = n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_however_they_are_spread() {
        let hash = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (i << 7);
        for n in [0u64, 1, 1000, 40_000, 300_000] {
            let spread: [fn(u64) -> u128; 5] = [
                |h| u128::from(h) << 64 | u128::from(h >> 3),
                |h| u128::from(h % 50_000) << 64 | u128::from(h),
                |h| u128::from(h % 3) << 64,
                |h| u128::from(h) >> (h % 60),
                |h| u128::from(u64::MAX) << 64 | u128::from(h % 7),
            ];
            for of in spread {
                let mut got: Vec<u128> = (0..n).map(|i| of(hash(i))).collect();
                let mut want = got.clone();
                sort(&mut got);
                want.sort_unstable();
                assert!(got == want);
            }
        }
    }
}
