//! Graph folders: their own proof, and the watermark against the log.

use qx_formats::container::Finding;
use qx_formats::{Kind, Result};
use qx_graph::GraphManifest;

use super::log::LogState;
use super::{Check, Level, damage, help};
use crate::catalog::Catalog;
use crate::names::ObjectName;
use crate::repair::generation_before;
use crate::{Store, check_taken_over};

impl Check<'_> {
    pub(super) fn graphs(&mut self, store: &Store, catalog: &Catalog, log: Option<&LogState>) -> Result<()> {
        for (key, def) in &catalog.graphs {
            let Ok(name) = ObjectName::parse("graph", key) else { continue };
            let dir = store.layout().graph(&name);
            self.covered.insert(dir.clone());
            let before = self.found.len();
            // A graph over tables has no folder, and one that nothing was written to has none yet.
            let manifest = match dir.is_dir() {
                true => self.document(&dir, qx_graph::MANIFEST, "db.graph_manifest", GraphManifest::decode)?,
                false => None,
            };
            if let Some(f) = self.found.get_mut(before..).and_then(|new| new.iter_mut().find(|f| f.repair.is_some()))
                && generation_before(&dir, def.uuid, catalog).is_none()
            {
                // What repair would take is not there, or not whole either.
                (f.repair, f.help) = (None, help::of_graph(self.root, key));
            }
            let have = manifest.as_ref().map_or(0, |m| m.delta_lsn.max(m.lsn).max(1));
            if self.found.len() == before
                && let Err(e) = check_taken_over(catalog, def.uuid, "graph", &dir, have)
            {
                self.put(&dir.join(qx_graph::MANIFEST), Finding::from_error("db.graph_missing", &e));
            }
            let Some(manifest) = manifest else { continue };
            self.watermark("graph", &dir.join(qx_graph::MANIFEST), manifest.lsn, log);
            if self.level < Level::Bytes {
                for s in manifest.dicts.iter().chain(&manifest.adjacency) {
                    self.named_file(&dir.join(&s.path), s.bytes, s.crc32c)?;
                }
                continue;
            }
            match qx_graph::verify(&dir, self.job) {
                Ok(found) => {
                    for mut f in found {
                        // The section begins with the file's name.
                        let section = f.section.take().unwrap_or_default();
                        let (file, rest) = section.split_once(':').unwrap_or((&section, ""));
                        f.section = (!rest.is_empty()).then(|| rest.to_owned());
                        self.put(&dir.join(file), f);
                    }
                }
                Err(e) if damage(&e) || e.kind() == Kind::NotFound => {
                    self.put(&dir, Finding::from_error("db.graph_manifest", &e));
                }
                Err(e) => self.unreadable(&dir, e)?,
            }
            self.files += 1 + manifest.adjacency.len() as u64;
        }
        Ok(())
    }
}
