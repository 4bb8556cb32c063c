//! What a bulk load brings to the vector indexes of its table. Its rows never stand in the log, so no index could take
//! them up from there: they are kept while the load runs, and go into a further file of each index behind its commit.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use qx_formats::{Error, Result};
use qx_vector::IdSet;

use super::upkeep::{self, Done};
use super::{Chunks, RowKey, Vectors, definition};
use crate::catalog::IndexDef;
use crate::names::ObjectName;
use crate::view::{Table, View};

/// Bytes of vectors that are kept for an index; one that would need more is left to a build, which says what it takes.
const MOST_BYTES: u64 = 2 << 30;

/// The rows of a load, as one index of the table wants them.
pub struct Incoming {
    name: ObjectName,
    index: IndexDef,
    key: RowKey,
    column: String,
    ids: Vec<u64>,
    rows: Chunks,
    bytes: u64,
}

impl Incoming {
    /// The indexes that know all rows of a table whose log is empty: the rows of the load are all that they will lack.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn of(view: &View, table: &Table) -> Result<Vec<Incoming>> {
        let mut all = Vec::new();
        for (key, index) in view.catalog().indexes_on(&table.name.key()) {
            let name = ObjectName::parse("vector index", key)?;
            let known = definition(view, &name, index)?.is_some_and(|d| d.covered_lsn >= table.cold.lsn);
            let Some(column) = index.column_in(&table.name.key(), &table.def).filter(|_| known) else { continue };
            all.push(Incoming {
                name,
                index: index.clone(),
                key: RowKey::of_index(&table.def, index)?,
                column: column.name.clone(),
                ids: Vec::new(),
                rows: Chunks::default(),
                bytes: 0,
            });
        }
        Ok(all)
    }

    pub fn name(&self) -> &ObjectName {
        &self.name
    }

    /// Takes rows in [`TableDef::row_schema`](crate::table_def::TableDef::row_schema).
    ///
    /// # Errors
    /// `Usage` for a column that holds no vectors; `Limit` for more of them than are kept.
    pub fn push(&mut self, rows: &RecordBatch) -> Result<()> {
        let column = |name: &String| -> Result<ArrayRef> {
            let column = rows.column_by_name(name).map(Arc::clone);
            column.ok_or_else(|| Error::usage(format!("the table has no column {name}")))
        };
        let keys = self.key.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let vectors = Vectors::of(&column(&self.column)?)?;
        self.bytes = self.bytes.saturating_add(vectors.bytes());
        if self.bytes > MOST_BYTES {
            return Err(Error::limit("bytes of vectors that a load keeps for an index", MOST_BYTES, self.bytes));
        }
        self.ids.extend(self.key.ids(&keys)?);
        self.rows.push(vectors);
        Ok(())
    }

    /// Takes them up, when the load is committed and the view shows it.
    ///
    /// # Errors
    /// As [`take_up`](super::take_up).
    pub fn take_up(self, view: &View) -> Result<Done> {
        let Incoming { name, index, key, ids, rows, .. } = self;
        upkeep::apply(view, &name, &index, &key, &IdSet::default(), ids, &rows)
    }
}
