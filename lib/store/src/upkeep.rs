//! Work that falls due, and bringing files to the newest version of their formats.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qx_formats::manifest::layout::VERSION;
use qx_formats::{Error, Kind, Result};
use qx_io::{Lock, Publish};
use qx_vector::definition::Mode;

use crate::names::ObjectName;
use crate::vectors::{self, RowKey};
use crate::writer::DEFAULT_FLUSH_ROWS;
use crate::{Store, View, kv, manifests};

/// One thing that was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// A verb phrase: `flush table`.
    pub work: &'static str,
    pub object: String,
}

/// Operations on a store in the log above its snapshot at which a new one is due.
const SNAPSHOT_OPS: usize = 10_000;

/// Flushes tables, takes snapshots of key-value stores, and lets go of what the log holds no longer for anybody. With
/// `due`, only what the tables' options and the sizes of things call for.
///
/// # Errors
/// `Locked` when another process writes; those of a flush or a snapshot.
pub async fn maintain(store: &Store, due: bool, dry_run: bool, wait: Duration) -> Result<Vec<Work>> {
    let shared = Arc::new(store.clone());
    let mut done = Vec::new();
    if dry_run {
        let view = View::open(&shared)?;
        for key in view.catalog().tables.keys() {
            let table = view.table(&ObjectName::parse("table", key)?).await?;
            if table
                .is_some_and(|t| if due { t.is_due(qx_log::now_us(), DEFAULT_FLUSH_ROWS) } else { !t.hot().is_empty() })
            {
                done.push(Work { work: "flush table", object: key.clone() });
            }
        }
        done.extend(indexes_behind(&view, due).await?);
        for name in view.catalog().stores.keys() {
            if is_snapshot_due(&view, name, due)? {
                done.push(Work { work: "snapshot store", object: name.clone() });
            }
        }
        return Ok(done);
    }
    let mut writer = store.writer(wait)?;
    for work in indexes_behind(writer.view(), due).await? {
        let name = ObjectName::parse("vector index", &work.object)?;
        if let Some(index) = writer.catalog().index(&name) {
            writer.sync_index(&name, index).await?;
        }
        done.push(work);
    }
    let tables = if due {
        // What is due can only be told of tables that were opened.
        for key in writer.catalog().tables.keys() {
            writer.view().table(&ObjectName::parse("table", key)?).await?;
        }
        writer.flush_due().await?
    } else {
        writer.flush_all().await?
    };
    done.extend(tables.into_iter().map(|object| Work { work: "flush table", object }));
    let names: Vec<String> = writer.catalog().stores.keys().cloned().collect();
    for name in names {
        if is_snapshot_due(writer.view(), &name, due)? && !writer.snapshot_store(&name)?.unchanged {
            done.push(Work { work: "snapshot store", object: name });
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
            behind.push(Work { work: "bring up vector index", object: key.clone() });
        }
    }
    Ok(behind)
}

fn is_snapshot_due(view: &View, store: &str, due: bool) -> Result<bool> {
    let changes = kv::keys(view, store, None)?.changes();
    Ok(if due { changes >= SNAPSHOT_OPS } else { changes > 0 })
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
