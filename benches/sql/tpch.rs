//! The 22 queries of TPC-H over a database's tables, beside the same engine over plain Parquet files, and DuckDB.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use qx_benches::harness::{Claim, Suite, Work};
use qx_benches_sql::duckdb::DuckDb;
use qx_formats::{Error, Result};
use qx_sql::Session;
use qx_store::Store;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RecordBatchIterator, RegionArrow,
    SupplierArrow,
};

fn queries() -> Vec<(&'static str, &'static str)> {
    let text = include_str!("../../lib/plan/tests/plan/tpch.sql");
    let named = text.split("-- name: ").skip(1).filter_map(|q| q.split_once('\n'));
    named.map(|(name, sql)| (name.trim(), sql.trim().trim_end_matches(';'))).collect()
}

/// One table as Parquet: whole, and split into its first 99% and the rest.
struct Table {
    name: &'static str,
    columns: String,
    whole: PathBuf,
    most: PathBuf,
    rest: Option<PathBuf>,
}

fn sql_type(of: &DataType) -> String {
    match of {
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        _ => "VARCHAR".to_owned(),
    }
}

fn columns(schema: &Schema) -> String {
    let fields = schema.fields().iter().map(|f| format!("{} {}", f.name(), sql_type(f.data_type())));
    fields.collect::<Vec<_>>().join(", ")
}

fn writer(path: &Path, schema: &Arc<Schema>) -> Result<ArrowWriter<std::fs::File>> {
    let file = std::fs::File::create(path).map_err(|e| Error::io("create", e).path(path))?;
    let level = ZstdLevel::try_new(1).map_err(crate::engine)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    ArrowWriter::try_new(file, Arc::clone(schema), Some(properties)).map_err(crate::engine)
}

fn write(dir: &Path, name: &'static str, batches: impl RecordBatchIterator) -> Result<Table> {
    let schema = Arc::clone(batches.schema());
    let path = |part: &str| dir.join(format!("{name}{part}.parquet"));
    let (whole, most, rest) = (path(""), path(".most"), path(".rest"));
    let batches: Vec<_> = batches.collect();
    let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    let split = rows - rows / 100;
    let mut out = [writer(&whole, &schema)?, writer(&most, &schema)?, writer(&rest, &schema)?];
    let mut at = 0;
    for batch in &batches {
        let first = split.saturating_sub(at).min(batch.num_rows());
        let parts = [batch.clone(), batch.slice(0, first), batch.slice(first, batch.num_rows() - first)];
        for (out, part) in out.iter_mut().zip(parts) {
            out.write(&part).map_err(crate::engine)?;
        }
        at += batch.num_rows();
    }
    for out in out {
        out.close().map_err(crate::engine)?;
    }
    Ok(Table { name, columns: columns(&schema), whole, most, rest: (split < rows).then_some(rest) })
}

fn generate(dir: &Path, scale: f64) -> Result<Vec<Table>> {
    Ok(vec![
        write(dir, "customer", CustomerArrow::new(CustomerGenerator::new(scale, 1, 1)))?,
        write(dir, "lineitem", LineItemArrow::new(LineItemGenerator::new(scale, 1, 1)))?,
        write(dir, "nation", NationArrow::new(NationGenerator::new(scale, 1, 1)))?,
        write(dir, "orders", OrderArrow::new(OrderGenerator::new(scale, 1, 1)))?,
        write(dir, "part", PartArrow::new(PartGenerator::new(scale, 1, 1)))?,
        write(dir, "partsupp", PartSuppArrow::new(PartSuppGenerator::new(scale, 1, 1)))?,
        write(dir, "region", RegionArrow::new(RegionGenerator::new(scale, 1, 1)))?,
        write(dir, "supplier", SupplierArrow::new(SupplierGenerator::new(scale, 1, 1)))?,
    ])
}

/// A database of these tables; with `hot` the last hundredth of each stays in the log.
async fn load(dir: &Path, tables: &[Table], hot: bool) -> Result<Session> {
    let (store, _) = Store::init(dir)?;
    let session = Session::open(&Arc::new(store))?;
    for table in tables {
        let name = table.name;
        let create = format!("CREATE TABLE {name} ({}) WITH (flush = 'rows:100000000')", table.columns);
        session.script(&create).await?;
        let copy = |from: &Path| format!("COPY {name} FROM '{}' WITH (FORMAT parquet)", from.display());
        session.script(&copy(if hot { &table.most } else { &table.whole })).await?;
        session.maintain(async |writer| writer.flush_all().await).await?;
        if let (true, Some(rest)) = (hot, &table.rest) {
            session.script(&copy(rest)).await?;
        }
    }
    Ok(session)
}

async fn plain(tables: &[Table]) -> Result<SessionContext> {
    let context = SessionContext::new_with_config(SessionConfig::new());
    for table in tables {
        let path = table.whole.display().to_string();
        context.register_parquet(table.name, path, ParquetReadOptions::default()).await.map_err(crate::engine)?;
    }
    Ok(context)
}

pub fn claims(suite: &mut Suite) -> Result<()> {
    let queries = queries();
    let names: Vec<String> = queries.iter().map(|(name, _)| format!("tpch {name}")).collect();
    if !suite.wants(&names.iter().map(String::as_str).collect::<Vec<_>>()) {
        return Ok(());
    }
    let dir = suite.folder()?;
    let tables = generate(dir.path(), suite.size(1.0, 0.01))?;
    let runtime = crate::runtime()?;
    let cold = runtime.block_on(load(&dir.path().join("cold"), &tables, false))?;
    let hot = runtime.block_on(load(&dir.path().join("hot"), &tables, true))?;
    let plain = runtime.block_on(plain(&tables))?;
    let mut duckdb = DuckDb::start(dir.path().parent().unwrap_or(Path::new(".")))?;
    for table in &tables {
        duckdb.run(&format!("CREATE VIEW {} AS SELECT * FROM '{}'", table.name, table.whole.display()))?;
    }
    let duckdb = RefCell::new(duckdb);
    let (plain, runtime) = (&plain, &runtime);
    let ours = |session: &Session, sql: &str| {
        let answer = runtime.block_on(session.query(sql))?;
        let rows: usize = answer.batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
        Ok(Work::units(1).answer(rows as u64))
    };
    for ((_, sql), name) in queries.iter().zip(&names) {
        suite.measure(
            Claim::new(name, "query")
                .reference("datafusion", move || {
                    let collected = async { plain.sql(sql).await?.collect().await };
                    let batches = runtime.block_on(collected).map_err(crate::engine)?;
                    Ok(Work::units(1).answer(batches.iter().map(|b| b.num_rows() as u64).sum()))
                })
                .subject("cold", || ours(&cold, sql))
                .subject("1% hot", || ours(&hot, sql))
                .peer("duckdb", || Ok(Work::units(1).answer(duckdb.borrow_mut().count(sql)?))),
        )?;
    }
    for contender in ["cold", "1% hot", "duckdb"] {
        suite.geometric_mean("tpch ", contender);
    }
    Ok(())
}
