//! ORDER BY `<distance>`(column, vector) LIMIT k by a vector index, in two phases: the index gives the keys of the nearest
//! rows with their scores, the table is joined to those, and the sort stays as it was - further keys, OFFSET and LIMIT
//! mean what they mean. What cannot be answered so is left as it is, and its table says why.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, JoinType, Limit, LogicalPlan, LogicalPlanBuilder, Sort, TableSource};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use qx_formats::{Error, Kind};
use qx_plan::{Describe, Described, Facts};
use qx_store::Table;
use qx_store::vectors::{Delta, RowKey};
use qx_vector::{Flavour, Metric};

use super::chain::{self, Place, Swap};
use super::hint::{self, Using};
use super::nearest::{KEY, Nearest, ORDER, SCORE, Shape};
use super::opened::{Opened, Pick, key_on};
use super::search::{Ask, Searcher};
use crate::error::to_engine;
use crate::functions::{Source, distance, literal};
use crate::tables::{Rows, Shape as Asked};

/// The rule. It comes before all others, while filters still stand where the statement has them.
#[derive(Debug)]
pub(crate) struct OrderByDistance(pub(crate) Arc<Source>);

impl OptimizerRule for OrderByDistance {
    fn name(&self) -> &'static str {
        "order_by_distance"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        self.walk(plan, None)
    }
}

/// The name of the first key of a sort that has to read every row. The rule runs several times over a statement, and
/// what the statement asked for stands in it only once.
const EXACT: &str = "__exact";

/// What a sort asks for.
struct Wanted<'a> {
    metric: Metric,
    query: Vec<f32>,
    /// The column, as the scan has it.
    column: Column,
    place: Place<'a>,
    table: Arc<Table>,
    /// What the statement asks of the table beside its rows.
    shape: Asked,
}

/// How a question is answered.
enum Way {
    Index(LogicalPlan),
    Exact(String),
}

impl OrderByDistance {
    /// `limit` is what the operators above leave of the rows.
    fn walk(&self, plan: LogicalPlan, limit: Option<usize>) -> Result<Transformed<LogicalPlan>> {
        let below = match &plan {
            LogicalPlan::Limit(l) => rows_of(l),
            LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Sort(_) => limit,
            _ => None,
        };
        let done = plan.map_subqueries(|p| self.walk(p, None))?;
        let changed = done.transformed;
        let done = match done.data {
            LogicalPlan::Sort(sort) => self.sort(sort, limit)?,
            other => other.map_children(|p| self.walk(p, below))?,
        };
        Ok(Transformed::new_transformed(done.data, done.transformed || changed))
    }

    fn sort(&self, mut sort: Sort, limit: Option<usize>) -> Result<Transformed<LogicalPlan>> {
        if is_settled(&sort) {
            return LogicalPlan::Sort(sort).map_children(|p| self.walk(p, None));
        }
        let using = hint::strip(&mut sort.expr)?;
        let limit = limit.or(sort.fetch);
        let (way, anew) = match self.wanted(&sort)? {
            None => (None, None),
            Some(Err(reason)) => (Some(Way::Exact(reason)), None),
            Some(Ok(wanted)) => {
                let way = self.way(&sort, &wanted, limit, using)?;
                let anew = match way {
                    Way::Exact(_) => self.by_every_row(&sort, &wanted)?,
                    Way::Index(_) => None,
                };
                (Some(way), anew)
            }
        };
        if using == Some(Using::Exact) && anew.is_none() && matches!(way, Some(Way::Exact(_))) {
            mark_exact(&mut sort.expr);
        }
        let changed = using.is_some() || anew.is_some();
        let plan = anew.unwrap_or(LogicalPlan::Sort(sort));
        match way {
            Some(Way::Index(plan)) => Ok(Transformed::yes(plan)),
            Some(Way::Exact(reason)) => {
                let told = tell(plan, &format!("exact: {reason}"))?;
                let told_now = told.transformed;
                let walked = told.data.map_children(|p| self.walk(p, None))?;
                Ok(Transformed::new_transformed(walked.data, walked.transformed || told_now || changed))
            }
            None => {
                let walked = plan.map_children(|p| self.walk(p, None))?;
                Ok(Transformed::new_transformed(walked.data, walked.transformed || changed))
            }
        }
    }

