//! ALTER TABLE: changes of definitions, by column id. Files that were written before are read under the new definition;
//! `qx compact --rewrite` brings them along.

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, DataType as SqlType, Expr, Ident,
    RenameTableNameKind, SqlOption,
};
use qx_formats::{Error, Kind, Result};
use qx_store::catalog::{Define, Object, TableDef};
use qx_store::names::ObjectName;
use qx_store::rows::conform;
use qx_store::{Table, Writer};

use super::create::{
    arrow_type, bound, check_column_name, define_column, free_of_graphs, not_there, option_text, set_option,
};
use super::dml::opened;
use super::names::{check_schema, ident, rows_name, table_name};
use super::{Shape, query, values};
use crate::session::{Answer, Session};

pub(crate) async fn run(session: &Session, alter: AlterTable) -> Result<Answer> {
    let name = table_name(session, &alter.name)?;
    let explicit = session.in_transaction().await;
    let changes_type = |op: &AlterTableOperation| {
        use AlterTableOperation::{AlterColumn, ChangeColumn, ModifyColumn};
        matches!(op, ModifyColumn { .. } | ChangeColumn { .. })
            || matches!(op, AlterColumn { op: AlterColumnOperation::SetDataType { .. }, .. })
    };
    if alter.operations.iter().any(changes_type) && session.view().catalog().table(&name).is_some() {
        if explicit {
            return Err(Error::unsupported("another type for a column is not supported inside a transaction")
                .hint("change the type outside a transaction"));
        }
        // Rows that were replaced need not fit the new type, and must not be met any more.
        session.maintain(async |writer: &mut Writer| writer.flush(&name).await).await?;
    }
    session
        .transact(async |writer: &mut Writer| {
            if writer.catalog().table(&name).is_none() {
                if alter.if_exists {
                    return Ok(Answer::none());
                }
                return Err(not_there(&writer.catalog(), &name));
            }
            let mut name = name.clone();
            for operation in &alter.operations {
                name = one(session, writer, name, operation).await?;
            }
            Ok(Answer::none())
        })
        .await
}

async fn one(session: &Session, writer: &mut Writer, name: ObjectName, op: &AlterTableOperation) -> Result<ObjectName> {
    let table = opened(writer, &name).await?;
    let mut def = table.defined.as_ref().clone();
    match op {
        AlterTableOperation::AddColumn { if_not_exists, column_def, .. } => {
            if *if_not_exists && def.column(&ident(&column_def.name)).is_some() {
                return Ok(name);
            }
            add_column(session, &table, &mut def, column_def).await?;
        }
        AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
            for column in column_names {
                if *if_exists && def.column(&ident(column)).is_none() {
                    continue;
                }
                drop_column(writer, &name, &mut def, column)?;
            }
        }
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            rename_column(writer, &name, &mut def, old_column_name, &ident(new_column_name))?;
        }
        AlterTableOperation::RenameTable { table_name } => {
            return rename_table(session, writer, &name, def, table_name);
        }
        AlterTableOperation::ModifyColumn { col_name, data_type, options, .. } => {
            set_type(session, writer, &name, &mut def, col_name, data_type).await?;
            set_options(session, &table, &mut def, col_name, options).await?;
        }
        AlterTableOperation::ChangeColumn { old_name, new_name, data_type, options, .. } => {
            set_type(session, writer, &name, &mut def, old_name, data_type).await?;
            set_options(session, &table, &mut def, old_name, options).await?;
            if ident(old_name) != ident(new_name) {
                rename_column(writer, &name, &mut def, old_name, &ident(new_name))?;
            }
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            alter_column(session, writer, &table, &mut def, column_name, op).await?;
        }
        AlterTableOperation::SetTblProperties { table_properties: options }
        | AlterTableOperation::SetOptionsParens { options } => {
            for option in options {
                let SqlOption::KeyValue { key, value } = option else {
                    return Err(Error::usage(format!("the table option `{option}`")).expected("name = value"));
                };
                let key = key.value.to_lowercase();
                if key.starts_with("partition") {
                    return Err(Error::unsupported("another partition column is not supported")
                        .hint("CREATE TABLE ... AS SELECT"));
                }
                if key == "ttl" && def.options.ttl_ms.is_none() && def.options.ttl_column.is_none() {
                    let there = def.columns.first().map_or(0, |_| table.cold.files.len() + table.hot().rows());
                    if there > 0 && !options.iter().any(|o| matches!(o, SqlOption::KeyValue { key, .. } if key.value.eq_ignore_ascii_case("ttl_column"))) {
                        return Err(Error::usage("the rows that are there do not say when they were written")
                            .hint("set ttl_column too"));
                    }
                }
                let before = def.clone();
                set_option(&mut def.options, &before, &key, &option_text(value))?;
            }
        }
        other => {
            return Err(Error::unsupported(format!("ALTER TABLE ... {other} is not supported"))
                .expected("ADD, DROP, RENAME, MODIFY or ALTER COLUMN, RENAME TO, SET TBLPROPERTIES"));
        }
    }
    writer.change(&Define::Table { name: name.key(), def })?;
    Ok(name)
}

