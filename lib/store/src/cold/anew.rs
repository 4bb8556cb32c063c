//! All rows of a table as one stream, for writing it anew.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use qx_formats::{Error, Kind, Result};

use super::commit::{Change, read};
use super::{Cold, ColdFile};
use crate::rows::KeySet;
use crate::table_def::{ROW_ID, TableDef};

/// Rows of the files, then rows of the log, under the names of the new files.
#[derive(Debug)]
pub(super) struct Source {
    def: TableDef,
    files: Vec<ColdFile>,
    rows: Vec<RecordBatch>,
    over: Option<Arc<KeySet>>,
    key: Vec<usize>,
    /// Row ids that rows get which have none yet.
    first_id: Option<i64>,
    old: SchemaRef,
    new: SchemaRef,
}

fn engine(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

impl Source {
    pub(super) fn new(
        def: &TableDef,
        new: &TableDef,
        cold: &Cold,
        change: Change,
        first_id: Option<i64>,
    ) -> Result<Self> {
        let key = match &change.over {
            Some(_) => super::commit::key_positions(def)?,
            None => Vec::new(),
        };
        Ok(Source {
            files: cold.files.clone(),
            rows: change.rows,
            over: change.over,
            key,
            first_id,
            old: def.physical_schema()?,
            new: new.physical_schema()?,
            def: def.clone(),
        })
    }

    pub(super) fn plan(self: Arc<Self>) -> Result<LogicalPlan> {
        let schema = Arc::clone(&self.new);
        let table = StreamingTable::try_new(schema, vec![self as Arc<dyn PartitionStream>]).map_err(engine)?;
        LogicalPlanBuilder::scan("rows", provider_as_source(Arc::new(table)), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(engine)
    }

    fn sifted(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let Some(over) = &self.over else { return Ok(batch) };
        let columns: Vec<ArrayRef> = self.key.iter().map(|i| Arc::clone(batch.column(*i))).collect();
        match over.absent(&columns)? {
            Some(keep) => filter_record_batch(&batch, &keep).map_err(engine),
            None => Ok(batch),
        }
    }

    fn batches(&self) -> impl Iterator<Item = Result<RecordBatch>> + Send + use<> {
        let (def, old, new) = (self.def.clone(), Arc::clone(&self.old), Arc::clone(&self.new));
        let this = Source {
            def: def.clone(),
            files: Vec::new(),
            rows: Vec::new(),
            over: self.over.clone(),
            key: self.key.clone(),
            first_id: self.first_id,
            old: Arc::clone(&old),
            new: Arc::clone(&new),
        };
        let cold = self.files.clone().into_iter().flat_map(move |file| {
            let opened = read(&file, &def, &old);
            let all: Box<dyn Iterator<Item = Result<RecordBatch>> + Send> = match opened {
                Ok(batches) => Box::new(batches),
                Err(e) => Box::new(std::iter::once(Err(e))),
            };
            all
        });
        let cold = cold.map(move |b| b.and_then(|b| this.sifted(b)));
        let hot = self.rows.clone().into_iter().map(Ok);
        let mut next_id = self.first_id;
        cold.chain(hot).map(move |b| {
            let batch = b?;
            let mut columns = batch.columns().to_vec();
            if let Some(first) = &mut next_id {
                let at = new.index_of(ROW_ID).map_err(engine)?;
                let end = i64::try_from(batch.num_rows()).ok().and_then(|n| first.checked_add(n));
                let end = end.ok_or_else(|| Error::limit("row id", i64::MAX as u64, batch.num_rows() as u64))?;
                columns.insert(at, Arc::new(Int64Array::from_iter_values(*first..end)));
                *first = end;
            }
            let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&new), columns, &options).map_err(engine)
        })
    }
}

impl PartitionStream for Source {
    fn schema(&self) -> &SchemaRef {
        &self.new
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self.batches().map(|b| b.map_err(|e| DataFusionError::External(Box::new(e))));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.new), futures::stream::iter(batches)))
    }
}
