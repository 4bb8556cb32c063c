//! Writing the segments of a graph, and removing those that nothing names any more.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use qx_formats::adj_seg::{AdjBuilder, AdjSeg};
use qx_formats::dict_seg::{DictBuilder, DictSeg, Summary};
use qx_formats::manifest::Segment;
use qx_formats::{Error, Kind, Result};
use qx_io::{Map, Publish};
use uuid::Uuid;

use crate::folder::*;

/// Makes the folders that segments stand in.
pub(crate) fn make_folders(dir: &Path) -> Result<()> {
    for sub in [NODES, EDGES] {
        let sub = dir.join(sub);
        qx_io::create_dir_all(&sub).map_err(|e| Error::io("create folder", e).path(&sub))?;
    }
    Ok(())
}

pub(crate) fn write_dict(dir: &Path, dict: DictBuilder) -> Result<(Segment, DictSeg<Map>, Summary)> {
    let (staged, summary) = stage(dir, NODES, "dict", |out| {
        let s = dict.finish(out)?;
        Ok((s.uuid, s))
    })?;
    let segment = staged.segment(DICT_KIND, summary.entries);
    Ok((segment, DictSeg::open(staged.map)?, summary))
}

/// Writes the segment of a partition; every end of an edge has to be a node.
pub(crate) fn write_adj(
    dir: &Path,
    partition: u32,
    builder: AdjBuilder,
    is_node: impl Fn(u64) -> Result<bool>,
) -> Result<Segment> {
    let (staged, edges) = stage(dir, EDGES, &format!("adj.P{partition:03}"), |out| {
        let (_, s) = builder.finish(out)?;
        Ok((s.uuid, s.edges))
    })?;
    let segment = staged.segment(ADJ_KIND, edges);
    for id in AdjSeg::open(&*staged.map)?.nodes() {
        if !is_node(id)? {
            return Err(Error::invalid("an edge ends at an id that is no node")
                .got(format!("id {id}"))
                .hint("add every node before the graph is finished"));
        }
    }
    Ok(segment)
}

/// A segment under its final name.
struct Staged {
    uuid: Uuid,
    path: String,
    map: Map,
}

impl Staged {
    fn segment(&self, kind: &str, rows: u64) -> Segment {
        let crc = crc32c::crc32c(&self.map);
        Segment::new(self.uuid.simple().to_string(), &*self.path, kind, rows, self.map.len() as u64, crc)
    }
}

/// Writes a segment under a name for the time being, then under the name that its content gives it.
fn stage<T>(
    dir: &Path,
    sub: &str,
    prefix: &str,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(Uuid, T)>,
) -> Result<(Staged, T)> {
    let folder = dir.join(sub);
    let staged = folder.join(format!("{prefix}.staged"));
    let (uuid, value) = qx_io::publish(&staged, Publish::Replace, fill)?;
    let name = format!("{prefix}-{}.seg", uuid.simple());
    let path = folder.join(&name);
    // Over a file of that name, too: it has these bytes, or it is damaged.
    qx_io::rename(&staged, &path).map_err(|e| Error::io("rename into place", e).path(&path))?;
    qx_io::sync_dir(&folder)?;
    Ok((Staged { uuid, path: format!("{sub}/{name}"), map: Map::open(&path)? }, value))
}

/// Removes segments that neither the newest manifest nor the one before it names.
pub(crate) fn prune(dir: &Path, newest: &GraphManifest) -> Result<()> {
    let before = qx_io::read_previous_generation(dir, MANIFEST, GraphManifest::decode);
    let before = match before {
        Err(e) if e.kind() == Kind::Io => return Err(e),
        // A damaged previous manifest names nothing that could still be used.
        before => before.unwrap_or_default(),
    };
    let kept: BTreeSet<PathBuf> =
        newest.segments().chain(before.iter().flat_map(GraphManifest::segments)).map(|s| dir.join(&s.path)).collect();
    for sub in [NODES, EDGES] {
        let folder = dir.join(sub);
        let entries = fs::read_dir(&folder).map_err(|e| Error::io("list", e).path(&folder))?;
        for entry in entries {
            let path = entry.map_err(|e| Error::io("list", e).path(&folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = (name.starts_with("dict") || name.starts_with("adj.P"))
                && (name.ends_with(".seg") || name.ends_with(".staged"));
            if ours && !kept.contains(&path) {
                tracing::debug!(target: "qx::graph", path = %path.display(), "removing a segment that nothing names");
                qx_io::remove_file(&path).map_err(|e| Error::io("remove", e).path(&path))?;
            }
        }
    }
    Ok(())
}
