//! Work that falls due, and bringing files to the newest version of their formats.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qx_formats::manifest::layout::VERSION;
use qx_formats::{Error, Kind, Result};
use qx_graph::Graph;
use qx_io::{Job, Lock, Publish};
use qx_vector::definition::Mode;

use crate::names::ObjectName;
use crate::vectors::{self, RowKey};
use crate::writer::DEFAULT_FLUSH_ROWS;
use crate::{Store, View, Writer, cold, kv, manifests};

/// One thing that was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// A verb phrase: `flush table`.
    pub work: &'static str,
    pub object: String,
}

/// Operations on a store in the log above its snapshot at which a new one is due.
const SNAPSHOT_OPS: usize = 10_000;
/// A new snapshot is due when so many keys have expired, and they are one in four of those in it.
const EXPIRED_KEYS: u64 = 1000;
const EXPIRED_SHARE: u64 = 4;

const FLUSH: &str = "flush table";
const EXPIRE: &str = "remove expired rows of table";
const SNAPSHOT: &str = "snapshot store";
const COMPACT: &str = "compact graph";
const INDEX: &str = "bring up vector index";

/// Flushes tables, removes what has expired, takes snapshots of key-value stores, compacts graphs, and lets go of what
/// the log holds no longer for anybody. With `due`, only what the options and the sizes of things call for.
///
/// # Errors
/// `Locked` when another process writes; those of a flush, a snapshot or a compaction.
pub async fn maintain(store: &Store, due: bool, dry_run: bool, wait: Duration) -> Result<Vec<Work>> {
    let shared = Arc::new(store.clone());
    if dry_run {
        let view = View::open(&shared)?;
        return wanted(&view, due).await;
    }
    let mut writer = store.writer(wait)?;
    // What is due can only be told of tables that were opened.
    let wanted = wanted(writer.view(), due).await?;
    let mut done = Vec::new();
    // Indexes take up what the log says before a flush lets it go.
    for work in wanted.iter().filter(|w| w.work == INDEX) {
        let name = ObjectName::parse("vector index", &work.object)?;
        if let Some(index) = writer.catalog().index(&name) {
            writer.sync_index(&name, index).await?;
        }
        done.push(work.clone());
    }
    let flushed = if due { writer.flush_due().await? } else { writer.flush_all().await? };
    done.extend(flushed.into_iter().map(|object| Work { work: FLUSH, object }));
    for work in wanted {
        let did = match work.work {
            EXPIRE => writer.expire(&ObjectName::parse("table", &work.object)?, due).await?,
            SNAPSHOT => !writer.snapshot_store(&work.object)?.unchanged,
            COMPACT => compact(&writer, &work.object)?,
            _ => false,
        };
        if did {
            done.push(work);
        }
    }
    if !done.is_empty() {
        writer.prune().await?;
    }
    writer.close()?;
    Ok(done)
}

/// The vector indexes that lack what the log says of their tables. Those that only a build brings up, and those that
/// only a build is to bring up, are left alone.
async fn indexes_behind(view: &View, due: bool) -> Result<Vec<Work>> {
    let mut behind = Vec::new();
    let catalog = view.catalog();
    for (key, index) in catalog.indexes.iter().filter(|(_, index)| index.mode() != Mode::RebuildOnly) {
        let on = catalog.tables.iter().find(|(table, def)| index.column_in(table, def).is_some());
        let Some((table, def)) = on else { continue };
        let Some(table) = view.table(&ObjectName::parse("table", table)?).await? else { continue };
        let name = ObjectName::parse("vector index", key)?;
        let Some(definition) = vectors::definition(view, &name, index)? else { continue };
        let ready = definition.covered_lsn >= table.cold.lsn && definition.covered_lsn < view.lsn();
        // A batch is waited for; what is to be taken up at the next upkeep is due at this one.
        if !ready || (due && index.mode() == Mode::Batched && !vectors::is_due(&table, index)) {
            continue;
        }
        let column = index.column_in(&table.name.key(), def).map(|c| c.name.clone()).unwrap_or_default();
        let key_columns = RowKey::of_index(&table.def, index)?;
        if !vectors::since(view, &table, &key_columns, &column, definition.covered_lsn)?.is_empty() {
            behind.push(Work { work: INDEX, object: key.clone() });
        }
    }
    Ok(behind)
}

