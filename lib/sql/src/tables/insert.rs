//! INSERT: VALUES without the planner where all of them are literals, any query, and what happens to keys that are
//! there already.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::sql::sqlparser::ast::{Expr, Insert, ObjectName as SqlName, Query, SelectItem, SetExpr, TableObject};
use qx_formats::{Error, Kind, Result};
use qx_store::catalog::TableDef;
use qx_store::names::ObjectName;
use qx_store::rows::{KeyCodec, KeySet};
use qx_store::{Table, Writer, bulk_row_id};

use super::create::not_there;
use super::names::{ident, table_name};
use super::values::{self, Ids};
use crate::exact;
use crate::session::{Answer, Session};

/// Where rows come from.
pub(crate) enum Source {
    /// Literals, row by row.
    Literals(Vec<Vec<Option<String>>>),
    Rows(Vec<RecordBatch>),
}

fn engine(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// The table that rows go into.
pub(super) fn target(session: &Session, insert: &Insert) -> Result<ObjectName> {
    match &insert.table {
        TableObject::TableName(name) => table_name(session, name),
        _ => Err(Error::unsupported("INSERT into anything but a table is not supported")),
    }
}

/// The columns that the statement names.
pub(super) fn columns(insert: &Insert) -> Result<Option<Vec<String>>> {
    match insert.columns.as_slice() {
        [] => Ok(None),
        list => list.iter().map(column_name).collect::<Result<_>>().map(Some),
    }
}

pub(crate) async fn run(session: &Session, insert: Insert) -> Result<Answer> {
    let name = target(session, &insert)?;
    super::refuse_clauses(
        "INSERT",
        &[
            ("OVERWRITE", insert.overwrite),
            ("PARTITION", insert.partitioned.is_some()),
            ("RETURNING", insert.returning.is_some()),
            ("SET", !insert.assignments.is_empty()),
        ],
    )?;
    let columns = columns(&insert)?;
    let on = super::conflict::of(&insert)?;
    let source = insert.source;
    let explicit = session.in_transaction().await;
    session
        .transact(async |writer: &mut Writer| {
            let source = match source {
                None => Source::Literals(vec![Vec::new()]),
                Some(mut query) => match literals(writer, &name, &mut query, columns.as_deref()).await? {
                    Some(rows) => Source::Literals(rows),
                    None => {
                        if !crate::statement::query_reads(&query) {
                            return Err(Error::unsupported("a statement that writes is not supported inside another"));
                        }
                        let table = super::dml::opened(writer, &name).await?;
                        into_columns(&mut query, &table.def, columns.as_deref())?;
                        let found = session.run_query(*query).await?;
                        if !explicit && found.rows() > super::copy::BULK_ROWS && on.is_none() {
                            let names =
                                columns.or_else(|| Some(table.def.columns.iter().map(|c| c.name.clone()).collect()));
                            let rows = found.batches.into_iter().map(Ok);
                            return bulk(session, writer, &table, rows, names.as_deref()).await;
                        }
                        Source::Rows(found.batches)
                    }
                },
            };
            write(session, writer, &name, source, columns, on).await
        })
        .await
        .map(Answer::affected)
}

/// The rows of VALUES where all of them are literals, with the defaults of columns in the places that say DEFAULT.
async fn literals(
    writer: &Writer,
    name: &ObjectName,
    query: &mut Query,
    columns: Option<&[String]>,
) -> Result<Option<Vec<Vec<Option<String>>>>> {
    if let SetExpr::Values(values) = query.body.as_ref()
        && values.rows.iter().any(|row| row.iter().any(values::is_default))
    {
        let table = super::dml::opened(writer, name).await?;
        fill_defaults(query, &table.def, &places(&table.def, columns)?)?;
    }
    Ok(values::literals(query))
}

fn fill_defaults(query: &mut Query, def: &TableDef, place: &[usize]) -> Result<()> {
    let SetExpr::Values(values) = query.body.as_mut() else { return Ok(()) };
    values.rows.iter_mut().try_for_each(|row| defaults(&mut row.content, def, place))
}

/// Puts the defaults of columns in the place of each DEFAULT in a row whose values go there.
pub(super) fn defaults(row: &mut [Expr], def: &TableDef, place: &[usize]) -> Result<()> {
    for (value, at) in row.iter_mut().zip(place) {
        if values::is_default(value) {
            *value = values::default_expr(&def.columns[*at])?;
        }
    }
    Ok(())
}

/// Makes a query one whose values go into columns of a table: those of these names, or all.
///
/// # Errors
/// `Usage` for a column that the table does not have or that stands twice.
pub(super) fn into_columns(query: &mut Query, def: &TableDef, columns: Option<&[String]>) -> Result<()> {
    let place = places(def, columns)?;
    fill_defaults(query, def, &place)?;
    let scales = place.iter().map(|at| def.columns[*at].scale()).collect::<Result<Vec<_>>>()?;
    name_values(&mut query.body);
    exact::to_columns(&mut query.body, &scales);
    Ok(())
}

/// Gives the values of a query names that do not clash: the engine wants them so, and here nobody asks for them. Plain
/// columns keep theirs where they can, for an ORDER BY behind a UNION knows no others.
fn name_values(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(&mut select.projection),
        SetExpr::Query(query) => name_values(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            name_values(left);
            name_values(right);
        }
        _ => {}
    }
}

