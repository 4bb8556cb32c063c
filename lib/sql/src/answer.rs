//! What statements give.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use qx_formats::Result;

use crate::error::engine_error;
use crate::system::Live;

/// What one statement gave: rows, or a count of what it changed.
pub struct Answer {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    /// Rows, nodes or keys that a statement changed.
    pub affected: Option<u64>,
}

impl Answer {
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Answer { schema, batches, affected: None }
    }

    /// Of a statement that has nothing to say.
    pub fn none() -> Self {
        Answer::new(Arc::new(Schema::empty()), Vec::new())
    }

    pub fn affected(count: u64) -> Self {
        Answer { affected: Some(count), ..Answer::none() }
    }

    /// One batch.
    pub fn batch(batch: RecordBatch) -> Self {
        Answer::new(batch.schema(), vec![batch])
    }

    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// What one statement gives, a batch at a time.
pub struct Rows<'a> {
    pub schema: SchemaRef,
    /// Rows, nodes or keys that the statement changed.
    pub affected: Option<u64>,
    pub(crate) source: Option<SendableRecordBatchStream>,
    /// Told when the statement has ended, which is when this is dropped.
    pub(crate) live: Option<&'a Live>,
}

impl Rows<'_> {
    pub(crate) fn of(answer: Answer) -> Self {
        let batches = futures::stream::iter(answer.batches.into_iter().map(Ok));
        let source = RecordBatchStreamAdapter::new(Arc::clone(&answer.schema), batches);
        Rows { schema: answer.schema, affected: answer.affected, source: Some(Box::pin(source)), live: None }
    }

    /// The next batch; none after the last.
    ///
    /// # Errors
    /// `Engine` for what fails while running.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match &mut self.source {
            Some(source) => source.next().await.transpose().map_err(engine_error),
            None => Ok(None),
        }
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if let Some(live) = self.live {
            live.end();
        }
    }
}
