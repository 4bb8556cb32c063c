//! UPDATE and DELETE: a query finds the rows, and gives them as they are to be; the log gets whole rows and keys.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::MemTable;
use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, LimitClause, ObjectName as SqlName, OrderBy,
    OrderByExpr, OrderByKind, Query, SelectItem, TableFactor, TableWithJoins, Update, UpdateTableFromKind,
    visit_expressions_mut,
};
use qx_formats::{Error, Kind, Result};
use qx_store::catalog::TableDef;
use qx_store::names::ObjectName;
use qx_store::rows::{KeyCodec, conform};
use qx_store::table_def::ROW_ID;
use qx_store::{Table, Writer};

use super::create::not_there;
use super::names::{ident, rows_name, table_name};
use super::provider::view_type;
use super::values::{self, Ids};
use super::{Shape, query};
use crate::error::engine_error;
use crate::exact;
use crate::session::{Answer, Session};

/// The name under which the rows of ON CONFLICT are seen.
const EXCLUDED: &str = "excluded";

fn engine(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// The table that a statement changes, and the name by which the statement calls it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) name: ObjectName,
    pub(super) alias: Ident,
}

impl Target {
    pub(super) fn of(session: &Session, factor: &TableFactor) -> Result<Target> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else {
            return Err(Error::usage(format!("`{factor}` is not a table")));
        };
        let alias = match alias {
            Some(a) if a.columns.is_empty() => a.name.clone(),
            Some(a) => return Err(Error::unsupported(format!("the alias `{a}` with columns is not supported"))),
            None => last_part(name)?,
        };
        Ok(Target { name: table_name(session, name)?, alias })
    }

    /// With the hidden columns, under the statement's own name for it.
    pub(super) fn factor(&self) -> TableFactor {
        query::table(rows_name(&self.name, Shape::Hidden), self.alias.clone())
    }

    pub(super) fn column(&self, name: &str) -> Expr {
        query::column(&self.alias, name)
    }
}

fn last_part(name: &SqlName) -> Result<Ident> {
    name.0.last().and_then(|p| p.as_ident()).cloned().ok_or_else(|| Error::usage(format!("`{name}` is not a table")))
}

/// What each assigned column becomes; a key column may not be assigned.
pub(super) fn assigned(def: &TableDef, assignments: &[Assignment]) -> Result<Vec<(usize, Expr)>> {
    let mut out: Vec<(usize, Expr)> = Vec::new();
    for assignment in assignments {
        let AssignmentTarget::ColumnName(name) = &assignment.target else {
            return Err(Error::unsupported("assignments of several columns at once are not supported"));
        };
        let column = ident(&last_part(name)?);
        let at = def.columns.iter().position(|c| c.name == column);
        let at = at.ok_or_else(|| Error::usage(format!("the table has no column {column}")))?;
        if def.primary_key.contains(&def.columns[at].id) {
            return Err(Error::usage(format!("{column} is part of the primary key, which cannot be updated"))
                .hint("DELETE the row and INSERT it under the new key"));
        }
        if out.iter().any(|(i, _)| *i == at) {
            return Err(Error::usage(format!("the column {column} is assigned twice")));
        }
        let column = &def.columns[at];
        let value = match values::is_default(&assignment.value) {
            true => values::default_expr(column)?,
            false => assignment.value.clone(),
        };
        out.push((at, exact::to_column(value, column.scale()?)));
    }
    Ok(out)
}

/// The columns of the rows as they are to be, and the row id behind them.
pub(super) fn new_rows(def: &TableDef, target: &Target, assigned: &[(usize, Expr)]) -> Vec<SelectItem> {
    let mut items = Vec::new();
    for (i, column) in def.columns.iter().enumerate() {
        let value = assigned.iter().find(|(at, _)| *at == i).map(|(_, e)| e.clone());
        items.push(query::named(value.unwrap_or_else(|| target.column(&column.name)), &format!("c{i}")));
    }
    if def.row_ids {
        items.push(query::named(target.column(ROW_ID), ROW_ID));
    }
    items
}

pub(super) fn keys(def: &TableDef, target: &Target) -> Result<Vec<SelectItem>> {
    let name = |(i, n): (usize, String)| query::named(target.column(&n), &format!("k{i}"));
    Ok(def.key_names()?.into_iter().enumerate().map(name).collect())
}

fn limited(mut query: Query, order_by: Vec<OrderByExpr>, limit: Option<Expr>) -> Query {
    if !order_by.is_empty() {
        query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(order_by), interpolate: None });
    }
    if limit.is_some() {
        query.limit_clause = Some(LimitClause::LimitOffset { limit, offset: None, limit_by: Vec::new() });
    }
    query
}

