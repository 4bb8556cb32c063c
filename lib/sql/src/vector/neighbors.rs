//! What `nearest_neighbors` and `vector_search` ask, and the relation that answers: a search of an index, or every row
//! of the table where no index fits.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result as EngineResult;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, ScalarUDF, col, lit};
use datafusion::sql::sqlparser::ast::{Statement as Sql, TableFactor, VisitMut, VisitorMut};
use qx_formats::{Error, Result};
use qx_plan::{Described, Facts};
use qx_store::names::ObjectName;
use qx_store::vectors::{Delta, RowKey};
use qx_store::{Table, View};
use qx_vector::{Flavour, Metric};

use super::nearest::{Nearest, ORDER, Shape};
use super::opened::{Opened, Pick, find, key_on};
use super::parse_name;
use super::search::{Ask, Searcher};
use crate::arguments;
use crate::error::engine_error;
use crate::functions::{Source, distance};
use crate::session::Session;
use crate::tables::{Rows, Shape as Asked};

/// What is searched.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Column { table: String, column: String },
    Index(String),
}

/// A question but for its vector.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) target: Target,
    pub(crate) k: usize,
    /// Candidates of the graph that are scored on their vectors; at least `k` are.
    pub(crate) candidates: usize,
    pub(crate) metric: Option<Metric>,
    pub(crate) ef: Option<usize>,
    pub(crate) exact: bool,
    pub(crate) ord: bool,
}

/// How it is answered.
pub(super) enum Answerer {
    Index { searcher: Arc<Searcher>, key: RowKey, table: Option<Arc<Table>> },
    Rows { table: Arc<Table>, key: RowKey, column: String, metric: Metric, reason: String },
}

/// Opens the tables that the searches of a statement are about: a table function cannot wait for one.
pub(crate) async fn preload(session: &Session, sql: &mut Sql) -> Result<()> {
    struct Named(Vec<(bool, String)>);
    impl VisitorMut for Named {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            let table = arguments::text(factor, "table").map(|text| (true, text));
            self.0.extend(table.or_else(|| arguments::text(factor, "index").map(|text| (false, text))));
            ControlFlow::Continue(())
        }
    }
    let mut named = Named(Vec::new());
    let _ = sql.visit(&mut named);
    let view = session.view();
    let database = session.store().database();
    for (of_table, text) in named.0 {
        let table = match of_table {
            true => Some(parse_name("table", database, &text)?),
            false => {
                let catalog = view.catalog();
                let index = catalog.index(&parse_name("vector index", database, &text)?);
                let on = index.and_then(|def| catalog.tables.iter().find(|(n, t)| def.column_in(n, t).is_some()));
                on.map(|(name, _)| ObjectName::parse("table", name)).transpose()?
            }
        };
        if let Some(table) = table {
            view.table(&table).await?;
        }
    }
    Ok(())
}

fn opened(view: &View, name: &ObjectName) -> Result<Arc<Table>> {
    let catalog = view.catalog();
    let def = catalog.table(name).ok_or_else(|| crate::tables::not_there(&catalog, name))?;
    view.opened(def.uuid).ok_or_else(|| {
        Error::unsupported(format!("the table {} was not opened before", name.key()))
            .hint("name the table by a text, not by an expression")
    })
}

