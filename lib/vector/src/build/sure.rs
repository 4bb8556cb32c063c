//! How far a finished graph must be walked to find nearly all: measured, since it depends on the data as much as on the
//! options. Under a filter searches rely on it.
//!
//! The queries lie where rows do without being rows: a row is found too easily, as the neighbour of its neighbours. Half of
//! them lie in between clusters, and half are rows that neither walk nor answer knows of, as if each had come after all others:
//! which are harder depends on the data.

use std::collections::BinaryHeap;

use qx_formats::vdata::Metric;
use qx_formats::vdata::layout::NO_NEIGHBOUR;
use qx_io::Job;
use rayon::prelude::*;

use super::code::Coded;
use super::ingest::Ingested;
use super::link::{Linked, mix};
use super::{BuildOptions, CodeKind};
use crate::kernel::{self, Kernels};
use crate::packed::Packed;
use crate::pool::Pool;
use crate::quant::{Codes, Quantizer, Query, to_unit};
use crate::starts::Starts;
use crate::walk::{Adjacency, Near, Scratch};

/// Of each kind.
const QUERIES: usize = 128;
const NEAREST: usize = 10;
/// A query in between clusters is a row, moved by this share of the difference of two others.
const MOVED: f32 = 0.25;
/// Thousandths that must be found: more than is promised, for what a sample may miss.
const FOUND: usize = 995;
/// Smaller indexes are scanned under a filter, which takes no longer.
const ROWS_MIN: usize = 1024;
const EF_MIN: usize = 16;
const EF_MAX: usize = 2048;
/// Rows that are scored at once.
const AT_ONCE: u32 = 4096;

/// A sampled query and its [`NEAREST`]-th nearest row.
struct Sample {
    query: Query,
    last: f32,
    /// The row that is the query, or [`NO_NEIGHBOUR`].
    own: u32,
}

/// The graph, as if one row were not in it.
struct Slots<'a> {
    slots: &'a [u32],
    degree: usize,
    without: u32,
}

impl Slots<'_> {
    #[inline(always)]
    fn list(&self, row: u32) -> &[u32] {
        let start = row as usize * self.degree;
        self.slots.get(start..start + self.degree).unwrap_or(&[])
    }
}

impl Adjacency for Slots<'_> {
    #[inline(always)]
    fn neighbours(&self, row: u32, each: impl FnMut(u32)) {
        let there = self.list(row).iter().copied().take_while(|&n| n != NO_NEIGHBOUR);
        there.filter(|&n| n != self.without).for_each(each);
    }

    #[inline(always)]
    fn degree(&self) -> usize {
        self.degree
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        kernel::prefetch(bytemuck::cast_slice(self.list(row)));
    }
}

/// `ef_sure` of META.
pub(super) fn measure(
    kernels: &'static Kernels,
    data: &Ingested<'_>,
    coded: &Coded,
    linked: &Linked,
    opts: &BuildOptions,
    job: &Job,
) -> u32 {
    if data.rows() < ROWS_MIN {
        return 0;
    }
    job.progress.phase("measuring the graph", None, "queries");
    let rows = data.rows() as u32;
    let params: Vec<u8> = coded.params.iter().flatten().flat_map(|p| p.to_le_bytes()).collect();
    let codes = Codes { kernels, codes: &coded.codes, each: coded.each, params: &params, lift: &[] };
    let rows_of = Vectors { data, coded, opts };
    let samples: Vec<Sample> = (0..2 * QUERIES)
        .into_par_iter()
        .with_max_len(1)
        .map(|at| {
            let own = if at < QUERIES { NO_NEIGHBOUR } else { rows_of.any(at as u64) };
            let vector = if at < QUERIES { rows_of.between(at as u64) } else { rows_of.row(own as usize) };
            sample(vector, own, coded, &codes, opts.metric, rows)
        })
        .collect();
    let scratch = Pool::<Scratch>::default();
    let found = |s: &Sample, ef: usize| {
        scratch.with(|walk| {
            walk.query.clone_from(&s.query);
            let graph = Slots { slots: &linked.graph, degree: linked.degree as usize, without: s.own };
            let entries: Vec<u32> = linked.entries.iter().copied().filter(|&e| e != s.own).collect();
            let kept = Packed::new(&codes, &entries);
            walk.walk(&codes, &graph, Starts { rows: &entries, kept: kept.as_ref() }, rows, ef);
            // Counted by distance: of rows that are equally far any will do.
            walk.nearest().iter().take(NEAREST).filter(|n| n.distance() <= s.last).count()
        })
    };
    let efs =
        std::iter::successors(Some(EF_MIN), |&ef| Some(if ef.is_power_of_two() { ef / 2 * 3 } else { ef / 3 * 4 }));
    let enough = |ef: &usize| {
        samples.chunks(QUERIES).all(|kind| {
            let all: usize = kind.par_iter().with_max_len(1).map(|s| found(s, *ef)).sum();
            all * 1000 >= FOUND * NEAREST * QUERIES
        })
    };
    efs.take_while(|&ef| ef <= EF_MAX && !job.cancel.is_set()).find(enough).unwrap_or(0) as u32
}

/// The rows, for queries to be made of them.
struct Vectors<'a, 'b> {
    data: &'a Ingested<'b>,
    coded: &'a Coded,
    opts: &'a BuildOptions,
}

impl Vectors<'_, '_> {
    fn draw(&self, number: u64) -> u64 {
        mix(self.opts.seed ^ mix(number))
    }

    fn row(&self, row: usize) -> Vec<f32> {
        let mut v = Vec::new();
        if self.opts.codes == CodeKind::Only {
            self.coded.vector(self.data, row, &mut v);
        } else {
            self.data.vector(row, &mut v);
        }
        if self.opts.metric == Metric::Cosine {
            to_unit(&mut v);
        }
        v
    }

    /// Any row.
    fn any(&self, at: u64) -> u32 {
        (self.draw(3 * at) % self.data.rows() as u64) as u32
    }

    /// A row moved by a part of the difference of any two others.
    fn between(&self, at: u64) -> Vec<f32> {
        let pick = |nth: u64| self.row((self.draw(3 * at + nth) % self.data.rows() as u64) as usize);
        let (mut v, b, c) = (pick(0), pick(1), pick(2));
        v.iter_mut().zip(b.iter().zip(&c)).for_each(|(a, (b, c))| *a += MOVED * (b - c));
        v
    }
}

/// A query, and the distance of its [`NEAREST`]-th nearest row by the codes, but for the row that it is.
fn sample(mut v: Vec<f32>, own: u32, coded: &Coded, codes: &Codes<'_>, metric: Metric, rows: u32) -> Sample {
    let mut query = Query::default();
    Quantizer::new(metric, &coded.mean).query(&mut v, &mut query);
    let (mut best, mut memory) = (BinaryHeap::new(), Vec::new());
    let mut which: Vec<u32> = Vec::new();
    for start in (0..rows).step_by(AT_ONCE as usize) {
        which.clear();
        which.extend((start..start.saturating_add(AT_ONCE).min(rows)).filter(|&row| row != own));
        codes.similarities(&query, &which, &mut memory, |row, similarity| {
            let near = Near::new(-similarity, row);
            if best.len() < NEAREST {
                best.push(near);
            } else if let Some(mut worst) = best.peek_mut()
                && near < *worst
            {
                *worst = near;
            }
        });
    }
    Sample { query, last: best.peek().map_or(f32::INFINITY, |n| n.distance()), own }
}
