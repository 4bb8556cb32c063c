//! What the Delta log says of the values in a file.

use std::collections::HashMap;

use datafusion::arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use serde_json::Value;

/// Bounds of one column in one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnBounds {
    pub min: Option<ScalarValue>,
    pub max: Option<ScalarValue>,
    pub nulls: Option<u64>,
    /// The bounds occur in the file.
    pub exact: bool,
}

/// Bounds by column name, as the file has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileStats {
    pub columns: HashMap<String, ColumnBounds>,
}

impl FileStats {
    /// Statistics that cannot be read are none.
    pub fn parse(text: Option<&str>, schema: &Schema) -> FileStats {
        let Some(stats) = text.and_then(|t| serde_json::from_str::<Value>(t).ok()) else { return FileStats::default() };
        let mut columns = HashMap::new();
        for field in schema.fields() {
            let part = |name: &str| stats.get(name).and_then(|p| p.get(field.name()));
            let nulls = part("nullCount").and_then(Value::as_u64);
            let min = part("minValues").and_then(|v| scalar(v, field.data_type(), false));
            let max = part("maxValues").and_then(|v| scalar(v, field.data_type(), true));
            let exact =
                matches!(field.data_type(), t if t.is_integer() || matches!(t, DataType::Date32 | DataType::Boolean));
            if nulls.is_some() || min.is_some() || max.is_some() {
                columns.insert(field.name().clone(), ColumnBounds { min, max, nulls, exact });
            }
        }
        FileStats { columns }
    }

    pub fn get(&self, column: &str) -> Option<&ColumnBounds> {
        self.columns.get(column)
    }
}

/// Times in the Delta log may have been cut to milliseconds, so an upper bound is that of the whole millisecond.
const MILLISECOND_US: i64 = 999;

fn scalar(value: &Value, t: &DataType, upper: bool) -> Option<ScalarValue> {
    let text = match value {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        _ => return None,
    };
    match t {
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(text))),
        // A longer upper bound was cut, and says so by nothing.
        DataType::Binary | DataType::LargeBinary => None,
        DataType::Timestamp(TimeUnit::Microsecond, zone) => match ScalarValue::try_from_string(text, t).ok()? {
            ScalarValue::TimestampMicrosecond(Some(v), _) => {
                let v = if upper && v % 1000 == 0 { v.checked_add(MILLISECOND_US)? } else { v };
                Some(ScalarValue::TimestampMicrosecond(Some(v), zone.clone()))
            }
            _ => None,
        },
        DataType::Decimal128(precision, scale) if *precision > DOUBLE_DIGITS => near(&text, *precision, *scale, upper),
        t if t.is_nested() => None,
        t => ScalarValue::try_from_string(text, t).ok().filter(|v| !v.is_null()),
    }
}

/// Digits of a decimal that come back from a double, as which the Delta log has the bounds of decimals.
const DOUBLE_DIGITS: u8 = 15;
/// Whole numbers from about here on are cut to 64 bits there.
const CUT: f64 = 9.2e18;

/// The bound of a decimal of many digits: as far out as the double may be off.
fn near(text: &str, precision: u8, scale: i8, upper: bool) -> Option<ScalarValue> {
    let value: f64 = text.parse().ok().filter(|v: &f64| v.is_finite() && (scale != 0 || v.abs() < CUT))?;
    let digits = usize::try_from(scale).ok()?;
    // It came from two roundings, and some writers take one step more to keep it in bounds.
    let off = value.abs() / 2f64.powi(49) + 10f64.powi(-i32::from(scale));
    let bound = if upper { value + off } else { value - off };
    ScalarValue::try_from_string(format!("{bound:.digits$}"), &DataType::Decimal128(precision, scale)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounds(t: &DataType, v: &Value) -> Option<(i128, i128)> {
        let one = |upper| match scalar(v, t, upper) {
            Some(ScalarValue::Decimal128(Some(v), ..)) => Some(v),
            _ => None,
        };
        Some((one(false)?, one(true)?))
    }

    #[test]
    fn bounds_of_long_decimals_hold_what_the_double_dropped() {
        let t = DataType::Decimal128(38, 18);
        for value in [1_234_567_890_123_456_789_012_345_678_901_234_567_i128, 1, -999_999_999_999_999_999_999_999, 0] {
            let (low, high) = bounds(&t, &json!(value as f64 / 1e18)).unwrap();
            assert!(low < value && value < high, "{low} {value} {high}");
            assert!(high - low < value.abs() / 1_000_000_000_000 + 10, "{low} {value} {high}");
        }
        let whole = DataType::Decimal128(20, 0);
        let (low, high) = bounds(&whole, &json!(9_007_199_254_740_992_i64)).unwrap();
        assert!((low..=high).contains(&9_007_199_254_740_993));
        assert_eq!(bounds(&whole, &json!(i64::MAX)), None, "it may stand for more");
        assert_eq!(
            bounds(&DataType::Decimal128(15, 2), &json!(1234567890123.45)),
            Some((123456789012345, 123456789012345))
        );
    }
}
