//! The database's log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use qx_formats::delta_log::SegmentHeader;
use qx_formats::delta_log::layout::HEADER_LEN;
use qx_formats::manifest::Manifest;
use qx_formats::{Error, Kind, Result};
use qx_io::Map;
use qx_log::{Mode, Reader, RecoverOptions};
use qx_vector::definition::Definition;
use serde_json::Value;

use super::{Repair, Select};
use crate::catalog::{Catalog, FILE};
use crate::cold::Cold;
use crate::fsck::Found;
use crate::names::ObjectName;
use crate::table::{self, TableManifest};
use crate::{Store, graph_holds, kv};

impl Repair<'_> {
    /// Keeps every whole transaction. The damaged bytes stay where they are: a new segment supersedes them.
    pub(super) async fn log(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let wal = store.layout().wal();
        let [first, ..] = found else { return Ok(()) };
        let only_ends = found.iter().all(|f| f.finding.id == "db.watermark");
        let there = wal.is_dir() && !matches!(Reader::open_lossy(&wal), Err(e) if e.kind() == Kind::NotFound);
        if there && !only_ends {
            let damaged: Vec<_> = found.iter().map(|f| self.root.join(&f.path)).filter(|p| p.is_file()).collect();
            for path in damaged {
                self.lost.keep_copy(&path)?;
            }
            let renamed = self.rename(&wal, first)?;
            if !(renamed && self.dry_run) {
                self.recover(&wal, first)?;
            }
        }
        // A recovery may leave a log whose beginning is gone, too.
        let begins = found.iter().find(|f| f.finding.id == "db.log_begin");
        if let Some(f) = begins.or_else(|| (there && self.begins_later(&store)).then_some(first)) {
            self.begin(f)?;
        }
        let ends = found.iter().find(|f| f.finding.id == "db.watermark" || (f.finding.id == "db.log" && !there));
        match (ends, self.select) {
            // What only the log held is gone for good then, so nobody gets such a one unasked.
            (Some(f), Select::Ids(_)) => self.end(f, there).await,
            _ => Ok(()),
        }
    }

    /// Gives segments that bear one another's names their own ones, where none stands in the way. One that was stopped in
    /// between is gone on with.
    fn rename(&mut self, wal: &Path, f: &Found) -> Result<bool> {
        let io = |e| Error::io("list", e).path(wal);
        let mut moved: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for entry in fs::read_dir(wal).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let header = Map::open(&path).ok().and_then(|map| SegmentHeader::decode(map.get(..HEADER_LEN)?).ok());
            let own = header.map(|header| wal.join(qx_log::segment_name(header.segment)));
            let segment = path.extension().is_some_and(|x| x == "dlog" || x == "renamed");
            if let Some(own) = own.filter(|own| *own != path && segment) {
                moved.insert(path, own);
            }
        }
        let targets: BTreeSet<&PathBuf> = moved.values().collect();
        let free = |own: &&PathBuf| !own.exists() || moved.contains_key(*own);
        if moved.is_empty() || targets.len() < moved.len() || !targets.iter().all(free) {
            return Ok(false);
        }
        self.act(f, format!("gave {} segments of the log their own names", moved.len()), None);
        if self.dry_run {
            return Ok(true);
        }
        let aside = |path: &Path| path.with_extension("dlog.renamed");
        let rename = |from: &Path, to: &Path| qx_io::rename(from, to).map_err(|e| Error::io("rename", e).path(from));
        moved.keys().try_for_each(|path| rename(path, &aside(path)))?;
        moved.iter().try_for_each(|(path, own)| rename(&aside(path), own))?;
        qx_io::sync_dir(wal).map(|()| true)
    }

    fn begins_later(&self, store: &Store) -> bool {
        let pruned = crate::retain::pruned_lsn(store).unwrap_or(u64::MAX - 1);
        !self.dry_run && qx_log::stat(&store.layout().wal()).is_ok_and(|log| log.first_lsn > pruned + 1)
    }

    fn recover(&mut self, wal: &Path, f: &Found) -> Result<()> {
        let options = RecoverOptions { mode: Mode::Salvage, dry_run: self.dry_run, wait: self.wait };
        let report = loop {
            match qx_log::recover(wal, &options) {
                Ok(report) => break report,
                // At its front stands what is no segment of this log: nothing of it can be superseded.
                Err(e) if e.kind() == Kind::Corrupt => {
                    let stranger = e.get_path().filter(|p| p.is_file() && p.extension().is_some_and(|x| x == "dlog"));
                    let Some(path) = stranger.map(Path::to_path_buf) else { return Err(e) };
                    self.act(f, format!("set aside {}, which is no segment of this log", path.display()), None);
                    if self.dry_run {
                        return Ok(());
                    }
                    self.lost.set_aside(&path)?;
                }
                Err(e) => return Err(e),
            }
        };
        let loss = (!report.lossless()).then(|| {
            let gaps: Vec<String> = report
                .cuts
                .iter()
                .map(|c| match c.lost_lsns {
                    Some(r) => format!("segment {}: LSNs {} to {}", c.segment, r.from, r.to.unwrap_or(r.from)),
                    None => format!("segment {}: {} bytes at {}", c.segment, c.bytes, c.offset),
                })
                .collect();
            format!("{} bytes of the log; {}", report.dropped_bytes, gaps.join("; "))
        });
        self.act(f, format!("recovered the log: {} transactions kept", report.kept_transactions), loss);
        Ok(())
    }

    /// The log goes on behind the last number that anything holds, without what is gone.
    async fn end(&mut self, f: &Found, there: bool) -> Result<()> {
        let store = self.store()?;
        let last = highest(&store).await?;
        if !self.dry_run {
            qx_log::skip_to(&store.layout().wal(), last + 1, self.wait)?;
        }
        let lost = "what stood in that part of the log alone: rows since the last flush, keys since the last snapshot, \
                    changes of graphs since they were copied";
        self.act(f, format!("the log goes on behind LSN {last}, the last one that anything holds"), Some(lost.into()));
        if there || self.dry_run {
            return Ok(());
        }
        self.begin(f)
    }

    /// The lost beginning is written down as gone, so that the log counts as whole from there on.
    fn begin(&mut self, f: &Found) -> Result<()> {
        let store = self.store()?;
        let home = &store.layout().home;
        // One that cannot be read is made anew next, and says itself where the log begins then.
        let Ok(Some(mut catalog)) = qx_io::read_generation(home, FILE, Catalog::decode) else { return Ok(()) };
        let first = qx_log::stat(&store.layout().wal())?.first_lsn;
        let lost =
            format!("LSNs {} to {}, where no table, graph or snapshot holds them", catalog.pruned_lsn + 1, first - 1);
        catalog.pruned_lsn = first - 1;
        catalog.generation += 1;
        if !self.dry_run {
            qx_io::publish_generation(home, FILE, &catalog.encode()?, |old| Catalog::decode(old).map(drop))?;
        }
        // The folder has to be there for whatever comes next.
        debug_assert!(fs::metadata(home).is_ok());
        self.act(f, "wrote down that the log begins later", Some(lost));
        Ok(())
    }
}

