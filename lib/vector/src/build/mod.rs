//! Building an index: read and check the vectors, code them, link the graph, write the file.
//!
//! The bytes depend on the vectors, the row ids and the options, and on nothing else: not on threads, not on the
//! machine's instructions, not on time.

mod carry;
mod code;
mod ingest;
mod link;
#[cfg(feature = "hnsw_rs")]
mod peer;
mod prune;
mod repair;
mod source;
mod sure;

use std::io::{Seek, Write};
use std::sync::Arc;
use std::time::Instant;

use qx_formats::vdata::layout::{MAX_DEGREE, MAX_DIM, MAX_EF};
use qx_formats::vdata::{self, Element, Engine, Meta, Metric};
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use serde::Serialize;
use uuid::Uuid;

pub(crate) use carry::would_recode;
pub use source::{CodedRow, Flat, RowIds, VectorSource};

use crate::kernel::Kernels;
use code::Coded;
use ingest::Ingested;
use link::Linked;

/// Defaults of features.md.
pub const DEFAULT_M: u32 = 32;
pub const DEFAULT_EF_BUILD: u32 = 200;
pub const DEFAULT_EF_SEARCH: u32 = 64;
/// Most threads that a build may ask for.
const MAX_THREADS: usize = 1024;

/// What happens to a vector of another dimension, or with a component that is NaN, infinite or too large to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DimPolicy {
    /// The build stops there.
    #[default]
    Error,
    /// The row is left out and counted.
    Skip,
}

impl DimPolicy {
    pub fn name(self) -> &'static str {
        match self {
            DimPolicy::Error => "error",
            DimPolicy::Skip => "skip",
        }
    }
}

impl std::fmt::Display for DimPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for DimPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [DimPolicy::Error, DimPolicy::Skip]
            .into_iter()
            .find(|p| p.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::usage("unknown dimension policy").expected("error, skip").got(text))
    }
}

/// Which codes a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CodeKind {
    /// Eight bits a component beside the vectors.
    #[default]
    Eight,
    /// None: an index without a graph, whose searches scan the vectors.
    None,
    /// Eight bits a component and no vectors: the compact profile.
    Only,
}

impl CodeKind {
    pub fn name(self) -> &'static str {
        match self {
            CodeKind::Eight => "8bit",
            CodeKind::None => "none",
            CodeKind::Only => "only",
        }
    }
}

impl std::fmt::Display for CodeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for CodeKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [CodeKind::Eight, CodeKind::None, CodeKind::Only]
            .into_iter()
            .find(|p| p.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::usage("unknown kind of codes").expected("8bit, none, only").got(text))
    }
}

/// Who makes the graph. The file is the same in all but which neighbours a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Linker {
    /// This crate, deterministically.
    #[default]
    Own,
    /// The library hnsw_rs, where the feature of that name is built in: a cross-check. Not deterministic.
    HnswRs,
}

fn no_hnsw_rs() -> Error {
    Error::unsupported("this build does not have the engine hnsw_rs").hint("build with --features hnsw_rs, or use hnsw")
}

impl std::str::FromStr for Linker {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "own" => Ok(Linker::Own),
            "hnsw_rs" if cfg!(feature = "hnsw_rs") => Ok(Linker::HnswRs),
            "hnsw_rs" => Err(no_hnsw_rs()),
            _ => Err(Error::usage("unknown engine").expected("own, hnsw_rs").got(text)),
        }
    }
}

#[derive(Debug, Clone)]
pub struct BuildOptions {
    pub metric: Metric,
    pub element: Element,
    /// `Flat` writes no graph.
    pub engine: Engine,
    /// Who makes the graph.
    pub linker: Linker,
    pub codes: CodeKind,
    /// Wanted dimension; the first vector decides when it is not given.
    pub dim: Option<u32>,
    pub dim_policy: DimPolicy,
    /// Neighbours that a row chooses for itself; its list has room for a quarter as many again that chose it.
    pub m: u32,
    /// Rows that are kept in mind while a row looks for its neighbours.
    pub ef_build: u32,
    /// Recorded as the default of searches.
    pub ef_search: u32,
    /// Decides the order in which rows are linked.
    pub seed: u64,
    /// As many as there are cores when not given. Changes nothing but time.
    pub threads: Option<usize>,
    /// Bytes that the build may use. Vectors that do not fit beside codes and graph are read from the source again
    /// instead of being kept. Changes nothing but time.
    pub memory: Option<u64>,
    /// What the codes of a compact index are centred on, instead of the mean of its rows: that of an index which it will be
    /// folded with, so that its codes can be taken over as they are.
    pub centre: Option<Arc<[f32]>>,
    /// Rows of compact indexes whose codes cannot be taken over are coded anew, and move a little; otherwise such a build is
    /// refused.
    pub recode: bool,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions {
            metric: Metric::Cosine,
            element: Element::F32,
            engine: Engine::Graph,
            linker: Linker::Own,
            codes: CodeKind::Eight,
            dim: None,
            dim_policy: DimPolicy::Error,
            m: DEFAULT_M,
            ef_build: DEFAULT_EF_BUILD,
            ef_search: DEFAULT_EF_SEARCH,
            seed: 0,
            threads: None,
            memory: None,
            centre: None,
            recode: true,
        }
    }
}

