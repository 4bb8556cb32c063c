//! Typed parameters of a statement: `1=int64:42`, and equality filters without SQL text: `size=int64:42`.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ParamValues, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use qx_formats::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::planning::engine;

/// A parameter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parameter {
    /// From 1.
    pub position: usize,
    #[serde(rename = "type")]
    pub data_type: String,
    /// None for null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Highest position: a statement with more is written by a machine that has gone wrong.
const MAX_PARAMETERS: usize = 4096;

/// The short names of types; Arrow's own notation is taken as well.
fn data_type(name: &str) -> Result<DataType> {
    let short = match name.to_ascii_lowercase().as_str() {
        "bool" | "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" | "int" => DataType::Int32,
        "int64" | "bigint" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" | "real" => DataType::Float32,
        "float64" | "double" => DataType::Float64,
        "utf8" | "string" | "text" => DataType::Utf8,
        "date" | "date32" => DataType::Date32,
        "timestamp" => DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Microsecond, None),
        _ => name.parse().map_err(|_| {
            Error::usage(format!("`{name}` is not a type")).expected(
                "bool, int8..int64, uint8..uint64, float32, float64, utf8, date, timestamp, or Arrow's notation",
            )
        })?,
    };
    Ok(short)
}

/// `TYPE:VALUE`; the bare word `null` is a null of that type, `"null"` in quotes is the text.
///
/// # Errors
/// `Usage` naming the type, or the value that does not fit it.
pub fn value(text: &str) -> Result<ScalarValue> {
    // A type in Arrow's notation may hold colons, so the last colon that leaves a type decides.
    let (name, value) = text.split_once(':').ok_or_else(|| {
        Error::usage(format!("`{text}` has no type")).expected("TYPE:VALUE such as int64:42 or utf8:abc")
    })?;
    let data_type = data_type(name.trim())?;
    if value == "null" {
        return ScalarValue::try_from(&data_type).map_err(engine);
    }
    let plain = match value.starts_with('"') {
        true => serde_json::from_str::<String>(value)
            .map_err(|e| Error::usage(format!("`{value}` is not a quoted value: {e}")))?,
        false => value.to_owned(),
    };
    let wrong = || Error::usage(format!("`{value}` is not a value of type {data_type}"));
    let parsed = ScalarValue::try_from_string(plain, &data_type).map_err(|_| wrong())?;
    if parsed.is_null() { Err(wrong()) } else { Ok(parsed) }
}

/// `POSITION=TYPE:VALUE` for each parameter, in any order.
///
/// # Errors
/// `Usage` for a position that is missing, stands twice or is not a number from 1.
pub fn parse(texts: &[String]) -> Result<Vec<ScalarValue>> {
    let mut found: Vec<(usize, ScalarValue)> = Vec::with_capacity(texts.len());
    for text in texts {
        let form = || Error::usage(format!("parameter `{text}`")).expected("POSITION=TYPE:VALUE such as 1=int64:42");
        let (position, rest) = text.split_once('=').ok_or_else(form)?;
        let position: usize = position.trim().trim_start_matches('$').parse().map_err(|_| form())?;
        if position == 0 || position > MAX_PARAMETERS {
            return Err(form().got(format!("position {position}")));
        }
        if found.iter().any(|(p, _)| *p == position) {
            return Err(Error::usage(format!("parameter ${position} is given twice")));
        }
        found.push((position, value(rest)?));
    }
    found.sort_by_key(|(position, _)| *position);
    for (i, (position, _)) in found.iter().enumerate() {
        if *position != i + 1 {
            return Err(Error::usage(format!("parameter ${} is missing", i + 1))
                .expected("positions from 1 without gaps")
                .got(format!("${position}")));
        }
    }
    Ok(found.into_iter().map(|(_, value)| value).collect())
}

/// `NAME=TYPE:VALUE` for each parameter; a name is a word or a position.
///
/// # Errors
/// `Usage` for a name that is none or stands twice, and as [`value`].
pub fn named(texts: &[String]) -> Result<Vec<(String, ScalarValue)>> {
    let mut found: Vec<(String, ScalarValue)> = Vec::with_capacity(texts.len());
    for text in texts {
        let form = || {
            Error::usage(format!("parameter `{text}`")).expected("NAME=TYPE:VALUE such as 1=int64:42 or who=utf8:abc")
        };
        let (name, rest) = text.split_once('=').ok_or_else(form)?;
        let name = name.trim().trim_start_matches('$');
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(form());
        }
        if found.iter().any(|(n, _)| n == name) {
            return Err(Error::usage(format!("parameter ${name} is given twice")));
        }
        found.push((name.to_owned(), value(rest)?));
    }
    Ok(found)
}

