//! Writing a `.vdata` file from its parts in memory.

use std::io::{self, Seek, Write};

use uuid::Uuid;

use super::layout::*;
use super::{Flavour, Meta};
use crate::container::Writer;

/// Everything that a file holds. Slices of numbers have one entry a row unless said otherwise.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    pub meta: Meta,
    pub flavour: Flavour,
    pub row_ids: &'a [u64],
    /// Stored vectors, row after row.
    pub vectors: &'a [u8],
    /// Cosine only, else empty.
    pub norms: &'a [f32],
    /// One a dimension. Written when there are codes, as are the next two.
    pub mean: &'a [f32],
    pub codes: &'a [u8],
    /// Scale and bias.
    pub code_params: &'a [[f32; 2]],
    /// `degree` slots a row.
    pub graph: &'a [u32],
    pub entries: &'a [u32],
}

/// Writes the file at the beginning of `out`; returns its content UUID and its length.
///
/// # Errors
/// Those of `out`.
pub fn write<W: Write + Seek>(out: W, parts: &Parts<'_>) -> io::Result<(Uuid, u64)> {
    let norms = parts.meta.metric == super::Metric::Cosine;
    let sections = 3 + usize::from(norms) + if parts.meta.codes { 5 } else { 0 };
    let mut w = Writer::new(out, MAGIC, MAJOR, MINOR, 0, sections)?;
    w.begin(KIND_META, 0)?;
    w.write(&parts.meta.encode())?;
    w.begin(KIND_ROW_IDS, parts.flavour.code())?;
    numbers(&mut w, parts.row_ids, |v| v.to_le_bytes())?;
    w.begin(KIND_VECTORS, 0)?;
    w.write(parts.vectors)?;
    if norms {
        w.begin(KIND_NORMS, 0)?;
        numbers(&mut w, parts.norms, |v| v.to_le_bytes())?;
    }
    if parts.meta.codes {
        w.begin(KIND_MEAN, 0)?;
        numbers(&mut w, parts.mean, |v| v.to_le_bytes())?;
        w.begin(KIND_CODES, 0)?;
        w.write(parts.codes)?;
        w.begin(KIND_CODE_PARAMS, 0)?;
        numbers(&mut w, parts.code_params.as_flattened(), |v| v.to_le_bytes())?;
        w.begin(KIND_GRAPH, 0)?;
        numbers(&mut w, parts.graph, |v| v.to_le_bytes())?;
        w.begin(KIND_ENTRIES, 0)?;
        numbers(&mut w, parts.entries, |v| v.to_le_bytes())?;
    }
    let (mut out, uuid) = w.finish()?;
    Ok((uuid, out.stream_position()?))
}

fn numbers<W: Write + Seek, T: Copy, const N: usize>(
    w: &mut Writer<W>,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut block = Vec::with_capacity(16 << 10);
    for part in values.chunks((16 << 10) / N) {
        block.clear();
        part.iter().for_each(|&v| block.extend_from_slice(&bytes(v)));
        w.write(&block)?;
    }
    Ok(())
}
