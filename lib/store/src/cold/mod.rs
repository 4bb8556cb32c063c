//! The cold tier of a table at one Delta version: which files it has, what is known of them, and up to which number of
//! the log they hold the table's rows.

mod anew;
mod commit;
mod expire;
mod files;
mod keys;
mod stats;
mod whole;

pub use commit::{Change, Load, commit, completed, found, remove_expired, replace_files, rewrite};
pub use expire::Expiry;
pub use files::properties;
pub use keys::read_columns;
use keys::read_keys;
pub use stats::{ColumnBounds, FileStats};
pub use whole::check_files;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake::DeltaTable;
use qx_formats::Result;
use uuid::Uuid;

use crate::delta;

/// Where a table's Parquet files are, relative to the table's folder.
pub const FOLDER: &str = "cold";

/// One active Parquet file.
#[derive(Debug, Clone)]
pub struct ColdFile {
    /// Absolute.
    pub path: PathBuf,
    pub bytes: u64,
    pub rows: Option<u64>,
    pub stats: FileStats,
    /// Values of the partition columns, as text; null is `None`.
    pub partition: Vec<(String, Option<String>)>,
}

/// The cold tier at one Delta version. A table that was never flushed has none.
#[derive(Debug, Clone, Default)]
pub struct Cold {
    pub version: Option<u64>,
    /// The files hold the rows of the log up to this number.
    pub lsn: u64,
    pub files: Vec<ColdFile>,
    /// The schema in the Delta log, as Arrow has it.
    pub schema: Option<SchemaRef>,
    pub table: Option<DeltaTable>,
}

impl Cold {
    /// The newest version.
    ///
    /// # Errors
    /// `Engine` when the Delta log cannot be read.
    pub async fn load(table_dir: &Path, uuid: Uuid) -> Result<Cold> {
        let dir = table_dir.join(FOLDER);
        match delta::load(&dir).await? {
            Some(table) => Cold::of(table, &dir, uuid).await,
            None => Ok(Cold::default()),
        }
    }

    /// An older version: by number, or the one that was current at a time (microseconds since 1970, UTC).
    ///
    /// # Errors
    /// `NotFound` when there is no such version; `Engine`.
    pub async fn load_at(table_dir: &Path, uuid: Uuid, at: delta::At) -> Result<Cold> {
        let dir = table_dir.join(FOLDER);
        let table = delta::load_at(&dir, at).await?;
        Cold::of(table, &dir, uuid).await
    }

    /// What `table` holds.
    ///
    /// # Errors
    /// `Engine`.
    pub async fn of(table: DeltaTable, dir: &Path, uuid: Uuid) -> Result<Cold> {
        let lsn = delta::transaction(&table, dir, uuid).await?.unwrap_or(0);
        let state = table.snapshot().map_err(|e| delta::engine(dir, "cannot read the Delta log", e))?;
        let schema = state.snapshot().arrow_schema();
        let plain: Schema = schema.as_ref().clone();
        let base = delta::resolved(dir)?;
        let mut files = Vec::new();
        for file in state.log_data().iter() {
            let rows = file.num_records().map(|n| n as u64);
            files.push(ColdFile {
                path: base.join(file.path().as_ref()),
                bytes: u64::try_from(file.size()).unwrap_or(0),
                rows,
                stats: FileStats::parse(file.stats().as_deref(), &plain),
                partition: file.partition_values_map().into_iter().collect(),
            });
        }
        let version = Some(state.version());
        Ok(Cold { version, lsn, files, schema: Some(Arc::new(plain)), table: Some(table) })
    }

    pub fn rows(&self) -> Option<u64> {
        self.files.iter().map(|f| f.rows).sum()
    }

    /// Whether the files have this column.
    pub fn has_column(&self, physical: &str) -> bool {
        self.schema.as_ref().is_some_and(|s| s.column_with_name(physical).is_some())
    }
}
