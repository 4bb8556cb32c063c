//! A copy of a log in which only the last word on each thing stands.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use qx_formats::Result;
use qx_formats::delta_log::Op;
use qx_io::{Disk, Job, RealDisk};
use serde::Serialize;
use uuid::Uuid;

use crate::copy::{Copied, CopyOptions, LogCopy};
use crate::folder::{apart, check_target, publish_folder};
use crate::options::now_us;
use crate::{Reader, Transaction};

/// How to compact.
#[derive(Debug, Clone)]
pub struct CompactOptions {
    /// The log is all there is: a delete that has the last word on an edge or a KV key is left out, too.
    pub drop_deletes: bool,
    /// Replace what stands at the target, if that is a log.
    pub force: bool,
    /// Count, write nothing.
    pub dry_run: bool,
    pub rotate_size: u64,
    pub job: Job,
}

impl Default for CompactOptions {
    fn default() -> Self {
        let job = Job::default();
        CompactOptions { drop_deletes: false, force: false, dry_run: false, rotate_size: 64 << 20, job }
    }
}

/// What was kept of what there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    pub transactions: u64,
    pub operations: u64,
    pub kept_transactions: u64,
    pub kept_operations: u64,
    /// Of the frames; the segments also hold their headers and footers.
    pub copied: Option<Copied>,
}

/// Writes a copy of the log in `dir` to the folder `out`: of several operations on one edge or one KV key only the last
/// is kept, and of several upserts of one node under one explicit id. Operations whose effect depends on others - nodes
/// without an id, deletes of nodes, rows, definitions - are all kept. Commits keep their LSNs and ids.
///
/// # Errors
/// `NotFound` when the folder holds no log; `Corrupt` when it is damaged; `Exists`; `Io`; `Cancelled`.
pub fn compact(dir: &Path, out: &Path, options: &CompactOptions) -> Result<Compacted> {
    compact_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir, out, options)
}

/// [`compact`] on another disk.
///
/// # Errors
/// As [`compact`].
pub fn compact_on(disk: &Arc<dyn Disk>, dir: &Path, out: &Path, options: &CompactOptions) -> Result<Compacted> {
    apart(dir, out, "compacted")?;
    check_target(disk, out, options.force)?;
    let reader = Reader::open_on(disk, dir)?;
    reader.check_front()?;
    let last = last_words(&reader, options)?;
    if options.dry_run {
        let mut done = Compacted::default();
        each(&reader, &last, options, &mut done, |_| Ok(()))?;
        return Ok(done);
    }
    publish_folder(disk, out, options.force, |temp| {
        let first = reader.first();
        let opts = CopyOptions {
            uuid: Uuid::new_v4(),
            given: reader.given(),
            base_lsn: first.0,
            base_txn: first.1,
            rotate_size: options.rotate_size,
            clock: now_us,
        };
        let mut to = LogCopy::create(disk, temp, opts)?;
        let mut done = Compacted::default();
        let ends = each(&reader, &last, options, &mut done, |tx| to.append(tx))?;
        done.copied = Some(to.finish(ends.0, ends.1)?);
        Ok(done)
    })
}

/// The thing that an operation has a word on, where a later word makes this one pointless.
fn thing(op: &Op, graph: Uuid) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(64);
    match op {
        Op::EdgeUpsert { part, src, dst, etype, .. } | Op::EdgeDelete { part, src, dst, etype } => {
            key.push(b'e');
            key.extend_from_slice(graph.as_bytes());
            key.extend_from_slice(&part.to_le_bytes());
            key.extend_from_slice(&src.to_le_bytes());
            key.extend_from_slice(&dst.to_le_bytes());
            key.extend_from_slice(&etype.to_le_bytes());
        }
        // Without an id, or with another one, an upsert decides which ids are given to whom.
        Op::NodeUpsert { label, key: name, id: Some(id), .. } => {
            key.push(b'n');
            key.extend_from_slice(graph.as_bytes());
            key.extend_from_slice(&id.to_le_bytes());
            key.extend_from_slice(&(label.len() as u64).to_le_bytes());
            key.extend_from_slice(label.as_bytes());
            key.extend_from_slice(name);
        }
        Op::KvPut { store, key: name, .. } | Op::KvDelete { store, key: name } => {
            key.push(b'k');
            key.extend_from_slice(&(store.len() as u64).to_le_bytes());
            key.extend_from_slice(store.as_bytes());
            key.extend_from_slice(name.as_bytes());
        }
        _ => return None,
    }
    Some(key)
}

