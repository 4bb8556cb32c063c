//! Snapshots of key-value stores.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use qx_formats::kv_snap::{self, Entry, KvSnap};
use qx_formats::{Error, Result};
use qx_io::Map;
use uuid::Uuid;

use super::Repair;
use crate::fsck::Found;
use crate::kv::{self, KvManifest, MANIFEST};

impl Repair<'_> {
    /// The newest snapshot that is whole and that the log reaches back to, whether a manifest names it or not; else what
    /// is whole of the newest one. Every snapshot of the store stands in the lost-and-found before anything is replaced.
    pub(super) fn stores(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        let pruned = crate::retain::pruned_lsn(&store)?;
        let mut done = BTreeSet::new();
        for f in found {
            let Some(name) = f.path.split('/').nth(2) else { continue };
            if !done.insert(name.to_owned()) {
                continue;
            }
            let Some(def) = catalog.stores.get(name) else { return Err(super::missing("store", &f.path)) };
            let dir = kv::snapshot_dir(&store.layout().home, name);
            let snapshots = snapshots(&dir, def.uuid)?;
            let newest = qx_io::read_generation(&dir, MANIFEST, KvManifest::decode).ok().flatten();
            let wanted = newest.filter(|m| m.uuid == def.uuid).map(|m| m.segment.rows);
            // A catalog that was made anew does not know what the log was let go for.
            let reach = catalog.snapshots.get(&def.uuid).copied().unwrap_or(pruned);
            let new = rebuild(def.uuid, &snapshots, reach, wanted)?;
            self.lost.keep_copy(&dir.join(MANIFEST))?;
            for path in files(&dir)? {
                self.lost.keep_copy(&path)?;
            }
            if !self.dry_run {
                kv::publish(&store.layout().home, name, def.uuid, new.lsn, new.keys, &new.bytes)?;
            }
            self.act(f, new.what, new.loss);
        }
        Ok(())
    }
}

/// The snapshot that takes the place of what is damaged.
struct Rebuilt {
    lsn: u64,
    keys: u64,
    bytes: Vec<u8>,
    what: String,
    loss: Option<String>,
}

/// `wanted`: keys of the newest snapshot, where its manifest still tells.
fn rebuild(store: Uuid, snapshots: &[KvSnap<Map>], pruned: u64, wanted: Option<u64>) -> Result<Rebuilt> {
    // The log has everything above the number that it is pruned to, so any whole snapshot from there on serves.
    if let Some(snap) = snapshots.iter().find(|s| s.lsn() >= pruned && s.verify().is_empty()) {
        let entries = snap.iter().collect::<Result<Vec<_>>>()?;
        let bytes = kv_snap::encode(store, snap.lsn(), entries)?;
        let what = format!("took the snapshot as of LSN {}; the log has what came later", snap.lsn());
        return Ok(Rebuilt { lsn: snap.lsn(), keys: snap.len(), bytes, what, loss: None });
    }
    if pruned == 0 {
        let what = "the log alone holds the store, from its beginning".to_owned();
        return Ok(Rebuilt { lsn: 0, keys: 0, bytes: kv_snap::encode(store, 0, [])?, what, loss: None });
    }
    let best = snapshots.first();
    // A snapshot older than what the log was pruned to lacks what came between; nothing can bring that back.
    let lsn = best.map_or(pruned, |s| s.lsn().max(pruned));
    let entries = best.map(salvage).unwrap_or_default();
    let keys = entries.len() as u64;
    let bytes = kv_snap::encode(store, lsn, entries)?;
    let older = best.filter(|s| s.lsn() < pruned).map(|s| format!("writes from LSN {} to {pruned}", s.lsn() + 1));
    let loss = match (older, wanted.or(best.map(KvSnap::len))) {
        (Some(older), _) => Some(older),
        (None, Some(want)) if want <= keys => None,
        (None, Some(want)) => Some(format!("{} of {want} keys of the snapshot", want - keys)),
        (None, None) => Some("the keys of the snapshot, of which not even the number is known".to_owned()),
    };
    Ok(Rebuilt { lsn, keys, bytes, what: format!("kept {keys} keys of the damaged snapshot"), loss })
}

/// The files in a store's folder that are snapshots by name.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", e).path(dir)),
    };
    let mut out: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    out.retain(|p| p.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"snap-")));
    out.sort();
    Ok(out)
}

/// The snapshots of this store that can be opened, the newest first.
fn snapshots(dir: &Path, store: Uuid) -> Result<Vec<KvSnap<Map>>> {
    let open = |path: PathBuf| Map::open(&path).ok().and_then(|map| KvSnap::open(map).ok());
    let mut out: Vec<KvSnap<Map>> = files(dir)?.into_iter().filter_map(open).filter(|s| s.store() == store).collect();
    out.sort_by_key(|s| std::cmp::Reverse(s.lsn()));
    Ok(out)
}

/// The entries whose pages match their checksums, and how many there were.
fn salvage(snap: &KvSnap<Map>) -> Vec<Entry<'_>> {
    let mut kept: Vec<Entry<'_>> = Vec::new();
    for e in (0..snap.len()).filter_map(|i| snap.checked_entry(i).ok()) {
        if kept.last().is_none_or(|last| last.key < e.key) && e.lsn <= snap.lsn() {
            kept.push(e);
        }
    }
    kept
}
