//! Proving a graph folder: manifest, segments, and that they fit each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use qx_formats::adj_seg::{self, AdjSeg};
use qx_formats::container::{Finding, Severity};
use qx_formats::dict_seg::{self, DictSeg};
use qx_formats::manifest::{self, Segment};
use qx_formats::{Error, Kind, Result};
use qx_io::{Job, Map};

use crate::folder::*;
use crate::graph::Graph;
use crate::names::Names;
use crate::tail::delta_dirs;

/// Checks everything in a graph folder. Each finding names the file that it is about.
///
/// # Errors
/// `NotFound` where no graph is; `Io` when something cannot be read; `Unsupported` for a newer version; `Cancelled`.
/// Damage is a finding and no error.
pub fn verify(dir: &Path, job: &Job) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let Some(current) = read_manifest(dir, &mut findings)? else { return Ok(findings) };
    job.progress.phase("verify", Some(current.segments().count() as u64), "segments");
    let mut dicts = Vec::new();
    for segment in &current.dicts {
        let dict = check_segment(dir, segment, &mut findings, dict_seg::verify)?;
        if let Some(dict) = dict.and_then(|map| DictSeg::open(map).ok()) {
            same_id(segment, dict.uuid(), dict.len(), &mut findings);
            dicts.push(dict);
        }
        job.step(1)?;
    }
    // With one of them missing nothing can be said about names.
    let names = (dicts.len() == current.dicts.len()).then(|| Names::new(dicts));
    for (partition, segment) in current.adjacency.iter().enumerate() {
        let map = check_segment(dir, segment, &mut findings, adj_seg::verify)?;
        if let Some(seg) = map.and_then(|map| AdjSeg::open(map).ok()) {
            same_id(segment, seg.uuid(), seg.edges(), &mut findings);
            check_adjacency(&seg, partition, &current, names.as_ref(), segment, &mut findings)?;
        }
        job.step(1)?;
    }
    check_strangers(dir, &current, &mut findings)?;
    check_delta(dir, &mut findings)?;
    Ok(findings)
}

fn read_manifest(dir: &Path, findings: &mut Vec<Finding>) -> Result<Option<GraphManifest>> {
    let path = dir.join(MANIFEST);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => {
            return Err(Error::new(Kind::NotFound, "there is no graph here").path(path));
        }
        Err(e) => return Err(Error::io("read", e).path(path)),
    };
    let found = manifest::verify(&bytes, FORMAT);
    if !found.is_empty() {
        if let Err(e) = manifest::open(&bytes, FORMAT)
            && e.kind() == Kind::Unsupported
        {
            return Err(e.path(path));
        }
        findings.extend(found.into_iter().map(|f| named(f, MANIFEST)));
        return Ok(None);
    }
    match GraphManifest::decode(&bytes) {
        Ok(m) => Ok(Some(m)),
        Err(e) => {
            findings.push(named(Finding::from_error("graph.manifest", &e), MANIFEST));
            Ok(None)
        }
    }
}

/// Puts the file before the section in a finding: one report covers many files.
fn named(mut finding: Finding, path: &str) -> Finding {
    let section = finding.section.take().map_or_else(|| path.to_owned(), |s| format!("{path}:{s}"));
    finding.section(section)
}

