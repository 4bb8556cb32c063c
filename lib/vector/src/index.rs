//! An index that is searched where it lies.

use qx_formats::vdata::{Engine, Flavour, Meta, View};
use qx_formats::{Error, Result};
use uuid::Uuid;

use crate::kernel::{self, Kernels};
use crate::metric::Metric;
use crate::pool::Pool;
use crate::quant::Codes;
use crate::walk::{Adjacency, Scratch};

/// One row of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Position in the file.
    pub ordinal: u32,
    pub row_id: u64,
    /// The metric itself, of the query and the vector as it is stored.
    pub score: f32,
}

#[derive(Clone, Copy, Default)]
pub struct SearchOptions<'a> {
    /// Rows kept in mind during the walk: more find more and take longer. The file's default when not given, and
    /// never less than `k`.
    pub ef: Option<usize>,
    /// Scan the vectors instead of walking the graph.
    pub exact: bool,
    /// Rows (by ordinal) that may be answered. Rows that it refuses are still walked through.
    pub allow: Option<&'a dyn Fn(u64) -> bool>,
}

impl std::fmt::Debug for SearchOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SearchOptions { ef, exact, allow } = self;
        f.debug_struct("SearchOptions").field("ef", ef).field("exact", exact).field("allow", &allow.is_some()).finish()
    }
}

/// How an answer was found, for EXPLAIN and benches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchStats {
    /// The vectors were scanned: asked for, or cheaper, or a filter let too few rows through.
    pub exact: bool,
    /// Distances computed on codes.
    pub code_distances: u64,
    /// Distances computed on vectors.
    pub vector_distances: u64,
}

/// An open `.vdata` file. Opening reads the header and costs the same for any number of rows.
#[derive(Debug)]
pub struct Index<B> {
    bytes: B,
    parsed: Parsed,
}

/// What is kept of an open file beside its bytes.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub view: View,
    pub mean: Vec<f32>,
    pub entries: Vec<u32>,
    pub kernels: &'static Kernels,
    pub scratch: Pool<Scratch>,
}

impl Parsed {
    fn open(bytes: &[u8], kernels: &'static Kernels) -> Result<Parsed> {
        let view = View::open(bytes)?;
        let (mean, entries) = (view.mean(bytes), view.entries(bytes));
        Ok(Parsed { view, mean, entries, kernels, scratch: Pool::default() })
    }
}

/// Both together. Not generic, so that searching is compiled here, once, and optimized as this crate is.
#[derive(Clone, Copy)]
pub(crate) struct Open<'a> {
    pub bytes: &'a [u8],
    pub parsed: &'a Parsed,
}

impl<'a> Open<'a> {
    pub(crate) fn meta(self) -> &'a Meta {
        &self.parsed.view.meta
    }

    pub(crate) fn codes(self) -> Codes<'a> {
        Codes {
            kernels: self.parsed.kernels,
            codes: self.parsed.view.codes(self.bytes),
            each: self.meta().code_len(),
            params: self.parsed.view.code_params(self.bytes),
            lift: &[],
        }
    }

    pub(crate) fn graph(self) -> MappedGraph<'a> {
        MappedGraph { slots: self.parsed.view.graph(self.bytes), each: self.meta().degree as usize * 4 }
    }

    fn check_query(self, query: &[f32]) -> Result<()> {
        let meta = self.meta();
        // An index of nothing that was never told its dimension fits every query.
        if query.len() != meta.dim as usize && !(meta.rows == 0 && meta.dim == 0) {
            return Err(Error::invalid("query has another dimension than the index")
                .expected(meta.dim)
                .got(query.len()));
        }
        if let Some((i, v)) = query.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::invalid(format!("component {i} of the query is not finite"))
                .expected("a finite number")
                .got(v));
        }
        Ok(())
    }
}

impl<B: AsRef<[u8]>> Index<B> {
    /// # Errors
    /// `Corrupt`, `Limit`, `Unsupported`, with the place in the file.
    pub fn open(bytes: B) -> Result<Self> {
        Self::open_with(bytes, Kernels::best())
    }

