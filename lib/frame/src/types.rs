//! The types a column can have, their names, and what they are in Arrow and in SQL.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use qx_formats::{Error, Result};

use crate::parse::is_word;

/// A column's type as JSON gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Nothing but null was seen: utf8 until a later value says otherwise.
    Undecided,
    /// Nothing but `{}` was seen: JSON text until a later value says otherwise.
    EmptyObject,
    Bool,
    Int64,
    UInt64,
    Float64,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Utf8,
    /// JSON text, on one line: where the values of a column have no type in common.
    Json,
    /// Days.
    Date,
    /// Microseconds, UTC.
    Timestamp,
    /// Microseconds of a day.
    Time,
    /// In its canonical text form, small letters.
    Uuid,
    Struct(Vec<(String, Type)>),
    List(Box<Type>),
    /// Text keys, values of one type.
    Map(Box<Type>),
}

/// Marks a text column as JSON (the canonical Arrow extension type), so that it is written back as what it was.
const EXTENSION_KEY: &str = "ARROW:extension:name";
const EXTENSION_JSON: &str = "arrow.json";
const EXTENSION_UUID: &str = "arrow.uuid";

/// Whether a field holds UUIDs.
pub(crate) fn is_uuid(field: &Field) -> bool {
    *field.data_type() == DataType::FixedSizeBinary(16)
        && field.metadata().get(EXTENSION_KEY).is_some_and(|v| v == EXTENSION_UUID)
}

/// Whether a field holds JSON text.
pub fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION_KEY).is_some_and(|v| v == EXTENSION_JSON)
}

impl Type {
    pub(crate) fn decimal_for(digits: usize) -> Option<Type> {
        match digits {
            0..=38 => Some(Type::Decimal { precision: 38, scale: 0 }),
            39..=76 => Some(Type::Decimal { precision: 76, scale: 0 }),
            _ => None,
        }
    }

