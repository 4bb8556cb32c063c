//! Linking rows into a graph, in batches that search only what earlier batches linked.
//!
//! Every step is a function of what stood before it: a batch's rows look for neighbours in a graph that does not
//! change meanwhile, and the links back are made a target at a time, in order. So threads decide nothing.

use qx_formats::Result;
use qx_formats::vdata::layout::NO_NEIGHBOUR;
use qx_io::Job;
use rayon::prelude::*;

use super::BuildOptions;
use super::code::Coded;
use super::prune::{Choice, Lengths, Space};
use super::repair;
use crate::kernel::{self, Kernels};
use crate::pool::Pool;
use crate::walk::{Adjacency, Scratch};

/// Most rows at which walks start while a graph is made; in a small index, one in sixteen.
const ENTRY_POINTS: usize = 64;
/// Most rows at which searches start; in an index that is not large, one in as many as follow, but no less than above.
const STARTS: usize = 512;
const ROWS_A_START: usize = 128;
/// Most bytes that their codes take, which are to stay near the processor.
const STARTS_LEN: usize = 1 << 20;
/// A batch is at most this fraction of the rows before it: its rows do not see each other.
const BATCH_PART: usize = 32;
const BATCH_MAX: usize = 8192;

/// A finished graph.
#[derive(Debug)]
pub(super) struct Linked {
    pub degree: u32,
    /// `degree` slots a row.
    pub graph: Vec<u32>,
    pub entries: Vec<u32>,
    pub edges: u64,
    pub repaired: u64,
    /// As META has it; 0 until it was measured.
    pub ef_sure: u32,
}

/// Rows that one task looks for neighbours of: few, so that no thread is left with much to do when the others are done.
const ROWS_AT_ONCE: usize = 8;
/// Rows that one task links back to, or copies.
const LISTS_AT_ONCE: usize = 256;

/// Adjacency lists in the making, with some room above the final degree so that most links back need no choice.
pub(super) struct Lists {
    room: usize,
    lens: Vec<u16>,
    slots: Vec<u32>,
}

impl Lists {
    pub(super) fn new(rows: usize, room: usize) -> Self {
        Lists { room, lens: vec![0; rows], slots: vec![NO_NEIGHBOUR; rows * room] }
    }

    #[inline(always)]
    pub(super) fn get(&self, row: u32) -> &[u32] {
        let start = row as usize * self.room;
        let len = self.lens.get(row as usize).copied().unwrap_or(0);
        self.slots.get(start..start + usize::from(len)).unwrap_or(&[])
    }

    /// The lists, to be changed.
    fn range(&mut self) -> Range<'_> {
        Range { first: 0, room: self.room, lens: &mut self.lens, slots: &mut self.slots }
    }

    pub(super) fn set(&mut self, row: u32, list: &[u32]) {
        let start = row as usize * self.room;
        self.slots[start..start + list.len()].copy_from_slice(list);
        self.lens[row as usize] = list.len() as u16;
    }
}

/// The lists of neighbouring rows, which one thread may change while others change the next ones.
struct Range<'a> {
    first: u32,
    room: usize,
    lens: &'a mut [u16],
    slots: &'a mut [u32],
}

impl<'a> Range<'a> {
    /// The rows before `row`, and the others.
    fn split_at(self, row: u32) -> (Range<'a>, Range<'a>) {
        let rows = (row - self.first) as usize;
        let (lens, more_lens) = self.lens.split_at_mut(rows);
        let (slots, more_slots) = self.slots.split_at_mut(rows * self.room);
        let before = Range { first: self.first, room: self.room, lens, slots };
        (before, Range { first: row, room: self.room, lens: more_lens, slots: more_slots })
    }

    fn list(&mut self, row: u32) -> (&mut u16, &mut [u32]) {
        let at = (row - self.first) as usize;
        (&mut self.lens[at], &mut self.slots[at * self.room..(at + 1) * self.room])
    }
}

impl Adjacency for Lists {
    #[inline(always)]
    fn neighbours(&self, row: u32, each: impl FnMut(u32)) {
        self.get(row).iter().copied().for_each(each);
    }

