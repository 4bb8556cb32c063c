//! Two hops in a graph cost a fraction of what a recursive query over a table of its edges costs, though both are asked
//! in SQL.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};
use qx_benches::harness::{Claim, Suite, Work};
use qx_benches_sql::debian::Debian;
use qx_benches_sql::duckdb::{DuckDb, cpu};
use qx_formats::{Error, Kind, Result};
use qx_sql::Session;

/// Packages that the searches start at.
const STARTS: usize = 64;
/// How often each of them is asked to see what of the processor it takes.
const CPU_ROUNDS: usize = 8;

pub fn claims(suite: &mut Suite) -> Result<()> {
    if !suite.wants(&["two hops out", "two hops in", "two hops out, rows", "two hops in, rows"]) {
        return Ok(());
    }
    let dir = suite.folder()?;
    let debian = Debian::build(dir.path())?;
    let home = dir.path().parent().unwrap_or(Path::new("."));
    let duckdb = RefCell::new(DuckDb::start(home)?);
    let load = format!("CREATE TABLE edges AS SELECT * FROM read_csv('{}', header = true)", debian.csv.display());
    duckdb.borrow_mut().run(&load)?;
    duckdb.borrow_mut().run("CREATE INDEX edges_src ON edges(src)")?;
    let runtime = crate::runtime()?;
    let session = Session::open(&debian.store)?;
    let step = (debian.names.len() / STARTS).max(1);
    let starts: Vec<&(String, u64)> = debian.names.iter().step_by(step).take(STARTS).collect();
    for (name, direction, from, to) in [("two hops out", "out", "src", "dst"), ("two hops in", "in", "dst", "src")] {
        let ours = |(start, _): &(String, u64)| -> Result<u64> {
            let sql = format!(
                "SELECT count(*), coalesce(sum(node_id), 0) FROM graph_neighbors('deps', 'Package:{start}', NULL, 2, direction => '{direction}')"
            );
            let answer = runtime.block_on(session.query(&sql))?;
            let batch = answer.batches.first().ok_or_else(|| Error::new(Kind::Engine, "no answer"))?;
            let number = |column: usize| {
                let column = cast(batch.column(column), &DataType::UInt64);
                let column = column.map_err(|e| Error::new(Kind::Engine, e.to_string()))?;
                Ok(column.as_primitive::<UInt64Type>().value(0))
            };
            Ok(digest(number(0)?, number(1)?))
        };
        let theirs = |(_, id): &(String, u64)| -> Result<u64> {
            let sql = format!(
                "WITH RECURSIVE hops(node, hop) AS (
                   SELECT {id}::BIGINT, 0 UNION
                   SELECT e.{to}, h.hop + 1 FROM hops h JOIN edges e ON e.{from} = h.node WHERE h.hop < 2)
                 SELECT count(DISTINCT node), coalesce(sum(DISTINCT node), 0) FROM hops WHERE node <> {id}"
            );
            let row = duckdb.borrow_mut().row(&sql)?;
            let at = |i: usize| row.get(i).copied().unwrap_or(0);
            Ok(digest(at(0), at(1)))
        };
        for start in &starts {
            if ours(start)? != theirs(start)? {
                return Err(Error::new(Kind::Engine, format!("{name}: not the same nodes from {}", start.0)));
            }
        }
        let processor = processor(&starts, &duckdb, theirs, ours)?;
        let note =
            format!("{} nodes, {} edges, {} starts; processor: {processor}", debian.nodes, debian.edges, starts.len());
        suite.measure(
            Claim::new(name, "query")
                .reference("duckdb recursive", over(&starts, theirs))
                .note(note)
                .subject("graph_neighbors", over(&starts, ours)),
        )?;
        rows(suite, &starts, (direction, from, to), &session, &runtime, &duckdb)?;
    }
    Ok(())
}

/// The nodes themselves, fetched: what a person asks, and no sum of it.
fn rows(
    suite: &mut Suite,
    starts: &[&(String, u64)],
    (direction, from, to): (&str, &str, &str),
    session: &Session,
    runtime: &tokio::runtime::Runtime,
    duckdb: &RefCell<DuckDb>,
) -> Result<()> {
    let ours = |(start, _): &(String, u64)| -> Result<u64> {
        let sql = format!(
            "SELECT node_id FROM graph_neighbors('deps', 'Package:{start}', NULL, 2, direction => '{direction}')"
        );
        let answer = runtime.block_on(session.query(&sql))?;
        Ok(answer.batches.iter().map(|b| b.num_rows() as u64).sum())
    };
    let theirs = |(_, id): &(String, u64)| -> Result<u64> {
        let sql = format!(
            "WITH RECURSIVE hops(node, hop) AS (
               SELECT {id}::BIGINT, 0 UNION
               SELECT e.{to}, h.hop + 1 FROM hops h JOIN edges e ON e.{from} = h.node WHERE h.hop < 2)
             SELECT DISTINCT node FROM hops WHERE node <> {id}"
        );
        duckdb.borrow_mut().count(&sql)
    };
    suite.measure(
        Claim::new(format!("two hops {direction}, rows"), "query")
            .reference("duckdb recursive", over(starts, theirs))
            .subject("graph_neighbors", over(starts, ours)),
    )
}

/// What each side takes of the processor, beside its time: one of them works on several threads.
fn processor(
    starts: &[&(String, u64)],
    duckdb: &RefCell<DuckDb>,
    theirs: impl Fn(&(String, u64)) -> Result<u64>,
    ours: impl Fn(&(String, u64)) -> Result<u64>,
) -> Result<String> {
    let all = || (0..CPU_ROUNDS).flat_map(|_| starts);
    let before = duckdb.borrow().cpu()?;
    all().try_for_each(|start| theirs(start).map(drop))?;
    let theirs = duckdb.borrow().cpu()?.saturating_sub(before);
    let between = cpu("self")?;
    all().try_for_each(|start| ours(start).map(drop))?;
    let ours = cpu("self")?.saturating_sub(between);
    let each = |time: Duration| time.as_secs_f64() * 1000.0 / (CPU_ROUNDS * starts.len()) as f64;
    Ok(format!("{:.2} ms against {:.2} ms", each(theirs), each(ours)))
}

/// What a query found: how many nodes, and the sum of their ids.
fn digest(count: u64, sum: u64) -> u64 {
    sum.wrapping_mul(1_000_003).wrapping_add(count)
}

/// One query after the other, over the starts again and again.
fn over<'a>(
    starts: &'a [&'a (String, u64)],
    mut query: impl FnMut(&(String, u64)) -> Result<u64> + 'a,
) -> impl FnMut() -> Result<Work> + 'a {
    let mut at = 0;
    move || {
        let answer = query(starts[at])?;
        at = (at + 1) % starts.len();
        Ok(Work::units(1).answer(answer))
    }
}
