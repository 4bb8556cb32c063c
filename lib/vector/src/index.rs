//! An index that is searched where it lies.

use std::sync::OnceLock;

use qx_formats::vdata::layout::{KIND_ENTRIES, KIND_MEAN, KIND_ROW_IDS};
use qx_formats::vdata::{Engine, Flavour, Meta, View};
use qx_formats::{Error, Result};
use rayon::prelude::*;
use uuid::Uuid;

use crate::build::CodedRow;
use crate::check::{self, Checks};
use crate::filter::Filter;
use crate::kernel::{self, Kernels};
use crate::metric::Metric;
use crate::packed::Packed;
use crate::pool::Pool;
use crate::quant::Codes;
use crate::starts::Starts;
use crate::walk::{Adjacency, Scratch};

/// One row of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Which of several files, as [`Segments`](crate::set::Segments) counts them; 0 where there is one.
    pub segment: u32,
    /// Position in the file.
    pub ordinal: u32,
    pub row_id: u64,
    /// The metric itself, of the query and the vector as it is stored.
    pub score: f32,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SearchOptions<'a> {
    /// Rows kept in mind during the walk: more find more and take longer. The file's default when not given, and
    /// never less than `k`. Under a filter also never less than what finds nearly all.
    pub ef: Option<usize>,
    /// Answer exactly.
    pub exact: bool,
    /// Rows that may be answered. Others are still walked through.
    pub filter: Option<&'a Filter>,
}

/// How an answer was found, and why so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Path {
    /// Nothing was searched: no row can be answered.
    #[default]
    Empty,
    /// The graph was walked.
    Graph,
    /// Scanned: asked for.
    Exact,
    /// Scanned: the index has no graph.
    Flat,
    /// Scanned: a walk would meet most of the rows anyway.
    FewRows,
    /// Scanned: the filter lets so few rows through that looking at each is cheaper.
    FewMatches,
    /// Scanned: under a filter, and nobody knows how far the graph must be walked to find nearly all.
    Unmeasured,
    /// Scanned: under cosine everything is equally far from a zero query.
    ZeroQuery,
    /// Scanned: the walk found too few of the rows that the filter lets through, or less than the graph should hold.
    WalkGaveUp,
}

impl Path {
    /// The answer is exact.
    pub fn exact(self) -> bool {
        self != Path::Graph
    }

    /// For EXPLAIN and `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Path::Empty => "empty",
            Path::Graph => "graph",
            Path::Exact => "exact",
            Path::Flat => "flat",
            Path::FewRows => "few_rows",
            Path::FewMatches => "few_matches",
            Path::Unmeasured => "unmeasured",
            Path::ZeroQuery => "zero_query",
            Path::WalkGaveUp => "walk_gave_up",
        }
    }
}

/// How an answer was found, for EXPLAIN and benches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchStats {
    pub path: Path,
    /// Rows that could be answered: those that the filter lets through.
    pub matches: u64,
    /// Distances computed on codes.
    pub code_distances: u64,
    /// Distances computed on vectors.
    pub vector_distances: u64,
    /// Rows of the graph whose neighbours were looked at.
    pub expanded: u64,
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
    pub kept: OnceLock<Option<Packed>>,
    pub kernels: &'static Kernels,
    pub scratch: Pool<Scratch>,
    /// Where every page that is read is held against its checksum.
    pub checks: Option<Checks>,
}

impl Parsed {
    fn open(bytes: &[u8], kernels: &'static Kernels) -> Result<Parsed> {
        let view = View::open(bytes)?;
        let (mean, entries) = (view.mean(bytes), view.entries(bytes));
        let (kept, scratch) = (OnceLock::new(), Pool::default());
        Ok(Parsed { view, mean, entries, kept, kernels, scratch, checks: None })
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

    /// Where walks set out; the first one to ask takes the codes of the entry points to where they are near one another.
    pub(crate) fn starts(self) -> Result<Starts<'a>> {
        let (rows, kept) = (&self.parsed.entries[..], &self.parsed.kept);
        if kept.get().is_none() {
            self.check_codes(rows.iter().copied())?;
        }
        Ok(Starts { rows, kept: kept.get_or_init(|| Packed::new(&self.codes(), rows)).as_ref() })
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

    fn as_open(&self) -> Open<'_> {
        Open { bytes: self.bytes(), parsed: &self.parsed }
    }

    /// The same index, whose searches hold each page that they read against its checksum, once: an answer that relies on a
    /// damaged one is refused as `Corrupt`.
    ///
    /// # Errors
    /// `Corrupt`, where what every search begins with is damaged.
    pub fn checked(mut self) -> Result<Self> {
        self.parsed.checks = Some(Checks::new(&self.parsed.view.container));
        // What an earlier search kept was not checked.
        self.parsed.kept = OnceLock::new();
        let open = self.as_open();
        open.check_section(KIND_MEAN)?;
        open.check_section(KIND_ENTRIES)?;
        Ok(self)
    }

