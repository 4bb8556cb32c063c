//! Building an index: read and check the vectors, code them, link the graph, write the file.
//!
//! The bytes depend on the vectors, the row ids and the options, and on nothing else: not on threads, not on the
//! machine's instructions, not on time.

mod code;
mod ingest;
mod link;
mod prune;
mod repair;
mod source;

use std::io::{Seek, Write};
use std::time::Instant;

use qx_formats::vdata::layout::{MAX_DEGREE, MAX_DIM, MAX_EF};
use qx_formats::vdata::{self, Element, Engine, Meta, Metric};
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use serde::Serialize;
use uuid::Uuid;

pub use source::{Flat, RowIds, VectorSource};

use crate::kernel::Kernels;
use code::Coded;
use ingest::Ingested;
use link::Linked;

/// Defaults of features.md.
pub const DEFAULT_M: u32 = 32;
pub const DEFAULT_EF_BUILD: u32 = 200;
pub const DEFAULT_EF_SEARCH: u32 = 64;

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

#[derive(Debug, Clone)]
pub struct BuildOptions {
    pub metric: Metric,
    pub element: Element,
    /// `Flat` writes the vectors alone.
    pub engine: Engine,
    /// Wanted dimension; the first vector decides when it is not given.
    pub dim: Option<u32>,
    pub dim_policy: DimPolicy,
    /// Neighbours that a row chooses for itself; its list has room for half as many again that chose it.
    pub m: u32,
    /// Rows that are kept in mind while a row looks for its neighbours.
    pub ef_build: u32,
    /// Recorded as the default of searches.
    pub ef_search: u32,
    /// Decides the order in which rows are linked.
    pub seed: u64,
    /// As many as there are cores when not given. Changes nothing but time.
    pub threads: Option<usize>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions {
            metric: Metric::Cosine,
            element: Element::F32,
            engine: Engine::Graph,
            dim: None,
            dim_policy: DimPolicy::Error,
            m: DEFAULT_M,
            ef_build: DEFAULT_EF_BUILD,
            ef_search: DEFAULT_EF_SEARCH,
            seed: 0,
            threads: None,
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
        if self.threads == Some(0) {
            return Err(Error::usage("threads is out of range").expected("1 or more").got(0));
        }
        Ok(())
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
    pub dim: u32,
    #[serde(serialize_with = "display")]
    pub metric: Metric,
    #[serde(serialize_with = "display")]
    pub element: Element,
    /// `flat` when a graph was asked for but the magnitudes in the data do not fit 8-bit codes.
    #[serde(serialize_with = "display")]
    pub engine: Engine,
    /// Links in the graph.
    pub edges: u64,
    /// Rows that no walk would have reached, had no link been added for them.
    pub repaired: u64,
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
/// `Usage` for options out of range or row ids that do not fit the rows; `Invalid` for a vector that the policy does
/// not let pass and for a row id that stands twice; `Cancelled`; `Io`; what the source says.
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
    let (data, index) = pool.install(|| -> Result<_> {
        let data = ingest::ingest(vectors, row_ids, opts, job)?;
        if opts.engine == Engine::Flat {
            return Ok((data, None));
        }
        let Some(coded) = Coded::new(&data, opts.metric, job)? else {
            tracing::warn!(target: "qx::vector", "magnitudes do not fit 8-bit codes: searches will scan the vectors");
            return Ok((data, None));
        };
        let linked = link::link(kernels, &coded, opts, job)?;
        Ok((data, Some((coded, linked))))
    })?;
    let mut report = write(&data, index.as_ref(), opts, out)?;
    report.build_ms = start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    tracing::info!(target: "qx::vector", rows = report.rows, dim = report.dim, skipped = report.skipped,
        zero_vectors = report.zero_vectors, repaired = report.repaired, bytes = report.bytes,
        build_ms = report.build_ms, "index built");
    Ok(report)
}

fn write(
    data: &Ingested,
    index: Option<&(Coded, Linked)>,
    opts: &BuildOptions,
    out: &mut dyn Target,
) -> Result<BuildReport> {
    let skipped = data.skipped;
    let meta = Meta {
        rows: data.rows() as u64,
        dim: data.dim,
        metric: opts.metric,
        element: opts.element,
        engine: if index.is_some() { Engine::Graph } else { Engine::Flat },
        codes: index.is_some(),
        degree: index.map_or(0, |(_, l)| l.degree),
        entry_count: index.map_or(0, |(_, l)| l.entries.len() as u32),
        m: opts.m,
        ef_build: opts.ef_build,
        ef_search: opts.ef_search,
        seed: opts.seed,
        skipped_null: skipped.null,
        skipped_dim: skipped.dim,
        skipped_value: skipped.value,
        zero_vectors: data.zero_vectors,
    };
    let parts = vdata::Parts {
        flavour: data.flavour,
        row_ids: &data.row_ids,
        vectors: &data.vectors,
        norms: &data.norms,
        mean: index.map_or(&[], |(c, _)| &c.mean),
        codes: index.map_or(&[], |(c, _)| &c.codes),
        code_params: index.map_or(&[], |(c, _)| &c.params),
        graph: index.map_or(&[], |(_, l)| &l.graph),
        entries: index.map_or(&[], |(_, l)| &l.entries),
        meta,
    };
    let (uuid, bytes) = vdata::write(out, &parts).map_err(|e| Error::io("write the index", e))?;
    Ok(BuildReport {
        rows: parts.meta.rows,
        skipped: skipped.null + skipped.dim + skipped.value,
        skipped_null: skipped.null,
        skipped_dim: skipped.dim,
        skipped_value: skipped.value,
        zero_vectors: data.zero_vectors,
        dim: data.dim,
        metric: opts.metric,
        element: opts.element,
        engine: parts.meta.engine,
        edges: index.map_or(0, |(_, l)| l.edges),
        repaired: index.map_or(0, |(_, l)| l.repaired),
        uuid,
        bytes,
        build_ms: 0,
    })
}
