//! Takes rows out of a Parquet scan whose key is among those that the log replaced or deleted.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use qx_store::rows::KeySet;

use crate::error::to_engine;

#[derive(Debug, Clone)]
pub(crate) struct Sieve {
    input: Arc<dyn ExecutionPlan>,
    over: Arc<KeySet>,
    /// Places of the key's columns in the input.
    key: Vec<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl Sieve {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, over: Arc<KeySet>, key: Vec<usize>) -> Self {
        let of = input.properties();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            of.partitioning.clone(),
            of.emission_type,
            of.boundedness,
        );
        Sieve { input, over, key, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for Sieve {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HotRowsSieve: keys={}", self.over.len())
    }
}

impl ExecutionPlan for Sieve {
    fn name(&self) -> &str {
        "HotRowsSieve"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| DataFusionError::Internal("a sieve has one input".into()))?;
        Ok(Arc::new(Sieve::new(input, Arc::clone(&self.over), self.key.clone())))
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| DataFusionError::Internal("a sieve has one input".into()))?;
        Ok(Arc::new(Sieve::new(input, Arc::clone(&self.over), self.key.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let replaced = MetricBuilder::new(&self.metrics).counter("replaced_rows", partition);
        let (over, key) = (Arc::clone(&self.over), self.key.clone());
        let sifted = input.map(move |batch| {
            let timer = metrics.elapsed_compute().timer();
            let out = batch.and_then(|b| sift(b, &over, &key, &replaced));
            drop(timer);
            if let Ok(batch) = &out {
                metrics.record_output(batch.num_rows());
            }
            out
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), sifted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(filters, &self.children())
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(result))
    }
}

fn sift(batch: RecordBatch, over: &KeySet, key: &[usize], replaced: &Count) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = key.iter().map(|i| Arc::clone(batch.column(*i))).collect();
    match over.absent(&columns).map_err(to_engine)? {
        None => Ok(batch),
        Some(keep) => {
            replaced.add(batch.num_rows() - keep.true_count());
            Ok(filter_record_batch(&batch, &keep)?)
        }
    }
}
