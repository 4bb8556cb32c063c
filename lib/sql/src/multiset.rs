//! EXCEPT ALL and INTERSECT ALL. The engine asks of each row whether there is one like it on the other side; in SQL rows that
//! are alike are counted. Here they are numbered on either side, and a row meets the one of its number.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{Column, NullEquality};
use datafusion::error::Result as EngineResult;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, Join, JoinType, LogicalPlan, LogicalPlanBuilder};
use qx_formats::Result;

use crate::error::engine_error;

/// Lets the set operations of a plan count, as the planner left it.
///
/// # Errors
/// `Engine`.
pub(crate) fn settle(plan: LogicalPlan) -> Result<LogicalPlan> {
    let settled = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if counts(&join) => counted(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    });
    settled.data().map_err(engine_error)
}

/// Whether a join is a set operation over rows that may be alike. No other join of a statement takes nulls for alike.
fn counts(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(_))
}

fn columns(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}

fn counted(mut join: Join) -> EngineResult<LogicalPlan> {
    let wanted = columns(&join.left);
    let (left, left_number) = numbered(&join.left, "\u{1f}left")?;
    let (right, right_number) = numbered(&join.right, "\u{1f}right")?;
    join.on.push((left_number, right_number));
    let join = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        join.on,
        join.filter,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(join)).project(wanted)?.build()
}

/// The rows with a number behind them, by which rows that are alike differ.
fn numbered(plan: &LogicalPlan, name: &str) -> EngineResult<(LogicalPlan, Expr)> {
    let all = columns(plan);
    let number = row_number().partition_by(all.clone()).build()?;
    let column = Expr::Column(Column::new_unqualified(number.schema_name().to_string()));
    let plan = LogicalPlanBuilder::from(plan.clone()).window(vec![number])?;
    let plan = plan.project(all.into_iter().chain([column.alias(name)]))?.build()?;
    Ok((plan, Expr::Column(Column::new_unqualified(name))))
}
