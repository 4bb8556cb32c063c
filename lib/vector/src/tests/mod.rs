//! What the pieces do together. Helpers here, one file per subject.

mod apply;
mod build;
mod fixtures;
mod hostile;
mod mend;
mod search;
mod set;

use std::io::Cursor;

use qx_io::Job;

use crate::kernel::Kernels;
use crate::{BuildOptions, BuildReport, Index, Metric, RowIds, VectorSource};

pub(super) const METRICS: [Metric; 3] = [Metric::L2, Metric::Ip, Metric::Cosine];

/// Numbers that look random and never change.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In -1..1.
    pub(super) fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(super) fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.float()).collect()
    }

    /// Vectors around `clusters` centres.
    pub(super) fn clustered(&mut self, rows: usize, dim: usize, clusters: usize) -> Vec<Vec<f32>> {
        let centres: Vec<Vec<f32>> = (0..clusters).map(|_| self.vector(dim)).collect();
        let near = |s: &mut Self, c: &[f32]| c.iter().map(|x| x + 0.2 * s.float()).collect();
        (0..rows).map(|i| near(self, &centres[i % clusters])).collect()
    }
}

pub(super) fn options(metric: Metric) -> BuildOptions {
    BuildOptions { metric, m: 8, ef_build: 40, threads: Some(2), ..BuildOptions::default() }
}

pub(super) fn built(source: &dyn VectorSource, ids: RowIds, opts: &BuildOptions) -> (Vec<u8>, BuildReport) {
    built_with(Kernels::best(), source, ids, opts)
}

pub(super) fn built_with(
    kernels: &'static Kernels,
    source: &dyn VectorSource,
    ids: RowIds,
    opts: &BuildOptions,
) -> (Vec<u8>, BuildReport) {
    let mut out = Cursor::new(Vec::new());
    let report = crate::build::build_with(kernels, source, ids, opts, &Job::default(), &mut out).unwrap();
    (out.into_inner(), report)
}

pub(super) fn index(source: &dyn VectorSource, opts: &BuildOptions) -> Index<Vec<u8>> {
    Index::open(built(source, RowIds::Ordinal, opts).0).unwrap()
}
