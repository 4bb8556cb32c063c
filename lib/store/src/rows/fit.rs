//! Values on their way into a column of another type. A cast makes the nearest of them; what it would cut off without a
//! word is refused here.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array, ListArray, MapArray, StructArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowNativeTypeOp, DECIMAL256_MAX_PRECISION, DataType, Decimal128Type, Decimal256Type, DecimalType, FieldRef,
    Float32Type, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, i256,
};
use qx_formats::{Error, Result};

use super::{Number, arrow_error, conform};

/// [`conform`], for values that somebody writes. A decimal may be rounded to the digits of its column, and a double to a
/// shorter one, as everywhere in SQL. In a column of decimals a double is the number that it is shown as.
///
/// # Errors
/// `Invalid` for a value that does not fit: a number out of bounds, a fraction in an integer, a time with a part of a
/// microsecond, a time of day in a date, a number where a time belongs, a double that is too large for a shorter one.
pub fn fit(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let refused = |what: String| Error::invalid(format!("a value cannot be stored as {target}: {what}"));
    let there = if array.data_type() == target {
        Arc::clone(array)
    } else {
        if let Some(what) = cut_off(array.as_ref(), target)? {
            return Err(refused(what));
        }
        let there = conform(&with_decimals(array, target)?, target)?;
        if overflow(array.as_ref(), there.as_ref()) {
            return Err(refused("it is too large".to_owned()));
        }
        there
    };
    // Neither a cast nor arithmetic always looks at the digits.
    match too_long(there.as_ref()) {
        Some(what) => Err(refused(what)),
        None => Ok(there),
    }
}

/// Refuses values that are no integers, for columns that store integers as decimals.
///
/// # Errors
/// `Invalid` with the first fraction.
pub(crate) fn whole(array: &dyn Array) -> Result<()> {
    let found = match array.data_type() {
        t if t.is_floating() => cut_double(array)?,
        t if t.is_decimal() => cut_decimal(array)?,
        t if t.is_string() => {
            let texts = cast(array, &DataType::Utf8).map_err(arrow_error)?;
            let mut texts = texts.as_string::<i32>().iter().flatten();
            let cut = |t: &&str| t.contains(['.', 'e', 'E']) && Number::parse(t.trim()).is_some_and(|n| n.scale() > 0);
            texts.find(cut).map(str::to_owned)
        }
        _ => None,
    };
    match found {
        Some(value) => Err(Error::invalid(fraction(&value))),
        None => Ok(()),
    }
}

fn fraction(value: &dyn std::fmt::Display) -> String {
    format!("{value} has a fraction, of which round() or a CAST says what becomes")
}