    #[inline(always)]
    fn degree(&self) -> usize {
        self.room
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        kernel::prefetch(bytemuck::cast_slice(self.get(row)));
    }
}

/// Entry points among this many rows.
pub(super) fn entry_points(rows: usize) -> usize {
    (rows / 16).clamp(1, ENTRY_POINTS)
}

/// Entry points of a finished graph among so many rows, with so many bytes of codes each.
pub(super) fn starts(rows: usize, each: usize) -> usize {
    let most = STARTS.min(STARTS_LEN / each.max(1)).min(rows / ROWS_A_START);
    most.max(entry_points(rows))
}

/// Slots of a list for `m` chosen neighbours.
pub(super) fn degree(m: u32) -> u32 {
    m + m.div_ceil(4)
}

pub(super) fn link(kernels: &'static Kernels, coded: &Coded, opts: &BuildOptions, job: &Job) -> Result<Linked> {
    let rows = coded.params.len() as u32;
    let lengths = Lengths::new(coded);
    let degree = degree(opts.m) as usize;
    let mut linker = Linker {
        space: lengths.space(kernels, coded),
        lists: Lists::new(rows as usize, degree + degree / 4),
        order: order(rows, opts.seed),
        degree,
        m: opts.m as usize,
        ef: opts.ef_build as usize,
        scratch: Pool::default(),
    };
    job.progress.phase("linking rows", Some(rows.into()), "rows");
    let mut done = rows.min(1) as usize;
    while done < rows as usize {
        let size = (done / BATCH_PART).clamp(1, BATCH_MAX).min(rows as usize - done);
        linker.batch(done..done + size);
        done += size;
        job.step(size as u64)?;
    }
    linker.trim();
    let mut entries: Vec<u32> = linker.order.iter().copied().take(starts(rows as usize, coded.each)).collect();
    entries.sort_unstable();
    let Linker { space, lists, scratch, .. } = linker;
    Ok(reachable(&space, lists, entries, opts, scratch.take()))
}

/// A graph that another library linked, made reachable.
#[cfg(feature = "hnsw_rs")]
pub(super) fn finish(
    kernels: &'static Kernels,
    coded: &Coded,
    lists: Lists,
    entries: Vec<u32>,
    opts: &BuildOptions,
) -> Linked {
    reachable(&Lengths::new(coded).space(kernels, coded), lists, entries, opts, Default::default())
}

/// The lists as a file has them, every row within reach.
fn reachable(
    space: &Space<'_>,
    mut lists: Lists,
    entries: Vec<u32>,
    opts: &BuildOptions,
    scratch: (Scratch, Choice),
) -> Linked {
    let (rows, degree) = (lists.lens.len(), degree(opts.m) as usize);
    let repaired = repair::repair(space, &mut lists, &entries, rows as u32, degree, opts.ef_build as usize, scratch);
    let mut graph = vec![NO_NEIGHBOUR; rows * degree];
    graph.par_chunks_exact_mut(degree).enumerate().with_min_len(LISTS_AT_ONCE).for_each(|(row, slots)| {
        let list = lists.get(row as u32);
        slots[..list.len()].copy_from_slice(list);
    });
    let edges = lists.lens.iter().map(|&len| u64::from(len)).sum();
    Linked { degree: degree as u32, graph, entries, edges, repaired, ef_sure: 0 }
}

/// Rows in an order that has nothing to do with their data, so that early links span all of it.
pub(super) fn order(rows: u32, seed: u64) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = (0..rows).map(|r| (mix(seed ^ mix(u64::from(r))), r)).collect();
    keyed.par_sort_unstable();
    keyed.into_iter().map(|(_, r)| r).collect()
}

