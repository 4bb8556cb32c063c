//! What the benchmarks share: the harness that measures a claim, and the references it is measured against.
//!
//! Each runnable in this folder measures the claims of one format or library. `README.md` says how to read what
//! it prints and how a run is compared with `baseline.json`.

pub mod harness;
pub mod references;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
