//! CREATE TABLE and DROP TABLE.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharLengthUnits, CharacterLength, ColumnOption, CreateTable, CreateTableOptions,
    DataType as SqlType, ExactNumberInfo, Expr, ObjectName as SqlName, Query, SqlOption, Statement as Sql,
    TableConstraint, Value,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use qx_formats::{Error, Kind, Result};
use qx_store::bound::Bound;
use qx_store::catalog::{Catalog, Column, Define, Object, TableDef, TableOptions};
use qx_store::names::ObjectName;
use qx_store::{Writer, delta, sync};
use uuid::Uuid;

use super::insert::{self, Source};
use super::names::{check_schema, ident, table_name};
use super::origin;
use crate::session::{Answer, Session};
use crate::statement::ahead;

/// Columns of one table.
pub(crate) const MAX_COLUMNS: usize = 4096;

/// Takes `WITH (...)`, and the query, behind PARTITION BY: the parser knows options before it only.
pub(super) fn parse_rest(p: &mut Parser<'_>, create: &mut CreateTable) -> Result<(), ParserError> {
    let given = create.table_options != CreateTableOptions::None || create.query.is_some();
    if create.partition_by.is_none() || given || !ahead(p, &["WITH"]) {
        return Ok(());
    }
    create.table_options = CreateTableOptions::With(p.parse_options(Keyword::WITH)?);
    if p.parse_keyword(Keyword::AS) {
        create.query = Some(p.parse_query()?);
    }
    Ok(())
}

pub(crate) async fn run(session: &Session, create: CreateTable) -> Result<Answer> {
    refuse_what_is_not_taken(&create)?;
    let name = table_name(session, &create.name)?;
    check_schema("table", &name)?;
    session
        .transact(async |writer: &mut Writer| {
            let catalog = writer.catalog();
            if catalog.table(&name).is_some() {
                if create.if_not_exists {
                    return Ok(Answer::affected(0));
                }
                if !create.or_replace {
                    return Err(Error::new(Kind::Exists, format!("the table {} is there already", name.key())));
                }
                drop_one(writer, &name)?;
            }
            let mut columns = Vec::new();
            let mut key_columns: Vec<String> = Vec::new();
            for (id, column) in (1u32..).zip(&create.columns) {
                let (column, is_key) = define_column(session, id, column).await?;
                if is_key {
                    key_columns.push(column.name.clone());
                }
                columns.push(column);
            }
            let rows = match &create.query {
                Some(query) => Some(selected(session, query.as_ref().clone(), &mut columns).await?),
                None => None,
            };
            check_columns(&columns)?;
            table_keys(&create.constraints, &mut key_columns)?;
            let mut def = TableDef::plain(Uuid::now_v7(), columns);
            set_key(&mut def, &key_columns)?;
            def.options = options(&create.table_options, &def)?;
            if let Some(by) = &create.partition_by {
                def.options.partition_by = partition(by, &def)?;
            }
            check_partition(&def)?;
            def.folder = folder(session, &catalog, &name, &def);
            let count = rows.as_ref().map_or(0, Answer::rows);
            writer.change(&Define::Table { name: name.key(), def: def.clone() })?;
            if let Some(answer) = rows {
                insert::write(session, writer, &name, Source::Rows(answer.batches), None, None).await?;
            }
            Ok(Answer::affected(count as u64))
        })
        .await
}

/// The rows of AS SELECT, whose columns are those of the table unless it says others: what a column of a table keeps to,
/// they keep to as well.
async fn selected(session: &Session, mut query: Query, columns: &mut Vec<Column>) -> Result<Answer> {
    if !columns.is_empty() {
        insert::into_columns(&mut query, &TableDef::plain(Uuid::nil(), columns.clone()), None)?;
        return session.run_query(query).await;
    }
    let statement = EngineStatement::Statement(Box::new(Sql::Query(Box::new(query))));
    let plan = session.analyzed(session.plan_engine(statement).await?)?;
    for (at, field) in plan.schema().fields().iter().enumerate() {
        check_stored(field.data_type(), field.data_type())
            .map_err(|e| e.got(format!("the column {}", field.name())))?;
        let id = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let mut column = Column::new(id, field.name(), &delta::delta_type(field.data_type()), true);
        let origin = origin::column(&plan, at).filter(|from| from.data_type == column.data_type);
        column.bound = origin.and_then(|from| from.bound);
        columns.push(column);
    }
    session.run_plan(plan).await
}

