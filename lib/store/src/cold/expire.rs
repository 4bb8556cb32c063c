//! Rows in Parquet whose time to live is over: which files hold some, and what is left of them.

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use qx_formats::{Error, Kind, Result};

use super::{Cold, ColdFile};
use crate::table_def::{TableDef, WRITTEN_AT};

const DAY_US: i64 = 86_400_000_000;

/// Up to which time rows have expired, in the numbers of the column that the time to live counts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Name of the column in the files.
    column: String,
    /// Rows up to this number have expired.
    limit: i64,
    /// Rows up to this one did so a whole time to live ago.
    long_ago: i64,
}

impl Expiry {
    /// Of a table at `now_us`; `None` when its rows live for ever.
    ///
    /// # Errors
    /// `Invalid` for a type that Arrow does not know.
    pub fn of(def: &TableDef, now_us: u64) -> Result<Option<Expiry>> {
        let Some(ttl) = def.options.ttl_ms else { return Ok(None) };
        let (column, days) = match def.options.ttl_column.and_then(|id| def.column_by_id(id)) {
            Some(column) => (column.physical_name().to_owned(), column.arrow_type()? == DataType::Date32),
            None => (WRITTEN_AT.to_owned(), false),
        };
        let ttl_us = i64::try_from(ttl).unwrap_or(i64::MAX).saturating_mul(1000);
        let limit = i64::try_from(now_us).unwrap_or(i64::MAX).saturating_sub(ttl_us);
        let long_ago = limit.saturating_sub(ttl_us);
        let scaled = |us: i64| if days { us.div_euclid(DAY_US) } else { us };
        Ok(Some(Expiry { column, limit: scaled(limit), long_ago: scaled(long_ago) }))
    }

    /// The files that hold rows to be removed: of each, whether all of its rows are. With `due`, only where all of them
    /// have expired, or some a whole time to live ago; a file that says nothing of its values is left alone.
    pub fn files(&self, cold: &Cold, due: bool) -> Vec<(ColdFile, bool)> {
        let bounds = |file: &ColdFile| {
            let bounds = file.stats.get(&self.column)?;
            let some = file.rows != bounds.nulls || bounds.nulls.is_none();
            Some((number(bounds.min.as_ref()?)?, number(bounds.max.as_ref()?)?, bounds.nulls == Some(0)))
                .filter(|_| some)
        };
        let found = cold.files.iter().filter_map(|file| {
            let (min, max, no_nulls) = bounds(file)?;
            let all = max <= self.limit && no_nulls;
            let wanted = if due { all || min <= self.long_ago } else { min <= self.limit };
            wanted.then(|| (file.clone(), all))
        });
        found.collect()
    }

    /// The rows of a batch, under the names of the files, that live on.
    pub(super) fn alive(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let engine = |e: datafusion::arrow::error::ArrowError| Error::new(Kind::Engine, e.to_string());
        let Some(column) = batch.column_by_name(&self.column) else { return Ok(batch.clone()) };
        // Dates become numbers by way of their own width.
        let column = match column.data_type() {
            DataType::Date32 => cast(column, &DataType::Int32).map_err(engine)?,
            _ => std::sync::Arc::clone(column),
        };
        let column = cast(&column, &DataType::Int64).map_err(engine)?;
        let column = column.as_primitive::<Int64Type>();
        let keep: BooleanArray =
            (0..column.len()).map(|i| Some(column.is_null(i) || column.value(i) > self.limit)).collect();
        filter_record_batch(batch, &keep).map_err(engine)
    }
}

fn number(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int64(v) | ScalarValue::TimestampMicrosecond(v, _) => *v,
        ScalarValue::Date32(v) => v.map(i64::from),
        _ => None,
    }
}