    /// What the first key of a sort asks for: nothing for one that is no distance, a reason for one that is not that of
    /// a table's column and one vector.
    fn wanted<'a>(&self, sort: &'a Sort) -> Result<Option<Result<Wanted<'a>, String>>> {
        let Some(first) = sort.expr.first() else { return Ok(None) };
        let distances = |e: &Expr| e.exists(|e| Ok(distance::call(e).is_some())).unwrap_or(false);
        let Some((expr, place)) = chain::resolve(&first.expr, &sort.input)? else {
            let is = distances(&first.expr);
            return Ok(is.then(|| Err("the rows do not come from one table by filters and joins alone".to_owned())));
        };
        let Some((metric, a, b)) = distance::call(&expr) else {
            let later = sort.expr.iter().skip(1).any(|e| distances(&e.expr));
            return Ok(
                (later || distances(&expr)).then(|| Err("the first key of the order is not a distance".to_owned()))
            );
        };
        let (column, other) = match (bare(a), bare(b)) {
            (Some(column), None) => (column.clone(), b),
            (None, Some(column)) => (column.clone(), a),
            _ => return Ok(Some(Err("the distance is not one of a column and one vector".to_owned()))),
        };
        let Some(query) = literal::value(other) else {
            return Ok(Some(Err("the vector is not known before the rows are read".to_owned())));
        };
        let Some(query) = distance::vector_of(&query) else {
            return Ok(Some(Err("the other side of the distance is no vector".to_owned())));
        };
        if query.iter().any(|v| !v.is_finite()) {
            return Ok(Some(Err("the vector holds what is not finite, so that no row has a distance".to_owned())));
        }
        let Some((table, shape)) = table_of(&place.scan.source) else {
            return Ok(Some(Err(format!("{} is not a table of the database", place.scan.table_name))));
        };
        Ok(Some(Ok(Wanted { metric, query, column, place, table, shape })))
    }

    fn way(&self, sort: &Sort, wanted: &Wanted<'_>, limit: Option<usize>, using: Option<Using>) -> Result<Way> {
        let Wanted { metric, query, column, table, .. } = wanted;
        let Some(first) = sort.expr.first() else { return Ok(Way::Exact(String::new())) };
        if first.asc == metric.larger_is_nearer() {
            let far = if first.asc { "ascending" } else { "descending" };
            return Ok(Way::Exact(format!("{far} order of {metric} has the farthest rows first")));
        }
        if first.nulls_first {
            return Ok(Way::Exact("NULLS FIRST has the rows without a distance first".to_owned()));
        }
        if limit.is_none() && using != Some(Using::Ann) {
            return Ok(Way::Exact("there is no LIMIT, and a preselection would lose rows".to_owned()));
        }
        let view = self.0.current.view();
        let pick = self.0.current.vectors().pick(&view, table, &column.name, *metric).map_err(to_engine)?;
        let index = match pick {
            Pick::Index(index) => *index,
            Pick::Exact(reason) => return Ok(Way::Exact(reason)),
        };
        if let Some(reason) = self.fit(&index, query.len())? {
            return Ok(Way::Exact(reason));
        }
        if !chain::is_plain(&sort.input)? {
            return Ok(Way::Exact("the rows depend on an outer query, or on chance".to_owned()));
        }
        let Some(limit) = limit else { return self.all(sort, wanted, index).map(Way::Index) };
        let exact = using == Some(Using::Exact);
        if exact && !index.is_faithful() {
            return Ok(Way::Exact("the index holds the vectors in less than their precision".to_owned()));
        }
        let ask = self.ask(&index, limit, sort.expr.len() > 1, exact);
        self.by_index(sort, wanted, index, ask).map(Way::Index)
    }

    /// Whether a query of this length can be put to an index: an error, or a reason for every row, as the policy says.
    fn fit(&self, index: &Opened, len: usize) -> Result<Option<String>> {
        let dim = index.set.dim();
        if dim == 0 || dim == len {
            return Ok(None);
        }
        let reason = format!("the vector has dimension {len}, the index {} {dim}", index.name.key());
        match self.0.value("vector.query_dim").as_str() {
            "exact" => Ok(Some(reason)),
            "warn" => {
                tracing::warn!(target: "qx::sql", index = %index.name.key(), dim, got = len, "a query of another dimension");
                Ok(Some(reason))
            }
            _ => Err(to_engine(
                Error::new(Kind::Usage, format!("a query of another dimension than the index {}", index.name.key()))
                    .expected(dim)
                    .got(len)
                    .hint("SET vector.query_dim = exact reads every row instead"),
            )),
        }
    }

    fn ask(&self, index: &Opened, k: usize, ties: bool, exact: bool) -> Ask {
        let alpha = self.0.preselect_alpha(index.def.options.as_ref().and_then(|o| o.alpha));
        let width = if exact { k } else { k.saturating_mul(alpha) };
        Ask { k, width, ef: self.0.ef_search(), exact, ties }
    }

    /// The sort over the rows that the index finds.
    fn by_index(&self, sort: &Sort, wanted: &Wanted<'_>, index: Opened, ask: Ask) -> Result<LogicalPlan> {
        let table = &wanted.table;
        let key = RowKey::of_index(&table.def, &index.def).map_err(to_engine)?;
        let expires = table.def.options.ttl_ms.is_some();
        let filtered = expires || chain::filters(&sort.input);
        let name = format!("nearest in {}", index.name.key());
        let faithful = index.is_faithful();
        let delta = self.delta(wanted, &index)?;
        // Rows without a distance are only asked for where there may be too few with one.
        let enough = index.set.len() >= (ask.k as u64).saturating_add(delta.gone.len() as u64);
        let keys = (filtered || !enough).then(|| keys_plan(&sort.input, wanted, &key)).transpose()?;
        let found = self.relation(index, delta, wanted, ask, key.clone(), keys, filtered)?;
        let base = joined(wanted, &key, &name, found, JoinType::Inner)?;
        let pass = [
            Column::new(Some(TableReference::bare(name.clone())), SCORE),
            Column::new(Some(TableReference::bare(name)), ORDER),
        ];
        let swap = Swap { metric: wanted.metric, query: &wanted.query, column: wanted.column.clone() };
        let swap = faithful.then_some(&swap);
        // What the search was given the keys of has passed the filters already.
        let input = chain::rebuild(&sort.input, &wanted.place, &base, &pass, swap, filtered)?;
        let [score, order] = input.pass.as_slice() else {
            return datafusion::common::internal_err!("a search lost its score");
        };
        let mut exprs: Vec<SortExpr> = sort.expr.clone();
        for (i, e) in exprs.iter_mut().enumerate() {
            if faithful {
                e.expr = if i == 0 { Expr::Column(score.clone()) } else { input.swapped(e.expr.clone(), swap)? };
            }
        }
        exprs.push(Expr::Column(order.clone()).sort(true, false));
        let schema = sort.input.schema();
        let builder = LogicalPlanBuilder::from(input.plan).sort_with_limit(exprs, sort.fetch)?;
        builder.project(columns(schema))?.build()
    }

    /// The sort over every row, where ties go as an index would have them. `None` where rows cannot be told apart, and
    /// where the plan must not be built anew.
    fn by_every_row(&self, sort: &Sort, wanted: &Wanted<'_>) -> Result<Option<LogicalPlan>> {
        let Some(key) = self.tie_key(wanted) else { return Ok(None) };
        if !chain::is_plain(&sort.input)? {
            return Ok(None);
        }
        let base = ordered(scan(wanted, wide(wanted, &key))?.build()?, wanted, &key)?;
        let pass = [Column::new(Some(wanted.place.scan.table_name.clone()), ORDER)];
        let input = chain::rebuild(&sort.input, &wanted.place, &base, &pass, None, false)?;
        let mut exprs: Vec<SortExpr> = sort.expr.clone();
        exprs.extend(input.pass.iter().map(|order| Expr::Column(order.clone()).sort(true, false)));
        let builder = LogicalPlanBuilder::from(input.plan).sort_with_limit(exprs, sort.fetch)?;
        builder.project(columns(sort.input.schema()))?.build().map(Some)
    }

    /// The key by which ties go: that of an index on the column, asked or not, else the table's.
    fn tie_key(&self, wanted: &Wanted<'_>) -> Option<RowKey> {
        key_on(&self.0.current.view().catalog(), &wanted.table, &wanted.column.name).ok()
    }

    /// USING ANN without LIMIT: what the index finds comes first, all other rows behind it.
    fn all(&self, sort: &Sort, wanted: &Wanted<'_>, index: Opened) -> Result<LogicalPlan> {
        let key = RowKey::of_index(&wanted.table.def, &index.def).map_err(to_engine)?;
        let filtered = wanted.table.def.options.ttl_ms.is_some() || chain::filters(&sort.input);
        let keys = filtered.then(|| keys_plan(&sort.input, wanted, &key)).transpose()?;
        let k = self.0.ef_search().unwrap_or_else(|| index.set.default_ef());
        let ask = Ask { width: k, ..self.ask(&index, k, true, false) };
        let name = format!("nearest in {}", index.name.key());
        let delta = self.delta(wanted, &index)?;
        let found = self.relation(index, delta, wanted, ask, key.clone(), keys, filtered)?;
        let base = ordered(joined(wanted, &key, &name, found, JoinType::Right)?, wanted, &key)?;
        let pass = [
            Column::new(Some(TableReference::bare(name)), SCORE),
            Column::new(Some(wanted.place.scan.table_name.clone()), ORDER),
        ];
        let input = chain::rebuild(&sort.input, &wanted.place, &base, &pass, None, false)?;
        let [score, order] = input.pass.as_slice() else {
            return datafusion::common::internal_err!("a search lost its score");
        };
        let mut exprs = vec![Expr::Column(score.clone()).is_null().sort(true, false)];
        exprs.extend(sort.expr.iter().cloned());
        exprs.push(Expr::Column(order.clone()).sort(true, false));
        let builder = LogicalPlanBuilder::from(input.plan).sort_with_limit(exprs, sort.fetch)?;
        builder.project(columns(sort.input.schema()))?.build()
    }

    fn delta(&self, wanted: &Wanted<'_>, index: &Opened) -> Result<Arc<Delta>> {
        let view = self.0.current.view();
        self.0.current.vectors().delta(&view, &wanted.table, index).map_err(to_engine)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one search, each decided elsewhere")]
    fn relation(
        &self,
        index: Opened,
        delta: Arc<Delta>,
        wanted: &Wanted<'_>,
        ask: Ask,
        key: RowKey,
        keys: Option<LogicalPlan>,
        filtered: bool,
    ) -> Result<Arc<dyn TableSource>> {
        let t = key_type(wanted, &key).map_err(to_engine)?;
        let searcher = Arc::new(Searcher { index, delta, flavour: key.flavour, ask });
        let nearest = Nearest::new(searcher, wanted.query.clone(), key, keys, filtered, Shape::Join(t));
        let about = nearest.about();
        Ok(provider_as_source(Described::wrap(Arc::new(nearest), about)))
    }
}