/// The columns of PRIMARY KEY (...), behind those that say so themselves.
fn table_keys(constraints: &[TableConstraint], key_columns: &mut Vec<String>) -> Result<()> {
    for constraint in constraints {
        let TableConstraint::PrimaryKey(key) = constraint else {
            return Err(
                Error::unsupported(format!("the constraint `{constraint}` is not supported")).expected("PRIMARY KEY")
            );
        };
        if !key_columns.is_empty() {
            return Err(Error::usage("a table has one primary key"));
        }
        for column in &key.columns {
            match &column.column.expr {
                Expr::Identifier(i) => key_columns.push(ident(i)),
                other => return Err(Error::usage("a primary key is made of columns").got(other)),
            }
        }
    }
    Ok(())
}

fn refuse_what_is_not_taken(create: &CreateTable) -> Result<()> {
    let refused =
        |what: &str| Err(Error::unsupported(format!("CREATE {what} is not supported")).expected("CREATE TABLE"));
    if create.temporary {
        return refused("TEMPORARY TABLE");
    }
    if create.external || create.location.is_some() {
        return refused("EXTERNAL TABLE");
    }
    if create.like.is_some() || create.clone.is_some() || create.inherits.is_some() {
        return refused("TABLE ... LIKE, CLONE or INHERITS");
    }
    if create.columns.is_empty() && create.query.is_none() {
        return Err(Error::usage("a table has at least one column"));
    }
    Ok(())
}

fn check_columns(columns: &[Column]) -> Result<()> {
    if columns.len() > MAX_COLUMNS {
        return Err(Error::limit("columns", MAX_COLUMNS as u64, columns.len() as u64));
    }
    for (i, column) in columns.iter().enumerate() {
        check_column_name(&column.name)?;
        if columns[..i].iter().any(|c| c.name.eq_ignore_ascii_case(&column.name)) {
            return Err(Error::usage(format!("the column {} stands twice", column.name)));
        }
    }
    Ok(())
}

/// Names that Delta and our own hidden columns leave free.
pub(crate) fn check_column_name(name: &str) -> Result<()> {
    let taken = name.starts_with("__") || name.is_empty() || name.len() > 255;
    if taken || name.chars().any(|c| c.is_control() || matches!(c, ' ' | ',' | ';' | '{' | '}' | '(' | ')' | '=')) {
        return Err(Error::usage(format!("`{name}` cannot name a column"))
            .expected("1 to 255 bytes without spaces, none of , ; { } ( ) =, not beginning with __"));
    }
    Ok(())
}

/// The engine's type for one of SQL, as the tables store it.
pub(crate) async fn arrow_type(session: &Session, sql: &SqlType) -> Result<DataType> {
    // The engine has maps, and no name for them. Of what holds others the parts are asked for, since each may be one.
    match sql {
        SqlType::Map(key, value) => {
            let (key, value) = (Box::pin(arrow_type(session, key)).await?, Box::pin(arrow_type(session, value)).await?);
            return Ok(map_of(key, value));
        }
        SqlType::Array(ArrayElemTypeDef::AngleBracket(of) | ArrayElemTypeDef::SquareBracket(of, _)) => {
            let of = Box::pin(arrow_type(session, of)).await?;
            return Ok(DataType::List(Arc::new(Field::new_list_field(of, true))));
        }
        SqlType::Struct(members, _) => {
            let mut fields = Vec::with_capacity(members.len());
            for (at, member) in members.iter().enumerate() {
                let name = member.field_name.as_ref().map_or_else(|| format!("c{at}"), ident);
                fields.push(Field::new(name, Box::pin(arrow_type(session, &member.field_type)).await?, true));
            }
            return Ok(DataType::Struct(fields.into()));
        }
        _ => {}
    }
    check_digits(sql)?;
    let text = format!("SELECT CAST(NULL AS {sql})");
    let statement = Session::parse(&text)?.pop().ok_or_else(|| Error::usage("no type"))?;
    let crate::statement::Body::Engine(statement) = statement.body else { return Err(Error::usage("no type")) };
    let plan = session.plan_engine(*statement).await?;
    let t = plan.schema().fields().first().map(|f| f.data_type().clone());
    let t = t.ok_or_else(|| Error::usage(format!("`{sql}` is not a type")))?;
    check_stored(&t, sql)?;
    Ok(delta::delta_type(&t))
}

/// Maps as the engine's function `map` makes them.
fn map_of(key: DataType, value: DataType) -> DataType {
    let members = vec![Field::new("key", key, false), Field::new("value", value, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(members.into()), false)), false)
}

