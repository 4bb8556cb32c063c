//! One log as several: by what operations touch, or at an LSN.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use qx_formats::delta_log::Op;
use qx_formats::{Error, Result};
use qx_io::{Disk, Job, RealDisk};
use serde::Serialize;
use uuid::Uuid;

use crate::copy::{Copied, CopyOptions, LogCopy};
use crate::folder::{apart, check_target, publish_folder};
use crate::options::now_us;
use crate::{Reader, Transaction};

/// What tells the parts from one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBy {
    /// Edges by partition (`P000`), nodes (`nodes`).
    Partition,
    /// Nodes and edges by graph.
    Graph,
    /// KV operations by store.
    Store,
    /// Rows by table.
    Table,
    /// Nodes by label.
    Label,
    /// Commits below this LSN (`below`), and from it on (`from`).
    Lsn(u64),
}

/// How to split.
#[derive(Debug, Clone)]
pub struct SplitOptions {
    pub by: SplitBy,
    /// Replace what stands at the target, if that is logs.
    pub force: bool,
    /// Count, write nothing.
    pub dry_run: bool,
    pub rotate_size: u64,
    pub job: Job,
}

/// One part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SplitPart {
    /// Its folder.
    pub name: String,
    pub transactions: u64,
    pub operations: u64,
}

/// Open logs at a time.
const MAX_PARTS: usize = 512;
/// Operations that no part is for.
const REST: &str = "rest";

/// Writes the parts of the log in `dir` as logs in folders under `out`. Parts by what is touched are numbered as logs that
/// are written behind another one: each operation keeps its LSN and its index, so that the parts can be merged again.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Corrupt` when it is damaged; `Exists`; `Limit` for more than 512 parts; `Io`.
pub fn split(dir: &Path, out: &Path, options: &SplitOptions) -> Result<Vec<SplitPart>> {
    split_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, out, options)
}

/// [`split`] on another disk.
///
/// # Errors
/// As [`split`].
pub fn split_on(disk: &Arc<dyn Disk>, dir: &Path, out: &Path, options: &SplitOptions) -> Result<Vec<SplitPart>> {
    apart(dir, out, "split")?;
    check_target(disk, out, options.force)?;
    let reader = Reader::open_on(disk, dir)?;
    reader.check_front()?;
    if options.dry_run {
        let mut parts = BTreeMap::new();
        each(&reader, options, |name, tx| {
            count(&mut parts, name, tx);
            Ok(())
        })?;
        return Ok(parts.into_values().collect());
    }
    publish_folder(disk, out, options.force, |temp| {
        disk.create_dir_all(temp).map_err(|e| Error::io("create folder", e).path(temp))?;
        write(disk, &reader, temp, options)
    })
}

fn count(parts: &mut BTreeMap<String, SplitPart>, name: &str, tx: &Transaction) {
    let part =
        parts.entry(name.to_owned()).or_insert_with(|| SplitPart { name: name.to_owned(), ..Default::default() });
    part.transactions += 1;
    part.operations += tx.ops.len() as u64;
}

fn write(disk: &Arc<dyn Disk>, reader: &Reader, dir: &Path, options: &SplitOptions) -> Result<Vec<SplitPart>> {
    let by_lsn = matches!(options.by, SplitBy::Lsn(_));
    let mut parts = BTreeMap::new();
    let mut logs: BTreeMap<String, (LogCopy, u64)> = BTreeMap::new();
    each(reader, options, |name, tx| {
        count(&mut parts, name, tx);
        if !logs.contains_key(name) {
            if logs.len() >= MAX_PARTS {
                return Err(Error::limit("parts", MAX_PARTS as u64, logs.len() as u64 + 1));
            }
            let opts = CopyOptions {
                uuid: Uuid::new_v4(),
                given: reader.given() || !by_lsn,
                base_lsn: tx.first_lsn,
                base_txn: tx.txn,
                rotate_size: options.rotate_size,
                clock: now_us,
            };
            logs.insert(name.to_owned(), (LogCopy::create(disk, &dir.join(name), opts)?, 0));
        }
        let Some((log, next_txn)) = logs.get_mut(name) else { return Ok(()) };
        *next_txn = tx.txn + 1;
        log.append(tx)
    })?;
    for (_, (log, next_txn)) in logs {
        let _: Copied = log.finish(1, next_txn)?;
    }
    Ok(parts.into_values().collect())
}