    pub(crate) fn open_with(bytes: B, kernels: &'static Kernels) -> Result<Self> {
        let parsed = Parsed::open(bytes.as_ref(), kernels)?;
        Ok(Index { bytes, parsed })
    }

    pub fn len(&self) -> usize {
        self.parsed.view.meta.rows as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn dim(&self) -> usize {
        self.parsed.view.meta.dim as usize
    }

    pub fn metric(&self) -> Metric {
        self.parsed.view.meta.metric
    }

    pub fn engine(&self) -> Engine {
        self.parsed.view.meta.engine
    }

    pub fn flavour(&self) -> Flavour {
        self.parsed.view.flavour
    }

    /// Everything that the file says about itself.
    pub fn meta(&self) -> &Meta {
        &self.parsed.view.meta
    }

    /// Hash of the content.
    pub fn uuid(&self) -> Uuid {
        self.parsed.view.container.uuid
    }

    /// Major and minor version of the file.
    pub fn version(&self) -> (u16, u16) {
        (self.parsed.view.container.major, self.parsed.view.container.minor)
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Name and length in bytes of each section.
    pub fn sections(&self) -> Vec<(String, u64)> {
        self.parsed.view.container.sections.iter().map(|s| (s.name(), s.len() as u64)).collect()
    }

    /// The vector as it is stored; `None` beyond the last row.
    pub fn vector(&self, ordinal: u32) -> Option<Vec<f32>> {
        let mut out = Vec::new();
        self.parsed.view.meta.element.read(self.parsed.view.vector(self.bytes(), ordinal)?, &mut out);
        Some(out)
    }

    pub fn row_id(&self, ordinal: u32) -> Option<u64> {
        self.parsed.view.row_id(self.bytes(), ordinal)
    }

    /// A row id as people write it.
    pub fn show_row_id(&self, id: u64) -> String {
        crate::show_row_id(self.parsed.view.flavour, id)
    }

    /// The `k` rows nearest to `query`, nearest first, ties by row id; all rows when there are fewer.
    ///
    /// # Errors
    /// `Invalid` for a query of another dimension or with a component that is not finite.
    pub fn search(&self, query: &[f32], k: usize, opts: &SearchOptions<'_>) -> Result<Vec<Hit>> {
        Ok(self.search_counted(query, k, opts)?.0)
    }

    /// One answer for each query, on all cores; `ef` and `exact` as in [`SearchOptions`].
    ///
    /// # Errors
    /// As [`Index::search`], for the first query that is refused.
    pub fn search_many(&self, queries: &[Vec<f32>], k: usize, ef: Option<usize>, exact: bool) -> Result<Vec<Vec<Hit>>> {
        let open = Open { bytes: self.bytes(), parsed: &self.parsed };
        queries.iter().try_for_each(|q| open.check_query(q))?;
        Ok(crate::search::search_many(open, queries, k, ef, exact))
    }

    /// As [`Index::search`], and how the answer was found.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_counted(&self, query: &[f32], k: usize, opts: &SearchOptions<'_>) -> Result<(Vec<Hit>, SearchStats)> {
        let open = Open { bytes: self.bytes(), parsed: &self.parsed };
        open.check_query(query)?;
        Ok(crate::search::search(open, query, k, opts))
    }
}

/// The adjacency lists of a file.
pub(crate) struct MappedGraph<'a> {
    slots: &'a [u8],
    /// Bytes of one list.
    each: usize,
}

impl<'a> MappedGraph<'a> {
    #[inline(always)]
    fn list(&self, row: u32) -> &'a [u8] {
        let start = row as usize * self.each;
        self.slots.get(start..start + self.each).unwrap_or(&[])
    }
}

impl Adjacency for MappedGraph<'_> {
    #[inline(always)]
    fn neighbours(&self, row: u32, mut each: impl FnMut(u32)) {
        for slot in self.list(row).as_chunks::<4>().0 {
            let n = u32::from_le_bytes(*slot);
            if n == qx_formats::vdata::layout::NO_NEIGHBOUR {
                break;
            }
            each(n);
        }
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        kernel::prefetch(self.list(row));
    }
}