/// The type that keys are joined in.
fn key_type(wanted: &Wanted<'_>, key: &RowKey) -> qx_formats::Result<DataType> {
    let number = key.flavour == Flavour::Ordinal && asked(wanted, key) == Asked::Ids;
    match key.columns.first() {
        Some(name) if key.is_column() && !number => {
            let schema = wanted.table.def.row_schema()?;
            Ok(schema.field_with_name(name).map_or(DataType::UInt64, |f| f.data_type().clone()))
        }
        _ => Ok(DataType::UInt64),
    }
}

/// What a scan is asked for so that the key stands in it, and whatever the statement wants of it.
fn asked(wanted: &Wanted<'_>, key: &RowKey) -> Asked {
    match (wanted.shape, key.flavour) {
        (Asked::Ids, _) | (_, Flavour::HashedKey) => Asked::Ids,
        (_, Flavour::Ordinal) => Asked::Hidden,
        (shape, _) => shape,
    }
}

/// What a scan is asked for so that the columns of a key stand in it, beside what the statement wants of it.
fn wide(wanted: &Wanted<'_>, key: &RowKey) -> Asked {
    match (wanted.shape, key.flavour) {
        (Asked::Plain, Flavour::Ordinal) => Asked::Hidden,
        (shape, _) => shape,
    }
}