/// Refuses numbers of digits that the engine would cut to fewer: it counts them in a byte.
fn check_digits(sql: &SqlType) -> Result<()> {
    let (digits, scale) = match sql {
        // Whatever it says, the engine takes it for one of 24 bits.
        SqlType::Float(ExactNumberInfo::Precision(bits)) if *bits > 24 => {
            return Err(
                Error::unsupported(format!("columns of type {sql} are not supported")).expected("FLOAT or DOUBLE")
            );
        }
        SqlType::Decimal(ExactNumberInfo::Precision(p)) | SqlType::Numeric(ExactNumberInfo::Precision(p)) => (*p, 0),
        SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(p, s))
        | SqlType::Numeric(ExactNumberInfo::PrecisionAndScale(p, s)) => (*p, *s),
        _ => return Ok(()),
    };
    let fits = (1..=u64::from(DECIMAL128_MAX_PRECISION)).contains(&digits);
    if fits && u64::try_from(scale).is_ok_and(|scale| scale <= digits) {
        return Ok(());
    }
    Err(Error::unsupported(format!("columns of type {sql} are not supported"))
        .expected(format!("DECIMAL(p, s) with p from 1 to {DECIMAL128_MAX_PRECISION}, s from 0 to p")))
}

/// Refuses a type that is not stored as one of its kind, but as text: `said` is what the statement calls it.
fn check_stored(t: &DataType, said: &dyn std::fmt::Display) -> Result<()> {
    use DataType::{
        Decimal256, Dictionary, Duration, FixedSizeList, Interval, LargeList, List, ListView, Map, Struct, Time32,
        Time64,
    };
    match t {
        Interval(_) | Duration(_) | Time32(_) | Time64(_) | Decimal256(..) => {
            Err(Error::unsupported(format!("columns of type {said} are not supported"))
                .hint("Delta Lake has no such type; a VARCHAR holds its values as text"))
        }
        List(f) | LargeList(f) | FixedSizeList(f, _) | ListView(f) | Map(f, _) => check_stored(f.data_type(), said),
        Struct(fields) => fields.iter().try_for_each(|f| check_stored(f.data_type(), said)),
        Dictionary(_, value) => check_stored(value, said),
        _ => Ok(()),
    }
}

/// What a type says of its values beside the type that is stored.
///
/// # Errors
/// `Unsupported` for a bound on values inside of others, which nobody would keep.
pub(super) fn bound(sql: &SqlType) -> Result<Option<Bound>> {
    let inside: Vec<&SqlType> = match sql {
        SqlType::Char(Some(length)) | SqlType::Varchar(Some(length)) => return characters(sql, *length),
        SqlType::TinyIntUnsigned(_) => return Ok(Some(Bound::Unsigned(8))),
        SqlType::SmallIntUnsigned(_) | SqlType::Int2Unsigned(_) => return Ok(Some(Bound::Unsigned(16))),
        SqlType::IntUnsigned(_) | SqlType::IntegerUnsigned(_) | SqlType::Int4Unsigned(_) => {
            return Ok(Some(Bound::Unsigned(32)));
        }
        SqlType::BigIntUnsigned(_) | SqlType::Int8Unsigned(_) => return Ok(Some(Bound::Unsigned(64))),
        SqlType::Array(
            ArrayElemTypeDef::AngleBracket(of)
            | ArrayElemTypeDef::SquareBracket(of, _)
            | ArrayElemTypeDef::Parenthesis(of),
        ) => vec![of.as_ref()],
        SqlType::Map(key, value) => vec![key.as_ref(), value.as_ref()],
        SqlType::Struct(fields, _) => fields.iter().map(|f| &f.field_type).collect(),
        _ => return Ok(None),
    };
    for of in inside {
        if bound(of)?.is_some() {
            return Err(Error::unsupported(format!("columns of type {sql} are not supported"))
                .hint(format!("what {of} says is kept of whole columns only")));
        }
    }
    Ok(None)
}

fn characters(sql: &SqlType, length: CharacterLength) -> Result<Option<Bound>> {
    let refused = || {
        Error::unsupported(format!("columns of type {sql} are not supported"))
            .expected("a length in characters, from 1")
    };
    match length {
        CharacterLength::Max => Ok(None),
        CharacterLength::IntegerLength { unit: Some(CharLengthUnits::Octets), .. } => Err(refused()),
        CharacterLength::IntegerLength { length, .. } => {
            let length = u32::try_from(length).ok().filter(|n| *n > 0).ok_or_else(refused)?;
            Ok(Some(Bound::Characters(length)))
        }
    }
}

