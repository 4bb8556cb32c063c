//! Numbers in a plan whose place says that they are decimals: beside one in a comparison, or under a cast to one.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, Cast, InList, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, lit};
use qx_formats::Result;

use super::{
    MARK, double, doubles, exact, has_number, is_decimal, is_exact, is_number, marked, number, type_of, was_number,
};
use crate::error::engine_error;

/// Functions whose value is one of their arguments.
const CHOOSE: [&str; 5] = ["coalesce", "nvl", "ifnull", "greatest", "least"];

/// Makes decimals of the numbers that are compared with decimals or cast to one, and doubles of the marks that are left.
/// No column changes its name or type.
///
/// # Errors
/// `Engine`.
pub(crate) fn settle(plan: LogicalPlan) -> Result<LogicalPlan> {
    let settled = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|e| {
            if !e.exists(|e| Ok(concerns(e)))? {
                return Ok(Transformed::no(e));
            }
            let name = names.save(&e);
            // From above: a comparison is met before the marks in it are gone.
            let settled = e.transform_down(|e| one(e, &schema))?;
            Ok(settled.update_data(|e| name.restore(e)))
        })
    });
    settled.data().map_err(engine_error)
}

fn concerns(e: &Expr) -> bool {
    match e {
        Expr::BinaryExpr(b) => compares(b.op),
        Expr::Between(_) | Expr::InList(_) => true,
        Expr::Case(case) => case.expr.is_some(),
        Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. }) => field.data_type().is_decimal(),
        e => marked(e).is_some(),
    }
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn one(e: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let new = match &e {
        Expr::BinaryExpr(b) if compares(b.op) => compared(b, schema)?,
        Expr::Between(b) => between(b, schema)?,
        Expr::InList(list) => listed(list, schema)?,
        Expr::Case(case) => chosen_by(case, schema),
        Expr::Cast(Cast { expr, field }) if field.data_type().is_decimal() => {
            wanted(expr, schema).map(|expr| Expr::Cast(Cast { expr: Box::new(expr), field: Arc::clone(field) }))
        }
        Expr::TryCast(TryCast { expr, field }) if field.data_type().is_decimal() => {
            wanted(expr, schema).map(|expr| Expr::TryCast(TryCast { expr: Box::new(expr), field: Arc::clone(field) }))
        }
        Expr::ScalarFunction(call) if call.func.name() == MARK => match marked(&e) {
            Some(text) => Some(double(text)?),
            None => return plan_err!("{MARK} marks a number"),
        },
        _ => None,
    };
    Ok(new.map_or_else(|| Transformed::no(e), Transformed::yes))
}

/// `e` as it is compared with a value of the type `t`; `None` when it stays as it is.
fn beside(e: &Expr, t: Option<&DataType>, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    match t {
        Some(t) if t.is_decimal() && is_number(e) => Ok(number(e).and_then(|n| n.decimal_beside(t)).map(lit)),
        Some(t) if t.is_decimal() && has_number(e) => Ok(exact(e, schema)),
        // Beside a double it is one again: a decimal has no room for the largest of those.
        Some(t) if t.is_floating() && was_number(e) => Ok(Some(doubles(e)?)),
        _ => Ok(None),
    }
}

/// The type that a number beside this expression takes after; none beside another number.
fn leading(e: &Expr, schema: &DFSchema) -> Option<DataType> {
    match has_number(e) && exact(e, schema).is_some() {
        true => None,
        false => type_of(e, schema),
    }
}

fn compared(b: &BinaryExpr, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let left = beside(&b.left, leading(&b.right, schema).as_ref(), schema)?;
    let right = beside(&b.right, leading(&b.left, schema).as_ref(), schema)?;
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    let left = left.map_or_else(|| b.left.clone(), Box::new);
    let right = right.map_or_else(|| b.right.clone(), Box::new);
    Ok(Some(Expr::BinaryExpr(BinaryExpr::new(left, b.op, right))))
}

