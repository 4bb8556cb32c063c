//! Inputs and the peer of the claims about SQL.
//!
//! The Debian package index is read from the folder that `QX_DEBIAN` names (`packages.ndjson` or `packages.ndjson.zst`),
//! else the sample under `fixtures/`. DuckDB runs in a Python environment that is made once, with the version that
//! `requirements.txt` pins, beside the other files of the benchmarks.

pub mod debian;
pub mod duckdb;