/// One column of a definition, and whether it is the primary key.
pub(crate) async fn define_column(
    session: &Session,
    id: u32,
    column: &datafusion::sql::sqlparser::ast::ColumnDef,
) -> Result<(Column, bool)> {
    let t = arrow_type(session, &column.data_type).await?;
    let mut out = Column::new(id, ident(&column.name), &t, true);
    out.bound = bound(&column.data_type)?;
    let mut is_key = false;
    for option in &column.options {
        match &option.option {
            ColumnOption::Null => out.nullable = true,
            ColumnOption::NotNull => out.nullable = false,
            ColumnOption::Default(expr) => {
                let value = super::values::constant(session, expr, &out).await?;
                if let Some(bound) = out.bound {
                    bound.check(&out.name, value.as_ref())?;
                }
                out.default = Some(crate::dialect::written(expr));
            }
            ColumnOption::PrimaryKey(_) => {
                is_key = true;
                out.nullable = false;
            }
            ColumnOption::Comment(_) => {}
            other => return Err(Error::unsupported(format!("the column option `{other}` is not supported"))),
        }
    }
    Ok((out, is_key))
}

fn set_key(def: &mut TableDef, names: &[String]) -> Result<()> {
    for name in names {
        let Some(column) = def.columns.iter_mut().find(|c| c.name == *name) else {
            return Err(Error::usage(format!("the primary key names a column that is not there: {name}")));
        };
        if column.arrow_type()?.is_nested() || matches!(column.arrow_type()?, DataType::Float32 | DataType::Float64) {
            return Err(Error::unsupported(format!("a primary key of type {} is not supported", column.data_type)));
        }
        column.nullable = false;
        if def.primary_key.contains(&column.id) {
            return Err(Error::usage(format!("the primary key names {name} twice")));
        }
        def.primary_key.push(column.id);
    }
    def.row_ids = def.primary_key.is_empty();
    Ok(())
}

/// The text of an option's value.
pub(crate) fn option_text(value: &Expr) -> String {
    match value {
        Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(s) | Value::DoubleQuotedString(s) => s.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(i) => i.value.clone(),
        other => other.to_string(),
    }
}

fn options(given: &CreateTableOptions, def: &TableDef) -> Result<TableOptions> {
    let mut out = TableOptions::default();
    let list = match given {
        CreateTableOptions::None => return Ok(out),
        CreateTableOptions::With(list)
        | CreateTableOptions::Options(list)
        | CreateTableOptions::Plain(list)
        | CreateTableOptions::TableProperties(list) => list,
    };
    for option in list {
        let SqlOption::KeyValue { key, value } = option else {
            return Err(Error::usage(format!("the table option `{option}`")).expected("name = value"));
        };
        set_option(&mut out, def, &key.value.to_lowercase(), &option_text(value))?;
    }
    Ok(out)
}

/// Sets one option by name. An empty value takes it back.
pub(crate) fn set_option(out: &mut TableOptions, def: &TableDef, name: &str, value: &str) -> Result<()> {
    let wrong = |expected: &str| Error::usage(format!("table option {name}")).expected(expected).got(value);
    let column = |name: &str| {
        def.column(name).ok_or_else(|| Error::usage(format!("a table option names a column that is not there: {name}")))
    };
    match name {
        "flush" | "flush_policy" => {
            (out.flush_rows, out.flush_interval_ms) = (None, None);
            let expected = "rows:N, interval:DURATION, or both with a comma between";
            for part in value.split([',', '+']).map(str::trim).filter(|p| !p.is_empty()) {
                match part.split_once(':') {
                    Some(("rows", n)) => {
                        let n = n.trim().parse().ok().filter(|n| *n > 0u64).ok_or_else(|| wrong(expected))?;
                        out.flush_rows = Some(n);
                    }
                    Some(("interval", d)) => {
                        out.flush_interval_ms = Some(sync::milliseconds(d).ok_or_else(|| wrong(expected))?);
                    }
                    _ => return Err(wrong(expected)),
                }
            }
        }
        "sync" => {
            if !value.is_empty() {
                sync::parse(value)?;
            }
            out.sync = Some(value.to_lowercase()).filter(|v| !v.is_empty());
        }
        "ttl" => {
            out.ttl_ms = match value {
                "" => None,
                text => {
                    Some(sync::milliseconds(text).filter(|n| *n > 0).ok_or_else(|| wrong("a duration: 30s, 12h, 7d"))?)
                }
            };
        }
        "ttl_column" => {
            let column = column(value)?;
            if !matches!(column.arrow_type()?, DataType::Timestamp(..) | DataType::Date32) {
                return Err(wrong("a column of type timestamp or date"));
            }
            out.ttl_column = Some(column.id);
        }
        "partition_by" | "partition" => {
            let names = value.split(',').map(str::trim).filter(|n| !n.is_empty());
            out.partition_by = names.map(|n| Ok(column(n)?.id)).collect::<Result<_>>()?;
        }
        _ => {
            return Err(Error::usage(format!("there is no table option {name}"))
                .expected("flush, sync, ttl, ttl_column, partition_by"));
        }
    }
    Ok(())
}

