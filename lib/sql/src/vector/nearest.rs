//! The rows nearest to a vector as a relation. A filter, where there is one, is a plan of its own that gives the keys of
//! the rows that pass; the search runs among those.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, Float32Array, RecordBatch, UInt64Array};
use datafusion::arrow::compute::{SortOptions, cast};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session as EngineSession, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::TryStreamExt;
use qx_plan::{Describe, Facts};
use qx_store::vectors::RowKey;
use qx_vector::{Flavour, IdSet};

use super::search::{Row, Searcher};
use crate::current::Current;
use crate::error::to_engine;

/// Columns of a relation that is joined back to its table.
pub(crate) const KEY: &str = "__nearest_key";
pub(crate) const SCORE: &str = "__nearest_score";
/// Row ids as numbers that order as the keys do.
pub(crate) const ORDER: &str = "__nearest_order";

/// What the relation looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Row id, score and place: what the table functions give.
    Table { ord: bool },
    /// A key of this type, score and order: to be joined back.
    Join(DataType),
}

/// The relation.
#[derive(Debug, Clone)]
pub(crate) struct Nearest {
    pub(crate) searcher: Arc<Searcher>,
    pub(crate) query: Arc<Vec<f32>>,
    pub(crate) key: RowKey,
    /// Gives the keys of the rows that may be answered.
    pub(crate) keys: Option<Arc<LogicalPlan>>,
    /// Not all rows of the table may be; else `keys` is only asked when too few have a distance.
    pub(crate) filtered: bool,
    pub(crate) shape: Shape,
    pub(crate) schema: SchemaRef,
}

impl Nearest {
    pub(crate) fn new(
        searcher: Arc<Searcher>,
        query: Vec<f32>,
        key: RowKey,
        keys: Option<LogicalPlan>,
        filtered: bool,
        shape: Shape,
    ) -> Nearest {
        let field = |name: &str, t: DataType, nullable| Field::new(name, t, nullable);
        let fields = match &shape {
            Shape::Table { ord } => {
                let mut fields =
                    vec![field("row_id", DataType::UInt64, false), field("score", DataType::Float32, false)];
                fields.extend(ord.then(|| field("ord", DataType::UInt64, false)));
                fields
            }
            Shape::Join(t) => vec![
                field(KEY, t.clone(), false),
                field(SCORE, DataType::Float32, true),
                field(ORDER, DataType::UInt64, false),
            ],
        };
        let schema = Arc::new(Schema::new(fields));
        Nearest { searcher, query: Arc::new(query), key, keys: keys.map(Arc::new), filtered, shape, schema }
    }

    /// What EXPLAIN says.
    pub(crate) fn about(&self) -> About {
        About { searcher: Arc::clone(&self.searcher), filtered: self.filtered, dim: self.query.len() }
    }

    /// How its rows are ordered, by those of its columns that `schema` has: nobody need sort them again.
    fn ordering(&self, schema: &SchemaRef) -> Vec<PhysicalSortExpr> {
        let by = match &self.shape {
            Shape::Table { .. } => vec![("ord", false)],
            Shape::Join(_) => vec![(SCORE, self.searcher.index.metric().larger_is_nearer()), (ORDER, false)],
        };
        let known = by.into_iter().map_while(|(name, descending)| {
            let at = schema.index_of(name).ok()?;
            let options = SortOptions { descending, nulls_first: false };
            Some(PhysicalSortExpr::new(Arc::new(Column::new(name, at)), options))
        });
        known.collect()
    }

    /// Brings rows into that order, which is the one that the engine sorts by.
    fn sort(&self, rows: &mut [(u64, Option<f32>)]) {
        let larger_first = self.searcher.index.metric().larger_is_nearer();
        rows.sort_unstable_by(|(a, x), (b, y)| {
            let by_score = match (x, y) {
                (Some(x), Some(y)) if larger_first => y.total_cmp(x),
                (Some(x), Some(y)) => x.total_cmp(y),
                (x, y) => y.is_some().cmp(&x.is_some()),
            };
            by_score.then_with(|| self.key.flavour.order(*a).cmp(&self.key.flavour.order(*b)))
        });
    }