/// The query that gives the rows of an UPDATE as they are to be.
pub(super) fn update_query(session: &Session, def: &TableDef, update: &Update) -> Result<(Target, Query)> {
    super::refuse_clauses(
        "UPDATE",
        &[("RETURNING", update.returning.is_some()), ("OUTPUT", update.output.is_some()), ("OR", update.or.is_some())],
    )?;
    let target = Target::of(session, &update.table.relation)?;
    def.key_names()?;
    let assigned = assigned(def, &update.assignments)?;
    let mut from = vec![TableWithJoins { relation: target.factor(), joins: update.table.joins.clone() }];
    if let Some(UpdateTableFromKind::BeforeSet(list) | UpdateTableFromKind::AfterSet(list)) = &update.from {
        from.extend(list.iter().cloned());
    }
    let query = query::select(new_rows(def, &target, &assigned), from, update.selection.clone());
    Ok((target, limited(query, update.order_by.clone(), update.limit.clone())))
}

/// The query that gives the keys of the rows which a DELETE takes.
pub(super) fn delete_query(session: &Session, def: &TableDef, delete: &Delete) -> Result<Query> {
    super::refuse_clauses(
        "DELETE",
        &[
            ("RETURNING", delete.returning.is_some()),
            ("OUTPUT", delete.output.is_some()),
            ("list of tables", !delete.tables.is_empty()),
        ],
    )?;
    let (table, target) = delete_target(session, delete)?;
    let mut from = vec![TableWithJoins { relation: target.factor(), joins: table.joins.clone() }];
    from.extend(delete.using.iter().flatten().cloned());
    let query = query::select(keys(def, &target)?, from, delete.selection.clone());
    Ok(limited(query, delete.order_by.clone(), delete.limit.clone()))
}

pub(super) fn delete_target<'a>(session: &Session, delete: &'a Delete) -> Result<(&'a TableWithJoins, Target)> {
    let (FromTable::WithFromKeyword(list) | FromTable::WithoutKeyword(list)) = &delete.from;
    let [table] = list.as_slice() else {
        return Err(Error::unsupported("DELETE from several tables is not supported"));
    };
    Ok((table, Target::of(session, &table.relation)?))
}

pub(super) async fn opened(writer: &Writer, name: &ObjectName) -> Result<Arc<Table>> {
    writer.view().table(name).await?.ok_or_else(|| not_there(&writer.catalog(), name))
}

pub(crate) async fn update(session: &Session, update: Update) -> Result<Answer> {
    let name = Target::of(session, &update.table.relation)?.name;
    session
        .transact(async |writer: &mut Writer| {
            let table = opened(writer, &name).await?;
            let (_, query) = update_query(session, &table.def, &update)?;
            let found = session.run_query(query).await?;
            let Some(rows) = take_rows(&table.def, &found.batches)? else { return Ok(0) };
            unique(&table, &rows, "UPDATE")?;
            writer.upsert(&table.def, &rows, false)?;
            Ok(rows.num_rows() as u64)
        })
        .await
        .map(Answer::affected)
}

pub(crate) async fn delete(session: &Session, delete: Delete) -> Result<Answer> {
    let (_, target) = delete_target(session, &delete)?;
    session
        .transact(async |writer: &mut Writer| {
            let table = opened(writer, &target.name).await?;
            let query = delete_query(session, &table.def, &delete)?;
            let found = session.run_query(query).await?;
            delete_found(writer, &table, &found.batches)
        })
        .await
        .map(Answer::affected)
}

/// TRUNCATE: every row of the tables.
pub(crate) async fn truncate(session: &Session, names: Vec<ObjectName>) -> Result<Answer> {
    session
        .transact(async |writer: &mut Writer| {
            let mut count = 0;
            for name in &names {
                let table = opened(writer, name).await?;
                let target = Target { name: name.clone(), alias: Ident::with_quote('"', "t") };
                let query = query::select(keys(&table.def, &target)?, vec![query::from(target.factor())], None);
                let found = session.run_query(query).await?;
                count += delete_found(writer, &table, &found.batches)?;
            }
            Ok(count)
        })
        .await
        .map(Answer::affected)
}

/// Writes the deletion of keys that a query found, each once.
pub(super) fn delete_found(writer: &mut Writer, table: &Table, batches: &[RecordBatch]) -> Result<u64> {
    let Some(keys) = take_keys(&table.def, batches)? else { return Ok(0) };
    writer.delete(&table.def, &keys)?;
    Ok(keys.num_rows() as u64)
}

/// The distinct keys in what a query found, in the types of the key.
pub(super) fn take_keys(def: &TableDef, batches: &[RecordBatch]) -> Result<Option<RecordBatch>> {
    let Some(batch) = whole(batches)? else { return Ok(None) };
    let schema = def.row_schema()?;
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (i, name) in def.key_names()?.iter().enumerate() {
        let field = schema.field_with_name(name).map_err(engine)?.clone().with_nullable(true);
        columns.push(conform(batch.column(i), field.data_type())?);
        fields.push(field);
    }
    let codec = KeyCodec::new(fields.iter().map(|f: &Field| f.data_type().clone()).collect())?;
    let encoded = codec.encode(&columns)?;
    let mut seen = HashSet::new();
    let mut first = Vec::new();
    for (i, key) in (0u32..).zip(encoded.iter()) {
        if seen.insert(key.data().to_vec()) {
            first.push(i);
        }
    }
    let keys = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(engine)?;
    let indices = datafusion::arrow::array::UInt32Array::from(first);
    datafusion::arrow::compute::take_record_batch(&keys, &indices).map(Some).map_err(engine)
}

