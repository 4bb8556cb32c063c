//! Values on their way into a column of another type. A cast makes the nearest of them; what it would cut off without a
//! word is refused here.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowNativeTypeOp, DECIMAL256_MAX_PRECISION, DataType, Decimal256Type, Float32Type, Float64Type, TimeUnit,
    TimestampNanosecondType, i256,
};
use qx_formats::{Error, Result};

use super::{arrow_error, conform};

/// [`conform`], for values that somebody writes. A decimal may be rounded to the digits of its column, and a double to a
/// shorter one, as everywhere in SQL.
///
/// # Errors
/// `Invalid` for a value that does not fit: a fraction in an integer, a time with a part of a microsecond, a double that
/// is too large for a shorter one.
pub fn fit(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(array.clone());
    }
    let refused = |what: String| Error::invalid(format!("a value cannot be stored as {target}: {what}"));
    if let Some(what) = cut_off(array.as_ref(), target)? {
        return Err(refused(what));
    }
    let there = conform(array, target)?;
    match overflow(array.as_ref(), there.as_ref()) {
        true => Err(refused("it is too large".to_owned())),
        false => Ok(there),
    }
}

/// What the first value would lose that loses something.
fn cut_off(array: &dyn Array, target: &DataType) -> Result<Option<String>> {
    let fraction =
        |value: &dyn std::fmt::Display| format!("{value} has a fraction, of which round() or a CAST says what becomes");
    let from = array.data_type();
    Ok(match (from, target) {
        (t, to) if t.is_floating() && to.is_integer() => {
            let doubles = cast(array, &DataType::Float64).map_err(arrow_error)?;
            let doubles = doubles.as_primitive::<Float64Type>();
            doubles.iter().flatten().find(|v| v.is_finite() && v.fract() != 0.0).map(|v| fraction(&v))
        }
        (t, to) if t.is_decimal() && to.is_integer() => cut_decimal(array)?.map(|v| fraction(&v)),
        (DataType::Timestamp(TimeUnit::Nanosecond, _), DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            let times = array.as_primitive::<TimestampNanosecondType>();
            times.iter().flatten().any(|v| v % 1000 != 0).then(too_fine)
        }
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, DataType::Timestamp(..)) => {
            let texts = cast(array, &DataType::Utf8).map_err(arrow_error)?;
            texts.as_string::<i32>().iter().flatten().any(is_too_fine).then(too_fine)
        }
        (DataType::List(_), DataType::List(item)) => {
            cut_off(array.as_list::<i32>().values().as_ref(), item.data_type())?
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            for (column, field) in array.as_struct().columns().iter().zip(fields) {
                if let Some(what) = cut_off(column.as_ref(), field.data_type())? {
                    return Ok(Some(what));
                }
            }
            None
        }
        (DataType::Map(..), DataType::Map(entries, _)) => cut_off(array.as_map().entries(), entries.data_type())?,
        _ => None,
    })
}

fn too_fine() -> String {
    "it has a part of a microsecond".to_owned()
}

/// Whether the text of a time has more digits than a column keeps.
fn is_too_fine(text: &str) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).skip(6).any(|b| b != b'0')
}

/// The first decimal that is no integer, as text.
fn cut_decimal(array: &dyn Array) -> Result<Option<String>> {
    let (DataType::Decimal32(_, scale)
    | DataType::Decimal64(_, scale)
    | DataType::Decimal128(_, scale)
    | DataType::Decimal256(_, scale)) = array.data_type()
    else {
        return Ok(None);
    };
    let Some(scale) = u32::try_from(*scale).ok().filter(|scale| *scale > 0) else { return Ok(None) };
    let wide = DataType::Decimal256(DECIMAL256_MAX_PRECISION, i8::try_from(scale).unwrap_or(i8::MAX));
    let wide = cast(array, &wide).map_err(arrow_error)?;
    let wide = wide.as_primitive::<Decimal256Type>();
    let unit = i256::from_i128(10).pow_wrapping(scale);
    let cut = |at: &usize| !wide.is_null(*at) && wide.value(*at).wrapping_rem(unit) != i256::ZERO;
    Ok((0..wide.len()).find(cut).map(|at| wide.value_as_string(at)))
}