fn name_items(items: &mut [SelectItem]) {
    // Which columns a star stands for is not known yet.
    let star = items.iter().any(|i| matches!(i, SelectItem::Wildcard(..) | SelectItem::QualifiedWildcard(..)));
    let alias = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.to_lowercase()),
        _ => None,
    };
    let mut taken: HashSet<String> = items.iter().filter_map(alias).collect();
    for (place, item) in (1u32..).zip(items) {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let column = match &*expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if column.is_some_and(|c| !star && taken.insert(c.value.to_lowercase())) {
            continue;
        }
        let mut name = format!("__{place}");
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        *item = super::query::named(expr.clone(), &name);
    }
}

fn column_name(name: &SqlName) -> Result<String> {
    match name.0.last().and_then(|p| p.as_ident()) {
        Some(i) => Ok(ident(i)),
        None => Err(Error::usage(format!("`{name}` is not a column"))),
    }
}

/// Writes rows into a table; returns how many. `columns` names what the source's columns are, in its order.
pub(crate) async fn write(
    session: &Session,
    writer: &mut Writer,
    name: &ObjectName,
    source: Source,
    columns: Option<Vec<String>>,
    on: Option<super::conflict::OnConflict>,
) -> Result<u64> {
    let table = writer.view().table(name).await?;
    let table = table.ok_or_else(|| not_there(&writer.catalog(), name))?;
    let def = Arc::clone(&table.def);
    let rows = arrange(session, &def, source, columns).await?;
    let Some(rows) = rows.filter(|r| r.first().is_some_and(|c| !c.is_empty())) else { return Ok(0) };
    let ids = if def.row_ids { Ids::New(writer.next_row_id()?) } else { Ids::None };
    let rows = values::complete(&def, rows, ids)?;
    if !def.is_keyed() {
        if on.is_some() {
            return Err(Error::usage("ON CONFLICT needs a primary key"));
        }
        let count = rows.num_rows();
        check_id_room(&def, count)?;
        writer.upsert(&def, &rows, true)?;
        return Ok(count as u64);
    }
    match on {
        None => {
            let taken = taken_keys(session, &table, &rows).await?;
            if let Some(row) = taken.iter().position(|t| matches!(t, Taken::There | Taken::Twice)) {
                return Err(conflict(&def, &rows, row)?);
            }
            write_free(writer, &table, &rows, &taken)?;
            Ok(rows.num_rows() as u64)
        }
        Some(on) => super::conflict::write(session, writer, &table, rows, on).await,
    }
}

/// Rows of one statement beyond which row ids would run into those of the next operation: ids leave room for
/// [`MAX_OP_ROWS`] rows an operation, and every operation takes one number.
fn check_id_room(_: &TableDef, rows: usize) -> Result<()> {
    // Operations of one statement are full but for the last, so ids stay below those of the operation that follows.
    u32::try_from(rows).map(|_| ()).map_err(|_| Error::limit("rows of one statement", u64::from(u32::MAX), rows as u64))
}

/// Rows whose keys are looked up at once while a bulk load runs.
const LOOKUP_ROWS: usize = 1 << 18;

/// Writes many rows to Parquet in one Delta commit. Outside of any transaction.
pub(super) async fn bulk(
    session: &Session,
    writer: &mut Writer,
    table: &Table,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    columns: Option<&[String]>,
) -> Result<u64> {
    let mut load = writer.load(&table.name).await?;
    let table = Arc::clone(&load.table);
    let def = Arc::clone(&table.def);
    let base = bulk_row_id(load.lsn)?;
    let mut seen: HashSet<Box<[u8]>> = HashSet::new();
    let (mut count, mut held, mut rows) = (0u64, Vec::new(), 0);
    let mut batches = batches.fuse();
    loop {
        let next = batches.next().transpose()?;
        let last = next.is_none();
        if let Some(batch) = next {
            rows += batch.num_rows();
            held.push(batch);
        }
        if (!last && rows < LOOKUP_ROWS) || held.is_empty() {
            if last {
                break;
            }
            continue;
        }
        let names = super::copy::names_of(&held[0], columns);
        let source = Source::Rows(std::mem::take(&mut held));
        rows = 0;
        let Some(arranged) = arrange(session, &def, source, Some(names)).await? else { continue };
        let first = i64::try_from(count).ok().and_then(|n| base.checked_add(n));
        let ids = match first {
            Some(first) if def.row_ids && count < 1 << 32 => Ids::New(first),
            None | Some(_) if def.row_ids => return Err(Error::limit("rows of one load", 1 << 32, count)),
            _ => Ids::None,
        };
        let complete = values::complete(&def, arranged, ids)?;
        if def.is_keyed() {
            unseen(session, &table, &complete, &mut seen).await?;
        }
        load.write(&complete).await?;
        count += complete.num_rows() as u64;
    }
    writer.loaded(load).await?;
    Ok(count)
}

