//! The columns of a UNION in which decimals meet doubles.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, ScalarValue, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Projection, Union, Values, lit};
use qx_store::rows::Number;

use super::inside::apart;
use super::meet::{as_double, integer};
use super::shown::shown;
use super::{is_number, number};

/// Brings each input to the types that the columns come to.
pub(super) fn united(union: Union) -> EngineResult<Transformed<LogicalPlan>> {
    let width = union.schema.fields().len();
    let targets: Vec<Option<Vec<DataType>>> = (0..width).map(|at| targets(&union.inputs, at)).collect();
    if targets.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.into_iter().enumerate().map(|(place, input)| {
        let mine: Vec<Option<&DataType>> = targets.iter().map(|t| t.as_ref().and_then(|t| t.get(place))).collect();
        brought(input, &mine)
    });
    let inputs = inputs.collect::<EngineResult<Vec<_>>>()?;
    let fields = union.schema.iter().zip(&targets).map(|((qualifier, field), target)| {
        let t = target.as_ref().and_then(|t| t.first()).unwrap_or(field.data_type()).clone();
        (qualifier.cloned(), Arc::new(field.as_ref().clone().with_data_type(t)))
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), union.schema.as_arrow().metadata.clone())?;
    Ok(Transformed::yes(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) })))
}

/// The types that a column comes to in each input; `None` unless decimals meet doubles in it.
fn targets(inputs: &[Arc<LogicalPlan>], at: usize) -> Option<Vec<DataType>> {
    let types: Vec<&DataType> = inputs.iter().map(|input| input.schema().field(at).data_type()).collect();
    if types.iter().any(|t| t.is_nested()) {
        return apart(&types);
    }
    Some(vec![target(inputs, at, &types)?; inputs.len()])
}

fn target(inputs: &[Arc<LogicalPlan>], at: usize, types: &[&DataType]) -> Option<DataType> {
    if !types.iter().any(|t| t.is_decimal()) || !types.iter().any(|t| t.is_floating()) {
        return None;
    }
    let (mut whole, mut scale) = (1, 0);
    for (input, t) in inputs.iter().zip(types) {
        match t {
            DataType::Decimal128(p, s) => {
                whole = whole.max(i16::from(*p) - i16::from(*s));
                scale = scale.max(i16::from(*s));
            }
            t if t.is_floating() => {
                let mut found = Vec::new();
                if numbers(input, at, &mut found).is_none() {
                    return Some(DataType::Float64);
                }
                for n in found {
                    whole = whole.max(i16::try_from(n.whole()).ok()?);
                    scale = scale.max(i16::try_from(n.scale()).ok()?);
                }
            }
            t if t.is_decimal() => return Some(DataType::Float64),
            _ => {}
        }
    }
    let precision = u8::try_from(whole + scale).ok().filter(|p| *p <= DECIMAL128_MAX_PRECISION);
    let decimal = precision.zip(i8::try_from(scale).ok()).map(|(p, s)| DataType::Decimal128(p, s));
    Some(decimal.unwrap_or(DataType::Float64))
}

/// Gathers the numbers that a column of a plan is in its rows; `None` where it may be something else than one of those,
/// or nothing.
fn numbers(plan: &LogicalPlan, at: usize, found: &mut Vec<Number>) -> Option<()> {
    match plan {
        LogicalPlan::Projection(p) => match plain(p.expr.get(at)?) {
            Expr::Column(column) => numbers(&p.input, p.input.schema().maybe_index_of_column(column)?, found),
            e => {
                found.push(number(e)?);
                Some(())
            }
        },
        LogicalPlan::Values(values) => listed(values, at, found),
        LogicalPlan::Union(union) => union.inputs.iter().try_for_each(|input| numbers(input, at, found)),
        LogicalPlan::SubqueryAlias(alias) => numbers(&alias.input, at, found),
        LogicalPlan::Distinct(Distinct::All(input)) => numbers(input, at, found),
        LogicalPlan::Sort(sort) => numbers(&sort.input, at, found),
        LogicalPlan::Limit(limit) => numbers(&limit.input, at, found),
        LogicalPlan::Filter(filter) => numbers(&filter.input, at, found),
        _ => None,
    }
}

