//! Vector indexes: metrics, deterministic parallel build, graph and exact search, verification.
//!
//! - [`metric`]: `l2`, `ip`, `cosine` on vectors in memory.
//! - [`build`]: vectors and row ids in, a `.vdata` file out, the same bytes on any machine.
//! - [`Index`]: a file that is searched where it lies.
//! - [`verify`]: every checksum, the graph, the codes against the vectors.
//! - [`repair`]: what can be saved from a damaged file. [`tune`]: recall against speed.
//! - [`set`]: an index of several files, and changing it.
//! - [`npy`], [`input`], [`ndjson`], [`csv`], [`columns`], [`literal`]: vectors as other programs and people write them.
//! - [`definition`]: the `.vindex` document beside the file.

mod build;
mod check;
pub mod columns;
pub mod csv;
pub mod definition;
mod filter;
mod index;
pub mod input;
mod kernel;
mod key_column;
pub mod literal;
pub mod metric;
pub mod ndjson;
pub mod npy;
mod packed;
mod pool;
mod quant;
pub mod repair;
mod rows;
mod search;
pub mod set;
mod starts;
#[cfg(test)]
mod tests;
pub mod tune;
mod verify;
mod walk;

pub use build::{
    BuildOptions, BuildReport, CodeKind, CodedRow, DEFAULT_EF_BUILD, DEFAULT_EF_SEARCH, DEFAULT_M, DimPolicy, Flat,
    Linker, RowIds, VectorSource, build,
};
pub use filter::{Filter, IdSet};
pub use index::{Hit, Index, Path, SearchOptions, SearchStats};
pub use metric::Metric;
pub use qx_formats::vdata::{Element, Engine, Flavour};
pub use verify::verify;

/// A row id as people write it: signed keys with their sign, all others unsigned.
pub fn show_row_id(flavour: Flavour, id: u64) -> String {
    if flavour == Flavour::SignedKey { (id as i64).to_string() } else { id.to_string() }
}

/// The row id of a key that is not an integer: xxh3-64 of its bytes.
pub fn hash_key(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

/// The name of the instruction set that searches use on this machine: "scalar", "avx2", "avx512", "avx512vnni", "neon",
/// "neondotprod".
pub fn instruction_set() -> &'static str {
    kernel::Kernels::best().name
}