/// The place of a column that may be changed: it exists and is not part of the key.
fn changeable(def: &TableDef, column: &Ident) -> Result<usize> {
    let name = ident(column);
    if name.starts_with("__") {
        return Err(Error::usage(format!("{name} belongs to the system and cannot be changed")));
    }
    let at = def.columns.iter().position(|c| c.name == name);
    let at = at.ok_or_else(|| {
        let names: Vec<&str> = def.columns.iter().map(|c| c.name.as_str()).collect();
        Error::new(Kind::NotFound, format!("the table has no column {name}")).expected(names.join(", "))
    })?;
    if def.primary_key.contains(&def.columns[at].id) {
        return Err(Error::usage(format!("{name} is part of the primary key, which cannot be changed")));
    }
    Ok(at)
}

/// Refuses what a vector index is built on.
fn free_of_dependents(writer: &Writer, name: &ObjectName, column: Option<&str>) -> Result<()> {
    let catalog = writer.catalog();
    let index = catalog
        .indexes
        .iter()
        .find(|(_, i)| (i.table == name.name || i.table == name.key()) && column.is_none_or(|c| i.column == c));
    match index {
        Some((index, _)) => Err(Error::usage(format!("the vector index {index} is built on it"))
            .hint(format!("DROP VECTOR INDEX {index} first"))),
        None => Ok(()),
    }
}

async fn add_column(session: &Session, table: &Table, def: &mut TableDef, column: &ColumnDef) -> Result<()> {
    let id = def.next_column.max(def.columns.iter().map(|c| c.id + 1).max().unwrap_or(1));
    let (mut new, is_key) = define_column(session, id, column).await?;
    check_column_name(&new.name)?;
    if is_key {
        return Err(Error::unsupported("adding to the primary key is not supported"));
    }
    if def.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&new.name)) {
        return Err(Error::new(Kind::Exists, format!("the table has a column {} already", new.name)));
    }
    let t = new.arrow_type()?;
    if let Some(text) = &new.default {
        let expr = parse_expr(text)?;
        let value = values::constant(session, &expr, &new).await?;
        if value.is_valid(0) {
            if t.is_nested() || matches!(t, DataType::Binary) {
                return Err(Error::unsupported(format!(
                    "a default of type {t} is not supported for rows that are there"
                )));
            }
            new.missing = Some(array_value_to_string(&value, 0).map_err(|e| Error::new(Kind::Engine, e.to_string()))?);
        }
    }
    let empty = table.cold.files.is_empty() && table.hot().rows() == 0;
    if !new.nullable && new.missing.is_none() && !empty {
        return Err(Error::usage(format!("the rows that are there have no value for {}", new.name))
            .hint("give a DEFAULT, or leave NOT NULL out"));
    }
    // A name that the files use for another column, or used for one that is gone, stands for that one in them.
    let taken = table.cold.has_column(&new.name) || def.columns.iter().any(|c| c.physical_name() == new.name);
    if taken {
        new.physical = Some(format!("{}_{id}", new.name));
    }
    def.next_column = id + 1;
    def.columns.push(new);
    Ok(())
}

pub(super) fn parse_expr(text: &str) -> Result<Expr> {
    let dialect = datafusion::sql::sqlparser::dialect::GenericDialect {};
    let mut parser = datafusion::sql::sqlparser::parser::Parser::new(&dialect)
        .try_with_sql(text)
        .map_err(|e| Error::usage(format!("not SQL: {e}")))?;
    parser.parse_expr().map_err(|e| Error::usage(format!("not SQL: {e}")))
}