fn plain(e: &Expr) -> &Expr {
    match e {
        Expr::Alias(alias) => plain(&alias.expr),
        e => e,
    }
}

fn is_null(e: &Expr) -> bool {
    matches!(e, Expr::Literal(value, _) if value.is_null())
}

/// Gathers what [`numbers`] does from VALUES: where one is a number, integers beside it are cast to doubles.
fn listed(values: &Values, at: usize, found: &mut Vec<Number>) -> Option<()> {
    let column = || values.values.iter().filter_map(|row| row.get(at));
    if !column().any(is_number) {
        return None;
    }
    for e in column().filter(|e| !is_null(e)) {
        found.push(written(e)?);
    }
    Some(())
}

/// The number that an expression is, or the integer that VALUES casts to the type of its column.
fn written(e: &Expr) -> Option<Number> {
    match e {
        Expr::Cast(Cast { expr, field }) if field.data_type().is_floating() => integer(expr),
        e => number(e),
    }
}

/// The number that a column of a plan is in all rows, where a projection says so.
fn constant(plan: &LogicalPlan, at: usize) -> Option<Number> {
    match plan {
        LogicalPlan::Projection(p) => number(plain(p.expr.get(at)?)),
        LogicalPlan::SubqueryAlias(alias) => constant(&alias.input, at),
        LogicalPlan::Distinct(Distinct::All(input)) => constant(input, at),
        LogicalPlan::Sort(sort) => constant(&sort.input, at),
        LogicalPlan::Limit(limit) => constant(&limit.input, at),
        _ => None,
    }
}

/// An input with columns of the types that they come to.
fn brought(input: Arc<LogicalPlan>, targets: &[Option<&DataType>]) -> EngineResult<Arc<LogicalPlan>> {
    let input = match input.as_ref() {
        LogicalPlan::Values(values) => Arc::new(LogicalPlan::Values(in_decimals(values, targets)?)),
        _ => input,
    };
    let mut exprs = Vec::with_capacity(targets.len());
    for (at, ((qualifier, field), target)) in input.schema().iter().zip(targets).enumerate() {
        let column = Expr::Column(Column::from((qualifier, field)));
        let new = match *target {
            Some(DataType::Float64) => as_double(&column, input.schema())?,
            Some(t) if t.is_nested() && t != field.data_type() => {
                Expr::Cast(Cast::new(Box::new(column.clone()), t.clone()))
            }
            Some(t) if t.is_decimal() && field.data_type().is_floating() => {
                let value = constant(&input, at).and_then(|n| n.decimal_beside(t));
                // The digits that the numbers were written with are those that their doubles are shown with.
                value.map_or_else(|| shown(column.clone(), t.clone()), lit)
            }
            _ => column.clone(),
        };
        exprs.push(if new == column { new } else { new.alias_qualified(qualifier.cloned(), field.name()) });
    }
    Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(exprs, input)?)))
}

/// VALUES with decimals in the place of numbers where a column comes to decimals.
fn in_decimals(values: &Values, targets: &[Option<&DataType>]) -> EngineResult<Values> {
    let mut new = values.clone();
    let mut fields = Vec::with_capacity(targets.len());
    for (at, ((qualifier, field), target)) in values.schema.iter().zip(targets).enumerate() {
        let Some(t) = target.filter(|t| t.is_decimal() && field.data_type().is_floating()) else {
            fields.push((qualifier.cloned(), Arc::clone(field)));
            continue;
        };
        for e in new.values.iter_mut().filter_map(|row| row.get_mut(at)) {
            *e = lit(decimal(e, t)?);
        }
        fields.push((qualifier.cloned(), Arc::new(field.as_ref().clone().with_data_type(t.clone()))));
    }
    let schema = DFSchema::new_with_metadata(fields, values.schema.as_arrow().metadata.clone())?;
    new.schema = Arc::new(schema);
    Ok(new)
}

fn decimal(e: &Expr, t: &DataType) -> EngineResult<ScalarValue> {
    if is_null(e) {
        return ScalarValue::try_from(t);
    }
    match written(e).and_then(|n| n.decimal_beside(t)) {
        Some(value) => value.cast_to(t),
        None => plan_err!("{e} is no {t}"),
    }
}
