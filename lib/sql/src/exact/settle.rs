//! Numbers in a plan whose place says that they are decimals, and decimals whose place says that they are doubles.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, Projection, Union, lit};
use qx_formats::Result;
use qx_store::rows::Number;

use super::meet::{
    any_of_subquery, as_double, between, cased, chooses, chosen, compared, compares, in_subquery, listed, wanted,
};
use super::shown::shown;
use super::{MARK, double, marked, number, type_of};
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
        changed |= plan.transformed;
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

/// The columns of a UNION.
fn united(union: Union) -> EngineResult<Transformed<LogicalPlan>> {
    let width = union.schema.fields().len();
    let targets: Vec<Option<DataType>> = (0..width).map(|at| target(&union.inputs, at)).collect();
    if targets.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.into_iter().map(|input| brought(input, &targets)).collect::<EngineResult<Vec<_>>>()?;
    let fields = union.schema.iter().zip(&targets).map(|((qualifier, field), target)| {
        let t = target.as_ref().unwrap_or(field.data_type()).clone();
        (qualifier.cloned(), Arc::new(field.as_ref().clone().with_data_type(t)))
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), union.schema.as_arrow().metadata.clone())?;
    Ok(Transformed::yes(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) })))
}

/// The type that a column of a UNION comes to; `None` unless decimals meet doubles in it.
fn target(inputs: &[Arc<LogicalPlan>], at: usize) -> Option<DataType> {
    let types: Vec<&DataType> = inputs.iter().map(|input| input.schema().field(at).data_type()).collect();
    if !types.iter().any(|t| t.is_decimal()) || !types.iter().any(|t| t.is_floating()) {
        return None;
    }
    let (mut whole, mut scale) = (1, 0);
    for (input, t) in inputs.iter().zip(types) {
        let (w, s) = match t {
            DataType::Decimal128(p, s) => (i16::from(*p) - i16::from(*s), i16::from(*s)),
            t if t.is_floating() => match constant(input, at) {
                Some(n) => (i16::try_from(n.whole()).ok()?, i16::try_from(n.scale()).ok()?),
                None => return Some(DataType::Float64),
            },
            t if t.is_decimal() => return Some(DataType::Float64),
            _ => continue,
        };
        (whole, scale) = (whole.max(w), scale.max(s));
    }
    let precision = u8::try_from(whole + scale).ok().filter(|p| *p <= DECIMAL128_MAX_PRECISION);
    let decimal = precision.zip(i8::try_from(scale).ok()).map(|(p, s)| DataType::Decimal128(p, s));
    Some(decimal.unwrap_or(DataType::Float64))
}

/// The number that a column of a plan is in all rows.
fn constant(plan: &LogicalPlan, at: usize) -> Option<Number> {
    match plan {
        LogicalPlan::Projection(p) => number(&p.expr.get(at)?.clone().unalias()),
        LogicalPlan::SubqueryAlias(alias) => constant(&alias.input, at),
        LogicalPlan::Distinct(Distinct::All(input)) => constant(input, at),
        LogicalPlan::Sort(sort) => constant(&sort.input, at),
        LogicalPlan::Limit(limit) => constant(&limit.input, at),
        _ => None,
    }
}

/// An input of a UNION with columns of the types that they come to.
fn brought(input: Arc<LogicalPlan>, targets: &[Option<DataType>]) -> EngineResult<Arc<LogicalPlan>> {
    let mut exprs = Vec::with_capacity(targets.len());
    for (at, ((qualifier, field), target)) in input.schema().iter().zip(targets).enumerate() {
        let column = Expr::Column(Column::from((qualifier, field)));
        let new = match target {
            Some(DataType::Float64) => as_double(&column, input.schema())?,
            Some(t) if field.data_type().is_floating() => {
                let value = constant(&input, at).and_then(|n| n.decimal_beside(t));
                value.map_or_else(|| column.clone(), lit)
            }
            _ => column.clone(),
        };
        exprs.push(if new == column { new } else { new.alias_qualified(qualifier.cloned(), field.name()) });
    }
    Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(exprs, input)?)))
}
