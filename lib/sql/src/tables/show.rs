//! SHOW CREATE TABLE: the statement that defines a table as it is now.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{ObjectName as SqlName, Statement as Sql};
use datafusion::sql::sqlparser::keywords::{ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_COLUMN_ALIAS};
use qx_formats::{Error, Kind, Result};
use qx_store::catalog::{Column, TableDef};
use qx_store::names::ObjectName;

use super::create::not_there;
use super::names::table_name;
use crate::session::{Answer, Session};
use crate::system::options_text;

pub(super) fn run(session: &Session, name: &SqlName) -> Result<Answer> {
    let name = table_name(session, name)?;
    let catalog = session.view().catalog();
    let def = catalog.table(&name).ok_or_else(|| not_there(&catalog, &name))?;
    let schema =
        Schema::new(vec![Field::new("table", DataType::Utf8, false), Field::new("statement", DataType::Utf8, false)]);
    let columns = [name.key(), statement(&name, def)?];
    let columns = columns.map(|text| Arc::new(StringArray::from(vec![text])) as _);
    let batch = RecordBatch::try_new(Arc::new(schema), columns.to_vec());
    batch.map(Answer::batch).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

/// The table that a DESCRIBE names.
pub(crate) fn described(session: &Session, sql: &Sql) -> Option<TableDef> {
    let Sql::ExplainTable { table_name: name, .. } = sql else { return None };
    session.view().catalog().table(&table_name(session, name).ok()?).cloned()
}

/// Says in a plan of DESCRIBE which columns take nulls: to the engine, any may hold some.
pub(crate) fn nullable(plan: LogicalPlan, def: &TableDef) -> LogicalPlan {
    let LogicalPlan::DescribeTable(mut described) = plan else { return plan };
    let field = |f: &FieldRef| match def.column(f.name()) {
        Some(column) => Arc::new(f.as_ref().clone().with_nullable(column.nullable)),
        None => Arc::clone(f),
    };
    let fields: Vec<FieldRef> = described.schema.fields().iter().map(field).collect();
    described.schema = Arc::new(Schema::new(fields));
    LogicalPlan::DescribeTable(described)
}

fn statement(name: &ObjectName, def: &TableDef) -> Result<String> {
    let mut parts = def.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    let key: Vec<String> =
        def.primary_key.iter().filter_map(|id| def.column_by_id(*id)).map(|c| quoted(&c.name)).collect();
    if !key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    let options = options_text(def);
    let with = if options.is_empty() { String::new() } else { format!(" WITH ({options})") };
    Ok(format!("CREATE TABLE {}.{} ({}){with}", quoted(&name.schema), quoted(&name.name), parts.join(", ")))
}

fn column(c: &Column) -> Result<String> {
    let null = if c.nullable { "" } else { " NOT NULL" };
    let default = c.default.as_ref().map_or(String::new(), |d| format!(" DEFAULT {d}"));
    let t = match c.bound {
        Some(bound) => bound.to_string(),
        None => type_text(&c.arrow_type()?),
    };
    Ok(format!("{} {t}{null}{default}", quoted(&c.name)))
}

/// In quotes only where the name would be read as another one.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain && !is_reserved(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn is_reserved(name: &str) -> bool {
    let found = ALL_KEYWORDS.binary_search(&name.to_uppercase().as_str());
    found.is_ok_and(|i| RESERVED_FOR_COLUMN_ALIAS.contains(&ALL_KEYWORDS_INDEX[i]))
}

/// A stored type as CREATE TABLE takes it.
fn type_text(t: &DataType) -> String {
    match t {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 => "VARCHAR".to_owned(),
        DataType::Binary => "BYTEA".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(_, None) => "TIMESTAMP".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Decimal128(p, s) => format!("DECIMAL({p}, {s})"),
        DataType::List(item) => format!("{}[]", type_text(item.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(members) => {
                let members: Vec<String> = members.iter().map(|f| type_text(f.data_type())).collect();
                format!("MAP({})", members.join(", "))
            }
            other => other.to_string(),
        },
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|f| format!("{} {}", quoted(f.name()), type_text(f.data_type()))).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        other => other.to_string(),
    }
}