/// What several expressions are compared with that stand for the same kind of value.
fn leading_of<'a>(all: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> Option<DataType> {
    let mut found = None;
    for t in all.into_iter().filter_map(|e| leading(e, schema)) {
        if t.is_floating() {
            return Some(t);
        }
        if t.is_decimal() {
            found.get_or_insert(t);
        }
    }
    found
}

fn between(b: &Between, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let t = leading(&b.expr, schema).filter(|t| t.is_decimal() || t.is_floating());
    let t = t.or_else(|| leading_of([b.low.as_ref(), b.high.as_ref()], schema));
    let mut any = false;
    let mut side = |e: &Expr| -> EngineResult<Box<Expr>> {
        let new = beside(e, t.as_ref(), schema)?;
        any |= new.is_some();
        Ok(Box::new(new.unwrap_or_else(|| e.clone())))
    };
    let new = Between::new(side(&b.expr)?, b.negated, side(&b.low)?, side(&b.high)?);
    Ok(any.then_some(Expr::Between(new)))
}

fn listed(list: &InList, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let t = leading(&list.expr, schema).filter(|t| t.is_decimal() || t.is_floating());
    let t = t.or_else(|| leading_of(&list.list, schema));
    let mut any = false;
    let mut side = |e: &Expr| -> EngineResult<Expr> {
        let new = beside(e, t.as_ref(), schema)?;
        any |= new.is_some();
        Ok(new.unwrap_or_else(|| e.clone()))
    };
    let expr = side(&list.expr)?;
    let items = list.list.iter().map(side).collect::<EngineResult<Vec<_>>>()?;
    Ok(any.then(|| Expr::InList(InList::new(Box::new(expr), items, list.negated))))
}

/// CASE over a decimal, whose WHENs are compared with it.
fn chosen_by(case: &Case, schema: &DFSchema) -> Option<Expr> {
    let t = case.expr.as_deref().and_then(|e| leading(e, schema)).filter(DataType::is_decimal)?;
    let mut new = case.clone();
    let mut any = false;
    for (when, _) in &mut new.when_then_expr {
        if let Ok(Some(e)) = beside(when, Some(&t), schema) {
            **when = e;
            any = true;
        }
    }
    any.then_some(Expr::Case(new))
}

/// What a cast to a decimal is given: `e` with its numbers as decimals, where they come out of it as they are.
fn wanted(e: &Expr, schema: &DFSchema) -> Option<Expr> {
    if is_number(e) {
        return exact(e, schema);
    }
    match e {
        Expr::BinaryExpr(b) if is_exact(b.op) => {
            let (left, right) = (candidate(&b.left, schema)?, candidate(&b.right, schema)?);
            let new = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), b.op, Box::new(right)));
            changed(new, e).filter(|new| is_decimal(new, schema))
        }
        Expr::Negative(inner) => changed(Expr::Negative(Box::new(candidate(inner, schema)?)), e),
        Expr::Case(case) => {
            let mut new = case.clone();
            for (_, then) in &mut new.when_then_expr {
                **then = candidate(then, schema)?;
            }
            if let Some(other) = &mut new.else_expr {
                **other = candidate(other, schema)?;
            }
            changed(Expr::Case(new), e)
        }
        Expr::ScalarFunction(call) if CHOOSE.contains(&call.func.name()) => {
            let args = call.args.iter().map(|e| candidate(e, schema)).collect::<Option<Vec<_>>>()?;
            changed(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), args)), e)
        }
        _ => None,
    }
}

fn changed(new: Expr, old: &Expr) -> Option<Expr> {
    (new != *old).then_some(new)
}

/// One of several values of which one is taken; `None` for what is no decimal.
fn candidate(e: &Expr, schema: &DFSchema) -> Option<Expr> {
    let fits = |t: DataType| t.is_decimal() || t.is_integer() || t == DataType::Null;
    wanted(e, schema).or_else(|| type_of(e, schema).is_some_and(fits).then(|| e.clone()))
}