/// Refuses rows whose key is in the table, or came before in the same load.
async fn unseen(session: &Session, table: &Table, rows: &RecordBatch, seen: &mut HashSet<Box<[u8]>>) -> Result<()> {
    let def = &table.def;
    let taken = taken_keys(session, table, rows).await?;
    // A load adds files and hides nothing: the old row would be there beside the new one, however long expired.
    if let Some(row) = taken.iter().position(|t| *t != Taken::No) {
        return Err(conflict(def, rows, row)?);
    }
    let columns = table.hot().key_columns(rows);
    let codec = KeyCodec::new(columns.iter().map(|c| c.data_type().clone()).collect())?;
    for (row, key) in codec.encode(&columns)?.iter().enumerate() {
        if !seen.insert(Box::from(key.as_ref())) {
            return Err(conflict(def, rows, row)?);
        }
    }
    Ok(())
}

/// Rows whose keys are not taken; those of rows that have expired take their places.
pub(super) fn write_free(writer: &mut Writer, table: &Table, rows: &RecordBatch, taken: &[Taken]) -> Result<u64> {
    let pick = |what: Taken| {
        let mask = BooleanArray::from(taken.iter().map(|t| *t == what).collect::<Vec<_>>());
        filter_record_batch(rows, &mask).map_err(engine)
    };
    let (fresh, expired) = (pick(Taken::No)?, pick(Taken::Expired)?);
    if fresh.num_rows() > 0 {
        write_new(writer, table, &fresh)?;
    }
    if expired.num_rows() > 0 {
        writer.upsert(&table.def, &expired, false)?;
    }
    Ok((fresh.num_rows() + expired.num_rows()) as u64)
}

/// Rows whose keys stand nowhere, or only as deleted.
fn write_new(writer: &mut Writer, table: &Table, rows: &RecordBatch) -> Result<()> {
    let known = {
        let hot = table.hot();
        hot.find(&hot.key_columns(rows))?
    };
    // A key that was deleted in the log may still stand in Parquet: the new row has to hide that one.
    if known.iter().all(Option::is_none) {
        return writer.upsert(&table.def, rows, true);
    }
    let fresh = BooleanArray::from(known.iter().map(Option::is_none).collect::<Vec<_>>());
    let again = datafusion::arrow::compute::not(&fresh).map_err(engine)?;
    let (fresh, again) =
        (filter_record_batch(rows, &fresh).map_err(engine)?, filter_record_batch(rows, &again).map_err(engine)?);
    if fresh.num_rows() > 0 {
        writer.upsert(&table.def, &fresh, true)?;
    }
    writer.upsert(&table.def, &again, false)
}

