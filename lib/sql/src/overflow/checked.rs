//! Arithmetic that is checked while a statement runs.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal, NegativeExpr};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, PhysicalGroupBy};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;

use super::grows;

type Shared = Arc<dyn PhysicalExpr>;
type Plan = Arc<dyn ExecutionPlan>;

/// The rule. It comes before all others, so that what they make of expressions is made of checked ones.
#[derive(Debug)]
pub(crate) struct Checked;

impl PhysicalOptimizerRule for Checked {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        plan.transform_up(|node| {
            Ok(match operator(&node)? {
                Some(new) => Transformed::yes(new),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// An operator with its expressions checked; `None` where nothing in them can outgrow its type.
fn operator(node: &Plan) -> Result<Option<Plan>> {
    if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        return projected(projection);
    }
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        let Some(predicate) = expression(filter.predicate(), &filter.input().schema())? else { return Ok(None) };
        return Ok(Some(Arc::new(FilterExecBuilder::from(filter).with_predicate(predicate).build()?)));
    }
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        return aggregated(aggregate);
    }
    if let Some(sort) = node.downcast_ref::<SortExec>() {
        return sorted(sort);
    }
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        let Some(filter) = joined(join.filter())? else { return Ok(None) };
        return HashJoinExecBuilder::from(join).with_filter(Some(filter)).build_exec().map(Some);
    }
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        let Some(filter) = joined(join.filter())? else { return Ok(None) };
        return Ok(Some(Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter)).build()?)));
    }
    Ok(None)
}

/// An expression with its sums, differences, products and negations of integers checked, if it has any.
fn expression(e: &Shared, schema: &Schema) -> Result<Option<Shared>> {
    let done = Arc::clone(e).transform_up(|e| {
        if let Some(b) = e.downcast_ref::<BinaryExpr>() {
            if grows(*b.op()) && is_integer(b.left(), schema) {
                return Ok(Transformed::yes(Arc::new(b.clone().with_fail_on_overflow(true)) as Shared));
            }
        } else if let Some(negative) = e.downcast_ref::<NegativeExpr>()
            && is_integer(negative.arg(), schema)
        {
            let zero = ScalarValue::new_zero(&negative.data_type(schema)?)?;
            let zero: Shared = Arc::new(Literal::new(zero));
            let difference = BinaryExpr::new(zero, Operator::Minus, Arc::clone(negative.arg()));
            return Ok(Transformed::yes(Arc::new(difference.with_fail_on_overflow(true)) as Shared));
        }
        Ok(Transformed::no(e))
    })?;
    Ok(done.transformed.then_some(done.data))
}

/// Whether a value is an integer. The operands of integer arithmetic are all of one type, so that the first one tells; to
/// ask each level of a long sum for its type would walk all that is below it, and back.
fn is_integer(e: &Shared, schema: &Schema) -> bool {
    let mut first = e;
    while let Some(b) = first.downcast_ref::<BinaryExpr>().filter(|b| grows(*b.op())) {
        first = b.left();
    }
    first.data_type(schema).is_ok_and(|t| t.is_integer())
}

/// Several expressions, if any of them changes.
fn expressions(all: &[Shared], schema: &Schema) -> Result<Option<Vec<Shared>>> {
    let mut any = false;
    let mut new = Vec::with_capacity(all.len());
    for e in all {
        let checked = expression(e, schema)?;
        any |= checked.is_some();
        new.push(checked.unwrap_or_else(|| Arc::clone(e)));
    }
    Ok(any.then_some(new))
}

fn projected(projection: &ProjectionExec) -> Result<Option<Plan>> {
    let all: Vec<Shared> = projection.expr().iter().map(|e| Arc::clone(&e.expr)).collect();
    let Some(new) = expressions(&all, &projection.input().schema())? else { return Ok(None) };
    let named = projection.expr().iter().zip(new).map(|(old, expr)| ProjectionExpr { expr, alias: old.alias.clone() });
    let input = Arc::clone(projection.input());
    Ok(Some(Arc::new(ProjectionExec::try_new_with_schema_metadata(named, input, &projection.schema())?)))
}

fn sorted(sort: &SortExec) -> Result<Option<Plan>> {
    let all: Vec<Shared> = sort.expr().iter().map(|s| Arc::clone(&s.expr)).collect();
    let Some(new) = expressions(&all, &sort.input().schema())? else { return Ok(None) };
    let keys = sort.expr().iter().zip(new).map(|(old, expr)| PhysicalSortExpr { expr, options: old.options });
    let Some(ordering) = LexOrdering::new(keys) else { return Ok(None) };
    let new = SortExec::new(ordering, Arc::clone(sort.input()));
    let new = new.with_preserve_partitioning(sort.preserve_partitioning());
    Ok(Some(Arc::new(new.with_fetch(sort.fetch()))))
}

fn joined(filter: Option<&JoinFilter>) -> Result<Option<JoinFilter>> {
    let Some(filter) = filter else { return Ok(None) };
    let new = expression(filter.expression(), filter.schema())?;
    Ok(new.map(|e| JoinFilter::new(e, filter.column_indices().to_vec(), Arc::clone(filter.schema()))))
}

fn aggregated(aggregate: &AggregateExec) -> Result<Option<Plan>> {
    let schema = aggregate.input_schema();
    let group = aggregate.group_expr();
    let keys = expressions(&group.input_exprs(), &schema)?;
    let mut any = keys.is_some();
    let mut functions = Vec::with_capacity(aggregate.aggr_expr().len());
    for function in aggregate.aggr_expr() {
        let all = function.all_expressions();
        let (args, order) = (expressions(&all.args, &schema)?, expressions(&all.order_by_exprs, &schema)?);
        let new = match (args, order) {
            (None, None) => None,
            (args, order) => {
                function.with_new_expressions(args.unwrap_or(all.args), order.unwrap_or(all.order_by_exprs))
            }
        };
        any |= new.is_some();
        functions.push(new.map_or_else(|| Arc::clone(function), Arc::new));
    }
    let mut filters = Vec::with_capacity(functions.len());
    for filter in aggregate.filter_expr() {
        let new = filter.as_ref().map(|e| expression(e, &schema)).transpose()?.flatten();
        any |= new.is_some();
        filters.push(new.or_else(|| filter.clone()));
    }
    if !any {
        return Ok(None);
    }
    let keys = keys.unwrap_or_else(|| group.input_exprs());
    let keys = keys.into_iter().zip(group.expr()).map(|(e, (_, name))| (e, name.clone())).collect();
    let group =
        PhysicalGroupBy::new(keys, group.null_expr().to_vec(), group.groups().to_vec(), group.has_grouping_set());
    let input = Arc::clone(aggregate.input());
    let new = AggregateExec::try_new(*aggregate.mode(), group, functions, filters, input, Arc::clone(&schema))?;
    Ok(Some(Arc::new(new.with_limit_options(aggregate.limit_options()))))
}