/// What the first value would lose that loses something.
fn cut_off(array: &dyn Array, target: &DataType) -> Result<Option<String>> {
    let from = array.data_type();
    Ok(match (from, target) {
        (t, to) if t.is_floating() && to.is_integer() => cut_double(array)?.map(|v| fraction(&v)),
        (t, to) if t.is_decimal() && to.is_integer() => cut_decimal(array)?.map(|v| fraction(&v)),
        (t, to) if (t.is_temporal() && to.is_numeric()) || (t.is_numeric() && to.is_temporal()) => {
            (array.null_count() < array.len()).then(|| "a number is no time, and a time no number".to_owned())
        }
        (DataType::Timestamp(unit, _), DataType::Date32) => {
            // As the clock shows it where it has a time zone: that is the day which a cast takes.
            let times = cast(array, &DataType::Timestamp(*unit, None)).map_err(arrow_error)?;
            let times = cast(&times, &DataType::Int64).map_err(arrow_error)?;
            times.as_primitive::<Int64Type>().iter().flatten().any(|v| v % day(*unit) != 0).then(not_midnight)
        }
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, DataType::Date32) => {
            let texts = cast(array, &DataType::Utf8).map_err(arrow_error)?;
            texts.as_string::<i32>().iter().flatten().any(has_time).then(not_midnight)
        }
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

/// The first double that is no integer.
fn cut_double(array: &dyn Array) -> Result<Option<String>> {
    let doubles = cast(array, &DataType::Float64).map_err(arrow_error)?;
    let doubles = doubles.as_primitive::<Float64Type>();
    Ok(doubles.iter().flatten().find(|v| v.is_finite() && v.fract() != 0.0).map(|v| v.to_string()))
}

/// The ticks of a day.
fn day(unit: TimeUnit) -> i64 {
    let second = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    24 * 60 * 60 * second
}

fn not_midnight() -> String {
    "it has a time of day, which a CAST would take away".to_owned()
}

/// Whether the text of a time is one of another time of day than midnight.
fn has_time(text: &str) -> bool {
    let time = text.trim().split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    let time = time.split(['Z', 'z', '+', '-']).next().unwrap_or_default();
    time.bytes().any(|b| (b'1'..=b'9').contains(&b))
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

/// Doubles and texts on their way into decimals as such decimals: a cast multiplies the double, and reads fewer texts.
///
/// # Errors
/// `Invalid` for a value that is no number, or one out of bounds.
fn with_decimals(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    Ok(match (array.data_type(), target) {
        (t, DataType::Decimal128(precision, scale)) if t.is_floating() || t.is_string() => {
            let values = decimals(array.as_ref(), *precision, *scale)?.into_iter().map(|v| v?.to_i128());
            let values = Decimal128Array::from_iter(values).with_precision_and_scale(*precision, *scale);
            Arc::new(values.map_err(arrow_error)?)
        }
        (t, DataType::Decimal256(precision, scale)) if t.is_floating() || t.is_string() => {
            let values = Decimal256Array::from(decimals(array.as_ref(), *precision, *scale)?);
            Arc::new(values.with_precision_and_scale(*precision, *scale).map_err(arrow_error)?)
        }
        (DataType::List(field), DataType::List(to)) => {
            let list = array.as_list::<i32>();
            let values = with_decimals(list.values(), to.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(holding(field, &values), offsets, values, nulls).map_err(arrow_error)?)
        }
        (DataType::Struct(_), DataType::Struct(_)) => Arc::new(parts(array.as_struct(), target)?),
        (DataType::Map(field, sorted), DataType::Map(to, _)) => {
            let map = array.as_map();
            let entries = parts(map.entries(), to.data_type())?;
            let field = Arc::new(field.as_ref().clone().with_data_type(entries.data_type().clone()));
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(field, offsets, entries, nulls, *sorted).map_err(arrow_error)?)
        }
        _ => Arc::clone(array),
    })
}

/// [`with_decimals`] of the fields of a struct, by their place.
fn parts(array: &StructArray, target: &DataType) -> Result<StructArray> {
    let DataType::Struct(to) = target else { return Ok(array.clone()) };
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (at, (field, column)) in array.fields().iter().zip(array.columns()).enumerate() {
        let column = match to.get(at).filter(|to| to.name() == field.name()) {
            Some(to) => with_decimals(column, to.data_type())?,
            None => Arc::clone(column),
        };
        fields.push(holding(field, &column));
        columns.push(column);
    }
    StructArray::try_new_with_length(fields.into(), columns, array.nulls().cloned(), array.len()).map_err(arrow_error)
}

fn holding(field: &FieldRef, values: &ArrayRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(values.data_type().clone()))
}

/// What stands for doubles, or for texts, in decimals.
fn decimals(array: &dyn Array, precision: u8, scale: i8) -> Result<Vec<Option<i256>>> {
    let read = |text: &str| decimal(text, precision, scale);
    match array.data_type() {
        // The shortest text of a float is that of another double.
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            values.iter().map(|v| v.map(|v| read(&v.to_string())).transpose()).collect()
        }
        t if t.is_floating() => {
            let values = cast(array, &DataType::Float64).map_err(arrow_error)?;
            let values = values.as_primitive::<Float64Type>();
            values.iter().map(|v| v.map(|v| read(&v.to_string())).transpose()).collect()
        }
        _ => {
            let texts = cast(array, &DataType::Utf8).map_err(arrow_error)?;
            texts.as_string::<i32>().iter().map(|text| text.map(read).transpose()).collect()
        }
    }
}

fn decimal(text: &str, precision: u8, scale: i8) -> Result<i256> {
    let text = text.trim();
    let value = usize::try_from(scale).ok().and_then(|scale| Number::parse(text)?.rounded(precision, scale));
    value.ok_or_else(|| {
        let what = match text.parse::<f64>().is_ok_and(f64::is_finite) {
            true => "is out of bounds",
            false => "is no number",
        };
        let short: String = text.chars().take(80).collect();
        Error::invalid(format!("a value cannot be stored as DECIMAL({precision}, {scale}): {short:?} {what}"))
    })
}

