//! Decimals, doubles and numbers inside arrays and structs that come to one type.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{Expr, lit};

use super::meet::Meeting;
use super::{is_number, number, type_of};

/// The function that `[...]` is.
pub(super) const ARRAY: &str = "make_array";

fn element(t: &DataType) -> Option<&FieldRef> {
    match t {
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => Some(f),
        _ => None,
    }
}

/// Whether a decimal stands inside a type.
fn has_decimal(t: &DataType) -> bool {
    let within = |f: &FieldRef| f.data_type().is_decimal() || has_decimal(f.data_type());
    match t {
        DataType::Struct(fields) => fields.iter().any(within),
        t => element(t).is_some_and(within),
    }
}

/// A type with doubles in the place of the decimals that stand where doubles stand in `other`.
fn beside_floats(t: &DataType, other: &DataType) -> DataType {
    let with = |f: &FieldRef, other: &FieldRef| {
        Arc::new(f.as_ref().clone().with_data_type(beside_floats(f.data_type(), other.data_type())))
    };
    match (t, other) {
        (DataType::Struct(fields), DataType::Struct(others)) => {
            let of = |(at, f): (usize, &FieldRef)| {
                let named = others.iter().find(|o| o.name() == f.name()).or_else(|| others.get(at));
                named.map_or_else(|| Arc::clone(f), |o| with(f, o))
            };
            DataType::Struct(fields.iter().enumerate().map(of).collect::<Fields>())
        }
        (t, other) if t.is_decimal() && other.is_floating() => DataType::Float64,
        (t, other) => match (t, element(other)) {
            (DataType::List(f), Some(o)) => DataType::List(with(f, o)),
            (DataType::LargeList(f), Some(o)) => DataType::LargeList(with(f, o)),
            (DataType::FixedSizeList(f, n), Some(o)) => DataType::FixedSizeList(with(f, o), *n),
            _ => t.clone(),
        },
    }
}

/// Types with doubles wherever a decimal of one meets a double of another; `None` where that is nowhere.
pub(super) fn apart(types: &[&DataType]) -> Option<Vec<DataType>> {
    if !types.iter().any(|t| has_decimal(t)) {
        return None;
    }
    let doubles = |t: &&DataType| types.iter().fold((*t).clone(), |t, other| beside_floats(&t, other));
    let new: Vec<DataType> = types.iter().map(doubles).collect();
    new.iter().zip(types).any(|(new, old)| new != *old).then_some(new)
}

/// Whether an expression is an array of numbers, and says as little of the type that it comes to as they do.
pub(super) fn is_numbers(e: &Expr) -> bool {
    let Expr::ScalarFunction(call) = e else { return false };
    let number = |e: &Expr| is_number(e) || is_numbers(e);
    let fits = |e: &Expr| number(e) || matches!(e, Expr::Literal(ScalarValue::Int64(_) | ScalarValue::Null, _));
    call.func.name() == ARRAY && call.args.iter().any(number) && call.args.iter().all(fits)
}

/// [`super::meet::together`] for arrays and structs.
pub(super) fn together(all: &[&Expr], led: &[DataType], meeting: Meeting, schema: &DFSchema) -> Option<Vec<Expr>> {
    let decimals = led.iter().find(|t| has_decimal(t))?;
    if apart(&led.iter().collect::<Vec<_>>()).is_none() {
        let exact = |e: &&Expr| if is_numbers(e) { beside(e, decimals, meeting) } else { Some((*e).clone()) };
        if let Some(new) = all.iter().map(exact).collect::<Option<Vec<Expr>>>() {
            return new.iter().zip(all).any(|(new, old)| new != *old).then_some(new);
        }
    }
    let types = all.iter().map(|e| type_of(e, schema)).collect::<Option<Vec<DataType>>>()?;
    let doubles = apart(&types.iter().collect::<Vec<_>>())?;
    let cast = |((e, old), new): ((&&Expr, DataType), DataType)| match old == new {
        true => (*e).clone(),
        false => Expr::Cast(Cast::new(Box::new((*e).clone()), new)),
    };
    Some(all.iter().zip(types).zip(doubles).map(cast).collect())
}

/// An array of numbers as one of decimals, beside arrays of the type `t`; `None` where no decimal holds one of them.
fn beside(e: &Expr, t: &DataType, meeting: Meeting) -> Option<Expr> {
    let Expr::ScalarFunction(call) = e else { return Some(e.clone()) };
    let of = element(t)?.data_type();
    let fits = |t: &DataType| meeting == Meeting::Compared || !matches!(t, DataType::Decimal256(..));
    let decimal = |e: &Expr| match is_number(e) {
        true => number(e)?.decimal_beside(of).filter(|value| fits(&value.data_type())).map(lit),
        false => beside(e, of, meeting),
    };
    let args = call.args.iter().map(decimal).collect::<Option<Vec<Expr>>>()?;
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&call.func), args)))
}