    /// Holds every page against its checksum, on all cores: for whoever reads all rows and writes them elsewhere, where damage
    /// would look whole.
    ///
    /// # Errors
    /// `Corrupt`, with the first damaged page.
    pub fn check_whole(&self) -> Result<()> {
        check::whole(self.as_open())
    }

    /// Holds the pages of the row ids against their checksums.
    ///
    /// # Errors
    /// `Corrupt`, with the first damaged page.
    pub fn check_row_ids(&self) -> Result<()> {
        check::section(self.as_open(), KIND_ROW_IDS)
    }

    /// Says that so many searches come: where pages are checked, all are at once when it is worth while.
    pub(crate) fn expect(&self, searches: usize) {
        if let Some(checks) = &self.parsed.checks {
            checks.ahead(self.as_open(), searches);
        }
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

    /// The vector as it is stored, or as its codes say in a compact file; `None` beyond the last row.
    pub fn vector(&self, ordinal: u32) -> Option<Vec<f32>> {
        let mut out = Vec::new();
        self.vector_into(ordinal, &mut out).then_some(out)
    }

    /// [`Index::vector`] into `out`; false beyond the last row.
    pub fn vector_into(&self, ordinal: u32, out: &mut Vec<f32>) -> bool {
        crate::rows::read(&self.parsed.view, self.bytes(), &self.parsed.mean, ordinal, out)
    }

    /// What codes are centred on; empty without codes.
    pub fn mean(&self) -> &[f32] {
        &self.parsed.mean
    }

    /// The codes that the vector of a row is read from, in a compact file; `None` in others and beyond the last row.
    pub fn coded_row(&self, ordinal: u32) -> Option<CodedRow<'_>> {
        crate::rows::coded(&self.parsed.view, self.bytes(), &self.parsed.mean, ordinal)
    }

    /// The neighbours of a row in the graph, as the file has them; none without a graph.
    pub fn neighbours(&self, ordinal: u32) -> impl Iterator<Item = u32> + '_ {
        let view = &self.parsed.view;
        let graph = view.meta.engine == Engine::Graph;
        view.neighbours(self.bytes(), ordinal).take(if graph { usize::MAX } else { 0 })
    }

    /// Scale, bias and signed codes of a row; `None` without codes and beyond the last row.
    pub fn coded(&self, ordinal: u32) -> Option<(f32, f32, Vec<i8>)> {
        let codes = self.as_open().codes();
        let row = codes.row(ordinal).get(..self.dim()).filter(|r| !r.is_empty())?;
        let [scale, bias] = codes.params(ordinal);
        Some((scale, bias, row.iter().map(|&c| (c ^ qx_formats::vdata::layout::CODE_ZERO) as i8).collect()))
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
    /// `Invalid` for a query of another dimension or with a component that is not finite; `Corrupt` where pages are checked
    /// ([`Index::checked`]) and one that the answer relies on is damaged.
    pub fn search(&self, query: &[f32], k: usize, opts: &SearchOptions<'_>) -> Result<Vec<Hit>> {
        Ok(self.search_counted(query, k, opts)?.0)
    }

    /// One answer for each query, on all cores.
    ///
    /// # Errors
    /// As [`Index::search`], for the first query that is refused.
    pub fn search_many(&self, queries: &[Vec<f32>], k: usize, opts: &SearchOptions<'_>) -> Result<Vec<Vec<Hit>>> {
        let open = self.as_open();
        queries.iter().try_for_each(|q| open.check_query(q))?;
        self.expect(queries.len());
        queries.par_iter().map(|q| Ok(crate::search::search(open, q, k, opts)?.0)).collect()
    }

    /// Whether a query can be asked at all.
    ///
    /// # Errors
    /// `Invalid` for a query of another dimension or with a component that is not finite.
    pub fn check_query(&self, query: &[f32]) -> Result<()> {
        self.as_open().check_query(query)
    }

    /// Scores these rows on their vectors: the second phase of a search in two. Ordinals beyond the last row are left
    /// out.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn rescore(&self, query: &[f32], ordinals: &[u32], k: usize) -> Result<Vec<Hit>> {
        let open = self.as_open();
        open.check_query(query)?;
        crate::search::rescore(open, query, ordinals, k)
    }

    /// As [`Index::search`], and how the answer was found.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_counted(&self, query: &[f32], k: usize, opts: &SearchOptions<'_>) -> Result<(Vec<Hit>, SearchStats)> {
        let open = self.as_open();
        open.check_query(query)?;
        crate::search::search(open, query, k, opts)
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
    fn degree(&self) -> usize {
        self.each / 4
    }

    #[inline(always)]
    fn prefetch(&self, row: u32) {
        kernel::prefetch(self.list(row));
    }
}
