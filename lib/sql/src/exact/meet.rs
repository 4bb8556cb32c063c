//! Decimals, doubles and numbers where they come to one type: in a comparison, or as values of which one is taken.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::{
    Between, BinaryExpr, Case, Cast, InList, InSubquery, ScalarFunction, SetComparison,
};
use datafusion::logical_expr::expr_schema::cast_subquery;
use datafusion::logical_expr::{Expr, Operator, Subquery, lit};
use qx_store::rows::Number;

use super::{clock, doubles, inside, is_decimal, is_exact, is_number, number, type_of, was_number};

/// Functions whose value is one of their arguments.
const CHOOSE: [&str; 5] = ["coalesce", "nvl", "ifnull", "greatest", "least"];

/// What expressions come to one type for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// In as many digits as it takes.
    Compared,
    /// In a type that columns have.
    Chosen,
}

pub(super) fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Whether the arguments of a function come to one type.
pub(super) fn chooses(call: &ScalarFunction) -> bool {
    match call.func.name() {
        // Literals are of one kind by themselves, and vectors are many of them.
        inside::ARRAY => call.args.iter().any(|e| !matches!(e, Expr::Literal(..))),
        name => CHOOSE.contains(&name) || matches!(name, "nullif" | "nvl2"),
    }
}

/// What an expression says of the type that it comes to with others; a number says nothing.
fn leading(e: &Expr, schema: &DFSchema) -> Option<DataType> {
    if is_number(e) || wanted(e, schema).is_some() || inside::is_numbers(e) {
        return None;
    }
    match e {
        // The engine says the first type of all.
        Expr::Case(case) => {
            let mut values = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
            let decimal = values.find_map(|e| leading(e, schema).filter(DataType::is_decimal));
            decimal.or_else(|| type_of(e, schema))
        }
        e => type_of(e, schema),
    }
}

/// Expressions that come to one type, as they do so; `None` where the engine does well without us. With a double they are
/// all doubles; the numbers among them are decimals beside a decimal.
pub(super) fn together<'a>(
    all: impl IntoIterator<Item = &'a Expr>,
    meeting: Meeting,
    schema: &DFSchema,
) -> EngineResult<Option<Vec<Expr>>> {
    let all: Vec<&Expr> = all.into_iter().collect();
    let led: Vec<DataType> = all.iter().filter_map(|e| leading(e, schema)).collect();
    let Some(decimal) = led.iter().find(|t| t.is_decimal()) else {
        let nested = inside::together(&all, &led, meeting, schema);
        return Ok(nested.or_else(|| clock::together(&all, &led, meeting, schema)));
    };
    let exact = match led.iter().any(DataType::is_floating) {
        true => None,
        false => all.iter().map(|e| beside(e, decimal, meeting, schema)).collect::<Option<Vec<_>>>(),
    };
    let new = match exact {
        Some(new) => new,
        None => all.iter().map(|e| as_double(e, schema)).collect::<EngineResult<Vec<_>>>()?,
    };
    let changed = new.iter().zip(&all).any(|(new, old)| new != *old);
    Ok(changed.then_some(new))
}

/// `e` as it meets a decimal of the type `t`; `None` where no decimal holds it.
fn beside(e: &Expr, t: &DataType, meeting: Meeting, schema: &DFSchema) -> Option<Expr> {
    let fits = |t: &DataType| meeting == Meeting::Compared || !matches!(t, DataType::Decimal256(..));
    if is_number(e) {
        return number(e)?.decimal_beside(t).filter(|value| fits(&value.data_type())).map(lit);
    }
    if let Some(new) = wanted(e, schema) {
        return type_of(&new, schema).is_none_or(|t| fits(&t)).then_some(new);
    }
    // The engine makes a decimal of twenty digits of any integer, and there is not always room for them.
    match integer(e).filter(|_| meeting == Meeting::Compared).and_then(|n| n.decimal_beside(t)) {
        Some(value) => Some(lit(value)),
        None => Some(e.clone()),
    }
}

pub(super) fn integer(e: &Expr) -> Option<Number> {
    match e {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => Number::parse(&value.to_string()),
        Expr::Literal(ScalarValue::UInt64(Some(value)), _) => Number::parse(&value.to_string()),
        _ => None,
    }
}

/// `e` as it meets a double.
pub(super) fn as_double(e: &Expr, schema: &DFSchema) -> EngineResult<Expr> {
    Ok(match leading(e, schema).is_some_and(|t| t.is_decimal()) {
        true if was_number(e) => doubles(e)?,
        true => Expr::Cast(Cast::new(Box::new(e.clone()), DataType::Float64)),
        false => e.clone(),
    })
}

