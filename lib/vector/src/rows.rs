//! The vector of a row, stored or as its codes say.

use qx_formats::vdata::layout::CODE_ZERO;
use qx_formats::vdata::{Metric, View};

use crate::build::CodedRow;

/// Replaces `out` with the vector of `row`; false beyond the last one.
pub(crate) fn read(view: &View, bytes: &[u8], mean: &[f32], row: u32, out: &mut Vec<f32>) -> bool {
    if !view.meta.compact {
        let Some(stored) = view.vector(bytes, row) else { return false };
        view.meta.element.read(stored, out);
        return true;
    }
    out.clear();
    let each = view.meta.code_len();
    let start = (row as usize).saturating_mul(each);
    let Some(codes) = view.codes(bytes).get(start..start.saturating_add(each)) else { return false };
    if view.meta.metric == Metric::Cosine && view.norm(bytes, row) == Some(0.0) {
        out.resize(view.meta.dim as usize, 0.0);
        return true;
    }
    let scale = view.scale(bytes, row).unwrap_or(0.0);
    decode(mean, codes, scale, out);
    true
}

/// The codes that the vector of a row is read from; `None` beside stored vectors and beyond the last row.
pub(crate) fn coded<'a>(view: &View, bytes: &'a [u8], mean: &'a [f32], row: u32) -> Option<CodedRow<'a>> {
    if !view.meta.compact {
        return None;
    }
    let each = view.meta.code_len();
    let start = (row as usize).checked_mul(each)?;
    let codes = view.codes(bytes).get(start..start.checked_add(each)?)?;
    Some(CodedRow { metric: view.meta.metric, mean, codes, scale: view.scale(bytes, row)? })
}

/// Appends what codes stand for.
pub(crate) fn decode(mean: &[f32], codes: &[u8], scale: f32, out: &mut Vec<f32>) {
    out.extend(mean.iter().zip(codes).map(|(m, &c)| m + scale * (f32::from(c) - f32::from(CODE_ZERO))));
}