fn drop_column(writer: &Writer, name: &ObjectName, def: &mut TableDef, column: &Ident) -> Result<()> {
    let at = changeable(def, column)?;
    let id = def.columns[at].id;
    free_of_dependents(writer, name, Some(&def.columns[at].name))?;
    free_of_graphs(&writer.catalog(), name, Some(&def.columns[at].name))?;
    if def.options.partition_by.contains(&id) {
        return Err(Error::usage(format!("the table is partitioned by {}", def.columns[at].name)));
    }
    if def.options.ttl_column == Some(id) {
        return Err(Error::usage(format!("the time to live of rows counts from {}", def.columns[at].name)));
    }
    if def.columns.len() == 1 {
        return Err(Error::usage("a table has at least one column"));
    }
    def.next_column = def.next_column.max(id + 1);
    def.columns.remove(at);
    Ok(())
}

fn rename_column(writer: &Writer, name: &ObjectName, def: &mut TableDef, column: &Ident, to: &str) -> Result<()> {
    let at = changeable(def, column)?;
    free_of_dependents(writer, name, Some(&def.columns[at].name))?;
    free_of_graphs(&writer.catalog(), name, Some(&def.columns[at].name))?;
    check_column_name(to)?;
    if def.columns.iter().enumerate().any(|(i, c)| i != at && c.name.eq_ignore_ascii_case(to)) {
        return Err(Error::new(Kind::Exists, format!("the table has a column {to} already")));
    }
    let column = &mut def.columns[at];
    let physical = column.physical_name().to_owned();
    column.name = to.to_owned();
    column.physical = (physical != to).then_some(physical);
    Ok(())
}

fn rename_table(
    session: &Session,
    writer: &mut Writer,
    name: &ObjectName,
    mut def: TableDef,
    to: &RenameTableNameKind,
) -> Result<ObjectName> {
    let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = to;
    let to = match table_name(session, to)? {
        to if to.schema == name.schema => to,
        // A name without a schema stays in the table's own.
        to if to.schema == qx_store::names::DEFAULT_SCHEMA => ObjectName { schema: name.schema.clone(), name: to.name },
        to => {
            check_schema("table", &to)?;
            return Err(Error::unsupported("moving a table to another schema is not supported").got(to.key()));
        }
    };
    free_of_dependents(writer, name, None)?;
    free_of_graphs(&writer.catalog(), name, None)?;
    if writer.catalog().table(&to).is_some() {
        return Err(Error::new(Kind::Exists, format!("the table {} is there already", to.key())));
    }
    def.folder = Some(def.folder.take().unwrap_or_else(|| name.name.clone()));
    writer.change(&Define::Table { name: name.key(), def })?;
    writer.change(&Define::Rename { object: Object::Table, from: name.key(), to: to.key() })?;
    Ok(to)
}

/// The values that a column has, from a query of its own.
async fn column_values(session: &Session, name: &ObjectName, column: &str) -> Result<Vec<RecordBatch>> {
    let alias = Ident::with_quote('"', "t");
    let from = query::from(query::table(rows_name(name, Shape::Plain), alias.clone()));
    let items = vec![query::named(query::column(&alias, column), "v")];
    Ok(session.run_query(query::select(items, vec![from], None)).await?.batches)
}

