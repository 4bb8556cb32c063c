//! Reading the source: each vector checked against the policy, rounded to its stored form, and counted.

use std::sync::{Mutex, PoisonError};

use qx_formats::vdata::layout::{MAX_DIM, MAX_ROWS};
use qx_formats::vdata::{Element, Engine, Flavour, Metric};
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use rayon::prelude::*;

use super::carry::{self, Carried};
use super::{BuildOptions, CodeKind, DimPolicy, RowIds, VectorSource};
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
pub(super) struct Ingested<'a> {
    pub dim: u32,
    pub element: Element,
    pub flavour: Flavour,
    pub row_ids: Vec<u64>,
    /// Stored bytes of all vectors; empty where they are read again instead.
    pub vectors: Vec<u8>,
    /// Where to read them again, and which rows of it.
    again: Option<(&'a dyn VectorSource, Vec<u32>)>,
    /// What a second reading said; looked at after each phase.
    failed: Mutex<Option<Error>>,
    /// Cosine only.
    pub norms: Vec<f32>,
    pub zero_vectors: u64,
    pub skipped: Skipped,
    /// Rows whose vectors are those of codes.
    pub from_codes: u64,
    /// Codes that are taken over.
    pub carried: Option<Carried<'a>>,
}

impl<'a> Ingested<'a> {
    fn empty(dim: u32, opts: &BuildOptions, flavour: Flavour, rows: usize, keep: bool) -> Self {
        Ingested {
            dim,
            element: opts.element,
            flavour,
            row_ids: Vec::with_capacity(rows),
            vectors: Vec::with_capacity(if keep { rows * dim as usize * opts.element.len() } else { 0 }),
            again: None,
            failed: Mutex::new(None),
            norms: Vec::new(),
            zero_vectors: 0,
            skipped: Skipped::default(),
            from_codes: 0,
            carried: None,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.row_ids.len()
    }

    /// Rows of compact indexes whose codes are not taken over.
    pub(super) fn recoded(&self) -> u64 {
        self.from_codes - self.carried.as_ref().map_or(0, |c| c.count)
    }

    /// Replaces `out` with the vector of a row, as it is stored.
    pub(super) fn vector(&self, row: usize, out: &mut Vec<f32>) {
        let Some((source, rows)) = &self.again else {
            let each = self.dim as usize * self.element.len();
            self.element.read(self.vectors.get(row * each..(row + 1) * each).unwrap_or(&[]), out);
            return;
        };
        let at = rows.get(row).map_or(row, |&r| r as usize);
        let read = source.read(at, out);
        out.iter_mut().for_each(|x| *x = self.element.round(*x));
        if read.is_err() || out.len() != self.dim as usize {
            out.clear();
            out.resize(self.dim as usize, 0.0);
            let e = read.err().unwrap_or_else(|| Error::invalid(format!("vector of row {at} has changed meanwhile")));
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
        }
    }

    /// # Errors
    /// What a second reading of the source said.
    pub(super) fn check(&self) -> Result<()> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// Hands over the stored bytes of all vectors, in order.
    pub(super) fn each_stored(&self, put: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
        if self.again.is_none() {
            return put(&self.vectors);
        }
        let (mut v, mut bytes) = (Vec::new(), Vec::new());
        for row in 0..self.rows() {
            self.vector(row, &mut v);
            v.iter().for_each(|&x| self.element.put(x, &mut bytes));
            if bytes.len() >= 64 << 10 {
                put(&bytes)?;
                bytes.clear();
            }
        }
        put(&bytes)
    }
}

/// Bytes that coding and linking take beside the vectors.
fn needed(rows: u64, dim: u64, opts: &BuildOptions) -> u64 {
    let graph = if opts.engine == Engine::Graph { u64::from(super::link::degree(opts.m)) * 9 } else { 0 };
    let codes = if opts.codes == CodeKind::None { 0 } else { dim.next_multiple_of(32) + 24 };
    rows.saturating_mul(graph + codes + 16)
}

/// Whether vectors are kept in memory, as `memory` allows.
fn keep_vectors(rows: u64, dim: u64, opts: &BuildOptions) -> Result<bool> {
    let Some(memory) = opts.memory else { return Ok(true) };
    let needed = needed(rows, dim, opts);
    if needed > memory {
        return Err(Error::usage("the build does not fit the memory that it may use")
            .expected(format!("at least {needed} bytes for {rows} rows of dimension {dim}"))
            .got(format!("{memory} bytes"))
            .hint("give more, lower m, or build several files and search them together"));
    }
    Ok(needed.saturating_add(rows.saturating_mul(dim * opts.element.len() as u64)) <= memory)
}

pub(super) fn ingest<'a>(
    source: &'a dyn VectorSource,
    row_ids: &RowIds,
    opts: &BuildOptions,
    job: &Job,
) -> Result<Ingested<'a>> {
    let rows = source.rows();
    if rows as u64 > MAX_ROWS {
        return Err(Error::limit("number of rows", MAX_ROWS, rows as u64));
    }
    row_ids.check(rows)?;
    let dim = dimension(source, opts)?;
    let keep = keep_vectors(rows as u64, dim.into(), opts)?;
    let mut all = Ingested::empty(dim, opts, row_ids.flavour(), rows, keep);
    let mut kept = Vec::new();
    job.progress.phase("reading vectors", Some(rows as u64), "rows");
    // Waves of blocks: read in parallel, appended in order, without holding everything twice.
    let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
    for wave in starts.chunks(64) {
        let blocks: Vec<Result<(Ingested<'_>, Vec<u32>)>> = wave
            .par_iter()
            .map(|&start| read_block(source, row_ids, opts, dim, keep, start..(start + BLOCK).min(rows)))
            .collect();
        for block in blocks {
            let (block, rows) = block?;
            kept.extend(rows);
            all.row_ids.extend(block.row_ids);
            all.vectors.extend(block.vectors);
            all.norms.extend(block.norms);
            all.zero_vectors += block.zero_vectors;
            all.skipped.null += block.skipped.null;
            all.skipped.dim += block.skipped.dim;
            all.skipped.value += block.skipped.value;
            all.from_codes += block.from_codes;
        }
        job.step((wave.len() * BLOCK) as u64)?;
    }
    unique(source, row_ids, &all)?;
    if !keep {
        // Without gaps the rows are the source's, one by one.
        let gaps = kept.len() != rows;
        all.again = Some((source, if gaps { kept.clone() } else { Vec::new() }));
    }
    if all.from_codes > 0 {
        all.carried = Carried::new(source, kept, opts);
        carry::allowed(all.recoded(), all.from_codes, opts)?;
    }
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
            return within(v.len());
        }
    }
    within(source.declared_dim().unwrap_or(0))
}