impl BuildOptions {
    /// Refuses what no build can do; `CREATE` and `ALTER` ask this before anything is built.
    ///
    /// # Errors
    /// `Usage`, naming the option and its range.
    pub fn check(&self) -> Result<()> {
        let within = |what: &str, low: u32, high: u32, got: u32| {
            if (low..=high).contains(&got) {
                Ok(())
            } else {
                Err(Error::usage(format!("{what} is out of range")).expected(format!("{low} to {high}")).got(got))
            }
        };
        within("M", 2, MAX_DEGREE / 2, self.m)?;
        within("ef_build", 1, MAX_EF, self.ef_build)?;
        within("ef_search", 1, MAX_EF, self.ef_search)?;
        within("dim", 1, MAX_DIM, self.dim.unwrap_or(1))?;
        if self.engine == Engine::Graph && self.codes == CodeKind::None {
            return Err(Error::usage("a graph is searched on codes").hint("an index without codes needs engine flat"));
        }
        match self.threads {
            // So many look for work among each other that they find no time to do any.
            Some(threads) if !(1..=MAX_THREADS).contains(&threads) => {
                Err(Error::usage("threads is out of range").expected(format!("1 to {MAX_THREADS}")).got(threads))
            }
            _ => Ok(()),
        }
    }
}

/// What a build did.
#[derive(Debug, Clone, Serialize)]
pub struct BuildReport {
    pub rows: u64,
    /// Source rows left out: the sum of the three below.
    pub skipped: u64,
    pub skipped_null: u64,
    pub skipped_dim: u64,
    pub skipped_value: u64,
    pub zero_vectors: u64,
    /// Rows whose vectors were read from the codes of a compact index, and so are as near to the first ones as those.
    pub from_codes: u64,
    /// Of these, rows of a compact index whose codes could not be taken over: they are coded anew, and a little off what
    /// they were.
    pub recoded: u64,
    pub dim: u32,
    #[serde(serialize_with = "display")]
    pub metric: Metric,
    #[serde(serialize_with = "display")]
    pub element: Element,
    /// No vectors were written.
    pub compact: bool,
    /// `flat` when a graph was asked for but the magnitudes in the data do not fit 8-bit codes.
    #[serde(serialize_with = "display")]
    pub engine: Engine,
    /// Links in the graph.
    pub edges: u64,
    /// Rows that no walk would have reached, had no link been added for them.
    pub repaired: u64,
    /// What a search must keep in mind to find nearly all; 0 when that is not known.
    pub ef_sure: u32,
    #[serde(serialize_with = "display")]
    pub uuid: Uuid,
    pub bytes: u64,
    pub build_ms: u64,
}

fn display<S: serde::Serializer>(v: &impl std::fmt::Display, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(v)
}

/// Builds an index over `vectors` and writes it at the beginning of `out`.
///
/// # Errors
/// `Usage` for options out of range, row ids that do not fit the rows, and rows that would be coded anew against the
/// options; `Invalid` for a vector that the policy does not let pass and for a row id that stands twice; `Cancelled`; `Io`;
/// what the source says.
pub fn build(
    vectors: &dyn VectorSource,
    row_ids: RowIds,
    opts: &BuildOptions,
    job: &Job,
    mut out: impl Write + Seek,
) -> Result<BuildReport> {
    build_with(Kernels::best(), vectors, row_ids, opts, job, &mut out)
}

/// What is written to. A trait object, so that writing is compiled here, once, and optimized as this crate is.
pub(crate) trait Target: Write + Seek {}

impl<T: Write + Seek> Target for T {}

