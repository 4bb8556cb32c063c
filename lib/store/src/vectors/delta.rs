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

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Float32Builder, Int64Array, ListBuilder};
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::DataType;
    use uuid::Uuid;

    use super::*;
    use crate::table_def::{Column, ROW_ID, TableDef};

    /// Rows that have numbers for keys; an index may go by their column `id` all the same.
    fn table() -> TableDef {
        let vectors = DataType::new_list(DataType::Float32, true);
        let columns = vec![Column::new(1, "id", &DataType::Int64, true), Column::new(2, "v", &vectors, true)];
        TableDef { row_ids: true, ..TableDef::plain(Uuid::now_v7(), columns) }
    }

    fn rows(hot: &Hot, ids: &[i64], numbers: &[i64]) -> RecordBatch {
        let mut vectors = ListBuilder::new(Float32Builder::new());
        for id in ids {
            vectors.values().append_value(*id as f32);
            vectors.append(true);
        }
        let vectors: ArrayRef = Arc::new(vectors.finish());
        let vectors = cast(&vectors, hot.schema().field(1).data_type()).unwrap();
        let int = |values: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        RecordBatch::try_new(Arc::clone(hot.schema()), vec![int(ids), vectors, int(numbers)]).unwrap()
    }

    #[test]
    fn what_was_replaced_is_known_by_the_key_alone() {
        let def = table();
        let by_number = RowKey::of(&def).unwrap();
        assert_eq!(by_number.columns, [ROW_ID]);
        let by_id = RowKey { columns: vec!["id".to_owned()], flavour: qx_vector::Flavour::SignedKey };
        let mut hot = Hot::new(&def).unwrap();
        let new = rows(&hot, &[7], &[65_536]);
        hot.upsert(&new, true).unwrap();
        for key in [&by_number, &by_id] {
            let delta = of(&hot, key, "v").unwrap();
            assert!(!delta.blind && delta.ids.len() == 1 && delta.gone.len() == 1);
        }
        // A row that Parquet has is deleted: of its `id` the log says nothing.
        let gone: ArrayRef = Arc::new(Int64Array::from(vec![131_072]));
        hot.delete(&[gone]).unwrap();
        let delta = of(&hot, &by_number, "v").unwrap();
        assert!(!delta.blind && delta.gone.contains(131_072) && delta.gone.contains(65_536));
        assert!(of(&hot, &by_id, "v").unwrap().blind);
    }
}
