//! A flush of hot rows to Parquet costs what delta-rs takes to write, or to merge, the same rows.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::prelude::{SessionContext, col};
use deltalake::DeltaTable;
use deltalake::protocol::SaveMode;
use qx_benches::harness::{Claim, Suite, Work};
use qx_formats::{Error, Result};
use qx_sql::Session;
use qx_store::names::ObjectName;

/// Rows that the keyed table holds before.
const COLD: i64 = 200_000;

pub(super) fn rows(from: i64, count: i64, version: i64) -> Result<RecordBatch> {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + count));
    let sizes: ArrayRef =
        Arc::new(Int64Array::from_iter_values((from..from + count).map(|i| i * 7 % 10_007 + version)));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((from..from + count).map(|i| format!("package-{i}"))));
    RecordBatch::try_from_iter([("id", ids), ("size", sizes), ("name", names)]).map_err(crate::engine)
}

/// A database with one table.
pub(super) struct Ours {
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) session: Session,
    pub(super) name: ObjectName,
    folder: std::path::PathBuf,
}

impl Ours {
    pub(super) fn create(folder: &Path, key: &str) -> Result<Ours> {
        let runtime = crate::runtime()?;
        let text =
            format!("CREATE TABLE t (id BIGINT {key}, size BIGINT, name VARCHAR) WITH (flush = 'rows:100000000')");
        let session = crate::database(&runtime, &folder.join("db"), &text)?;
        Ok(Ours { runtime, session, name: ObjectName::parse("public", "t")?, folder: folder.to_owned() })
    }

    /// Puts rows into the log, through the same statement that a user has.
    pub(super) fn fill(&self, batch: &RecordBatch, statement: &str) -> Result<()> {
        let file = self.folder.join("rows.parquet");
        let out = std::fs::File::create(&file).map_err(|e| Error::io("create", e).path(&file))?;
        let mut writer = parquet::arrow::ArrowWriter::try_new(out, batch.schema(), None).map_err(crate::engine)?;
        writer.write(batch).and_then(|()| writer.close().map(|_| ())).map_err(crate::engine)?;
        let text = statement.replace("FILE", &file.display().to_string());
        self.runtime.block_on(self.session.script(&text)).map(|_| ())
    }

    pub(super) fn flush(&self) -> Result<()> {
        let flushed = self.session.maintain(async |writer| writer.flush(&self.name).await);
        self.runtime.block_on(flushed)?;
        Ok(())
    }
}

pub fn claims(suite: &mut Suite) -> Result<()> {
    if suite.wants(&["flush, keyless"]) {
        keyless(suite)?;
    }
    if suite.wants(&["flush, keyed"]) {
        keyed(suite)?;
    }
    Ok(())
}

fn theirs(runtime: &tokio::runtime::Runtime, folder: &Path, first: RecordBatch) -> Result<DeltaTable> {
    let folder = folder.join("delta");
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create folder", e).path(&folder))?;
    let url = url::Url::from_directory_path(&folder).map_err(|()| Error::invalid("no path").path(&folder))?;
    let written = async { DeltaTable::try_from_url(url).await?.write([first]).with_save_mode(SaveMode::Append).await };
    runtime.block_on(written).map_err(crate::engine)
}

fn keyless(suite: &mut Suite) -> Result<()> {
    let dir = suite.folder()?;
    let count = suite.size(90_000, 5_000);
    let batch = rows(0, count, 0)?;
    let ours = Ours::create(dir.path(), "")?;
    let runtime = crate::runtime()?;
    let mut table = theirs(&runtime, dir.path(), batch.clone())?;
    let given = batch.clone();
    suite.measure(
        Claim::new("flush, keyless", "row")
            .reference("delta-rs write", move || {
                let write = table.clone().write([given.clone()]).with_save_mode(SaveMode::Append);
                table = runtime.block_on(async { write.await }).map_err(crate::engine)?;
                Ok(Work::units(count as u64))
            })
            .subject("flush", || {
                let start = Instant::now();
                ours.fill(&batch, "COPY t FROM 'FILE' WITH (FORMAT parquet)")?;
                let untimed = start.elapsed();
                ours.flush()?;
                Ok(Work::units(count as u64).untimed(untimed))
            }),
    )
}

/// New values of a part of the rows: delta-rs merges them by the key, a flush replaces what it replaces.
fn keyed(suite: &mut Suite) -> Result<()> {
    let dir = suite.folder()?;
    let (cold, count) = (suite.size(COLD, 20_000), suite.size(20_000, 2_000));
    let ours = Ours::create(dir.path(), "PRIMARY KEY")?;
    ours.fill(&rows(0, cold, 0)?, "COPY t FROM 'FILE' WITH (FORMAT parquet)")?;
    ours.flush()?;
    let runtime = crate::runtime()?;
    let mut table = theirs(&runtime, dir.path(), rows(0, cold, 0)?)?;
    let mut version = 0;
    let mut ours_version = 0;
    suite.measure(
        Claim::new("flush, keyed", "row")
            .reference("delta-rs merge", move || {
                version += 1;
                let source = SessionContext::new().read_batch(rows(1_000, count, version)?).map_err(crate::engine)?;
                let merge = table
                    .clone()
                    .merge(source, col("target.id").eq(col("source.id")))
                    .with_source_alias("source")
                    .with_target_alias("target")
                    .when_matched_update(|update| {
                        update.update("size", col("source.size")).update("name", col("source.name"))
                    })
                    .map_err(crate::engine)?;
                table = runtime.block_on(async { merge.await }).map_err(crate::engine)?.0;
                Ok(Work::units(count as u64))
            })
            .subject("flush", || {
                ours_version += 1;
                let start = Instant::now();
                let insert = "CREATE OR REPLACE TABLE s (id BIGINT, size BIGINT, name VARCHAR); \
                              COPY s FROM 'FILE' WITH (FORMAT parquet); REPLACE INTO t SELECT * FROM s";
                ours.fill(&rows(1_000, count, ours_version)?, insert)?;
                let untimed = start.elapsed();
                ours.flush()?;
                Ok(Work::units(count as u64).untimed(untimed))
            }),
    )
}
