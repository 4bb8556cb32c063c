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
            let fields = fields.join(", ");
            // The parser takes what stands behind `>>` for a part of the inner one.
            let apart = if fields.ends_with('>') { " " } else { "" };
            format!("STRUCT<{fields}{apart}>")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::TimeUnit;

    use super::*;
    use crate::testing::Database;

    fn plain() -> Vec<DataType> {
        use DataType::{
            Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp, Utf8,
        };
        let mut types = vec![Boolean, Int8, Int16, Int32, Int64, Float32, Float64, Utf8, Binary, Date32];
        types.extend([(1, 0), (10, 2), (38, 38)].map(|(p, s)| Decimal128(p, s)));
        types.extend([None, Some("UTC".into())].map(|zone| Timestamp(TimeUnit::Microsecond, zone)));
        types
    }

    fn list(of: DataType) -> DataType {
        DataType::List(Arc::new(Field::new_list_field(of, true)))
    }

    fn map(key: DataType, value: DataType) -> DataType {
        let members = vec![Field::new("key", key, false), Field::new("value", value, true)];
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(members.into()), false)), false)
    }

    fn structure(members: &[(&str, DataType)]) -> DataType {
        DataType::Struct(members.iter().map(|(name, t)| Field::new(*name, t.clone(), true)).collect())
    }

    /// Each of the types inside of each thing that holds others.
    fn around(types: &[DataType]) -> Vec<DataType> {
        let holders = |t: &DataType| {
            [
                list(t.clone()),
                map(DataType::Utf8, t.clone()),
                structure(&[("a", t.clone()), ("Order", DataType::Int32), ("map", t.clone())]),
            ]
        };
        types.iter().flat_map(holders).collect()
    }

    #[test]
    fn what_is_shown_makes_the_same_table_again() {
        let db = Database::new();
        let mut types = plain();
        types.extend(around(&plain()));
        let held = around(&[DataType::Int64]);
        types.extend(around(&held));
        types.extend(around(&around(&held)));
        let columns: Vec<String> = (0..).zip(&types).map(|(n, t)| format!("c{n} {}", type_text(t))).collect();
        db.run(&format!("CREATE TABLE t ({})", columns.join(", ")));
        let name = ObjectName::parse("table", "t").unwrap();
        let made = || -> Vec<DataType> {
            let catalog = db.session.view().catalog();
            let def = catalog.table(&name).unwrap();
            def.columns.iter().map(|c| c.arrow_type().unwrap()).collect()
        };
        assert_eq!(made(), types);
        let shown = db.rows("SHOW CREATE TABLE t");
        db.run(&format!("DROP TABLE t; {}", shown[0][1]));
        assert_eq!(made(), types);
        assert_eq!(db.rows("SHOW CREATE TABLE t"), shown);
    }
}
