//! A search for each row: `FROM q, LATERAL nearest_neighbors('t', 'v', q.vector, 10)`. The engine plans the call as a
//! relation that knows nothing of the row before it, so a rule puts a function in its place that searches for a whole
//! batch of rows at once, on all cores, and spreads what it finds over rows.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Float32Builder, ListArray, StructArray, UInt64Builder};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::catalog::{Session as EngineSession, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, UnnestOptions};
use datafusion::datasource::source_as_provider;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::core::get_field;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TableType, Volatility, lit,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_plan::ExecutionPlan;
use qx_formats::Error;
use qx_store::vectors::Vectors;

use super::neighbors::{Answerer, Question, answerer, check};
use super::search::{Row, Searcher};
use crate::error::to_engine;
use crate::functions::Source;

/// A call whose vector is a column of the relation before it.
#[derive(Debug)]
pub(crate) struct Lateral {
    searcher: Arc<Searcher>,
    vector: Expr,
    ord: bool,
    schema: SchemaRef,
}

impl Lateral {
    /// # Errors
    /// `Unsupported` where no index answers.
    pub(crate) fn new(source: &Source, question: &Question, vector: Expr) -> qx_formats::Result<Lateral> {
        let searcher = match answerer(source, question)? {
            Answerer::Index { table: Some(table), .. } if table.def.options.ttl_ms.is_some() => {
                return Err(Error::unsupported("a search for each row of a table whose rows expire is not supported")
                    .hint("join the tables and ORDER BY the distance instead"));
            }
            Answerer::Index { searcher, .. } => searcher,
            Answerer::Rows { reason, .. } => {
                return Err(Error::unsupported(format!("a search for each row takes an index: {reason}"))
                    .hint("CREATE VECTOR INDEX, or join the tables and number the rows by distance"));
            }
        };
        let schema = Arc::new(Schema::new(fields(question.ord)));
        Ok(Lateral { searcher, vector, ord: question.ord, schema })
    }
}

fn fields(ord: bool) -> Fields {
    let mut fields = vec![Field::new("row_id", DataType::UInt64, true), Field::new("score", DataType::Float32, true)];
    fields.extend(ord.then(|| Field::new("ord", DataType::UInt64, true)));
    fields.into()
}

#[async_trait]
impl TableProvider for Lateral {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn EngineSession,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(to_engine(
            Error::unsupported("a search for each row stands behind an inner or left join with its rows")
                .hint("FROM q CROSS JOIN LATERAL nearest_neighbors('t', 'v', q.vector, 10)"),
        ))
    }
}

/// The rule.
#[derive(Debug)]
pub(crate) struct Outer;

impl OptimizerRule for Outer {
    fn name(&self) -> &'static str {
        "search_for_each_row"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Join(join) => spread(join),
            other => Ok(Transformed::no(other)),
        })
    }
}

fn is_lateral(plan: &LogicalPlan) -> Option<Arc<dyn TableProvider>> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_lateral(&alias.input),
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source).ok()?;
            let any: &dyn std::any::Any = provider.as_ref();
            any.is::<Lateral>().then_some(provider)
        }
        _ => None,
    }
}

fn spread(join: Join) -> Result<Transformed<LogicalPlan>> {
    let found = is_lateral(&join.right);
    let (Some(provider), JoinType::Inner | JoinType::Left) = (found, join.join_type) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let conditions = join.filter.iter().any(|f| *f != lit(true)) || !join.on.is_empty();
    if join.join_type == JoinType::Left && conditions {
        return Err(to_engine(Error::unsupported(
            "a left join with a search for each row has no condition but ON TRUE",
        )));
    }
    let any: &dyn std::any::Any = provider.as_ref();
    let Some(lateral) = any.downcast_ref::<Lateral>() else { return Ok(Transformed::no(LogicalPlan::Join(join))) };
    let vector = lateral.vector.clone().transform(|e| match e {
        Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
        other => Ok(Transformed::no(other)),
    })?;
    let list = List::new(Arc::clone(&lateral.searcher), lateral.ord);
    let left = join.left.as_ref().clone();
    let own: Vec<Expr> = left.schema().iter().map(|(q, f)| Expr::Column(Column::from((q, f)))).collect();
    let name = "__nearest";
    let mut exprs = own.clone();
    exprs.push(ScalarUDF::from(list).call(vec![vector.data]).alias(name));
    let options = UnnestOptions::new().with_preserve_nulls(join.join_type == JoinType::Left);
    let plan =
        LogicalPlanBuilder::from(left).project(exprs)?.unnest_column_with_options(Column::from_name(name), options)?;
    let mut exprs = own;
    for (qualifier, field) in join.right.schema().iter() {
        let value = get_field().call(vec![Expr::Column(Column::from_name(name)), lit(field.name().as_str())]);
        exprs.push(value.alias_qualified(qualifier.cloned(), field.name()));
    }
    let mut plan = plan.project(exprs)?;
    for (l, r) in join.on {
        plan = plan.filter(l.eq(r))?;
    }
    if let Some(filter) = join.filter {
        plan = plan.filter(filter)?;
    }
    Ok(Transformed::yes(plan.build()?))
}