/// Rows of the table with a number behind their columns that orders them as their row ids are ordered in an index.
fn ordered(rows: LogicalPlan, wanted: &Wanted<'_>, key: &RowKey) -> Result<LogicalPlan> {
    let name = &wanted.place.scan.table_name;
    let of: Vec<Expr> = key.columns.iter().map(|c| Expr::Column(Column::new(Some(name.clone()), c.as_str()))).collect();
    let order = match (key.flavour, of.as_slice()) {
        (Flavour::SignedKey | Flavour::UnsignedKey, [one]) => one.clone(),
        _ => distance::row_id_function().call(of.clone()),
    };
    let mut exprs = columns(rows.schema());
    // What a search found has a column of this name as well, under the name of the search.
    exprs.push(order.alias_qualified(Some(name.clone()), ORDER));
    LogicalPlanBuilder::from(rows).project(exprs)?.build()
}

/// A scan of the table in another form, under the name that the statement has for it.
fn scan(wanted: &Wanted<'_>, shape: Asked) -> Result<LogicalPlanBuilder> {
    let rows = Rows::new(Arc::clone(&wanted.table), shape).map_err(to_engine)?;
    let about = Described::of(source_as_provider(&wanted.place.scan.source)?.as_ref()).map(Described::facts);
    let provider = Described::wrap(Arc::new(rows), about.unwrap_or_default());
    LogicalPlanBuilder::scan(wanted.place.scan.table_name.clone(), provider_as_source(provider), None)
}

