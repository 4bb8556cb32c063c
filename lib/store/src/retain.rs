//! Which part of the log is still needed: everything above the lowest number that some part of the database has not
//! taken up yet.

use qx_formats::Result;
use qx_log::Op;

use crate::database::Store;
use crate::names::ObjectName;
use crate::view::View;

/// Segments of the log that end below this number may go: the definitions are published, the rows of every table stand
/// in Parquet, and documents and graphs have what they need elsewhere.
///
/// # Errors
/// `Corrupt`, `Io`, `Engine`.
pub async fn needed_lsn(view: &View, published: u64) -> Result<u64> {
    let mut needed = published + 1;
    let catalog = view.catalog();
    if !catalog.stores.is_empty() {
        needed = needed.min(others(view.store())?);
    }
    let names: Vec<String> = catalog.tables.keys().cloned().collect();
    for key in names {
        let name = crate::names::ObjectName::parse("table", &key)?;
        let Some(table) = view.table(&name).await? else { continue };
        if !table.hot().is_empty() {
            needed = needed.min(table.cold.lsn + 1);
        }
    }
    Ok(needed)
}

/// Copies what graphs have in the log alone into their delta logs. What the log holds is durable.
///
/// # Errors
/// `Corrupt`, `Io`.
pub(crate) fn graphs(view: &View) -> Result<()> {
    let layout = view.store().layout();
    for (key, def) in view.catalog().graphs.iter().filter(|(_, def)| def.tables.is_none()) {
        let home = def.home(layout, &ObjectName::parse("graph", key)?);
        qx_graph::write_behind(&home, &qx_io::Job::default())?;
    }
    Ok(())
}

/// The first number in the log that a document depends on.
fn others(store: &Store) -> Result<u64> {
    let wal = store.layout().wal();
    if !wal.is_dir() {
        return Ok(u64::MAX);
    }
    for transaction in qx_log::Reader::open(&wal)?.transactions(1) {
        let transaction = transaction?;
        let needed = |op: &Op| match op {
            Op::RowUpsert { .. } | Op::RowDelete { .. } | Op::Define { .. } => false,
            // [`graphs`] copied them.
            Op::NodeUpsert { .. } | Op::NodeDelete { .. } | Op::EdgeUpsert { .. } | Op::EdgeDelete { .. } => false,
            Op::UseGraph { .. } => false,
            _ => true,
        };
        if transaction.ops.iter().any(|(_, _, op)| needed(op)) {
            return Ok(transaction.ops.first().map_or(transaction.commit_lsn, |(lsn, _, _)| *lsn));
        }
    }
    Ok(u64::MAX)
}