/// The last number of the log that the catalog, a table, a graph, a snapshot or an index holds.
async fn highest(store: &Store) -> Result<u64> {
    let layout = store.layout();
    let catalog = qx_io::read_generation(&layout.home, FILE, Catalog::decode)?.unwrap_or_default();
    let mut last = catalog.lsn.max(catalog.pruned_lsn);
    for (key, def) in &catalog.tables {
        let dir = layout.table_folder(&ObjectName::parse("table", key)?, def);
        // Of a Delta log that cannot be read, the manifest tells.
        let cold = Cold::load(&dir, def.uuid).await.map_or(0, |cold| cold.lsn);
        let manifest = qx_io::read_generation(&dir, table::FILE, |b| Manifest::decode(b, table::FORMAT)).ok().flatten();
        let flushed = manifest.and_then(|m| serde_json::from_value::<TableManifest>(Value::Object(m.extra)).ok());
        last = last.max(cold).max(flushed.map_or(0, |m| m.flushed_lsn));
    }
    for key in catalog.graphs.keys() {
        last = last.max(graph_holds(&layout.graph(&ObjectName::parse("graph", key)?)).unwrap_or(0));
    }
    for name in catalog.stores.keys() {
        let manifest = kv::read_manifest(&kv::snapshot_dir(&layout.home, name)).ok().flatten();
        last = last.max(manifest.map_or(0, |m| m.lsn));
    }
    for key in catalog.indexes.keys() {
        let path = layout.index_definition(&ObjectName::parse("index", key)?);
        let definition = std::fs::read(&path).ok().and_then(|bytes| Definition::decode(&bytes).ok());
        last = last.max(definition.map_or(0, |d| d.covered_lsn));
    }
    Ok(last)
}
