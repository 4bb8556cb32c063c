//! A graph by the library hnsw_rs, in the layout of this one: its lowest layer, cut to the degree and made reachable.
//!
//! It sees distances between vectors, where the own linker sees those between codes: under cosine of the vectors divided
//! by their norms, under ip with the component more that puts all on a sphere. Its levels are drawn from a random
//! generator of its own, so that two builds differ.

use hnsw_rs::prelude::{DistL2, Hnsw};
use qx_formats::Result;
use qx_formats::vdata::Metric;
use qx_formats::vdata::layout::NO_NEIGHBOUR;
use qx_io::Job;

use super::BuildOptions;
use super::code::Coded;
use super::ingest::Ingested;
use super::link::{Linked, Lists, degree, finish, order, starts};
use crate::kernel::Kernels;
use crate::metric::norm;
use crate::quant::to_unit;

const LAYERS: usize = 16;

pub(super) fn link(
    kernels: &'static Kernels,
    data: &Ingested<'_>,
    coded: &Coded,
    opts: &BuildOptions,
    job: &Job,
) -> Result<Linked> {
    let rows = data.rows();
    job.progress.phase("linking rows with hnsw_rs", Some(rows as u64), "rows");
    let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut v = Vec::new();
        data.vector(row, &mut v);
        if opts.metric == Metric::Cosine {
            to_unit(&mut v);
        }
        vectors.push(v);
    }
    if opts.metric == Metric::Ip {
        let longest = vectors.iter().map(|v| norm(v)).fold(0.0, f32::max);
        vectors.iter_mut().for_each(|v| v.push((longest * longest - norm(v).powi(2)).max(0.0).sqrt()));
    }
    let m = opts.m as usize;
    let hnsw = Hnsw::<f32, DistL2>::new(m, rows.max(1), LAYERS, opts.ef_build as usize, DistL2 {});
    for (at, chunk) in vectors.chunks(1024).enumerate() {
        let numbered: Vec<(&[f32], usize)> =
            chunk.iter().enumerate().map(|(i, v)| (v.as_slice(), at * 1024 + i)).collect();
        hnsw.parallel_insert_slice(&numbered);
        job.step(chunk.len() as u64)?;
    }
    let degree = degree(opts.m) as usize;
    let mut lists = Lists::new(rows, degree);
    let mut list: Vec<u32> = Vec::new();
    for point in hnsw.get_point_indexation() {
        let row = point.get_origin_id();
        list.clear();
        let layers = point.get_neighborhood_id();
        for n in layers.first().into_iter().flatten() {
            let to = u32::try_from(n.d_id).unwrap_or(NO_NEIGHBOUR);
            if n.d_id < rows && n.d_id != row && !list.contains(&to) && list.len() < degree {
                list.push(to);
            }
        }
        if row < rows {
            lists.set(row as u32, &list);
        }
    }
    let mut entries: Vec<u32> = order(rows as u32, opts.seed).into_iter().take(starts(rows, coded.each)).collect();
    entries.sort_unstable();
    Ok(finish(kernels, coded, lists, entries, opts))
}