/// Finds out how a question is answered.
pub(super) fn answerer(source: &Source, question: &Question) -> Result<Answerer> {
    let view = source.current.view();
    match &question.target {
        Target::Column { table, column } => {
            let name = parse_name("table", view.store().database(), table)?;
            let table = opened(&view, &name)?;
            // `t.column` is the column as well.
            let column = column.rsplit('.').next().unwrap_or(column);
            if table.def.column(column).is_none() {
                let names: Vec<&str> = table.def.columns.iter().map(|c| c.name.as_str()).collect();
                return Err(Error::usage(format!("{} has no column {column}", name.key())).expected(names.join(", ")));
            }
            let metric = question.metric.unwrap_or_else(|| metric_on(&view, &table, column));
            match source.current.vectors().pick(&view, &table, column, metric)? {
                Pick::Index(index) => by_index(source, &view, question, *index, Some(table)),
                Pick::Exact(reason) => {
                    let key = key_on(&view.catalog(), &table, column)?;
                    Ok(Answerer::Rows { table, key, column: column.to_owned(), metric, reason })
                }
            }
        }
        Target::Index(text) => {
            let name = parse_name("vector index", view.store().database(), text)?;
            let catalog = view.catalog();
            let def = find(&catalog, &name)?;
            let on = catalog.tables.iter().find(|(n, t)| def.column_in(n, t).is_some());
            let table = on.map(|(n, _)| ObjectName::parse("table", n)).transpose()?;
            let table = table.map(|n| opened(&view, &n)).transpose()?;
            let index = source.current.vectors().open(&view, &name, def)?;
            let reason = match (&index, &table) {
                (None, _) => Some(format!("the index {} was never built", name.key())),
                (Some(index), Some(table)) => source.current.vectors().unfit(&view, table, index)?,
                (Some(_), None) => None,
            };
            match (index, reason, table) {
                (Some(index), None, table) => by_index(source, &view, question, index, table),
                (_, Some(reason), Some(table)) => {
                    let column = def.column_in(&table.name.key(), &table.def).map(|c| c.name.clone());
                    let column = column.unwrap_or_default();
                    let key = RowKey::of_index(&table.def, def)?;
                    Ok(Answerer::Rows { table, key, column, metric: def.metric.parse()?, reason })
                }
                (_, reason, _) => {
                    Err(Error::unsupported(reason.unwrap_or_default()).hint("BUILD VECTOR INDEX builds it"))
                }
            }
        }
    }
}

/// The metric of the one index on a column; `l2` where none says it.
fn metric_on(view: &View, table: &Table, column: &str) -> Metric {
    let key = table.name.key();
    let catalog = view.catalog();
    let on = |d: &qx_store::catalog::IndexDef| d.column_in(&key, &table.def).is_some_and(|c| c.name == column);
    let mut metrics = catalog.indexes_on(&key).filter(|(_, d)| on(d)).filter_map(|(_, d)| d.metric.parse().ok());
    match (metrics.next(), metrics.next()) {
        (Some(one), None) => one,
        _ => Metric::L2,
    }
}

fn by_index(
    source: &Source,
    view: &View,
    question: &Question,
    index: Opened,
    table: Option<Arc<Table>>,
) -> Result<Answerer> {
    let (delta, key) = match &table {
        Some(table) => {
            (source.current.vectors().delta(view, table, &index)?, RowKey::of_index(&table.def, &index.def)?)
        }
        None => (Arc::new(Delta::default()), RowKey { columns: Vec::new(), flavour: index.set.flavour() }),
    };
    if question.exact
        && !index.is_faithful()
        && let Some(table) = table
    {
        let column = index.column(&table).unwrap_or_default().to_owned();
        let reason = "the index holds the vectors in less than their precision".to_owned();
        return Ok(Answerer::Rows { table, key, column, metric: index.metric(), reason });
    }
    let ef = question.ef.or_else(|| source.ef_search());
    let ask = Ask { k: question.k, width: question.candidates.max(question.k), ef, exact: question.exact, ties: false };
    let searcher = Searcher { index, delta, flavour: key.flavour, ask };
    Ok(Answerer::Index { searcher: Arc::new(searcher), key, table })
}

/// Whether a vector can be put to an index.
///
/// # Errors
/// `Usage` for one of another dimension.
pub(super) fn check(function: &str, searcher: &Searcher, query: &[f32]) -> Result<()> {
    let dim = searcher.index.set.dim();
    if dim != 0 && dim != query.len() {
        return Err(Error::usage(format!("{function}: the query has another dimension than the index"))
            .expected(dim)
            .got(query.len()));
    }
    Ok(())
}

