//! Opening a `.vdata` file: header, section table and META; the rest stays in the map.

use std::ops::Range;

use super::layout::*;
use super::{Engine, Flavour, Meta, Metric};
use super::{u32_at, u64_at};
use crate::container::{Container, Section};
use crate::{Error, Result};

/// Where everything lies in one file. Holds ranges, not bytes: every call takes the same file's bytes.
#[derive(Debug, Clone)]
pub struct View {
    pub container: Container,
    pub meta: Meta,
    pub flavour: Flavour,
    row_ids: Range<usize>,
    vectors: Range<usize>,
    norms: Range<usize>,
    mean: Range<usize>,
    codes: Range<usize>,
    code_params: Range<usize>,
    graph: Range<usize>,
    entries: Range<usize>,
}

impl View {
    /// Costs the same for any number of rows. Header, section table and META are verified, and that every section has
    /// the length that META asks for; the contents of the others are not.
    ///
    /// # Errors
    /// `Corrupt`, `Limit`, `Unsupported`, with the place.
    pub fn open(bytes: &[u8]) -> Result<View> {
        View::of(Container::open(bytes, ".vdata", MAGIC, MAJOR, 0)?, bytes)
    }

    /// [`View::open`] for what is left of a file whose end may be cut off: what lies beyond it reads as if it were empty.
    ///
    /// # Errors
    /// As [`View::open`], but for the length of the file.
    pub fn open_cut(bytes: &[u8]) -> Result<View> {
        View::of(Container::open_cut(bytes, ".vdata", MAGIC, MAJOR, 0)?, bytes)
    }

    fn of(container: Container, bytes: &[u8]) -> Result<View> {
        if container.major != MAJOR {
            return Err(Error::unsupported(format!(".vdata version {} has another layout", container.major))
                .offset(8)
                .expected(format!("version {MAJOR}"))
                .got(format!("version {}", container.major)));
        }
        let section = container.section(KIND_META, "META")?;
        container.check_page(bytes, section, 0)?;
        let at = section.range.start as u64;
        let meta = Meta::decode(bytes.get(section.range.clone()).unwrap_or(&[]), at)?;
        let rows = usize::try_from(meta.rows).map_err(|_| Error::unsupported("more rows than this machine can map"))?;
        let ids = container.section(KIND_ROW_IDS, "RIDS")?;
        let flavour = Flavour::from_code(ids.flags)
            .ok_or_else(|| Error::corrupt("RIDS has an unknown flavour of row ids").got(ids.flags))?;
        let find = |kind: u32, name: &str, present: bool, count: usize, each: usize| -> Result<Range<usize>> {
            if present {
                sized(container.section(kind, name)?, name, count, each)
            } else if container.find(kind).is_some() {
                Err(Error::corrupt(format!("section {name} does not belong into this file")))
            } else {
                Ok(0..0)
            }
        };
        let (dim, coded) = (meta.dim as usize, meta.codes);
        let graph = meta.engine == Engine::Graph;
        // Ordinals that are the rows' own numbers are not stored.
        let dense = flavour == Flavour::Ordinal && ids.is_empty();
        Ok(View {
            row_ids: find(KIND_ROW_IDS, "RIDS", true, if dense { 0 } else { rows }, 8)?,
            vectors: find(KIND_VECTORS, "VECS", !meta.compact, rows, meta.vector_len())?,
            norms: find(KIND_NORMS, "NORM", meta.metric == Metric::Cosine, rows, 4)?,
            mean: find(KIND_MEAN, "MEAN", coded, dim, 4)?,
            codes: find(KIND_CODES, "CODE", coded, rows, meta.code_len())?,
            code_params: find(KIND_CODE_PARAMS, "CPRM", coded, rows, CODE_PARAMS_LEN)?,
            graph: find(KIND_GRAPH, "GRPH", graph, rows, meta.degree as usize * 4)?,
            entries: find(KIND_ENTRIES, "ENTR", graph, meta.entry_count as usize, 4)?,
            flavour,
            meta,
            container,
        })
    }

