//! Building indexes from all rows of their tables, and bringing them up to the present.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::sql::sqlparser::ast::{Ident, SelectItem};
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use qx_store::catalog::IndexDef;
use qx_store::names::ObjectName;
use qx_store::vectors::{self, Chunks, RowKey, Vectors};
use qx_store::{Table, Writer};
use qx_vector::definition::Mode;
use qx_vector::set::Editor;
use uuid::Uuid;

use super::opened::find;
use crate::session::{Answer, Session};
use crate::tables::{Shape, query, rows_name};

/// What was done to one index.
#[derive(Debug, Clone)]
pub(crate) struct Synced {
    pub(crate) index: String,
    /// `up to date`, `brought up` or `built`.
    pub(crate) what: &'static str,
    pub(crate) changes: u64,
    pub(crate) rows: u64,
}

/// The table that an index is on.
fn table_of(session: &Session, def: &IndexDef) -> Option<ObjectName> {
    let catalog = session.view().catalog();
    let found = catalog.tables.iter().find(|(name, table)| def.column_in(name, table).is_some());
    found.and_then(|(name, _)| ObjectName::parse("table", name).ok())
}

async fn opened(session: &Session, name: &ObjectName, def: &IndexDef) -> Result<Arc<Table>> {
    let missing = || {
        Error::new(Kind::NotFound, format!("the index {} is on no column of a table that is there", name.key()))
            .expected(format!("{}({})", def.table, def.column))
            .hint("an index of a pipeline is built by `qx run`")
    };
    let table = table_of(session, def).ok_or_else(missing)?;
    session.view().table(&table).await?.ok_or_else(missing)
}

/// BUILD and REINDEX: from all rows that are committed, anew.
pub(super) async fn build(session: &Session, name: &ObjectName) -> Result<Answer> {
    let report = session
        .maintain(async |writer: &mut Writer| {
            let catalog = writer.catalog();
            rebuild(session, writer, name, find(&catalog, name)?).await
        })
        .await?;
    Ok(Answer::affected(report.rows))
}

async fn rebuild(session: &Session, writer: &Writer, name: &ObjectName, def: &IndexDef) -> Result<Synced> {
    if def.options.is_none() {
        return Err(Error::usage(format!("{} is built by a pipeline", name.key())).hint("`qx run` builds it"));
    }
    let table = opened(session, name, def).await?;
    let key = RowKey::of_index(&table.def, def)?;
    let column = def.column_in(&table.name.key(), &table.def).map(|c| c.name.clone()).unwrap_or_default();
    let (ids, rows) = read(session, &table, &key, &column).await?;
    // An index must never hold what a crash takes from the log: its numbers would be given again.
    writer.log().wait(writer.view().lsn())?;
    let (view, name, def) = (Arc::clone(writer.view()), name.clone(), def.clone());
    let work = move || {
        let report = vectors::rebuild(&view, &name, &def, &key, ids, &rows, &Job::default()).map_err(in_sql)?;
        Ok(Synced { index: name.key(), what: "built", changes: rows.len() as u64, rows: report.rows })
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::new(Kind::Engine, e.to_string()))?
}

/// An error of a build with the advice that a statement can take, which is no flag of a tool.
fn in_sql(e: Error) -> Error {
    match e.get_hint().is_some_and(|hint| hint.contains("--dim-policy")) {
        true => e.hint("an index that is created WITH (dim_policy = skip) leaves such rows out"),
        false => e,
    }
}

