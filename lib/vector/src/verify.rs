//! What the verifier of the format cannot check without arithmetic: norms and codes against the vectors.

use qx_formats::container::Finding;
use qx_formats::vdata::layout::CODE_PARAMS_LEN;
use qx_formats::vdata::{self, Metric, View};
use rayon::prelude::*;

use crate::metric::norm;
use crate::quant::Quantizer;
use crate::rows;

/// Rows that are listed one by one; the rest is counted.
const LISTED: usize = 20;

/// Verifies a file. Quick: structure and every checksum. Full: also the content hash, row ids, the graph (degrees
/// within bounds, every row reachable), finite vectors, and norms and codes recomputed from the vectors.
///
/// A file that is not one at all is a finding too.
pub fn verify(bytes: &[u8], full: bool) -> Vec<Finding> {
    let mut findings = vdata::verify(bytes, full);
    if full && let Ok(view) = View::open(bytes) {
        vectors(&view, bytes, &mut findings);
    }
    findings
}

fn vectors(view: &View, bytes: &[u8], findings: &mut Vec<Finding>) {
    let mean = view.mean(bytes);
    let rows = u32::try_from(view.meta.rows).unwrap_or(u32::MAX);
    let wrong: Vec<(u32, &str, &str)> = (0..rows)
        .into_par_iter()
        .map_init(Vec::new, |codes, row| row_wrong(view, bytes, &mean, row, codes).map(|(id, what)| (row, id, what)))
        .flatten_iter()
        .collect();
    for &(row, section, what) in wrong.iter().take(LISTED) {
        let id = match section {
            "VECS" => "vdata.vector",
            "NORM" => "vdata.norm",
            _ => "vdata.code",
        };
        findings.push(Finding::error(id, format!("row {row}: {what}")).section(section));
    }
    if let Some(more) = wrong.len().checked_sub(LISTED).filter(|&more| more > 0) {
        findings.push(Finding::error("vdata.vector", format!("and {more} more rows like these")));
    }
    let zero = (0..rows).into_par_iter().filter(|&r| is_zero(view, bytes, &mean, r)).count() as u64;
    if !view.meta.compact && zero != view.meta.zero_vectors {
        findings.push(
            Finding::error("vdata.zero_vectors", "META counts another number of zero vectors")
                .section("META")
                .expected(zero)
                .got(view.meta.zero_vectors),
        );
    }
}

fn read(view: &View, bytes: &[u8], mean: &[f32], row: u32) -> Vec<f32> {
    let mut v = Vec::new();
    rows::read(view, bytes, mean, row, &mut v);
    v
}

fn is_zero(view: &View, bytes: &[u8], mean: &[f32], row: u32) -> bool {
    read(view, bytes, mean, row).iter().all(|&x| x == 0.0)
}

/// Section and sentence for what is wrong with a row.
fn row_wrong(
    view: &View,
    bytes: &[u8],
    mean: &[f32],
    row: u32,
    codes: &mut Vec<u8>,
) -> Option<(&'static str, &'static str)> {
    let mut v = read(view, bytes, mean, row);
    if v.iter().any(|x| !x.is_finite()) {
        return Some(("VECS", "a component is not finite"));
    }
    if view.meta.metric == Metric::Cosine && view.norm(bytes, row).map(f32::to_bits) != Some(norm(&v).to_bits()) {
        return Some(("NORM", "the norm is not that of the vector"));
    }
    if !view.meta.codes {
        return None;
    }
    let each = view.meta.code_len();
    if view.meta.compact {
        // Nothing is left to compare the codes with; what follows from them can be.
        let stored = view.codes(bytes).get(row as usize * each..(row as usize + 1) * each).unwrap_or(&[]);
        let [scale, bias] = code_params(view, bytes, row);
        let same = Quantizer::new(view.meta.metric, mean).bias(&mut v, stored, scale).to_bits() == bias.to_bits();
        return (!same || !scale.is_finite()).then_some(("CPRM", "the bias is not that of the codes"));
    }
    codes.resize(each, 0);
    let params = Quantizer::new(view.meta.metric, mean).row(&mut v, codes).map(f32::to_le_bytes);
    let nth = |all: &'_ [u8], each: usize, want: &[u8]| {
        let start = row as usize * each;
        all.get(start..start + each) == Some(want)
    };
    if !nth(view.codes(bytes), each, codes) {
        return Some(("CODE", "the codes are not those of the vector"));
    }
    if !nth(view.code_params(bytes), CODE_PARAMS_LEN, params.as_flattened()) {
        return Some(("CPRM", "scale or bias are not those of the vector"));
    }
    None
}

fn code_params(view: &View, bytes: &[u8], row: u32) -> [f32; 2] {
    let all = view.code_params(bytes).as_chunks::<CODE_PARAMS_LEN>().0;
    let [a, b, c, d, e, f, g, h] = all.get(row as usize).copied().unwrap_or_default();
    [f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h])]
}