pub(crate) fn build_with(
    kernels: &'static Kernels,
    vectors: &dyn VectorSource,
    row_ids: RowIds,
    opts: &BuildOptions,
    job: &Job,
    out: &mut dyn Target,
) -> Result<BuildReport> {
    opts.check()?;
    let start = Instant::now();
    let threads = opts.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::new(Kind::Engine, "cannot start threads").source(e))?;
    let (data, coded, linked) = pool.install(|| -> Result<_> {
        let data = ingest::ingest(vectors, &row_ids, opts, job)?;
        if opts.codes == CodeKind::None {
            return Ok((data, None, None));
        }
        let Some(coded) = Coded::new(&data, opts, job)? else {
            if opts.codes == CodeKind::Only {
                return Err(Error::invalid("the magnitudes in these vectors do not fit 8-bit codes")
                    .hint("keep the vectors: leave the compact profile out"));
            }
            tracing::warn!(target: "qx::vector", "magnitudes do not fit 8-bit codes: searches will scan the vectors");
            return Ok((data, None, None));
        };
        let linked = match (opts.engine, opts.linker) {
            (Engine::Flat, _) => None,
            (Engine::Graph, Linker::Own) => Some(link::link(kernels, &coded, opts, job)?),
            #[cfg(feature = "hnsw_rs")]
            (Engine::Graph, Linker::HnswRs) => Some(peer::link(kernels, &data, &coded, opts, job)?),
            #[cfg(not(feature = "hnsw_rs"))]
            (Engine::Graph, Linker::HnswRs) => return Err(no_hnsw_rs()),
        };
        let linked = linked.map(|linked| {
            let ef_sure = sure::measure(kernels, &data, &coded, &linked, opts, job);
            Linked { ef_sure, ..linked }
        });
        job.cancel.check()?;
        Ok((data, Some(coded), linked))
    })?;
    let mut report = write(&data, coded.as_ref(), linked.as_ref(), opts, out)?;
    report.build_ms = start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    tracing::info!(target: "qx::vector", rows = report.rows, dim = report.dim, skipped = report.skipped,
        zero_vectors = report.zero_vectors, repaired = report.repaired, bytes = report.bytes,
        build_ms = report.build_ms, "index built");
    Ok(report)
}

fn meta(data: &Ingested<'_>, coded: Option<&Coded>, linked: Option<&Linked>, opts: &BuildOptions) -> Meta {
    let skipped = data.skipped;
    let compact = opts.codes == CodeKind::Only;
    Meta {
        rows: data.rows() as u64,
        dim: data.dim,
        metric: opts.metric,
        element: if compact { Element::F32 } else { opts.element },
        compact,
        engine: if linked.is_some() { Engine::Graph } else { Engine::Flat },
        codes: coded.is_some(),
        degree: linked.map_or(0, |l| l.degree),
        entry_count: linked.map_or(0, |l| l.entries.len() as u32),
        m: opts.m,
        ef_build: opts.ef_build,
        ef_search: opts.ef_search,
        ef_sure: linked.map_or(0, |l| l.ef_sure),
        seed: opts.seed,
        skipped_null: skipped.null,
        skipped_dim: skipped.dim,
        skipped_value: skipped.value,
        zero_vectors: data.zero_vectors,
    }
}

fn write(
    data: &Ingested<'_>,
    coded: Option<&Coded>,
    linked: Option<&Linked>,
    opts: &BuildOptions,
    out: &mut dyn Target,
) -> Result<BuildReport> {
    let skipped = data.skipped;
    let compact = opts.codes == CodeKind::Only;
    let meta = meta(data, coded, linked, opts);
    let dense = data.flavour == vdata::Flavour::Ordinal && (0u64..).zip(&data.row_ids).all(|(row, &id)| row == id);
    // What is scored in a compact file is what the codes say, so that is what the norms must be of.
    let norms = if compact && opts.metric == Metric::Cosine { coded.map(|c| c.norms(&data.norms)) } else { None };
    let parts = vdata::Parts {
        flavour: data.flavour,
        row_ids: if dense { &[] } else { &data.row_ids },
        norms: norms.as_deref().unwrap_or(&data.norms),
        mean: coded.map_or(&[], |c| &c.mean),
        codes: coded.map_or(&[], |c| &c.codes),
        code_params: coded.map_or(&[], |c| &c.params),
        graph: linked.map_or(&[], |l| &l.graph),
        entries: linked.map_or(&[], |l| &l.entries),
        meta,
    };
    let (uuid, bytes) =
        vdata::write(out, &parts, |put| data.each_stored(put)).map_err(|e| Error::io("write the index", e))?;
    data.check()?;
    Ok(BuildReport {
        rows: parts.meta.rows,
        skipped: skipped.null + skipped.dim + skipped.value,
        skipped_null: skipped.null,
        skipped_dim: skipped.dim,
        skipped_value: skipped.value,
        zero_vectors: data.zero_vectors,
        from_codes: data.from_codes,
        recoded: if compact { data.recoded() } else { 0 },
        dim: data.dim,
        metric: opts.metric,
        element: opts.element,
        compact,
        engine: parts.meta.engine,
        edges: linked.map_or(0, |l| l.edges),
        repaired: linked.map_or(0, |l| l.repaired),
        ef_sure: parts.meta.ef_sure,
        uuid,
        bytes,
        build_ms: 0,
    })
}
