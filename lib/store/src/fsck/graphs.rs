//! Graph folders: their own proof, and the watermark against the log.

use qx_formats::container::Finding;
use qx_formats::{Kind, Result};
use qx_graph::GraphManifest;

use super::log::LogState;
use super::{Check, Level, damage};
use crate::Store;
use crate::catalog::Catalog;
use crate::names::ObjectName;

impl Check<'_> {
    pub(super) fn graphs(&mut self, store: &Store, catalog: &Catalog, log: Option<&LogState>) -> Result<()> {
        for key in catalog.graphs.keys() {
            let Ok(name) = ObjectName::parse("graph", key) else { continue };
            let dir = store.layout().graph(&name);
            self.covered.insert(dir.clone());
            if !dir.is_dir() {
                // A graph over tables has no folder, and one that nothing was written to has none yet.
                continue;
            }
            let manifest = self.document(&dir, qx_graph::MANIFEST, "db.graph_manifest", GraphManifest::decode)?;
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
                Err(e) => return Err(e),
            }
            self.files += 1 + manifest.adjacency.len() as u64;
        }
        Ok(())
    }
}
