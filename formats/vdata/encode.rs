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
    /// Empty for ordinals that are the rows' own numbers.
    pub row_ids: &'a [u64],
    /// Cosine only, else empty.
    pub norms: &'a [f32],
    /// One a dimension. Written when there are codes, as are the next two; graph and entries when there is a graph.
    pub mean: &'a [f32],
    pub codes: &'a [u8],
    /// Scale and bias.
    pub code_params: &'a [[f32; 2]],
    /// `degree` slots a row.
    pub graph: &'a [u32],
    pub entries: &'a [u32],
}

/// Writes the file at the beginning of `out`; returns its content UUID and its length. `vectors` hands over the stored
/// bytes of all vectors, row after row in pieces of any size; it is not called for a compact file.
///
/// # Errors
/// Those of `out` and of `vectors`.
pub fn write<W: Write + Seek>(
    out: W,
    parts: &Parts<'_>,
    vectors: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<(Uuid, u64)> {
    let norms = parts.meta.metric == super::Metric::Cosine;
    let graph = parts.meta.engine == super::Engine::Graph;
    let sections = 2
        + usize::from(!parts.meta.compact)
        + usize::from(norms)
        + 3 * usize::from(parts.meta.codes)
        + 2 * usize::from(graph);
    let mut w = Writer::new(out, MAGIC, MAJOR, MINOR, 0, sections)?;
    w.begin(KIND_META, 0)?;
    w.write(&parts.meta.encode())?;
    w.begin(KIND_ROW_IDS, parts.flavour.code())?;
    numbers(&mut w, parts.row_ids, |v| v.to_le_bytes())?;
    if !parts.meta.compact {
        w.begin(KIND_VECTORS, 0)?;
        vectors(&mut |bytes| w.write(bytes))?;
    }
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
    }
    if graph {
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
