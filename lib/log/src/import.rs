//! Files of an older system as a log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::delta_log::{Op, Transaction};
use qx_formats::legacy::{
    Adjacency, DeltaRecord, EdgeOp, KalamManifest, LegacyKind, NodeOp, Skipped, Wal, WalTransaction, delta_log,
    dictionary, kalam_manifest, wal,
};
use qx_formats::{Error, Result};
use qx_io::{Disk, Job, Map, RealDisk};
use serde::Serialize;
use uuid::Uuid;

use crate::copy::{Copied, CopyOptions, LogCopy};
use crate::folder::{check_target, publish_folder};
use crate::options::now_us;

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Replace what stands at the target, if that is a log.
    pub force: bool,
    /// Read and report, write nothing.
    pub dry_run: bool,
    pub rotate_size: u64,
    /// Edge type of edges whose file does not say it.
    pub etype: u32,
    pub job: Job,
}

impl Default for ImportOptions {
    fn default() -> Self {
        ImportOptions { force: false, dry_run: false, rotate_size: 64 << 20, etype: 0, job: Job::default() }
    }
}

/// What was found in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportedFile {
    pub path: PathBuf,
    pub kind: &'static str,
    /// Frames, records, entries or edges that could be read.
    pub records: u64,
    pub skipped: Vec<Skipped>,
}

/// What was imported, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    pub files: Vec<ImportedFile>,
    pub transactions: u64,
    pub operations: u64,
    /// Operations that stood in the write-ahead log and in a delta log, and were taken once.
    pub in_both: u64,
    /// Commits that stood twice.
    pub repeated_commits: u64,
    /// Ids of transactions that were left out: without a commit, aborted, or with a damaged place where a part of them may
    /// have stood.
    pub uncommitted: Vec<u64>,
    pub aborted: Vec<u64>,
    pub doubtful: Vec<u64>,
    /// What manifests say: they hold no operations, their rows stand in the files that they name.
    pub manifests: Vec<KalamManifest>,
    pub copied: Option<Copied>,
}

impl Imported {
    /// Nothing was skipped but what was never committed.
    pub fn complete(&self) -> bool {
        self.doubtful.is_empty() && self.files.iter().all(|f| f.skipped.is_empty())
    }
}

/// What was collected of one transaction of the older system.
#[derive(Debug, Default)]
struct Collected {
    wal: Option<WalTransaction>,
    nodes: BTreeMap<u32, NodeOp>,
    /// Index, then partition: the delta logs of partitions share the numbers of a transaction.
    edges: BTreeMap<u32, EdgeOp>,
    /// Repeated in a delta log.
    repeated: u64,
}

#[derive(Default)]
struct Collector {
    out: Imported,
    /// What is there already when the first transaction begins: dictionaries and adjacency segments.
    base: Vec<Op>,
    transactions: BTreeMap<u64, Collected>,
    etype: u32,
}

/// Reads files of an older system, or its graph folders, and writes what was committed as a log to the folder `out`.
///
/// First come dictionaries and adjacency segments, as transactions of their own; then, by their ids, the transactions of
/// write-ahead and delta logs, each (transaction, operation) once.
///
/// # Errors
/// `Invalid` for a file that is of no known kind; `Unsupported`; `Corrupt`; `Exists`; `Io`; `Cancelled`.
pub fn import(inputs: &[PathBuf], out: &Path, options: &ImportOptions) -> Result<Imported> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    check_target(&disk, out, options.force)?;
    let mut c = Collector { etype: options.etype, ..Collector::default() };
    for path in expand(inputs)? {
        options.job.cancel.check()?;
        c.file(&path).map_err(|e| e.path(&path))?;
    }
    let transactions = c.transactions();
    c.out.transactions = transactions.len() as u64;
    c.out.operations = transactions.iter().map(|ops| ops.len() as u64).sum();
    if transactions.is_empty() && !c.out.manifests.is_empty() && !options.dry_run {
        let e = Error::unsupported("a KalamDB manifest holds no operations");
        let e = if let Some(file) = c.out.files.first() { e.path(&file.path) } else { e };
        return Err(e.hint("its rows stand in the Parquet files that it names: --dry-run --json lists them"));
    }
    if !options.dry_run {
        let copied = publish_folder(&disk, out, options.force, |temp| write(&disk, temp, &transactions, options))?;
        c.out.copied = Some(copied);
    }
    Ok(c.out)
}

/// The files of folders, in an order that does not depend on the file system.
fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let before = files.len();
        walk(input, 0, &mut files)?;
        if files.len() == before {
            return Err(Error::invalid("the folder holds no file that could be imported").path(input));
        }
    }
    Ok(files)
}

