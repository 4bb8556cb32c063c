//! The delta logs, written behind the WAL with its numbers, one for each partition.

use std::collections::BTreeMap;

use qx_formats::Result;
use qx_io::Job;
use qx_log::{Log, Numbering, Op, Options, SyncPolicy, Transaction};
use serde::Serialize;

use crate::compact::{compact, publish};
use crate::folder::home_of;
use crate::open::{Home, open_log, operations};
use crate::tail::delta_dir;

/// What [`write_behind`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Everything up to this LSN that is of this graph stands in its segments and delta logs: it needs the WAL no more.
    pub lsn: u64,
    /// Commits that were copied.
    pub commits: u64,
    /// Operations that were copied.
    pub operations: u64,
    /// Logs that a crash had left open.
    pub recovered: u64,
}

/// Copies what stands in the WAL alone into the delta logs and makes it durable there, so that the WAL may be pruned.
/// The caller is the database's one writer, and what the WAL holds is durable.
///
/// Each log gets the operations of its partition, nodes those of partition 0; one that has some of them already passes
/// them over. So a call that ended early is made good by the next one.
///
/// # Errors
/// What reading the WAL and writing the logs say; `Cancelled` between two logs.
pub fn write_behind(home: &Home, job: &Job) -> Result<Behind> {
    let Some(mut manifest) = home.manifest()? else {
        // There is nothing yet that logs could stand above.
        let done = compact(home, job)?;
        return Ok(Behind { lsn: done.lsn, ..Behind::default() });
    };
    let mut done = Behind { lsn: manifest.delta_lsn, ..Behind::default() };
    let Some(wal) = open_log(&home.wal)? else { return Ok(done) };
    let mut logs: BTreeMap<u32, Log> = BTreeMap::new();
    let partitions = manifest.partitions();
    for transaction in wal.transactions(manifest.delta_lsn.saturating_add(1)) {
        let transaction = transaction?;
        done.lsn = transaction.commit_lsn;
        let parts = split(&transaction, home, partitions);
        if parts.is_empty() {
            continue;
        }
        done.commits += 1;
        for (partition, part) in parts {
            done.operations += part.ops.len() as u64;
            let log = match logs.entry(partition) {
                std::collections::btree_map::Entry::Occupied(log) => log.into_mut(),
                std::collections::btree_map::Entry::Vacant(slot) => {
                    // Durable at the close, before anybody relies on it: the WAL still has everything.
                    let sync = SyncPolicy::None;
                    let options = Options { numbering: Numbering::Given, sync, ..Options::default() };
                    let (log, report) = Log::open(delta_dir(&home.dir, partition), options)?;
                    done.recovered += u64::from(!report.clean);
                    slot.insert(log)
                }
            };
            log.append(&part)?;
            let end = manifest.deltas.entry(partition).or_default();
            (end.lsn, end.commits) = (part.commit_lsn, end.commits + 1);
        }
    }
    if done.commits == 0 {
        return Ok(done);
    }
    for log in logs.values() {
        log.close()?;
        job.step(1)?;
    }
    manifest.generation += 1;
    manifest.delta_lsn = done.lsn;
    manifest.commits += done.commits;
    manifest.recoveries += done.recovered;
    publish(home, &manifest)?;
    tracing::debug!(target: "qx::graph", dir = %home.dir.display(), lsn = done.lsn, commits = done.commits,
        operations = done.operations, "delta logs written");
    Ok(done)
}

/// The operations of a transaction that belong to this graph, by partition.
fn split(transaction: &Transaction, home: &Home, partitions: u32) -> BTreeMap<u32, Transaction> {
    let mut parts: BTreeMap<u32, Transaction> = BTreeMap::new();
    for entry in operations(transaction, home.graph) {
        let part = parts.entry(partition(&entry.2, partitions)).or_insert_with(|| Transaction {
            first_lsn: entry.0,
            watermark: 0,
            ops: Vec::new(),
            ..*transaction
        });
        part.ops.push(entry.clone());
    }
    parts
}

/// The partition whose log holds an operation.
fn partition(op: &Op, partitions: u32) -> u32 {
    match op {
        Op::EdgeUpsert { part, src, .. } | Op::EdgeDelete { part, src, .. } => home_of(*part, *src, partitions),
        _ => 0,
    }
}