/// Hands on each part of each transaction.
fn each(
    reader: &Reader,
    options: &SplitOptions,
    mut visit: impl FnMut(&str, &Transaction) -> Result<()>,
) -> Result<()> {
    options.job.progress.phase("split", None, "transactions");
    for tx in reader.transactions(0) {
        let tx = tx?;
        options.job.step(1)?;
        if let SplitBy::Lsn(at) = options.by {
            visit(if tx.commit_lsn < at { "below" } else { "from" }, &tx)?;
            continue;
        }
        for (name, part) in parts_of(&tx, options.by) {
            visit(&name, &part)?;
        }
    }
    Ok(())
}

fn parts_of(tx: &Transaction, by: SplitBy) -> BTreeMap<String, Transaction> {
    let mut parts: BTreeMap<String, (Transaction, Option<u64>)> = BTreeMap::new();
    let mut graph: Option<&(u64, u32, Op)> = None;
    for entry in &tx.ops {
        if let Op::UseGraph { .. } = entry.2 {
            graph = Some(entry);
            continue;
        }
        let name = part_of(&entry.2, graph.map(|g| &g.2), by);
        let empty = || (Transaction { ops: Vec::new(), ..tx.clone() }, None);
        let (part, named) = parts.entry(name).or_insert_with(empty);
        // Each part says anew which graph its operations belong to.
        if let Some(g) = graph
            && *named != Some(g.0)
        {
            part.ops.push(g.clone());
            *named = Some(g.0);
        }
        part.ops.push(entry.clone());
    }
    if tx.ops.is_empty() {
        return BTreeMap::new();
    }
    let finish = |(name, (mut part, _)): (String, (Transaction, _))| {
        part.first_lsn = part.ops.first().map_or(part.commit_lsn, |o| o.0);
        (name, part)
    };
    parts.into_iter().map(finish).collect()
}

fn part_of(op: &Op, graph: Option<&Op>, by: SplitBy) -> String {
    let of_graph =
        matches!(op, Op::NodeUpsert { .. } | Op::NodeDelete { .. } | Op::EdgeUpsert { .. } | Op::EdgeDelete { .. });
    match (by, op) {
        (SplitBy::Partition, Op::EdgeUpsert { part, .. } | Op::EdgeDelete { part, .. }) => format!("P{part:03}"),
        (SplitBy::Partition, _) if of_graph => "nodes".to_owned(),
        (SplitBy::Graph, _) if of_graph => match graph {
            Some(Op::UseGraph { graph }) => graph.to_string(),
            _ => "default".to_owned(),
        },
        (SplitBy::Store, Op::KvPut { store, .. } | Op::KvDelete { store, .. } | Op::KvTouch { store, .. }) => {
            folder_name("s-", store)
        }
        (SplitBy::Table, Op::RowUpsert { table, .. } | Op::RowDelete { table, .. }) => table.to_string(),
        (SplitBy::Label, Op::NodeUpsert { label, .. } | Op::NodeDelete { label, .. }) => folder_name("l-", label),
        _ => REST.to_owned(),
    }
}

/// A name that every file system takes: bytes other than letters, digits, `-` and `_` stand as `%XX`.
fn folder_name(prefix: &str, name: &str) -> String {
    let mut out = prefix.to_owned();
    for b in name.bytes() {
        if b.is_ascii_alphanumeric() || b == b'-' || b == b'_' {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}
