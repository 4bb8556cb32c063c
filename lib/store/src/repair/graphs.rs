//! Manifests of graphs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use qx_formats::Result;
use qx_graph::GraphManifest;
use qx_io::Map;
use uuid::Uuid;

use super::Repair;
use crate::catalog::Catalog;
use crate::check_taken_over;
use crate::fsck::Found;
use crate::names::ObjectName;

/// The generation of a graph's manifest before the newest, as it stands in its file, if the graph can go on from there:
/// every segment that it names is whole, and the delta logs and the log have all that came later.
pub(crate) fn generation_before(dir: &Path, uuid: Uuid, catalog: &Catalog) -> Option<Vec<u8>> {
    let bytes = std::fs::read(qx_io::previous_path(dir, qx_graph::MANIFEST)).ok()?;
    let manifest = GraphManifest::decode(&bytes).ok()?;
    let have = manifest.delta_lsn.max(manifest.lsn).max(1);
    if manifest.delta_lsn > manifest.lsn && !qx_graph::delta_reaches(dir, manifest.lsn).ok()? {
        return None;
    }
    let mine = manifest.graph.is_none_or(|graph| graph == uuid);
    let whole = manifest.dicts.iter().chain(&manifest.adjacency).all(|segment| {
        Map::open(&dir.join(&segment.path))
            .is_ok_and(|map| map.len() as u64 == segment.bytes && crc32c::crc32c(&map) == segment.crc32c)
    });
    (mine && whole && check_taken_over(catalog, uuid, "graph", dir, have).is_ok()).then_some(bytes)
}

impl Repair<'_> {
    /// The generation before, where it serves. Where it does not, the finding stays.
    pub(super) fn graphs(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        let mut done: BTreeSet<PathBuf> = BTreeSet::new();
        for f in found {
            let path = self.root.join(&f.path);
            let dir = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
            let here = |(key, _): &(&String, _)| {
                ObjectName::parse("graph", key).is_ok_and(|name| store.layout().graph(&name) == dir)
            };
            let Some((_, def)) = catalog.graphs.iter().find(here) else { return Err(super::missing("graph", &f.path)) };
            let Some(bytes) = generation_before(dir, def.uuid, &catalog) else { continue };
            if !done.insert(dir.to_path_buf()) {
                continue;
            }
            self.lost.keep_copy(&dir.join(qx_graph::MANIFEST))?;
            if !self.dry_run {
                let whole = |old: &[u8]| GraphManifest::decode(old).map(drop);
                qx_io::publish_generation(dir, qx_graph::MANIFEST, &bytes, whole)?;
            }
            self.act(f, "took the generation before of the manifest; the logs have what came later", None);
        }
        Ok(())
    }

    /// What is whole of damaged segments, in new ones.
    pub(super) fn graph_segments(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        for key in catalog.graphs.keys() {
            let dir = store.layout().graph(&ObjectName::parse("graph", key)?);
            let here: Vec<&Found> = found.iter().filter(|f| self.root.join(&f.path).starts_with(&dir)).collect();
            let Some(first) = here.first() else { continue };
            for f in &here {
                self.lost.keep_copy(&self.root.join(&f.path))?;
            }
            for saved in qx_graph::salvage(&dir, self.dry_run)? {
                let path = dir.join(&saved.path);
                let of_this = here.iter().find(|f| self.root.join(&f.path) == path).unwrap_or(first);
                let things = if saved.nodes { "nodes" } else { "edges" };
                let gone = saved.of.saturating_sub(saved.kept);
                let loss = (gone > 0).then(|| format!("{gone} of {} {things} of {}", saved.of, saved.path));
                let lost = loss.is_some();
                self.act(of_this, format!("kept {} {things}", saved.kept), loss);
                if lost {
                    self.outdate(|catalog| catalog.graphs.get_mut(key)?.origin.take())?;
                }
            }
        }
        Ok(())
    }

    /// What is whole of delta logs.
    pub(super) fn graph_logs(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        for key in catalog.graphs.keys() {
            let dir = store.layout().graph(&ObjectName::parse("graph", key)?);
            let Some(first) = found.iter().find(|f| self.root.join(&f.path).starts_with(&dir)) else { continue };
            for saved in qx_graph::salvage_logs(&dir, self.dry_run)? {
                let gone = saved.of.saturating_sub(saved.kept);
                let loss = (gone > 0).then(|| format!("{gone} of {} commits of {}", saved.of, saved.path));
                self.act(first, format!("kept {} commits of {}", saved.kept, saved.path), loss);
            }
        }
        Ok(())
    }
}