async fn set_type(
    session: &Session,
    writer: &Writer,
    name: &ObjectName,
    def: &mut TableDef,
    column: &Ident,
    to: &SqlType,
) -> Result<()> {
    let at = changeable(def, column)?;
    let bound = bound(to)?;
    let to = arrow_type(session, to).await?;
    let from = def.columns[at].arrow_type()?;
    if let Some(bound) = bound.filter(|b| def.columns[at].bound != Some(*b)) {
        for batch in column_values(session, name, &def.columns[at].name).await? {
            let there = conform(batch.column(0), &to).map_err(|e| {
                let what = format!("column {}: its values do not fit", def.columns[at].name);
                Error::invalid(what).expected(&to).got(e.message())
            })?;
            bound.check(&def.columns[at].name, there.as_ref())?;
        }
    }
    def.columns[at].bound = bound;
    if from == to {
        return Ok(());
    }
    free_of_dependents(writer, name, Some(&def.columns[at].name))?;
    if def.options.partition_by.contains(&def.columns[at].id) || def.options.ttl_column == Some(def.columns[at].id) {
        return Err(Error::unsupported(
            "another type is not supported for a column that partitions or times the table",
        ));
    }
    let wrong = |e: &dyn std::fmt::Display| {
        Error::invalid(format!("column {}: its values do not fit", def.columns[at].name)).expected(&to).got(e)
    };
    if !widens(&from, &to) {
        for batch in column_values(session, name, &def.columns[at].name).await? {
            let values = conform(batch.column(0), &from)?;
            let there = conform(&values, &to).map_err(|e| wrong(&e.message()))?;
            let back = conform(&there, &from).map_err(|e| wrong(&e.message()))?;
            if back.as_ref() != values.as_ref() {
                return Err(wrong(&"values that would be cut"));
            }
        }
    }
    let column = &mut def.columns[at];
    column.data_type = to.to_string();
    if let Some(text) = &column.default {
        values::constant(session, &parse_expr(text)?, column).await?;
    }
    def.rewrite = true;
    Ok(())
}

/// Whether every value of one type has its like in the other.
fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType::{Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp, Utf8};
    match (from, to) {
        (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) => true,
        (Float32, Float64) | (Int8 | Int16, Float32) | (Int8 | Int16 | Int32, Float64) => true,
        (Decimal128(p, s), Decimal128(q, r)) => {
            r >= s && i16::from(*q) - i16::from(*r) >= i16::from(*p) - i16::from(*s)
        }
        (Int8 | Int16 | Int32 | Int64 | DataType::Boolean | Date32, Utf8) => true,
        (Date32, Timestamp(..)) => true,
        _ => false,
    }
}

async fn set_options(
    session: &Session,
    table: &Table,
    def: &mut TableDef,
    column: &Ident,
    options: &[ColumnOption],
) -> Result<()> {
    for option in options {
        match option {
            ColumnOption::Null => nullable(session, table, def, column, true).await?,
            ColumnOption::NotNull => nullable(session, table, def, column, false).await?,
            ColumnOption::Default(value) => set_default(session, def, column, Some(value)).await?,
            ColumnOption::Comment(_) => {}
            other => return Err(Error::unsupported(format!("the column option `{other}` is not supported"))),
        }
    }
    Ok(())
}

async fn alter_column(
    session: &Session,
    writer: &Writer,
    table: &Table,
    def: &mut TableDef,
    column: &Ident,
    op: &AlterColumnOperation,
) -> Result<()> {
    match op {
        AlterColumnOperation::SetNotNull => nullable(session, table, def, column, false).await,
        AlterColumnOperation::DropNotNull => nullable(session, table, def, column, true).await,
        AlterColumnOperation::SetDefault { value } => set_default(session, def, column, Some(value)).await,
        AlterColumnOperation::DropDefault => set_default(session, def, column, None).await,
        AlterColumnOperation::SetDataType { data_type, using: None, .. } => {
            set_type(session, writer, &table.name, def, column, data_type).await
        }
        other => Err(Error::unsupported(format!("ALTER COLUMN ... {other} is not supported"))),
    }
}

async fn nullable(session: &Session, table: &Table, def: &mut TableDef, column: &Ident, to: bool) -> Result<()> {
    let at = changeable(def, column)?;
    if !to && def.columns[at].nullable {
        let name = &def.columns[at].name;
        let found = column_values(session, &table.name, name).await?;
        let nulls: usize = found.iter().map(|b| b.column(0).null_count()).sum();
        if nulls > 0 {
            return Err(Error::invalid(format!("column {name} holds nulls")).got(format!("{nulls} nulls")));
        }
    }
    def.columns[at].nullable = to;
    Ok(())
}

async fn set_default(session: &Session, def: &mut TableDef, column: &Ident, value: Option<&Expr>) -> Result<()> {
    let at = changeable(def, column)?;
    if let Some(value) = value {
        let array = values::constant(session, value, &def.columns[at]).await?;
        def.columns[at].check(array.as_ref())?;
    }
    def.columns[at].default = value.map(crate::dialect::written);
    Ok(())
}
