//! Snapshots of key-value stores, and dictionaries that stand on their own.

use std::path::Path;

use qx_formats::container::Finding;
use qx_formats::{Result, dict_seg, kv_snap};

use super::log::LogState;
use super::{Check, Level};
use crate::Store;
use crate::catalog::Catalog;
use crate::kv::{self, Value};
use crate::names::{Layout, ObjectName};

const LOST: &str = "the snapshot that the log was let go for is missing";

impl Check<'_> {
    pub(super) fn stores(&mut self, store: &Store, catalog: &Catalog, log: Option<&LogState>) -> Result<()> {
        for (name, def) in &catalog.stores {
            let dir = kv::snapshot_dir(&store.layout().home, name);
            let decode = kv::KvManifest::decode;
            let before = self.found.len();
            let relied = catalog.snapshots.get(&def.uuid).copied();
            let Some(m) = self.document(&dir, kv::MANIFEST, "db.store_manifest", decode)? else {
                if relied.is_some() && self.found.len() == before {
                    self.put(&dir.join(kv::MANIFEST), Finding::error("db.store_manifest", LOST));
                }
                continue;
            };
            if m.uuid != def.uuid {
                let f = match relied {
                    Some(_) => Finding::error("db.store_manifest", LOST),
                    None => Finding::note("db.stale", "a store of this name that was dropped left its snapshot"),
                };
                self.put(&dir, f);
                continue;
            }
            if relied.is_some_and(|least| m.lsn < least) {
                let f =
                    Finding::error("db.store_manifest", LOST).expected(format!("LSN {} or later", relied.unwrap_or(0)));
                self.put(&dir.join(kv::MANIFEST), f.got(m.lsn));
            }
            self.watermark("snapshot", &dir.join(kv::MANIFEST), m.lsn, log);
            let path = dir.join(&m.segment.path);
            let whole = self.named_file(&path, m.segment.bytes, m.segment.crc32c)?;
            if let Ok(Some(previous)) = qx_io::read_previous_generation(&dir, kv::MANIFEST, decode) {
                self.know(dir.join(&previous.segment.path));
            }
            if self.level >= Level::Bytes && path.exists() {
                self.snapshot(&path, whole)?;
            }
        }
        Ok(())
    }

    fn snapshot(&mut self, path: &Path, whole: bool) -> Result<()> {
        let Some(map) = self.read(path, Finding::error("db.missing", "a file went away"))? else { return Ok(()) };
        let found = kv_snap::verify(&map);
        let damaged = !found.is_empty() || !whole;
        self.put_all(path, found);
        if damaged {
            return Ok(());
        }
        for entry in kv_snap::KvSnap::open(&map[..])?.iter() {
            let entry = entry?;
            if let Err(e) = Value::decode(entry.kind, entry.value) {
                self.put(path, Finding::from_error("db.value", &e).section(format!("key {:?}", entry.key)));
            }
        }
        Ok(())
    }

    pub(super) fn dictionaries(&mut self, store: &Store, catalog: &Catalog) -> Result<()> {
        for key in catalog.dictionaries.keys() {
            let Ok(name) = ObjectName::parse("dictionary", key) else { continue };
            let path = Layout::dictionary(store.layout(), &name);
            self.know(path.clone());
            if self.level < Level::Presence {
                continue;
            }
            let missing = Finding::error("db.missing", "the catalog names a dictionary that is not there");
            let Some(map) = self.read(&path, missing)? else { continue };
            if self.level >= Level::Bytes {
                let found = dict_seg::verify(&map, true);
                self.put_all(&path, found);
            }
        }
        Ok(())
    }
}
