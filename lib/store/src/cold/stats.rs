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
        t if t.is_nested() => None,
        t => ScalarValue::try_from_string(text, t).ok().filter(|v| !v.is_null()),
    }
}