/// What there is to do.
async fn wanted(view: &View, due: bool) -> Result<Vec<Work>> {
    let now_us = qx_log::now_us();
    let catalog = view.catalog();
    let mut work = Vec::new();
    let mut add = |what, object: &String| work.push(Work { work: what, object: object.clone() });
    for key in catalog.tables.keys() {
        let Some(table) = view.table(&ObjectName::parse("table", key)?).await? else { continue };
        let flush = if due { table.is_due(now_us, DEFAULT_FLUSH_ROWS) } else { !table.hot().is_empty() };
        if flush {
            add(FLUSH, key);
        }
        if let Some(expiry) = cold::Expiry::of(&table.def, now_us)?
            && !expiry.files(&table.cold, due).is_empty()
        {
            add(EXPIRE, key);
        }
    }
    for name in catalog.stores.keys() {
        let keys = kv::keys(view, name, None)?;
        let (changes, expired) = (keys.changes(), keys.expired(now_us)?);
        let many =
            changes >= SNAPSHOT_OPS || (expired >= EXPIRED_KEYS && expired * EXPIRED_SHARE >= keys.in_snapshot());
        let wanted = if due { many } else { changes > 0 || expired > 0 };
        if wanted {
            add(SNAPSHOT, name);
        }
    }
    for (key, def) in catalog.graphs.iter().filter(|(_, def)| def.tables.is_none()) {
        let home = def.home(view.store().layout(), &ObjectName::parse("graph", key)?);
        let graph = Graph::open_hot_at(&home, view.lsn())?;
        let (adds, tombstones) = graph.delta_records();
        let fold = graph.compaction_due(&def.limits(&catalog.settings), now_us);
        let wanted = if due { fold } else { adds + tombstones > 0 };
        if wanted {
            add(COMPACT, key);
        }
    }
    work.extend(indexes_behind(view, due).await?);
    Ok(work)
}

fn compact(writer: &Writer, key: &str) -> Result<bool> {
    let name = ObjectName::parse("graph", key)?;
    let catalog = writer.catalog();
    let Some(def) = catalog.graph(&name) else { return Ok(false) };
    // A segment must never hold what a crash takes from the log: its numbers would be given again.
    writer.log().wait(writer.view().lsn())?;
    qx_graph::compact(&def.home(writer.store().layout(), &name), &Job::default())?;
    Ok(true)
}

/// What an upgrade came to.
#[derive(Debug, Clone, Default)]
pub struct UpgradeReport {
    pub looked_at: u64,
    /// Relative to the database folder.
    pub rewritten: Vec<String>,
}

/// Brings every document of a database to the newest version. Until there is a second version, there is none to
/// rewrite, and a newer one is refused.
///
/// # Errors
/// `Unsupported` with the path of a document of a later version; `Locked`; `Corrupt`; `Io`.
pub fn upgrade(store: &Store, dry_run: bool, wait: Duration) -> Result<UpgradeReport> {
    let _lock = if dry_run { None } else { Some(Lock::acquire(&store.root().join("LOCK"), wait)?) };
    let mut report = UpgradeReport::default();
    for place in manifests::places(store, &store.catalog()?) {
        let path = place.path();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::io("read", e).path(path)),
        };
        report.looked_at += 1;
        if let Some(newer) = upgraded(&bytes, place.format).map_err(|e| e.path(&path))? {
            if !dry_run {
                qx_io::write_atomic(&path, Publish::Replace, &newer)?;
            }
            report.rewritten.push(relative(store.root(), &path));
        }
    }
    Ok(report)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// A document in the newest version, if it is in an older one.
fn upgraded(bytes: &[u8], format: &str) -> Result<Option<Vec<u8>>> {
    let mut value = qx_formats::manifest::open(bytes, format)?;
    let version = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or(VERSION);
    if version >= VERSION {
        return Ok(None);
    }
    let Some(members) = value.as_object_mut() else {
        return Err(Error::new(Kind::Invalid, "a document that is no object"));
    };
    members.insert("version".to_owned(), VERSION.into());
    qx_formats::manifest::seal(&value).map(Some)
}
