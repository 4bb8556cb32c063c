//! Codes that are taken over as they are. A compact index has nothing but its codes: coding anew what they say, around
//! another mean and with other scales, would move every vector a little, and again each time.

use qx_formats::vdata::Metric;

use super::source::CodedRow;
use super::{BuildOptions, CodeKind, VectorSource};

/// The rows of a source whose codes a compact index keeps.
pub(super) struct Carried<'a> {
    source: &'a dyn VectorSource,
    /// The row of the source for each indexed one.
    rows: Vec<u32>,
    metric: Metric,
    /// What the kept codes are centred on.
    pub mean: &'a [f32],
    /// How many rows keep their codes.
    pub count: u64,
}

/// Codes are of the vector itself but under cosine, where they are of its direction.
fn same_codes(from: Metric, to: Metric) -> bool {
    from == to || (from != Metric::Cosine && to != Metric::Cosine)
}

fn same_mean(a: &[f32], b: &[f32]) -> bool {
    std::ptr::eq(a, b) || (a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()))
}

impl<'a> Carried<'a> {
    /// Decides for the mean that most of the coded rows have, the first of several: a file has one. `rows` are those of
    /// the source that are indexed. `None` for an index that is not compact, and where no row has codes that fit it.
    pub(super) fn new(source: &'a dyn VectorSource, rows: Vec<u32>, opts: &BuildOptions) -> Option<Self> {
        if opts.codes != CodeKind::Only {
            return None;
        }
        let mut means: Vec<(&'a [f32], u64)> = Vec::new();
        for &row in &rows {
            let coded = source.coded(row as usize).filter(|c| same_codes(c.metric, opts.metric));
            let Some(coded) = coded else { continue };
            match means.iter_mut().find(|(mean, _)| same_mean(mean, coded.mean)) {
                Some((_, count)) => *count += 1,
                None => means.push((coded.mean, 1)),
            }
        }
        // Of equal numbers the last one would be taken.
        let (mean, count) = means.into_iter().rev().max_by_key(|(_, count)| *count)?;
        Some(Carried { source, rows, metric: opts.metric, mean, count })
    }

    /// The codes of an indexed row, where they are kept.
    pub(super) fn get(&self, row: usize) -> Option<CodedRow<'a>> {
        let coded = self.source.coded(*self.rows.get(row)? as usize)?;
        (same_codes(coded.metric, self.metric) && same_mean(coded.mean, self.mean)).then_some(coded)
    }
}