fn within(dim: usize) -> Result<u32> {
    match u32::try_from(dim) {
        Ok(dim) if dim <= MAX_DIM => Ok(dim),
        _ => Err(Error::limit("dimension", MAX_DIM.into(), dim as u64)),
    }
}

fn read_block(
    source: &dyn VectorSource,
    row_ids: &RowIds,
    opts: &BuildOptions,
    dim: u32,
    keep: bool,
    rows: std::ops::Range<usize>,
) -> Result<(Ingested<'static>, Vec<u32>)> {
    let mut block = Ingested::empty(dim, opts, row_ids.flavour(), rows.len(), keep);
    let mut kept = Vec::with_capacity(rows.len());
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
            let place = source.place(row);
            return Err(wrong(format!("vector of {place} has another dimension")).expected(dim).got(v.len()));
        }
        if let Some((i, &x)) = v.iter().enumerate().find(|(_, x)| !opts.element.round(**x).is_finite()) {
            if opts.dim_policy == DimPolicy::Skip {
                block.skipped.value += 1;
                continue;
            }
            let place = source.place(row);
            return Err(wrong(format!("vector of {place} cannot be stored: component {i}"))
                .expected(format!("a finite {}", opts.element))
                .got(x));
        }
        v.iter_mut().for_each(|x| *x = opts.element.round(*x));
        block.zero_vectors += u64::from(v.iter().all(|&x| x == 0.0));
        if opts.metric == Metric::Cosine {
            block.norms.push(norm(&v));
        }
        if keep {
            v.iter().for_each(|&x| opts.element.put(x, &mut block.vectors));
        }
        if !keep || opts.codes == CodeKind::Only {
            kept.push(row as u32);
        }
        block.from_codes += u64::from(source.coded(row).is_some());
        block.row_ids.push(row_ids.get(row));
    }
    Ok((block, kept))
}

fn unique(source: &dyn VectorSource, row_ids: &RowIds, all: &Ingested<'_>) -> Result<()> {
    if matches!(row_ids, RowIds::Ordinal | RowIds::OrdinalFrom(_)) {
        return Ok(());
    }
    let mut sorted = all.row_ids.clone();
    sorted.par_sort_unstable();
    match sorted.windows(2).find(|p| p.first() == p.last()) {
        Some(pair) => {
            let id = pair.first().copied().unwrap_or_default();
            let shown = crate::show_row_id(all.flavour, id);
            let rows = (0..source.rows()).filter(|&row| row_ids.get(row) == id).take(2);
            let places: Vec<String> = rows.map(|row| source.place(row)).collect();
            Err(Error::new(Kind::Invalid, format!("row id {shown} stands twice: in {}", places.join(" and ")))
                .hint("every indexed row needs an id of its own"))
        }
        None => Ok(()),
    }
}