    fn batch(&self, rows: &[(u64, Option<f32>)]) -> Result<RecordBatch> {
        let flavour = self.key.flavour;
        let ids = || UInt64Array::from_iter_values(rows.iter().map(|r| r.0));
        let scores: ArrayRef = Arc::new(rows.iter().map(|r| r.1).collect::<Float32Array>());
        let columns: Vec<ArrayRef> = match &self.shape {
            Shape::Table { ord } => {
                let mut columns: Vec<ArrayRef> = vec![Arc::new(ids()), scores];
                if *ord {
                    columns.push(Arc::new(UInt64Array::from_iter_values(1..=rows.len() as u64)));
                }
                columns
            }
            Shape::Join(t) => {
                let key: ArrayRef = match flavour {
                    Flavour::SignedKey | Flavour::Ordinal => {
                        let signed = rows.iter().map(|r| r.0 as i64);
                        cast(&datafusion::arrow::array::Int64Array::from_iter_values(signed), t)?
                    }
                    _ => cast(&ids(), t)?,
                };
                let order = UInt64Array::from_iter_values(rows.iter().map(|r| flavour.order(r.0)));
                vec![key, scores, Arc::new(order)]
            }
        };
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

#[derive(Debug)]
pub(crate) struct About {
    searcher: Arc<Searcher>,
    filtered: bool,
    dim: usize,
}

impl Describe for About {
    fn facts(&self) -> Facts {
        let (ask, index) = (&self.searcher.ask, &self.searcher.index);
        let search = if ask.exact { "exact over the index" } else { "approximate" };
        let facts = index
            .facts()
            .entry("search", search)
            .entry("ef_search", ask.ef.unwrap_or_else(|| index.set.default_ef()).max(ask.width) as u64)
            .entry("alpha", (ask.width / ask.k.max(1)) as u64)
            .entry("W", ask.width as u64)
            .entry("k", ask.k as u64)
            .entry("dim", self.dim as u64)
            .entry("pending_rows", self.searcher.delta.len() as u64);
        if self.filtered {
            facts.entry("filter", "its keys are found first, the search runs among them")
        } else {
            facts
        }
    }
}

#[async_trait]
impl TableProvider for Nearest {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn EngineSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let keys = match &self.keys {
            Some(plan) => Some(one_stream(planned(state, plan).await?)),
            None => None,
        };
        Ok(Arc::new(VectorSearch::new(self.clone(), keys, projection.cloned())?))
    }
}

/// The search as an operator.
#[derive(Debug)]
pub(crate) struct VectorSearch {
    nearest: Nearest,
    keys: Option<Arc<dyn ExecutionPlan>>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl VectorSearch {
    fn new(
        nearest: Nearest,
        keys: Option<Arc<dyn ExecutionPlan>>,
        projection: Option<Vec<usize>>,
    ) -> Result<VectorSearch> {
        let schema = match &projection {
            Some(columns) => Arc::new(nearest.schema.project(columns)?),
            None => Arc::clone(&nearest.schema),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(Arc::clone(&schema), [nearest.ordering(&schema)]),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(VectorSearch { nearest, keys, projection, properties: Arc::new(properties), metrics })
    }

    /// Whether it is a search for the vector that a text says.
    pub(crate) fn is_for(&self, text: &str) -> bool {
        qx_vector::literal::parse(text).is_ok_and(|vector| vector == *self.nearest.query)
    }

    /// The same search for another vector. `None` where the index is another one by now, or the vector does not fit it.
    pub(crate) fn anew(&self, text: &str, current: &Current) -> Option<Arc<dyn ExecutionPlan>> {
        let query = qx_vector::literal::parse(text).ok()?;
        let index = &self.nearest.searcher.index;
        let fits = query.len() == self.nearest.query.len() && query.iter().all(|v| v.is_finite());
        let now = current.vectors().open(&current.view(), &index.name, &index.def).ok()??;
        if !fits || !Arc::ptr_eq(&now.set, &index.set) {
            return None;
        }
        Some(Arc::new(VectorSearch {
            nearest: Nearest { query: Arc::new(query), ..self.nearest.clone() },
            keys: self.keys.clone(),
            projection: self.projection.clone(),
            // The same ones, so that the operators above keep theirs and do not work them out again.
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    /// The same search over another plan of its keys.
    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let keys = children.pop().map(one_stream);
        Ok(Arc::new(VectorSearch::new(self.nearest.clone(), keys, self.projection.clone())?))
    }
}

/// The plan of the keys. It becomes a part of the plan around it, all of which is optimized once more: sides of a join may
/// change then, which the engine refuses to one that has begun to filter its other side. So none does before.
async fn planned(state: &dyn EngineSession, keys: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let mut leaves = 0;
    keys.apply_with_subqueries(|node| {
        leaves += usize::from(node.inputs().is_empty());
        Ok(TreeNodeRecursion::Continue)
    })?;
    match state.as_any().downcast_ref::<SessionState>() {
        Some(own) if leaves > 1 => {
            let mut own = own.clone();
            own.config_mut().options_mut().optimizer.enable_join_dynamic_filter_pushdown = false;
            own.create_physical_plan(keys).await
        }
        // A copy of the state is not cheap, and nothing is joined.
        _ => state.create_physical_plan(keys).await,
    }
}

/// Whatever was done to a plan, a search reads one stream of it.
fn one_stream(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    match plan.output_partitioning().partition_count() {
        0 | 1 => plan,
        _ => Arc::new(CoalescePartitionsExec::new(plan)),
    }
}

impl DisplayAs for VectorSearch {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let searcher = &self.nearest.searcher;
        let (ask, index) = (&searcher.ask, &searcher.index);
        let how = if ask.exact { "exact" } else { "ann" };
        write!(f, "VectorSearch: index={}, metric={}, search={how}", index.name.key(), index.def.metric)?;
        write!(
            f,
            ", k={}, W={}, filtered={}, pending_rows={}",
            ask.k,
            ask.width,
            self.nearest.filtered,
            searcher.delta.len()
        )
    }
}

impl ExecutionPlan for VectorSearch {
    fn name(&self) -> &str {
        "VectorSearch"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.keys.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.keys.iter().len()]
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a search has one partition, not {partition}");
        }
        let keys = self.keys.as_ref().map(|k| k.execute(0, context)).transpose()?;
        let count = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, 0);
        let counters = Counters {
            output_rows: MetricBuilder::new(&self.metrics).output_rows(0),
            allowed: count("allowed_rows"),
            codes: count("code_distances"),
            vectors: count("vector_distances"),
        };
        let (nearest, projection) = (self.nearest.clone(), self.projection.clone());
        let work = async move {
            let batch = run(nearest, keys, counters).await?;
            match projection {
                Some(columns) => Ok(batch.project(&columns)?),
                None => Ok(batch),
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), futures::stream::once(work))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let Searcher { index, delta, ask, .. } = self.nearest.searcher.as_ref();
        let all = usize::try_from(index.set.len()).unwrap_or(usize::MAX).saturating_add(delta.len());
        statistics.num_rows = Precision::Inexact(ask.width.min(all));
        Ok(Arc::new(statistics))
    }
}

struct Counters {
    output_rows: datafusion::physical_plan::metrics::Count,
    allowed: datafusion::physical_plan::metrics::Count,
    codes: datafusion::physical_plan::metrics::Count,
    vectors: datafusion::physical_plan::metrics::Count,
}

/// The ids of all rows of a stream of keys.
async fn collect(key: &RowKey, mut stream: SendableRecordBatchStream) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        ids.extend(key.ids(batch.columns()).map_err(to_engine)?);
    }
    Ok(ids)
}

