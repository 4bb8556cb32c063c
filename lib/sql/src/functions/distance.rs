//! `vec_l2`, `vec_ip`, `cosine_sim`, `to_vec` and `vec_row_id`: vectors in expressions. A vector is a list of numbers or a
//! text such as `[1,2]`; what is no vector, holds what is not finite, or has another length than the other, gives a distance of null.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float32Builder, ListBuilder, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use qx_formats::Error;
use qx_store::vectors::{self, Vectors};
use qx_vector::{Flavour, Metric, literal, metric};

use crate::error::to_engine;

pub(super) fn register(context: &SessionContext) {
    for metric in [Metric::L2, Metric::Ip, Metric::Cosine] {
        context.register_udf(ScalarUDF::from(Distance::new(metric)));
    }
    context.register_udf(ScalarUDF::from(ToVec(Signature::any(1, Volatility::Immutable))));
    context.register_udf(row_id_function());
}

/// The function of a metric.
pub(crate) fn name_of(metric: Metric) -> &'static str {
    match metric {
        Metric::L2 => "vec_l2",
        Metric::Ip => "vec_ip",
        Metric::Cosine => "cosine_sim",
    }
}

/// The metric of a function of ours.
pub(crate) fn metric_of(name: &str) -> Option<Metric> {
    [Metric::L2, Metric::Ip, Metric::Cosine].into_iter().find(|m| name_of(*m) == name)
}

/// A call of a distance function: its metric and its two sides.
pub(crate) fn call(expr: &Expr) -> Option<(Metric, &Expr, &Expr)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    match (metric_of(call.func.name()), call.args.as_slice()) {
        (Some(metric), [a, b]) => Some((metric, a, b)),
        _ => None,
    }
}

/// The vector that a value is, if it is one.
pub(crate) fn vector_of(value: &ScalarValue) -> Option<Vec<f32>> {
    if let Some(text) = value.try_as_str() {
        return literal::parse(text?).ok();
    }
    let array = value.to_array().ok()?;
    Vectors::of(&array).ok()?.get(0).map(<[f32]>::to_vec)
}

