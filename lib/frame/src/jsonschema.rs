//! An inferred schema as JSON Schema (draft 2020-12) of one record.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value, json};

use crate::path::push_name;
use crate::report::{FieldStats, Inferred};
use crate::types::{is_json, is_uuid};

/// The JSON Schema of one record: what was always there is required, what was null may be null.
pub fn json_schema(inferred: &Inferred) -> Value {
    let stats: HashMap<&str, &FieldStats> = inferred.fields.iter().map(|f| (f.path.as_str(), f)).collect();
    let mut schema = object(inferred.schema.fields(), "", &stats);
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    Value::Object(schema)
}

fn object(fields: &Fields, path: &str, stats: &HashMap<&str, &FieldStats>) -> Map<String, Value> {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields {
        let mut inner = path.to_owned();
        push_name(&mut inner, field.name());
        let stat = stats.get(inner.as_str());
        if stat.is_some_and(|s| s.present > 0 && s.missing == 0) {
            required.push(json!(field.name()));
        }
        properties.insert(field.name().clone(), value(field, &inner, stats));
    }
    let mut out = Map::from_iter([("type".to_owned(), json!("object")), ("properties".to_owned(), properties.into())]);
    if !required.is_empty() {
        out.insert("required".to_owned(), required.into());
    }
    out
}

fn value(field: &Field, path: &str, stats: &HashMap<&str, &FieldStats>) -> Value {
    let stat = stats.get(path);
    // JSON text is anything, and so is what only ever was null.
    if is_json(field) || stat.is_some_and(|s| s.type_name == "undecided") {
        return Value::Bool(true);
    }
    let formatted = |format: &str| Map::from_iter([("type".into(), json!("string")), ("format".into(), json!(format))]);
    let inside = format!("{path}[]");
    let plain = |name: &str| Map::from_iter([("type".to_owned(), json!(name))]);
    let mut out = match field.data_type() {
        DataType::Boolean => plain("boolean"),
        DataType::Int64 => plain("integer"),
        DataType::UInt64 => Map::from_iter([("type".to_owned(), json!("integer")), ("minimum".to_owned(), json!(0))]),
        DataType::Decimal128(_, 0) | DataType::Decimal256(_, 0) => plain("integer"),
        DataType::Float64 | DataType::Decimal128(..) | DataType::Decimal256(..) => plain("number"),
        DataType::Date32 => formatted("date"),
        DataType::Timestamp(..) => formatted("date-time"),
        DataType::FixedSizeBinary(16) if is_uuid(field) => formatted("uuid"),
        DataType::Struct(fields) => object(fields, path, stats),
        DataType::List(item) => {
            let mut list = plain("array");
            list.insert("items".to_owned(), value(item, &inside, stats));
            list
        }
        DataType::Map(entries, _) => {
            let mut map = plain("object");
            if let DataType::Struct(fields) = entries.data_type()
                && let Some(values) = fields.last()
            {
                map.insert("additionalProperties".to_owned(), value(values, &inside, stats));
            }
            map
        }
        _ => plain("string"),
    };
    if stat.is_some_and(|s| s.null > 0)
        && let Some(name) = out.get("type").cloned()
    {
        out.insert("type".to_owned(), json!([name, "null"]));
    }
    Value::Object(out)
}