fn whole(batches: &[RecordBatch]) -> Result<Option<RecordBatch>> {
    let Some(first) = batches.iter().find(|b| b.num_rows() > 0) else { return Ok(None) };
    concat_batches(&first.schema(), batches.iter().filter(|b| b.num_rows() > 0)).map(Some).map_err(engine)
}

/// Rows as [`new_rows`] selects them, ready for the log.
pub(super) fn take_rows(def: &TableDef, batches: &[RecordBatch]) -> Result<Option<RecordBatch>> {
    let Some(batch) = whole(batches)? else { return Ok(None) };
    let mut columns = Vec::new();
    for (i, column) in def.columns.iter().enumerate() {
        columns.push(column.fit(batch.column(i))?);
    }
    let ids = if def.row_ids { Ids::Kept(Arc::clone(batch.column(def.columns.len()))) } else { Ids::None };
    values::complete(def, columns, ids).map(Some)
}

/// Refuses rows of which two have one key: what such a statement means is anybody's guess.
pub(super) fn unique(table: &Table, rows: &RecordBatch, statement: &str) -> Result<()> {
    let columns = table.hot().key_columns(rows);
    let codec = KeyCodec::new(columns.iter().map(|c| c.data_type().clone()).collect())?;
    let encoded = codec.encode(&columns)?;
    let mut seen = HashSet::with_capacity(rows.num_rows());
    if encoded.iter().all(|key| seen.insert(key.data().to_vec())) {
        return Ok(());
    }
    Err(Error::invalid(format!("the {statement} would change a row more than once"))
        .hint("a row of the target matches several rows of the other side"))
}

fn excluded_column(name: &str) -> String {
    format!("\u{1f}{name}")
}

/// `excluded.column` under the name that the column has here.
fn qualify_excluded(e: &mut Expr) {
    let _ = visit_expressions_mut(e, |e| {
        if let Expr::CompoundIdentifier(parts) = e
            && let [table, column] = parts.as_mut_slice()
            && ident(table) == EXCLUDED
        {
            *column = Ident::with_quote('"', excluded_column(&ident(column)));
        }
        ControlFlow::<()>::Continue(())
    });
}

/// The rows of the table whose keys are in `rows`, with `assignments` carried out; `excluded` is the new row.
pub(super) async fn update_from_rows(
    session: &Session,
    table: &Table,
    rows: &RecordBatch,
    assignments: &[Assignment],
    selection: Option<Expr>,
) -> Result<RecordBatch> {
    let def = &table.def;
    let target = Target { name: table.name.clone(), alias: Ident::with_quote('"', table.name.name.clone()) };
    let hidden = "\u{1f}excluded";
    let visible = rows.project(&(0..def.columns.len()).collect::<Vec<_>>()).map_err(engine)?;
    // Under names of their own, so that a name without qualifier means the table.
    let field = |f: &Arc<Field>| Field::new(excluded_column(f.name()), view_type(f.data_type()), f.is_nullable());
    let fields: Vec<Field> = visible.schema().fields().iter().map(field).collect();
    // Of the types that the table's own columns are read in.
    let columns = visible.columns().iter().zip(&fields).map(|(c, f)| conform(c, f.data_type()));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let visible = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(engine)?;
    let provider = MemTable::try_new(visible.schema(), vec![vec![visible]]).map_err(engine_error)?;
    session.context().register_table(TableReference::bare(hidden), Arc::new(provider)).map_err(engine_error)?;
    let mut assigned = assigned(def, assignments)?;
    for (_, value) in &mut assigned {
        qualify_excluded(value);
    }
    let mut selection = selection;
    if let Some(selection) = &mut selection {
        qualify_excluded(selection);
    }
    let excluded = Ident::new(EXCLUDED);
    let other = query::table(
        SqlName(vec![datafusion::sql::sqlparser::ast::ObjectNamePart::Identifier(Ident::with_quote('"', hidden))]),
        excluded.clone(),
    );
    let mut condition = selection.map(|e| Expr::Nested(Box::new(e)));
    for name in def.key_names()? {
        let same = Expr::BinaryOp {
            left: Box::new(target.column(&name)),
            op: datafusion::sql::sqlparser::ast::BinaryOperator::Eq,
            right: Box::new(query::column(&excluded, &excluded_column(&name))),
        };
        condition = Some(match condition {
            None => same,
            Some(c) => Expr::BinaryOp {
                left: Box::new(c),
                op: datafusion::sql::sqlparser::ast::BinaryOperator::And,
                right: Box::new(same),
            },
        });
    }
    let from = vec![query::from(target.factor()), query::from(other)];
    let found = session.run_query(query::select(new_rows(def, &target, &assigned), from, condition)).await;
    session.context().deregister_table(TableReference::bare(hidden)).map_err(engine_error)?;
    match take_rows(def, &found?.batches)? {
        Some(rows) => Ok(rows),
        None => Ok(RecordBatch::new_empty(rows.schema())),
    }
}