fn walk(dir: &Path, depth: u32, files: &mut Vec<PathBuf>) -> Result<()> {
    const DEEPEST: u32 = 4;
    let fail = |e| Error::io("read the folder", e).path(dir);
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        inside.push(entry.map_err(fail)?.path());
    }
    inside.sort();
    for path in inside {
        if path.is_dir() && depth < DEEPEST {
            walk(&path, depth + 1, files)?;
        } else if path.is_file() && known(&path)? {
            files.push(path);
        }
    }
    Ok(())
}

/// In a folder only what is clearly meant is taken: a manifest or a note is no error there.
fn known(path: &Path) -> Result<bool> {
    let mut head = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut f| std::io::Read::read(&mut f, &mut head));
    let n = read.map_err(|e| Error::io("read", e).path(path))?;
    let kind = LegacyKind::detect(head.get(..n).unwrap_or(&[]));
    let text = String::from_utf8_lossy(&head);
    Ok(match kind {
        Some(LegacyKind::Json) => text.contains("\"entries\"") || text.contains("\"table_id\""),
        Some(LegacyKind::ClariumVectors) | None => false,
        Some(_) => true,
    })
}

impl Collector {
    fn file(&mut self, path: &Path) -> Result<()> {
        let map = Map::open(path)?;
        let bytes: &[u8] = &map;
        let kind = LegacyKind::detect(bytes);
        let mut file = ImportedFile { path: path.to_path_buf(), ..ImportedFile::default() };
        file.kind = kind.map_or("empty", LegacyKind::name);
        match kind {
            Some(LegacyKind::ClariumWal) => self.wal(wal(bytes), &mut file),
            Some(LegacyKind::ClariumDeltaLog) => self.delta_log(bytes, partition_of(path), &mut file),
            Some(LegacyKind::ClariumAdjacency) => self.adjacency(bytes, partition_of(path), &mut file)?,
            Some(LegacyKind::Json) => match kalam_manifest(bytes) {
                Ok(manifest) => {
                    file.kind = "KalamDB manifest";
                    file.records = manifest.segments.len() as u64;
                    self.out.manifests.push(manifest);
                }
                Err(_) => self.dictionary(bytes, &mut file)?,
            },
            Some(LegacyKind::ClariumVectors) => {
                return Err(Error::unsupported("vectors are no operations").hint("vindex builds an index from them"));
            }
            Some(LegacyKind::ClariumBinaryDictionary) => {
                return Err(Error::unsupported("a binary dictionary: no version of that system wrote one"));
            }
            None if bytes.is_empty() => {}
            None => {
                let e = Error::invalid("not a file of an older system that can be imported").offset(0);
                return Err(
                    e.expected("a clarium WAL, delta log, dictionary or adjacency segment, or a KalamDB manifest")
                );
            }
        }
        self.out.files.push(file);
        Ok(())
    }

    fn wal(&mut self, found: Wal, file: &mut ImportedFile) {
        file.records = found.frames;
        file.skipped = found.skipped;
        self.out.repeated_commits += found.repeated_commits;
        for (id, mut t) in found.transactions {
            let slot = &mut self.transactions.entry(id).or_default().wal;
            let Some(before) = slot else {
                *slot = Some(t);
                continue;
            };
            // A transaction may go on in the next file.
            before.nodes.append(&mut t.nodes);
            before.edges.append(&mut t.edges);
            before.begun |= t.begun;
            self.out.repeated_commits += u64::from(before.committed && t.committed);
            before.committed |= t.committed;
            before.aborted |= t.aborted;
            before.doubtful |= t.doubtful;
        }
    }

    fn delta_log(&mut self, bytes: &[u8], part: u32, file: &mut ImportedFile) {
        let (records, skipped) = delta_log(bytes);
        file.records = records.len() as u64;
        file.skipped = skipped;
        let etype = u16::try_from(self.etype).unwrap_or(u16::MAX);
        for record in records {
            let (DeltaRecord::Edge { txn, index, .. } | DeltaRecord::Node { txn, index, .. }) = record;
            let c = self.transactions.entry(txn).or_default();
            let repeated = match record {
                DeltaRecord::Edge { delete, src, dst, .. } => {
                    c.edges.insert(index, EdgeOp { delete, part, src, dst, etype }).is_some()
                }
                DeltaRecord::Node { delete, label, key, id, .. } => {
                    c.nodes.insert(index, NodeOp { delete, label, key, id }).is_some()
                }
            };
            c.repeated += u64::from(repeated);
        }
    }

    fn adjacency(&mut self, bytes: &[u8], part: u32, file: &mut ImportedFile) -> Result<()> {
        let segment = Adjacency::open(bytes)?;
        file.records = segment.edges;
        let etype = self.etype;
        let edge = |(src, dst)| Op::EdgeUpsert { part, src, dst, etype, props: Vec::new() };
        self.base.extend(segment.edges().map(edge));
        Ok(())
    }

