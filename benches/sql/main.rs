//! What SQL over a database folder costs: analytical queries over its tables, single inserts, flushes, hops in a graph and
//! nearest vectors, beside the plain engine, delta-rs, DuckDB and the disk.

mod flush;
mod hops;
mod insert;
mod pruning;
mod tpch;
mod vectors;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use qx_benches::harness::{Suite, main as suite_main};
use qx_formats::{Error, Kind, Result};
use qx_sql::Session;
use qx_store::Store;
use tokio::runtime::Runtime;

/// The allocator of `qx`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    suite_main("sql", claims)
}

fn claims(suite: &mut Suite) -> Result<()> {
    hops::claims(suite)?;
    vectors::claims(suite)?;
    insert::claims(suite)?;
    flush::claims(suite)?;
    pruning::claims(suite)?;
    tpch::claims(suite)
}

fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| Error::new(Kind::Io, e.to_string()))
}

/// A session over a new database in `dir`, after `script`.
fn database(runtime: &Runtime, dir: &Path, script: &str) -> Result<Session> {
    let (store, _) = Store::init(dir)?;
    let session = Session::open(&Arc::new(store))?;
    runtime.block_on(session.script(script))?;
    Ok(session)
}

fn engine(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}
