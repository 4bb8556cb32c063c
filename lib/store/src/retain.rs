//! Which part of the log is still needed: everything above the lowest number that some part of the database has not
//! taken up yet.

use std::collections::BTreeMap;
use std::path::Path;

use qx_formats::{Error, Result};
use qx_log::Op;

use crate::catalog::{Catalog, FILE};
use crate::database::Store;
use crate::kv;
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
        needed = needed.min(others(view.store(), &catalog)?);
    }
    let names: Vec<String> = catalog.tables.keys().cloned().collect();
    for key in names {
        let name = ObjectName::parse("table", &key)?;
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

/// The first number in the log that a document depends on: those that no snapshot of its store holds.
fn others(store: &Store, catalog: &Catalog) -> Result<u64> {
    let wal = store.layout().wal();
    if !wal.is_dir() {
        return Ok(u64::MAX);
    }
    let home = &store.layout().home;
    let mut stores = BTreeMap::new();
    for (name, def) in &catalog.stores {
        let manifest = kv::read_manifest(&kv::snapshot_dir(home, name))?.filter(|m| m.uuid == def.uuid);
        stores.insert(name.as_str(), manifest.map_or(0, |m| m.lsn));
    }
    for transaction in qx_log::Reader::open(&wal)?.transactions_of(1, |t| t.kv > 0) {
        let transaction = transaction?;
        // What a store that is gone would have needed is needed no more; graphs were given theirs by [`graphs`].
        let needed = |op: &Op| match op {
            Op::KvPut { store, .. } | Op::KvDelete { store, .. } | Op::KvTouch { store, .. } => {
                stores.get(store.as_str()).is_some_and(|lsn| *lsn < transaction.commit_lsn)
            }
            _ => false,
        };
        if transaction.ops.iter().any(|(_, _, op)| needed(op)) {
            return Ok(transaction.ops.first().map_or(transaction.commit_lsn, |(lsn, _, _)| *lsn));
        }
    }
    Ok(u64::MAX)
}

/// The snapshots, by store, without which keys are lost once the log lets go of everything up to `pruned`.
///
/// # Errors
/// `Corrupt`, `Io`.
pub(crate) fn snapshots(view: &View, pruned: u64) -> Result<BTreeMap<uuid::Uuid, u64>> {
    let home = &view.store().layout().home;
    let mut out = BTreeMap::new();
    for (name, def) in &view.catalog().stores {
        let manifest = kv::read_manifest(&kv::snapshot_dir(home, name))?.filter(|m| m.uuid == def.uuid);
        if let Some(m) = manifest {
            out.insert(def.uuid, m.lsn.min(pruned));
        }
    }
    Ok(out)
}

/// How far Parquet files and graph folders hold what the log is about to let go of, by table and graph: whoever finds less
/// there knows that it was lost. For [`needed_lsn`] every table was opened.
///
/// # Errors
/// `Corrupt`, `Io`.
pub(crate) fn taken_over(view: &View) -> Result<BTreeMap<uuid::Uuid, u64>> {
    let cold = view.all_opened().into_iter().filter(|table| table.cold.version.is_some());
    let mut out: BTreeMap<_, _> = cold.map(|table| (table.def.uuid, table.cold.lsn)).collect();
    let layout = view.store().layout();
    for (key, def) in view.catalog().graphs.iter().filter(|(_, def)| def.tables.is_none()) {
        let held = graph_holds(&layout.graph(&ObjectName::parse("graph", key)?))?;
        if held > 0 {
            out.insert(def.uuid, held);
        }
    }
    Ok(out)
}

/// How far a graph's folder holds the log, and 0 where it has no manifest.
///
/// # Errors
/// `Corrupt`, `Io`.
pub fn graph_holds(dir: &Path) -> Result<u64> {
    Ok(qx_graph::GraphManifest::load(dir)?.map_or(0, |m| m.delta_lsn.max(m.lsn).max(1)))
}

/// Refuses a table or graph whose folder holds the log up to `have`, where it held more when the log was let go of.
///
/// # Errors
/// `Corrupt`.
pub fn check_taken_over(catalog: &Catalog, uuid: uuid::Uuid, what: &str, dir: &Path, have: u64) -> Result<()> {
    match catalog.taken_over.get(&uuid) {
        Some(least) if have < *least => Err(Error::corrupt(format!("files of the {what} are missing"))
            .path(dir)
            .expected(format!("what the log held up to LSN {least}, which it let go of"))
            .got(if have == 0 { "nothing".to_owned() } else { format!("what it held up to LSN {have}") })
            .hint("`qx fsck` tells what is gone; `qx restore` brings it back")),
        _ => Ok(()),
    }
}

/// Everything up to this number was let go from the log on purpose. A catalog that is damaged knows of nothing.
///
/// # Errors
/// `Io`.
pub(crate) fn pruned_lsn(store: &Store) -> Result<u64> {
    match qx_io::read_generation(&store.layout().home, FILE, Catalog::decode) {
        Ok(catalog) => Ok(catalog.map_or(0, |c| c.pruned_lsn)),
        Err(e) if e.kind() == qx_formats::Kind::Io => Err(e),
        Err(_) => Ok(0),
    }
}