async fn run(nearest: Nearest, keys: Option<SendableRecordBatchStream>, counters: Counters) -> Result<RecordBatch> {
    let (mut allowed, mut keys) = (None, keys);
    if nearest.filtered
        && let Some(stream) = keys.take()
    {
        allowed = Some(collect(&nearest.key, stream).await?.into_iter().collect::<IdSet>());
    }
    counters.allowed.add(allowed.as_ref().map_or(0, IdSet::len));
    let (searcher, query) = (Arc::clone(&nearest.searcher), Arc::clone(&nearest.query));
    let brief = allowed.is_none() && searcher.is_brief();
    let search = move || {
        let filter = searcher.filter(allowed.as_ref());
        searcher.search(&query, allowed.as_ref(), filter.as_ref()).map(|found| (found, allowed))
    };
    let done = if brief {
        search()
    } else {
        tokio::task::spawn_blocking(search).await.map_err(|e| DataFusionError::External(e.into()))?
    };
    let ((rows, stats), allowed) = done.map_err(to_engine)?;
    counters.codes.add(usize::try_from(stats.code_distances()).unwrap_or(usize::MAX));
    counters.vectors.add(usize::try_from(stats.vector_distances()).unwrap_or(usize::MAX));
    let mut found: Vec<(u64, Option<f32>)> = rows.iter().map(|r: &Row| (r.id, Some(r.score))).collect();
    let ask = &nearest.searcher.ask;
    // Where nothing decides behind the score, and the score is final, the second phase is over.
    if matches!(nearest.shape, Shape::Table { .. }) || (!ask.ties && nearest.searcher.index.is_faithful()) {
        found.truncate(ask.k);
    }
    if matches!(nearest.shape, Shape::Join(_)) {
        // Rows without a distance come behind all others, so they count where those are too few.
        if found.len() < ask.k {
            let all = match (allowed, keys) {
                (Some(allowed), _) => allowed.iter().collect(),
                (None, Some(stream)) => collect(&nearest.key, stream).await?,
                (None, None) => Vec::new(),
            };
            let have: IdSet = rows.iter().map(|r| r.id).collect();
            found.extend(all.into_iter().filter(|id| !have.contains(*id)).map(|id| (id, None)));
        }
        nearest.sort(&mut found);
    }
    let batch = nearest.batch(&found)?;
    counters.output_rows.add(batch.num_rows());
    debug_assert!(batch.column(0).null_count() == 0);
    Ok(batch)
}
