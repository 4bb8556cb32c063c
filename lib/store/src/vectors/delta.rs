//! What became of a table's rows since an index was brought up: a search leaves out what the index says of them, and
//! scores them as they are now.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use qx_formats::{Error, Result};
use qx_vector::IdSet;

use super::{Chunks, RowKey, Vectors};
use crate::rows::Hot;
use crate::view::{Table, View};

/// Rows that changed.
#[derive(Debug, Default)]
pub struct Delta {
    /// Ids of rows that were written or deleted: what an index says of them no longer counts.
    pub gone: IdSet,
    /// Ids of the rows as they are now.
    pub ids: Vec<u64>,
    /// Their vectors.
    pub rows: Chunks,
    /// Rows were changed or deleted of which the log does not say how the index calls them: it goes by a column that is
    /// not the key, and nobody knows what of it still counts.
    pub blind: bool,
}

impl Delta {
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.ids.is_empty()
    }

    /// Rows written or deleted.
    pub fn len(&self) -> usize {
        self.gone.len().max(self.ids.len())
    }
}

/// The changes of a table above the number `after`, which is not below the one that its Parquet files hold.
///
/// # Errors
/// `Corrupt`, `Io`; `Usage` for a column that holds no vectors.
pub fn since(view: &View, table: &Table, key: &RowKey, column: &str, after: u64) -> Result<Delta> {
    if table.hot().ops_rows() == 0 {
        return Ok(Delta::default());
    }
    if after == table.cold.lsn {
        return of(&table.hot(), key, column);
    }
    of(&view.hot_since(&table.def, after)?, key, column)
}

fn of(hot: &Hot, key: &RowKey, column: &str) -> Result<Delta> {
    let mut delta = Delta::default();
    let names: Vec<&str> = hot.key().iter().map(|i| hot.schema().field(*i).name().as_str()).collect();
    let mut gone = Vec::new();
    // Rows that have no key of their own are only ever added.
    if names != key.columns.iter().map(String::as_str).collect::<Vec<_>>() {
        delta.blind = hot.replaces();
    } else if let Some(keys) = hot.keys()? {
        gone = key.ids(&keys)?;
    }
    for batch in hot.live()? {
        delta.ids.extend(key.ids(&columns(&batch, &key.columns)?)?);
        let vectors = columns(&batch, &[column.to_owned()])?;
        for vectors in vectors {
            delta.rows.push(Vectors::of(&vectors)?);
        }
    }
    gone.extend(&delta.ids);
    delta.gone = gone.into_iter().collect();
    Ok(delta)
}

fn columns(batch: &RecordBatch, names: &[String]) -> Result<Vec<datafusion::arrow::array::ArrayRef>> {
    let one = |name: &String| {
        let column = batch.column_by_name(name);
        column.map(Arc::clone).ok_or_else(|| Error::usage(format!("the table has no column {name}")))
    };
    names.iter().map(one).collect()
}