/// The finalizer of splitmix64: every bit of the input moves every bit of the output.
pub(super) fn mix(v: u64) -> u64 {
    let v = v.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let v = (v ^ (v >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let v = (v ^ (v >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    v ^ (v >> 31)
}

struct Linker<'a> {
    space: Space<'a>,
    lists: Lists,
    order: Vec<u32>,
    degree: usize,
    m: usize,
    ef: usize,
    scratch: Pool<(Scratch, Choice)>,
}

impl Linker<'_> {
    /// Links the rows at these places of the order; every earlier place is linked.
    fn batch(&mut self, places: std::ops::Range<usize>) {
        let rows = self.lists.lens.len() as u32;
        let entries = &self.order[..entry_points(places.start)];
        let (space, lists, scratch) = (&self.space, &self.lists, &self.scratch);
        let chosen: Vec<(u32, Vec<u32>)> = self.order[places]
            .par_iter()
            .with_max_len(ROWS_AT_ONCE)
            .map(|&row| {
                scratch.with(|(walk, choice)| {
                    space.query(row, &mut walk.query);
                    walk.walk(&space.codes, lists, entries.into(), rows, self.ef);
                    space.walked(row, walk.nearest(), choice);
                    space.choose(row, self.m, choice);
                    (row, choice.kept.clone())
                })
            })
            .collect();
        let mut back: Vec<(u32, u32)> =
            chosen.iter().flat_map(|(row, list)| list.iter().map(|&target| (target, *row))).collect();
        back.par_sort_unstable();
        for (row, list) in &chosen {
            self.lists.set(*row, list);
        }
        let back = LinkBack { space: &self.space, degree: self.degree, scratch: &self.scratch, back: &back };
        back.run(self.lists.range());
    }

    /// Brings every list down to the final degree.
    fn trim(&mut self) {
        let long: Vec<u32> =
            (0..self.lists.lens.len() as u32).filter(|&r| self.lists.get(r).len() > self.degree).collect();
        let (space, lists, degree, scratch) = (&self.space, &self.lists, self.degree, &self.scratch);
        let short: Vec<(u32, Vec<u32>)> = long
            .par_iter()
            .with_max_len(LISTS_AT_ONCE)
            .map(|&row| {
                scratch.with(|(_, choice)| {
                    shorten(space, degree, row, lists.get(row), choice);
                    (row, choice.kept.clone())
                })
            })
            .collect();
        short.iter().for_each(|(row, list)| self.lists.set(*row, list));
    }
}

/// Leaves in `choice.kept` the best of a list.
fn shorten(space: &Space<'_>, degree: usize, row: u32, list: &[u32], choice: &mut Choice) {
    space.listed(row, list, choice);
    space.choose(row, degree, choice);
}

/// Links from rows that were chosen to those that chose them, in order of the former. Each list is changed by itself and by
/// one thread, so that nobody waits for another.
#[derive(Clone, Copy)]
struct LinkBack<'a> {
    space: &'a Space<'a>,
    degree: usize,
    scratch: &'a Pool<(Scratch, Choice)>,
    back: &'a [(u32, u32)],
}

impl LinkBack<'_> {
    /// `lists` holds the rows that are linked, others too.
    fn run(self, lists: Range<'_>) {
        // In the middle, but where a row begins.
        let middle = self.back.get(self.back.len() / 2).map_or(0, |&(row, _)| row);
        let at = self.back.partition_point(|&(row, _)| row < middle);
        if self.back.len() <= LISTS_AT_ONCE || at == 0 {
            return self.each(lists);
        }
        let (left, right) = self.back.split_at(at);
        let (before, after) = lists.split_at(middle);
        rayon::join(|| LinkBack { back: left, ..self }.run(before), || LinkBack { back: right, ..self }.run(after));
    }

    fn each(self, mut lists: Range<'_>) {
        self.scratch.with(|(_, choice)| {
            let mut longer = Vec::new();
            for group in self.back.chunk_by(|a, b| a.0 == b.0) {
                let Some(&(target, _)) = group.first() else { continue };
                let (len, slots) = lists.list(target);
                let (used, sources) = (usize::from(*len), group.iter().map(|&(_, source)| source));
                if let Some(free) = slots.get_mut(used..used + group.len()) {
                    free.iter_mut().zip(sources).for_each(|(slot, source)| *slot = source);
                    *len += group.len() as u16;
                    continue;
                }
                longer.clear();
                longer.extend(slots[..used].iter().copied().chain(sources));
                shorten(self.space, self.degree, target, &longer, choice);
                slots[..choice.kept.len()].copy_from_slice(&choice.kept);
                *len = choice.kept.len() as u16;
            }
        });
    }
}