    /// The id of a row is its number: none are stored.
    pub fn dense(&self) -> bool {
        self.row_ids.is_empty() && self.flavour == Flavour::Ordinal
    }

    /// `None` beyond the last row, as in all of these.
    #[inline]
    pub fn row_id(&self, bytes: &[u8], row: u32) -> Option<u64> {
        if self.dense() {
            return (u64::from(row) < self.meta.rows).then_some(u64::from(row));
        }
        u64_at(bytes.get(self.row_ids.clone())?, (row as usize).checked_mul(8)?)
    }

    /// The stored bytes of one vector; of a compact file none.
    #[inline]
    pub fn vector<'a>(&self, bytes: &'a [u8], row: u32) -> Option<&'a [u8]> {
        nth(bytes.get(self.vectors.clone())?, row, self.meta.vector_len())
    }

    #[inline]
    pub fn norm(&self, bytes: &[u8], row: u32) -> Option<f32> {
        f32_at(bytes.get(self.norms.clone())?, row as usize)
    }

    /// The components that codes are centred on.
    pub fn mean(&self, bytes: &[u8]) -> Vec<f32> {
        let mut out = Vec::new();
        super::Element::F32.read(bytes.get(self.mean.clone()).unwrap_or(&[]), &mut out);
        out
    }

    /// All codes, `meta.code_len()` bytes a row.
    pub fn codes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.codes.clone()).unwrap_or(&[])
    }

    /// Scale and bias of all rows, [`CODE_PARAMS_LEN`] bytes a row.
    pub fn code_params<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.code_params.clone()).unwrap_or(&[])
    }

    /// Scale of the codes of one row.
    pub fn scale(&self, bytes: &[u8], row: u32) -> Option<f32> {
        f32_at(bytes.get(self.code_params.clone())?, (row as usize).checked_mul(2)?)
    }

    /// All adjacency lists, `meta.degree` slots of four bytes a row.
    pub fn graph<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.graph.clone()).unwrap_or(&[])
    }

    /// Rows at which a walk starts. Not checked against the number of rows.
    pub fn entries(&self, bytes: &[u8]) -> Vec<u32> {
        let all = bytes.get(self.entries.clone()).unwrap_or(&[]);
        all.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
    }

    /// The used slots of one adjacency list. Not checked against the number of rows.
    pub fn neighbours<'a>(&self, bytes: &'a [u8], row: u32) -> impl Iterator<Item = u32> + use<'a> {
        let list = nth(self.graph(bytes), row, self.meta.degree as usize * 4).unwrap_or(&[]);
        list.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).take_while(|&n| n != NO_NEIGHBOUR)
    }

    /// Offset in the file of one row of a section, for messages.
    pub(super) fn offset(&self, kind: u32, row: u64, each: usize) -> u64 {
        let start = self.container.find(kind).map_or(0, |s| s.range.start as u64);
        start.saturating_add(row.saturating_mul(each as u64))
    }
}

fn sized(section: &Section, name: &str, count: usize, each: usize) -> Result<Range<usize>> {
    let want = count.checked_mul(each);
    if want != Some(section.len()) {
        return Err(Error::corrupt(format!("section {name} has the wrong length"))
            .offset(section.range.start as u64)
            .expected(want.map_or("a possible length".to_owned(), |w| format!("{w} bytes")))
            .got(format!("{} bytes", section.len())));
    }
    Ok(section.range.clone())
}

#[inline]
fn nth(all: &[u8], row: u32, each: usize) -> Option<&[u8]> {
    let start = (row as usize).checked_mul(each)?;
    all.get(start..start.checked_add(each)?)
}

#[inline]
fn f32_at(all: &[u8], index: usize) -> Option<f32> {
    u32_at(all, index.checked_mul(4)?).map(f32::from_bits)
}