    /// The type's name without what is inside it.
    pub(crate) fn short(&self) -> &'static str {
        match self {
            Type::Undecided => "undecided",
            Type::EmptyObject | Type::Json => "json",
            Type::Bool => "bool",
            Type::Int64 => "int64",
            Type::UInt64 => "uint64",
            Type::Float64 => "float64",
            Type::Decimal { .. } => "decimal",
            Type::Utf8 => "utf8",
            Type::Date => "date",
            Type::Timestamp => "timestamp",
            Type::Time => "time",
            Type::Uuid => "uuid",
            Type::Struct(_) => "struct",
            Type::List(_) => "list",
            Type::Map(_) => "map",
        }
    }

    pub fn data_type(&self) -> DataType {
        match self {
            Type::Undecided | Type::EmptyObject | Type::Json | Type::Utf8 => DataType::Utf8,
            Type::Bool => DataType::Boolean,
            Type::Int64 => DataType::Int64,
            Type::UInt64 => DataType::UInt64,
            Type::Float64 => DataType::Float64,
            Type::Decimal { precision, scale } if *precision <= 38 => DataType::Decimal128(*precision, *scale),
            Type::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
            Type::Date => DataType::Date32,
            Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Type::Struct(fields) => DataType::Struct(fields.iter().map(|(name, t)| t.field(name)).collect::<Fields>()),
            Type::Time => DataType::Time64(TimeUnit::Microsecond),
            Type::Uuid => DataType::FixedSizeBinary(16),
            Type::List(item) => DataType::List(Arc::new(item.field("item"))),
            Type::Map(value) => DataType::Map(Arc::new(map_entries(value)), false),
        }
    }

    /// A nullable field of this type; JSON text is marked as such.
    pub fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        let extension = match self {
            Type::Json | Type::EmptyObject => EXTENSION_JSON,
            Type::Uuid => EXTENSION_UUID,
            _ => return field,
        };
        field.with_metadata(HashMap::from([(EXTENSION_KEY.to_owned(), extension.to_owned())]))
    }

    /// The type for a given Arrow type, as a hint names it.
    ///
    /// # Errors
    /// `Unsupported` for an Arrow type that JSON values are not read into.
    pub fn from_arrow(data_type: &DataType) -> Result<Type> {
        Ok(match data_type {
            DataType::Boolean => Type::Bool,
            DataType::Int64 => Type::Int64,
            DataType::UInt64 => Type::UInt64,
            DataType::Float64 => Type::Float64,
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Type::Decimal { precision: *precision, scale: *scale }
            }
            DataType::Utf8 => Type::Utf8,
            DataType::Date32 => Type::Date,
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if matches!(&**zone, "UTC" | "+00:00" | "Z") => {
                Type::Timestamp
            }
            DataType::Time64(TimeUnit::Microsecond) => Type::Time,
            DataType::FixedSizeBinary(16) => Type::Uuid,
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    let value = fields.last().map(|f| Type::from_field(f)).transpose()?;
                    Type::Map(Box::new(value.unwrap_or(Type::Undecided)))
                }
                other => return Err(Error::unsupported(format!("a map of {other} is not read from JSON"))),
            },
            DataType::Struct(fields) => {
                let fields = fields.iter().map(|f| Ok((f.name().clone(), Type::from_field(f)?)));
                Type::Struct(fields.collect::<Result<_>>()?)
            }
            DataType::List(item) => Type::List(Box::new(Type::from_field(item)?)),
            other => {
                return Err(Error::unsupported(format!("JSON is not read into {other}")).hint(
                    "use bool, int64, uint64, float64, decimal, utf8, date, timestamp in microseconds UTC, time in microseconds, uuid, struct, list or map",
                ));
            }
        })
    }

    fn from_field(field: &Field) -> Result<Type> {
        if is_json(field) { Ok(Type::Json) } else { Type::from_arrow(field.data_type()) }
    }

    /// The type in a SQL column list.
    pub fn sql(&self) -> String {
        match self {
            Type::Undecided | Type::EmptyObject | Type::Json | Type::Utf8 => "VARCHAR".to_owned(),
            Type::Bool => "BOOLEAN".to_owned(),
            Type::Int64 => "BIGINT".to_owned(),
            Type::UInt64 => "BIGINT UNSIGNED".to_owned(),
            Type::Float64 => "DOUBLE".to_owned(),
            Type::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
            Type::Date => "DATE".to_owned(),
            Type::Timestamp => "TIMESTAMP WITH TIME ZONE".to_owned(),
            Type::Time => "TIME".to_owned(),
            Type::Uuid => "UUID".to_owned(),
            Type::Map(value) => format!("MAP<VARCHAR, {}>", value.sql()),
            Type::Struct(fields) => {
                let fields: Vec<_> = fields.iter().map(|(n, t)| format!("{} {}", sql_name(n), t.sql())).collect();
                format!("STRUCT<{}>", fields.join(", "))
            }
            Type::List(item) => format!("ARRAY<{}>", item.sql()),
        }
    }
}

/// A name quoted for SQL.
pub fn sql_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Type::Struct(fields) => {
                f.write_str("struct<")?;
                for (i, (name, t)) in fields.iter().enumerate() {
                    write!(f, "{}{}: {t}", if i > 0 { ", " } else { "" }, field_name(name))?;
                }
                f.write_str(">")
            }
            Type::List(item) => write!(f, "list<{item}>"),
            Type::Map(value) => write!(f, "map<utf8, {value}>"),
            other => f.write_str(other.short()),
        }
    }
}

/// The name of a struct's field as a type's name has it: what is no word stands in quotes, so that the type can be read
/// again.
fn field_name(name: &str) -> String {
    if !name.is_empty() && name.chars().all(is_word) {
        return name.to_owned();
    }
    let mut quoted = Vec::new();
    crate::json::write_string(name, &mut quoted);
    String::from_utf8_lossy(&quoted).into_owned()
}

/// The entries of a map, as Arrow nests them.
pub(crate) fn map_entries(value: &Type) -> Field {
    let fields = vec![Field::new("key", DataType::Utf8, false), value.field("value")];
    Field::new("entries", DataType::Struct(fields.into()), false)
}
