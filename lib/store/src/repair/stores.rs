//! Snapshots of key-value stores.

use std::collections::BTreeSet;
use std::path::Path;

use qx_formats::Result;
use qx_formats::kv_snap::{self, Entry, KvSnap};
use qx_io::Map;

use super::Repair;
use crate::fsck::Found;
use crate::kv::{self, KvManifest, MANIFEST};

impl Repair<'_> {
    /// The generation before, if the log reaches back to it; else what is whole of the damaged snapshot.
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
            let newest = qx_io::read_generation(&dir, MANIFEST, KvManifest::decode).ok().flatten();
            let previous = qx_io::read_previous_generation(&dir, MANIFEST, KvManifest::decode).ok().flatten();
            let previous = previous.filter(|m| m.uuid == def.uuid);
            self.lost.keep_copy(&dir.join(MANIFEST))?;
            // What the log still has needs no snapshot at all, or an older one.
            let older = previous.filter(|m| m.lsn >= pruned && whole(&dir.join(&m.segment.path)));
            let (lsn, bytes, keys, what, loss) = match older {
                Some(m) => {
                    let map = Map::open(&dir.join(&m.segment.path))?;
                    let what = format!("took the snapshot as of LSN {}; the log has what came later", m.lsn);
                    (m.lsn, map.to_vec(), m.segment.rows, what, None)
                }
                None if pruned == 0 => {
                    let bytes = kv_snap::encode(def.uuid, 0, [])?;
                    (0, bytes, 0, "the log alone holds the store, from its beginning".to_owned(), None)
                }
                None => {
                    let lsn = newest.as_ref().map_or(pruned, |m| m.lsn);
                    let path = newest.as_ref().map(|m| dir.join(&m.segment.path));
                    let snap = path.and_then(|p| Map::open(&p).ok()).and_then(|map| KvSnap::open(map).ok());
                    let entries = snap.as_ref().map(salvage).unwrap_or_default();
                    let kept = entries.len() as u64;
                    let bytes = kv_snap::encode(def.uuid, lsn, entries)?;
                    let want = newest.as_ref().map(|m| m.segment.rows).or(snap.as_ref().map(KvSnap::len));
                    let loss = match want {
                        Some(want) if want <= kept => None,
                        Some(want) => Some(format!("{} of {want} keys of the snapshot", want - kept)),
                        None => Some("the keys of the snapshot, of which not even the number is known".to_owned()),
                    };
                    (lsn, bytes, kept, format!("kept {kept} keys of the damaged snapshot"), loss)
                }
            };
            if let Some(m) = &newest {
                self.lost.set_aside(&dir.join(&m.segment.path))?;
            }
            if !self.dry_run {
                kv::publish(&store.layout().home, name, def.uuid, lsn, keys, &bytes)?;
            }
            self.act(f, what, loss);
        }
        Ok(())
    }
}

fn whole(path: &Path) -> bool {
    Map::open(path).is_ok_and(|map| kv_snap::verify(&map).is_empty())
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