pub(super) fn compared(b: &BinaryExpr, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let sides = together([b.left.as_ref(), b.right.as_ref()], Meeting::Compared, schema)?;
    let Some(Ok([left, right])) = sides.map(<[Expr; 2]>::try_from) else { return Ok(None) };
    Ok(Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), b.op, Box::new(right)))))
}

pub(super) fn between(b: &Between, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let all = together([b.expr.as_ref(), b.low.as_ref(), b.high.as_ref()], Meeting::Compared, schema)?;
    let Some(Ok([expr, low, high])) = all.map(<[Expr; 3]>::try_from) else { return Ok(None) };
    Ok(Some(Expr::Between(Between::new(Box::new(expr), b.negated, Box::new(low), Box::new(high)))))
}

pub(super) fn listed(list: &InList, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let all = together(std::iter::once(list.expr.as_ref()).chain(&list.list), Meeting::Compared, schema)?;
    let Some(mut all) = all else { return Ok(None) };
    let items = all.split_off(1);
    Ok(all.pop().map(|expr| Expr::InList(InList::new(Box::new(expr), items, list.negated))))
}

/// An expression and the column of a subquery that it is compared with.
fn selected(e: &Expr, subquery: &Subquery, schema: &DFSchema) -> EngineResult<Option<(Expr, Subquery)>> {
    let column = subquery.subquery.schema().field(0).data_type();
    if column.is_decimal()
        && let Some(new) = beside(e, column, Meeting::Compared, schema)
        && leading(e, schema).is_none_or(|t| !t.is_floating())
    {
        return Ok((new != *e).then(|| (new, subquery.clone())));
    }
    let doubles = [column.clone(), type_of(e, schema).unwrap_or(DataType::Null)];
    if !doubles.iter().any(DataType::is_decimal) || !doubles.iter().any(DataType::is_floating) {
        return Ok(None);
    }
    let subquery = match column.is_decimal() {
        true => cast_subquery(subquery.clone(), &DataType::Float64)?,
        false => subquery.clone(),
    };
    Ok(Some((as_double(e, schema)?, subquery)))
}

pub(super) fn in_subquery(i: &InSubquery, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let new = selected(&i.expr, &i.subquery, schema)?;
    Ok(new.map(|(e, subquery)| Expr::InSubquery(InSubquery::new(Box::new(e), subquery, i.negated))))
}

pub(super) fn any_of_subquery(s: &SetComparison, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let new = selected(&s.expr, &s.subquery, schema)?;
    Ok(new.map(|(e, subquery)| Expr::SetComparison(SetComparison::new(Box::new(e), subquery, s.op, s.quantifier))))
}

/// CASE: what the WHENs are compared with, and the values of which it gives one.
pub(super) fn cased(case: &Case, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let mut new = case.clone();
    if let Some(expr) = &case.expr {
        let whens = case.when_then_expr.iter().map(|(when, _)| when.as_ref());
        let all = together(std::iter::once(expr.as_ref()).chain(whens), Meeting::Compared, schema)?;
        let mut all = all.into_iter().flatten();
        new.expr = all.next().map(Box::new).or(new.expr);
        for ((when, _), settled) in new.when_then_expr.iter_mut().zip(all) {
            **when = settled;
        }
    }
    let thens = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
    let values = together(thens.chain(case.else_expr.as_deref()), Meeting::Chosen, schema)?;
    let places = new.when_then_expr.iter_mut().map(|(_, then)| then).chain(&mut new.else_expr);
    for (place, settled) in places.zip(values.into_iter().flatten()) {
        **place = settled;
    }
    Ok(changed(Expr::Case(new), &Expr::Case(case.clone())))
}

/// A function whose arguments come to one type.
pub(super) fn chosen(call: &ScalarFunction, schema: &DFSchema) -> EngineResult<Option<Expr>> {
    let args = together(&call.args, Meeting::Chosen, schema)?;
    Ok(args.map(|args| Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), args))))
}

/// What a cast to a decimal is given: `e` with its numbers as decimals, where they come out of it as they are.
pub(super) fn wanted(e: &Expr, schema: &DFSchema) -> Option<Expr> {
    // Most expressions have none, and to ask each part of a long sum for its type takes its time.
    let any = e.exists(|e| Ok(is_number(e))).unwrap_or(false);
    if any { with_decimals(e, schema) } else { None }
}

fn with_decimals(e: &Expr, schema: &DFSchema) -> Option<Expr> {
    if is_number(e) {
        return Some(lit(number(e)?.decimal()?));
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
    with_decimals(e, schema).or_else(|| type_of(e, schema).is_some_and(fits).then(|| e.clone()))
}
