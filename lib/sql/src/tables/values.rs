//! Values of columns: literals without the planner, defaults, and the rules that rows keep.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, UnaryOperator, Value};
use qx_formats::{Error, Kind, Result};
use qx_store::table_def::{Column, ROW_ID, TableDef, WRITTEN_AT};

use crate::exact;
use crate::session::Session;

/// The rows of `VALUES` as text, when all of them are plain literals: nothing has to be planned then.
pub(crate) fn literals(query: &Query) -> Option<Vec<Vec<Option<String>>>> {
    if query.with.is_some() || query.order_by.is_some() || query.limit_clause.is_some() || query.fetch.is_some() {
        return None;
    }
    let SetExpr::Values(values) = query.body.as_ref() else { return None };
    values.rows.iter().map(|row| row.iter().map(literal).collect()).collect()
}

fn literal(e: &Expr) -> Option<Option<String>> {
    match e {
        Expr::Value(v) => match &v.value {
            Value::Null => Some(None),
            Value::Number(n, false) => Some(Some(n.to_string())),
            Value::SingleQuotedString(s) => Some(Some(s.clone())),
            Value::Boolean(b) => Some(Some(b.to_string())),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(v) => match &v.value {
                Value::Number(n, false) => Some(Some(format!("-{n}"))),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Whether a value is the word DEFAULT.
pub(super) fn is_default(e: &Expr) -> bool {
    matches!(e, Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
}

/// What DEFAULT stands for in a column.
pub(super) fn default_expr(column: &Column) -> Result<Expr> {
    match &column.default {
        Some(text) => super::alter::parse_expr(text),
        None => Ok(Expr::Value(Value::Null.into())),
    }
}

/// A column of literals in the column's type; `None` when a literal does not read as one, which the planner may know
/// better.
pub(crate) fn column_of(texts: &[Option<&str>], column: &Column) -> Option<ArrayRef> {
    let target = column.arrow_type().ok()?;
    if target.is_nested() || matches!(target, DataType::Binary) {
        return None;
    }
    column.fit(&(Arc::new(StringArray::from(texts.to_vec())) as ArrayRef)).ok()
}

/// The value of an expression without columns for a column, as an array of one.
pub(crate) async fn constant(session: &Session, expr: &Expr, column: &Column) -> Result<ArrayRef> {
    if let Some(text) = literal(expr)
        && let Some(array) = column_of(&[text.as_deref()], column)
    {
        return Ok(array);
    }
    let value = exact::to_column(expr.clone(), column.scale()?);
    let answer = session.run_query(super::query::select_expr(value)).await?;
    let value = answer.batches.iter().find(|b| b.num_rows() == 1).map(|b| Arc::clone(b.column(0)));
    column.fit(&value.ok_or_else(|| Error::usage(format!("`{expr}` is not one value")))?)
}

/// The value that a column gets in rows which name none.
pub(crate) async fn default_column(session: &Session, column: &Column, rows: usize) -> Result<ArrayRef> {
    let Some(text) = &column.default else { return Ok(new_null_array(&column.arrow_type()?, rows)) };
    let value = constant(session, &super::alter::parse_expr(text)?, column).await?;
    let indices = datafusion::arrow::array::UInt32Array::from(vec![0; rows]);
    datafusion::arrow::compute::take(&value, &indices, None).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

/// Rows in [`TableDef::row_schema`] from the visible columns in their order: checked for nulls and bounds, with the
/// hidden columns filled in. `ids` are the row ids of rows that have some.
pub(crate) fn complete(def: &TableDef, mut columns: Vec<ArrayRef>, ids: Ids) -> Result<RecordBatch> {
    let rows = columns.first().map_or(0, |c| c.len());
    for (column, array) in def.columns.iter().zip(&columns) {
        column.check(array.as_ref())?;
    }
    for field in def.hidden() {
        let array: ArrayRef = match (field.name().as_str(), &ids) {
            (ROW_ID, Ids::New(first)) => {
                let last = first.checked_add(i64::try_from(rows).unwrap_or(i64::MAX));
                let last = last.ok_or_else(|| Error::limit("row id", i64::MAX as u64, u64::MAX))?;
                Arc::new(Int64Array::from_iter_values(*first..last))
            }
            (ROW_ID, Ids::Kept(ids)) => Arc::clone(ids),
            (WRITTEN_AT, _) => {
                let now = i64::try_from(now_us()).unwrap_or(i64::MAX);
                Arc::new(Int64Array::from(vec![now; rows]))
            }
            (name, _) => return Err(Error::corrupt(format!("the hidden column {name} has no value"))),
        };
        columns.push(array);
    }
    let fields: Vec<_> = def.row_schema()?.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

/// Row ids of rows of a keyless table.
pub(crate) enum Ids {
    /// They count up from here.
    New(i64),
    Kept(ArrayRef),
    /// The table has a key.
    None,
}

pub(crate) fn now_us() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// A column of literals that do not all read as the column's type by themselves: the engine casts them, or says why not.
pub(crate) async fn planned(session: &Session, texts: &[Option<&str>], column: &Column) -> Result<ArrayRef> {
    let mut arrays = Vec::with_capacity(texts.len());
    for text in texts {
        arrays.push(match (column_of(&[*text], column), text) {
            (Some(array), _) => array,
            (None, None) => new_null_array(&column.arrow_type()?, 1),
            (None, Some(text)) => one_planned(session, text, column).await?,
        });
    }
    let parts: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    datafusion::arrow::compute::concat(&parts).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

async fn one_planned(session: &Session, text: &str, column: &Column) -> Result<ArrayRef> {
    let target = column.arrow_type()?;
    let wrong = || wrong(text, &target, &column.name);
    let value = match text.parse::<f64>() {
        // What these do not read is no number, or too large for them; for the engine it may be an infinity.
        Ok(_) if target.is_decimal() || target.is_floating() => return Err(wrong()),
        Ok(_) => Value::Number(text.parse().map_err(|_| wrong())?, false),
        Err(_) => Value::SingleQuotedString(text.to_owned()),
    };
    let answer = session.run_query(super::query::select_expr(Expr::Value(value.into()))).await?;
    let found = answer.batches.iter().find(|b| b.num_rows() == 1).map(|b| Arc::clone(b.column(0)));
    column.fit(&found.ok_or_else(wrong)?).map_err(|_| wrong())
}

fn wrong(text: &str, target: &DataType, column: &str) -> Error {
    Error::invalid(format!("column {column}: not a value of its type")).expected(target).got(format!("{text:?}"))
}