    fn dictionary(&mut self, bytes: &[u8], file: &mut ImportedFile) -> Result<()> {
        let (entries, skipped) = dictionary(bytes)?;
        file.records = entries.len() as u64;
        file.skipped = skipped;
        let nodes = entries.into_iter().map(|e| Op::NodeUpsert {
            label: e.label,
            key: e.key.into_bytes(),
            id: Some(e.id),
            props: Vec::new(),
        });
        // Nodes come before the edges between them.
        self.base.splice(0..0, nodes);
        Ok(())
    }

    /// Everything in its order, each operation once.
    fn transactions(&mut self) -> Vec<Vec<Op>> {
        /// What is there to begin with is not one transaction of any size.
        const BASE_OPS: usize = 10_000;
        let base = std::mem::take(&mut self.base);
        let mut all: Vec<Vec<Op>> = base.chunks(BASE_OPS).map(<[Op]>::to_vec).collect();
        for (id, mut c) in std::mem::take(&mut self.transactions) {
            if let Some(t) = c.wal.take() {
                // What the write-ahead log knows, it decides.
                let list = match (t.aborted, t.committed, t.doubtful) {
                    (true, _, _) => &mut self.out.aborted,
                    (_, false, _) => &mut self.out.uncommitted,
                    (_, _, true) => &mut self.out.doubtful,
                    _ => {
                        all.push(self.join(t, &c));
                        continue;
                    }
                };
                list.push(id);
                continue;
            }
            self.out.in_both += c.repeated;
            let nodes = c.nodes.into_values().map(node);
            all.push(nodes.chain(c.edges.into_values().map(edge)).collect());
        }
        all.retain(|ops| !ops.is_empty());
        all
    }

    /// The operations of the write-ahead log, and those that only a delta log has.
    fn join(&mut self, t: WalTransaction, c: &Collected) -> Vec<Op> {
        let known = |index: &u32, len: usize| (*index as usize) < len;
        let (n, e) = (t.nodes.len(), t.edges.len());
        let both = c.nodes.keys().filter(|i| known(i, n)).count() + c.edges.keys().filter(|i| known(i, e)).count();
        self.out.in_both += both as u64 + c.repeated;
        let more_nodes = c.nodes.iter().filter(|(i, _)| !known(i, n)).map(|(_, op)| node(op.clone()));
        let more_edges = c.edges.iter().filter(|(i, _)| !known(i, e)).map(|(_, op)| edge(op.clone()));
        let nodes = t.nodes.into_iter().map(node).chain(more_nodes);
        nodes.chain(t.edges.into_iter().map(edge)).chain(more_edges).collect()
    }
}

fn node(op: NodeOp) -> Op {
    let NodeOp { delete, label, key, id } = op;
    let key = key.into_bytes();
    if delete { Op::NodeDelete { label, key, id } } else { Op::NodeUpsert { label, key, id, props: Vec::new() } }
}

fn edge(op: EdgeOp) -> Op {
    let EdgeOp { delete, part, src, dst, etype } = op;
    let etype = u32::from(etype);
    if delete {
        Op::EdgeDelete { part, src, dst, etype }
    } else {
        Op::EdgeUpsert { part, src, dst, etype, props: Vec::new() }
    }
}

/// The partition in a name like `delta.P003.log` or `adj.P003.seg`; 0 where there is none.
fn partition_of(path: &Path) -> u32 {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parts = name.split(['.', '-', '_']).filter_map(|part| part.strip_prefix('P'));
    parts.filter_map(|digits| digits.parse().ok()).next().unwrap_or(0)
}

fn write(disk: &Arc<dyn Disk>, dir: &Path, all: &[Vec<Op>], options: &ImportOptions) -> Result<Copied> {
    let opts = CopyOptions {
        uuid: Uuid::new_v4(),
        given: false,
        base_lsn: 1,
        base_txn: 1,
        rotate_size: options.rotate_size,
        clock: now_us,
    };
    options.job.progress.phase("import", Some(all.len() as u64), "transactions");
    let mut log = LogCopy::create(disk, dir, opts)?;
    let mut lsn = 1;
    let time_us = now_us();
    for (txn, ops) in (1u64..).zip(all) {
        options.job.step(1)?;
        let numbered = ops.iter().zip(0u32..).map(|(op, i)| (lsn + u64::from(i), i, op.clone()));
        let commit_lsn = lsn + ops.len() as u64;
        let ops = numbered.collect();
        log.append(&Transaction { first_lsn: lsn, commit_lsn, txn, time_us, watermark: lsn - 1, ops })?;
        lsn = commit_lsn + 1;
    }
    log.finish(lsn, all.len() as u64 + 1)
}