fn conflict(def: &TableDef, rows: &RecordBatch, row: usize) -> Result<Error> {
    let mut shown = Vec::new();
    for name in def.key_names()? {
        if let Some(column) = rows.column_by_name(&name) {
            let value = datafusion::arrow::util::display::array_value_to_string(column, row).map_err(engine)?;
            shown.push(format!("{name} = {value}"));
        }
    }
    Ok(Error::new(Kind::Exists, format!("a row with {} is there already", shown.join(", ")))
        .hint("INSERT ... ON CONFLICT DO NOTHING or DO UPDATE says what then"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    No,
    /// By a row of the table.
    There,
    /// By an earlier row of the same statement.
    Twice,
    /// By a row whose time to live is over, which nobody sees any more.
    Expired,
}

/// Which rows have a key that is taken.
pub(super) async fn taken_keys(session: &Session, table: &Table, rows: &RecordBatch) -> Result<Vec<Taken>> {
    let mut taken = standing_keys(table, rows)?;
    if table.def.options.ttl_ms.is_none() || !taken.contains(&Taken::There) {
        return Ok(taken);
    }
    let mask = BooleanArray::from(taken.iter().map(|t| *t == Taken::There).collect::<Vec<_>>());
    let there = filter_record_batch(rows, &mask).map_err(engine)?;
    // The rows as a query sees them.
    let alive = super::dml::update_from_rows(session, table, &there, &[], None).await?;
    let (columns, alive) = {
        let hot = table.hot();
        (hot.key_columns(rows), hot.key_columns(&alive))
    };
    let codec = KeyCodec::new(columns.iter().map(|c| c.data_type().clone()).collect())?;
    let alive: HashSet<Box<[u8]>> = codec.encode(&alive)?.iter().map(|k| Box::from(k.as_ref())).collect();
    for (taken, key) in taken.iter_mut().zip(codec.encode(&columns)?.iter()) {
        if *taken == Taken::There && !alive.contains(key.as_ref()) {
            *taken = Taken::Expired;
        }
    }
    Ok(taken)
}

/// Which rows have a key that stands in the table, whether anybody sees it or not.
fn standing_keys(table: &Table, rows: &RecordBatch) -> Result<Vec<Taken>> {
    let hot = table.hot();
    let columns = hot.key_columns(rows);
    let known = hot.find(&columns)?;
    drop(hot);
    let types = columns.iter().map(|c| c.data_type().clone()).collect();
    let codec = KeyCodec::new(types)?;
    let encoded = codec.encode(&columns)?;
    let mut seen: HashSet<&[u8]> = HashSet::with_capacity(rows.num_rows());
    let keys: Vec<_> = encoded.iter().collect();
    let mut taken = vec![Taken::No; rows.num_rows()];
    let mut ask: Vec<u32> = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        if !seen.insert(key.data()) {
            taken[i] = Taken::Twice;
        } else {
            match known[i] {
                Some(true) => taken[i] = Taken::There,
                Some(false) => {}
                None => ask.push(u32::try_from(i).unwrap_or(u32::MAX)),
            }
        }
    }
    if ask.is_empty() || table.cold.files.is_empty() {
        return Ok(taken);
    }
    let indices = datafusion::arrow::array::UInt32Array::from(ask.clone());
    let asked: Vec<ArrayRef> = columns
        .iter()
        .map(|c| datafusion::arrow::compute::take(c, &indices, None))
        .collect::<Result<_, _>>()
        .map_err(engine)?;
    let set = Arc::new(KeySet::of(&asked)?);
    let mut found: HashSet<Box<[u8]>> = HashSet::new();
    table.cold.find_keys(&table.def, &set, |columns| {
        found.extend(codec.encode(columns)?.iter().map(|k| Box::from(k.as_ref())));
        Ok(())
    })?;
    for i in ask {
        if found.contains(keys[i as usize].data()) {
            taken[i as usize] = Taken::There;
        }
    }
    Ok(taken)
}

/// Where in the table each column of the source belongs.
pub(super) fn places(def: &TableDef, columns: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(names) = columns else { return Ok((0..def.columns.len()).collect()) };
    let mut place = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let at = def.columns.iter().position(|c| c.name == *name);
        let at = at.ok_or_else(|| Error::usage(format!("the table has no column {name}")))?;
        if names[..i].contains(name) {
            return Err(Error::usage(format!("the column {name} stands twice")));
        }
        place.push(at);
    }
    Ok(place)
}

/// The source's columns in the table's order and types, with defaults for those that it does not have.
async fn arrange(
    session: &Session,
    def: &TableDef,
    source: Source,
    columns: Option<Vec<String>>,
) -> Result<Option<Vec<ArrayRef>>> {
    let place = places(def, columns.as_deref())?;
    let width_error =
        |got: usize| Error::usage("as many values as columns").expected(format!("{} values", place.len())).got(got);
    let mut out: Vec<Option<ArrayRef>> = vec![None; def.columns.len()];
    let rows = match source {
        Source::Literals(rows) if rows.iter().all(Vec::is_empty) => rows.len(),
        Source::Literals(rows) => {
            if let Some(row) = rows.iter().find(|r| r.len() != place.len()) {
                return Err(width_error(row.len()));
            }
            for (i, at) in place.iter().enumerate() {
                let texts: Vec<Option<&str>> = rows.iter().map(|r| r[i].as_deref()).collect();
                let column = &def.columns[*at];
                out[*at] = Some(match values::column_of(&texts, column) {
                    Some(array) => array,
                    None => values::planned(session, &texts, column).await?,
                });
            }
            rows.len()
        }
        Source::Rows(batches) => {
            let Some(first) = batches.first() else { return Ok(None) };
            let batch = concat_batches(&first.schema(), &batches).map_err(engine)?;
            if batch.num_columns() != place.len() {
                return Err(width_error(batch.num_columns()));
            }
            for (i, at) in place.iter().enumerate() {
                out[*at] = Some(def.columns[*at].fit(batch.column(i))?);
            }
            batch.num_rows()
        }
    };
    let mut columns = Vec::with_capacity(out.len());
    for (slot, column) in out.into_iter().zip(&def.columns) {
        columns.push(match slot {
            Some(array) => array,
            None => values::default_column(session, column, rows).await?,
        });
    }
    Ok(Some(columns))
}