fn is_text(t: &DataType) -> bool {
    matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn check(function: &str, types: &[DataType]) -> Result<()> {
    match types.iter().find(|t| !(is_text(t) || t.is_null() || vectors::is_vectors(t))) {
        Some(other) => {
            plan_err!("{function} takes vectors: lists of numbers, or texts such as '[0.1, 0.2]'; got {other}")
        }
        None => Ok(()),
    }
}

/// One side of a call.
enum Side {
    One(Option<Vec<f32>>),
    Texts(Vec<Option<Vec<f32>>>),
    Lists(Vectors),
}

impl Side {
    fn of(value: &ColumnarValue) -> Result<Side> {
        match value {
            ColumnarValue::Scalar(value) => Ok(Side::One(vector_of(value))),
            ColumnarValue::Array(array) if array.data_type().is_null() => Ok(Side::One(None)),
            ColumnarValue::Array(array) if is_text(array.data_type()) => {
                let texts = cast(array, &DataType::Utf8)?;
                let texts = texts.as_string::<i32>();
                Ok(Side::Texts(texts.iter().map(|t| literal::parse(t?).ok()).collect()))
            }
            ColumnarValue::Array(array) => Vectors::of(array).map(Side::Lists).map_err(to_engine),
        }
    }

    fn get(&self, row: usize) -> Option<&[f32]> {
        match self {
            Side::One(v) => v.as_deref(),
            Side::Texts(all) => all.get(row)?.as_deref(),
            Side::Lists(all) => all.get(row),
        }
    }
}

/// The metric of two vectors, null where there is none.
pub(crate) fn score(metric: Metric, a: &[f32], b: &[f32]) -> Option<f32> {
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let score = metric::score(metric, a, b);
    // A score that is finite comes from numbers that are; 0 also stands for the cosine of what has no direction.
    let sound = (score.is_finite() && score != 0.0) || a.iter().chain(b).all(|v| v.is_finite());
    (sound && !score.is_nan()).then_some(score)
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Distance {
    metric: Metric,
    signature: Signature,
}

impl Distance {
    pub(crate) fn new(metric: Metric) -> Distance {
        Distance { metric, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Distance {
    fn name(&self) -> &str {
        name_of(self.metric)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        check(self.name(), types)?;
        Ok(DataType::Float32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [a, b] = args.args.as_slice() else { return plan_err!("{} takes two vectors", self.name()) };
        let (a, b) = (Side::of(a)?, Side::of(b)?);
        let one = |row| score(self.metric, a.get(row)?, b.get(row)?);
        if let (Side::One(_), Side::One(_)) = (&a, &b) {
            return Ok(ColumnarValue::Scalar(ScalarValue::Float32(one(0))));
        }
        let scores: Float32Array = (0..args.number_rows).map(one).collect();
        Ok(ColumnarValue::Array(Arc::new(scores)))
    }
}

/// `to_vec(x)`: a vector as a list. What is no finite number is refused: JSON would show it as a null.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ToVec(Signature);

impl ScalarUDFImpl for ToVec {
    fn name(&self) -> &str {
        "to_vec"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        check(self.name(), types)?;
        Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Float32, true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else { return plan_err!("to_vec takes one vector") };
        let side = Side::of(value)?;
        let rows = if matches!(side, Side::One(_)) { 1 } else { args.number_rows };
        let mut lists = ListBuilder::new(Float32Builder::new());
        for row in 0..rows {
            match side.get(row) {
                Some(vector) if vector.iter().any(|v| !v.is_finite()) => {
                    return Err(to_engine(Error::invalid("to_vec: a component is infinite or not a number")));
                }
                Some(vector) => {
                    lists.values().append_slice(vector);
                    lists.append(true);
                }
                None => lists.append(false),
            }
        }
        let array: ArrayRef = Arc::new(lists.finish());
        match side {
            Side::One(_) => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
            _ => Ok(ColumnarValue::Array(array)),
        }
    }
}

/// `vec_row_id(key, ...)`: the row id that an index has for a key that is no single integer.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RowId(Signature);

/// `vec_row_id` itself.
pub(crate) fn row_id_function() -> ScalarUDF {
    ScalarUDF::from(RowId(Signature::variadic_any(Volatility::Immutable)))
}

impl ScalarUDFImpl for RowId {
    fn name(&self) -> &str {
        "vec_row_id"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let columns = args.args.iter().map(|a| a.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let flavour = match columns.as_slice() {
            [one] if one.data_type().is_signed_integer() => Flavour::SignedKey,
            [one] if one.data_type().is_unsigned_integer() => Flavour::UnsignedKey,
            _ => Flavour::HashedKey,
        };
        let ids = vectors::row_ids(flavour, &columns).map_err(to_engine)?;
        Ok(ColumnarValue::Array(Arc::new(UInt64Array::from(ids))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_distance_gives_null() {
        assert_eq!(score(Metric::L2, &[0.0, 3.0], &[4.0, 0.0]), Some(5.0));
        assert_eq!(score(Metric::Cosine, &[0.0, 0.0], &[1.0, 0.0]), Some(0.0));
        assert_eq!(score(Metric::L2, &[0.0], &[4.0, 0.0]), None);
        assert_eq!(score(Metric::L2, &[], &[]), None);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for metric in [Metric::L2, Metric::Ip, Metric::Cosine] {
                assert_eq!(score(metric, &[bad, 1.0], &[1.0, 1.0]), None, "{metric} {bad}");
            }
        }
        assert_eq!(score(Metric::Ip, &[f32::MAX, f32::MAX], &[2.0, 2.0]), Some(f32::INFINITY));
    }

    #[test]
    fn texts_and_lists_are_vectors() {
        assert_eq!(vector_of(&ScalarValue::from("[1, 2]")), Some(vec![1.0, 2.0]));
        assert_eq!(vector_of(&ScalarValue::from("nothing")), None);
        assert_eq!(vector_of(&ScalarValue::Utf8(None)), None);
        assert_eq!(vector_of(&ScalarValue::Int64(Some(1))), None);
    }
}