/// Row ids and vectors of all rows of a table.
async fn read(session: &Session, table: &Table, key: &RowKey, column: &str) -> Result<(Vec<u64>, Chunks)> {
    let alias = Ident::with_quote('"', "t");
    let names = key.columns.iter().map(String::as_str).chain([column]);
    let items: Vec<SelectItem> =
        names.enumerate().map(|(i, n)| query::named(query::column(&alias, n), &format!("c{i}"))).collect();
    let shape = if table.def.row_ids { Shape::Hidden } else { Shape::Plain };
    let from = query::from(query::table(rows_name(&table.name, shape), alias));
    let answer = session.run_query(query::select(items, vec![from], None)).await?;
    let (mut ids, mut rows) = (Vec::new(), Chunks::default());
    for batch in answer.batches.iter().filter(|b| b.num_rows() > 0) {
        let Some((vectors, keys)) = batch.columns().split_last() else { continue };
        let keys: Vec<ArrayRef> = keys.to_vec();
        ids.extend(key.ids(&keys)?);
        rows.push(Vectors::of(vectors)?);
    }
    Ok((ids, rows))
}

/// Brings indexes up: the named one, else all that are brought up between builds.
pub(crate) async fn sync(session: &Session, name: Option<&ObjectName>) -> Result<Vec<Synced>> {
    session
        .maintain(async |writer: &mut Writer| {
            let catalog = writer.catalog();
            let chosen: Vec<(ObjectName, IndexDef)> = match name {
                Some(name) => vec![(name.clone(), find(&catalog, name)?.clone())],
                None => {
                    let mine = catalog
                        .indexes
                        .iter()
                        .filter(|(_, def)| def.options.is_some() && def.mode() != Mode::RebuildOnly);
                    mine.map(|(key, def)| Ok((ObjectName::parse("vector index", key)?, def.clone())))
                        .collect::<Result<_>>()?
                }
            };
            let mut done = Vec::new();
            for (name, def) in chosen {
                done.push(bring_up(session, writer, &name, &def).await?);
            }
            Ok(done)
        })
        .await
}

async fn bring_up(session: &Session, writer: &mut Writer, name: &ObjectName, def: &IndexDef) -> Result<Synced> {
    match writer.sync_index(name, def).await? {
        Some(done) => {
            let what = if done.changes == 0 { "up to date" } else { "brought up" };
            Ok(Synced { index: name.key(), what, changes: done.changes, rows: done.rows })
        }
        None => rebuild(session, writer, name, def).await,
    }
}

/// What ALTER changed in the catalog goes into the definition beside the files, for whoever reads only that.
pub(super) async fn follow(session: &Session, name: &ObjectName) -> Result<()> {
    session
        .maintain(async |writer: &mut Writer| {
            let catalog = writer.catalog();
            let def = find(&catalog, name)?;
            let Some(options) = def.options.clone() else { return Ok(()) };
            if vectors::definition(writer.view(), name, def)?.is_none() {
                return Ok(());
            }
            let mut editor = Editor::open(&vectors::path(writer.view(), name), std::time::Duration::ZERO)?;
            editor.update(|d| {
                d.mode = options.mode;
                d.parameters.ef_search = options.parameters.ef_search;
                d.tuned_ef = None;
            })
        })
        .await
}

/// Brings up the indexes on these tables whose mode asks for it, behind a commit. The commit stands whatever comes of
/// it: rows that an index lacks are searched in the log.
pub(crate) async fn settle(session: &Session, writer: &mut Writer, written: &BTreeSet<Uuid>) {
    let catalog = writer.catalog();
    for (key, def) in catalog.indexes.iter().filter(|(_, def)| def.table_uuid.is_some_and(|t| written.contains(&t))) {
        let Ok(name) = ObjectName::parse("vector index", key) else { continue };
        let done = async {
            let table = opened(session, &name, def).await?;
            if vectors::is_due(&table, def) {
                bring_up(session, writer, &name, def).await?;
            }
            Ok::<(), Error>(())
        };
        if let Err(e) = Box::pin(done).await {
            tracing::warn!(target: "qx::sql", index = key, error = %e, "a vector index was not brought up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_one_for_statements() {
        let of = |hint: &str| in_sql(Error::invalid("x").hint(hint)).get_hint().map(str::to_owned);
        assert!(of("--dim-policy skip leaves such rows out").unwrap().contains("dim_policy = skip"));
        assert_eq!(of("another").as_deref(), Some("another"));
    }
}