/// Whether a value became an infinity that was none.
fn overflow(from: &dyn Array, to: &dyn Array) -> bool {
    match (from.data_type(), to.data_type()) {
        (DataType::List(_), DataType::List(_)) => {
            overflow(from.as_list::<i32>().values().as_ref(), to.as_list::<i32>().values().as_ref())
        }
        (DataType::Map(..), DataType::Map(..)) => overflow(from.as_map().entries(), to.as_map().entries()),
        (DataType::Struct(_), DataType::Struct(_)) => from
            .as_struct()
            .columns()
            .iter()
            .zip(to.as_struct().columns())
            .any(|(f, t)| overflow(f.as_ref(), t.as_ref())),
        (source, DataType::Float32) => {
            let shorter = to.as_primitive::<Float32Type>();
            shorter.iter().enumerate().any(|(at, v)| v.is_some_and(f32::is_infinite) && !was_infinite(source, from, at))
        }
        (source, DataType::Float64) if !source.is_floating() => {
            let doubles = to.as_primitive::<Float64Type>();
            doubles.iter().enumerate().any(|(at, v)| v.is_some_and(f64::is_infinite) && !was_infinite(source, from, at))
        }
        _ => false,
    }
}

fn was_infinite(t: &DataType, array: &dyn Array, at: usize) -> bool {
    match t {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(at).is_infinite(),
        DataType::Utf8 => !array.as_string::<i32>().value(at).bytes().any(|b| b.is_ascii_digit()),
        DataType::LargeUtf8 => !array.as_string::<i64>().value(at).bytes().any(|b| b.is_ascii_digit()),
        DataType::Utf8View => !array.as_string_view().value(at).bytes().any(|b| b.is_ascii_digit()),
        t => t.is_floating(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Decimal128Array, Float64Array, Int64Array, ListArray, StringArray, TimestampNanosecondArray,
    };

    use super::*;

    fn refused(array: ArrayRef, target: DataType) -> String {
        fit(&array, &target).map_or_else(|e| e.message().to_string(), |there| format!("{:?}", there.data_type()))
    }

    #[test]
    fn a_fraction_is_no_integer() {
        let doubles = |v: f64| Arc::new(Float64Array::from(vec![Some(2.0), None, Some(v)])) as ArrayRef;
        assert_eq!(refused(doubles(-3.0), DataType::Int8), "Int8");
        assert!(refused(doubles(1.5), DataType::Int64).contains("1.5 has a fraction"));
        assert!(!refused(doubles(1e30), DataType::Int64).contains("fraction"));
        assert_ne!(refused(doubles(f64::NAN), DataType::Int64), "Int64");
        let decimals = |v| {
            let array = Decimal128Array::from(vec![Some(100), None, Some(v)]).with_precision_and_scale(10, 2);
            Arc::new(array.unwrap()) as ArrayRef
        };
        assert_eq!(refused(decimals(-700), DataType::Int64), "Int64");
        assert!(refused(decimals(-705), DataType::Int64).contains("-7.05 has a fraction"));
        assert_eq!(refused(decimals(-705), DataType::Decimal128(10, 1)), "Decimal128(10, 1)");
        let list = ListArray::from_iter_primitive::<Float64Type, _, _>([Some([Some(1.0), Some(0.5)])]);
        let item = |t| DataType::new_list(t, true);
        assert!(refused(Arc::new(list.clone()), item(DataType::Int32)).contains("0.5 has a fraction"));
        assert!(!refused(Arc::new(list), item(DataType::Float32)).contains("cannot"));
        assert_eq!(refused(Arc::new(Int64Array::from(vec![1])), DataType::Int8), "Int8");
    }

    #[test]
    fn a_part_of_a_microsecond_is_not_dropped() {
        let target = || DataType::Timestamp(TimeUnit::Microsecond, None);
        let times = |v| Arc::new(TimestampNanosecondArray::from(vec![None, Some(v)])) as ArrayRef;
        assert!(!refused(times(5_000), target()).contains("cannot"));
        assert!(refused(times(5_001), target()).contains("part of a microsecond"));
        let text = |v: &str| Arc::new(StringArray::from(vec![v])) as ArrayRef;
        assert!(!refused(text("2024-01-01T00:00:00.123456000Z"), target()).contains("cannot"));
        assert!(refused(text("2024-01-01T00:00:00.1234561"), target()).contains("part of a microsecond"));
    }

    #[test]
    fn what_is_too_large_becomes_no_infinity() {
        let double = |v: f64| Arc::new(Float64Array::from(vec![v])) as ArrayRef;
        assert_eq!(refused(double(0.1), DataType::Float32), "Float32");
        assert_eq!(refused(double(f64::INFINITY), DataType::Float32), "Float32");
        assert!(refused(double(1e39), DataType::Float32).contains("too large"));
        let text = |v: &str| Arc::new(StringArray::from(vec![v])) as ArrayRef;
        assert_eq!(refused(text("inf"), DataType::Float64), "Float64");
        assert!(refused(text("1e999"), DataType::Float64).contains("too large"));
    }
}
