//! The codes of the rows of a list, side by side.
//!
//! A scan of a list reads a few cache lines here and there for each row, and waits for them. Whoever asks by one list again
//! and again - a batch of queries under one filter - has them copied once, and reads a stream from then on.

use qx_formats::vdata::layout::CODE_PARAMS_LEN;

use crate::quant::Codes;

/// Bytes of codes, at most, that are copied: what a core has near it, more or less.
const MOST: usize = 8 << 20;

/// Codes and parameters of some rows, in their order.
#[derive(Debug)]
pub(crate) struct Packed {
    codes: Vec<u8>,
    params: Vec<u8>,
}

impl Packed {
    /// `None` where that is too much to keep.
    pub(crate) fn new(from: &Codes<'_>, rows: &[u32]) -> Option<Packed> {
        if rows.len().saturating_mul(from.each + CODE_PARAMS_LEN) > MOST {
            return None;
        }
        let mut packed = Packed { codes: Vec::new(), params: Vec::new() };
        packed.codes.reserve_exact(rows.len() * from.each);
        packed.params.reserve_exact(rows.len() * CODE_PARAMS_LEN);
        for (i, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(i + AHEAD) {
                from.rows().prefetch(ahead);
            }
            packed.codes.extend_from_slice(from.row(row));
            // A row beyond the last one has no codes: as those of a row of zeros.
            packed.codes.resize((i + 1) * from.each, 0);
            packed.params.extend(from.params(row).iter().flat_map(|p| p.to_le_bytes()));
        }
        Some(packed)
    }

    /// As the codes of a file whose rows are those of the list.
    pub(crate) fn codes<'a>(&'a self, like: &Codes<'a>) -> Codes<'a> {
        Codes { codes: &self.codes, params: &self.params, ..*like }
    }
}

/// Rows that are asked for ahead of being copied.
const AHEAD: usize = 8;
