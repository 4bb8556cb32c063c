//! Numbers in a plan whose place says that they are decimals, and decimals whose place says that they are doubles.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, Join, LogicalPlan};
use qx_formats::Result;

use super::meet::{any_of_subquery, between, cased, chooses, chosen, compared, compares, in_subquery, listed, wanted};
use super::shown::shown;
use super::unite::united;
use super::{MARK, double, marked, type_of};
use crate::error::engine_error;

/// Makes decimals of the numbers that meet decimals or are cast to one, doubles of the decimals that meet doubles, and
/// doubles of the marks that are left, where there are `marks`. No column changes its name.
///
/// # Errors
/// `Engine`.
pub(crate) fn settle(plan: LogicalPlan, marks: bool) -> Result<LogicalPlan> {
    let mut changed = false;
    let settled = plan.transform_up_with_subqueries(|plan| {
        let plan = node(plan)?;
        changed |= plan.transformed && !keeps_columns(&plan.data);
        match changed {
            // What is below may have columns of other types now.
            true => plan.map_data(LogicalPlan::recompute_schema),
            false => Ok(plan),
        }
    });
    let plan = settled.data().map_err(engine_error)?;
    if !marks {
        return Ok(plan);
    }
    // Nothing is renamed by this: the name of a mark is that of the double.
    let plain = plan.transform_up_with_subqueries(|plan| plan.map_expressions(|e| e.transform_up(unmarked)));
    plain.data().map_err(engine_error)
}

/// Whether a plan has the columns of what is below, whatever its expressions are: what is above need not work out its own
/// again. Most of what is compared stands in conditions.
fn keeps_columns(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_) | LogicalPlan::Sort(_))
}

fn node(plan: LogicalPlan) -> EngineResult<Transformed<LogicalPlan>> {
    expressions(plan)?.transform_data(|plan| match plan {
        LogicalPlan::Join(join) => Ok(joined(join)),
        LogicalPlan::Union(union) => united(union),
        plan => Ok(Transformed::no(plan)),
    })
}

/// Changes what concerns us in the expressions of a plan, which keep their names.
fn expressions(plan: LogicalPlan) -> EngineResult<Transformed<LogicalPlan>> {
    // A name around a grouping set would make another expression of it.
    let here =
        |e: &Expr| -> EngineResult<bool> { Ok(!matches!(e, Expr::GroupingSet(_)) && e.exists(|e| Ok(concerns(e)))?) };
    let mut any = false;
    plan.apply_expressions(|e| {
        any = here(e)?;
        Ok(if any { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !any {
        return Ok(Transformed::no(plan));
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|e| {
        if !here(&e)? {
            return Ok(Transformed::no(e));
        }
        let name = names.save(&e);
        // From below: what is compared has the type by then that it comes to.
        let new = e.transform_up(|e| one(e, &schema))?;
        Ok(match new.transformed {
            true => new.update_data(|e| name.restore(e)),
            false => new,
        })
    })
}

fn concerns(e: &Expr) -> bool {
    match e {
        Expr::BinaryExpr(b) => compares(b.op),
        Expr::Between(_) | Expr::InList(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::Case(_) => true,
        Expr::ScalarFunction(call) => chooses(call),
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. }) => field.data_type().is_decimal(),
        _ => false,
    }
}

fn one(e: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let new = match &e {
        Expr::BinaryExpr(b) if compares(b.op) => compared(b, schema)?,
        Expr::Between(b) => between(b, schema)?,
        Expr::InList(list) => listed(list, schema)?,
        Expr::InSubquery(i) => in_subquery(i, schema)?,
        Expr::SetComparison(s) => any_of_subquery(s, schema)?,
        Expr::Case(case) => cased(case, schema)?,
        Expr::ScalarFunction(call) if chooses(call) => chosen(call, schema)?,
        Expr::Cast(Cast { expr, field }) if field.data_type().is_decimal() => match wanted(expr, schema) {
            Some(expr) => Some(Expr::Cast(Cast { expr: Box::new(expr), field: Arc::clone(field) })),
            None => type_of(expr, schema)
                .is_some_and(|t| t.is_floating())
                .then(|| shown(expr.as_ref().clone(), field.data_type().clone())),
        },
        Expr::TryCast(TryCast { expr, field }) if field.data_type().is_decimal() => {
            wanted(expr, schema).map(|expr| Expr::TryCast(TryCast { expr: Box::new(expr), field: Arc::clone(field) }))
        }
        _ => None,
    };
    Ok(new.map_or_else(|| Transformed::no(e), Transformed::yes))
}

fn unmarked(e: Expr) -> EngineResult<Transformed<Expr>> {
    match &e {
        Expr::ScalarFunction(call) if call.func.name() == MARK => match marked(&e) {
            Some(text) => Ok(Transformed::yes(double(text)?)),
            None => plan_err!("{MARK} marks a number"),
        },
        _ => Ok(Transformed::no(e)),
    }
}

/// Columns that a join compares by itself, as USING and INTERSECT have it.
fn joined(mut join: Join) -> Transformed<LogicalPlan> {
    let mut changed = false;
    for (left, right) in &mut join.on {
        let (l, r) = (type_of(left, join.left.schema()), type_of(right, join.right.schema()));
        let side = match (l, r) {
            (Some(l), Some(r)) if l.is_decimal() && r.is_floating() => left,
            (Some(l), Some(r)) if l.is_floating() && r.is_decimal() => right,
            _ => continue,
        };
        *side = Expr::Cast(Cast::new(Box::new(side.clone()), DataType::Float64));
        changed = true;
    }
    Transformed::new_transformed(LogicalPlan::Join(join), changed)
}
