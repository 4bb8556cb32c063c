//! Reading the source: each vector checked against the policy, rounded to its stored form, and counted.

use qx_formats::vdata::layout::{MAX_DIM, MAX_ROWS};
use qx_formats::vdata::{Element, Flavour, Metric};
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use rayon::prelude::*;

use super::{BuildOptions, DimPolicy, RowIds, VectorSource};
use crate::metric::norm;

/// Source rows that one task reads.
const BLOCK: usize = 1024;

/// Rows left out, by reason.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Skipped {
    pub null: u64,
    pub dim: u64,
    pub value: u64,
}

/// The rows that are indexed, in the order of the source.
#[derive(Debug)]
pub(super) struct Ingested {
    pub dim: u32,
    pub element: Element,
    pub flavour: Flavour,
    pub row_ids: Vec<u64>,
    pub vectors: Vec<u8>,
    /// Cosine only.
    pub norms: Vec<f32>,
    pub zero_vectors: u64,
    pub skipped: Skipped,
}

impl Ingested {
    pub(super) fn rows(&self) -> usize {
        self.row_ids.len()
    }

    pub(super) fn vector(&self, row: usize, out: &mut Vec<f32>) {
        let each = self.dim as usize * self.element.len();
        self.element.read(self.vectors.get(row * each..(row + 1) * each).unwrap_or(&[]), out);
    }
}

pub(super) fn ingest(source: &dyn VectorSource, row_ids: RowIds, opts: &BuildOptions, job: &Job) -> Result<Ingested> {
    let rows = source.rows();
    if rows as u64 > MAX_ROWS {
        return Err(Error::limit("number of rows", MAX_ROWS, rows as u64));
    }
    row_ids.check(rows)?;
    let dim = dimension(source, opts)?;
    let mut all = Ingested {
        dim,
        element: opts.element,
        flavour: row_ids.flavour(),
        row_ids: Vec::with_capacity(rows),
        vectors: Vec::with_capacity(rows * dim as usize * opts.element.len()),
        norms: Vec::new(),
        zero_vectors: 0,
        skipped: Skipped::default(),
    };
    job.progress.phase("reading vectors", Some(rows as u64), "rows");
    // Waves of blocks: read in parallel, appended in order, without holding everything twice.
    let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
    for wave in starts.chunks(64) {
        let blocks: Vec<Result<Ingested>> = wave
            .par_iter()
            .map(|&start| read_block(source, &row_ids, opts, dim, start..(start + BLOCK).min(rows)))
            .collect();
        for block in blocks {
            let block = block?;
            all.row_ids.extend(block.row_ids);
            all.vectors.extend(block.vectors);
            all.norms.extend(block.norms);
            all.zero_vectors += block.zero_vectors;
            all.skipped.null += block.skipped.null;
            all.skipped.dim += block.skipped.dim;
            all.skipped.value += block.skipped.value;
        }
        job.step((wave.len() * BLOCK) as u64)?;
    }
    unique(&row_ids, &all)?;
    Ok(all)
}

/// The dimension that was asked for, or that of the first vector.
fn dimension(source: &dyn VectorSource, opts: &BuildOptions) -> Result<u32> {
    if let Some(dim) = opts.dim {
        return Ok(dim);
    }
    let mut v = Vec::new();
    for row in 0..source.rows() {
        source.read(row, &mut v)?;
        if !v.is_empty() {
            return match u32::try_from(v.len()) {
                Ok(dim) if dim <= MAX_DIM => Ok(dim),
                _ => Err(Error::limit("dimension", MAX_DIM.into(), v.len() as u64)),
            };
        }
    }
    Ok(0)
}

fn read_block(
    source: &dyn VectorSource,
    row_ids: &RowIds,
    opts: &BuildOptions,
    dim: u32,
    rows: std::ops::Range<usize>,
) -> Result<Ingested> {
    let mut block = Ingested {
        dim,
        element: opts.element,
        flavour: row_ids.flavour(),
        row_ids: Vec::with_capacity(rows.len()),
        vectors: Vec::with_capacity(rows.len() * dim as usize * opts.element.len()),
        norms: Vec::new(),
        zero_vectors: 0,
        skipped: Skipped::default(),
    };
    let mut v = Vec::with_capacity(dim as usize);
    for row in rows {
        source.read(row, &mut v)?;
        if v.is_empty() {
            block.skipped.null += 1;
            continue;
        }
        let wrong = |message: String| Error::invalid(message).hint("--dim-policy skip leaves such rows out");
        if v.len() != dim as usize {
            if opts.dim_policy == DimPolicy::Skip {
                block.skipped.dim += 1;
                continue;
            }
            return Err(wrong(format!("vector of row {row} has another dimension")).expected(dim).got(v.len()));
        }
        if let Some((i, &x)) = v.iter().enumerate().find(|(_, x)| !opts.element.round(**x).is_finite()) {
            if opts.dim_policy == DimPolicy::Skip {
                block.skipped.value += 1;
                continue;
            }
            return Err(wrong(format!("vector of row {row} cannot be stored: component {i}"))
                .expected(format!("a finite {}", opts.element))
                .got(x));
        }
        v.iter_mut().for_each(|x| *x = opts.element.round(*x));
        block.zero_vectors += u64::from(v.iter().all(|&x| x == 0.0));
        if opts.metric == Metric::Cosine {
            block.norms.push(norm(&v));
        }
        v.iter().for_each(|&x| opts.element.put(x, &mut block.vectors));
        block.row_ids.push(row_ids.get(row));
    }
    Ok(block)
}

fn unique(row_ids: &RowIds, all: &Ingested) -> Result<()> {
    if matches!(row_ids, RowIds::Ordinal) {
        return Ok(());
    }
    let mut sorted = all.row_ids.clone();
    sorted.par_sort_unstable();
    match sorted.windows(2).find(|p| p.first() == p.last()) {
        Some(pair) => {
            let id = pair.first().copied().unwrap_or_default();
            let shown = crate::show_row_id(all.flavour, id);
            Err(Error::new(Kind::Invalid, format!("row id {shown} stands twice"))
                .hint("every indexed row needs an id of its own"))
        }
        None => Ok(()),
    }
}
