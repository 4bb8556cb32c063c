//! Columns that a file gives: what `jsonframe schema` prints, a JSON object of names and types, or a SQL column list.

use qx_formats::{Error, Result};
use serde_json::Value;

use crate::parse::{parse_sql_columns, parse_type};
use crate::path::{self, Step};
use crate::types::Type;

/// Reads columns from the text of a schema file.
///
/// # Errors
/// `Usage` that says what is wrong.
pub fn parse_schema(text: &str) -> Result<Vec<(String, Type)>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(Error::usage("the schema file is empty").expected("JSON or a SQL column list"));
    }
    if !text.starts_with(['{', '[']) {
        return parse_sql_columns(text).map_err(|e| Error::usage(format!("not a SQL column list: {e}")));
    }
    let document: Value = serde_json::from_str(text).map_err(|e| Error::usage(format!("not JSON: {e}")))?;
    if document.get("$schema").is_some() || document.get("properties").is_some_and(Value::is_object) {
        return Err(Error::usage("this is a JSON Schema, which does not say which types columns have")
            .expected("{\"name\": \"type\"}, what `jsonframe schema` prints as JSON, or a SQL column list"));
    }
    match document.get("fields").filter(|fields| fields.is_array()).unwrap_or(&document) {
        Value::Array(fields) => fields_of(fields),
        Value::Object(columns) => columns.iter().map(|(name, t)| column(name, t)).collect(),
        _ => Err(Error::usage("not a schema").expected("{\"name\": \"type\"} or what `jsonframe schema` prints")),
    }
}

fn column(name: &str, t: &Value) -> Result<(String, Type)> {
    let wrong = |e: String| Error::usage(format!("column `{name}`: {e}"));
    match t {
        Value::String(t) => Ok((name.to_owned(), parse_type(t).map_err(wrong)?)),
        other => Err(wrong(format!("{other} is no type")).expected("the name of a type in quotes")),
    }
}

/// The columns among fields; what is inside a column stands in its own type.
fn fields_of(fields: &[Value]) -> Result<Vec<(String, Type)>> {
    let mut columns = Vec::new();
    for field in fields {
        let path = field.get("path").or_else(|| field.get("name")).and_then(Value::as_str);
        let (Some(path), Some(t)) = (path, field.get("type")) else {
            return Err(Error::usage("a field of the schema lacks its path or type").got(field.to_string()));
        };
        let steps = if field.get("path").is_some() { path::steps(path)? } else { vec![Step::Key(path.to_owned())] };
        if let [Step::Key(name)] = steps.as_slice() {
            columns.push(column(name, t)?);
        }
    }
    if columns.is_empty() { Err(Error::usage("the schema has no column")) } else { Ok(columns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_schema_file_gives_the_same() {
        let want = vec![("a".to_owned(), Type::Int64), ("b.c".to_owned(), Type::List(Box::new(Type::Utf8)))];
        for text in [
            r#"{"a": "int64", "b.c": "list<utf8>"}"#,
            r#"{"v":1,"fields":[{"path":"a","type":"int64"},{"path":"\"b.c\"","type":"list<utf8>"},{"path":"\"b.c\"[]","type":"utf8"}]}"#,
            r#"[{"name":"a","type":"BIGINT"},{"name":"b.c","type":"TEXT[]"}]"#,
            "a BIGINT, \"b.c\" ARRAY<VARCHAR>",
            "CREATE TABLE t (a BIGINT, \"b.c\" VARCHAR[]);",
        ] {
            assert_eq!(parse_schema(text).unwrap(), want, "{text}");
        }
        assert_eq!(parse_schema(r#"{"fields":"utf8"}"#).unwrap(), [("fields".to_owned(), Type::Utf8)]);
        let e = parse_schema(r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#).unwrap_err();
        assert!(e.to_string().contains("JSON Schema"), "{e}");
        for bad in ["", "{", "[]", "{\"a\":1}", "{\"a\":\"nothing\"}", "[{\"path\":\"a\"}]", "a", "3"] {
            assert!(parse_schema(bad).is_err(), "{bad}");
        }
    }
}