fn partition(by: &Expr, def: &TableDef) -> Result<Vec<u32>> {
    let one = |e: &Expr| match e {
        Expr::Identifier(i) => match def.column(&ident(i)) {
            Some(c) => Ok(c.id),
            None => Err(Error::usage(format!("PARTITION BY names a column that is not there: {i}"))),
        },
        other => Err(Error::usage("PARTITION BY takes columns").got(other)),
    };
    match by {
        Expr::Tuple(list) => list.iter().map(one).collect(),
        Expr::Nested(inner) => Ok(vec![one(inner)?]),
        other => Ok(vec![one(other)?]),
    }
}

fn check_partition(def: &TableDef) -> Result<()> {
    for id in &def.options.partition_by {
        let Some(column) = def.column_by_id(*id) else { continue };
        let t = column.arrow_type()?;
        if t.is_nested() || t.is_floating() || matches!(t, DataType::Binary) {
            return Err(Error::unsupported(format!("a partition column of type {t} is not supported")));
        }
    }
    if def.options.partition_by.len() >= def.columns.len() {
        return Err(Error::usage("a table has at least one column that it is not partitioned by"));
    }
    Ok(())
}

/// The folder of a new table: its name, unless another table has that folder or something was left behind in it.
fn folder(session: &Session, catalog: &Catalog, name: &ObjectName, def: &TableDef) -> Option<String> {
    let layout = session.store().layout();
    let path = layout.table(name);
    let prefix = format!("{}.", name.schema);
    let of_another = catalog.tables.iter().any(|(key, other)| {
        key.starts_with(&prefix)
            && ObjectName::parse("table", key).is_ok_and(|n| layout.table_folder(&n, other) == path)
    });
    (of_another || path.exists()).then(|| format!("{}-{}", name.name, &def.uuid.simple().to_string()[20..]))
}

/// DROP TABLE.
pub(crate) async fn drop(session: &Session, names: &[SqlName], if_exists: bool) -> Result<Answer> {
    let names = names.iter().map(|n| table_name(session, n)).collect::<Result<Vec<_>>>()?;
    session
        .transact(async |writer: &mut Writer| {
            let mut dropped = 0;
            for name in &names {
                if writer.catalog().table(name).is_none() {
                    if if_exists {
                        continue;
                    }
                    return Err(not_there(&writer.catalog(), name));
                }
                drop_one(writer, name)?;
                dropped += 1;
            }
            Ok(Answer::affected(dropped))
        })
        .await
}

fn drop_one(writer: &mut Writer, name: &ObjectName) -> Result<()> {
    let catalog = writer.catalog();
    if let Some((index, _)) = catalog.indexes_on(&name.key()).next() {
        return Err(Error::usage(format!("the vector index {index} is built on {}", name.key()))
            .hint("DROP VECTOR INDEX first"));
    }
    free_of_graphs(&catalog, name, None)?;
    writer.change(&Define::Drop { object: Object::Table, name: name.key() })
}

/// Refuses a table that a graph is a view of, or one of its columns that the graph is read from.
pub(super) fn free_of_graphs(catalog: &Catalog, table: &ObjectName, column: Option<&str>) -> Result<()> {
    let Some(def) = catalog.table(table) else { return Ok(()) };
    let key = table.key();
    let graph = catalog.graphs_on(&key).find(|(_, g)| column.is_none_or(|c| g.columns_in(&key, def).contains(&c)));
    let Some((graph, _)) = graph else { return Ok(()) };
    let of = column.map_or_else(|| key.clone(), |c| format!("the column {c} of {key}"));
    Err(Error::usage(format!("the graph {graph} is a view of {of}")).hint(format!("DROP GRAPH {graph} first")))
}

/// A table that a statement names and nobody defined.
pub(crate) fn not_there(catalog: &Catalog, name: &ObjectName) -> Error {
    let names: Vec<&str> = catalog.tables.keys().map(String::as_str).take(20).collect();
    let e = Error::new(Kind::NotFound, format!("there is no table {}", name.key()));
    if names.is_empty() { e.hint("no table is defined: CREATE TABLE makes one") } else { e.expected(names.join(", ")) }
}
