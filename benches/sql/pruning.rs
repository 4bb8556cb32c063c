//! What the bounds that a flush writes down save a query, and what the manifest costs a flush.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Instant;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use qx_benches::harness::{Claim, Suite, Work};
use qx_benches_sql::duckdb::DuckDb;
use qx_formats::{Error, Kind, Result};
use qx_store::publish_manifest;

use crate::flush::{Ours, rows};

/// Flushes, each of which leaves a file.
const FILES: i64 = 128;
/// Rows of each.
const ROWS: i64 = 10_000;
/// Rows that a query asks for: they are in one file, or in two.
const ASKED: i64 = 1_000;

pub fn claims(suite: &mut Suite) -> Result<()> {
    if !suite.wants(&["one file of many", "manifest of many files"]) {
        return Ok(());
    }
    let dir = suite.folder()?;
    let (files, each) = (suite.size(FILES, 8), suite.size(ROWS, 2_000));
    let ours = Ours::create(dir.path(), "")?;
    for file in 0..files {
        ours.fill(&rows(file * each, each, 0)?, "COPY t FROM 'FILE' WITH (FORMAT parquet)")?;
        ours.flush()?;
    }
    query(suite, &ours, dir.path(), files, each)?;
    manifest(suite, &ours, files)
}

fn query(suite: &mut Suite, ours: &Ours, dir: &Path, files: i64, each: i64) -> Result<()> {
    let cold = dir.join("db/main/public/t/cold");
    let cold = cold.canonicalize().map_err(|e| Error::io("resolve", e).path(&cold))?;
    let plain = SessionContext::new();
    let folder = format!("{}/", cold.display());
    let register = plain.register_parquet("t", folder, ParquetReadOptions::default());
    ours.runtime.block_on(register).map_err(crate::engine)?;
    let mut duckdb = DuckDb::start(dir.parent().unwrap_or(Path::new(".")))?;
    duckdb.run(&format!("CREATE VIEW t AS SELECT * FROM '{}/*.parquet'", cold.display()))?;
    let duckdb = RefCell::new(duckdb);
    // Another part of the table each time, the same for everyone.
    let asked = |column: &str, turn: &Cell<i64>| {
        let from = turn.get() * 7_919 % (files * each - ASKED);
        turn.set((turn.get() + 1) % 64);
        format!("SELECT count(*), sum(size) FROM t WHERE {column} BETWEEN {from} AND {}", from + ASKED - 1)
    };
    let turns = [const { Cell::new(0) }; 4];
    let here = |sql: &str| {
        let answer = ours.runtime.block_on(ours.session.query(sql))?;
        number(&answer.batches)
    };
    let one = |sum: u64| Ok(Work::units(1).answer(sum));
    suite.measure(
        Claim::new("one file of many", "query")
            .note(format!("{ASKED} rows of {files} files of {each}"))
            .reference("all files", || one(here(&asked("id + 0", &turns[0]))?))
            .subject("by their bounds", || one(here(&asked("id", &turns[1]))?))
            .peer("datafusion, plain", || {
                let sql = asked("id", &turns[2]);
                let batches = ours.runtime.block_on(async { plain.sql(&sql).await?.collect().await });
                one(number(&batches.map_err(crate::engine)?)?)
            })
            .peer("duckdb, plain", || {
                let row = duckdb.borrow_mut().row(&asked("id", &turns[3]))?;
                one(row.get(1).copied().unwrap_or(0))
            }),
    )
}

/// The sum that a query gave.
fn number(batches: &[RecordBatch]) -> Result<u64> {
    let batch = batches.iter().find(|b| b.num_rows() > 0);
    let batch = batch.ok_or_else(|| Error::new(Kind::Engine, "no answer"))?;
    let sums = cast(batch.column(1), &DataType::UInt64).map_err(crate::engine)?;
    Ok(sums.as_primitive::<UInt64Type>().value(0))
}

fn manifest(suite: &mut Suite, ours: &Ours, files: i64) -> Result<()> {
    let row = rows(0, 1, 0)?;
    suite.measure(
        Claim::new("manifest of many files", "flush")
            .note(format!("{files} files and one more for each flush"))
            .reference("flush of a row", || {
                let start = Instant::now();
                ours.fill(&row, "COPY t FROM 'FILE' WITH (FORMAT parquet)")?;
                let untimed = start.elapsed();
                ours.flush()?;
                Ok(Work::units(1).untimed(untimed))
            })
            .subject("its manifest alone", || {
                let start = Instant::now();
                let table = ours.runtime.block_on(async { ours.session.view().table(&ours.name).await })?;
                let table = table.ok_or_else(|| Error::new(Kind::NotFound, "the table is gone"))?;
                let delta =
                    table.cold.table.as_ref().ok_or_else(|| Error::new(Kind::NotFound, "nothing is flushed"))?;
                let untimed = start.elapsed();
                publish_manifest(&table.dir, &table.name.key(), &table.def, delta, table.cold.lsn)?;
                Ok(Work::units(1).untimed(untimed))
            }),
    )
}
