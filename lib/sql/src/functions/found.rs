//! The nodes that a search around one of them found, as a relation that can search around another one.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session as EngineSession, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// Searches around the node that a text names.
type Again = Arc<dyn Fn(&str) -> qx_formats::Result<RecordBatch> + Send + Sync>;

/// The relation.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) rows: RecordBatch,
    /// The node in the words of the statement.
    pub(super) start: String,
    pub(super) again: Again,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({} rows around {})", self.rows.num_rows(), self.start)
    }
}

#[async_trait]
impl TableProvider for Found {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn EngineSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(GraphSearch::new(self.clone(), projection.cloned())?))
    }
}

/// The relation as an operator.
#[derive(Debug)]
pub(crate) struct GraphSearch {
    found: Found,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GraphSearch {
    fn new(found: Found, projection: Option<Vec<usize>>) -> Result<GraphSearch> {
        let schema = match &projection {
            Some(columns) => Arc::new(found.rows.schema().project(columns)?),
            None => found.rows.schema(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(GraphSearch { found, projection, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() })
    }

    /// Whether it is a search around the node that a text names.
    pub(crate) fn is_for(&self, text: &str) -> bool {
        self.found.start == text
    }

    /// The same search around another node. `None` where the search fails.
    pub(crate) fn anew(&self, text: &str) -> Option<Arc<dyn ExecutionPlan>> {
        let rows = (self.found.again)(text).ok()?;
        Some(Arc::new(GraphSearch {
            found: Found { rows, start: text.to_owned(), again: Arc::clone(&self.found.again) },
            projection: self.projection.clone(),
            // The same ones, so that the operators above keep theirs and do not work them out again.
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }
}

impl DisplayAs for GraphSearch {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GraphSearch: start={}, rows={}", self.found.start, self.found.rows.num_rows())
    }
}

impl ExecutionPlan for GraphSearch {
    fn name(&self) -> &str {
        "GraphSearch"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a search has one partition, not {partition}");
        }
        let rows = self.found.rows.clone();
        MetricBuilder::new(&self.metrics).output_rows(0).add(rows.num_rows());
        Ok(Box::pin(MemoryStream::try_new(vec![rows], self.schema(), self.projection.clone())?))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        // Not exact: a plan that was made for one start serves for others.
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Inexact(self.found.rows.num_rows());
        Ok(Arc::new(statistics))
    }
}