/// The keys of the rows that stand under a sort.
fn keys_plan(input: &LogicalPlan, wanted: &Wanted<'_>, key: &RowKey) -> Result<LogicalPlan> {
    // A hash is made of the key's columns, so those are all that is needed.
    let shape = if key.flavour == Flavour::HashedKey { wanted.shape } else { asked(wanted, key) };
    let base = scan(wanted, shape)?.build()?;
    let name = &wanted.place.scan.table_name;
    let pass: Vec<Column> = key.columns.iter().map(|c| Column::new(Some(name.clone()), c.as_str())).collect();
    let chain = chain::rebuild(input, &wanted.place, &base, &pass, None, false)?;
    LogicalPlanBuilder::from(chain.plan).project(chain.pass.into_iter().map(Expr::Column))?.build()
}

/// The table, joined to what was found.
fn joined(
    wanted: &Wanted<'_>,
    key: &RowKey,
    name: &str,
    found: Arc<dyn TableSource>,
    kind: JoinType,
) -> Result<LogicalPlan> {
    let rows = scan(wanted, asked(wanted, key))?.build()?;
    let own = match key.columns.first() {
        Some(column) if key.is_column() => column.as_str(),
        _ => qx_store::table_def::ROW_ID,
    };
    let own = Column::new(Some(wanted.place.scan.table_name.clone()), own);
    let reference = TableReference::bare(name.to_owned());
    let theirs = Column::new(Some(reference.clone()), KEY);
    let found = LogicalPlanBuilder::scan(reference, found, None)?;
    found.join(rows, kind, (vec![theirs], vec![own]), None)?.build()
}

fn mark_exact(keys: &mut [SortExpr]) {
    if let Some(first) = keys.first_mut() {
        first.expr = first.expr.clone().alias(EXACT);
    }
}

/// Whether the rule has decided on a sort before: it is marked, or stands over what an index found. Where that gave no
/// final scores, the first key still is a distance, and the search must not be put over itself.
fn is_settled(sort: &Sort) -> bool {
    let exact = matches!(sort.expr.first().map(|k| &k.expr), Some(Expr::Alias(alias)) if alias.name == EXACT);
    exact || sort.expr.iter().any(|k| matches!(&k.expr, Expr::Column(column) if column.name == ORDER))
}

fn bare(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => bare(&alias.expr),
        _ => None,
    }
}

/// All columns of a schema.
fn columns(schema: &DFSchema) -> Vec<Expr> {
    schema.iter().map(|(qualifier, field)| Expr::Column(Column::from((qualifier, field)))).collect()
}

/// The rows that a LIMIT lets through, those that OFFSET skips included; `None` where that depends on anything else.
fn rows_of(limit: &Limit) -> Option<usize> {
    let number = |e: &Expr| match literal::value(e)?.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(Some(n)) => usize::try_from(n).ok(),
        _ => None,
    };
    let skip = limit.skip.as_deref().map_or(Some(0), number)?;
    Some(skip.saturating_add(number(limit.fetch.as_deref()?)?))
}

/// The table of the database that a scan reads as it is now, and in which form.
pub(crate) fn table_of(source: &Arc<dyn TableSource>) -> Option<(Arc<Table>, Asked)> {
    let provider = source_as_provider(source).ok()?;
    let described = Described::of(provider.as_ref())?;
    let inner: &dyn std::any::Any = described.inner().as_ref();
    let rows = inner.downcast_ref::<Rows>()?;
    let shape = rows.shape();
    matches!(shape, Asked::Plain | Asked::Ids | Asked::Hidden).then(|| (Arc::clone(rows.table()), shape))
}

/// What a table says of itself, and why an index was not asked.
#[derive(Debug)]
struct Told(Facts);

impl Describe for Told {
    fn facts(&self) -> Facts {
        self.0.clone()
    }
}

/// Writes a reason to the tables under a sort; once.
fn tell(plan: LogicalPlan, reason: &str) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let Ok(provider) = source_as_provider(&scan.source) else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        let Some(described) = Described::of(provider.as_ref()) else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        let facts = described.facts();
        if facts.kind != "table" || facts.reasons.iter().any(|r| r.starts_with("exact: ")) {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        }
        let told = Described::wrap(Arc::clone(described.inner()), Told(facts.reason(reason)));
        scan.source = provider_as_source(told);
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })
}

/// Restores the name that an expression had.
pub(super) fn renamed(before: &Expr, after: Expr) -> Expr {
    NamePreserver::new_for_projection().save(before).restore(after)
}