/// Calls `visit` with each operation and the graph that it belongs to.
fn with_graph<'a>(tx: &'a Transaction, mut visit: impl FnMut(&'a (u64, u32, Op), Uuid)) {
    let mut graph = Uuid::nil();
    for entry in &tx.ops {
        if let Op::UseGraph { graph: named } = &entry.2 {
            graph = *named;
        }
        visit(entry, graph);
    }
}

fn last_words(reader: &Reader, options: &CompactOptions) -> Result<HashMap<Vec<u8>, u64>> {
    options.job.progress.phase("read", None, "transactions");
    let mut last = HashMap::new();
    for tx in reader.transactions(0) {
        let tx = tx?;
        options.job.step(1)?;
        with_graph(&tx, |(lsn, _, op), graph| {
            if let Some(key) = thing(op, graph) {
                last.insert(key, *lsn);
            }
        });
    }
    Ok(last)
}

/// Hands on what is kept of each transaction; gives the LSN and the transaction id that come next.
fn each(
    reader: &Reader,
    last: &HashMap<Vec<u8>, u64>,
    options: &CompactOptions,
    done: &mut Compacted,
    mut keep: impl FnMut(&Transaction) -> Result<()>,
) -> Result<(u64, u64)> {
    options.job.progress.phase("write", None, "transactions");
    let mut ends = reader.next_numbers()?;
    for tx in reader.transactions(0) {
        let mut tx = tx?;
        options.job.step(1)?;
        ends = (ends.0.max(tx.commit_lsn + 1), ends.1.max(tx.txn + 1));
        done.transactions += 1;
        done.operations += tx.ops.len() as u64;
        retain(&mut tx, last, options.drop_deletes);
        if tx.ops.is_empty() {
            continue;
        }
        if !reader.given() {
            renumber(&mut tx);
        }
        done.kept_transactions += 1;
        done.kept_operations += tx.ops.len() as u64;
        tx.first_lsn = tx.ops.first().map_or(tx.commit_lsn, |o| o.0);
        keep(&tx)?;
    }
    Ok(ends)
}

fn retain(tx: &mut Transaction, last: &HashMap<Vec<u8>, u64>, drop_deletes: bool) {
    let mut kept = Vec::with_capacity(tx.ops.len());
    with_graph(tx, |(lsn, _, op), graph| {
        let superseded = thing(op, graph).is_some_and(|key| last.get(&key).is_some_and(|l| l > lsn));
        let gone = drop_deletes && matches!(op, Op::EdgeDelete { .. } | Op::KvDelete { .. });
        kept.push(!superseded && !gone);
    });
    let mut flags = kept.into_iter();
    tx.ops.retain(|_| flags.next().unwrap_or(true));
    // The name of a graph is of use only before something of that graph.
    if tx.ops.iter().all(|o| matches!(o.2, Op::UseGraph { .. })) {
        tx.ops.clear();
    }
}

/// Without gaps inside: the operations get the LSNs just below that of their commit.
fn renumber(tx: &mut Transaction) {
    let base = tx.commit_lsn - tx.ops.len() as u64;
    for (i, entry) in (0u32..).zip(&mut tx.ops) {
        (entry.0, entry.1) = (base + u64::from(i), i);
    }
}
