//! Codes that are taken over as they are. A compact index has nothing but its codes: coding anew what they say, around
//! another mean and with other scales, would move every vector a little, and again each time.

use qx_formats::vdata::Metric;
use qx_formats::{Error, Result};

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

/// Refuses to code rows anew where that is not wanted: they have no vectors, only what their codes say, and each coding
/// moves that.
pub(super) fn allowed(recoded: u64, of: u64, opts: &BuildOptions) -> Result<()> {
    if opts.recode || opts.codes != CodeKind::Only || recoded == 0 {
        return Ok(());
    }
    Err(Error::usage(
        "rows of a compact index would be coded anew, and move a little: their codes do not fit the others",
    )
    .expected("codes around one mean")
    .got(format!("{recoded} of {of} rows around another"))
    .hint("--recode allows it; where the vectors are still at hand, build from them"))
}

/// How many rows of compact indexes a build would code anew.
///
/// # Errors
/// `Usage` when there are such rows and the options do not allow it.
pub(crate) fn would_recode(source: &dyn VectorSource, opts: &BuildOptions) -> Result<u64> {
    if opts.codes != CodeKind::Only {
        return Ok(0);
    }
    let rows: Vec<u32> = (0..u32::try_from(source.rows()).unwrap_or(u32::MAX)).collect();
    let coded = rows.iter().filter(|&&row| source.coded(row as usize).is_some()).count() as u64;
    let recoded = coded - Carried::new(source, rows, opts).map_or(0, |c| c.count);
    allowed(recoded, coded, opts)?;
    Ok(recoded)
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