/// Says of which decimal there are more digits than its type has.
fn too_long(array: &dyn Array) -> Option<String> {
    match array.data_type() {
        DataType::Decimal128(precision, _) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let long = |v: &i128| !Decimal128Type::is_valid_decimal_precision(*v, *precision);
            let at = (0..decimals.len()).find(|at| decimals.is_valid(*at) && long(&decimals.value(*at)))?;
            Some(format!("{} is out of bounds: it has more than {precision} digits", decimals.value_as_string(at)))
        }
        DataType::List(_) => too_long(array.as_list::<i32>().values().as_ref()),
        DataType::Map(..) => too_long(array.as_map().entries()),
        DataType::Struct(_) => array.as_struct().columns().iter().find_map(|column| too_long(column.as_ref())),
        _ => None,
    }
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
        assert!(whole(doubles(1.5).as_ref()).is_err() && whole(doubles(1e30).as_ref()).is_ok());
        assert!(whole(decimals(-705).as_ref()).is_err() && whole(decimals(-700).as_ref()).is_ok());
        let text = |v: &str| StringArray::from(vec![None, Some(v)]);
        assert!(whole(&text("1.5")).is_err() && whole(&text("15e-1")).is_err());
        assert!(whole(&text("1.0")).is_ok() && whole(&text("abc")).is_ok());
    }

    #[test]
    fn decimals_keep_to_their_digits() {
        let most = 10i128.pow(38) - 1;
        let full = |v| Arc::new(Decimal128Array::from(vec![None, Some(v)]).with_precision_and_scale(38, 0).unwrap());
        assert_eq!(refused(full(most), DataType::Decimal128(38, 0)), "Decimal128(38, 0)");
        for v in [most + 1, -most - 1] {
            assert!(refused(full(v), DataType::Decimal128(38, 0)).contains("out of bounds"));
        }
        let list = |v| {
            let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([2]);
            let item = Arc::new(datafusion::arrow::datatypes::Field::new_list_field(DataType::Decimal128(38, 0), true));
            Arc::new(ListArray::new(item, offsets, full(v), None)) as ArrayRef
        };
        let lists = DataType::new_list(DataType::Decimal128(38, 0), true);
        assert!(!refused(list(most), lists.clone()).contains("cannot"));
        assert!(refused(list(most + 1), lists).contains("out of bounds"));
    }

    #[test]
    fn a_double_is_the_number_that_it_is_shown_as() {
        let stored = |array: ArrayRef, precision, scale| {
            let there = fit(&array, &DataType::Decimal128(precision, scale))?;
            Ok::<_, Error>(there.as_primitive::<Decimal128Type>().value(0))
        };
        let double = |v: f64| Arc::new(Float64Array::from(vec![v])) as ArrayRef;
        let text = |v: &str| Arc::new(StringArray::from(vec![v])) as ArrayRef;
        assert_eq!(stored(double(1.005), 5, 2).unwrap(), 101);
        assert_eq!(stored(double(1e37), 38, 0).unwrap(), 10i128.pow(37));
        assert_eq!(stored(double(5e-324), 38, 37).unwrap(), 0);
        assert_eq!(stored(text(" -1.5e-1 "), 5, 2).unwrap(), -15);
        let short = Arc::new(datafusion::arrow::array::Float32Array::from(vec![0.1])) as ArrayRef;
        assert_eq!(stored(short, 38, 20).unwrap(), 10i128.pow(19));
        for v in [double(1e38), double(-1e38), double(1e300), text("1e38")] {
            assert!(stored(v, 38, 0).unwrap_err().message().contains("out of bounds"));
        }
        for v in [double(f64::NAN), double(f64::INFINITY), text("abc"), text("")] {
            assert!(stored(v, 38, 0).unwrap_err().message().contains("no number"));
        }
        let list = ListArray::from_iter_primitive::<Float64Type, _, _>([Some([Some(1.005)])]);
        let there = fit(&(Arc::new(list) as ArrayRef), &DataType::new_list(DataType::Decimal128(5, 2), true)).unwrap();
        assert_eq!(there.as_list::<i32>().values().as_primitive::<Decimal128Type>().value(0), 101);
    }

    #[test]
    fn a_time_is_no_date_and_no_number() {
        let time = |v: i64| Arc::new(TimestampNanosecondArray::from(vec![None, Some(v)])) as ArrayRef;
        assert_eq!(refused(time(-day(TimeUnit::Nanosecond)), DataType::Date32), "Date32");
        assert!(refused(time(day(TimeUnit::Nanosecond) + 1), DataType::Date32).contains("time of day"));
        let text = |v: &str| Arc::new(StringArray::from(vec![v])) as ArrayRef;
        for midnight in ["2024-01-01", "2024-01-01 00:00:00", "2024-01-01T00:00:00"] {
            assert!(!refused(text(midnight), DataType::Date32).contains("time of day"), "{midnight}");
        }
        assert!(refused(text("2024-01-01 00:00:01"), DataType::Date32).contains("time of day"));
        let ints = |v| Arc::new(Int64Array::from(vec![v])) as ArrayRef;
        assert!(refused(ints(Some(5)), DataType::Date32).contains("no time"));
        assert_eq!(refused(ints(None), DataType::Date32), "Date32");
        assert!(refused(ints(Some(5)), DataType::Timestamp(TimeUnit::Microsecond, None)).contains("no time"));
        let date = Arc::new(datafusion::arrow::array::Date32Array::from(vec![5])) as ArrayRef;
        assert!(refused(date, DataType::Int32).contains("no number"));
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
