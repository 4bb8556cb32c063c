//! Bulk loads: rows that go to Parquet past the log, in one Delta commit.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use qx_formats::{Error, Kind, Result};

use crate::catalog::Define;
use crate::names::ObjectName;
use crate::view::Table;
use crate::writer::left_behind;
use crate::{Writer, cold, vectors};

/// A bulk load that is under way.
pub struct Bulk {
    pub table: Arc<Table>,
    /// The number of the log that its Delta commit will carry.
    pub lsn: u64,
    load: cold::Load,
    indexes: Vec<vectors::Incoming>,
}

impl Bulk {
    /// Takes rows in [`TableDef::row_schema`](crate::table_def::TableDef::row_schema).
    ///
    /// # Errors
    /// `Engine`, `Io`.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.load.write(rows).await?;
        self.indexes.retain_mut(|index| match index.push(rows) {
            Ok(()) => true,
            Err(e) => {
                left_behind(&index.name().key(), &e);
                false
            }
        });
        Ok(())
    }
}

impl Writer {
    /// Begins a bulk load: flushes the table, then takes a number of the log that the load's Delta commit will carry.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub async fn load(&mut self, name: &ObjectName) -> Result<Bulk> {
        self.flush(name).await?;
        let missing = || Error::new(Kind::NotFound, format!("there is no table {}", name.key()));
        let table = self.view().table(name).await?.ok_or_else(missing)?;
        let indexes = vectors::Incoming::of(self.view(), &table)?;
        let lsn = self.define(vec![Define::Touch { table: table.def.uuid }])?;
        let load = cold::Load::start(&table.dir, &table.def, &table.cold, lsn).await?;
        Ok(Bulk { table, lsn, load, indexes })
    }

    /// Ends a bulk load: its rows are there from now on. Where an index cannot take them up, it stays behind, and searches
    /// read the table until it is built anew.
    ///
    /// # Errors
    /// `Engine`, `Io`.
    pub async fn loaded(&mut self, bulk: Bulk) -> Result<()> {
        let Bulk { table, load, indexes, .. } = bulk;
        let cold = load.finish().await?;
        tracing::info!(target: "qx::store", table = %table.name.key(), version = cold.version, "table loaded");
        self.publish_table(&table, &cold)?;
        self.take_over(table.def.uuid, cold.lsn)?;
        self.view().replace_table(&table, cold)?;
        for index in indexes {
            let name = index.name().key();
            if let Err(e) = index.take_up(self.view()) {
                left_behind(&name, &e);
            }
        }
        Ok(())
    }
}

/// The first row id of what is written to Parquet past the log, as the number `lsn`: room for 2^32 rows. These ids are
/// negative; those of the log, which count up from its numbers, never are.
///
/// # Errors
/// `Limit`.
pub fn bulk_row_id(lsn: u64) -> Result<i64> {
    let base = i64::try_from(lsn).ok().and_then(|l| l.checked_mul(1 << 32)).and_then(|l| i64::MIN.checked_add(l));
    base.ok_or_else(|| Error::limit("log sequence number for row ids", 1 << 31, lsn))
}