/// Parameters as they are kept.
pub fn kept(values: &[ScalarValue]) -> Vec<Parameter> {
    let one = |(i, v): (usize, &ScalarValue)| Parameter {
        position: i + 1,
        data_type: v.data_type().to_string(),
        value: (!v.is_null()).then(|| v.to_string()),
    };
    values.iter().enumerate().map(one).collect()
}

/// The plan with its placeholders `$1`, `$2`, ... replaced.
///
/// # Errors
/// `Usage` when the plan has a placeholder without a value, or a value without a placeholder.
pub fn bind(plan: LogicalPlan, values: &[ScalarValue]) -> Result<LogicalPlan> {
    let names = plan.get_parameter_names().map_err(engine)?;
    let mut wanted: Vec<usize> = names.iter().filter_map(|n| n.trim_start_matches('$').parse().ok()).collect();
    if wanted.len() != names.len() {
        return Err(Error::usage("a parameter of the statement has a name").expected("$1, $2, ..."));
    }
    wanted.sort_unstable();
    for (i, position) in wanted.iter().enumerate() {
        if *position != i + 1 {
            return Err(Error::usage(format!("the statement has no ${} but ${position}", i + 1))
                .expected("$1, $2, ... without gaps"));
        }
    }
    if wanted.len() != values.len() {
        return Err(Error::usage("the statement's parameters and the values given are not as many")
            .expected(format!("{} values", wanted.len()))
            .got(values.len())
            .hint("--param 1=int64:42 gives one"));
    }
    if values.is_empty() {
        return Ok(plan);
    }
    let values = values.iter().map(|v| v.clone().into()).collect();
    plan.with_param_values(ParamValues::List(values)).map_err(engine)
}

/// `COLUMN=TYPE:VALUE`: rows whose column equals the value; a null asks for nulls. The value never passes through SQL.
///
/// # Errors
/// `Usage` when the plan has no such column.
pub fn equality(plan: LogicalPlan, filters: &[String]) -> Result<LogicalPlan> {
    let mut builder = LogicalPlanBuilder::from(plan);
    for text in filters {
        let (column, rest) = text.split_once('=').ok_or_else(|| {
            Error::usage(format!("filter `{text}`")).expected("COLUMN=TYPE:VALUE such as size=int64:42")
        })?;
        let value = value(rest)?;
        let found = builder.schema().iter().find(|(_, f)| f.name() == column);
        let Some((relation, field)) = found else {
            let names: Vec<&str> = builder.schema().fields().iter().map(|f| f.name().as_str()).collect();
            return Err(Error::usage(format!("there is no column {column}")).expected(names.join(", ")));
        };
        let expr = Expr::Column(Column::new(relation.cloned(), field.name()));
        let expr = if value.is_null() { expr.is_null() } else { expr.eq(lit(value)) };
        builder = builder.filter(expr).map_err(engine)?;
    }
    builder.build().map_err(engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Result<Vec<ScalarValue>> {
        parse(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn parameters_may_have_names() {
        let texts = ["$who=utf8:x=y".to_owned(), "2=int64:-7".to_owned()];
        let found = named(&texts).unwrap();
        assert_eq!(found[0], ("who".to_owned(), ScalarValue::from("x=y")));
        assert_eq!(found[1], ("2".to_owned(), ScalarValue::Int64(Some(-7))));
        for bad in ["=int64:1", "a b=int64:1", "a", "a=42"] {
            assert!(named(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(named(&["a=int64:1".to_owned(), "a=int64:2".to_owned()]).is_err());
    }

    #[test]
    fn positions_are_contiguous_and_values_typed() {
        let ok = parsed(&["2=utf8:a=b:c", "1=int64:42", "3=float64:null", "4=utf8:\"null\""]).unwrap();
        assert_eq!(ok[0], ScalarValue::Int64(Some(42)));
        assert_eq!(ok[1], ScalarValue::Utf8(Some("a=b:c".into())));
        assert_eq!(ok[2], ScalarValue::Float64(None));
        assert_eq!(ok[3], ScalarValue::Utf8(Some("null".into())));
        for (wrong, says) in [
            (&["1=int64:1", "3=int64:1"][..], "$2 is missing"),
            (&["1=int64:1", "1=int64:2"][..], "given twice"),
            (&["0=int64:1"][..], "POSITION"),
            (&["1=int64:x"][..], "not a value"),
            (&["1=int64:"][..], "not a value"),
            (&["1=colour:red"][..], "not a type"),
            (&["1=42"][..], "has no type"),
            (&["x"][..], "POSITION"),
            (&["99999999999999999999=int64:1"][..], "POSITION"),
        ] {
            let e = parsed(wrong).unwrap_err().to_string();
            assert!(e.contains(says), "{wrong:?}: {e}");
        }
    }
}