/// The relation that answers a question.
///
/// # Errors
/// `NotFound`; `Usage`, for a vector that holds what is not finite as well; those of opening an index.
pub(crate) fn relation(
    source: &Source,
    function: &str,
    question: &Question,
    query: Vec<f32>,
) -> Result<Arc<dyn TableProvider>> {
    if let Some(v) = query.iter().find(|v| !v.is_finite()) {
        return Err(Error::usage(format!("{function}: the query holds what is not finite")).got(v));
    }
    match answerer(source, question)? {
        Answerer::Index { searcher, key, table } => {
            let dim = searcher.index.set.dim();
            // Of another dimension no row has a distance; the policy may say to look anyway.
            if let Some(table) = &table
                && dim != 0
                && dim != query.len()
                && source.value("vector.query_dim") != "error"
            {
                let reason = format!("the vector has dimension {}, the index {dim}", query.len());
                let column = searcher.index.column(table).unwrap_or_default().to_owned();
                let metric = searcher.index.metric();
                return rows(question, table, &key, &column, metric, &reason, &query).map_err(engine_error);
            }
            check(function, &searcher, &query)?;
            let expiring = table.filter(|t| t.def.options.ttl_ms.is_some());
            let keys = expiring.map(|t| keys_of(&t, &key)).transpose().map_err(engine_error)?;
            let filtered = keys.is_some();
            let nearest = Nearest::new(searcher, query, key, keys, filtered, Shape::Table { ord: question.ord });
            let about = nearest.about();
            Ok(Described::wrap(Arc::new(nearest), about))
        }
        Answerer::Rows { table, key, column, metric, reason } => {
            rows(question, &table, &key, &column, metric, &reason, &query).map_err(engine_error)
        }
    }
}

/// The keys of all rows of a table.
fn keys_of(table: &Arc<Table>, key: &RowKey) -> EngineResult<LogicalPlan> {
    let shape = if key.flavour == Flavour::Ordinal { Asked::Hidden } else { Asked::Plain };
    let rows = Rows::new(Arc::clone(table), shape).map_err(crate::error::to_engine)?;
    let scan = LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(rows)), None)?;
    scan.project(key.columns.iter().map(|c| Expr::Column(datafusion::common::Column::from_name(c))))?.build()
}

/// Every row of the table, scored and sorted, by the ids that an index knows them by.
fn rows(
    question: &Question,
    table: &Arc<Table>,
    key: &RowKey,
    column: &str,
    metric: Metric,
    reason: &str,
    query: &[f32],
) -> EngineResult<Arc<dyn TableProvider>> {
    let name = table.name.key();
    let shape = if key.flavour == Flavour::Ordinal { Asked::Hidden } else { Asked::Plain };
    let provider = Rows::new(Arc::clone(table), shape).map_err(crate::error::to_engine)?;
    let facts = Facts::new("table")
        .entry("table", name)
        .entry("column", column)
        .entry("metric", metric.to_string())
        .entry("k", question.k as u64)
        .reason(format!("exact: {reason}"));
    let provider = Described::wrap(Arc::new(provider), facts);
    let named = |n: &str| Expr::Column(datafusion::common::Column::from_name(n));
    let values: Vec<ScalarValue> = query.iter().map(|v| ScalarValue::Float32(Some(*v))).collect();
    let query = ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Float32));
    let score = ScalarUDF::from(distance::Distance::new(metric)).call(vec![named(column), lit(query)]);
    let row_id = distance::row_id_function().call(key.columns.iter().map(|c| named(c)).collect());
    // Ties go as in an index: signed keys by their value, which is not the order of the row ids that they make.
    let order = match (key.flavour, key.columns.first()) {
        (Flavour::SignedKey, Some(column)) => named(column),
        _ => row_id.clone(),
    };
    // A column that is not the key may hold nothing, and then the row stands in no index.
    let known = key.columns.iter().fold(lit(true), |all, c| all.and(named(c).is_not_null()));
    let nearest_first = || vec![col("score").sort(!metric.larger_is_nearer(), false), col(ORDER).sort(true, false)];
    let scan = LogicalPlanBuilder::scan("t", provider_as_source(provider), None)?;
    let mut columns = vec![col("row_id"), col("score")];
    let mut plan = scan
        .filter(known)?
        .project([row_id.alias("row_id"), score.alias("score"), order.alias(ORDER)])?
        .filter(col("score").is_not_null())?
        .sort(nearest_first())?
        .limit(0, Some(question.k))?;
    if question.ord {
        plan = plan.window([row_number().order_by(nearest_first()).build()?.alias("ord")])?;
        columns.push(col("ord"));
    }
    Ok(Arc::new(ViewTable::new(plan.project(columns)?.build()?, None)))
}