/// The mapped segment, if it is whole.
fn check_segment(
    dir: &Path,
    segment: &Segment,
    findings: &mut Vec<Finding>,
    verify: impl FnOnce(&[u8], bool) -> Vec<Finding>,
) -> Result<Option<Map>> {
    let before = findings.len();
    let map = match Map::open(&dir.join(&segment.path)) {
        Ok(map) => map,
        Err(e) if e.io_kind() == Some(std::io::ErrorKind::NotFound) => {
            let f = Finding::error("graph.segment_missing", "the manifest names a segment that is not there");
            findings.push(f.section(&segment.path));
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    let crc = crc32c::crc32c(&map);
    if map.len() as u64 != segment.bytes || crc != segment.crc32c {
        let f = Finding::error("graph.segment_bytes", "length or checksum of the file is not that of the manifest");
        let f = f.expected(format!("{} bytes, {:08x}", segment.bytes, segment.crc32c));
        findings.push(f.got(format!("{} bytes, {crc:08x}", map.len())).section(&segment.path));
    }
    findings.extend(verify(&map, true).into_iter().map(|f| named(f, &segment.path)));
    let damaged = findings.iter().skip(before).any(|f| f.severity == Severity::Error);
    Ok((!damaged).then_some(map))
}

fn same_id(segment: &Segment, uuid: uuid::Uuid, rows: u64, findings: &mut Vec<Finding>) {
    let id = uuid.simple().to_string();
    if id != segment.id || rows != segment.rows {
        let f = Finding::error("graph.segment_id", "id or row count of the segment is not that of the manifest");
        let f = f.expected(format!("{}, {} rows", segment.id, segment.rows));
        findings.push(f.got(format!("{id}, {rows} rows")).section(&segment.path));
    }
}

fn check_adjacency(
    seg: &AdjSeg<Map>,
    partition: usize,
    manifest: &GraphManifest,
    names: Option<&Names>,
    segment: &Segment,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    if seg.partition() as usize != partition {
        let f = Finding::error("graph.partition", "the segment says that it is of another partition");
        findings.push(f.expected(partition).got(seg.partition()).section(&segment.path));
    }
    let (mut nameless, mut astray) = (Vec::new(), Vec::new());
    for id in seg.nodes() {
        if let Some(names) = names
            && names.name(id)?.is_none()
        {
            nameless.push(id);
        }
        if !manifest.spread && route(id, manifest.partitions()) != partition && seg.out(id)?.count_left() > 0 {
            astray.push(id);
        }
    }
    for (id, what, ids) in [
        ("graph.endpoint", "ids at the ends of edges have no entry in the dictionary", nameless),
        ("graph.source_partition", "sources belong to another partition", astray),
    ] {
        if let Some(first) = ids.first() {
            let f = Finding::error(id, format!("{} {what}; the first is {first}", ids.len()));
            findings.push(f.section(&segment.path));
        }
    }
    Ok(())
}

/// The delta logs on their own, then what they say against the segments.
fn check_delta(dir: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    for log in delta_dirs(dir)? {
        let name = format!("delta/{}", log.file_name().unwrap_or_default().to_string_lossy());
        match qx_log::verify_stopped(&log) {
            Ok(found) => findings.extend(found.into_iter().map(|f| named(f, &name))),
            // The folder is made before its first segment.
            Err(e) if e.kind() == Kind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    if findings.iter().any(|f| f.severity == Severity::Error) {
        return Ok(());
    }
    let graph = match Graph::open(dir) {
        Ok(graph) => graph,
        Err(e) if e.kind() == Kind::Io => return Err(e),
        Err(e) => {
            findings.push(Finding::from_error("graph.delta", &e).section("delta"));
            return Ok(());
        }
    };
    let mut nameless = BTreeSet::new();
    for part in &graph.parts {
        for (src, added) in part.delta.added() {
            for id in [src, added.edge.node] {
                if !graph.is_gone(id) && graph.node(id)?.is_none() {
                    nameless.insert(id);
                }
            }
        }
    }
    if let Some(first) = nameless.first() {
        let what = format!(
            "{} ids at the ends of edges have no entry in the dictionary; the first is {first}",
            nameless.len()
        );
        findings.push(Finding::error("graph.endpoint", what).section("delta"));
    }
    Ok(())
}

/// Files that neither manifest names do no harm; a build that was killed leaves them and the next one removes them.
fn check_strangers(dir: &Path, current: &GraphManifest, findings: &mut Vec<Finding>) -> Result<()> {
    let previous = match qx_io::read_previous_generation(dir, MANIFEST, GraphManifest::decode) {
        Ok(previous) => previous,
        Err(e) if e.kind() == Kind::Io => return Err(e),
        Err(e) => {
            let mut f = Finding::from_error("graph.previous_manifest", &e);
            f.severity = Severity::Warning;
            findings.push(f.section("manifest.prev.json"));
            None
        }
    };
    let known: BTreeSet<&str> =
        current.segments().chain(previous.iter().flat_map(GraphManifest::segments)).map(|s| s.path.as_str()).collect();
    for sub in [NODES, EDGES] {
        let folder = dir.join(sub);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::io("list", e).path(folder)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("list", e).path(&folder))?;
            names.push(format!("{sub}/{}", entry.file_name().to_string_lossy()));
        }
        names.sort();
        for name in names.iter().filter(|n| !known.contains(n.as_str())) {
            findings.push(Finding::note("graph.stranger", "no manifest names this file").section(name));
        }
    }
    Ok(())
}
