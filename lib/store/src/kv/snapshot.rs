//! Snapshots of a store: a file, then the manifest that names it, then what they replace may go.

use std::path::{Path, PathBuf};

use qx_formats::kv_snap;
use qx_formats::manifest::{Manifest, Segment};
use qx_formats::{Error, Result};
use qx_io::Publish;
use uuid::Uuid;

use super::fold::Item;
use crate::database::make_dir;
use crate::view::View;

/// Format name of the manifest.
pub const FORMAT: &str = "qx.kv";
/// Kind of the segment in it.
pub const SNAPSHOT_KIND: &str = "kv.snap";
/// Name of the manifest in the folder of a store.
pub const MANIFEST: &str = "manifest.json";

/// What the manifest of a store says.
#[derive(Debug, Clone, PartialEq)]
pub struct KvManifest {
    pub generation: u64,
    /// Of the store, which tells it from an earlier one of the same name.
    pub uuid: Uuid,
    /// Everything up to this LSN stands in the snapshot.
    pub lsn: u64,
    pub segment: Segment,
}

impl KvManifest {
    /// # Errors
    /// As [`Manifest::decode`]; `Invalid` for a document that is not a store's.
    pub fn decode(bytes: &[u8]) -> Result<KvManifest> {
        let m = Manifest::decode(bytes, FORMAT)?;
        let bad = |what: &str| Error::invalid(format!("{FORMAT}: {what}"));
        let text = |name: &str| m.extra.get(name).and_then(serde_json::Value::as_str);
        let uuid = text("uuid").and_then(|t| t.parse().ok()).ok_or_else(|| bad("uuid is not a UUID"))?;
        let lsn = text("lsn").and_then(|t| t.parse().ok()).ok_or_else(|| bad("lsn is not a decimal string"))?;
        let mut segments = m.committed().filter(|s| s.kind == SNAPSHOT_KIND);
        match (segments.next(), segments.next()) {
            (Some(one), None) => Ok(KvManifest { generation: m.generation, uuid, lsn, segment: one.clone() }),
            _ => Err(bad("it does not name exactly one snapshot")),
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let mut m = Manifest::new(FORMAT);
        m.generation = self.generation;
        m.extra.insert("uuid".into(), self.uuid.to_string().into());
        m.extra.insert("lsn".into(), self.lsn.to_string().into());
        m.segments.push(self.segment.clone());
        m.encode()
    }
}

/// Folder of the snapshots of a store, inside the folder of a database.
pub fn snapshot_dir(home: &Path, store: &str) -> PathBuf {
    home.join("store").join(store)
}

/// The newest manifest of a store; `None` when no snapshot was taken yet.
///
/// # Errors
/// `Io`; `Corrupt` or `Invalid` with the path.
pub fn read_manifest(dir: &Path) -> Result<Option<KvManifest>> {
    qx_io::read_generation(dir, MANIFEST, KvManifest::decode)
}

/// What a snapshot came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotReport {
    pub store: String,
    pub keys: u64,
    pub bytes: u64,
    pub lsn: u64,
    /// Nothing had changed since the one before.
    pub unchanged: bool,
}

/// Writes a snapshot of a store as of the last commit that `view` knows. The caller is the writer of the database, with
/// everything that was committed on disk and no transaction open.
///
/// # Errors
/// As [`super::keys`]; `Io`.
pub fn snapshot(view: &View, store: &str) -> Result<SnapshotReport> {
    let def = super::def_of(view, store)?;
    let keys = super::keys(view, store, None)?;
    let mut items: Vec<(String, Item)> = Vec::new();
    keys.each("", qx_log::now_us(), |key, item| {
        items.push((key.to_owned(), item.clone()));
        Ok(())
    })?;
    let lsn = keys.lsn();
    let bytes = kv_snap::encode(def.uuid, lsn, items.iter().map(|(key, item)| item.entry(key)))?;
    let (count, len) = (items.len() as u64, bytes.len() as u64);
    let report = |unchanged| SnapshotReport { store: store.to_owned(), keys: count, bytes: len, lsn, unchanged };
    // Keys that have expired since go with the next snapshot.
    if keys.is_snapshot() && count == keys.in_snapshot() {
        return Ok(report(true));
    }
    let home = &view.store().layout().home;
    publish(home, store, def.uuid, lsn, count, &bytes)?;
    tracing::info!(target: "qx::store", store, keys = count, lsn, "snapshot taken");
    Ok(report(false))
}

/// Puts a snapshot and the manifest that names it in place; what they replace may go.
pub(crate) fn publish(home: &Path, store: &str, uuid: Uuid, lsn: u64, keys: u64, bytes: &[u8]) -> Result<()> {
    let dir = snapshot_dir(home, store);
    make_dir(&home.join("store"))?;
    make_dir(&dir)?;
    let id = kv_snap::KvSnap::open(bytes)?.uuid().simple().to_string();
    let name = format!("snap-{id}.kv");
    qx_io::write_atomic(&dir.join(&name), Publish::Replace, bytes)?;
    let segment = Segment::new(id, &name, SNAPSHOT_KIND, keys, bytes.len() as u64, crc32c::crc32c(bytes));
    // A damaged newest generation is replaced all the same.
    let generation = qx_io::read_generation(&dir, MANIFEST, KvManifest::decode).ok().flatten();
    let previous = qx_io::read_previous_generation(&dir, MANIFEST, KvManifest::decode).ok().flatten();
    let generation = generation.or(previous).map_or(0, |m| m.generation) + 1;
    let manifest = KvManifest { generation, uuid, lsn, segment };
    qx_io::publish_generation(&dir, MANIFEST, &manifest.encode()?, |b| KvManifest::decode(b).map(drop))?;
    remove_strangers(&dir)
}

/// Removes snapshots that neither generation of the manifest names.
fn remove_strangers(dir: &Path) -> Result<()> {
    let current = read_manifest(dir)?;
    // A previous generation that cannot be read vouches for nothing.
    let previous = qx_io::read_previous_generation(dir, MANIFEST, KvManifest::decode).ok().flatten();
    let known: Vec<String> = current.into_iter().chain(previous).map(|m| m.segment.path).collect();
    let entries = std::fs::read_dir(dir).map_err(|e| Error::io("list", e).path(dir))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap-") && !known.contains(&name) {
            let path = entry.path();
            qx_io::remove_file(&path).map_err(|e| Error::io("remove", e).path(&path))?;
        }
    }
    Ok(())
}