/// The nearest rows of each row, as a list.
#[derive(Debug)]
struct List {
    name: String,
    searcher: Arc<Searcher>,
    ord: bool,
    signature: Signature,
}

impl List {
    fn new(searcher: Arc<Searcher>, ord: bool) -> List {
        let (ask, index) = (&searcher.ask, &searcher.index);
        let how = if ask.exact { "exact" } else { "ann" };
        let ef = ask.ef.unwrap_or_else(|| index.set.default_ef());
        let engine = &index.definition.parameters.engine;
        let name = format!(
            "nearest(index={}, engine={engine}, metric={}, search={how}, ef_search={ef}, k={})",
            index.name.key(),
            index.def.metric,
            ask.k
        );
        List { name, searcher, ord, signature: Signature::any(1, Volatility::Stable) }
    }

    fn item(&self) -> Arc<Field> {
        Arc::new(Field::new_list_field(DataType::Struct(fields(self.ord)), true))
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.searcher, &other.searcher) && self.ord == other.ord
    }
}

impl Eq for List {}

impl Hash for List {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.searcher).hash(state);
    }
}

impl ScalarUDFImpl for List {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(self.item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = args.args.first() else {
            return datafusion::common::plan_err!("a search takes a vector");
        };
        let column = value.to_array(args.number_rows)?;
        let queries = queries(&column).map_err(to_engine)?;
        let found = self.search(&queries).map_err(to_engine)?;
        let (mut ids, mut scores, mut ords) = (UInt64Builder::new(), Float32Builder::new(), UInt64Builder::new());
        let mut lengths = Vec::with_capacity(found.len());
        let mut there = Vec::with_capacity(found.len());
        for rows in &found {
            lengths.push(rows.len());
            there.push(!rows.is_empty());
            for (ord, row) in (1u64..).zip(rows) {
                ids.append_value(row.id);
                scores.append_value(row.score);
                ords.append_value(ord);
            }
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(ids.finish()), Arc::new(scores.finish())];
        if self.ord {
            columns.push(Arc::new(ords.finish()));
        }
        let values = StructArray::try_new(fields(self.ord), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        // A row that nothing was found for is null, so that a left join keeps it.
        let list = ListArray::try_new(self.item(), offsets, Arc::new(values), Some(there.into()))?;
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

/// The vector of each row; nothing, for which nothing is found, where it is none or holds what is not finite.
fn queries(column: &ArrayRef) -> qx_formats::Result<Vec<Option<Vec<f32>>>> {
    use datafusion::arrow::array::AsArray;
    if matches!(column.data_type(), DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) {
        let texts = datafusion::arrow::compute::cast(column, &DataType::Utf8)
            .map_err(|e| Error::new(qx_formats::Kind::Engine, e.to_string()))?;
        let parse = |text: Option<&str>| qx_vector::literal::parse(text?).ok().filter(|v| is_finite(v));
        return Ok(texts.as_string::<i32>().iter().map(parse).collect());
    }
    let vectors = Vectors::of(column)?;
    Ok((0..vectors.len()).map(|row| vectors.get(row).filter(|v| is_finite(v)).map(<[f32]>::to_vec)).collect())
}

fn is_finite(vector: &[f32]) -> bool {
    vector.iter().all(|v| v.is_finite())
}

impl List {
    /// A search for each query, the queries shared among all cores.
    fn search(&self, queries: &[Option<Vec<f32>>]) -> qx_formats::Result<Vec<Vec<Row>>> {
        for query in queries.iter().flatten() {
            check("nearest_neighbors", &self.searcher, query)?;
        }
        let filter = self.searcher.filter(None);
        let one = |query: &Option<Vec<f32>>| match query {
            Some(query) => {
                let (mut rows, _) = self.searcher.search(query, None, filter.as_ref())?;
                rows.truncate(self.searcher.ask.k);
                Ok(rows)
            }
            None => Ok(Vec::new()),
        };
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        let share = queries.len().div_ceil(cores).max(1);
        if queries.len() <= 1 || cores == 1 {
            return queries.iter().map(one).collect();
        }
        let died = |_| Error::new(qx_formats::Kind::Engine, "a search ended in a panic");
        std::thread::scope(|scope| {
            let part = |part| {
                scope.spawn(move || <[Option<Vec<f32>>]>::iter(part).map(one).collect::<qx_formats::Result<Vec<_>>>())
            };
            let workers: Vec<_> = queries.chunks(share).map(part).collect();
            let mut all = Vec::with_capacity(queries.len());
            for worker in workers {
                all.extend(worker.join().map_err(died)??);
            }
            Ok(all)
        })
    }
}

/// Whether an argument depends on the relation before it.
pub(crate) fn is_outer(expr: &Expr) -> std::result::Result<bool, DataFusionError> {
    expr.exists(|e| Ok(matches!(e, Expr::OuterReferenceColumn(..) | Expr::Column(_))))
}
