//! A subquery for a value that has no row is null. The engine takes the value for one that never is where the column is none
//! that holds nulls, as in `SELECT 1 FROM t WHERE ...`, and drops what a `coalesce` or an `IS NULL` around it asks. Here it
//! stands in a function that may give null.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as EngineResult;
use datafusion::functions::core::nullif;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery, lit};
use qx_formats::Result;

use crate::error::engine_error;

/// Lets the subqueries of a plan be null, as the planner left it. No column changes its name.
///
/// # Errors
/// `Engine`.
pub(crate) fn settle(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut changed = false;
    let settled = plan.transform_up_with_subqueries(|plan| {
        let plan = node(plan)?;
        changed |= plan.transformed;
        match changed {
            // What is below may have columns that hold nulls now.
            true => plan.map_data(LogicalPlan::recompute_schema),
            false => Ok(plan),
        }
    });
    settled.data().map_err(engine_error)
}

fn node(plan: LogicalPlan) -> EngineResult<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|e| {
        // A name around a grouping set would make another expression of it.
        let never = |e: &Expr| Ok(matches!(e, Expr::ScalarSubquery(s) if is_never_null(s)));
        if matches!(e, Expr::GroupingSet(_)) || !e.exists(never)? {
            return Ok(Transformed::no(e));
        }
        let name = names.save(&e);
        Ok(e.transform_down(nullable)?.update_data(|e| name.restore(e)))
    })
}

fn nullable(e: Expr) -> EngineResult<Transformed<Expr>> {
    match e {
        Expr::ScalarSubquery(s) if is_never_null(&s) => {
            let null = ScalarValue::try_from(s.subquery.schema().field(0).data_type())?;
            let value = nullif().call(vec![Expr::ScalarSubquery(s), lit(null)]);
            Ok(Transformed::new(value, true, TreeNodeRecursion::Jump))
        }
        e => Ok(Transformed::no(e)),
    }
}

/// Whether the engine would take the value for one that is never null, and is wrong.
fn is_never_null(s: &Subquery) -> bool {
    let field = s.subquery.schema().field(0);
    !field.is_nullable() && !field.data_type().is_nested() && !has_a_row(&s.subquery)
}

/// Whether a plan gives one row whatever there is.
fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(p) => has_a_row(&p.input),
        LogicalPlan::SubqueryAlias(alias) => has_a_row(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}
