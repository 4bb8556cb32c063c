//! The value of a scalar subquery as a literal, for arguments that have to be known before anything is planned.

use datafusion::arrow::array::Array;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Value};
use qx_formats::{Error, Result};

use crate::error::engine_error;

/// The value in the first row of a column.
///
/// # Errors
/// `Usage` for a list that is no vector.
pub(crate) fn literal(column: &dyn Array) -> Result<Expr> {
    let value = ScalarValue::try_from_array(column, 0).map_err(engine_error)?;
    let literal = match &value {
        v if v.is_null() => Value::Null,
        v if v.data_type().is_integer() => Value::Number(v.to_string(), false),
        ScalarValue::List(list) => Value::SingleQuotedString(vector_text(&list.value(0))?),
        ScalarValue::FixedSizeList(list) => Value::SingleQuotedString(vector_text(&list.value(0))?),
        v => Value::SingleQuotedString(v.to_string()),
    };
    Ok(Expr::Value(literal.into()))
}

/// A list of floats as a literal from which every bit comes back.
fn vector_text(values: &dyn Array) -> Result<String> {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::{DataType, Float64Type};
    let doubles = datafusion::arrow::compute::cast(values, &DataType::Float64)
        .map_err(|e| Error::usage(format!("a list argument holds numbers: {e}")))?;
    if doubles.null_count() > 0 {
        return Err(Error::usage("a list argument holds a null"));
    }
    let parts: Vec<String> = doubles.as_primitive::<Float64Type>().values().iter().map(f64::to_string).collect();
    Ok(format!("[{}]", parts.join(",")))
}
